//! Calibration error by kernel regression: the rate of the outcome near a probability, without bins.
//!
//! The bandwidth is that of the density of the probabilities, as published, not of the regression: where they are spread
//! evenly it is wide, and smoothing alone makes an error.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use statrs::function::gamma::ln_gamma;

use super::sorted::steps;
use super::{Cost, Entry, Summaries, Tier, Uncertainty};
use crate::fold;

/// Probabilities are kept this far from 0 and 1, where a beta density may be infinite.
const MARGIN: f64 = 1e-6;
/// With more distinct probabilities, the bandwidth is chosen on this many of them, drawn by weight.
const DRAWN: usize = 500;
/// Points that one piece of work looks at.
const AT_ONCE: usize = 64;

/// A place among the probabilities, with what lies there.
struct Step {
    p: f64,
    ln_p: f64,
    ln_q: f64,
    weight: f64,
    hits: f64,
}

fn step(p: f64, weight: f64, hits: f64) -> Step {
    let p = p.clamp(MARGIN, 1.0 - MARGIN);
    Step { p, ln_p: p.ln(), ln_q: (-p).ln_1p(), weight, hits }
}

/// The density at `at` of the beta distribution of mode `of`: (a - 1) = p/h, (b - 1) = (1 - p)/h.
fn kernel(of: f64, norm: f64, at: &Step, width: f64) -> f64 {
    (of / width * at.ln_p + (1.0 - of) / width * at.ln_q - norm).exp()
}

/// ln B(p/h + 1, (1 - p)/h + 1).
fn ln_norm(p: f64, width: f64) -> f64 {
    ln_gamma(p / width + 1.0) + ln_gamma((1.0 - p) / width + 1.0) - ln_gamma(1.0 / width + 2.0)
}

/// For each step the sums of the kernel over all steps: of the weights, of the hits, and at the step itself.
fn sums(steps: &[Step], width: f64) -> Vec<[f64; 3]> {
    let starts = (0..steps.len()).step_by(AT_ONCE).collect();
    let pieces: Vec<Vec<[f64; 3]>> = fold::ordered(starts, |start: usize| {
        let one = |step: &Step| {
            let norm = ln_norm(step.p, width);
            let (mut weights, mut hits) = (0.0, 0.0);
            for other in steps {
                let k = kernel(step.p, norm, other, width);
                weights += other.weight * k;
                hits += other.hits * k;
            }
            [weights, hits, kernel(step.p, norm, step, width)]
        };
        steps[start..steps.len().min(start + AT_ONCE)].iter().map(one).collect()
    });
    pieces.concat()
}

/// The bandwidth, of 15 from 1e-5 to 0.1 in equal ratios and 0.2 to 1 in steps of 0.2, of the greatest likelihood of each
/// row given the others.
fn bandwidth(steps: &[Step]) -> f64 {
    let small = (0..15).map(|at| 10_f64.powf(-5.0 + 4.0 * f64::from(at) / 14.0));
    let large = (1..=5).map(|at| 0.2 * f64::from(at));
    let likelihood = |width: f64| {
        let of_step = |(step, [weights, _, own]): (&Step, [f64; 3])| {
            step.weight * (weights - own).max(f64::MIN_POSITIVE).ln()
        };
        steps.iter().zip(sums(steps, width)).map(of_step).sum::<f64>()
    };
    let scored = small.chain(large).map(|width| (likelihood(width), width));
    scored.fold((f64::NEG_INFINITY, 1.0), |best, other| if other.0 > best.0 { other } else { best }).1
}

fn kde_ece(rows: &Summaries) -> Option<f64> {
    let all: Vec<Step> = steps(rows).into_iter().map(|[p, weight, hits]| step(p, weight, hits)).collect();
    let counts = all.iter().all(|step| step.weight.fract() == 0.0);
    let total: f64 = all.iter().map(|step| step.weight).sum();
    // The weight that is left out of its own neighbourhood: one row.
    let unit = |step: &Step| if counts { 1.0 } else { step.weight };
    if all.iter().map(|step| step.weight / unit(step)).sum::<f64>() < 2.0 {
        return None;
    }
    let width = if all.len() <= DRAWN {
        bandwidth(&all)
    } else {
        let mut ends = Vec::with_capacity(all.len());
        let mut end = 0.0;
        for step in &all {
            end += step.weight;
            ends.push(end);
        }
        // At random, as rows are: evenly spaced places look rougher than they are, and a place that is drawn twice would
        // be its own nearest neighbour. The same for the same rows.
        let mut random = Pcg64::seed_from_u64(0);
        let mut drawn: Vec<usize> = (0..DRAWN)
            .map(|_| total * random.random::<f64>())
            .map(|place| ends.partition_point(|&end| end < place).min(all.len() - 1))
            .collect();
        drawn.sort_unstable();
        drawn.dedup();
        bandwidth(&drawn.into_iter().map(|at| step(all[at].p, 1.0, 0.0)).collect::<Vec<_>>())
    };
    let error = |(step, [weights, hits, own]): (&Step, [f64; 3])| {
        let unit = unit(step);
        let left = weights - unit * own;
        if left <= 0.0 {
            // No other row near: nothing is known there.
            return 0.0;
        }
        // Of rows at one place some had the outcome and some not: each is left out in turn.
        let without = |outcome: f64| ((hits - unit * own * outcome) / left - step.p).abs();
        step.hits * without(1.0) + (step.weight - step.hits) * without(0.0)
    };
    Some(all.iter().zip(sums(&all, width)).map(error).sum::<f64>() / total)
}

pub(super) const KDE_ECE: Entry = Entry {
    name: "kde_ece",
    summary: "calibration error by regression with a beta kernel, each row judged by the others",
    formula: "Σ_i |Σ_{j≠i} k(c_j; c_i)·y_j / Σ_{j≠i} k(c_j; c_i) - c_i| / n, k the beta density of mode c_i; bandwidth by likelihood",
    source: "Popordanoska, Sayer, Blaschko 2022, A Consistent and Differentiable Lp Canonical Calibration Error Estimator",
    tier: Tier::Named,
    cost: Cost::Pairs,
    uncertainty: Uncertainty::None("a resampled row is its own neighbour"),
    measure: |sample| kde_ece(sample.summaries),
    ..Entry::STANDARD
};
