//! Metrics that are weighted means over rows: accuracy, proper scores, confidence, entropy.

use super::{Direction, Entry};

pub(super) const ACCURACY: Entry = Entry {
    name: "accuracy",
    summary: "share of rows whose arg-max is the label",
    formula: "Σ w·[argmax z = y] / Σ w; ties go to the lowest class index; with soft labels Σ w·t[argmax z] / Σ w",
    direction: Direction::Higher,
    source: "definition",
    measure: |sample| Some(sample.summaries.mean(sample.summaries.correct.iter().copied())),
    ..Entry::STANDARD
};

pub(super) const NLL: Entry = Entry {
    name: "nll",
    summary: "negative log-likelihood of the labels, nats (log-loss, cross-entropy)",
    formula: "-Σ w·ln p[y] / Σ w, from logits by log-sum-exp, nothing clipped",
    direction: Direction::Lower,
    source: "Good 1952, Rational Decisions",
    measure: |sample| sample.summaries.mean_detail(|row| row.nll),
    ..Entry::STANDARD
};

pub(super) const BRIER: Entry = Entry {
    name: "brier",
    summary: "Brier score summed over classes, from 0 to 2",
    formula: "Σ w·Σ_k (p[k] - [y = k])² / Σ w",
    direction: Direction::Lower,
    source: "Brier 1950, Verification of Forecasts Expressed in Terms of Probability",
    measure: |sample| sample.summaries.mean_detail(|row| row.brier),
    ..Entry::STANDARD
};

pub(super) const MEAN_CONFIDENCE: Entry = Entry {
    name: "mean_confidence",
    summary: "mean of the largest probability; equals accuracy when calibrated",
    formula: "Σ w·max p / Σ w",
    direction: Direction::Describes,
    source: "definition",
    measure: |sample| Some(sample.summaries.mean(sample.summaries.confidence.iter().copied())),
    ..Entry::STANDARD
};

pub(super) const MEAN_ENTROPY: Entry = Entry {
    name: "mean_entropy",
    summary: "mean entropy of the predictions, nats, from 0 to ln K",
    formula: "-Σ w·Σ_k p[k]·ln p[k] / Σ w, with 0·ln 0 = 0",
    direction: Direction::Describes,
    source: "Shannon 1948, A Mathematical Theory of Communication",
    measure: |sample| sample.summaries.mean_detail(|row| row.entropy),
    ..Entry::STANDARD
};
