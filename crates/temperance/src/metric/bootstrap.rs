//! Intervals from resampled rows, for one model or the difference of two.

use std::ops::ControlFlow;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::{Entry, Evaluation, Summaries, Uncertainty};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{self, Observer, Progress};
use crate::normal;

/// How an interval is read off the replicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntervalKind {
    /// Quantiles of the replicates.
    #[default]
    Percentile,
    /// The estimate minus the quantiles of (replicate - estimate).
    Basic,
    /// Quantiles shifted for bias and acceleration. Source: Efron 1987, Better Bootstrap Confidence Intervals.
    Bca,
}

/// Resampling of rows with replacement; of whole groups where rows come in groups.
///
/// A replicate gives each row the weight w·c, c being how often it was drawn. All models see the same draws, so
/// that differences are paired. Replicates have the same numbers for the same seed on any number of threads
/// (PCG 64, a stretch of the sequence for each replicate).
///
/// ```
/// use temperance::metric::{Bootstrap, Evaluation, Summaries};
///
/// let confidence = [0.9, 0.8, 0.7, 0.6];
/// let rows = Summaries::from_confidences(&confidence, &[1.0, 1.0, 0.0, 1.0], None)?;
/// let replicates = Bootstrap::new().seed(7).run(&Evaluation::new(), &[&rows])?;
/// let accuracy = replicates.interval(0, "accuracy").unwrap();
/// assert_eq!(accuracy.estimate, 0.75);
/// assert_eq!((accuracy.lower, accuracy.upper), (0.25, 1.0));
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Efron, Tibshirani 1993, An Introduction to the Bootstrap, chapters 13 and 14.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    replicates: usize,
    seed: u64,
    level: f64,
    kind: IntervalKind,
    groups: Option<Vec<u64>>,
    only: Option<Vec<&'static str>>,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Bootstrap {
            replicates: 1000,
            seed: 0,
            level: 0.95,
            kind: IntervalKind::default(),
            groups: None,
            only: None,
        }
    }
}

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The value on the rows themselves.
    pub estimate: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Standard deviation of the replicates.
    pub standard_error: f64,
}

/// Beyond this many rows (or groups) the jackknife of BCa leaves out blocks of them, this many blocks.
const JACKKNIFE_BLOCKS: usize = 1000;

impl Bootstrap {
    /// 1 000 replicates, seed 0, 95 % percentile intervals, rows drawn one by one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with another number of replicates.
    ///
    /// # Errors
    /// Unless there are at least 2.
    pub fn replicates(mut self, replicates: usize) -> Result<Self> {
        if replicates < 2 {
            return Err(Error::parameter("number of replicates", replicates, "at least 2"));
        }
        self.replicates = replicates;
        Ok(self)
    }

    /// The same with another seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same at another level, such as 0.9.
    ///
    /// # Errors
    /// Unless it lies between 0 and 1.
    pub fn level(mut self, level: f64) -> Result<Self> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::parameter("level of the interval", level, "a number above 0 and below 1"));
        }
        self.level = level;
        Ok(self)
    }

    /// The same with another kind of interval.
    #[must_use]
    pub fn kind(mut self, kind: IntervalKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same for rows that come in groups (patients, documents): whole groups are drawn. One number for each row
    /// that counts; rows of the same number are a group.
    #[must_use]
    pub fn groups(mut self, groups: &[u64]) -> Self {
        self.groups = Some(groups.to_vec());
        self
    }

    /// The same for some of the metrics of an evaluation alone; names that it does not measure are passed over.
    #[must_use]
    pub fn only(mut self, names: &[&'static str]) -> Self {
        self.only = Some(names.to_vec());
        self
    }

    /// Measures the metrics of `evaluation` that have a bootstrap interval on replicates of the rows of each model.
    ///
    /// # Errors
    /// If the models have not the same rows with the same weights, or there is not a group for each row.
    pub fn run(&self, evaluation: &Evaluation, models: &[&Summaries]) -> Result<Replicates> {
        self.run_with(evaluation, models, &())
    }

    /// [`Bootstrap::run`] that tells an observer of progress.
    ///
    /// # Errors
    /// As [`Bootstrap::run`], or if the observer breaks.
    pub fn run_with(
        &self,
        evaluation: &Evaluation,
        models: &[&Summaries],
        observer: &dyn Observer,
    ) -> Result<Replicates> {
        let Some(first) = models.first() else {
            return Err(Error::shape("number of models", 0, "at least 1"));
        };
        if let Some(other) = models.iter().find(|model| model.weight != first.weight) {
            let value = format!("{} rows", other.rows());
            let expected = format!("the {} rows of the first model, with the same weights", first.rows());
            return Err(Error::shape("a model's sample", value, expected));
        }
        let units = self.units(first)?;
        let entries: Vec<&Entry> = evaluation
            .entries()
            .filter(|entry| matches!(entry.uncertainty, Uncertainty::Bootstrap) && !entry.vectors)
            .filter(|entry| self.only.as_ref().is_none_or(|only| only.contains(&entry.name)))
            .collect();
        let mut all = Replicates {
            names: entries.iter().map(|entry| entry.name).collect(),
            estimates: Vec::new(),
            replicates: vec![Vec::new(); self.replicates],
            jackknife: Vec::new(),
            level: self.level,
            kind: self.kind,
        };
        // Model after model, with the same draws again: memory for one model at a time.
        for (index, model) in models.iter().enumerate() {
            let sorted = Sorted::new(model);
            let measure = |rows: &Summaries| evaluation.values(&entries, rows);
            all.estimates.extend(measure(&sorted.rows));
            let work = Work { sorted: &sorted, measure: &measure, observer, pass: index as u32 };
            let replicates = work.run(self.replicates, &|index, factors| {
                let mut random = Pcg64::seed_from_u64(self.seed);
                random.advance((index as u128) << 64);
                units.draw(&mut random, factors);
            })?;
            for (all, own) in all.replicates.iter_mut().zip(replicates) {
                all.extend(own);
            }
            if self.kind == IntervalKind::Bca {
                let jackknife =
                    work.run(units.blocks(), &|index, factors| units.leave_out(index, factors))?;
                all.jackknife.resize(jackknife.len(), Vec::new());
                for (all, own) in all.jackknife.iter_mut().zip(jackknife) {
                    all.extend(own);
                }
            }
        }
        Ok(all)
    }

    fn units(&self, rows: &Summaries) -> Result<Units> {
        let n = rows.rows();
        let Some(groups) = &self.groups else {
            return Ok(Units { count: n, of_row: None });
        };
        if groups.len() != n {
            let expected = format!("one for each of the {n} rows that count");
            return Err(Error::shape("number of groups of rows", groups.len(), expected));
        }
        let mut names = groups.clone();
        names.sort_unstable();
        names.dedup();
        if names.len() < 2 {
            return Err(Error::shape("number of groups", names.len(), "at least 2 to draw from"));
        }
        let of_row = groups.iter().map(|group| names.partition_point(|name| name < group)).collect();
        Ok(Units { count: names.len(), of_row: Some(of_row) })
    }
}

/// Measuring one model with many sets of weights.
struct Work<'a> {
    sorted: &'a Sorted,
    measure: &'a (dyn Fn(&Summaries) -> Vec<f64> + Sync),
    observer: &'a dyn Observer,
    /// Which model it is.
    pass: u32,
}

impl Work<'_> {
    /// The metrics for each of `count` sets of factors of the weights, which `factors` fills in.
    fn run(&self, count: usize, factors: &(dyn Fn(usize, &mut [f64]) + Sync)) -> Result<Vec<Vec<f64>>> {
        // A piece of work copies the rows once, for several sets.
        const AT_ONCE: usize = 8;
        let task = "resampling";
        let mut all = Vec::with_capacity(count);
        let starts: Vec<usize> = (0..count).step_by(AT_ONCE).collect();
        for wave in starts.chunks(fold::threads()) {
            let pieces = fold::ordered(wave.to_vec(), |start| {
                let mut rows = self.sorted.rows.clone();
                let mut buffer = vec![0.0; rows.rows()];
                let one = |index| {
                    factors(index, &mut buffer);
                    self.sorted.weigh(&buffer, &mut rows);
                    (self.measure)(&rows)
                };
                (start..count.min(start + AT_ONCE)).map(one).collect::<Vec<_>>()
            });
            all.extend(pieces.into_iter().flatten());
            let total = Some(count as u64);
            let progress = Progress { task, rows: all.len() as u64, total, pass: self.pass };
            if let ControlFlow::Break(()) = self.observer.progress(progress) {
                return Err(Error::new(ErrorKind::Interrupted, task, "interrupted", "it to finish"));
            }
        }
        Ok(all)
    }
}

/// What is drawn: rows, or groups of rows.
struct Units {
    count: usize,
    of_row: Option<Vec<usize>>,
}

impl Units {
    /// Fills in how often each row is drawn when as many units are drawn as there are.
    fn draw(&self, random: &mut Pcg64, factors: &mut [f64]) {
        match &self.of_row {
            None => {
                factors.fill(0.0);
                for _ in 0..self.count {
                    factors[random.random_range(0..self.count)] += 1.0;
                }
            }
            Some(of_row) => {
                let mut drawn = vec![0.0; self.count];
                for _ in 0..self.count {
                    drawn[random.random_range(0..self.count)] += 1.0;
                }
                for (factor, &unit) in factors.iter_mut().zip(of_row) {
                    *factor = drawn[unit];
                }
            }
        }
    }

    fn blocks(&self) -> usize {
        self.count.min(JACKKNIFE_BLOCKS)
    }

    /// Leaves out every unit of one block.
    fn leave_out(&self, block: usize, factors: &mut [f64]) {
        let blocks = self.blocks();
        for (row, factor) in factors.iter_mut().enumerate() {
            let unit = self.of_row.as_ref().map_or(row, |of_row| of_row[row]);
            *factor = f64::from(u8::from(unit % blocks != block));
        }
    }
}

/// The rows of a model by rising confidence, so that no replicate has to sort them.
struct Sorted {
    rows: Summaries,
    order: Vec<usize>,
}

impl Sorted {
    fn new(model: &Summaries) -> Self {
        let mut order: Vec<usize> = (0..model.rows()).collect();
        order.sort_by(|&a, &b| model.confidence[a].total_cmp(&model.confidence[b]));
        Sorted { rows: model.chosen(&order), order }
    }

    /// Sets the weights of a copy of the rows to their own times a factor for each.
    fn weigh(&self, factors: &[f64], rows: &mut Summaries) {
        for ((weight, own), &row) in rows.weight.iter_mut().zip(&self.rows.weight).zip(&self.order) {
            *weight = own * factors[row];
        }
    }
}

/// Every metric of every model on every replicate.
#[derive(Debug, Clone, PartialEq)]
pub struct Replicates {
    names: Vec<&'static str>,
    /// Metrics of the first model, then those of the second, and so on; NaN where one does not exist.
    estimates: Vec<f64>,
    replicates: Vec<Vec<f64>>,
    jackknife: Vec<Vec<f64>>,
    level: f64,
    kind: IntervalKind,
}

impl Replicates {
    /// The metrics that were measured.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The interval of a metric of a model; `None` if it does not exist.
    pub fn interval(&self, model: usize, name: &str) -> Option<Interval> {
        let at = self.position(model, name)?;
        self.read(|values| values[at])
    }

    /// The interval of a metric of `model` minus that of `reference`, on the same draws.
    pub fn difference(&self, model: usize, reference: usize, name: &str) -> Option<Interval> {
        let (at, from) = (self.position(model, name)?, self.position(reference, name)?);
        self.read(|values| values[at] - values[from])
    }

    fn position(&self, model: usize, name: &str) -> Option<usize> {
        let metric = self.names.iter().position(|known| *known == name)?;
        let at = model * self.names.len() + metric;
        (at < self.estimates.len()).then_some(at)
    }

    fn read(&self, of: impl Fn(&[f64]) -> f64) -> Option<Interval> {
        let replicates: Vec<f64> = self.replicates.iter().map(|values| of(values)).collect();
        let jackknife: Vec<f64> = self.jackknife.iter().map(|values| of(values)).collect();
        Interval::from_replicates(of(&self.estimates), replicates, &jackknife, self.level, self.kind)
    }
}

impl Interval {
    /// The interval that replicates of an estimate give. Quantiles are interpolated linearly between order
    /// statistics. `jackknife` holds the estimate without each row (or block of rows) in turn; only
    /// [`IntervalKind::Bca`] needs it. Replicates that are not numbers are left out.
    ///
    /// ```
    /// use temperance::metric::{Interval, IntervalKind};
    ///
    /// let replicates = (0..=100).map(f64::from).collect();
    /// let interval = Interval::from_replicates(60.0, replicates, &[], 0.9, IntervalKind::Basic).unwrap();
    /// assert_eq!((interval.lower, interval.upper), (25.0, 115.0));
    /// ```
    ///
    /// `None` if the estimate is not a number or fewer than two replicates are.
    pub fn from_replicates(
        estimate: f64,
        mut replicates: Vec<f64>,
        jackknife: &[f64],
        level: f64,
        kind: IntervalKind,
    ) -> Option<Interval> {
        replicates.retain(|value| !value.is_nan());
        if estimate.is_nan() || replicates.len() < 2 {
            return None;
        }
        replicates.sort_by(f64::total_cmp);
        let count = replicates.len() as f64;
        let mean = replicates.iter().sum::<f64>() / count;
        let squares = replicates.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let tails = [(1.0 - level) / 2.0, (1.0 + level) / 2.0];
        let ends = match kind {
            IntervalKind::Percentile => tails.map(|share| quantile(&replicates, share)),
            IntervalKind::Basic => {
                let [low, high] = tails.map(|share| quantile(&replicates, share));
                [2.0 * estimate - high, 2.0 * estimate - low]
            }
            IntervalKind::Bca => {
                let below = replicates.partition_point(|&value| value < estimate);
                let up_to = replicates.partition_point(|&value| value <= estimate);
                let bias = normal::quantile((below + up_to) as f64 / (2.0 * count));
                let acceleration = acceleration(jackknife);
                let shifted = |share| {
                    let z = bias + normal::quantile(share);
                    normal::distribution(bias + z / (1.0 - acceleration * z))
                };
                // All replicates on one side of the estimate: there is no bias to correct by.
                if bias.is_finite() {
                    tails.map(|share| quantile(&replicates, shifted(share)))
                } else {
                    return None;
                }
            }
        };
        let [lower, upper] = ends;
        Some(Interval { estimate, lower, upper, standard_error: (squares / (count - 1.0)).sqrt() })
    }

    /// Whether the interval lies above or below 0 entirely.
    pub fn excludes_zero(&self) -> bool {
        self.lower > 0.0 || self.upper < 0.0
    }
}

/// Σ d³ / (6·(Σ d²)^1.5) with d = mean - value: 0 if nothing varies.
fn acceleration(jackknife: &[f64]) -> f64 {
    let mean = jackknife.iter().sum::<f64>() / jackknife.len() as f64;
    let (squares, cubes) = jackknife.iter().fold((0.0, 0.0), |(squares, cubes), value| {
        let d = mean - value;
        (squares + d * d, cubes + d * d * d)
    });
    if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 }
}

/// Linear between order statistics, the first at 0 and the last at 1.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}
