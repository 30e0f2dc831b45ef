//! The oracle: the same quantities in a few obvious lines of `f64`.

/// exp(β(z - max z)) for every entry.
pub(crate) fn exps(row: &[f64], beta: f64) -> Vec<f64> {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter().map(|z| (beta * (z - max)).exp()).collect()
}

/// softmax(βz).
pub(crate) fn softmax(row: &[f64], beta: f64) -> Vec<f64> {
    let exps = exps(row, beta);
    let sum: f64 = exps.iter().sum();
    exps.iter().map(|e| e / sum).collect()
}

/// -Σ p ln p with 0·ln 0 = 0.
pub(crate) fn entropy(p: &[f64]) -> f64 {
    -p.iter().filter(|&&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}
