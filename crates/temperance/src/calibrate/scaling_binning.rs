//! Scaling-binning: Platt scaling, then the mean of its results in each bin.

use super::Entry;
use super::binary::{
    BinaryCalibrator, BinaryFit, BinaryMethod, BinaryRows, Multiclass, REDUCTION, Reduced, log_odds,
    reduction, sigmoid,
};
use super::platt::Platt;
use super::steps::{self, BINS, Steps};
use crate::error::Result;
use crate::parameters::Parameters;
use crate::pav::Ranked;

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "scaling_binning",
    summary: "Platt scaling, then the mean of its results in each of a few bins of equal weight",
    source: "Kumar, Liang, Ma 2019, Verified Uncertainty Calibration",
    parameters: &[REDUCTION, BINS],
    binary: true,
    build: |parameters| {
        parameters.only(&[REDUCTION.name, BINS.name])?;
        let method = ScalingBinning { bins: steps::bins(parameters)? };
        Ok(Box::new(Multiclass::new(method, reduction(parameters)?)))
    },
    load: |parameters| Reduced::load(ENTRY.name, parameters, &Binned::NAMES, Binned::load),
};

/// Scaling-binning: [Platt scaling](super::PlattScaling), whose results are put into bins of equal weight and replaced
/// by their mean in the bin. So its calibration error can be measured, and has less variance than a histogram's.
///
/// The same rows are used for both steps, as in uncertainty-calibration 0.1.4; the paper's theorem is for separate rows.
/// Bins part neighbours half-way; equal results are never parted. Rows may be weighted, targets soft.
///
/// ```
/// use temperance::calibrate::{BinaryMethod, BinaryRows, ScalingBinning, sigmoid};
///
/// // Platt scaling gives 1/4 and 3/4; their mean in one bin is 1/2.
/// let rows = BinaryRows { score: vec![-1.0, 1.0], target: vec![0.25, 0.75], weight: vec![1.0; 2] };
/// let map = ScalingBinning::new(1)?.fit(&rows)?.calibrator;
/// assert!((sigmoid(map.calibrate(5.0)) - 0.5).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Kumar, Liang, Ma 2019, section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScalingBinning {
    bins: usize,
}

impl ScalingBinning {
    /// With at most that many bins.
    ///
    /// # Errors
    /// If there is none, or above a million.
    pub fn new(bins: usize) -> Result<Self> {
        Ok(ScalingBinning { bins: steps::check_bins(bins)? })
    }
}

impl BinaryMethod for ScalingBinning {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn fit(&self, rows: &BinaryRows) -> Result<BinaryFit> {
        let (platt, fit) = Platt::fit(rows, &rows.target)?;
        let scaled: Vec<f64> = rows.score.iter().map(|&score| platt.calibrate(score)).collect();
        let p: Vec<f64> = scaled.iter().map(|&odds| sigmoid(odds)).collect();
        let ranked = Ranked::new(&scaled, &p, &rows.weight);
        let steps = Steps::means(steps::equal_mass_edges(&ranked, self.bins), &ranked);
        let (gradient, flags) = (Some(fit.gradient), fit.flags);
        Ok(BinaryFit { calibrator: Box::new(Binned { platt, steps }), gradient, flags })
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Binned {
    platt: Platt,
    steps: Steps,
}

impl Binned {
    const NAMES: [&str; 4] = [Platt::NAMES[0], Platt::NAMES[1], Steps::NAMES[0], Steps::NAMES[1]];

    fn load(parameters: &Parameters) -> Result<Box<dyn BinaryCalibrator>> {
        Ok(Box::new(Binned { platt: Platt::read(parameters)?, steps: Steps::read(parameters)? }))
    }
}

impl BinaryCalibrator for Binned {
    fn calibrate(&self, score: f64) -> f64 {
        log_odds(self.steps.probability(self.platt.calibrate(score)))
    }

    fn parameters(&self) -> Parameters {
        self.steps.write(self.platt.parameters())
    }
}
