//! Pool adjacent violators: the non-decreasing sequence that is closest to a given one.

/// A run of neighbours that have one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pool {
    /// One past its last index; it starts where the pool before it ends.
    pub(crate) end: usize,
    /// Mean of its values by weight.
    pub(crate) value: f64,
    /// Sum of its weights.
    pub(crate) weight: f64,
}

/// The non-decreasing x that minimises Σ w·(x - value)², as runs of equal x from first to last, each larger than the
/// one before. Weights must be above 0. O(n).
///
/// The same x minimises every Bregman divergence, so the mean log-loss of probabilities too.
///
/// Source: Ayer, Brunk, Ewing, Reid, Silverman 1955, An Empirical Distribution Function for Sampling with Incomplete
/// Information; Barlow, Bartholomew, Bremner, Brunk 1972, theorem 1.1 and section 1.2.
pub(crate) fn pav(values: &[f64], weights: &[f64]) -> Vec<Pool> {
    // Pools with Σ w·value, from which the value is made anew at each merger.
    let mut pools: Vec<(Pool, f64)> = Vec::new();
    for (index, (&value, &weight)) in values.iter().zip(weights).enumerate() {
        let mut pool = Pool { end: index + 1, value, weight };
        let mut sum = weight * value;
        while let Some((before, before_sum)) = pools.pop_if(|(before, _)| before.value >= pool.value) {
            sum += before_sum;
            pool.weight += before.weight;
            pool.value = sum / pool.weight;
        }
        pools.push((pool, sum));
    }
    pools.into_iter().map(|(pool, _)| pool).collect()
}

/// Rows in the order of their scores: rows of equal scores are one, rows without weight are none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ranked {
    /// Scores, each larger than the one before.
    pub(crate) score: Vec<f64>,
    /// Mean value of the rows of that score, by weight.
    pub(crate) value: Vec<f64>,
    /// Sum of their weights.
    pub(crate) weight: Vec<f64>,
}

impl Ranked {
    /// Rows given by column, in any order. O(n log n).
    pub(crate) fn new(score: &[f64], value: &[f64], weight: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..score.len()).filter(|&row| weight[row] > 0.0).collect();
        // Stable, so that sums over equal scores run in the order of the rows.
        order.sort_by(|&a, &b| score[a].total_cmp(&score[b]));
        let mut ranked = Ranked::default();
        for tied in order.chunk_by(|&a, &b| score[a] == score[b]) {
            let total: f64 = tied.iter().map(|&row| weight[row]).sum();
            let sum: f64 = tied.iter().map(|&row| weight[row] * value[row]).sum();
            ranked.score.push(score[tied[0]]);
            ranked.value.push(if let [row] = *tied { value[row] } else { sum / total });
            ranked.weight.push(total);
        }
        ranked
    }

    /// The closest non-decreasing values.
    pub(crate) fn pav(&self) -> Vec<Pool> {
        pav(&self.value, &self.weight)
    }
}
