//! The row kernel: the one place that turns a row of logits into its sums, probabilities and gradients.
//!
//! With m = max z, d = β(z - m) and e = exp(d), everything that the crate knows of a row is made of
//! Σe without the largest entry (the tail), Σd·e, Σd²·e, Σe² and Σu·d. The largest entry adds exactly 1 to
//! Σe, so that log Σe = log1p(tail) keeps full relative precision when the row is confident.
//!
//! Sweeps are plain loops over lanes in safe code, compiled once per instruction set ([`isa`]); nothing
//! else in the crate knows which CPU it runs on.

mod isa;
#[cfg(test)]
pub(crate) mod naive;
mod real;
mod sums;
#[cfg(test)]
mod tests;
mod tile;
mod write;

pub(crate) use isa::{Isa, Operation, Path, Plain};
pub(crate) use real::{Real, ln_1p};
pub(crate) use sums::{Order, Sums, Wanted, dot, largest_below, norm, squared_norm, sums, sweep};
pub(crate) use tile::{TileLinear, TileSums, tile_gradient, tile_sums, transpose_in, transpose_out};
pub(crate) use write::{Base, Linear, gradient, gradient_of_kept, log_softmax, softmax};

/// The first index of the largest value.
pub(crate) fn arg_max(values: &[f64]) -> usize {
    values.iter().enumerate().fold(0, |best, (i, value)| if *value > values[best] { i } else { best })
}

/// The sweeps as ordinary functions, each compiled once for every instruction set.
impl Path {
    /// The sums of a row: see [`sums`](self::sums()).
    #[inline(never)]
    pub(crate) fn sums<R: Real, const ORDER: u8, const SQUARES: bool>(self, row: &[R], beta: R) -> Sums {
        struct Sweep<'a, R, const ORDER: u8, const SQUARES: bool>(&'a [R], R);
        impl<R: Real, const ORDER: u8, const SQUARES: bool> Operation for Sweep<'_, R, ORDER, SQUARES> {
            type Output = Sums;
            #[inline(always)]
            fn run<I: Isa>(self) -> Sums {
                sums::<R, I, ORDER, SQUARES>(self.0, self.1)
            }
        }
        self.run(Sweep::<R, ORDER, SQUARES>(row, beta))
    }

    /// [`softmax`] of a row.
    #[inline(never)]
    pub(crate) fn softmax<R: Real>(self, row: &mut [R], beta: R, sums: &Sums) {
        struct Sweep<'a, R>(&'a mut [R], R, &'a Sums);
        impl<R: Real> Operation for Sweep<'_, R> {
            type Output = ();
            #[inline(always)]
            fn run<I: Isa>(self) {
                softmax::<R, I>(self.0, self.1, self.2);
            }
        }
        self.run(Sweep(row, beta, sums));
    }

    /// The softmax of a row, into `p`, and the row's sums, with one exponential an entry; `maxima` is room to work in.
    #[inline(never)]
    pub(crate) fn softmax_into<R: Real>(self, row: &[R], p: &mut [R], maxima: &mut Vec<R>) -> Sums {
        struct Kept;
        impl Wanted for Kept {
            const ORDER: u8 = Order::NORMALISER;
            const KEEP: bool = true;
        }
        struct Sweep<'a, R>(&'a [R], &'a mut [R], &'a mut Vec<R>);
        impl<R: Real> Operation for Sweep<'_, R> {
            type Output = Sums;
            #[inline(always)]
            fn run<I: Isa>(self) -> Sums {
                let Sweep(row, p, maxima) = self;
                let sums = sweep::<R, I, Kept>(row, R::ONE, p, maxima);
                let constant = 1.0 / (1.0 + sums.tail);
                let linear = Linear { constant, slope: 0.0, scale: 0.0, targets: Base::Constant(0.0) };
                gradient_of_kept::<R, I>(row, p, maxima, sums.max, &linear);
                sums
            }
        }
        self.run(Sweep(row, p, maxima))
    }

    /// [`gradient`] of a row.
    #[inline(never)]
    pub(crate) fn gradient<R: Real>(self, row: &mut [R], max: f64, linear: &Linear<'_, R>) {
        struct Sweep<'a, R>(&'a mut [R], f64, &'a Linear<'a, R>);
        impl<R: Real> Operation for Sweep<'_, R> {
            type Output = ();
            #[inline(always)]
            fn run<I: Isa>(self) {
                gradient::<R, I>(self.0, self.1, self.2);
            }
        }
        self.run(Sweep(row, max, linear));
    }
}

/// What one pass over a row at β = 1/T tells: the softmax, described.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Described {
    /// Largest probability.
    pub(crate) confidence: f64,
    /// ln Σ exp(d): the log-normaliser after the largest scaled logit is taken off.
    pub(crate) log_sum: f64,
    /// Entropy in nats.
    pub(crate) entropy: f64,
}

impl Sums {
    /// The softmax of the row, from its sums of order 1 or higher.
    #[inline]
    pub(crate) fn describe(&self) -> Described {
        let sum = 1.0 + self.tail;
        let log_sum = self.tail.ln_1p();
        Described { confidence: 1.0 / sum, log_sum, entropy: log_sum - self.first / sum }
    }
    /// p of a class and 1 - p, neither of them by cancellation; `d` is that of the class.
    #[inline]
    pub(crate) fn probability(&self, class: usize, d: f64) -> (f64, f64) {
        let sum = 1.0 + self.tail;
        let p = d.exp() / sum;
        (p, if class == self.arg_max { self.tail / sum } else { 1.0 - p })
    }
}
