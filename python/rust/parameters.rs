//! Parameters as Python's numbers, and JSON as Python's objects.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use temperance::{Parameter, Parameters};

use crate::errors::wrong_type;

/// The numbers of a dictionary; `None` is left out.
pub(crate) fn read(settings: &Bound<'_, PyDict>) -> PyResult<Parameters> {
    let mut parameters = Parameters::new();
    for (name, value) in settings {
        if value.is_none() {
            continue;
        }
        let name = name.cast::<PyString>()?.to_str()?;
        let Ok(number) = value.extract::<f64>() else {
            return Err(wrong_type(name, &value.repr()?.to_string(), "a number"));
        };
        parameters = parameters.with(name, Parameter::Number(number));
    }
    Ok(parameters)
}

/// The Python object of a JSON value; infinities and NaN, which JSON has no numbers for, are given as text.
pub(crate) fn object<'py>(py: Python<'py>, value: &serde_json::Value) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (value.to_string(),))
}
