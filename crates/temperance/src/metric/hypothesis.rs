//! Tests of the hypothesis that outcomes are drawn from the probabilities: Spiegelhalter, Kolmogorov-Smirnov, Kuiper.
//!
//! Weights are counts: a row of weight 2 is two rows, and all weights doubled are twice the evidence. Where no
//! outcome could have varied (every probability 0, 1 or, for Spiegelhalter, ½) there is no statistic.

use super::{Cost, Direction, Entry, Sample, Tier, Uncertainty};
use crate::normal;
use crate::pav::Ranked;

const BASE: Entry = Entry {
    direction: Direction::Describes,
    tier: Tier::Named,
    cost: Cost::Columns,
    uncertainty: Uncertainty::None("the statistic of a test and its p-value"),
    ..Entry::STANDARD
};

/// P(N > z) of the standard normal distribution.
fn normal_survival(z: f64) -> f64 {
    normal::distribution(-z)
}

/// P(max |B| > x) of a Brownian motion B on [0, 1]: 4·Σ_k (-1)^k·P(N > (2k + 1)·x).
fn maximum_survival(x: f64) -> f64 {
    // 1 within 1e-21.
    if x < 0.16 {
        return 1.0;
    }
    let (mut sum, mut sign, mut k) = (0.0, 4.0, 1.0);
    while k * x < 39.0 {
        sum += sign * normal_survival(k * x);
        (sign, k) = (-sign, k + 2.0);
    }
    sum.clamp(0.0, 1.0)
}

/// P(max B - min B > x) of a Brownian motion B on [0, 1]: 8·Σ_k (-1)^(k-1)·k·P(N > k·x), the integral of Feller's
/// density.
fn range_survival(x: f64) -> f64 {
    // 1 within 1e-33.
    if x < 0.25 {
        return 1.0;
    }
    let (mut sum, mut sign, mut k) = (0.0, 8.0, 1.0);
    while k * x < 39.0 {
        sum += sign * k * normal_survival(k * x);
        (sign, k) = (-sign, k + 1.0);
    }
    sum.clamp(0.0, 1.0)
}

/// Σ w·(y - p)·(1 - 2p) in standard errors.
fn spiegelhalter(sample: &Sample<'_>) -> Option<f64> {
    let rows = sample.summaries;
    let (mut sum, mut variance) = (0.0, 0.0);
    for ((&p, &y), &w) in rows.confidence.iter().zip(&rows.correct).zip(&rows.weight) {
        let tilt = 1.0 - 2.0 * p;
        sum += w * (y - p) * tilt;
        variance += w * tilt * tilt * p * (1.0 - p);
    }
    (variance > 0.0).then(|| sum / variance.sqrt())
}

/// The cumulative differences Σ w·(y - p) after each confidence, from low to high, in standard errors of the last.
/// Equal confidences are one step.
fn differences(sample: &Sample<'_>) -> Option<Vec<f64>> {
    let rows = sample.summaries;
    let ranked = Ranked::new(&rows.confidence, &rows.correct, &rows.weight);
    let (mut sum, mut variance) = (0.0, 0.0);
    let mut sums = Vec::with_capacity(ranked.score.len());
    for ((p, y), w) in ranked.score.iter().zip(&ranked.value).zip(&ranked.weight) {
        sum += w * (y - p);
        variance += w * p * (1.0 - p);
        sums.push(sum);
    }
    (variance > 0.0).then(|| sums.iter().map(|sum| sum / variance.sqrt()).collect())
}

fn kolmogorov_smirnov(sample: &Sample<'_>) -> Option<f64> {
    Some(differences(sample)?.iter().fold(0.0, |most: f64, d| most.max(d.abs())))
}

fn kuiper(sample: &Sample<'_>) -> Option<f64> {
    let differences = differences(sample)?;
    let most = differences.iter().copied().fold(0.0, f64::max);
    Some(most - differences.iter().copied().fold(0.0, f64::min))
}

pub(super) const SPIEGELHALTER: Entry = Entry {
    name: "spiegelhalter_z",
    summary: "Spiegelhalter's test of calibration; standard normal if outcomes are drawn from the probabilities",
    formula: "Σ w·(y - p)·(1 - 2p) / (Σ w·(1 - 2p)²·p·(1 - p))^½, weights as counts",
    source: "Spiegelhalter 1986, Probabilistic prediction in patient management",
    measure: spiegelhalter,
    ..BASE
};

pub(super) const SPIEGELHALTER_P: Entry = Entry {
    name: "spiegelhalter_p",
    summary: "two-sided p-value of Spiegelhalter's test",
    formula: "2·P(N > |z|)",
    measure: |sample| Some(2.0 * normal_survival(spiegelhalter(sample)?.abs())),
    ..SPIEGELHALTER
};

pub(super) const SPIEGELHALTER_UPPER_P: Entry = Entry {
    name: "spiegelhalter_upper_p",
    summary: "one-sided p-value of Spiegelhalter's test: small where the Brier score is worse than promised",
    formula: "P(N > z)",
    measure: |sample| Some(normal_survival(spiegelhalter(sample)?)),
    ..SPIEGELHALTER
};

pub(super) const KS: Entry = Entry {
    name: "calibration_ks",
    summary: "Kolmogorov-Smirnov statistic of the cumulative differences by confidence",
    formula: "max_k |C_k| / (Σ w·p·(1 - p))^½, C_k = Σ_{p ≤ p_k} w·(y - p), weights as counts",
    source: "Arrieta-Ibarra, Gujral, Tannen, Tygert, Xu 2022, Metrics of calibration",
    measure: kolmogorov_smirnov,
    ..BASE
};

pub(super) const KS_P: Entry = Entry {
    name: "calibration_ks_p",
    summary: "asymptotic p-value of the Kolmogorov-Smirnov statistic of calibration",
    formula: "P(max |Brownian motion| > statistic)",
    source: "Tygert 2022, Calibration of P-values for calibration",
    measure: |sample| kolmogorov_smirnov(sample).map(maximum_survival),
    ..KS
};

pub(super) const KUIPER: Entry = Entry {
    name: "calibration_kuiper",
    summary: "Kuiper statistic of the cumulative differences by confidence",
    formula: "(max_k C_k - min_k C_k) / (Σ w·p·(1 - p))^½ with C_0 = 0, weights as counts",
    measure: kuiper,
    ..KS
};

pub(super) const KUIPER_P: Entry = Entry {
    name: "calibration_kuiper_p",
    summary: "asymptotic p-value of the Kuiper statistic of calibration",
    formula: "P(range of Brownian motion > statistic)",
    measure: |sample| kuiper(sample).map(range_survival),
    ..KS_P
};
