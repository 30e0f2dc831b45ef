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
    /// As near to 0 as possible, from either side.
    Nought,
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
        "top_label_ece" => {
            ("top-label ECE", "ECE of the rows of each predicted class, averaged over rows", Aim::Lower)
        }
        "ece_sweep" => ("ECE, sweep", "ECE over as many bins of equal mass as stay in order", Aim::Lower),
        "smooth_ece" => ("smooth ECE", "calibration error of the smoothed curve; needs no bins", Aim::Lower),
        "kde_ece" => ("KDE ECE", "calibration error with density estimates in place of bins", Aim::Lower),
        "mce_equal_mass" => {
            ("MCE, equal mass", "largest gap of any bin, bins with equally many rows", Aim::Lower)
        }
        "rmsce_equal_mass" => {
            ("RMSCE, equal mass", "root mean square gap over bins with equally many rows", Aim::Lower)
        }
        "l1_debiased" => ("ECE, debiased", "ECE less what chance alone would make of it", Aim::Lower),
        "l2_debiased" => {
            ("RMSCE, debiased", "root mean square gap less what chance alone would make of it", Aim::Lower)
        }
        "classwise_l2" | "classwise_l2_debiased" => (
            if name == "classwise_l2" { "class-wise RMSCE" } else { "class-wise RMSCE, debiased" },
            "root mean square gap of each class’s probability, averaged over classes",
            Aim::Lower,
        ),
        "mmce" => ("MMCE", "maximum mean calibration error: a kernel finds gaps without bins", Aim::Lower),
        "skce" => {
            ("SKCE", "squared kernel calibration error of all probabilities; may fall below 0", Aim::Nought)
        }
        "corp_mcb" => {
            ("miscalibration, CORP", "the part of the score that recalibration would remove", Aim::Lower)
        }
        "corp_dsc" => (
            "discrimination, CORP",
            "how much better than a constant the recalibrated confidence scores",
            Aim::Higher,
        ),
        "corp_unc" => ("uncertainty, CORP", "score of the best constant; a property of the rows", Aim::Open),
        "murphy_reliability" => {
            ("reliability, Murphy", "the part of the Brier score that gaps cause", Aim::Lower)
        }
        "murphy_resolution" => {
            ("resolution, Murphy", "how far the accuracies of the bins lie apart", Aim::Higher)
        }
        "murphy_uncertainty" => {
            ("uncertainty, Murphy", "Brier score of the best constant; a property of the rows", Aim::Open)
        }
        "aurc" => (
            "AURC",
            "area under the risk–coverage curve: mean error as unsure predictions are refused",
            Aim::Lower,
        ),
        "augrc" => ("AUGRC", "mean share of rows that are wrong and not refused, over coverages", Aim::Lower),
        "excess_aurc" => ("E-AURC", "AURC less that of refusing the wrong predictions first", Aim::Lower),
        "spiegelhalter" | "spiegelhalter_z" => {
            ("Spiegelhalter’s z", "a test of calibration: about −2 to 2 if calibrated", Aim::Nought)
        }
        "spiegelhalter_p" => {
            ("Spiegelhalter’s p", "chance of a z as far from 0 if the model is calibrated", Aim::Open)
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
            Aim::Nought => "best at 0",
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
                Aim::Nought => Some(value.abs()),
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

/// A method in words, and the same in a few characters for tables; none for a name that is not known.
fn known_method(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "identity" => ("no calibration", "uncalibrated"),
        "temperature" | "temperature_scaling" | "" => ("temperature scaling", "temperature"),
        "temperature_biases" => ("temperature scaling with class biases", "temperature, biases"),
        "ensemble_temperature" => ("ensemble temperature scaling", "ensemble temperature"),
        "vector" => ("vector scaling", "vector"),
        "structured_vector" => ("structured vector scaling", "structured vector"),
        "matrix" => ("matrix scaling", "matrix"),
        "structured_matrix" => ("structured matrix scaling", "structured matrix"),
        "dirichlet" => ("Dirichlet calibration", "Dirichlet"),
        "platt" => ("Platt scaling", "Platt"),
        "beta" => ("beta calibration", "beta"),
        "quadratic" => ("quadratic scaling", "quadratic"),
        "isotonic" => ("isotonic regression", "isotonic"),
        "centred_isotonic" => ("centred isotonic regression", "centred isotonic"),
        "histogram" => ("histogram binning", "histogram"),
        "scaling_binning" => ("scaling-binning", "scaling-binning"),
        "bbq" => ("Bayesian binning into quantiles", "BBQ"),
        "venn_abers" => ("Venn–Abers calibration", "Venn–Abers"),
        _ => return None,
    })
}

/// The calibrator in words: `temperature scaling`.
pub(crate) fn method(calibrator: &CalibratorSummary) -> String {
    method_name(&calibrator.method)
}

/// A method in words: `structured matrix scaling`.
pub(crate) fn method_name(name: &str) -> String {
    known_method(name)
        .map_or_else(|| format!("the calibrator “{}”", format::clean(name)), |(words, _)| words.to_owned())
}

/// A method in a few characters, for tables: `structured matrix`.
pub(crate) fn method_short(name: &str) -> String {
    known_method(name).map_or_else(|| format::clean(name), |(_, short)| short.to_owned())
}

/// Whether the calibrator does nothing but divide all logits by T.
pub(crate) fn is_temperature(calibrator: &CalibratorSummary) -> bool {
    method(calibrator) == "temperature scaling"
}

/// Whether the fit found the best parameters.
pub(crate) fn is_optimum(calibrator: &CalibratorSummary) -> bool {
    let known = ["at_bound", "separable", "worse_than_constant"];
    !calibrator.flags.iter().any(|flag| known.contains(&flag.as_str()))
}

/// The result in one sentence.
pub(crate) fn headline(report: &Report) -> String {
    let calibrator = &report.calibrator;
    let scaling = match calibrator.temperature.filter(|_| is_temperature(calibrator)) {
        Some(t) => format!("{} at T\u{a0}=\u{a0}{}", method(calibrator), temperature(t)),
        None => method(calibrator),
    };
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

pub(crate) fn capitalised(text: &str) -> String {
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

/// `2.046 ± 0.019 (95 % interval 2.009 to 2.083)`; none without a temperature.
pub(crate) fn temperature_with_interval(calibrator: &CalibratorSummary) -> Option<String> {
    let mut text = temperature(calibrator.temperature?);
    if let Some(error) = calibrator.standard_error {
        text += &format!(" ± {}", format::standard_error(error));
    }
    text += &match calibrator.interval {
        Some([lower, upper]) => {
            format!(" (95\u{a0}% interval {} to {})", temperature(lower), temperature(upper))
        }
        None => " (no interval)".to_owned(),
    };
    Some(text)
}

/// What the temperature does, in one sentence; empty without one.
pub(crate) fn temperature_meaning(calibrator: &CalibratorSummary) -> &'static str {
    let Some(t) = calibrator.temperature else {
        return "";
    };
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

/// What was fitted, in short: `classes 10 · numbers 110`.
pub(crate) fn parameters(calibrator: &CalibratorSummary) -> String {
    let parameters = calibrator.parameters.iter();
    let parameters: Vec<String> =
        parameters.map(|(name, value)| format!("{} {}", readable(name), format::clean(value))).collect();
    parameters.join(" · ")
}

/// A foreign name as words.
pub(crate) fn readable(name: &str) -> String {
    format::clean(name).replace('_', " ")
}

/// A level as a percentage: `95 %`.
pub(crate) fn percent(level: f64) -> String {
    let percent = format::significant(100.0 * level, 3);
    let percent =
        if percent.contains('.') { percent.trim_end_matches('0').trim_end_matches('.') } else { &percent };
    format!("{percent}\u{a0}%")
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
            match is_temperature(&report.calibrator) {
                true => {
                    "NLL, which the fit minimises, did not get worse on the held-out rows, but ECE did. One \
                     temperature moves all probabilities the same way; a model that is over-confident in some \
                     places and under-confident in others needs a richer calibrator."
                }
                false => {
                    "NLL did not get worse on the held-out rows, but ECE did. ECE is above 0 by chance even for a \
                     calibrated model, so a small rise may mean nothing; NLL judges the probabilities themselves."
                }
            },
        ),
        (false, true) => warn(
            "NLL is worse after calibration",
            "On the held-out rows the negative log-likelihood is worse than before. The fitting rows may be too \
             few for the method, or unlike the held-out ones.",
        ),
        (false, false) => {}
    }
    let calibrator = &report.calibrator;
    let accuracy = metric_words("accuracy").verdict("accuracy", &report.before, &report.after);
    if is_temperature(calibrator) && matches!(accuracy, "better" | "worse") {
        warn(
            "Accuracy changed",
            "A temperature does not change which class is the most probable, so accuracy should be the same before \
             and after. Rounding can tie classes at extreme temperatures; otherwise the two were not measured on \
             the same rows.",
        );
    }
    for flag in &calibrator.flags {
        let (title, text) = flag_words(flag, is_temperature(calibrator));
        warn(&title, text);
    }
    match calibrator.interval {
        _ if !is_temperature(calibrator) => {}
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

/// Title and explanation of a flag, of a fitted temperature or of another calibrator.
pub(crate) fn flag_words(flag: &str, of_temperature: bool) -> (String, &'static str) {
    let (title, text) = match (flag, of_temperature) {
        ("at_bound", true) => (
            "T is at a bound of the search",
            "The best temperature lies at or beyond the bounds of the search, so this T is a bound and not an \
             optimum, and it has no interval. Find out why before you use it.",
        ),
        ("at_bound", false) => (
            "A parameter is at a bound of the search",
            "The best parameters lie at or beyond the bounds of the search, so these are no optimum. Find out why \
             before you use them.",
        ),
        ("separable", true) => (
            "The fitting rows cannot determine T",
            "The model is right on every fitting row, so the likelihood keeps growing as T goes to 0. Fit on more \
             rows, and on rows the model was not trained on.",
        ),
        ("separable", false) => (
            "The fitting rows cannot determine the parameters",
            "The labels of the fitting rows can be told from the scores without error, so the likelihood keeps \
             growing as the parameters do. Fit on more rows, and on rows the model was not trained on.",
        ),
        ("worse_than_constant", true) => (
            "No temperature makes these logits useful",
            "At no temperature do the logits do better than giving every class the same probability. Check that \
             the labels belong to these rows and count classes in the order of the columns.",
        ),
        ("worse_than_constant", false) => (
            "The calibrated scores are of no use",
            "They do no better than giving every class the same probability. Check that the labels belong to these \
             rows and count classes in the order of the columns.",
        ),
        ("classes_missing", _) => (
            "Some classes have no row to fit on",
            "No fitting row has the label of these classes, so what the calibrator does with them comes from a \
             penalty or a default and not from data. Fit on rows of every class.",
        ),
        ("few_rows", _) => (
            "Few rows for this method",
            "There are fewer fitting rows than numbers to find, so the calibrator may have learned the rows by \
             heart. Fit on more rows, or use a method with fewer parameters, such as a temperature.",
        ),
        ("not_converged", _) => (
            "The fit stopped before it converged",
            "The fit used up its passes over the rows while the loss could still fall a little. The result is good \
             enough to use, but it is not the optimum; a method with fewer parameters converges sooner.",
        ),
        (other, _) => {
            let title = format!("Flag “{}”", format::clean(other));
            return (title, "The fit raised a flag that this version of the report has no words for.");
        }
    };
    (title.to_owned(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_names() {
        for name in [
            "identity",
            "temperature",
            "temperature_biases",
            "ensemble_temperature",
            "vector",
            "structured_vector",
            "structured_matrix",
            "dirichlet",
            "matrix",
            "platt",
            "beta",
            "quadratic",
            "isotonic",
            "centred_isotonic",
            "histogram",
            "scaling_binning",
            "bbq",
            "venn_abers",
        ] {
            let (words, short) = known_method(name).unwrap();
            assert!(!words.contains('_') && short.chars().count() <= 20, "{name}");
        }
        assert_eq!(method_short("mine\u{1b}"), "mine\u{fffd}");
        assert_eq!(method_name("mine"), "the calibrator “mine”");
    }

    #[test]
    fn metrics_have_words() {
        for name in [
            "top_5",
            "l2_debiased",
            "l1_debiased",
            "smooth_ece",
            "ece_sweep",
            "corp_mcb",
            "corp_dsc",
            "corp_unc",
            "aurc",
            "excess_aurc",
            "augrc",
            "murphy_reliability",
            "murphy_resolution",
            "murphy_uncertainty",
            "kde_ece",
            "mmce",
            "skce",
            "rmsce_equal_mass",
            "mce_equal_mass",
            "top_label_ece",
            "classwise_l2",
            "spiegelhalter",
        ] {
            let words = metric_words(name);
            assert!(!words.meaning.is_empty() && !words.label.contains('_'), "{name}");
        }
        assert!(metric_words("top_label").meaning.is_empty());
        assert_eq!(
            [0.95, 0.9, 0.999, 0.6827].map(percent),
            ["95", "90", "99.9", "68.3"].map(|p| format!("{p}\u{a0}%"))
        );
    }
}
