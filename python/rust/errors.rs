//! Errors of the library as Python exceptions, with its texts.

use pyo3::exceptions::{PyKeyboardInterrupt, PyTypeError, PyValueError};
use pyo3::{PyErr, create_exception};
use temperance::{Error, ErrorKind};

create_exception!(temperance, FitError, PyValueError, "The rows do not determine what was to be fitted.");

/// What Python raises for an error of the library.
pub(crate) fn raised(error: Error) -> PyErr {
    match error.kind() {
        ErrorKind::Fit | ErrorKind::NotConverged => FitError::new_err(error.to_string()),
        ErrorKind::Interrupted => PyKeyboardInterrupt::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// A value of a kind that is never right.
pub(crate) fn wrong_type(what: &str, value: &str, expected: &str) -> PyErr {
    PyTypeError::new_err(format!("{what} is {value}; expected {expected}"))
}

/// A value that is not right here.
pub(crate) fn wrong_value(what: &str, value: &str, expected: &str) -> PyErr {
    PyValueError::new_err(format!("{what} is {value}; expected {expected}"))
}
