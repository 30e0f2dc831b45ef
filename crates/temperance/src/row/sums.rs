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
}

impl Sums {
    /// Whether the row was legal: no NaN, no +inf, not all -inf.
    #[inline]
    pub(crate) fn is_valid(&self) -> bool {
        self.tail.is_finite() && self.max < f64::INFINITY
    }
}

/// Lanes are emptied into `f64` totals after this many steps, so that a long row in `f32` keeps its digits.
const STEPS: usize = 16;

/// Rows up to this length are swept sixteen entries at a time, with sixteen lanes to empty.
const SHORT: usize = 64;

/// The sums of `row` at inverse temperature `beta`, up to the given [`Order`], Σe² on request.
#[inline(always)]
pub(crate) fn sums<R: Real, I: Isa, const ORDER: u8, const SQUARES: bool>(row: &[R], beta: R) -> Sums {
    let max = max::<R>(row);
    let arg_max = position(row, max);
    let mut totals = [0.0; 4];
    if row.len() <= SHORT {
        let mut lanes = [[R::ZERO; 16]; 4];
        let [sum, first, second, squares] = &mut lanes;
        for (step, z) in row.chunks(16).enumerate() {
            let mut copy = [R::NEG_INFINITY; 16];
            copy[..z.len()].copy_from_slice(z);
            if arg_max / 16 == step {
                copy[arg_max % 16] = R::NEG_INFINITY;
            }
            absorb::<R, I, ORDER, SQUARES>([sum, first, second, squares], &copy, max, beta);
        }
        empty::<_, R, ORDER, SQUARES>(&lanes, &mut totals);
    } else {
        let width = R::ZEROS.as_ref().len();
        for (segment, entries) in row.chunks(STEPS * width).enumerate() {
            let mut lanes = [R::ZEROS; 4];
            let [sum, first, second, squares] = &mut lanes;
            for (step, z) in entries.chunks(width).enumerate() {
                let at = (segment * STEPS + step) * width;
                let skip = arg_max.wrapping_sub(at);
                let lanes = [sum.as_mut(), first.as_mut(), second.as_mut(), squares.as_mut()];
                if z.len() == width && skip >= width {
                    absorb::<R, I, ORDER, SQUARES>(lanes, z, max, beta);
                } else {
                    // The arg-max, and what lies beyond the end of the row, count as -inf.
                    let mut copy = R::MASKED;
                    let copy = copy.as_mut();
                    copy[..z.len()].copy_from_slice(z);
                    if skip < width {
                        copy[skip] = R::NEG_INFINITY;
                    }
                    absorb::<R, I, ORDER, SQUARES>(lanes, copy, max, beta);
                }
            }
            empty::<_, R, ORDER, SQUARES>(&lanes, &mut totals);
        }
    }
    let [tail, first, second, squares] = totals;
    Sums { max: max.to_f64(), arg_max, tail, first, second, squares }
}

/// Adds one vector of entries to the lanes of Σe, Σd·e, Σd²·e, Σe².
#[inline(always)]
fn absorb<R: Real, I: Isa, const ORDER: u8, const SQUARES: bool>(
    lanes: [&mut [R]; 4],
    z: &[R],
    max: R,
    beta: R,
) {
    let [sum, first, second, squares] = lanes.map(|lanes| &mut lanes[..z.len()]);
    for j in 0..z.len() {
        let (d, e) = exp_of::<R, I>(z[j], max, beta);
        sum[j] = sum[j] + e;
        if ORDER >= Order::ENTROPY {
            first[j] = R::fma::<I>(d, e, first[j]);
        }
        if ORDER >= Order::CURVATURE {
            second[j] = R::fma::<I>(d * d, e, second[j]);
        }
        if SQUARES {
            squares[j] = R::fma::<I>(e, e, squares[j]);
        }
    }
}

/// Adds the lanes that were used to the totals.
#[inline(always)]
fn empty<L: AsRef<[R]>, R: Real, const ORDER: u8, const SQUARES: bool>(
    lanes: &[L; 4],
    totals: &mut [f64; 4],
) {
    let used = [true, ORDER >= Order::ENTROPY, ORDER >= Order::CURVATURE, SQUARES];
    for ((total, lanes), used) in totals.iter_mut().zip(lanes).zip(used) {
        if used {
            *total += horizontal(lanes);
        }
    }
}

/// d and e of one entry. Below the smallest normal number, -inf included, e is 0 and so is d·e. NaN stays.
#[inline(always)]
pub(super) fn exp_of<R: Real, I: Isa>(z: R, max: R, beta: R) -> (R, R) {
    let d = (z - max) * beta;
    // Written so that NaN is not "below" and passes through.
    let vanishes = d < R::LOWEST;
    let d = if vanishes { R::ZERO } else { d };
    let e = R::exp::<I>(d);
    (d, if vanishes { R::ZERO } else { e })
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
