//! From the losses of rows to one number.

use super::objective::Totals;
use super::{Options, Reduction, WhenEmpty};
use crate::error::{Error, Result};

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
    /// Share of the rows that count whose largest logit is the label's (that of the largest target for soft
    /// labels), ties to the lowest class. NaN if no row counts.
    pub accuracy: f64,
    /// The least value that any logits could reach, reduced as the value is; `None` where it has no cheap form
    /// (soft labels; a penalty together with class weights, a prior, a mask or a threshold; see each loss).
    pub minimum: Option<f64>,
    /// Rows that count.
    pub rows: u64,
    /// What a mean divides by, as the [`Reduction`] says.
    pub denominator: f64,
}

impl Loss {
    /// The loss above its minimum, 0 at the optimum: KL from the target where there is no penalty.
    pub fn excess(&self) -> Option<f64> {
        self.minimum.map(|minimum| self.value - minimum)
    }
}

/// Reduces sums over rows; the minimum is known unless it is NaN.
pub(super) fn reduce(totals: &Totals, denominator: f64, options: &Options, lenient: bool) -> Result<Loss> {
    let rows = totals.rows as f64;
    let is_empty = options.reduction != Reduction::Sum && !(denominator > 0.0);
    let empty = match options.when_empty {
        WhenEmpty::Nan => f64::NAN,
        WhenEmpty::Error if is_empty && !lenient => {
            let expected = "a number above 0, or an answer for a mean over no rows by name";
            return Err(Error::shape("weight of the rows that count", 0, expected));
        }
        WhenEmpty::Zero | WhenEmpty::Error => 0.0,
    };
    let reduced = |sum: f64| {
        if is_empty {
            empty
        } else if options.reduction == Reduction::Sum {
            sum
        } else {
            sum / denominator
        }
    };
    let minimum = (!totals.minimum.is_nan()).then(|| reduced(totals.minimum));
    let (value, minimum) = match (options.above_minimum, minimum) {
        (false, minimum) => (reduced(totals.value), minimum),
        (true, Some(_)) => (reduced(totals.value - totals.minimum), Some(0.0)),
        (true, None) => {
            let expected = "a loss whose minimum is known, to count from";
            return Err(Error::parameter("minimum of the loss", "unknown", expected));
        }
    };
    Ok(Loss {
        value,
        nll: totals.nll / rows,
        entropy: totals.entropy / rows,
        accuracy: totals.correct / rows,
        minimum,
        rows: totals.rows,
        denominator,
    })
}
