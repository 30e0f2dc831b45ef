//! The dual focal loss: the focal loss with an eye on the class that comes next after the label.

use super::criterion::{Criterion, Supervision, Work};
use super::cross_entropy::{self, CrossEntropy, strength};
use super::objective::{self, Buffers, Objective, Place, Precision, Seen, hard_label, product};
use super::terms::RowLoss;
use super::{Entry, Loss, Options};
use crate::error::Result;
use crate::parameters::{Parameter, ParameterEntry, Parameters};
use crate::row;

pub(super) const ENTRY: Entry = Entry {
    name: "dual_focal",
    summary: "the focal loss of the lead of the label over the class that comes next",
    formula: "(1 - p_y + p_j)^γ·(-ln p_y),  p_j the largest probability below p_y",
    source: "Tao et al. 2023",
    parameters: &[GAMMA],
    soft_labels: false,
    teacher: false,
    neutral: Some(&[("gamma", 0.0)]),
    build: |parameters| {
        parameters.only(&[GAMMA.name])?;
        Ok(Box::new(DualFocal::new(parameters.number_or(&GAMMA)?)?))
    },
};

const GAMMA: ParameterEntry = ParameterEntry { name: "gamma", domain: "0 or above", default: 5.0 };

/// The dual focal loss: cross-entropy that fades as the label's lead over the next class grows.
///
/// For a row with logits z, label y, p = softmax(z), j the class with the largest probability strictly below
/// p_y (p_j = 0 if there is none) and m = 1 - p_y + p_j:
///
/// ```text
/// loss = m^γ·(-ln p_y)
/// ∂loss/∂z_k = m^γ·(p_k - [k = y]) - γ·m^(γ-1)·p_y·ln p_y·((p_k - [k = y]) - (p_j/p_y)·(p_k - [k = j]))
/// ```
///
/// γ = 0 is cross-entropy. Where another logit passes that of the label, j changes and the loss jumps. Classes
/// that tie with the label are not below it; among ties for j the lowest class is taken, in the gradient too. A
/// label on a logit of -inf makes the loss +inf and leaves the gradient that of cross-entropy. The minimum is 0,
/// approached as p_y goes to 1. Class weights weigh the whole row. Soft labels are an error.
///
/// ```
/// use temperance::loss::{Criterion, DualFocal};
/// use temperance::{Labels, Logits};
///
/// // p = (5, 3, 2)/10 and γ = 1: (1 - 0.5 + 0.3)·ln 2.
/// let z = [5_f64.ln(), 3_f64.ln(), 2_f64.ln()];
/// let logits = Logits::new(&z, 3)?;
/// let value = DualFocal::new(1.0)?.forward(&logits, Labels::new(&[0], 3))?.value;
/// assert!((value - 0.8 * 2_f64.ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Tao et al. 2023, "Dual Focal Loss for Calibration"; their code, `dual_focal_loss.py`, for what is below
/// and γ = 5.
#[derive(Debug, Clone, PartialEq)]
pub struct DualFocal {
    cross_entropy: CrossEntropy,
    gamma: f64,
}

impl DualFocal {
    /// The dual focal loss.
    ///
    /// # Errors
    /// Unless 0 ≤ γ < ∞.
    pub fn new(gamma: f64) -> Result<Self> {
        let gamma = strength("γ of the dual focal loss", gamma)?;
        Ok(DualFocal { cross_entropy: CrossEntropy::new(), gamma })
    }
}

impl Criterion for DualFocal {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with(GAMMA.name, Parameter::Number(self.gamma))
    }

    fn options(&self) -> &Options {
        self.cross_entropy.options()
    }

    fn options_mut(&mut self) -> &mut Options {
        self.cross_entropy.options_mut()
    }

    fn run(&self, work: Work<'_>) -> Result<Loss> {
        objective::run(self.options(), work, |classes| {
            Ok(Prepared { gamma: self.gamma, plain: self.cross_entropy.prepare(classes, false)? })
        })
    }
}

struct Prepared<'a> {
    gamma: f64,
    plain: cross_entropy::Prepared<'a>,
}

/// What the loss of a row leaves for its gradient, which is a·(p - onehot_y) + b·(onehot_j - onehot_y).
struct DualRow<R> {
    plain: RowLoss<R>,
    label: usize,
    /// j; the label if there is none.
    next: usize,
    a: f64,
    b: f64,
}

impl Objective for Prepared<'_> {
    type Row<R> = DualRow<R>;

    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, DualRow<R>)>> {
        let Some(label) = hard_label(ENTRY.name, given, at)? else { return Ok(None) };
        let Some((seen, plain)) = self.plain.row(z, given, at, buffers)? else { return Ok(None) };
        let (p, rest) = plain.sums.probability(label, z[label].to_f64() - plain.sums.max);
        let (next, odds) = match row::largest_below(z, z[label]) {
            Some(next) => (next, (z[next].to_f64() - z[label].to_f64()).exp()),
            None => (label, 0.0),
        };
        let m = rest + p * odds;
        let focus = m.powf(self.gamma);
        // -p·ln p/m, whose limit is not needed: where m is 0, so is p - onehot.
        let ratio = if m > 0.0 { product(p, seen.nll) / m } else { 0.0 };
        let pull = self.gamma * focus * ratio;
        let row = DualRow { label, next, a: focus + pull * (1.0 - odds), b: pull * odds, plain };
        Ok(Some((Seen { value: product(focus, seen.value), ..seen }, row)))
    }

    fn gradient<R: Precision>(&self, row: &DualRow<R>, z: &mut [R], scale: f64, buffers: &mut Buffers) {
        self.plain.gradient(&row.plain, z, scale * row.a, buffers);
        let b = scale * row.plain.weight() * row.b;
        z[row.label] = R::from_f64(z[row.label].to_f64() - b);
        z[row.next] = R::from_f64(z[row.next].to_f64() + b);
    }
}
