//! The measurements of a run, row by row: `metrics.csv`, and the same for TensorBoard.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::tensorboard::Events;

/// The measurements of an epoch, by the names of the columns.
pub type Row = Vec<(&'static str, f64)>;

/// The columns.
pub const COLUMNS: [&str; 21] = [
    "step",
    "epoch",
    "seconds",
    "learning_rate",
    "train_loss",
    "train_nll",
    "train_accuracy",
    "train_entropy",
    "train_gap",
    "train_nearest_gap",
    "train_separation",
    "gap_bound",
    "gradient_norm",
    "validation_nll",
    "validation_accuracy",
    "validation_ece",
    "validation_entropy",
    "validation_gap",
    "validation_nearest_gap",
    "validation_separation",
    "validation_scatter",
];

/// The file of measurements.
pub const METRICS: &str = "metrics.csv";
pub(crate) const EVENTS: &str = "events.out.tfevents.0.temperance";

/// Writes measurements as they come.
#[derive(Debug)]
pub(crate) struct Recorder {
    columns: &'static [&'static str],
    path: PathBuf,
    file: fs::File,
    events: Events,
}

impl Recorder {
    /// Starts in a folder, with the rows of an earlier part of the run, up to a step. The first columns are `step`, another
    /// count, and `seconds`.
    pub(crate) fn start(folder: &Path, columns: &'static [&'static str], until: u64) -> Result<Self> {
        let path = folder.join(METRICS);
        let mut earlier = if path.exists() { rows(&path, columns)? } else { Vec::new() };
        // A line that was cut off when the process ended is no line.
        earlier.retain(|row| row.len() == columns.len() && row[0] <= until as f64);
        let mut text = format!("{}\n", columns.join(","));
        earlier.iter().for_each(|row| text.push_str(&line(row)));
        temperance_data::write_file(&path, text.as_bytes())?;
        let cannot = |error| Failure::Error(format!("{}: cannot be written: {error}", path.display()));
        let file = fs::OpenOptions::new().append(true).open(&path).map_err(cannot)?;
        let mut events = Events::create(&folder.join(EVENTS)).map_err(cannot)?;
        for row in &earlier {
            events.add(row[2], row[0] as u64, named(columns, row)).map_err(cannot)?;
        }
        Ok(Recorder { columns, path, file, events })
    }

    /// Adds a row; what it does not have is empty.
    pub(crate) fn add(&mut self, row: &Row) -> Result {
        let values: Vec<f64> = self.columns.iter().map(|name| value(row, name)).collect();
        self.file
            .write_all(line(&values).as_bytes())
            .and_then(|()| self.events.add(values[2], values[0] as u64, named(self.columns, &values)))
            .map_err(|error| Failure::Error(format!("{}: cannot be written: {error}", self.path.display())))
    }
}

fn named(columns: &'static [&'static str], row: &[f64]) -> impl Iterator<Item = (&'static str, f64)> {
    columns.iter().copied().zip(row.iter().copied()).skip(3)
}

fn line(values: &[f64]) -> String {
    let cells: Vec<String> =
        values.iter().map(|value| if value.is_nan() { String::new() } else { value.to_string() }).collect();
    format!("{}\n", cells.join(","))
}

/// The measurement of that name; NaN if there is none.
pub(crate) fn value(row: &Row, name: &str) -> f64 {
    row.iter().find(|(other, _)| *other == name).map_or(f64::NAN, |(_, value)| *value)
}

/// The place of a column.
///
/// # Panics
/// If there is no column of that name.
pub fn column(name: &str) -> usize {
    COLUMNS.iter().position(|column| *column == name).expect("it is a column")
}

/// The rows of a file of measurements; NaN for an empty cell.
///
/// # Errors
/// If it cannot be read, or is not such a file.
pub fn read(path: &Path) -> Result<Vec<Vec<f64>>> {
    read_columns(path, &COLUMNS)
}

/// The same of other columns.
pub(crate) fn read_columns(path: &Path, columns: &[&str]) -> Result<Vec<Vec<f64>>> {
    let rows = rows(path, columns)?;
    if let Some(row) = rows.iter().position(|row| row.len() != columns.len()) {
        let text = format!("row {row} has {} cells; expected {}", rows[row].len(), columns.len());
        return Err(Failure::Error(format!("{}: {text}", path.display())));
    }
    Ok(rows)
}

/// The rows of a file, of whatever length.
fn rows(path: &Path, columns: &[&str]) -> Result<Vec<Vec<f64>>> {
    let wrong = |error: csv::Error| Failure::Error(format!("{}: {error}", path.display()));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).map_err(wrong)?;
    // Bytes that are no text are another header.
    if !reader.byte_headers().map_err(wrong)?.iter().eq(columns.iter().map(|column| column.as_bytes())) {
        let text = "columns are others; expected those of a run of temperance-lab";
        return Err(Failure::Error(format!("{}: {text}", path.display())));
    }
    let number = |cell: &str| cell.parse().unwrap_or(f64::NAN);
    reader.records().map(|record| Ok(record.map_err(wrong)?.iter().map(number).collect())).collect()
}
