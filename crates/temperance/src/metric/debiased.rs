//! Calibration errors of bins without the part that is noise.

use super::{Bin, Bins, Cost, Direction, Entry};
use crate::normal;

/// Rows that a bin has, for its noise: Σ w where weights are counts, else (Σ w)² / Σ w².
fn rows(bins: &Bins, bin: &Bin) -> f64 {
    if bins.weights_are_counts() { bin.weight } else { bin.weight * bin.weight / bin.weight_squares }
}

/// [Σ_b (n_b/n)·(d_b² - ȳ_b(1 - ȳ_b)/(n_b - 1))]₊^½; a bin of one row or less adds nothing.
pub(super) fn l2(bins: &Bins) -> f64 {
    let total: f64 = bins.bins().iter().map(|bin| bin.weight).sum();
    let term = |bin: &Bin| {
        let (gap, rate, n) = (bin.gap()?, bin.accuracy()?, rows(bins, bin));
        (n > 1.0).then(|| bin.weight * (gap * gap - rate * (1.0 - rate) / (n - 1.0)))
    };
    (bins.bins().iter().filter_map(term).sum::<f64>() / total).max(0.0).sqrt()
}

/// [2·Σ_b (n_b/n)·|d_b| - Σ_b (n_b/n)·E|N(d_b, ȳ_b(1 - ȳ_b)/n_b)|]₊, the expectation in closed form.
pub(super) fn l1(bins: &Bins) -> f64 {
    let total: f64 = bins.bins().iter().map(|bin| bin.weight).sum();
    let term = |bin: &Bin| {
        let (gap, rate) = (bin.gap()?.abs(), bin.accuracy()?);
        let error = (rate * (1.0 - rate) / rows(bins, bin)).sqrt();
        Some(bin.weight * (2.0 * gap - folded_mean(gap, error)))
    };
    (bins.bins().iter().filter_map(term).sum::<f64>() / total).max(0.0)
}

/// E|X| of a normal X of mean `mean` ≥ 0 and standard deviation `error`.
fn folded_mean(mean: f64, error: f64) -> f64 {
    if error == 0.0 {
        return mean;
    }
    let z = mean / error;
    let density = (-0.5 * z * z).exp() * (2.0 / std::f64::consts::PI).sqrt();
    error * density + mean * (1.0 - 2.0 * normal::distribution(-z))
}

pub(super) const L2_DEBIASED: Entry = Entry {
    name: "l2_debiased",
    summary: "root mean square calibration error without its noise, bins of equal weight",
    formula: "[Σ_b (n_b/n)·((mean confidence_b - accuracy_b)² - accuracy_b·(1 - accuracy_b)/(n_b - 1))]₊^½",
    source: "Kumar, Liang, Ma 2019, Verified Uncertainty Calibration, section 5",
    cost: Cost::Columns,
    measure: |sample| Some(l2(sample.equal_mass)),
    ..Entry::STANDARD
};

pub(super) const L1_DEBIASED: Entry = Entry {
    name: "l1_debiased",
    summary: "expected calibration error without its noise, bins of equal weight",
    formula: "[2·Σ_b (n_b/n)·|d_b| - Σ_b (n_b/n)·E|N(d_b, accuracy_b·(1 - accuracy_b)/n_b)|]₊, d_b = mean confidence_b - accuracy_b",
    source: "Kumar, Liang, Ma 2019, appendix, with the expectation in closed form",
    cost: Cost::Columns,
    measure: |sample| Some(l1(sample.equal_mass)),
    ..Entry::STANDARD
};

pub(super) const RMSCE_EQUAL_MASS: Entry = Entry {
    name: "rmsce_equal_mass",
    summary: "root mean square calibration error, bins of equal weight",
    formula: "(Σ_b (n_b/n)·(mean confidence_b - accuracy_b)²)^½, equal confidences never parted",
    direction: Direction::Lower,
    source: "Kumar, Liang, Ma 2019, Verified Uncertainty Calibration",
    tier: super::Tier::Named,
    cost: Cost::Columns,
    measure: |sample| Some(sample.equal_mass.root_mean_square_error()),
    ..Entry::STANDARD
};

pub(super) const MCE_EQUAL_MASS: Entry = Entry {
    name: "mce_equal_mass",
    summary: "largest calibration error of a bin, bins of equal weight",
    formula: "max_b |mean confidence_b - accuracy_b|, equal confidences never parted",
    source: "Naeini, Cooper, Hauskrecht 2015",
    tier: super::Tier::Named,
    cost: Cost::Columns,
    measure: |sample| Some(sample.equal_mass.maximum_error()),
    ..Entry::STANDARD
};

#[cfg(test)]
mod tests {
    use super::folded_mean;

    #[test]
    fn the_mean_of_a_folded_normal() {
        assert_eq!(folded_mean(0.3, 0.0), 0.3);
        assert!((folded_mean(0.0, 1.0) - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-15);
        // Far from 0 nothing is folded.
        assert!((folded_mean(9.0, 1.0) - 9.0).abs() < 1e-14);
    }
}
