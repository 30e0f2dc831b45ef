//! Murphy's decomposition of the binary Brier score by bins, with the two terms within bins that make it exact.
//!
//! mean (p - y)² = reliability - resolution + uncertainty + variance within bins - covariance within bins.

use super::bins::equal_width_index;
use super::{Bin, Cost, Direction, Entry, Sample, Tier};

const SOURCE: &str = "Murphy 1973; Stephenson, Coelho, Jolliffe 2008";

/// Mean over rows of a number that its bin has.
fn mean_of_bins(sample: &Sample<'_>, of: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let bins = sample.equal_width.bins();
    let term = |bin: &Bin| Some(bin.weight * of(bin.confidence()?, bin.accuracy()?));
    let total: f64 = bins.iter().map(|bin| bin.weight).sum();
    Some(bins.iter().filter_map(term).sum::<f64>() / total)
}

/// Mean outcome.
fn base_rate(sample: &Sample<'_>) -> f64 {
    let bins = sample.equal_width.bins();
    bins.iter().map(|bin| bin.correct_sum).sum::<f64>() / bins.iter().map(|bin| bin.weight).sum::<f64>()
}

/// Mean over rows of a number made of the distances of confidence and outcome from the means of their bin.
fn mean_within(sample: &Sample<'_>, of: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let rows = sample.summaries;
    let mean = |bin: &Bin| Some((bin.confidence()?, bin.accuracy()?));
    let means: Vec<Option<(f64, f64)>> = sample.equal_width.bins().iter().map(mean).collect();
    let values = rows.confidence.iter().zip(&rows.correct).map(|(&p, &y)| {
        means[equal_width_index(p, sample.bins, sample.edges)].map_or(0.0, |(mp, my)| of(p - mp, y - my))
    });
    Some(rows.mean(values))
}

pub(super) const RELIABILITY: Entry = Entry {
    name: "murphy_reliability",
    summary: "the part of the Brier score that bins of equal width can calibrate away",
    formula: "Σ_b (n_b/n)·(mean p_b - mean y_b)²",
    source: SOURCE,
    tier: Tier::Named,
    measure: |sample| mean_of_bins(sample, |p, y| (p - y) * (p - y)),
    ..Entry::STANDARD
};

pub(super) const RESOLUTION: Entry = Entry {
    name: "murphy_resolution",
    summary: "how far the outcomes of bins of equal width differ from the mean outcome",
    formula: "Σ_b (n_b/n)·(mean y_b - mean y)²",
    direction: Direction::Higher,
    source: SOURCE,
    tier: Tier::Named,
    measure: |sample| {
        let rate = base_rate(sample);
        mean_of_bins(sample, |_, y| (y - rate) * (y - rate))
    },
    ..Entry::STANDARD
};

pub(super) const UNCERTAINTY: Entry = Entry {
    name: "murphy_uncertainty",
    summary: "variance of the outcomes",
    formula: "mean (y - mean y)²; for outcomes 0 and 1, ȳ·(1 - ȳ)",
    direction: Direction::Describes,
    source: SOURCE,
    tier: Tier::Named,
    measure: |sample| {
        let rate = base_rate(sample);
        Some(sample.summaries.mean(sample.summaries.correct.iter().map(|y| (y - rate) * (y - rate))))
    },
    cost: Cost::Columns,
    ..Entry::STANDARD
};

pub(super) const WITHIN_VARIANCE: Entry = Entry {
    name: "murphy_within_variance",
    summary: "variance of the probabilities within bins of equal width",
    formula: "mean (p - mean p_b)²",
    direction: Direction::Describes,
    source: SOURCE,
    tier: Tier::Named,
    measure: |sample| mean_within(sample, |p, _| p * p),
    cost: Cost::Columns,
    ..Entry::STANDARD
};

pub(super) const WITHIN_COVARIANCE: Entry = Entry {
    name: "murphy_within_covariance",
    summary: "twice the covariance of probability and outcome within bins of equal width",
    formula: "mean 2·(p - mean p_b)·(y - mean y_b)",
    direction: Direction::Describes,
    source: SOURCE,
    tier: Tier::Named,
    measure: |sample| mean_within(sample, |p, y| 2.0 * p * y),
    cost: Cost::Columns,
    ..Entry::STANDARD
};
