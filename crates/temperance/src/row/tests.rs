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

/// Everything a sweep can find of a row, and the gradient made of what it kept.
struct Kept<'a, R>(&'a [R], Linear<'a, R>);
struct Everything;
impl Wanted for Everything {
    const ORDER: u8 = Order::CURVATURE;
    const SQUARES: bool = true;
    const DISTANCES: bool = true;
    const KEEP: bool = true;
}
impl<R: Real> Operation for Kept<'_, R> {
    type Output = (Sums, Vec<R>, Vec<R>);
    #[inline(always)]
    fn run<I: Isa>(self) -> Self::Output {
        let Kept(row, linear) = self;
        let (mut kept, mut maxima) = (row.to_vec(), Vec::new());
        let sums = sweep::<R, I, Everything>(row, R::ONE, &mut kept, &mut maxima);
        gradient_of_kept::<R, I>(row, &mut kept, &maxima, sums.max, &linear);
        let mut in_place = row.to_vec();
        gradient::<R, I>(&mut in_place, sums.max, &linear);
        (sums, kept, in_place)
    }
}

/// Rows of several blocks, some of them wholly masked, with the largest entry in any of them.
#[test]
fn blocks_of_a_long_row_join_to_the_sums_of_the_whole() {
    let wave = |j: usize, k: usize| 9.0 * ((j * j + 3 * k) as f64 * 0.37).sin();
    for length in [1, 63, 64, 65, 1023, 1024, 1025, 2049, 5000] {
        for top in [0, length / 2, length - 1] {
            for masked in [0..0, 0..length / 3, length / 2..length] {
                let mut row: Vec<f64> = (0..length).map(|j| wave(j, top)).collect();
                row[masked.clone()].fill(f64::NEG_INFINITY);
                row[top] = 12.0;
                let row: Vec<f64> = row.iter().map(|&z| f64::from(z as f32)).collect();
                let single: Vec<f32> = row.iter().map(|&z| z as f32).collect();
                check_kept(&row, 1e-12, top);
                check_kept(&single, 3e-5, top);
            }
        }
    }
}

fn check_kept<R: Real>(row: &[R], tolerance: f64, top: usize) {
    let wide: Vec<f64> = row.iter().map(|z| z.to_f64()).collect();
    let d: Vec<f64> = wide.iter().map(|z| z - wide[top]).collect();
    let e = naive::exps(&wide, 1.0);
    let live = || (0..row.len()).filter(|&j| e[j] > 0.0);
    let tail: f64 = live().filter(|&j| j != top).map(|j| e[j]).sum();
    let first: f64 = live().map(|j| d[j] * e[j]).sum();
    let second: f64 = live().map(|j| d[j] * d[j] * e[j]).sum();
    let squares: f64 = live().filter(|&j| j != top).map(|j| e[j] * e[j]).sum();
    let distances: f64 = d.iter().sum();
    let targets: Vec<R> = (0..row.len()).map(|j| R::from_f64((j % 7) as f64 * 0.01)).collect();
    for (slope, per_class) in [(0.0, false), (0.3, false), (0.0, true), (0.3, true)] {
        let base = if per_class { Base::PerClass(targets.as_slice()) } else { Base::Constant(0.02) };
        let linear = Linear { constant: 0.7, slope, scale: 2.0, targets: base };
        for path in Path::available() {
            let (sums, kept, in_place) = path.run(Kept(row, linear));
            assert_eq!((sums.max, sums.arg_max), (wide[top], top));
            for (name, got, expected) in [
                ("tail", sums.tail, tail),
                ("first", sums.first, first),
                ("second", sums.second, second),
                ("squares", sums.squares, squares),
                ("distances", sums.distances, distances),
            ] {
                let close = got == expected || (got - expected).abs() <= tolerance * (expected.abs() + 1e-30);
                assert!(close, "{path:?} {name} of {}: {got} {expected}", row.len());
            }
            for j in 0..row.len() {
                let target = if per_class { targets[j].to_f64() } else { 0.02 };
                let of_e = if e[j] > 0.0 { e[j] * (0.7 + slope * d[j]) } else { 0.0 };
                let expected = of_e - 2.0 * target;
                for got in [kept[j].to_f64(), in_place[j].to_f64()] {
                    assert!((got - expected).abs() <= tolerance, "{path:?} entry {j}: {got} {expected}");
                }
            }
        }
    }
}

/// A tile of rows against the same rows one by one.
struct OneTile<'a, R>(&'a [R], usize, Base<'a, R>);
impl<R: Real> Operation for OneTile<'_, R> {
    type Output = (TileSums<R>, Vec<R>);
    #[inline(always)]
    fn run<I: Isa>(self) -> Self::Output {
        let OneTile(rows, classes, base) = self;
        let lanes = R::ZEROS.as_ref().len();
        let mut z = vec![R::ZERO; classes * lanes];
        transpose_in(rows, classes, &mut z);
        let mut kept = z.clone();
        let sums = tile_sums::<R, I>(&z, &mut kept, base);
        let mut linear = TileLinear::<R> { constant: R::ZEROS, slope: R::ZEROS, scale: R::ZEROS };
        linear.constant.as_mut().fill(R::from_f64(0.7));
        linear.slope.as_mut().fill(R::from_f64(0.3));
        linear.scale.as_mut().fill(R::ONE);
        tile_gradient::<R, I>(&z, &mut kept, &sums.max, &linear, base, true);
        let mut out = vec![R::ZERO; rows.len()];
        transpose_out(&kept, classes, &mut out);
        (sums, out)
    }
}

fn check_tile<R: Real>(tolerance: f64) {
    let lanes = R::ZEROS.as_ref().len();
    for classes in [1, 2, 7, 8, 10, 16, 17, 40, 64, 130] {
        for count in [1, 7, 8, lanes - 1, lanes] {
            let rows: Vec<R> = (0..count * classes)
                .map(|j| match j % 11 {
                    5 if classes > 11 => R::NEG_INFINITY,
                    _ => R::from_f64(6.0 * ((j * j) as f64 * 0.61).cos()),
                })
                .collect();
            let base: Vec<R> = (0..classes).map(|c| R::from_f64((c % 3) as f64 * 0.1)).collect();
            for per_class in [false, true] {
                let base = if per_class { Base::PerClass(base.as_slice()) } else { Base::Constant(0.05) };
                for path in Path::available() {
                    let (sums, gradient) = path.run(OneTile(&rows, classes, base));
                    for (lane, row) in rows.chunks(classes).enumerate() {
                        let b = match base {
                            Base::Constant(b) => vec![R::from_f64(b); classes],
                            Base::PerClass(b) => b.to_vec(),
                        };
                        let linear = Linear { constant: 0.7, slope: 0.3, scale: 1.0, targets: base };
                        let (expected, kept, _) = path.run(Kept(row, linear));
                        assert_eq!(sums.max.as_ref()[lane].to_f64(), expected.max);
                        assert_eq!(sums.arg_max.as_ref()[lane].to_f64(), expected.arg_max as f64);
                        assert!(sums.is_valid(lane));
                        let below = dot(row, Some(&b), R::from_f64(expected.max));
                        for (got, expected) in [
                            (sums.tail.as_ref()[lane], expected.tail),
                            (sums.first.as_ref()[lane], expected.first),
                            (sums.below.as_ref()[lane], below),
                        ] {
                            let close = got == expected
                                || (got - expected).abs() <= tolerance * expected.abs().max(1e-3);
                            assert!(close, "{path:?} K = {classes}: {got} {expected}");
                        }
                        for (got, expected) in gradient[lane * classes..].iter().zip(&kept) {
                            let (got, expected) = (got.to_f64(), expected.to_f64());
                            assert!((got - expected).abs() <= tolerance, "{path:?}: {got} {expected}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_tile_is_its_rows() {
    check_tile::<f64>(1e-13);
    check_tile::<f32>(3e-6);
}
