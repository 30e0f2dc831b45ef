//! Model outputs in and out of files: `.npy`, `.npz`, `.safetensors`, `.csv` and `.csv.gz`.
//!
//! [`Dataset`] reads scores with labels and weights, [`Confidences`] reads confidences with hits,
//! [`ScoreWriter`] writes scores, [`OutputDir`] holds the files of a report. Files are hostile until read:
//! nothing is allocated because a header says so, and no object is ever unpickled.

mod array;
mod bytes;
mod calibrator;
mod classes;
mod confidences;
mod contents;
mod csv;
mod dataset;
mod error;
mod format;
mod inflate;
mod npy;
mod npz;
mod output;
mod safetensors;
mod sink;
mod write;

pub use calibrator::CalibratorFile;
pub use confidences::{ConfidenceInput, Confidences};
pub use dataset::{Dataset, Input};
pub use error::{DataError, DataErrorKind, Result};
pub use format::{Dtype, Format};
pub use output::{OutputDir, write_file};
pub use write::{ScoreFile, ScoreWriter};
