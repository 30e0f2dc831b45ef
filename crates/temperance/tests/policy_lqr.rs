//! Maximum-entropy linear-quadratic control: an ordinary Riccati check, a backup by quadrature, special
//! cases, refusals.

mod common;

use std::f64::consts::PI;

use common::{close, text};
use proptest::prelude::*;
use temperance::policy::LinearQuadratic;

fn scalar<'a>(a: &'a [f64; 1], b: &'a [f64; 1], discount: f64) -> LinearQuadratic<'a> {
    LinearQuadratic { states: 1, controls: 1, a, b, q: &[1.0], r: &[0.1], noise: &[0.01], discount }
}

/// 9: the numbers, and V = T V by quadrature: α·ln ∫ exp((r + γ·E V(x'))/α) du.
#[test]
fn a_scalar_system() {
    let (a, b, q, r, noise, discount, alpha) = (1.0, 0.5, 1.0, 0.1, 0.01, 0.99, 0.2);
    let policy = scalar(&[a], &[b], discount).solve(alpha).unwrap();
    let (p, k, c) = (policy.value_matrix[0], policy.gain[0], policy.constant);
    assert!((p - 1.3054600).abs() < 6e-8 && (k - 1.5273).abs() < 6e-5);
    assert!((policy.covariance[0] - 0.23635).abs() < 6e-6 && (c - 2.6619496).abs() < 6e-8);
    // The quadratic equation of the scalar Riccati.
    let m = r + discount * b * b * p;
    close("P", p, q + discount * a * a * p - (discount * a * b * p).powi(2) / m, 1e-14, 0.0);

    for x in [0.7, -2.0, 0.0] {
        let value = |x: f64| -p * x * x + c;
        // E V(x') under noise takes off P·W.
        let exponent =
            |u: f64| (-q * x * x - r * u * u + discount * (value(a * x + b * u) - p * noise)) / alpha;
        let (centre, width) = (-k * x, 12.0 * policy.covariance[0].sqrt());
        let top = exponent(centre);
        let n = 20_000;
        let h = 2.0 * width / f64::from(n);
        let sum: f64 = (0..=n).map(|i| (exponent(centre - width + h * f64::from(i)) - top).exp()).sum();
        close("V", alpha * (top + (h * sum).ln()), value(x), 1e-12, 1e-12);
        // The density at one standard deviation from the mean is that of a normal distribution.
        let density = exponent(centre + policy.covariance[0].sqrt()) - top - (h * sum).ln();
        close("ln π", density, -0.5 - 0.5 * (2.0 * PI * policy.covariance[0]).ln(), 1e-11, 0.0);
    }
}

/// Row-major product.
fn times(a: &[f64], b: &[f64], inner: usize) -> Vec<f64> {
    let columns = b.len() / inner;
    let entry =
        |i: usize| (0..inner).map(|k| a[i / columns * inner + k] * b[k * columns + i % columns]).sum();
    (0..a.len() / inner * columns).map(entry).collect()
}

fn transposed(a: &[f64], columns: usize) -> Vec<f64> {
    let rows = a.len() / columns;
    (0..a.len()).map(|i| a[i % rows * columns + i / rows]).collect()
}

fn sum(a: &[f64], b: &[f64], factor: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + factor * b).collect()
}

proptest! {
    /// M·K = γ·BᵀPA, P = Q + γ·AᵀP(A - B·K), M·Σ = α/2, for two controls, by plain loops.
    #[test]
    fn the_riccati_equation_holds(
        a in prop::collection::vec(-1.0..1.0_f64, 9), b in prop::collection::vec(-1.0..1.0_f64, 6),
        root in prop::collection::vec(-1.0..1.0_f64, 9), mix in -0.9..0.9_f64,
        alpha in 0.0..2.0_f64, discount in 0.0..0.95_f64,
    ) {
        let q = times(&transposed(&root, 3), &root, 3);
        let r = [1.0, mix, mix, 1.0];
        let noise = [0.1, 0.0, 0.0, 0.0, 0.2, 0.05, 0.0, 0.05, 0.3];
        let symmetric: Vec<f64> = q.iter().zip(transposed(&q, 3)).map(|(a, b)| 0.5 * (a + b)).collect();
        let system =
            LinearQuadratic { states: 3, controls: 2, a: &a, b: &b, q: &symmetric, r: &r, noise: &noise, discount };
        let Ok(policy) = system.solve(alpha) else {
            // √γ·A may be unstable where B cannot reach: rare, and not silent.
            return Ok(());
        };
        let (p, k) = (&policy.value_matrix, &policy.gain);
        let scale = 1.0 + p.iter().fold(0.0, |largest: f64, p| largest.max(p.abs()));
        let bp = times(&transposed(&b, 2), p, 3);
        let m = sum(&r, &times(&bp, &b, 3), discount);
        for (left, right) in times(&m, k, 2).iter().zip(times(&bp, &a, 3)) {
            close("M·K", *left, discount * right, 1e-11, 1e-11 * scale);
        }
        let closed = sum(&a, &times(&b, k, 2), -1.0);
        let next = sum(&symmetric, &times(&times(&transposed(&a, 3), p, 3), &closed, 3), discount);
        for (p, next) in p.iter().zip(&next) {
            close("P", *p, *next, 1e-10, 1e-10 * scale);
        }
        for (at, entry) in times(&m, &policy.covariance, 2).iter().enumerate() {
            close("M·Σ", *entry, if at % 3 == 0 { 0.5 * alpha } else { 0.0 }, 1e-11, 1e-11);
        }
        let determinant = m[0] * m[3] - m[1] * m[2];
        let trace: f64 = p.iter().zip(&noise).map(|(p, w)| p * w).sum();
        let entropy = if alpha > 0.0 { 2.0 * (PI * alpha).ln() - determinant.ln() } else { 0.0 };
        let expected = (0.5 * alpha * entropy - discount * trace) / (1.0 - discount);
        close("c", policy.constant, expected, 1e-10, 1e-10 * scale);

        // The gain and P are those of ordinary control, whatever α.
        let ordinary = system.solve(0.0).unwrap();
        prop_assert_eq!((&ordinary.gain, &ordinary.value_matrix), (k, p));
        prop_assert!(ordinary.covariance.iter().all(|entry| *entry == 0.0));
    }
}

#[test]
fn without_a_future_the_control_is_noise() {
    let policy = scalar(&[2.0], &[1.0], 0.0).solve(0.2).unwrap();
    assert_eq!((policy.gain[0], policy.value_matrix[0], policy.iterations), (0.0, 1.0, 1));
    close("Σ", policy.covariance[0], 1.0, 1e-15, 0.0);
    close("c", policy.constant, 0.1 * ((PI * 0.2).ln() - 0.1_f64.ln()), 1e-15, 0.0);
}

#[test]
fn refusals() {
    let system = scalar(&[1.0], &[0.5], 0.99);
    let diverges = "iteration of the Riccati equation is not convergent; expected a gain K that makes √γ·(A - B·K) stable, \
                    and R + γ·BᵀPB positive definite";
    // Nothing steers it, and it grows: geometrically, or by the same cost in every step.
    assert_eq!(text(scalar(&[1.5], &[0.0], 0.99).solve(0.1)), diverges);
    assert_eq!(text(scalar(&[2.0], &[0.0], 0.25).solve(0.1)), diverges);
    assert!(scalar(&[1.5], &[0.0], 0.25).solve(0.1).is_ok());
    assert_eq!(text(LinearQuadratic { q: &[-10.0], ..system }.solve(0.1)), diverges);

    assert_eq!(
        text(LinearQuadratic { r: &[0.0], ..system }.solve(0.1)),
        "matrix R is not positive definite; expected a positive definite matrix"
    );
    assert_eq!(
        text(LinearQuadratic { r: &[1.0, 2.0, 2.0, 1.0], controls: 2, b: &[1.0, 1.0], ..system }.solve(0.1)),
        "matrix R is not positive definite; expected a positive definite matrix"
    );
    assert_eq!(
        text(LinearQuadratic { r: &[1.0, 0.5, 0.0, 1.0], controls: 2, b: &[1.0, 1.0], ..system }.solve(0.1)),
        "matrix R is not symmetric; expected a symmetric matrix"
    );
    assert_eq!(
        text(LinearQuadratic { a: &[f64::NAN], ..system }.solve(0.1)),
        "matrix A is NaN at row 0, column 0 (counted from 0); expected finite numbers"
    );
    assert_eq!(
        text(LinearQuadratic { noise: &[], ..system }.solve(0.1)),
        "length of the matrix W is 0; expected 1"
    );
    assert_eq!(
        text(LinearQuadratic { controls: 0, ..system }.solve(0.1)),
        "number of states and controls is 1 × 0; expected at least 1 × 1"
    );
    assert_eq!(
        text(LinearQuadratic { discount: 1.0, ..system }.solve(0.1)),
        "discount is 1; expected a number from 0 to below 1"
    );
    assert_eq!(
        text(system.solve(f64::NAN)),
        "entropy temperature is NaN; expected a finite number, 0 or above"
    );
}
