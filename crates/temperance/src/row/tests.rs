//! Every path against the oracle.

use super::*;
use proptest::prelude::*;

/// The largest error of [`Real::exp`] over `count` points of [LOWEST, 0], in units of the last place.
struct WorstUlp<R> {
    count: usize,
    ulp_of: fn(f64) -> f64,
    exact: fn(R) -> f64,
}

impl<R: Real> Operation for WorstUlp<R> {
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let lowest = R::LOWEST.to_f64();
        (0..=self.count)
            .map(|i| {
                let x = R::from_f64(lowest * (i as f64 / self.count as f64));
                let exact = (self.exact)(x);
                (R::exp::<I>(x).to_f64() - exact).abs() / (self.ulp_of)(exact)
            })
            .fold(0.0, f64::max)
    }
}

fn ulp_f32(value: f64) -> f64 {
    let value = value as f32;
    f64::from(f32::from_bits(value.to_bits() + 1) - value)
}

#[test]
fn exp_is_within_1_1_ulp_in_f32_on_every_path() {
    for path in Path::available() {
        let worst =
            path.run(WorstUlp::<f32> { count: 20_000_000, ulp_of: ulp_f32, exact: |x| f64::from(x).exp() });
        assert!(worst <= 1.1, "{path:?}: {worst} ulp");
        assert!(worst > 0.5, "{path:?}: {worst} ulp is too good to be measured");
    }
}

#[test]
fn exp_is_within_2_ulp_of_the_standard_library_in_f64_on_every_path() {
    for path in Path::available() {
        let worst = path.run(WorstUlp::<f64> {
            count: 2_000_000,
            ulp_of: |value| f64::from_bits(value.to_bits() + 1) - value,
            exact: f64::exp,
        });
        assert!(worst <= 2.0, "{path:?}: {worst} ulp");
    }
}

/// The largest relative error of [`ln_1p`] over numbers of every size, in units of the last place.
struct WorstLog;
impl Operation for WorstLog {
    type Output = f64;
    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let mut worst = 0.0_f64;
        for i in 0..2_000_000 {
            let x = (-200.0 + f64::from(i) * 1.2e-4).exp();
            let exact = x.ln_1p();
            worst = worst.max((ln_1p::<I>(x) - exact).abs() / (f64::from_bits(exact.to_bits() + 1) - exact));
        }
        worst
    }
}

#[test]
fn ln_1p_is_within_2_ulp_of_the_standard_library_on_every_path() {
    for path in Path::available() {
        let worst = path.run(WorstLog);
        assert!(worst <= 2.0, "{path:?}: {worst} ulp");
    }
    assert_eq!(ln_1p::<isa::Plain>(0.0), 0.0);
    assert!(ln_1p::<isa::Plain>(f64::NAN).is_nan());
    assert_eq!(ln_1p::<isa::Plain>(f64::INFINITY), f64::INFINITY);
}

#[derive(Clone, Copy)]
struct All<'a, R>(&'a [R], R);
impl<R: Real> Operation for All<'_, R> {
    type Output = Sums;
    #[inline(always)]
    fn run<I: Isa>(self) -> Sums {
        sums::<R, I, { Order::CURVATURE }, true>(self.0, self.1)
    }
}

fn check<R: Real>(row: &[f64], beta: f64, tolerance: f64) {
    let typed: Vec<R> = row.iter().map(|&z| R::from_f64(z)).collect();
    let row: Vec<f64> = typed.iter().map(|z| z.to_f64()).collect();
    let e = naive::exps(&row, beta);
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let top = row.iter().position(|&z| z == max).unwrap();
    let d = |j: usize| beta * (row[j] - max);
    let others = || (0..row.len()).filter(|&j| j != top);
    let live = || others().filter(|&j| e[j] > 0.0);
    let expected = [
        others().map(|j| e[j]).sum::<f64>(),
        live().map(|j| d(j) * e[j]).sum(),
        live().map(|j| d(j) * d(j) * e[j]).sum(),
        others().map(|j| e[j] * e[j]).sum(),
    ];
    for path in Path::available() {
        let got = path.run(All(&typed, R::from_f64(beta)));
        assert_eq!((got.max, got.arg_max), (max, top));
        for (got, expected) in [got.tail, got.first, got.second, got.squares].into_iter().zip(expected) {
            let scale = expected.abs() + 1e-30;
            assert!((got - expected).abs() <= tolerance * scale, "{path:?} {got} {expected}");
        }
    }
}

proptest! {
    #[test]
    fn sums_equal_the_oracle(
        row in prop::collection::vec(prop_oneof![9 => -20.0..20.0_f64, 1 => Just(f64::NEG_INFINITY)], 1..300),
        beta in 0.05..3.0_f64,
        finite in -20.0..20.0_f64,
        at in 0_usize..300,
    ) {
        let mut row = row;
        let at = at % row.len();
        row[at] = finite;
        check::<f64>(&row, beta, 1e-13);
        // d itself is rounded in f32: e is off by |d| half-ulps, and |d| is at most 120 here.
        let beta = f64::from(beta as f32);
        check::<f32>(&row, beta, 2e-5);
    }
}

#[test]
fn a_confident_row_keeps_every_digit() {
    for path in Path::available() {
        let sums = path.run(All(&[0.0, 60.0, 1.0_f32], 1.0));
        let exact = (-60.0_f64).exp() + (-59.0_f64).exp();
        assert!((sums.describe().log_sum / exact - 1.0).abs() < 1e-6);
        assert_eq!(sums.arg_max, 1);
    }
}

#[test]
fn illegal_rows_show_in_their_sums() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let mut long = vec![0.0_f32; 500];
    long[431] = nan;
    let rows: [&[f32]; 8] =
        [&[nan, 1.0], &[1.0, nan], &[nan], &[inf, 0.0], &[0.0, inf], &[-inf, -inf], &[-inf], &long];
    for path in Path::available() {
        for row in rows {
            assert!(!path.run(All(row, 1.0)).is_valid(), "{path:?} {row:?}");
        }
        assert!(path.run(All(&[-inf, 3.0], 1.0)).is_valid());
    }
}

/// Probabilities, log-probabilities and the description of a row.
struct Write<'a>(&'a [f64], f64);
impl Operation for Write<'_> {
    type Output = (Vec<f64>, Vec<f64>, Described);
    #[inline(always)]
    fn run<I: Isa>(self) -> Self::Output {
        let Write(row, beta) = self;
        let sums = sums::<f64, I, { Order::ENTROPY }, false>(row, beta);
        let (mut p, mut log_p) = (row.to_vec(), row.to_vec());
        softmax::<f64, I>(&mut p, beta, &sums);
        log_softmax(&mut log_p, beta, &sums);
        (p, log_p, sums.describe())
    }
}

proptest! {
    #[test]
    fn probabilities_equal_the_oracle(
        row in prop::collection::vec(-30.0..30.0_f64, 1..200),
        beta in 0.05..3.0_f64,
    ) {
        let expected = naive::softmax(&row, beta);
        for path in Path::available() {
            let (p, log_p, described) = path.run(Write(&row, beta));
            for ((p, log_p), expected) in p.iter().zip(log_p).zip(&expected) {
                prop_assert!((p - expected).abs() <= 1e-13 * expected);
                prop_assert!((log_p - expected.ln()).abs() <= 1e-12);
            }
            prop_assert!((described.entropy - naive::entropy(&expected)).abs() < 1e-12);
            prop_assert!((described.confidence - expected.iter().copied().fold(0.0, f64::max)).abs() < 1e-14);
        }
    }
}
