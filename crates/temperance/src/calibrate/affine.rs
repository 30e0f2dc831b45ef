//! The affine family: calibrated logits are A·x + b of the log-probabilities x, with A a number, a diagonal or a matrix.
//!
//! Temperature with biases, vector scaling, matrix scaling, their structured forms and Dirichlet calibration differ in
//! A, in the penalty and in what is done to x before. They share this fit.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::curvature::Curvature;
use super::lbfgs::minimise;
use super::survey::{FitRecord, Survey, for_each_row};
use super::{Calibrated, Calibrator, Fitted, Flag, Method, TemperatureScaling};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{self, Fold, Observer, Progress};
use crate::input::{Block, Rows, Target, Zeros};
use crate::parameters::{Parameter, ParameterEntry, Parameters};
use crate::row::Path;

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
    pub(super) fn numbers(self, classes: usize) -> usize {
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
    /// λ of a number of the row of A that makes the logit of `class`; after the last class stands its bias.
    pub(super) fn of(&self, class: usize, at: usize, classes: usize) -> f64 {
        match at {
            at if at == classes => self.bias,
            at if at == class => self.diagonal,
            _ => self.off_diagonal,
        }
    }

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
        let source = Source::of(source, self.structure, &survey, observer, passes)?;
        passes += 1;

        let start = if self.prepared { 1.0 } else { (1.0 / temperature).clamp(0.05, 20.0) };
        let penalty = (self.penalty)(self, survey.weighted_rows as f64, classes, start);
        let mut fit = Fit {
            structure: self.structure,
            classes,
            weight: survey.weight,
            penalty,
            source,
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
    source: Source<'a>,
    observer: &'a dyn Observer,
    passes: u32,
    /// The largest absolute derivative at the end.
    gradient: f64,
    converged: bool,
}

impl Fit<'_> {
    /// A and b of the least mean loss and penalty, starting at A = `start` times the identity and b = 0.
    fn run(&mut self, start: f64) -> Result<(Vec<f64>, Vec<f64>)> {
        let (classes, numbers) = (self.classes, self.structure.numbers(self.classes));
        let mut at: Vec<f64> =
            (0..numbers).map(|number| if self.is_diagonal(number) { start } else { 0.0 }).collect();
        at.resize(numbers + classes, 0.0);
        let curvature = self.curvature(&at);
        let solve = |gradient: &mut [f64]| curvature.solve(gradient);
        let mut value = |at: &[f64], gradient: &mut [f64]| self.value(at, gradient);
        let minimum = minimise(at, TOLERANCE, MOST_EVALUATIONS, &solve, &mut value)?;
        (self.gradient, self.converged) = (minimum.gradient, minimum.converged);
        let mut scale = minimum.at;
        let bias = scale.split_off(numbers);
        Ok((scale, bias))
    }

    /// The mean loss and the penalty at A and b, one after the other; their derivatives go to `gradient`.
    fn value(&mut self, at: &[f64], gradient: &mut [f64]) -> Result<f64> {
        let sweep = self.sweep(at);
        let sums = self.source.sums(&sweep, self.observer, self.passes)?;
        let (penalty, weight) = (self.penalty, self.weight);
        let mut value = sums.loss / weight;
        let (of_scale, of_bias) = gradient.split_at_mut(sweep.scale.len());
        for (number, g) in of_scale.iter_mut().enumerate() {
            let (lambda, centre) = if self.is_diagonal(number) {
                (penalty.diagonal, penalty.centre)
            } else {
                (penalty.off_diagonal, 0.0)
            };
            let off = sweep.scale[number] - centre;
            value += lambda * off * off;
            *g = sums.scale[number] / weight + 2.0 * lambda * off;
        }
        for ((g, sum), bias) in of_bias.iter_mut().zip(&sums.bias).zip(sweep.bias) {
            value += penalty.bias * bias * bias;
            *g = sum / weight + 2.0 * penalty.bias * bias;
        }
        self.passes += 1;
        Ok(value)
    }

    /// The curvature at A and b, one after the other.
    fn curvature(&self, at: &[f64]) -> Curvature {
        let sample = match &self.source {
            Source::Kept(batches) => batches,
            Source::Read { sample, .. } => sample,
        };
        Curvature::new(&self.sweep(at), self.penalty, sample)
    }

    fn sweep<'b>(&self, at: &'b [f64]) -> Sweep<'b> {
        let (scale, bias) = at.split_at(self.structure.numbers(self.classes));
        Sweep { structure: self.structure, classes: self.classes, scale, bias }
    }

    /// Whether a number of A lies on its diagonal.
    fn is_diagonal(&self, number: usize) -> bool {
        self.structure != Structure::Full || number / self.classes == number % self.classes
    }
}

/// The rows of a fit: kept where they are few; where they are many read again in every pass, and some of them kept.
enum Source<'a> {
    Kept(Vec<Batch>),
    Read { rows: &'a dyn Rows, sample: Vec<Batch> },
}

impl<'a> Source<'a> {
    fn of(
        rows: &'a dyn Rows,
        structure: Structure,
        survey: &Survey,
        observer: &dyn Observer,
        pass: u32,
    ) -> Result<Source<'a>> {
        let progress = Progress { task: "reading", rows: 0, total: rows.rows(), pass };
        let share = survey.share_to_keep(rows.classes());
        let sample = fold::observed(&Batches { structure, share }, rows, observer, progress)?;
        Ok(if share == 1.0 { Source::Kept(sample) } else { Source::Read { rows, sample } })
    }

    /// One pass over the rows.
    fn sums(&self, sweep: &Sweep<'_>, observer: &dyn Observer, pass: u32) -> Result<Sums> {
        let progress = |rows, total| Progress { task: "fitting", rows, total, pass };
        match self {
            Source::Read { rows, .. } => fold::observed(sweep, *rows, observer, progress(0, rows.rows())),
            Source::Kept(batches) => {
                let parts = fold::ordered(batches.iter().collect(), |batch| {
                    let mut sums = sweep.start();
                    sweep.add(&mut sums, batch);
                    sums
                });
                let mut sums = sweep.start();
                parts.into_iter().for_each(|part| sweep.merge(&mut sums, part));
                let rows = batches.iter().map(|batch| batch.rows() as u64).sum();
                fold::tell(observer, progress(rows, Some(rows)))?;
                Ok(sums)
            }
        }
    }
}

/// Keeps the rows or a share of them, a batch for each chunk.
struct Batches {
    structure: Structure,
    share: f64,
}

impl Batches {
    /// The golden ratio's multiples, mod 1, lie evenly, and along no pattern that rows may have.
    fn keeps(&self, row: u64) -> bool {
        row.wrapping_mul(0x9E37_79B9_7F4A_7C15) as f64 <= self.share * u64::MAX as f64
    }
}

impl Fold for Batches {
    type State = Vec<Batch>;
    type Output = Vec<Batch>;

    fn start(&self) -> Vec<Batch> {
        Vec::new()
    }

    fn absorb(&self, state: &mut Vec<Batch>, block: &Block<'_>) -> Result<()> {
        if state.is_empty() {
            state.push(Batch::default());
        }
        if self.share == 1.0 {
            return state[0].extend(block);
        }
        (0..block.rows())
            .filter(|row| self.keeps(block.first_row() + *row as u64))
            .try_for_each(|row| state[0].extend(&block.slice(row..row + 1)))
    }

    fn merge(&self, state: &mut Vec<Batch>, mut later: Vec<Batch>) {
        state.append(&mut later);
    }

    fn finish(&self, state: Vec<Batch>) -> Result<Vec<Batch>> {
        Ok(state)
    }

    fn chunk_rows(&self, classes: usize) -> usize {
        chunk_rows(self.structure, classes)
    }
}

/// With a matrix, enough rows for its products to pay for adding up its derivatives.
fn chunk_rows(structure: Structure, classes: usize) -> usize {
    match structure {
        Structure::Full => fold::chunk_rows(classes).max(classes.min(4096)),
        Structure::Shared | Structure::Diagonal => fold::chunk_rows(classes),
    }
}

/// The fold of one pass: the loss and its derivatives in A and b.
pub(super) struct Sweep<'a> {
    pub(super) structure: Structure,
    pub(super) classes: usize,
    pub(super) scale: &'a [f64],
    pub(super) bias: &'a [f64],
}

/// Weighted sums over rows.
pub(super) struct Sums {
    loss: f64,
    /// Derivatives in the numbers of A.
    scale: Vec<f64>,
    /// Derivatives in b.
    bias: Vec<f64>,
}

/// Rows of a block, side by side.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) x: Vec<f64>,
    /// Entries of x whose class cannot occur.
    masked: Vec<usize>,
    labels: Vec<usize>,
    /// Shares of the classes, where labels are soft.
    shares: Vec<f64>,
    pub(super) weights: Vec<f64>,
}

impl Batch {
    pub(super) fn rows(&self) -> usize {
        self.weights.len()
    }

    /// What the shares of a row sum to; a label is 1.
    pub(super) fn mass(&self, row: usize, classes: usize) -> f64 {
        match self.shares.get(row * classes..(row + 1) * classes) {
            Some(shares) => shares.iter().sum(),
            None => 1.0,
        }
    }

    fn extend(&mut self, block: &Block<'_>) -> Result<()> {
        for_each_row(block, &mut |log_p, target, weight| {
            let at = self.x.len();
            for (class, &log_p) in log_p.iter().enumerate() {
                if log_p == f64::NEG_INFINITY {
                    self.masked.push(at + class);
                }
                self.x.push(log_p.max(Zeros::CLIP.ln()));
            }
            match target {
                Target::Class(label) => self.labels.push(label),
                Target::Distribution(shares) => self.shares.extend_from_slice(shares),
            }
            self.weights.push(weight);
            Ok(())
        })
    }
}

impl Fold for Sweep<'_> {
    type State = Sums;
    type Output = Sums;

    fn start(&self) -> Sums {
        let (numbers, k) = (self.scale.len(), self.classes);
        Sums { loss: 0.0, scale: vec![0.0; numbers], bias: vec![0.0; k] }
    }

    fn absorb(&self, state: &mut Sums, block: &Block<'_>) -> Result<()> {
        let mut batch = Batch::default();
        batch.extend(block)?;
        if batch.rows() > 0 {
            self.add(state, &batch);
        }
        Ok(())
    }

    fn merge(&self, state: &mut Sums, later: Sums) {
        let add = |to: &mut [f64], from: &[f64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        state.loss += later.loss;
        add(&mut state.scale, &later.scale);
        add(&mut state.bias, &later.bias);
    }

    fn finish(&self, state: Sums) -> Result<Sums> {
        Ok(state)
    }

    fn chunk_rows(&self, classes: usize) -> usize {
        chunk_rows(self.structure, classes)
    }
}

impl Sweep<'_> {
    fn add(&self, state: &mut Sums, batch: &Batch) {
        let path = Path::best();
        let (k, rows) = (self.classes, batch.rows());
        let logits = self.logits(batch);
        // Residuals w·(p - t).
        let mut residuals = vec![0.0; rows * k];
        let mut maxima = Vec::new();
        for row in 0..rows {
            let (logits, p) = (&logits[row * k..(row + 1) * k], &mut residuals[row * k..(row + 1) * k]);
            let (weight, mass) = (batch.weights[row], batch.mass(row, k));
            let sums = path.softmax_into(logits, p, &mut maxima);
            let log_sum = sums.max + sums.tail.ln_1p();
            let factor = weight * mass;
            p.iter_mut().for_each(|p| *p *= factor);
            let hit = match batch.labels.get(row) {
                Some(&label) => {
                    p[label] -= weight;
                    logits[label]
                }
                None => {
                    let shares = &batch.shares[row * k..(row + 1) * k];
                    p.iter_mut().zip(shares).for_each(|(r, share)| *r -= weight * share);
                    let live = shares.iter().zip(logits).filter(|(share, _)| **share != 0.0);
                    live.map(|(share, z)| share * z).sum()
                }
            };
            state.loss += weight * (mass * log_sum - hit);
            state.bias.iter_mut().zip(p.iter()).for_each(|(sum, r)| *sum += r);
        }
        self.products(&residuals, &batch.x, &mut state.scale);
    }

    /// A·x + b of every row; -inf where a class cannot occur.
    pub(super) fn logits(&self, batch: &Batch) -> Vec<f64> {
        let (k, rows) = (self.classes, batch.rows());
        let mut z: Vec<f64> = match self.structure {
            Structure::Shared => batch.x.iter().map(|x| self.scale[0] * x).collect(),
            Structure::Diagonal => {
                let mut z = batch.x.clone();
                z.chunks_mut(k).for_each(|z| z.iter_mut().zip(self.scale).for_each(|(z, v)| *z *= v));
                z
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
        for &at in &batch.masked {
            z[at] = f64::NEG_INFINITY;
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

pub(super) fn matrix(values: &[f64], columns: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((values.len() / columns, columns), values).expect("whole rows")
}

pub(super) fn matrix_mut(values: &mut [f64], columns: usize) -> ArrayViewMut2<'_, f64> {
    ArrayViewMut2::from_shape((values.len() / columns, columns), values).expect("whole rows")
}
