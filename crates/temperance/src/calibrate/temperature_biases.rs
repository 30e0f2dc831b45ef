//! Temperature scaling with a bias for each class.

use super::Entry;
use super::affine::{Affine, AffineScaling, Penalty, Structure};

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "temperature_biases",
    summary: "temperature scaling with a bias for each class",
    source: "Alexandari, Kundaje, Shrikumar 2020, Maximum Likelihood with Bias-Corrected Calibration, section 3",
    parameters: &[],
    binary: false,
    build: |parameters| {
        parameters.only(&[])?;
        Ok(Box::new(scaling()))
    },
    load: |parameters| Affine::load("temperature_biases", Structure::Shared, parameters),
};

/// Temperature scaling with biases: p = softmax(β·x + b), x being the log-probabilities of a row.
///
/// Minimised is the mean negative log-likelihood over β and the K numbers b, plus 1e-9·(Σ b² + (β - β₀)²) with β₀ the
/// inverse of the temperature alone: so little that only what rows leave open feels it (the sum of b, separable rows, a
/// class without a label). b corrects for classes that are rarer or more frequent than the model believes.
fn scaling() -> AffineScaling {
    AffineScaling {
        method: ENTRY.name,
        structure: Structure::Shared,
        prepared: false,
        penalty: |_, _, _, start| Penalty::least(start),
        strengths: [0.0; 3],
    }
}
