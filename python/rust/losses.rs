//! Losses of NumPy arrays, with or without their gradient.

use std::cell::RefCell;

use numpy::PyUntypedArrayMethods;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyString};
use temperance::loss::{Criterion, Reduction, Supervision, Upstream, WhenEmpty};
use temperance::{ClassWeights, Element, Layout, Logits, Values, ValuesMut};

use crate::arrays::{FloatType, Floats, Integers, Output, bfloat16_bits, is_whole, plain};
use crate::errors::{raised, wrong_type, wrong_value};
use crate::parameters;
use crate::targets::TargetArray;

/// How rows become one number.
#[derive(Clone, Copy, PartialEq)]
enum Reduce {
    None,
    Mean,
    Sum,
}

/// Axes of scores: classes are the last of one or two axes, and the second of more, as in PyTorch.
pub(crate) fn layout(what: &str, shape: &[usize]) -> PyResult<Layout> {
    match *shape {
        [] => Err(wrong_value(what, "one number", "an array with an axis of classes")),
        [classes] => Ok(Layout { outer: 1, classes, inner: 1 }),
        [outer, classes, ref inner @ ..] => Ok(Layout { outer, classes, inner: inner.iter().product() }),
    }
}

/// The shape of what has one number for each row.
fn rows_shape(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [] | [_] => Vec::new(),
        [outer, _, ref inner @ ..] => [&[outer], inner].concat(),
    }
}

fn read_targets<'py>(object: &Bound<'py, PyAny>, logits: &[usize]) -> PyResult<TargetArray<'py>> {
    if let Some(bits) = bfloat16_bits(object)?
        && logits.len() <= 2
        && bits.shape() == logits
    {
        return Ok(TargetArray::Soft(Floats::read("targets", object)?));
    }
    let array = plain("targets", object)?;
    let shape = array.shape();
    if shape == logits && !is_whole(&array) {
        let py = object.py();
        // Rows must lie one after the other.
        let moved = match logits.len() {
            0..=2 => array.into_any(),
            _ => py.import("numpy")?.call_method1("moveaxis", (array, 1, -1))?,
        };
        return Ok(TargetArray::Soft(Floats::read("targets", &moved)?));
    }
    if !is_whole(&array) {
        let value = format!("an array of dtype {} and shape {shape:?}", array.dtype());
        let expected =
            format!("class indices of an integer dtype, or shares of the classes of shape {logits:?}");
        return Err(wrong_type("targets", &value, &expected));
    }
    let wanted = rows_shape(logits);
    if shape != wanted {
        let value = format!("of shape {shape:?}");
        return Err(wrong_value(
            "targets",
            &value,
            &format!("the shape {wanted:?}, one class index for each row"),
        ));
    }
    Ok(TargetArray::Hard(Integers::read("targets", &array)?))
}

fn with_layout<'a>(values: Values<'a>, layout: Layout) -> temperance::Result<Logits<'a>> {
    match values {
        Values::F32(values) => Logits::with_layout(values, layout),
        Values::F64(values) => Logits::with_layout(values, layout),
        Values::F16(values) => Logits::with_layout(values, layout),
        Values::Bf16(values) => Logits::with_layout(values, layout),
    }
}

/// Numbers as `f64`.
fn wide(values: Values<'_>) -> Vec<f64> {
    (0..values.len()).map(|at| values.get(at)).collect()
}

/// A loss and what it was built from. The last one is kept, as building costs more than a small batch.
struct Built {
    name: String,
    settings: Vec<(String, f64)>,
    criterion: Box<dyn Criterion>,
}

thread_local! {
    static LAST: RefCell<Option<Built>> = const { RefCell::new(None) };
}

impl Built {
    fn take(name: &str, settings: &Bound<'_, PyDict>) -> PyResult<Self> {
        let last = LAST.take();
        if let Some(last) = last
            && last.is(name, settings)?
        {
            return Ok(last);
        }
        let Some(entry) = temperance::loss::named(name) else {
            return Err(wrong_value("loss", &format!("{name:?}"), "a name of temperance.LOSSES"));
        };
        let parameters = parameters::read(settings)?;
        let settings = settings.iter().map(|(name, value)| Ok((name.extract()?, value.extract()?)));
        Ok(Built {
            name: name.to_owned(),
            criterion: (entry.build)(&parameters).map_err(raised)?,
            settings: settings.collect::<PyResult<_>>().unwrap_or_default(),
        })
    }

    fn is(&self, name: &str, settings: &Bound<'_, PyDict>) -> PyResult<bool> {
        if self.name != name || self.settings.len() != settings.len() {
            return Ok(false);
        }
        for ((own, kept), (name, value)) in self.settings.iter().zip(settings) {
            // Only numbers as Python writes them: what else is a number is read anew.
            let same = value.cast_exact::<PyFloat>().is_ok_and(|value| value.value() == *kept);
            if !same || name.cast::<PyString>()?.to_str()? != own {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn keep(self) {
        LAST.set(Some(self));
    }
}

/// The loss of that name: one number, or an array of one for each row; with its gradient if that is asked for.
#[pyfunction]
#[pyo3(signature = (name, logits, targets, settings, weight=None, ignore_index=None, reduction="mean", teacher=None,
    gradient=false, upstream=None, out=None))]
#[expect(clippy::too_many_arguments, reason = "as Python calls it")]
pub(crate) fn loss<'py>(
    py: Python<'py>,
    name: &str,
    logits: &Bound<'py, PyAny>,
    targets: &Bound<'py, PyAny>,
    settings: &Bound<'py, PyDict>,
    weight: Option<&Bound<'py, PyAny>>,
    ignore_index: Option<i64>,
    reduction: &str,
    teacher: Option<&Bound<'py, PyAny>>,
    gradient: bool,
    upstream: Option<&Bound<'py, PyAny>>,
    out: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let reduce = match reduction {
        "none" => Reduce::None,
        "mean" => Reduce::Mean,
        "sum" => Reduce::Sum,
        _ => {
            return Err(wrong_value("reduction", &format!("{reduction:?}"), "\"none\", \"mean\" or \"sum\""));
        }
    };
    let weights = match weight {
        Some(weight) => {
            let weight = Floats::read("weight", weight)?;
            Some(ClassWeights::new(&wide(weight.values())).map_err(raised)?)
        }
        None => None,
    };
    let mut built = Built::take(name, settings)?;
    let options = built.criterion.options_mut();
    options.reduction = if reduce == Reduce::Mean { Reduction::Mean } else { Reduction::Sum };
    options.when_empty = WhenEmpty::Nan;
    options.weights = weights;
    let criterion = &built.criterion;
    let scores = Floats::read("logits", logits)?;
    let layout = layout("logits", &scores.shape)?;
    let target_array = read_targets(targets, &scores.shape)?;
    let teacher = teacher.map(|teacher| Floats::read("teacher", teacher)).transpose()?;
    if let Some(teacher) = &teacher
        && teacher.shape != scores.shape
    {
        let value = format!("of shape {:?}", teacher.shape);
        return Err(wrong_value("teacher", &value, &format!("the shape {:?} of the logits", scores.shape)));
    }
    let logits_view = with_layout(scores.values(), layout).map_err(raised)?;
    let supervision = Supervision {
        targets: target_array.targets(layout.classes, ignore_index, true)?,
        teacher: teacher
            .as_ref()
            .map(|teacher| with_layout(teacher.values(), layout))
            .transpose()
            .map_err(raised)?,
    };
    let rows = rows_shape(&scores.shape);
    let run = |work: &mut (dyn FnMut() -> temperance::Result<f64> + Send)| -> PyResult<f64> {
        detached(py, scores.values().len(), work)
    };
    let value = match reduce {
        Reduce::None => {
            let mut losses = Vec::new();
            run(&mut || {
                losses = criterion.per_row(&logits_view, supervision)?;
                Ok(0.0)
            })?;
            // As wide as what was given, and never less than single precision.
            match scores.float {
                FloatType::F64 => filled(py, FloatType::F64, &rows, &losses)?,
                _ => filled(py, FloatType::F32, &rows, &losses)?,
            }
        }
        _ if gradient => py.None().into_bound(py),
        _ => run(&mut || Ok(criterion.forward(&logits_view, supervision)?.value))?.into_bound_py_any(py)?,
    };
    if !gradient {
        built.keep();
        return Ok(value);
    }
    let upstream = match (upstream, reduce) {
        (None, Reduce::None) => Some(vec![1.0; layout.rows()]),
        (None, _) => None,
        (Some(upstream), Reduce::None) => {
            let upstream = Floats::read("upstream", upstream)?;
            if upstream.shape != rows {
                let value = format!("of shape {:?}", upstream.shape);
                return Err(wrong_value("upstream", &value, &format!("the shape {rows:?} of the losses")));
            }
            Some(wide(upstream.values()))
        }
        (Some(upstream), _) => Some(vec![upstream.extract::<f64>()?]),
    };
    let upstream = match (&upstream, reduce) {
        (Some(rows), Reduce::None) => Upstream::PerRow(rows),
        (Some(one), _) => Upstream::Scalar(one[0]),
        (None, _) => Upstream::default(),
    };
    let output = match out {
        Some(out) => Output::given(out, scores.float, &scores.shape)?,
        None => Output::new(py, scores.float, &scores.shape),
    };
    let total = output.fill(|into| {
        run(&mut match into {
            ValuesMut::F32(into) => backward(criterion, &logits_view, supervision, upstream, into),
            ValuesMut::F64(into) => backward(criterion, &logits_view, supervision, upstream, into),
            ValuesMut::F16(into) => backward(criterion, &logits_view, supervision, upstream, into),
            ValuesMut::Bf16(into) => backward(criterion, &logits_view, supervision, upstream, into),
        })
    })?;
    let value = if reduce == Reduce::None { value } else { total.into_bound_py_any(py)? };
    built.keep();
    let gradient = match out {
        Some(out) => out.clone(),
        None => output.into_object(logits)?,
    };
    (value, gradient).into_bound_py_any(py)
}

/// The loss with its gradient written into a slice of any type, as work to be done.
fn backward<'a, C: Criterion, E: Element>(
    criterion: &'a C,
    logits: &'a Logits<'a>,
    supervision: Supervision<'a>,
    upstream: Upstream<'a>,
    into: &'a mut [E],
) -> Box<dyn FnMut() -> temperance::Result<f64> + Send + 'a> {
    Box::new(move || Ok(criterion.forward_backward_into(logits, supervision, upstream, into)?.value))
}

/// A new array of the given numbers.
pub(crate) fn filled<'py>(
    py: Python<'py>,
    float: FloatType,
    shape: &[usize],
    values: &[f64],
) -> PyResult<Bound<'py, PyAny>> {
    let output = Output::new(py, float, shape);
    output.fill(|into| {
        match into {
            ValuesMut::F32(into) => into.iter_mut().zip(values).for_each(|(to, from)| *to = *from as f32),
            ValuesMut::F64(into) => into.copy_from_slice(values),
            _ => unreachable!("only wide arrays are filled"),
        }
        Ok(())
    })?;
    output.into_object(py.None().bind(py))
}

/// Entries below which letting other Python threads run costs more than it gives.
const SMALL: usize = 1 << 14;

/// Does work on that many entries, with the interpreter free for others unless it is small.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    entries: usize,
    work: &mut (dyn FnMut() -> temperance::Result<T> + Send),
) -> PyResult<T> {
    if entries < SMALL { work() } else { py.detach(work) }.map_err(raised)
}
