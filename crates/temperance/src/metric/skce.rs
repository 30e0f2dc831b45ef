//! Squared kernel calibration error: whether any function of all probabilities tells outcomes from them.

use super::{Cost, Entry, Sample, Tier, Uncertainty};
use crate::fold;
use crate::normal;

/// What the pairs of rows add up to.
struct Pairs {
    /// Σ_ij w_i·w_j·h_ij, i = j included.
    all: f64,
    /// Σ_i w_i·h_ii.
    own: f64,
    /// Σ_i w_i²·h_ii.
    own_squares: f64,
    /// For each row Σ_j w_j·h_ij.
    rows: Vec<f64>,
    weight: f64,
    weight_squares: f64,
    counts: bool,
}

/// Rows that one piece of work compares with all others.
const AT_ONCE: usize = 64;

/// h_ij = exp(-½·Σ_k |p_ik - p_jk|)·(e_i·e_j) with e the outcome, as a vector, minus p.
fn pairs(sample: &Sample<'_>) -> Option<Pairs> {
    let vectors = sample.vectors?;
    let rows = sample.summaries;
    let n = rows.rows();
    let k = vectors.len() / n;
    let errors: Vec<f64> = vectors
        .chunks(k)
        .zip(&rows.detail)
        .flat_map(|(p, detail)| {
            let label = detail.label as usize;
            p.iter().enumerate().map(move |(class, p)| f64::from(u8::from(class == label)) - p)
        })
        .collect();
    let starts = (0..n).step_by(AT_ONCE).collect();
    let sums: Vec<Vec<(f64, f64)>> = fold::ordered(starts, |start: usize| {
        let of_row = |i: usize| {
            let (p, e) = (&vectors[i * k..(i + 1) * k], &errors[i * k..(i + 1) * k]);
            let mut sum = 0.0;
            let mut own = 0.0;
            for (j, (q, f)) in vectors.chunks_exact(k).zip(errors.chunks_exact(k)).enumerate() {
                let (mut distance, mut product) = (0.0, 0.0);
                for class in 0..k {
                    distance += (p[class] - q[class]).abs();
                    product += e[class] * f[class];
                }
                let h = (-0.5 * distance).exp() * product;
                sum += rows.weight[j] * h;
                if i == j {
                    own = h;
                }
            }
            (sum, own)
        };
        (start..n.min(start + AT_ONCE)).map(of_row).collect()
    });
    let sums: Vec<(f64, f64)> = sums.concat();
    let total = |of: &dyn Fn(usize) -> f64| (0..n).map(of).sum::<f64>();
    Some(Pairs {
        all: total(&|row| rows.weight[row] * sums[row].0),
        own: total(&|row| rows.weight[row] * sums[row].1),
        own_squares: total(&|row| rows.weight[row] * rows.weight[row] * sums[row].1),
        rows: sums.iter().map(|(sum, _)| *sum).collect(),
        weight: rows.total_weight(),
        weight_squares: total(&|row| rows.weight[row] * rows.weight[row]),
        counts: rows.weight.iter().all(|weight| weight.fract() == 0.0),
    })
}

impl Pairs {
    /// Over pairs of different rows; whole weights are repeated rows.
    fn unbiased(&self) -> Option<f64> {
        let (own, squares) =
            if self.counts { (self.own, self.weight) } else { (self.own_squares, self.weight_squares) };
        let pairs = self.weight * self.weight - squares;
        (pairs > 0.0).then(|| (self.all - own) / pairs)
    }
}

/// The estimate ± z·(4·Var(mean_j h_ij)/n)^½: the first order of a U-statistic.
fn interval(sample: &Sample<'_>, level: f64) -> Option<[f64; 2]> {
    let pairs = pairs(sample)?;
    let estimate = pairs.unbiased()?;
    let weights = &sample.summaries.weight;
    let mean = pairs.all / (pairs.weight * pairs.weight);
    let spread: f64 =
        pairs.rows.iter().zip(weights).map(|(sum, w)| w * (sum / pairs.weight - mean).powi(2)).sum();
    let n = if pairs.counts { pairs.weight } else { pairs.weight * pairs.weight / pairs.weight_squares };
    let half = normal::quantile(0.5 + level / 2.0) * (4.0 * spread / pairs.weight / n).sqrt();
    Some([estimate - half, estimate + half])
}

pub(super) const SKCE: Entry = Entry {
    name: "skce",
    summary: "squared kernel calibration error of all probabilities, unbiased: 0 on average for a calibrated model",
    formula: "Σ_{i≠j} h_ij / (n(n - 1)), h_ij = exp(-½·Σ_k |p_ik - p_jk|)·(e_i·e_j), e = outcome - p; labels, not soft ones",
    source: "Widmann, Lindsten, Zachariah 2019, Calibration Tests in Multi-class Classification, table 1",
    tier: Tier::Named,
    cost: Cost::Pairs,
    vectors: true,
    uncertainty: Uncertainty::Formula(interval),
    measure: |sample| pairs(sample)?.unbiased(),
    ..Entry::STANDARD
};

pub(super) const SKCE_BIASED: Entry = Entry {
    name: "skce_biased",
    summary: "squared kernel calibration error of all probabilities, over all pairs: never below 0",
    formula: "Σ_ij h_ij / n², h_ij as for skce",
    source: "Widmann, Lindsten, Zachariah 2019, Calibration Tests in Multi-class Classification, table 1",
    tier: Tier::Named,
    cost: Cost::Pairs,
    vectors: true,
    uncertainty: Uncertainty::None("biased by the pairs of a row with itself: take that of skce"),
    measure: |sample| {
        let pairs = pairs(sample)?;
        Some(pairs.all / (pairs.weight * pairs.weight))
    },
    ..Entry::STANDARD
};
