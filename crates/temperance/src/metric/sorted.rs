//! Calibration errors that look at the rows in the order of their confidence: sweep and MMCE.

use super::{Cost, Entry, Summaries, Tier};
use crate::pav::Ranked;

/// Rows by rising confidence, equal ones as one: confidence, Σ w, Σ w·correct.
pub(super) fn steps(rows: &Summaries) -> Vec<[f64; 3]> {
    let Ranked { score, value, weight } = Ranked::new(&rows.confidence, &rows.correct, &rows.weight);
    (0..score.len()).map(|at| [score[at], weight[at], weight[at] * value[at]]).collect()
}

/// The expected calibration error with as many bins of equal mass as keep the accuracies of bins rising.
///
/// B bins part the sorted rows at positions ⌈b·n/B⌉ (at b·Σw/B where weights are no counts). B grows from 2 until the
/// accuracy falls from a bin to the next for the first time; the number before is taken. Rows of equal confidence
/// count as rows of their mean outcome, so that their order does not matter; they may be parted by an edge.
fn sweep(rows: &Summaries) -> f64 {
    let steps = steps(rows);
    let counts = steps.iter().all(|[_, weight, _]| weight.fract() == 0.0);
    // Cumulative sums at the end of each step: weight, weight·confidence, hits.
    let mut ends = vec![[0.0; 3]];
    for [confidence, weight, hits] in &steps {
        let [w, c, h] = ends[ends.len() - 1];
        ends.push([w + weight, c + weight * confidence, h + hits]);
    }
    let total = ends[steps.len()][0];
    let at = |position: f64| {
        let index = ends.partition_point(|end| end[0] < position).clamp(1, steps.len());
        let ([before, c, h], [confidence, weight, hits]) = (ends[index - 1], steps[index - 1]);
        let part = position - before;
        [c + part * confidence, h + part * hits / weight]
    };
    let error = |bins: usize| {
        let mut sum = 0.0;
        let (mut last, mut before, mut rising) = ([0.0; 2], 0.0, true);
        let mut rate = f64::NEG_INFINITY;
        for bin in 1..=bins {
            let edge = bin as f64 * total / bins as f64;
            let edge = if bin == bins {
                total
            } else if counts {
                edge.ceil()
            } else {
                edge
            };
            let mass = edge - before;
            if mass <= 0.0 {
                continue;
            }
            let now = at(edge);
            let accuracy = (now[1] - last[1]) / mass;
            // A fall by rounding is none.
            rising &= accuracy >= rate - 1e-12;
            sum += (now[0] - last[0] - (now[1] - last[1])).abs();
            (rate, last, before) = (accuracy, now, edge);
        }
        rising.then_some(sum / total)
    };
    let most = if counts { total as usize } else { steps.len() };
    let mut best = error(1).unwrap_or(f64::NAN);
    for bins in 2..=most {
        match error(bins) {
            Some(value) => best = value,
            None => break,
        }
    }
    best
}

/// (Σ_ij w_i·w_j·e_i·e_j·exp(-2.5·|c_i - c_j|))^½ / Σ w, e = correct - confidence: by one sweep over the sorted rows, as
/// the kernel of a sum of distances is the product of the kernels.
fn mmce(rows: &Summaries) -> f64 {
    const RATE: f64 = 2.5;
    let steps = steps(rows);
    let (mut sum, mut carried, mut last, mut total) = (0.0, 0.0, 0.0, 0.0);
    for (index, &[confidence, weight, hits]) in steps.iter().enumerate() {
        let error = hits - weight * confidence;
        if index > 0 {
            carried *= (-RATE * (confidence - last)).exp();
        }
        sum += error * (error + 2.0 * carried);
        carried += error;
        total += weight;
        last = confidence;
    }
    sum.max(0.0).sqrt() / total
}

pub(super) const ECE_SWEEP: Entry = Entry {
    name: "ece_sweep",
    summary: "expected calibration error with as many bins of equal mass as keep accuracies rising",
    formula: "Σ_b (n_b/n)·|mean confidence_b - accuracy_b| at the last B before an accuracy falls from bin to bin",
    source: "Roelofs, Cain, Shlens, Mozer 2022, Mitigating Bias in Calibration Error Estimation, algorithm 1",
    cost: Cost::Columns,
    measure: |sample| Some(sweep(sample.summaries)),
    ..Entry::STANDARD
};

pub(super) const MMCE: Entry = Entry {
    name: "mmce",
    summary: "maximum mean calibration error with a Laplace kernel of width 0.4",
    formula: "(Σ_ij w_i·w_j·e_i·e_j·exp(-|c_i - c_j|/0.4))^½ / Σ w, e = correct - confidence",
    source: "Kumar, Sarawagi, Jain 2018, Trainable Calibration Measures from Kernel Mean Embeddings",
    tier: Tier::Named,
    cost: Cost::Columns,
    measure: |sample| Some(mmce(sample.summaries)),
    ..Entry::STANDARD
};
