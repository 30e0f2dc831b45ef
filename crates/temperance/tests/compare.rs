//! Folds, out-of-fold rows, and methods side by side.

mod common;

use std::collections::BTreeSet;

use common::{Sample, close, each_case, number, numbers};
use temperance::calibrate::{Calibrated, Method, TemperatureScaling};
use temperance::metric::{Evaluation, Summaries};
use temperance::select::{Comparison, Criterion, Folds, OutOfFold, Split, SplitRule, Variational};

use temperance::{Block, Labels, Logits, Subset, Targets};

mod tolerance {
    /// probmetrics works in float32 and bisects T to about 3e-8.
    pub(crate) const PROBMETRICS: f64 = 5e-6;
}

fn text<T>(result: temperance::Result<T>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn stratified_folds_part_all_rows_evenly() {
    let labels: Vec<i64> = (0..103).map(|row| if row % 10 == 0 { -1 } else { row % 7 }).collect();
    let targets = Labels::with_ignored(&labels, 7, -1).into();
    let folds = Folds::stratified(&targets, 5, 3).unwrap();
    let mut tested = Vec::new();
    for fold in 0..5 {
        let split = folds.split(fold);
        assert_eq!(split.fit.len() + split.test.len(), 92);
        assert!((18..=19).contains(&split.test.len()));
        for class in 0..7 {
            let own = |rows: &[usize]| rows.iter().filter(|&&row| labels[row] == class).count();
            let (test, fit) = (own(&split.test), own(&split.fit));
            let all = (test + fit) as f64 / 5.0;
            assert!((test as f64 - all).abs() < 1.0, "class {class}: {test} of {}", test + fit);
        }
        tested.extend(split.test);
    }
    tested.sort_unstable();
    let counted: Vec<usize> = (0..103).filter(|row| labels[*row] >= 0).collect();
    assert_eq!(tested, counted);
    assert_eq!(folds.fold(0), None);
    assert_eq!(folds, Folds::stratified(&targets, 5, 3).unwrap());
    assert_ne!(folds, Folds::stratified(&targets, 5, 4).unwrap());
}

#[test]
fn grouped_folds_never_part_a_group() {
    let labels: Vec<i64> = (0..300).map(|row| (row * row) % 4).collect();
    let groups: Vec<u64> = (0..300).map(|row| (row * 7919) % 41).collect();
    let targets: Targets<'_> = Labels::new(&labels, 4).into();
    let folds = Folds::grouped(&targets, &groups, 4, 1).unwrap();
    let of_group = |group: u64| {
        let rows = (0..300).filter(|&row| groups[row] == group);
        rows.map(|row| folds.fold(row).unwrap()).collect::<BTreeSet<usize>>()
    };
    assert!((0..41).all(|group| of_group(group).len() == 1));
    for fold in 0..4 {
        let test = folds.split(fold).test.len();
        assert!((60..=90).contains(&test), "fold {fold} has {test} rows");
    }
}

#[test]
fn folds_that_cannot_be_cut_are_named() {
    let targets: Targets<'_> = Labels::new(&[0_i64, 1, 0], 2).into();
    assert_eq!(text(Folds::stratified(&targets, 1, 0)), "number of folds is 1; expected at least 2");
    assert_eq!(
        text(Folds::stratified(&targets, 4, 0)),
        "number of rows that count is 3; expected at least one for each of the 4 folds"
    );
    assert_eq!(
        text(Folds::grouped(&targets, &[5, 5, 5], 2, 0)),
        "number of groups is 1; expected at least one for each of the 2 folds"
    );
    assert_eq!(text(Folds::given(&[Some(0), None])), "number of folds is 1; expected at least 2");
    assert_eq!(text(Folds::given(&[Some(0), Some(2)])), "number of rows of fold 1 is 0; expected at least 1");
    assert_eq!(
        text(Folds::grouped(&targets, &[5, 5], 2, 0)),
        "number of groups of rows is 2; expected one for each of the 3 rows"
    );
}

#[test]
fn out_of_fold_rows_are_those_of_each_fold_by_itself() {
    let sample = Sample::new(7, 500, 4, 2.0);
    let block = sample.block();
    let folds = Folds::stratified(&block.targets(), 3, 0).unwrap();
    let rows = OutOfFold::fit(block, &folds, &TemperatureScaling::new(), &()).unwrap();
    let together = Summaries::of(&rows).unwrap();
    let mut nll = 0.0;
    for fold in 0..3 {
        let split = folds.split(fold);
        let fit = Subset::new(block, split.fit).unwrap();
        let fitted = TemperatureScaling::new().fit_observed(&fit, &()).unwrap();
        let test = Subset::new(block, split.test.clone()).unwrap();
        let own = Summaries::of(&Calibrated::new(&test, fitted.calibrator.as_ref())).unwrap();
        for (at, &row) in split.test.iter().enumerate() {
            assert_eq!(own.detail[at], together.detail[row]);
            nll += own.detail[at].nll;
        }
    }
    let measured = Evaluation::new().measure(&rows).unwrap();
    close("nll", measured.metric("nll").unwrap(), nll / 500.0, 1e-13, 0.0);
}

#[test]
fn an_overconfident_model_is_corrected_and_a_calibrated_one_left_alone() {
    let over = Comparison::new().methods(&["temperature"]).unwrap();
    let sharp = Sample::new(8, 800, 3, 2.5);
    let compared = over.run(sharp.block()).unwrap();
    assert_eq!(compared.candidates[0].method, "identity");
    assert_eq!(compared.best().method, "temperature");
    assert_eq!(compared.recommended().method, "temperature");
    let outcome = compared.best().outcome.as_ref().unwrap();
    assert!(outcome.against_identity.upper < 0.0);
    assert_eq!((outcome.against_best.lower, outcome.against_best.upper), (0.0, 0.0));
    let identity = compared.candidates[0].outcome.as_ref().unwrap();
    let difference = outcome.measured.metric("nll").unwrap() - identity.measured.metric("nll").unwrap();
    close("difference", outcome.against_identity.estimate, difference, 1e-12, 0.0);
    close("both ways", identity.against_best.estimate, -difference, 1e-12, 0.0);

    let right = Sample::new(8, 800, 3, 1.0);
    let compared = over.run(right.block()).unwrap();
    assert_eq!(compared.recommended().method, "identity");
}

#[test]
fn the_criterion_and_the_clock_are_the_callers() {
    let sample = Sample::new(9, 300, 3, 2.5);
    let comparison = Comparison::new().methods(&["temperature"]).unwrap().criterion(Criterion::Brier);
    let ticks = std::sync::atomic::AtomicU32::new(0);
    let clock = || f64::from(ticks.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let compared = comparison.folds(4).unwrap().run_with(sample.block(), &(), &clock).unwrap();
    let outcome = compared.best().outcome.as_ref().unwrap();
    assert_eq!((outcome.fit_seconds, outcome.apply_seconds), (0.25, 1.0));
    let (brier, _) = outcome.intervals.iter().find(|(name, _)| name == "brier").map(|(n, i)| (i, n)).unwrap();
    close("brier", outcome.measured.metric("brier").unwrap(), brier.estimate, 1e-12, 0.0);
}

#[test]
fn ignored_rows_and_groups_take_their_places() {
    let sample = Sample::new(10, 400, 3, 2.0);
    let labels: Vec<i64> = sample
        .labels
        .iter()
        .enumerate()
        .map(|(row, &l)| if row % 9 == 0 { -100 } else { l as i64 })
        .collect();
    let logits = Logits::new(&sample.logits, 3).unwrap();
    let block = Block::new(logits, Labels::with_ignored(&labels, 3, -100)).unwrap();
    let groups: Vec<u64> = (0..400).map(|row| row / 4).collect();
    let comparison = Comparison::new().methods(&["temperature"]).unwrap().groups(&groups);
    let compared = comparison.run(block).unwrap();
    let outcome = compared.best().outcome.as_ref().unwrap();
    assert_eq!(outcome.measured.rows, 355);
}

#[test]
fn the_variational_parts_are_those_of_probmetrics() {
    each_case("variational.json", |name, case| {
        let list = |key: &str| numbers(&case[key]).unwrap();
        let classes = case["classes"].as_u64().unwrap() as usize;
        let logits: Vec<f32> = list("logits").iter().map(|&z| z as f32).collect();
        let labels: Vec<i64> = list("labels").iter().map(|&label| label as i64).collect();
        let folds: Vec<Option<usize>> = list("folds").iter().map(|&fold| Some(fold as usize)).collect();
        let block =
            Block::new(Logits::new(&logits, classes).unwrap(), Labels::new(&labels, classes)).unwrap();
        let folds = Folds::given(&folds).unwrap();
        for criterion in [Criterion::Nll, Criterion::Brier] {
            let method = TemperatureScaling::new();
            let parts = Variational::of(block, &folds, &method, criterion, &()).unwrap();
            let expected = |part: &str| number(&case[criterion.name()][part]);
            let what = |part: &str| format!("{name}, {}, {part}", criterion.name());
            let tolerance = tolerance::PROBMETRICS;
            close(
                &what("calibration error"),
                parts.calibration_error,
                expected("calibration_error"),
                0.0,
                tolerance,
            );
            close(&what("refinement"), parts.refinement, expected("refinement"), 0.0, tolerance);
        }
    });
}

#[test]
fn rows_that_are_kept_for_later_take_no_part() {
    let sample = Sample::new(12, 400, 3, 2.0);
    let split = Split::new(&sample.block().targets(), 0.5, SplitRule::Stratified { seed: 4 }).unwrap();
    let comparison = Comparison::new().methods(&["temperature"]).unwrap();
    let within = comparison.clone().within(&split.fit).run(sample.block()).unwrap();
    let rows = Subset::new(sample.block(), split.fit.clone()).unwrap();
    let alone = Summaries::of(&rows).unwrap();
    let identity = within.candidates[0].outcome.as_ref().unwrap();
    assert_eq!(identity.measured.summaries, alone);
    assert_eq!(
        text(comparison.within(&[400]).run(sample.block())),
        "row to compare on is 400; expected a row from 0 to 399"
    );
}

#[test]
fn a_split_by_groups_parts_none() {
    let labels: Vec<i64> = (0..600).map(|row| (row * row) % 4).collect();
    let groups: Vec<u64> = (0..600).map(|row| (row * 7919) % 97).collect();
    let targets: Targets<'_> = Labels::new(&labels, 4).into();
    let split = Split::new(&targets, 0.7, SplitRule::Grouped { groups: &groups, seed: 2 }).unwrap();
    assert_eq!(split.fit.len() + split.test.len(), 600);
    assert!((400..=440).contains(&split.fit.len()), "{}", split.fit.len());
    let fitted: BTreeSet<u64> = split.fit.iter().map(|&row| groups[row]).collect();
    assert!(split.test.iter().all(|&row| !fitted.contains(&groups[row])));
}

#[test]
fn a_comparison_that_cannot_be_made_is_named() {
    let error = text(Comparison::new().methods(&["temprature"]));
    assert!(error.starts_with("method is \"temprature\"; expected one of identity, temperature"), "{error}");
    assert_eq!(text(Comparison::new().folds(1)), "number of folds is 1; expected at least 2");
    let sample = Sample::new(11, 3, 3, 1.0);
    assert_eq!(
        text(Comparison::new().run(sample.block())),
        "number of rows that count is 3; expected at least one for each of the 5 folds"
    );
}
