//! A map that is constant in each of a few bins of the score.

use super::binary::{
    BinaryCalibrator, ParameterEntry, check_increasing, check_probabilities, log_odds, mean_score, sigmoid,
};
use crate::error::{Error, Result};
use crate::parameters::{Parameter, Parameters};
use crate::pav::Ranked;

/// The parameter of every method with a given number of bins.
pub(super) const BINS: ParameterEntry =
    ParameterEntry { name: "bins", domain: "a whole number from 1 to 1000000", default: 15.0 };

/// The number of bins given by [`BINS`].
pub(super) fn bins(parameters: &Parameters) -> Result<usize> {
    let bins = parameters.number_or(&BINS)?;
    if !((1.0..=1e6).contains(&bins) && bins.fract() == 0.0) {
        return Err(Error::parameter(BINS.name, bins, BINS.domain));
    }
    Ok(bins as usize)
}

/// Refuses a number of bins that [`BINS`] does not allow.
pub(super) fn check_bins(bins: usize) -> Result<usize> {
    if (1..=1_000_000).contains(&bins) {
        Ok(bins)
    } else {
        Err(Error::parameter(BINS.name, bins, BINS.domain))
    }
}

/// Bins (lo, hi] of the score, each with its probability.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Steps {
    /// Log-odds that part neighbouring bins, each above the one before.
    pub(super) edges: Vec<f64>,
    /// One more than edges.
    pub(super) probabilities: Vec<f64>,
}

impl Steps {
    pub(super) const NAMES: [&str; 2] = ["edges", "probabilities"];

    /// The mean value of the rows in each bin; the centre of a bin without rows.
    pub(super) fn means(edges: Vec<f64>, ranked: &Ranked) -> Self {
        let centres = (0..=edges.len()).map(|bin| {
            let (lower, upper) = bounds(&edges, bin);
            0.5 * (lower + upper)
        });
        let mut probabilities: Vec<f64> = centres.collect();
        let mut start = 0;
        for (bin, probability) in probabilities.iter_mut().enumerate() {
            let upper = edges.get(bin).copied().unwrap_or(f64::INFINITY);
            let end = ranked.score.partition_point(|&score| score <= upper);
            let weights = &ranked.weight[start..end];
            let total: f64 = weights.iter().sum();
            if total > 0.0 {
                let values = ranked.value[start..end].iter();
                *probability = values.zip(weights).map(|(value, weight)| weight * value).sum::<f64>() / total;
            }
            start = end;
        }
        Steps { edges, probabilities }
    }

    /// The probability at a score.
    pub(super) fn probability(&self, score: f64) -> f64 {
        self.probabilities[self.edges.partition_point(|&edge| edge < score)]
    }

    /// Makes it again from its parameters.
    ///
    /// # Errors
    /// Unless edges increase and there is one probability more.
    pub(super) fn read(parameters: &Parameters) -> Result<Self> {
        let [edges, probabilities] = Self::NAMES;
        let steps = Steps {
            edges: parameters.numbers(edges)?.to_vec(),
            probabilities: parameters.numbers(probabilities)?.to_vec(),
        };
        check_increasing(edges, &steps.edges)?;
        check_probabilities(probabilities, &steps.probabilities, steps.edges.len() + 1)?;
        Ok(steps)
    }

    /// [`Steps::read`] as a map.
    ///
    /// # Errors
    /// As there.
    pub(super) fn load(parameters: &Parameters) -> Result<Box<dyn BinaryCalibrator>> {
        Ok(Box::new(Self::read(parameters)?))
    }

    /// The parameters, added to others.
    pub(super) fn write(&self, parameters: Parameters) -> Parameters {
        let [edges, probabilities] = Self::NAMES;
        parameters
            .with(edges, Parameter::Numbers(self.edges.clone()))
            .with(probabilities, Parameter::Numbers(self.probabilities.clone()))
    }
}

impl BinaryCalibrator for Steps {
    fn calibrate(&self, score: f64) -> f64 {
        log_odds(self.probability(score))
    }

    fn parameters(&self) -> Parameters {
        self.write(Parameters::new())
    }
}

/// The probabilities between which a bin lies.
pub(super) fn bounds(edges: &[f64], bin: usize) -> (f64, f64) {
    let lower = if bin == 0 { 0.0 } else { sigmoid(edges[bin - 1]) };
    (lower, edges.get(bin).map_or(1.0, |&edge| sigmoid(edge)))
}

/// Edges b/B. A score that rounding puts up to 1e-12 above an edge counts as on it: vote fractions sit on edges.
pub(super) fn equal_width_edges(bins: usize) -> Vec<f64> {
    let edge = |b: usize| {
        let odds = log_odds(b as f64 / bins as f64);
        odds + 1e-12 * odds.abs().max(1.0)
    };
    (1..bins).map(edge).collect()
}

/// Where bins of equal weight begin: the first score of every bin but the lowest, by its place.
///
/// Bin b ends with the score at which b/B of the weight is reached. Equal scores are never parted, no bin is empty, and
/// only shares of the weight matter.
pub(super) fn equal_mass_starts(cumulative: &[f64], bins: usize) -> Vec<usize> {
    let total = cumulative.last().copied().unwrap_or(0.0);
    // Sums of equal weights may miss their share by a rounding.
    let end = |b: usize| {
        let share = total * (b as f64 / bins as f64) * (1.0 - 1e-12);
        cumulative.partition_point(|&sum| sum < share) + 1
    };
    let mut starts: Vec<usize> = (1..bins).map(end).filter(|&start| start < cumulative.len()).collect();
    starts.dedup();
    starts
}

/// Edges half-way in probability between the scores that [`equal_mass_starts`] parts.
pub(super) fn edges_before(starts: &[usize], scores: &[f64]) -> Vec<f64> {
    let edge = |&start: &usize| {
        let pair = &scores[start - 1..=start];
        let middle = mean_score(pair, &[1.0, 1.0]);
        if middle < pair[1] { middle } else { pair[0] }
    };
    starts.iter().map(edge).collect()
}

/// Upper edges of all bins of equal weight but the last.
pub(super) fn equal_mass_edges(ranked: &Ranked, bins: usize) -> Vec<f64> {
    edges_before(&equal_mass_starts(&cumulative(&ranked.weight), bins), &ranked.score)
}

/// Sums of weights up to each score.
pub(super) fn cumulative(weights: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let add = |weight: &f64| {
        sum += weight;
        sum
    };
    weights.iter().map(add).collect()
}
