//! Cross-entropy with label smoothing, class weights, the confidence penalty, z-loss and logit penalty, with
//! its gradient.

use super::criterion::{Criterion, Supervision, Work};
use super::fused;
use super::objective::{self, Precision};
use super::smoothing::{BaseMass, Resolved};
use super::terms::Terms;
use super::{Entry, Loss, Options, Smoothing, Upstream};
use crate::error::{Error, Result};
use crate::input::{Element, Logits, Targets};
use crate::parameters::{Parameter, ParameterEntry, Parameters};
use crate::row::Base;

pub(super) const ENTRY: Entry = Entry {
    name: "cross_entropy",
    summary: "cross-entropy with label smoothing, confidence penalty, z-loss and logit penalty as its terms",
    formula: "-Σ t·ln p - β·H(p) + λ·(ln Σ exp z)² + κ·‖z‖²,  t = (1-ε)·onehot + ε/K",
    source: "Szegedy et al. 2016 (ε), Pereyra et al. 2017 (β), Chowdhery et al. 2022 (λ), Kornblith et al. 2021 (κ)",
    parameters: &[EPSILON, BETA, GAMMA, LAMBDA, KAPPA],
    soft_labels: true,
    teacher: false,
    neutral: Some(&[]),
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
/// weights the optimum is p ∝ w·t, not t, unless [`Weighting::Sample`](super::Weighting::Sample) is chosen.
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

    /// The loss, with three numbers a row (the largest logit, Σe without it, and Σd·e, where d = z - max z and
    /// e = exp(d)) from which [`CrossEntropy::backward_saved_into`] makes the gradient: for autograd systems, which
    /// ask for it later.
    ///
    /// Two numbers, the log-normaliser and the entropy, would do but for rows that are sure and right, whose
    /// gradient they would lose to rounding.
    ///
    /// ```
    /// use temperance::loss::{CrossEntropy, Criterion, Saved, Upstream};
    /// use temperance::{Labels, Logits};
    ///
    /// let (logits, labels) = (Logits::new(&[1.0, 1.0], 2)?, Labels::new(&[0], 2));
    /// let (loss, mut saved) = (CrossEntropy::new(), Saved::default());
    /// let value = loss.forward_saving(&logits, labels, &mut saved)?.value;
    /// let mut gradient = [0.0; 2];
    /// loss.backward_saved_into(&logits, labels, &saved, Upstream::Scalar(1.0), &mut gradient)?;
    /// assert_eq!((value, gradient), (2_f64.ln(), [-0.5, 0.5]));
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Criterion::forward`].
    pub fn forward_saving<'a>(
        &self,
        logits: &Logits<'a>,
        targets: impl Into<Supervision<'a>>,
        saved: &mut Saved,
    ) -> Result<Loss> {
        let given = targets.into();
        let classes = objective::check(&self.options, logits, &given)?;
        let soft = matches!(given.targets, Targets::Soft(_));
        saved.0.clear();
        saved.0.resize(logits.rows(), [0.0; 3]);
        fused::forward_saving(&self.prepare(classes, soft)?, *logits, given, &mut saved.0)
    }

    /// The gradient times `upstream`, from what [`CrossEntropy::forward_saving`] left for the same logits and
    /// targets.
    ///
    /// # Errors
    /// As [`Criterion::backward_into`]; if the saved rows are not as many as the logits'.
    pub fn backward_saved_into<'a, E: Element>(
        &self,
        logits: &Logits<'a>,
        targets: impl Into<Supervision<'a>>,
        saved: &Saved,
        upstream: Upstream<'_>,
        gradient: &mut [E],
    ) -> Result<()> {
        let given = targets.into();
        let classes = objective::check(&self.options, logits, &given)?;
        if saved.0.len() != logits.rows() {
            let expected = format!("one for each of the {} rows of logits", logits.rows());
            return Err(Error::shape("number of saved rows", saved.0.len(), expected));
        }
        let soft = matches!(given.targets, Targets::Soft(_));
        fused::backward_saved(&self.prepare(classes, soft)?, *logits, given, &saved.0, upstream, gradient)
    }

    /// What it is for rows of that many classes.
    pub(super) fn prepare(&self, classes: usize, soft: bool) -> Result<Prepared<'_>> {
        Ok(Prepared::new(self, self.smoothing.resolve(classes)?, classes, soft))
    }

    /// The weight of a class's own term.
    pub(super) fn weight(&self, class: usize) -> f64 {
        self.options.term_weight(class)
    }

    pub(super) fn is_weighted(&self) -> bool {
        self.options.term_weights().is_some()
    }
}

/// What a forward pass leaves for the backward pass: three numbers a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Saved(Vec<[f64; 3]>);

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
        let classes = objective::check_work(&self.options, &work)?;
        let soft = matches!(work.given.targets, Targets::Soft(_));
        fused::run(&self.prepare(classes, soft)?, work)
    }
}

/// What all rows share.
pub(super) struct Prepared<'a> {
    loss: &'a CrossEntropy,
    classes: usize,
    /// a of t = a·onehot + b.
    label_mass: f64,
    /// w_c·b_c for every class, or one number for all.
    base: PreparedBase,
    /// Σ w_c·b_c.
    base_mass: f64,
    minimum: Minimum,
    /// What every label makes of its row, if that does not depend on the label.
    shared: Option<OfLabel>,
}

/// What a label makes of its row: v = w·t is the weighted target.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfLabel {
    /// The weight of the label.
    pub(super) weight: f64,
    /// What the label has over the base of its class.
    pub(super) own: f64,
    /// v of the label.
    pub(super) v: f64,
    /// Σv.
    pub(super) mass: f64,
    /// Σv of all other classes.
    pub(super) others: f64,
    /// The least loss of the row.
    pub(super) minimum: f64,
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
        let mut prepared = Prepared { loss, classes, label_mass, base, base_mass, minimum, shared: None };
        if !loss.is_weighted() && matches!(prepared.base, PreparedBase::Constant(_)) {
            prepared.shared = Some(prepared.make_of_label(0));
        }
        prepared
    }

    pub(super) fn options(&self) -> &Options {
        &self.loss.options
    }

    pub(super) fn terms(&self) -> Terms {
        let CrossEntropy { penalty, threshold, z_loss, logit_penalty, .. } = *self.loss;
        let (offset, threshold) = (threshold.unwrap_or(0.0), threshold.unwrap_or(f64::INFINITY));
        Terms { penalty, threshold, offset, z_loss, logit_penalty }
    }

    /// What a label makes of its row.
    #[inline(always)]
    pub(super) fn of_label(&self, label: usize) -> OfLabel {
        match self.shared {
            Some(shared) => shared,
            None => self.make_of_label(label),
        }
    }

    pub(super) fn shared(&self) -> Option<OfLabel> {
        self.shared
    }

    fn make_of_label(&self, label: usize) -> OfLabel {
        let weight = self.loss.weight(label);
        let own = self.label_mass * weight;
        OfLabel {
            weight,
            own,
            v: own + self.base_of(label),
            mass: self.base_mass + own,
            others: self.base_mass_without(label),
            minimum: self.minimum_of(label, weight),
        }
    }

    /// w·t of a class whose soft label is `t`.
    pub(super) fn soft(&self, class: usize, t: f64) -> f64 {
        self.base_of(class) + self.label_mass * t * self.loss.weight(class)
    }

    #[inline(always)]
    pub(super) fn check_label(&self, label: usize) -> Result<()> {
        self.loss.smoothing.check_label(label)
    }

    #[inline(always)]
    pub(super) fn allows(&self, label: usize) -> bool {
        self.loss.smoothing.allows(label)
    }

    fn base_of(&self, class: usize) -> f64 {
        match &self.base {
            PreparedBase::Constant(base) => *base,
            PreparedBase::PerClass { double, .. } => double[class],
        }
    }

    /// Σ w·b over all classes but one, without cancellation where b is constant.
    fn base_mass_without(&self, class: usize) -> f64 {
        match &self.base {
            PreparedBase::Constant(base) => base * (self.classes - 1) as f64,
            PreparedBase::PerClass { double, .. } => (self.base_mass - double[class]).max(0.0),
        }
    }

    #[inline(always)]
    pub(super) fn base<R: Precision>(&self) -> Base<'_, R> {
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
