//! What is kept of each row: a few numbers that every metric but the classwise ones is made of.

use super::Event;
use crate::error::{Error, ErrorKind, Result, impossible_label};
use crate::fold::{self, Fold};
use crate::input::{Block, Probabilities, RowWeights, Rows, Scores, Target};
use crate::row::{self, Order, Path, arg_max};

/// Columns with an entry for each row that counts, in the order of the rows. About 60 bytes a row.
///
/// Confidences are computed in `f64`: vote fractions sit on bin edges.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summaries {
    /// Largest probability; under [`Event::Positive`], the probability of class 1.
    pub confidence: Vec<f64>,
    /// 1 if the arg-max (ties: lowest index) is the label, else 0; with soft labels, its target probability. Under
    /// [`Event::Positive`], the target of class 1.
    pub correct: Vec<f64>,
    /// Weight of the row.
    pub weight: Vec<f64>,
    /// What only rows with scores have; empty if the source knew confidence and correctness alone.
    pub detail: Vec<Detail>,
}

/// What scores tell of a row beyond confidence and correctness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detail {
    /// -ln p of the label, or -Σ t ln p, nats.
    pub nll: f64,
    /// Σ (p - t)², from 0 to 2.
    pub brier: f64,
    /// -Σ p ln p, nats.
    pub entropy: f64,
    /// The arg-max.
    pub predicted: u32,
    /// The label; with soft labels, the arg-max of the target.
    pub label: u32,
    /// Classes ranked above the label: larger score, or an equal one at a lower index.
    pub rank: u32,
}

impl Summaries {
    /// Summaries of all rows, on all threads.
    ///
    /// # Errors
    /// On an illegal value, label or weight, with its row; if no row counts.
    pub fn of(rows: &dyn Rows) -> Result<Self> {
        Self::of_event(rows, Event::Confidence)
    }

    /// Summaries of all rows whose confidence and correctness are those of an event.
    ///
    /// # Errors
    /// As [`Summaries::of`]; if the event needs two classes and there are others.
    pub fn of_event(rows: &dyn Rows, event: Event) -> Result<Self> {
        event.check(rows.classes())?;
        fold::fold(&SummaryFold(event), rows)
    }

    /// Summaries of rows of which only confidence and correctness are known.
    ///
    /// # Errors
    /// If the lengths differ, there are no rows, a confidence is outside [0, 1], a correctness is neither 0 nor
    /// 1, or a weight is illegal.
    pub fn from_confidences(
        confidence: &[f64],
        correct: &[f64],
        weights: Option<RowWeights<'_>>,
    ) -> Result<Self> {
        let rows = confidence.len();
        let one_each = || format!("one for each of the {rows} confidences");
        if correct.len() != rows {
            return Err(Error::shape("number of correctness values", correct.len(), one_each()));
        }
        if let Some(weights) = weights
            && weights.rows() != rows
        {
            return Err(Error::shape("number of row weights", weights.rows(), one_each()));
        }
        if let Some(row) = confidence.iter().position(|p| !(0.0..=1.0).contains(p)) {
            let error = Error::new(ErrorKind::Value, "confidence", confidence[row], "a number from 0 to 1");
            return Err(error.at_row(row as u64));
        }
        if let Some(row) = correct.iter().position(|&c| c != 0.0 && c != 1.0) {
            let error = Error::new(ErrorKind::Value, "correctness", correct[row], "0 or 1");
            return Err(error.at_row(row as u64));
        }
        let weight =
            (0..rows).map(|row| weights.map_or(Ok(1.0), |w| w.get(row, 0))).collect::<Result<_>>()?;
        Summaries { confidence: confidence.to_vec(), correct: correct.to_vec(), weight, detail: Vec::new() }
            .checked()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.confidence.len()
    }

    /// Sum of the weights.
    pub fn total_weight(&self) -> f64 {
        self.weight.iter().sum()
    }

    /// Σ w·v / Σ w.
    pub(crate) fn mean(&self, values: impl Iterator<Item = f64>) -> f64 {
        self.weight.iter().zip(values).map(|(w, v)| w * v).sum::<f64>() / self.total_weight()
    }

    /// Weighted mean of a number that only rows with scores have.
    pub(crate) fn mean_detail(&self, of: impl Fn(&Detail) -> f64) -> Option<f64> {
        (!self.detail.is_empty()).then(|| self.mean(self.detail.iter().map(of)))
    }

    /// Some of the rows, in the order given.
    pub(crate) fn chosen(&self, order: &[usize]) -> Summaries {
        let pick = |column: &[f64]| order.iter().map(|&row| column[row]).collect();
        Summaries {
            confidence: pick(&self.confidence),
            correct: pick(&self.correct),
            weight: pick(&self.weight),
            detail: match self.detail[..] {
                [] => Vec::new(),
                _ => order.iter().map(|&row| self.detail[row]).collect(),
            },
        }
    }

    pub(crate) fn append(&mut self, mut later: Summaries) {
        self.confidence.append(&mut later.confidence);
        self.correct.append(&mut later.correct);
        self.weight.append(&mut later.weight);
        self.detail.append(&mut later.detail);
    }

    pub(crate) fn checked(self) -> Result<Self> {
        if self.rows() == 0 {
            return Err(Error::shape("number of rows that count", 0, "at least 1"));
        }
        if self.total_weight() == 0.0 {
            return Err(Error::new(ErrorKind::Weight, "every row weight", 0, "at least one above 0"));
        }
        Ok(self)
    }
}

impl Event {
    /// Refuses an event that `classes` classes do not have.
    pub(super) fn check(self, classes: usize) -> Result<()> {
        if self == Event::Positive && classes != 2 {
            let expected = "2 to measure the probability of class 1";
            return Err(Error::shape("number of classes", classes, expected));
        }
        Ok(())
    }

    /// The probability in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Event::Confidence => "of the confidence (largest probability)",
            Event::Positive => "of the probability of class 1",
        }
    }
}

struct SummaryFold(Event);

impl Fold for SummaryFold {
    type State = Summaries;
    type Output = Summaries;

    fn start(&self) -> Summaries {
        Summaries::default()
    }

    fn absorb(&self, state: &mut Summaries, block: &Block<'_>) -> Result<()> {
        summarise(block, self.0, state, &mut ())
    }

    fn merge(&self, state: &mut Summaries, later: Summaries) {
        state.append(later);
    }

    fn finish(&self, state: Summaries) -> Result<Summaries> {
        state.checked()
    }
}

/// Is shown the probabilities of each row, where anyone wants them.
pub(super) trait Probe {
    const WANTED: bool;
    fn see(&mut self, probabilities: &[f64], target: Target<'_>, predicted: usize, weight: f64);
}

impl Probe for () {
    const WANTED: bool = false;
    fn see(&mut self, _: &[f64], _: Target<'_>, _: usize, _: f64) {}
}

/// Appends a summary of each row of a block; shows `probe` the probabilities.
pub(super) fn summarise<P: Probe>(
    block: &Block<'_>,
    event: Event,
    out: &mut Summaries,
    probe: &mut P,
) -> Result<()> {
    Summarise { block, event, out, probe }.run()
}

struct Summarise<'a, P> {
    block: &'a Block<'a>,
    event: Event,
    out: &'a mut Summaries,
    probe: &'a mut P,
}

impl<P: Probe> Summarise<'_, P> {
    fn run(self) -> Result<()> {
        let path = Path::best();
        let Summarise { block, event, out, probe } = self;
        let (first_row, targets) = (block.first_row(), block.targets());
        let (mut scratch, mut soft, mut probabilities) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..block.rows() {
            let Some(target) = targets.get(row, first_row, &mut soft)? else { continue };
            let weight = block.weight(row)?;
            let scores = block.scores();
            let summary = match &scores {
                Scores::Logits(logits) => {
                    let z = logits.0.row::<f64>(row, &mut scratch);
                    let sums = path.sums::<f64, { Order::ENTROPY }, true>(z, 1.0);
                    if !sums.is_valid() {
                        return Err(logits.invalid(row, first_row));
                    }
                    if P::WANTED {
                        probabilities.clear();
                        probabilities.extend_from_slice(z);
                        path.softmax(&mut probabilities, 1.0, &sums);
                        probe.see(&probabilities, target, sums.arg_max, weight);
                    }
                    let (mut confidence, mut correct, detail) = of_logits(z, &sums, target);
                    if event == Event::Positive {
                        confidence = sums.probability(1, z[1] - sums.max).0;
                        correct = target.share(1);
                    }
                    (confidence, correct, detail)
                }
                Scores::Probabilities(p) => {
                    let p_row = p.checked_row(row, first_row, &mut scratch)?;
                    let (predicted, mut summary) = of_probabilities(p, p_row, target);
                    if event == Event::Positive {
                        (summary.0, summary.1) = (p_row[1], target.share(1));
                    }
                    if P::WANTED {
                        probe.see(p_row, target, predicted, weight);
                    }
                    summary
                }
            };
            let (confidence, correct, detail) = summary;
            if detail.nll == f64::INFINITY && matches!(scores, Scores::Logits(_)) {
                return Err(impossible_label(first_row + row as u64));
            }
            out.confidence.push(confidence);
            out.correct.push(correct);
            out.weight.push(weight);
            out.detail.push(detail);
        }
        Ok(())
    }
}

type Summary = (f64, f64, Detail);

#[inline(always)]
fn of_logits(z: &[f64], sums: &row::Sums, target: Target<'_>) -> Summary {
    let row::Described { confidence, log_sum, entropy } = sums.describe();
    let sum = 1.0 + sums.tail;
    // Σp² without and with the largest.
    let other_squares = sums.squares / (sum * sum);
    let all_squares = other_squares + confidence * confidence;
    let (nll, brier, correct, label) = match target {
        // No cancellation where the model is right and sure.
        Target::Class(label) if label == sums.arg_max => {
            let miss = sums.tail / sum;
            (log_sum, miss * miss + other_squares, 1.0, label)
        }
        Target::Class(label) => {
            let below = z[label] - sums.max;
            (log_sum - below, all_squares - 2.0 * below.exp() / sum + 1.0, 0.0, label)
        }
        Target::Distribution(t) => {
            let live = || z.iter().zip(t).filter(|(_, t)| **t != 0.0);
            let below: f64 = live().map(|(z, t)| t * (z - sums.max)).sum();
            let overlap: f64 = live().map(|(z, t)| t * (z - sums.max).exp() / sum).sum();
            let mass: f64 = t.iter().sum();
            let squares: f64 = t.iter().map(|t| t * t).sum();
            let brier = (all_squares - 2.0 * overlap + squares).max(0.0);
            (mass * log_sum - below, brier, t[sums.arg_max], arg_max(t))
        }
    };
    let detail = Detail {
        nll,
        brier,
        entropy,
        predicted: sums.arg_max as u32,
        label: label as u32,
        rank: rank(z, label),
    };
    (confidence, correct, detail)
}

fn of_probabilities(rule: &Probabilities<'_>, p: &[f64], target: Target<'_>) -> (usize, Summary) {
    let ln = |p: f64| rule.zeros_rule().ln(p);
    let predicted = arg_max(p);
    let (nll, brier, correct, label) = match target {
        Target::Class(label) => {
            let brier =
                p.iter().enumerate().map(|(c, p)| (p - f64::from(u8::from(c == label))).powi(2)).sum();
            (-ln(p[label]), brier, f64::from(u8::from(label == predicted)), label)
        }
        Target::Distribution(t) => {
            let live = p.iter().zip(t).filter(|(_, t)| **t != 0.0);
            let nll = -live.map(|(&p, t)| t * ln(p)).sum::<f64>();
            let brier = p.iter().zip(t).map(|(p, t)| (p - t).powi(2)).sum();
            (nll, brier, t[predicted], arg_max(t))
        }
    };
    let entropy = -p.iter().filter(|&&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>();
    let detail = Detail {
        nll,
        brier,
        entropy,
        predicted: predicted as u32,
        label: label as u32,
        rank: rank(p, label),
    };
    (predicted, (p[predicted], correct, detail))
}

/// How many classes come before `label`: larger score, or an equal one at a lower index.
#[inline(always)]
fn rank(scores: &[f64], label: usize) -> u32 {
    let own = scores[label];
    let before = scores[..label].iter().map(|&s| u32::from(s >= own)).sum::<u32>();
    before + scores[label + 1..].iter().map(|&s| u32::from(s > own)).sum::<u32>()
}
