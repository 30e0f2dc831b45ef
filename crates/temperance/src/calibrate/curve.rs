//! A map that is linear in the probability between points.

use super::binary::{BinaryCalibrator, check_increasing, check_probabilities, log_odds, sigmoid};
use crate::error::{Error, Result};
use crate::parameters::{Parameter, Parameters};

/// Points of a map: linear in p between them, constant below the first and above the last.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curve {
    /// Log-odds, each above the one before.
    scores: Vec<f64>,
    /// The probability there.
    probabilities: Vec<f64>,
}

impl Curve {
    pub(super) const NAMES: [&str; 2] = ["scores", "probabilities"];

    /// One more point, above the others.
    pub(super) fn push(&mut self, score: f64, probability: f64) {
        self.scores.push(score);
        self.probabilities.push(probability);
    }

    /// Makes it again from its parameters.
    ///
    /// # Errors
    /// Unless there is a point, scores increase, and there is a probability for each.
    pub(super) fn load(parameters: &Parameters) -> Result<Box<dyn BinaryCalibrator>> {
        let [scores, probabilities] = Self::NAMES;
        let curve = Curve {
            scores: parameters.numbers(scores)?.to_vec(),
            probabilities: parameters.numbers(probabilities)?.to_vec(),
        };
        if curve.scores.is_empty() {
            return Err(Error::parameter(scores, "an empty list", "at least one number"));
        }
        check_increasing(scores, &curve.scores)?;
        check_probabilities(probabilities, &curve.probabilities, curve.scores.len())?;
        Ok(Box::new(curve))
    }
}

impl BinaryCalibrator for Curve {
    fn calibrate(&self, score: f64) -> f64 {
        let (scores, p) = (&self.scores, &self.probabilities);
        let after = scores.partition_point(|&s| s <= score);
        if after == 0 {
            return log_odds(p[0]);
        }
        let before = after - 1;
        if after == scores.len() || p[before] == p[after] {
            return log_odds(p[before]);
        }
        let share = difference(score, scores[before]) / difference(scores[after], scores[before]);
        log_odds(
            (p[before] + share * (p[after] - p[before]))
                .clamp(p[before].min(p[after]), p[after].max(p[before])),
        )
    }

    fn parameters(&self) -> Parameters {
        let [scores, probabilities] = Self::NAMES;
        Parameters::new()
            .with(scores, Parameter::Numbers(self.scores.clone()))
            .with(probabilities, Parameter::Numbers(self.probabilities.clone()))
    }
}

/// σ(a) - σ(b) without cancellation.
fn difference(a: f64, b: f64) -> f64 {
    sigmoid(a) * sigmoid(-b) * -(b - a).exp_m1()
}
