//! From the losses of rows to one number.

use super::objective::Totals;
use crate::error::{Error, Result};

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
    /// weights, no penalty. NaN if no row counts.
    pub nll: f64,
    /// Mean entropy of the predictions over the rows that count, nats. NaN if no row counts.
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

/// Reduces sums over rows; the minimum is given where it is known.
pub(super) fn reduce(
    totals: &Totals,
    denominator: f64,
    minimum_known: bool,
    reduction: Reduction,
    when_empty: WhenEmpty,
) -> Result<Loss> {
    let rows = totals.rows as f64;
    let minimum = minimum_known.then_some(totals.minimum);
    let loss = Loss {
        value: totals.value,
        nll: totals.nll / rows,
        entropy: totals.entropy / rows,
        minimum,
        rows: totals.rows,
        denominator,
    };
    match reduction {
        Reduction::Sum => Ok(loss),
        Reduction::Mean if denominator > 0.0 => Ok(Loss {
            value: totals.value / denominator,
            minimum: minimum.map(|minimum| minimum / denominator),
            ..loss
        }),
        Reduction::Mean => {
            let value = match when_empty {
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
