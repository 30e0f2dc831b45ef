//! The normal distribution.

/// 97.5 % quantile of the standard normal distribution: half the width of a 95 % interval in standard errors.
pub(crate) const QUANTILE_975: f64 = 1.959_963_984_540_054;
