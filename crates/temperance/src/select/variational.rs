//! A proper score parted into what recalibration takes away and what is left.

use super::{Criterion, Folds, OutOfFold};
use crate::calibrate::Method;
use crate::error::Result;
use crate::fold::Observer;
use crate::input::{Block, Rows};
use crate::metric::Summaries;

/// Calibration error and refinement of a proper score.
///
/// The calibration error is R(f) - R(g∘f), the refinement R(g∘f), with R the mean score over rows that are in a fold
/// and g the calibrator of the method that was fitted to the other folds. With the best of all g the first would be
/// the divergence from calibration and never negative; with a method it is a lower bound of that in expectation, and
/// below 0 where recalibration does harm. Both depend on the method and on the folds: say them with the numbers.
///
/// ```
/// use temperance::{Block, Labels, Logits};
/// use temperance::calibrate::TemperatureScaling;
/// use temperance::select::{Criterion, Folds, Variational};
///
/// // Gap 2 in every row, 3 of 4 right in each fold: recalibration makes the gap ln 3.
/// let logits: Vec<f64> = (0..16).flat_map(|_| [2.0, 0.0]).collect();
/// let labels: Vec<usize> = (0..16).map(|row| usize::from(row % 4 == 3)).collect();
/// let rows = Block::new(Logits::new(&logits, 2)?, Labels::new(&labels, 2))?;
/// let folds = Folds::given(&(0..16).map(|row| Some(row / 8)).collect::<Vec<_>>())?;
/// let parts = Variational::of(rows, &folds, &TemperatureScaling::new(), Criterion::Nll, &())?;
/// let entropy = -(0.75 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln());
/// assert!((parts.refinement - entropy).abs() < 1e-12);
/// assert!((parts.calibration_error - (2_f64.exp().ln_1p() - 0.75 * 2.0 - entropy)).abs() < 1e-12);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Berta, Holzmüller, Jordan, Bach 2025, Rethinking Early Stopping: Refine, Then Calibrate, section 3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variational {
    /// R(f) - R(g∘f).
    pub calibration_error: f64,
    /// R(g∘f).
    pub refinement: f64,
}

impl Variational {
    /// Parts the score of the rows by recalibrating with `method` across `folds`.
    ///
    /// # Errors
    /// On illegal data; if the method cannot be fitted to the rows of all folds but one; if the observer breaks.
    ///
    /// # Panics
    /// If the folds are of other rows.
    pub fn of(
        block: Block<'_>,
        folds: &Folds,
        method: &dyn Method,
        criterion: Criterion,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let recalibrated = OutOfFold::fit(block, folds, method, observer)?;
        let score = |rows: &dyn Rows| {
            let summaries = Summaries::of(rows)?;
            let mean = summaries.mean_detail(|row| match criterion {
                Criterion::Nll => row.nll,
                Criterion::Brier => row.brier,
            });
            Ok::<f64, crate::Error>(mean.unwrap_or(f64::NAN))
        };
        let refinement = score(&recalibrated)?;
        Ok(Variational { calibration_error: score(recalibrated.counted())? - refinement, refinement })
    }
}
