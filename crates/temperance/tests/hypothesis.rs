//! Tests of calibration, decompositions, risk and coverage: published values, plain loops, closed forms.

mod common;

use common::close;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use temperance::metric::{Corp, Evaluation, Event, METRICS, Measured, RiskCoverage, Summaries, Tier, metric};
use temperance::{Block, Labels, Probabilities, RowWeights};

/// Values published with six digits.
const PUBLISHED: f64 = 5e-7;
/// Plain loops add up the same numbers in another order.
const ORACLE: f64 = 1e-12;

const P: [f64; 12] = [0.0, 0.1, 0.2, 0.2, 0.35, 0.5, 0.5, 0.65, 0.8, 0.95, 1.0, 1.0];
const Y: [f64; 12] = [0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0];

fn measured(p: &[f64], y: &[f64], weights: Option<&[f64]>) -> Measured {
    let rows = Summaries::from_confidences(p, y, weights.map(RowWeights::new)).unwrap();
    let names: Vec<&str> = METRICS.iter().map(|entry| entry.name).collect();
    Evaluation::new().bins(5).unwrap().named(&names).unwrap().measure_summaries(rows).unwrap()
}

#[track_caller]
fn check(measured: &Measured, name: &str, expected: f64, tolerance: f64) {
    close(name, measured.metric(name).unwrap(), expected, tolerance, tolerance);
}

/// Calibrated where `bend` is 1.
fn simulated(seed: u64, rows: usize, bend: f64) -> (Vec<f64>, Vec<f64>) {
    let mut random = Pcg64::seed_from_u64(seed);
    let p: Vec<f64> = (0..rows).map(|_| random.random::<f64>()).collect();
    let y = p.iter().map(|p| f64::from(u8::from(random.random::<f64>() < p.powf(bend)))).collect();
    (p, y)
}

#[test]
fn equals_published_values() {
    let toy = measured(&P, &Y, None);
    check(&toy, "calibration_kuiper", 0.797452, PUBLISHED);
    check(&toy, "calibration_kuiper_p", 0.994289, PUBLISHED);
    check(&toy, "calibration_ks", 0.598089, PUBLISHED);
    check(&toy, "calibration_ks_p", 0.959535, PUBLISHED);
    // MAPIE 1.6.0.
    check(&toy, "spiegelhalter_z", 1.625887, PUBLISHED);
    check(&toy, "spiegelhalter_upper_p", 0.051987, PUBLISHED);
}

#[test]
fn decompositions_are_exact() {
    let (p, y) = simulated(1, 500, 2.0);
    let got = measured(&p, &y, None);
    let of = |name: &str| got.metric(name).unwrap();
    let brier = p.iter().zip(&y).map(|(p, y)| (p - y) * (p - y)).sum::<f64>() / 500.0;
    let log =
        -p.iter().zip(&y).map(|(p, y)| if *y == 1.0 { p.ln() } else { (1.0 - p).ln() }).sum::<f64>() / 500.0;
    let murphy = of("murphy_reliability") - of("murphy_resolution")
        + of("murphy_uncertainty")
        + of("murphy_within_variance")
        - of("murphy_within_covariance");
    close("murphy", murphy, brier, ORACLE, ORACLE);
    close("corp", of("corp_mcb") - of("corp_dsc") + of("corp_unc"), brier, ORACLE, ORACLE);
    close("corp log", of("corp_mcb_log") - of("corp_dsc_log") + of("corp_unc_log"), log, ORACLE, ORACLE);
}

#[test]
fn corp_by_hand() {
    // PAV pools 0.2 and 0.4 to ½: Brier (0.64 + 0.16 + 0.01)/3, recalibrated ½/3, of the mean 2/9.
    let got = measured(&[0.2, 0.4, 0.9], &[1.0, 0.0, 1.0], None);
    check(&got, "corp_mcb", 0.81 / 3.0 - 0.5 / 3.0, ORACLE);
    check(&got, "corp_dsc", 2.0 / 9.0 - 0.5 / 3.0, ORACLE);
    check(&got, "corp_unc", 2.0 / 9.0, ORACLE);
}

#[test]
fn corp_blocks_rise() {
    let (p, y) = simulated(2, 300, 1.0);
    let corp = Corp::of(&Summaries::from_confidences(&p, &y, None).unwrap());
    assert!(corp.blocks().windows(2).all(|pair| pair[0].outcome < pair[1].outcome));
    assert!(corp.blocks().windows(2).all(|pair| pair[0].upper < pair[1].lower));
    assert_eq!(corp.blocks().iter().map(|block| block.weight).sum::<f64>(), 300.0);
}

#[test]
fn integer_weights_are_repeated_rows() {
    let weights: Vec<f64> = (0..12).map(|row| f64::from(row % 4)).collect();
    let (mut p, mut y) = (Vec::new(), Vec::new());
    for row in 0..12 {
        for _ in 0..row % 4 {
            p.push(P[row]);
            y.push(Y[row]);
        }
    }
    let (weighted, repeated) = (measured(&P, &Y, Some(&weights)), measured(&p, &y, None));
    let start = METRICS.iter().position(|entry| entry.name == "murphy_reliability").unwrap();
    for entry in &METRICS[start..] {
        let (a, b) = (weighted.metric(entry.name), repeated.metric(entry.name));
        assert_eq!(a.is_some(), b.is_some(), "{}", entry.name);
        if let (Some(a), Some(b)) = (a, b) {
            close(entry.name, a, b, ORACLE, ORACLE);
        }
    }
}

#[test]
fn p_values_are_uniform_where_calibrated_and_small_where_not() {
    let names = ["spiegelhalter_p", "calibration_ks_p", "calibration_kuiper_p"];
    let mut below = [0; 3];
    for seed in 0..400 {
        let (p, y) = simulated(seed, 400, 1.0);
        let got = measured(&p, &y, None);
        for (count, name) in below.iter_mut().zip(names) {
            *count += usize::from(got.metric(name).unwrap() < 0.25);
        }
    }
    // 100 are expected, standard deviation 8.7. Brownian motion exceeds its finite sums, so the last two fall short.
    assert!(below.iter().all(|count| (60..=135).contains(count)), "{below:?}");
    let (p, y) = simulated(7, 2000, 2.0);
    let got = measured(&p, &y, None);
    for name in &names[1..] {
        assert!(got.metric(name).unwrap() < 1e-6, "{name}");
    }
}

#[test]
fn certain_probabilities_have_no_test() {
    let got = measured(&[1.0, 0.0], &[1.0, 1.0], None);
    for name in ["spiegelhalter_p", "calibration_ks_p", "calibration_kuiper_p", "corp_mcb_log"] {
        assert_eq!(got.metric(name), None, "{name}");
    }
    assert_eq!(metric("spiegelhalter_p").unwrap().tier, Tier::Named);
}

#[test]
fn serves_the_positive_class() {
    let p: Vec<f64> = P.iter().flat_map(|p| [1.0 - p, *p]).collect();
    let labels: Vec<u8> = Y.iter().map(|y| *y as u8).collect();
    let block = Block::new(Probabilities::new(&p, 2).unwrap(), Labels::new(&labels, 2)).unwrap();
    let evaluation = Evaluation::new().event(Event::Positive).named(&["calibration_ks"]).unwrap();
    check(&evaluation.measure(&block).unwrap(), "calibration_ks", 0.598089, PUBLISHED);
}

#[test]
fn area_equals_plain_loops_over_orders() {
    // Distinct confidences: the mean of the running error rates.
    let (p, y) = simulated(3, 200, 1.0);
    let mut order: Vec<usize> = (0..200).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let area = |order: &[usize], y: &[f64]| {
        let (mut errors, mut sum) = (0.0, 0.0);
        for (i, &row) in order.iter().enumerate() {
            errors += 1.0 - y[row];
            sum += errors / (i + 1) as f64;
        }
        sum / order.len() as f64
    };
    check(&measured(&p, &y, None), "aurc", area(&order, &y), ORACLE);
    // Two tied rows: the mean over both orders.
    let y = [1.0, 0.0, 1.0];
    let expected = (area(&[0, 1, 2], &y) + area(&[0, 2, 1], &y)) / 2.0;
    check(&measured(&[0.9, 0.5, 0.5], &y, None), "aurc", expected, ORACLE);
    // All tied, by digamma too: the error rate everywhere.
    check(&measured(&[0.5; 100], &[1.0; 100], None), "aurc", 0.0, ORACLE);
    // One right row, then 100 tied of which half are wrong: Σ_j (j/2)/(1 + j) / 101.
    let mut y = vec![1.0; 101];
    y[51..].fill(0.0);
    let mut p = vec![0.5; 101];
    p[0] = 0.9;
    let expected = (1..=100).map(|j| f64::from(j) / 2.0 / f64::from(1 + j)).sum::<f64>() / 101.0;
    check(&measured(&p, &y, None), "aurc", expected, ORACLE);
    // The best order has no excess.
    check(&measured(&[0.9, 0.8, 0.2], &[1.0, 1.0, 0.0], None), "excess_aurc", 0.0, ORACLE);
}

#[test]
fn generalised_area_is_the_closed_form_of_auroc() {
    // Traub et al. 2024: (1 - AUROC)·right·wrong + wrong²/2 as shares of the rows; wrong·(wrong + 1)/2 for n rows.
    let (p, y) = simulated(5, 150, 1.0);
    let tied: Vec<f64> = p.iter().map(|p| (p * 8.0).round() / 8.0).collect();
    for p in [&p, &tied] {
        let (mut lost, mut wrong) = (0.0, 0.0);
        for (p_wrong, _) in p.iter().zip(&y).filter(|(_, y)| **y == 0.0) {
            wrong += 1.0;
            for (p_right, _) in p.iter().zip(&y).filter(|(_, y)| **y == 1.0) {
                lost +=
                    f64::from(u8::from(p_right < p_wrong)) + 0.5 * f64::from(u8::from(p_right == p_wrong));
            }
        }
        let expected = (lost + wrong * (wrong + 1.0) / 2.0) / (150.0 * 150.0);
        check(&measured(p, &y, None), "augrc", expected, ORACLE);
    }
}

#[test]
fn failures_of_risk_and_coverage() {
    let curve = RiskCoverage::of(&Summaries::from_confidences(&P, &Y, None).unwrap());
    let text = |result: Result<f64, temperance::Error>| result.unwrap_err().to_string();
    assert_eq!(text(curve.risk_at(0.0)), "coverage is 0; expected above 0 and at most 1");
    assert_eq!(text(curve.risk_at(f64::NAN)), "coverage is NaN; expected above 0 and at most 1");
    assert_eq!(text(curve.coverage_at(1.5)), "risk is 1.5; expected from 0 to 1");
}

#[test]
fn bands_of_the_corp_curve() {
    let calibrated = |seed: u64, rows: usize| {
        let mut random = Pcg64::seed_from_u64(seed);
        let p: Vec<f64> = (0..rows).map(|_| random.random::<f64>()).collect();
        let y: Vec<f64> = p.iter().map(|&p| f64::from(u8::from(random.random::<f64>() < p))).collect();
        Summaries::from_confidences(&p, &y, None).unwrap()
    };
    let at = [0.2, 0.5, 0.8];
    // The curve of a calibrated model lies in the band of calibrated models as often as it says.
    let inside = |seed| {
        let rows = calibrated(seed, 400);
        let corp = Corp::of(&rows);
        let band = Corp::consistency_band(&rows, &at, 0.9, 200, seed);
        at.iter().zip(band).filter(|(p, [low, high])| (low..=high).contains(&&corp.at(**p))).count()
    };
    let covered: usize = (0..60).map(inside).sum();
    assert!((145..=178).contains(&covered), "{covered} of 180; 162 expected");
    let rows = calibrated(99, 300);
    for band in [Corp::consistency_band, Corp::confidence_band] {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| band(&rows, &at, 0.9, 50, 3))
        };
        assert_eq!(on(1), on(3));
        assert!(on(1).iter().zip(at).all(|([low, high], p)| *low <= p && p <= *high + 0.05), "{:?}", on(1));
    }
}

fn named(rows: Summaries, name: &str) -> Option<f64> {
    Evaluation::new().named(&[name]).unwrap().measure_summaries(rows).unwrap().metric(name)
}

#[test]
fn cox_finds_the_line_that_outcomes_were_drawn_from() {
    let mut random = Pcg64::seed_from_u64(21);
    let s: Vec<f64> = (0..60_000).map(|_| 6.0 * random.random::<f64>() - 3.0).collect();
    let sigmoid = |s: f64| 1.0 / (1.0 + (-s).exp());
    let y: Vec<f64> =
        s.iter().map(|s| f64::from(u8::from(random.random::<f64>() < sigmoid(0.3 + 0.6 * s)))).collect();
    let p: Vec<f64> = s.iter().map(|&s| sigmoid(s)).collect();
    let rows = Summaries::from_confidences(&p, &y, None).unwrap();
    close("slope", named(rows.clone(), "cox_slope").unwrap(), 0.6, 0.0, 0.02);
    close("intercept", named(rows.clone(), "cox_intercept").unwrap(), 0.3, 0.0, 0.03);
    // With slope 1 the mean probability is that of the outcomes.
    let a = named(rows, "calibration_in_the_large").unwrap();
    let mean = s.iter().map(|s| sigmoid(a + s)).sum::<f64>() / 60_000.0;
    close("mean", mean, y.iter().sum::<f64>() / 60_000.0, 0.0, 1e-10);
    // Two groups: the line goes through both rates, ln 3 at log-odds -ln 3 … by hand.
    let p = [0.25, 0.25, 0.25, 0.25, 0.75, 0.75, 0.75, 0.75];
    let y = [0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0];
    let rows = Summaries::from_confidences(&p, &y, None).unwrap();
    close("slope", named(rows.clone(), "cox_slope").unwrap(), 0.5, 1e-9, 0.0);
    close("intercept", named(rows, "cox_intercept").unwrap(), 0.5 * 3_f64.ln(), 1e-9, 0.0);
    let parted = Summaries::from_confidences(&[0.2, 0.3, 0.8], &[0.0, 0.0, 1.0], None).unwrap();
    assert_eq!(named(parted, "cox_slope"), None);
    let equal = Summaries::from_confidences(&[0.6; 4], &[0.0, 1.0, 1.0, 1.0], None).unwrap();
    assert_eq!(named(equal, "cox_slope"), None);
}

#[test]
fn hosmer_and_lemeshow_by_hand() {
    // Two probabilities, four rows each: 2 of 1 and 3 of 3 expected, (2 - 1)² / 0.75.
    let p = [0.25, 0.25, 0.25, 0.25, 0.75, 0.75, 0.75, 0.75];
    let y = [0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0];
    let rows = Summaries::from_confidences(&p, &y, None).unwrap();
    close("statistic", named(rows.clone(), "hosmer_lemeshow").unwrap(), 4.0 / 3.0, 1e-12, 0.0);
    // χ² of two degrees: exp(-x/2). There is none of 0 degrees.
    close(
        "p",
        named(rows.clone(), "hosmer_lemeshow_validation_p").unwrap(),
        (-2.0_f64 / 3.0).exp(),
        1e-9,
        0.0,
    );
    assert_eq!(named(rows, "hosmer_lemeshow_p"), None);
}

#[test]
fn p_values_of_bins_are_uniform_under_calibration_and_small_without() {
    let sample = |seed: u64, power: f64| {
        let mut random = Pcg64::seed_from_u64(seed);
        let p: Vec<f64> = (0..500).map(|_| random.random::<f64>()).collect();
        let y: Vec<f64> =
            p.iter().map(|p| f64::from(u8::from(random.random::<f64>() < p.powf(power)))).collect();
        Summaries::from_confidences(&p, &y, None).unwrap()
    };
    for name in ["ece_consistency_p", "hosmer_lemeshow_validation_p"] {
        let p: Vec<f64> = (0..200).map(|seed| named(sample(seed, 1.0), name).unwrap()).collect();
        let below = |limit: f64| p.iter().filter(|p| **p < limit).count();
        // 100 and 20 expected, with standard deviations 7 and 4.
        assert!((75..=125).contains(&below(0.5)), "{name}: {}", below(0.5));
        assert!((6..=36).contains(&below(0.1)), "{name}: {}", below(0.1));
        assert!((0..20).all(|seed| named(sample(seed, 2.0), name).unwrap() < 0.01), "{name}");
    }
}
