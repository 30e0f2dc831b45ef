//! Every probability of every class, in bins: classwise calibration and the per-class table.

use super::bins::{Bin, Bins, EdgeRule, equal_width_index};
use super::summary::Probe;
use super::{Direction, Entry, Event, Sample, Tier, Uncertainty};
use crate::input::Target;

/// Rows in bins by the probability of each class.
#[derive(Debug, Clone, PartialEq)]
pub struct Classwise {
    bins: Vec<Bins>,
    counts: Vec<Count>,
    weight: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Count {
    rows: u64,
    predicted: u64,
    weight: f64,
    predicted_weight: f64,
    hit_weight: f64,
}

/// What is known about one class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassSummary {
    /// Rows whose label it is (with soft labels: whose most probable target it is).
    pub rows: u64,
    /// Rows whose arg-max it is.
    pub predicted: u64,
    /// Share of its rows (with soft labels: of its target) that is predicted as it; `None` if it has none.
    pub recall: Option<f64>,
    /// Share of the rows predicted as it that are it; `None` if there are none.
    pub precision: Option<f64>,
    /// Mean of its probability over all rows.
    pub mean_probability: f64,
    /// Mean of its target over all rows: how often it occurs.
    pub frequency: f64,
    /// Expected calibration error of its probability over all rows.
    pub ece: f64,
    /// All rows in bins by its probability, which stands for the confidence; its target stands for the correctness.
    pub reliability: Bins,
}

impl Classwise {
    /// Bins beyond this are not kept: 56 bytes each, several copies at work.
    pub const MAXIMUM_CELLS: usize = 200_000;

    /// No rows yet; `None` if K × bins is above [`Classwise::MAXIMUM_CELLS`], or 0.
    pub(super) fn new(classes: usize, bins: usize, rule: EdgeRule) -> Option<Self> {
        let per_class = bins + usize::from(rule == EdgeRule::Torchmetrics);
        classes.checked_mul(per_class).filter(|&cells| cells <= Self::MAXIMUM_CELLS)?;
        let bins = Bins::equal_width(bins, rule).ok()?;
        Some(Classwise { bins: vec![bins; classes], counts: vec![Count::default(); classes], weight: 0.0 })
    }

    pub(super) fn merge(&mut self, other: &Classwise) {
        self.bins.iter_mut().zip(&other.bins).for_each(|(bins, other)| bins.merge(other));
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            count.rows += other.rows;
            count.predicted += other.predicted;
            count.weight += other.weight;
            count.predicted_weight += other.predicted_weight;
            count.hit_weight += other.hit_weight;
        }
        self.weight += other.weight;
    }

    /// The classes in order.
    pub fn classes(&self) -> Vec<ClassSummary> {
        let share = |part: f64, of: f64| (of > 0.0).then(|| part / of);
        let summary = |(bins, count): (&Bins, &Count)| ClassSummary {
            rows: count.rows,
            predicted: count.predicted,
            recall: share(count.hit_weight, count.weight),
            precision: share(count.hit_weight, count.predicted_weight),
            mean_probability: bins.bins().iter().map(|bin| bin.confidence_sum).sum::<f64>() / self.weight,
            frequency: bins.bins().iter().map(|bin| bin.correct_sum).sum::<f64>() / self.weight,
            ece: self.error(bins),
            reliability: bins.clone(),
        };
        self.bins.iter().zip(&self.counts).map(summary).collect()
    }

    /// Expected calibration error of the probability of a class.
    fn error(&self, bins: &Bins) -> f64 {
        bins.bins().iter().map(|bin| (bin.confidence_sum - bin.correct_sum).abs()).sum::<f64>() / self.weight
    }

    /// The root of the mean over classes of their mean square calibration errors.
    pub fn root_mean_square_error(&self) -> f64 {
        let square = |bin: &Bin| {
            let gap = bin.confidence_sum - bin.correct_sum;
            if bin.weight > 0.0 { gap * gap / bin.weight } else { 0.0 }
        };
        let squares = self.bins.iter().flat_map(Bins::bins).map(square);
        (squares.sum::<f64>() / (self.weight * self.bins.len() as f64)).sqrt()
    }

    /// The mean over classes of their expected calibration errors.
    pub fn expected_error(&self) -> f64 {
        self.bins.iter().map(|bins| self.error(bins)).sum::<f64>() / self.bins.len() as f64
    }
}

impl Probe for Classwise {
    const WANTED: bool = true;

    fn see(&mut self, probabilities: &[f64], target: Target<'_>, predicted: usize, weight: f64) {
        let mut add = |class: usize, t: f64| {
            self.bins[class].add(probabilities[class], t, weight);
            self.counts[class].weight += weight * t;
        };
        let (label, hit) = match target {
            Target::Class(label) => {
                (0..probabilities.len()).for_each(|class| add(class, f64::from(u8::from(class == label))));
                (label, f64::from(u8::from(label == predicted)))
            }
            Target::Distribution(t) => {
                let mut label = 0;
                for (class, &share) in t.iter().enumerate() {
                    add(class, share);
                    label = if share > t[label] { class } else { label };
                }
                (label, t[predicted])
            }
        };
        self.counts[label].rows += 1;
        self.counts[predicted].predicted += 1;
        self.counts[predicted].predicted_weight += weight;
        self.counts[predicted].hit_weight += weight * hit;
        self.weight += weight;
    }
}

pub(super) const CLASSWISE_ECE: Entry = Entry {
    name: "classwise_ece",
    summary: "mean over classes of the calibration error of their probabilities",
    formula: "(1/K)·Σ_k Σ_b (n_bk/n)·|mean p_bk - frequency_bk|, bins of equal width",
    direction: Direction::Lower,
    source: "Kull et al. 2019, Beyond Temperature Scaling",
    measure: |sample| sample.classwise.map(Classwise::expected_error),
    uncertainty: Uncertainty::None("needs every probability of every resample"),
    ..Entry::STANDARD
};

pub(super) const CLASSWISE_RMSCE: Entry = Entry {
    name: "classwise_rmsce",
    summary: "root mean square over classes and rows of the calibration error of their probabilities",
    formula: "((1/K)·Σ_k Σ_b (n_bk/n)·(mean p_bk - frequency_bk)²)^½, bins of equal width",
    source: "Kumar, Liang, Ma 2019, Verified Uncertainty Calibration, definition 2.4",
    tier: Tier::Named,
    uncertainty: Uncertainty::None("needs every probability of every resample"),
    measure: |sample| sample.classwise.map(Classwise::root_mean_square_error),
    ..Entry::STANDARD
};

/// Σ over predicted classes and bins of (n/N)·|mean confidence - accuracy|.
fn top_label(sample: &Sample<'_>) -> Option<f64> {
    let rows = sample.summaries;
    if rows.detail.is_empty() || sample.event != Event::Confidence {
        return None;
    }
    let classes = rows.detail.iter().map(|row| row.predicted as usize + 1).max()?;
    let mut gaps = vec![0.0; classes * (sample.bins + 1)];
    for (row, detail) in rows.detail.iter().enumerate() {
        let bin = equal_width_index(rows.confidence[row], sample.bins, sample.edges);
        let cell = detail.predicted as usize * (sample.bins + 1) + bin;
        gaps[cell] += rows.weight[row] * (rows.confidence[row] - rows.correct[row]);
    }
    Some(gaps.iter().map(|gap| gap.abs()).sum::<f64>() / rows.total_weight())
}

pub(super) const TOP_LABEL_ECE: Entry = Entry {
    name: "top_label_ece",
    summary: "expected calibration error of the confidence within each predicted class",
    formula: "Σ_k Σ_b (n_kb/n)·|mean confidence_kb - accuracy_kb|, k the predicted class, bins of equal width",
    source: "Gupta, Ramdas 2022, Top-label Calibration and Multiclass-to-binary Reductions, equation 4",
    tier: Tier::Named,
    measure: top_label,
    ..Entry::STANDARD
};
