//! Calibration methods side by side: measured by cross-validation, ranked by a proper score, one recommended.

use serde::{Deserialize, Serialize};

use super::split::class_of_rows;
use super::{Folds, OutOfFold};
use crate::calibrate::{self, Flag, METHODS};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::Observer;
use crate::input::{Block, Rows};
use crate::metric::{Bootstrap, Evaluation, Interval, Measured, Summaries};
use crate::parameters::Parameters;

/// The proper score that ranks methods.
///
/// Never a calibration error: it is 0 for a method that says the same for every row, its estimate is biased by
/// noise, and it is lowest where outputs are coarse. In published comparisons the methods of lowest ECE rank near
/// the bottom by log-loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// Negative log-likelihood.
    #[default]
    Nll,
    /// Brier score.
    Brier,
}

impl Criterion {
    /// The metric of that name in [`METRICS`](crate::metric::METRICS).
    pub fn name(self) -> &'static str {
        match self {
            Criterion::Nll => "nll",
            Criterion::Brier => "brier",
        }
    }
}

/// The metrics that have intervals in a comparison: those that cost little for each of many methods.
const RESAMPLED: [&str; 4] = ["accuracy", "nll", "brier", "ece"];

/// What to compare and how.
///
/// Every method is fitted to all folds but one and measured on that one, in turn: each row is measured once, by a
/// calibrator that has not seen it. Intervals are by bootstrap over the measured rows, the same draws for every
/// method. The variation of the fits themselves is in them only as far as the folds show it.
///
/// The recommended method is the first of [`METHODS`] (which go from the simplest to the richest) that is
/// significantly worse than none: for every other method the paired interval of the difference reaches 0 or below.
///
/// ```
/// use temperance::{Block, Labels, Logits, select::Comparison};
///
/// // Forty rows of gap 2, of which 70 % are right: the best gap is ln(7/3) = 0.85, so T is about 2.4.
/// let logits: Vec<f64> = (0..40).flat_map(|row| if row % 2 == 0 { [2.0, 0.0] } else { [0.0, 2.0] }).collect();
/// let labels: Vec<usize> = (0..40).map(|row| if row % 10 < 7 { row % 2 } else { 1 - row % 2 }).collect();
/// let rows = Block::new(Logits::new(&logits, 2)?, Labels::new(&labels, 2))?;
/// let compared = Comparison::new().methods(&["identity", "temperature"])?.run(rows)?;
/// assert_eq!(compared.best().method, "temperature");
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    methods: Vec<(&'static str, Parameters)>,
    folds: usize,
    seed: u64,
    criterion: Criterion,
    groups: Option<Vec<u64>>,
    within: Option<Vec<usize>>,
    bootstrap: Bootstrap,
    evaluation: Evaluation,
}

impl Default for Comparison {
    fn default() -> Self {
        Comparison {
            methods: METHODS.iter().map(|entry| (entry.name, Parameters::new())).collect(),
            folds: 5,
            seed: 0,
            criterion: Criterion::default(),
            groups: None,
            within: None,
            bootstrap: Bootstrap::new(),
            evaluation: Evaluation::new(),
        }
    }
}

impl Comparison {
    /// All methods with their defaults, 5 stratified folds, seed 0, ranked by NLL, 1 000 replicates.
    pub fn new() -> Self {
        Self::default()
    }

    /// Some methods, with their defaults. The uncalibrated model (`identity`) always takes part.
    ///
    /// # Errors
    /// If one is not in [`METHODS`].
    pub fn methods(mut self, names: &[impl AsRef<str>]) -> Result<Self> {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        if let Some(unknown) = names.iter().find(|name| calibrate::method(name).is_none()) {
            let known: Vec<&str> = METHODS.iter().map(|entry| entry.name).collect();
            let expected = format!("one of {}", known.join(", "));
            return Err(Error::parameter("method", format!("{unknown:?}"), expected));
        }
        let wanted = |name: &str| name == "identity" || names.contains(&name);
        self.methods = METHODS
            .iter()
            .filter(|entry| wanted(entry.name))
            .map(|entry| (entry.name, Parameters::new()))
            .collect();
        Ok(self)
    }

    /// Another number of folds.
    ///
    /// # Errors
    /// Unless there are at least 2.
    pub fn folds(mut self, folds: usize) -> Result<Self> {
        if folds < 2 {
            return Err(Error::parameter("number of folds", folds, "at least 2"));
        }
        self.folds = folds;
        Ok(self)
    }

    /// Another seed, of folds and replicates alike.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.bootstrap = self.bootstrap.seed(seed);
        self
    }

    /// Another score to rank by.
    #[must_use]
    pub fn criterion(mut self, criterion: Criterion) -> Self {
        self.criterion = criterion;
        self
    }

    /// Rows in groups, one number for each row of the block: no group lies in two folds, and whole groups are
    /// resampled.
    #[must_use]
    pub fn groups(mut self, groups: &[u64]) -> Self {
        self.groups = Some(groups.to_vec());
        self
    }

    /// These rows of the block alone, the others being kept to measure on later.
    #[must_use]
    pub fn within(mut self, rows: &[usize]) -> Self {
        self.within = Some(rows.to_vec());
        self
    }

    /// Another resampling. Its groups are set by [`Comparison::groups`].
    #[must_use]
    pub fn bootstrap(mut self, bootstrap: Bootstrap) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// Other metrics and conventions.
    #[must_use]
    pub fn evaluation(mut self, evaluation: Evaluation) -> Self {
        self.evaluation = evaluation;
        self
    }

    /// Compares on all threads.
    ///
    /// # Errors
    /// As [`Comparison::run_with`].
    pub fn run(&self, block: Block<'_>) -> Result<Compared> {
        self.run_with(block, &(), &|| 0.0)
    }

    /// [`Comparison::run`] that tells an observer of progress and reads a clock, which gives seconds since any
    /// moment.
    ///
    /// A method that cannot be fitted to these rows is listed with its error and takes no part.
    ///
    /// # Errors
    /// On illegal data; if the rows cannot be cut into the folds; if even the uncalibrated model cannot be measured;
    /// if the observer breaks.
    pub fn run_with(
        &self,
        block: Block<'_>,
        observer: &dyn Observer,
        clock: &dyn Fn() -> f64,
    ) -> Result<Compared> {
        let mut classes = class_of_rows(&block.targets())?;
        if let Some(within) = &self.within {
            let mut chosen = vec![None; classes.len()];
            for &row in within {
                let Some(class) = classes.get(row) else {
                    let expected = format!("a row from 0 to {}", classes.len() - 1);
                    return Err(Error::shape("row to compare on", row, expected));
                };
                chosen[row] = *class;
            }
            classes = chosen;
        }
        let folds = match &self.groups {
            None => Folds::deal_rows(&classes, self.folds, self.seed)?,
            Some(groups) => Folds::deal_groups(&classes, groups, self.folds, self.seed)?,
        };
        let mut candidates = Vec::with_capacity(self.methods.len());
        for (name, parameters) in &self.methods {
            let entry = calibrate::method(name).expect("methods are checked when they are chosen");
            let outcome = match self.measure(entry, parameters, block, &folds, observer, clock) {
                Err(error) if *name == "identity" || error.kind() == ErrorKind::Interrupted => {
                    return Err(error);
                }
                outcome => outcome,
            };
            candidates.push(Candidate { method: entry.name, parameters: parameters.clone(), outcome });
        }
        self.rank(candidates, &folds, observer)
    }

    fn measure(
        &self,
        entry: &calibrate::Entry,
        parameters: &Parameters,
        block: Block<'_>,
        folds: &Folds,
        observer: &dyn Observer,
        clock: &dyn Fn() -> f64,
    ) -> Result<Outcome> {
        let method = (entry.build)(parameters)?;
        let start = clock();
        let rows = OutOfFold::fit(block, folds, method.as_ref(), observer)?;
        let fit_seconds = (clock() - start) / folds.count() as f64;
        let start = clock();
        rows.for_each_block(&mut |_| Ok(()))?;
        let apply_seconds = clock() - start;
        let measured = self.evaluation.measure_with(&rows, observer)?;
        let mut flags: Vec<Flag> = Vec::new();
        for flag in rows.fitted().iter().flat_map(|fitted| &fitted.certificate.flags) {
            if !flags.contains(flag) {
                flags.push(*flag);
            }
        }
        let nothing = Interval { estimate: 0.0, lower: 0.0, upper: 0.0, standard_error: 0.0 };
        Ok(Outcome {
            measured,
            intervals: Vec::new(),
            against_identity: nothing,
            against_best: nothing,
            fit_seconds,
            apply_seconds,
            flags,
        })
    }

    fn rank(
        &self,
        mut candidates: Vec<Candidate>,
        folds: &Folds,
        observer: &dyn Observer,
    ) -> Result<Compared> {
        let taking_part: Vec<usize> =
            (0..candidates.len()).filter(|&c| candidates[c].outcome.is_ok()).collect();
        let summaries: Vec<&Summaries> = candidates
            .iter()
            .filter_map(|candidate| candidate.outcome.as_ref().ok())
            .map(|outcome| &outcome.measured.summaries)
            .collect();
        let mut bootstrap = self.bootstrap.clone().only(&RESAMPLED);
        if let Some(groups) = &self.groups {
            let counted = groups.iter().enumerate().filter(|(row, _)| folds.fold(*row).is_some());
            bootstrap = bootstrap.groups(&counted.map(|(_, group)| *group).collect::<Vec<_>>());
        }
        let replicates = bootstrap.run_with(&self.evaluation, &summaries, observer)?;
        let name = self.criterion.name();
        let missing = || Error::new(ErrorKind::Value, format!("{name} of a method"), "missing", "a number");
        let difference = |a, b| replicates.difference(a, b, name).ok_or_else(missing);
        let scores: Vec<f64> = (0..summaries.len())
            .map(|part| replicates.interval(part, name).map(|interval| interval.estimate).ok_or_else(missing))
            .collect::<Result<_>>()?;
        let best =
            (0..scores.len()).fold(0, |best, part| if scores[part] < scores[best] { part } else { best });
        let mut recommended = best;
        'candidates: for part in 0..scores.len() {
            for other in 0..scores.len() {
                if difference(part, other)?.lower > 0.0 {
                    continue 'candidates;
                }
            }
            recommended = part;
            break;
        }
        for (part, &candidate) in taking_part.iter().enumerate() {
            let intervals = replicates.names().iter().filter_map(|name| {
                replicates.interval(part, name).map(|interval| ((*name).to_owned(), interval))
            });
            let (intervals, against_identity, against_best) =
                (intervals.collect(), difference(part, 0)?, difference(part, best)?);
            if let Ok(outcome) = &mut candidates[candidate].outcome {
                outcome.intervals = intervals;
                outcome.against_identity = against_identity;
                outcome.against_best = against_best;
            }
        }
        Ok(Compared {
            candidates,
            best: taking_part[best],
            recommended: taking_part[recommended],
            criterion: self.criterion,
            folds: self.folds,
        })
    }
}

/// One method of a comparison.
#[derive(Debug)]
pub struct Candidate {
    /// Its name in [`METHODS`].
    pub method: &'static str,
    /// What it was built with.
    pub parameters: Parameters,
    /// How it did, or why it could not be fitted.
    pub outcome: Result<Outcome>,
}

/// How a method did.
#[derive(Debug)]
pub struct Outcome {
    /// What was measured on rows that the calibrators had not seen.
    pub measured: Measured,
    /// Intervals of its metrics.
    pub intervals: Vec<(String, Interval)>,
    /// The criterion minus that of the uncalibrated model, on the same rows.
    pub against_identity: Interval,
    /// The criterion minus that of the best method, on the same rows.
    pub against_best: Interval,
    /// Seconds that one fit took, the mean over folds.
    pub fit_seconds: f64,
    /// Seconds that it took to apply the calibrators to all rows.
    pub apply_seconds: f64,
    /// What the fits flagged.
    pub flags: Vec<Flag>,
}

/// The result of a comparison.
#[derive(Debug)]
pub struct Compared {
    /// The methods in the order of [`METHODS`]; the uncalibrated model is the first.
    pub candidates: Vec<Candidate>,
    best: usize,
    recommended: usize,
    /// The score that ranked them.
    pub criterion: Criterion,
    /// Number of folds.
    pub folds: usize,
}

impl Compared {
    /// The method of the lowest score.
    pub fn best(&self) -> &Candidate {
        &self.candidates[self.best]
    }

    /// The simplest method that is significantly worse than none.
    pub fn recommended(&self) -> &Candidate {
        &self.candidates[self.recommended]
    }
}
