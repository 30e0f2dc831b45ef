//! Comparisons for a terminal.

use comfy_table::Table;

use crate::comparison::{Comparison, MethodRow, NOT_BY_ECE, Verdict};
use crate::format::{NONE, optional, seconds};
use crate::text::{NARROWEST, Text, interval_header, range, table};
use crate::words::{capitalised, flag_words, method_name, method_short, metric_words, percent};

/// From here on there is room for the other score, ECE and times.
const MEDIUM: usize = 64;
/// From here on there is room for the intervals of the criterion.
const ROOMY: usize = 80;
/// From here on there is room for the intervals of the differences.
const WIDE: usize = 104;

impl Comparison {
    /// The comparison for a terminal of `width` columns (at least 40; 80 reads well).
    ///
    /// What was compared, what is recommended and why, the methods by rising criterion, the methods that failed, why
    /// nothing is ranked by ECE, then warnings and notes.
    pub fn text(&self, width: usize) -> String {
        let width = width.max(NARROWEST);
        let mut text = Text::new(width);
        text.paragraph("", &self.deed());
        text.blank();
        text.paragraph("", &self.recommendation());
        text.blank();
        text.table(&self.ranking(width));
        text.blank();
        text.paragraph("", &self.legend());
        let failed = self.failed();
        if !failed.is_empty() {
            text.blank();
            text.paragraph("", "Not compared:");
            for (row, reason) in failed {
                text.paragraph("  ", &format!("{}: {reason}", method_name(&row.name)));
            }
        }
        text.blank();
        text.paragraph("", NOT_BY_ECE);
        for row in self.ranked() {
            for flag in &row.flags {
                let (title, _) = flag_words(flag, row.name == "temperature");
                text.blank();
                text.paragraph("warning: ", &format!("{}: {title}.", method_name(&row.name)));
            }
        }
        text.notes(&self.notes);
        text.done()
    }

    fn ranking(&self, width: usize) -> Table {
        let label = |name: &str| capitalised(&metric_words(name).label).replace("Brier score", "Brier");
        let mut header = vec!["  method".to_owned(), label(&self.criterion)];
        if width >= ROOMY {
            header.push(interval_header(self.level));
        }
        header.push("change".to_owned());
        if width >= WIDE {
            header.push(interval_header(self.level));
        }
        if width >= MEDIUM {
            header.extend([label(self.other_score()), label("ece"), "fit".to_owned()]);
        }
        let right: Vec<usize> = (1..header.len()).collect();
        let mut table = table(width, &header.iter().map(String::as_str).collect::<Vec<_>>(), &right);
        for row in self.ranked() {
            let mark = match (self.is_recommended(row), self.is_best(row)) {
                (true, _) => "R",
                (false, true) => "B",
                (false, false) => "\u{a0}",
            };
            let mut cells = vec![
                format!("{mark}\u{a0}{}", method_short(&row.name).replace(' ', "\u{a0}")),
                optional(row.metrics.get(&self.criterion)),
            ];
            if width >= ROOMY {
                cells.push(ends(row.intervals.get(&self.criterion).copied()));
            }
            cells.push(change(row));
            if width >= WIDE {
                cells.push(ends(row.to_uncalibrated.as_ref().and_then(|difference| difference.interval)));
            }
            if width >= MEDIUM {
                cells.push(optional(row.metrics.get(self.other_score())));
                cells.push(optional(row.metrics.get("ece")));
                cells.push(row.fit_seconds.map_or_else(|| NONE.to_owned(), seconds));
            }
            table.add_row(cells);
        }
        table
    }

    /// What the marks of the table mean.
    fn legend(&self) -> String {
        let score = metric_words(&self.criterion).label;
        let mut legend = Vec::new();
        if self.recommended.is_some() {
            legend.push("R: recommended".to_owned());
        }
        if self.best.is_some() {
            legend.push(match self.best == self.recommended {
                true => format!("it is also the best in {score}"),
                false => format!("B: best in {score}"),
            });
        }
        legend.push(format!("change: {score} less that of the uncalibrated model, below 0 is better"));
        let differences = || self.ranked().into_iter().filter_map(|row| row.to_uncalibrated.as_ref());
        if differences().any(|difference| difference.interval.is_some()) {
            legend.push(format!("*: the {} interval of the change does not contain 0", percent(self.level)));
        }
        legend.join("; ") + "."
    }
}

fn ends(interval: Option<[f64; 2]>) -> String {
    interval.map_or_else(|| NONE.to_owned(), |[lower, upper]| range(lower, upper))
}

/// `−0.1803*`, with the mark of a difference that is no chance.
fn change(row: &MethodRow) -> String {
    match &row.to_uncalibrated {
        _ if row.is_uncalibrated() => NONE.to_owned(),
        None => NONE.to_owned(),
        Some(difference) => {
            let mark = if difference.verdict() == Verdict::Open { "\u{a0}" } else { "*" };
            format!("{}{mark}", difference.signed())
        }
    }
}
