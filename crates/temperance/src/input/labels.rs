//! What a row should have been: a class, or a distribution over classes.

use std::ops::Range;

use super::{Element, Matrix, Values};
use crate::error::{Error, ErrorKind, Result};

/// An integer type of class indices.
pub trait LabelElement: Copy + Send + Sync + 'static {
    /// The slice as a [`LabelValues`].
    fn values(slice: &[Self]) -> LabelValues<'_>;
}

macro_rules! label_elements {
    ($($type:ty => $variant:ident),*) => {
        /// A borrowed slice of class indices of any integer type.
        #[derive(Debug, Clone, Copy)]
        pub enum LabelValues<'a> {
            $(#[doc = concat!("`", stringify!($type), "` indices.")] $variant(&'a [$type]),)*
        }

        $(impl LabelElement for $type {
            fn values(slice: &[$type]) -> LabelValues<'_> {
                LabelValues::$variant(slice)
            }
        })*

        impl LabelValues<'_> {
            /// Number of labels.
            pub fn len(self) -> usize {
                match self { $(LabelValues::$variant(v) => v.len(),)* }
            }

            /// How many of `rows` are not `ignored`.
            fn count_others(self, rows: Range<usize>, ignored: i64) -> usize {
                match self {
                    $(LabelValues::$variant(v) => match <$type>::try_from(ignored) {
                        Ok(ignored) => v[rows].iter().filter(|&&label| label != ignored).count(),
                        Err(_) => rows.len(),
                    },)*
                }
            }

            /// Copies labels from row `first` on; what does not fit becomes the largest number.
            #[inline]
            fn copy(self, first: usize, out: &mut [i64]) {
                match self {
                    $(LabelValues::$variant(v) => {
                        for (out, &label) in out.iter_mut().zip(&v[first..]) {
                            *out = i64::try_from(label).unwrap_or(i64::MAX);
                        }
                    })*
                }
            }

            #[inline]
            fn get(self, row: usize) -> i128 {
                match self { $(LabelValues::$variant(v) => v[row] as i128,)* }
            }
        }
    };
}
label_elements!(u8 => U8, u16 => U16, u32 => U32, u64 => U64, usize => Usize, i8 => I8, i16 => I16, i32 => I32, i64 => I64);

impl LabelValues<'_> {
    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// One class index per row, from 0 to K - 1, or the ignored index.
///
/// ```
/// use temperance::Labels;
///
/// let labels = Labels::with_ignored(&[0_i64, -100, 2], 3, -100);
/// assert_eq!(labels.get(0, 0)?, Some(0));
/// assert_eq!(labels.get(1, 0)?, None);
/// assert_eq!(
///     Labels::new(&[3_u8], 3).get(0, 0).unwrap_err().to_string(),
///     "label is 3 at row 0 (counted from 0); expected a class index from 0 to 2"
/// );
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    values: LabelValues<'a>,
    classes: usize,
    ignored: Option<i64>,
    first: usize,
    rows: usize,
}

impl<'a> Labels<'a> {
    /// A view of `indices` as labels of `classes` classes; they are checked where they are read.
    pub fn new<L: LabelElement>(indices: &'a [L], classes: usize) -> Self {
        Self::from_values(L::values(indices), classes)
    }

    /// [`Labels::new`] for indices whose type is known at run time only.
    pub fn from_values(values: LabelValues<'a>, classes: usize) -> Self {
        Labels { values, classes, ignored: None, first: 0, rows: values.len() }
    }

    /// [`Labels::new`] with an index that means "no label": such a row counts nowhere. It may be a class.
    pub fn with_ignored<L: LabelElement>(indices: &'a [L], classes: usize, ignored: i64) -> Self {
        Labels::new(indices, classes).ignoring(Some(ignored))
    }

    /// The same view with another ignored index, or none.
    #[must_use]
    pub fn ignoring(mut self, ignored: Option<i64>) -> Self {
        self.ignored = ignored;
        self
    }

    /// The label of a row; `None` if it is ignored. `first_row` is added to the row in an error.
    ///
    /// # Errors
    /// If the label is not a class index.
    #[inline]
    pub fn get(&self, row: usize, first_row: u64) -> Result<Option<usize>> {
        let label = self.values.get(self.first + row);
        if self.ignored.is_some_and(|ignored| i128::from(ignored) == label) {
            return Ok(None);
        }
        match usize::try_from(label) {
            Ok(class) if class < self.classes => Ok(Some(class)),
            _ => Err(self.invalid(label, first_row + row as u64)),
        }
    }

    /// Copies the labels from row `first` on, unchecked.
    #[inline]
    pub(crate) fn copy(&self, first: usize, out: &mut [i64]) {
        self.values.copy(self.first + first, out);
    }

    /// The index that means "no label".
    pub(crate) fn ignored(&self) -> Option<i64> {
        self.ignored
    }

    /// Number of labels that are not ignored.
    pub(crate) fn counted(&self) -> usize {
        match self.ignored {
            None => self.rows,
            Some(ignored) => self.values.count_others(self.first..self.first + self.rows, ignored),
        }
    }

    #[cold]
    fn invalid(&self, label: i128, row: u64) -> Error {
        let expected = match self.classes {
            0 => "no label, as there are no classes".to_owned(),
            classes => format!("a class index from 0 to {}", classes - 1),
        };
        Error::new(ErrorKind::Label, "label", label, expected).at_row(row)
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of labels n.
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn slice(&self, rows: Range<usize>) -> Self {
        Labels { first: self.first + rows.start, rows: rows.len(), ..*self }
    }

    fn gather<T>(&self, rows: &[usize], use_gathered: impl FnOnce(Labels<'_>) -> T) -> T {
        let buffer: Vec<i64> = rows
            .iter()
            .map(|&row| i64::try_from(self.values.get(self.first + row)).unwrap_or(i64::MAX))
            .collect();
        use_gathered(Labels { ignored: self.ignored, ..Labels::new(&buffer, self.classes) })
    }
}

/// One distribution over the K classes per row.
///
/// A row must lie on the simplex (entries in [0, 1], sum 1 within 0.01), unless the labels are
/// [`SoftLabels::unnormalised`].
#[derive(Debug, Clone, Copy)]
pub struct SoftLabels<'a> {
    matrix: Matrix<'a>,
    normalised: bool,
}

impl<'a> SoftLabels<'a> {
    /// A view of `values` as rows of `classes` probabilities.
    ///
    /// # Errors
    /// If there are no values, no classes, or the length is not a multiple of `classes`.
    pub fn new<E: Element>(values: &'a [E], classes: usize) -> Result<Self> {
        Self::from_values(E::values(values), classes)
    }

    /// [`SoftLabels::new`] for values whose type is known at run time only.
    ///
    /// # Errors
    /// As [`SoftLabels::new`].
    pub fn from_values(values: Values<'a>, classes: usize) -> Result<Self> {
        let matrix = super::Probabilities::from_values(values, classes)?.matrix;
        Ok(SoftLabels { matrix, normalised: true })
    }

    /// The same labels without the check of the simplex: any finite numbers, as PyTorch accepts.
    #[must_use]
    pub fn unnormalised(mut self) -> Self {
        self.normalised = false;
        self
    }

    /// Whether rows must lie on the simplex.
    pub fn is_normalised(&self) -> bool {
        self.normalised
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.matrix.classes()
    }

    /// Number of rows n.
    pub fn rows(&self) -> usize {
        self.matrix.rows()
    }

    /// Row `row` in `f64`, checked.
    pub(crate) fn row<'s>(&self, row: usize, first_row: u64, scratch: &'s mut Vec<f64>) -> Result<&'s [f64]>
    where
        'a: 's,
    {
        let values = self.matrix.row(row, scratch);
        let at = first_row + row as u64;
        let legal = |t: f64| {
            if self.normalised { (0.0..=1.0).contains(&t) } else { t.is_finite() }
        };
        if let Some(column) = values.iter().position(|&t| !legal(t)) {
            let expected = if self.normalised { "a number from 0 to 1" } else { "a finite number" };
            let error = Error::new(ErrorKind::Value, "soft label", values[column], expected);
            return Err(error.at_row(at).at_column(column));
        }
        if self.normalised {
            let sum: f64 = values.iter().sum();
            if !((sum - 1.0).abs() <= super::Probabilities::SUM_TOLERANCE) {
                return Err(
                    Error::new(ErrorKind::Value, "sum of the soft labels", sum, "1 within 0.01").at_row(at)
                );
            }
        }
        Ok(values)
    }

    fn slice(&self, rows: Range<usize>) -> Self {
        SoftLabels { matrix: self.matrix.slice(rows), ..*self }
    }
}

/// What one row should have been.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// A class.
    Class(usize),
    /// A share for every class.
    Distribution(&'a [f64]),
}

impl Target<'_> {
    /// The share of a class.
    pub(crate) fn share(&self, class: usize) -> f64 {
        match self {
            Target::Class(label) => f64::from(u8::from(*label == class)),
            Target::Distribution(shares) => shares[class],
        }
    }
}

/// Hard or soft labels.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// A class index per row.
    Labels(Labels<'a>),
    /// A distribution per row.
    Soft(SoftLabels<'a>),
}

impl<'a> From<Labels<'a>> for Targets<'a> {
    fn from(labels: Labels<'a>) -> Self {
        Targets::Labels(labels)
    }
}

impl<'a> From<SoftLabels<'a>> for Targets<'a> {
    fn from(labels: SoftLabels<'a>) -> Self {
        Targets::Soft(labels)
    }
}

impl<'a> Targets<'a> {
    /// Number of rows n.
    pub fn rows(&self) -> usize {
        match self {
            Targets::Labels(labels) => labels.rows(),
            Targets::Soft(labels) => labels.rows(),
        }
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        match self {
            Targets::Labels(labels) => labels.classes(),
            Targets::Soft(labels) => labels.classes(),
        }
    }

    /// The target of a row, `None` if the row is ignored.
    ///
    /// # Errors
    /// If it is illegal.
    #[inline]
    pub(crate) fn get<'s>(
        &self,
        row: usize,
        first_row: u64,
        scratch: &'s mut Vec<f64>,
    ) -> Result<Option<Target<'s>>>
    where
        'a: 's,
    {
        match self {
            Targets::Labels(labels) => Ok(labels.get(row, first_row)?.map(Target::Class)),
            Targets::Soft(labels) => labels.row(row, first_row, scratch).map(Target::Distribution).map(Some),
        }
    }

    pub(crate) fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Targets::Labels(labels) => Targets::Labels(labels.slice(rows)),
            Targets::Soft(labels) => Targets::Soft(labels.slice(rows)),
        }
    }

    pub(crate) fn gather<T>(&self, rows: &[usize], use_gathered: impl FnOnce(Targets<'_>) -> T) -> T {
        match self {
            Targets::Labels(labels) => labels.gather(rows, |labels| use_gathered(labels.into())),
            Targets::Soft(labels) => {
                let as_scores = super::Scores::Logits(super::Logits(labels.matrix));
                as_scores.gather(rows, |scores| {
                    let matrix = *scores.matrix();
                    use_gathered(Targets::Soft(SoftLabels { matrix, normalised: labels.normalised }))
                })
            }
        }
    }
}
