//! Rows in bins of confidence, and the calibration errors that are made of them.

use serde::{Deserialize, Serialize};

use super::{Cost, Direction, Entry, Sample, Summaries};
use crate::error::{Error, Result};

/// Which bin a probability on an edge belongs to. Edges are b/B in `f64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeRule {
    /// (lo, hi], the first closed: Guo et al., uncertainty-calibration, scikit-learn's `calibration_curve`.
    #[default]
    RightClosed,
    /// [lo, hi), the last closed: netcal, caltrain, probcal.
    LeftClosed,
    /// [lo, hi) and one more bin for exactly 1: torchmetrics 1.9, relplot.
    Torchmetrics,
}

impl EdgeRule {
    /// The rule in words.
    pub fn words(self) -> &'static str {
        match self {
            EdgeRule::RightClosed => "(lo, hi], first closed",
            EdgeRule::LeftClosed => "[lo, hi), last closed",
            EdgeRule::Torchmetrics => "[lo, hi), one more bin for exactly 1",
        }
    }
}

/// How confidences are put into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binning {
    /// B bins of width 1/B.
    EqualWidth(usize, EdgeRule),
    /// About B bins of equal weight; whole weights are repeated rows. Edges lie half-way between the neighbours that they part, equal
    /// confidences are never parted, bins are (lo, hi]: the rule of uncertainty-calibration 0.1.4.
    EqualMass(usize),
}

/// One bin: sums over its rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bin {
    /// Lower edge.
    pub lower: f64,
    /// Upper edge.
    pub upper: f64,
    /// Rows in it.
    pub rows: u64,
    /// Σ w.
    pub weight: f64,
    /// Σ w².
    pub weight_squares: f64,
    /// Σ w·confidence.
    pub confidence_sum: f64,
    /// Σ w·correct.
    pub correct_sum: f64,
}

impl Bin {
    fn add(&mut self, confidence: f64, correct: f64, weight: f64) {
        self.rows += 1;
        self.weight += weight;
        self.weight_squares += weight * weight;
        self.confidence_sum += weight * confidence;
        self.correct_sum += weight * correct;
    }

    /// Mean confidence; `None` in a bin without weight.
    pub fn confidence(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.confidence_sum / self.weight)
    }

    /// Accuracy; `None` in a bin without weight.
    pub fn accuracy(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.correct_sum / self.weight)
    }

    /// Mean confidence minus accuracy; `None` in a bin without weight.
    pub fn gap(&self) -> Option<f64> {
        Some(self.confidence()? - self.accuracy()?)
    }

    /// 95 % interval of the accuracy: Wilson's, with (Σw)²/Σw² effective rows.
    ///
    /// Source: Wilson 1927, Probable Inference.
    pub fn accuracy_interval(&self) -> Option<[f64; 2]> {
        const Z: f64 = crate::normal::QUANTILE_975;
        let rate = self.accuracy()?;
        let n = self.weight * self.weight / self.weight_squares;
        let centre = (rate + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
        Some([(centre - half).max(0.0), (centre + half).min(1.0)])
    }
}

/// Rows by confidence. Bins of the same edges merge by adding.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    bins: Vec<Bin>,
    binning: Binning,
    /// Whether every weight so far was a whole number.
    counts: bool,
}

impl Bins {
    /// Empty bins of equal width.
    ///
    /// # Errors
    /// If `bins` is 0.
    pub fn equal_width(bins: usize, rule: EdgeRule) -> Result<Self> {
        check_count(bins)?;
        let edge = |b: usize| b as f64 / bins as f64;
        let mut list: Vec<Bin> =
            (0..bins).map(|b| Bin { lower: edge(b), upper: edge(b + 1), ..Bin::default() }).collect();
        if rule == EdgeRule::Torchmetrics {
            list.push(Bin { lower: 1.0, upper: 1.0, ..Bin::default() });
        }
        Ok(Bins { bins: list, binning: Binning::EqualWidth(bins, rule), counts: true })
    }

    /// Rows in bins.
    ///
    /// ```
    /// use temperance::metric::{Binning, Bins, EdgeRule, Summaries};
    ///
    /// let rows = Summaries::from_confidences(&[0.6, 0.9, 1.0], &[1.0, 0.0, 1.0], None)?;
    /// let bins = Bins::of(&rows, Binning::EqualWidth(5, EdgeRule::RightClosed))?;
    /// // |0.6 - 1| / 3 from (0.4, 0.6], |1.9 - 1| / 3 from (0.8, 1]
    /// assert!((bins.expected_error() - (0.4 + 0.9) / 3.0).abs() < 1e-15);
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the number of bins is 0.
    pub fn of(rows: &Summaries, binning: Binning) -> Result<Self> {
        let mut bins = match binning {
            Binning::EqualWidth(count, rule) => Bins::equal_width(count, rule)?,
            Binning::EqualMass(count) => {
                check_count(count)?;
                let edges = equal_mass_edges(rows, count);
                let lower = std::iter::once(0.0).chain(edges.iter().copied());
                let bins =
                    lower.zip(&edges).map(|(lower, &upper)| Bin { lower, upper, ..Bin::default() }).collect();
                Bins { bins, binning, counts: true }
            }
        };
        for row in 0..rows.rows() {
            bins.add(rows.confidence[row], rows.correct[row], rows.weight[row]);
        }
        Ok(bins)
    }

    /// Puts a row into its bin.
    #[inline]
    pub fn add(&mut self, confidence: f64, correct: f64, weight: f64) {
        let bin = self.index(confidence);
        self.counts &= weight.fract() == 0.0;
        self.bins[bin].add(confidence, correct, weight);
    }

    /// The bin that a probability belongs to.
    #[inline]
    fn index(&self, p: f64) -> usize {
        match self.binning {
            Binning::EqualWidth(count, rule) => equal_width_index(p, count, rule),
            Binning::EqualMass(_) => self.bins.partition_point(|bin| bin.upper < p).min(self.bins.len() - 1),
        }
    }

    /// Whether all weights are whole numbers: then a weight w counts as w rows where a number of rows matters.
    pub fn weights_are_counts(&self) -> bool {
        self.counts
    }

    /// Adds bins of the same edges.
    pub fn merge(&mut self, other: &Bins) {
        self.counts &= other.counts;
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            bin.rows += other.rows;
            bin.weight += other.weight;
            bin.weight_squares += other.weight_squares;
            bin.confidence_sum += other.confidence_sum;
            bin.correct_sum += other.correct_sum;
        }
    }

    /// The bins, from low to high confidence.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// How rows were put into bins.
    pub fn binning(&self) -> Binning {
        self.binning
    }

    /// Mean over rows of f(mean confidence - accuracy of its bin).
    fn mean_gap(&self, f: impl Fn(f64) -> f64) -> f64 {
        let total: f64 = self.bins.iter().map(|bin| bin.weight).sum();
        self.bins.iter().filter_map(|bin| Some(bin.weight * f(bin.gap()?))).sum::<f64>() / total
    }

    /// Σ_b (n_b/n)·|confidence_b - accuracy_b|: the expected calibration error.
    pub fn expected_error(&self) -> f64 {
        self.mean_gap(f64::abs)
    }

    /// The largest |confidence_b - accuracy_b| of a bin with weight.
    pub fn maximum_error(&self) -> f64 {
        self.bins.iter().filter_map(Bin::gap).map(f64::abs).fold(0.0, f64::max)
    }

    /// (Σ_b (n_b/n)·(confidence_b - accuracy_b)²)^½.
    pub fn root_mean_square_error(&self) -> f64 {
        self.mean_gap(|gap| gap * gap).sqrt()
    }

    /// Σ_b (n_b/n)·max(0, confidence_b - accuracy_b).
    pub fn overconfidence(&self) -> f64 {
        self.mean_gap(|gap| gap.max(0.0))
    }

    /// Σ_b (n_b/n)·max(0, accuracy_b - confidence_b).
    pub fn underconfidence(&self) -> f64 {
        self.mean_gap(|gap| (-gap).max(0.0))
    }
}

fn check_count(bins: usize) -> Result<()> {
    if bins == 0 { Err(Error::parameter("number of bins", 0, "at least 1")) } else { Ok(()) }
}

/// The bin of `p` among `count` of equal width: a guess by multiplication, corrected by comparison with the
/// edges b/B themselves, which multiplication misses by a rounding.
#[inline(always)]
pub(super) fn equal_width_index(p: f64, count: usize, rule: EdgeRule) -> usize {
    let edge = |b: usize| b as f64 / count as f64;
    let mut bin = ((p * count as f64) as usize).min(count - 1);
    match rule {
        EdgeRule::RightClosed => {
            // The first b with p ≤ (b + 1)/B.
            while bin > 0 && p <= edge(bin) {
                bin -= 1;
            }
            while bin + 1 < count && p > edge(bin + 1) {
                bin += 1;
            }
        }
        EdgeRule::LeftClosed | EdgeRule::Torchmetrics => {
            // The last b with b/B ≤ p.
            while bin > 0 && p < edge(bin) {
                bin -= 1;
            }
            while bin + 1 < count && p >= edge(bin + 1) {
                bin += 1;
            }
            if rule == EdgeRule::Torchmetrics && p >= 1.0 {
                bin = count;
            }
        }
    }
    bin
}

/// Upper edges of at most `count` bins of equal weight; the last is 1.
fn equal_mass_edges(rows: &Summaries, count: usize) -> Vec<f64> {
    // A row without weight moves no edge.
    let mut order: Vec<usize> = (0..rows.rows()).filter(|&row| rows.weight[row] > 0.0).collect();
    order.sort_by(|&a, &b| rows.confidence[a].total_cmp(&rows.confidence[b]));
    let Some(&first) = order.first() else { return vec![1.0] };
    // Equal weights of any size count as 1.
    let unit = rows.weight[first];
    let unit = if order.iter().all(|&row| rows.weight[row] == unit) { unit } else { 1.0 };
    let counts = order.iter().all(|&row| (rows.weight[row] / unit).fract() == 0.0);
    let mut before = 0.0;
    let ends: Vec<f64> = order
        .iter()
        .map(|&row| {
            before += rows.weight[row] / unit;
            before
        })
        .collect();
    // Where bin b starts: of the rows before and after that place, the edge is the middle.
    let starts: Vec<(usize, usize)> = if counts {
        // The first n mod B parts have one row more, as in NumPy's array_split of the repeated rows.
        let n = before as usize;
        let (size, longer) = (n / count, n % count);
        let place = |b: usize| b * size + b.min(longer);
        let row_at = |place: usize| ends.partition_point(|&end| end <= place as f64);
        let places = (1..count).map(place).filter(|place| (1..n).contains(place));
        places.map(|place| (row_at(place - 1), row_at(place))).collect()
    } else {
        let start = |b: usize| ends.partition_point(|&end| end < before * b as f64 / count as f64) + 1;
        (1..count).map(start).filter(|start| *start < order.len()).map(|start| (start - 1, start)).collect()
    };
    let at = |i: usize| rows.confidence[order[i]];
    let mut edges: Vec<f64> =
        starts.into_iter().map(|(below, above)| (at(below) + at(above)) / 2.0).chain([1.0]).collect();
    edges.dedup();
    edges
}

pub(super) const ECE: Entry = Entry {
    name: "ece",
    summary: "expected calibration error of the confidence, bins of equal width",
    formula: "Σ_b (n_b/n)·|mean confidence_b - accuracy_b|",
    direction: Direction::Lower,
    source: "Naeini, Cooper, Hauskrecht 2015; Guo et al. 2017, equation 3",
    measure: |sample: &Sample<'_>| Some(sample.equal_width.expected_error()),
    ..Entry::STANDARD
};

pub(super) const MCE: Entry = Entry {
    name: "mce",
    summary: "largest calibration error of a bin; very sensitive to the bins",
    formula: "max_b |mean confidence_b - accuracy_b|",
    direction: Direction::Lower,
    source: "Naeini, Cooper, Hauskrecht 2015; Guo et al. 2017, equation 5",
    measure: |sample: &Sample<'_>| Some(sample.equal_width.maximum_error()),
    ..Entry::STANDARD
};

pub(super) const RMSCE: Entry = Entry {
    name: "rmsce",
    summary: "root mean square calibration error, bins of equal width",
    formula: "(Σ_b (n_b/n)·(mean confidence_b - accuracy_b)²)^½",
    direction: Direction::Lower,
    source: "Kumar, Liang, Ma 2019, Verified Uncertainty Calibration",
    measure: |sample: &Sample<'_>| Some(sample.equal_width.root_mean_square_error()),
    ..Entry::STANDARD
};

pub(super) const ECE_EQUAL_MASS: Entry = Entry {
    name: "ece_equal_mass",
    summary: "expected calibration error of the confidence, bins of equal weight",
    formula: "Σ_b (n_b/n)·|mean confidence_b - accuracy_b|, equal confidences never parted",
    direction: Direction::Lower,
    source: "Nguyen, O'Connor 2015; Kumar, Liang, Ma 2019",
    measure: |sample: &Sample<'_>| Some(sample.equal_mass.expected_error()),
    cost: Cost::Columns,
    ..Entry::STANDARD
};

pub(super) const OVERCONFIDENCE: Entry = Entry {
    name: "overconfidence",
    summary: "the part of the ECE where confidence exceeds accuracy",
    formula: "Σ_b (n_b/n)·max(0, mean confidence_b - accuracy_b)",
    direction: Direction::Lower,
    source: "the positive part of Guo et al. 2017, equation 3",
    measure: |sample: &Sample<'_>| Some(sample.equal_width.overconfidence()),
    ..Entry::STANDARD
};

pub(super) const UNDERCONFIDENCE: Entry = Entry {
    name: "underconfidence",
    summary: "the part of the ECE where accuracy exceeds confidence",
    formula: "Σ_b (n_b/n)·max(0, accuracy_b - mean confidence_b)",
    direction: Direction::Lower,
    source: "the negative part of Guo et al. 2017, equation 3",
    measure: |sample: &Sample<'_>| Some(sample.equal_width.underconfidence()),
    ..Entry::STANDARD
};
