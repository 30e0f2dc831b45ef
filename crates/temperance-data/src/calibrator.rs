//! Fitted calibrators in files: versioned JSON that another implementation can read, and check itself by.

use std::path::Path;

use serde::{Deserialize, Serialize};
use temperance::calibrate::{self, Calibrator, Certificate};
use temperance::metric::Conventions;
use temperance::{Logits, Parameters, Zeros};

use crate::error::{DataError, Result};

const FORMAT: &str = "temperance calibrator";
const VERSION: u64 = 1;

/// How far a reference probability may be off: other orders of summation, not other numbers.
const TOLERANCE: f64 = 1e-9;

/// A fitted calibrator as its file holds it.
///
/// `reference` holds a few rows of made-up logits and the probabilities that the calibrator makes of them; they
/// are recomputed when the file is read, so that an edited or damaged file is refused.
///
/// ```
/// use temperance::{Zeros, calibrate::Temperature};
/// use temperance_data::{CalibratorFile, write_file};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("calibrator.json");
/// let file = CalibratorFile::new(&Temperature::new(2.0)?, None, 3, None, Zeros::Clip, Default::default())?;
/// write_file(&path, file.to_json().as_bytes())?;
///
/// let (read, calibrator) = CalibratorFile::read(&path)?;
/// assert_eq!((read.classes, calibrator.parameters().number("temperature")?), (3, 2.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibratorFile {
    format: String,
    format_version: u64,
    library_version: String,
    /// Name of the method, as in [`calibrate::METHODS`].
    pub method: String,
    /// What the calibrator is made of.
    pub parameters: Parameters,
    /// Number of classes K of the rows that it was fitted to.
    pub classes: usize,
    /// Names of the classes, if they have any.
    pub class_names: Option<Vec<String>>,
    /// What a probability of 0 counted as, had the scores been probabilities.
    pub zeros: Zeros,
    /// What is known about the fit.
    pub certificate: Option<Certificate>,
    /// The conventions in force, in words.
    pub conventions: Conventions,
    reference: Reference,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Reference {
    logits: Vec<Vec<f64>>,
    probabilities: Vec<Vec<f64>>,
}

impl CalibratorFile {
    /// A file of a calibrator fitted to rows of `classes` classes.
    ///
    /// # Errors
    /// If the calibrator is for another number of classes.
    pub fn new(
        calibrator: &dyn Calibrator,
        certificate: Option<Certificate>,
        classes: usize,
        class_names: Option<&[String]>,
        zeros: Zeros,
        conventions: Conventions,
    ) -> temperance::Result<Self> {
        let logits = reference_logits(classes);
        let probabilities =
            logits.iter().map(|row| probabilities(calibrator, row)).collect::<Result<_, _>>()?;
        Ok(CalibratorFile {
            format: FORMAT.to_owned(),
            format_version: VERSION,
            library_version: env!("CARGO_PKG_VERSION").to_owned(),
            method: calibrator.method().to_owned(),
            parameters: calibrator.parameters(),
            classes,
            class_names: class_names.map(<[String]>::to_vec),
            zeros,
            certificate,
            conventions,
            reference: Reference { logits, probabilities },
        })
    }

    /// The text of the file.
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("string keys and plain values always serialize");
        text.push('\n');
        text
    }

    /// Reads a file and makes its calibrator.
    ///
    /// # Errors
    /// If it cannot be read, is not a calibrator file, is of a newer version or an unknown method, has illegal
    /// parameters, or does not reproduce its own reference rows.
    pub fn read(path: &Path) -> Result<(Self, Box<dyn Calibrator>)> {
        let text = std::fs::read(path).map_err(|error| DataError::reading(error).in_file(path))?;
        Self::from_json(&text).map_err(|error| error.in_file(path))
    }

    /// [`CalibratorFile::read`] of the text of a file.
    ///
    /// # Errors
    /// As there.
    pub fn from_json(text: &[u8]) -> Result<(Self, Box<dyn Calibrator>)> {
        let not_one =
            |value: String| DataError::format("content", value, "a calibrator file, as fit writes it");
        let value: serde_json::Value =
            serde_json::from_slice(text).map_err(|error| not_one(format!("not JSON ({error})")))?;
        if value["format"] != FORMAT {
            return Err(not_one(format!("JSON whose \"format\" is {}", value["format"])));
        }
        // Before its shape is read: a newer version may have another.
        match value["format_version"].as_u64() {
            Some(1..=VERSION) => {}
            Some(newer) if newer > VERSION => {
                let expected = format!("at most {VERSION}: the file was written by a newer version");
                return Err(DataError::format("format version", newer, expected));
            }
            _ => {
                let expected = format!("a number from 1 to {VERSION}");
                return Err(DataError::format("format version", &value["format_version"], expected));
            }
        }
        let file: CalibratorFile =
            serde_json::from_value(value).map_err(|error| not_one(format!("incomplete ({error})")))?;
        let Some(entry) = calibrate::method(&file.method) else {
            let known: Vec<&str> = calibrate::METHODS.iter().map(|entry| entry.name).collect();
            return Err(DataError::format("method", format!("{:?}", file.method), known.join(" or ")));
        };
        let calibrator = (entry.load)(&file.parameters).map_err(DataError::core)?;
        file.check_reference(calibrator.as_ref())?;
        Ok((file, calibrator))
    }

    fn check_reference(&self, calibrator: &dyn Calibrator) -> Result<()> {
        let Reference { logits, probabilities: expected } = &self.reference;
        if logits.is_empty() || logits.len() != expected.len() {
            let rows = format!("{} rows of logits and {} of probabilities", logits.len(), expected.len());
            return Err(DataError::format("reference", rows, "as many of one as of the other"));
        }
        for (row, (logits, expected)) in logits.iter().zip(expected).enumerate() {
            if logits.len() != self.classes || expected.len() != self.classes {
                let value = format!("{} logits and {} probabilities", logits.len(), expected.len());
                let expected = format!("the {} classes of the file", self.classes);
                return Err(DataError::format(format!("reference row {row}"), value, expected));
            }
            let computed = probabilities(calibrator, logits).map_err(DataError::core)?;
            for (class, (computed, expected)) in computed.iter().zip(expected).enumerate() {
                if !((computed - expected).abs() <= TOLERANCE) {
                    let what = format!("reference probability of row {row}, class {class}");
                    let text =
                        format!("{computed:.6}, which its parameters give: the file was edited or damaged");
                    return Err(DataError::format(what, format_args!("{expected:.6}"), text));
                }
            }
        }
        Ok(())
    }

    /// Refuses scores of another number of classes.
    ///
    /// # Errors
    /// If `classes` is not that of the file; `path` is named.
    pub fn check_classes(&self, classes: usize, path: &Path) -> Result<()> {
        if classes == self.classes {
            return Ok(());
        }
        let expected = format!("{classes}, as the scores have");
        Err(DataError::format("number of classes of the calibrator", self.classes, expected).in_file(path))
    }
}

fn probabilities(calibrator: &dyn Calibrator, row: &[f64]) -> temperance::Result<Vec<f64>> {
    let mut out = vec![0.0; row.len()];
    calibrate::probabilities_into(calibrator, &Logits::new(row, row.len())?.into(), &mut out)?;
    Ok(out)
}

/// Rows that show a calibrator at work: spread out, nearly certain, nearly even. One only if K is large.
fn reference_logits(classes: usize) -> Vec<Vec<f64>> {
    let row = |logit: &dyn Fn(usize) -> f64| (0..classes).map(logit).collect::<Vec<f64>>();
    let spread = row(&|class| ((class * 7) % 11) as f64 * 0.5 - 2.5);
    if classes > 1000 {
        return vec![spread];
    }
    let certain = row(&|class| if class == 0 { 8.0 } else { 0.0 });
    let even = row(&|class| class as f64 / classes as f64);
    vec![spread, certain, even]
}
