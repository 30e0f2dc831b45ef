//! Weights of classes and of rows.

use std::ops::Range;

use super::{Element, Values};
use crate::error::{Error, ErrorKind, Result};

const EXPECTED: &str = "a finite number, 0 or above";

/// One weight per class, as PyTorch's `weight`.
///
/// ```
/// use temperance::ClassWeights;
///
/// assert!(ClassWeights::new(&[1.0, 0.5, 2.0]).is_ok());
/// assert_eq!(
///     ClassWeights::new(&[1.0, -0.5]).unwrap_err().to_string(),
///     "class weight is -0.5 at column 1 (counted from 0); expected a finite number, 0 or above"
/// );
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClassWeights(Vec<f64>);

impl ClassWeights {
    /// Weights of the classes in order.
    ///
    /// # Errors
    /// If one is negative or not finite, or all are zero.
    pub fn new<E: Element>(weights: &[E]) -> Result<Self> {
        let weights: Vec<f64> = weights.iter().map(|w| w.to_f64()).collect();
        if let Some(column) = weights.iter().position(|w| !(0.0..f64::INFINITY).contains(w)) {
            let error = Error::new(ErrorKind::Weight, "class weight", weights[column], EXPECTED);
            return Err(error.at_column(column));
        }
        if weights.iter().all(|&w| w == 0.0) {
            return Err(Error::new(ErrorKind::Weight, "every class weight", 0, "at least one above 0"));
        }
        Ok(ClassWeights(weights))
    }

    /// The weights.
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }
}

/// One weight per row: how much it counts in a fit or a mean.
#[derive(Debug, Clone, Copy)]
pub struct RowWeights<'a> {
    values: Values<'a>,
    first: usize,
    rows: usize,
}

impl<'a> RowWeights<'a> {
    /// A view of `weights`; they are checked where they are read.
    pub fn new<E: Element>(weights: &'a [E]) -> Self {
        Self::from_values(E::values(weights))
    }

    /// [`RowWeights::new`] for values whose type is known at run time only.
    pub fn from_values(values: Values<'a>) -> Self {
        RowWeights { values, first: 0, rows: values.len() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn slice(&self, rows: Range<usize>) -> Self {
        RowWeights { first: self.first + rows.start, rows: rows.len(), ..*self }
    }

    /// The weight of a row.
    ///
    /// # Errors
    /// If it is negative or not finite.
    #[inline]
    pub(crate) fn get(&self, row: usize, first_row: u64) -> Result<f64> {
        let weight = self.values.get(self.first + row);
        if (0.0..f64::INFINITY).contains(&weight) {
            Ok(weight)
        } else {
            Err(Error::new(ErrorKind::Weight, "row weight", weight, EXPECTED).at_row(first_row + row as u64))
        }
    }
}
