//! Structured matrix scaling: temperature scaling, then a penalised matrix and bias.

use super::affine::{self, Affine, AffineScaling, Penalty, Structure};
use super::{Entry, ParameterEntry};

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "structured_matrix",
    summary: "temperature scaling, then a K by K matrix and a bias, held back by penalties (SMS)",
    source: "Berta, Holzmüller, Jordan, Bach 2026, Structured Matrix Scaling for Multi-Class Calibration",
    parameters: &[
        ParameterEntry { name: "bias_penalty", domain: "0 or above; times K/n", default: 1.0 },
        ParameterEntry { name: "diagonal_penalty", domain: "0 or above; times K/n", default: 1.0 },
        ParameterEntry { name: "off_diagonal_penalty", domain: "0 or above; times K(K - 1)/n", default: 1.0 },
    ],
    binary: false,
    build: |parameters| {
        parameters.only(&["bias_penalty", "diagonal_penalty", "off_diagonal_penalty"])?;
        let mut strengths = [0.0; 3];
        for (strength, entry) in strengths.iter_mut().zip(ENTRY.parameters) {
            *strength = affine::strength(parameters, entry)?;
        }
        Ok(Box::new(scaling(strengths)))
    },
    load: |parameters| Affine::load("structured_matrix", Structure::Full, parameters),
};

/// Structured matrix scaling (SMS): temperature scaling, then p = softmax(A·x + b).
///
/// x = ln((1 - u)·softmax(z / T) + u/K) with T the temperature alone and u = 1/(n + 1). Minimised is
/// mean loss + λ_b·Σ b² + λ_d·Σ (A_kk - 1)² + λ_o·Σ_{j≠k} A_kj², with λ_b and λ_d their parameters times K/n and λ_o its own times
/// K(K - 1)/n: few rows hold it near temperature scaling. probmetrics computes x in `f32`; here it is `f64`.
fn scaling(strengths: [f64; 3]) -> AffineScaling {
    AffineScaling {
        method: ENTRY.name,
        structure: Structure::Full,
        prepared: true,
        penalty: |method, n, classes, _| {
            let [bias, diagonal, off_diagonal] = method.strengths;
            let k = classes as f64;
            Penalty {
                bias: bias * k / n,
                diagonal: diagonal * k / n,
                off_diagonal: off_diagonal * k * (k - 1.0) / n,
                centre: 1.0,
            }
        },
        strengths,
    }
}
