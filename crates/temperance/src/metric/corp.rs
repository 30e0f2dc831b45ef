//! CORP: a score is miscalibration - discrimination + uncertainty, by isotonic recalibration instead of bins.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::bootstrap::quantile;
use super::{Cost, Direction, Entry, Sample, Summaries, Tier};
use crate::fold;
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
        Self::from_ranked(&Ranked::new(&rows.confidence, &rows.correct, &rows.weight))
    }

    fn from_ranked(ranked: &Ranked) -> Self {
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

    /// Where the curve of a calibrated model with these confidences would lie: the pointwise `level` range of curves of
    /// outcomes that are drawn from the confidences, at each of `at`.
    ///
    /// ```
    /// use temperance::metric::{Corp, Summaries};
    ///
    /// let p: Vec<f64> = (1..100).map(|i| f64::from(i) / 100.0).collect();
    /// let rows = Summaries::from_confidences(&p, &[1.0; 99], None)?;
    /// let band = Corp::consistency_band(&rows, &[0.5], 0.9, 200, 0);
    /// assert!(band[0][0] < 0.5 && 0.5 < band[0][1] && band[0][1] < 0.8);
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// The same numbers for the same seed on any number of threads. Source: Dimitriadis, Gneiting, Jordan 2021,
    /// consistency bands by resampling.
    pub fn consistency_band(
        rows: &Summaries,
        at: &[f64],
        level: f64,
        replicates: usize,
        seed: u64,
    ) -> Vec<[f64; 2]> {
        band(at, level, replicates, seed, |random| {
            let outcome = |p: &f64| f64::from(u8::from(random.random::<f64>() < *p));
            let correct: Vec<f64> = rows.confidence.iter().map(outcome).collect();
            Corp::from_ranked(&Ranked::new(&rows.confidence, &correct, &rows.weight))
        })
    }

    /// Where the curve lies: the pointwise `level` range of curves of resampled rows, at each of `at`.
    ///
    /// The same numbers for the same seed on any number of threads. Where the truth is steep the range of a
    /// non-decreasing curve covers it less often than it says.
    pub fn confidence_band(
        rows: &Summaries,
        at: &[f64],
        level: f64,
        replicates: usize,
        seed: u64,
    ) -> Vec<[f64; 2]> {
        let n = rows.rows();
        band(at, level, replicates, seed, |random| {
            let mut weight = vec![0.0; n];
            for _ in 0..n {
                let row = random.random_range(0..n);
                weight[row] += rows.weight[row];
            }
            Corp::from_ranked(&Ranked::new(&rows.confidence, &rows.correct, &weight))
        })
    }

    /// The recalibrated probability of a confidence; of the nearest block above where no row has it.
    pub fn at(&self, confidence: f64) -> f64 {
        if self.blocks.is_empty() { confidence } else { self.recalibrated(confidence) }
    }

    /// The recalibrated probability of a confidence that was among the rows.
    fn recalibrated(&self, p: f64) -> f64 {
        let block = self.blocks.partition_point(|block| block.upper < p).min(self.blocks.len() - 1);
        self.blocks[block].outcome
    }
}

/// The pointwise range of curves that `draw` makes, each from its own stretch of one random sequence.
fn band(
    at: &[f64],
    level: f64,
    replicates: usize,
    seed: u64,
    draw: impl Fn(&mut Pcg64) -> Corp + Sync,
) -> Vec<[f64; 2]> {
    let curves: Vec<Vec<f64>> = fold::ordered((0..replicates).collect(), |replicate: usize| {
        let mut random = Pcg64::seed_from_u64(seed);
        random.advance((replicate as u128) << 64);
        let corp = draw(&mut random);
        at.iter().map(|&p| corp.at(p)).collect()
    });
    let range = |point: usize| {
        let mut values: Vec<f64> = curves.iter().map(|curve| curve[point]).collect();
        values.sort_by(f64::total_cmp);
        [(1.0 - level) / 2.0, (1.0 + level) / 2.0].map(|share| quantile(&values, share))
    };
    (0..at.len()).map(range).collect()
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
