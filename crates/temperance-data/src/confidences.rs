//! Confidences with hits: all that a calibration error of published sets needs.

use std::path::{Path, PathBuf};

use temperance::{Error, ErrorKind, Values};

use crate::array::{LabelArray, LabelData, Numbers};
use crate::contents::{self, Data, Found, Place, Role, Wanted};
use crate::error::{DataError, Result, shown};

/// What to read, and where it is: one `file`, or a path for each array.
#[derive(Debug, Clone, Default)]
pub struct ConfidenceInput {
    /// One file of everything.
    pub file: Option<PathBuf>,
    /// A file of confidences in [0, 1].
    pub confidences: Option<PathBuf>,
    /// A file that says for each whether the prediction was correct.
    pub correct: Option<PathBuf>,
    /// A file of weights.
    pub weights: Option<PathBuf>,
    /// The array or column of the confidences.
    pub confidences_name: Option<String>,
    /// The array or column of the hits.
    pub correct_name: Option<String>,
    /// The array or column of the weights.
    pub weights_name: Option<String>,
}

/// Confidences in [0, 1], each with whether its prediction was correct, and maybe with a weight.
#[derive(Debug)]
pub struct Confidences {
    confidences: Numbers,
    correct: Vec<bool>,
    weights: Option<Numbers>,
}

impl Confidences {
    /// Reads and checks them.
    ///
    /// # Errors
    /// If a file cannot be read, or a value is not legal.
    pub fn read(input: &ConfidenceInput) -> Result<Self> {
        let mut found: Vec<Found> = Vec::new();
        for (path, wanted) in plan(input)? {
            found.extend(contents::read(path, &wanted)?.found);
        }
        let mut take = |role: Role| {
            let at = found.iter().position(|found| found.role == role)?;
            Some(found.swap_remove(at))
        };
        let (confidences, place) =
            vector(take(Role::Confidences))?.ok_or_else(|| missing(Role::Confidences))?;
        let rows = confidences.values().len();
        if rows == 0 {
            return Err(DataError::format("number of confidences", 0, "at least 1").in_file(&place.file));
        }
        let in_unit = |value: f64| (0.0..=1.0).contains(&value);
        check(&confidences, &place, ErrorKind::Value, "confidence", "a number from 0 to 1", in_unit)?;
        let same_rows = |what: &'static str, other: usize, at: &Place| {
            if other == rows {
                return Ok(());
            }
            let expected = format!("one for each of the {rows} confidences of {}", shown(&place.file));
            Err(DataError::format(what, other, expected).in_file(&at.file))
        };
        let Some(Found { data: Data::Labels(labels), place: at, .. }) = take(Role::Correct) else {
            return Err(missing(Role::Correct));
        };
        same_rows("number of hits", labels.vector("correctness").map_err(|e| e.in_file(&at.file))?, &at)?;
        let correct = hits(&labels, &at)?;
        let weights = match vector(take(Role::Weights))? {
            Some((weights, at)) => {
                same_rows("number of weights", weights.values().len(), &at)?;
                let legal = |value: f64| (0.0..f64::INFINITY).contains(&value);
                check(&weights, &at, ErrorKind::Weight, "row weight", "a finite number, 0 or above", legal)?;
                Some(weights)
            }
            None => None,
        };
        Ok(Confidences { confidences, correct, weights })
    }

    /// The confidences.
    pub fn values(&self) -> Values<'_> {
        self.confidences.values()
    }

    /// Whether each prediction was correct.
    pub fn correct(&self) -> &[bool] {
        &self.correct
    }

    /// The weights, if there are any.
    pub fn weights(&self) -> Option<Values<'_>> {
        self.weights.as_ref().map(Numbers::values)
    }

    /// Number of rows n.
    pub fn rows(&self) -> usize {
        self.correct.len()
    }
}

fn missing(role: Role) -> DataError {
    DataError::format(format!("file of the {}", role.what()), "missing", "a file that holds them")
}

fn plan(input: &ConfidenceInput) -> Result<Vec<(&Path, Vec<Wanted>)>> {
    let mut plan: Vec<(&Path, Vec<Wanted>)> = Vec::new();
    let roles = [
        (Role::Confidences, &input.confidences, &input.confidences_name),
        (Role::Correct, &input.correct, &input.correct_name),
        (Role::Weights, &input.weights, &input.weights_name),
    ];
    for (role, own, name) in roles {
        let Some(path) = own.as_deref().or(input.file.as_deref()) else {
            if role == Role::Weights && name.is_none() {
                continue;
            }
            return Err(missing(role));
        };
        let needed = own.is_some() || role != Role::Weights || name.is_some();
        let wanted = Wanted { role, name: name.clone(), needed, sole: own.is_some(), or_soft: false };
        match plan.iter_mut().find(|(other, _)| *other == path) {
            Some((_, all)) => all.push(wanted),
            None => plan.push((path, vec![wanted])),
        }
    }
    Ok(plan)
}

fn vector(found: Option<Found>) -> Result<Option<(Numbers, Place)>> {
    let Some(Found { role, data: Data::Numbers(array), place, .. }) = found else {
        return Ok(None);
    };
    array.vector(role.what()).map_err(|error| error.in_file(&place.file))?;
    Ok(Some((array.numbers, place)))
}

/// Refuses the first number that is not legal.
fn check(
    numbers: &Numbers,
    place: &Place,
    kind: ErrorKind,
    what: &'static str,
    expected: &'static str,
    legal: impl Fn(f64) -> bool,
) -> Result<()> {
    let values = numbers.values();
    match (0..values.len()).find(|&row| !legal(values.get(row))) {
        Some(row) => {
            let error = Error::new(kind, what, values.get(row), expected).at_row(row as u64);
            Err(place.locate(DataError::core(error), Some(row as u64), None))
        }
        None => Ok(()),
    }
}

/// Hits from 0 and 1, or from `false` and `true` in any case.
fn hits(labels: &LabelArray, place: &Place) -> Result<Vec<bool>> {
    let refuse = |value: String, row: u64| {
        let error = Error::new(ErrorKind::Label, "correctness", value, "0 or 1, false or true").at_row(row);
        place.locate(DataError::core(error), Some(row), None)
    };
    match &labels.data {
        LabelData::Indices(indices) => (0..)
            .zip(indices.iter())
            .map(|(row, value)| match value {
                0 => Ok(false),
                1 => Ok(true),
                other => Err(refuse(other.to_string(), row)),
            })
            .collect(),
        LabelData::Texts(texts) => {
            let mut by_id = Vec::with_capacity(texts.distinct.len());
            for (id, text) in texts.distinct.iter().enumerate() {
                by_id.push(match text.to_ascii_lowercase().as_str() {
                    "false" | "0" => false,
                    "true" | "1" => true,
                    _ => return Err(refuse(format!("{text:?}"), texts.first_row(id))),
                });
            }
            Ok(texts.ids.iter().map(|&id| by_id[id as usize]).collect())
        }
    }
}
