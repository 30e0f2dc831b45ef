//! The law of the fold, which error wins, whose rows are named, and how rows are split.

mod common;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Mutex;

use common::{Cut, Sample, on_threads, text};
use proptest::prelude::*;
use temperance::calibrate::{Calibrated, Temperature};
use temperance::fold::{self, Fold, Progress};
use temperance::metric::{Evaluation, Summaries};
use temperance::select::{Split, SplitRule};
use temperance::{
    Block, Error, ErrorKind, Labels, Layout, Logits, Result, RowWeights, Rows, SoftLabels, Subset, Targets,
};

/// A fold that cannot hide the order of its rows: the list of labels, in chunks of three rows.
struct Order;

/// The label from which on a row is an error.
const BAD: usize = 90;

impl Fold for Order {
    type State = Vec<(u64, usize)>;
    type Output = Vec<(u64, usize)>;

    fn start(&self) -> Self::State {
        Vec::new()
    }

    fn absorb(&self, state: &mut Self::State, block: &Block<'_>) -> Result<()> {
        let Targets::Labels(labels) = block.targets() else { panic!("labels are hard") };
        for row in 0..block.rows() {
            let label = labels.get(row, block.first_row())?.unwrap();
            let at = block.first_row() + row as u64;
            if label >= BAD {
                return Err(Error::new(ErrorKind::Value, "row", "bad", "a good one").at_row(at));
            }
            state.push((at, label));
        }
        Ok(())
    }

    fn merge(&self, state: &mut Self::State, later: Self::State) {
        state.extend(later);
    }

    fn finish(&self, state: Self::State) -> Result<Self::Output> {
        Ok(state)
    }

    fn chunk_rows(&self, _: usize) -> usize {
        3
    }
}

/// A block of the labels, with logits that are never read.
fn with_block<T>(labels: &[usize], use_block: impl FnOnce(Block<'_>) -> T) -> T {
    let logits = vec![0.0_f32; labels.len() * 100];
    let logits = Logits::new(&logits, 100).unwrap();
    use_block(Block::new(logits, Labels::new(labels, 100)).unwrap())
}

proptest! {
    #[test]
    fn rows_come_in_order_however_they_are_delivered(
        labels in prop::collection::vec(0..BAD, 1..100), largest in 1..20_usize, seed: u64,
    ) {
        let expected: Vec<(u64, usize)> = (0..).zip(labels.iter().copied()).collect();
        with_block(&labels, |block| {
            for threads in [1, 3] {
                on_threads(threads, || {
                    assert_eq!(fold::fold(&Order, &block).unwrap(), expected);
                    assert_eq!(fold::fold(&Order, &Cut { block, largest, seed }).unwrap(), expected);
                });
            }
        });
    }

    #[test]
    fn the_first_error_wins(
        mut labels in prop::collection::vec(0..BAD, 20..100),
        bad in prop::collection::btree_set(0..100_usize, 1..9),
        largest in 1..40_usize,
        seed: u64,
    ) {
        let bad: BTreeSet<usize> = bad.into_iter().map(|row| row % labels.len()).collect();
        bad.iter().for_each(|&row| labels[row] = BAD);
        let expected = format!("row is bad at row {} (counted from 0); expected a good one", bad.first().unwrap());
        with_block(&labels, |block| {
            on_threads(4, || {
                assert_eq!(text(fold::fold(&Order, &block)), expected);
                assert_eq!(text(fold::fold(&Order, &Cut { block, largest, seed })), expected);
            });
        });
    }

    #[test]
    fn absorbing_in_parts_gives_the_same_summaries(cut in 0..=50_usize, seed in 0..20_u64) {
        let sample = Sample::new(seed, 50, 4, 2.0);
        let block = sample.block();
        let mut parts = Summaries::default();
        for part in [0..cut, cut..50].into_iter().filter(|part| !part.is_empty()) {
            let part = Summaries::of(&block.slice(part)).unwrap();
            parts.confidence.extend(part.confidence);
            parts.correct.extend(part.correct);
            parts.weight.extend(part.weight);
            parts.detail.extend(part.detail);
        }
        prop_assert_eq!(parts, Summaries::of(&block).unwrap());
    }
}

#[test]
fn an_observer_sees_rows_grow_and_its_stop_ends_the_fold() {
    let labels = [1; 40];
    with_block(&labels, |block| {
        let seen = Mutex::new(Vec::new());
        let observer = |progress: Progress| {
            seen.lock().unwrap().push(progress.rows);
            if progress.rows >= 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let progress = Progress { task: "counting", rows: 0, total: Some(40), pass: 0 };
        let source = Cut { block, largest: 2, seed: 0 };
        let error = fold::observed(&Order, &source, &observer, progress).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert_eq!(error.to_string(), "counting is interrupted; expected it to finish");
        assert_eq!(*seen.lock().unwrap(), [3, 6, 9, 12, 15, 18, 21]);
    });
}

// Subset, Calibrated, layouts

#[test]
fn a_subset_delivers_its_rows_in_its_order() {
    let sample = Sample::new(1, 50, 3, 1.0);
    let weights: Vec<f64> = (0..50).map(f64::from).collect();
    let block = sample.block().with_weights(RowWeights::new(&weights)).unwrap();
    let chosen = vec![40, 3, 3, 17, 49, 1];
    let subset = Subset::new(block, chosen.clone()).unwrap();
    assert_eq!((subset.indices(), Rows::rows(&subset)), (&chosen[..], Some(6)));
    let got = Summaries::of(&subset).unwrap();
    let all = Summaries::of(&block).unwrap();
    let pick = |values: &[f64]| chosen.iter().map(|&row| values[row]).collect::<Vec<_>>();
    assert_eq!(got.confidence, pick(&all.confidence));
    assert_eq!(got.correct, pick(&all.correct));
    assert_eq!(got.weight, pick(&all.weight));

    // The same from a part of a block, and with the classes first.
    let part = Subset::new(block.slice(10..50), vec![30, 7]).unwrap();
    assert_eq!(Summaries::of(&part).unwrap().confidence, [all.confidence[40], all.confidence[17]]);
    let transposed: Vec<f64> = (0..3).flat_map(|c| sample.logits[c..].iter().step_by(3).copied()).collect();
    let layout = Layout { outer: 1, classes: 3, inner: 50 };
    let logits = Logits::with_layout(&transposed, layout).unwrap();
    let strided = Block::new(logits, Labels::new(&sample.labels, 3)).unwrap();
    let strided = Subset::new(strided.with_weights(RowWeights::new(&weights)).unwrap(), chosen).unwrap();
    assert_eq!(Summaries::of(&strided).unwrap(), got);
}

#[test]
fn errors_of_a_subset_name_the_row_of_the_block() {
    let sample = Sample::new(2, 20, 3, 1.0);
    let mut labels: Vec<i64> = sample.labels.iter().map(|&l| l as i64).collect();
    labels[12] = 7;
    let mut logits = sample.logits.clone();
    logits[15 * 3 + 1] = f64::INFINITY;
    let block = Block::new(Logits::new(&logits, 3).unwrap(), Labels::new(&labels, 3)).unwrap();
    let temperature = Temperature::new(2.0).unwrap();
    let of = |block, indices| {
        let subset = Subset::new(block, indices).unwrap();
        let measured = text(Summaries::of(&subset));
        let calibrated = text(Summaries::of(&Calibrated::new(&subset, &temperature)));
        assert_eq!(measured, calibrated);
        measured
    };
    let label = "label is 7 at row 12 (counted from 0); expected a class index from 0 to 2";
    let logit = "logit is inf at row 15, column 1 (counted from 0); expected a finite number or -inf";
    assert_eq!(of(block, vec![0, 1, 12, 2]), label);
    assert_eq!(of(block, vec![19, 15]), logit);
    assert_eq!(of(block.slice(10..20), vec![9, 2]), label);
    assert_eq!(of(block.slice(10..20), vec![0, 5]), logit);
    assert_eq!(text(Subset::new(block, vec![])), "number of rows of the subset is 0; expected at least 1");
    assert_eq!(text(Subset::new(block, vec![3, 20])), "row of the subset is 20; expected a row from 0 to 19");
}

#[test]
fn calibrated_rows_keep_targets_and_weights() {
    let sample = Sample::new(3, 300, 4, 2.0);
    let weights: Vec<f64> = (0..300).map(|row| f64::from(row % 3)).collect();
    let block = sample.block().with_weights(RowWeights::new(&weights)).unwrap();
    let temperature = Temperature::new(2.0).unwrap();
    let divided = sample.map(|z| z / 2.0);
    let expected = divided.block().with_weights(RowWeights::new(&weights)).unwrap();
    let calibrated = Calibrated::new(&block, &temperature);
    assert_eq!(
        Evaluation::new().measure(&calibrated).unwrap(),
        Evaluation::new().measure(&expected).unwrap()
    );
    assert_eq!((calibrated.classes(), calibrated.rows()), (4, Some(300)));
}

#[test]
fn blocks_that_do_not_fit_are_refused() {
    let logits = Logits::new(&[0.0; 6], 3).unwrap();
    let refused = |labels| text(Block::new(logits, labels));
    assert_eq!(
        refused(Labels::new(&[0], 3)),
        "number of labels is 1; expected one for each of the 2 rows of scores"
    );
    let expected = "number of classes of the labels is 4; expected the 3 classes of the scores";
    assert_eq!(refused(Labels::new(&[0, 1], 4)), expected);
    assert_eq!(
        text(Logits::new(&[0.0; 5], 3)),
        "number of logits is 5; expected a multiple of the 3 classes"
    );
    assert_eq!(text(Logits::new(&[0.0; 5], 0)), "number of classes is 0; expected at least 1");
    assert_eq!(text(Logits::new::<f32>(&[], 3)), "number of logits is 0; expected at least one row");
}

// Split

fn split(labels: &[usize], fraction: f64, seed: u64) -> Split {
    Split::new(&Labels::new(labels, 10).into(), fraction, SplitRule::Stratified { seed }).unwrap()
}

/// Every row in one part, both parts in order.
fn assert_partition(split: &Split, rows: impl Iterator<Item = usize>) {
    assert!(split.fit.is_sorted() && split.test.is_sorted());
    let mut all = [&split.fit[..], &split.test].concat();
    all.sort_unstable();
    assert_eq!(all, rows.collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn a_stratified_split_keeps_proportions_and_size(
        counts in prop::collection::vec(prop_oneof![Just(0), 2..40_usize], 2..10),
        percent in 1..100_u32, seed: u64,
    ) {
        let mut labels: Vec<usize> = Vec::new();
        // Classes interleaved.
        for round in 0..40 {
            labels.extend((0..counts.len()).filter(|&c| counts[c] > round));
        }
        let (n, f) = (labels.len(), f64::from(percent) / 100.0);
        let whole = (f * n as f64).round() as usize;
        let rule = SplitRule::Stratified { seed };
        let split = match Split::new(&Labels::new(&labels, 10).into(), f, rule) {
            Ok(split) => split,
            Err(error) => {
                prop_assert!(whole == 0 || whole == n);
                let expected = format!("number of rows is {n}; expected enough for both parts of the split");
                prop_assert_eq!(error.to_string(), expected);
                return Ok(());
            }
        };
        assert_partition(&split, 0..n);
        prop_assert_eq!(split.fit.len(), whole);
        for (class, &count) in counts.iter().enumerate() {
            let fitted = split.fit.iter().filter(|&&row| labels[row] == class).count() as f64;
            prop_assert!((fitted - f * count as f64).abs() < 1.0, "class {class}: {fitted} of {count}");
        }
        let again = Split::new(&Labels::new(&labels, 10).into(), f, rule).unwrap();
        prop_assert_eq!(again, split);
    }

    #[test]
    fn a_sequential_split_cuts_once(n in 2..200_usize, percent in 1..100_u32) {
        let labels = vec![0; n];
        let f = f64::from(percent) / 100.0;
        let cut = (f * n as f64).round() as usize;
        let split = Split::new(&Labels::new(&labels, 1).into(), f, SplitRule::Sequential);
        if cut == 0 || cut == n {
            prop_assert_eq!(split.unwrap_err().kind(), ErrorKind::Shape);
        } else {
            let split = split.unwrap();
            prop_assert_eq!((split.fit, split.test), ((0..cut).collect(), (cut..n).collect()));
        }
    }
}

#[test]
fn another_seed_is_another_split() {
    let labels: Vec<usize> = (0..100).map(|row| row % 4).collect();
    let splits: BTreeSet<Vec<usize>> = (0..50).map(|seed| split(&labels, 0.5, seed).fit).collect();
    assert_eq!(splits.len(), 50);
    // Every row is fitted about half of the time.
    for row in 0..100 {
        let times = splits.iter().filter(|fit| fit.contains(&row)).count();
        assert!((8..=42).contains(&times), "row {row}: {times} of 50");
    }
}

#[test]
fn ignored_rows_are_in_neither_part() {
    let labels: Vec<i64> = (0..60).map(|row| if row % 3 == 0 { -100 } else { row % 2 }).collect();
    let targets = Labels::with_ignored(&labels, 2, -100).into();
    for rule in [SplitRule::Sequential, SplitRule::Stratified { seed: 1 }] {
        let split = Split::new(&targets, 0.25, rule).unwrap();
        assert_partition(&split, (0..60).filter(|row| row % 3 != 0));
        assert_eq!((split.fit.len(), split.test.len()), (10, 30));
    }
}

#[test]
fn a_class_of_one_row_goes_to_the_larger_part() {
    let labels = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
    for seed in 0..20 {
        assert!(split(&labels, 0.2, seed).test.contains(&10));
        assert!(split(&labels, 0.5, seed).fit.contains(&10));
        assert!(split(&labels, 0.8, seed).fit.contains(&10));
    }
}

#[test]
fn soft_labels_are_split_by_their_largest() {
    let soft: Vec<f64> = (0..40).flat_map(|row| if row < 30 { [0.9, 0.1] } else { [0.3, 0.7] }).collect();
    let targets: Targets = SoftLabels::new(&soft, 2).unwrap().into();
    let labels: Vec<usize> = (0..40).map(|row| usize::from(row >= 30)).collect();
    for seed in 0..5 {
        let got = Split::new(&targets, 0.3, SplitRule::Stratified { seed }).unwrap();
        assert_eq!(got.fit.iter().filter(|&&row| row >= 30).count(), 3);
        let hard = Split::new(&Labels::new(&labels, 2).into(), 0.3, SplitRule::Stratified { seed }).unwrap();
        assert_eq!(got, hard);
    }
}

#[test]
fn splits_that_cannot_be_are_refused() {
    let refused =
        |labels: &[i32], f| text(Split::new(&Labels::new(labels, 2).into(), f, SplitRule::Sequential));
    for wrong in [0.0, 1.0, -0.5, f64::NAN] {
        let expected = format!("fit fraction is {wrong}; expected a number above 0 and below 1");
        assert_eq!(refused(&[0, 1], wrong), expected);
    }
    let few = "expected enough for both parts of the split";
    assert_eq!(refused(&[0], 0.5), format!("number of rows is 1; {few}"));
    assert_eq!(refused(&[], 0.5), format!("number of rows is 0; {few}"));
    let expected = "label is 2 at row 1 (counted from 0); expected a class index from 0 to 1";
    assert_eq!(refused(&[0, 2], 0.5), expected);
    assert_eq!(refused(&[0, -1], 0.5), expected.replace("is 2", "is -1"));
    let soft = [0.5, 0.5, 0.5, 0.6];
    let soft = SoftLabels::new(&soft, 2).unwrap().into();
    let expected = "sum of the soft labels is 1.1 at row 1 (counted from 0); expected 1 within 0.01";
    assert_eq!(text(Split::new(&soft, 0.5, SplitRule::Sequential)), expected);
}
