//! Margin-based label smoothing: cross-entropy with a bound on how far logits may lie below the largest.

use super::criterion::{Criterion, Supervision, Work};
use super::cross_entropy::{self, CrossEntropy, strength};
use super::objective::{self, Buffers, Objective, Place, Precision, Seen, product};
use super::terms::RowLoss;
use super::{Entry, Loss, Options};
use crate::error::{Error, Result};
use crate::input::Targets;
use crate::parameters::{Parameter, ParameterEntry, Parameters};

pub(super) const ENTRY: Entry = Entry {
    name: "margin_smoothing",
    summary: "cross-entropy with a penalty on logits that lie more than a margin below the largest",
    formula: "-Σ t·ln p + λ·Σ_k max(0, max z - z_k - m),  λ = α/K",
    source: "Liu et al. 2022",
    parameters: &[MARGIN, ALPHA, SUMMED],
    soft_labels: true,
    teacher: false,
    neutral: Some(&[("alpha", 0.0)]),
    build: |parameters| {
        parameters.only(&[MARGIN.name, ALPHA.name, SUMMED.name])?;
        let loss = MarginSmoothing::new(parameters.number_or(&MARGIN)?, parameters.number_or(&ALPHA)?)?;
        let summed = parameters.number_or(&SUMMED)?;
        match summed {
            0.0 => Ok(Box::new(loss)),
            1.0 => Ok(Box::new(loss.summed())),
            _ => Err(Error::parameter(SUMMED.name, summed, SUMMED.domain)),
        }
    },
};

const MARGIN: ParameterEntry = ParameterEntry { name: "margin", domain: "0 or above", default: 10.0 };
const ALPHA: ParameterEntry = ParameterEntry { name: "alpha", domain: "0 or above", default: 0.1 };
const SUMMED: ParameterEntry =
    ParameterEntry { name: "summed", domain: "0 for λ = α/K, 1 for λ = α", default: 0.0 };

/// Margin-based label smoothing (MbLS): cross-entropy with a penalty on logits that lie more than a margin
/// below the largest.
///
/// For a row with logits z, p = softmax(z), target t (one-hot for a label), class weights w, margin m and
/// k* the class of the largest logit:
///
/// ```text
/// loss = -Σ_c w_c·t_c·ln p_c + r·λ·Σ_k max(0, max z - z_k - m),   λ = α/K
/// ∂loss/∂z_k = p_k·Σ_c w_c·t_c - w_k·t_k - r·λ·[max z - z_k > m] + r·λ·[k = k*]·#{j: max z - z_j > m}
/// ```
///
/// r is the weight of the label (1 for soft labels). The paper sums over the classes, the authors' code takes
/// the mean, and so does this loss; [`MarginSmoothing::summed`] is the paper's. A gap of exactly m pulls nothing;
/// among ties for the largest logit the lowest class is k*. A logit of -inf is a class that cannot occur and
/// no gap, though it counts in K; a target on one makes the loss +inf.
///
/// α = 0 is cross-entropy. Unlike label smoothing the loss is indifferent to gaps within the margin;
/// [`MarginSmoothing::optimal_gap`] is where it ends.
///
/// ```
/// use temperance::loss::{Criterion, MarginSmoothing};
/// use temperance::{Labels, Logits};
///
/// // A gap of 3 is 2 too wide, and λ = 0.1/2.
/// let logits = Logits::new(&[3.0, 0.0], 2)?;
/// let value = MarginSmoothing::new(1.0, 0.1)?.forward(&logits, Labels::new(&[0], 2))?.value;
/// assert!((value - ((-3_f64).exp().ln_1p() + 0.05 * 2.0)).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Liu et al. 2022, "The Devil is in the Margin"; their code, `logit_margin_l1.py` (mean, m = 10, α = 0.1).
#[derive(Debug, Clone, PartialEq)]
pub struct MarginSmoothing {
    cross_entropy: CrossEntropy,
    margin: f64,
    alpha: f64,
    summed: bool,
}

impl MarginSmoothing {
    /// A penalty of α times the mean over the classes.
    ///
    /// # Errors
    /// Unless 0 ≤ m < ∞ and 0 ≤ α < ∞.
    pub fn new(margin: f64, alpha: f64) -> Result<Self> {
        Ok(MarginSmoothing {
            cross_entropy: CrossEntropy::new(),
            margin: strength("margin", margin)?,
            alpha: strength("α of margin-based label smoothing", alpha)?,
            summed: false,
        })
    }

    /// The same with α times the sum over the classes: λ = α.
    #[must_use]
    pub fn summed(mut self) -> Self {
        self.summed = true;
        self
    }

    /// How far the label's logit lies above all others where the loss is least: m, or ln(1/λ - K + 1) if that
    /// is more; ∞ for λ = 0.
    ///
    /// ```
    /// use temperance::loss::MarginSmoothing;
    ///
    /// let loss = MarginSmoothing::new(1.0, 0.1)?;
    /// assert_eq!(loss.optimal_gap(2)?, 19_f64.ln());
    /// assert_eq!(MarginSmoothing::new(10.0, 0.1)?.optimal_gap(2)?, 10.0);
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are fewer than 2 classes.
    pub fn optimal_gap(&self, classes: usize) -> Result<f64> {
        if classes < 2 {
            return Err(Error::shape("number of classes", classes, "at least 2"));
        }
        Ok(gap(self.margin, self.lambda(classes), classes))
    }

    fn lambda(&self, classes: usize) -> f64 {
        if self.summed { self.alpha } else { self.alpha / classes as f64 }
    }
}

/// The best gap to so many classes, one of them the label: the others' p is λ, unless the margin stops it.
fn gap(margin: f64, lambda: f64, classes: usize) -> f64 {
    let odds = 1.0 / lambda - (classes - 1) as f64;
    if odds > 0.0 { odds.ln().max(margin) } else { margin }
}

/// The least loss of a row with a label and so many classes that can occur.
fn minimum(margin: f64, lambda: f64, classes: usize) -> f64 {
    let (others, gap) = ((classes - 1) as f64, gap(margin, lambda, classes));
    (others * (-gap).exp()).ln_1p() + product(lambda * others, gap - margin)
}

impl Criterion for MarginSmoothing {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .with(MARGIN.name, Parameter::Number(self.margin))
            .with(ALPHA.name, Parameter::Number(self.alpha))
            .with(SUMMED.name, Parameter::Number(if self.summed { 1.0 } else { 0.0 }))
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
            let lambda = self.lambda(classes);
            Ok(Prepared {
                plain: self.cross_entropy.prepare(classes, soft)?,
                margin: self.margin,
                lambda,
                minimum: if soft { f64::NAN } else { minimum(self.margin, lambda, classes) },
            })
        })
    }
}

struct Prepared<'a> {
    plain: cross_entropy::Prepared<'a>,
    margin: f64,
    lambda: f64,
    /// Of a row with a label on which every class can occur.
    minimum: f64,
}

impl Objective for Prepared<'_> {
    /// That of cross-entropy, and the number of gaps beyond the margin.
    type Row<R> = (RowLoss<R>, usize);

    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, Self::Row<R>)>> {
        let Some((seen, row)) = self.plain.row(z, given, at, buffers)? else { return Ok(None) };
        let (mut beyond, mut active, mut possible) = (0.0, 0, 0);
        for &z in z {
            let gap = row.sums.max - z.to_f64();
            let counts = (gap > self.margin) & (gap < f64::INFINITY);
            beyond += if counts { gap - self.margin } else { 0.0 };
            active += usize::from(counts);
            possible += usize::from(gap < f64::INFINITY);
        }
        let least = if possible == z.len() || self.minimum.is_nan() {
            self.minimum
        } else {
            minimum(self.margin, self.lambda, possible)
        };
        let weight = row.weight();
        let value = seen.value + product(weight * self.lambda, beyond);
        Ok(Some((Seen { value, minimum: weight * least, ..seen }, (row, active))))
    }

    fn gradient<R: Precision>(
        &self,
        (row, active): &Self::Row<R>,
        z: &mut [R],
        scale: f64,
        buffers: &mut Buffers,
    ) {
        if *active == 0 || self.lambda == 0.0 {
            return self.plain.gradient(row, z, scale, buffers);
        }
        let mut gaps = std::mem::take(&mut buffers.own);
        gaps.clear();
        gaps.extend(z.iter().map(|z| row.sums.max - z.to_f64()));
        self.plain.gradient(row, z, scale, buffers);
        let pull = scale * row.weight() * self.lambda;
        for (g, &gap) in z.iter_mut().zip(&gaps) {
            let counts = (gap > self.margin) & (gap < f64::INFINITY);
            *g = R::from_f64(g.to_f64() - if counts { pull } else { 0.0 });
        }
        let top = &mut z[row.sums.arg_max];
        *top = R::from_f64(top.to_f64() + pull * *active as f64);
        buffers.own = gaps;
    }
}
