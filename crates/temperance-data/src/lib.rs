//! Model outputs in and out of files: `.npy`, `.npz`, `.safetensors`, `.csv` and `.csv.gz`.
//!
//! [`Dataset`] reads scores with labels and weights, [`Confidences`] reads confidences with hits,
//! [`ScoreWriter`] writes scores, [`OutputDir`] holds the files of a report. Files are hostile until read:
//! nothing is allocated because a header says so, and no object is ever unpickled.
//!
//! ```
//! use temperance_data::{Dataset, Input};
//!
//! let dir = tempfile::tempdir()?;
//! let path = dir.path().join("predictions.csv");
//! std::fs::write(&path, "cat,dog,label\n2.0,-1.0,cat\n0.5,0.75,dog\n")?;
//!
//! let dataset = Dataset::read(&Input { file: Some(path), ..Input::default() })?;
//! assert_eq!((dataset.rows(), dataset.classes()), (2, 2));
//! assert_eq!(dataset.class_names().unwrap(), ["cat", "dog"]);
//! let block = dataset.block()?;
//! # assert_eq!(block.rows(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod array;
mod bytes;
mod calibrator;
mod classes;
mod confidences;
mod contents;
mod csv;
mod dataset;
mod error;
mod examples;
mod format;
mod idx;
mod inflate;
mod npy;
mod npz;
mod output;
mod safetensors;
mod sink;
mod write;

pub use archive::{Member, write_archive};
pub use calibrator::CalibratorFile;
pub use confidences::{ConfidenceInput, Confidences};
pub use dataset::{Dataset, Input};
pub use error::{DataError, DataErrorKind, Result};
pub use examples::Examples;
pub use format::{Dtype, Format};
pub use output::{OutputDir, write_file};
pub use write::{ScoreFile, ScoreWriter};
