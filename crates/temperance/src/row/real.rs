//! The two number types a row is computed in, and their exponential.

use std::fmt::{Debug, Display};
use std::ops::{Add, Mul, Sub};

use super::isa::Isa;
use crate::input::Element;

/// `f32` or `f64`: the precision in which a row is swept.
pub(crate) trait Real:
    Copy
    + Debug
    + Display
    + PartialOrd
    + Default
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + 'static
{
    /// Independent partial sums, enough to hide the latency of an addition in the widest vectors.
    type Lanes: Copy + AsRef<[Self]> + AsMut<[Self]>;
    const ZEROS: Self::Lanes;
    const MASKED: Self::Lanes;
    const ZERO: Self;
    const ONE: Self;
    const NEG_INFINITY: Self;
    /// The smallest argument whose exponential is a normal number; below it e^d counts as 0.
    const LOWEST: Self;

    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    /// `values` themselves if they already have this type.
    fn view<E: Element>(values: &[E]) -> Option<&[Self]>;
    fn view_mut<E: Element>(values: &mut [E]) -> Option<&mut [Self]>;
    fn convert<E: Element>(values: &[E], out: &mut [Self]);
    /// a·b + c, fused where the instruction set has it.
    fn fma<I: Isa>(a: Self, b: Self, c: Self) -> Self;
    /// e^x for LOWEST ≤ x ≤ 0, within 1.1 ulp; NaN stays NaN.
    fn exp<I: Isa>(x: Self) -> Self;
}

impl Real for f32 {
    type Lanes = [f32; 64];
    const ZEROS: Self::Lanes = [0.0; 64];
    const MASKED: Self::Lanes = [f32::NEG_INFINITY; 64];
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    const LOWEST: f32 = -87.336_54;

    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.into()
    }

    #[inline(always)]
    fn view<E: Element>(values: &[E]) -> Option<&[f32]> {
        E::as_f32(values)
    }

    #[inline(always)]
    fn view_mut<E: Element>(values: &mut [E]) -> Option<&mut [f32]> {
        E::as_f32_mut(values)
    }

    #[inline(always)]
    fn convert<E: Element>(values: &[E], out: &mut [f32]) {
        E::copy_to_f32(values, out);
    }

    #[inline(always)]
    fn fma<I: Isa>(a: f32, b: f32, c: f32) -> f32 {
        if I::FUSED { a.mul_add(b, c) } else { a * b + c }
    }

    /// Cody–Waite reduction x = n·ln 2 + r, the Cephes polynomial of degree 7 in r, and 2ⁿ put together
    /// from bits (Moshier, Cephes `expf`).
    #[inline(always)]
    fn exp<I: Isa>(x: f32) -> f32 {
        // Adding 1.5·2²³ leaves the nearest integer in the low bits; a rounding cast would saturate, slowly.
        const ROUND: f32 = 12_582_912.0;
        let shifted = Self::fma::<I>(x, std::f32::consts::LOG2_E, ROUND);
        let n = shifted - ROUND;
        // ln 2 in two parts; n times the first is exact, fused or not.
        let r = Self::fma::<I>(n, -0.693_359_375, x);
        let r = Self::fma::<I>(n, 2.121_944_4e-4, r);
        let mut p = 1.987_569_15e-4;
        for c in [1.398_199_95e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_55e-1, 5.000_000_1e-1] {
            p = Self::fma::<I>(p, r, c);
        }
        let p = Self::fma::<I>(p, r * r, r) + 1.0;
        let scale = shifted.to_bits().wrapping_add(127) << 23;
        p * f32::from_bits(scale)
    }
}

impl Real for f64 {
    type Lanes = [f64; 32];
    const ZEROS: Self::Lanes = [0.0; 32];
    const MASKED: Self::Lanes = [f64::NEG_INFINITY; 32];
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    const LOWEST: f64 = -708.396_418_532_264;

    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn view<E: Element>(values: &[E]) -> Option<&[f64]> {
        E::as_f64(values)
    }

    #[inline(always)]
    fn view_mut<E: Element>(values: &mut [E]) -> Option<&mut [f64]> {
        E::as_f64_mut(values)
    }

    #[inline(always)]
    fn convert<E: Element>(values: &[E], out: &mut [f64]) {
        for (out, &value) in out.iter_mut().zip(values) {
            *out = value.to_f64();
        }
    }

    #[inline(always)]
    fn fma<I: Isa>(a: f64, b: f64, c: f64) -> f64 {
        if I::FUSED { a.mul_add(b, c) } else { a * b + c }
    }

    /// The same reduction in double precision; the Taylor polynomial of degree 13 is exact to 4·10⁻¹⁸ on
    /// |r| ≤ ln 2 / 2.
    #[inline(always)]
    fn exp<I: Isa>(x: f64) -> f64 {
        const ROUND: f64 = 6_755_399_441_055_744.0;
        let shifted = Self::fma::<I>(x, std::f64::consts::LOG2_E, ROUND);
        let n = shifted - ROUND;
        // The first part has 21 trailing zero bits, so that n times it is exact.
        let r = Self::fma::<I>(n, -6.931_471_803_691_238e-1, x);
        let r = Self::fma::<I>(n, -1.908_214_929_270_587_7e-10, r);
        let mut p = 1.0 / 6_227_020_800.0;
        for c in [
            1.0 / 479_001_600.0,
            1.0 / 39_916_800.0,
            1.0 / 3_628_800.0,
            1.0 / 362_880.0,
            1.0 / 40_320.0,
            1.0 / 5_040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            0.5,
        ] {
            p = Self::fma::<I>(p, r, c);
        }
        let p = Self::fma::<I>(p, r * r, r) + 1.0;
        let scale = shifted.to_bits().wrapping_add(1023) << 52;
        p * f64::from_bits(scale)
    }
}
