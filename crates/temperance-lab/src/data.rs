//! What there is to learn from, divided into training, validation and test.

use std::path::{Path, PathBuf};

use rand::seq::SliceRandom;
use temperance_data::Examples;

use crate::failure::{Failure, Result};
use crate::random::{self, Stream};
use crate::settings::Settings;

/// Examples in three parts.
#[derive(Debug, Clone)]
pub struct Data {
    /// What training sees.
    pub train: Examples,
    /// What calibrators are fitted on.
    pub validation: Examples,
    /// What everything is measured on.
    pub test: Examples,
    /// Examples of the classes that training does not see, if there are such.
    pub held_out: Option<Examples>,
    /// Number of classes.
    pub classes: usize,
    /// Their names, one for each.
    pub names: Vec<String>,
}

const SUBSET: [(&[u8], &str); 4] = [
    (include_bytes!("../../../data/fashion-mnist/train-images-idx3-ubyte.gz"), "train-images"),
    (include_bytes!("../../../data/fashion-mnist/train-labels-idx1-ubyte.gz"), "train-labels"),
    (include_bytes!("../../../data/fashion-mnist/t10k-images-idx3-ubyte.gz"), "t10k-images"),
    (include_bytes!("../../../data/fashion-mnist/t10k-labels-idx1-ubyte.gz"), "t10k-labels"),
];

const FASHION: [&str; 10] = [
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];

impl Data {
    /// Reads and divides the data that settings ask for.
    ///
    /// # Errors
    /// If they are not there (with how to get them), are not what they say, or a part would be empty.
    pub fn read(settings: &Settings) -> Result<Self> {
        let (mut train, test, is_file) = sources(settings)?;
        let classes = train.classes().max(test.as_ref().map_or(0, Examples::classes));
        let classes = match settings.classes {
            Some(said) => {
                for part in [Some(&train), test.as_ref()].into_iter().flatten() {
                    if let Some(row) = part.labels.iter().position(|&label| label as usize >= said) {
                        let label = part.labels[row];
                        return Err(Failure::Error(format!(
                            "{}: label is {label} at row {row} (counted from 0); expected a class index from 0 to {}",
                            settings.data,
                            said - 1
                        )));
                    }
                }
                said
            }
            None => classes,
        };
        if classes < 2 {
            return Err(Failure::Error(format!(
                "{}: number of classes is {classes}; expected at least 2",
                settings.data
            )));
        }
        let names = match &train.class_names {
            Some(names) => names.clone(),
            None if settings.data.contains("fashion-mnist") && classes == 10 => {
                FASHION.map(str::to_owned).to_vec()
            }
            None => (0..classes).map(|class| class.to_string()).collect(),
        };
        let mut rng = random::stream(settings.split_seed, Stream::Split, 0);
        let mut order: Vec<usize> = (0..train.rows()).collect();
        order.shuffle(&mut rng);
        let mut take = |share: f64| {
            let count = (share * train.rows() as f64).round() as usize;
            order.split_off(order.len() - count.min(order.len()))
        };
        // A table without labels to spare, such as the identity, is all of its parts.
        let whole = is_identity(&settings.data);
        let (mut validation, mut test) = match test {
            Some(test) if whole => (test.clone(), test),
            Some(test) => (train.rows_at(&take(settings.validation)), test),
            None => {
                let test = train.rows_at(&take(settings.test));
                (train.rows_at(&take(settings.validation)), test)
            }
        };
        if !whole {
            train = train.rows_at(&order);
        }
        let mut held_out = None;
        if !settings.held_out_classes.is_empty() {
            let unseen = |label: &u32| settings.held_out_classes.contains(label);
            if let Some(class) = settings.held_out_classes.iter().find(|&&class| class as usize >= classes) {
                return Err(Failure::Error(format!(
                    "held_out_classes has {class}; expected class indices from 0 to {}",
                    classes - 1
                )));
            }
            let rows = |part: &Examples, wanted: bool| -> Vec<usize> {
                (0..part.rows()).filter(|&row| unseen(&part.labels[row]) == wanted).collect()
            };
            let mut others = train.rows_at(&rows(&train, true));
            for part in [&validation, &test] {
                let more = part.rows_at(&rows(part, true));
                others.values.extend(more.values);
                others.labels.extend(more.labels);
            }
            held_out = Some(others);
            for part in [&mut train, &mut validation, &mut test] {
                *part = part.rows_at(&rows(part, false));
            }
        }
        if let Some(rows) = settings.rows.filter(|&rows| rows < train.rows()) {
            train = train.rows_at(&(0..rows).collect::<Vec<_>>());
        }
        let any = [&train, &validation, &test].iter().all(|part| part.rows() > 0);
        if any && settings.standardize.unwrap_or(is_file) {
            let scales = scales(&train);
            standardize(&scales, [&mut train, &mut validation, &mut test].into_iter().chain(&mut held_out));
        }
        for (part, name) in [(&train, "training"), (&validation, "validation"), (&test, "test")] {
            if part.rows() == 0 {
                return Err(Failure::Error(format!(
                    "{}: number of {name} examples is 0; expected at least 1",
                    settings.data
                )));
            }
        }
        Ok(Data { train, validation, test, held_out, classes, names })
    }
}

/// Whether the data are the identity.
fn is_identity(data: &str) -> bool {
    data == "one-hot" || data.starts_with("one-hot:")
}

/// Training data, test data if there are any, and whether they came from one file.
fn sources(settings: &Settings) -> Result<(Examples, Option<Examples>, bool)> {
    if settings.data == "fashion-mnist" {
        let part = |images: usize, labels: usize| {
            let place = |at: usize| (SUBSET[at].0, Path::new(SUBSET[at].1));
            Examples::from_idx(place(images), place(labels))
        };
        return Ok((part(0, 1)?, Some(part(2, 3)?), false));
    }
    if is_identity(&settings.data) {
        let classes = match settings.data.strip_prefix("one-hot:") {
            None => 10,
            Some(number) => number.parse().ok().filter(|classes| (2..=4096).contains(classes)).unwrap_or(0),
        };
        if classes == 0 {
            return Err(Failure::Error(format!(
                "data is {}; expected one-hot:K with K from 2 to 4096",
                settings.data
            )));
        }
        let mut values = vec![0.0; classes * classes];
        (0..classes).for_each(|class| values[class * (classes + 1)] = 1.0);
        let labels = (0..classes as u32).collect();
        let table = Examples { values, shape: vec![classes], labels, class_names: None };
        return Ok((table.clone(), Some(table), false));
    }
    let path = PathBuf::from(&settings.data);
    if !path.exists() {
        return Err(Failure::Error(format!(
            "{}: no such file or folder; expected fashion-mnist (the subset that comes with the program), one-hot:K, a \
             folder of IDX files (the whole of Fashion-MNIST: apt-get install dataset-fashion-mnist, then \
             --data /usr/share/datasets/fashion-mnist), or a .npz, .safetensors or .csv file of features and labels",
            settings.data
        )));
    }
    if !path.is_dir() {
        return Ok((Examples::read(&path, settings.labels_name.as_deref())?, None, true));
    }
    let part = |start: &str| -> Result<Examples> {
        let file = |kind: &str, axes: u32| -> Result<PathBuf> {
            let name = format!("{start}-{kind}-idx{axes}-ubyte");
            [format!("{name}.gz"), name.clone()]
                .iter()
                .map(|name| path.join(name))
                .find(|path| path.exists())
                .ok_or_else(|| {
                    Failure::Error(format!(
                        "{}: {name}.gz is missing; expected the four files of an IDX folder, {{train,t10k}}-images-idx3-ubyte \
                         and {{train,t10k}}-labels-idx1-ubyte, compressed or not",
                        settings.data
                    ))
                })
        };
        Ok(Examples::read_idx(&file("images", 3)?, &file("labels", 1)?)?)
    };
    Ok((part("train")?, Some(part("t10k")?), false))
}

/// Mean and standard deviation of each feature; 1 for one that does not vary.
pub(crate) fn scales(examples: &Examples) -> Vec<(f64, f64)> {
    let (width, rows) = (examples.width(), examples.rows() as f64);
    (0..width)
        .map(|feature| {
            let column =
                || examples.values.iter().skip(feature).step_by(width).map(|&value| f64::from(value));
            let mean = column().sum::<f64>() / rows;
            let deviation = (column().map(|value| (value - mean).powi(2)).sum::<f64>() / rows).sqrt();
            (mean, if deviation > 0.0 { deviation } else { 1.0 })
        })
        .collect()
}

/// Takes off the means and divides by the deviations, in every part alike.
pub(crate) fn standardize<'a>(scales: &[(f64, f64)], parts: impl IntoIterator<Item = &'a mut Examples>) {
    for row in parts.into_iter().flat_map(|part| part.values.chunks_mut(scales.len())) {
        for (value, (mean, deviation)) in row.iter_mut().zip(scales) {
            *value = ((f64::from(*value) - mean) / deviation) as f32;
        }
    }
}
