//! The focal loss: cross-entropy that fades where the label is already likely.

use super::criterion::{Criterion, Supervision, Work};
use super::cross_entropy::{self, CrossEntropy, strength};
use super::objective::{self, Buffers, Objective, Place, Precision, Seen, hard_label, product};
use super::terms::RowLoss;
use super::{Entry, Loss, Options};
use crate::error::{Error, Result};
use crate::parameters::{Parameter, ParameterEntry, Parameters};

pub(super) const ENTRY: Entry = Entry {
    name: "focal",
    summary: "cross-entropy that fades where the label is already likely",
    formula: "(1 - p_y)^γ·(-ln p_y)",
    source: "Lin et al. 2017; as a way to calibrate, with the schedule of γ: Mukhoti et al. 2020",
    parameters: &[GAMMA, THRESHOLD, GAMMA_BELOW],
    soft_labels: false,
    teacher: false,
    neutral: Some(&[("gamma", 0.0)]),
    build: |parameters| {
        parameters.only(&[GAMMA.name, THRESHOLD.name, GAMMA_BELOW.name])?;
        let (threshold, below) = (parameters.number_or(&THRESHOLD)?, parameters.number_or(&GAMMA_BELOW)?);
        Ok(Box::new(Focal::new(parameters.number_or(&GAMMA)?)?.below(threshold, below)?))
    },
};

const GAMMA: ParameterEntry = ParameterEntry { name: "gamma", domain: "0 or above", default: 2.0 };
const THRESHOLD: ParameterEntry = ParameterEntry { name: "threshold", domain: "from 0 to 1", default: 0.0 };
const GAMMA_BELOW: ParameterEntry =
    ParameterEntry { name: "gamma_below", domain: "0 or above, where p_y < threshold", default: 5.0 };

/// The focal loss: cross-entropy that fades where the label is already likely.
///
/// For a row with logits z, label y and p = softmax(z):
///
/// ```text
/// loss = (1 - p_y)^γ·(-ln p_y)
/// ∂loss/∂z_j = (p_j - [j = y])·g,  g = (1 - p_y)^γ - γ·p_y·(1 - p_y)^(γ-1)·ln p_y
/// ```
///
/// γ = 0 is cross-entropy. For γ ≥ 1 the loss is at least the cross-entropy minus γ times the entropy of p, which
/// is why it calibrates. γ may differ for rows whose p_y is small ([`Focal::below`], [`Focal::flsd_53`]); it
/// counts as a constant in the gradient, and the loss jumps at the threshold.
///
/// 1 - p_y is the sum over the other classes, so that a row that is sure and right keeps its digits and its
/// gradient is finite for γ < 1 too. A label on a logit of -inf makes the loss +inf and leaves the gradient
/// that of cross-entropy. The minimum is 0, approached as p_y goes to 1. Class weights weigh the whole row. Soft
/// labels are an error: libraries disagree on what they would mean.
///
/// ```
/// use temperance::loss::{Criterion, Focal};
/// use temperance::{Labels, Logits};
///
/// // p = (3/4, 1/4) and γ = 2: (1/4)²·ln(4/3).
/// let z = [3_f64.ln(), 0.0];
/// let logits = Logits::new(&z, 2)?;
/// let value = Focal::new(2.0)?.forward(&logits, Labels::new(&[0], 2))?.value;
/// assert!((value - (4.0_f64 / 3.0).ln() / 16.0).abs() < 1e-16);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Sources: Lin et al. 2017, equation 4; Mukhoti et al. 2020, "Calibrating Deep Neural Networks using Focal Loss"
/// (the bound, g, and the schedule of γ).
#[derive(Debug, Clone, PartialEq)]
pub struct Focal {
    cross_entropy: CrossEntropy,
    gamma: f64,
    threshold: f64,
    gamma_below: f64,
}

impl Focal {
    /// The focal loss with one γ for all rows.
    ///
    /// # Errors
    /// Unless 0 ≤ γ < ∞.
    pub fn new(gamma: f64) -> Result<Self> {
        Ok(Focal {
            cross_entropy: CrossEntropy::new(),
            gamma: strength(NAME_OF_GAMMA, gamma)?,
            threshold: THRESHOLD.default,
            gamma_below: GAMMA_BELOW.default,
        })
    }

    /// FLSD-53: γ = 5 where p_y < 0.2, else 3.
    ///
    /// ```
    /// use temperance::loss::Focal;
    ///
    /// assert_eq!(Focal::flsd_53(), Focal::new(3.0)?.below(0.2, 5.0)?);
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// Source: Mukhoti et al. 2020; their code, `focal_loss_adaptive_gamma.py`.
    pub fn flsd_53() -> Self {
        Focal { cross_entropy: CrossEntropy::new(), gamma: 3.0, threshold: 0.2, gamma_below: 5.0 }
    }

    /// Another γ for rows with p_y < `threshold`.
    ///
    /// # Errors
    /// Unless 0 ≤ threshold ≤ 1 and 0 ≤ γ < ∞.
    pub fn below(mut self, threshold: f64, gamma: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&threshold) {
            return Err(Error::parameter("threshold of the focal loss", threshold, "a number from 0 to 1"));
        }
        self.threshold = threshold;
        self.gamma_below = strength(NAME_OF_GAMMA, gamma)?;
        Ok(self)
    }

    /// The γ with which rows pull less than under cross-entropy exactly where p_y > `p0`: the root above 0 of
    /// g = 1, with the g of [`Focal`].
    ///
    /// It falls from ∞ at p0 = 0 to 0 at p0 = 1/2; above 1/2 every γ > 0 pulls less.
    ///
    /// With c = -p0·ln p0/(1 - p0) and a = -ln(1 - p0)/c it is (u - 1)/c, where u > 1 solves ln u = a·(u - 1), which
    /// is u = -W₋₁(-a·exp(-a))/a in Lambert's function.
    ///
    /// ```
    /// use temperance::loss::Focal;
    ///
    /// // The 5 and 3 of FLSD-53, before rounding.
    /// assert!((Focal::calibrated_gamma(0.2)? - 4.850_554_445_5).abs() < 1e-9);
    /// assert!((Focal::calibrated_gamma(0.25)? - 3.070_227_101_5).abs() < 1e-9);
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// # Errors
    /// Unless 0 < p0 < 1/2.
    ///
    /// Source: Mukhoti et al. 2020; their code, `get_gamma`.
    pub fn calibrated_gamma(p0: f64) -> Result<f64> {
        if !(f64::MIN_POSITIVE..0.5).contains(&p0) {
            let expected = "a probability above 0 and below 0.5";
            return Err(Error::parameter("p0 of the focal loss", p0, expected));
        }
        let c = -p0 * p0.ln() / (1.0 - p0);
        let a = -(-p0).ln_1p() / c;
        // ln u ≤ (u - 1)/√u puts the root below 1/a². From there Newton's method falls to it, as ln is concave.
        let mut u = 1.0 / (a * a);
        loop {
            let next = u - (u.ln() - a * (u - 1.0)) / (1.0 / u - a);
            if next >= u || next.is_nan() {
                return Ok((u - 1.0) / c);
            }
            u = next;
        }
    }

    fn gamma_at(&self, p: f64) -> f64 {
        if p < self.threshold { self.gamma_below } else { self.gamma }
    }
}

const NAME_OF_GAMMA: &str = "γ of the focal loss";

impl Criterion for Focal {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .with(GAMMA.name, Parameter::Number(self.gamma))
            .with(THRESHOLD.name, Parameter::Number(self.threshold))
            .with(GAMMA_BELOW.name, Parameter::Number(self.gamma_below))
    }

    fn options(&self) -> &Options {
        self.cross_entropy.options()
    }

    fn options_mut(&mut self) -> &mut Options {
        self.cross_entropy.options_mut()
    }

    fn run(&self, work: Work<'_>) -> Result<Loss> {
        objective::run(self.options(), work, |classes| {
            Ok(Prepared { loss: self, plain: self.cross_entropy.prepare(classes, false)? })
        })
    }
}

struct Prepared<'a> {
    loss: &'a Focal,
    plain: cross_entropy::Prepared<'a>,
}

impl Objective for Prepared<'_> {
    /// That of cross-entropy, and g.
    type Row<R> = (RowLoss<R>, f64);

    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, Self::Row<R>)>> {
        let Some(label) = hard_label(ENTRY.name, given, at)? else { return Ok(None) };
        let Some((seen, row)) = self.plain.row(z, given, at, buffers)? else { return Ok(None) };
        let (p, rest) = row.sums.probability(label, z[label].to_f64() - row.sums.max);
        let gamma = self.loss.gamma_at(p);
        let focus = rest.powf(gamma);
        // -ln p/(1 - p), which is 1 at p = 1.
        let ratio = if rest > 0.0 { seen.nll / rest } else { 1.0 };
        let g = focus * (1.0 + gamma * product(p, ratio));
        Ok(Some((Seen { value: product(focus, seen.value), ..seen }, (row, g))))
    }

    fn gradient<R: Precision>(
        &self,
        (row, g): &Self::Row<R>,
        z: &mut [R],
        scale: f64,
        buffers: &mut Buffers,
    ) {
        self.plain.gradient(row, z, scale * g, buffers);
    }
}
