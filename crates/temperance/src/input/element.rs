//! The number types that data come in.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for half::f16 {}
    impl Sealed for half::bf16 {}
}

/// A number type of logits, probabilities, soft labels and weights: `f32`, `f64`, `f16` or `bf16`.
///
/// `f16` and `bf16` are computed in `f32`; sums over rows are always `f64`.
pub trait Element: sealed::Sealed + Copy + Default + Send + Sync + 'static {
    /// The slice as a [`Values`].
    fn values(slice: &[Self]) -> Values<'_>;
    /// The slice as a [`ValuesMut`].
    fn values_mut(slice: &mut [Self]) -> ValuesMut<'_>;
    /// This value, exactly.
    fn to_f64(self) -> f64;
    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;

    #[doc(hidden)]
    fn as_f32(_: &[Self]) -> Option<&[f32]> {
        None
    }
    #[doc(hidden)]
    fn as_f64(_: &[Self]) -> Option<&[f64]> {
        None
    }
    #[doc(hidden)]
    fn as_f32_mut(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }
    #[doc(hidden)]
    fn as_f64_mut(_: &mut [Self]) -> Option<&mut [f64]> {
        None
    }
    #[doc(hidden)]
    fn copy_to_f32(slice: &[Self], out: &mut [f32]);
    #[doc(hidden)]
    fn copy_from_f32(slice: &[f32], out: &mut [Self]);
}

impl Element for f32 {
    fn values(slice: &[f32]) -> Values<'_> {
        Values::F32(slice)
    }
    fn values_mut(slice: &mut [f32]) -> ValuesMut<'_> {
        ValuesMut::F32(slice)
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.into()
    }
    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
    fn as_f32(slice: &[f32]) -> Option<&[f32]> {
        Some(slice)
    }
    fn as_f32_mut(slice: &mut [f32]) -> Option<&mut [f32]> {
        Some(slice)
    }
    #[inline(always)]
    fn copy_to_f32(slice: &[f32], out: &mut [f32]) {
        out.copy_from_slice(slice);
    }
    #[inline(always)]
    fn copy_from_f32(slice: &[f32], out: &mut [f32]) {
        out.copy_from_slice(slice);
    }
}

impl Element for f64 {
    fn values(slice: &[f64]) -> Values<'_> {
        Values::F64(slice)
    }
    fn values_mut(slice: &mut [f64]) -> ValuesMut<'_> {
        ValuesMut::F64(slice)
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }
    fn as_f64(slice: &[f64]) -> Option<&[f64]> {
        Some(slice)
    }
    fn as_f64_mut(slice: &mut [f64]) -> Option<&mut [f64]> {
        Some(slice)
    }
    fn copy_to_f32(slice: &[f64], out: &mut [f32]) {
        for (out, &value) in out.iter_mut().zip(slice) {
            *out = value as f32;
        }
    }
    fn copy_from_f32(slice: &[f32], out: &mut [f64]) {
        for (out, &value) in out.iter_mut().zip(slice) {
            *out = value.into();
        }
    }
}

impl Element for f16 {
    fn values(slice: &[f16]) -> Values<'_> {
        Values::F16(slice)
    }
    fn values_mut(slice: &mut [f16]) -> ValuesMut<'_> {
        ValuesMut::F16(slice)
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.into()
    }
    #[inline(always)]
    fn from_f64(value: f64) -> f16 {
        f16::from_f64(value)
    }
    fn copy_to_f32(slice: &[f16], out: &mut [f32]) {
        slice.convert_to_f32_slice(out);
    }
    fn copy_from_f32(slice: &[f32], out: &mut [f16]) {
        out.convert_from_f32_slice(slice);
    }
}

impl Element for bf16 {
    fn values(slice: &[bf16]) -> Values<'_> {
        Values::Bf16(slice)
    }
    fn values_mut(slice: &mut [bf16]) -> ValuesMut<'_> {
        ValuesMut::Bf16(slice)
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.into()
    }
    #[inline(always)]
    fn from_f64(value: f64) -> bf16 {
        bf16::from_f64(value)
    }
    fn copy_to_f32(slice: &[bf16], out: &mut [f32]) {
        slice.convert_to_f32_slice(out);
    }
    fn copy_from_f32(slice: &[f32], out: &mut [bf16]) {
        out.convert_from_f32_slice(slice);
    }
}

/// A borrowed slice of any [`Element`] type, so that data of every type flow through one code path.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
    /// IEEE half precision.
    F16(&'a [f16]),
    /// Brain floating point.
    Bf16(&'a [bf16]),
}

/// [`Values`] that can be written.
#[derive(Debug)]
pub enum ValuesMut<'a> {
    /// Single precision.
    F32(&'a mut [f32]),
    /// Double precision.
    F64(&'a mut [f64]),
    /// IEEE half precision.
    F16(&'a mut [f16]),
    /// Brain floating point.
    Bf16(&'a mut [bf16]),
}

impl ValuesMut<'_> {
    /// The same values, to be read.
    pub fn as_values(&self) -> Values<'_> {
        match self {
            ValuesMut::F32(v) => Values::F32(v),
            ValuesMut::F64(v) => Values::F64(v),
            ValuesMut::F16(v) => Values::F16(v),
            ValuesMut::Bf16(v) => Values::Bf16(v),
        }
    }
}

/// Something to do with a slice once its type is known; dispatched once per block.
pub(crate) trait Visitor {
    type Output;
    fn visit<E: Element>(self, values: &[E]) -> Self::Output;
}

impl<'a> Values<'a> {
    /// Number of values.
    pub fn len(self) -> usize {
        struct Len;
        impl Visitor for Len {
            type Output = usize;
            fn visit<E: Element>(self, values: &[E]) -> usize {
                values.len()
            }
        }
        self.visit(Len)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value at `index`, exactly.
    ///
    /// # Panics
    /// If `index` is out of bounds.
    #[inline]
    pub fn get(self, index: usize) -> f64 {
        match self {
            Values::F32(v) => v[index].into(),
            Values::F64(v) => v[index],
            Values::F16(v) => v[index].into(),
            Values::Bf16(v) => v[index].into(),
        }
    }

    pub(crate) fn visit<V: Visitor>(self, visitor: V) -> V::Output {
        match self {
            Values::F32(v) => visitor.visit(v),
            Values::F64(v) => visitor.visit(v),
            Values::F16(v) => visitor.visit(v),
            Values::Bf16(v) => visitor.visit(v),
        }
    }
}
