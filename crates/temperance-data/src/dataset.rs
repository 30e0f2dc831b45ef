//! Scores with their targets and weights, read from one file or several.

use std::path::{Path, PathBuf};

use temperance::{
    Block, ErrorKind, Labels, Logits, Probabilities, RowWeights, Scores, SoftLabels, Targets, Values, Zeros,
};

use crate::array::{Indices, LabelArray, LabelData, Numbers};
use crate::classes;
use crate::contents::{self, Data, Found, Place, Role, Wanted};
use crate::error::{DataError, Result, shown};
use crate::format::{Dtype, Format};

/// What to read, and where it is.
///
/// Either `file` holds everything, or each array has its own path; an own path goes before `file`. `-` is
/// standard input (`.npy`, CSV or gzipped CSV). In an archive or CSV file arrays and columns go by the names
/// given, else by the usual ones (`logits`, `probabilities`, `labels`, `soft_labels`, `weights`, …).
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// One file of everything.
    pub file: Option<PathBuf>,
    /// Whether the scores of `file` are probabilities; else they are logits.
    pub file_holds_probabilities: bool,
    /// A file of logits.
    pub logits: Option<PathBuf>,
    /// A file of probabilities.
    pub probabilities: Option<PathBuf>,
    /// A file of class indices or class names, one per row.
    pub labels: Option<PathBuf>,
    /// A file of distributions over the classes, one per row.
    pub soft_labels: Option<PathBuf>,
    /// A file of weights, one per row.
    pub weights: Option<PathBuf>,
    /// A file of groups, one number or string per row; rows of the same one belong together.
    pub groups: Option<PathBuf>,
    /// The array of the scores; in CSV their columns, as `a,b,c` or `prefix*`, else all that are left.
    pub scores_name: Option<String>,
    /// The array or column of the labels.
    pub labels_name: Option<String>,
    /// The array of the soft labels; in CSV their columns, as `a,b,c` or `prefix*`.
    pub soft_labels_name: Option<String>,
    /// The array or column of the weights.
    pub weights_name: Option<String>,
    /// The array or column of the groups; there are none unless they have a file or a name.
    pub groups_name: Option<String>,
    /// The label that means "no label".
    pub ignore_index: Option<i64>,
    /// A file of class names: one per line, a JSON list, or a JSON object of name to index.
    pub class_names: Option<PathBuf>,
    /// What a probability of 0 counts as.
    pub zeros: Zeros,
}

#[derive(Debug)]
enum TargetData {
    Labels(Indices),
    Soft(Numbers),
}

/// Scores, and maybe targets and weights, in memory in the number type of their file.
#[derive(Debug)]
pub struct Dataset {
    scores: Numbers,
    probabilities: bool,
    rows: usize,
    classes: usize,
    scores_place: Place,
    /// The names of the columns of the scores without their prefix: classes, if labels are such names.
    column_classes: Vec<String>,
    format: Format,
    targets: Option<(TargetData, Place)>,
    weights: Option<(Numbers, Place)>,
    groups: Option<Vec<u64>>,
    class_names: Option<Vec<String>>,
    ignore_index: Option<i64>,
    zeros: Zeros,
    notes: Vec<String>,
}

impl Dataset {
    /// Reads scores, labels or soft labels, and weights if there are any.
    ///
    /// # Errors
    /// If a file cannot be read, or is not what it should be.
    pub fn read(input: &Input) -> Result<Self> {
        Self::read_wanted(input, true)
    }

    /// Reads scores only, for uses that need no labels.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn read_scores(input: &Input) -> Result<Self> {
        Self::read_wanted(input, false)
    }

    fn read_wanted(input: &Input, with_targets: bool) -> Result<Self> {
        let mut found = Vec::new();
        let mut notes = Vec::new();
        let mut scores_format = Format::Npy;
        for (path, wanted) in plan(input, with_targets)? {
            let contents = contents::read(path, &wanted)?;
            if contents.found.iter().any(|found| found.role.is_scores()) {
                scores_format = contents.format;
            }
            notes.extend(contents.notes);
            if contents.found.iter().any(|found| found.role == Role::Weights) && input.weights.is_none() {
                notes.push(format!("weights of {} are used", shown(path)));
            }
            found.extend(contents.found);
        }
        let mut dataset =
            Self::with_scores(input, found_role(&mut found, Role::is_scores), scores_format, notes)?;
        dataset.take_soft_labels(found_role(&mut found, |role| role == Role::SoftLabels))?;
        dataset.take_labels(found_role(&mut found, |role| role == Role::Labels))?;
        dataset.take_weights(found_role(&mut found, |role| role == Role::Weights))?;
        dataset.take_groups(found_role(&mut found, |role| role == Role::Groups))?;
        Ok(dataset)
    }

    fn with_scores(
        input: &Input,
        found: Option<Found>,
        format: Format,
        mut notes: Vec<String>,
    ) -> Result<Self> {
        let Some(Found { role, data: Data::Numbers(array), place, names }) = found else {
            return Err(DataError::format(
                "file of the scores",
                "missing",
                "a file of logits or probabilities",
            ));
        };
        let (rows, classes) = array.matrix(role.what()).map_err(|error| error.in_file(&place.file))?;
        if let Some(integers) = array.integers {
            notes.push(format!("{} are {integers}: read as {}", role.what(), array.numbers.dtype()));
        }
        let mut class_names = None;
        if let Some(path) = &input.class_names {
            let names = classes::read(path)?;
            if names.len() != classes {
                let expected = format!("one for each of the {classes} classes of {}", shown(&place.file));
                return Err(DataError::format("number of class names", names.len(), expected).in_file(path));
            }
            class_names = Some(names);
        }
        Ok(Dataset {
            scores: array.numbers,
            probabilities: role == Role::Probabilities,
            rows,
            classes,
            scores_place: place,
            column_classes: names,
            format,
            targets: None,
            weights: None,
            groups: None,
            class_names,
            ignore_index: input.ignore_index,
            zeros: input.zeros,
            notes,
        })
    }

    fn take_soft_labels(&mut self, found: Option<Found>) -> Result<()> {
        let Some(Found { data: Data::Numbers(array), place, .. }) = found else {
            return Ok(());
        };
        let (rows, classes) = array.matrix("soft labels").map_err(|error| error.in_file(&place.file))?;
        self.check_rows("rows of soft labels", rows, &place)?;
        if classes != self.classes {
            let expected = format!("the {} classes of {}", self.classes, shown(&self.scores_place.file));
            let error = DataError::format("number of classes of the soft labels", classes, expected);
            return Err(error.in_file(&place.file));
        }
        self.targets = Some((TargetData::Soft(array.numbers), place));
        Ok(())
    }

    fn take_labels(&mut self, found: Option<Found>) -> Result<()> {
        let Some(Found { data: Data::Labels(labels), place, .. }) = found else {
            return Ok(());
        };
        let rows = labels.vector("labels").map_err(|error| error.in_file(&place.file))?;
        self.check_rows("labels", rows, &place)?;
        if labels.floats {
            self.notes.push("labels are floating-point numbers, all whole: read as integers".into());
        }
        let indices = self.indices(labels, &place)?;
        self.targets = Some((TargetData::Labels(indices), place));
        Ok(())
    }

    fn take_weights(&mut self, found: Option<Found>) -> Result<()> {
        let Some(Found { data: Data::Numbers(array), place, .. }) = found else {
            return Ok(());
        };
        let rows = array.vector("weights").map_err(|error| error.in_file(&place.file))?;
        self.check_rows("weights", rows, &place)?;
        self.weights = Some((array.numbers, place));
        Ok(())
    }

    fn take_groups(&mut self, found: Option<Found>) -> Result<()> {
        let Some(Found { data: Data::Labels(groups), place, .. }) = found else {
            return Ok(());
        };
        let rows = groups.vector("groups").map_err(|error| error.in_file(&place.file))?;
        self.check_rows("groups", rows, &place)?;
        // Which number a group has does not matter, only that no other has it.
        self.groups = Some(match groups.data {
            LabelData::Indices(indices) => indices.iter().map(|group| group as u64).collect(),
            LabelData::Texts(texts) => texts.ids.iter().map(|&group| u64::from(group)).collect(),
        });
        Ok(())
    }

    fn check_rows(&self, what: &str, rows: usize, place: &Place) -> Result<()> {
        if rows == self.rows {
            return Ok(());
        }
        let expected =
            format!("one for each of the {} rows of {}", self.rows, shown(&self.scores_place.file));
        Err(DataError::format(format!("number of {what}"), rows, expected).in_file(&place.file))
    }

    /// Labels as class indices; strings by the names of the classes.
    fn indices(&mut self, labels: LabelArray, place: &Place) -> Result<Indices> {
        let texts = match labels.data {
            LabelData::Indices(indices) => return Ok(indices),
            LabelData::Texts(texts) => texts,
        };
        let (names, how) = if let Some(names) = &self.class_names {
            (names.clone(), "in the order of --class-names".to_owned())
        } else if texts.distinct.iter().any(|text| self.column_classes.contains(text)) {
            (self.column_classes.clone(), "by the names of the columns of the scores".to_owned())
        } else {
            let mixed = texts.distinct.iter().any(|text| text.parse::<f64>().is_ok());
            if let (true, Some(id)) =
                (mixed, texts.distinct.iter().position(|text| text.parse::<f64>().is_err()))
            {
                let expected = "a class index like the others, or --class-names for names of classes";
                let value = format!("{:?}", texts.distinct[id]);
                let row = texts.first_row(id);
                let error = temperance::Error::new(ErrorKind::Label, "label", value, expected).at_row(row);
                return Err(place.locate(DataError::core(error), Some(row), None));
            }
            if texts.distinct.len() != self.classes {
                let expected = format!(
                    "{}, one for each class, or the order of the classes with --class-names",
                    self.classes
                );
                let error =
                    DataError::format("number of distinct string labels", texts.distinct.len(), expected);
                return Err(error.in_file(&place.file));
            }
            let mut names = texts.distinct.clone();
            names.sort();
            (names, "in sorted order; --class-names gives another".to_owned())
        };
        let indices = classes::indices(&texts, &names).map_err(|error| {
            let row = error.row();
            place.locate(DataError::core(error), row, None)
        })?;
        self.notes.push(format!("labels are strings: mapped {how}"));
        self.class_names = Some(names);
        Ok(Indices::U32(indices))
    }

    /// All rows, with their targets and weights.
    ///
    /// # Errors
    /// If the dataset was read without targets.
    pub fn block(&self) -> Result<Block<'_>> {
        let Some((targets, _)) = &self.targets else {
            let error = DataError::format("file of the labels", "missing", "labels or soft labels");
            return Err(error.in_file(&self.scores_place.file));
        };
        let targets: Targets<'_> = match targets {
            TargetData::Labels(indices) => {
                Labels::from_values(indices.values(), self.classes).ignoring(self.ignore_index).into()
            }
            TargetData::Soft(numbers) => SoftLabels::from_values(numbers.values(), self.classes)
                .map_err(|error| self.locate(error))?
                .into(),
        };
        let block = Block::new(self.scores()?, targets).map_err(|error| self.locate(error))?;
        match &self.weights {
            Some((weights, _)) => block
                .with_weights(RowWeights::from_values(weights.values()))
                .map_err(|error| self.locate(error)),
            None => Ok(block),
        }
    }

    /// The scores of all rows.
    ///
    /// # Errors
    /// Never after a successful read; a located error stands for a panic.
    pub fn scores(&self) -> Result<Scores<'_>> {
        let values = self.scores.values();
        if self.probabilities {
            let probabilities = Probabilities::from_values(values, self.classes);
            probabilities.map(|p| p.zeros(self.zeros).into()).map_err(|error| self.locate(error))
        } else {
            Logits::from_values(values, self.classes).map(Into::into).map_err(|error| self.locate(error))
        }
    }

    /// The scores as bare numbers, row by row.
    pub fn values(&self) -> Values<'_> {
        self.scores.values()
    }

    /// Whether the scores are probabilities; else they are logits.
    pub fn holds_probabilities(&self) -> bool {
        self.probabilities
    }

    /// What a probability of 0 counts as.
    pub fn zeros_rule(&self) -> Zeros {
        self.zeros
    }

    /// Number of rows n.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Whether labels or soft labels were read.
    pub fn has_targets(&self) -> bool {
        self.targets.is_some()
    }

    /// Whether rows have weights.
    pub fn has_weights(&self) -> bool {
        self.weights.is_some()
    }

    /// The groups of the rows, if there are any: a number for each row, the same for rows of one group.
    pub fn groups(&self) -> Option<&[u64]> {
        self.groups.as_deref()
    }

    /// The names of the classes, from their file or from string labels.
    pub fn class_names(&self) -> Option<&[String]> {
        self.class_names.as_deref()
    }

    /// The names of the columns of the scores, if they came from CSV.
    pub fn column_names(&self) -> Option<&[String]> {
        let columns = &self.scores_place.columns;
        (!columns.is_empty()).then_some(columns)
    }

    /// The file of the scores; `-` is standard input.
    pub fn scores_file(&self) -> &Path {
        &self.scores_place.file
    }

    /// The format of the file of the scores.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The number type of the scores.
    pub fn dtype(&self) -> Dtype {
        self.scores.dtype()
    }

    /// Plain sentences about what was taken for what.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The error with the file, and for CSV the line, that it is about.
    pub fn locate(&self, error: temperance::Error) -> DataError {
        let what = error.what();
        let about_data = matches!(
            error.kind(),
            ErrorKind::Value | ErrorKind::Label | ErrorKind::Weight | ErrorKind::Shape | ErrorKind::Fit
        );
        let place = if !about_data || what.contains("class weight") {
            None
        } else if what.contains("row weight") {
            self.weights.as_ref().map(|(_, place)| place)
        } else if what.contains("label") {
            self.targets.as_ref().map(|(_, place)| place)
        } else if what.contains("logit") || what.contains("probabilit") {
            Some(&self.scores_place)
        } else {
            None
        };
        let (row, column) = (error.row(), error.column());
        let error = DataError::core(error);
        match place {
            Some(place) => place.locate(error, row, column),
            None => error,
        }
    }
}

/// Takes the first array of a role out of those found.
fn found_role(found: &mut Vec<Found>, is: impl Fn(Role) -> bool) -> Option<Found> {
    let at = found.iter().position(|found| is(found.role))?;
    Some(found.swap_remove(at))
}

/// Which arrays to read from which files.
#[derive(Default)]
struct Plan<'a>(Vec<(&'a Path, Vec<Wanted>)>);

impl<'a> Plan<'a> {
    fn want(&mut self, path: &'a Path, wanted: Wanted) {
        match self.0.iter_mut().find(|(other, _)| *other == path) {
            Some((_, all)) => all.push(wanted),
            None => self.0.push((path, vec![wanted])),
        }
    }
}

/// Refuses two ways to say one thing.
fn only_one(one: bool, other: bool, what: &'static str, expected: &'static str) -> Result<()> {
    if one && other { Err(DataError::format(what, "given twice", expected)) } else { Ok(()) }
}

fn plan(input: &Input, with_targets: bool) -> Result<Vec<(&Path, Vec<Wanted>)>> {
    let mut plan = Plan::default();
    let file = input.file.as_deref();
    let (logits, probabilities) = (input.logits.as_deref(), input.probabilities.as_deref());
    only_one(logits.is_some(), probabilities.is_some(), "file of the scores", "logits or probabilities")?;
    let (path, role) = match (logits, probabilities, file) {
        (Some(path), _, _) => (path, Role::Logits),
        (_, Some(path), _) => (path, Role::Probabilities),
        (_, _, Some(path)) if input.file_holds_probabilities => (path, Role::Probabilities),
        (_, _, Some(path)) => (path, Role::Logits),
        _ => {
            let expected = "a file of everything, of logits or of probabilities";
            return Err(DataError::format("file of the scores", "missing", expected));
        }
    };
    let name = input.scores_name.clone();
    plan.want(path, Wanted { role, name, needed: true, sole: true, or_soft: false });
    if !with_targets {
        return Ok(plan.0);
    }

    let (labels, soft) = (input.labels.as_deref(), input.soft_labels.as_deref());
    let expected = "labels or soft labels";
    only_one(labels.is_some(), soft.is_some(), "file of the labels", expected)?;
    let (labels_name, soft_name) = (input.labels_name.clone(), input.soft_labels_name.clone());
    only_one(labels_name.is_some(), soft_name.is_some(), "name of the labels", expected)?;
    let own = |role, name| Wanted { role, name, needed: true, sole: true, or_soft: false };
    let inside = |role, name| Wanted { role, name, needed: true, sole: false, or_soft: false };
    match (labels, soft, file) {
        (Some(path), _, _) => plan.want(path, own(Role::Labels, labels_name)),
        (_, Some(path), _) => plan.want(path, own(Role::SoftLabels, soft_name)),
        (_, _, Some(path)) if soft_name.is_some() => plan.want(path, inside(Role::SoftLabels, soft_name)),
        (_, _, Some(path)) => {
            let or_soft = labels_name.is_none();
            plan.want(path, Wanted { or_soft, ..inside(Role::Labels, labels_name) });
        }
        _ => {
            return Err(DataError::format("file of the labels", "missing", "one of labels or soft labels"));
        }
    }

    match (input.groups.as_deref(), file, input.groups_name.clone()) {
        (Some(path), _, name) => plan.want(path, own(Role::Groups, name)),
        (None, Some(path), Some(name)) => plan.want(path, inside(Role::Groups, Some(name))),
        (None, None, Some(_)) => {
            return Err(DataError::format("file of the groups", "missing", "the file that the name is of"));
        }
        (None, _, None) => {}
    }

    let name = input.weights_name.clone();
    match (input.weights.as_deref(), file) {
        (Some(path), _) => plan.want(path, own(Role::Weights, name)),
        (None, Some(path)) => {
            let needed = name.is_some();
            plan.want(path, Wanted { needed, ..inside(Role::Weights, name) });
        }
        (None, None) if name.is_some() => {
            return Err(DataError::format("file of the weights", "missing", "the file that the name is of"));
        }
        (None, None) => {}
    }
    Ok(plan.0)
}
