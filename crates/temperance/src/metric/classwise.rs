//! Every probability of every class, in bins: classwise calibration and the per-class table.

use super::bins::{EdgeRule, equal_width_index};
use super::summary::Probe;
use super::{Direction, Entry, Event, Sample, Tier, Uncertainty};
use crate::input::Target;

/// Sums for each class and bin.
#[derive(Debug, Clone, PartialEq)]
pub struct Classwise {
    classes: usize,
    bins: usize,
    rule: EdgeRule,
    /// Bins of a class lie side by side; the torchmetrics rule has one more.
    cells: Vec<Cell>,
    counts: Vec<Count>,
    weight: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Cell {
    weight: f64,
    probability: f64,
    target: f64,
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
#[derive(Debug, Clone, Copy, PartialEq)]
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
}

impl Classwise {
    /// Cells beyond this are not kept: 24 bytes each, several copies at work.
    pub const MAXIMUM_CELLS: usize = 200_000;

    /// No rows yet; `None` if K × bins is above [`Classwise::MAXIMUM_CELLS`].
    pub(super) fn new(classes: usize, bins: usize, rule: EdgeRule) -> Option<Self> {
        let per_class = bins + usize::from(rule == EdgeRule::Torchmetrics);
        let cells = classes.checked_mul(per_class).filter(|&cells| cells <= Self::MAXIMUM_CELLS)?;
        Some(Classwise {
            classes,
            bins,
            rule,
            cells: vec![Cell::default(); cells],
            counts: vec![Count::default(); classes],
            weight: 0.0,
        })
    }

    pub(super) fn merge(&mut self, other: &Classwise) {
        for (cell, other) in self.cells.iter_mut().zip(&other.cells) {
            cell.weight += other.weight;
            cell.probability += other.probability;
            cell.target += other.target;
        }
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
        let per_class = self.cells.len() / self.classes;
        let share = |part: f64, of: f64| (of > 0.0).then(|| part / of);
        let summary = |(cells, count): (&[Cell], &Count)| ClassSummary {
            rows: count.rows,
            predicted: count.predicted,
            recall: share(count.hit_weight, count.weight),
            precision: share(count.hit_weight, count.predicted_weight),
            mean_probability: cells.iter().map(|cell| cell.probability).sum::<f64>() / self.weight,
            frequency: cells.iter().map(|cell| cell.target).sum::<f64>() / self.weight,
            ece: cells.iter().map(|cell| (cell.probability - cell.target).abs()).sum::<f64>() / self.weight,
        };
        self.cells.chunks(per_class).zip(&self.counts).map(summary).collect()
    }

    /// The root of the mean over classes of their mean square calibration errors.
    pub fn root_mean_square_error(&self) -> f64 {
        let square = |cell: &Cell| {
            let gap = cell.probability - cell.target;
            if cell.weight > 0.0 { gap * gap / cell.weight } else { 0.0 }
        };
        (self.cells.iter().map(square).sum::<f64>() / (self.weight * self.classes as f64)).sqrt()
    }

    /// The mean over classes of their expected calibration errors.
    pub fn expected_error(&self) -> f64 {
        self.classes().iter().map(|class| class.ece).sum::<f64>() / self.classes as f64
    }
}

impl Probe for Classwise {
    const WANTED: bool = true;

    fn see(&mut self, probabilities: &[f64], target: Target<'_>, predicted: usize, weight: f64) {
        let per_class = self.cells.len() / self.classes;
        for (&p, cells) in probabilities.iter().zip(self.cells.chunks_mut(per_class)) {
            let cell = &mut cells[equal_width_index(p, self.bins, self.rule)];
            cell.weight += weight;
            cell.probability += weight * p;
        }
        let mut add_target = |class: usize, t: f64| {
            let bin = equal_width_index(probabilities[class], self.bins, self.rule);
            self.cells[class * per_class + bin].target += weight * t;
            self.counts[class].weight += weight * t;
        };
        let (label, hit) = match target {
            Target::Class(label) => {
                add_target(label, 1.0);
                (label, f64::from(u8::from(label == predicted)))
            }
            Target::Distribution(t) => {
                let mut label = 0;
                for (class, &share) in t.iter().enumerate() {
                    add_target(class, share);
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
