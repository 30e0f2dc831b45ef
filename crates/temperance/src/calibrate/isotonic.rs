//! Isotonic regression: the closest non-decreasing map, found by pooling adjacent violators.

use super::Entry;
use super::binary::{BinaryFit, BinaryMethod, BinaryRows, Multiclass, REDUCTION, Reduced, reduction};
use super::curve::Curve;
use crate::error::Result;
use crate::pav::Ranked;

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "isotonic",
    summary: "replaces each probability by the closest non-decreasing function of it",
    source: "Zadrozny, Elkan 2002, Transforming Classifier Scores into Accurate Multiclass Probability Estimates",
    parameters: &[REDUCTION],
    binary: true,
    build: |parameters| {
        parameters.only(&[REDUCTION.name])?;
        Ok(Box::new(Multiclass::new(IsotonicRegression, reduction(parameters)?)))
    },
    load: |parameters| Reduced::load(ENTRY.name, parameters, &Curve::NAMES, Curve::load),
};

/// Isotonic regression: the non-decreasing map of p that minimises Σ w·(map(p) - t)², and the log-loss with it.
///
/// Rows of equal scores are pooled first, then neighbours that violate the order. Between the first and last rows of
/// neighbouring pools the map is linear in p; below the first row and above the last it is constant. Where the first
/// rows are all 0, or the last all 1, the map says so: certainty, and an unbounded loss if it errs. Weights may be any,
/// targets soft. O(n log n).
///
/// ```
/// use temperance::calibrate::{BinaryMethod, BinaryRows, IsotonicRegression, log_odds, sigmoid};
///
/// let score = [0.1, 0.3, 0.5, 0.9].map(log_odds).to_vec();
/// let rows = BinaryRows { score, target: vec![0.0, 1.0, 0.0, 1.0], weight: vec![1.0; 4] };
/// let map = IsotonicRegression.fit(&rows)?.calibrator;
/// // The second and third are pooled to 1/2; 0.2 lies half-way from 0 to that.
/// assert!((sigmoid(map.calibrate(log_odds(0.2))) - 0.25).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Zadrozny, Elkan 2002; the conventions are those of scikit-learn's `IsotonicRegression` on p, clipped outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsotonicRegression;

impl BinaryMethod for IsotonicRegression {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn fit(&self, rows: &BinaryRows) -> Result<BinaryFit> {
        let ranked = Ranked::new(&rows.score, &rows.target, &rows.weight);
        let mut curve = Curve::default();
        let mut start = 0;
        for pool in ranked.pav() {
            curve.push(ranked.score[start], pool.value);
            if pool.end - start > 1 {
                curve.push(ranked.score[pool.end - 1], pool.value);
            }
            start = pool.end;
        }
        Ok(BinaryFit::without_descent(curve))
    }
}
