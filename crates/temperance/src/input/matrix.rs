//! Matrices of scores: logits or probabilities, said by the caller.

use std::ops::Range;

use super::{Element, Values, Visitor};
use crate::error::{Error, ErrorKind, Result, impossible_label};
use crate::row::{self, Real};

/// Where the class axis lies: `outer × classes × inner`, row-major.
///
/// Classes last is `inner = 1`. An image batch (N, C, H, W) is `outer = N, classes = C, inner = H·W`; its
/// rows are the pixels, in the order of (n, h, w).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Product of the dimensions before the class axis.
    pub outer: usize,
    /// Number of classes K.
    pub classes: usize,
    /// Product of the dimensions after the class axis.
    pub inner: usize,
}

impl Layout {
    /// Number of rows, outer × inner.
    pub fn rows(self) -> usize {
        self.outer * self.inner
    }

    #[inline]
    fn start(self, row: usize) -> usize {
        (row / self.inner) * self.classes * self.inner + row % self.inner
    }
}

/// A view of rows of scores, whatever they mean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: Values<'a>,
    layout: Layout,
    first: usize,
    rows: usize,
}

impl<'a> Matrix<'a> {
    fn new(what: &'static str, values: Values<'a>, classes: usize) -> Result<Self> {
        if classes == 0 {
            return Err(Error::shape("number of classes", 0, "at least 1"));
        }
        if !values.len().is_multiple_of(classes) {
            return Err(Error::shape(
                format!("number of {what}"),
                values.len(),
                format!("a multiple of the {classes} classes"),
            ));
        }
        Self::with_layout(what, values, Layout { outer: values.len() / classes, classes, inner: 1 })
    }

    pub(crate) fn with_layout(what: &'static str, values: Values<'a>, layout: Layout) -> Result<Self> {
        let Layout { outer, classes, inner } = layout;
        let size = outer.checked_mul(classes).and_then(|n| n.checked_mul(inner));
        if size != Some(values.len()) {
            return Err(Error::shape(
                format!("number of {what}"),
                values.len(),
                format!("outer × classes × inner = {outer} × {classes} × {inner}"),
            ));
        }
        if values.is_empty() {
            return Err(Error::shape(format!("number of {what}"), 0, "at least one row"));
        }
        Ok(Matrix { values, layout, first: 0, rows: layout.rows() })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn classes(&self) -> usize {
        self.layout.classes
    }

    /// The layout of a buffer with one entry for each of this view: the same, or row after row if the view
    /// is a part of a larger one.
    pub(crate) fn layout(&self) -> Layout {
        if self.rows == self.layout.rows() {
            self.layout
        } else {
            Layout { outer: self.rows, classes: self.layout.classes, inner: 1 }
        }
    }

    pub(crate) fn slice(&self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        Matrix { first: self.first + rows.start, rows: rows.len(), ..*self }
    }

    /// Row `row` in precision `R`: the slice itself where type and layout allow, else a copy in `scratch`.
    #[inline(always)]
    pub(crate) fn row<'s, R: Real>(&self, row: usize, scratch: &'s mut Vec<R>) -> &'s [R]
    where
        'a: 's,
    {
        match self.values {
            Values::F32(v) => load(v, self.layout, self.first + row, scratch),
            Values::F64(v) => load(v, self.layout, self.first + row, scratch),
            Values::F16(v) => load(v, self.layout, self.first + row, scratch),
            Values::Bf16(v) => load(v, self.layout, self.first + row, scratch),
        }
    }

    /// Copies row `row` into `out`.
    #[inline]
    pub(crate) fn copy_row<R: Real>(&self, row: usize, out: &mut [R]) {
        struct Copy<'o, R>(Layout, usize, &'o mut [R]);
        impl<R: Real> Visitor for Copy<'_, R> {
            type Output = ();
            fn visit<E: Element>(self, values: &[E]) {
                let Copy(layout, row, out) = self;
                let start = layout.start(row);
                if layout.inner == 1 {
                    R::convert(&values[start..start + layout.classes], out);
                } else {
                    let column = values[start..].iter().step_by(layout.inner);
                    for (out, value) in out.iter_mut().zip(column) {
                        *out = R::from_f64(value.to_f64());
                    }
                }
            }
        }
        self.values.visit(Copy(self.layout, self.first + row, out));
    }

    /// `count` rows from `row` on where they are, if they lie one after the other in precision `R`.
    pub(crate) fn contiguous<R: Real>(&self, row: usize, count: usize) -> Option<&'a [R]> {
        if self.layout.inner != 1 {
            return None;
        }
        let range =
            (self.first + row) * self.layout.classes..(self.first + row + count) * self.layout.classes;
        match self.values {
            Values::F32(v) => R::view(&v[range]),
            Values::F64(v) => R::view(&v[range]),
            Values::F16(_) | Values::Bf16(_) => None,
        }
    }

    /// Copies `count` rows from `row` on into a tile, one in each lane.
    pub(crate) fn load_tile<R: Real>(&self, row: usize, count: usize, tile: &mut [R], scratch: &mut Vec<R>) {
        match self.values {
            Values::F32(v) => load_tile(v, self.layout, self.first + row, count, tile, scratch),
            Values::F64(v) => load_tile(v, self.layout, self.first + row, count, tile, scratch),
            Values::F16(v) => load_tile(v, self.layout, self.first + row, count, tile, scratch),
            Values::Bf16(v) => load_tile(v, self.layout, self.first + row, count, tile, scratch),
        }
    }

    pub(crate) fn get(&self, row: usize, column: usize) -> f64 {
        self.values.get(self.layout.start(self.first + row) + column * self.layout.inner)
    }

    /// Copies rows into one contiguous row-major buffer of the same type of number, as `E`.
    fn gather<E: Element>(values: &[E], layout: Layout, rows: &[usize], out: &mut Vec<E>) {
        out.clear();
        for &row in rows {
            let start = layout.start(row);
            out.extend((0..layout.classes).map(|c| values[start + c * layout.inner]));
        }
    }
}

#[inline(always)]
fn load<'s, E: Element, R: Real>(
    values: &'s [E],
    layout: Layout,
    row: usize,
    scratch: &'s mut Vec<R>,
) -> &'s [R] {
    let start = layout.start(row);
    if layout.inner == 1 {
        let slice = &values[start..start + layout.classes];
        if let Some(view) = R::view(slice) {
            return view;
        }
        scratch.resize(layout.classes, R::ZERO);
        R::convert(slice, scratch);
    } else {
        scratch.clear();
        let column = values[start..].iter().step_by(layout.inner).take(layout.classes);
        scratch.extend(column.map(|value| R::from_f64(value.to_f64())));
    }
    scratch
}

fn load_tile<E: Element, R: Real>(
    values: &[E],
    layout: Layout,
    row: usize,
    count: usize,
    tile: &mut [R],
    scratch: &mut Vec<R>,
) {
    let Layout { classes, inner, .. } = layout;
    if inner == 1 {
        let values = &values[row * classes..(row + count) * classes];
        let rows = match R::view(values) {
            Some(rows) => rows,
            None => {
                scratch.resize(values.len(), R::ZERO);
                R::convert(values, scratch);
                scratch
            }
        };
        return row::transpose_in(rows, classes, tile);
    }
    let lanes = R::ZEROS.as_ref().len();
    let mut lane = 0;
    while lane < count {
        // As many neighbours as there are before the next outer index.
        let start = layout.start(row + lane);
        let length = (inner - (row + lane) % inner).min(count - lane);
        for class in 0..classes {
            let from = &values[start + class * inner..][..length];
            R::convert(from, &mut tile[class * lanes + lane..][..length]);
        }
        lane += length;
    }
}

/// `count` rows of a buffer from `row` on, if they lie one after the other in precision `R`.
pub(crate) fn contiguous_mut<R: Real, E: Element>(
    out: &mut [E],
    layout: Layout,
    row: usize,
    count: usize,
) -> Option<&mut [R]> {
    if layout.inner == 1 {
        R::view_mut(&mut out[row * layout.classes..(row + count) * layout.classes])
    } else {
        None
    }
}

/// Copies the first `count` lanes of a tile to rows of a buffer, from `row` on.
pub(crate) fn store_tile<R: Real, E: Element>(
    tile: &[R],
    layout: Layout,
    row: usize,
    count: usize,
    out: &mut [E],
    scratch: &mut Vec<R>,
) {
    let Layout { classes, inner, .. } = layout;
    if inner == 1 {
        let out = &mut out[row * classes..(row + count) * classes];
        match R::view_mut(out) {
            Some(rows) => row::transpose_out(tile, classes, rows),
            None => {
                scratch.resize(out.len(), R::ZERO);
                row::transpose_out(tile, classes, scratch);
                R::store(scratch, out);
            }
        }
        return;
    }
    let lanes = R::ZEROS.as_ref().len();
    let mut lane = 0;
    while lane < count {
        let start = layout.start(row + lane);
        let length = (inner - (row + lane) % inner).min(count - lane);
        for class in 0..classes {
            let to = &mut out[start + class * inner..][..length];
            R::store(&tile[class * lanes + lane..][..length], to);
        }
        lane += length;
    }
}

/// Where the starting values of a row come from.
pub(crate) enum Fill<'a, R> {
    /// A row of a matrix.
    From(&'a Matrix<'a>, usize),
    /// Values at hand.
    Copy(&'a [R]),
    /// The buffer itself.
    InPlace,
    /// Nowhere: whatever is there.
    Nothing,
}

/// Row `row` of a buffer in precision `R`, with its starting values in place, to be changed: the buffer's own
/// slice where type and layout allow, else `scratch`. [`close_row`] then puts it back.
///
/// Two functions and no closure between them: a closure is not inlined into a function that was compiled for
/// other instructions, and what it calls then runs thirty times slower.
#[inline(always)]
pub(crate) fn open_row<'o, E: Element, R: Real>(
    out: &'o mut [E],
    layout: Layout,
    row: usize,
    scratch: &'o mut Vec<R>,
    fill: Fill<'_, R>,
) -> &'o mut [R] {
    let start = layout.start(row);
    if is_direct::<E, R>(layout) {
        let slot = R::view_mut(&mut out[start..start + layout.classes]).expect("a buffer of R is one of R");
        match fill {
            Fill::From(matrix, row) => matrix.copy_row(row, slot),
            Fill::Copy(values) => slot.copy_from_slice(values),
            Fill::InPlace | Fill::Nothing => {}
        }
        return slot;
    }
    match fill {
        Fill::From(matrix, row) => {
            scratch.resize(layout.classes, R::ZERO);
            matrix.copy_row(row, scratch);
        }
        Fill::Copy(values) => {
            scratch.clear();
            scratch.extend_from_slice(values);
        }
        Fill::Nothing => scratch.resize(layout.classes, R::ZERO),
        Fill::InPlace => {
            let column = out[start..].iter().step_by(layout.inner).take(layout.classes);
            scratch.clear();
            scratch.extend(column.map(|value| R::from_f64(value.to_f64())));
        }
    }
    scratch
}

/// Ends what [`open_row`] began.
#[inline(always)]
pub(crate) fn close_row<E: Element, R: Real>(out: &mut [E], layout: Layout, row: usize, scratch: &[R]) {
    if is_direct::<E, R>(layout) {
        return;
    }
    let column = out[layout.start(row)..].iter_mut().step_by(layout.inner);
    for (out, value) in column.zip(scratch) {
        *out = E::from_f64(value.to_f64());
    }
}

/// Whether a row of the buffer can be changed where it is.
#[inline(always)]
fn is_direct<E: Element, R: Real>(layout: Layout) -> bool {
    layout.inner == 1 && R::view::<E>(&[]).is_some()
}

/// Unnormalised log-probabilities: softmax of a row gives its probabilities.
///
/// Row-major slices of `f32`, `f64`, `f16` or `bf16`. `-inf` marks a class that cannot occur (p = 0); NaN,
/// `+inf` and a row of only `-inf` are errors that name the row, made when the values are read.
///
/// ```
/// use temperance::Logits;
///
/// let logits = Logits::new(&[2.0_f32, 1.0, 0.0, 0.0, 0.0, 5.0], 3)?;
/// assert_eq!((logits.rows(), logits.classes()), (2, 3));
/// assert!(Logits::new(&[2.0_f32, 1.0], 3).is_err());
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Logits<'a>(pub(crate) Matrix<'a>);

impl<'a> Logits<'a> {
    /// A view of `values` as rows of `classes` logits.
    ///
    /// # Errors
    /// If there are no values, no classes, or the length is not a multiple of `classes`.
    pub fn new<E: Element>(values: &'a [E], classes: usize) -> Result<Self> {
        Self::from_values(E::values(values), classes)
    }

    /// [`Logits::new`] for values whose type is known at run time only.
    ///
    /// # Errors
    /// As [`Logits::new`].
    pub fn from_values(values: Values<'a>, classes: usize) -> Result<Self> {
        Matrix::new("logits", values, classes).map(Logits)
    }

    /// A view with the class axis anywhere.
    ///
    /// # Errors
    /// If the length is not `outer × classes × inner`, or 0.
    pub fn with_layout<E: Element>(values: &'a [E], layout: Layout) -> Result<Self> {
        Matrix::with_layout("logits", E::values(values), layout).map(Logits)
    }

    /// Number of rows n.
    pub fn rows(&self) -> usize {
        self.0.rows()
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.0.classes()
    }

    /// The logit of class `column` in row `row`.
    ///
    /// # Panics
    /// If either is out of bounds.
    pub fn get(&self, row: usize, column: usize) -> f64 {
        assert!(row < self.rows() && column < self.classes());
        self.0.get(row, column)
    }

    /// The view of some of its rows.
    ///
    /// # Panics
    /// If `rows` is out of bounds.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        Logits(self.0.slice(rows))
    }

    /// The cold path: finds what is wrong in a row whose sums came out not finite.
    #[cold]
    pub(crate) fn invalid(&self, row: usize, first_row: u64) -> Error {
        let at = first_row + row as u64;
        let bad = (0..self.classes()).find(|&column| {
            let value = self.0.get(row, column);
            value.is_nan() || value == f64::INFINITY
        });
        match bad {
            Some(column) => {
                Error::new(ErrorKind::Value, "logit", self.0.get(row, column), "a finite number or -inf")
                    .at_row(at)
                    .at_column(column)
            }
            None => Error::new(ErrorKind::Value, "every logit", "-inf", "at least one finite logit in a row")
                .at_row(at),
        }
    }
}

/// What a probability of exactly 0 counts as where its logarithm is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zeros {
    /// As 1.1754944e-38, the smallest normal `f32`: log p = -87.34.
    #[default]
    Clip,
    /// As an error that names row and column.
    Error,
    /// As 0: log p = -inf, the class is masked.
    Infinite,
}

impl Zeros {
    /// The smallest probability that [`Zeros::Clip`] lets through.
    pub const CLIP: f64 = f32::MIN_POSITIVE as f64;

    /// ln p under this rule; NaN where the rule is [`Zeros::Error`] and p = 0.
    #[inline]
    pub fn ln(self, p: f64) -> f64 {
        match self {
            Zeros::Clip => p.max(Self::CLIP).ln(),
            Zeros::Infinite => p.ln(),
            Zeros::Error if p == 0.0 => f64::NAN,
            Zeros::Error => p.ln(),
        }
    }
}

/// Probabilities over K classes, taken as given: never re-normalised.
///
/// A row must sum to 1 within 0.01 (rounded files are accepted); entries must lie in [0, 1]. Fits read
/// ln p, with zeros by the named rule.
#[derive(Debug, Clone, Copy)]
pub struct Probabilities<'a> {
    pub(crate) matrix: Matrix<'a>,
    zeros: Zeros,
}

impl<'a> Probabilities<'a> {
    /// How far from 1 a row may sum.
    pub const SUM_TOLERANCE: f64 = 0.01;

    /// A view of `values` as rows of `classes` probabilities; zeros are clipped.
    ///
    /// # Errors
    /// If there are no values, no classes, or the length is not a multiple of `classes`.
    pub fn new<E: Element>(values: &'a [E], classes: usize) -> Result<Self> {
        Self::from_values(E::values(values), classes)
    }

    /// [`Probabilities::new`] for values whose type is known at run time only.
    ///
    /// # Errors
    /// As [`Probabilities::new`].
    pub fn from_values(values: Values<'a>, classes: usize) -> Result<Self> {
        let matrix = Matrix::new("probabilities", values, classes)?;
        Ok(Probabilities { matrix, zeros: Zeros::default() })
    }

    /// The same view under another rule for zeros.
    #[must_use]
    pub fn zeros(mut self, zeros: Zeros) -> Self {
        self.zeros = zeros;
        self
    }

    /// The rule for zeros in force.
    pub fn zeros_rule(&self) -> Zeros {
        self.zeros
    }

    /// Number of rows n.
    pub fn rows(&self) -> usize {
        self.matrix.rows()
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.matrix.classes()
    }

    /// Row `row` in `f64`, checked: every entry in [0, 1] and a sum of 1.
    pub(crate) fn checked_row<'s>(
        &self,
        row: usize,
        first_row: u64,
        scratch: &'s mut Vec<f64>,
    ) -> Result<&'s [f64]>
    where
        'a: 's,
    {
        let values = self.matrix.row(row, scratch);
        let at = first_row + row as u64;
        let mut sum = 0.0;
        for (column, &p) in values.iter().enumerate() {
            if !(0.0..=1.0).contains(&p) {
                return Err(Error::new(ErrorKind::Value, "probability", p, "a number from 0 to 1")
                    .at_row(at)
                    .at_column(column));
            }
            if p == 0.0 && self.zeros == Zeros::Error {
                let expected = "a probability above 0, or zeros handled by name (clip, infinite)";
                return Err(Error::new(ErrorKind::Value, "probability", 0, expected)
                    .at_row(at)
                    .at_column(column));
            }
            sum += p;
        }
        if (sum - 1.0).abs() > Self::SUM_TOLERANCE {
            return Err(
                Error::new(ErrorKind::Value, "sum of the probabilities", sum, "1 within 0.01").at_row(at)
            );
        }
        Ok(values)
    }
}

/// Buffers for one row.
#[derive(Debug, Default)]
pub(crate) struct Scratch<R> {
    row: Vec<R>,
    wide: Vec<f64>,
}

/// The scores of a block of rows, with what they mean.
#[derive(Debug, Clone, Copy)]
pub enum Scores<'a> {
    /// Softmax gives the probabilities.
    Logits(Logits<'a>),
    /// They are the probabilities.
    Probabilities(Probabilities<'a>),
}

impl<'a> From<Logits<'a>> for Scores<'a> {
    fn from(logits: Logits<'a>) -> Self {
        Scores::Logits(logits)
    }
}

impl<'a> From<Probabilities<'a>> for Scores<'a> {
    fn from(probabilities: Probabilities<'a>) -> Self {
        Scores::Probabilities(probabilities)
    }
}

impl<'a> Scores<'a> {
    pub(crate) fn matrix(&self) -> &Matrix<'a> {
        match self {
            Scores::Logits(logits) => &logits.0,
            Scores::Probabilities(probabilities) => &probabilities.matrix,
        }
    }

    /// Whether they are stored in `f64`.
    pub(crate) fn is_double(&self) -> bool {
        matches!(self.matrix().values, Values::F64(_))
    }

    /// Number of rows n.
    pub fn rows(&self) -> usize {
        self.matrix().rows()
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.matrix().classes()
    }

    /// The view of some of its rows.
    ///
    /// # Panics
    /// If `rows` is out of bounds.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        match *self {
            Scores::Logits(logits) => Scores::Logits(logits.slice(rows)),
            Scores::Probabilities(p) => {
                Scores::Probabilities(Probabilities { matrix: p.matrix.slice(rows), ..p })
            }
        }
    }

    /// Row `row` as logits in precision `R`: the logits, or ln p with zeros by their rule.
    #[inline(always)]
    pub(crate) fn logit_row<'s, R: Real>(
        &self,
        row: usize,
        first_row: u64,
        scratch: &'s mut Scratch<R>,
    ) -> Result<&'s [R]>
    where
        'a: 's,
    {
        match self {
            Scores::Logits(logits) => Ok(logits.0.row(row, &mut scratch.row)),
            Scores::Probabilities(p) => {
                let values = p.checked_row(row, first_row, &mut scratch.wide)?;
                scratch.row.clear();
                scratch.row.extend(values.iter().map(|&value| R::from_f64(p.zeros.ln(value))));
                Ok(&scratch.row)
            }
        }
    }

    /// A label on a class that its row says cannot occur.
    #[cold]
    pub(crate) fn impossible_label(&self, row: u64) -> Error {
        match self {
            Scores::Logits(_) => impossible_label(row),
            Scores::Probabilities(_) => {
                let expected = "a number above 0: a class that cannot occur cannot be a label";
                Error::new(ErrorKind::Value, "probability of the label", 0, expected).at_row(row)
            }
        }
    }

    fn with_matrix<'b>(&self, matrix: Matrix<'b>) -> Scores<'b> {
        match self {
            Scores::Logits(_) => Scores::Logits(Logits(matrix)),
            Scores::Probabilities(p) => Scores::Probabilities(Probabilities { matrix, zeros: p.zeros }),
        }
    }

    /// Hands `use_gathered` a contiguous copy of the given rows, of the same type.
    pub(crate) fn gather<T>(&self, rows: &[usize], use_gathered: impl FnOnce(Scores<'_>) -> T) -> T {
        struct Gather<'b, F>(&'b Scores<'b>, &'b [usize], F);
        impl<T, F: FnOnce(Scores<'_>) -> T> Visitor for Gather<'_, F> {
            type Output = T;
            fn visit<E: Element>(self, values: &[E]) -> T {
                let Gather(scores, rows, use_gathered) = self;
                let matrix = scores.matrix();
                let mut buffer = Vec::new();
                let absolute: Vec<usize> = rows.iter().map(|row| matrix.first + row).collect();
                Matrix::gather(values, matrix.layout, &absolute, &mut buffer);
                let layout = Layout { outer: rows.len(), classes: matrix.classes(), inner: 1 };
                let gathered = Matrix { values: E::values(&buffer), layout, first: 0, rows: rows.len() };
                use_gathered(scores.with_matrix(gathered))
            }
        }
        self.matrix().values.visit(Gather(self, rows, use_gathered))
    }
}
