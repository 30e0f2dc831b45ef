//! Means over seeds with their intervals.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
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
        let mean = number(self.mean, digits);
        if self.low.is_nan() { mean } else { format!("{mean} ± {:.digits$}", 0.5 * (self.high - self.low)) }
    }

    /// Mean and interval with that many digits after the point.
    pub(crate) fn text(&self, digits: usize) -> String {
        let mean = number(self.mean, digits);
        if self.low.is_nan() {
            return mean;
        }
        format!("{mean} ({} to {})", number(self.low, digits), number(self.high, digits))
    }
}

/// A number with that many digits after the point and a minus as wide as a digit; what rounds to 0 has none.
pub(crate) fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.bytes().all(|byte| matches!(byte, b'0' | b'.')) => zero.to_owned(),
        Some(size) => format!("\u{2212}{size}"),
        None => text,
    }
}

/// The mean of the middle half: a quarter of the values, rounded down, is left out at each end.
///
/// Agarwal et al. 2021, Deep Reinforcement Learning at the Edge of the Statistical Precipice: less moved by a bad seed than
/// the mean, and less wasteful than the median.
pub(crate) fn interquartile_mean(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cut = sorted.len() / 4;
    let middle = &sorted[cut..sorted.len() - cut];
    middle.iter().sum::<f64>() / middle.len() as f64
}

/// The interquartile mean over seeds with its 95 % interval: percentiles of 2 000 bootstrap samples of the seeds.
pub(crate) fn interquartile(values: &[f64]) -> Estimate {
    let mean = interquartile_mean(values);
    if values.len() < 2 {
        return Estimate { mean, low: f64::NAN, high: f64::NAN };
    }
    let mut rng = Pcg64Mcg::seed_from_u64(0);
    let mut means: Vec<f64> = (0..2000)
        .map(|_| {
            let sample: Vec<f64> = values.iter().map(|_| values[rng.random_range(0..values.len())]).collect();
            interquartile_mean(&sample)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    Estimate { mean, low: means[49], high: means[1950] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_half_by_hand() {
        assert_eq!(interquartile_mean(&[100.0, 2.0, 3.0, 4.0, -50.0]), 3.0);
        assert_eq!(interquartile_mean(&[1.0, 2.0, 6.0]), 3.0);
        let estimate = interquartile(&[1.0, 2.0, 3.0, 4.0, 90.0]);
        assert!(estimate.low >= 1.0 && estimate.low < 3.0 && estimate.high > 3.0 && estimate.high <= 90.0);
        assert_eq!(interquartile(&[5.0; 6]).low, 5.0);
        assert!(interquartile(&[5.0]).low.is_nan());
    }

    #[test]
    fn numbers_of_tables() {
        let of = |value| number(value, 1);
        assert_eq!([of(-0.04), of(-0.06), of(12.34), of(-10.0)], ["0.0", "−0.1", "12.3", "−10.0"]);
        assert_eq!((number(-0.4, 0), of(f64::NAN)), ("0".into(), "NaN".into()));
    }

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
