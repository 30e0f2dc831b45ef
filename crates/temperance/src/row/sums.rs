//! Sweeps that read a row and return its sums.

use super::{Isa, Real};

/// Which powers of d are summed with e.
pub(crate) struct Order;
impl Order {
    /// Σe.
    pub(crate) const NORMALISER: u8 = 0;
    /// Σe and Σd·e: entropy, gradient in β.
    pub(crate) const ENTROPY: u8 = 1;
    /// Σe, Σd·e and Σd²·e: curvature in β.
    pub(crate) const CURVATURE: u8 = 2;
}

/// The sums of a row at one β, with d = β(z - max z) and e = exp(d).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums {
    /// max z.
    pub(crate) max: f64,
    /// The first index where z is largest.
    pub(crate) arg_max: usize,
    /// Σe over all entries but the arg-max, whose e is 1.
    pub(crate) tail: f64,
    /// Σd·e.
    pub(crate) first: f64,
    /// Σd²·e.
    pub(crate) second: f64,
    /// Σe² over all entries but the arg-max.
    pub(crate) squares: f64,
    /// Σd; -inf if an entry is.
    pub(crate) distances: f64,
}

impl Sums {
    /// Whether the row was legal: no NaN, no +inf, not all -inf.
    #[inline]
    pub(crate) fn is_valid(&self) -> bool {
        self.tail.is_finite() && self.max.is_finite()
    }
}

/// Lanes are emptied into `f64` totals after this many steps, so that a long row in `f32` keeps its digits.
const STEPS: usize = 16;

/// Blocks up to this length are swept sixteen entries at a time, with sixteen lanes to empty.
const SHORT: usize = 64;

/// A row is swept in blocks of this many bytes, each around its own maximum, so that it is read from memory
/// once however long it is: a block stays in the first cache from its first sweep to its last.
const BLOCK_BYTES: usize = 8192;

/// Which sums a sweep makes besides Σe.
pub(crate) trait Wanted {
    /// Which powers of d are summed with e: an [`Order`].
    const ORDER: u8;
    /// Σe².
    const SQUARES: bool = false;
    /// Σd, where an entry of -inf makes it -inf.
    const DISTANCES: bool = false;
    /// Every e is kept.
    const KEEP: bool = false;
}

/// The sums that [`sums`] makes.
struct Only<const ORDER: u8, const SQUARES: bool>;
impl<const O: u8, const S: bool> Wanted for Only<O, S> {
    const ORDER: u8 = O;
    const SQUARES: bool = S;
}

/// The sums of `row` at inverse temperature `beta`, up to the given [`Order`], Σe² on request.
#[inline(always)]
pub(crate) fn sums<R: Real, I: Isa, const ORDER: u8, const SQUARES: bool>(row: &[R], beta: R) -> Sums {
    sweep::<R, I, Only<ORDER, SQUARES>>(row, beta, &mut [], &mut Vec::new())
}

/// The sums of `row` at inverse temperature `beta`.
///
/// If they are to be kept, e of every entry, relative to the maximum of its block, goes to `kept`, and the
/// maxima of the blocks to `maxima`.
#[inline(always)]
pub(crate) fn sweep<R: Real, I: Isa, W: Wanted>(
    row: &[R],
    beta: R,
    kept: &mut [R],
    maxima: &mut Vec<R>,
) -> Sums {
    let size = block_len::<R>();
    if W::KEEP {
        maxima.clear();
    }
    let mut all = Sums::EMPTY;
    for (index, z) in row.chunks(size).enumerate() {
        let kept = if W::KEEP { &mut kept[index * size..][..z.len()] } else { &mut [] };
        let block = block::<R, I, W>(z, beta, kept);
        if W::KEEP {
            maxima.push(block.max);
        }
        all.join(&block, index * size, z.len(), beta.to_f64());
    }
    all
}

/// Entries of a block.
#[inline(always)]
pub(super) fn block_len<R>() -> usize {
    BLOCK_BYTES / size_of::<R>()
}

/// The sums of a block, d and e relative to its own maximum.
struct BlockSums<R> {
    max: R,
    arg_max: usize,
    totals: [f64; 5],
}

impl Sums {
    /// Of no entries.
    pub(crate) const EMPTY: Sums = Sums {
        max: f64::NEG_INFINITY,
        arg_max: 0,
        tail: 0.0,
        first: 0.0,
        second: 0.0,
        squares: 0.0,
        distances: 0.0,
    };

    /// Adds the sums of the block that follows, `length` entries from `start` on: with D the difference of the
    /// two maxima, Σe of the lower one is multiplied by exp(D), Σd·e becomes exp(D)·(Σd·e + D·Σe), and so on.
    #[inline(always)]
    fn join<R: Real>(&mut self, block: &BlockSums<R>, start: usize, length: usize, beta: f64) {
        let max = block.max.to_f64();
        let [tail, first, second, squares, distances] = block.totals;
        if max == f64::NEG_INFINITY {
            // Nothing but -inf adds nothing; NaN shows.
            self.tail += tail;
            self.distances += distances;
            return;
        }
        if self.max == f64::NEG_INFINITY {
            let (before, masked) = (self.tail, self.distances);
            *self = Sums { max, arg_max: start + block.arg_max, tail, first, second, squares, distances };
            self.tail += before;
            // All before are -inf, if there are any.
            self.distances += masked;
            return;
        }
        let later = Sums { max, arg_max: start + block.arg_max, tail, first, second, squares, distances };
        let (mut high, low, low_length) =
            if max > self.max { (later, *self, start) } else { (*self, later, length) };
        let shift = beta * (low.max - high.max);
        let factor = shift.exp();
        let sum = 1.0 + low.tail;
        high.tail += factor * sum;
        if factor > 0.0 {
            high.first += factor * (low.first + shift * sum);
            high.second += factor * (low.second + shift * (2.0 * low.first + shift * sum));
            high.squares += factor * factor * (1.0 + low.squares);
        }
        high.distances += low.distances + shift * low_length as f64;
        *self = high;
    }
}

/// The sums of a block.
#[inline(always)]
fn block<R: Real, I: Isa, W: Wanted>(row: &[R], beta: R, kept: &mut [R]) -> BlockSums<R> {
    let max = max::<R>(row);
    let arg_max = position(row, max);
    let mut totals = [0.0; 5];
    if row.len() <= SHORT {
        let mut lanes = [[R::ZERO; 16]; 5];
        for (step, z) in row.chunks(16).enumerate() {
            let mut copy = [R::NEG_INFINITY; 16];
            copy[..z.len()].copy_from_slice(z);
            if arg_max / 16 == step {
                copy[arg_max % 16] = R::NEG_INFINITY;
            }
            let mut e = [R::ZERO; 16];
            let [sum, first, second, squares, distances] = &mut lanes;
            absorb::<R, I, W>([sum, first, second, squares], &copy, &mut e, max, beta);
            if W::DISTANCES {
                add_distances(distances, z, max, beta);
            }
            if W::KEEP {
                kept[16 * step..][..z.len()].copy_from_slice(&e[..z.len()]);
            }
        }
        empty::<_, R, W>(&lanes, &mut totals);
    } else {
        let width = R::ZEROS.as_ref().len();
        for (segment, entries) in row.chunks(STEPS * width).enumerate() {
            let mut lanes = [R::ZEROS; 5];
            let [sum, first, second, squares, distances] = &mut lanes;
            for (step, z) in entries.chunks(width).enumerate() {
                let at = (segment * STEPS + step) * width;
                let skip = arg_max.wrapping_sub(at);
                let lanes = [sum.as_mut(), first.as_mut(), second.as_mut(), squares.as_mut()];
                let is_whole = z.len() == width && skip >= width;
                // The arg-max, and what lies beyond the end of the row, count as -inf.
                let (mut copy, mut e) = (R::MASKED, R::ZEROS);
                if !is_whole {
                    copy.as_mut()[..z.len()].copy_from_slice(z);
                    if skip < width {
                        copy.as_mut()[skip] = R::NEG_INFINITY;
                    }
                }
                let from = if is_whole { z } else { copy.as_ref() };
                let to = if !W::KEEP {
                    &mut []
                } else if is_whole {
                    &mut kept[at..at + width]
                } else {
                    e.as_mut()
                };
                absorb::<R, I, W>(lanes, &from[..width], to, max, beta);
                if W::KEEP && !is_whole {
                    kept[at..at + z.len()].copy_from_slice(&e.as_ref()[..z.len()]);
                }
                if W::DISTANCES {
                    add_distances(distances.as_mut(), z, max, beta);
                }
            }
            empty::<_, R, W>(&lanes, &mut totals);
        }
    }
    if W::KEEP {
        kept[arg_max] = R::ONE;
    }
    if max == R::NEG_INFINITY {
        nothing::<R, W>(row, kept, &mut totals);
    }
    BlockSums { max, arg_max, totals }
}

/// A block without a finite entry: -inf adds nothing to Σe, NaN shows in it.
#[cold]
fn nothing<R: Real, W: Wanted>(row: &[R], kept: &mut [R], totals: &mut [f64; 5]) {
    let is_nan = row.iter().any(|&z| z != R::NEG_INFINITY);
    *totals = [if is_nan { f64::NAN } else { 0.0 }, 0.0, 0.0, 0.0, f64::NEG_INFINITY];
    if W::KEEP {
        kept.fill(R::ZERO);
    }
}

/// Adds one vector of entries to the lanes of Σe, Σd·e, Σd²·e, Σe².
#[inline(always)]
fn absorb<R: Real, I: Isa, W: Wanted>(lanes: [&mut [R]; 4], z: &[R], kept: &mut [R], max: R, beta: R) {
    let [sum, first, second, squares] = lanes.map(|lanes| &mut lanes[..z.len()]);
    for j in 0..z.len() {
        let (d, e) = exp_of::<R, I>(z[j], max, beta);
        sum[j] = sum[j] + e;
        if W::KEEP {
            kept[j] = e;
        }
        if W::ORDER >= Order::ENTROPY {
            first[j] = R::fma::<I>(d, e, first[j]);
        }
        if W::ORDER >= Order::CURVATURE {
            second[j] = R::fma::<I>(d * d, e, second[j]);
        }
        if W::SQUARES {
            squares[j] = R::fma::<I>(e, e, squares[j]);
        }
    }
}

/// Adds d of the entries to their lanes.
#[inline(always)]
fn add_distances<R: Real>(lanes: &mut [R], z: &[R], max: R, beta: R) {
    for (lane, &z) in lanes.iter_mut().zip(z) {
        *lane = *lane + (z - max) * beta;
    }
}

/// Adds the lanes that were used to the totals.
#[inline(always)]
fn empty<L: AsRef<[R]>, R: Real, W: Wanted>(lanes: &[L; 5], totals: &mut [f64; 5]) {
    let used = [true, W::ORDER >= Order::ENTROPY, W::ORDER >= Order::CURVATURE, W::SQUARES, W::DISTANCES];
    for ((total, lanes), used) in totals.iter_mut().zip(lanes).zip(used) {
        if used {
            *total += horizontal(lanes);
        }
    }
}

/// d and e of one entry. Where e would not be a normal number, -inf included, it is 0 (or, just below, not a
/// normal number), and d finite. NaN stays.
#[inline(always)]
pub(super) fn exp_of<R: Real, I: Isa>(z: R, max: R, beta: R) -> (R, R) {
    let d = (z - max) * beta;
    // Written so that NaN is not "below" and passes through.
    let d = if d < R::VANISHES { R::VANISHES } else { d };
    (d, R::exp::<I>(d))
}

/// The largest entry; NaN is never larger and is found later by the sums.
#[inline(always)]
fn max<R: Real>(row: &[R]) -> R {
    let mut lanes = R::MASKED;
    let lanes = lanes.as_mut();
    let mut chunks = row.chunks_exact(lanes.len());
    for z in &mut chunks {
        for (lane, &z) in lanes.iter_mut().zip(z) {
            *lane = if z > *lane { z } else { *lane };
        }
    }
    for (lane, &z) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = if z > *lane { z } else { *lane };
    }
    lanes.iter().fold(R::NEG_INFINITY, |max, &z| if z > max { z } else { max })
}

/// The first index of the largest entry below `bound`; `None` if there is none above -inf.
#[inline(always)]
pub(crate) fn largest_below<R: Real>(row: &[R], bound: R) -> Option<usize> {
    let mut lanes = R::MASKED;
    let lanes = lanes.as_mut();
    for z in row.chunks(lanes.len()) {
        for (lane, &z) in lanes.iter_mut().zip(z) {
            *lane = if (z < bound) & (z > *lane) { z } else { *lane };
        }
    }
    let largest = lanes.iter().fold(R::NEG_INFINITY, |max, &z| if z > max { z } else { max });
    if largest > R::NEG_INFINITY { Some(position(row, largest)) } else { None }
}

/// The first index of `value`, 0 if there is none (it is NaN): vectors at a time until one holds it.
#[inline(always)]
fn position<R: Real>(row: &[R], value: R) -> usize {
    let width = R::ZEROS.as_ref().len();
    for (step, z) in row.chunks(width).enumerate() {
        if z.iter().fold(false, |found, &z| found | (z == value)) {
            let within = z.iter().position(|&z| z == value);
            return step * width + within.unwrap_or(0);
        }
    }
    0
}

/// The sum of all lanes, in `f64`.
#[inline(always)]
fn horizontal<L: AsRef<[R]>, R: Real>(lanes: &L) -> f64 {
    let mut eight = [0.0; 8];
    for lanes in lanes.as_ref().chunks_exact(8) {
        for (sum, lane) in eight.iter_mut().zip(lanes) {
            *sum += lane.to_f64();
        }
    }
    eight.iter().sum()
}

/// Σ u·(z - max), where an entry with u = 0 counts 0 even at z = -inf; Σ(z - max) if `u` is `None`.
#[inline(always)]
pub(crate) fn dot<R: Real>(row: &[R], u: Option<&[R]>, max: R) -> f64 {
    let width = R::ZEROS.as_ref().len();
    let mut total = 0.0;
    for (segment, entries) in row.chunks(STEPS * width).enumerate() {
        let mut lanes = R::ZEROS;
        let sums = lanes.as_mut();
        let at = segment * STEPS * width;
        let u = u.map(|u| &u[at..at + entries.len()]);
        for (step, z) in entries.chunks(width).enumerate() {
            match u {
                None => {
                    for (sum, &z) in sums.iter_mut().zip(z) {
                        *sum = *sum + (z - max);
                    }
                }
                Some(u) => {
                    for ((sum, &z), &u) in sums.iter_mut().zip(z).zip(&u[step * width..]) {
                        let term = u * (z - max);
                        *sum = *sum + if u == R::ZERO { R::ZERO } else { term };
                    }
                }
            }
        }
        total += horizontal(&lanes);
    }
    total
}

/// Σ z² of the entries that are not -inf.
pub(crate) fn squared_norm<R: Real>(row: &[R]) -> f64 {
    let finite = row.iter().filter(|z| **z > R::NEG_INFINITY);
    finite.map(|z| z.to_f64() * z.to_f64()).sum()
}

/// The p-norm (Σ |z - centre|^p)^(1/p) of the entries that are not -inf; the largest of them for p = inf.
#[inline(always)]
pub(crate) fn norm<R: Real>(row: &[R], centre: f64, p: f64) -> f64 {
    let mut largest = 0.0_f64;
    for &z in row {
        let size = (z.to_f64() - centre).abs();
        largest = if z > R::NEG_INFINITY && size > largest { size } else { largest };
    }
    if largest == 0.0 || p == f64::INFINITY {
        return largest;
    }
    // Relative to the largest, no power overflows.
    let mut sum = 0.0;
    for &z in row {
        let size = (z.to_f64() - centre).abs() / largest;
        let power = if p == 2.0 { size * size } else { size.powf(p) };
        sum += if z > R::NEG_INFINITY { power } else { 0.0 };
    }
    largest * if p == 2.0 { sum.sqrt() } else { sum.powf(1.0 / p) }
}
