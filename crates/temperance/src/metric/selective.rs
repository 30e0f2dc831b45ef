//! Risk and coverage: the error that is left when the least confident rows are turned away.

use super::{Cost, Direction, Entry, Summaries, Tier};
use crate::error::{Error, Result};
use crate::pav::Ranked;

/// Error of the most confident rows, for every share of them.
///
/// Rows of equal confidence are one step: within it, risk is that expected over all orders.
///
/// ```
/// use temperance::metric::{RiskCoverage, Summaries};
///
/// let rows = Summaries::from_confidences(&[0.9, 0.8, 0.6, 0.5], &[1.0, 1.0, 0.0, 1.0], None)?;
/// let curve = RiskCoverage::of(&rows);
/// assert_eq!(curve.risk_at(0.5)?, 0.0);
/// assert_eq!(curve.risk_at(1.0)?, 0.25);
/// assert_eq!(curve.coverage_at(0.1)?, 0.5);
/// assert!((curve.area() - (1.0 / 3.0 + 0.25) / 4.0).abs() < 1e-15);
/// assert_eq!(curve.generalised_area(), (0.0 + 0.0 + 1.0 + 1.0) / 16.0);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: El-Yaniv, Wiener 2010; Geifman, Uziel, El-Yaniv 2019, Bias-reduced uncertainty estimation.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskCoverage {
    /// Weight and mean error of the rows of each confidence, from high to low.
    steps: Vec<(f64, f64)>,
    total: f64,
}

impl RiskCoverage {
    /// Of the rows that have weight. O(n log n).
    pub fn of(rows: &Summaries) -> Self {
        let ranked = Ranked::new(&rows.confidence, &rows.correct, &rows.weight);
        let steps: Vec<(f64, f64)> =
            ranked.weight.iter().zip(&ranked.value).rev().map(|(&w, y)| (w, 1.0 - y)).collect();
        let total = steps.iter().map(|step| step.0).sum();
        RiskCoverage { steps, total }
    }

    /// Coverage and risk after each confidence, from high to low.
    pub fn points(&self) -> Vec<(f64, f64)> {
        let (mut weight, mut errors) = (0.0, 0.0);
        let point = |&(w, error): &(f64, f64)| {
            weight += w;
            errors += w * error;
            (weight / self.total, errors / weight)
        };
        self.steps.iter().map(point).collect()
    }

    /// Error of the most confident rows of that share of the weight.
    ///
    /// # Errors
    /// If the coverage is not above 0 and at most 1.
    pub fn risk_at(&self, coverage: f64) -> Result<f64> {
        if !(coverage > 0.0 && coverage <= 1.0) {
            return Err(Error::parameter("coverage", coverage, "above 0 and at most 1"));
        }
        let wanted = coverage * self.total;
        let (mut left, mut errors) = (wanted, 0.0);
        for &(w, error) in &self.steps {
            let taken = w.min(left);
            errors += taken * error;
            left -= taken;
        }
        Ok(errors / wanted)
    }

    /// The largest coverage of whole steps whose risk is at most `risk`; 0 if there is none.
    ///
    /// # Errors
    /// If the risk is not from 0 to 1.
    pub fn coverage_at(&self, risk: f64) -> Result<f64> {
        if !(0.0..=1.0).contains(&risk) {
            return Err(Error::parameter("risk", risk, "from 0 to 1"));
        }
        let within = self.points().into_iter().rev().find(|point| point.1 <= risk);
        Ok(within.map_or(0.0, |point| point.0))
    }

    /// Mean over rows of the risk at the coverage of the row. Weights are counts: a row of weight 2 is two rows.
    pub fn area(&self) -> f64 {
        area(&self.steps)
    }

    /// Mean over rows of the share of all rows that are wrong and not turned away at the coverage of the row. Weights
    /// are counts.
    ///
    /// Source: Traub et al. 2024, Overcoming Common Flaws in the Evaluation of Selective Classification Systems.
    pub fn generalised_area(&self) -> f64 {
        let (mut errors, mut sum) = (0.0, 0.0);
        for &(w, error) in self.steps.iter().filter(|step| step.0 > 0.0) {
            // Σ_{j = 1..w} (E + j·e), equal confidences in every order.
            sum += w * errors + error * w * (w + 1.0) / 2.0;
            errors += w * error;
        }
        sum / (self.total * self.total)
    }

    /// [`RiskCoverage::area`] minus that of the best order of the same errors.
    pub fn excess_area(&self) -> f64 {
        let errors: f64 = self.steps.iter().map(|(w, error)| w * error).sum();
        let right = (self.total - errors).max(0.0);
        (self.area() - area(&[(right, 0.0), (errors, 1.0)])).max(0.0)
    }
}

/// (1/n)·Σ_steps Σ_j (E + j·e)/(W + j) = (1/n)·Σ_steps w·e + (E - W·e)·Σ_j 1/(W + j).
fn area(steps: &[(f64, f64)]) -> f64 {
    let (mut weight, mut errors, mut sum) = (0.0, 0.0, 0.0);
    for &(w, error) in steps.iter().filter(|step| step.0 > 0.0) {
        sum += w * error + (errors - weight * error) * harmonic(weight, w);
        weight += w;
        errors += w * error;
    }
    sum / weight
}

/// Σ_{j = 1..w} 1/(start + j), and ψ(start + w + 1) - ψ(start + 1) between whole w.
fn harmonic(start: f64, w: f64) -> f64 {
    if w.fract() == 0.0 && w <= 64.0 {
        return (1..=w as u32).map(|j| 1.0 / (start + f64::from(j))).sum();
    }
    digamma(start + w + 1.0) - digamma(start + 1.0)
}

/// ψ(x) for x > 0. Source: Abramowitz, Stegun 1964, 6.3.5 and 6.3.18.
fn digamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 12.0 {
        below += 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = square
        * (1.0 / 12.0
            - square * (1.0 / 120.0 - square * (1.0 / 252.0 - square * (1.0 / 240.0 - square / 132.0))));
    x.ln() - 0.5 / x - series - below
}

pub(super) const AURC: Entry = Entry {
    name: "aurc",
    summary: "area under the curve of risk by coverage; equal confidences in every order",
    formula: "(1/n)·Σ_i error of the i most confident rows, weights as counts",
    direction: Direction::Lower,
    source: "Geifman, Uziel, El-Yaniv 2019, Bias-reduced uncertainty estimation",
    measure: |sample| Some(RiskCoverage::of(sample.summaries).area()),
    tier: Tier::Named,
    cost: Cost::Columns,
    ..Entry::STANDARD
};

pub(super) const EXCESS_AURC: Entry = Entry {
    name: "excess_aurc",
    summary: "area under the curve of risk by coverage, less that of the best order of the same errors",
    formula: "aurc - aurc with every right row before every wrong one",
    measure: |sample| Some(RiskCoverage::of(sample.summaries).excess_area()),
    ..AURC
};

pub(super) const AUGRC: Entry = Entry {
    name: "augrc",
    summary: "area under the curve of undetected errors by coverage: mean share of rows wrong and not turned away",
    formula: "(1/n²)·Σ_i wrong rows among the i most confident, weights as counts",
    source: "Traub et al. 2024, Overcoming Common Flaws in the Evaluation of Selective Classification Systems",
    measure: |sample| Some(RiskCoverage::of(sample.summaries).generalised_area()),
    ..AURC
};

pub(super) const RISK_AT_80: Entry = Entry {
    name: "risk_at_80_coverage",
    summary: "error of the most confident 80 % of the rows",
    formula: "error of the most confident 0.8·Σw, equal confidences in every order",
    source: "El-Yaniv, Wiener 2010, On the foundations of noise-free selective classification",
    measure: |sample| RiskCoverage::of(sample.summaries).risk_at(0.8).ok(),
    ..AURC
};
