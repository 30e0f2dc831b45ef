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
    /// An `f64` for each lane.
    type Wide: Copy + AsRef<[f64]> + AsMut<[f64]>;
    const WIDE: Self::Wide;
    const ZEROS: Self::Lanes;
    const MASKED: Self::Lanes;
    const ZERO: Self;
    const ONE: Self;
    const NEG_INFINITY: Self;
    /// The smallest argument whose exponential is a normal number.
    const LOWEST: Self;
    /// An argument below that, whose exponential comes out as 0.
    const VANISHES: Self;

    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    /// `values` themselves if they already have this type.
    fn view<E: Element>(values: &[E]) -> Option<&[Self]>;
    fn view_mut<E: Element>(values: &mut [E]) -> Option<&mut [Self]>;
    fn convert<E: Element>(values: &[E], out: &mut [Self]);
    /// The inverse of `convert`, each value rounded once.
    fn store<E: Element>(values: &[Self], out: &mut [E]);
    /// a·b + c, fused where the instruction set has it.
    fn fma<I: Isa>(a: Self, b: Self, c: Self) -> Self;
    /// e^x for LOWEST ≤ x ≤ 0, within 1.1 ulp; 0 at VANISHES; NaN stays NaN.
    fn exp<I: Isa>(x: Self) -> Self;
}

/// ln(1 + x) for x ≥ 0 within 1 ulp or so, in straight code that becomes vectors; NaN and infinity stay.
///
/// 1 + x = 2ᵏ·(1 + f) with 1 + f from √½ to √2, and ln(1 + f) = f - f²/2 + s·(f²/2 + R(s²)), s = f/(2 + f), with
/// the minimax polynomial R of fdlibm (Sun Microsystems 1993, `e_log.c`); what rounding took from 1 + x is
/// added back to first order.
#[inline(always)]
pub(crate) fn ln_1p<I: Isa>(x: f64) -> f64 {
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let sum = 1.0 + x;
    // Bits of √½ below those of 1: the exponent of sum/√½ is k.
    let shifted = sum.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - 0x3fe6_a09e_667f_3bcd);
    let exponent = (shifted >> 52).wrapping_sub(1023);
    let scaled = f64::from_bits(sum.to_bits().wrapping_sub(exponent << 52));
    // A small integer as f64, by its bits.
    let k = f64::from_bits(0x4330_0000_0000_0000 | exponent) - 4_503_599_627_370_496.0;
    let lost = (x - (sum - 1.0)) / sum;
    let f = if k == 0.0 { x } else { scaled - 1.0 };
    let lost = if k == 0.0 { 0.0 } else { lost };
    let s = f / (2.0 + f);
    let z = s * s;
    let mut r = 1.479_819_860_511_658_6e-1;
    for c in [
        1.531_383_769_920_937_3e-1,
        1.818_357_216_161_805e-1,
        2.222_219_843_214_978_4e-1,
        2.857_142_874_366_239e-1,
        3.999_999_999_940_942e-1,
        6.666_666_666_666_735e-1,
    ] {
        r = f64::fma::<I>(r, z, c);
    }
    let r = r * z;
    let half = 0.5 * f * f;
    let result = k * LN_2_HIGH - ((half - (s * (half + r) + (k * LN_2_LOW + lost))) - f);
    // NaN and infinity.
    if x < f64::MAX { result } else { x }
}

impl Real for f32 {
    type Lanes = [f32; 64];
    type Wide = [f64; 64];
    const WIDE: Self::Wide = [0.0; 64];
    const ZEROS: Self::Lanes = [0.0; 64];
    const MASKED: Self::Lanes = [f32::NEG_INFINITY; 64];
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    const LOWEST: f32 = -87.336_54;
    // Its exponent is -127, which makes the scale 0.
    const VANISHES: f32 = -88.0;

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
    fn store<E: Element>(values: &[f32], out: &mut [E]) {
        E::copy_from_f32(values, out);
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
    type Wide = [f64; 32];
    const WIDE: Self::Wide = [0.0; 32];
    const ZEROS: Self::Lanes = [0.0; 32];
    const MASKED: Self::Lanes = [f64::NEG_INFINITY; 32];
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    const LOWEST: f64 = -708.396_418_532_264;
    // Its exponent is -1023, which makes the scale 0.
    const VANISHES: f64 = -709.0;

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
    fn store<E: Element>(values: &[f64], out: &mut [E]) {
        for (out, &value) in out.iter_mut().zip(values) {
            *out = E::from_f64(value);
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
