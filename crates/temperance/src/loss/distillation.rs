//! Knowledge distillation: a student learns from the labels and from the softened predictions of a teacher.

use super::criterion::{Criterion, Supervision, Work};
use super::cross_entropy::{self, CrossEntropy, x_ln_x};
use super::objective::{self, Buffers, Objective, Place, Precision, Seen, product};
use super::terms::RowLoss;
use super::{Entry, Loss, Options};
use crate::error::{Error, Result};
use crate::input::{Logits, Targets};
use crate::parameters::{Parameter, ParameterEntry, Parameters};
use crate::row::{self, Order, Sums};

pub(super) const ENTRY: Entry = Entry {
    name: "distillation",
    summary: "cross-entropy with the labels and, at a temperature, with the predictions of a teacher",
    formula: "-(1-w)·ln p_y + w·T²·H(softmax(teacher/T), softmax(z/T))",
    source: "Hinton, Vinyals, Dean 2015, Distilling the Knowledge in a Neural Network, section 2",
    parameters: &[WEIGHT, TEMPERATURE, EXPONENT, ENTROPY],
    soft_labels: true,
    teacher: true,
    neutral: Some(&[(WEIGHT.name, 0.0)]),
    build: |parameters| {
        parameters.only(&[WEIGHT.name, TEMPERATURE.name, EXPONENT.name, ENTROPY.name])?;
        let loss = Distillation::new(parameters.number_or(&WEIGHT)?, parameters.number_or(&TEMPERATURE)?)?;
        let choice = |entry: &ParameterEntry, other: f64| match parameters.number_or(entry)? {
            value if value == entry.default => Ok(false),
            value if value == other => Ok(true),
            value => Err(Error::parameter(entry.name, value, entry.domain)),
        };
        let scaling = if choice(&EXPONENT, 0.0)? { Scaling::One } else { Scaling::SquaredTemperature };
        let measure = if choice(&ENTROPY, 1.0)? { Measure::KullbackLeibler } else { Measure::CrossEntropy };
        Ok(Box::new(loss.scaling(scaling).measure(measure)))
    },
};

const WEIGHT: ParameterEntry = ParameterEntry { name: "teacher_weight", domain: "from 0 to 1", default: 0.9 };
const TEMPERATURE: ParameterEntry =
    ParameterEntry { name: "temperature", domain: "from 1e-30 to 1e30", default: 4.0 };
const EXPONENT: ParameterEntry = ParameterEntry {
    name: "temperature_exponent",
    domain: "2 (the teacher's term times T squared) or 0 (times 1)",
    default: 2.0,
};
const ENTROPY: ParameterEntry = ParameterEntry {
    name: "subtract_teacher_entropy",
    domain: "0 (cross-entropy with the teacher) or 1 (Kullback-Leibler divergence from it)",
    default: 0.0,
};

/// What the teacher's term is multiplied by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scaling {
    /// T²: as gradients at temperature T shrink as 1/T², the two terms then keep their proportion when T changes
    /// (Hinton et al. 2015, section 2).
    #[default]
    SquaredTemperature,
    /// 1.
    One,
}

/// How far the student is from the teacher, p and q being their predictions at the temperature.
///
/// The two differ by the entropy of the teacher, which no student can change; their gradients are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Measure {
    /// H(q, p) = -Σ q·ln p.
    #[default]
    CrossEntropy,
    /// KL(q‖p) = H(q, p) - H(q), which is 0 where the student equals the teacher; PyTorch's `kl_div`.
    KullbackLeibler,
}

/// Knowledge distillation: cross-entropy with the labels, and with a teacher at temperature T.
///
/// For a row with logits z, p(T) = softmax(z/T), the teacher's q(T) = softmax(teacher/T), target y, r the weight
/// of the label (1 for soft labels) and s = T² or 1:
///
/// ```text
/// loss = (1-w)·H(y, p(1)) + r·w·s·H(q(T), p(T))
/// ∂loss/∂z_j = (1-w)·(p_j(1) - y_j) + r·(w·s/T)·(p_j(T) - q_j(T))
/// ```
///
/// The logits of the teacher are given beside the targets, as a pair; they may have another precision and
/// layout, and must be as many. With w = 0 it is plain cross-entropy, with w = 1 the labels do not matter
/// except where they are ignored. A class that the teacher gives 0 contributes nothing, whatever the student
/// says; one that the student gives 0 and the teacher does not makes the loss +inf and leaves the gradient
/// finite. The least value is known for w = 0 and, under hard labels, at T = 1; at w = 1 always.
///
/// ```
/// use temperance::loss::{Criterion, Distillation};
/// use temperance::{Labels, Logits};
///
/// let student = Logits::new(&[0.0, 0.0], 2)?;
/// let z = [2.0 * 3_f64.ln(), 0.0]; // q = (3/4, 1/4) at T = 2
/// let teacher = Logits::new(&z, 2)?;
/// let loss = Distillation::new(0.5, 2.0)?;
/// let (value, gradient) = loss.forward_backward::<f64>(&student, (Labels::new(&[1], 2), teacher))?;
/// assert!((value.value - (0.5 + 0.5 * 4.0) * 2_f64.ln()).abs() < 1e-15);
/// assert!((gradient[0] - (0.5 * 0.5 + 0.5 * 2.0 * (0.5 - 0.75))).abs() < 1e-15);
///
/// assert_eq!(
///     loss.forward(&student, Labels::new(&[1], 2)).unwrap_err().to_string(),
///     "teacher is missing; expected logits of a teacher, which distillation needs"
/// );
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Hinton, Vinyals, Dean 2015, section 2 and equation 2.
#[derive(Debug, Clone, PartialEq)]
pub struct Distillation {
    /// The cross-entropy of the labels, with the options of the whole.
    cross_entropy: CrossEntropy,
    weight: f64,
    temperature: f64,
    scaling: Scaling,
    measure: Measure,
}

impl Distillation {
    /// The teacher's term weighs w, the labels' 1 - w.
    ///
    /// # Errors
    /// Unless 0 ≤ w ≤ 1 and 1e-30 ≤ T ≤ 1e30.
    pub fn new(weight: f64, temperature: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&weight) {
            return Err(Error::parameter("weight of the teacher", weight, "a number from 0 to 1"));
        }
        if !(1e-30..=1e30).contains(&temperature) {
            return Err(Error::parameter(TEMPERATURE.name, temperature, "a number from 1e-30 to 1e30"));
        }
        let (scaling, measure) = (Scaling::default(), Measure::default());
        Ok(Distillation { cross_entropy: CrossEntropy::new(), weight, temperature, scaling, measure })
    }

    /// The same with another factor of the teacher's term.
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// The same with another measure of the distance from the teacher.
    #[must_use]
    pub fn measure(mut self, measure: Measure) -> Self {
        self.measure = measure;
        self
    }
}

impl Criterion for Distillation {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn parameters(&self) -> Parameters {
        let exponent = if self.scaling == Scaling::SquaredTemperature { 2.0 } else { 0.0 };
        let entropy = if self.measure == Measure::KullbackLeibler { 1.0 } else { 0.0 };
        Parameters::new()
            .with(WEIGHT.name, Parameter::Number(self.weight))
            .with(TEMPERATURE.name, Parameter::Number(self.temperature))
            .with(EXPONENT.name, Parameter::Number(exponent))
            .with(ENTROPY.name, Parameter::Number(entropy))
    }

    fn options(&self) -> &Options {
        self.cross_entropy.options()
    }

    fn options_mut(&mut self) -> &mut Options {
        self.cross_entropy.options_mut()
    }

    fn run(&self, work: Work<'_>) -> Result<Loss> {
        if work.given.teacher.is_none() {
            let expected = "logits of a teacher, which distillation needs";
            return Err(Error::shape("teacher", "missing", expected));
        }
        if self.weight == 0.0 {
            return self.cross_entropy.run(work);
        }
        let scale = match self.scaling {
            Scaling::SquaredTemperature => self.temperature * self.temperature,
            Scaling::One => 1.0,
        };
        let soft = matches!(work.given.targets, Targets::Soft(_));
        objective::run(self.options(), work, |classes| {
            let plain = self.cross_entropy.prepare(classes, soft)?;
            Ok(Prepared { loss: self, plain, share: self.weight * scale })
        })
    }
}

/// What all rows share.
struct Prepared<'a> {
    loss: &'a Distillation,
    plain: cross_entropy::Prepared<'a>,
    /// w·s.
    share: f64,
}

/// What the loss of a row leaves for its gradient; q(T) and the student's logits are in the buffers.
struct Row<R> {
    plain: RowLoss<R>,
    /// r·w·s.
    strength: f64,
    /// Of z/T.
    sums: Sums,
    /// 1 - q of the student's largest logit.
    others: f64,
}

impl Objective for Prepared<'_> {
    type Row<R> = Row<R>;

    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, Row<R>)>> {
        let Some((seen, plain)) = self.plain.row(z, given, at, buffers)? else {
            return Ok(None);
        };
        let strength = self.share * plain.weight();
        let Some(teacher) = &given.teacher else { return Ok(None) };
        let beta = 1.0 / self.loss.temperature;
        let Buffers { path, own: q, soft: student } = buffers;
        q.resize(z.len(), 0.0);
        teacher.0.copy_row(at.row, q);
        let of_teacher = path.sums::<f64, { Order::ENTROPY }, false>(q, beta);
        if !of_teacher.is_valid() {
            return Err(illegal_teacher(teacher, at));
        }
        path.softmax(q, beta, &of_teacher);
        student.clear();
        student.extend(z.iter().map(|z| z.to_f64()));
        let sums = path.sums::<f64, { Order::NORMALISER }, false>(student, beta);

        let entropy = of_teacher.describe().entropy;
        let cross = sums.tail.ln_1p() - beta * row::dot(student, Some(q), sums.max);
        let distance = match self.loss.measure {
            Measure::CrossEntropy => cross,
            Measure::KullbackLeibler => (cross - entropy).max(0.0),
        };
        let top = sums.arg_max;
        let others =
            if top == of_teacher.arg_max { of_teacher.tail / (1.0 + of_teacher.tail) } else { 1.0 - q[top] };
        let value = product(1.0 - self.loss.weight, seen.value) + product(strength, distance);
        let minimum = strength * self.least_distance(&plain, q, entropy);
        let seen = Seen { value, minimum, ..seen };
        Ok(Some((seen, Row { plain, strength, sums, others })))
    }

    fn gradient<R: Precision>(&self, row: &Row<R>, z: &mut [R], scale: f64, buffers: &mut Buffers) {
        self.plain.gradient(&row.plain, z, (1.0 - self.loss.weight) * scale, buffers);
        let Buffers { path, own: q, soft: p } = buffers;
        let beta = 1.0 / self.loss.temperature;
        let (scale, top) = (scale * row.strength * beta, row.sums.arg_max);
        path.softmax(p, beta, &row.sums);
        // p - q where both may be near 1.
        let of_top = z[top] + R::from_f64(scale * (row.others - row.sums.tail / (1.0 + row.sums.tail)));
        for ((z, &p), &q) in z.iter_mut().zip(p.iter()).zip(q.iter()) {
            *z = *z + R::from_f64(scale * (p - q));
        }
        z[top] = of_top;
    }
}

impl Prepared<'_> {
    /// The least loss of a row, labels included, over r·w·s; NaN where it is not known.
    fn least_distance<R: Precision>(&self, row: &RowLoss<R>, q: &[f64], entropy: f64) -> f64 {
        let w = self.loss.weight;
        let least_cross = match row.label() {
            _ if w == 1.0 => entropy,
            // One target (1-w)·y + w·q, of which this is the entropy.
            Some(label) if self.loss.temperature == 1.0 => {
                let (of_label, whole) = (w * q[label], x_ln_x(w) - w * entropy);
                -(whole - x_ln_x(of_label) + x_ln_x(1.0 - w + of_label)) / w
            }
            _ => f64::NAN,
        };
        match self.loss.measure {
            Measure::CrossEntropy => least_cross,
            Measure::KullbackLeibler => least_cross - entropy,
        }
    }
}

/// The cold path: names what is wrong in a row of the teacher.
#[cold]
fn illegal_teacher(teacher: &Logits<'_>, at: Place) -> Error {
    let error = teacher.invalid(at.row, at.first_row);
    let what = error.what().replace("logit", "teacher logit");
    let named =
        Error::new(error.kind(), what, error.value(), error.expected().replace("logit", "teacher logit"));
    let named = named.at_row(at.absolute());
    match error.column() {
        Some(column) => named.at_column(column),
        None => named,
    }
}
