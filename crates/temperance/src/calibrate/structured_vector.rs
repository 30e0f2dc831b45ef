//! Structured vector scaling: temperature scaling, then a penalised scale and bias for each class.

use super::affine::{self, Affine, AffineScaling, Penalty, Structure};
use super::{Entry, ParameterEntry};

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "structured_vector",
    summary: "temperature scaling, then a scale and a bias for each class, held back by penalties (SVS)",
    source: "Berta, Holzmüller, Jordan, Bach 2026, Structured Matrix Scaling for Multi-Class Calibration",
    parameters: &[
        ParameterEntry { name: "bias_penalty", domain: "0 or above; times K/n", default: 1.0 },
        ParameterEntry { name: "diagonal_penalty", domain: "0 or above; times K/n", default: 1.0 },
    ],
    binary: false,
    build: |parameters| {
        parameters.only(&["bias_penalty", "diagonal_penalty"])?;
        let mut strengths = [0.0; 3];
        for (strength, entry) in strengths.iter_mut().zip(ENTRY.parameters) {
            *strength = affine::strength(parameters, entry)?;
        }
        Ok(Box::new(scaling(strengths)))
    },
    load: |parameters| Affine::load("structured_vector", Structure::Diagonal, parameters),
};

/// Structured vector scaling (SVS): temperature scaling, then p_k ∝ exp(v_k·x_k + b_k).
///
/// x = ln((1 - u)·softmax(z / T) + u/K) with T the temperature alone and u = 1/(n + 1). Minimised is
/// mean loss + λ_b·Σ b² + λ_d·Σ (v_k - 1)², with λ_b and λ_d their parameters times K/n: few rows hold it near temperature
/// scaling. probmetrics computes x in `f32`; here it is `f64`.
fn scaling(strengths: [f64; 3]) -> AffineScaling {
    AffineScaling {
        method: ENTRY.name,
        structure: Structure::Diagonal,
        prepared: true,
        penalty: |method, n, classes, _| {
            let [bias, diagonal, _] = method.strengths;
            let unit = classes as f64 / n;
            Penalty { bias: bias * unit, diagonal: diagonal * unit, off_diagonal: 0.0, centre: 1.0 }
        },
        strengths,
    }
}
