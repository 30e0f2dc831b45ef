//! From arguments to data: files, or the built-in sample.

use std::path::Path;

use temperance::select::counted_rows;
use temperance_data::{Dataset, Input};

use crate::args::InputArguments;
use crate::failure::{Failure, Result};

/// The sample and the names of its classes, as committed with the project.
const SAMPLE: &[u8] = include_bytes!("../../../data/sample.npz");
const SAMPLE_CLASSES: &[u8] = include_bytes!("../../../data/sample.classes.txt");

/// What the built-in sample is called in texts.
const SAMPLE_NAME: &str = "the built-in Fashion-MNIST sample";

impl InputArguments {
    /// Whether no scores were named at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.file.is_none() && self.logits.is_none() && self.probabilities.is_none()
    }

    /// Whether anything is said of an input.
    fn describes(&self) -> bool {
        let files = [&self.labels, &self.soft_labels, &self.weights, &self.groups, &self.class_names];
        let names = [
            &self.scores_name,
            &self.labels_name,
            &self.soft_labels_name,
            &self.weights_name,
            &self.groups_name,
        ];
        files.iter().any(|file| file.is_some())
            || names.iter().any(|name| name.is_some())
            || self.ignore_index.is_some()
    }

    /// What the data crate reads. A file of scores is searched for labels too unless they are elsewhere.
    pub(crate) fn to_input(&self) -> Input {
        let mut input = Input {
            labels: self.labels.clone(),
            soft_labels: self.soft_labels.clone(),
            weights: self.weights.clone(),
            groups: self.groups.clone(),
            scores_name: self.scores_name.clone(),
            labels_name: self.labels_name.clone(),
            soft_labels_name: self.soft_labels_name.clone(),
            weights_name: self.weights_name.clone(),
            groups_name: self.groups_name.clone(),
            ignore_index: self.ignore_index,
            class_names: self.class_names.clone(),
            zeros: self.zeros.into(),
            ..Input::default()
        };
        input.file = self.file.clone().or(self.logits.clone()).or(self.probabilities.clone());
        input.file_holds_probabilities = self.probabilities.is_some();
        input
    }

    /// The files by name, for texts.
    pub(crate) fn source(&self) -> String {
        let scores = self.file.as_ref().or(self.logits.as_ref()).or(self.probabilities.as_ref());
        scores.map_or_else(|| SAMPLE_NAME.to_owned(), |path| name(path))
    }

    /// Scores with targets; the sample if nothing was named and `sample` allows it.
    pub(crate) fn read(&self, sample: bool) -> Result<Dataset> {
        if !self.is_empty() {
            return classified(Dataset::read(&self.to_input())?);
        }
        if !sample || self.describes() {
            return Err(no_scores());
        }
        read_sample()
    }

    /// Scores alone.
    pub(crate) fn read_scores(&self) -> Result<Dataset> {
        if self.is_empty() {
            return Err(no_scores());
        }
        classified(Dataset::read_scores(&self.to_input())?)
    }
}

/// The groups of the rows that count, where there are groups: what the summaries of all rows are resampled by.
pub(crate) fn counted_groups(dataset: &Dataset) -> Result<Option<Vec<u64>>> {
    let Some(groups) = dataset.groups() else { return Ok(None) };
    let counted = counted_rows(&dataset.block()?.targets()).map_err(|error| dataset.locate(error))?;
    Ok(Some(counted.into_iter().map(|row| groups[row]).collect()))
}

/// A file as texts call it.
pub(crate) fn name(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
    }
}

/// Refuses scores of a single class, mostly those of a binary model with one output.
fn classified(dataset: Dataset) -> Result<Dataset> {
    if dataset.classes() >= 2 {
        return Ok(dataset);
    }
    let file = match dataset.scores_file().to_str() {
        Some("-") => "standard input".into(),
        _ => dataset.scores_file().to_string_lossy(),
    };
    Err(Failure::Error(format!("{file}: number of classes is 1; expected at least 2, a column for each")))
}

fn no_scores() -> Failure {
    Failure::error("file of the scores is missing; expected FILE, --logits FILE or --probabilities FILE")
}

fn read_sample() -> Result<Dataset> {
    let folder =
        tempfile::tempdir().map_err(|error| Failure::Error(format!("cannot unpack the sample: {error}")))?;
    let unpack = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        temperance_data::write_file(&path, bytes).map(|()| path)
    };
    let input = Input {
        file: Some(unpack("sample.npz", SAMPLE)?),
        class_names: Some(unpack("sample.classes.txt", SAMPLE_CLASSES)?),
        ..Input::default()
    };
    Ok(Dataset::read(&input)?)
}
