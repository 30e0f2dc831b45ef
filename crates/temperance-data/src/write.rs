//! Scores into a file, a few rows at a time.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use half::{bf16, f16};
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::error::{DataError, Result};
use crate::format::{Dtype, Format};
use crate::npy;
use crate::sink::Sink;

/// What a file of scores looks like.
#[derive(Debug, Clone)]
pub struct ScoreFile {
    /// Its format.
    pub format: Format,
    /// Its number type. numpy has no `bfloat16`: `.npy` and `.npz` then hold `float32`. CSV holds decimals.
    pub dtype: Dtype,
    /// Number of rows n.
    pub rows: usize,
    /// Number of classes K.
    pub classes: usize,
    /// The name of the array in an archive, such as `probabilities`.
    pub name: String,
    /// The columns of CSV, one name per class; `class_0`, `class_1`, … without. Names that are all numbers
    /// get the prefix `class_`, so that the first line is known as a header.
    pub column_names: Option<Vec<String>>,
}

type Buffered = BufWriter<Sink>;

enum Body {
    Plain(Buffered),
    Gzip(Box<GzEncoder<Buffered>>),
    Zip(Box<ZipWriter<Buffered>>),
}

impl Body {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Body::Plain(writer) => writer,
            Body::Gzip(writer) => writer,
            Body::Zip(writer) => writer,
        }
    }
}

/// Writes an n × K matrix; the file has its name only after [`ScoreWriter::finish`].
///
/// Dropped before that, or after an error, it leaves nothing behind.
///
/// ```
/// use temperance_data::{Dataset, Dtype, Format, Input, ScoreFile, ScoreWriter};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("p.npy");
/// let (format, dtype, name) = (Format::Npy, Dtype::F32, "probabilities".to_owned());
/// let file = ScoreFile { format, dtype, rows: 2, classes: 2, name, column_names: None };
/// let mut writer = ScoreWriter::create(&path, file)?;
/// writer.write_rows(&[0.25, 0.75, 0.5, 0.5])?;
/// writer.finish()?;
///
/// let read = Dataset::read_scores(&Input { probabilities: Some(path), ..Input::default() })?;
/// assert_eq!((read.rows(), read.values().get(1)), (2, 0.75));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ScoreWriter {
    body: Body,
    file: ScoreFile,
    path: PathBuf,
    rows: usize,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for ScoreWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScoreWriter")
            .field("path", &self.path)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl ScoreWriter {
    /// Starts a file at `path`, which it will replace if it exists.
    ///
    /// # Errors
    /// If nothing can be written there, or there is not one column name per class.
    pub fn create(path: &Path, file: ScoreFile) -> Result<Self> {
        Self::create_for(path, path, file)
    }

    /// Starts a file that will be moved to `path`, the only place that errors name.
    pub(crate) fn create_for(path: &Path, unfinished: &Path, mut file: ScoreFile) -> Result<Self> {
        if let Some(names) = file.column_names.as_ref().filter(|names| names.len() != file.classes) {
            let expected = format!("one for each of the {} classes", file.classes);
            return Err(DataError::format("number of column names", names.len(), expected).in_file(path));
        }
        if file.dtype == Dtype::Bf16 && matches!(file.format, Format::Npy | Format::Npz) {
            file.dtype = Dtype::F32;
        }
        let sink =
            BufWriter::with_capacity(1 << 16, Sink::create(unfinished).map_err(|error| error.of_file(path))?);
        let written = start(sink, &file);
        let body = written.map_err(|error| DataError::writing(error).in_file(path))?;
        Ok(ScoreWriter { body, file, path: path.to_owned(), rows: 0, buffer: Vec::new() })
    }

    /// Appends rows, given one after the other; numbers are rounded to the number type of the file.
    ///
    /// # Errors
    /// If they are not whole rows, there are more than announced, or they cannot be written.
    pub fn write_rows(&mut self, values: &[f64]) -> Result<()> {
        let classes = self.file.classes.max(1);
        if !values.len().is_multiple_of(classes) {
            let expected = format!("a multiple of the {classes} classes");
            return Err(DataError::format("number of scores", values.len(), expected).in_file(&self.path));
        }
        let rows = self.rows + values.len() / classes;
        if rows > self.file.rows {
            return Err(self.wrong_rows(rows));
        }
        for block in values.chunks(classes * (8192 / classes).max(1)) {
            self.buffer.clear();
            encode(block, &self.file, &mut self.buffer);
            let written = self.body.writer().write_all(&self.buffer);
            written.map_err(|error| DataError::writing(error).in_file(&self.path))?;
        }
        self.rows = rows;
        Ok(())
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// If rows are missing, or it cannot be written.
    pub fn finish(self) -> Result<()> {
        if self.rows != self.file.rows {
            return Err(self.wrong_rows(self.rows));
        }
        let end = || {
            let buffered = match self.body {
                Body::Plain(writer) => writer,
                Body::Gzip(writer) => writer.finish()?,
                Body::Zip(writer) => writer.finish().map_err(from_zip)?,
            };
            buffered.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()
        };
        end().map_err(|error| DataError::writing(error).in_file(&self.path))
    }

    fn wrong_rows(&self, rows: usize) -> DataError {
        let expected = format!("{}, as announced", self.file.rows);
        DataError::format("number of rows", rows, expected).in_file(&self.path)
    }
}

/// Starts an array of that many bytes in an archive, stored as it is.
pub(crate) fn start_member<W: Write + std::io::Seek>(
    archive: &mut ZipWriter<W>,
    name: &str,
    bytes: u128,
) -> std::io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .large_file(bytes > 0xf000_0000);
    archive.start_file(format!("{name}.npy"), options).map_err(from_zip)
}

pub(crate) fn from_zip(error: zip::result::ZipError) -> std::io::Error {
    match error {
        zip::result::ZipError::Io(error) => error,
        other => std::io::Error::other(other),
    }
}

/// Writes what comes before the first row.
fn start(mut sink: Buffered, file: &ScoreFile) -> std::io::Result<Body> {
    let bytes = file.rows as u128 * file.classes as u128 * file.dtype.width() as u128;
    let npy = || {
        let descr = match file.dtype {
            Dtype::F32 | Dtype::Bf16 => "<f4",
            Dtype::F64 => "<f8",
            Dtype::F16 => "<f2",
        };
        npy::write_header(descr, &[file.rows, file.classes])
    };
    Ok(match file.format {
        Format::Npy => {
            sink.write_all(&npy())?;
            Body::Plain(sink)
        }
        Format::Npz => {
            let mut archive = ZipWriter::new(sink);
            start_member(&mut archive, &file.name, bytes)?;
            archive.write_all(&npy())?;
            Body::Zip(Box::new(archive))
        }
        Format::Safetensors => {
            let dtype = match file.dtype {
                Dtype::F32 => "F32",
                Dtype::F64 => "F64",
                Dtype::F16 => "F16",
                Dtype::Bf16 => "BF16",
            };
            let name = serde_json::Value::from(file.name.as_str());
            let (rows, classes) = (file.rows, file.classes);
            let mut header = format!(
                r#"{{{name}:{{"dtype":"{dtype}","shape":[{rows},{classes}],"data_offsets":[0,{bytes}]}}}}"#
            );
            while !header.len().is_multiple_of(8) {
                header.push(' ');
            }
            sink.write_all(&(header.len() as u64).to_le_bytes())?;
            sink.write_all(header.as_bytes())?;
            Body::Plain(sink)
        }
        Format::Csv => {
            sink.write_all(&csv_header(file)?)?;
            Body::Plain(sink)
        }
        Format::CsvGz => {
            let mut gzip = GzEncoder::new(sink, Compression::default());
            gzip.write_all(&csv_header(file)?)?;
            Body::Gzip(Box::new(gzip))
        }
    })
}

fn csv_header(file: &ScoreFile) -> std::io::Result<Vec<u8>> {
    let mut names = match &file.column_names {
        Some(names) => names.clone(),
        None => (0..file.classes).map(|class| class.to_string()).collect(),
    };
    if names.iter().all(|name| name.trim().parse::<f64>().is_ok()) {
        names = names.into_iter().map(|name| format!("class_{name}")).collect();
    }
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(&names)?;
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))
}

fn encode(values: &[f64], file: &ScoreFile, out: &mut Vec<u8>) {
    if matches!(file.format, Format::Csv | Format::CsvGz) {
        for row in values.chunks(file.classes.max(1)) {
            for (column, &value) in row.iter().enumerate() {
                if column > 0 {
                    out.push(b',');
                }
                // The shortest decimals that give the number back.
                let written = match file.dtype {
                    Dtype::F64 => write!(out, "{value:?}"),
                    Dtype::F32 => write!(out, "{:?}", value as f32),
                    Dtype::F16 => write!(out, "{:?}", f16::from_f64(value).to_f32()),
                    Dtype::Bf16 => write!(out, "{:?}", bf16::from_f64(value).to_f32()),
                };
                written.expect("memory takes every byte");
            }
            out.push(b'\n');
        }
        return;
    }
    match file.dtype {
        Dtype::F64 => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        Dtype::F32 => values.iter().for_each(|&value| out.extend((value as f32).to_le_bytes())),
        Dtype::F16 => values.iter().for_each(|&value| out.extend(f16::from_f64(value).to_le_bytes())),
        Dtype::Bf16 => values.iter().for_each(|&value| out.extend(bf16::from_f64(value).to_le_bytes())),
    }
}
