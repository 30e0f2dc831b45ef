//! NumPy arrays as the library's slices: without a copy where they are contiguous and of a type that it reads.

use half::slice::HalfBitsSliceExt;
use half::{bf16, f16};
use numpy::{
    Element, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn,
    PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use temperance::input::LabelValues;
use temperance::{Values, ValuesMut};

use crate::errors::{wrong_type, wrong_value};

/// What an array of floats holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatType {
    F32,
    F64,
    F16,
    Bf16,
}

/// An array of floats that the library can read.
pub(crate) struct Floats<'py> {
    held: HeldFloats<'py>,
    pub(crate) float: FloatType,
    pub(crate) shape: Vec<usize>,
}

enum HeldFloats<'py> {
    F32(PyReadonlyArrayDyn<'py, f32>),
    F64(PyReadonlyArrayDyn<'py, f64>),
    /// Either type of two bytes, as its bits.
    Bits(PyReadonlyArrayDyn<'py, u16>),
}

impl<'py> Floats<'py> {
    /// Anything that NumPy makes an array of numbers of. Integers become `float64`; what is not contiguous, or not in
    /// this machine's byte order, is copied.
    pub(crate) fn read(what: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Some(bits) = bfloat16_bits(object)? {
            let array = contiguous(&bits)?;
            let shape = array.shape().to_vec();
            return Ok(Floats {
                held: HeldFloats::Bits(typed(what, &array)?),
                float: FloatType::Bf16,
                shape,
            });
        }
        let mut array = contiguous(&plain(what, object)?)?;
        let mut float = float_type(&array)?;
        if float.is_none() {
            if !matches!(array.dtype().kind(), b'f' | b'i' | b'u' | b'b') {
                let value = format!("an array of dtype {}", array.dtype());
                return Err(wrong_type(what, &value, "numbers: float64, float32, float16 or bfloat16"));
            }
            array = method(&array, "astype", "float64")?;
            float = Some(FloatType::F64);
        }
        let float = float.unwrap_or(FloatType::F64);
        let shape = array.shape().to_vec();
        let held = match float {
            FloatType::F32 => HeldFloats::F32(typed(what, &array)?),
            FloatType::F64 => HeldFloats::F64(typed(what, &array)?),
            FloatType::F16 | FloatType::Bf16 => {
                HeldFloats::Bits(typed(what, &method(&array, "view", "uint16")?)?)
            }
        };
        Ok(Floats { held, float, shape })
    }

    pub(crate) fn values(&self) -> Values<'_> {
        match &self.held {
            HeldFloats::F32(array) => Values::F32(slice(array)),
            HeldFloats::F64(array) => Values::F64(slice(array)),
            HeldFloats::Bits(array) if self.float == FloatType::F16 => {
                Values::F16(slice(array).reinterpret_cast::<f16>())
            }
            HeldFloats::Bits(array) => Values::Bf16(slice(array).reinterpret_cast::<bf16>()),
        }
    }
}

/// An array of whole numbers.
pub(crate) enum Integers<'py> {
    U8(PyReadonlyArrayDyn<'py, u8>),
    U16(PyReadonlyArrayDyn<'py, u16>),
    U32(PyReadonlyArrayDyn<'py, u32>),
    U64(PyReadonlyArrayDyn<'py, u64>),
    I8(PyReadonlyArrayDyn<'py, i8>),
    I16(PyReadonlyArrayDyn<'py, i16>),
    I32(PyReadonlyArrayDyn<'py, i32>),
    I64(PyReadonlyArrayDyn<'py, i64>),
}

impl<'py> Integers<'py> {
    pub(crate) fn read(what: &str, array: &Bound<'py, PyUntypedArray>) -> PyResult<Self> {
        let array = contiguous(array)?;
        let dtype = array.dtype();
        Ok(match (dtype.kind(), dtype.itemsize()) {
            (b'b', _) => Integers::U8(typed(what, &method(&array, "view", "uint8")?)?),
            (b'u', 1) => Integers::U8(typed(what, &array)?),
            (b'u', 2) => Integers::U16(typed(what, &array)?),
            (b'u', 4) => Integers::U32(typed(what, &array)?),
            (b'u', 8) => Integers::U64(typed(what, &array)?),
            (b'i', 1) => Integers::I8(typed(what, &array)?),
            (b'i', 2) => Integers::I16(typed(what, &array)?),
            (b'i', 4) => Integers::I32(typed(what, &array)?),
            (b'i', 8) => Integers::I64(typed(what, &array)?),
            _ => return Err(wrong_type(what, &format!("an array of dtype {dtype}"), "integers")),
        })
    }

    pub(crate) fn values(&self) -> LabelValues<'_> {
        match self {
            Integers::U8(array) => LabelValues::U8(slice(array)),
            Integers::U16(array) => LabelValues::U16(slice(array)),
            Integers::U32(array) => LabelValues::U32(slice(array)),
            Integers::U64(array) => LabelValues::U64(slice(array)),
            Integers::I8(array) => LabelValues::I8(slice(array)),
            Integers::I16(array) => LabelValues::I16(slice(array)),
            Integers::I32(array) => LabelValues::I32(slice(array)),
            Integers::I64(array) => LabelValues::I64(slice(array)),
        }
    }
}

/// An array that the library writes into.
pub(crate) enum Output<'py> {
    F32(Bound<'py, PyArrayDyn<f32>>),
    F64(Bound<'py, PyArrayDyn<f64>>),
    /// Of a type of two bytes: its bits, and what it is.
    Bits(Bound<'py, PyArrayDyn<u16>>, FloatType),
}

impl<'py> Output<'py> {
    /// A new array.
    pub(crate) fn new(py: Python<'py>, float: FloatType, shape: &[usize]) -> Self {
        match float {
            FloatType::F32 => Output::F32(PyArrayDyn::zeros(py, shape, false)),
            FloatType::F64 => Output::F64(PyArrayDyn::zeros(py, shape, false)),
            FloatType::F16 | FloatType::Bf16 => Output::Bits(PyArrayDyn::zeros(py, shape, false), float),
        }
    }

    /// The caller's own array: of the type of the logits or single precision, of the shape, contiguous and writable.
    pub(crate) fn given(object: &Bound<'py, PyAny>, float: FloatType, shape: &[usize]) -> PyResult<Self> {
        let array = plain("out", object)?;
        if !array.is(object) {
            return Err(wrong_type("out", "not an array", "a NumPy array to write into"));
        }
        let half = matches!(float, FloatType::F16 | FloatType::Bf16);
        let float = match float_type(&array)? {
            Some(own) if own == float || (half && own == FloatType::F32) => own,
            _ => {
                let value = format!("an array of dtype {}", array.dtype());
                return Err(wrong_type(
                    "out",
                    &value,
                    "the dtype of the logits, or float32 for half precision",
                ));
            }
        };
        if array.shape() != shape {
            let (got, wanted) =
                (format!("of shape {:?}", array.shape()), format!("the shape {shape:?} of the logits"));
            return Err(wrong_value("out", &got, &wanted));
        }
        if !array.is_c_contiguous() {
            return Err(wrong_value("out", "not C-contiguous", "a C-contiguous array"));
        }
        Ok(match float {
            FloatType::F32 => Output::F32(array.cast_into()?),
            FloatType::F64 => Output::F64(array.cast_into()?),
            FloatType::F16 | FloatType::Bf16 => {
                Output::Bits(method(&array, "view", "uint16")?.cast_into()?, float)
            }
        })
    }

    /// Lets `write` fill it.
    pub(crate) fn fill<T>(&self, write: impl FnOnce(ValuesMut<'_>) -> PyResult<T>) -> PyResult<T> {
        fn lock<'py, T: Element>(array: &Bound<'py, PyArrayDyn<T>>) -> PyResult<PyReadwriteArrayDyn<'py, T>> {
            array.try_readwrite().map_err(|_| wrong_value("out", "read-only or in use", "a writable array"))
        }
        match self {
            Output::F32(array) => write(ValuesMut::F32(lock(array)?.as_slice_mut()?)),
            Output::F64(array) => write(ValuesMut::F64(lock(array)?.as_slice_mut()?)),
            Output::Bits(array, FloatType::F16) => {
                write(ValuesMut::F16(lock(array)?.as_slice_mut()?.reinterpret_cast_mut()))
            }
            Output::Bits(array, _) => {
                write(ValuesMut::Bf16(lock(array)?.as_slice_mut()?.reinterpret_cast_mut()))
            }
        }
    }

    /// What Python gets; `like` is an array whose dtype it has.
    pub(crate) fn into_object(self, like: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Output::F32(array) => Ok(array.into_any()),
            Output::F64(array) => Ok(array.into_any()),
            Output::Bits(array, FloatType::F16) => {
                Ok(method(array.as_untyped(), "view", "float16")?.into_any())
            }
            Output::Bits(array, _) if bfloat16_bits(like)?.is_some() => Ok(array.into_any()),
            Output::Bits(array, _) => {
                array.call_method1("view", (like.getattr(intern!(like.py(), "dtype"))?,))
            }
        }
    }
}

/// The bits of an array of bfloat16 where NumPy has no such type: a pair of that name and an array of `uint16`.
pub(crate) fn bfloat16_bits<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyUntypedArray>>> {
    let Ok(pair) = object.cast::<PyTuple>() else { return Ok(None) };
    if pair.len() != 2 || !pair.get_item(0)?.eq("bfloat16").unwrap_or(false) {
        return Ok(None);
    }
    Ok(Some(pair.get_item(1)?.cast_into()?))
}

/// The array that an object is or that NumPy makes of it. One with a mask is refused: what it hides must not count.
pub(crate) fn plain<'py>(what: &str, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    if object.is_exact_instance_of::<PyUntypedArray>() {
        return Ok(object.cast::<PyUntypedArray>()?.clone());
    }
    let py = object.py();
    if object.is_instance_of::<PyUntypedArray>() {
        let masked = py.import(intern!(py, "numpy.ma"))?.getattr(intern!(py, "MaskedArray"))?;
        if object.is_instance(&masked)? {
            let expected = "an array without a mask: drop or fill the masked rows";
            return Err(wrong_type(what, "a masked array", expected));
        }
    }
    let array = py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "asarray"), (object,))?;
    array.cast_into::<PyUntypedArray>().map_err(|_| wrong_type(what, "not an array", "an array of numbers"))
}

/// Whether an array holds whole numbers, as class indices do.
pub(crate) fn is_whole(array: &Bound<'_, PyUntypedArray>) -> bool {
    matches!(array.dtype().kind(), b'i' | b'u' | b'b')
}

/// The float type of an array; `None` if it is none that the library reads. A dtype is told by kind and size, and one
/// that NumPy does not know, bfloat16, by its name.
fn float_type(array: &Bound<'_, PyUntypedArray>) -> PyResult<Option<FloatType>> {
    let dtype = array.dtype();
    Ok(match (dtype.kind(), dtype.itemsize()) {
        (b'f', 4) => Some(FloatType::F32),
        (b'f', 8) => Some(FloatType::F64),
        (b'f', 2) => Some(FloatType::F16),
        (b'V', 2) => {
            let name: String = dtype.getattr(intern!(dtype.py(), "name"))?.extract()?;
            (name == "bfloat16").then_some(FloatType::Bf16)
        }
        _ => None,
    })
}

/// The array in C order and in this machine's byte order: a copy if it is not.
fn contiguous<'py>(array: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = array.py();
    let mut array = array.clone();
    if array.dtype().is_native_byteorder() == Some(false) {
        let native = array.dtype().call_method1("newbyteorder", ("=",))?;
        array = array.call_method1("astype", (native,))?.cast_into()?;
    }
    if array.is_c_contiguous() {
        return Ok(array);
    }
    let copy = py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "ascontiguousarray"), (&array,))?;
    Ok(copy.cast_into()?)
}

fn method<'py>(
    array: &Bound<'py, PyUntypedArray>,
    name: &str,
    dtype: &str,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    Ok(array.call_method1(name, (dtype,))?.cast_into()?)
}

fn typed<'py, T: Element>(
    what: &str,
    array: &Bound<'py, PyUntypedArray>,
) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    let array = array.cast::<PyArrayDyn<T>>()?;
    array.try_readonly().map_err(|_| wrong_value(what, "being written", "an array that nothing else writes"))
}

fn slice<'a, T: Element>(array: &'a PyReadonlyArrayDyn<'_, T>) -> &'a [T] {
    array.as_slice().expect("it was made contiguous when it was read")
}
