//! The fold: absorb rows, merge partial results, finish. Everything that reads many rows is one.
//!
//! Rows are cut into chunks by their absolute index; a chunk is absorbed row by row, and chunks are merged
//! in the order of their index. So the result has the same bits for any number of threads and however the
//! source blocks its rows.

use std::ops::{ControlFlow, Range};

use crate::error::{Error, ErrorKind, Result};
use crate::input::{Block, Element, Layout, Rows};

/// A computation over rows that can be done in parts.
///
/// The law of a fold: absorbing rows in one block or in several gives the same state, bit for bit. A fold
/// that treats one row after the other obeys it.
pub trait Fold: Sync {
    /// A partial result.
    type State: Send;
    /// The result.
    type Output;

    /// The partial result of no rows.
    fn start(&self) -> Self::State;

    /// Adds the rows of a block.
    ///
    /// # Errors
    /// On an illegal value, with its row.
    fn absorb(&self, state: &mut Self::State, block: &Block<'_>) -> Result<()>;

    /// Adds the partial result of the rows that follow.
    fn merge(&self, state: &mut Self::State, later: Self::State);

    /// Turns the partial result of all rows into the result.
    ///
    /// # Errors
    /// If the rows do not determine one.
    fn finish(&self, state: Self::State) -> Result<Self::Output>;

    /// How many rows make a chunk. May depend on the shape of the data, never on the machine.
    fn chunk_rows(&self, classes: usize) -> usize {
        chunk_rows(classes)
    }
}

/// About 64 Ki entries: large enough to pay for its bookkeeping, small enough to spread over the cores.
pub(crate) fn chunk_rows(classes: usize) -> usize {
    ((1 << 16) / classes).clamp(1, 4096)
}

/// How far long work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, in a word or two.
    pub task: &'static str,
    /// Rows read in this pass.
    pub rows: u64,
    /// Rows of a pass, if known.
    pub total: Option<u64>,
    /// Passes finished before this one.
    pub pass: u32,
}

/// Is told of progress and may stop the work, which then ends with [`ErrorKind::Interrupted`].
///
/// A closure from [`Progress`] to [`ControlFlow`] is an observer; so is `()`, which does nothing.
pub trait Observer: Sync {
    /// Called between chunks of work and at the end of each pass.
    fn progress(&self, progress: Progress) -> ControlFlow<()>;
}

impl Observer for () {
    fn progress(&self, _: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: Fn(Progress) -> ControlFlow<()> + Sync> Observer for F {
    fn progress(&self, progress: Progress) -> ControlFlow<()> {
        self(progress)
    }
}

/// Folds all rows on all threads of the current rayon pool (on one thread without feature `parallel`).
///
/// # Errors
/// The first error in the order of the rows.
pub fn fold<F: Fold>(fold: &F, rows: &dyn Rows) -> Result<F::Output> {
    observed(fold, rows, &(), Progress { task: "reading", rows: 0, total: rows.rows(), pass: 0 })
}

/// Tells an observer.
///
/// ```
/// use temperance::ErrorKind;
/// use temperance::fold::{Progress, tell};
///
/// let progress = Progress { task: "reading", rows: 5, total: Some(10), pass: 0 };
/// assert!(tell(&(), progress).is_ok());
/// let stop = |_: Progress| std::ops::ControlFlow::Break(());
/// assert_eq!(tell(&stop, progress).unwrap_err().kind(), ErrorKind::Interrupted);
/// ```
///
/// # Errors
/// [`ErrorKind::Interrupted`] if it breaks.
pub fn tell(observer: &dyn Observer, progress: Progress) -> Result<()> {
    match observer.progress(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => {
            Err(Error::new(ErrorKind::Interrupted, progress.task, "interrupted", "it to finish"))
        }
    }
}

/// [`fold`] that tells an observer, starting from `progress`.
///
/// # Errors
/// As [`fold`], or [`ErrorKind::Interrupted`] if the observer breaks.
pub fn observed<F: Fold>(
    fold: &F,
    rows: &dyn Rows,
    observer: &dyn Observer,
    mut progress: Progress,
) -> Result<F::Output> {
    let mut report = |rows| {
        progress.rows = rows;
        tell(observer, progress)
    };
    let chunk_rows = fold.chunk_rows(rows.classes());
    let mut total = fold.start();
    // The chunk that the last block left unfinished, and how many rows it has.
    let mut open = (fold.start(), 0);
    let mut seen = 0;
    rows.for_each_block(&mut |block| {
        let block = block.starting_at(seen);
        let mut at = 0;
        if open.1 > 0 {
            at = (chunk_rows - open.1).min(block.rows());
            fold.absorb(&mut open.0, &block.slice(0..at))?;
            open.1 += at;
            if open.1 == chunk_rows {
                fold.merge(&mut total, std::mem::replace(&mut open.0, fold.start()));
                open.1 = 0;
                report(seen + at as u64)?;
            }
        }
        let whole = (block.rows() - at) / chunk_rows;
        // A few chunks per thread at a time, so that partial results never pile up.
        let wave = 4 * threads();
        for first in (0..whole).step_by(wave) {
            let chunks = (first..whole.min(first + wave)).collect();
            let states = ordered(chunks, |chunk| {
                let start = at + chunk * chunk_rows;
                let mut state = fold.start();
                fold.absorb(&mut state, &block.slice(start..start + chunk_rows)).map(|()| state)
            });
            for state in states {
                fold.merge(&mut total, state?);
            }
            report(seen + (at + (first + wave).min(whole) * chunk_rows) as u64)?;
        }
        at += whole * chunk_rows;
        if at < block.rows() {
            fold.absorb(&mut open.0, &block.slice(at..block.rows()))?;
            open.1 = block.rows() - at;
        }
        seen += block.rows() as u64;
        Ok(())
    })?;
    if open.1 > 0 {
        fold.merge(&mut total, open.0);
        report(seen)?;
    }
    fold.finish(total)
}

/// Cuts a buffer of the given layout into chunks of rows and does `work` on each, with the rows it holds.
///
/// A part of an inner axis longer than a chunk does not lie together: it is worked on in a buffer of its own,
/// which is filled from it before and copied back after.
///
/// # Errors
/// If the length of the buffer is not that of the layout; the first error of `work` in the order of the rows.
pub(crate) fn map_chunks<E: Element, S: Send>(
    layout: Layout,
    out: &mut [E],
    work: impl Fn(Range<usize>, Layout, &mut [E]) -> Result<S> + Sync,
) -> Result<Vec<S>> {
    let Layout { classes, inner, .. } = layout;
    let expected = layout.rows() * classes;
    if out.len() != expected {
        let expected = format!("{expected}, one entry for each logit");
        return Err(Error::shape("length of the output", out.len(), expected));
    }
    let at_once = rows_at_once(layout);
    if at_once < inner {
        let mut chunks = Vec::new();
        for (index, image) in out.chunks_mut(classes * inner).enumerate() {
            let pieces = inner.div_ceil(at_once);
            let start = |piece: usize| index * inner + piece * at_once;
            let first = chunks.len();
            chunks.extend((0..pieces).map(|piece| (start(piece), Vec::with_capacity(classes))));
            for plane in image.chunks_mut(inner) {
                for (piece, part) in plane.chunks_mut(at_once).enumerate() {
                    chunks[first + piece].1.push(part);
                }
            }
        }
        let results = ordered(chunks, |(start, mut planes): (usize, Vec<&mut [E]>)| {
            let length = planes[0].len();
            let mut buffer: Vec<E> = planes.iter().flat_map(|plane| plane.iter().copied()).collect();
            let result =
                work(start..start + length, Layout { outer: 1, classes, inner: length }, &mut buffer)?;
            for (plane, values) in planes.iter_mut().zip(buffer.chunks(length)) {
                plane.copy_from_slice(values);
            }
            Ok(result)
        });
        return results.into_iter().collect();
    }
    let chunks = out.chunks_mut(at_once * classes).enumerate().collect();
    let results = ordered(chunks, |(chunk, out): (usize, &mut [E])| {
        let layout = Layout { outer: out.len() / (classes * inner), classes, inner };
        let start = chunk * at_once;
        work(start..start + layout.rows(), layout, out)
    });
    results.into_iter().collect()
}

/// Does `work` on chunks of rows, the same as those of [`map_chunks`], with a value for each row.
///
/// # Errors
/// The first error of `work` in the order of the rows.
pub(crate) fn map_rows<T: Send, S: Send>(
    layout: Layout,
    mut values: &mut [T],
    work: impl Fn(Range<usize>, &mut [T]) -> Result<S> + Sync,
) -> Result<Vec<S>> {
    let at_once = rows_at_once(layout);
    // No chunk crosses from one outer index to the next, unless it holds several whole ones.
    let group = if at_once < layout.inner { layout.inner } else { layout.rows() };
    let mut chunks = Vec::new();
    for start in (0..layout.rows()).step_by(group) {
        for at in (0..group).step_by(at_once) {
            let rows = start + at..start + group.min(at + at_once);
            let (now, later) = values.split_at_mut(rows.len());
            values = later;
            chunks.push((rows, now));
        }
    }
    ordered(chunks, |(rows, values)| work(rows, values)).into_iter().collect()
}

/// How many rows make a chunk: whole outer indices, or a part of one inner axis.
fn rows_at_once(layout: Layout) -> usize {
    let Layout { classes, inner, .. } = layout;
    let rows = chunk_rows(classes);
    if inner <= rows { rows / inner * inner } else { (rows / 64 * 64).max(64).min(inner) }
}

/// Threads that work is spread over.
#[cfg(feature = "parallel")]
pub(crate) fn threads() -> usize {
    rayon::current_num_threads()
}

/// Threads that work is spread over.
#[cfg(not(feature = "parallel"))]
pub(crate) fn threads() -> usize {
    1
}

/// `work` on every item, on all threads, results in the order of the items.
///
/// Items and results are handed over through slots, so that the thread pool sees an index only: its machinery
/// is compiled once, not for every kind of work.
#[cfg(feature = "parallel")]
pub(crate) fn ordered<T: Send, S: Send>(items: Vec<T>, work: impl Fn(T) -> S + Sync) -> Vec<S> {
    use std::sync::{Mutex, PoisonError};
    if items.len() < 2 || threads() < 2 {
        return items.into_iter().map(work).collect();
    }
    let slots: Vec<Mutex<(Option<T>, Option<S>)>> =
        items.into_iter().map(|item| Mutex::new((Some(item), None))).collect();
    for_each_index(slots.len(), &|index| {
        let mut slot = slots[index].lock().unwrap_or_else(PoisonError::into_inner);
        let (item, result) = &mut *slot;
        *result = item.take().map(&work);
    });
    let results = slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner).1);
    results.map(|result| result.expect("every index was visited")).collect()
}

/// `work` on every index below `count`, on all threads.
#[cfg(feature = "parallel")]
fn for_each_index(count: usize, work: &(dyn Fn(usize) + Sync)) {
    use rayon::prelude::*;
    (0..count).into_par_iter().with_max_len(1).for_each(work);
}

/// `work` on every item, results in the order of the items.
#[cfg(not(feature = "parallel"))]
pub(crate) fn ordered<T: Send, S: Send>(items: Vec<T>, work: impl Fn(T) -> S + Sync) -> Vec<S> {
    items.into_iter().map(work).collect()
}
