//! Cross-entropy with label smoothing, class weights and the confidence penalty, with its gradient.

use super::Smoothing;
use super::smoothing::{BaseMass, Resolved};
use crate::error::{Error, Result};
use crate::fold::{self, Fold};
use crate::input::{
    Block, ClassWeights, Element, Fill, Layout, Logits, Scores, Targets, Values, check_targets, close_row,
    open_row,
};
use crate::row::{self, Base, Coefficients, Isa, Operation, Order, Path, Real, Sums};

/// Cross-entropy of logits, with everything that regularises the output distribution as a term of it.
///
/// For a row with logits z, p = softmax(z), target t (the label, smoothed) and class weights w:
///
/// ```text
/// loss = -Σ_c w_c·t_c·ln p_c  +  r·penalty(H),    H = -Σ_c p_c·ln p_c
/// penalty(H) = -β·H,  or  β·max(0, Γ - H)  with a threshold Γ
/// ∂loss/∂z_j = p_j·(Σ_c w_c·t_c + r·β·(ln p_j + H)) - w_j·t_j      (β only where H < Γ)
/// ```
///
/// r is the weight of the label (1 for soft labels), so that a mean weighs the penalty of a row as it weighs
/// its loss. Values and gradients are those of PyTorch 2.15's `cross_entropy`, its denominators included: a mean
/// divides by Σ w_y over the rows that count for hard labels, by the number of rows for soft ones. With class
/// weights the optimum is p ∝ w·t, not t.
///
/// -inf logits: p = 0, and a class of target 0 contributes nothing; a target above 0 on one makes the loss
/// +inf and leaves the gradient finite. A [`Smoothing`] with a mask keeps its mass off such classes.
///
/// ```
/// use temperance::{Labels, Logits, loss::CrossEntropy};
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
/// penalty; the threshold's sign is the one that penalises confidence, not the one printed).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CrossEntropy {
    smoothing: Smoothing,
    penalty: f64,
    threshold: Option<f64>,
    weights: Option<ClassWeights>,
    reduction: Reduction,
    when_empty: WhenEmpty,
}

/// How the losses of rows become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Σ loss / denominator.
    #[default]
    Mean,
    /// Σ loss.
    Sum,
}

/// What a mean is if no row counts: every label is ignored or of weight 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenEmpty {
    /// An error.
    #[default]
    Error,
    /// NaN, as in PyTorch; the gradient is 0.
    Nan,
    /// 0; the gradient is 0.
    Zero,
}

/// The gradient that arrives from what the loss feeds into.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Upstream<'a> {
    /// Of the reduced loss.
    Scalar(f64),
    /// Of the loss of each row; there is no reduction, and no denominator.
    PerRow(&'a [f64]),
}

impl Default for Upstream<'_> {
    fn default() -> Self {
        Upstream::Scalar(1.0)
    }
}

/// A loss and what was seen on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// The reduced loss.
    pub value: f64,
    /// Mean of -ln p of the label (-Σ t ln p for soft labels) over the rows that count: no smoothing, no
    /// weights, no penalty.
    pub nll: f64,
    /// Mean entropy of the predictions over the rows that count, nats.
    pub entropy: f64,
    /// The least value that any logits could reach, reduced as the value is; `None` where it has no cheap form
    /// (soft labels; a penalty together with class weights, a prior, a mask or a threshold).
    pub minimum: Option<f64>,
    /// Rows that count.
    pub rows: u64,
    /// What a mean divides by: Σ of the weights of the labels, or the rows for soft labels.
    pub denominator: f64,
}

impl Loss {
    /// The loss above its minimum, 0 at the optimum: KL from the target where there is no penalty.
    pub fn excess(&self) -> Option<f64> {
        self.minimum.map(|minimum| self.value - minimum)
    }
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
        if !(0.0..f64::INFINITY).contains(&beta) {
            return Err(Error::parameter("confidence penalty", beta, "a finite number, 0 or above"));
        }
        self.penalty = beta;
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

    /// Weighs the term of class c by w_c, as PyTorch does.
    #[must_use]
    pub fn class_weights(mut self, weights: ClassWeights) -> Self {
        self.weights = Some(weights);
        self
    }

    /// The same with another reduction.
    #[must_use]
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }

    /// The same with another answer for a mean over no rows.
    #[must_use]
    pub fn when_empty(mut self, when_empty: WhenEmpty) -> Self {
        self.when_empty = when_empty;
        self
    }

    /// The loss alone.
    ///
    /// # Errors
    /// If targets or weights do not fit the logits; on an illegal value or label, with its row; if no row
    /// counts and [`WhenEmpty::Error`] is in force.
    pub fn forward<'a>(&self, logits: &Logits<'a>, targets: impl Into<Targets<'a>>) -> Result<Loss> {
        let targets = targets.into();
        let prepared = self.prepare(logits, &targets)?;
        let fold = Forward { loss: self, prepared: &prepared };
        let totals = fold::fold(&fold, &Block::new(*logits, targets)?)?;
        self.reduce(&prepared, &totals)
    }

    /// The loss of every row, before reduction; 0 for an ignored row.
    ///
    /// # Errors
    /// As [`CrossEntropy::forward`], except that no row need count.
    pub fn per_row<'a>(&self, logits: &Logits<'a>, targets: impl Into<Targets<'a>>) -> Result<Vec<f64>> {
        let targets = targets.into();
        let prepared = self.prepare(logits, &targets)?;
        let mut losses = vec![0.0; logits.rows()];
        let layout = Layout { outer: logits.rows(), classes: 1, inner: 1 };
        fold::map_chunks(layout, &mut losses, |rows, _, losses| {
            let part = Part {
                loss: self,
                prepared: &prepared,
                logits: logits.slice(rows.clone()),
                targets: targets.slice(rows.clone()),
                first_row: rows.start as u64,
            };
            part.forward(&mut |row, loss| losses[row] = loss)
        })?;
        Ok(losses)
    }

    /// The loss and its gradient in a new buffer, in the layout of the logits.
    ///
    /// # Errors
    /// As [`CrossEntropy::forward`].
    pub fn forward_backward<'a, E: Element>(
        &self,
        logits: &Logits<'a>,
        targets: impl Into<Targets<'a>>,
    ) -> Result<(Loss, Vec<E>)> {
        let mut gradient = vec![E::default(); logits.rows() * logits.classes()];
        let loss = self.forward_backward_into(logits, targets, Upstream::default(), &mut gradient)?;
        Ok((loss, gradient))
    }

    /// The loss and its gradient times `upstream` in a buffer of the caller.
    ///
    /// # Errors
    /// As [`CrossEntropy::forward`]; if the buffer or a per-row upstream has the wrong length.
    pub fn forward_backward_into<'a, E: Element>(
        &self,
        logits: &Logits<'a>,
        targets: impl Into<Targets<'a>>,
        upstream: Upstream<'_>,
        gradient: &mut [E],
    ) -> Result<Loss> {
        self.backward(Source::Logits(*logits), &targets.into(), upstream, logits.0.layout(), gradient)
    }

    /// The loss; the logits are overwritten by its gradient times `upstream`.
    ///
    /// After an error the buffer holds part logits, part gradient.
    ///
    /// # Errors
    /// As [`CrossEntropy::forward_backward_into`]; if the buffer does not fit the layout.
    pub fn forward_backward_in_place<'a, E: Element>(
        &self,
        logits: &mut [E],
        layout: Layout,
        targets: impl Into<Targets<'a>>,
        upstream: Upstream<'_>,
    ) -> Result<Loss> {
        Logits::with_layout(logits, layout)?;
        self.backward(Source::InPlace, &targets.into(), upstream, layout, logits)
    }

    /// The gradient alone: [`CrossEntropy::forward_backward_into`] for callers that saw the loss before.
    ///
    /// # Errors
    /// As [`CrossEntropy::forward_backward_into`], except that no row need count: the gradient is then 0.
    pub fn backward_into<'a, E: Element>(
        &self,
        logits: &Logits<'a>,
        targets: impl Into<Targets<'a>>,
        upstream: Upstream<'_>,
        gradient: &mut [E],
    ) -> Result<()> {
        let lenient = CrossEntropy { when_empty: WhenEmpty::Zero, ..self.clone() };
        lenient.forward_backward_into(logits, targets, upstream, gradient).map(|_| ())
    }

    fn backward<E: Element>(
        &self,
        source: Source<'_>,
        targets: &Targets<'_>,
        upstream: Upstream<'_>,
        layout: Layout,
        gradient: &mut [E],
    ) -> Result<Loss> {
        let prepared = match &source {
            Source::Logits(logits) => self.prepare(logits, targets)?,
            Source::InPlace => self.prepare(&Logits::with_layout(gradient, layout)?, targets)?,
        };
        let scale = match upstream {
            Upstream::Scalar(upstream) => match self.reduction {
                Reduction::Sum => Scale::All(upstream),
                Reduction::Mean if prepared.denominator > 0.0 => Scale::All(upstream / prepared.denominator),
                Reduction::Mean => Scale::All(0.0),
            },
            Upstream::PerRow(upstream) if upstream.len() == layout.rows() => Scale::PerRow(upstream),
            Upstream::PerRow(upstream) => {
                let expected = format!("one for each of the {} rows", layout.rows());
                return Err(Error::shape("number of upstream gradients", upstream.len(), expected));
            }
        };
        let double = match &source {
            Source::Logits(logits) => Scores::from(*logits).is_double(),
            Source::InPlace => false,
        } || matches!(E::values(gradient), Values::F64(_));
        let parts = fold::map_chunks(layout, gradient, |rows, layout, out| {
            let part = Backward {
                loss: self,
                prepared: &prepared,
                source: source.slice(rows.clone()),
                targets: targets.slice(rows.clone()),
                scale: scale.slice(rows.clone()),
                layout,
                out,
                first_row: rows.start as u64,
            };
            if double {
                Path::best().run(Precisely::<f64, _>::new(part))
            } else {
                Path::best().run(Precisely::<f32, _>::new(part))
            }
        })?;
        let mut totals = Totals::default();
        for part in parts {
            totals.merge(part);
        }
        self.reduce(&prepared, &totals)
    }

    /// Checks everything that can be checked without the logits' values, and works out what rows share.
    fn prepare(&self, logits: &Logits<'_>, targets: &Targets<'_>) -> Result<Prepared> {
        check_targets(&Scores::from(*logits), targets)?;
        let classes = logits.classes();
        if let Some(weights) = &self.weights
            && weights.as_slice().len() != classes
        {
            let expected = format!("one for each of the {classes} classes");
            return Err(Error::shape("number of class weights", weights.as_slice().len(), expected));
        }
        let denominator = match targets {
            Targets::Soft(labels) => labels.rows() as f64,
            Targets::Labels(labels) => {
                let mut denominator = 0.0;
                for row in 0..labels.rows() {
                    if let Some(label) = labels.get(row, 0)? {
                        self.smoothing.check_label(label).map_err(|error| error.at_row(row as u64))?;
                        denominator += self.weight(label);
                    }
                }
                denominator
            }
        };
        Ok(Prepared::new(self, self.smoothing.resolve(classes)?, classes, denominator, targets))
    }

    fn weight(&self, class: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights.as_slice()[class])
    }

    fn reduce(&self, prepared: &Prepared, totals: &Totals) -> Result<Loss> {
        let rows = totals.rows as f64;
        let minimum = prepared.minimum.is_known().then_some(totals.minimum);
        let loss = Loss {
            value: totals.value,
            nll: totals.nll / rows,
            entropy: totals.entropy / rows,
            minimum,
            rows: totals.rows,
            denominator: prepared.denominator,
        };
        match self.reduction {
            Reduction::Sum => Ok(loss),
            Reduction::Mean if prepared.denominator > 0.0 => Ok(Loss {
                value: totals.value / prepared.denominator,
                minimum: minimum.map(|minimum| minimum / prepared.denominator),
                ..loss
            }),
            Reduction::Mean => {
                let value = match self.when_empty {
                    WhenEmpty::Nan => f64::NAN,
                    WhenEmpty::Zero => 0.0,
                    WhenEmpty::Error => {
                        let expected = "a number above 0, or an answer for a mean over no rows by name";
                        return Err(Error::shape("weight of the rows that count", 0, expected));
                    }
                };
                Ok(Loss { value, minimum: minimum.map(|_| value), ..loss })
            }
        }
    }
}

/// What all rows share.
struct Prepared {
    /// a of t = a·onehot + b.
    label_mass: f64,
    /// w_c·b_c for every class, or one number for all.
    base: PreparedBase,
    /// Σ w_c·b_c.
    base_mass: f64,
    denominator: f64,
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

impl Minimum {
    fn is_known(&self) -> bool {
        !matches!(self, Minimum::Unknown)
    }
}

fn x_ln_x(x: f64) -> f64 {
    if x > 0.0 { x * x.ln() } else { 0.0 }
}

impl Prepared {
    fn new(
        loss: &CrossEntropy,
        resolved: Resolved,
        classes: usize,
        denominator: f64,
        targets: &Targets<'_>,
    ) -> Self {
        let Resolved { label_mass, base } = resolved;
        let base = match (base, &loss.weights) {
            (BaseMass::Constant(base), None) => PreparedBase::Constant(base),
            (BaseMass::Constant(0.0), Some(_)) => PreparedBase::Constant(0.0),
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
        let minimum = match (&base, targets) {
            (_, Targets::Soft(_)) => Minimum::Unknown,
            _ if loss.penalty == 0.0 => Minimum::FromBase(base_x_ln_x),
            (PreparedBase::Constant(base), _)
                if loss.threshold.is_none() && (loss.weights.is_none() || *base == 0.0) =>
            {
                let two_valued =
                    super::theory::minimum_two_valued(label_mass + base, *base, classes, loss.penalty);
                two_valued.map_or(Minimum::Unknown, |minimum| Minimum::PerWeight(minimum.loss))
            }
            _ => Minimum::Unknown,
        };
        Prepared { label_mass, base, base_mass, denominator, minimum }
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
    fn base<R: LossReal>(&self) -> Base<'_, R> {
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

/// Which of two prepared copies has this precision.
trait LossReal: Real {
    fn pick<'a>(single: &'a [f32], double: &'a [f64]) -> &'a [Self];
}

impl LossReal for f32 {
    fn pick<'a>(single: &'a [f32], _: &'a [f64]) -> &'a [f32] {
        single
    }
}

impl LossReal for f64 {
    fn pick<'a>(_: &'a [f32], double: &'a [f64]) -> &'a [f64] {
        double
    }
}

/// Sums over rows.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    rows: u64,
    value: f64,
    nll: f64,
    entropy: f64,
    minimum: f64,
}

impl Totals {
    fn merge(&mut self, later: Totals) {
        self.rows += later.rows;
        self.value += later.value;
        self.nll += later.nll;
        self.entropy += later.entropy;
        self.minimum += later.minimum;
    }

    fn add<R>(&mut self, row: &RowLoss<R>) {
        self.merge(Totals {
            rows: 1,
            value: row.value,
            nll: row.nll,
            entropy: row.entropy,
            minimum: row.minimum,
        });
    }
}

/// The loss of one row, and what its gradient needs.
struct RowLoss<R> {
    value: f64,
    nll: f64,
    entropy: f64,
    minimum: f64,
    sums: Sums,
    /// Σ w·t.
    mass: f64,
    /// β·r where the penalty is in force, else 0.
    penalty: f64,
    target: RowTarget<R>,
}

enum RowTarget<R> {
    /// The label and its weight.
    Label(usize, f64),
    /// w·t of every class.
    PerClass(Vec<R>),
}

impl CrossEntropy {
    /// The loss of a row. The row is legal in shape; `first_row + row` is its place in an error.
    #[inline(always)]
    fn row<R: LossReal, I: Isa>(
        &self,
        prepared: &Prepared,
        z: &[R],
        targets: &Targets<'_>,
        row: usize,
        first_row: u64,
        soft: &mut Vec<f64>,
    ) -> Result<Option<RowLoss<R>>> {
        let label = match targets {
            Targets::Labels(labels) => match labels.get(row, first_row)? {
                Some(label) => Some(label),
                None => return Ok(None),
            },
            Targets::Soft(_) => None,
        };
        let sums = row::sums::<R, I, { Order::ENTROPY }, false>(z, R::ONE);
        if !sums.is_valid() {
            let copy: Vec<f64> = z.iter().map(|z| z.to_f64()).collect();
            return Err(Logits::new(&copy, copy.len())?.invalid(0, first_row + row as u64));
        }
        let row::Described { log_sum, entropy, .. } = sums.describe();
        let max = R::from_f64(sums.max);
        // d of the target, weighted: a class of target 0 counts 0 even at -inf.
        let product = |t: f64, d: f64| if t == 0.0 { 0.0 } else { t * d };
        let (mass, below, nll, minimum, weight, target) = match (label, targets) {
            (Some(label), _) => {
                let weight = self.weight(label);
                let d = z[label].to_f64() - sums.max;
                let base = match prepared.base::<R>() {
                    Base::Constant(0.0) => 0.0,
                    Base::Constant(base) => base * row::dot(z, None, max),
                    Base::PerClass(base) => row::dot(z, Some(base), max),
                };
                let own = prepared.label_mass * weight;
                let minimum = prepared.minimum_of(label, weight);
                let target = RowTarget::Label(label, weight);
                (prepared.base_mass + own, base + product(own, d), log_sum - d, minimum, weight, target)
            }
            (None, Targets::Soft(labels)) => {
                let given = labels.row(row, first_row, soft)?;
                let (mut mass, mut below, mut given_mass, mut given_below) = (0.0, 0.0, 0.0, 0.0);
                let mut target = Vec::with_capacity(z.len());
                for (class, (&t, &z)) in given.iter().zip(z).enumerate() {
                    if t != 0.0 {
                        let at_row = |error: Error| error.at_row(first_row + row as u64);
                        self.smoothing.check_label(class).map_err(at_row)?;
                    }
                    let d = z.to_f64() - sums.max;
                    let v = prepared.base_of(class) + prepared.label_mass * t * self.weight(class);
                    mass += v;
                    below += product(v, d);
                    given_mass += t;
                    given_below += product(t, d);
                    target.push(R::from_f64(v));
                }
                let nll = given_mass * log_sum - given_below;
                (mass, below, nll, f64::NAN, 1.0, RowTarget::PerClass(target))
            }
            (None, Targets::Labels(_)) => return Ok(None),
        };
        let in_force = self.threshold.is_none_or(|gamma| entropy < gamma);
        let penalty = if in_force { self.penalty * weight } else { 0.0 };
        let penalised = match self.threshold {
            None => -penalty * entropy,
            Some(gamma) => penalty * (gamma - entropy),
        };
        // +inf comes from a target on a -inf logit; a mass of 0 must not turn it into NaN.
        let value = product(mass, log_sum) - below + penalised;
        Ok(Some(RowLoss { value, nll, entropy, minimum, sums, mass, penalty, target }))
    }
}

impl<R: LossReal> RowLoss<R> {
    /// Overwrites the row's logits with `scale` times its gradient.
    #[inline(always)]
    fn gradient<I: Isa>(&self, prepared: &Prepared, z: &mut [R], scale: f64) {
        let targets = match &self.target {
            RowTarget::Label(..) => prepared.base::<R>(),
            RowTarget::PerClass(target) => Base::PerClass(target),
        };
        // The entry where p and t are both near 1 is patched below from numbers that did not cancel.
        let (patched, own, others) = match &self.target {
            RowTarget::Label(label, weight) => {
                let own = prepared.label_mass * weight + prepared.base_of(*label);
                (*label, own, prepared.base_mass_without(*label, z.len()))
            }
            RowTarget::PerClass(target) => {
                let top = self.sums.arg_max;
                let others = target.iter().enumerate().filter(|(class, _)| *class != top);
                (top, target[top].to_f64(), others.map(|(_, t)| t.to_f64()).sum())
            }
        };
        let d = z[patched].to_f64() - self.sums.max;
        let coefficients =
            Coefficients { mass: self.mass, penalty: self.penalty, entropy: self.entropy, targets };
        row::gradient::<R, I>(z, &self.sums, &coefficients, scale);

        let sum = 1.0 + self.sums.tail;
        let p = if d < R::LOWEST.to_f64() { 0.0 } else { d.exp() / sum };
        let log_p = if p > 0.0 { d - self.sums.tail.ln_1p() } else { 0.0 };
        let pull = p * self.penalty * (log_p + self.entropy);
        let push = if patched == self.sums.arg_max {
            // mass·p - own = (mass - own) - mass·(1 - p)
            others - self.mass * (self.sums.tail / sum)
        } else {
            self.mass * p - own
        };
        z[patched] = R::from_f64(scale * (push + pull));
    }
}

/// The fold behind [`CrossEntropy::forward`].
struct Forward<'a> {
    loss: &'a CrossEntropy,
    prepared: &'a Prepared,
}

impl Fold for Forward<'_> {
    type State = Totals;
    type Output = Totals;

    fn start(&self) -> Totals {
        Totals::default()
    }

    fn absorb(&self, state: &mut Totals, block: &Block<'_>) -> Result<()> {
        let Scores::Logits(logits) = block.scores() else {
            return Err(Error::shape("scores", "probabilities", "logits"));
        };
        let part = Part {
            loss: self.loss,
            prepared: self.prepared,
            logits,
            targets: block.targets(),
            first_row: block.first_row(),
        };
        // Row after row into the one state, so that blocking changes nothing.
        part.forward_into(state, &mut |_, _| {})
    }

    fn merge(&self, state: &mut Totals, later: Totals) {
        state.merge(later);
    }

    fn finish(&self, state: Totals) -> Result<Totals> {
        Ok(state)
    }
}

/// Rows to find the loss of.
struct Part<'a> {
    loss: &'a CrossEntropy,
    prepared: &'a Prepared,
    logits: Logits<'a>,
    targets: Targets<'a>,
    first_row: u64,
}

impl Part<'_> {
    fn forward(&self, see: &mut dyn FnMut(usize, f64)) -> Result<()> {
        self.forward_into(&mut Totals::default(), see)
    }

    fn forward_into(&self, totals: &mut Totals, see: &mut dyn FnMut(usize, f64)) -> Result<()> {
        if Scores::from(self.logits).is_double() {
            Path::best().run(Precisely::<f64, _>::new((self, totals, see)))
        } else {
            Path::best().run(Precisely::<f32, _>::new((self, totals, see)))
        }
    }
}

/// Work in a chosen precision.
struct Precisely<R, W>(W, std::marker::PhantomData<R>);

impl<R, W> Precisely<R, W> {
    fn new(work: W) -> Self {
        Precisely(work, std::marker::PhantomData)
    }
}

impl<R: LossReal> Operation for Precisely<R, (&Part<'_>, &mut Totals, &mut dyn FnMut(usize, f64))> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<I: Isa>(self) -> Result<()> {
        let (part, totals, see) = self.0;
        let (mut scratch, mut soft) = (Vec::new(), Vec::new());
        for row in 0..part.logits.rows() {
            let z = part.logits.0.row::<R>(row, &mut scratch);
            let Part { loss, prepared, targets, first_row, .. } = part;
            if let Some(loss) = loss.row::<R, I>(prepared, z, targets, row, *first_row, &mut soft)? {
                totals.add(&loss);
                see(row, loss.value);
            }
        }
        Ok(())
    }
}

/// Where the logits are.
#[derive(Clone, Copy)]
enum Source<'a> {
    Logits(Logits<'a>),
    /// In the buffer that the gradient goes to.
    InPlace,
}

impl Source<'_> {
    fn slice(&self, rows: std::ops::Range<usize>) -> Self {
        match self {
            Source::Logits(logits) => Source::Logits(logits.slice(rows)),
            Source::InPlace => Source::InPlace,
        }
    }
}

#[derive(Clone, Copy)]
enum Scale<'a> {
    All(f64),
    PerRow(&'a [f64]),
}

impl Scale<'_> {
    fn slice(&self, rows: std::ops::Range<usize>) -> Self {
        match self {
            Scale::All(scale) => Scale::All(*scale),
            Scale::PerRow(scales) => Scale::PerRow(&scales[rows]),
        }
    }

    fn of(&self, row: usize) -> f64 {
        match self {
            Scale::All(scale) => *scale,
            Scale::PerRow(scales) => scales[row],
        }
    }
}

/// Rows to find the loss and the gradient of.
struct Backward<'a, E> {
    loss: &'a CrossEntropy,
    prepared: &'a Prepared,
    source: Source<'a>,
    targets: Targets<'a>,
    scale: Scale<'a>,
    layout: Layout,
    out: &'a mut [E],
    first_row: u64,
}

impl<R: LossReal, E: Element> Operation for Precisely<R, Backward<'_, E>> {
    type Output = Result<Totals>;

    #[inline(always)]
    fn run<I: Isa>(self) -> Result<Totals> {
        let Backward { loss, prepared, source, targets, scale, layout, out, first_row } = self.0;
        let (mut scratch, mut soft) = (Vec::new(), Vec::new());
        let mut totals = Totals::default();
        for row in 0..layout.rows() {
            let fill = match &source {
                Source::Logits(logits) => Fill::From(&logits.0, row),
                Source::InPlace => Fill::InPlace,
            };
            let z = open_row(out, layout, row, &mut scratch, fill);
            match loss.row::<R, I>(prepared, z, &targets, row, first_row, &mut soft)? {
                Some(loss) => {
                    loss.gradient::<I>(prepared, z, scale.of(row));
                    totals.add(&loss);
                }
                None => z.fill(R::ZERO),
            }
            close_row(out, layout, row, &scratch);
        }
        Ok(totals)
    }
}
