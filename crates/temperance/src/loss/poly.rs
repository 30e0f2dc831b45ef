//! Poly-1: cross-entropy with another weight on the first term of its expansion in 1 - p.

use super::criterion::{Criterion, Supervision, Work};
use super::cross_entropy::{self, CrossEntropy};
use super::objective::{self, Buffers, Objective, Place, Precision, Seen};
use super::terms::RowLoss;
use super::{Entry, Loss, Options};
use crate::error::{Error, Result};
use crate::input::Targets;
use crate::parameters::{Parameter, ParameterEntry, Parameters};

pub(super) const ENTRY: Entry = Entry {
    name: "poly1",
    summary: "cross-entropy with another weight on the first term of its expansion in powers of 1 - p",
    formula: "-Σ t·ln p + ε·Σ t·(1 - p)",
    source: "Leng et al. 2022",
    parameters: &[EPSILON],
    soft_labels: true,
    teacher: false,
    neutral: Some(&[("epsilon", 0.0)]),
    build: |parameters| {
        parameters.only(&[EPSILON.name])?;
        Ok(Box::new(Poly1::new(parameters.number_or(&EPSILON)?)?))
    },
};

const EPSILON: ParameterEntry = ParameterEntry { name: "epsilon", domain: "-1 or above", default: 2.0 };

/// Poly-1: cross-entropy -ln p = Σ_n (1 - p)^n/n with 1 + ε instead of 1 before its first term.
///
/// For a row with logits z, p = softmax(z), target t (one-hot for a label) and class weights w:
///
/// ```text
/// loss = Σ_c w_c·t_c·(-ln p_c + ε·(1 - p_c))
/// ∂loss/∂z_j = p_j·Σ_c w_c·t_c - w_j·t_j + ε·p_j·(Σ_c w_c·t_c·p_c - w_j·t_j)
///            = w_y·(1 + ε·p_y)·(p_j - [j = y])    for a label y
/// ```
///
/// ε = 0 is cross-entropy. Below -1 a label would be pushed away from p = 1, so that is an error. The minimum
/// for labels is 0. A target on a logit of -inf makes the loss +inf and leaves the gradient finite.
///
/// ```
/// use temperance::loss::{Criterion, Poly1};
/// use temperance::{Labels, Logits};
///
/// // p = (3/4, 1/4): ln(4/3) + 2/4.
/// let z = [3_f64.ln(), 0.0];
/// let logits = Logits::new(&z, 2)?;
/// let value = Poly1::new(2.0)?.forward(&logits, Labels::new(&[0], 2))?.value;
/// assert!((value - ((4.0_f64 / 3.0).ln() + 0.5)).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Sources: Leng et al. 2022, "PolyLoss", the Poly-1 form (ε = 2 for ImageNet, -1 for detection); soft labels as optax's
/// `poly_loss_cross_entropy`.
#[derive(Debug, Clone, PartialEq)]
pub struct Poly1 {
    cross_entropy: CrossEntropy,
    epsilon: f64,
}

impl Poly1 {
    /// Poly-1.
    ///
    /// # Errors
    /// Unless -1 ≤ ε < ∞.
    pub fn new(epsilon: f64) -> Result<Self> {
        if !(-1.0..f64::INFINITY).contains(&epsilon) {
            return Err(Error::parameter("ε of Poly-1", epsilon, "a finite number, -1 or above"));
        }
        Ok(Poly1 { cross_entropy: CrossEntropy::new(), epsilon })
    }
}

impl Criterion for Poly1 {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with(EPSILON.name, Parameter::Number(self.epsilon))
    }

    fn options(&self) -> &Options {
        self.cross_entropy.options()
    }

    fn options_mut(&mut self) -> &mut Options {
        self.cross_entropy.options_mut()
    }

    fn run(&self, work: Work<'_>) -> Result<Loss> {
        let soft = matches!(work.given.targets, Targets::Soft(_));
        objective::run(self.options(), work, |classes| {
            Ok(Prepared { loss: self, plain: self.cross_entropy.prepare(classes, soft)? })
        })
    }
}

struct Prepared<'a> {
    loss: &'a Poly1,
    plain: cross_entropy::Prepared<'a>,
}

/// What the loss of a row leaves for its gradient, with v = w·t.
struct PolyRow<R> {
    plain: RowLoss<R>,
    /// p_y of a label; for soft labels Σ v·p over all classes but the largest.
    likely: f64,
}

impl Objective for Prepared<'_> {
    type Row<R> = PolyRow<R>;

    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, PolyRow<R>)>> {
        let Some((seen, plain)) = self.plain.row(z, given, at, buffers)? else { return Ok(None) };
        let (sums, mut likely, mut unlikely) = (&plain.sums, 0.0, 0.0);
        if let Some(label) = plain.label() {
            let (p, rest) = sums.probability(label, z[label].to_f64() - sums.max);
            (likely, unlikely) = (p, plain.weight() * rest);
        } else if let Targets::Soft(labels) = &given.targets {
            let t = labels.row(at.row, at.first_row, &mut buffers.soft)?;
            for (class, (&z, &t)) in z.iter().zip(t).enumerate() {
                let v = t * self.loss.cross_entropy.weight(class);
                let (p, rest) = sums.probability(class, z.to_f64() - sums.max);
                unlikely += v * rest;
                likely += if class == sums.arg_max { 0.0 } else { v * p };
            }
        }
        let value = seen.value + self.loss.epsilon * unlikely;
        Ok(Some((Seen { value, ..seen }, PolyRow { plain, likely })))
    }

    fn gradient<R: Precision>(
        &self,
        PolyRow { plain, likely }: &PolyRow<R>,
        z: &mut [R],
        scale: f64,
        buffers: &mut Buffers,
    ) {
        let epsilon = self.loss.epsilon;
        if plain.label().is_some() {
            return self.plain.gradient(plain, z, scale * (1.0 + epsilon * likely), buffers);
        }
        let mut logits = std::mem::take(&mut buffers.own);
        logits.clear();
        logits.extend(z.iter().map(|z| z.to_f64()));
        self.plain.gradient(plain, z, scale, buffers);
        let top = plain.sums.arg_max;
        let (p_top, rest) = plain.sums.probability(top, 0.0);
        let targets = plain.targets();
        let v_top = targets[top].to_f64();
        for (class, (g, &z)) in z.iter_mut().zip(&logits).enumerate() {
            let (p, _) = plain.sums.probability(class, z - plain.sums.max);
            // Σ v·p - v, from numbers that do not cancel at the largest class.
            let lead = if class == top {
                likely - v_top * rest
            } else {
                likely + v_top * p_top - targets[class].to_f64()
            };
            *g = R::from_f64(g.to_f64() + scale * epsilon * p * lead);
        }
        buffers.own = logits;
    }
}
