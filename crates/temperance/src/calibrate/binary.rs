//! Calibrators of one probability, and the two ways to use them on many classes.
//!
//! A [`BinaryMethod`] sees log-odds and outcomes and gives a map from log-odds to calibrated log-odds. On two
//! classes it is used as it is. On more, [`Reduction::OneVsRest`] fits a map for each class, or
//! [`Reduction::TopLabel`] one for each predicted class.

use std::fmt::Debug;

use super::survey::{FitRecord, Survey, for_each_row};
use super::{Calibrator, Fitted, Flag, Method};
use crate::error::{Error, Result};
use crate::fold::{self, Fold, Observer, Progress};
use crate::input::{Block, Rows, Zeros};
pub(super) use crate::parameters::ParameterEntry;
use crate::parameters::{Parameter, Parameters};
use crate::row::arg_max;

/// Columns of rows with two outcomes, in the order of the rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BinaryRows {
    /// Log-odds ln(p / (1 - p)) of the outcome, as the model gives them. Within ±[`LOG_ODDS_LIMIT`].
    pub score: Vec<f64>,
    /// 1 if the outcome came about, 0 if not, or its probability.
    pub target: Vec<f64>,
    /// Weight of the row.
    pub weight: Vec<f64>,
}

/// -ln of [`Zeros::CLIP`]: log-odds that stand for certainty.
pub const LOG_ODDS_LIMIT: f64 = 87.336_544_750_553_1;

/// Log-odds of a probability; 0 and 1 are ∓[`LOG_ODDS_LIMIT`].
///
/// ```
/// use temperance::calibrate::{LOG_ODDS_LIMIT, log_odds};
///
/// assert!((log_odds(0.75) - 3_f64.ln()).abs() < 1e-15);
/// assert_eq!(log_odds(0.0), -LOG_ODDS_LIMIT);
/// ```
pub fn log_odds(p: f64) -> f64 {
    (p.ln() - (-p).ln_1p()).clamp(-LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)
}

/// The probability of log-odds s, 1 / (1 + exp(-s)).
///
/// ```
/// assert_eq!(temperance::calibrate::sigmoid(0.0), 0.5);
/// ```
pub fn sigmoid(s: f64) -> f64 {
    let e = (-s.abs()).exp();
    if s < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// Log-odds of the mean probability of increasing scores, within them; near 1 the mean is that of 1 - p.
pub(super) fn mean_score(scores: &[f64], weights: &[f64]) -> f64 {
    let [first, .., last] = *scores else { return scores[0] };
    let side = if first + last > 0.0 { -1.0 } else { 1.0 };
    let total: f64 = weights.iter().sum();
    let sum: f64 = scores.iter().zip(weights).map(|(score, weight)| weight * sigmoid(side * score)).sum();
    (side * log_odds(sum / total)).clamp(first, last)
}

/// ln σ(s) without overflow or cancellation.
pub(super) fn log_sigmoid(s: f64) -> f64 {
    s.min(0.0) - (-s.abs()).exp().ln_1p()
}

/// A fitted map of log-odds to calibrated log-odds.
pub trait BinaryCalibrator: Debug + Send + Sync {
    /// The calibrated log-odds at `score`. [`log_odds`] of 0 and 1 stand for certainty.
    fn calibrate(&self, score: f64) -> f64;

    /// Everything that it is made of: numbers and lists, always of the same names.
    fn parameters(&self) -> Parameters;
}

/// A binary method that has not seen data.
pub trait BinaryMethod: Debug + Send + Sync {
    /// Its name in [`METHODS`](super::METHODS).
    fn name(&self) -> &'static str;

    /// Fits it. There is at least one row of positive weight of each outcome (or one with 0 < target < 1).
    ///
    /// # Errors
    /// If the rows do not determine it.
    fn fit(&self, rows: &BinaryRows) -> Result<BinaryFit>;
}

/// A map as it leaves its fit.
#[derive(Debug)]
pub struct BinaryFit {
    /// The map.
    pub calibrator: Box<dyn BinaryCalibrator>,
    /// Largest absolute derivative of the mean objective at the end; `None` where there was no descent.
    pub gradient: Option<f64>,
    /// What the user should know.
    pub flags: Vec<Flag>,
}

impl BinaryFit {
    /// A map that was counted or pooled.
    pub(super) fn without_descent(calibrator: impl BinaryCalibrator + 'static) -> Self {
        BinaryFit { calibrator: Box::new(calibrator), gradient: None, flags: Vec::new() }
    }
}

/// How a binary method is used on more than two classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// A map of the probability of each class; the results are divided by their sum. On two classes, one map of the
    /// log-odds of class 1, and nothing to divide.
    #[default]
    OneVsRest,
    /// A map of the confidence for each predicted class, fitted on the rows where it is predicted; the other
    /// probabilities keep their ratios. Source: Gupta, Ramdas 2022, Top-label calibration, algorithm 1.
    TopLabel,
}

/// The parameter of every binary method that chooses the reduction.
pub(super) const REDUCTION: ParameterEntry =
    ParameterEntry { name: "top_label", domain: "0 (one versus rest) or 1 (top label)", default: 0.0 };

/// The reduction named by [`REDUCTION`].
pub(super) fn reduction(parameters: &Parameters) -> Result<Reduction> {
    Ok(if switch(parameters, &REDUCTION)? { Reduction::TopLabel } else { Reduction::OneVsRest })
}

/// A binary method on any number of classes.
#[derive(Debug)]
pub struct Multiclass {
    method: Box<dyn BinaryMethod>,
    reduction: Reduction,
}

impl Multiclass {
    /// `method` by `reduction`.
    pub fn new(method: impl BinaryMethod + 'static, reduction: Reduction) -> Self {
        Multiclass { method: Box::new(method), reduction }
    }
}

/// Bytes of columns that a fit keeps at a time: with more classes it reads the rows several times.
const COLUMN_BYTES: usize = 1 << 25;

impl Method for Multiclass {
    fn fit_observed(&self, rows: &dyn Rows, observer: &dyn Observer) -> Result<Fitted> {
        let survey = Survey::of_fit(rows, observer)?;
        let classes = rows.classes();
        let Multiclass { method, reduction } = self;
        let mut record = FitRecord { gradient: None, iterations: 1, flags: Vec::new() };
        let mut maps = Vec::with_capacity(classes);
        let mut fit_all = |columns: Vec<BinaryRows>| -> Result<()> {
            let fit_one = |columns: BinaryRows| columns.has_both().then(|| method.fit(&columns)).transpose();
            for fit in fold::ordered(columns, fit_one) {
                let Some(fit) = fit? else {
                    maps.push(None);
                    record.flag(Flag::ClassesMissing);
                    continue;
                };
                maps.push(Some(fit.calibrator));
                record.gradient = match (record.gradient, fit.gradient) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (a, b) => a.or(b),
                };
                fit.flags.into_iter().for_each(|flag| record.flag(flag));
            }
            Ok(())
        };
        match reduction {
            Reduction::OneVsRest => {
                let wanted = if classes == 2 { 1..2 } else { 0..classes };
                let at_once = (COLUMN_BYTES / 8 / survey.rows.max(1) as usize).clamp(1, classes);
                let mut passes = 1;
                for first in wanted.clone().step_by(at_once) {
                    let group = first..wanted.end.min(first + at_once);
                    let columns = gather(rows, observer, passes, Gather::Classes(group))?;
                    passes += 1;
                    fit_all(columns)?;
                }
                record.iterations = passes;
            }
            Reduction::TopLabel => {
                fit_all(gather(rows, observer, 1, Gather::Predicted(classes))?)?;
                record.iterations = 2;
            }
        }
        let calibrator = Reduced { method: method.name(), reduction: *reduction, classes, maps };
        let certificate = survey.certify(&calibrator, rows, observer, record)?;
        Ok(Fitted { calibrator: Box::new(calibrator), certificate })
    }
}

/// Which columns to gather.
#[derive(Clone)]
enum Gather {
    /// Those of a run of classes against the rest.
    Classes(std::ops::Range<usize>),
    /// Those of every predicted class: only the rows where it is predicted.
    Predicted(usize),
}

fn gather(rows: &dyn Rows, observer: &dyn Observer, pass: u32, what: Gather) -> Result<Vec<BinaryRows>> {
    let progress = Progress { task: "reading", rows: 0, total: rows.rows(), pass };
    fold::observed(&GatherFold(what), rows, observer, progress)
}

struct GatherFold(Gather);

impl Fold for GatherFold {
    type State = Vec<BinaryRows>;
    type Output = Vec<BinaryRows>;

    fn start(&self) -> Self::State {
        let columns = match &self.0 {
            Gather::Classes(classes) => classes.len(),
            Gather::Predicted(classes) => *classes,
        };
        vec![BinaryRows::default(); columns]
    }

    fn absorb(&self, state: &mut Self::State, block: &Block<'_>) -> Result<()> {
        for_each_row(block, &mut |log_p, target, weight| {
            let top = arg_max(log_p);
            match &self.0 {
                Gather::Classes(classes) => {
                    for (columns, class) in state.iter_mut().zip(classes.clone()) {
                        columns.push(class_log_odds(log_p, class, top), target.share(class), weight);
                    }
                }
                Gather::Predicted(_) => {
                    state[top].push(class_log_odds(log_p, top, top), target.share(top), weight);
                }
            }
            Ok(())
        })
    }

    fn merge(&self, state: &mut Self::State, later: Self::State) {
        for (columns, mut later) in state.iter_mut().zip(later) {
            columns.score.append(&mut later.score);
            columns.target.append(&mut later.target);
            columns.weight.append(&mut later.weight);
        }
    }

    fn finish(&self, state: Self::State) -> Result<Self::Output> {
        Ok(state)
    }
}

impl BinaryRows {
    fn push(&mut self, score: f64, target: f64, weight: f64) {
        self.score.push(score);
        self.target.push(target);
        self.weight.push(weight);
    }

    /// Whether rows of a weight above 0 have both outcomes.
    fn has_both(&self) -> bool {
        let weighed = || self.target.iter().zip(&self.weight).filter(|(_, w)| **w > 0.0);
        weighed().any(|(t, _)| *t > 0.0) && weighed().any(|(t, _)| *t < 1.0)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.score.len()
    }
}

impl FitRecord {
    fn flag(&mut self, flag: Flag) {
        if !self.flags.contains(&flag) {
            self.flags.push(flag);
        }
    }
}

/// ln p - ln(1 - p) of a class, where 1 - p is a sum over the other classes if the class is the largest.
fn class_log_odds(log_p: &[f64], class: usize, top: usize) -> f64 {
    let odds = match *log_p {
        [zero, one] => (one - zero) * if class == 1 { 1.0 } else { -1.0 },
        _ => log_p[class] - log_rest(log_p, class, top),
    };
    odds.clamp(-LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)
}

/// ln(1 - p) of a class.
fn log_rest(log_p: &[f64], class: usize, top: usize) -> f64 {
    if class != top {
        return (-log_p[class].exp()).ln_1p();
    }
    let others = log_p.iter().enumerate().filter(|(other, _)| *other != class);
    others.map(|(_, log_p)| log_p.exp()).sum::<f64>().ln()
}

/// A binary method fitted to rows of any number of classes.
#[derive(Debug)]
pub struct Reduced {
    method: &'static str,
    reduction: Reduction,
    classes: usize,
    /// One for each class (one versus rest, top label), or a single one for class 1 of two; `None` where the rows
    /// had not both outcomes: such a probability is left as it is.
    maps: Vec<Option<Box<dyn BinaryCalibrator>>>,
}

impl Reduced {
    /// The maps in the order of the classes; a single one, of class 1, for two classes one versus rest.
    pub fn maps(&self) -> impl Iterator<Item = Option<&dyn BinaryCalibrator>> {
        self.maps.iter().map(Option::as_deref)
    }

    /// Makes it again from its parameters. `load` makes one map from its own, which are called `names`.
    pub(super) fn load(
        method: &'static str,
        parameters: &Parameters,
        names: &[&'static str],
        load: impl Fn(&Parameters) -> Result<Box<dyn BinaryCalibrator>>,
    ) -> Result<Box<dyn Calibrator>> {
        let mut known = vec![REDUCTION.name, "classes", "fitted"];
        known.extend(names);
        let lengths: Vec<String> = names.iter().map(|name| lengths_name(name)).collect();
        known.extend(lengths.iter().map(String::as_str));
        parameters.only(&known)?;
        let reduction = reduction(parameters)?;
        let classes = parameters.number("classes")?;
        if !(classes >= 2.0 && classes.fract() == 0.0 && classes < 1e9) {
            return Err(Error::parameter("classes", classes, "a whole number, at least 2"));
        }
        let classes = classes as usize;
        let fitted = parameters.numbers("fitted")?;
        let wanted = if classes == 2 && reduction == Reduction::OneVsRest { 1 } else { classes };
        if fitted.len() != wanted || fitted.iter().any(|&fitted| fitted != 0.0 && fitted != 1.0) {
            let expected = format!("{wanted} numbers, each 0 or 1");
            return Err(Error::parameter("fitted", format!("{fitted:?}"), expected));
        }
        let count = fitted.iter().filter(|&&fitted| fitted == 1.0).count();
        if count == 0 {
            let maps = fitted.iter().map(|_| None).collect();
            return Ok(Box::new(Reduced { method, reduction, classes, maps }));
        }
        let mut lists =
            names.iter().map(|name| unpack(parameters, name, count)).collect::<Result<Vec<_>>>()?;
        let mut maps = Vec::with_capacity(wanted);
        for &fitted in fitted {
            if fitted == 0.0 {
                maps.push(None);
                continue;
            }
            let own = names.iter().zip(&mut lists).fold(Parameters::new(), |own, (name, list)| {
                own.with(name, list.next().expect("as many as are fitted"))
            });
            maps.push(Some(load(&own)?));
        }
        Ok(Box::new(Reduced { method, reduction, classes, maps }))
    }
}

/// Refuses a list in a file unless it is finite and increasing.
pub(super) fn check_increasing(name: &'static str, values: &[f64]) -> Result<()> {
    if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
        return Err(Error::parameter(name, bad, "finite numbers"));
    }
    match values.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => {
            let value = format!("{} after {}", pair[1], pair[0]);
            Err(Error::parameter(name, value, "each number above the one before"))
        }
        None => Ok(()),
    }
}

/// The number called `name` in a file.
///
/// # Errors
/// If it is missing or not finite.
pub(super) fn finite(parameters: &Parameters, name: &'static str) -> Result<f64> {
    let value = parameters.number(name)?;
    if value.is_finite() { Ok(value) } else { Err(Error::parameter(name, value, "a finite number")) }
}

/// Whether a parameter of domain 0 or 1 is 1.
pub(super) fn switch(parameters: &Parameters, entry: &ParameterEntry) -> Result<bool> {
    match parameters.number_or(entry)? {
        0.0 => Ok(false),
        1.0 => Ok(true),
        other => Err(Error::parameter(entry.name, other, entry.domain)),
    }
}

/// Refuses a list in a file that has not `count` probabilities.
pub(super) fn check_probabilities(name: &'static str, values: &[f64], count: usize) -> Result<()> {
    if values.len() != count {
        return Err(Error::parameter(name, format!("{} numbers", values.len()), format!("{count}")));
    }
    match values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        Some(bad) => Err(Error::parameter(name, bad, "numbers from 0 to 1")),
        None => Ok(()),
    }
}

fn lengths_name(name: &str) -> String {
    format!("{name}_lengths")
}

/// The values of one parameter, one for each of `count` maps: numbers side by side, lists one after the other with
/// their lengths beside them.
fn unpack(
    parameters: &Parameters,
    name: &'static str,
    count: usize,
) -> Result<std::vec::IntoIter<Parameter>> {
    let values = parameters.numbers(name)?;
    let lengths = parameters.iter().find(|(known, _)| *known == lengths_name(name));
    let unpacked: Vec<Parameter> = match lengths {
        None => values.iter().map(|&value| Parameter::Number(value)).collect(),
        Some((_, Parameter::Numbers(lengths)))
            if lengths.iter().all(|length| *length >= 0.0 && length.fract() == 0.0)
                && lengths.iter().sum::<f64>() == values.len() as f64 =>
        {
            let mut rest = values;
            let take = |length: &f64| {
                let (own, later) = rest.split_at(*length as usize);
                rest = later;
                Parameter::Numbers(own.to_vec())
            };
            lengths.iter().map(take).collect()
        }
        Some(_) => {
            let expected = format!("as many as {} adds up to", lengths_name(name));
            return Err(Error::parameter(name, format!("{} numbers", values.len()), expected));
        }
    };
    if unpacked.len() != count {
        let value = format!("of {} maps", unpacked.len());
        return Err(Error::parameter(name, value, format!("of the {count} maps that are fitted")));
    }
    Ok(unpacked.into_iter())
}

impl Calibrator for Reduced {
    fn method(&self) -> &'static str {
        self.method
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn parameters(&self) -> Parameters {
        let top_label = f64::from(u8::from(self.reduction == Reduction::TopLabel));
        let fitted = self.maps.iter().map(|map| f64::from(u8::from(map.is_some()))).collect();
        let mut packed = Parameters::new()
            .with(REDUCTION.name, Parameter::Number(top_label))
            .with("classes", Parameter::Number(self.classes as f64))
            .with("fitted", Parameter::Numbers(fitted));
        let maps: Vec<Parameters> = self.maps.iter().flatten().map(|map| map.parameters()).collect();
        let Some(first) = maps.first() else { return packed };
        for (name, value) in first.iter() {
            let of = |map: &Parameters| match map.iter().find(|(known, _)| *known == name) {
                Some((_, Parameter::Number(value))) => vec![*value],
                Some((_, Parameter::Numbers(values))) => values.clone(),
                None => Vec::new(),
            };
            let lists: Vec<Vec<f64>> = maps.iter().map(of).collect();
            if let Parameter::Numbers(_) = value {
                let lengths = lists.iter().map(|list| list.len() as f64).collect();
                packed = packed.with(&lengths_name(name), Parameter::Numbers(lengths));
            }
            packed = packed.with(name, Parameter::Numbers(lists.concat()));
        }
        packed
    }

    fn transform(&self, row: &mut [f64]) {
        let top = arg_max(row);
        let max = row[top];
        let log_sum = row.iter().map(|z| (z - max).exp()).sum::<f64>().ln();
        for z in row.iter_mut() {
            *z = (*z - max) - log_sum;
        }
        match (self.reduction, &self.maps[..]) {
            (Reduction::OneVsRest, [map]) => {
                let Some(map) = map else { return };
                let odds = map.calibrate(class_log_odds(row, 1, top));
                set(&mut row[0], log_sigmoid(-odds));
                set(&mut row[1], log_sigmoid(odds));
            }
            (Reduction::OneVsRest, maps) => {
                let log_p: Vec<f64> = row.to_vec();
                for (class, (z, map)) in row.iter_mut().zip(maps).enumerate() {
                    if let Some(map) = map {
                        set(z, log_sigmoid(map.calibrate(class_log_odds(&log_p, class, top))));
                    }
                }
            }
            (Reduction::TopLabel, maps) => {
                let Some(map) = &maps[top] else { return };
                let rest = log_rest(row, top, top);
                let odds = map.calibrate(class_log_odds(row, top, top));
                let (hit, miss) = (log_sigmoid(odds), log_sigmoid(-odds));
                let possible = row.iter().filter(|z| **z > f64::NEG_INFINITY).count();
                for (class, z) in row.iter_mut().enumerate() {
                    if class == top {
                        set(z, hit);
                    } else if rest > f64::NEG_INFINITY {
                        set(z, *z - rest + miss);
                    } else {
                        set(z, miss - ((possible - 1).max(1) as f64).ln());
                    }
                }
            }
        }
    }
}

/// Replaces the log-probability of a class that can occur; 0 counts as [`Zeros::CLIP`].
fn set(z: &mut f64, log_p: f64) {
    if *z > f64::NEG_INFINITY {
        *z = log_p.max(Zeros::CLIP.ln());
    }
}
