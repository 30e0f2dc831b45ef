//! The affine family: calibrated logits are A·x + b of the log-probabilities x, with A a number, a diagonal or a matrix.
//!
//! Temperature with biases, vector scaling, matrix scaling, their structured forms and Dirichlet calibration differ in
//! A, in the penalty and in what is done to x before. They share this fit.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::lbfgs::{largest, minimise};
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
        let floor = self.uniform / row.len() as f64;
        let x: Vec<f64> = row
            .iter()
            .map(|z| {
                let log_p = z - log_sum;
                let mixed = if self.uniform > 0.0 {
                    ((1.0 - self.uniform) * log_p.exp() + floor).ln()
                } else {
                    log_p
                };
                mixed.max(Zeros::CLIP.ln())
            })
            .collect();
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

/// The most evaluations of a fit: a stop, not an aim.
const MOST_EVALUATIONS: u32 = 1000;
/// The largest derivative that a fit ends with, in variables scaled to a curvature near 1.
const TOLERANCE: f64 = 1e-8;
/// Below this mean loss after the fit, the rows count as separable.
const SEPARABLE: f64 = 1e-4;
/// Bytes of log-probabilities that a fit keeps, so as not to make them anew in each pass.
const KEPT_BYTES: u64 = 1 << 25;

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
        let kept = if survey.rows * classes as u64 * 8 <= KEPT_BYTES {
            Some(Kept::of(source, observer, passes)?)
        } else {
            None
        };
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
    /// The largest absolute derivative at the last point that was tried.
    gradient: f64,
}

impl Fit<'_> {
    /// A and b of the least mean loss and penalty, starting at A = `start` times the identity and b = 0.
    ///
    /// The minimiser sees other variables: numbers of A times the root of their curvature at the start, and biases
    /// about the point where a number of A and the bias of its class do not pull at each other.
    fn run(&mut self, start: f64) -> Result<(Vec<f64>, Vec<f64>)> {
        let k = self.classes;
        let numbers = self.structure.numbers(k);
        let mut scale = vec![0.0; numbers];
        for at in self.diagonal() {
            scale[at] = start;
        }
        let sums = self.sweep(&scale, &vec![0.0; k], true)?;
        let moments = sums.moments.as_ref().expect("they were asked for");
        let weight = self.weight;
        let class_of = |at: usize| match self.structure {
            Structure::Shared | Structure::Diagonal => at,
            Structure::Full => at / k,
        };
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let unit = |curvature: f64| 1.0 / curvature.max(1e-6).sqrt();
        let mut centre = vec![0.0; numbers];
        let mut unit_scale = vec![0.0; numbers];
        let is_diagonal = self.is_diagonal();
        for at in 0..numbers {
            let lambda = if is_diagonal[at] { self.penalty.diagonal } else { self.penalty.off_diagonal };
            let mut curvature = moments.second[at] / weight;
            if self.structure != Structure::Shared {
                let whole = moments.whole[class_of(at)];
                centre[at] = ratio(moments.first[at], whole);
                curvature -= centre[at] * centre[at] * whole / weight;
            }
            unit_scale[at] = unit(curvature + 2.0 * lambda);
        }
        let unit_bias: Vec<f64> =
            moments.whole.iter().map(|whole| unit(whole / weight + 2.0 * self.penalty.bias)).collect();

        let parameters = |variables: &[f64]| {
            let (of_scale, of_bias) = variables.split_at(numbers);
            let scale: Vec<f64> = of_scale.iter().zip(&unit_scale).map(|(v, unit)| v * unit).collect();
            let mut bias: Vec<f64> = of_bias.iter().zip(&unit_bias).map(|(v, unit)| v * unit).collect();
            if self.structure != Structure::Shared {
                for (at, (scale, centre)) in scale.iter().zip(&centre).enumerate() {
                    bias[class_of(at)] -= centre * scale;
                }
            }
            (scale, bias)
        };
        let mut variables: Vec<f64> =
            scale.iter().zip(&unit_scale).map(|(scale, unit)| scale / unit).collect();
        let mut shifted = vec![0.0; k];
        if self.structure != Structure::Shared {
            for (at, (scale, centre)) in scale.iter().zip(&centre).enumerate() {
                shifted[class_of(at)] += centre * scale;
            }
        }
        variables.extend(shifted.iter().zip(&unit_bias).map(|(bias, unit)| bias / unit));

        let structure = self.structure;
        let (passes, gradient_of_parameters) = (&mut self.passes, &mut self.gradient);
        let sweeps = Sweeps { structure, classes: k, rows: self.rows, observer: self.observer };
        let penalty = self.penalty;
        let minimum = minimise(variables, TOLERANCE, MOST_EVALUATIONS, &mut |variables, gradient| {
            let (scale, bias) = parameters(variables);
            let sums = sweeps.run(&scale, &bias, false, *passes)?;
            *passes += 1;
            let mut value = sums.loss / weight;
            let mut of_scale: Vec<f64> = sums.scale.iter().map(|g| g / weight).collect();
            let mut of_bias: Vec<f64> = sums.bias.iter().map(|g| g / weight).collect();
            for (at, (g, scale)) in of_scale.iter_mut().zip(&scale).enumerate() {
                let (lambda, centre) = if is_diagonal[at] {
                    (penalty.diagonal, penalty.centre)
                } else {
                    (penalty.off_diagonal, 0.0)
                };
                value += lambda * (scale - centre) * (scale - centre);
                *g += 2.0 * lambda * (scale - centre);
            }
            for (g, bias) in of_bias.iter_mut().zip(&bias) {
                value += penalty.bias * bias * bias;
                *g += 2.0 * penalty.bias * bias;
            }
            *gradient_of_parameters = largest(&of_scale).max(largest(&of_bias));
            let (to_scale, to_bias) = gradient.split_at_mut(numbers);
            for (at, to) in to_scale.iter_mut().enumerate() {
                let pulled =
                    if structure == Structure::Shared { 0.0 } else { centre[at] * of_bias[class_of(at)] };
                *to = unit_scale[at] * (of_scale[at] - pulled);
            }
            for (class, to) in to_bias.iter_mut().enumerate() {
                *to = unit_bias[class] * of_bias[class];
            }
            Ok(value)
        })?;
        Ok(parameters(&minimum.at))
    }

    fn sweep(&mut self, scale: &[f64], bias: &[f64], moments: bool) -> Result<Sums> {
        let Fit { structure, classes, rows, observer, .. } = *self;
        let sums = Sweeps { structure, classes, rows, observer }.run(scale, bias, moments, self.passes)?;
        self.passes += 1;
        Ok(sums)
    }

    /// Where the numbers of the diagonal lie.
    fn diagonal(&self) -> Vec<usize> {
        match self.structure {
            Structure::Shared => vec![0],
            Structure::Diagonal => (0..self.classes).collect(),
            Structure::Full => (0..self.classes).map(|class| class * (self.classes + 1)).collect(),
        }
    }

    fn is_diagonal(&self) -> Vec<bool> {
        let mut is_diagonal = vec![false; self.structure.numbers(self.classes)];
        self.diagonal().into_iter().for_each(|at| is_diagonal[at] = true);
        is_diagonal
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

/// Sums of w·p·(1 - p) of each class, alone, times x, and times x²: the curvatures. For a shared number its own.
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
        let moments = self.moments.then(|| Moments {
            whole: vec![0.0; k],
            first: vec![0.0; numbers],
            second: vec![0.0; numbers],
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
            if self.structure != Structure::Shared {
                self.products(&curvatures, &batch.x, &mut moments.first);
                let squares: Vec<f64> = batch.x.iter().map(|x| x * x).collect();
                self.products(&curvatures, &squares, &mut moments.second);
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
