//! Centred isotonic regression: isotonic regression without its flat pieces.

use super::Entry;
use super::binary::{
    BinaryFit, BinaryMethod, BinaryRows, Multiclass, REDUCTION, Reduced, mean_score, reduction,
};
use super::curve::Curve;
use crate::error::Result;
use crate::pav::Ranked;

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "centred_isotonic",
    summary: "isotonic regression with each flat piece drawn together to its centre",
    source: "Oron, Flournoy 2017, Centered Isotonic Regression",
    parameters: &[REDUCTION],
    binary: true,
    build: |parameters| {
        parameters.only(&[REDUCTION.name])?;
        Ok(Box::new(Multiclass::new(CentredIsotonicRegression, reduction(parameters)?)))
    },
    load: |parameters| Reduced::load(ENTRY.name, parameters, &Curve::NAMES, Curve::load),
};

/// Centred isotonic regression: each pool of isotonic regression becomes one point at the weighted mean of its
/// probabilities p; the map is linear in p between points, so that unequal scores stay unequal.
///
/// Pools of value 0 or 1 are not drawn together, as in the paper. Below the first point and above the last the map is
/// constant. Weights may be any, targets soft. O(n log n).
///
/// ```
/// use temperance::calibrate::{BinaryMethod, BinaryRows, CentredIsotonicRegression, log_odds, sigmoid};
///
/// let score = [0.1, 0.3, 0.5, 0.9].map(log_odds).to_vec();
/// let rows = BinaryRows { score, target: vec![0.0, 1.0, 0.0, 1.0], weight: vec![1.0; 4] };
/// let map = CentredIsotonicRegression.fit(&rows)?.calibrator;
/// // The pool of 0.3 and 0.5 is the point (0.4, 1/2).
/// assert!((sigmoid(map.calibrate(log_odds(0.4))) - 0.5).abs() < 1e-15);
/// assert!((sigmoid(map.calibrate(log_odds(0.65))) - 0.75).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Oron, Flournoy 2017, section 2.2; the conventions are those of cir-model 0.2.0 on p.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CentredIsotonicRegression;

impl BinaryMethod for CentredIsotonicRegression {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn fit(&self, rows: &BinaryRows) -> Result<BinaryFit> {
        let ranked = Ranked::new(&rows.score, &rows.target, &rows.weight);
        let mut curve = Curve::default();
        let mut start = 0;
        for pool in ranked.pav() {
            let scores = &ranked.score[start..pool.end];
            if pool.value == 0.0 || pool.value == 1.0 {
                curve.push(scores[0], pool.value);
                if scores.len() > 1 {
                    curve.push(scores[scores.len() - 1], pool.value);
                }
            } else {
                curve.push(mean_score(scores, &ranked.weight[start..pool.end]), pool.value);
            }
            start = pool.end;
        }
        Ok(BinaryFit::without_descent(curve))
    }
}
