//! The report as one page that needs nothing else.

use askama::Template;

use crate::figures::{Drawing, drawings, shortened};
use crate::format::{self, NONE, change, clean, count, counted, metric, optional, temperature};
use crate::model::{ClassRow, Report, Scorecard};
use crate::svg;
use crate::text::names;
use crate::words::{self, Warning, flag_words, is_temperature, metric_words, readable};

/// More classes than this are cut to the [`WORST`].
const CLASSES_SHOWN: usize = 100;
/// How many classes are shown if not all are.
const WORST: usize = 30;

impl Report {
    /// The report as one HTML page that needs no network, no script and no other file.
    ///
    /// It follows light and dark screens, fits phones and paper, and can be read with a keyboard or a screen
    /// reader. All foreign text in it is escaped.
    pub fn html(&self) -> String {
        page(self).render().expect("a page is text, and writing text to memory does not fail")
    }
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    css: &'static str,
    dark_plots: String,
    headline: String,
    source: String,
    split: String,
    n_fit: String,
    n_test: String,
    classes: String,
    tiles: Vec<Fact>,
    warnings: Vec<Warning>,
    notes: Vec<String>,
    figures: Figures,
    bins: Vec<Bins>,
    metrics: Vec<MetricRow>,
    intervals_note: String,
    fit_title: &'static str,
    fit_link: &'static str,
    method_sentence: String,
    temperature_meaning: &'static str,
    certificate: Vec<Fact>,
    class_note: String,
    per_class: Vec<Class>,
    unfit: bool,
    is_temperature: bool,
    temperature_exact: String,
    glossary: Vec<Fact>,
    conventions: Vec<Fact>,
    version: String,
}

/// The figures as HTML, by their section.
struct Figures {
    reliability: String,
    reliability_curves: Vec<String>,
    /// The first one stands beside the certificate.
    fit: String,
    more_of_fit: String,
    confidence: Vec<String>,
    classes: Vec<String>,
}

impl Figures {
    fn new(report: &Report) -> Self {
        let drawn: Vec<(&str, String)> = drawings(report)
            .iter()
            .enumerate()
            .map(|(index, drawing)| (drawing.name, figure(index + 1, drawing)))
            .collect();
        let of = |names: &[&str]| -> Vec<String> {
            drawn.iter().filter(|(name, _)| names.contains(name)).map(|(_, html)| html.clone()).collect()
        };
        let fit = of(&["nll", "map"]);
        Figures {
            reliability: of(&["reliability"]).concat(),
            reliability_curves: of(&["corp", "smooth"]),
            fit: fit.first().cloned().unwrap_or_default(),
            more_of_fit: fit.get(1).cloned().unwrap_or_default(),
            confidence: of(&["confidence", "risk-coverage"]),
            classes: of(&["classes"]),
        }
    }
}

/// A label, a value and a remark.
pub(crate) struct Fact {
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) was: String,
}

impl Fact {
    pub(crate) fn new(label: impl Into<String>, value: impl Into<String>, was: impl Into<String>) -> Self {
        Fact { label: label.into(), value: value.into(), was: was.into() }
    }
}

struct MetricRow {
    label: String,
    meaning: &'static str,
    before: String,
    before_interval: String,
    after: String,
    after_interval: String,
    change: String,
    verdict: &'static str,
    direction: &'static str,
}

struct Bins {
    key: &'static str,
    rows: Vec<BinRow>,
}

struct BinRow {
    range: String,
    rows: String,
    confidence: String,
    accuracy: String,
    band: String,
}

struct Class {
    name: String,
    rows: String,
    frequency: String,
    probability_before: String,
    probability_after: String,
    ece_before: String,
    ece_after: String,
    recall: String,
    precision: String,
}

fn page(report: &Report) -> Page {
    let calibrator = &report.calibrator;
    let warnings = words::warnings(report);
    let per_class = classes(report);
    Page {
        css: include_str!("../templates/report.css"),
        dark_plots: svg::dark_style(".plot"),
        headline: words::headline(report),
        source: clean(&report.source),
        split: clean(&report.split),
        n_fit: count(report.n_fit as u64),
        n_test: count(report.n_test as u64),
        classes: count(report.classes as u64),
        tiles: tiles(report),
        unfit: !warnings.is_empty(),
        warnings,
        notes: report.notes.iter().map(|note| clean(note)).collect(),
        figures: Figures::new(report),
        bins: bins(report),
        metrics: metric_rows(report),
        intervals_note: intervals_note(report),
        fit_title: match is_temperature(calibrator) {
            true => "The temperature and how sure it is",
            false => "The calibrator and its fit",
        },
        fit_link: if is_temperature(calibrator) { "Temperature" } else { "Calibrator" },
        method_sentence: method_sentence(report),
        temperature_meaning: if is_temperature(calibrator) {
            words::temperature_meaning(calibrator)
        } else {
            ""
        },
        certificate: certificate(report),
        class_note: class_note(report, per_class.len()),
        per_class,
        is_temperature: is_temperature(calibrator),
        temperature_exact: calibrator
            .temperature
            .filter(|&t| is_temperature(calibrator) && t > 0.0 && t.is_finite())
            .map_or_else(String::new, |t| t.to_string()),
        glossary: glossary(report),
        conventions: report.conventions.iter().map(|(name, text)| convention(name, text)).collect(),
        version: if report.version.is_empty() { "Temperance".to_owned() } else { clean(&report.version) },
    }
}

/// A numbered figure with its caption.
pub(crate) fn figure(number: usize, drawing: &Drawing) -> String {
    format!(
        "<figure>\n{}\n<figcaption><span class=\"number\">Figure {number}.</span> {}</figcaption>\n</figure>\n",
        inline(drawing),
        format::escape(&drawing.caption)
    )
}

/// A figure as panels that can stand side by side or below each other, and its legend.
fn inline(drawing: &Drawing) -> String {
    let width = drawing.panels.iter().map(|panel| panel.size[0]).fold(0.0, f64::max);
    let mut html = match width {
        width if width < 200.0 => "<div class=\"panels small\">".to_owned(),
        width if width > 400.0 => format!(
            "<div class=\"panels wide\" role=\"region\" tabindex=\"0\" aria-label=\"{}, scrolls sideways\">",
            format::escape(&drawing.title)
        ),
        _ => "<div class=\"panels\">".to_owned(),
    };
    for panel in &drawing.panels {
        html += &panel.inline(drawing.name);
    }
    html += "</div>";
    if !drawing.legend.is_empty() {
        html += "<ul class=\"legend\">";
        for entry in &drawing.legend {
            html += &format!("<li>{}{}</li>", entry.inline(), format::escape(&entry.label));
        }
        html += "</ul>";
    }
    html
}

fn tiles(report: &Report) -> Vec<Fact> {
    let calibrator = &report.calibrator;
    let mut tiles = Vec::new();
    match calibrator.temperature.filter(|_| is_temperature(calibrator)) {
        Some(t) => {
            let precision = match (words::is_optimum(calibrator), calibrator.interval) {
                (false, _) => "not an optimum".to_owned(),
                (true, Some([lower, upper])) => {
                    format!("95\u{a0}%: {} to {}", temperature(lower), temperature(upper))
                }
                (true, None) => "no interval".to_owned(),
            };
            tiles.push(Fact::new("Temperature T", temperature(t), precision));
        }
        None => {
            let rows = format!("fitted on {}", counted(calibrator.rows, "row", "rows"));
            let name = shortened(&words::method_short(&calibrator.method), 24);
            tiles.push(Fact::new("Calibrator", name, rows));
        }
    }
    for (name, label) in
        [("ece", "Calibration error (ECE)"), ("nll", "Loss (NLL, nats)"), ("accuracy", "Accuracy")]
    {
        let (before, after) = (report.before.metrics.get(name), report.after.metrics.get(name));
        let was = match metric_words(name).verdict(name, &report.before, &report.after) {
            "unchanged" => "unchanged".to_owned(),
            "" => format!("before: {}", optional(before)),
            verdict => format!("{verdict}; before: {}", optional(before)),
        };
        tiles.push(Fact::new(label, optional(after), was));
    }
    tiles
}

fn bins(report: &Report) -> Vec<Bins> {
    let rows = |card: &Scorecard| -> Vec<BinRow> {
        card.reliability
            .iter()
            .map(|bin| BinRow {
                range: format!("{} to {}", metric(bin.lower), metric(bin.upper)),
                rows: count(bin.rows),
                confidence: optional(bin.confidence),
                accuracy: optional(bin.accuracy),
                band: bin.band.map_or_else(
                    || NONE.to_owned(),
                    |[lower, upper]| format!("{} to {}", metric(lower), metric(upper)),
                ),
            })
            .collect()
    };
    let tables = [("before", &report.before), ("after", &report.after)];
    let tables = tables.map(|(key, card)| Bins { key, rows: rows(card) });
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn metric_rows(report: &Report) -> Vec<MetricRow> {
    names(&[&report.before, &report.after])
        .into_iter()
        .map(|name| {
            let words = metric_words(name);
            let (before, after) = (report.before.metrics.get(name), report.after.metrics.get(name));
            MetricRow {
                verdict: words.verdict(name, &report.before, &report.after),
                direction: words.direction(),
                label: words.label,
                meaning: words.meaning,
                before: optional(before),
                before_interval: interval(report.before.intervals.get(name)),
                after: optional(after),
                after_interval: interval(report.after.intervals.get(name)),
                change: before
                    .zip(after)
                    .map_or_else(|| NONE.to_owned(), |(before, after)| change(before, after)),
            }
        })
        .collect()
}

/// `0.0110 to 0.0190`; empty for none.
pub(crate) fn interval(ends: Option<[f64; 2]>) -> String {
    ends.map_or_else(String::new, |[lower, upper]| format!("{} to {}", metric(lower), metric(upper)))
}

/// What the small print below the values is.
fn intervals_note(report: &Report) -> String {
    let cards = [&report.after, &report.before];
    let Some(intervals) = cards.iter().map(|card| &card.intervals).find(|intervals| !intervals.is_empty())
    else {
        return String::new();
    };
    let mut note = format!("Below a value stands its {} interval", words::percent(intervals.level));
    if !intervals.method.is_empty() {
        note += &format!(" ({})", clean(&intervals.method));
    }
    note + "."
}

fn method_sentence(report: &Report) -> String {
    let calibrator = &report.calibrator;
    let rows = counted(calibrator.rows, "row", "rows");
    if is_temperature(calibrator) {
        format!(
            "Temperature scaling divides all logits by one number T, chosen so that the labels of the {rows} it was \
             fitted on become as likely as possible."
        )
    } else if calibrator.method == "identity" {
        "No calibration: the probabilities are those of the model.".to_owned()
    } else {
        format!("The report is about {}, fitted on {rows}.", words::method(calibrator))
    }
}

/// What is known of the fit; what the method does not have is left out.
fn certificate(report: &Report) -> Vec<Fact> {
    let calibrator = &report.calibrator;
    let scaling = is_temperature(calibrator);
    let ends = |[lower, upper]: [f64; 2]| format!("{} to {}", temperature(lower), temperature(upper));
    let mut flags: Vec<String> = calibrator.flags.iter().map(|flag| clean(flag)).collect();
    if flags.is_empty() {
        flags.push("none".to_owned());
    }
    let mut facts = vec![Fact::new("Method", clean(&calibrator.method), "")];
    for (name, value) in &calibrator.parameters {
        facts.push(Fact::new(words::capitalised(&readable(name)), clean(value), ""));
    }
    if scaling || calibrator.temperature.is_some() {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_owned());
        let error = or_none(calibrator.standard_error.map(format::standard_error));
        facts.push(Fact::new("Temperature T", or_none(calibrator.temperature.map(temperature)), ""));
        facts.push(Fact::new("Standard error", error, "how much T would vary with other rows"));
        let interval = or_none(calibrator.interval.map(ends));
        facts.push(Fact::new("95\u{a0}% interval", interval, "range of plausible values of T"));
    }
    let before = if scaling { "Loss at T\u{a0}=\u{a0}1" } else { "Loss as given" };
    facts.push(Fact::new(before, metric(calibrator.nll_before), "mean NLL in nats"));
    let after = if scaling { "Loss at the fit" } else { "Loss calibrated" };
    facts.push(Fact::new(after, metric(calibrator.nll_after), ""));
    if let Some(gradient) = calibrator.gradient {
        facts.push(Fact::new("Slope", format::magnitude(gradient), "0 at an optimum"));
    }
    if calibrator.iterations > 0 || calibrator.gradient.is_some() {
        facts.push(Fact::new("Iterations", count(calibrator.iterations.into()), ""));
    }
    facts.push(Fact::new("Fitting rows", count(calibrator.rows), ""));
    facts.push(Fact::new("Flags", flags.join(", "), "what is unusual about the fit"));
    facts
}

fn classes(report: &Report) -> Vec<Class> {
    let (before, after) = (&report.before.per_class, &report.after.per_class);
    let pairs = before.len().max(after.len());
    let mut rows: Vec<(Option<&ClassRow>, Option<&ClassRow>)> =
        (0..pairs).map(|i| (before.get(i), after.get(i))).collect();
    if rows.len() > CLASSES_SHOWN {
        let error = |row: &(Option<&ClassRow>, Option<&ClassRow>)| {
            row.1.or(row.0).map(|row| row.ece).filter(|ece| !ece.is_nan()).unwrap_or(f64::INFINITY)
        };
        rows.sort_by(|a, b| error(b).total_cmp(&error(a)));
        rows.truncate(WORST);
    }
    rows.into_iter()
        .filter_map(|(before, after)| {
            let any = after.or(before)?;
            let of = |row: Option<&ClassRow>, field: fn(&ClassRow) -> f64| optional(row.map(field));
            Some(Class {
                name: clean(&any.name),
                rows: count(any.rows),
                frequency: metric(any.frequency),
                probability_before: of(before, |row| row.mean_probability),
                probability_after: of(after, |row| row.mean_probability),
                ece_before: of(before, |row| row.ece),
                ece_after: of(after, |row| row.ece),
                recall: optional(after.and_then(|row| row.recall)),
                precision: optional(after.and_then(|row| row.precision)),
            })
        })
        .collect()
}

fn class_note(report: &Report, shown: usize) -> String {
    let all = report.before.per_class.len().max(report.after.per_class.len());
    if shown < all {
        format!(
            "These are the {shown} of {} classes with the largest calibration error after calibration, worst first; \
             all classes are in report.json.",
            count(all as u64)
        )
    } else {
        "All classes, in the order of the model’s outputs.".to_owned()
    }
}

pub(crate) fn convention(name: &str, text: &str) -> Fact {
    let words = metric_words(name);
    let label = if words.meaning.is_empty() { readable(name) } else { words.label };
    Fact::new(label, clean(text), "")
}

fn glossary(report: &Report) -> Vec<Fact> {
    let mut entries = vec![
        Fact::new(
            "Logits, softmax, confidence",
            "Logits are the scores a classifier gives to the classes. The softmax turns them into probabilities that \
             add up to 1. The largest of these is the confidence: how sure the model says it is of its prediction.",
            "",
        ),
        Fact::new(
            "Calibrated",
            "A model is calibrated if its probabilities come true: of the predictions made with confidence 0.8, a \
             fraction of 0.8 are right. It is over-confident if fewer are, under-confident if more are.",
            "",
        ),
        Fact::new(
            "Temperature T",
            "A number that divides all logits before the softmax. T above 1 brings the probabilities closer \
             together, T below 1 spreads them, T\u{a0}=\u{a0}1 changes nothing. The most probable class stays the same, so \
             accuracy does too.",
            "",
        ),
        Fact::new(
            "ECE, expected calibration error",
            "Put the predictions into bins by confidence and take the distance between mean confidence and accuracy \
             in each bin; ECE is the mean of these distances, weighted by the rows of the bins. 0 is perfect. \
             With few rows, ECE is above 0 even for a perfectly calibrated model.",
            "",
        ),
        Fact::new(
            "NLL, negative log-likelihood",
            "The mean of −ln p, where p is the probability given to the right class, in nats; also called \
             cross-entropy. It is the loss most classifiers are trained with and most calibrators are fitted by. It \
             rewards being both right and honest.",
            "",
        ),
        Fact::new(
            "95\u{a0}% interval",
            "A range computed so that, if the whole study were repeated with new rows many times, about 95 in 100 \
             such ranges would hold the true value. A wide range means that there are few rows to tell from.",
            "",
        ),
        Fact::new(
            "Held-out rows",
            "Rows that the fit has not seen. All metrics are measured on them, because on its own rows a fit always \
             looks good.",
            "",
        ),
    ];
    if !is_temperature(&report.calibrator) {
        entries.retain(|entry| entry.label != "Temperature T");
    }
    for flag in &report.calibrator.flags {
        let (_, text) = flag_words(flag, is_temperature(&report.calibrator));
        entries.push(Fact::new(format!("Flag {}", clean(flag)), text, ""));
    }
    if report.calibrator.flags.is_empty() {
        let known = [
            ("at_bound", "the best parameters lie at or beyond the bounds of the search"),
            (
                "separable",
                "the fitting rows can be told apart without error, so that they cannot determine the fit",
            ),
            ("worse_than_constant", "the fit does no better than the same probability for every class"),
            ("classes_missing", "some classes have no fitting row"),
            ("few_rows", "there are fewer fitting rows than numbers to find"),
            ("not_converged", "the fit stopped at its limit of passes"),
        ];
        let text: Vec<String> = known.iter().map(|(flag, text)| format!("{flag}: {text}")).collect();
        let text = format!("What a fit can warn of. {}. This fit raised none.", text.join("; "));
        entries.push(Fact::new("Flags", text, ""));
    }
    entries
}
