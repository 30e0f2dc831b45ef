//! LogitNorm: cross-entropy of logits that were brought to one norm.

use super::criterion::{Criterion, Supervision, Work};
use super::cross_entropy::{self, CrossEntropy};
use super::objective::{self, Buffers, Objective, Place, Precision, Seen, hard_label, product};
use super::{Entry, Loss, Options};
use crate::error::{Error, Result};
use crate::parameters::{Parameter, ParameterEntry, Parameters};
use crate::row::{self, Order, Sums};

pub(super) const ENTRY: Entry = Entry {
    name: "logit_norm",
    summary: "cross-entropy of logits that were brought to one norm, so that longer logits gain nothing",
    formula: "-ln softmax(z/(τ·(‖z‖ + 1e-7)))_y",
    source: "Wei et al. 2022",
    parameters: &[TAU],
    soft_labels: false,
    teacher: false,
    neutral: None,
    build: |parameters| {
        parameters.only(&[TAU.name])?;
        Ok(Box::new(LogitNorm::new(parameters.number_or(&TAU)?)?))
    },
};

const TAU: ParameterEntry = ParameterEntry { name: "tau", domain: "from 1e-6 to 1000", default: 0.04 };

/// What the authors add to the norm, so that logits of 0 have one.
const EPSILON: f64 = 1e-7;

/// LogitNorm: cross-entropy of logits that were brought to one norm, so that a network gains nothing by making
/// them longer.
///
/// For a row with logits z, label y, n = ‖z‖ (Euclidean), β = 1/(τ·(n + 1e-7)) and p = softmax(β·z):
///
/// ```text
/// loss = -ln p_y
/// ∂loss/∂z_k = β·(p_k - [k = y] - z_k·q/(n·(n + 1e-7))),  q = Σ_j (p_j - [j = y])·z_j
/// ```
///
/// But for the 1e-7 the loss does not change when z is scaled, and the gradient is orthogonal to z. It does change
/// when a number is added to all logits. A row of zeros has the loss ln K and its second term of the gradient
/// is 0. Logits of -inf have p = 0, a gradient of 0 and no part in the norm; a label on one makes the loss
/// +inf. The other things that are seen of a row ([`Loss::nll`], [`Loss::entropy`]) are those of softmax(z), with
/// which such a network predicts. Class weights weigh the whole row. Soft labels are an error.
///
/// As the norm bounds how far apart logits can be, so is the loss bounded from below, by
/// ln(1 + (K - 1)·exp(-√(K/(K - 1))/τ)), K counting the classes that can occur.
///
/// ```
/// use temperance::loss::{Criterion, LogitNorm};
/// use temperance::{Labels, Logits};
///
/// // ‖z‖ = 5, so that β = 1/5 up to the 1e-7.
/// let logits = Logits::new(&[4.0, 3.0], 2)?;
/// let value = LogitNorm::new(1.0)?.forward(&logits, Labels::new(&[0], 2))?.value;
/// assert!((value - (-0.2_f64).exp().ln_1p()).abs() < 1e-8);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Wei et al. 2022, "Mitigating Neural Network Overconfidence with Logit Normalization" (τ = 0.04 for
/// CIFAR-10); their code, `loss_function.py`, for the 1e-7.
#[derive(Debug, Clone, PartialEq)]
pub struct LogitNorm {
    cross_entropy: CrossEntropy,
    tau: f64,
}

impl LogitNorm {
    /// LogitNorm at temperature τ.
    ///
    /// # Errors
    /// Unless 1e-6 ≤ τ ≤ 1000.
    pub fn new(tau: f64) -> Result<Self> {
        if !(1e-6..=1e3).contains(&tau) {
            return Err(Error::parameter("τ of LogitNorm", tau, "a number from 1e-6 to 1000"));
        }
        Ok(LogitNorm { cross_entropy: CrossEntropy::new(), tau })
    }
}

/// The least loss with so many classes: the label's logit and the equal ones of the others on a sphere.
fn minimum(classes: usize, tau: f64) -> f64 {
    let others = (classes - 1) as f64;
    if others == 0.0 { 0.0 } else { (others * (-(classes as f64 / others).sqrt() / tau).exp()).ln_1p() }
}

impl Criterion for LogitNorm {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with(TAU.name, Parameter::Number(self.tau))
    }

    fn options(&self) -> &Options {
        self.cross_entropy.options()
    }

    fn options_mut(&mut self) -> &mut Options {
        self.cross_entropy.options_mut()
    }

    fn is_shift_invariant(&self) -> bool {
        false
    }

    fn run(&self, work: Work<'_>) -> Result<Loss> {
        objective::run(self.options(), work, |classes| {
            let plain = self.cross_entropy.prepare(classes, false)?;
            Ok(Prepared { plain, tau: self.tau, minimum: minimum(classes, self.tau) })
        })
    }
}

struct Prepared<'a> {
    plain: cross_entropy::Prepared<'a>,
    tau: f64,
    /// Of a row on which every class can occur.
    minimum: f64,
}

/// What the loss of a row leaves for its gradient.
struct NormRow<R> {
    label: usize,
    weight: f64,
    beta: R,
    /// Of β·z.
    sums: Sums,
    /// q/(n·(n + 1e-7)).
    radial: f64,
}

impl Objective for Prepared<'_> {
    type Row<R> = NormRow<R>;

    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, NormRow<R>)>> {
        let Some(label) = hard_label(ENTRY.name, given, at)? else { return Ok(None) };
        let Some((seen, plain)) = self.plain.row(z, given, at, buffers)? else { return Ok(None) };
        let norm = row::norm(z, 0.0, 2.0);
        let beta = R::from_f64(1.0 / (self.tau * (norm + EPSILON)));
        let sums = buffers.path.sums::<R, { Order::ENTROPY }, false>(z, beta);
        let d = beta.to_f64() * (z[label].to_f64() - sums.max);
        let q = (sums.first / (1.0 + sums.tail) - d) / beta.to_f64();
        let radial = if norm > 0.0 && q.is_finite() { q / norm / (norm + EPSILON) } else { 0.0 };
        let possible = z.iter().filter(|z| **z > R::NEG_INFINITY).count();
        let least = if possible == z.len() { self.minimum } else { minimum(possible, self.tau) };
        let weight = plain.weight();
        let value = product(weight, sums.tail.ln_1p() - d);
        let seen = Seen { value, minimum: weight * least, ..seen };
        Ok(Some((seen, NormRow { label, weight, beta, sums, radial })))
    }

    fn gradient<R: Precision>(&self, row: &NormRow<R>, z: &mut [R], scale: f64, buffers: &mut Buffers) {
        let NormRow { label, weight, beta, sums, radial } = row;
        buffers.own.clear();
        buffers.own.extend(z.iter().map(|z| z.to_f64()));
        let z_label = buffers.own[*label];
        let (_, rest) = sums.probability(*label, beta.to_f64() * (z_label - sums.max));
        let scale = scale * weight * beta.to_f64();
        buffers.path.softmax(z, *beta, sums);
        for (g, &z) in z.iter_mut().zip(&buffers.own) {
            *g = R::from_f64(scale * (g.to_f64() - if z > f64::NEG_INFINITY { z * radial } else { 0.0 }));
        }
        z[*label] = R::from_f64(scale * (-rest - product(*radial, z_label)));
    }
}
