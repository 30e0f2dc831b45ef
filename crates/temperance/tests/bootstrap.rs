//! Intervals from resampled rows: parity with SciPy, closed forms, pairing, groups, and the same numbers anywhere.

mod common;

use common::{Sample, close, each_case, number, numbers};
use temperance::metric::{Bootstrap, Evaluation, Interval, IntervalKind, Summaries};
use temperance::{Block, Labels, Logits, RowWeights};

mod tolerance {
    /// scipy.stats.bootstrap on the same replicates: the same quantiles, added up in another order.
    pub(crate) const SCIPY: f64 = 1e-12;
    /// BCa goes through the normal quantile and back, by other series than SciPy's.
    pub(crate) const BCA: f64 = 1e-9;
}

fn summaries(seed: u64, rows: usize) -> Summaries {
    Summaries::of(&Sample::new(seed, rows, 3, 2.0).block()).unwrap()
}

#[test]
fn equals_scipy_on_its_own_replicates() {
    each_case("bootstrap.json", |name, case| {
        let jackknife = numbers(&case["jackknife"]).unwrap();
        for (kind, key, tolerance) in [
            (IntervalKind::Percentile, "percentile", tolerance::SCIPY),
            (IntervalKind::Basic, "basic", tolerance::SCIPY),
            (IntervalKind::Bca, "bca", tolerance::BCA),
        ] {
            let replicates = numbers(&case["replicates"]).unwrap();
            let (estimate, level) = (number(&case["estimate"]), number(&case["level"]));
            let interval = Interval::from_replicates(estimate, replicates, &jackknife, level, kind).unwrap();
            let expected = numbers(&case["intervals"][key]).unwrap();
            close(&format!("{name}, {key}, lower"), interval.lower, expected[0], tolerance, 1e-15);
            close(&format!("{name}, {key}, upper"), interval.upper, expected[1], tolerance, 1e-15);
            let error = number(&case["standard_error"]);
            close(&format!("{name}, {key}, error"), interval.standard_error, error, tolerance::SCIPY, 0.0);
        }
    });
}

#[test]
fn a_mean_has_its_standard_error() {
    let rows = summaries(1, 2000);
    let accuracy = rows.correct.iter().sum::<f64>() / 2000.0;
    let replicates = Bootstrap::new().run(&Evaluation::new(), &[&rows]).unwrap();
    let interval = replicates.interval(0, "accuracy").unwrap();
    assert_eq!(interval.estimate, accuracy);
    // 1 000 replicates know a standard deviation to 2 %; five times that is allowed.
    close("error", interval.standard_error, (accuracy * (1.0 - accuracy) / 2000.0).sqrt(), 0.1, 0.0);
    close("half width", (interval.upper - interval.lower) / 2.0, 1.96 * interval.standard_error, 0.1, 0.0);
}

#[test]
fn the_same_numbers_for_the_same_seed_on_any_number_of_threads() {
    let rows = summaries(2, 300);
    let run = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let bootstrap = Bootstrap::new().replicates(50).unwrap().seed(seed).kind(IntervalKind::Bca);
        pool.install(|| bootstrap.run(&Evaluation::new(), &[&rows]).unwrap())
    };
    let one = run(1, 5);
    assert_eq!(one, run(2, 5));
    assert_eq!(one, run(3, 5));
    assert_ne!(one.interval(0, "nll"), run(1, 6).interval(0, "nll"));
}

#[test]
fn differences_are_paired() {
    let sample = Sample::new(3, 400, 3, 3.0);
    let before = Summaries::of(&sample.block()).unwrap();
    let same = before.clone();
    let after = Summaries::of(&sample.map(|z| z / 3.0).block()).unwrap();
    let replicates = Bootstrap::new().run(&Evaluation::new(), &[&before, &same, &after]).unwrap();
    for name in replicates.names() {
        let nothing = replicates.difference(1, 0, name).unwrap();
        assert_eq!((nothing.lower, nothing.upper), (0.0, 0.0), "{name}");
        assert!(!nothing.excludes_zero());
    }
    let better = replicates.difference(2, 0, "nll").unwrap();
    assert!(better.upper < 0.0 && better.excludes_zero());
    // Pairing pays: the difference is known better than either of its sides.
    assert!(better.standard_error < replicates.interval(0, "nll").unwrap().standard_error);
    // The same answers are given, so the accuracy cannot differ.
    assert_eq!(replicates.difference(2, 0, "accuracy").unwrap().standard_error, 0.0);
}

#[test]
fn groups_are_drawn_whole() {
    // Each row ten times over, as one group: the interval is that of the single rows, not one √10 narrower.
    let sample = Sample::new(4, 150, 3, 2.0);
    let repeated: Vec<usize> = (0..1500).map(|row| row % 150).collect();
    let logits: Vec<f64> =
        repeated.iter().flat_map(|&row| sample.logits[row * 3..row * 3 + 3].to_vec()).collect();
    let labels: Vec<usize> = repeated.iter().map(|&row| sample.labels[row]).collect();
    let rows = Block::new(Logits::new(&logits, 3).unwrap(), Labels::new(&labels, 3)).unwrap();
    let groups: Vec<u64> = repeated.iter().map(|&row| 1000 - row as u64).collect();
    let many = Summaries::of(&rows).unwrap();
    let single = Summaries::of(&sample.block()).unwrap();
    let error = |bootstrap: Bootstrap, rows| {
        let replicates = bootstrap.run(&Evaluation::new(), &[rows]).unwrap();
        replicates.interval(0, "nll").unwrap().standard_error
    };
    let alone = error(Bootstrap::new(), &single);
    close("grouped", error(Bootstrap::new().groups(&groups), &many), alone, 0.1, 0.0);
    close("ungrouped", error(Bootstrap::new(), &many), alone / 10_f64.sqrt(), 0.1, 0.0);
}

#[test]
fn weights_are_kept() {
    let sample = Sample::new(5, 200, 3, 2.0);
    let weights: Vec<f64> = (0..200).map(|row| f64::from(u8::from(row < 100))).collect();
    let weighted = Summaries::of(&sample.block().with_weights(RowWeights::new(&weights)).unwrap()).unwrap();
    let replicates = Bootstrap::new().run(&Evaluation::new(), &[&weighted]).unwrap();
    let half = Summaries::of(&sample.block().slice(0..100)).unwrap();
    let expected = Bootstrap::new().run(&Evaluation::new(), &[&half]).unwrap();
    let (got, expected) = (replicates.interval(0, "nll").unwrap(), expected.interval(0, "nll").unwrap());
    close("estimate", got.estimate, expected.estimate, 1e-14, 0.0);
    close("error", got.standard_error, expected.standard_error, 0.15, 0.0);
}

#[test]
fn what_cannot_be_resampled_is_named() {
    let rows = summaries(6, 20);
    let text = |result: temperance::Result<_>| result.err().map(|error: temperance::Error| error.to_string());
    let evaluation = Evaluation::new();
    assert_eq!(
        text(Bootstrap::new().replicates(1).map(|_| ())).unwrap(),
        "number of replicates is 1; expected at least 2"
    );
    assert_eq!(
        text(Bootstrap::new().level(1.0).map(|_| ())).unwrap(),
        "level of the interval is 1; expected a number above 0 and below 1"
    );
    assert_eq!(
        text(Bootstrap::new().level(f64::NAN).map(|_| ())).unwrap(),
        "level of the interval is NaN; expected a number above 0 and below 1"
    );
    assert_eq!(
        text(Bootstrap::new().groups(&[1, 2]).run(&evaluation, &[&rows]).map(|_| ())).unwrap(),
        "number of groups of rows is 2; expected one for each of the 20 rows that count"
    );
    assert_eq!(
        text(Bootstrap::new().groups(&[3; 20]).run(&evaluation, &[&rows]).map(|_| ())).unwrap(),
        "number of groups is 1; expected at least 2 to draw from"
    );
    assert_eq!(
        text(Bootstrap::new().run(&evaluation, &[]).map(|_| ())).unwrap(),
        "number of models is 0; expected at least 1"
    );
    let fewer = summaries(6, 19);
    assert_eq!(
        text(Bootstrap::new().run(&evaluation, &[&rows, &fewer]).map(|_| ())).unwrap(),
        "a model's sample is 19 rows; expected the 20 rows of the first model, with the same weights"
    );
    assert!(Interval::from_replicates(f64::NAN, vec![1.0, 2.0], &[], 0.9, IntervalKind::Basic).is_none());
    assert!(Interval::from_replicates(1.0, vec![1.0], &[], 0.9, IntervalKind::Basic).is_none());
    assert!(Interval::from_replicates(9.0, vec![1.0, 2.0], &[1.0, 2.0], 0.9, IntervalKind::Bca).is_none());
}
