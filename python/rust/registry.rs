//! The registries, as Python's objects: what its signatures and docs are generated from.

use pyo3::prelude::*;
use serde_json::{Value, json};
use temperance::calibrate::{METHODS, ParameterEntry};
use temperance::loss::LOSSES;
use temperance::metric::METRICS;

use crate::parameters;

fn parameter(entry: &ParameterEntry) -> Value {
    let default =
        if entry.default.is_finite() { json!(entry.default) } else { json!(entry.default.to_string()) };
    json!({ "name": entry.name, "domain": entry.domain, "default": default })
}

/// Losses, methods and metrics, each a list.
#[pyfunction]
pub(crate) fn registry(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let losses: Vec<Value> = LOSSES
        .iter()
        .map(|entry| {
            json!({
                "name": entry.name, "summary": entry.summary, "formula": entry.formula, "source": entry.source,
                "parameters": entry.parameters.iter().map(parameter).collect::<Vec<_>>(),
                "soft_labels": entry.soft_labels, "teacher": entry.teacher,
            })
        })
        .collect();
    let methods: Vec<Value> = METHODS
        .iter()
        .map(|entry| {
            json!({
                "name": entry.name, "summary": entry.summary, "source": entry.source, "binary": entry.binary,
                "parameters": entry.parameters.iter().map(parameter).collect::<Vec<_>>(),
            })
        })
        .collect();
    let metrics: Vec<Value> = METRICS
        .iter()
        .map(|entry| {
            json!({
                "name": entry.name, "summary": entry.summary, "formula": entry.formula, "source": entry.source,
            })
        })
        .collect();
    parameters::object(py, &json!({ "losses": losses, "methods": methods, "metrics": metrics }))
}
