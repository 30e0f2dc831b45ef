//! Minimising a smooth convex function whose value and gradient come together.

use std::collections::VecDeque;

use crate::error::Result;

/// Pairs of steps and differences of gradients that stand for the curvature.
const MEMORY: usize = 12;

/// The share of the decrease that the slope promises which a step must bring (Armijo).
const DECREASE: f64 = 1e-4;

/// Where a minimisation ended.
#[derive(Debug, Clone)]
pub(super) struct Minimum {
    pub(super) at: Vec<f64>,
    /// The largest absolute derivative there.
    pub(super) gradient: f64,
    /// Whether there was nothing left to gain, but for rounding.
    pub(super) converged: bool,
    /// Evaluations of the function.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests bound it"))]
    pub(super) evaluations: u32,
}

/// A function: its value at a point; its gradient is filled in.
pub(super) type Function<'a> = &'a mut dyn FnMut(&[f64], &mut [f64]) -> Result<f64>;

/// Minimises a convex function from `start` on by L-BFGS, until the decrease that is left, g·H⁻¹·g / 2 as far as H is
/// known, is at most `tolerance`, or rounding hides it.
///
/// `function` returns the value at a point and fills in the gradient. `solve` replaces a gradient g by H⁻¹·g for an
/// estimate H of the second derivatives, the better the fewer steps. A step that does not bring enough
/// is shortened to the minimum of the parabola through what is known; convexity makes the curvature of every accepted
/// step positive.
///
/// Source: Liu, Nocedal 1989, On the Limited Memory BFGS Method for Large Scale Optimization.
///
/// # Errors
/// Whatever `function` returns.
pub(super) fn minimise(
    start: Vec<f64>,
    tolerance: f64,
    most_evaluations: u32,
    solve: &dyn Fn(&mut [f64]),
    function: Function<'_>,
) -> Result<Minimum> {
    let mut at = start;
    let mut gradient = vec![0.0; at.len()];
    let mut value = function(&at, &mut gradient)?;
    let mut evaluations = 1;
    let mut pairs: VecDeque<Pair> = VecDeque::with_capacity(MEMORY);
    let mut converged = false;
    let (mut next, mut next_gradient) = (at.clone(), gradient.clone());
    while evaluations < most_evaluations {
        let mut direction = descent(&gradient, &pairs, solve);
        let mut slope = dot(&direction, &gradient);
        if !(slope < 0.0) {
            pairs.clear();
            direction = descent(&gradient, &pairs, solve);
            slope = dot(&direction, &gradient);
        }
        if !(-slope > 2.0 * tolerance) {
            converged = true;
            break;
        }
        let mut step = 1.0;
        let reached = loop {
            for ((next, at), direction) in next.iter_mut().zip(&at).zip(&direction) {
                *next = at + step * direction;
            }
            let reached = function(&next, &mut next_gradient)?;
            evaluations += 1;
            if reached <= value + DECREASE * step * slope {
                break Some(reached);
            }
            // Rounding: the step changes the value by its last digits only.
            converged = -step * slope <= 1e-15 * value.abs();
            if converged || evaluations >= most_evaluations {
                break None;
            }
            let parabola = -0.5 * slope * step * step / (reached - value - step * slope);
            step = if parabola.is_finite() { parabola.clamp(0.1 * step, 0.5 * step) } else { 0.1 * step };
        };
        let Some(reached) = reached else { break };
        let pair = Pair::new(&at, &next, &gradient, &next_gradient);
        std::mem::swap(&mut at, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        value = reached;
        if let Some(pair) = pair {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back(pair);
        }
    }
    Ok(Minimum { at, gradient: largest(&gradient), converged, evaluations })
}

/// A step s and the change y of the gradient along it.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// s·y.
    curvature: f64,
}

impl Pair {
    /// `None` where rounding made the curvature meaningless.
    fn new(from: &[f64], to: &[f64], before: &[f64], after: &[f64]) -> Option<Pair> {
        let difference = |b: &[f64], a: &[f64]| b.iter().zip(a).map(|(b, a)| b - a).collect::<Vec<f64>>();
        let (step, change) = (difference(to, from), difference(after, before));
        let curvature = dot(&step, &change);
        let scale = (dot(&step, &step) * dot(&change, &change)).sqrt();
        (curvature > 1e-12 * scale).then_some(Pair { step, change, curvature })
    }
}

/// -H⁻¹·g by the two loops, H being `solve`'s changed by what the pairs show.
fn descent(gradient: &[f64], pairs: &VecDeque<Pair>, solve: &dyn Fn(&mut [f64])) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let share = dot(&pair.step, &direction) / pair.curvature;
        add(&mut direction, -share, &pair.change);
        shares.push(share);
    }
    solve(&mut direction);
    for (pair, share) in pairs.iter().zip(shares.into_iter().rev()) {
        let back = dot(&pair.change, &direction) / pair.curvature;
        add(&mut direction, share - back, &pair.step);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += factor * what);
}

/// The largest absolute value; NaN where there is one.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, v| if v.abs() > most || v.is_nan() { v.abs() } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretched_valley_is_walked_to_its_lowest_point() {
        // Σ cᵢ·(xᵢ - i)² + ln cosh(x₀): convex, curvatures from 1 to 1000.
        let mut function = |x: &[f64], g: &mut [f64]| {
            let mut value = 0.0;
            for (i, (x, g)) in x.iter().zip(g.iter_mut()).enumerate() {
                let c = 10_f64.powf(i as f64 / 3.0);
                value += c * (x - i as f64).powi(2);
                *g = 2.0 * c * (x - i as f64);
            }
            value += x[0].cosh().ln();
            g[0] += x[0].tanh();
            Ok(value)
        };
        // The curvatures, but for a factor from 0.5 to 2.
        let solve = |g: &mut [f64]| {
            for (i, g) in g.iter_mut().enumerate() {
                *g /= [1.0, 2.0, 4.0][i % 3] * 10_f64.powf(i as f64 / 3.0);
            }
        };
        let minimum = minimise(vec![5.0; 10], 1e-22, 200, &solve, &mut function).unwrap();
        for (i, x) in minimum.at.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-10, "{i}: {x}");
        }
        assert!(minimum.evaluations < 150, "{}", minimum.evaluations);
    }

    #[test]
    fn a_tolerance_beyond_rounding_ends_all_the_same() {
        let mut function = |x: &[f64], g: &mut [f64]| {
            g[0] = (x[0] - 0.3).sinh();
            Ok(1e3 + (x[0] - 0.3).cosh())
        };
        let minimum = minimise(vec![4.0], 0.0, 1000, &|_| {}, &mut function).unwrap();
        assert!((minimum.at[0] - 0.3).abs() < 1e-6 && minimum.evaluations < 100, "{minimum:?}");
    }
}
