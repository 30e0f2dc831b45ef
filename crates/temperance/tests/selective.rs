//! Scores for selective classification: hand values, an oracle, and the laws that they must obey.

mod common;

use common::{close, on_threads, text};
use proptest::prelude::*;
use temperance::selective::MaxLogit;
use temperance::{Layout, Logits};

const INF: f64 = f64::INFINITY;

fn oracle(z: &[f64], p: f64, centred: bool) -> f64 {
    let mean = if centred { z.iter().sum::<f64>() / z.len() as f64 } else { 0.0 };
    let norm = z.iter().map(|z| (z - mean).abs().powf(p)).sum::<f64>().powf(1.0 / p);
    (z.iter().copied().fold(f64::NEG_INFINITY, f64::max) - mean) / norm
}

fn score(score: MaxLogit, z: &[f64]) -> f64 {
    score.score(&Logits::new(z, z.len()).unwrap()).unwrap()[0]
}

proptest! {
    #[test]
    fn equals_the_oracle_and_keeps_its_value_under_shift_and_scale(
        z in prop::collection::vec(-8.0..8.0_f64, 2..40),
        p in 1.0..9.0_f64,
        shift in -50.0..50.0_f64,
        scale in 0.01..100.0_f64,
    ) {
        let centred = MaxLogit::new(p).unwrap();
        let got = score(centred, &z);
        close("centred", got, oracle(&z, p, true), 1e-12, 0.0);
        close("uncentred", score(centred.uncentred(), &z), oracle(&z, p, false), 1e-12, 0.0);
        prop_assert!((0.0..=1.0).contains(&got));
        let moved: Vec<f64> = z.iter().map(|z| z + shift).collect();
        close("shift", score(centred, &moved), got, 1e-10, 0.0);
        let scaled: Vec<f64> = z.iter().map(|z| scale * z).collect();
        close("scale", score(centred, &scaled), got, 1e-12, 0.0);
        close("scale", score(centred.uncentred(), &scaled), score(centred.uncentred(), &z), 1e-12, 0.0);
        // Classes that cannot occur change nothing, wherever they stand.
        let mut masked = vec![-INF];
        for &z in &z {
            masked.extend([z, -INF]);
        }
        close("-inf", score(centred, &masked), got, 1e-13, 0.0);
        close("-inf", score(centred.uncentred(), &masked), score(centred.uncentred(), &z), 1e-13, 0.0);
    }
}

#[test]
fn by_hand() {
    // Centred: (4, -1, -3).
    let z = [7.0, 2.0, 0.0];
    let at = |p: f64| score(MaxLogit::new(p).unwrap(), &z);
    close("p = 1", at(1.0), 0.5, 1e-15, 0.0);
    close("p = 2", at(2.0), 4.0 / 26_f64.sqrt(), 1e-15, 0.0);
    close("p = 4", at(4.0), 4.0 / 338_f64.powf(0.25), 1e-15, 0.0);
    close("p = inf", at(INF), 1.0, 1e-15, 0.0);
    let uncentred = MaxLogit::new(2.0).unwrap().uncentred();
    close("uncentred", score(uncentred, &z), 7.0 / 53_f64.sqrt(), 1e-15, 0.0);
    close("all below 0", score(uncentred, &[-3.0, -4.0]), -0.6, 1e-15, 0.0);
    // With two classes nothing is left to order by.
    close("two classes", score(MaxLogit::new(2.0).unwrap(), &[9.0, -3.0]), 0.5_f64.sqrt(), 1e-15, 0.0);
}

#[test]
fn rows_without_a_lead_score_0() {
    for p in [1.0, 2.0, 5.0, INF] {
        let centred = MaxLogit::new(p).unwrap();
        for z in [&[3.0, 3.0, 3.0][..], &[7.0], &[-INF, 2.0, -INF], &[0.0, 0.0]] {
            assert_eq!(score(centred, z), 0.0, "{p} {z:?}");
        }
        assert_eq!(score(centred.uncentred(), &[0.0, 0.0]), 0.0);
    }
}

#[test]
fn extremes() {
    for scale in [1e-300, 1e-8, 1e4, 1e30, 1e300] {
        for p in [1.0, 2.0, 7.0, INF] {
            let got = score(MaxLogit::new(p).unwrap(), &[7.0 * scale, 2.0 * scale, 0.0]);
            close("scale", got, score(MaxLogit::new(p).unwrap(), &[7.0, 2.0, 0.0]), 1e-13, 0.0);
        }
    }
}

#[test]
fn any_layout_precision_and_number_of_threads() {
    let (rows, classes) = (10_000, 12);
    let z: Vec<f32> = (0..rows * classes).map(|i| ((i * 7919) % 601) as f32 / 50.0 - 6.0).collect();
    let double: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
    let loss = MaxLogit::new(3.0).unwrap();
    let expected = loss.score(&Logits::new(&double, classes).unwrap()).unwrap();
    for threads in [1, 2, 7] {
        let got = on_threads(threads, || loss.score(&Logits::new(&z, classes).unwrap()).unwrap());
        assert!(got == expected, "{threads} threads");
    }
    let transposed: Vec<f32> =
        (0..classes).flat_map(|c| (0..rows).map(move |r| (r, c))).map(|(r, c)| z[r * classes + c]).collect();
    let layout = Layout { outer: 1, classes, inner: rows };
    assert!(loss.score(&Logits::with_layout(&transposed, layout).unwrap()).unwrap() == expected);
}

#[test]
fn refusals() {
    for (p, value) in [(0.5, "0.5"), (-1.0, "-1"), (f64::NAN, "NaN")] {
        assert_eq!(
            text(MaxLogit::new(p)),
            format!("p of the norm is {value}; expected a number, 1 or above; inf for the largest entry")
        );
    }
    let logits = Logits::new(&[1.0, 2.0, f64::NAN, 0.0], 2).unwrap();
    assert_eq!(
        text(MaxLogit::new(2.0).unwrap().score(&logits)),
        "logit is NaN at row 1, column 0 (counted from 0); expected a finite number or -inf"
    );
}
