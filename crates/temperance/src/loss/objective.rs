//! What every loss shares: rows in any layout and precision, on all threads, with or without a gradient.

use std::ops::Range;

use super::criterion::{Supervision, Task, Work};
use super::reduction::reduce;
use super::{Loss, Options, Reduction, Upstream, options};
use crate::error::{Error, Result};
use crate::fold;
use crate::input::{
    ClassWeights, Element, Fill, Layout, Logits, Matrix, Scores, Targets, Values, ValuesMut, check_targets,
    close_row, open_row,
};
use crate::row::{Path, Real, Sums};

/// A loss of one row of logits, prepared for a number of classes.
///
/// Both functions are ordinary code, which calls the sweeps of [`Path`].
pub(super) trait Objective: Sync {
    /// What the loss of a row leaves for its gradient.
    type Row<R>;

    /// How many terms a row adds to a mean that counts rows.
    fn terms(&self) -> f64 {
        1.0
    }

    /// The loss of a row and what was seen on the way; `None` if the row does not count.
    ///
    /// # Errors
    /// On an illegal value or label; `at` is the row's place in the whole.
    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, Self::Row<R>)>>;

    /// Overwrites the row's logits with `scale` times its gradient. The buffers are as [`Objective::row`] left
    /// them.
    fn gradient<R: Precision>(&self, row: &Self::Row<R>, z: &mut [R], scale: f64, buffers: &mut Buffers);
}

/// What rows share, one after the other: the instructions they are swept with, and memory.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) path: Path,
    /// For a row of soft labels.
    pub(super) soft: Vec<f64>,
    /// For whatever a loss needs of a row.
    pub(super) own: Vec<f64>,
}

impl Buffers {
    fn new() -> Self {
        Buffers { path: Path::best(), soft: Vec::new(), own: Vec::new() }
    }
}

/// The class that a row should have been; `None` if it does not count.
///
/// # Errors
/// If the label is not a class, or labels are soft, which `loss` has no meaning for.
#[inline(always)]
pub(super) fn hard_label(loss: &'static str, given: &Supervision<'_>, at: Place) -> Result<Option<usize>> {
    match &given.targets {
        Targets::Labels(labels) => labels.get(at.row, at.first_row),
        Targets::Soft(_) => Err(soft_labels(loss)),
    }
}

/// What is wrong with soft labels for a loss that is defined for classes.
pub(super) fn soft_labels(loss: &'static str) -> Error {
    let expected = format!("class indices, which {loss} is defined for");
    Error::parameter("kind of labels", "soft", expected)
}

/// Refuses a row whose sums say that it is illegal, naming the column.
#[inline(always)]
pub(super) fn check_row<R: Real>(sums: &Sums, z: &[R], at: Place) -> Result<()> {
    if sums.is_valid() { Ok(()) } else { Err(illegal_row(z, at)) }
}

/// The cold path: what is wrong in a row, and in which column.
#[cold]
pub(super) fn illegal_row<R: Real>(z: &[R], at: Place) -> Error {
    let copy: Vec<f64> = z.iter().map(|z| z.to_f64()).collect();
    match Logits::new(&copy, copy.len()) {
        Ok(logits) => logits.invalid(0, at.absolute()),
        Err(error) => error,
    }
}

/// A row among the rows at hand, and the first of those among all.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) first_row: u64,
}

impl Place {
    /// The row among all.
    pub(super) fn absolute(self) -> u64 {
        self.first_row + self.row as u64
    }
}

/// The loss of one row and what was seen on the way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) value: f64,
    pub(super) nll: f64,
    pub(super) entropy: f64,
    /// 1 if the largest logit is the label's, else 0.
    pub(super) correct: f64,
    /// The least value; NaN where it is not known.
    pub(super) minimum: f64,
}

/// Sums over rows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) rows: u64,
    pub(super) value: f64,
    pub(super) nll: f64,
    pub(super) entropy: f64,
    pub(super) correct: f64,
    pub(super) minimum: f64,
}

impl Totals {
    /// The sum of parts, in their order.
    pub(super) fn of(parts: Vec<Totals>) -> Totals {
        let mut totals = Totals::default();
        for part in parts {
            totals.merge(part);
        }
        totals
    }

    pub(super) fn merge(&mut self, later: Totals) {
        self.rows += later.rows;
        self.value += later.value;
        self.nll += later.nll;
        self.entropy += later.entropy;
        self.correct += later.correct;
        self.minimum += later.minimum;
    }

    #[inline(always)]
    pub(super) fn add(&mut self, row: Seen) {
        let Seen { value, nll, entropy, correct, minimum } = row;
        self.merge(Totals { rows: 1, value, nll, entropy, correct, minimum });
    }
}

/// A precision that rows are swept in, with the choice between two prepared copies.
pub(super) trait Precision: Real {
    fn pick<'a>(single: &'a [f32], double: &'a [f64]) -> &'a [Self];
}

impl Precision for f32 {
    fn pick<'a>(single: &'a [f32], _: &'a [f64]) -> &'a [f32] {
        single
    }
}

impl Precision for f64 {
    fn pick<'a>(_: &'a [f32], double: &'a [f64]) -> &'a [f64] {
        double
    }
}

/// Does the work that a criterion is asked for, with its objective for that many classes.
///
/// # Errors
/// As the functions of [`Criterion`](super::Criterion).
pub(super) fn run<O: Objective>(
    options: &Options,
    work: Work<'_>,
    prepare: impl FnOnce(usize) -> Result<O>,
) -> Result<Loss> {
    let objective = prepare(check_work(options, &work)?)?;
    let Work { source, given, task } = work;
    let terms = if matches!(options.reduction, Reduction::SumOver(_)) { 1.0 } else { objective.terms() };
    let denominator = options.denominator(&given.targets)? * terms;
    let rows = Given { objective: &objective, given, weights: options.row_weights() };
    perform(&rows, options, denominator, source, task)
}

/// The ways to sweep all rows of a loss.
pub(super) trait Sweeps {
    /// The sums of the losses.
    ///
    /// # Errors
    /// On an illegal row.
    fn forward(&self, logits: Logits<'_>) -> Result<Totals>;

    /// The loss of each row, and their sums if they are at hand.
    ///
    /// # Errors
    /// On an illegal row.
    fn per_row(&self, logits: Logits<'_>, losses: &mut [f64]) -> Result<Totals>;

    /// The sums of the losses, and the gradient of each row.
    ///
    /// # Errors
    /// On an illegal row.
    fn backward<E: Element>(
        &self,
        source: Source<'_>,
        scale: Scale<'_>,
        layout: Layout,
        gradient: &mut [E],
    ) -> Result<Totals>;
}

/// Does the task by sweeps, and reduces what they find.
///
/// # Errors
/// As the functions of [`Criterion`](super::Criterion).
pub(super) fn perform(
    sweeps: &impl Sweeps,
    options: &Options,
    denominator: f64,
    source: Source<'_>,
    task: Task<'_>,
) -> Result<Loss> {
    let (totals, lenient) = match (source, task) {
        (Source::Logits(logits), Task::Forward) => (sweeps.forward(logits)?, false),
        (Source::Logits(logits), Task::PerRow(losses)) => (sweeps.per_row(logits, losses)?, true),
        (source, Task::Gradient { upstream, layout, out, lenient }) => {
            let scale = Scale::new(upstream, options.reduction, denominator, layout.rows())?;
            let totals = match out {
                ValuesMut::F32(out) => sweeps.backward(source, scale, layout, out)?,
                ValuesMut::F64(out) => sweeps.backward(source, scale, layout, out)?,
                ValuesMut::F16(out) => sweeps.backward(source, scale, layout, out)?,
                ValuesMut::Bf16(out) => sweeps.backward(source, scale, layout, out)?,
            };
            (totals, lenient)
        }
        (Source::InPlace, _) => return Err(no_buffer()),
    };
    reduce(&totals, denominator, options, lenient)
}

/// Refuses targets, a teacher or weights that do not fit the logits; gives the number of classes.
pub(super) fn check_work(options: &Options, work: &Work<'_>) -> Result<usize> {
    check(options, &logits_of(&work.source, &work.task)?, &work.given)
}

/// Refuses targets, a teacher or weights that do not fit the logits; gives the number of classes.
pub(super) fn check(options: &Options, logits: &Logits<'_>, given: &Supervision<'_>) -> Result<usize> {
    check_supervision(logits, given)?;
    options.check(logits.classes())?;
    Ok(logits.classes())
}

/// The logits to be read, wherever they are.
fn logits_of<'a>(source: &Source<'a>, task: &'a Task<'_>) -> Result<Logits<'a>> {
    match (source, task) {
        (Source::Logits(logits), _) => Ok(*logits),
        (Source::InPlace, Task::Gradient { layout, out, .. }) => {
            Matrix::with_layout("logits", out.as_values(), *layout).map(Logits)
        }
        (Source::InPlace, _) => Err(no_buffer()),
    }
}

pub(super) fn no_buffer() -> Error {
    Error::shape("place of the logits", "a gradient buffer", "a slice, as no gradient is asked for")
}

/// Refuses targets and teachers that do not belong to the logits.
fn check_supervision(logits: &Logits<'_>, given: &Supervision<'_>) -> Result<()> {
    check_targets(&Scores::from(*logits), &given.targets)?;
    let Some(teacher) = &given.teacher else { return Ok(()) };
    if teacher.rows() != logits.rows() {
        let expected = format!("one for each of the {} rows of logits", logits.rows());
        return Err(Error::shape("number of rows of the teacher", teacher.rows(), expected));
    }
    if teacher.classes() != logits.classes() {
        let expected = format!("the {} classes of the logits", logits.classes());
        return Err(Error::shape("number of classes of the teacher", teacher.classes(), expected));
    }
    Ok(())
}

/// An objective with what all rows should have been and weigh.
struct Given<'a, O> {
    objective: &'a O,
    given: Supervision<'a>,
    /// Weights of the classes, that multiply the loss of a row.
    weights: Option<&'a ClassWeights>,
}

impl<O: Objective> Sweeps for Given<'_, O> {
    fn forward(&self, logits: Logits<'_>) -> Result<Totals> {
        let parts = fold::map_rows(logits.0.layout(), &mut vec![(); logits.rows()], |rows, _| {
            let mut totals = Totals::default();
            let part = self.slice(rows.clone());
            part.visit(logits.slice(rows.clone()), rows.start as u64, &mut |_, seen| totals.add(seen))?;
            Ok(totals)
        })?;
        Ok(Totals::of(parts))
    }

    fn per_row(&self, logits: Logits<'_>, losses: &mut [f64]) -> Result<Totals> {
        fold::map_rows(logits.0.layout(), losses, |rows, losses| {
            let part = self.slice(rows.clone());
            part.visit(logits.slice(rows.clone()), rows.start as u64, &mut |row, seen| {
                losses[row] = seen.value
            })
        })?;
        Ok(Totals::default())
    }

    fn backward<E: Element>(
        &self,
        source: Source<'_>,
        scale: Scale<'_>,
        layout: Layout,
        gradient: &mut [E],
    ) -> Result<Totals> {
        let double = source.is_double(E::values(gradient));
        let parts = fold::map_chunks(layout, gradient, |rows, layout, out| {
            let first_row = rows.start as u64;
            let (part, source, scale) =
                (self.slice(rows.clone()), source.slice(rows.clone()), scale.slice(rows));
            if double {
                part.backward_in::<f64, E>(source, scale, layout, out, first_row)
            } else {
                part.backward_in::<f32, E>(source, scale, layout, out, first_row)
            }
        })?;
        Ok(Totals::of(parts))
    }
}

impl<O: Objective> Given<'_, O> {
    fn slice(&self, rows: Range<usize>) -> Self {
        Given { objective: self.objective, given: self.given.slice(rows), weights: self.weights }
    }

    /// Shows the loss of each row that counts.
    fn visit(&self, logits: Logits<'_>, first_row: u64, see: &mut dyn FnMut(usize, Seen)) -> Result<()> {
        if Scores::from(logits).is_double() {
            self.visit_in::<f64>(logits, first_row, see)
        } else {
            self.visit_in::<f32>(logits, first_row, see)
        }
    }

    fn visit_in<R: Precision>(
        &self,
        logits: Logits<'_>,
        first_row: u64,
        see: &mut dyn FnMut(usize, Seen),
    ) -> Result<()> {
        let (mut scratch, mut buffers) = (Vec::new(), Buffers::new());
        for row in 0..logits.rows() {
            let z = logits.0.row::<R>(row, &mut scratch);
            let at = Place { row, first_row };
            if let Some((seen, ..)) = self.row(z, at, &mut buffers)? {
                see(row, seen);
            }
        }
        Ok(())
    }

    fn backward_in<R: Precision, E: Element>(
        &self,
        source: Source<'_>,
        scale: Scale<'_>,
        layout: Layout,
        out: &mut [E],
        first_row: u64,
    ) -> Result<Totals> {
        let (mut scratch, mut buffers) = (Vec::new(), Buffers::new());
        let mut totals = Totals::default();
        for row in 0..layout.rows() {
            let fill = match &source {
                Source::Logits(logits) => Fill::From(&logits.0, row),
                Source::InPlace => Fill::InPlace,
            };
            let z: &mut [R] = open_row(out, layout, row, &mut scratch, fill);
            let at = Place { row, first_row };
            match self.row(z, at, &mut buffers)? {
                Some((seen, state, weight)) => {
                    let scale = scale.of(row) * weight;
                    self.objective.gradient(&state, z, scale, &mut buffers);
                    totals.add(seen);
                }
                None => z.fill(R::ZERO),
            }
            close_row(out, layout, row, &scratch);
        }
        Ok(totals)
    }

    /// The weighted loss of a row, and its weight.
    #[allow(clippy::type_complexity)]
    fn row<R: Precision>(
        &self,
        z: &[R],
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, O::Row<R>, f64)>> {
        let weight = self.weight(at, buffers)?;
        let row = self.objective.row(z, &self.given, at, buffers)?;
        Ok(row.map(|(seen, row)| {
            let Seen { value, minimum, .. } = seen;
            (Seen { value: product(weight, value), minimum: weight * minimum, ..seen }, row, weight)
        }))
    }

    /// What multiplies the loss of a row.
    fn weight(&self, at: Place, buffers: &mut Buffers) -> Result<f64> {
        let Some(weights) = self.weights else { return Ok(1.0) };
        Ok(match &self.given.targets {
            Targets::Labels(labels) => {
                labels.get(at.row, at.first_row)?.map_or(0.0, |label| weights.as_slice()[label])
            }
            Targets::Soft(labels) => {
                options::dot(labels.row(at.row, at.first_row, &mut buffers.soft)?, weights)
            }
        })
    }
}

/// t·x, where a t of 0 counts 0 even at an infinite x.
#[inline(always)]
pub(super) fn product(t: f64, x: f64) -> f64 {
    if t == 0.0 { 0.0 } else { t * x }
}

/// Where the logits are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    Logits(Logits<'a>),
    /// In the buffer that the gradient goes to.
    InPlace,
}

impl Source<'_> {
    /// Whether rows are swept in `f64`, if the gradient goes to `out`.
    pub(super) fn is_double(&self, out: Values<'_>) -> bool {
        matches!(out, Values::F64(_))
            || matches!(self, Source::Logits(logits) if Scores::from(*logits).is_double())
    }

    pub(super) fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Source::Logits(logits) => Source::Logits(logits.slice(rows)),
            Source::InPlace => Source::InPlace,
        }
    }
}

/// What gradients of rows are multiplied by.
#[derive(Clone, Copy)]
pub(super) enum Scale<'a> {
    All(f64),
    PerRow(&'a [f64]),
}

impl<'a> Scale<'a> {
    /// # Errors
    /// If there is not one upstream gradient for each row.
    pub(super) fn new(
        upstream: Upstream<'a>,
        reduction: Reduction,
        denominator: f64,
        rows: usize,
    ) -> Result<Self> {
        match upstream {
            Upstream::Scalar(upstream) => Ok(match reduction {
                Reduction::Sum => Scale::All(upstream),
                _ if denominator > 0.0 => Scale::All(upstream / denominator),
                _ => Scale::All(0.0),
            }),
            Upstream::PerRow(upstream) if upstream.len() == rows => Ok(Scale::PerRow(upstream)),
            Upstream::PerRow(upstream) => {
                let expected = format!("one for each of the {rows} rows");
                Err(Error::shape("number of upstream gradients", upstream.len(), expected))
            }
        }
    }

    pub(super) fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Scale::All(scale) => Scale::All(*scale),
            Scale::PerRow(scales) => Scale::PerRow(&scales[rows]),
        }
    }

    #[inline(always)]
    pub(super) fn of(&self, row: usize) -> f64 {
        match self {
            Scale::All(scale) => *scale,
            Scale::PerRow(scales) => scales[row],
        }
    }
}
