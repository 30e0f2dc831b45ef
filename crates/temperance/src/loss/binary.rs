//! Binary and multi-label cross-entropy: every class is a question of its own, answered by a sigmoid.

use super::criterion::{Criterion, Supervision, Work};
use super::cross_entropy::{strength, x_ln_x};
use super::objective::{self, Buffers, Objective, Place, Precision, Seen, product};
use super::smoothing::check_epsilon;
use super::{Entry, Loss, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::input::Targets;
use crate::parameters::{Parameter, ParameterEntry, Parameters};

pub(super) const ENTRY: Entry = Entry {
    name: "binary_cross_entropy",
    summary: "cross-entropy of one sigmoid per class, for labels that do not exclude each other",
    formula: "Σ_c ln(1 + exp z_c) - t_c·z_c,  t = y·(1-ε) + ε/2",
    source: "Szegedy et al. 2016 (ε), Pereyra et al. 2017 (β); as PyTorch's BCEWithLogitsLoss",
    parameters: &[EPSILON, CONVENTION, POSITIVE, BETA],
    soft_labels: true,
    teacher: false,
    neutral: None,
    build: |parameters| {
        parameters.only(&[EPSILON.name, CONVENTION.name, POSITIVE.name, BETA.name])?;
        let number = parameters.number_or(&CONVENTION)?;
        let Some(convention) = BinaryConvention::ALL.into_iter().find(|known| known.number() == number)
        else {
            return Err(Error::parameter(CONVENTION.name, number, CONVENTION.domain));
        };
        let loss = BinaryCrossEntropy::new()
            .label_smoothing(convention, parameters.number_or(&EPSILON)?)?
            .confidence_penalty(parameters.number_or(&BETA)?)?;
        let positive = match parameters.iter().find(|(name, _)| *name == POSITIVE.name) {
            Some((_, Parameter::Numbers(weights))) => weights.clone(),
            Some((_, Parameter::Number(weight))) => vec![*weight],
            None => return Ok(Box::new(loss)),
        };
        Ok(Box::new(loss.positive_weights(&positive)?))
    },
};

const EPSILON: ParameterEntry =
    ParameterEntry { name: "label_smoothing", domain: "from 0 to 1", default: 0.0 };
const CONVENTION: ParameterEntry =
    ParameterEntry { name: "convention", domain: "0 (half), 1 (full) or 2 (per class)", default: 0.0 };
const POSITIVE: ParameterEntry = ParameterEntry {
    name: "positive_weight",
    domain: "0 or above; one number, or one for each class",
    default: 1.0,
};
const BETA: ParameterEntry =
    ParameterEntry { name: "confidence_penalty", domain: "0 or above", default: 0.0 };

/// What ε means for a yes-or-no label y: the three conventions in use. They share ε and differ in the target.
///
/// | convention | y = 1 | y = 0 | used by |
/// |---|---|---|---|
/// | `Half` | 1 - ε/2 | ε/2 | Keras, YOLO, timm's `smooth_dense`, Burn for one output |
/// | `Full` | 1 - ε | ε | mmpretrain's `multi_label` |
/// | `PerClass` | 1 - ε + ε/C | ε/C | timm (class indices), Burn for C outputs |
///
/// ```
/// use temperance::loss::BinaryConvention;
///
/// assert_eq!(BinaryConvention::Half.target(1.0, 0.5, 4), 0.75);
/// assert_eq!(BinaryConvention::Full.target(1.0, 0.25, 4), 0.75);
/// assert_eq!(BinaryConvention::PerClass.target(1.0, 0.5, 4), 0.625);
/// assert_eq!(BinaryConvention::PerClass.target(0.0, 0.5, 4), 0.125);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BinaryConvention {
    /// y·(1-ε) + ε/2: ε is spread over the two answers, as for a softmax of two classes.
    #[default]
    Half,
    /// y·(1-2ε) + ε: ε goes to the wrong answer. It is `Half` with twice the ε.
    Full,
    /// y·(1-ε) + ε/C: the target of a softmax of C classes. A row's targets then sum to 1 if its labels do; with
    /// C > 2 a no is smoothed less than a yes.
    PerClass,
}

impl BinaryConvention {
    const ALL: [BinaryConvention; 3] =
        [BinaryConvention::Half, BinaryConvention::Full, BinaryConvention::PerClass];

    /// As in the parameter `convention`.
    fn number(self) -> f64 {
        match self {
            BinaryConvention::Half => 0.0,
            BinaryConvention::Full => 1.0,
            BinaryConvention::PerClass => 2.0,
        }
    }

    /// The lower-case name: `half`, `full` or `per_class`.
    pub fn name(self) -> &'static str {
        match self {
            BinaryConvention::Half => "half",
            BinaryConvention::Full => "full",
            BinaryConvention::PerClass => "per_class",
        }
    }

    /// The smoothed target of a label y from 0 to 1, for `classes` classes.
    pub fn target(self, y: f64, epsilon: f64, classes: usize) -> f64 {
        match self {
            BinaryConvention::Half => y * (1.0 - epsilon) + epsilon / 2.0,
            BinaryConvention::Full => y * (1.0 - 2.0 * epsilon) + epsilon,
            BinaryConvention::PerClass => y * (1.0 - epsilon) + epsilon / classes as f64,
        }
    }
}

/// Binary cross-entropy of logits, for one question or for many: multi-label classification.
///
/// For a row of C logits z with labels y_c from 0 to 1, σ the sigmoid and H₂ the entropy of a yes or no:
///
/// ```text
/// loss = Σ_c w_c·(v_c·t_c·softplus(-z_c) + (1-t_c)·softplus(z_c) - β·H₂(σ(z_c)))
/// ∂loss/∂z_j = w_j·((1-t_j)·σ(z_j) - v_j·t_j·σ(-z_j) + β·z_j·σ(z_j)·σ(-z_j))
/// softplus(x) = ln(1 + exp x) = -ln σ(-x)
/// ```
///
/// t is y smoothed by ε in a [`BinaryConvention`], v the weight of a yes (PyTorch's `pos_weight`), w the class
/// weights of the options, which here weigh a class's own question, penalty included. Targets are soft labels,
/// [`unnormalised`](crate::SoftLabels::unnormalised) as they need not sum to 1, or class indices, which stand
/// for one yes and C - 1 noes.
///
/// The loss of a row is the sum over its classes, and a mean divides by rows × C, as PyTorch does. With class
/// weights and class indices [`Reduction::Mean`](super::Reduction::Mean) divides by C·Σ w_y;
/// [`MeanOverRows`](super::Reduction::MeanOverRows) is then PyTorch's. The entropy of a row is the sum of those
/// of its answers, its NLL the loss without smoothing, weights and penalty. Accuracy is that of the largest
/// logit, as for every loss.
///
/// A logit of -inf is an impossible class: p = 0, no loss if its target is 0, else +inf with a finite gradient.
/// +inf, a certain class, and a row of only -inf are refused, as everywhere. A shift of the logits changes the
/// loss. Its least value is known for class indices without a penalty.
///
/// ```
/// use temperance::loss::{BinaryConvention, BinaryCrossEntropy, Criterion};
/// use temperance::{Logits, SoftLabels};
///
/// let z = [0.0, 3_f64.ln()]; // σ = (1/2, 3/4)
/// let logits = Logits::new(&z, 2)?;
/// let labels = SoftLabels::new(&[1.0, 1.0], 2)?.unnormalised();
/// let loss = BinaryCrossEntropy::new();
/// let (value, gradient) = loss.forward_backward::<f64>(&logits, labels)?;
/// assert!((value.value - 0.5 * (2_f64.ln() + (4.0_f64 / 3.0).ln())).abs() < 1e-15);
/// assert!((gradient[1] - 0.5 * (0.75 - 1.0)).abs() < 1e-15);
///
/// let smoothed = loss.label_smoothing(BinaryConvention::Half, 0.1)?.forward(&logits, labels)?;
/// assert!((smoothed.value - value.value - 0.5 * 0.05 * 3_f64.ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Sources: PyTorch 2.15, `BCEWithLogitsLoss`; Szegedy et al. 2016, section 7 (ε); Pereyra et al. 2017,
/// section 3 (β).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BinaryCrossEntropy {
    epsilon: f64,
    convention: BinaryConvention,
    /// Empty for 1, one number for all classes, or one for each.
    positive: Vec<f64>,
    penalty: f64,
    options: Options,
}

impl BinaryCrossEntropy {
    /// Plain binary cross-entropy, averaged over rows and classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Smooths labels by ε.
    ///
    /// # Errors
    /// Unless 0 ≤ ε ≤ 1.
    pub fn label_smoothing(mut self, convention: BinaryConvention, epsilon: f64) -> Result<Self> {
        self.epsilon = check_epsilon(epsilon)?;
        self.convention = convention;
        Ok(self)
    }

    /// Weighs a yes against a no: one number for all classes, or one for each.
    ///
    /// # Errors
    /// If there is none, or one is negative or not finite.
    pub fn positive_weights(mut self, weights: &[f64]) -> Result<Self> {
        if weights.is_empty() {
            return Err(Error::shape("number of positive weights", 0, "one, or one for each class"));
        }
        if let Some(column) = weights.iter().position(|w| !(0.0..f64::INFINITY).contains(w)) {
            let expected = "a finite number, 0 or above";
            let error = Error::new(ErrorKind::Weight, "positive weight", weights[column], expected);
            return Err(error.at_column(column));
        }
        self.positive = weights.to_vec();
        Ok(self)
    }

    /// Adds -β·H₂ of every answer.
    ///
    /// # Errors
    /// Unless 0 ≤ β < ∞.
    pub fn confidence_penalty(mut self, beta: f64) -> Result<Self> {
        self.penalty = strength("confidence penalty", beta)?;
        Ok(self)
    }

    /// v of a class.
    fn positive_weight(&self, class: usize) -> f64 {
        match self.positive.as_slice() {
            [] => 1.0,
            [weight] => *weight,
            weights => weights[class],
        }
    }
}

impl Criterion for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn parameters(&self) -> Parameters {
        let positive = match self.positive.as_slice() {
            [] => Parameter::Number(1.0),
            [weight] => Parameter::Number(*weight),
            weights => Parameter::Numbers(weights.to_vec()),
        };
        Parameters::new()
            .with(EPSILON.name, Parameter::Number(self.epsilon))
            .with(CONVENTION.name, Parameter::Number(self.convention.number()))
            .with(POSITIVE.name, positive)
            .with(BETA.name, Parameter::Number(self.penalty))
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    fn is_shift_invariant(&self) -> bool {
        false
    }

    fn run(&self, work: Work<'_>) -> Result<Loss> {
        objective::run(&self.options, work, |classes| {
            if !matches!(self.positive.len(), 0 | 1) && self.positive.len() != classes {
                let expected = format!("one, or one for each of the {classes} classes");
                return Err(Error::shape("number of positive weights", self.positive.len(), expected));
            }
            let least =
                |y: f64, class: usize| self.options.term_weight(class) * self.least(y, class, classes);
            let all_noes = (0..classes).map(|class| least(0.0, class)).sum();
            Ok(Prepared { loss: self, classes, all_noes })
        })
    }
}

impl BinaryCrossEntropy {
    /// The least loss of one question: a·softplus(-z) + b·softplus(z) at σ(z) = a/(a+b).
    fn least(&self, y: f64, class: usize, classes: usize) -> f64 {
        if self.penalty > 0.0 {
            return f64::NAN;
        }
        let t = self.convention.target(y, self.epsilon, classes);
        let (a, b) = (self.positive_weight(class) * t, 1.0 - t);
        x_ln_x(a + b) - x_ln_x(a) - x_ln_x(b)
    }
}

/// What all rows share.
struct Prepared<'a> {
    loss: &'a BinaryCrossEntropy,
    classes: usize,
    /// The least loss of a row of noes.
    all_noes: f64,
}

/// One logit, described: e = exp(-|z|), from which everything is made without overflow or cancellation.
#[derive(Clone, Copy)]
struct Answer {
    /// softplus(-z) = -ln σ(z): what a yes costs.
    yes: f64,
    /// softplus(z) = -ln σ(-z): what a no costs.
    no: f64,
    /// σ(z).
    p: f64,
    /// σ(-z).
    q: f64,
    /// H₂(σ(z)).
    entropy: f64,
}

impl Answer {
    fn new(z: f64) -> Self {
        let size = z.abs();
        let e = (-size).exp();
        let (log, larger, smaller) = (e.ln_1p(), 1.0 / (1.0 + e), e / (1.0 + e));
        let entropy = log + product(smaller, size);
        if z >= 0.0 {
            Answer { yes: log, no: size + log, p: larger, q: smaller, entropy }
        } else {
            Answer { yes: size + log, no: log, p: smaller, q: larger, entropy }
        }
    }
}

impl Objective for Prepared<'_> {
    /// The targets t are in the buffers.
    type Row<R> = ();

    fn terms(&self) -> f64 {
        self.classes as f64
    }

    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, ())>> {
        let Buffers { own: targets, soft, .. } = buffers;
        targets.clear();
        let mut minimum = f64::NAN;
        match &given.targets {
            Targets::Labels(labels) => {
                let Some(label) = labels.get(at.row, at.first_row)? else { return Ok(None) };
                targets.resize(z.len(), 0.0);
                targets[label] = 1.0;
                let weight = self.loss.options.term_weight(label);
                minimum = self.all_noes + weight * self.loss.least(1.0, label, self.classes)
                    - weight * self.loss.least(0.0, label, self.classes);
            }
            Targets::Soft(labels) => {
                targets.extend_from_slice(labels.row(at.row, at.first_row, soft)?);
                for (column, &y) in targets.iter().enumerate() {
                    if !(0.0..=1.0).contains(&y) {
                        let error = Error::new(ErrorKind::Value, "soft label", y, "a number from 0 to 1");
                        return Err(error.at_row(at.absolute()).at_column(column));
                    }
                }
            }
        }
        let loss = self.loss;
        let (mut value, mut nll, mut entropy) = (0.0, 0.0, 0.0);
        let (mut max, mut arg_max, mut top, mut of_top) = (f64::NEG_INFINITY, 0, 0, 0.0);
        let mut legal = true;
        for (class, (t, z)) in targets.iter_mut().zip(z).enumerate() {
            let (y, z) = (*t, z.to_f64());
            legal &= z < f64::INFINITY;
            if z > max {
                (max, arg_max) = (z, class);
            }
            if y > of_top {
                (top, of_top) = (class, y);
            }
            *t = loss.convention.target(y, loss.epsilon, self.classes);
            let answer = Answer::new(z);
            let (a, b) = (loss.positive_weight(class) * *t, 1.0 - *t);
            let own = product(a, answer.yes) + product(b, answer.no) - loss.penalty * answer.entropy;
            value += product(loss.options.term_weight(class), own);
            nll += product(y, answer.yes) + product(1.0 - y, answer.no);
            entropy += answer.entropy;
        }
        if !legal || max == f64::NEG_INFINITY {
            return Err(objective::illegal_row(z, at));
        }
        let correct = if top == arg_max { 1.0 } else { 0.0 };
        Ok(Some((Seen { value, nll, entropy, correct, minimum }, ())))
    }

    fn gradient<R: Precision>(&self, (): &(), z: &mut [R], scale: f64, buffers: &mut Buffers) {
        let loss = self.loss;
        for (class, (z, &t)) in z.iter_mut().zip(&buffers.own).enumerate() {
            let logit = z.to_f64();
            let Answer { p, q, .. } = Answer::new(logit);
            let pull = loss.penalty * product(p * q, logit);
            let gradient = (1.0 - t) * p - loss.positive_weight(class) * t * q + pull;
            *z = R::from_f64(scale * loss.options.term_weight(class) * gradient);
        }
    }
}
