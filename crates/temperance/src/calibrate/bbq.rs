//! Bayesian binning into quantiles: an average over histograms of many numbers of bins.

use super::Entry;
use super::binary::{
    BinaryFit, BinaryMethod, BinaryRows, Multiclass, REDUCTION, Reduced, reduction, sigmoid,
};
use super::steps::{self, Steps};
use crate::error::Result;
use crate::pav::Ranked;
use statrs::function::gamma::ln_gamma;

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "bbq",
    summary: "averages histograms of many numbers of bins by how likely they make the outcomes",
    source: "Naeini, Cooper, Hauskrecht 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning",
    parameters: &[REDUCTION],
    binary: true,
    build: |parameters| {
        parameters.only(&[REDUCTION.name])?;
        Ok(Box::new(Multiclass::new(BayesianBinning, reduction(parameters)?)))
    },
    load: |parameters| Reduced::load(ENTRY.name, parameters, &Steps::NAMES, Steps::load),
};

/// Rows that the prior of a histogram is worth: N' of the paper.
const PRIOR_ROWS: f64 = 2.0;

/// Bayesian binning into quantiles: Σ_M P(M | rows)·P(1 | p, M) over histograms M of bins of equal weight.
///
/// M has max(1, ⌊n^⅓/10⌋) to min(⌈n/5⌉, ⌈10·n^⅓⌉) bins, never more than there are different scores. A bin with the
/// centre c has the prior Beta(α, β), α = (2/B)·c, β = (2/B)·(1 - c); with n rows of which m hit, it contributes the factor
/// Γ(α+β)/Γ(α+β+n) · Γ(α+m)/Γ(α) · Γ(β+n-m)/Γ(β), and gives (α + m)/(α + β + n), the mean of its posterior. All
/// histograms are equally likely at first. The average is one map of steps.
///
/// n and m are sums of weights: weights count rows here, and their scale matters. Targets may be soft. netcal 1.4.0 gives
/// other numbers: it has bins of equal width, scores by BIC and leaves histograms out by an elbow rule.
///
/// ```
/// use temperance::calibrate::{BayesianBinning, BinaryMethod, BinaryRows, sigmoid};
///
/// // Two rows allow one bin with the prior Beta(1, 1): (1 + 1)/(2 + 2).
/// let rows = BinaryRows { score: vec![-1.0, 1.0], target: vec![0.0, 1.0], weight: vec![1.0; 2] };
/// let map = BayesianBinning.fit(&rows)?.calibrator;
/// assert!((sigmoid(map.calibrate(0.3)) - 0.5).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Naeini, Cooper, Hauskrecht 2015.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BayesianBinning;

/// A histogram with its log-likelihood.
struct Histogram {
    starts: Vec<usize>,
    probabilities: Vec<f64>,
    score: f64,
}

impl BinaryMethod for BayesianBinning {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn fit(&self, rows: &BinaryRows) -> Result<BinaryFit> {
        let ranked = Ranked::new(&rows.score, &rows.target, &rows.weight);
        let weights = steps::cumulative(&ranked.weight);
        let products: Vec<f64> = ranked.weight.iter().zip(&ranked.value).map(|(w, t)| w * t).collect();
        let hits = steps::cumulative(&products);
        let n = weights.last().copied().unwrap_or(0.0);
        let root = n.cbrt();
        let least = (root / 10.0).floor().max(1.0) as usize;
        let most = ((n / 5.0).ceil().min((10.0 * root).ceil()) as usize).min(weights.len()).max(1);

        let mut histograms: Vec<Histogram> = Vec::new();
        for bins in least.min(most)..=most {
            let starts = steps::equal_mass_starts(&weights, bins);
            if histograms.last().is_none_or(|last| last.starts != starts) {
                histograms.push(Histogram::new(starts, &ranked, &weights, &hits));
            }
        }
        let best = histograms.iter().map(|h| h.score).fold(f64::NEG_INFINITY, f64::max);
        // What lies below the rounding of the others is left out, with its edges.
        histograms.retain(|h| h.score - best > -37.0);
        let total: f64 = histograms.iter().map(|h| (h.score - best).exp()).sum();

        // The average as steps up and down at the places where bins start.
        let mut first = 0.0;
        let mut change = vec![None; ranked.score.len()];
        for histogram in &histograms {
            let share = (histogram.score - best).exp() / total;
            first += share * histogram.probabilities[0];
            for (&start, pair) in histogram.starts.iter().zip(histogram.probabilities.windows(2)) {
                *change[start].get_or_insert(0.0) += share * (pair[1] - pair[0]);
            }
        }
        let starts: Vec<usize> = (0..change.len()).filter(|&start| change[start].is_some()).collect();
        let mut p = first;
        let mut probabilities = vec![p];
        for step in change.into_iter().flatten() {
            p += step;
            probabilities.push(p.clamp(0.0, 1.0));
        }
        let edges = steps::edges_before(&starts, &ranked.score);
        Ok(BinaryFit::without_descent(Steps { edges, probabilities }))
    }
}

impl Histogram {
    /// From sums of weights and of weights times targets up to each score.
    fn new(starts: Vec<usize>, ranked: &Ranked, weights: &[f64], hits: &[f64]) -> Self {
        let edges = steps::edges_before(&starts, &ranked.score);
        let prior = PRIOR_ROWS / (starts.len() + 1) as f64;
        let mut histogram = Histogram { starts, probabilities: Vec::new(), score: 0.0 };
        let mut before = (0.0, 0.0);
        for bin in 0..=edges.len() {
            let last = histogram.starts.get(bin).copied().unwrap_or(weights.len()) - 1;
            let n = weights[last] - before.0;
            let m = (hits[last] - before.1).clamp(0.0, n);
            before = (weights[last], hits[last]);
            let centre = |lower: f64, upper: f64| 0.5 * (lower + upper);
            let (lower, upper) = steps::bounds(&edges, bin);
            let alpha = prior * centre(lower, upper);
            // 1 - c from the edges themselves: never 0.
            let above = edges.get(bin).map_or(0.0, |&edge| sigmoid(-edge));
            let below = if bin == 0 { 1.0 } else { sigmoid(-edges[bin - 1]) };
            let beta = prior * centre(above, below);
            histogram.score += ln_gamma(alpha + beta) - ln_gamma(alpha + beta + n) + ln_gamma(alpha + m)
                - ln_gamma(alpha)
                + ln_gamma(beta + (n - m))
                - ln_gamma(beta);
            histogram.probabilities.push((alpha + m) / (alpha + beta + n));
        }
        histogram
    }
}
