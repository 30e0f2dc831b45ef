//! Files made by hand, byte by byte.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use temperance_data::{DataError, Dataset, Input};
use zip::write::{SimpleFileOptions, ZipWriter};

/// A directory that goes away, and short names of files in messages.
pub(crate) struct Dir(pub(crate) tempfile::TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        Dir(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// The message without the path of the directory.
    pub(crate) fn text(&self, error: &DataError) -> String {
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The error of reading only scores from a file.
    pub(crate) fn scores_error(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        self.text(&Dataset::read_scores(&logits(&self.put(name, bytes))).unwrap_err())
    }
}

pub(crate) fn logits(path: &Path) -> Input {
    Input { logits: Some(path.to_owned()), ..Input::default() }
}

pub(crate) fn file(path: &Path) -> Input {
    Input { file: Some(path.to_owned()), ..Input::default() }
}

pub(crate) fn values(dataset: &Dataset) -> Vec<f64> {
    let values = dataset.values();
    (0..values.len()).map(|at| values.get(at)).collect()
}

/// A `.npy` file of version 1.
pub(crate) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy_with(1, &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"), data)
}

/// A `.npy` file of any version and header.
pub(crate) fn npy_with(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    match version {
        1 => bytes.extend((header.len() as u16).to_le_bytes()),
        _ => bytes.extend((header.len() as u32).to_le_bytes()),
    }
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

pub(crate) fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub(crate) fn i64s(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Logits of so many rows and classes, counting up.
pub(crate) fn npy_logits(rows: usize, classes: usize) -> Vec<u8> {
    let values: Vec<f32> = (0..rows * classes).map(|value| value as f32).collect();
    npy("<f4", &format!("({rows}, {classes})"), &f32s(&values))
}

pub(crate) fn npy_labels(labels: &[i64]) -> Vec<u8> {
    npy("<i8", &format!("({},)", labels.len()), &i64s(labels))
}

/// numpy text of fixed width.
pub(crate) fn npy_texts(texts: &[&str]) -> Vec<u8> {
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap();
    let mut data = Vec::new();
    for text in texts {
        let mut points: Vec<u32> = text.chars().map(u32::from).collect();
        points.resize(width, 0);
        data.extend(points.iter().flat_map(|point| point.to_le_bytes()));
    }
    npy(&format!("<U{width}"), &format!("({},)", texts.len()), &data)
}

pub(crate) fn npz(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

pub(crate) fn stored(members: &[(&str, &[u8])]) -> Vec<u8> {
    npz(members, zip::CompressionMethod::Stored)
}

pub(crate) fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
