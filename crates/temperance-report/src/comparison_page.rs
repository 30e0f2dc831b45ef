//! The comparison as one page that needs nothing else.

use askama::Template;

use crate::comparison::{Comparison, MethodRow, NOT_BY_ECE, Verdict};
use crate::format::{NONE, clean, count, metric, optional, seconds};
use crate::html::{Fact, convention, figure, interval};
use crate::svg;
use crate::words::{capitalised, flag_words, method_name, method_short, metric_words, percent};

impl Comparison {
    /// The comparison as one HTML page that needs no network, no script and no other file, made like that of a
    /// [`Report`](crate::Report).
    pub fn html(&self) -> String {
        page(self).render().expect("a page is text, and writing text to memory does not fail")
    }
}

#[derive(Template)]
#[template(path = "comparison.html")]
struct Page {
    css: &'static str,
    dark_plots: String,
    headline: String,
    /// Empty if it says no more than the headline.
    recommendation: String,
    source: String,
    measured: String,
    classes: String,
    notes: Vec<String>,
    score: String,
    other_score: String,
    level: String,
    methods: Vec<Method>,
    failed: Vec<Fact>,
    not_by_ece: &'static str,
    differences: String,
    reliability: String,
    maps: String,
    glossary: Vec<Fact>,
    conventions: Vec<Fact>,
    version: String,
}

struct Method {
    name: String,
    marks: String,
    flags: String,
    score: String,
    score_interval: String,
    change: String,
    change_interval: String,
    verdict: &'static str,
    behind: String,
    behind_interval: String,
    other: String,
    ece: String,
    accuracy: String,
    fit: String,
    apply: String,
}

fn page(comparison: &Comparison) -> Page {
    let figures: Vec<(&str, String)> = comparison
        .drawings()
        .iter()
        .enumerate()
        .map(|(index, drawing)| (drawing.name, figure(index + 1, drawing)))
        .collect();
    let drawn =
        |name| figures.iter().filter(|(known, _)| *known == name).map(|(_, html)| html.as_str()).collect();
    let folds = match comparison.folds {
        0 | 1 => String::new(),
        folds => format!("; cross-validation in {} folds", count(folds.into())),
    };
    let (headline, recommendation) = (headline(comparison), comparison.recommendation());
    Page {
        css: include_str!("../templates/report.css"),
        dark_plots: svg::dark_style(".plot"),
        recommendation: if recommendation == headline { String::new() } else { recommendation },
        headline,
        source: clean(&comparison.source),
        measured: format!("{} rows{folds}", count(comparison.rows)),
        classes: count(comparison.classes as u64),
        notes: comparison.notes.iter().map(|note| clean(note)).collect(),
        score: metric_words(&comparison.criterion).label,
        other_score: metric_words(comparison.other_score()).label.replace("Brier score", "Brier"),
        level: percent(comparison.level),
        methods: comparison.ranked().into_iter().map(|row| method(comparison, row)).collect(),
        failed: comparison
            .failed()
            .into_iter()
            .map(|(row, reason)| Fact::new(method_short(&row.name), reason, ""))
            .collect(),
        not_by_ece: NOT_BY_ECE,
        differences: drawn("differences"),
        reliability: drawn("reliability"),
        maps: drawn("maps"),
        glossary: glossary(comparison),
        conventions: comparison.conventions.iter().map(|(name, text)| convention(name, text)).collect(),
        version: match comparison.version.as_str() {
            "" => "Temperance".to_owned(),
            version => clean(version),
        },
    }
}

/// The result in one sentence.
fn headline(comparison: &Comparison) -> String {
    let value = |name: &str| {
        let row = comparison.methods.iter().find(|row| row.name == name)?;
        row.metrics.get(&comparison.criterion)
    };
    let name = comparison.recommended.as_deref().filter(|name| *name != "identity");
    match name.and_then(|name| value(name).zip(value("identity"))) {
        Some((after, before)) => format!(
            "{}; it brings {} from {} to {}.",
            comparison.verdict(),
            metric_words(&comparison.criterion).label,
            metric(before),
            metric(after),
        ),
        None => format!("{}.", comparison.verdict()),
    }
}

fn method(comparison: &Comparison, row: &MethodRow) -> Method {
    let mut marks = Vec::new();
    if comparison.is_recommended(row) {
        marks.push("recommended");
    }
    if comparison.is_best(row) {
        marks.push("best");
    }
    let flags: Vec<String> =
        row.flags.iter().map(|flag| flag_words(flag, row.name == "temperature").0).collect();
    let change = row.to_uncalibrated.as_ref().filter(|_| !row.is_uncalibrated());
    let behind = row.to_best.as_ref().filter(|_| !comparison.is_best(row));
    Method {
        name: capitalised(&method_short(&row.name)),
        marks: marks.join(", "),
        flags: flags.join("; "),
        score: optional(row.metrics.get(&comparison.criterion)),
        score_interval: interval(row.intervals.get(&comparison.criterion).copied()),
        change: change.map_or_else(|| NONE.to_owned(), |difference| difference.signed()),
        change_interval: interval(change.and_then(|difference| difference.interval)),
        verdict: match change.map(|difference| difference.verdict()) {
            Some(Verdict::Better) => "better",
            Some(Verdict::Worse) => "worse",
            Some(Verdict::Open) => "cannot tell",
            None => "",
        },
        behind: behind.map_or_else(|| NONE.to_owned(), |difference| difference.signed()),
        behind_interval: interval(behind.and_then(|difference| difference.interval)),
        other: optional(row.metrics.get(comparison.other_score())),
        ece: optional(row.metrics.get("ece")),
        accuracy: optional(row.metrics.get("accuracy")),
        fit: row.fit_seconds.map_or_else(|| NONE.to_owned(), seconds),
        apply: row.apply_seconds.map_or_else(String::new, seconds),
    }
}

fn glossary(comparison: &Comparison) -> Vec<Fact> {
    let mut entries = vec![
        Fact::new(
            "Calibrated",
            "A model is calibrated if its probabilities come true: of the predictions made with confidence 0.8, a \
             fraction of 0.8 are right.",
            "",
        ),
        Fact::new(
            "NLL, negative log-likelihood",
            "The mean of −ln p, where p is the probability given to the right class, in nats. It rewards being both \
             right and honest, and punishes a sure mistake without bound.",
            "",
        ),
        Fact::new(
            "Brier score",
            "The mean squared distance between the probabilities and what came true. It rewards the same as NLL, and \
             no single row can weigh much.",
            "",
        ),
        Fact::new(
            "ECE, expected calibration error",
            "The mean distance between confidence and accuracy over bins of predictions with similar confidence.",
            "",
        ),
        Fact::new(
            format!("{} interval of a change", percent(comparison.level)),
            "Both methods are measured on the same rows, so what is common to them cancels out: a change can be certain \
             although the intervals of the two values overlap.",
            "",
        ),
    ];
    let mut seen: Vec<(String, &str)> = Vec::new();
    for row in comparison.ranked() {
        for flag in &row.flags {
            let words = flag_words(flag, row.name == "temperature");
            if !seen.contains(&words) {
                seen.push(words);
            }
        }
    }
    entries.extend(seen.into_iter().map(|(title, text)| Fact::new(title, text, "")));
    let known = comparison.ranked();
    let names: Vec<String> = known
        .iter()
        .filter(|row| method_short(&row.name) != method_name(&row.name))
        .map(|row| format!("{}: {}", method_short(&row.name), method_name(&row.name)))
        .collect();
    if !names.is_empty() {
        entries.push(Fact::new("Names of the methods in full", format!("{}.", names.join("; ")), ""));
    }
    entries
}
