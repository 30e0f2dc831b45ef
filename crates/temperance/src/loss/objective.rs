//! What every loss shares: rows in any layout and precision, on all threads, with or without a gradient.

use std::marker::PhantomData;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::fold::{self, Fold};
use crate::input::{Block, Element, Fill, Layout, Logits, Scores, Targets, Values, close_row, open_row};
use crate::row::{Isa, Operation, Path, Real};

/// A loss of one row of logits, prepared for a number of classes.
///
/// Both functions are sweeps: `#[inline(always)]`, and everything they call.
pub(super) trait Objective: Sync {
    /// What the loss of a row leaves for its gradient.
    type Row<R>;

    /// The loss of a row and what was seen on the way; `None` if the row does not count.
    ///
    /// # Errors
    /// On an illegal value or label; `at` is the row's place in the whole.
    fn row<R: Precision, I: Isa>(
        &self,
        z: &[R],
        targets: &Targets<'_>,
        at: Place,
        soft: &mut Vec<f64>,
    ) -> Result<Option<(Seen, Self::Row<R>)>>;

    /// Overwrites the row's logits with `scale` times its gradient.
    fn gradient<R: Precision, I: Isa>(&self, row: &Self::Row<R>, z: &mut [R], scale: f64);
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
    pub(super) minimum: f64,
}

impl Totals {
    fn merge(&mut self, later: Totals) {
        self.rows += later.rows;
        self.value += later.value;
        self.nll += later.nll;
        self.entropy += later.entropy;
        self.minimum += later.minimum;
    }

    fn add(&mut self, row: Seen) {
        let Seen { value, nll, entropy, minimum } = row;
        self.merge(Totals { rows: 1, value, nll, entropy, minimum });
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

/// The sums of the losses of all rows.
pub(super) fn forward<O: Objective>(
    objective: &O,
    logits: Logits<'_>,
    targets: Targets<'_>,
) -> Result<Totals> {
    fold::fold(&Forward(objective), &Block::new(logits, targets)?)
}

/// The loss of every row; 0 for a row that does not count.
pub(super) fn per_row<O: Objective>(
    objective: &O,
    logits: Logits<'_>,
    targets: Targets<'_>,
) -> Result<Vec<f64>> {
    let mut losses = vec![0.0; logits.rows()];
    let layout = Layout { outer: logits.rows(), classes: 1, inner: 1 };
    fold::map_chunks(layout, &mut losses, |rows, _, losses| {
        let part = Part {
            objective,
            logits: logits.slice(rows.clone()),
            targets: targets.slice(rows.clone()),
            first_row: rows.start as u64,
        };
        part.visit(&mut |row, seen| losses[row] = seen.value)
    })?;
    Ok(losses)
}

/// The sums of the losses of all rows; `gradient` is overwritten by each row's gradient times its scale.
pub(super) fn backward<O: Objective, E: Element>(
    objective: &O,
    source: Source<'_>,
    targets: &Targets<'_>,
    scale: Scale<'_>,
    layout: Layout,
    gradient: &mut [E],
) -> Result<Totals> {
    let double = matches!(E::values(gradient), Values::F64(_))
        || matches!(source, Source::Logits(logits) if Scores::from(logits).is_double());
    let parts = fold::map_chunks(layout, gradient, |rows, layout, out| {
        let part = Backward {
            objective,
            source: source.slice(rows.clone()),
            targets: targets.slice(rows.clone()),
            scale: scale.slice(rows.clone()),
            layout,
            out,
            first_row: rows.start as u64,
        };
        if double {
            Path::best().run(Precisely::<f64, _>::new(part))
        } else {
            Path::best().run(Precisely::<f32, _>::new(part))
        }
    })?;
    let mut totals = Totals::default();
    for part in parts {
        totals.merge(part);
    }
    Ok(totals)
}

/// Where the logits are.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Logits(Logits<'a>),
    /// In the buffer that the gradient goes to.
    InPlace,
}

impl Source<'_> {
    fn slice(&self, rows: Range<usize>) -> Self {
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

impl Scale<'_> {
    fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Scale::All(scale) => Scale::All(*scale),
            Scale::PerRow(scales) => Scale::PerRow(&scales[rows]),
        }
    }

    fn of(&self, row: usize) -> f64 {
        match self {
            Scale::All(scale) => *scale,
            Scale::PerRow(scales) => scales[row],
        }
    }
}

/// Sums losses; row after row into the one state, so that blocking changes nothing.
struct Forward<'a, O>(&'a O);

impl<O: Objective> Fold for Forward<'_, O> {
    type State = Totals;
    type Output = Totals;

    fn start(&self) -> Totals {
        Totals::default()
    }

    fn absorb(&self, state: &mut Totals, block: &Block<'_>) -> Result<()> {
        let Scores::Logits(logits) = block.scores() else {
            return Err(Error::shape("scores", "probabilities", "logits"));
        };
        let (targets, first_row) = (block.targets(), block.first_row());
        Part { objective: self.0, logits, targets, first_row }.visit(&mut |_, seen| state.add(seen))
    }

    fn merge(&self, state: &mut Totals, later: Totals) {
        state.merge(later);
    }

    fn finish(&self, state: Totals) -> Result<Totals> {
        Ok(state)
    }
}

/// Rows to find the loss of.
struct Part<'a, O> {
    objective: &'a O,
    logits: Logits<'a>,
    targets: Targets<'a>,
    first_row: u64,
}

impl<O: Objective> Part<'_, O> {
    /// Shows each row that counts.
    fn visit(&self, see: &mut dyn FnMut(usize, Seen)) -> Result<()> {
        if Scores::from(self.logits).is_double() {
            Path::best().run(Precisely::<f64, _>::new((self, see)))
        } else {
            Path::best().run(Precisely::<f32, _>::new((self, see)))
        }
    }
}

/// Work in a chosen precision.
struct Precisely<R, W>(W, PhantomData<R>);

impl<R, W> Precisely<R, W> {
    fn new(work: W) -> Self {
        Precisely(work, PhantomData)
    }
}

impl<R: Precision, O: Objective> Operation for Precisely<R, (&Part<'_, O>, &mut dyn FnMut(usize, Seen))> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<I: Isa>(self) -> Result<()> {
        let (part, see) = self.0;
        let (mut scratch, mut soft) = (Vec::new(), Vec::new());
        for row in 0..part.logits.rows() {
            let z = part.logits.0.row::<R>(row, &mut scratch);
            let at = Place { row, first_row: part.first_row };
            if let Some((seen, _)) = part.objective.row::<R, I>(z, &part.targets, at, &mut soft)? {
                see(row, seen);
            }
        }
        Ok(())
    }
}

/// Rows to find the loss and the gradient of.
struct Backward<'a, O, E> {
    objective: &'a O,
    source: Source<'a>,
    targets: Targets<'a>,
    scale: Scale<'a>,
    layout: Layout,
    out: &'a mut [E],
    first_row: u64,
}

impl<R: Precision, O: Objective, E: Element> Operation for Precisely<R, Backward<'_, O, E>> {
    type Output = Result<Totals>;

    #[inline(always)]
    fn run<I: Isa>(self) -> Result<Totals> {
        let Backward { objective, source, targets, scale, layout, out, first_row } = self.0;
        let (mut scratch, mut soft) = (Vec::new(), Vec::new());
        let mut totals = Totals::default();
        for row in 0..layout.rows() {
            let fill = match &source {
                Source::Logits(logits) => Fill::From(&logits.0, row),
                Source::InPlace => Fill::InPlace,
            };
            let z = open_row(out, layout, row, &mut scratch, fill);
            match objective.row::<R, I>(z, &targets, Place { row, first_row }, &mut soft)? {
                Some((seen, state)) => {
                    objective.gradient::<R, I>(&state, z, scale.of(row));
                    totals.add(seen);
                }
                None => z.fill(R::ZERO),
            }
            close_row(out, layout, row, &scratch);
        }
        Ok(totals)
    }
}
