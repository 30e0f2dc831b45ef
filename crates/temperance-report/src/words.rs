//! What the numbers mean, in words: shared by text and page.

use crate::format::{self, counted, metric, temperature};
use crate::model::{CalibratorSummary, Report, Scorecard};

/// Where a metric should go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    Lower,
    Higher,
    /// As near to the accuracy as possible.
    Accuracy,
    /// Neither way is better as such.
    Open,
}

/// How a metric is called, what it is and where it should go.
pub(crate) struct MetricWords {
    pub(crate) label: String,
    pub(crate) meaning: &'static str,
    pub(crate) aim: Aim,
}

/// The words for a metric, by its name in [`Metrics`](crate::Metrics).
pub(crate) fn metric_words(name: &str) -> MetricWords {
    let (label, meaning, aim) = match name {
        "accuracy" => {
            ("accuracy", "fraction of rows whose most probable class is the right one", Aim::Higher)
        }
        "nll" => ("NLL", "negative log-likelihood: mean of −ln p(right class), in nats", Aim::Lower),
        "brier" => ("Brier score", "mean squared distance between probabilities and outcome", Aim::Lower),
        "ece" => ("ECE", "expected calibration error: mean gap between confidence and accuracy", Aim::Lower),
        "mce" => ("MCE", "maximum calibration error: the largest gap of any bin", Aim::Lower),
        "rmsce" => ("RMSCE", "root mean square calibration error: large gaps count more", Aim::Lower),
        "ece_equal_mass" => ("ECE, equal mass", "ECE over bins with equally many rows", Aim::Lower),
        "classwise_ece" => (
            "class-wise ECE",
            "calibration error of each class’s probability, averaged over classes",
            Aim::Lower,
        ),
        "mean_confidence" => (
            "mean confidence",
            "mean of the largest probability; calibrated if equal to accuracy",
            Aim::Accuracy,
        ),
        "mean_entropy" => {
            ("mean entropy", "how spread out the probabilities are, in nats; 0 is certain", Aim::Open)
        }
        "overconfidence" => {
            ("over-confidence", "the part of ECE from bins with more confidence than accuracy", Aim::Lower)
        }
        "underconfidence" => {
            ("under-confidence", "the part of ECE from bins with less confidence than accuracy", Aim::Lower)
        }
        _ => {
            let label =
                match name.strip_prefix("top_").and_then(|k| k.trim_end_matches("_accuracy").parse().ok()) {
                    Some(k) => top_k(k),
                    None => {
                        return MetricWords { label: format::clean(name), meaning: "", aim: Aim::Open };
                    }
                };
            let meaning = "fraction of rows with the right class among the k most probable";
            return MetricWords { label, meaning, aim: Aim::Higher };
        }
    };
    MetricWords { label: label.to_owned(), meaning, aim }
}

fn top_k(k: u32) -> String {
    format!("top-{k} accuracy")
}

impl MetricWords {
    /// The direction in words.
    pub(crate) fn direction(&self) -> &'static str {
        match self.aim {
            Aim::Lower => "lower is better",
            Aim::Higher => "higher is better",
            Aim::Accuracy => "best at accuracy",
            Aim::Open => "",
        }
    }

    /// What became of the metric in words: better, worse, unchanged; empty if that cannot be said.
    pub(crate) fn verdict(&self, name: &str, before: &Scorecard, after: &Scorecard) -> &'static str {
        let distance = |card: &Scorecard| {
            let value = card.metrics.get(name)?;
            match self.aim {
                Aim::Lower => Some(value),
                Aim::Higher => Some(-value),
                Aim::Accuracy => Some((value - card.metrics.get("accuracy")?).abs()),
                Aim::Open => None,
            }
        };
        let same = match (before.metrics.get(name), after.metrics.get(name)) {
            (Some(before), Some(after)) => metric(before) == metric(after),
            _ => return "",
        };
        match (distance(before), distance(after)) {
            _ if same => "unchanged",
            (Some(before), Some(after)) if after < before => "better",
            (Some(before), Some(after)) if after > before => "worse",
            _ => "",
        }
    }
}

/// By how much the confidence exceeds the accuracy.
pub(crate) fn excess(card: &Scorecard) -> Option<f64> {
    let excess = card.metrics.get("mean_confidence")? - card.metrics.get("accuracy")?;
    excess.is_finite().then_some(excess)
}

/// `over-confident by 0.0912`, or the like.
pub(crate) fn confidence_verdict(card: &Scorecard) -> Option<String> {
    let excess = excess(card)?;
    Some(match excess {
        _ if excess.abs() < 5e-5 => "on average as confident as it was accurate".to_owned(),
        _ if excess > 0.0 => format!("over-confident by {}", metric(excess)),
        _ => format!("under-confident by {}", metric(-excess)),
    })
}

/// The calibrator in words: `temperature scaling`.
pub(crate) fn method(calibrator: &CalibratorSummary) -> String {
    match calibrator.method.as_str() {
        "temperature" | "temperature_scaling" | "" => "temperature scaling".to_owned(),
        other => format!("the calibrator “{}”", format::clean(other)),
    }
}

/// Whether the fit found the best temperature.
pub(crate) fn is_optimum(calibrator: &CalibratorSummary) -> bool {
    let known = ["at_bound", "separable", "worse_than_constant"];
    !calibrator.flags.iter().any(|flag| known.contains(&flag.as_str()))
}

/// The result in one sentence.
pub(crate) fn headline(report: &Report) -> String {
    let calibrator = &report.calibrator;
    let scaling = format!("{} at T\u{a0}=\u{a0}{}", method(calibrator), temperature(calibrator.temperature));
    let scaling = if is_optimum(calibrator) { scaling } else { scaling + " (not an optimum)" };
    let (start, scaling) = match confidence_verdict(&report.before) {
        Some(verdict) => (format!("The model was {verdict}; "), scaling),
        None => (String::new(), capitalised(&scaling)),
    };
    let effect = match (report.before.metrics.get("ece"), report.after.metrics.get("ece")) {
        (Some(before), Some(after)) => {
            let (before_text, after_text) = (metric(before), metric(after));
            if before_text == after_text {
                format!("leaves ECE at {after_text}")
            } else if after > before {
                format!("makes ECE worse, from {before_text} to {after_text},")
            } else {
                format!("brings ECE from {before_text} to {after_text}")
            }
        }
        _ => "was applied".to_owned(),
    };
    let rows = counted(report.n_test as u64, "held-out row", "held-out rows");
    format!("{start}{scaling} {effect} on {rows}.")
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What was done in one sentence.
pub(crate) fn deed(report: &Report) -> String {
    let rows = counted(report.n_fit as u64, "row", "rows");
    let test = counted(report.n_test as u64, "other row", "other rows");
    let split =
        if report.split.is_empty() { String::new() } else { format!("; {}", format::clean(&report.split)) };
    format!(
        "Calibrated {}: {} fitted on {rows}, tested on {test} ({}{split}).",
        format::clean(&report.source),
        method(&report.calibrator),
        counted(report.classes as u64, "class", "classes"),
    )
}

/// `2.046 ± 0.019 (95 % interval 2.009 to 2.083)`.
pub(crate) fn temperature_with_interval(calibrator: &CalibratorSummary) -> String {
    let mut text = temperature(calibrator.temperature);
    if let Some(error) = calibrator.standard_error {
        text += &format!(" ± {}", format::standard_error(error));
    }
    text += &match calibrator.interval {
        Some([lower, upper]) => {
            format!(" (95\u{a0}% interval {} to {})", temperature(lower), temperature(upper))
        }
        None => " (no interval)".to_owned(),
    };
    text
}

/// What the temperature does, in one sentence.
pub(crate) fn temperature_meaning(calibrator: &CalibratorSummary) -> &'static str {
    let t = calibrator.temperature;
    if !is_optimum(calibrator) {
        "This T is no optimum; see the warnings."
    } else if t > 1.0 {
        "T\u{a0}>\u{a0}1 softens the probabilities: the model was over-confident on the fitting rows."
    } else if t > 0.0 && t < 1.0 {
        "T\u{a0}<\u{a0}1 sharpens the probabilities: the model was under-confident on the fitting rows."
    } else if t == 1.0 {
        "T\u{a0}=\u{a0}1 leaves the probabilities as they are."
    } else {
        "This is not a temperature: T must be a number above 0."
    }
}

/// Something the reader must know before trusting the numbers.
pub(crate) struct Warning {
    pub(crate) title: String,
    pub(crate) text: String,
}

/// All there is to warn of: what got worse, the flags of the fit, a missing or inconclusive interval.
pub(crate) fn warnings(report: &Report) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |title: &str, text: &str| {
        warnings.push(Warning { title: title.to_owned(), text: text.to_owned() });
    };
    let worse = |name| metric_words(name).verdict(name, &report.before, &report.after) == "worse";
    match (worse("ece"), worse("nll")) {
        (true, true) => warn(
            "Calibration made the model worse",
            "On the held-out rows both ECE and NLL are worse than before. Do not apply this calibrator; the rows \
             it was fitted on may be too few, or unlike the held-out ones.",
        ),
        (true, false) => warn(
            "ECE is worse after calibration",
            "NLL, which the fit minimises, did not get worse on the held-out rows, but ECE did. One temperature \
             moves all probabilities the same way; a model that is over-confident in some places and \
             under-confident in others needs a richer calibrator.",
        ),
        (false, true) => warn(
            "NLL is worse after calibration",
            "On the held-out rows the negative log-likelihood is worse than before although the fit minimises \
             it on its own rows. The fitting rows may be too few, or unlike the held-out ones.",
        ),
        (false, false) => {}
    }
    let calibrator = &report.calibrator;
    let accuracy = metric_words("accuracy").verdict("accuracy", &report.before, &report.after);
    if calibrator.method.starts_with("temperature") && matches!(accuracy, "better" | "worse") {
        warn(
            "Accuracy changed",
            "A temperature does not change which class is the most probable, so accuracy should be the same before \
             and after. Rounding can tie classes at extreme temperatures; otherwise the two were not measured on \
             the same rows.",
        );
    }
    for flag in &calibrator.flags {
        let (title, text) = flag_words(flag);
        warn(&title, text);
    }
    match calibrator.interval {
        None if calibrator.flags.is_empty() => warn(
            "No interval",
            "The fit gave no standard error, so nothing says how precisely these rows determine T.",
        ),
        Some([lower, upper]) if lower <= 1.0 && 1.0 <= upper => warn(
            "The interval contains 1",
            "T\u{a0}=\u{a0}1, which changes nothing, lies within the 95\u{a0}% interval: these rows do not show that the \
             model needs a temperature.",
        ),
        _ => {}
    }
    warnings
}

/// Title and explanation of a flag.
pub(crate) fn flag_words(flag: &str) -> (String, &'static str) {
    let (title, text) = match flag {
        "at_bound" => (
            "T is at a bound of the search",
            "The best temperature lies at or beyond the bounds of the search, so this T is a bound and not an \
             optimum, and it has no interval. Find out why before you use it.",
        ),
        "separable" => (
            "The fitting rows cannot determine T",
            "The model is right on every fitting row, so the likelihood keeps growing as T goes to 0. Fit on more \
             rows, and on rows the model was not trained on.",
        ),
        "worse_than_constant" => (
            "No temperature makes these logits useful",
            "At no temperature do the logits do better than giving every class the same probability. Check that \
             the labels belong to these rows and count classes in the order of the columns.",
        ),
        other => {
            let title = format!("Flag “{}”", format::clean(other));
            return (title, "The fit raised a flag that this version of the report has no words for.");
        }
    };
    (title.to_owned(), text)
}
