//! The formats of files and the number types that they hold.

use std::fmt;
use std::path::Path;

use crate::error::{DataError, Result};

pub(crate) const EXPECTED_FILE: &str = "a .npy, .npz, .safetensors, .csv or .csv.gz file";

/// The format of a file of arrays, told by its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One array of numpy.
    Npy,
    /// A zip archive of `.npy` arrays.
    Npz,
    /// Named tensors with a JSON header.
    Safetensors,
    /// Text with a header, one row per line.
    Csv,
    /// Such text, compressed with gzip.
    CsvGz,
}

impl Format {
    /// The format of a file by its extension, in any case.
    ///
    /// # Errors
    /// If it is none of those of [`Format`].
    pub fn of(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let all = [Format::Npy, Format::Npz, Format::Safetensors, Format::Csv, Format::CsvGz];
        if let Some(format) = all.into_iter().find(|format| name.ends_with(format.extension())) {
            return Ok(format);
        }
        let value = match name.rsplit_once('.') {
            Some((_, extension)) => format!(".{extension}"),
            None => "missing".into(),
        };
        Err(DataError::format("extension", value, EXPECTED_FILE).in_file(path))
    }

    /// Its extension, with the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Npy => ".npy",
            Format::Npz => ".npz",
            Format::Safetensors => ".safetensors",
            Format::Csv => ".csv",
            Format::CsvGz => ".csv.gz",
        }
    }
}

/// A number type of scores in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// IEEE half precision.
    F16,
    /// Brain floating point.
    Bf16,
}

impl Dtype {
    /// Bytes of a number.
    pub(crate) fn width(self) -> usize {
        match self {
            Dtype::F32 => 4,
            Dtype::F64 => 8,
            Dtype::F16 | Dtype::Bf16 => 2,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dtype::F32 => "float32",
            Dtype::F64 => "float64",
            Dtype::F16 => "float16",
            Dtype::Bf16 => "bfloat16",
        })
    }
}
