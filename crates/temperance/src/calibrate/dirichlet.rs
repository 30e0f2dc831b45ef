//! Dirichlet calibration: a matrix and a bias, with off-diagonal and intercept regularisation.

use super::affine::{self, Affine, AffineScaling, Penalty, RIDGE, Structure};
use super::{Entry, ParameterEntry};

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "dirichlet",
    summary: "a K by K matrix and a bias on log-probabilities, with off-diagonal and intercept penalties (ODIR)",
    source: "Kull, Perello Nieto, Kängsepp, Silva Filho, Song, Flach 2019, Beyond Temperature Scaling, sections 3 and 4",
    parameters: &[
        ParameterEntry { name: "off_diagonal_penalty", domain: "0 or above: λ", default: 1e-3 },
        ParameterEntry { name: "bias_penalty", domain: "0 or above: μ", default: 1e-3 },
    ],
    binary: false,
    build: |parameters| {
        parameters.only(&["off_diagonal_penalty", "bias_penalty"])?;
        let mut strengths = [0.0; 3];
        for (strength, entry) in strengths.iter_mut().zip(ENTRY.parameters) {
            *strength = affine::strength(parameters, entry)?;
        }
        Ok(Box::new(scaling(strengths)))
    },
    load: |parameters| Affine::load("dirichlet", Structure::Full, parameters),
};

/// Dirichlet calibration: p = softmax(A·x + b), x being the log-probabilities of a row and A a K × K matrix.
///
/// Minimised is mean loss + λ·Σ_{j≠k} A_kj² + μ·Σ b² (off-diagonal and intercept regularisation, ODIR), plus 1e-9·Σ (A_kk - β₀)²
/// with β₀ the inverse of the temperature alone, which only what rows leave open feels. λ and μ are those of dirichletcal
/// without `reg_norm`; torch-uncertainty divides λ by K(K - 1) and μ by K.
fn scaling(strengths: [f64; 3]) -> AffineScaling {
    AffineScaling {
        method: ENTRY.name,
        structure: Structure::Full,
        prepared: false,
        penalty: |method, _, _, start| {
            let [off_diagonal, bias, _] = method.strengths;
            Penalty { bias, diagonal: RIDGE, off_diagonal, centre: start }
        },
        strengths,
    }
}
