//! The sweeps of [`CrossEntropy`](super::CrossEntropy): one exponential for each logit, read from memory once,
//! the gradient written once.
//!
//! A long row is swept by itself: its e are left where the gradient goes, and scaled there. Short rows, and rows
//! whose class axis has a stride, are swept in tiles, one row in each lane.

use std::ops::Range;

use super::criterion::{Supervision, Task, Work};
use super::cross_entropy::{OfLabel, Prepared};
use super::objective::{self, Place, Precision, Scale, Seen, Source, Sweeps, Totals, check_row, product};
use super::terms::{Facts, RowLoss};
use super::{Loss, Upstream, options, reduction};
use crate::error::{Error, Result};
use crate::fold;
use crate::input::{
    ClassWeights, Element, Fill, Labels, Layout, Logits, Matrix, Targets, Values, close_row, contiguous_mut,
    open_row, store_tile,
};
use crate::row::{self, Base, Isa, Linear, Operation, Order, Path, Real, Sums, TileLinear, TileSums, Wanted};

/// Rows of at most this many classes are swept in tiles.
const SHORT: usize = 64;

/// From this many neighbouring rows on, a class axis with a stride is swept in tiles.
const WIDE: usize = 16;

/// Does the work that the loss is asked for.
///
/// # Errors
/// As the functions of [`Criterion`](super::Criterion).
pub(super) fn run(prepared: &Prepared<'_>, work: Work<'_>) -> Result<Loss> {
    let Work { source, given, task } = work;
    let options = prepared.options();
    let denominator = options.denominator(&given.targets)?;
    let layout = match (&source, &task) {
        (_, Task::Gradient { layout, .. }) => *layout,
        (Source::Logits(logits), _) => logits.0.layout(),
        (Source::InPlace, _) => return Err(objective::no_buffer()),
    };
    objective::perform(&Rows::new(prepared, given, layout), options, denominator, source, task)
}

/// The loss, with what its gradient can be made from.
///
/// # Errors
/// As [`run`].
pub(super) fn forward_saving(
    prepared: &Prepared<'_>,
    logits: Logits<'_>,
    given: Supervision<'_>,
    saved: &mut [[f64; 3]],
) -> Result<Loss> {
    let (options, layout) = (prepared.options(), logits.0.layout());
    let denominator = options.denominator(&given.targets)?;
    let rows = Rows::new(prepared, given, layout);
    let parts = fold::map_rows(layout, saved, |range, saved| {
        let logits = Source::Logits(logits.slice(range.clone()));
        rows.slice(range).sweep(logits, Sink::<f32>::Saved(saved))
    })?;
    reduction::reduce(&Totals::of(parts), denominator, options, false)
}

/// The gradient from what a forward pass left.
///
/// # Errors
/// As [`run`].
pub(super) fn backward_saved<E: Element>(
    prepared: &Prepared<'_>,
    logits: Logits<'_>,
    given: Supervision<'_>,
    saved: &[[f64; 3]],
    upstream: Upstream<'_>,
    gradient: &mut [E],
) -> Result<()> {
    let (options, layout) = (prepared.options(), logits.0.layout());
    let denominator = options.denominator(&given.targets)?;
    let rows = Rows::new(prepared, given, layout);
    let scale = Scale::new(upstream, options.reduction, denominator, logits.rows())?;
    if rows.in_tiles && matches!(given.targets, Targets::Labels(_)) {
        // A tile stays in the first cache; its sums cost less than keeping them.
        return rows.backward(Source::Logits(logits), scale, layout, gradient).map(|_| ());
    }
    let double = Source::Logits(logits).is_double(E::values(gradient));
    fold::map_chunks(layout, gradient, |range, layout, out| {
        let (rows, saved) = (rows.slice(range.clone()), &saved[range.clone()]);
        let (logits, scale) = (logits.slice(range.clone()), scale.slice(range));
        if double {
            rows.long_saved::<f64, E>(logits, saved, scale, layout, out)
        } else {
            rows.long_saved::<f32, E>(logits, saved, scale, layout, out)
        }
    })?;
    Ok(())
}

/// The loss with what all rows should have been.
#[derive(Clone, Copy)]
struct Rows<'a> {
    prepared: &'a Prepared<'a>,
    given: Supervision<'a>,
    /// Weights of the classes, that multiply the loss of a row.
    weights: Option<&'a ClassWeights>,
    in_tiles: bool,
    first_row: u64,
}

/// Where what a sweep finds goes, besides the totals.
enum Sink<'a, E> {
    Nothing,
    /// The loss of each row.
    Losses(&'a mut [f64]),
    /// What the gradient of each row can be made from.
    Saved(&'a mut [[f64; 3]]),
    /// The gradient of each row.
    Gradient {
        scale: Scale<'a>,
        layout: Layout,
        out: &'a mut [E],
    },
}

impl Sweeps for Rows<'_> {
    fn forward(&self, logits: Logits<'_>) -> Result<Totals> {
        let parts = fold::map_rows(logits.0.layout(), &mut vec![(); logits.rows()], |range, _| {
            self.slice(range.clone()).sweep(Source::Logits(logits.slice(range)), Sink::<f32>::Nothing)
        })?;
        Ok(Totals::of(parts))
    }

    fn per_row(&self, logits: Logits<'_>, losses: &mut [f64]) -> Result<Totals> {
        let parts = fold::map_rows(logits.0.layout(), losses, |range, losses| {
            let logits = Source::Logits(logits.slice(range.clone()));
            self.slice(range).sweep(logits, Sink::<f32>::Losses(losses))
        })?;
        Ok(Totals::of(parts))
    }

    fn backward<E: Element>(
        &self,
        source: Source<'_>,
        scale: Scale<'_>,
        layout: Layout,
        gradient: &mut [E],
    ) -> Result<Totals> {
        let parts = fold::map_chunks(layout, gradient, |rows, layout, out| {
            let scale = scale.slice(rows.clone());
            self.slice(rows.clone()).sweep(source.slice(rows), Sink::Gradient { scale, layout, out })
        })?;
        Ok(Totals::of(parts))
    }
}

impl<'a> Rows<'a> {
    fn new(prepared: &'a Prepared<'a>, given: Supervision<'a>, layout: Layout) -> Self {
        let in_tiles = layout.classes <= SHORT || layout.inner >= WIDE;
        Rows { prepared, given, weights: prepared.options().row_weights(), in_tiles, first_row: 0 }
    }

    fn slice(&self, rows: Range<usize>) -> Self {
        Rows { first_row: self.first_row + rows.start as u64, given: self.given.slice(rows), ..*self }
    }

    fn sweep<E: Element>(&self, source: Source<'_>, sink: Sink<'_, E>) -> Result<Totals> {
        let double = match &sink {
            Sink::Gradient { out, .. } => source.is_double(E::values(out)),
            _ => source.is_double(Values::F32(&[])),
        };
        match (self.given.targets, double) {
            (Targets::Labels(labels), true) if self.in_tiles => self.tiles::<f64, E>(&labels, source, sink),
            (Targets::Labels(labels), false) if self.in_tiles => self.tiles::<f32, E>(&labels, source, sink),
            (_, true) => self.long::<f64, E>(source, sink),
            (_, false) => self.long::<f32, E>(source, sink),
        }
    }
}

/// A tile of rows, one in each lane, with everything that is found of them.
struct Tile<R: Real> {
    z: Vec<R>,
    /// e, and then the gradient.
    kept: Vec<R>,
    /// The classes of the labels, -1 where the row does not count.
    label: Vec<i64>,
    sums: TileSums<R>,
    /// What the whole loss of a row is multiplied by.
    whole: R::Wide,
    /// What the label makes of its row: see [`OfLabel`].
    weight: R::Wide,
    own: R::Wide,
    v: R::Wide,
    mass: R::Wide,
    others: R::Wide,
    minimum: R::Wide,
    /// What is found: see [`Outcome`].
    value: R::Wide,
    constant: R::Wide,
    slope: R::Wide,
    patch: R::Wide,
    /// What the gradient of a row is multiplied by.
    scale: R::Wide,
}

impl<R: Real> Tile<R> {
    fn new(classes: usize, shared: Option<OfLabel>) -> Self {
        let lanes = R::ZEROS.as_ref().len();
        let mut tile = Tile {
            z: vec![R::ZERO; classes * lanes],
            kept: vec![R::ZERO; classes * lanes],
            label: vec![0; lanes],
            sums: TileSums::default(),
            whole: R::WIDE,
            weight: R::WIDE,
            own: R::WIDE,
            v: R::WIDE,
            mass: R::WIDE,
            others: R::WIDE,
            minimum: R::WIDE,
            value: R::WIDE,
            constant: R::WIDE,
            slope: R::WIDE,
            patch: R::WIDE,
            scale: R::WIDE,
        };
        tile.whole.as_mut().fill(1.0);
        if let Some(shared) = shared {
            for lane in 0..lanes {
                tile.set_label(lane, shared);
            }
        }
        tile
    }

    #[inline(always)]
    fn set_label(&mut self, lane: usize, of_label: OfLabel) {
        let OfLabel { weight, own, v, mass, others, minimum } = of_label;
        self.weight.as_mut()[lane] = weight;
        self.own.as_mut()[lane] = own;
        self.v.as_mut()[lane] = v;
        self.mass.as_mut()[lane] = mass;
        self.others.as_mut()[lane] = others;
        self.minimum.as_mut()[lane] = minimum;
    }
}

impl Rows<'_> {
    /// Rows by tiles, one in each lane.
    fn tiles<R: Precision, E: Element>(
        &self,
        labels: &Labels<'_>,
        source: Source<'_>,
        mut sink: Sink<'_, E>,
    ) -> Result<Totals> {
        let path = Path::best();
        let lanes = R::ZEROS.as_ref().len();
        let mut tile = Tile::<R>::new(labels.classes(), self.prepared.shared());
        let (mut scratch, mut totals) = (Vec::new(), Totals::default());
        for start in (0..labels.rows()).step_by(lanes) {
            let count = lanes.min(labels.rows() - start);
            let matrix = match (&source, &sink) {
                (Source::Logits(logits), _) => logits.0,
                (Source::InPlace, Sink::Gradient { layout, out, .. }) => {
                    Matrix::with_layout("logits", E::values(out), *layout)?
                }
                (Source::InPlace, _) => return Err(objective::no_buffer()),
            };
            let contiguous = matrix.contiguous::<R>(start, count);
            if contiguous.is_none() {
                matrix.load_tile(start, count, &mut tile.z, &mut scratch);
            }
            match path.run(Forward { rows: self, labels, start, count, contiguous, tile: &mut tile }) {
                Some(found) => totals.merge(found),
                None => return Err(first_error(self, labels, start, count, &tile)),
            }
            match &mut sink {
                Sink::Losses(losses) => {
                    losses[start..start + count].copy_from_slice(&tile.value.as_ref()[..count]);
                }
                // A tile saves nothing: its backward pass sweeps again.
                Sink::Nothing | Sink::Saved(_) | Sink::Gradient { .. } => {}
            }
            if let Sink::Gradient { scale, layout, out } = &mut sink {
                for lane in 0..count {
                    tile.scale.as_mut()[lane] = scale.of(start + lane);
                }
                match contiguous_mut::<R, E>(out, *layout, start, count) {
                    Some(to) => path.run(Backward { rows: self, count, tile: &mut tile, to }),
                    None => {
                        path.run(Backward { rows: self, count, tile: &mut tile, to: &mut [] });
                        store_tile(&tile.kept, *layout, start, count, out, &mut scratch);
                    }
                }
            }
        }
        Ok(totals)
    }
}

/// The losses of the rows of a tile and their sums; `None` if one is illegal.
struct Forward<'a, R: Real> {
    rows: &'a Rows<'a>,
    labels: &'a Labels<'a>,
    start: usize,
    count: usize,
    /// The rows where they lie, unless the tile is filled already.
    contiguous: Option<&'a [R]>,
    tile: &'a mut Tile<R>,
}

impl<R: Precision> Operation for Forward<'_, R> {
    type Output = Option<Totals>;

    #[inline(always)]
    fn run<I: Isa>(self) -> Option<Totals> {
        let Forward { rows, labels, start, count, contiguous, tile } = self;
        let prepared = rows.prepared;
        let lanes = R::ZEROS.as_ref().len();
        if let Some(rows) = contiguous {
            row::transpose_in(rows, labels.classes(), &mut tile.z);
        }
        tile.sums = row::tile_sums::<R, I>(&tile.z, &mut tile.kept, prepared.base::<R>());
        if !classes_of(labels, start, &mut tile.label[..count])
            || !is_legal(prepared, &tile.label[..count], &tile.sums)
        {
            return None;
        }
        let (mut max, mut norm, mut d, mut e) = (R::WIDE, R::WIDE, R::WIDE, R::WIDE);
        let is_shared = prepared.shared().is_some();
        for lane in 0..count {
            let class = tile.label[lane].max(0) as usize;
            let at = class * lanes + lane;
            max.as_mut()[lane] = tile.sums.max.as_ref()[lane].to_f64();
            d.as_mut()[lane] = tile.z[at].to_f64() - max.as_ref()[lane];
            e.as_mut()[lane] = tile.kept[at].to_f64();
            if !is_shared {
                tile.set_label(lane, prepared.of_label(class));
            }
            if let Some(weights) = rows.weights {
                tile.whole.as_mut()[lane] = weights.as_slice()[class];
            }
        }
        let terms = prepared.terms();
        if terms.logit_penalty > 0.0 {
            squared_norms(&tile.z, norm.as_mut());
        }
        // 0 where the row does not count, else 1.
        let (mut counts, mut correct) = (R::WIDE, R::WIDE);
        for (lane, &label) in tile.label[..count].iter().enumerate() {
            let is_top = tile.sums.arg_max.as_ref()[lane] == R::from_f64(label as f64);
            counts.as_mut()[lane] = if label >= 0 { 1.0 } else { 0.0 };
            correct.as_mut()[lane] = if is_top { 1.0 } else { 0.0 };
        }
        let (mut nll, mut entropy, mut minimum) = (R::WIDE, R::WIDE, R::WIDE);
        for j in 0..lanes {
            let (d, whole, counted) = (d.as_ref()[j], tile.whole.as_ref()[j], counts.as_ref()[j] != 0.0);
            let outcome = terms.outcome::<I>(Facts {
                max: max.as_ref()[j],
                tail: tile.sums.tail.as_ref()[j],
                first: tile.sums.first.as_ref()[j],
                mass: tile.mass.as_ref()[j],
                below: tile.sums.below.as_ref()[j] + product(tile.own.as_ref()[j], d),
                norm: norm.as_ref()[j],
                weight: tile.weight.as_ref()[j],
                d,
                e: e.as_ref()[j],
                v: tile.v.as_ref()[j],
                others: tile.others.as_ref()[j],
            });
            tile.value.as_mut()[j] = if counted { product(whole, outcome.value) } else { 0.0 };
            minimum.as_mut()[j] = if counted { whole * tile.minimum.as_ref()[j] } else { 0.0 };
            nll.as_mut()[j] = if counted { outcome.log_sum - d } else { 0.0 };
            entropy.as_mut()[j] = if counted { outcome.entropy } else { 0.0 };
            tile.constant.as_mut()[j] = outcome.constant;
            tile.slope.as_mut()[j] = outcome.slope;
            tile.patch.as_mut()[j] = outcome.patch;
        }
        Some(Totals {
            rows: sum(counts.as_ref()) as u64,
            value: sum(tile.value.as_ref()),
            nll: sum(nll.as_ref()),
            entropy: sum(entropy.as_ref()),
            correct: sum(correct.as_ref()),
            minimum: sum(minimum.as_ref()),
        })
    }
}

/// The sum of the lanes.
#[inline(always)]
fn sum(lanes: &[f64]) -> f64 {
    let mut eight = [0.0; 8];
    for lanes in lanes.chunks_exact(8) {
        for (sum, lane) in eight.iter_mut().zip(lanes) {
            *sum += lane;
        }
    }
    eight.iter().sum()
}

/// The gradients of the rows of a tile, in the place of e; and in rows, if there is a place for them.
struct Backward<'a, R: Real> {
    rows: &'a Rows<'a>,
    count: usize,
    tile: &'a mut Tile<R>,
    to: &'a mut [R],
}

impl<R: Precision> Operation for Backward<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Backward { rows, count, tile, to } = self;
        let (base, terms) = (rows.prepared.base::<R>(), rows.prepared.terms());
        let lanes = R::ZEROS.as_ref().len();
        let mut linear = TileLinear::<R> { constant: R::ZEROS, slope: R::ZEROS, scale: R::ZEROS };
        for j in 0..lanes {
            let scale = tile.scale.as_ref()[j] * tile.whole.as_ref()[j];
            linear.constant.as_mut()[j] = R::from_f64(scale * tile.constant.as_ref()[j]);
            linear.slope.as_mut()[j] = R::from_f64(scale * tile.slope.as_ref()[j]);
            linear.scale.as_mut()[j] = R::from_f64(scale);
            tile.patch.as_mut()[j] *= scale;
        }
        row::tile_gradient::<R, I>(
            &tile.z,
            &mut tile.kept,
            &tile.sums.max,
            &linear,
            base,
            terms.penalty > 0.0,
        );
        for lane in 0..count {
            let class = tile.label[lane].max(0) as usize;
            tile.kept[class * lanes + lane] = R::from_f64(tile.patch.as_ref()[lane]);
        }
        if terms.logit_penalty > 0.0 {
            let mut factors = R::WIDE;
            for (lane, factor) in factors.as_mut().iter_mut().enumerate() {
                let scale = tile.scale.as_ref()[lane] * tile.whole.as_ref()[lane];
                *factor = 2.0 * scale * tile.weight.as_ref()[lane] * terms.logit_penalty;
            }
            add_logits(&mut tile.kept, &tile.z, factors.as_ref());
        }
        for lane in (0..count).filter(|&lane| tile.label[lane] < 0) {
            tile.kept.iter_mut().skip(lane).step_by(lanes).for_each(|g| *g = R::ZERO);
        }
        row::transpose_out(&tile.kept, rows.given.targets.classes(), to);
    }
}

/// The classes of the labels from row `start` on, -1 for those that are ignored; whether all are classes.
#[inline(always)]
fn classes_of(labels: &Labels<'_>, start: usize, out: &mut [i64]) -> bool {
    labels.copy(start, out);
    let classes = labels.classes() as i64;
    let mut legal = true;
    match labels.ignored() {
        None => {
            for label in out {
                legal &= (0..classes).contains(label);
            }
        }
        Some(ignored) => {
            for label in out {
                let counts = *label != ignored;
                legal &= !counts || (0..classes).contains(label);
                *label = if counts { *label } else { -1 };
            }
        }
    }
    legal
}

/// Whether every row that counts has legal logits and a label that the smoothing allows.
#[inline(always)]
fn is_legal<R: Real>(prepared: &Prepared<'_>, label: &[i64], sums: &TileSums<R>) -> bool {
    let mut legal = true;
    for (lane, &label) in label.iter().enumerate() {
        legal &= label < 0 || sums.is_valid(lane) && prepared.allows(label as usize);
    }
    legal
}

/// What is wrong in the first row of a tile that has something wrong.
#[cold]
fn first_error<R: Real>(
    rows: &Rows<'_>,
    labels: &Labels<'_>,
    start: usize,
    count: usize,
    tile: &Tile<R>,
) -> Error {
    let lanes = R::ZEROS.as_ref().len();
    for lane in 0..count {
        let at = Place { row: start + lane, first_row: rows.first_row };
        match labels.get(at.row, at.first_row) {
            Err(error) => return error,
            Ok(None) => continue,
            Ok(Some(_)) if !tile.sums.is_valid(lane) => {
                let row: Vec<R> = tile.z.iter().skip(lane).step_by(lanes).copied().collect();
                return objective::illegal_row(&row, at);
            }
            Ok(Some(label)) => {
                if let Err(error) = rows.prepared.check_label(label) {
                    return error.at_row(at.absolute());
                }
            }
        }
    }
    unreachable!("a tile is refused for one of its rows")
}

/// Σz² of every row of a tile, -inf counted as 0.
fn squared_norms<R: Real>(z: &[R], norms: &mut [f64]) {
    norms.fill(0.0);
    for z in z.chunks_exact(norms.len()) {
        for (norm, z) in norms.iter_mut().zip(z) {
            let z = z.to_f64();
            *norm += if z == f64::NEG_INFINITY { 0.0 } else { z * z };
        }
    }
}

/// Adds a multiple of each row's logits to its gradient, -inf counted as 0.
fn add_logits<R: Real>(gradient: &mut [R], z: &[R], factors: &[f64]) {
    for (g, z) in gradient.chunks_exact_mut(factors.len()).zip(z.chunks_exact(factors.len())) {
        for ((g, z), factor) in g.iter_mut().zip(z).zip(factors) {
            let z = z.to_f64();
            let z = if z == f64::NEG_INFINITY { 0.0 } else { z };
            *g = R::from_f64(g.to_f64() + factor * z);
        }
    }
}

/// Σd·e and Σd; every e kept on request.
struct WithEntropy<const KEEP: bool>;
impl<const K: bool> Wanted for WithEntropy<K> {
    const ORDER: u8 = Order::ENTROPY;
    const DISTANCES: bool = true;
    const KEEP: bool = K;
}

/// The sums of a row, with Σb·d of the base b; e is kept if there is a place for it.
struct Sweep<'a, R> {
    z: &'a [R],
    base: Base<'a, R>,
    kept: &'a mut [R],
    maxima: &'a mut Vec<R>,
}

impl<R: Precision> Operation for Sweep<'_, R> {
    type Output = (Sums, f64);

    #[inline(always)]
    fn run<I: Isa>(self) -> (Sums, f64) {
        let Sweep { z, base, kept, maxima } = self;
        let sums = if kept.is_empty() {
            row::sweep::<R, I, WithEntropy<false>>(z, R::ONE, kept, maxima)
        } else {
            row::sweep::<R, I, WithEntropy<true>>(z, R::ONE, kept, maxima)
        };
        let below = match base {
            Base::Constant(0.0) => 0.0,
            Base::Constant(base) => base * sums.distances,
            Base::PerClass(base) => row::dot(z, Some(base), R::from_f64(sums.max)),
        };
        (sums, below)
    }
}

/// Turns what was kept of a row into its gradient.
struct Scaled<'a, R> {
    z: &'a [R],
    kept: &'a mut [R],
    maxima: &'a [R],
    max: f64,
    linear: Linear<'a, R>,
}

impl<R: Precision> Operation for Scaled<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        row::gradient_of_kept::<R, I>(self.z, self.kept, self.maxima, self.max, &self.linear);
    }
}

/// Overwrites a row with its gradient.
struct InPlace<'a, R> {
    z: &'a mut [R],
    max: f64,
    linear: Linear<'a, R>,
}

impl<R: Precision> Operation for InPlace<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        row::gradient::<R, I>(self.z, self.max, &self.linear);
    }
}

impl Rows<'_> {
    /// Rows one after the other.
    fn long<R: Precision, E: Element>(&self, source: Source<'_>, mut sink: Sink<'_, E>) -> Result<Totals> {
        let path = Path::best();
        let (mut copy, mut scratch) = (Vec::new(), Vec::new());
        let (mut memory, mut totals) = (Memory::default(), Totals::default());
        for row in 0..self.given.targets.rows() {
            let at = Place { row, first_row: self.first_row };
            let z = match (&source, &sink) {
                (Source::Logits(logits), _) => logits.0.row::<R>(row, &mut copy),
                (Source::InPlace, Sink::Gradient { layout, out, .. }) => {
                    copy.resize(layout.classes, R::ZERO);
                    Matrix::with_layout("logits", E::values(out), *layout)?.copy_row(row, &mut copy);
                    &copy
                }
                (Source::InPlace, _) => return Err(objective::no_buffer()),
            };
            let Sink::Gradient { scale, layout, out } = &mut sink else {
                if let Some((seen, row_loss, _)) = self.row(path, z, at, &mut [], &mut memory)? {
                    totals.add(seen);
                    match &mut sink {
                        Sink::Losses(losses) => losses[row] = seen.value,
                        Sink::Saved(saved) => saved[row] = row_loss.saved(),
                        _ => {}
                    }
                    memory.target = row_loss.into_target();
                }
                continue;
            };
            let kept = open_row(out, *layout, row, &mut scratch, Fill::Nothing);
            match self.row(path, z, at, kept, &mut memory)? {
                Some((seen, row_loss, whole)) => {
                    totals.add(seen);
                    let scale = scale.of(row) * whole;
                    let linear = row_loss.linear(self.prepared, scale);
                    path.run(Scaled { z, kept, maxima: &memory.maxima, max: row_loss.sums.max, linear });
                    row_loss.finish(kept, z, scale);
                    memory.target = row_loss.into_target();
                }
                None => kept.fill(R::ZERO),
            }
            close_row(out, *layout, row, &scratch);
        }
        Ok(totals)
    }

    /// Gradients of rows from what a forward pass left of them.
    fn long_saved<R: Precision, E: Element>(
        &self,
        logits: Logits<'_>,
        saved: &[[f64; 3]],
        scale: Scale<'_>,
        layout: Layout,
        out: &mut [E],
    ) -> Result<()> {
        let path = Path::best();
        let (mut scratch, mut memory) = (Vec::new(), Memory::default());
        for (row, &[max, tail, first]) in saved.iter().enumerate() {
            let at = Place { row, first_row: self.first_row };
            let z: &mut [R] = open_row(out, layout, row, &mut scratch, Fill::From(&logits.0, row));
            let label = match &self.given.targets {
                Targets::Labels(labels) => labels.get(at.row, at.first_row)?,
                Targets::Soft(_) => None,
            };
            if label.is_none() && matches!(self.given.targets, Targets::Labels(_)) {
                z.fill(R::ZERO);
            } else {
                let sums = Sums { max, tail, first, ..Sums::EMPTY };
                let (_, row_loss, whole) = self.loss(z, at, &sums, label, 0.0, &mut memory)?;
                let scale = scale.of(row) * whole;
                memory.own.clear();
                if self.prepared.terms().logit_penalty > 0.0 {
                    memory.own.extend(z.iter().map(|z| z.to_f64()));
                }
                path.run(InPlace { z, max, linear: row_loss.linear(self.prepared, scale) });
                row_loss.finish(z, &memory.own, scale);
                memory.target = row_loss.into_target();
            }
            close_row(out, layout, row, &scratch);
        }
        Ok(())
    }

    /// The loss of a row, and what multiplies it; `None` if it does not count. `kept` gets what the gradient
    /// is made of.
    fn row<R: Precision>(
        &self,
        path: Path,
        z: &[R],
        at: Place,
        kept: &mut [R],
        memory: &mut Memory<R>,
    ) -> Result<Option<(Seen, RowLoss<R>, f64)>> {
        let prepared = self.prepared;
        let label = match &self.given.targets {
            Targets::Labels(labels) => match labels.get(at.row, at.first_row)? {
                Some(label) => Some(label),
                None => return Ok(None),
            },
            Targets::Soft(_) => None,
        };
        // The target of a soft label holds the base.
        let base = if label.is_some() { prepared.base::<R>() } else { Base::Constant(0.0) };
        let (sums, below) = path.run(Sweep { z, base, kept, maxima: &mut memory.maxima });
        check_row(&sums, z, at)?;
        self.loss(z, at, &sums, label, below, memory).map(Some)
    }

    /// The loss of a row from its sums, and what multiplies it.
    fn loss<R: Precision>(
        &self,
        z: &[R],
        at: Place,
        sums: &Sums,
        label: Option<usize>,
        below: f64,
        memory: &mut Memory<R>,
    ) -> Result<(Seen, RowLoss<R>, f64)> {
        let prepared = self.prepared;
        let (target, whole) = match (label, &self.given.targets) {
            (Some(label), _) => {
                let whole = self.weights.map_or(1.0, |weights| weights.as_slice()[label]);
                (prepared.of_hard(label, z, at, sums, below)?, whole)
            }
            (None, Targets::Soft(labels)) => {
                let given = labels.row(at.row, at.first_row, &mut memory.soft)?;
                let whole = self.weights.map_or(1.0, |weights| options::dot(given, weights));
                (prepared.of_soft(given, z, at, sums, std::mem::take(&mut memory.target))?, whole)
            }
            (None, Targets::Labels(_)) => unreachable!("the label of a row that counts"),
        };
        let (mut seen, row_loss) = prepared.loss(z, sums, target);
        seen.value = product(whole, seen.value);
        seen.minimum *= whole;
        Ok((seen, row_loss, whole))
    }
}

/// Memory that rows share, one after the other.
#[derive(Debug, Default)]
struct Memory<R> {
    /// The largest logit of each block of the row.
    maxima: Vec<R>,
    soft: Vec<f64>,
    /// The logits, where they are overwritten and still needed.
    own: Vec<f64>,
    /// w·t of every class, for soft labels.
    target: Vec<R>,
}
