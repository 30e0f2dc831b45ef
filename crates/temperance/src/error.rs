//! The one error type: what is wrong, its value, where it is, and what was expected.

use std::borrow::Cow;
use std::fmt;

/// Result of a fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The family an [`Error`] belongs to, for programs that react to errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A parameter lies outside its domain (a negative temperature, a smoothing above 1).
    Parameter,
    /// Lengths, class counts or layouts do not fit together.
    Shape,
    /// An entry of the logits, probabilities or soft labels is not a legal value.
    Value,
    /// A label is not a class index.
    Label,
    /// A weight is negative or not finite, or all weights are zero.
    Weight,
    /// The data do not determine what was to be fitted.
    Fit,
    /// An iteration ended without reaching its tolerance.
    NotConverged,
    /// An observer asked to stop.
    Interrupted,
}

/// What is wrong, its value, where (row and column, counted from 0), and what was expected.
///
/// The text has one form: `label is 12 at row 7 (counted from 0); expected a class index from 0 to 9`.
///
/// ```
/// use temperance::loss::{Criterion, CrossEntropy};
/// use temperance::{Labels, Logits};
///
/// let error = CrossEntropy::new()
///     .forward(&Logits::new(&[0.5, f64::NAN], 2)?, Labels::new(&[1], 2))
///     .unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "logit is NaN at row 0, column 1 (counted from 0); expected a finite number or -inf"
/// );
/// assert_eq!((error.row(), error.column()), (Some(0), Some(1)));
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Error(Box<Detail>);

#[derive(Debug, Clone, PartialEq)]
struct Detail {
    kind: ErrorKind,
    what: Cow<'static, str>,
    value: String,
    expected: Cow<'static, str>,
    row: Option<u64>,
    column: Option<usize>,
}

impl Error {
    /// Makes an error without a place; add one with [`Error::at_row`] and [`Error::at_column`].
    pub fn new(
        kind: ErrorKind,
        what: impl Into<Cow<'static, str>>,
        value: impl fmt::Display,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Error(Box::new(Detail {
            kind,
            what: what.into(),
            value: value.to_string(),
            expected: expected.into(),
            row: None,
            column: None,
        }))
    }

    /// The same error with the row it is about, counted from 0 over the whole source.
    #[must_use]
    pub fn at_row(mut self, row: u64) -> Self {
        self.0.row = Some(row);
        self
    }

    /// The same error with the column it is about, counted from 0.
    #[must_use]
    pub fn at_column(mut self, column: usize) -> Self {
        self.0.column = Some(column);
        self
    }

    /// The family of this error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The name of what is wrong, such as `label`.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The offending value, as text.
    pub fn value(&self) -> &str {
        &self.0.value
    }

    /// What was expected instead.
    pub fn expected(&self) -> &str {
        &self.0.expected
    }

    /// The row, counted from 0 over the whole source, if the error has one.
    pub fn row(&self) -> Option<u64> {
        self.0.row
    }

    /// The column, counted from 0, if the error has one.
    pub fn column(&self) -> Option<usize> {
        self.0.column
    }

    /// The same error of a part of a source that starts at `first_row`.
    #[must_use]
    pub fn shifted(self, first_row: u64) -> Self {
        match self.row() {
            Some(row) => self.at_row(first_row + row),
            None => self,
        }
    }

    /// A parameter outside its domain.
    pub(crate) fn parameter(
        what: impl Into<Cow<'static, str>>,
        value: impl fmt::Display,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Error::new(ErrorKind::Parameter, what, value, expected)
    }

    /// Lengths that do not fit together.
    pub(crate) fn shape(
        what: impl Into<Cow<'static, str>>,
        value: impl fmt::Display,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Error::new(ErrorKind::Shape, what, value, expected)
    }
}

/// A label on a class that its row says cannot occur.
#[cold]
pub(crate) fn impossible_label(row: u64) -> Error {
    let expected = "a finite logit: a class that cannot occur cannot be a label";
    Error::new(ErrorKind::Value, "logit of the label", "-inf", expected).at_row(row)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail { what, value, expected, row, column, .. } = &*self.0;
        write!(f, "{what} is {value}")?;
        match (row, column) {
            (Some(row), Some(column)) => write!(f, " at row {row}, column {column} (counted from 0)")?,
            (Some(row), None) => write!(f, " at row {row} (counted from 0)")?,
            (None, Some(column)) => write!(f, " at column {column} (counted from 0)")?,
            (None, None) => {}
        }
        write!(f, "; expected {expected}")
    }
}

impl std::error::Error for Error {}
