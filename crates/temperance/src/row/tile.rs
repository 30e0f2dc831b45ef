//! Many rows at once, one in each lane: for rows too short to fill a vector, and for a class axis with a
//! stride, where neighbours in memory are neighbouring rows.
//!
//! A tile holds the logits of [`Real::Lanes`] rows class by class: entry `class × lanes + lane`.

use super::sums::exp_of;
use super::{Base, Isa, Real};

/// The sums of the rows of a tile, d and e as in [`Sums`](super::Sums).
pub(crate) struct TileSums<R: Real> {
    /// max z.
    pub(crate) max: R::Lanes,
    /// The first class where z is largest.
    pub(crate) arg_max: R::Lanes,
    /// Σe over all classes but that one.
    pub(crate) tail: R::Wide,
    /// Σd·e.
    pub(crate) first: R::Wide,
    /// Σb·d of a number b for each class.
    pub(crate) below: R::Wide,
}

/// Classes whose terms are added in the precision of the tile before they go to `f64`.
const CLASSES: usize = 16;

/// The sums of the rows of tile `z`; e goes to `kept`.
#[inline(always)]
pub(crate) fn tile_sums<R: Real, I: Isa>(z: &[R], kept: &mut [R], below: Base<'_, R>) -> TileSums<R> {
    match below {
        Base::Constant(0.0) => with::<R, I, false>(z, kept, None, 0.0),
        Base::Constant(b) => with::<R, I, true>(z, kept, None, b),
        Base::PerClass(b) => with::<R, I, true>(z, kept, Some(b), 1.0),
    }
}

#[inline(always)]
fn with<R: Real, I: Isa, const BELOW: bool>(
    z: &[R],
    kept: &mut [R],
    weights: Option<&[R]>,
    factor: f64,
) -> TileSums<R> {
    let lanes = R::ZEROS.as_ref().len();
    let (mut max, mut arg_max) = (R::MASKED, R::ZEROS);
    max.as_mut().copy_from_slice(&z[..lanes]);
    for (class, z) in z.chunks_exact(lanes).enumerate().skip(1) {
        let class = R::from_f64(class as f64);
        for ((max, arg_max), &z) in max.as_mut().iter_mut().zip(arg_max.as_mut()).zip(z) {
            let larger = z > *max;
            *max = if larger { z } else { *max };
            *arg_max = if larger { class } else { *arg_max };
        }
    }
    let (mut tail, mut first, mut below) = (R::WIDE, R::WIDE, R::WIDE);
    let tiles = z.chunks(CLASSES * lanes).zip(kept.chunks_mut(CLASSES * lanes));
    for (segment, (z, kept)) in tiles.enumerate() {
        let mut sums = [R::ZEROS; 3];
        for (step, (z, kept)) in z.chunks_exact(lanes).zip(kept.chunks_exact_mut(lanes)).enumerate() {
            let class = segment * CLASSES + step;
            let weight = weights.map_or(R::ONE, |weights| weights[class]);
            let weigh = BELOW && weight != R::ZERO;
            let class = R::from_f64(class as f64);
            let [sum, moment, distance] = &mut sums;
            let (max, arg_max) = (max.as_ref(), arg_max.as_ref());
            let (sum, moment, distance) = (sum.as_mut(), moment.as_mut(), distance.as_mut());
            for j in 0..lanes {
                let (d, e) = exp_of::<R, I>(z[j], max[j], R::ONE);
                kept[j] = e;
                sum[j] = sum[j] + if arg_max[j] == class { R::ZERO } else { e };
                moment[j] = R::fma::<I>(d, e, moment[j]);
            }
            if weigh {
                for j in 0..lanes {
                    distance[j] = R::fma::<I>(weight, z[j] - max[j], distance[j]);
                }
            }
        }
        let [sum, moment, distance] = &sums;
        add(&mut tail, sum);
        add(&mut first, moment);
        if BELOW {
            add(&mut below, distance);
        }
    }
    if BELOW {
        for below in below.as_mut() {
            *below *= factor;
        }
    }
    TileSums { max, arg_max, tail, first, below }
}

#[inline(always)]
fn add<W: AsMut<[f64]>, L: AsRef<[R]>, R: Real>(totals: &mut W, lanes: &L) {
    for (total, lane) in totals.as_mut().iter_mut().zip(lanes.as_ref()) {
        *total += lane.to_f64();
    }
}

impl<R: Real> Default for TileSums<R> {
    fn default() -> Self {
        TileSums { max: R::ZEROS, arg_max: R::ZEROS, tail: R::WIDE, first: R::WIDE, below: R::WIDE }
    }
}

impl<R: Real> TileSums<R> {
    /// Whether the row in a lane was legal: no NaN, no +inf, not all -inf.
    #[inline(always)]
    pub(crate) fn is_valid(&self, lane: usize) -> bool {
        self.tail.as_ref()[lane].is_finite() && self.max.as_ref()[lane].to_f64().is_finite()
    }
}

/// [`Linear`](super::Linear) for every lane.
pub(crate) struct TileLinear<R: Real> {
    pub(crate) constant: R::Lanes,
    pub(crate) slope: R::Lanes,
    pub(crate) scale: R::Lanes,
}

/// Turns what [`tile_sums`] kept into gradients; `z` is the tile of logits.
#[inline(always)]
pub(crate) fn tile_gradient<R: Real, I: Isa>(
    z: &[R],
    kept: &mut [R],
    max: &R::Lanes,
    linear: &TileLinear<R>,
    targets: Base<'_, R>,
    has_slope: bool,
) {
    let lanes = R::ZEROS.as_ref().len();
    let TileLinear { constant, slope, scale } = linear;
    let (constant, slope, scale, max) = (constant.as_ref(), slope.as_ref(), scale.as_ref(), max.as_ref());
    for (class, (z, e)) in z.chunks_exact(lanes).zip(kept.chunks_exact_mut(lanes)).enumerate() {
        let target = match targets {
            Base::Constant(target) => R::from_f64(-target),
            Base::PerClass(targets) => R::ZERO - targets[class],
        };
        if has_slope {
            for j in 0..lanes {
                let d = z[j] - max[j];
                let d = if d < R::VANISHES { R::VANISHES } else { d };
                e[j] = R::fma::<I>(e[j], R::fma::<I>(d, slope[j], constant[j]), scale[j] * target);
            }
        } else {
            for j in 0..lanes {
                e[j] = R::fma::<I>(e[j], constant[j], scale[j] * target);
            }
        }
    }
}

/// Entries of a square that is transposed at once.
const SIDE: usize = 8;

/// Copies `rows`, `classes` entries each, into a tile.
#[inline(always)]
pub(crate) fn transpose_in<R: Real>(rows: &[R], classes: usize, tile: &mut [R]) {
    let lanes = R::ZEROS.as_ref().len();
    let groups = rows.chunks_exact(SIDE * classes);
    let rest = groups.remainder();
    let whole = classes - classes % SIDE;
    for (group, rows) in groups.enumerate() {
        for class in (0..whole).step_by(SIDE) {
            let mut square = [[R::ZERO; SIDE]; SIDE];
            for (row, square) in square.iter_mut().enumerate() {
                square.copy_from_slice(&rows[row * classes + class..][..SIDE]);
            }
            for column in 0..SIDE {
                let to = &mut tile[(class + column) * lanes + group * SIDE..][..SIDE];
                for row in 0..SIDE {
                    to[row] = square[row][column];
                }
            }
        }
        for class in whole..classes {
            let to = &mut tile[class * lanes + group * SIDE..][..SIDE];
            for (to, row) in to.iter_mut().zip(rows.chunks_exact(classes)) {
                *to = row[class];
            }
        }
    }
    let done = rows.len() / (SIDE * classes) * SIDE;
    for (lane, row) in rest.chunks_exact(classes).enumerate() {
        for (column, &z) in tile.chunks_exact_mut(lanes).zip(row) {
            column[done + lane] = z;
        }
    }
}

/// Copies the lanes of a tile back into as many rows as there are.
#[inline(always)]
pub(crate) fn transpose_out<R: Real>(tile: &[R], classes: usize, rows: &mut [R]) {
    let lanes = R::ZEROS.as_ref().len();
    let done = rows.len() / (SIDE * classes) * SIDE;
    let mut groups = rows.chunks_exact_mut(SIDE * classes);
    let whole = classes - classes % SIDE;
    for (group, rows) in groups.by_ref().enumerate() {
        for class in (0..whole).step_by(SIDE) {
            let mut square = [[R::ZERO; SIDE]; SIDE];
            for (column, square) in square.iter_mut().enumerate() {
                square.copy_from_slice(&tile[(class + column) * lanes + group * SIDE..][..SIDE]);
            }
            for row in 0..SIDE {
                let to = &mut rows[row * classes + class..][..SIDE];
                for column in 0..SIDE {
                    to[column] = square[column][row];
                }
            }
        }
        for class in whole..classes {
            let from = &tile[class * lanes + group * SIDE..][..SIDE];
            for (row, &g) in rows.chunks_exact_mut(classes).zip(from) {
                row[class] = g;
            }
        }
    }
    for (lane, row) in groups.into_remainder().chunks_exact_mut(classes).enumerate() {
        for (column, g) in tile.chunks_exact(lanes).zip(row) {
            *g = column[done + lane];
        }
    }
}
