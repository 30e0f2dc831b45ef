//! Numbers of other packages, by their own rules, whatever those measure.

use super::{Bin, Binning, Bins, Cost, EdgeRule, Entry, Sample, Summaries, Tier, debiased};

/// What the entries here share.
const ENTRY: Entry = Entry { tier: Tier::Compatibility, ..Entry::STANDARD };

fn equal_width(sample: &Sample<'_>, rule: EdgeRule) -> Option<Bins> {
    Bins::of(sample.summaries, Binning::EqualWidth(sample.bins, rule)).ok()
}

fn gaps(bins: &Bins) -> impl Iterator<Item = f64> {
    bins.bins().iter().filter_map(Bin::gap).map(f64::abs)
}

pub(super) const TORCHMETRICS_ECE: Entry = Entry {
    name: "torchmetrics_ece",
    summary: "calibration error of torchmetrics 1.9, norm l1",
    formula: "bins [lo, hi) and one more for exactly 1",
    source: "torchmetrics 1.9.0, functional.classification.calibration_error",
    measure: |sample| Some(equal_width(sample, EdgeRule::Torchmetrics)?.expected_error()),
    ..ENTRY
};

pub(super) const TORCHMETRICS_RMSCE: Entry = Entry {
    name: "torchmetrics_rmsce",
    summary: "calibration error of torchmetrics 1.9, norm l2",
    formula: "bins [lo, hi) and one more for exactly 1",
    source: "torchmetrics 1.9.0, functional.classification.calibration_error",
    measure: |sample| Some(equal_width(sample, EdgeRule::Torchmetrics)?.root_mean_square_error()),
    ..ENTRY
};

pub(super) const TORCHMETRICS_MCE: Entry = Entry {
    name: "torchmetrics_mce",
    summary: "calibration error of torchmetrics 1.9, norm max",
    formula: "bins [lo, hi) and one more for exactly 1",
    source: "torchmetrics 1.9.0, functional.classification.calibration_error",
    measure: |sample| Some(equal_width(sample, EdgeRule::Torchmetrics)?.maximum_error()),
    ..ENTRY
};

pub(super) const NETCAL_ECE: Entry = Entry {
    name: "netcal_ece",
    summary: "ECE of netcal 1.4",
    formula: "bins [lo, hi), the last closed",
    source: "netcal 1.4.0, metrics.ECE",
    measure: |sample| Some(equal_width(sample, EdgeRule::LeftClosed)?.expected_error()),
    ..ENTRY
};

pub(super) const NETCAL_ACE: Entry = Entry {
    name: "netcal_ace",
    summary: "ACE of netcal 1.4: the mean over bins that hold a row, whatever their weight",
    formula: "Σ_b |mean confidence_b - accuracy_b| / (bins that hold a row); bins [lo, hi), the last closed",
    source: "netcal 1.4.0, metrics.ACE",
    measure: |sample| {
        let bins = equal_width(sample, EdgeRule::LeftClosed)?;
        Some(gaps(&bins).sum::<f64>() / gaps(&bins).count() as f64)
    },
    ..ENTRY
};

pub(super) const NETCAL_MCE: Entry = Entry {
    name: "netcal_mce",
    summary: "MCE of netcal 1.4",
    formula: "bins [lo, hi), the last closed",
    source: "netcal 1.4.0, metrics.MCE",
    measure: |sample| Some(equal_width(sample, EdgeRule::LeftClosed)?.maximum_error()),
    ..ENTRY
};

pub(super) const SCIKIT_LEARN_ECE: Entry = Entry {
    name: "scikit_learn_ece",
    summary: "ECE from the bins of scikit-learn's calibration_curve",
    formula: "bins (lo, hi], the first closed",
    source: "scikit-learn 1.9.1, calibration.calibration_curve, strategy uniform",
    measure: |sample| Some(equal_width(sample, EdgeRule::RightClosed)?.expected_error()),
    ..ENTRY
};

pub(super) const UNCERTAINTY_CALIBRATION_ECE: Entry = Entry {
    name: "uncertainty_calibration_ece",
    summary: "get_ece of uncertainty-calibration 0.1.4",
    formula: "bins (lo, hi], the first closed",
    source: "uncertainty-calibration 0.1.4, utils.get_ece",
    measure: |sample| Some(equal_width(sample, EdgeRule::RightClosed)?.expected_error()),
    ..ENTRY
};

pub(super) const UNCERTAINTY_CALIBRATION_ECE_EM: Entry = Entry {
    name: "uncertainty_calibration_ece_em",
    summary: "get_ece_em of uncertainty-calibration 0.1.4",
    formula: "bins of equal mass, edges half-way between rows, equal confidences never parted",
    source: "uncertainty-calibration 0.1.4, utils.get_ece_em",
    cost: Cost::Columns,
    measure: |sample| Some(sample.equal_mass.expected_error()),
    ..ENTRY
};

pub(super) const UNCERTAINTY_CALIBRATION_L2: Entry = Entry {
    name: "uncertainty_calibration_l2",
    summary: "plug-in root mean square error of uncertainty-calibration 0.1.4",
    formula: "lower_bound_scaling_ce, p = 2, debias = False: bins of equal mass",
    source: "uncertainty-calibration 0.1.4, utils.lower_bound_scaling_ce",
    cost: Cost::Columns,
    measure: |sample| Some(sample.equal_mass.root_mean_square_error()),
    ..ENTRY
};

pub(super) const UNCERTAINTY_CALIBRATION_L2_DEBIASED: Entry = Entry {
    name: "uncertainty_calibration_l2_debiased",
    summary: "debiased root mean square error of uncertainty-calibration 0.1.4",
    formula: "lower_bound_scaling_ce, p = 2, debias = True: bins of equal mass",
    source: "uncertainty-calibration 0.1.4, utils.lower_bound_scaling_ce",
    cost: Cost::Columns,
    measure: |sample| Some(debiased::l2(sample.equal_mass)),
    ..ENTRY
};

pub(super) const RELPLOT_ECE: Entry = Entry {
    name: "relplot_ece",
    summary: "binned ECE of relplot 1.0.3",
    formula: "bins [lo, hi) and one more for exactly 1",
    source: "relplot 1.0.3, metrics.binnedECE",
    measure: |sample| Some(equal_width(sample, EdgeRule::Torchmetrics)?.expected_error()),
    ..ENTRY
};

pub(super) const RELPLOT_SMOOTH_ECE: Entry = Entry {
    name: "relplot_smooth_ece",
    summary: "smECE of relplot 1.0.3: as smooth_ece, but rows of confidence exactly 0 or 1 count half",
    formula: "smooth_ece with the errors at 0 and 1 halved; within 0.002 of the package, whose width is on a grid of 2^-10",
    source: "relplot 1.0.3, metrics.smECE",
    cost: Cost::Columns,
    measure: |sample| Some(super::smooth_ece::relplot(sample.summaries)),
    ..ENTRY
};

pub(super) const MAPIE_ECE: Entry = Entry {
    name: "mapie_ece",
    summary: "expected_calibration_error of MAPIE 1.6, strategy uniform: one bin fewer than asked for",
    formula: "bins (lo, hi], the first closed, num_bins - 1 of them",
    source: "MAPIE 1.6.0, metrics.calibration.expected_calibration_error",
    measure: |sample| {
        let bins = sample.bins.saturating_sub(1).max(1);
        let bins = Bins::of(sample.summaries, Binning::EqualWidth(bins, EdgeRule::RightClosed)).ok()?;
        Some(bins.expected_error())
    },
    ..ENTRY
};

/// Rows in bins of 100 by rising confidence, the last bin (with what is over) left out; `None` below 100 rows, where the
/// published code fails.
fn hendrycks(rows: &Summaries) -> Option<f64> {
    const SIZE: f64 = 100.0;
    let steps = super::sorted::steps(rows);
    let total: f64 = steps.iter().map(|[_, weight, _]| weight).sum();
    let bins = (total / SIZE).floor();
    let mut left = if bins >= 1.0 { (bins - 1.0) * SIZE } else { return None };
    let (mut sum, mut filled, mut gap) = (0.0, 0.0, 0.0);
    for [confidence, weight, hits] in steps {
        let mut own = weight.min(left);
        left -= own;
        while own > 0.0 {
            let part = own.min(SIZE - filled);
            gap += part * (confidence - hits / weight);
            filled += part;
            own -= part;
            if filled >= SIZE {
                sum += gap * gap / SIZE;
                (filled, gap) = (0.0, 0.0);
            }
        }
    }
    Some((sum / total).sqrt())
}

pub(super) const HENDRYCKS_RMS: Entry = Entry {
    name: "hendrycks_rms",
    summary: "RMS calibration error of Hendrycks' code and of Humanity's Last Exam: bins of 100 rows, the last left out",
    formula: "(Σ_b (100/n)·(mean confidence_b - accuracy_b)²)^½ over all but the last of ⌊n/100⌋ bins by rank",
    source: "Hendrycks, Mazeika, Dietterich 2019, Deep Anomaly Detection with Outlier Exposure, published code",
    cost: Cost::Columns,
    measure: |sample| hendrycks(sample.summaries),
    ..ENTRY
};
