//! What every fit looks at first and last: which rows count, which classes occur, and the mean loss.

use super::{Calibrated, Calibrator, Certificate, Flag};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{self, Fold, Observer, Progress};
use crate::input::{Block, Labels, Logits, RowWeights, Rows, Scratch, SoftLabels, Target};
use crate::row::{Order, Path};

/// What is done with a row: its log-probabilities, its target, its weight.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&mut [f64], Target<'_>, f64) -> Result<()>;

/// Calls `visit` with every row of a block that counts: its log-probabilities (-inf where a class cannot occur),
/// its target and its weight.
///
/// # Errors
/// On an illegal value, label or weight, with its row; whatever `visit` returns.
pub(super) fn for_each_row(block: &Block<'_>, visit: Visit<'_>) -> Result<()> {
    let path = Path::best();
    let (scores, targets, first_row) = (block.scores(), block.targets(), block.first_row());
    let (mut scratch, mut soft, mut log_p) = (Scratch::<f64>::default(), Vec::new(), Vec::new());
    for row in 0..block.rows() {
        let Some(target) = targets.get(row, first_row, &mut soft)? else { continue };
        let weight = block.weight(row)?;
        let z = scores.logit_row(row, first_row, &mut scratch)?;
        let sums = path.sums::<f64, { Order::NORMALISER }, false>(z, 1.0);
        if !sums.is_valid() {
            return Err(Logits(*scores.matrix()).invalid(row, first_row));
        }
        let log_sum = sums.tail.ln_1p();
        log_p.clear();
        log_p.extend(z.iter().map(|z| (z - sums.max) - log_sum));
        let impossible = match target {
            Target::Class(label) => log_p[label] == f64::NEG_INFINITY,
            Target::Distribution(shares) => {
                log_p.iter().zip(shares).any(|(&log_p, &share)| share != 0.0 && log_p == f64::NEG_INFINITY)
            }
        };
        if impossible {
            return Err(scores.impossible_label(first_row + row as u64));
        }
        visit(&mut log_p, target, weight)?;
    }
    Ok(())
}

/// Sums over rows that every fit needs.
#[derive(Debug, Clone, Default)]
pub(super) struct Survey {
    /// Rows that count.
    pub(super) rows: u64,
    /// Σ w.
    pub(super) weight: f64,
    /// Rows of a weight above 0.
    pub(super) weighted_rows: u64,
    /// Σ w·t of every class.
    pub(super) class_weights: Vec<f64>,
    /// Σ w·nll.
    nll: f64,
}

impl Survey {
    /// Reads all rows once.
    ///
    /// # Errors
    /// On an illegal value, label or weight, with its row; if no row counts; if the observer breaks.
    pub(super) fn of(rows: &dyn Rows, observer: &dyn Observer, pass: u32) -> Result<Survey> {
        let progress = Progress { task: "reading", rows: 0, total: rows.rows(), pass };
        fold::observed(&SurveyFold(rows.classes()), rows, observer, progress)
    }

    /// [`Survey::of`] the rows of a fit.
    ///
    /// # Errors
    /// As there; if there are fewer than two classes, or all labels are of one class.
    pub(super) fn of_fit(rows: &dyn Rows, observer: &dyn Observer) -> Result<Survey> {
        if rows.classes() < 2 {
            let expected = "at least 2 to fit a calibrator";
            return Err(Error::shape("number of classes", rows.classes(), expected));
        }
        let survey = Self::of(rows, observer, 0)?;
        let mut present = survey.class_weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        if let (Some((label, _)), None) = (present.next(), present.next()) {
            let expected = "at least two classes among the labels of a fit";
            return Err(Error::new(ErrorKind::Fit, "every label", label, expected));
        }
        Ok(survey)
    }

    /// The share of the rows whose log-probabilities a fit that reads them many times may keep.
    pub(super) fn share_to_keep(&self, classes: usize) -> f64 {
        const MOST_BYTES: f64 = 16e6;
        (MOST_BYTES / (self.rows as f64 * classes as f64 * 8.0)).min(1.0)
    }

    /// Mean negative log-likelihood, nats.
    pub(super) fn mean_nll(&self) -> f64 {
        self.nll / self.weight
    }

    /// The certificate of a fit of which `self` was the first look, with the loss after it: one more pass.
    ///
    /// # Errors
    /// As [`Survey::of`].
    pub(super) fn certify(
        &self,
        calibrator: &dyn Calibrator,
        rows: &dyn Rows,
        observer: &dyn Observer,
        fit: FitRecord,
    ) -> Result<Certificate> {
        let after = Self::of(&Calibrated::new(rows, calibrator), observer, fit.iterations)?;
        let mut flags = fit.flags;
        if self.class_weights.contains(&0.0) && !flags.contains(&Flag::ClassesMissing) {
            flags.push(Flag::ClassesMissing);
        }
        Ok(Certificate {
            nll_after: after.mean_nll(),
            gradient: fit.gradient,
            iterations: fit.iterations + 1,
            flags,
            ..self.unchanged()
        })
    }

    /// The certificate of a fit that leaves everything as it is.
    pub(super) fn unchanged(&self) -> Certificate {
        Certificate {
            standard_error: None,
            interval: None,
            nll_before: self.mean_nll(),
            nll_after: self.mean_nll(),
            gradient: None,
            curvature: None,
            iterations: 1,
            rows: self.rows,
            weight: self.weight,
            flags: Vec::new(),
        }
    }
}

/// What a fit tells of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct FitRecord {
    /// Largest absolute derivative at the end; `None` where there was no descent.
    pub(super) gradient: Option<f64>,
    /// Passes over the rows, the first look included.
    pub(super) iterations: u32,
    /// What the user should know.
    pub(super) flags: Vec<Flag>,
}

struct SurveyFold(usize);

impl Fold for SurveyFold {
    type State = Survey;
    type Output = Survey;

    fn start(&self) -> Survey {
        Survey { class_weights: vec![0.0; self.0], ..Survey::default() }
    }

    fn absorb(&self, state: &mut Survey, block: &Block<'_>) -> Result<()> {
        for_each_row(block, &mut |log_p, target, weight| {
            state.rows += 1;
            state.weight += weight;
            state.weighted_rows += u64::from(weight > 0.0);
            match target {
                Target::Class(label) => {
                    state.class_weights[label] += weight;
                    state.nll -= weight * log_p[label];
                }
                Target::Distribution(shares) => {
                    for ((sum, share), log_p) in state.class_weights.iter_mut().zip(shares).zip(log_p) {
                        if *share != 0.0 {
                            *sum += weight * share;
                            state.nll -= weight * share * *log_p;
                        }
                    }
                }
            }
            Ok(())
        })
    }

    fn merge(&self, state: &mut Survey, later: Survey) {
        state.rows += later.rows;
        state.weight += later.weight;
        state.weighted_rows += later.weighted_rows;
        state.nll += later.nll;
        for (sum, later) in state.class_weights.iter_mut().zip(later.class_weights) {
            *sum += later;
        }
    }

    fn finish(&self, state: Survey) -> Result<Survey> {
        if state.rows == 0 {
            return Err(Error::new(ErrorKind::Fit, "number of rows that count", 0, "at least 1"));
        }
        if state.weight == 0.0 {
            return Err(Error::new(ErrorKind::Weight, "every row weight", 0, "at least one above 0"));
        }
        Ok(state)
    }
}

/// The rows that count, as log-probabilities in memory, for a fit that reads them many times.
#[derive(Debug, Default)]
pub(super) struct Kept {
    classes: usize,
    log_p: Vec<f64>,
    labels: Vec<usize>,
    shares: Vec<f64>,
    weights: Vec<f64>,
}

impl Kept {
    /// Reads all rows once, if they are small enough.
    ///
    /// # Errors
    /// On an illegal value, label or weight, with its row; if the observer breaks.
    pub(super) fn if_small(
        rows: &dyn Rows,
        survey: &Survey,
        observer: &dyn Observer,
        pass: u32,
    ) -> Result<Option<Kept>> {
        if survey.share_to_keep(rows.classes()) < 1.0 {
            return Ok(None);
        }
        let progress = Progress { task: "reading", rows: 0, total: rows.rows(), pass };
        fold::observed(&KeptFold(rows.classes()), rows, observer, progress).map(Some)
    }

    /// The rows.
    ///
    /// # Errors
    /// If there are none.
    pub(super) fn block(&self) -> Result<Block<'_>> {
        let scores = Logits::new(&self.log_p, self.classes)?;
        let block = if self.shares.is_empty() {
            Block::new(scores, Labels::new(&self.labels, self.classes))
        } else {
            Block::new(scores, SoftLabels::new(&self.shares, self.classes)?.unnormalised())
        };
        block?.with_weights(RowWeights::new(&self.weights))
    }
}

struct KeptFold(usize);

impl Fold for KeptFold {
    type State = Kept;
    type Output = Kept;

    fn start(&self) -> Kept {
        Kept { classes: self.0, ..Kept::default() }
    }

    fn absorb(&self, state: &mut Kept, block: &Block<'_>) -> Result<()> {
        for_each_row(block, &mut |log_p, target, weight| {
            state.log_p.extend_from_slice(log_p);
            match target {
                Target::Class(label) => state.labels.push(label),
                Target::Distribution(shares) => state.shares.extend_from_slice(shares),
            }
            state.weights.push(weight);
            Ok(())
        })
    }

    fn merge(&self, state: &mut Kept, mut later: Kept) {
        state.log_p.append(&mut later.log_p);
        state.labels.append(&mut later.labels);
        state.shares.append(&mut later.shares);
        state.weights.append(&mut later.weights);
    }

    fn finish(&self, state: Kept) -> Result<Kept> {
        Ok(state)
    }
}
