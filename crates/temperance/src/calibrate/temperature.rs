//! Temperature scaling: one number T > 0 that divides all logits.

use super::{Calibrator, Certificate, Entry, Fitted, Flag, Method, ParameterEntry, probabilities_into};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{self, Fold, Observer, Progress};
use crate::input::{Block, Element, Logits, Rows, Scratch, Targets, Thinned};
use crate::normal::QUANTILE_975;
use crate::parameters::{Parameter, Parameters};
use crate::row::{self, Order, Path, Real};

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "temperature",
    summary: "divides all logits by one number T, fitted by maximum likelihood",
    source: "Guo, Pleiss, Sun, Weinberger 2017, On Calibration of Modern Neural Networks, section 4.2",
    parameters: &[
        ParameterEntry { name: "minimum", domain: "from 1e-30", default: DEFAULT_BOUNDS.0 },
        ParameterEntry { name: "maximum", domain: "above the minimum, to 1e30", default: DEFAULT_BOUNDS.1 },
    ],
    binary: false,
    build: |parameters| {
        parameters.only(&["minimum", "maximum"])?;
        let number = |name, default| match parameters.number(name) {
            Err(error) if error.value() == "missing" => Ok(default),
            other => other,
        };
        let (minimum, maximum) = (number("minimum", DEFAULT_BOUNDS.0)?, number("maximum", DEFAULT_BOUNDS.1)?);
        Ok(Box::new(TemperatureScaling::new().bounds(minimum, maximum)?))
    },
    load: |parameters| {
        parameters.only(&["temperature"])?;
        Ok(Box::new(Temperature::new(parameters.number("temperature")?)?))
    },
};

/// With twice as many rows or more, a fit starts on about this many.
const SAMPLE_ROWS: u64 = 3000;

const DEFAULT_BOUNDS: (f64, f64) = (1e-4, 1e4);

/// Beyond these 1/T, or a logit times 1/T, leaves the range of an `f32`.
const EXTREMES: (f64, f64) = (1e-30, 1e30);

/// Temperature scaling, not yet fitted: finds the T that minimises the mean negative log-likelihood of
/// softmax(z / T).
///
/// The likelihood is convex in β = 1/T; the root of its derivative is found by Newton's method inside a
/// bracket, so that it cannot diverge. Rows are swept in the precision of the logits until close, and in
/// `f64` at the end: T is exact to about 1e-12 relative. Rows may be weighted; labels may be soft; ignored
/// rows count nowhere. If the scores are probabilities, ln p takes the place of the logits.
///
/// ```
/// use temperance::{Block, Labels, Logits, calibrate::TemperatureScaling};
///
/// // Three rows are right and one is wrong, each with gap 2: the best gap is ln 3, so T = 2 / ln 3.
/// let logits = Logits::new(&[2.0, 0.0, 2.0, 0.0, 0.0, 2.0, 0.0, 2.0], 2)?;
/// let rows = Block::new(logits, Labels::new(&[0, 0, 1, 0], 2))?;
/// let (temperature, certificate) = TemperatureScaling::new().fit(&rows)?;
/// assert!((temperature.temperature() - 2.0 / 3_f64.ln()).abs() < 1e-12);
/// assert!(certificate.flags.is_empty());
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Guo et al. 2017, section 4.2.
#[derive(Debug, Clone, PartialEq)]
pub struct TemperatureScaling {
    /// Smallest and largest T that a fit may return.
    bounds: (f64, f64),
}

impl Default for TemperatureScaling {
    fn default() -> Self {
        TemperatureScaling { bounds: DEFAULT_BOUNDS }
    }
}

impl TemperatureScaling {
    /// With T between 0.0001 and 10 000.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with other bounds on T.
    ///
    /// # Errors
    /// Unless 1e-30 ≤ minimum < maximum ≤ 1e30.
    pub fn bounds(mut self, minimum: f64, maximum: f64) -> Result<Self> {
        let (least, most) = EXTREMES;
        if !(least..most).contains(&minimum) {
            let expected = format!("at least {least:e} and below {most:e}");
            return Err(Error::parameter("minimum temperature", minimum, expected));
        }
        if !(maximum > minimum && maximum <= most) {
            let expected = format!("above the minimum {minimum} and at most {most:e}");
            return Err(Error::parameter("maximum temperature", maximum, expected));
        }
        self.bounds = (minimum, maximum);
        Ok(self)
    }

    /// Fits T to rows.
    ///
    /// # Errors
    /// On an illegal value, label or weight, with its row; if all labels are one class, all logits of every
    /// row are equal, or there is only one class.
    pub fn fit(&self, rows: &dyn Rows) -> Result<(Temperature, Certificate)> {
        self.fit_with(rows, &())
    }

    /// [`TemperatureScaling::fit`] that tells an observer of progress.
    ///
    /// # Errors
    /// As [`TemperatureScaling::fit`], or [`ErrorKind::Interrupted`] if the observer breaks.
    pub fn fit_with(&self, rows: &dyn Rows, observer: &dyn Observer) -> Result<(Temperature, Certificate)> {
        if rows.classes() < 2 {
            return Err(Error::shape("number of classes", rows.classes(), "at least 2 to fit a temperature"));
        }
        let mut passes = Passes { rows, observer, count: 0, start: f64::NAN };
        // In `f64`, so that the loss before compares with the loss after to the last digit.
        let first = passes.sweep(1.0, Precision::Double)?;
        first.check()?;

        let (lowest, highest) = (1.0 / self.bounds.1, 1.0 / self.bounds.0);
        let mut flags = Vec::new();
        let (beta, sums) = if first.below_top == 0 {
            flags.push(Flag::Separable);
            (highest, passes.sweep(highest, Precision::Double)?)
        } else if first.flat_gradient >= 0.0 {
            flags.push(Flag::WorseThanConstant);
            (lowest, passes.sweep(lowest, Precision::Double)?)
        } else {
            root(&mut passes, &first, lowest, highest)?
        };
        let (gradient, curvature) = sums.slope();
        if beta == lowest || beta == highest {
            flags.push(Flag::AtBound);
        }
        // A bound is returned as it was given, not as the inverse of its inverse.
        let temperature = if beta == highest {
            self.bounds.0
        } else if beta == lowest {
            self.bounds.1
        } else {
            (1.0 / beta).clamp(self.bounds.0, self.bounds.1)
        };
        // Relative error: the same for β, T and, in first order, ln T.
        let relative = (sums.gradient_squares.sqrt() / sums.curvature) / beta;
        let known = flags.is_empty() && relative.is_finite();
        let certificate = Certificate {
            standard_error: known.then_some(temperature * relative),
            interval: known
                .then(|| [-1.0, 1.0].map(|side| temperature * (side * QUANTILE_975 * relative).exp())),
            nll_before: first.nll / first.weight,
            nll_after: sums.nll / sums.weight,
            gradient: Some(gradient.abs()),
            curvature: Some(curvature),
            iterations: passes.count,
            rows: sums.rows,
            weight: sums.weight,
            flags,
        };
        Ok((Temperature::new(temperature)?, certificate))
    }

    /// Mean negative log-likelihood in nats at each temperature: the curve that a fit descends.
    ///
    /// # Errors
    /// As [`TemperatureScaling::fit`]; or if a temperature is not above 0.
    pub fn curve(&self, rows: &dyn Rows, temperatures: &[f64]) -> Result<Vec<f64>> {
        let betas = temperatures.iter().map(|&temperature| Ok(1.0 / Temperature::new(temperature)?.0));
        let sweep = Sweep { betas: betas.collect::<Result<_>>()?, precision: Precision::Native, first: true };
        let mean = |sums: Sums| {
            sums.check()?;
            Ok(sums.nll / sums.weight)
        };
        fold::fold(&sweep, rows)?.into_iter().map(mean).collect()
    }
}

/// The β where the mean gradient is 0, or the bound beyond which it lies, with the sums there.
///
/// Keeps a bracket with a negative gradient on its left and a positive one on its right. A proposed step is
/// taken only if it stays inside and at least halves the step before last; unguarded Newton diverges even on
/// benign data. While an end of the bracket is still a bound that was never tried, a refused step goes four
/// times further towards it instead of half-way.
fn root(passes: &mut Passes<'_>, first: &Sums, lowest: f64, highest: f64) -> Result<(f64, Sums)> {
    // Close in the precision of the data, then finish in f64, where the bracket is found anew.
    let tried =
        if first.gradient > 0.0 { (lowest, 1.0_f64.min(highest)) } else { (1.0_f64.max(lowest), highest) };
    passes.start = first.flat_gradient / first.weight;
    let mut guess = propose(passes.start, 1.0, first.slope());
    let step = first.rows / SAMPLE_ROWS;
    if step > 1 {
        // A few passes over a few rows save some over all of them. What they say is a guess and no more.
        let sample = Thinned { rows: passes.rows, step };
        let mut on_sample = Passes { rows: &sample, observer: &(), ..*passes };
        let bounds = (lowest, highest);
        let found = descend(&mut on_sample, guess, bounds, bounds, Precision::Native, 1e-3)?.next;
        // A sample may be separable, or hold no row that counts, where the rows are not and do.
        if found > lowest && found < highest {
            guess = found;
        }
    }
    let close = descend(passes, guess, tried, (lowest, highest), Precision::Native, 1e-3)?;
    let exact = descend(passes, close.next, (lowest, highest), (lowest, highest), Precision::Double, 1e-13)?;
    if exact.converged {
        return Ok((exact.beta, exact.sums));
    }
    let expected = "to converge within 100 steps";
    Err(Error::new(ErrorKind::NotConverged, "inverse temperature", exact.beta, expected))
}

/// Where the gradient is 0, judged from its value at β = 0 and its value and slope at `beta`: the root of the
/// hyperbola A - B/(β + C) that has them.
///
/// The gradient rises and flattens as the hyperbola does, so this is Newton's step near the root and a far better
/// one elsewhere. Newton's step where the two are the same but for rounding, and where no such hyperbola fits.
fn propose(start: f64, beta: f64, (g, h): (f64, f64)) -> f64 {
    let newton = beta - g / h;
    if (newton - beta).abs() <= 0.01 * beta {
        return newton;
    }
    let rise = (g - start) / (h * beta);
    let c = beta / (rise - 1.0);
    let b = h * (beta + c) * (beta + c);
    let a = g + b / (beta + c);
    let root = b / a - c;
    if rise > 1.0 && root > 0.0 && root.is_finite() { root } else { newton }
}

/// Where a descent ended.
struct Descent {
    beta: f64,
    /// The sums there.
    sums: Sums,
    /// Where it would go from there.
    next: f64,
    converged: bool,
}

fn descend(
    passes: &mut Passes<'_>,
    start: f64,
    (mut low, mut high): (f64, f64),
    (lowest, highest): (f64, f64),
    precision: Precision,
    tolerance: f64,
) -> Result<Descent> {
    let mut beta = if (low..=high).contains(&start) { start } else { (low * high).sqrt() };
    let mut steps = [f64::INFINITY; 2];
    for left in (0..100).rev() {
        let sums = passes.sweep(beta, precision)?;
        let (g, h) = sums.slope();
        if !g.is_finite() || g == 0.0 || (g < 0.0 && beta == highest) || (g > 0.0 && beta == lowest) {
            return Ok(Descent { beta, sums, next: beta, converged: true });
        }
        if g < 0.0 {
            low = beta;
        } else {
            high = beta;
        }
        let proposed = propose(passes.start, beta, (g, h));
        let inside = proposed > low && proposed < high;
        let step = (proposed - beta).abs();
        // Rounding noise in the gradient can keep the last steps above the tolerance: they stop shrinking.
        let stalled = step <= 1e3 * tolerance * beta && step >= 0.5 * steps[1];
        let converged = step <= tolerance * beta || stalled;
        let next = if inside && (converged || step <= 0.5 * steps[0]) {
            proposed
        } else if converged {
            beta
        } else if g < 0.0 && high == highest {
            (4.0 * beta).min(highest)
        } else if g > 0.0 && low == lowest {
            (beta / 4.0).max(lowest)
        } else {
            (low * high).sqrt()
        };
        if converged || left == 0 {
            return Ok(Descent { beta, sums, next, converged });
        }
        steps = [steps[1], (next - beta).abs()];
        beta = next;
    }
    unreachable!("the last of the steps returns")
}

/// The number type that rows are swept in.
#[derive(Clone, Copy)]
enum Precision {
    /// That of the logits; `f32` for half precision.
    Native,
    Double,
}

/// Passes over the same rows.
struct Passes<'a> {
    rows: &'a dyn Rows,
    observer: &'a dyn Observer,
    count: u32,
    /// The mean gradient at β = 0, once known.
    start: f64,
}

impl Passes<'_> {
    fn sweep(&mut self, beta: f64, precision: Precision) -> Result<Sums> {
        let progress =
            Progress { task: "fitting temperature", rows: 0, total: self.rows.rows(), pass: self.count };
        let sweep = Sweep { betas: vec![beta], precision, first: self.count == 0 };
        let mut sums = fold::observed(&sweep, self.rows, self.observer, progress)?;
        self.count += 1;
        Ok(sums.remove(0))
    }
}

/// The fold of one pass: sums at each β.
struct Sweep {
    betas: Vec<f64>,
    precision: Precision,
    /// Whether to find the gradient at β = 0 and what [`Sums::check`] needs: once is enough.
    first: bool,
}

/// Weighted sums over rows of the loss and its derivatives in β.
#[derive(Debug, Clone, Default)]
struct Sums {
    rows: u64,
    weight: f64,
    nll: f64,
    gradient: f64,
    curvature: f64,
    /// Σ (w·g)²: the middle of the sandwich.
    gradient_squares: f64,
    /// Σ of the gradient at β = 0, where every legal class is equally likely.
    flat_gradient: f64,
    /// Rows whose label has not the largest logit.
    below_top: u64,
    /// Rows whose logits are not all equal.
    uneven: u64,
    /// The first certain label, and whether another class is possible in some row.
    label: Option<usize>,
    several_labels: bool,
}

impl Sums {
    /// First and second derivative of the mean loss in β.
    fn slope(&self) -> (f64, f64) {
        (self.gradient / self.weight, self.curvature / self.weight)
    }

    fn merge(&mut self, later: &Sums) {
        self.rows += later.rows;
        self.weight += later.weight;
        self.nll += later.nll;
        self.gradient += later.gradient;
        self.curvature += later.curvature;
        self.gradient_squares += later.gradient_squares;
        self.flat_gradient += later.flat_gradient;
        self.below_top += later.below_top;
        self.uneven += later.uneven;
        self.several_labels |=
            later.several_labels || matches!((self.label, later.label), (Some(a), Some(b)) if a != b);
        self.label = self.label.or(later.label);
    }

    /// Refuses rows that do not determine a temperature.
    fn check(&self) -> Result<()> {
        if self.rows == 0 {
            return Err(Error::new(ErrorKind::Fit, "number of rows that count", 0, "at least 1"));
        }
        if self.weight == 0.0 {
            return Err(Error::new(ErrorKind::Weight, "every row weight", 0, "at least one above 0"));
        }
        if let (Some(label), false) = (self.label, self.several_labels) {
            let expected = "at least two classes among the labels of a fit";
            return Err(Error::new(ErrorKind::Fit, "every label", label, expected));
        }
        if self.uneven == 0 {
            let expected = "logits that differ between classes, else no temperature matters";
            return Err(Error::new(ErrorKind::Fit, "difference of the logits in every row", 0, expected));
        }
        Ok(())
    }
}

impl Fold for Sweep {
    type State = Vec<Sums>;
    type Output = Vec<Sums>;

    fn start(&self) -> Vec<Sums> {
        vec![Sums::default(); self.betas.len()]
    }

    fn absorb(&self, states: &mut Vec<Sums>, block: &Block<'_>) -> Result<()> {
        let double = matches!(self.precision, Precision::Double) || block.scores().is_double();
        for (&beta, state) in self.betas.iter().zip(states) {
            if double {
                Absorb::<f64> { beta, first: self.first, state, block }.run()?;
            } else {
                Absorb::<f32> { beta: beta as f32, first: self.first, state, block }.run()?;
            }
        }
        Ok(())
    }

    fn merge(&self, states: &mut Vec<Sums>, later: Vec<Sums>) {
        for (state, later) in states.iter_mut().zip(later) {
            state.merge(&later);
        }
    }

    fn finish(&self, states: Vec<Sums>) -> Result<Vec<Sums>> {
        Ok(states)
    }
}

/// Absorbs a block in precision `R`.
struct Absorb<'a, R> {
    beta: R,
    first: bool,
    state: &'a mut Sums,
    block: &'a Block<'a>,
}

impl<R: Real> Absorb<'_, R> {
    fn run(self) -> Result<()> {
        let path = Path::best();
        let Absorb { beta, first, state, block } = self;
        let (scores, targets) = (block.scores(), block.targets());
        let mut scratch = Scratch::<R>::default();
        let mut soft_scratch = Vec::new();
        for row in 0..block.rows() {
            let label = match &targets {
                Targets::Labels(labels) => match labels.get(row, block.first_row())? {
                    Some(label) => Some(label),
                    None => continue,
                },
                Targets::Soft(_) => None,
            };
            let weight = block.weight(row)?;
            let z = scores.logit_row::<R>(row, block.first_row(), &mut scratch)?;
            let sums = path.sums::<R, { Order::CURVATURE }, false>(z, beta);
            if !sums.is_valid() {
                return Err(Logits(*scores.matrix()).invalid(row, block.first_row()));
            }
            // Σ t·(z - max): how far the target lies below the largest logit, before β; Σ t; and the one
            // class that the target allows, if it does.
            let (below, mass, label) = match (&targets, label) {
                (_, Some(label)) => (z[label].to_f64() - sums.max, 1.0, Some(label)),
                (Targets::Soft(soft), _) => {
                    let target = soft.row(row, block.first_row(), &mut soft_scratch)?;
                    let terms = z.iter().zip(target).filter(|(_, t)| **t != 0.0);
                    let below = terms.map(|(z, t)| t * (z.to_f64() - sums.max)).sum();
                    let certain = target.iter().position(|&t| t == 1.0);
                    (below, target.iter().sum(), certain)
                }
                (Targets::Labels(_), None) => continue,
            };
            if below == f64::NEG_INFINITY {
                return Err(scores.impossible_label(block.first_row() + row as u64));
            }
            let beta = beta.to_f64();
            let sum = 1.0 + sums.tail;
            // Mean and variance of β(z - max) under the model; in units of z they are divided by β and β².
            let mean = sums.first / sum;
            let variance = (sums.second / sum - mean * mean).max(0.0);
            let gradient = mass * (mean / beta) - below;
            state.rows += 1;
            state.weight += weight;
            state.nll += weight * (mass * sums.tail.ln_1p() - beta * below);
            state.gradient += weight * gradient;
            state.curvature += weight * (mass * (variance / (beta * beta)));
            state.gradient_squares += (weight * gradient) * (weight * gradient);
            if first && weight > 0.0 {
                let flat = flat_mean(z, R::from_f64(sums.max));
                state.flat_gradient += weight * (mass * flat - below);
                state.below_top += u64::from(below < 0.0);
                state.uneven += u64::from(flat < 0.0);
                match label {
                    Some(label) => {
                        state.several_labels |= state.label.is_some_and(|first| first != label);
                        state.label = state.label.or(Some(label));
                    }
                    None => state.several_labels = true,
                }
            }
        }
        Ok(())
    }
}

/// Mean of z - max over the classes that can occur.
#[inline(always)]
fn flat_mean<R: Real>(z: &[R], max: R) -> f64 {
    let sum = row::dot(z, None, max);
    if sum > f64::NEG_INFINITY {
        return sum / z.len() as f64;
    }
    let finite = z.iter().filter(|&&z| z > R::NEG_INFINITY);
    let (count, sum) = finite.fold((0, 0.0), |(n, sum), z| (n + 1, sum + (z.to_f64() - max.to_f64())));
    sum / f64::from(count)
}

/// A fitted temperature: p = softmax(z / T).
///
/// T > 1 softens probabilities, T < 1 sharpens them; the arg-max never changes.
///
/// ```
/// use temperance::{Logits, calibrate::Temperature};
///
/// let probabilities = Temperature::new(2.0)?.apply(&Logits::new(&[2.0, 0.0], 2)?)?;
/// assert!((probabilities[0] - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 1e-15);
/// assert!(Temperature::new(-1.0).is_err());
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperature(f64);

impl Temperature {
    /// A temperature chosen by hand.
    ///
    /// # Errors
    /// Unless 1e-30 ≤ T ≤ 1e30: beyond, logits divided by T overflow or vanish.
    pub fn new(temperature: f64) -> Result<Self> {
        let (least, most) = EXTREMES;
        if (least..=most).contains(&temperature) {
            Ok(Temperature(temperature))
        } else {
            let expected = format!("a number from {least:e} to {most:e}");
            Err(Error::parameter("temperature", temperature, expected))
        }
    }

    /// T.
    pub fn temperature(&self) -> f64 {
        self.0
    }

    /// Probabilities softmax(z / T) of every row, one row after the other.
    ///
    /// # Errors
    /// If a row is illegal.
    pub fn apply(&self, logits: &Logits<'_>) -> Result<Vec<f64>> {
        let mut out = vec![0.0; logits.rows() * logits.classes()];
        self.apply_into(logits, &mut out)?;
        Ok(out)
    }

    /// [`Temperature::apply`] into a buffer of any element type.
    ///
    /// # Errors
    /// If a row is illegal or the buffer has another length than the logits.
    pub fn apply_into<E: Element>(&self, logits: &Logits<'_>, out: &mut [E]) -> Result<()> {
        probabilities_into(self, &(*logits).into(), out)
    }
}

impl Calibrator for Temperature {
    fn method(&self) -> &'static str {
        ENTRY.name
    }

    fn classes(&self) -> Option<usize> {
        None
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with("temperature", Parameter::Number(self.0))
    }

    fn transform(&self, row: &mut [f64]) {
        for z in row {
            *z /= self.0;
        }
    }
}

impl Method for TemperatureScaling {
    fn fit_observed(&self, rows: &dyn Rows, observer: &dyn Observer) -> Result<Fitted> {
        let (temperature, certificate) = self.fit_with(rows, observer)?;
        Ok(Fitted { calibrator: Box::new(temperature), certificate })
    }
}
