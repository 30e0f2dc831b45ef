//! Fitting, applying, saving and measuring.

use std::ops::ControlFlow;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use temperance::calibrate;
use temperance::fold::{Observer, Progress};
use temperance::metric::{Bootstrap, Conventions, Evaluation, Event, IntervalKind};
use temperance::select::Comparison;
use temperance::{Block, Logits, Probabilities, RowWeights, Scores, ValuesMut, Zeros};
use temperance_data::CalibratorFile;

use crate::arrays::{FloatType, Floats, Output, plain};
use crate::errors::{raised, wrong_value};
use crate::losses::detached;
use crate::parameters;
use crate::targets::TargetArray;

/// Tells a Python callable of progress, and stops where Python has a signal to handle.
struct Watch<'a> {
    progress: Option<&'a Py<PyAny>>,
    raised: Mutex<Option<PyErr>>,
}

impl<'a> Watch<'a> {
    fn new(progress: Option<&'a Py<PyAny>>) -> Self {
        Watch { progress, raised: Mutex::new(None) }
    }

    /// What Python raises for an error of the library under this watch.
    fn raised(self, error: temperance::Error) -> PyErr {
        self.raised.into_inner().ok().flatten().unwrap_or_else(|| raised(error))
    }
}

impl Observer for Watch<'_> {
    fn progress(&self, progress: Progress) -> ControlFlow<()> {
        let told = Python::attach(|py| {
            py.check_signals()?;
            if let Some(callable) = self.progress {
                callable.call1(py, (progress.task, progress.rows, progress.total, progress.pass))?;
            }
            Ok(())
        });
        match told {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                if let Ok(mut raised) = self.raised.lock() {
                    raised.get_or_insert(error);
                }
                ControlFlow::Break(())
            }
        }
    }
}

/// The rule of that name for probabilities of 0.
fn zeros_rule(name: &str) -> PyResult<Zeros> {
    match name {
        "clip" => Ok(Zeros::Clip),
        "error" => Ok(Zeros::Error),
        "infinite" => Ok(Zeros::Infinite),
        _ => Err(wrong_value("zeros", &format!("{name:?}"), "\"clip\", \"error\" or \"infinite\"")),
    }
}

/// Scores of shape (rows, classes), labels and weights.
struct Given<'py> {
    scores: Floats<'py>,
    labels: TargetArray<'py>,
    weights: Option<Floats<'py>>,
    probabilities: bool,
    zeros: Zeros,
    ignore_index: Option<i64>,
}

fn two_axes(what: &str, scores: &Floats<'_>) -> PyResult<usize> {
    match scores.shape[..] {
        [_, classes] => Ok(classes),
        _ => Err(wrong_value(what, &format!("of shape {:?}", scores.shape), "two axes, rows and classes")),
    }
}

fn scores_of<'a>(
    scores: &'a Floats<'_>,
    classes: usize,
    probabilities: bool,
    zeros: Zeros,
) -> PyResult<Scores<'a>> {
    if probabilities {
        Probabilities::from_values(scores.values(), classes).map(|scores| scores.zeros(zeros).into())
    } else {
        Logits::from_values(scores.values(), classes).map(Scores::from)
    }
    .map_err(raised)
}

impl<'py> Given<'py> {
    fn read(
        scores: &Bound<'py, PyAny>,
        labels: &Bound<'py, PyAny>,
        weights: Option<&Bound<'py, PyAny>>,
        probabilities: bool,
        zeros: &str,
        ignore_index: Option<i64>,
    ) -> PyResult<Self> {
        let what = if probabilities { "probabilities" } else { "logits" };
        let scores = Floats::read(what, scores)?;
        two_axes(what, &scores)?;
        let labels = TargetArray::of_rows("labels", &plain("labels", labels)?)?;
        let weights = weights.map(|weights| Floats::read("weights", weights)).transpose()?;
        Ok(Given { scores, labels, weights, probabilities, zeros: zeros_rule(zeros)?, ignore_index })
    }

    fn classes(&self) -> usize {
        self.scores.shape[1]
    }

    fn block(&self) -> PyResult<Block<'_>> {
        let classes = self.classes();
        let scores = scores_of(&self.scores, classes, self.probabilities, self.zeros)?;
        let targets = self.labels.targets(classes, self.ignore_index, false)?;
        let block = Block::new(scores, targets).map_err(raised)?;
        match &self.weights {
            Some(weights) => block.with_weights(RowWeights::from_values(weights.values())).map_err(raised),
            None => Ok(block),
        }
    }
}

/// A fitted calibrator.
///
/// ``method`` is its name, ``parameters`` what it is made of, ``certificate`` what is known about its fit. The text of
/// ``to_json()`` is the file that ``temperance fit`` writes and ``temperance apply`` reads.
#[pyclass(frozen, module = "temperance")]
pub(crate) struct Calibrator {
    file: CalibratorFile,
    calibrator: Box<dyn calibrate::Calibrator>,
}

#[pymethods]
impl Calibrator {
    /// Name of the method.
    #[getter]
    fn method(&self) -> &str {
        &self.file.method
    }

    /// Number of classes that it was fitted to.
    #[getter]
    fn classes(&self) -> usize {
        self.file.classes
    }

    /// Names of the classes, if they have any.
    #[getter]
    fn class_names(&self) -> Option<Vec<String>> {
        self.file.class_names.clone()
    }

    /// What it is made of, by name: numbers and lists of numbers.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        parameters::object(py, &json!(self.file.parameters))
    }

    /// What is known about the fit: losses before and after, interval of T, flags. ``None`` if it was not fitted.
    #[getter]
    fn certificate<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        parameters::object(py, &json!(self.file.certificate))
    }

    /// Calibrated probabilities of scores of shape (rows, classes); of the scores' type, half precision as float32.
    #[pyo3(signature = (scores, *, probabilities=false, zeros="clip"))]
    fn apply<'py>(
        &self,
        scores: &Bound<'py, PyAny>,
        probabilities: bool,
        zeros: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.transform(scores, probabilities, zeros, true)
    }

    /// Calibrated logits: their softmax is what ``apply`` gives.
    #[pyo3(signature = (scores, *, probabilities=false, zeros="clip"))]
    fn logits<'py>(
        &self,
        scores: &Bound<'py, PyAny>,
        probabilities: bool,
        zeros: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.transform(scores, probabilities, zeros, false)
    }

    /// The calibrator file as text.
    fn to_json(&self) -> String {
        self.file.to_json()
    }

    /// Reads the text of a calibrator file.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        let (file, calibrator) = CalibratorFile::from_json(text.as_bytes())
            .map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
        Ok(Calibrator { file, calibrator })
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.get_type().getattr("from_json")?, (slf.get().to_json(),)))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.file.to_json() == other.file.to_json()
    }

    fn __repr__(&self) -> String {
        let shown = self.calibrator.parameters();
        let mut text =
            format!("<temperance.Calibrator {} of {} classes", self.file.method, self.file.classes);
        for (name, value) in shown.iter() {
            if let temperance::Parameter::Number(value) = value {
                text.push_str(&format!(", {name}={value:.6}"));
            }
        }
        text + ">"
    }
}

impl Calibrator {
    fn transform<'py>(
        &self,
        scores: &Bound<'py, PyAny>,
        probabilities: bool,
        zeros: &str,
        normalise: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = scores.py();
        let what = if probabilities { "probabilities" } else { "logits" };
        let array = Floats::read(what, scores)?;
        let classes = two_axes(what, &array)?;
        let view = scores_of(&array, classes, probabilities, zeros_rule(zeros)?)?;
        let float = if array.float == FloatType::F64 { FloatType::F64 } else { FloatType::F32 };
        let output = Output::new(py, float, &array.shape);
        let calibrator = self.calibrator.as_ref();
        output.fill(|into| {
            let mut into = Some(into);
            detached(py, array.values().len(), &mut || match (into.take(), normalise) {
                (Some(ValuesMut::F32(into)), true) => calibrate::probabilities_into(calibrator, &view, into),
                (Some(ValuesMut::F32(into)), false) => calibrate::logits_into(calibrator, &view, into),
                (Some(ValuesMut::F64(into)), true) => calibrate::probabilities_into(calibrator, &view, into),
                (Some(ValuesMut::F64(into)), false) => calibrate::logits_into(calibrator, &view, into),
                _ => Ok(()),
            })
        })?;
        output.into_object(scores)
    }
}

/// Fits the method of that name, or the one that a comparison recommends for ``auto``.
#[pyfunction]
#[pyo3(signature = (method, scores, labels, settings, *, probabilities=false, weights=None, zeros="clip",
    ignore_index=None, class_names=None, progress=None))]
#[expect(clippy::too_many_arguments, reason = "as Python calls it")]
pub(crate) fn fit<'py>(
    py: Python<'py>,
    method: &str,
    scores: &Bound<'py, PyAny>,
    labels: &Bound<'py, PyAny>,
    settings: &Bound<'py, PyDict>,
    probabilities: bool,
    weights: Option<&Bound<'py, PyAny>>,
    zeros: &str,
    ignore_index: Option<i64>,
    class_names: Option<Vec<String>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Calibrator> {
    let given = Given::read(scores, labels, weights, probabilities, zeros, ignore_index)?;
    let block = given.block()?;
    let settings = parameters::read(settings)?;
    let watch = Watch::new(progress.as_ref());
    let chosen = if method == "auto" {
        match py.detach(|| Comparison::new().run_with(block, &watch, &|| 0.0)) {
            Ok(compared) => compared.recommended().method,
            Err(error) => return Err(watch.raised(error)),
        }
    } else {
        method
    };
    let Some(entry) = calibrate::method(chosen) else {
        let names: Vec<&str> = calibrate::METHODS.iter().map(|entry| entry.name).collect();
        return Err(wrong_value("method", &format!("{method:?}"), &format!("auto, {}", names.join(", "))));
    };
    let unfitted = (entry.build)(&settings).map_err(raised)?;
    let fitted = match py.detach(|| unfitted.fit_observed(&block, &watch)) {
        Ok(fitted) => fitted,
        Err(error) => return Err(watch.raised(error)),
    };
    let file = CalibratorFile::new(
        fitted.calibrator.as_ref(),
        Some(fitted.certificate),
        given.classes(),
        class_names.as_deref(),
        given.zeros,
        Conventions::new(),
    );
    Ok(Calibrator { file: file.map_err(raised)?, calibrator: fitted.calibrator })
}

/// Everything measured, as a dictionary.
#[pyfunction]
#[pyo3(signature = (scores, labels, *, probabilities=false, weights=None, zeros="clip", ignore_index=None, bins=15,
    metrics=None, event="confidence", bootstrap=0, level=0.95, interval="percentile", seed=0, groups=None,
    progress=None))]
#[expect(clippy::too_many_arguments, reason = "as Python calls it")]
pub(crate) fn evaluate<'py>(
    py: Python<'py>,
    scores: &Bound<'py, PyAny>,
    labels: &Bound<'py, PyAny>,
    probabilities: bool,
    weights: Option<&Bound<'py, PyAny>>,
    zeros: &str,
    ignore_index: Option<i64>,
    bins: usize,
    metrics: Option<Vec<String>>,
    event: &str,
    bootstrap: usize,
    level: f64,
    interval: &str,
    seed: u64,
    groups: Option<Vec<u64>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let given = Given::read(scores, labels, weights, probabilities, zeros, ignore_index)?;
    let block = given.block()?;
    let event = match event {
        "confidence" => Event::Confidence,
        "positive" => Event::Positive,
        _ => return Err(wrong_value("event", &format!("{event:?}"), "\"confidence\" or \"positive\"")),
    };
    let kind = match interval {
        "percentile" => IntervalKind::Percentile,
        "basic" => IntervalKind::Basic,
        "bca" => IntervalKind::Bca,
        _ => {
            return Err(wrong_value(
                "interval",
                &format!("{interval:?}"),
                "\"percentile\", \"basic\" or \"bca\"",
            ));
        }
    };
    let names = metrics.unwrap_or_default();
    let evaluation =
        Evaluation::new().bins(bins).and_then(|e| e.event(event).named(&names)).map_err(raised)?;
    let watch = Watch::new(progress.as_ref());
    let outcome = py.detach(|| {
        let measured = evaluation.measure_with(&block, &watch)?;
        let mut intervals = serde_json::Map::new();
        if bootstrap > 0 {
            let mut resampling = Bootstrap::new().replicates(bootstrap)?.seed(seed).level(level)?.kind(kind);
            if let Some(groups) = &groups {
                resampling = resampling.groups(groups);
            }
            let replicates = resampling.run_with(&evaluation, &[&measured.summaries], &watch)?;
            for name in replicates.names() {
                if let Some(interval) = replicates.interval(0, name) {
                    intervals.insert((*name).to_owned(), json!([interval.lower, interval.upper]));
                }
            }
        }
        Ok((measured, intervals))
    });
    let (measured, intervals) = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Err(watch.raised(error)),
    };
    let bins: Vec<_> = measured.reliability.bins().iter().map(|bin| {
        json!({
            "lower": bin.lower, "upper": bin.upper, "rows": bin.rows, "weight": bin.weight,
            "confidence": bin.confidence(), "accuracy": bin.accuracy(), "interval": bin.accuracy_interval(),
        })
    }).collect();
    let values: serde_json::Map<_, _> =
        measured.metrics.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    parameters::object(
        py,
        &json!({
            "rows": measured.rows,
            "weight": measured.weight,
            "classes": measured.classes,
            "metrics": values,
            "intervals": intervals,
            "reliability": bins,
            "conventions": measured.conventions,
        }),
    )
}
