//! Matrix scaling: a matrix and a bias, without a penalty.

use super::Entry;
use super::affine::{Affine, AffineScaling, Penalty, Structure};

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "matrix",
    summary: "a K by K matrix and a bias for each class, without a penalty: over-fits unless rows are many",
    source: "Guo, Pleiss, Sun, Weinberger 2017, On Calibration of Modern Neural Networks, section 4.2",
    parameters: &[],
    binary: false,
    build: |parameters| {
        parameters.only(&[])?;
        Ok(Box::new(scaling()))
    },
    load: |parameters| Affine::load("matrix", Structure::Full, parameters),
};

/// Matrix scaling: p = softmax(A·x + b), x being the log-probabilities of a row and A a K × K matrix.
///
/// Minimised is the mean negative log-likelihood, plus 1e-9 times the squares of b and of A - β₀·I, β₀ being the inverse of
/// the temperature alone: so little that only what rows leave open feels it. With K² + K numbers it over-fits unless there
/// are many times as many rows; `structured_matrix` is the same with penalties that grow as rows get few. The paper uses raw
/// logits in the place of x.
fn scaling() -> AffineScaling {
    AffineScaling {
        method: ENTRY.name,
        structure: Structure::Full,
        prepared: false,
        penalty: |_, _, _, start| Penalty::least(start),
        strengths: [0.0; 3],
    }
}
