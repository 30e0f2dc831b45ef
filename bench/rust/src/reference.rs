//! The loss and its gradient in plain loops in float64, which every contestant is checked against.

use rayon::prelude::*;

use crate::Terms;
use crate::arena::Arena;

/// The largest entry of the gradient of a row (times the number of rows) counts as this at least: sure rows have small
/// gradients, which float32 sums leave with few digits.
const LEAST: f64 = 0.01;

/// The loss; and the largest error of the gradient, relative to the largest entry of its row.
pub(crate) fn check(arena: &Arena, terms: Terms, gradient: &[f32]) -> (f64, f64) {
    let Terms { epsilon, beta } = terms;
    let (rows, classes) = (arena.rows as f64, arena.classes as f64);
    let row = |((z, &label), gradient): ((&[f32], &i64), &[f32])| {
        let max = f64::from(z.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let log_sum = max + z.iter().map(|&z| (f64::from(z) - max).exp()).sum::<f64>().ln();
        let log_p = |class: usize| f64::from(z[class]) - log_sum;
        let entropy = -(0..z.len()).map(|class| log_p(class).exp() * log_p(class)).sum::<f64>();
        let target =
            |class: usize| epsilon / classes + if class == label as usize { 1.0 - epsilon } else { 0.0 };
        let smoothed = -(0..z.len()).map(|class| target(class) * log_p(class)).sum::<f64>();
        let (mut error, mut largest) = (0.0_f64, LEAST / rows);
        for (class, &gradient) in gradient.iter().enumerate() {
            let log_p = log_p(class);
            let exact = (log_p.exp() * (1.0 + beta * (log_p + entropy)) - target(class)) / rows;
            let miss = (f64::from(gradient) - exact).abs();
            error = if miss.is_nan() { f64::INFINITY } else { error.max(miss) };
            largest = largest.max(exact.abs());
        }
        (smoothed - beta * entropy, error / largest)
    };
    let data = arena.logits.par_chunks(arena.classes).zip(&arena.labels);
    let add = |a: (f64, f64), b: (f64, f64)| (a.0 + b.0, a.1.max(b.1));
    let (sum, error) = data.zip(gradient.par_chunks(arena.classes)).map(row).reduce(|| (0.0, 0.0), add);
    (sum / rows, if gradient.len() == arena.logits.len() { error } else { f64::INFINITY })
}
