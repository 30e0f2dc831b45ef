//! Second derivatives of the affine family, for the steps of its fit.

use ndarray::linalg::general_mat_mul;

use super::affine::{Batch, Penalty, Structure, Sweep, matrix, matrix_mut};
use crate::fold;
use crate::row::Path;

/// An estimate of the second derivatives: a block for each class, of the numbers that make its logit and its bias, as if
/// the other classes did not move.
pub(super) struct Curvature {
    structure: Structure,
    classes: usize,
    /// Of a shared number: its curvature.
    shared: f64,
    /// The lower Cholesky factor of each block, row by row; its order is that of A, the bias last.
    factors: Vec<Vec<f64>>,
}

/// With more classes a block of a matrix is taken to be diagonal.
const LARGEST_BLOCK: usize = 128;

/// A row adds to the block of a class on its own if its p·(1 - p) of the class is at least this; the others share theirs.
const DOUBT: f64 = 0.02;

/// Rows that are multiplied at a time.
const ROWS_AT_ONCE: usize = 1024;

impl Curvature {
    /// At the parameters of `sweep`, from rows that stand for all.
    pub(super) fn new(sweep: &Sweep<'_>, penalty: Penalty, sample: &[Batch]) -> Self {
        let (structure, classes) = (sweep.structure, sweep.classes);
        let rows = fold::ordered(sample.iter().collect(), |batch| Doubtful::new(sweep, batch));
        let weight: f64 = sample.iter().flat_map(|batch| &batch.weights).sum();
        let shared = match structure {
            Structure::Shared => {
                let variance: f64 = rows.iter().map(|rows| rows.variance).sum();
                raised(variance / weight + 2.0 * penalty.diagonal)
            }
            Structure::Diagonal | Structure::Full => 1.0,
        };
        let spread = match structure {
            Structure::Shared | Structure::Diagonal => Vec::new(),
            Structure::Full => spread(&rows, classes),
        };
        let factors = fold::ordered((0..classes).collect(), |class| {
            let whole: f64 = rows.iter().flat_map(|rows| rows.doubts(class)).sum();
            let of_bias = raised(whole / weight + 2.0 * penalty.bias);
            match structure {
                Structure::Shared => cholesky(vec![of_bias], 1),
                Structure::Diagonal => {
                    let (mut first, mut second) = (0.0, 0.0);
                    for rows in &rows {
                        let x = rows.batch.x[class..].iter().step_by(classes);
                        for (doubt, x) in rows.doubts(class).iter().zip(x) {
                            first += doubt * x;
                            second += doubt * x * x;
                        }
                    }
                    let (first, second) = (first / weight, second / weight);
                    cholesky(vec![raised(second + 2.0 * penalty.diagonal), first, first, of_bias], 2)
                }
                Structure::Full if classes > LARGEST_BLOCK => {
                    let variances = spread.iter().step_by(classes + 2).map(|spread| whole * spread / weight);
                    let diagonal =
                        variances.enumerate().map(|(at, value)| value + 2.0 * penalty.of(class, at, classes));
                    diagonal.map(|value| raised(value).sqrt()).collect()
                }
                Structure::Full => {
                    let size = classes + 1;
                    let mut block = of_matrix(&rows, class, &spread);
                    block.iter_mut().for_each(|value| *value /= weight);
                    for at in 0..size {
                        let value = &mut block[at * size + at];
                        *value = raised(*value * (1.0 + 1e-9) + 2.0 * penalty.of(class, at, classes));
                    }
                    cholesky(block, size)
                }
            }
        });
        Curvature { structure, classes, shared, factors }
    }

    /// Replaces a gradient by the step to where the estimate has none.
    pub(super) fn solve(&self, gradient: &mut [f64]) {
        let k = self.classes;
        let numbers = self.structure.numbers(k);
        let (of_scale, of_bias) = gradient.split_at_mut(numbers);
        if self.structure == Structure::Shared {
            of_scale[0] /= self.shared;
        }
        let per_class = if self.structure == Structure::Shared { 0 } else { numbers / k };
        let mut block = vec![0.0; per_class + 1];
        for (class, factor) in self.factors.iter().enumerate() {
            let own = class * per_class..(class + 1) * per_class;
            block[..per_class].copy_from_slice(&of_scale[own.clone()]);
            block[per_class] = of_bias[class];
            if factor.len() == block.len() && per_class > 0 {
                block.iter_mut().zip(factor).for_each(|(value, root)| *value /= root * root);
            } else {
                cholesky_solve(factor, &mut block);
            }
            of_scale[own].copy_from_slice(&block[..per_class]);
            of_bias[class] = block[per_class];
        }
    }
}

/// The lower factor L of a symmetric positive definite matrix, L·Lᵀ; a pivot that rounding makes too small is raised.
fn cholesky(mut a: Vec<f64>, size: usize) -> Vec<f64> {
    for j in 0..size {
        let pivot = a[j * size + j];
        let sum: f64 = a[j * size..j * size + j].iter().map(|l| l * l).sum();
        let root = (pivot - sum).max(1e-12 * pivot).sqrt();
        a[j * size + j] = root;
        for i in j + 1..size {
            let (above, below) = a.split_at(i * size);
            let dot: f64 = above[j * size..j * size + j].iter().zip(&below[..j]).map(|(x, y)| x * y).sum();
            a[i * size + j] = (a[i * size + j] - dot) / root;
        }
    }
    a
}

/// Solves L·Lᵀ·x = b in place.
fn cholesky_solve(l: &[f64], b: &mut [f64]) {
    let size = b.len();
    for i in 0..size {
        let dot: f64 = l[i * size..i * size + i].iter().zip(b.iter()).map(|(l, x)| l * x).sum();
        b[i] = (b[i] - dot) / l[i * size + i];
    }
    for i in (0..size).rev() {
        let x = b[i] / l[i * size + i];
        b[i] = x;
        for j in 0..i {
            b[j] -= l[i * size + j] * x;
        }
    }
}

/// Nothing is flatter than this: a class that never occurs has no curvature of its own.
fn raised(curvature: f64) -> f64 {
    curvature.max(1e-9)
}

/// Rows and how much each doubts each class.
struct Doubtful<'a> {
    batch: &'a Batch,
    /// w·p·(1 - p), class by class.
    doubts: Vec<f64>,
    /// Σ w of the variances of x under p.
    variance: f64,
}

impl<'a> Doubtful<'a> {
    fn new(sweep: &Sweep<'_>, batch: &'a Batch) -> Self {
        let path = Path::best();
        let (k, rows) = (sweep.classes, batch.rows());
        let logits = sweep.logits(batch);
        let (mut doubts, mut variance) = (vec![0.0; rows * k], 0.0);
        let (mut p, mut maxima) = (vec![0.0; k], Vec::new());
        for row in 0..rows {
            path.softmax_into(&logits[row * k..(row + 1) * k], &mut p, &mut maxima);
            let factor = batch.weights[row] * batch.mass(row, k);
            for (class, p) in p.iter().enumerate() {
                doubts[class * rows + row] = factor * p * (1.0 - p);
            }
            if sweep.structure == Structure::Shared {
                let x = &batch.x[row * k..(row + 1) * k];
                let mean: f64 = p.iter().zip(x).map(|(p, x)| p * x).sum();
                variance += factor * p.iter().zip(x).map(|(p, x)| p * (x - mean) * (x - mean)).sum::<f64>();
            }
        }
        Doubtful { batch, doubts, variance }
    }

    /// Of a class, row by row.
    fn doubts(&self, class: usize) -> &[f64] {
        &self.doubts[class * self.batch.rows()..(class + 1) * self.batch.rows()]
    }

    /// x of a row and a 1, times a factor, at the end of `to`.
    fn push_extended(&self, row: usize, classes: usize, factor: f64, to: &mut Vec<f64>) {
        to.extend(self.batch.x[row * classes..(row + 1) * classes].iter().map(|x| factor * x));
        to.push(factor);
    }
}

/// The mean of x̃·x̃ᵀ, x̃ being x and a 1, over rows that count as much as they doubt; 0 if none does.
fn spread(rows: &[Doubtful<'_>], classes: usize) -> Vec<f64> {
    let mut sums = vec![0.0; (classes + 1) * (classes + 1)];
    let mut total = 0.0;
    for rows in rows {
        let mut factors = vec![0.0; rows.batch.rows()];
        for class in 0..classes {
            factors.iter_mut().zip(rows.doubts(class)).for_each(|(sum, doubt)| *sum += doubt);
        }
        total += factors.iter().sum::<f64>();
        add_squares(factors.iter().enumerate().map(|(row, &factor)| (rows, row, factor)), classes, &mut sums);
    }
    if total > 0.0 {
        sums.iter_mut().for_each(|sum| *sum /= total);
    }
    sums
}

/// Σ w·p·(1 - p)·x̃·x̃ᵀ for the block of a class: of the rows that doubt it; the others' doubt times `spread`.
fn of_matrix(rows: &[Doubtful<'_>], class: usize, spread: &[f64]) -> Vec<f64> {
    let classes = rows.first().map_or(0, |rows| rows.doubts.len() / rows.batch.rows().max(1));
    let all = || {
        rows.iter()
            .flat_map(|rows| rows.doubts(class).iter().enumerate().map(move |(row, &d)| (rows, row, d)))
    };
    let doubtful = |rows: &Doubtful<'_>, row: usize, doubt: f64| doubt >= DOUBT * rows.batch.weights[row];
    let others: f64 = all().filter(|&(rows, row, d)| !doubtful(rows, row, d)).map(|(_, _, d)| d).sum();
    let mut sums: Vec<f64> = spread.iter().map(|value| others * value).collect();
    add_squares(all().filter(|&(rows, row, d)| doubtful(rows, row, d)), classes, &mut sums);
    sums
}

/// Adds Σ factor·x̃·x̃ᵀ of the rows given.
fn add_squares<'a>(
    rows: impl Iterator<Item = (&'a Doubtful<'a>, usize, f64)>,
    classes: usize,
    sums: &mut [f64],
) {
    let size = classes + 1;
    let mut roots = Vec::new();
    let add = |roots: &mut Vec<f64>, sums: &mut [f64]| {
        let x = matrix(roots, size);
        general_mat_mul(1.0, &x.t(), &x, 1.0, &mut matrix_mut(sums, size));
        roots.clear();
    };
    for (rows, row, factor) in rows {
        rows.push_extended(row, classes, factor.sqrt(), &mut roots);
        if roots.len() >= ROWS_AT_ONCE * size {
            add(&mut roots, sums);
        }
    }
    add(&mut roots, sums);
}
