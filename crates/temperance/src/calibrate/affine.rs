//! The affine family: calibrated logits are A·x + b of the log-probabilities x, with A a number, a diagonal or a matrix.
//!
//! Temperature with biases, vector scaling, matrix scaling, their structured forms and Dirichlet calibration differ in
//! A, in the penalty and in what is done to x before. They share this fit.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::lbfgs::minimise;
use super::survey::{FitRecord, Kept, Survey, for_each_row};
use super::{Calibrated, Calibrator, Fitted, Flag, Method, TemperatureScaling};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{self, Fold, Observer, Progress};
use crate::input::{Block, Rows, Target, Zeros};
use crate::parameters::{Parameter, ParameterEntry, Parameters};
use crate::row::{Order, Path};

/// What A is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// One number times the identity.
    Shared,
    /// A number for each class.
    Diagonal,
    /// A K × K matrix, row-major: row k makes the logit of class k.
    Full,
}

impl Structure {
    fn numbers(self, classes: usize) -> usize {
        match self {
            Structure::Shared => 1,
            Structure::Diagonal => classes,
            Structure::Full => classes * classes,
        }
    }
}

/// A fitted member of the family: p = softmax(A·x + b).
///
/// x = ln((1 - u)·softmax(z / T) + u/K), with T = 1 and u = 0 unless the method starts with a temperature; entries
/// below ln [`Zeros::CLIP`] count as that. As x comes from probabilities, a constant added to a row of logits changes
/// nothing. A class of logit -inf keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    method: &'static str,
    temperature: f64,
    uniform: f64,
    structure: Structure,
    scale: Vec<f64>,
    bias: Vec<f64>,
}

impl Affine {
    /// A: one number, K numbers, or K × K of them row by row.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// b.
    pub fn bias(&self) -> &[f64] {
        &self.bias
    }

    /// The temperature that divides the logits first; 1 if the method has none.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// A calibrator that only prepares x.
    fn preparing(temperature: f64, uniform: f64, classes: usize) -> Affine {
        let (scale, bias) = (vec![1.0], vec![0.0; classes]);
        Affine { method: "", temperature, uniform, structure: Structure::Shared, scale, bias }
    }

    /// Makes it again from its parameters.
    pub(super) fn load(
        method: &'static str,
        structure: Structure,
        parameters: &Parameters,
    ) -> Result<Box<dyn Calibrator>> {
        parameters.only(&["temperature", "uniform", "scale", "bias"])?;
        let (temperature, uniform) = (parameters.number("temperature")?, parameters.number("uniform")?);
        if !(temperature > 0.0 && temperature < f64::INFINITY) {
            return Err(Error::parameter("temperature", temperature, "a finite number above 0"));
        }
        if !(0.0..1.0).contains(&uniform) {
            return Err(Error::parameter("uniform", uniform, "a number from 0 to below 1"));
        }
        let (scale, bias) = (parameters.numbers("scale")?.to_vec(), parameters.numbers("bias")?.to_vec());
        if bias.len() < 2 {
            return Err(Error::parameter(
                "bias",
                format!("{} numbers", bias.len()),
                "one for each of 2 classes or more",
            ));
        }
        let expected = structure.numbers(bias.len());
        if scale.len() != expected {
            let expected = format!("{expected}, for {} classes", bias.len());
            return Err(Error::parameter("scale", format!("{} numbers", scale.len()), expected));
        }
        for (name, values) in [("scale", &scale), ("bias", &bias)] {
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(Error::parameter(name, value, "finite numbers"));
            }
        }
        Ok(Box::new(Affine { method, temperature, uniform, structure, scale, bias }))
    }
}

impl Calibrator for Affine {
    fn method(&self) -> &'static str {
        self.method
    }

    fn classes(&self) -> Option<usize> {
        Some(self.bias.len())
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .with("temperature", Parameter::Number(self.temperature))
            .with("uniform", Parameter::Number(self.uniform))
            .with("scale", Parameter::Numbers(self.scale.clone()))
            .with("bias", Parameter::Numbers(self.bias.clone()))
    }

    fn transform(&self, row: &mut [f64]) {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for z in row.iter_mut() {
            *z = (*z - max) / self.temperature;
            sum += z.exp();
        }
        let log_sum = sum.ln();
        let mut x: Vec<f64> = row.iter().map(|z| z - log_sum).collect();
        if self.uniform > 0.0 {
            // A class that cannot occur gets no share; the rest are made to sum to 1 again.
            let floor = self.uniform / row.len() as f64;
            let mut sum = 0.0;
            for x in x.iter_mut().filter(|x| **x > f64::NEG_INFINITY) {
                let mixed = (1.0 - self.uniform) * x.exp() + floor;
                sum += mixed;
                *x = mixed.ln();
            }
            let log_sum = sum.ln();
            x.iter_mut().for_each(|x| *x -= log_sum);
        }
        x.iter_mut().for_each(|x| *x = x.max(Zeros::CLIP.ln()));
        for (class, (z, bias)) in row.iter_mut().zip(&self.bias).enumerate() {
            if *z == f64::NEG_INFINITY {
                continue;
            }
            *z = bias
                + match self.structure {
                    Structure::Shared => self.scale[0] * x[class],
                    Structure::Diagonal => self.scale[class] * x[class],
                    Structure::Full => {
                        let weights = &self.scale[class * x.len()..(class + 1) * x.len()];
                        weights.iter().zip(&x).map(|(a, x)| a * x).sum()
                    }
                };
        }
    }
}

/// λ_b·Σ b² + λ_d·Σ (A_kk - c)² + λ_o·Σ_{j≠k} A_kj², added to the mean loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Penalty {
    pub(super) bias: f64,
    pub(super) diagonal: f64,
    pub(super) off_diagonal: f64,
    /// c.
    pub(super) centre: f64,
}

impl Penalty {
    /// So little that only a direction in which the loss does not change, or falls for ever, feels it: separable rows
    /// and classes without a label have a finite answer.
    pub(super) fn least(centre: f64) -> Penalty {
        Penalty { bias: RIDGE, diagonal: RIDGE, off_diagonal: RIDGE, centre }
    }
}

/// The penalty of methods that have none.
pub(super) const RIDGE: f64 = 1e-9;

/// An unfitted member of the family.
#[derive(Debug, Clone)]
pub(super) struct AffineScaling {
    pub(super) method: &'static str,
    pub(super) structure: Structure,
    /// Whether x is that of temperature scaling, mixed with 1/(n + 1) of the uniform distribution.
    pub(super) prepared: bool,
    /// The penalty for n rows (of a weight above 0), K classes and a start at A = β₀·I.
    pub(super) penalty: fn(&AffineScaling, f64, usize, f64) -> Penalty,
    /// Numbers that the penalty is made of.
    pub(super) strengths: [f64; 3],
}

/// A strength of a penalty, checked.
pub(super) fn strength(parameters: &Parameters, entry: &ParameterEntry) -> Result<f64> {
    let value = parameters.number_or(entry)?;
    if (0.0..f64::INFINITY).contains(&value) {
        Ok(value)
    } else {
        Err(Error::parameter(entry.name, value, "a finite number, 0 or above"))
    }
}

/// The most evaluations of a fit; one that needs more stops there and says so.
const MOST_EVALUATIONS: u32 = 300;
/// The decrease of the mean loss that a fit may leave.
const TOLERANCE: f64 = 1e-12;
/// Below this mean loss after the fit, the rows count as separable.
const SEPARABLE: f64 = 1e-4;

impl Method for AffineScaling {
    fn fit_observed(&self, rows: &dyn Rows, observer: &dyn Observer) -> Result<Fitted> {
        let survey = Survey::of_fit(rows, observer)?;
        let classes = rows.classes();
        let (temperature, mut passes) = match TemperatureScaling::new().fit_with(rows, observer) {
            Ok((temperature, certificate)) => (temperature.temperature(), 1 + certificate.iterations),
            // No difference between the logits of any row: every temperature is as good.
            Err(error) if error.kind() == ErrorKind::Fit => (1.0, 2),
            Err(error) => return Err(error),
        };
        let uniform = if self.prepared { 1.0 / (survey.weighted_rows as f64 + 1.0) } else { 0.0 };
        let preparing = Affine::preparing(if self.prepared { temperature } else { 1.0 }, uniform, classes);
        let prepared = Calibrated::new(rows, &preparing);
        let source: &dyn Rows = if self.prepared { &prepared } else { rows };
        let kept = Kept::if_small(source, &survey, observer, passes)?;
        let block = kept.as_ref().map(Kept::block).transpose()?;
        let source: &dyn Rows = block.as_ref().map_or(source, |block| block);

        let start = if self.prepared { 1.0 } else { (1.0 / temperature).clamp(0.05, 20.0) };
        let penalty = (self.penalty)(self, survey.weighted_rows as f64, classes, start);
        let mut fit = Fit {
            structure: self.structure,
            classes,
            weight: survey.weight,
            penalty,
            rows: source,
            observer,
            passes,
            gradient: f64::INFINITY,
            converged: false,
        };
        let (scale, bias) = fit.run(start)?;
        passes = fit.passes;
        let calibrator = Affine {
            method: self.method,
            temperature: preparing.temperature,
            uniform,
            structure: self.structure,
            scale,
            bias,
        };
        let mut flags = Vec::new();
        if survey.weighted_rows < (self.structure.numbers(classes) + classes) as u64 {
            flags.push(Flag::FewRows);
        }
        if !fit.converged {
            flags.push(Flag::NotConverged);
        }
        let record = FitRecord { gradient: Some(fit.gradient), iterations: passes, flags };
        let mut certificate = survey.certify(&calibrator, rows, observer, record)?;
        if certificate.nll_after < SEPARABLE {
            certificate.flags.push(Flag::Separable);
        }
        Ok(Fitted { calibrator: Box::new(calibrator), certificate })
    }
}

/// A fit at work.
struct Fit<'a> {
    structure: Structure,
    classes: usize,
    weight: f64,
    penalty: Penalty,
    rows: &'a dyn Rows,
    observer: &'a dyn Observer,
    passes: u32,
    /// The largest absolute derivative at the end.
    gradient: f64,
    converged: bool,
}

impl Fit<'_> {
    /// A and b of the least mean loss and penalty, starting at A = `start` times the identity and b = 0.
    fn run(&mut self, start: f64) -> Result<(Vec<f64>, Vec<f64>)> {
        let k = self.classes;
        let numbers = self.structure.numbers(k);
        let is_diagonal = self.is_diagonal();
        let mut parameters: Vec<f64> =
            is_diagonal.iter().map(|&diagonal| if diagonal { start } else { 0.0 }).collect();
        parameters.extend(vec![0.0; k]);
        let sums = self.sweep(&parameters[..numbers], &parameters[numbers..], true)?;
        let moments = sums.moments.as_ref().expect("they were asked for");
        let curvature = Curvature::new(self, moments);
        let weight = self.weight;
        let passes = &mut self.passes;
        let sweeps =
            Sweeps { structure: self.structure, classes: k, rows: self.rows, observer: self.observer };
        let penalty = self.penalty;
        let solve = |gradient: &mut [f64]| curvature.solve(gradient);
        let minimum = minimise(parameters, TOLERANCE, MOST_EVALUATIONS, &solve, &mut |at, gradient| {
            let (scale, bias) = at.split_at(numbers);
            let sums = sweeps.run(scale, bias, false, *passes)?;
            *passes += 1;
            let mut value = sums.loss / weight;
            let (of_scale, of_bias) = gradient.split_at_mut(numbers);
            for (index, g) in of_scale.iter_mut().enumerate() {
                let (lambda, centre) = if is_diagonal[index] {
                    (penalty.diagonal, penalty.centre)
                } else {
                    (penalty.off_diagonal, 0.0)
                };
                let off = scale[index] - centre;
                value += lambda * off * off;
                *g = sums.scale[index] / weight + 2.0 * lambda * off;
            }
            for (class, g) in of_bias.iter_mut().enumerate() {
                value += penalty.bias * bias[class] * bias[class];
                *g = sums.bias[class] / weight + 2.0 * penalty.bias * bias[class];
            }
            Ok(value)
        })?;
        (self.gradient, self.converged) = (minimum.gradient, minimum.converged);
        let mut scale = minimum.at;
        let bias = scale.split_off(numbers);
        Ok((scale, bias))
    }

    fn sweep(&mut self, scale: &[f64], bias: &[f64], moments: bool) -> Result<Sums> {
        let Fit { structure, classes, rows, observer, .. } = *self;
        let sums = Sweeps { structure, classes, rows, observer }.run(scale, bias, moments, self.passes)?;
        self.passes += 1;
        Ok(sums)
    }

    /// Which numbers of A lie on its diagonal.
    fn is_diagonal(&self) -> Vec<bool> {
        let of_matrix = |at| at / self.classes == at % self.classes;
        let numbers = self.structure.numbers(self.classes);
        (0..numbers).map(|at| self.structure != Structure::Full || of_matrix(at)).collect()
    }
}

/// An estimate of the second derivatives: a block for each class, of the numbers that make its logit and its bias, as if
/// the other classes did not move.
struct Curvature {
    structure: Structure,
    classes: usize,
    /// Of a shared number: its curvature.
    shared: f64,
    /// The lower Cholesky factor of each block, row by row; its order is that of A, the bias last.
    factors: Vec<Vec<f64>>,
}

/// With more classes a block of a matrix is taken to be diagonal.
const LARGEST_BLOCK: usize = 128;

impl Curvature {
    fn new(fit: &Fit<'_>, moments: &Moments) -> Self {
        let Fit { structure, classes, weight, penalty, .. } = *fit;
        // Nothing is flatter than this: a class that never occurs has no curvature of its own.
        let ridge = |value: f64| value.max(1e-9);
        let block = |class: usize| -> Vec<f64> {
            let whole = moments.whole[class] / weight;
            match structure {
                Structure::Shared => cholesky(vec![ridge(whole + 2.0 * penalty.bias)], 1),
                Structure::Diagonal => {
                    let (first, second) = (moments.first[class] / weight, moments.second[class] / weight);
                    let top = ridge(second + 2.0 * penalty.diagonal);
                    cholesky(vec![top, first, first, ridge(whole + 2.0 * penalty.bias)], 2)
                }
                Structure::Full => {
                    // The spread of x is taken where any class is in doubt, and shared by all.
                    let size = classes + 1;
                    let of_pair = |i: usize, j: usize| {
                        let (sum, total) = (moments.second[i * size + j], moments.second[size * size - 1]);
                        if total > 0.0 { whole * sum / total } else { 0.0 }
                    };
                    let lambda = |i: usize| match i {
                        i if i == classes => penalty.bias,
                        i if i == class => penalty.diagonal,
                        _ => penalty.off_diagonal,
                    };
                    let diagonal = |i: usize| ridge(of_pair(i, i) * (1.0 + 1e-9) + 2.0 * lambda(i));
                    if classes > LARGEST_BLOCK {
                        return (0..size).map(|i| diagonal(i).sqrt()).collect();
                    }
                    let entry = |at: usize| match (at / size, at % size) {
                        (i, j) if i == j => diagonal(i),
                        (i, j) => of_pair(i, j),
                    };
                    cholesky((0..size * size).map(entry).collect(), size)
                }
            }
        };
        let shared = match structure {
            Structure::Shared => ridge(moments.second[0] / weight + 2.0 * penalty.diagonal),
            Structure::Diagonal | Structure::Full => 1.0,
        };
        let factors = fold::ordered((0..classes).collect(), block);
        Curvature { structure, classes, shared, factors }
    }

    /// Replaces a gradient by the step to where the estimate has none.
    fn solve(&self, gradient: &mut [f64]) {
        let k = self.classes;
        let numbers = self.structure.numbers(k);
        let (of_scale, of_bias) = gradient.split_at_mut(numbers);
        if self.structure == Structure::Shared {
            of_scale[0] /= self.shared;
        }
        let per_class = if self.structure == Structure::Shared { 0 } else { numbers / k };
        let mut block = vec![0.0; per_class + 1];
        for (class, factor) in self.factors.iter().enumerate() {
            let own = class * per_class..(class + 1) * per_class;
            block[..per_class].copy_from_slice(&of_scale[own.clone()]);
            block[per_class] = of_bias[class];
            if factor.len() == block.len() && per_class > 0 {
                block.iter_mut().zip(factor).for_each(|(value, root)| *value /= root * root);
            } else {
                cholesky_solve(factor, &mut block);
            }
            of_scale[own].copy_from_slice(&block[..per_class]);
            of_bias[class] = block[per_class];
        }
    }
}

/// The lower factor L of a symmetric positive definite matrix, L·Lᵀ; a pivot that rounding makes too small is raised.
fn cholesky(mut a: Vec<f64>, size: usize) -> Vec<f64> {
    for j in 0..size {
        let pivot = a[j * size + j];
        let sum: f64 = a[j * size..j * size + j].iter().map(|l| l * l).sum();
        let root = (pivot - sum).max(1e-12 * pivot).sqrt();
        a[j * size + j] = root;
        for i in j + 1..size {
            let (above, below) = a.split_at(i * size);
            let dot: f64 = above[j * size..j * size + j].iter().zip(&below[..j]).map(|(x, y)| x * y).sum();
            a[i * size + j] = (a[i * size + j] - dot) / root;
        }
    }
    a
}

/// Solves L·Lᵀ·x = b in place.
fn cholesky_solve(l: &[f64], b: &mut [f64]) {
    let size = b.len();
    for i in 0..size {
        let dot: f64 = l[i * size..i * size + i].iter().zip(b.iter()).map(|(l, x)| l * x).sum();
        b[i] = (b[i] - dot) / l[i * size + i];
    }
    for i in (0..size).rev() {
        let x = b[i] / l[i * size + i];
        b[i] = x;
        for j in 0..i {
            b[j] -= l[i * size + j] * x;
        }
    }
}

/// What passes over the rows need.
struct Sweeps<'a> {
    structure: Structure,
    classes: usize,
    rows: &'a dyn Rows,
    observer: &'a dyn Observer,
}

impl Sweeps<'_> {
    fn run(&self, scale: &[f64], bias: &[f64], moments: bool, pass: u32) -> Result<Sums> {
        let progress = Progress { task: "fitting", rows: 0, total: self.rows.rows(), pass };
        let sweep = Sweep { structure: self.structure, classes: self.classes, scale, bias, moments };
        fold::observed(&sweep, self.rows, self.observer, progress)
    }
}

/// The fold of one pass: the loss and its derivatives in A and b.
struct Sweep<'a> {
    structure: Structure,
    classes: usize,
    scale: &'a [f64],
    bias: &'a [f64],
    moments: bool,
}

/// Weighted sums over rows.
struct Sums {
    loss: f64,
    /// Derivatives in the numbers of A.
    scale: Vec<f64>,
    /// Derivatives in b.
    bias: Vec<f64>,
    moments: Option<Moments>,
}

/// What the curvatures are made of.
///
/// `whole`: Σ w·p·(1 - p) of each class. With a diagonal, `first` and `second` are the same times x and times x². For a
/// shared number `second` is its own curvature. For a matrix it is Σ w·u·x̃·x̃ᵀ, x̃ being x and a 1, u = Σ_k p_k(1 - p_k).
struct Moments {
    whole: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
}

/// Rows of a block, side by side.
#[derive(Default)]
struct Batch {
    x: Vec<f64>,
    /// Entries of x whose class cannot occur.
    masked: Vec<usize>,
    labels: Vec<usize>,
    /// Shares of the classes, where labels are soft.
    shares: Vec<f64>,
    weights: Vec<f64>,
}

impl Fold for Sweep<'_> {
    type State = Sums;
    type Output = Sums;

    fn start(&self) -> Sums {
        let (numbers, k) = (self.scale.len(), self.classes);
        let (first, second) = match self.structure {
            Structure::Shared => (0, 1),
            Structure::Diagonal => (k, k),
            Structure::Full => (0, (k + 1) * (k + 1)),
        };
        let moments = self.moments.then(|| Moments {
            whole: vec![0.0; k],
            first: vec![0.0; first],
            second: vec![0.0; second],
        });
        Sums { loss: 0.0, scale: vec![0.0; numbers], bias: vec![0.0; k], moments }
    }

    fn absorb(&self, state: &mut Sums, block: &Block<'_>) -> Result<()> {
        let mut batch = Batch::default();
        for_each_row(block, &mut |log_p, target, weight| {
            let at = batch.x.len();
            for (class, &log_p) in log_p.iter().enumerate() {
                if log_p == f64::NEG_INFINITY {
                    batch.masked.push(at + class);
                }
                batch.x.push(log_p.max(Zeros::CLIP.ln()));
            }
            match target {
                Target::Class(label) => batch.labels.push(label),
                Target::Distribution(shares) => batch.shares.extend_from_slice(shares),
            }
            batch.weights.push(weight);
            Ok(())
        })?;
        if !batch.weights.is_empty() {
            self.add(state, &batch);
        }
        Ok(())
    }

    fn merge(&self, state: &mut Sums, later: Sums) {
        let add = |to: &mut [f64], from: &[f64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        state.loss += later.loss;
        add(&mut state.scale, &later.scale);
        add(&mut state.bias, &later.bias);
        if let (Some(moments), Some(later)) = (&mut state.moments, &later.moments) {
            add(&mut moments.whole, &later.whole);
            add(&mut moments.first, &later.first);
            add(&mut moments.second, &later.second);
        }
    }

    fn finish(&self, state: Sums) -> Result<Sums> {
        Ok(state)
    }

    /// With a matrix, enough rows for its products to pay for adding up its derivatives.
    fn chunk_rows(&self, classes: usize) -> usize {
        match self.structure {
            Structure::Full => fold::chunk_rows(classes).max(classes.min(4096)),
            Structure::Shared | Structure::Diagonal => fold::chunk_rows(classes),
        }
    }
}

impl Sweep<'_> {
    fn add(&self, state: &mut Sums, batch: &Batch) {
        let path = Path::best();
        let (k, rows) = (self.classes, batch.weights.len());
        let mut z = self.logits(batch);
        for &at in &batch.masked {
            z[at] = f64::NEG_INFINITY;
        }
        // Logits become residuals w·(p - t).
        let mut curvatures = if self.moments { vec![0.0; rows * k] } else { Vec::new() };
        for row in 0..rows {
            let z = &mut z[row * k..(row + 1) * k];
            let weight = batch.weights[row];
            let sums = path.sums::<f64, { Order::NORMALISER }, false>(z, 1.0);
            let log_sum = sums.max + sums.tail.ln_1p();
            let label = batch.labels.get(row).copied();
            let shares = batch.shares.get(row * k..(row + 1) * k).unwrap_or_default();
            let (mass, hit) = match label {
                Some(label) => (1.0, z[label]),
                None => {
                    let live = shares.iter().zip(z.iter()).filter(|(share, _)| **share != 0.0);
                    live.fold((0.0, 0.0), |(mass, hit), (share, z)| (mass + share, hit + share * z))
                }
            };
            state.loss += weight * (mass * log_sum - hit);
            path.softmax(z, 1.0, &sums);
            if self.moments {
                for (curvature, p) in curvatures[row * k..].iter_mut().zip(z.iter()) {
                    *curvature = weight * mass * p * (1.0 - p);
                }
            }
            if self.moments && self.structure == Structure::Shared {
                let x = &batch.x[row * k..(row + 1) * k];
                let mean: f64 = z.iter().zip(x).map(|(p, x)| p * x).sum();
                let variance: f64 = z.iter().zip(x).map(|(p, x)| p * (x - mean) * (x - mean)).sum();
                if let Some(moments) = &mut state.moments {
                    moments.second[0] += weight * mass * variance;
                }
            }
            let factor = weight * mass;
            z.iter_mut().for_each(|p| *p *= factor);
            match label {
                Some(label) => z[label] -= weight,
                None => z.iter_mut().zip(shares).for_each(|(r, share)| *r -= weight * share),
            }
            state.bias.iter_mut().zip(z.iter()).for_each(|(sum, r)| *sum += r);
        }
        self.products(&z, &batch.x, &mut state.scale);
        if let Some(moments) = &mut state.moments {
            for curvatures in curvatures.chunks(k) {
                moments.whole.iter_mut().zip(curvatures).for_each(|(sum, c)| *sum += c);
            }
            match self.structure {
                Structure::Shared => {}
                Structure::Diagonal => {
                    self.products(&curvatures, &batch.x, &mut moments.first);
                    let squares: Vec<f64> = batch.x.iter().map(|x| x * x).collect();
                    self.products(&curvatures, &squares, &mut moments.second);
                }
                Structure::Full => {
                    let extended = |x: &[f64], factor: f64| {
                        x.iter().copied().chain([1.0]).map(|x| factor * x).collect::<Vec<f64>>()
                    };
                    let doubt = |row: usize| curvatures[row * k..(row + 1) * k].iter().sum::<f64>();
                    let x: Vec<f64> = batch.x.chunks(k).flat_map(|x| extended(x, 1.0)).collect();
                    let left: Vec<f64> =
                        batch.x.chunks(k).enumerate().flat_map(|(row, x)| extended(x, doubt(row))).collect();
                    let (left, x) = (matrix(&left, k + 1), matrix(&x, k + 1));
                    let mut sums = matrix_mut(&mut moments.second, k + 1);
                    general_mat_mul(1.0, &left.reversed_axes(), &x, 1.0, &mut sums);
                }
            }
        }
    }

    /// A·x + b of every row.
    fn logits(&self, batch: &Batch) -> Vec<f64> {
        let (k, rows) = (self.classes, batch.weights.len());
        let mut z: Vec<f64> = match self.structure {
            Structure::Shared => batch.x.iter().map(|x| self.scale[0] * x).collect(),
            Structure::Diagonal => {
                batch.x.chunks(k).flat_map(|x| x.iter().zip(self.scale).map(|(x, v)| x * v)).collect()
            }
            Structure::Full => {
                let mut z = vec![0.0; rows * k];
                let (x, a) = (matrix(&batch.x, k), matrix(self.scale, k));
                general_mat_mul(1.0, &x, &a.reversed_axes(), 0.0, &mut matrix_mut(&mut z, k));
                z
            }
        };
        for z in z.chunks_mut(k) {
            z.iter_mut().zip(self.bias).for_each(|(z, b)| *z += b);
        }
        z
    }

    /// Adds Σ over rows of left_k·x_j to the numbers of A that they belong to.
    fn products(&self, left: &[f64], x: &[f64], sums: &mut [f64]) {
        let k = self.classes;
        match self.structure {
            Structure::Shared => sums[0] += left.iter().zip(x).map(|(l, x)| l * x).sum::<f64>(),
            Structure::Diagonal => {
                for (left, x) in left.chunks(k).zip(x.chunks(k)) {
                    for ((sum, l), x) in sums.iter_mut().zip(left).zip(x) {
                        *sum += l * x;
                    }
                }
            }
            Structure::Full => {
                let (left, x) = (matrix(left, k), matrix(x, k));
                general_mat_mul(1.0, &left.reversed_axes(), &x, 1.0, &mut matrix_mut(sums, k));
            }
        }
    }
}

fn matrix(values: &[f64], columns: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((values.len() / columns, columns), values).expect("whole rows")
}

fn matrix_mut(values: &mut [f64], columns: usize) -> ArrayViewMut2<'_, f64> {
    ArrayViewMut2::from_shape((values.len() / columns, columns), values).expect("whole rows")
}
