//! Weighted logistic regression on a few features of the score.

use super::Flag;
use super::binary::{BinaryRows, log_odds, sigmoid};
use crate::error::{Error, ErrorKind, Result};

/// Most columns: a constant and two features.
const COLUMNS: usize = 3;

/// The penalty on separable rows: λ/2 times the squares of the coefficients, with columns of mean square 1.
///
/// Without it the likelihood grows without end. With one so small the line is nearly that of the largest margin, and
/// the rows next to it have an error of about λ.
const RIDGE: f64 = 1e-8;

/// A column whose part that the columns before do not explain is smaller than this, relative, is left out.
const DEPENDENT: f64 = 1e-10;

/// A fitted regression: log-odds constant + Σ coefficient·feature.
#[derive(Debug, Clone)]
pub(super) struct Regression {
    /// 0 if there was none to fit.
    pub(super) constant: f64,
    /// One for each feature; 0 for a feature that the others and the constant explain.
    pub(super) coefficients: Vec<f64>,
    /// Largest absolute derivative of the mean loss, with its penalty, in columns made orthonormal.
    pub(super) gradient: f64,
    pub(super) flags: Vec<Flag>,
}

/// Minimises the mean over rows of -t·ln σ(η) - (1 - t)·ln σ(-η), η = constant + Σ coefficient·feature, over rows of
/// positive weight. Targets may be soft.
///
/// Columns are made orthonormal, in which Newton's method is well conditioned; a step is halved until the loss falls, so
/// that it cannot diverge. Features that do not vary are left out ([`Flag::FewRows`]). Rows that a line parts without
/// error ([`Flag::Separable`]) have no optimum: they get the one with the smallest penalty, [`RIDGE`].
///
/// # Errors
/// If it does not converge.
pub(super) fn fit(
    rows: &BinaryRows,
    targets: &[f64],
    features: &[&dyn Fn(f64) -> f64],
    constant: bool,
) -> Result<Regression> {
    let kept: Vec<usize> = (0..rows.rows()).filter(|&row| rows.weight[row] > 0.0).collect();
    let total: f64 = kept.iter().map(|&row| rows.weight[row]).sum();
    let weight: Vec<f64> = kept.iter().map(|&row| rows.weight[row] / total).collect();
    let target: Vec<f64> = kept.iter().map(|&row| targets[row]).collect();
    let one: &dyn Fn(f64) -> f64 = &|_| 1.0;
    let given = constant.then_some(one).into_iter().chain(features.iter().copied());
    let given: Vec<Vec<f64>> =
        given.map(|feature| kept.iter().map(|&row| feature(rows.score[row])).collect()).collect();

    let basis = Basis::new(&given, &weight);
    let problem = Problem { columns: &basis.columns, target: &target, weight: &weight };
    let mut start = [0.0; COLUMNS];
    if constant {
        start[0] = log_odds(weight.iter().zip(&target).map(|(w, t)| w * t).sum());
    }
    let mut flags = Vec::new();
    if basis.columns.len() < given.len() {
        flags.push(Flag::FewRows);
    }
    let end = match problem.descend(start, 0.0)? {
        Some(end) => end,
        None => {
            flags.push(Flag::Separable);
            let expected = "to converge within 200 steps";
            let error = || Error::new(ErrorKind::NotConverged, "logistic regression", "open", expected);
            problem.descend(start, RIDGE)?.ok_or_else(error)?
        }
    };
    let mut coefficients = basis.coefficients(end.at);
    let constant = if constant { coefficients.remove(0) } else { 0.0 };
    Ok(Regression { constant, coefficients, gradient: end.steepest(problem.columns.len()), flags })
}

/// Columns made orthonormal by Gram and Schmidt, in their order, under the weighted mean.
struct Basis {
    columns: Vec<Vec<f64>>,
    /// For each given column, its parts along the orthonormal ones before, and its rest: 0 if it was left out.
    parts: Vec<(Vec<f64>, f64)>,
}

impl Basis {
    fn new(given: &[Vec<f64>], weight: &[f64]) -> Self {
        let product =
            |a: &[f64], b: &[f64]| a.iter().zip(b).zip(weight).map(|((a, b), w)| w * a * b).sum::<f64>();
        let mut basis = Basis { columns: Vec::new(), parts: Vec::new() };
        for column in given {
            let mut rest = column.clone();
            let mut along = Vec::new();
            for unit in &basis.columns {
                let part = product(&rest, unit);
                rest.iter_mut().zip(unit).for_each(|(rest, unit)| *rest -= part * unit);
                along.push(part);
            }
            let size = product(&rest, &rest).sqrt();
            if size > DEPENDENT * product(column, column).sqrt() {
                rest.iter_mut().for_each(|rest| *rest /= size);
                basis.columns.push(rest);
                basis.parts.push((along, size));
            } else {
                basis.parts.push((along, 0.0));
            }
        }
        basis
    }

    /// Coefficients of the given columns, from those of the orthonormal ones.
    fn coefficients(&self, mut at: [f64; COLUMNS]) -> Vec<f64> {
        let mut coefficients = vec![0.0; self.parts.len()];
        let mut unit = self.columns.len();
        for (coefficient, (along, size)) in coefficients.iter_mut().zip(&self.parts).rev() {
            if *size > 0.0 {
                unit -= 1;
                *coefficient = at[unit] / size;
                at.iter_mut().zip(along).for_each(|(at, part)| *at -= *coefficient * part);
            }
        }
        coefficients
    }
}

/// Orthonormal columns with what they should explain; weights sum to 1.
struct Problem<'a> {
    columns: &'a [Vec<f64>],
    target: &'a [f64],
    weight: &'a [f64],
}

/// The loss and its derivatives at a point.
#[derive(Clone, Copy)]
struct Point {
    at: [f64; COLUMNS],
    loss: f64,
    gradient: [f64; COLUMNS],
    hessian: [[f64; COLUMNS]; COLUMNS],
}

impl Point {
    fn steepest(&self, columns: usize) -> f64 {
        largest(&self.gradient[..columns])
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

impl Problem<'_> {
    fn point(&self, at: [f64; COLUMNS], ridge: f64) -> Point {
        let count = self.columns.len();
        let mut point = Point { at, loss: 0.0, gradient: [0.0; COLUMNS], hessian: [[0.0; COLUMNS]; COLUMNS] };
        for (row, (&t, &w)) in self.target.iter().zip(self.weight).enumerate() {
            let mut x = [0.0; COLUMNS];
            x.iter_mut().zip(self.columns).for_each(|(x, column)| *x = column[row]);
            let odds: f64 = at.iter().zip(&x).map(|(a, x)| a * x).sum();
            let (p, q) = (sigmoid(odds), sigmoid(-odds));
            point.loss +=
                w * ((1.0 - t) * odds.max(0.0) + t * (-odds).max(0.0) + (-odds.abs()).exp().ln_1p());
            // p - t without cancellation where both are near 1.
            let slope = w * ((1.0 - t) * p - t * q);
            let curvature = w * p * q;
            for i in 0..count {
                point.gradient[i] += slope * x[i];
                for j in 0..=i {
                    point.hessian[i][j] += curvature * x[i] * x[j];
                }
            }
        }
        for (i, at) in at.iter().enumerate().take(count) {
            point.loss += 0.5 * ridge * at * at;
            point.gradient[i] += ridge * at;
            point.hessian[i][i] += ridge;
        }
        point
    }

    /// Newton's method from `start`. `None` if the loss falls for ever.
    fn descend(&self, start: [f64; COLUMNS], ridge: f64) -> Result<Option<Point>> {
        let count = self.columns.len();
        let mut point = self.point(start, ridge);
        let mut before = f64::INFINITY;
        for _ in 0..200 {
            let Some(step) = newton(&point, count) else { return Ok(None) };
            let (steepest, size) = (point.steepest(count), largest(&step));
            // Towards infinity the gradient vanishes and the steps do not.
            if steepest <= 1e-13 && size > 1e-3 {
                return Ok(None);
            }
            let rounding = steepest <= 1e-12 && size >= 0.5 * before;
            if rounding || size <= 1e-12 * (1.0 + largest(&point.at)) {
                let last = self.point(moved(point.at, step, 1.0), ridge);
                let better = last.steepest(count) < steepest;
                return Ok(Some(if better { last } else { point }));
            }
            before = size;
            let slope: f64 = step.iter().zip(&point.gradient).map(|(s, g)| s * g).sum();
            let noise = 1e-15 * point.loss;
            let mut share = 1.0;
            point = loop {
                let next = self.point(moved(point.at, step, share), ridge);
                if next.loss <= point.loss + 1e-4 * share * slope + noise {
                    break next;
                }
                share *= 0.5;
                if share < 1e-12 {
                    let expected = "a loss that falls along its descent";
                    return Err(Error::new(
                        ErrorKind::NotConverged,
                        "logistic regression",
                        point.loss,
                        expected,
                    ));
                }
            };
        }
        Ok(None)
    }
}

fn moved(mut at: [f64; COLUMNS], step: [f64; COLUMNS], share: f64) -> [f64; COLUMNS] {
    at.iter_mut().zip(step).for_each(|(at, step)| *at += share * step);
    at
}

/// -H⁻¹g by Cholesky's method; `None` if H is not positive definite.
fn newton(point: &Point, count: usize) -> Option<[f64; COLUMNS]> {
    let mut l = point.hessian;
    let mut step = point.gradient.map(|g| -g);
    for i in 0..count {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            let rest = l[i][j] - sum;
            if i != j {
                l[i][j] = rest / l[j][j];
            } else if rest > 0.0 {
                l[i][i] = rest.sqrt();
            } else {
                return None;
            }
        }
        step[i] = (step[i] - (0..i).map(|k| l[i][k] * step[k]).sum::<f64>()) / l[i][i];
    }
    for i in (0..count).rev() {
        step[i] = (step[i] - (i + 1..count).map(|k| l[k][i] * step[k]).sum::<f64>()) / l[i][i];
    }
    Some(step)
}
