//! Inputs of a classifier and the classes that they belong to: what it is trained on.

use std::path::Path;

use crate::array::{LabelArray, LabelData, Numbers};
use crate::contents::{self, Data, Found, Role, Wanted};
use crate::error::{DataError, Result};
use crate::{classes, idx};

/// Inputs with a class each.
///
/// ```
/// use temperance_data::Examples;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("flowers.csv");
/// std::fs::write(&path, "length,width,label\n5.1,3.5,iris\n4.2,1.0,rose\n")?;
/// let examples = Examples::read(&path, None)?;
/// assert_eq!((examples.rows(), examples.shape.as_slice(), examples.labels.as_slice()), (2, &[2][..], &[0, 1][..]));
/// assert_eq!(examples.class_names.unwrap(), ["iris", "rose"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// The inputs one after the other, each row-major.
    pub values: Vec<f32>,
    /// The axes of one input: `[features]`, `[height, width]` or `[channels, height, width]`.
    pub shape: Vec<usize>,
    /// The class of each input.
    pub labels: Vec<u32>,
    /// The names of the classes, where labels were names.
    pub class_names: Option<Vec<String>>,
}

impl Examples {
    /// Reads `features` (or `x`, `X`, `inputs`) and `labels` of an archive, or the columns of a text file: one named as
    /// labels are, all others features. `labels_name` is that of the labels, where they have another.
    ///
    /// # Errors
    /// If they are not there, not numbers, or not as many labels as inputs; the place is named.
    pub fn read(path: &Path, labels_name: Option<&str>) -> Result<Self> {
        let wanted = |role| Wanted { role, name: None, needed: true, sole: false, or_soft: false };
        // Labels first: the features are the columns that are left.
        let features = Wanted { sole: true, ..wanted(Role::Features) };
        let labels = Wanted { name: labels_name.map(str::to_owned), ..wanted(Role::Labels) };
        let mut found = contents::read(path, &[labels, features])?.found;
        let mut take =
            |role| found.iter().position(|found| found.role == role).map(|at| found.swap_remove(at));
        let (Some(labels), Some(features)) = (take(Role::Labels), take(Role::Features)) else {
            return Err(DataError::format("features and labels", "missing", "an array of each").in_file(path));
        };
        Self::of(features, labels).map_err(|error| error.in_file(path))
    }

    fn of(features: Found, labels: Found) -> Result<Self> {
        let place = labels.place;
        let (Data::Numbers(array), Data::Labels(labels)) = (features.data, labels.data) else {
            return Err(DataError::format("features", "labels", "numbers"));
        };
        let rows = array.shape.first().copied().unwrap_or(0);
        let shape = array.shape.get(1..).unwrap_or_default().to_vec();
        if rows == 0 || shape.is_empty() || shape.len() > 3 || shape.contains(&0) {
            let expected =
                "(rows, features), (rows, height, width) or (rows, channels, height, width), none of them 0";
            return Err(DataError::format(
                "shape of the features",
                crate::array::shape_text(&array.shape),
                expected,
            ));
        }
        let (indices, class_names) = class_indices(&labels, rows).map_err(|error| match error.kind() {
            crate::DataErrorKind::Core(core) => place.locate(DataError::core(core.clone()), core.row(), None),
            _ => error,
        })?;
        let values: Vec<f32> = match array.numbers {
            Numbers::F32(values) => values,
            other => {
                let values = other.values();
                (0..values.len()).map(|at| values.get(at) as f32).collect()
            }
        };
        let width: usize = shape.iter().product();
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let error = temperance::Error::new(
                temperance::ErrorKind::Value,
                "feature",
                values[at],
                "a finite number",
            );
            let (row, column) = ((at / width) as u64, at % width);
            let error = DataError::core(error.at_row(row).at_column(column));
            return Err(features.place.locate(error, Some(row), Some(column)));
        }
        Ok(Examples { values, shape, labels: indices, class_names })
    }

    /// Reads images and labels in the format of MNIST, compressed or not; bytes become numbers from 0 to 1.
    ///
    /// # Errors
    /// If a file cannot be read or is not what it says, or there is not one label for each image.
    pub fn read_idx(images: &Path, labels: &Path) -> Result<Self> {
        let read = |path: &Path| std::fs::read(path).map_err(|error| DataError::reading(error).in_file(path));
        Self::from_idx((&read(images)?, images), (&read(labels)?, labels))
    }

    /// The same from bytes, with the names that errors give them.
    ///
    /// # Errors
    /// As [`Examples::read_idx`].
    pub fn from_idx(images: (&[u8], &Path), labels: (&[u8], &Path)) -> Result<Self> {
        let (shape, bytes) = idx::read(images.0).map_err(|error| error.in_file(images.1))?;
        let (label_shape, indices) = idx::read(labels.0).map_err(|error| error.in_file(labels.1))?;
        if shape.len() < 2 || shape.contains(&0) {
            let expected = "(images, height, width)";
            let value = crate::array::shape_text(&shape);
            return Err(DataError::format("shape of the images", value, expected).in_file(images.1));
        }
        if label_shape != shape[..1] {
            let value = crate::array::shape_text(&label_shape);
            let expected = format!("one for each of the {} images of {}", shape[0], images.1.display());
            return Err(DataError::format("shape of the labels", value, expected).in_file(labels.1));
        }
        Ok(Examples {
            values: bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect(),
            shape: shape[1..].to_vec(),
            labels: indices.into_iter().map(u32::from).collect(),
            class_names: None,
        })
    }

    /// Number of inputs.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Numbers in one input.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// One more than the largest class.
    pub fn classes(&self) -> usize {
        let named = self.class_names.as_ref().map_or(0, Vec::len);
        self.labels.iter().max().map_or(0, |&largest| largest as usize + 1).max(named)
    }

    /// The examples of those rows, in that order.
    pub fn rows_at(&self, rows: &[usize]) -> Self {
        let width = self.width();
        Examples {
            values: rows.iter().flat_map(|&row| &self.values[row * width..][..width]).copied().collect(),
            shape: self.shape.clone(),
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
            class_names: self.class_names.clone(),
        }
    }
}

/// Labels as class indices; names in sorted order.
fn class_indices(labels: &LabelArray, rows: usize) -> Result<(Vec<u32>, Option<Vec<String>>)> {
    let count = labels.vector("labels")?;
    if count != rows {
        return Err(DataError::format(
            "number of labels",
            count,
            format!("one for each of the {rows} inputs"),
        ));
    }
    match &labels.data {
        LabelData::Texts(texts) => {
            let mut names = texts.distinct.clone();
            names.sort();
            Ok((classes::indices(texts, &names).map_err(DataError::core)?, Some(names)))
        }
        LabelData::Indices(indices) => {
            let mut classes = Vec::with_capacity(rows);
            for (row, index) in indices.iter().enumerate() {
                let class = u32::try_from(index).ok().filter(|&class| class < 1 << 24).ok_or_else(|| {
                    let kind = temperance::ErrorKind::Label;
                    let expected = "a class index, 0 or above";
                    DataError::core(temperance::Error::new(kind, "label", index, expected).at_row(row as u64))
                })?;
                classes.push(class);
            }
            Ok((classes, None))
        }
    }
}
