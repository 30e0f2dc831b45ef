//! Histogram binning: one probability for each bin of the score.

use super::binary::{BinaryFit, BinaryMethod, BinaryRows, Multiclass, REDUCTION, Reduced, reduction, switch};
use super::steps::{self, BINS, Steps};
use super::{Entry, ParameterEntry};
use crate::error::Result;
use crate::pav::Ranked;

const EQUAL_MASS: ParameterEntry =
    ParameterEntry { name: "equal_mass", domain: "0 (equal width) or 1 (equal weight)", default: 1.0 };

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "histogram",
    summary: "replaces each probability by the rate of the outcome in its bin",
    source: "Zadrozny, Elkan 2001, Obtaining Calibrated Probability Estimates",
    parameters: &[REDUCTION, BINS, EQUAL_MASS],
    binary: true,
    build: |parameters| {
        parameters.only(&[REDUCTION.name, BINS.name, EQUAL_MASS.name])?;
        let method =
            HistogramBinning { bins: steps::bins(parameters)?, equal_mass: switch(parameters, &EQUAL_MASS)? };
        Ok(Box::new(Multiclass::new(method, reduction(parameters)?)))
    },
    load: |parameters| Reduced::load(ENTRY.name, parameters, &Steps::NAMES, Steps::load),
};

/// Histogram binning: the weighted mean target of the rows in each bin (lo, hi] of p.
///
/// Bins of equal weight part neighbouring scores half-way in p where b/B of the weight is reached; equal scores are never
/// parted, so there may be fewer bins, and none is empty. Bins of equal width have the edges b/B; one without rows gives
/// its centre. A bin of one outcome only is certain of it. Weights may be any, targets soft.
///
/// ```
/// use temperance::calibrate::{BinaryMethod, BinaryRows, HistogramBinning, log_odds, sigmoid};
///
/// let score = [0.1, 0.2, 0.6, 0.8].map(log_odds).to_vec();
/// let rows = BinaryRows { score, target: vec![0.0, 1.0, 1.0, 1.0], weight: vec![1.0; 4] };
/// let map = HistogramBinning::equal_mass(2)?.fit(&rows)?.calibrator;
/// assert_eq!(sigmoid(map.calibrate(log_odds(0.39))), 0.5);
/// assert_eq!(sigmoid(map.calibrate(log_odds(0.41))), 1.0);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Zadrozny, Elkan 2001, section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistogramBinning {
    bins: usize,
    equal_mass: bool,
}

impl HistogramBinning {
    /// With bins of equal weight.
    ///
    /// # Errors
    /// If there is none, or above a million.
    pub fn equal_mass(bins: usize) -> Result<Self> {
        Ok(HistogramBinning { bins: steps::check_bins(bins)?, equal_mass: true })
    }

    /// With bins of equal width.
    ///
    /// # Errors
    /// If there is none, or above a million.
    pub fn equal_width(bins: usize) -> Result<Self> {
        Ok(HistogramBinning { bins: steps::check_bins(bins)?, equal_mass: false })
    }
}

impl BinaryMethod for HistogramBinning {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn fit(&self, rows: &BinaryRows) -> Result<BinaryFit> {
        let ranked = Ranked::new(&rows.score, &rows.target, &rows.weight);
        let edges = if self.equal_mass {
            steps::equal_mass_edges(&ranked, self.bins)
        } else {
            steps::equal_width_edges(self.bins)
        };
        Ok(BinaryFit::without_descent(Steps::means(edges, &ranked)))
    }
}
