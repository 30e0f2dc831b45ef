//! Maximum-entropy linear-quadratic control, whose optimum is a Gaussian with the gain of ordinary control.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView2};

use super::check_length;
use super::linear::Elimination;
use crate::error::{Error, ErrorKind, Result};

/// A linear system with quadratic costs; matrices are row-major.
///
/// ```text
/// x' = A·x + B·u + w,  w of mean 0 and covariance W
/// reward = -xᵀQx - uᵀRu,  discounted by γ
/// ```
///
/// ```
/// use temperance::policy::LinearQuadratic;
///
/// let system = LinearQuadratic {
///     states: 1, controls: 1, a: &[1.0], b: &[0.5], q: &[1.0], r: &[0.1], noise: &[0.01], discount: 0.99,
/// };
/// let policy = system.solve(0.2)?;
/// assert!((policy.value_matrix[0] - 1.3054600).abs() < 5e-8);
/// assert!((policy.gain[0] - 1.5273).abs() < 5e-5);
/// assert!((policy.covariance[0] - 0.23635).abs() < 5e-6);
/// assert!((policy.constant - 2.6619496).abs() < 5e-8);
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearQuadratic<'a> {
    /// Number n of entries of x.
    pub states: usize,
    /// Number m of entries of u.
    pub controls: usize,
    /// A, n × n.
    pub a: &'a [f64],
    /// B, n × m.
    pub b: &'a [f64],
    /// Q, n × n, symmetric and positive semidefinite.
    pub q: &'a [f64],
    /// R, m × m, symmetric and positive definite.
    pub r: &'a [f64],
    /// W, n × n.
    pub noise: &'a [f64],
    /// γ, from 0 to below 1.
    pub discount: f64,
}

/// The optimum π(u|x) = N(-K·x, Σ) with value V(x) = -xᵀPx + c; matrices are row-major.
///
/// ```text
/// M = R + γ·BᵀPB,  K = γ·M⁻¹BᵀPA,  P = Q + γ·AᵀPA - γ·AᵀPB·K
/// Σ = α/2·M⁻¹,  c = (-γ·tr(PW) + α/2·(m·ln(πα) - ln det M))/(1 - γ)
/// ```
///
/// K and P do not depend on α and W. At α = 0 the policy is u = -K·x.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearQuadraticPolicy {
    /// K, m × n.
    pub gain: Vec<f64>,
    /// P, n × n.
    pub value_matrix: Vec<f64>,
    /// Σ, m × m.
    pub covariance: Vec<f64>,
    /// c.
    pub constant: f64,
    /// Iterations of the Riccati equation.
    pub iterations: u64,
}

/// Iterations after which there is no hope.
const LIMIT: u64 = 100_000;

impl LinearQuadratic<'_> {
    /// The optimal policy, with P from the iteration of the Riccati equation that starts at Q.
    ///
    /// The iteration ends where P changes by 1e-15 of its largest entry, or by 1e-13 and no less than before.
    ///
    /// # Errors
    /// If a length does not fit, an entry is not finite, Q or R is not symmetric, R (or M, if Q is not
    /// positive semidefinite) is not positive definite, or α is negative or not finite; unless 0 ≤ γ < 1; if
    /// P does not converge, because no gain stabilises √γ·(A - B·K).
    pub fn solve(&self, alpha: f64) -> Result<LinearQuadraticPolicy> {
        let alpha = super::check_alpha(alpha)?;
        self.check()?;
        let (n, m) = (self.states, self.controls);
        let (a, b) = (matrix(self.a, n, n), matrix(self.b, n, m));
        let (q, r) = (matrix(self.q, n, n), matrix(self.r, m, m));
        let mut p = q.to_owned();
        let mut last = f64::INFINITY;
        for iterations in 1..=LIMIT {
            let pb = p.dot(&b);
            let curvature = &r + &(b.t().dot(&pb) * self.discount);
            let factors = Elimination::new(curvature.into_iter().collect(), m);
            let Some(log_determinant) = factors.log_determinant() else { break };
            let gain = solve_columns(&factors, pb.t().dot(&a) * self.discount);
            let closed = &a - &b.dot(&gain);
            let next = &q + &(a.t().dot(&p).dot(&closed) * self.discount);
            // Rounding must not make it asymmetric.
            let next = (&next + &next.t()) * 0.5;
            let scale = largest(next.iter());
            let change = largest((&next - &p).iter());
            if !scale.is_finite() {
                break;
            }
            let is_done = change <= 1e-15 * scale || (change <= 1e-13 * scale && change >= last);
            (p, last) = (next, change);
            if is_done {
                return Ok(self.policy(alpha, p, gain, &factors, log_determinant, iterations));
            }
        }
        let expected = "a gain K that makes √γ·(A - B·K) stable, and R + γ·BᵀPB positive definite";
        Err(Error::new(
            ErrorKind::NotConverged,
            "iteration of the Riccati equation",
            "not convergent",
            expected,
        ))
    }

    fn policy(
        &self,
        alpha: f64,
        p: Array2<f64>,
        gain: Array2<f64>,
        factors: &Elimination,
        log_determinant: f64,
        iterations: u64,
    ) -> LinearQuadraticPolicy {
        let m = self.controls;
        let covariance = solve_columns(factors, Array2::eye(m)) * (0.5 * alpha);
        let spread: f64 =
            p.iter().zip(matrix(self.noise, self.states, self.states).t()).map(|(p, w)| p * w).sum();
        let entropy = if alpha > 0.0 { m as f64 * (PI * alpha).ln() - log_determinant } else { 0.0 };
        let constant = (0.5 * alpha * entropy - self.discount * spread) / (1.0 - self.discount);
        LinearQuadraticPolicy {
            gain: gain.into_iter().collect(),
            value_matrix: p.into_iter().collect(),
            covariance: covariance.into_iter().collect(),
            constant,
            iterations,
        }
    }

    fn check(&self) -> Result<()> {
        let (n, m) = (self.states, self.controls);
        if n == 0 || m == 0 {
            let given = format!("{n} × {m}");
            return Err(Error::shape("number of states and controls", given, "at least 1 × 1"));
        }
        if !(0.0..1.0).contains(&self.discount) {
            return Err(Error::parameter("discount", self.discount, "a number from 0 to below 1"));
        }
        let matrices = [
            ("matrix A", self.a, n, n),
            ("matrix B", self.b, n, m),
            ("matrix Q", self.q, n, n),
            ("matrix R", self.r, m, m),
            ("matrix W", self.noise, n, n),
        ];
        for (what, entries, rows, columns) in matrices {
            check_length(what, entries.len(), rows * columns)?;
            if let Some(at) = entries.iter().position(|entry| !entry.is_finite()) {
                return Err(Error::new(ErrorKind::Value, what, entries[at], "finite numbers")
                    .at_row((at / columns) as u64)
                    .at_column(at % columns));
            }
        }
        for (what, entries, size) in [("matrix Q", self.q, n), ("matrix R", self.r, m)] {
            let matrix = matrix(entries, size, size);
            if matrix != matrix.t() {
                return Err(Error::new(ErrorKind::Value, what, "not symmetric", "a symmetric matrix"));
            }
        }
        match Elimination::new(self.r.to_vec(), m).log_determinant() {
            Some(_) => Ok(()),
            None => {
                let expected = "a positive definite matrix";
                Err(Error::new(ErrorKind::Value, "matrix R", "not positive definite", expected))
            }
        }
    }
}

fn matrix(entries: &[f64], rows: usize, columns: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((rows, columns), entries).expect("its length was checked")
}

/// The X with A·X = `of`.
fn solve_columns(factors: &Elimination, mut of: Array2<f64>) -> Array2<f64> {
    for mut column in of.columns_mut() {
        let mut x = column.to_vec();
        factors.solve(&mut x);
        column.iter_mut().zip(x).for_each(|(entry, x)| *entry = x);
    }
    of
}

fn largest<'a>(entries: impl Iterator<Item = &'a f64>) -> f64 {
    entries.fold(0.0, |largest, entry| if entry.abs() <= largest { largest } else { entry.abs() })
}
