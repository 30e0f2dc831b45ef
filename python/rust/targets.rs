//! What rows should have been: classes, or shares of them.

use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use temperance::{Labels, SoftLabels, Targets};

use crate::arrays::{Floats, Integers, is_whole};
use crate::errors::raised;

/// An array of class indices, or of a share for each class, row by row.
pub(crate) enum TargetArray<'py> {
    Hard(Integers<'py>),
    Soft(Floats<'py>),
}

impl<'py> TargetArray<'py> {
    /// Labels of rows that have two axes themselves: indices, unless they have two axes of numbers that are not whole.
    pub(crate) fn of_rows(what: &str, array: &Bound<'py, PyUntypedArray>) -> PyResult<Self> {
        Ok(if is_whole(array) || array.ndim() < 2 {
            TargetArray::Hard(Integers::read(what, array)?)
        } else {
            TargetArray::Soft(Floats::read(what, array.as_any())?)
        })
    }

    /// As the library takes them. Shares need not sum to 1 if they are `unnormalised`.
    pub(crate) fn targets(
        &self,
        classes: usize,
        ignored: Option<i64>,
        unnormalised: bool,
    ) -> PyResult<Targets<'_>> {
        Ok(match self {
            TargetArray::Hard(array) => Labels::from_values(array.values(), classes).ignoring(ignored).into(),
            TargetArray::Soft(array) => {
                let shares = SoftLabels::from_values(array.values(), classes).map_err(raised)?;
                if unnormalised { shares.unnormalised() } else { shares }.into()
            }
        })
    }
}
