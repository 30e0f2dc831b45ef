//! Vector scaling: a scale and a bias for each class.

use super::Entry;
use super::affine::{Affine, AffineScaling, Penalty, Structure};

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "vector",
    summary: "a scale and a bias for each class, without a penalty",
    source: "Guo, Pleiss, Sun, Weinberger 2017, On Calibration of Modern Neural Networks, section 4.2",
    parameters: &[],
    binary: false,
    build: |parameters| {
        parameters.only(&[])?;
        Ok(Box::new(scaling()))
    },
    load: |parameters| Affine::load("vector", Structure::Diagonal, parameters),
};

/// Vector scaling: p_k ∝ exp(v_k·x_k + b_k), x being the log-probabilities of a row.
///
/// Minimised is the mean negative log-likelihood, plus 1e-9·(Σ b² + Σ (v_k - β₀)²) with β₀ the inverse of the temperature
/// alone: so little that only what rows leave open feels it. The paper scales raw logits, whose result depends on the
/// constant that a network happens to add to a row; log-probabilities have none.
fn scaling() -> AffineScaling {
    AffineScaling {
        method: ENTRY.name,
        structure: Structure::Diagonal,
        prepared: false,
        penalty: |_, _, _, start| Penalty::least(start),
        strengths: [0.0; 3],
    }
}
