//! Venn-Abers prediction: isotonic regression twice, with the row to be judged as a miss and as a hit.

use super::Entry;
use super::binary::{
    BinaryCalibrator, BinaryFit, BinaryMethod, BinaryRows, Multiclass, REDUCTION, Reduced, check_increasing,
    check_probabilities, reduction,
};
use crate::error::{Error, Result};
use crate::parameters::{Parameter, Parameters};
use crate::pav::Ranked;

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "venn_abers",
    summary: "isotonic regression with the row itself as a miss and as a hit, and the two joined",
    source: "Vovk, Petej, Fedorova 2015, Large-Scale Probabilistic Predictors With and Without Guarantees of Validity",
    parameters: &[REDUCTION],
    binary: true,
    build: |parameters| {
        parameters.only(&[REDUCTION.name])?;
        Ok(Box::new(Multiclass::new(VennAbers, reduction(parameters)?)))
    },
    load: |parameters| Reduced::load(ENTRY.name, parameters, &Intervals::NAMES, Intervals::load),
};

/// The inductive Venn-Abers predictor: p₁ / (1 - p₀ + p₁), with p₀ and p₁ the values at s of the isotonic regressions of
/// the rows and the row (s, 0) or (s, 1).
///
/// Both are found for every s when fitted, in O(n log n); applying is a binary search. The result is never 0 or 1. The new
/// row has weight 1: weights count rows here, and their scale matters. Targets may be soft, without the guarantee of the
/// paper.
///
/// ```
/// use temperance::calibrate::{BinaryMethod, BinaryRows, VennAbers, sigmoid};
///
/// let rows = BinaryRows { score: vec![-1.0, 1.0], target: vec![0.0, 1.0], weight: vec![1.0; 2] };
/// let map = VennAbers.fit(&rows)?.calibrator;
/// // At 1: p₀ is the mean of 1 and 0, p₁ is 1.
/// assert!((sigmoid(map.calibrate(1.0)) - 1.0 / 1.5).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Vovk, Petej, Fedorova 2015, sections 2 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VennAbers;

impl BinaryMethod for VennAbers {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn fit(&self, rows: &BinaryRows) -> Result<BinaryFit> {
        let Ranked { score, value, weight } = Ranked::new(&rows.score, &rows.target, &rows.weight);
        let upper = as_hit(&value, &weight);
        // A miss among the rows is a hit among the rows turned round.
        let turned: Vec<f64> = value.iter().rev().map(|t| 1.0 - t).collect();
        let weight: Vec<f64> = weight.into_iter().rev().collect();
        let lower: Vec<f64> = as_hit(&turned, &weight).iter().rev().map(|p| 1.0 - p).collect();

        // Scores at which neither changes are left out.
        let mut intervals = Intervals { scores: Vec::new(), lower: Vec::new(), upper: Vec::new() };
        for (i, &score) in score.iter().enumerate() {
            if lower[i] != lower[i + 1] || upper[i] != upper[i + 1] {
                intervals.scores.push(score);
                intervals.lower.push(lower[i]);
                intervals.upper.push(upper[i]);
            }
        }
        intervals.lower.extend(lower.last());
        intervals.upper.extend(upper.last());
        Ok(BinaryFit::without_descent(intervals))
    }
}

/// The isotonic regression at a new row of value 1 and weight 1 that is pooled with each of the rows; last, above all.
///
/// It is the slope of the greatest convex minorant of the cumulative sums, left of the sum at the row, with all sums
/// before the row moved by (-1, -1). From one row to the next one more sum is moved; corners are only ever taken away.
fn as_hit(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0)];
    for (value, weight) in values.iter().zip(weights) {
        let (x, y) = sums[sums.len() - 1];
        sums.push((x + weight, y + weight * value));
    }
    let slope = |a: (f64, f64), b: (f64, f64)| (b.1 - a.1) / (b.0 - a.0);
    // Corners from right to left.
    let mut corners: Vec<(f64, f64)> = Vec::new();
    let join = |corners: &mut Vec<(f64, f64)>, point| {
        while let [.., next, top] = corners[..]
            && slope(point, top) >= slope(top, next)
        {
            corners.pop();
        }
        corners.push(point);
    };
    for &sum in sums[1..].iter().rev() {
        join(&mut corners, sum);
    }
    join(&mut corners, (-1.0, -1.0));
    let mut found = Vec::with_capacity(sums.len());
    let mut value: f64 = 0.0;
    for &(x, y) in &sums[1..] {
        if let [.., next, top] = corners[..] {
            value = slope(top, next).clamp(value, 1.0);
            let moved = (x - 1.0, y - 1.0);
            if moved.1 < top.1 + value * (moved.0 - top.0) {
                corners.pop();
                join(&mut corners, moved);
            }
        }
        found.push(value);
    }
    found.push(1.0);
    found
}

/// p₀ and p₁ by score.
#[derive(Debug, Clone, PartialEq)]
struct Intervals {
    /// Log-odds, each above the one before.
    scores: Vec<f64>,
    /// p₀ between scores, from the lower one on; one more than scores.
    lower: Vec<f64>,
    /// p₁ between scores, up to and with the upper one; one more than scores.
    upper: Vec<f64>,
}

impl Intervals {
    const NAMES: [&str; 3] = ["scores", "lower", "upper"];

    fn load(parameters: &Parameters) -> Result<Box<dyn BinaryCalibrator>> {
        let [scores, lower, upper] = Self::NAMES;
        let intervals = Intervals {
            scores: parameters.numbers(scores)?.to_vec(),
            lower: parameters.numbers(lower)?.to_vec(),
            upper: parameters.numbers(upper)?.to_vec(),
        };
        check_increasing(scores, &intervals.scores)?;
        let count = intervals.scores.len() + 1;
        check_probabilities(lower, &intervals.lower, count)?;
        check_probabilities(upper, &intervals.upper, count)?;
        if let Some(bad) = intervals.lower.iter().find(|&&p| p == 1.0) {
            return Err(Error::parameter(lower, bad, "numbers below 1"));
        }
        if let Some(bad) = intervals.upper.iter().find(|&&p| p == 0.0) {
            return Err(Error::parameter(upper, bad, "numbers above 0"));
        }
        Ok(Box::new(intervals))
    }
}

impl BinaryCalibrator for Intervals {
    fn calibrate(&self, score: f64) -> f64 {
        let lower = self.lower[self.scores.partition_point(|&s| s <= score)];
        let upper = self.upper[self.scores.partition_point(|&s| s < score)];
        // The odds of p₁ / (1 - p₀ + p₁).
        upper.ln() - (-lower).ln_1p()
    }

    fn parameters(&self) -> Parameters {
        let [scores, lower, upper] = Self::NAMES;
        Parameters::new()
            .with(scores, Parameter::Numbers(self.scores.clone()))
            .with(lower, Parameter::Numbers(self.lower.clone()))
            .with(upper, Parameter::Numbers(self.upper.clone()))
    }
}
