//! Metrics: how good probabilities are, and whether they can be taken at their word.
//!
//! One pass over the rows makes [`Summaries`] (a few numbers a row); metrics are functions of those, listed
//! in [`METRICS`]. Classwise measures need every probability and are made in the same pass ([`Classwise`]).
//! [`Evaluation`] measures everything at once.

mod bins;
mod bootstrap;
mod classwise;
mod compat;
mod corp;
mod cox;
mod debiased;
mod evaluation;
mod hypothesis;
mod kde_ece;
mod murphy;
mod scores;
mod selective;
mod skce;
mod smooth_ece;
mod sorted;
mod summary;

pub use bins::{Bin, Binning, Bins, EdgeRule};
pub use bootstrap::{Bootstrap, Interval, IntervalKind, Replicates};
pub use classwise::{ClassSummary, Classwise};
pub use corp::{Corp, CorpBlock};
pub use evaluation::{Conventions, Evaluation, Measured};
pub use selective::RiskCoverage;
pub use smooth_ece::SmoothReliability;
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

/// Which probability is measured against which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// The largest probability, against whether its class is the label: confidence calibration.
    #[default]
    Confidence,
    /// The probability of class 1 of two, against whether the label is 1.
    Positive,
}

/// When a metric is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// By every evaluation.
    Standard,
    /// Where it is asked for by name.
    Named,
    /// Where it is asked for by name: it gives the number of another package, whatever that measures.
    Compatibility,
}

/// What a metric costs in time and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Sums over rows that merge: O(1) or O(bins) memory. It streams.
    Sums,
    /// A sort of the rows: O(n log n) time, O(n) memory. It has no streaming form.
    Columns,
    /// Every pair of rows: O(n²) time, O(n) memory. It has no streaming form.
    Pairs,
}

/// Where the interval of a metric comes from.
#[derive(Debug, Clone, Copy)]
pub enum Uncertainty {
    /// From resampled rows: [`struct@Bootstrap`].
    Bootstrap,
    /// From its own formula: the sample and the level (0.95) to the lower and upper end.
    Formula(fn(&Sample<'_>, f64) -> Option<[f64; 2]>),
    /// It has none, for this reason.
    None(&'static str),
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
    /// When it is measured.
    pub tier: Tier,
    /// What it costs.
    pub cost: Cost,
    /// Whether it needs [`Sample::vectors`].
    pub vectors: bool,
    /// Where its interval comes from.
    pub uncertainty: Uncertainty,
    /// Its value; `None` where the data have no such thing.
    pub measure: fn(&Sample<'_>) -> Option<f64>,
}

/// What metrics are measured on: the summaries of the rows, and what was made of them once for all metrics.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Which probability the summaries hold.
    pub event: Event,
    /// Number of bins asked for.
    pub bins: usize,
    /// Which bin a probability on an edge belongs to.
    pub edges: EdgeRule,
    /// A few numbers for each row.
    pub summaries: &'a Summaries,
    /// Rows by confidence, in bins of equal width.
    pub equal_width: &'a Bins,
    /// Rows by confidence, in bins of equal mass.
    pub equal_mass: &'a Bins,
    /// Probabilities of every class, in bins; `None` if they were not asked for or do not exist.
    pub classwise: Option<&'a Classwise>,
    /// Probabilities of every class, row-major, for the rows of `summaries` in their order; `None` unless a metric
    /// that needs them was asked for.
    pub vectors: Option<&'a [f64]>,
}

impl Entry {
    /// What most metrics share: measured always, from sums that merge, with an interval by bootstrap.
    const STANDARD: Entry = Entry {
        name: "",
        summary: "",
        formula: "",
        direction: Direction::Lower,
        source: "",
        tier: Tier::Standard,
        cost: Cost::Sums,
        vectors: false,
        uncertainty: Uncertainty::Bootstrap,
        measure: |_| None,
    };
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
    debiased::L2_DEBIASED,
    debiased::L1_DEBIASED,
    smooth_ece::SMOOTH_ECE,
    sorted::ECE_SWEEP,
    debiased::RMSCE_EQUAL_MASS,
    debiased::MCE_EQUAL_MASS,
    sorted::MMCE,
    kde_ece::KDE_ECE,
    skce::SKCE,
    skce::SKCE_BIASED,
    classwise::CLASSWISE_RMSCE,
    classwise::TOP_LABEL_ECE,
    compat::TORCHMETRICS_ECE,
    compat::TORCHMETRICS_RMSCE,
    compat::TORCHMETRICS_MCE,
    compat::NETCAL_ECE,
    compat::NETCAL_ACE,
    compat::NETCAL_MCE,
    compat::SCIKIT_LEARN_ECE,
    compat::UNCERTAINTY_CALIBRATION_ECE,
    compat::UNCERTAINTY_CALIBRATION_ECE_EM,
    compat::UNCERTAINTY_CALIBRATION_L2,
    compat::UNCERTAINTY_CALIBRATION_L2_DEBIASED,
    compat::RELPLOT_ECE,
    compat::RELPLOT_SMOOTH_ECE,
    compat::MAPIE_ECE,
    compat::HENDRYCKS_RMS,
    // Decompositions, tests of hypotheses, risk and coverage.
    murphy::RELIABILITY,
    murphy::RESOLUTION,
    murphy::UNCERTAINTY,
    murphy::WITHIN_VARIANCE,
    murphy::WITHIN_COVARIANCE,
    corp::MCB,
    corp::DSC,
    corp::UNC,
    corp::MCB_LOG,
    corp::DSC_LOG,
    corp::UNC_LOG,
    cox::COX_SLOPE,
    cox::COX_INTERCEPT,
    cox::CALIBRATION_IN_THE_LARGE,
    cox::HOSMER_LEMESHOW,
    cox::HOSMER_LEMESHOW_P,
    cox::HOSMER_LEMESHOW_VALIDATION_P,
    cox::ECE_CONSISTENCY_P,
    hypothesis::SPIEGELHALTER,
    hypothesis::SPIEGELHALTER_P,
    hypothesis::SPIEGELHALTER_UPPER_P,
    hypothesis::KS,
    hypothesis::KS_P,
    hypothesis::KUIPER,
    hypothesis::KUIPER_P,
    selective::AURC,
    selective::EXCESS_AURC,
    selective::AUGRC,
    selective::RISK_AT_80,
];

/// The metric of that name.
pub fn metric(name: &str) -> Option<&'static Entry> {
    METRICS.iter().find(|entry| entry.name == name)
}
