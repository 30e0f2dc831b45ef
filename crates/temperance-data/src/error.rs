//! The one error type: which file, where in it, what is wrong, and what was expected.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::format::EXPECTED_FILE;
use crate::inflate::TooLarge;

/// Result of a fallible operation of this crate.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// What is wrong with a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum DataErrorKind {
    /// The operating system refused.
    Io(io::Error),
    /// Its numbers are not legal.
    Core(temperance::Error),
    /// Its form is not what it should be.
    Format {
        /// The name of what is wrong, such as `shape`.
        what: Cow<'static, str>,
        /// The offending value, as text.
        value: String,
        /// What was expected instead.
        expected: Cow<'static, str>,
    },
}

/// An error with the file that it is about: for text the line and the column too, for an archive the array.
///
/// The text has one line: `preds.csv, line 9, column cat: cell is "x"; expected a number`.
#[derive(Debug)]
pub struct DataError(Box<Detail>);

#[derive(Debug)]
struct Detail {
    kind: DataErrorKind,
    file: Option<PathBuf>,
    line: Option<u64>,
    column: Option<String>,
    array: Option<String>,
    writing: bool,
}

impl DataError {
    fn new(kind: DataErrorKind) -> Self {
        DataError(Box::new(Detail {
            kind,
            file: None,
            line: None,
            column: None,
            array: None,
            writing: false,
        }))
    }

    pub(crate) fn format(
        what: impl Into<Cow<'static, str>>,
        value: impl fmt::Display,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (what, expected) = (what.into(), expected.into());
        DataError::new(DataErrorKind::Format { what, value: value.to_string(), expected })
    }

    pub(crate) fn core(error: temperance::Error) -> Self {
        DataError::new(DataErrorKind::Core(error))
    }

    /// An error while reading. A decoder's complaint about its data is an error of form.
    pub(crate) fn reading(error: io::Error) -> Self {
        if let Some(TooLarge { cap }) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            let expected = "at most 200 times its compressed size; decompress the file first";
            return DataError::format("inflated size", format_args!("more than {cap} bytes"), expected);
        }
        if error.raw_os_error().is_some() {
            return DataError::new(DataErrorKind::Io(error));
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                DataError::format("compressed data", "truncated", "the whole file")
            }
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                DataError::format("compressed data", format_args!("damaged ({error})"), "an intact file")
            }
            _ => DataError::new(DataErrorKind::Io(error)),
        }
    }

    pub(crate) fn writing(error: io::Error) -> Self {
        let mut error = DataError::new(DataErrorKind::Io(error));
        error.0.writing = true;
        error
    }

    /// Names the file, unless one is named already.
    pub(crate) fn in_file(mut self, file: &Path) -> Self {
        self.0.file.get_or_insert_with(|| file.to_owned());
        self
    }

    /// Names the file in place of one named already.
    pub(crate) fn of_file(mut self, file: &Path) -> Self {
        self.0.file = Some(file.to_owned());
        self
    }

    pub(crate) fn at_line(mut self, line: u64) -> Self {
        self.0.line = Some(line);
        self
    }

    pub(crate) fn in_column(mut self, column: impl Into<String>) -> Self {
        self.0.column = Some(column.into());
        self
    }

    pub(crate) fn in_array(mut self, array: &str) -> Self {
        self.0.array = Some(array.to_owned());
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> &DataErrorKind {
        &self.0.kind
    }

    /// The file, if the error is about one; `-` is standard input.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The line of a text file, counted from 1.
    pub fn line(&self) -> Option<u64> {
        self.0.line
    }

    /// The name of the column of a CSV file.
    pub fn column(&self) -> Option<&str> {
        self.0.column.as_deref()
    }

    /// The name of the array of an archive.
    pub fn array(&self) -> Option<&str> {
        self.0.array.as_deref()
    }
}

/// The file as a message names it.
pub(crate) fn shown(file: &Path) -> Cow<'_, str> {
    if file.as_os_str() == "-" { "standard input".into() } else { file.to_string_lossy() }
}

/// Up to 20 names, separated by commas.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const MOST: usize = 20;
    let mut text = names.iter().take(MOST).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        text.push_str(&format!(", … ({} in all)", names.len()));
    }
    text
}

/// The operating system's words without its number: `permission denied`.
fn plain(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        return "no such file or directory".into();
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail { kind, file, line, column, array, writing } = &*self.0;
        if let DataErrorKind::Io(error) = kind {
            let verb = if *writing { "write" } else { "read" };
            let file = file.as_deref().map_or("a file".into(), shown);
            if error.kind() == io::ErrorKind::IsADirectory && !*writing {
                return write!(f, "{file} is a directory; expected {EXPECTED_FILE}");
            }
            return write!(f, "cannot {verb} {file}: {}", plain(error));
        }
        if let Some(file) = file {
            f.write_str(&shown(file))?;
            if let Some(line) = line {
                write!(f, ", line {line}")?;
            }
            if let Some(column) = column {
                write!(f, ", column {column}")?;
            }
            if let Some(array) = array {
                write!(f, ", array {array}")?;
            }
            f.write_str(": ")?;
        }
        match kind {
            DataErrorKind::Io(_) => Ok(()),
            DataErrorKind::Core(error) => error.fmt(f),
            DataErrorKind::Format { what, value, expected } => {
                write!(f, "{what} is {value}; expected {expected}")
            }
        }
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            DataErrorKind::Io(error) => Some(error),
            DataErrorKind::Core(error) => Some(error),
            DataErrorKind::Format { .. } => None,
        }
    }
}
