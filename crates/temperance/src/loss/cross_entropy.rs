//! Cross-entropy with label smoothing, class weights, the confidence penalty, z-loss and logit penalty, with
//! its gradient.

use super::criterion::{Criterion, Supervision, Work};
use super::objective::{self, Buffers, Objective, Place, Precision, Seen, check_row, product};
use super::smoothing::{BaseMass, Resolved};
use super::{Entry, Loss, Options, Smoothing, Weighting};
use crate::error::{Error, Result};
use crate::input::Targets;
use crate::parameters::{Parameter, ParameterEntry, Parameters};
use crate::row::{self, Base, Coefficients, Isa, Order, Sums};

pub(super) const ENTRY: Entry = Entry {
    name: "cross_entropy",
    summary: "cross-entropy with label smoothing, confidence penalty, z-loss and logit penalty as its terms",
    formula: "-Σ t·ln p - β·H(p) + λ·(ln Σ exp z)² + κ·‖z‖²,  t = (1-ε)·onehot + ε/K",
    source: "Szegedy et al. 2016 (ε), Pereyra et al. 2017 (β), Chowdhery et al. 2022 (λ), Kornblith et al. 2021 (κ)",
    parameters: &[EPSILON, BETA, GAMMA, LAMBDA, KAPPA],
    soft_labels: true,
    teacher: false,
    neutral: &[],
    build: |parameters| {
        parameters.only(&[EPSILON.name, BETA.name, GAMMA.name, LAMBDA.name, KAPPA.name])?;
        let loss = CrossEntropy::new()
            .label_smoothing(parameters.number_or(&EPSILON)?)?
            .confidence_penalty(parameters.number_or(&BETA)?)?
            .z_loss(parameters.number_or(&LAMBDA)?)?
            .logit_penalty(parameters.number_or(&KAPPA)?)?;
        let gamma = parameters.number_or(&GAMMA)?;
        Ok(Box::new(if gamma == f64::INFINITY { loss } else { loss.penalty_threshold(gamma)? }))
    },
};

const EPSILON: ParameterEntry =
    ParameterEntry { name: "label_smoothing", domain: "from 0 to 1", default: 0.0 };
const BETA: ParameterEntry =
    ParameterEntry { name: "confidence_penalty", domain: "0 or above", default: 0.0 };
const GAMMA: ParameterEntry = ParameterEntry {
    name: "penalty_threshold",
    domain: "nats, 0 or above; inf for none",
    default: f64::INFINITY,
};
const LAMBDA: ParameterEntry = ParameterEntry { name: "z_loss", domain: "0 or above", default: 0.0 };
const KAPPA: ParameterEntry = ParameterEntry { name: "logit_penalty", domain: "0 or above", default: 0.0 };

/// Cross-entropy of logits, with everything that regularises the output distribution as a term of it.
///
/// For a row with logits z, p = softmax(z), target t (the label, smoothed) and class weights w:
///
/// ```text
/// loss = -Σ_c w_c·t_c·ln p_c  +  r·(penalty(H) + λ·l² + κ·Σ_c z_c²)
/// H = -Σ_c p_c·ln p_c,  l = ln Σ_c exp(z_c)
/// penalty(H) = -β·H,  or  β·max(0, Γ - H)  with a threshold Γ
/// ∂loss/∂z_j = p_j·(Σ_c w_c·t_c + r·β·(ln p_j + H) + 2·r·λ·l) - w_j·t_j + 2·r·κ·z_j    (β only where H < Γ)
/// ```
///
/// r is the weight of the label (1 for soft labels), so that a mean weighs the penalty of a row as it weighs
/// its loss. λ is the z-loss, which keeps the normaliser near 1; κ the logit penalty, which counts a logit of
/// -inf as 0. Values and gradients are those of PyTorch 2.15's `cross_entropy`, its denominators included: a mean
/// divides by Σ w_y over the rows that count for hard labels, by the number of rows for soft ones. With class
/// weights the optimum is p ∝ w·t, not t, unless [`Weighting::Sample`] is chosen.
///
/// -inf logits: p = 0, and a class of target 0 contributes nothing; a target above 0 on one makes the loss
/// +inf and leaves the gradient finite. A [`Smoothing`] with a mask keeps its mass off such classes.
///
/// ```
/// use temperance::loss::{Criterion, CrossEntropy};
/// use temperance::{Labels, Logits};
///
/// let logits = Logits::new(&[2.0, 0.0], 2)?;
/// let loss = CrossEntropy::new().label_smoothing(0.1)?;
/// let (value, gradient) = loss.forward_backward::<f64>(&logits, Labels::new(&[0], 2))?;
///
/// let p = 1.0 / (1.0 + (-2.0_f64).exp());
/// assert!((value.value - (-0.95 * p.ln() - 0.05 * (1.0 - p).ln())).abs() < 1e-15);
/// assert!((value.nll - -p.ln()).abs() < 1e-15);
/// assert!((gradient[0] - (p - 0.95)).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Sources: Szegedy et al. 2016, section 7 (label smoothing); Pereyra et al. 2017, equations 1 to 4 (confidence
/// penalty; the threshold's sign is the one that penalises confidence, not the one printed); Chowdhery et al.
/// 2022, section 5 (z-loss, λ = 1e-4); Kornblith et al. 2021, section 3 (logit penalty).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CrossEntropy {
    smoothing: Smoothing,
    penalty: f64,
    threshold: Option<f64>,
    z_loss: f64,
    logit_penalty: f64,
    options: Options,
}

impl CrossEntropy {
    /// Plain cross-entropy, averaged.
    pub fn new() -> Self {
        Self::default()
    }

    /// Smooths labels by ε/K on every class (convention `uniform`).
    ///
    /// # Errors
    /// Unless 0 ≤ ε ≤ 1.
    pub fn label_smoothing(self, epsilon: f64) -> Result<Self> {
        Ok(self.smoothing(Smoothing::uniform(epsilon)?))
    }

    /// Smooths labels by any convention, prior or mask.
    #[must_use]
    pub fn smoothing(mut self, smoothing: Smoothing) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// Adds -β·H.
    ///
    /// # Errors
    /// Unless 0 ≤ β < ∞.
    pub fn confidence_penalty(mut self, beta: f64) -> Result<Self> {
        self.penalty = strength("confidence penalty", beta)?;
        Ok(self)
    }

    /// Adds λ·(ln Σ exp z)².
    ///
    /// # Errors
    /// Unless 0 ≤ λ < ∞.
    pub fn z_loss(mut self, lambda: f64) -> Result<Self> {
        self.z_loss = strength("z-loss", lambda)?;
        Ok(self)
    }

    /// Adds κ·Σ z².
    ///
    /// # Errors
    /// Unless 0 ≤ κ < ∞.
    pub fn logit_penalty(mut self, kappa: f64) -> Result<Self> {
        self.logit_penalty = strength("logit penalty", kappa)?;
        Ok(self)
    }

    /// Makes the penalty β·max(0, Γ - H): nothing where the entropy is at least Γ nats.
    ///
    /// # Errors
    /// Unless 0 ≤ Γ < ∞.
    pub fn penalty_threshold(mut self, gamma: f64) -> Result<Self> {
        if !(0.0..f64::INFINITY).contains(&gamma) {
            let expected = "a finite number of nats, 0 or above";
            return Err(Error::parameter("threshold of the confidence penalty", gamma, expected));
        }
        self.threshold = Some(gamma);
        Ok(self)
    }

    /// The weight of a class's own term.
    pub(super) fn weight(&self, class: usize) -> f64 {
        match (&self.options.weights, self.options.weighting) {
            (Some(weights), Weighting::Torch) => weights.as_slice()[class],
            _ => 1.0,
        }
    }

    pub(super) fn is_weighted(&self) -> bool {
        self.options.weights.is_some() && self.options.weighting == Weighting::Torch
    }
}

/// A number by which a term is multiplied.
pub(super) fn strength(what: &'static str, value: f64) -> Result<f64> {
    if (0.0..f64::INFINITY).contains(&value) {
        Ok(value)
    } else {
        Err(Error::parameter(what, value, "a finite number, 0 or above"))
    }
}

impl Criterion for CrossEntropy {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .with(EPSILON.name, Parameter::Number(self.smoothing.epsilon()))
            .with(BETA.name, Parameter::Number(self.penalty))
            .with(GAMMA.name, Parameter::Number(self.threshold.unwrap_or(f64::INFINITY)))
            .with(LAMBDA.name, Parameter::Number(self.z_loss))
            .with(KAPPA.name, Parameter::Number(self.logit_penalty))
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    fn is_shift_invariant(&self) -> bool {
        self.z_loss == 0.0 && self.logit_penalty == 0.0
    }

    fn run(&self, work: Work<'_>) -> Result<Loss> {
        let soft = matches!(work.given.targets, Targets::Soft(_));
        objective::run(&self.options, work, |classes| {
            Ok(Prepared::new(self, self.smoothing.resolve(classes)?, classes, soft))
        })
    }
}

/// What all rows share.
pub(super) struct Prepared<'a> {
    loss: &'a CrossEntropy,
    /// a of t = a·onehot + b.
    label_mass: f64,
    /// w_c·b_c for every class, or one number for all.
    base: PreparedBase,
    /// Σ w_c·b_c.
    base_mass: f64,
    minimum: Minimum,
}

enum PreparedBase {
    Constant(f64),
    PerClass { single: Vec<f32>, double: Vec<f64> },
}

/// The least loss of a row with a hard label.
enum Minimum {
    /// r times the same number.
    PerWeight(f64),
    /// No penalty: A·ln A - Σ v·ln v, of which this is the part Σ v·ln v of the base alone.
    FromBase(f64),
    /// No cheap form.
    Unknown,
}

pub(super) fn x_ln_x(x: f64) -> f64 {
    if x > 0.0 { x * x.ln() } else { 0.0 }
}

impl<'a> Prepared<'a> {
    pub(super) fn new(loss: &'a CrossEntropy, resolved: Resolved, classes: usize, soft: bool) -> Self {
        let Resolved { label_mass, base } = resolved;
        let base = match (base, loss.is_weighted()) {
            (BaseMass::Constant(base), false) => PreparedBase::Constant(base),
            (BaseMass::Constant(0.0), true) => PreparedBase::Constant(0.0),
            (base, _) => {
                let of = |class: usize| match &base {
                    BaseMass::Constant(base) => *base,
                    BaseMass::PerClass(base) => base[class],
                };
                let double: Vec<f64> = (0..classes).map(|class| of(class) * loss.weight(class)).collect();
                let single = double.iter().map(|&b| b as f32).collect();
                PreparedBase::PerClass { single, double }
            }
        };
        let (base_mass, base_x_ln_x) = match &base {
            PreparedBase::Constant(base) => (base * classes as f64, x_ln_x(*base) * classes as f64),
            PreparedBase::PerClass { double, .. } => {
                (double.iter().sum(), double.iter().copied().map(x_ln_x).sum())
            }
        };
        let minimum = match &base {
            _ if soft || loss.logit_penalty > 0.0 => Minimum::Unknown,
            _ if loss.penalty == 0.0 => Minimum::FromBase(base_x_ln_x),
            PreparedBase::Constant(base)
                if loss.threshold.is_none() && (!loss.is_weighted() || *base == 0.0) =>
            {
                let two_valued =
                    super::theory::minimum_two_valued(label_mass + base, *base, classes, loss.penalty);
                two_valued.map_or(Minimum::Unknown, |minimum| Minimum::PerWeight(minimum.loss))
            }
            _ => Minimum::Unknown,
        };
        Prepared { loss, label_mass, base, base_mass, minimum }
    }

    fn base_of(&self, class: usize) -> f64 {
        match &self.base {
            PreparedBase::Constant(base) => *base,
            PreparedBase::PerClass { double, .. } => double[class],
        }
    }

    /// Σ w·b over all classes but one, without cancellation where b is constant.
    fn base_mass_without(&self, class: usize, classes: usize) -> f64 {
        match &self.base {
            PreparedBase::Constant(base) => base * (classes - 1) as f64,
            PreparedBase::PerClass { double, .. } => (self.base_mass - double[class]).max(0.0),
        }
    }

    #[inline(always)]
    fn base<R: Precision>(&self) -> Base<'_, R> {
        match &self.base {
            PreparedBase::Constant(base) => Base::Constant(*base),
            PreparedBase::PerClass { single, double } => Base::PerClass(R::pick(single, double)),
        }
    }

    fn minimum_of(&self, label: usize, weight: f64) -> f64 {
        match self.minimum {
            Minimum::PerWeight(minimum) => weight * minimum,
            Minimum::FromBase(base_x_ln_x) => {
                let (base, mass) = (self.base_of(label), self.base_mass + self.label_mass * weight);
                let sum = base_x_ln_x - x_ln_x(base) + x_ln_x(base + self.label_mass * weight);
                x_ln_x(mass) - sum
            }
            Minimum::Unknown => f64::NAN,
        }
    }
}

/// What the loss of a row leaves for its gradient.
pub(super) struct RowLoss<R> {
    pub(super) sums: Sums,
    entropy: f64,
    /// Σ w·t.
    mass: f64,
    /// 2·r·λ·l of the z-loss.
    pull: f64,
    /// β·r where the penalty is in force, else 0.
    penalty: f64,
    /// κ·r.
    logit_penalty: f64,
    target: RowTarget<R>,
}

enum RowTarget<R> {
    /// The label and its weight.
    Label(usize, f64),
    /// w·t of every class.
    PerClass(Vec<R>),
}

impl<R> RowLoss<R> {
    /// A row with a target w·t of every class, their sum, and no other terms.
    #[inline(always)]
    pub(super) fn of_targets(sums: Sums, entropy: f64, mass: f64, targets: Vec<R>) -> Self {
        let target = RowTarget::PerClass(targets);
        RowLoss { sums, entropy, mass, pull: 0.0, penalty: 0.0, logit_penalty: 0.0, target }
    }

    /// The label, if it is hard.
    #[inline(always)]
    pub(super) fn label(&self) -> Option<usize> {
        match self.target {
            RowTarget::Label(label, _) => Some(label),
            RowTarget::PerClass(_) => None,
        }
    }

    /// The weight of the row's terms besides the cross-entropy.
    #[inline(always)]
    pub(super) fn weight(&self) -> f64 {
        match self.target {
            RowTarget::Label(_, weight) => weight,
            RowTarget::PerClass(_) => 1.0,
        }
    }
}

impl Objective for Prepared<'_> {
    type Row<R> = RowLoss<R>;

    #[inline(always)]
    fn row<R: Precision, I: Isa>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, RowLoss<R>)>> {
        let targets = &given.targets;
        let at_row = |error: Error| error.at_row(at.absolute());
        let label = match targets {
            Targets::Labels(labels) => match labels.get(at.row, at.first_row)? {
                Some(label) => Some(label),
                None => return Ok(None),
            },
            Targets::Soft(_) => None,
        };
        let sums = row::sums::<R, I, { Order::ENTROPY }, false>(z, R::ONE);
        check_row(&sums, z, at)?;
        let row::Described { log_sum, entropy, .. } = sums.describe();
        let max = R::from_f64(sums.max);
        let (mass, below, nll, minimum, weight, target, top) = match (label, targets) {
            (Some(label), _) => {
                self.loss.smoothing.check_label(label).map_err(at_row)?;
                let weight = self.loss.weight(label);
                let d = z[label].to_f64() - sums.max;
                let base = match self.base::<R>() {
                    Base::Constant(0.0) => 0.0,
                    Base::Constant(base) => base * row::dot(z, None, max),
                    Base::PerClass(base) => row::dot(z, Some(base), max),
                };
                let own = self.label_mass * weight;
                let minimum = self.minimum_of(label, weight);
                let target = RowTarget::Label(label, weight);
                (self.base_mass + own, base + product(own, d), log_sum - d, minimum, weight, target, label)
            }
            (None, Targets::Soft(labels)) => {
                let given = labels.row(at.row, at.first_row, &mut buffers.soft)?;
                let mut top = 0;
                let (mut mass, mut below, mut given_mass, mut given_below) = (0.0, 0.0, 0.0, 0.0);
                let mut target = Vec::with_capacity(z.len());
                for (class, (&t, &z)) in given.iter().zip(z).enumerate() {
                    if t != 0.0 {
                        self.loss.smoothing.check_label(class).map_err(at_row)?;
                    }
                    if t > given[top] {
                        top = class;
                    }
                    let d = z.to_f64() - sums.max;
                    let v = self.base_of(class) + self.label_mass * t * self.loss.weight(class);
                    mass += v;
                    below += product(v, d);
                    given_mass += t;
                    given_below += product(t, d);
                    target.push(R::from_f64(v));
                }
                let nll = given_mass * log_sum - given_below;
                (mass, below, nll, f64::NAN, 1.0, RowTarget::PerClass(target), top)
            }
            (None, Targets::Labels(_)) => return Ok(None),
        };
        let threshold = self.loss.threshold;
        let in_force = threshold.is_none_or(|gamma| entropy < gamma);
        let penalty = if in_force { self.loss.penalty * weight } else { 0.0 };
        let penalised = match threshold {
            None => -penalty * entropy,
            Some(gamma) => penalty * (gamma - entropy),
        };
        let normaliser = sums.max + log_sum;
        let mut penalised = penalised + weight * self.loss.z_loss * normaliser * normaliser;
        let logit_penalty = weight * self.loss.logit_penalty;
        if logit_penalty > 0.0 {
            penalised += logit_penalty * row::squared_norm(z);
        }
        // +inf comes from a target on a -inf logit; a mass of 0 must not turn it into NaN.
        let value = product(mass, log_sum) - below + penalised;
        let correct = if top == sums.arg_max { 1.0 } else { 0.0 };
        let pull = 2.0 * weight * self.loss.z_loss * normaliser;
        let seen = Seen { value, nll, entropy, correct, minimum };
        Ok(Some((seen, RowLoss { sums, entropy, mass, pull, penalty, logit_penalty, target })))
    }

    #[inline(always)]
    fn gradient<R: Precision, I: Isa>(
        &self,
        row: &RowLoss<R>,
        z: &mut [R],
        scale: f64,
        buffers: &mut Buffers,
    ) {
        if row.logit_penalty > 0.0 {
            buffers.own.clear();
            buffers.own.extend(z.iter().map(|z| z.to_f64()));
        }
        let targets = match &row.target {
            RowTarget::Label(..) => self.base::<R>(),
            RowTarget::PerClass(target) => Base::PerClass(target),
        };
        // The entry where p and t are both near 1 is patched below from numbers that did not cancel.
        let (patched, own, others) = match &row.target {
            RowTarget::Label(label, weight) => {
                let own = self.label_mass * weight + self.base_of(*label);
                (*label, own, self.base_mass_without(*label, z.len()))
            }
            RowTarget::PerClass(target) => {
                let top = row.sums.arg_max;
                let others = target.iter().enumerate().filter(|(class, _)| *class != top);
                (top, target[top].to_f64(), others.map(|(_, t)| t.to_f64()).sum())
            }
        };
        let d = z[patched].to_f64() - row.sums.max;
        let coefficients =
            Coefficients { mass: row.mass + row.pull, penalty: row.penalty, entropy: row.entropy, targets };
        row::gradient::<R, I>(z, &row.sums, &coefficients, scale);

        let sum = 1.0 + row.sums.tail;
        let p = if d < R::LOWEST.to_f64() { 0.0 } else { d.exp() / sum };
        let log_p = if p > 0.0 { d - row.sums.tail.ln_1p() } else { 0.0 };
        let pull = p * (row.pull + row.penalty * (log_p + row.entropy));
        let push = if patched == row.sums.arg_max {
            // mass·p - own = (mass - own) - mass·(1 - p)
            others - row.mass * (row.sums.tail / sum)
        } else {
            row.mass * p - own
        };
        z[patched] = R::from_f64(scale * (push + pull));
        if row.logit_penalty > 0.0 {
            for (g, &z) in z.iter_mut().zip(&buffers.own) {
                let z = if z == f64::NEG_INFINITY { 0.0 } else { z };
                *g = R::from_f64(g.to_f64() + 2.0 * scale * row.logit_penalty * z);
            }
        }
    }
}
