//! The logarithm of the gamma function.

/// ln Γ(x) for x > 0, within 1e-14 of its size or of 1.
///
/// Stirling's series from 12 on; below, Γ(x) = Γ(x + 1) / x. Source: Abramowitz, Stegun 1964, 6.1.15 and 6.1.41.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;
    let (mut x, mut product) = (x, 1.0);
    while x < 12.0 {
        product *= x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)));
    (x - 0.5) * x.ln() - x + HALF_LN_TAU + series / x - product.ln()
}
