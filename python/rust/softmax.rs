//! Softmax, its logarithm, its entropy, a temperature.

use pyo3::prelude::*;
use temperance::{Logits, ValuesMut, calibrate::Temperature};

use crate::arrays::{FloatType, Floats, Output};
use crate::errors::{raised, wrong_value};
use crate::losses::{detached, filled};

/// Rows of logits along the last axis.
fn rows<'a>(scores: &'a Floats<'_>) -> PyResult<Logits<'a>> {
    let Some(&classes) = scores.shape.last() else {
        return Err(wrong_value("logits", "one number", "an array with an axis of classes"));
    };
    Logits::from_values(scores.values(), classes).map_err(raised)
}

/// An array of the shape and type of the logits, written by `write`.
fn like<'py>(
    logits: &Bound<'py, PyAny>,
    write: impl Fn(&Logits<'_>, ValuesMut<'_>) -> temperance::Result<()> + Sync,
) -> PyResult<Bound<'py, PyAny>> {
    let py = logits.py();
    let scores = Floats::read("logits", logits)?;
    let view = rows(&scores)?;
    let output = Output::new(py, scores.float, &scores.shape);
    output.fill(|into| {
        let mut into = Some(into);
        detached(py, scores.values().len(), &mut || into.take().map_or(Ok(()), |into| write(&view, into)))
    })?;
    output.into_object(logits)
}

/// softmax(z) along the last axis.
#[pyfunction]
pub(crate) fn softmax<'py>(logits: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    like(logits, |logits, into| match into {
        ValuesMut::F32(into) => temperance::softmax(logits, into),
        ValuesMut::F64(into) => temperance::softmax(logits, into),
        ValuesMut::F16(into) => temperance::softmax(logits, into),
        ValuesMut::Bf16(into) => temperance::softmax(logits, into),
    })
}

/// ln softmax(z) along the last axis.
#[pyfunction]
pub(crate) fn log_softmax<'py>(logits: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    like(logits, |logits, into| match into {
        ValuesMut::F32(into) => temperance::log_softmax(logits, into),
        ValuesMut::F64(into) => temperance::log_softmax(logits, into),
        ValuesMut::F16(into) => temperance::log_softmax(logits, into),
        ValuesMut::Bf16(into) => temperance::log_softmax(logits, into),
    })
}

/// softmax(z / T) along the last axis.
#[pyfunction]
pub(crate) fn temperature_scale<'py>(
    logits: &Bound<'py, PyAny>,
    temperature: f64,
) -> PyResult<Bound<'py, PyAny>> {
    let temperature = Temperature::new(temperature).map_err(raised)?;
    like(logits, |logits, into| match into {
        ValuesMut::F32(into) => temperature.apply_into(logits, into),
        ValuesMut::F64(into) => temperature.apply_into(logits, into),
        ValuesMut::F16(into) => temperature.apply_into(logits, into),
        ValuesMut::Bf16(into) => temperature.apply_into(logits, into),
    })
}

/// Entropy of softmax(z) along the last axis, nats.
#[pyfunction]
pub(crate) fn entropy<'py>(logits: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = logits.py();
    let scores = Floats::read("logits", logits)?;
    let view = rows(&scores)?;
    let values = detached(py, scores.values().len(), &mut || temperance::entropy(&view))?;
    let shape = &scores.shape[..scores.shape.len() - 1];
    filled(py, if scores.float == FloatType::F64 { FloatType::F64 } else { FloatType::F32 }, shape, &values)
}

/// -β · mean entropy.
#[pyfunction]
pub(crate) fn confidence_penalty(logits: &Bound<'_, PyAny>, beta: f64) -> PyResult<f64> {
    let scores = Floats::read("logits", logits)?;
    let view = rows(&scores)?;
    detached(logits.py(), scores.values().len(), &mut || temperance::confidence_penalty(&view, beta))
}
