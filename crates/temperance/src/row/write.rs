//! Sweeps that overwrite a row with its probabilities, log-probabilities or gradient.

use super::sums::{block_len, exp_of};
use super::{Isa, Real, Sums};

/// Overwrites logits with probabilities.
#[inline(always)]
pub(crate) fn softmax<R: Real, I: Isa>(row: &mut [R], beta: R, sums: &Sums) {
    let (max, scale) = (R::from_f64(sums.max), R::from_f64(1.0 / (1.0 + sums.tail)));
    for z in row {
        *z = exp_of::<R, I>(*z, max, beta).1 * scale;
    }
}

/// Overwrites logits with log-probabilities; -inf stays -inf.
#[inline(always)]
pub(crate) fn log_softmax<R: Real>(row: &mut [R], beta: R, sums: &Sums) {
    let (max, log_sum) = (R::from_f64(sums.max), R::from_f64(sums.tail.ln_1p()));
    for z in row {
        *z = (*z - max) * beta - log_sum;
    }
}

/// A number per class.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Base<'a, R> {
    /// The same for every class.
    Constant(f64),
    /// Its own for every class.
    PerClass(&'a [R]),
}

/// A gradient as a function of d and e: g_j = e_j·(constant + slope·d_j) - scale·target_j.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Linear<'a, R> {
    pub(crate) constant: f64,
    pub(crate) slope: f64,
    pub(crate) scale: f64,
    /// The target of every class, or one number for all.
    pub(crate) targets: Base<'a, R>,
}

/// Overwrites logits, the largest of which is `max`, with their gradient (temperature 1).
#[inline(always)]
pub(crate) fn gradient<R: Real, I: Isa>(row: &mut [R], max: f64, linear: &Linear<'_, R>) {
    let Linear { constant, slope, scale, targets } = *linear;
    let (max, constant, slope) = (R::from_f64(max), R::from_f64(constant), R::from_f64(slope));
    match targets {
        Base::Constant(target) => {
            let target = R::from_f64(-scale * target);
            for z in row {
                let (d, e) = exp_of::<R, I>(*z, max, R::ONE);
                *z = R::fma::<I>(e, R::fma::<I>(d, slope, constant), target);
            }
        }
        Base::PerClass(targets) => {
            let scale = R::from_f64(-scale);
            for (z, &target) in row.iter_mut().zip(targets) {
                let (d, e) = exp_of::<R, I>(*z, max, R::ONE);
                *z = R::fma::<I>(e, R::fma::<I>(d, slope, constant), scale * target);
            }
        }
    }
}

/// Turns what a [`sweep`](super::sweep) kept of `row`, whose largest logit is `max`, into its gradient: one
/// exponential for each block instead of one for each entry.
#[inline(always)]
pub(crate) fn gradient_of_kept<R: Real, I: Isa>(
    row: &[R],
    kept: &mut [R],
    maxima: &[R],
    max: f64,
    linear: &Linear<'_, R>,
) {
    let size = block_len::<R>();
    let Linear { constant, slope, scale, targets } = *linear;
    for (index, (kept, &top)) in kept.chunks_mut(size).zip(maxima).enumerate() {
        let start = index * size;
        let row = &row[start..start + kept.len()];
        let shift = top.to_f64() - max;
        let factor = if shift == 0.0 { 1.0 } else { shift.exp() };
        // A block without a finite entry kept zeros.
        let shift = if factor == 0.0 { 0.0 } else { shift };
        let at = R::from_f64(factor * (constant + slope * shift));
        let max = top;
        let no_slope = slope == 0.0;
        let slope = R::from_f64(factor * slope);
        match (targets, no_slope) {
            (Base::Constant(target), true) => {
                let target = R::from_f64(-scale * target);
                for e in kept {
                    *e = R::fma::<I>(*e, at, target);
                }
            }
            (Base::Constant(target), false) => {
                let target = R::from_f64(-scale * target);
                for (e, &z) in kept.iter_mut().zip(row) {
                    let d = distance(z, max);
                    *e = R::fma::<I>(*e, R::fma::<I>(d, slope, at), target);
                }
            }
            (Base::PerClass(targets), true) => {
                let scale = R::from_f64(-scale);
                for (e, &target) in kept.iter_mut().zip(&targets[start..]) {
                    *e = R::fma::<I>(*e, at, scale * target);
                }
            }
            (Base::PerClass(targets), false) => {
                let scale = R::from_f64(-scale);
                for ((e, &z), &target) in kept.iter_mut().zip(row).zip(&targets[start..]) {
                    let d = distance(z, max);
                    *e = R::fma::<I>(*e, R::fma::<I>(d, slope, at), scale * target);
                }
            }
        }
    }
}

/// d as it was when e was kept: finite, so that 0 times it is 0.
#[inline(always)]
fn distance<R: Real>(z: R, max: R) -> R {
    let d = z - max;
    if d > R::VANISHES { d } else { R::VANISHES }
}
