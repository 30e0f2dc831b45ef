//! CORP: a score is miscalibration - discrimination + uncertainty, by isotonic recalibration instead of bins.

use super::{Cost, Direction, Entry, Sample, Summaries, Tier};
use crate::pav::Ranked;

const SOURCE: &str = "Dimitriadis, Gneiting, Jordan 2021, Stable reliability diagrams, equation 4";

/// A run of rows that have one recalibrated probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorpBlock {
    /// Its smallest confidence.
    pub lower: f64,
    /// Its largest confidence.
    pub upper: f64,
    /// Mean outcome of its rows: the recalibrated probability.
    pub outcome: f64,
    /// Sum of their weights.
    pub weight: f64,
}

/// The reliability diagram without bins: outcomes by confidence, made non-decreasing.
///
/// ```
/// use temperance::metric::{Corp, Summaries};
///
/// let rows = Summaries::from_confidences(&[0.2, 0.4, 0.9], &[1.0, 0.0, 1.0], None)?;
/// let corp = Corp::of(&rows);
/// let outcomes: Vec<f64> = corp.blocks().iter().map(|block| block.outcome).collect();
/// assert_eq!(outcomes, [0.5, 1.0]);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Dimitriadis, Gneiting, Jordan 2021, Stable reliability diagrams for probabilistic classifiers.
#[derive(Debug, Clone, PartialEq)]
pub struct Corp {
    blocks: Vec<CorpBlock>,
}

impl Corp {
    /// Of the rows that have weight. O(n log n).
    pub fn of(rows: &Summaries) -> Self {
        let ranked = Ranked::new(&rows.confidence, &rows.correct, &rows.weight);
        let mut start = 0;
        let mut blocks = Vec::new();
        for pool in ranked.pav() {
            let (lower, upper) = (ranked.score[start], ranked.score[pool.end - 1]);
            blocks.push(CorpBlock { lower, upper, outcome: pool.value, weight: pool.weight });
            start = pool.end;
        }
        Corp { blocks }
    }

    /// The blocks, from low to high confidence.
    pub fn blocks(&self) -> &[CorpBlock] {
        &self.blocks
    }

    /// The recalibrated probability of a confidence that was among the rows.
    fn recalibrated(&self, p: f64) -> f64 {
        let block = self.blocks.partition_point(|block| block.upper < p).min(self.blocks.len() - 1);
        self.blocks[block].outcome
    }
}

/// Squared error.
fn brier(p: f64, y: f64) -> f64 {
    (p - y) * (p - y)
}

/// -y·ln p - (1 - y)·ln(1 - p) with 0·ln 0 = 0.
fn log_loss(p: f64, y: f64) -> f64 {
    let term = |share: f64, ln: f64| if share == 0.0 { 0.0 } else { -share * ln };
    term(y, p.ln()) + term(1.0 - y, (-p).ln_1p())
}

type Score = fn(f64, f64) -> f64;

/// Mean score where `of` gives the probability of a row in place of its confidence.
fn mean(rows: &Summaries, score: Score, of: impl Fn(f64) -> f64) -> f64 {
    // A row without weight may have an infinite score.
    let value = |row: usize| {
        if rows.weight[row] > 0.0 { score(of(rows.confidence[row]), rows.correct[row]) } else { 0.0 }
    };
    rows.mean((0..rows.rows()).map(value))
}

fn mean_outcome(rows: &Summaries) -> f64 {
    rows.mean(rows.correct.iter().copied()).clamp(0.0, 1.0)
}

fn miscalibration(sample: &Sample<'_>, score: Score) -> Option<f64> {
    let corp = Corp::of(sample.summaries);
    let before = mean(sample.summaries, score, |p| p);
    let gain = before - mean(sample.summaries, score, |p| corp.recalibrated(p));
    gain.is_finite().then_some(gain.max(0.0))
}

fn discrimination(sample: &Sample<'_>, score: Score) -> Option<f64> {
    let corp = Corp::of(sample.summaries);
    let rate = mean_outcome(sample.summaries);
    let constant = mean(sample.summaries, score, |_| rate);
    Some((constant - mean(sample.summaries, score, |p| corp.recalibrated(p))).max(0.0))
}

fn uncertainty(sample: &Sample<'_>, score: Score) -> Option<f64> {
    let rate = mean_outcome(sample.summaries);
    Some(mean(sample.summaries, score, |_| rate))
}

pub(super) const MCB: Entry = Entry {
    name: "corp_mcb",
    summary: "miscalibration: what isotonic recalibration takes off the binary Brier score",
    formula: "mean (p - y)² - mean (pav(p) - y)²",
    source: SOURCE,
    measure: |sample| miscalibration(sample, brier),
    tier: Tier::Named,
    cost: Cost::Columns,
    ..Entry::STANDARD
};

pub(super) const DSC: Entry = Entry {
    name: "corp_dsc",
    summary: "discrimination: how much better the recalibrated probabilities are than the mean outcome",
    formula: "mean (ȳ - y)² - mean (pav(p) - y)²",
    direction: Direction::Higher,
    measure: |sample| discrimination(sample, brier),
    ..MCB
};

pub(super) const UNC: Entry = Entry {
    name: "corp_unc",
    summary: "uncertainty: the binary Brier score of the mean outcome",
    formula: "mean (ȳ - y)²",
    direction: Direction::Describes,
    measure: |sample| uncertainty(sample, brier),
    ..MCB
};

pub(super) const MCB_LOG: Entry = Entry {
    name: "corp_mcb_log",
    summary: "miscalibration by the log score; none where a row was called impossible",
    formula: "mean l(p, y) - mean l(pav(p), y), l = -y·ln p - (1 - y)·ln(1 - p)",
    measure: |sample| miscalibration(sample, log_loss),
    ..MCB
};

pub(super) const DSC_LOG: Entry = Entry {
    name: "corp_dsc_log",
    summary: "discrimination by the log score",
    formula: "mean l(ȳ, y) - mean l(pav(p), y), l = -y·ln p - (1 - y)·ln(1 - p)",
    measure: |sample| discrimination(sample, log_loss),
    ..DSC
};

pub(super) const UNC_LOG: Entry = Entry {
    name: "corp_unc_log",
    summary: "uncertainty by the log score: that of the mean outcome",
    formula: "mean l(ȳ, y), l = -y·ln p - (1 - y)·ln(1 - p)",
    measure: |sample| uncertainty(sample, log_loss),
    ..UNC
};
