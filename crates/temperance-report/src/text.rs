//! Reports for a terminal: plain characters, no colours, no line wider than asked for.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use textwrap::{Options, WordSplitter};

use crate::format::{self, NONE, change, counted, metric, optional};
use crate::model::{CalibratorSummary, Report, Scorecard};
use crate::words::{self, Aim, metric_words};

/// Narrower than this, tables cannot be read.
pub(crate) const NARROWEST: usize = 40;
/// From here on there is room to say which way is better.
const ROOMY: usize = 72;

impl Report {
    /// The report for a terminal of `width` columns (at least 40; 80 reads well).
    ///
    /// What was done, the result, the metrics before and after, the calibrator, then warnings and notes.
    pub fn text(&self, width: usize) -> String {
        let width = width.max(NARROWEST);
        let mut text = Text::new(width);
        text.paragraph("", &words::deed(self));
        text.blank();
        text.paragraph("", &words::headline(self));
        text.blank();
        text.table(&self.metrics(width));
        text.blank();
        text.calibrator(&self.calibrator);
        for warning in words::warnings(self) {
            text.blank();
            text.paragraph("warning: ", &format!("{}. {}", warning.title, warning.text));
        }
        text.notes(&self.notes);
        text.done()
    }

    fn metrics(&self, width: usize) -> Table {
        let intervals = &self.after.intervals;
        let with_intervals = !intervals.is_empty() && width >= ROOMY;
        let level = interval_header(intervals.level);
        let mut table = match with_intervals {
            true => table(width, &["metric", "before", "after", &level, "change", ""], &[1, 2, 3, 4]),
            false => table(width, &["metric", "before", "after", "change", ""], &[1, 2, 3]),
        };
        for name in names(&[&self.before, &self.after]) {
            let words = metric_words(name);
            let (before, after) = (self.before.metrics.get(name), self.after.metrics.get(name));
            let change =
                before.zip(after).map_or_else(|| NONE.to_owned(), |(before, after)| change(before, after));
            let hint = match (words.verdict(name, &self.before, &self.after), words.aim) {
                ("unchanged", _) | ("", Aim::Open) => String::new(),
                ("", _) => words.direction().to_owned(),
                (verdict, _) if width < ROOMY || with_intervals => verdict.to_owned(),
                (verdict, _) => format!("{verdict} ({})", words.direction()),
            };
            let mut cells = vec![words.label, optional(before), optional(after)];
            if with_intervals {
                cells
                    .push(intervals.get(name).map_or_else(String::new, |[lower, upper]| range(lower, upper)));
            }
            cells.extend([change, hint]);
            table.add_row(cells);
        }
        table
    }
}

/// Notes for a terminal of `width` columns (at least 40), a blank line before each; empty without notes.
pub fn notes(notes: &[String], width: usize) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let mut text = Text::new(width.max(NARROWEST));
    text.notes(notes);
    text.done()
}

impl CalibratorSummary {
    /// What was fitted and how well, for a terminal of `width` columns (at least 40; 80 reads well).
    pub fn text(&self, width: usize) -> String {
        let mut text = Text::new(width.max(NARROWEST));
        text.calibrator(self);
        for flag in &self.flags {
            let (title, meaning) = words::flag_words(flag, words::is_temperature(self));
            text.blank();
            text.paragraph("warning: ", &format!("{title}. {meaning}"));
        }
        text.done()
    }
}

impl Scorecard {
    /// A single evaluation for a terminal of `width` columns (at least 40; 80 reads well): the metrics, then
    /// the bins of the reliability diagram.
    pub fn text(&self, width: usize) -> String {
        let width = width.max(NARROWEST);
        let mut text = Text::new(width);
        let level = interval_header(self.intervals.level);
        let mut metrics = match self.intervals.is_empty() {
            true => table(width, &["metric", "value", ""], &[1]),
            false => table(width, &["metric", "value", &level, ""], &[1, 2]),
        };
        for (name, value) in self.metrics.iter() {
            let words = metric_words(name);
            let direction = words.direction().to_owned();
            let mut cells = vec![words.label, metric(value)];
            if !self.intervals.is_empty() {
                let ends = self.intervals.get(name);
                cells.push(ends.map_or_else(String::new, |[lower, upper]| range(lower, upper)));
            }
            cells.push(direction);
            metrics.add_row(cells);
        }
        text.table(&metrics);
        if let Some(verdict) = words::confidence_verdict(self) {
            text.blank();
            text.paragraph("", &format!("The model was {verdict}."));
        }
        if !self.reliability.is_empty() {
            text.blank();
            let columns = ["bin", "rows", "confidence", "accuracy", "95 % interval"];
            let mut bins = table(width, &columns, &[1, 2, 3, 4]);
            for bin in &self.reliability {
                let band = bin.band.map_or_else(|| NONE.to_owned(), |[lower, upper]| range(lower, upper));
                bins.add_row([
                    range(bin.lower, bin.upper),
                    bin.rows.to_string(),
                    optional(bin.confidence),
                    optional(bin.accuracy),
                    band,
                ]);
            }
            text.table(&bins);
        }
        text.done()
    }
}

/// The names of all metrics, in the order of the first card that has them.
pub(crate) fn names<'a>(cards: &[&'a Scorecard]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for card in cards {
        for (name, _) in card.metrics.iter() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

pub(crate) fn table(width: usize, header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(header);
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// `95 % interval`.
pub(crate) fn interval_header(level: f64) -> String {
    format!("{} interval", words::percent(level)).replace('\u{a0}', " ")
}

/// `lower` and `upper` in little space.
pub(crate) fn range(lower: f64, upper: f64) -> String {
    let dash = if lower < 0.0 { " to " } else { "–" };
    format!("{}{dash}{}", metric(lower), metric(upper))
}

/// Lines of text as they are written.
pub(crate) struct Text {
    lines: Vec<String>,
    width: usize,
}

impl Text {
    pub(crate) fn new(width: usize) -> Self {
        Text { lines: Vec::new(), width }
    }

    pub(crate) fn blank(&mut self) {
        self.lines.push(String::new());
    }

    /// Wrapped text; lines after the first are indented below the first word.
    pub(crate) fn paragraph(&mut self, lead: &str, text: &str) {
        // Narrow spaces are for pages; a terminal gets plain digits.
        let text = format!("{lead}{}", text.replace('\u{202f}', ""));
        let indent = if lead.is_empty() { "" } else { "  " };
        let options =
            Options::new(self.width).subsequent_indent(indent).word_splitter(WordSplitter::NoHyphenation);
        self.lines.extend(
            textwrap::wrap(&text, options).into_iter().map(|line| line.trim_end().replace('\u{a0}', " ")),
        );
    }

    pub(crate) fn notes(&mut self, notes: &[String]) {
        for note in notes {
            self.blank();
            self.paragraph("note: ", &format::clean(note));
        }
    }

    fn calibrator(&mut self, calibrator: &CalibratorSummary) {
        let temperature = words::temperature_with_interval(calibrator);
        let parameters = words::parameters(calibrator);
        if !words::is_temperature(calibrator) || temperature.is_none() {
            let mut text = words::method(calibrator);
            if !parameters.is_empty() {
                text += &format!(": {parameters}");
            }
            self.paragraph("", &text);
        }
        if let Some(temperature) = temperature {
            let meaning = words::temperature_meaning(calibrator);
            let temperature = temperature.replace("interval ", "");
            self.paragraph("", &format!("temperature {temperature}: {meaning}"));
            if words::is_temperature(calibrator) && !parameters.is_empty() {
                self.paragraph("  ", &parameters);
            }
        }
        let mut fit = format!("fit: {}", counted(calibrator.rows, "row", "rows"));
        if calibrator.iterations > 0 || calibrator.gradient.is_some() {
            fit += &format!(", {}", counted(calibrator.iterations.into(), "iteration", "iterations"));
        }
        fit += &format!(", NLL {} to {}", metric(calibrator.nll_before), metric(calibrator.nll_after));
        if let Some(gradient) = calibrator.gradient {
            fit += &format!(", slope {}", format::magnitude(gradient));
        }
        self.paragraph("  ", &fit);
    }

    pub(crate) fn table(&mut self, table: &Table) {
        self.lines.extend(table.lines().map(|line| line.trim_end().replace('\u{a0}', " ")));
    }

    pub(crate) fn done(self) -> String {
        self.lines.join("\n") + "\n"
    }
}
