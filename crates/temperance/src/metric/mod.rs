//! Metrics: how good probabilities are, and whether they can be taken at their word.
//!
//! One pass over the rows makes [`Summaries`] (a few numbers a row); metrics are functions of those, listed
//! in [`METRICS`]. Classwise measures need every probability and are made in the same pass ([`Classwise`]).
//! [`Evaluation`] measures everything at once.

mod bins;
mod classwise;
mod evaluation;
mod scores;
mod summary;

pub use bins::{Bin, Binning, Bins, EdgeRule};
pub use classwise::{ClassSummary, Classwise};
pub use evaluation::{Conventions, Evaluation, Measured};
pub use summary::{Detail, Summaries};

/// Whether larger values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smaller is better.
    Lower,
    /// Larger is better.
    Higher,
    /// Neither: it describes.
    Describes,
}

/// One metric: everything that the rest of the house needs to know of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name, as in JSON and on the command line.
    pub name: &'static str,
    /// What it measures, in a sentence.
    pub summary: &'static str,
    /// Its formula in plain text.
    pub formula: &'static str,
    /// Whether larger is better.
    pub direction: Direction,
    /// Where it was published.
    pub source: &'static str,
    /// Its value; `None` where the data have no such thing.
    pub measure: fn(&Sample<'_>) -> Option<f64>,
}

/// What metrics are measured on: the summaries of the rows, and what was made of them once for all metrics.
#[derive(Debug)]
pub struct Sample<'a> {
    /// A few numbers for each row.
    pub summaries: &'a Summaries,
    /// Rows by confidence, in bins of equal width.
    pub equal_width: &'a Bins,
    /// Rows by confidence, in bins of equal mass.
    pub equal_mass: &'a Bins,
    /// Probabilities of every class, in bins; `None` if they were not asked for or do not exist.
    pub classwise: Option<&'a Classwise>,
}

/// Every metric, in the order of reports. Top-k accuracy has a parameter and is added by [`Evaluation`].
pub static METRICS: &[Entry] = &[
    scores::ACCURACY,
    scores::NLL,
    scores::BRIER,
    bins::ECE,
    bins::MCE,
    bins::RMSCE,
    bins::ECE_EQUAL_MASS,
    classwise::CLASSWISE_ECE,
    scores::MEAN_CONFIDENCE,
    scores::MEAN_ENTROPY,
    bins::OVERCONFIDENCE,
    bins::UNDERCONFIDENCE,
];

/// The metric of that name.
pub fn metric(name: &str) -> Option<&'static Entry> {
    METRICS.iter().find(|entry| entry.name == name)
}
