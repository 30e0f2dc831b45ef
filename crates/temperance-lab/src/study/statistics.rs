//! Means over seeds with their intervals.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean over seeds with its 95 % interval by Student's t: none with one seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    /// The ends of the interval; NaN (null in JSON) with one seed.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Estimate {
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let half = match StudentsT::new(0.0, 1.0, n - 1.0) {
            Ok(t) => t.inverse_cdf(0.975) * (variance / n).sqrt(),
            Err(_) => f64::NAN,
        };
        Estimate { mean, low: mean - half, high: mean + half }
    }

    /// The differences of pairs, the same seed in both.
    pub(crate) fn of_differences(values: &[f64], others: &[f64]) -> Self {
        let differences: Vec<f64> = values.iter().zip(others).map(|(value, other)| value - other).collect();
        Self::of(&differences)
    }

    /// Whether the interval lies above a number; `None` if it holds it.
    pub(crate) fn above(&self, number: f64) -> Option<bool> {
        if self.low > number {
            Some(true)
        } else if self.high < number {
            Some(false)
        } else {
            None
        }
    }

    /// Mean and half the interval with that many digits after the point, for tables.
    pub(crate) fn short(&self, digits: usize) -> String {
        let mean = format!("{:.digits$}", self.mean).replace('-', "\u{2212}");
        if self.low.is_nan() { mean } else { format!("{mean} ± {:.digits$}", 0.5 * (self.high - self.low)) }
    }

    /// Mean and interval with that many digits after the point.
    pub(crate) fn text(&self, digits: usize) -> String {
        let number = |value: f64| format!("{value:.digits$}").replace('-', "\u{2212}");
        if self.low.is_nan() {
            return number(self.mean);
        }
        format!("{} ({} to {})", number(self.mean), number(self.low), number(self.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_interval_by_hand() {
        // Mean 2, standard deviation 1, t(2) = 4.302653.
        let estimate = Estimate::of(&[1.0, 2.0, 3.0]);
        assert!((estimate.high - (2.0 + 4.302_653 / 3_f64.sqrt())).abs() < 1e-5);
        assert_eq!(estimate.above(5.0), Some(false));
        assert_eq!(estimate.above(2.0), None);
        assert_eq!(
            (estimate.text(1), estimate.short(1)),
            ("2.0 (\u{2212}0.5 to 4.5)".into(), "2.0 ± 2.5".into())
        );
        assert_eq!(Estimate::of(&[2.0]).text(1), "2.0");
        assert_eq!(Estimate::of_differences(&[1.0, 2.0], &[2.0, 3.0]).mean, -1.0);
    }
}
