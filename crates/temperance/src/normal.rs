//! The normal distribution.

use std::f64::consts::SQRT_2;

use libm::erfc;
use statrs::function::erf::erfc_inv;

/// 97.5 % quantile of the standard normal distribution: half the width of a 95 % interval in standard errors.
pub(crate) const QUANTILE_975: f64 = 1.959_963_984_540_054;

/// P(Z ≤ z) for a standard normal Z.
pub(crate) fn distribution(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// The z with P(Z ≤ z) = p: -inf at 0, inf at 1.
pub(crate) fn quantile(p: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distribution_and_quantile_are_inverse() {
        assert!((quantile(0.975) - QUANTILE_975).abs() < 1e-12);
        let d = distribution(QUANTILE_975);
        assert!((d - 0.975).abs() < 1e-14, "{d}");
        assert_eq!((quantile(0.0), quantile(0.5), quantile(1.0)), (f64::NEG_INFINITY, 0.0, f64::INFINITY));
    }
}
