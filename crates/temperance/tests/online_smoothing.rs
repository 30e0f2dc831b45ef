//! Online label smoothing against cross-entropy with the targets it stands for, and its state against plain sums.

mod common;

use common::{Sample, close, differences, on_threads, softmax, text};
use proptest::prelude::*;
use temperance::loss::{
    ClassTargets, Criterion, CrossEntropy, OnlineSmoothing, OnlineTargets, Reduction, Weighting,
};
use temperance::{ClassWeights, Labels, Logits, SoftLabels};

/// A table of distributions without a pattern.
fn table(classes: usize) -> Vec<f64> {
    let logits: Vec<f64> = (0..classes * classes).map(|i| ((i * 7919) % 101) as f64 / 25.0).collect();
    logits.chunks(classes).flat_map(softmax).collect()
}

/// The soft labels that a loss of hard labels stands for.
fn targets(labels: &[usize], table: &[f64], classes: usize, alpha: f64) -> Vec<f64> {
    labels
        .iter()
        .flat_map(|&label| {
            (0..classes).map(move |class| {
                let own = if class == label { alpha } else { 0.0 };
                own + (1.0 - alpha) * table[label * classes + class]
            })
        })
        .collect()
}

proptest! {
    #[test]
    fn it_is_cross_entropy_with_the_soft_labels_it_stands_for(
        z in prop::collection::vec(-6.0..6.0_f64, 24..25),
        classes in prop_oneof![Just(2_usize), Just(3), Just(6), Just(12)],
        alpha in 0.0..1.0_f64,
        seed in 0..1000_usize,
        weighted: bool,
    ) {
        let labels: Vec<usize> = (0..z.len() / classes).map(|row| (row * 31 + seed) % classes).collect();
        let table = table(classes);
        let soft = targets(&labels, &table, classes, alpha);
        let logits = Logits::new(&z, classes).unwrap();
        let hard = Labels::new(&labels, classes);
        let class_targets = ClassTargets::new(&table, classes).unwrap();
        let mut loss = OnlineSmoothing::new(alpha).unwrap().targets(class_targets).reduction(Reduction::Sum);
        let mut plain = CrossEntropy::new().reduction(Reduction::Sum);
        let weights: Vec<f64> = (0..classes).map(|class| 0.5 + class as f64).collect();
        if weighted {
            loss = loss.class_weights(ClassWeights::new(&weights).unwrap());
            plain = plain.class_weights(ClassWeights::new(&weights).unwrap());
        }
        let (value, gradient) = loss.forward_backward::<f64>(&logits, hard).unwrap();
        let soft = SoftLabels::new(&soft, classes).unwrap();
        let (expected, expected_gradient) = plain.forward_backward::<f64>(&logits, soft).unwrap();
        prop_assert!((value.value - expected.value).abs() <= 1e-13 * expected.value);
        for (got, expected) in gradient.iter().zip(expected_gradient) {
            prop_assert!((got - expected).abs() <= 1e-13 * weights[classes - 1]);
        }
        for (got, expected) in gradient.iter().zip(differences(&z, |z| {
            loss.forward(&Logits::new(z, classes).unwrap(), hard).unwrap().value
        })) {
            prop_assert!((got - expected).abs() <= 1e-7 * expected.abs().max(1.0));
        }
        prop_assert_eq!(value.minimum.is_some(), !weighted);
        prop_assert!(value.excess().is_none_or(|excess| excess > -1e-12));
        // The weight of the label over the whole row.
        let by_row = loss.weighting(Weighting::Sample);
        if weighted {
            let rows = by_row.per_row(&logits, hard).unwrap();
            let unweighted = OnlineSmoothing::new(alpha)
                .unwrap()
                .targets(ClassTargets::new(&table, classes).unwrap())
                .per_row(&logits, hard)
                .unwrap();
            for ((row, unweighted), &label) in rows.iter().zip(unweighted).zip(&labels) {
                prop_assert!((row - weights[label] * unweighted).abs() <= 1e-12 * row.abs());
            }
        }
    }
}

#[test]
fn the_minimum_is_reached_at_the_target() {
    let table = table(4);
    let t = targets(&[2], &table, 4, 0.5);
    let optimum: Vec<f64> = t.iter().map(|t| t.ln()).collect();
    let loss = OnlineSmoothing::new(0.5).unwrap().targets(ClassTargets::new(&table, 4).unwrap());
    let (value, gradient) =
        loss.forward_backward::<f64>(&Logits::new(&optimum, 4).unwrap(), Labels::new(&[2], 4)).unwrap();
    close("excess", value.excess().unwrap(), 0.0, 0.0, 1e-15);
    assert!(gradient.iter().all(|g| g.abs() < 1e-15));
}

#[test]
fn uniform_targets_are_label_smoothing_and_alpha_1_is_cross_entropy() {
    let z: Vec<f32> = (0..700).map(|i| ((i * 7919) % 601) as f32 / 50.0 - 6.0).collect();
    let labels: Vec<i32> = (0..100).map(|i| i % 7).collect();
    let (logits, labels) = (Logits::new(&z, 7).unwrap(), Labels::with_ignored(&labels, 7, 3));
    let smoothed = CrossEntropy::new().label_smoothing(0.5).unwrap();
    let smoothed = smoothed.forward_backward::<f32>(&logits, labels).unwrap();
    let first_epoch = OnlineSmoothing::new(0.5).unwrap();
    assert!(first_epoch.forward_backward::<f32>(&logits, labels).unwrap() == smoothed);
    let uniform = first_epoch.targets(ClassTargets::uniform(7).unwrap());
    let (value, gradient) = uniform.forward_backward::<f32>(&logits, labels).unwrap();
    close("uniform", value.value, smoothed.0.value, 1e-6, 0.0);
    for (got, expected) in gradient.iter().zip(&smoothed.1) {
        close("uniform", f64::from(*got), f64::from(*expected), 1e-6, 1e-8);
    }

    let plain = CrossEntropy::new().forward_backward::<f32>(&logits, labels).unwrap();
    let neutral = OnlineSmoothing::new(1.0).unwrap();
    assert!(neutral.forward_backward::<f32>(&logits, labels).unwrap() == plain);
    let neutral = neutral.targets(ClassTargets::new(&table(7), 7).unwrap());
    assert!(neutral.forward_backward::<f32>(&logits, labels).unwrap() == plain);
}

/// The table by plain loops.
fn naive(sample: &Sample) -> Vec<f64> {
    let classes = sample.classes;
    let mut table = vec![0.0; classes * classes];
    let mut counts = vec![0.0; classes];
    for (z, &label) in sample.logits.chunks(classes).zip(&sample.labels) {
        if (0..classes).all(|class| z[class] <= z[label]) {
            counts[label] += 1.0;
            for (class, p) in softmax(z).into_iter().enumerate() {
                table[label * classes + class] += p;
            }
        }
    }
    for (row, count) in table.chunks_mut(classes).zip(counts) {
        row.iter_mut().for_each(|p| *p = if count == 0.0 { 1.0 / classes as f64 } else { *p / count });
    }
    table
}

#[test]
fn an_epoch_is_the_mean_prediction_of_the_rows_that_are_right() {
    // The last class is never a label: its row stays uniform.
    let mut sample = Sample::new(5, 3000, 6, 1.5);
    sample.labels.iter_mut().for_each(|label| *label %= 5);
    let (logits, labels) = (Logits::new(&sample.logits, 6).unwrap(), Labels::new(&sample.labels, 6));
    let mut epoch = OnlineTargets::new(6).unwrap();
    epoch.observe(&logits, labels).unwrap();
    assert_eq!(epoch.counts()[5], 0);
    assert!(epoch.counts()[..5].iter().all(|&count| count > 100));
    let targets = epoch.finish_epoch();
    for (class, expected) in naive(&sample).chunks(6).enumerate() {
        for (got, expected) in targets.of(class).iter().zip(expected) {
            close("mean", *got, *expected, 1e-13, 0.0);
        }
        close("sum", targets.of(class).iter().sum(), 1.0, 1e-14, 0.0);
    }
    assert_eq!(targets.of(5), [1.0 / 6.0; 6]);
    assert_eq!(epoch, OnlineTargets::new(6).unwrap());
}

#[test]
fn threads_and_batches_do_not_matter() {
    let sample = Sample::new(7, 9001, 20, 2.0);
    let logits = Logits::new(&sample.logits, 20).unwrap();
    let all = |threads: usize| {
        on_threads(threads, || {
            let mut epoch = OnlineTargets::new(20).unwrap();
            epoch.observe(&logits, Labels::new(&sample.labels, 20)).unwrap();
            epoch
        })
    };
    let one = all(1);
    for threads in [2, 7] {
        assert_eq!(all(threads), one, "{threads} threads");
    }
    let mut batched = OnlineTargets::new(20).unwrap();
    for (z, labels) in sample.logits.chunks(20 * 77).zip(sample.labels.chunks(77)) {
        batched.observe(&Logits::new(z, 20).unwrap(), Labels::new(labels, 20)).unwrap();
    }
    assert_eq!(batched, one);

    // Observed apart, then merged: the same but for the rounding of two sums.
    let mut halves = OnlineTargets::new(20).unwrap();
    let (z, labels) = (sample.logits.split_at(20 * 5000), sample.labels.split_at(5000));
    for (z, labels) in [(z.0, labels.0), (z.1, labels.1)] {
        let mut half = OnlineTargets::new(20).unwrap();
        half.observe(&Logits::new(z, 20).unwrap(), Labels::new(labels, 20)).unwrap();
        halves.merge(&half).unwrap();
    }
    assert_eq!(halves.counts(), one.counts());
    let (halves, mut one) = (halves.clone().finish_epoch(), one);
    let one = one.finish_epoch();
    for class in 0..20 {
        for (got, expected) in halves.of(class).iter().zip(one.of(class)) {
            close("merged", *got, *expected, 1e-14, 0.0);
        }
    }
}

#[test]
fn ties_ignored_rows_and_impossible_classes() {
    let inf = f32::INFINITY;
    let z = [1.0, 1.0, -inf, 1.0, 1.0, -inf, 5.0, 0.0, 0.0];
    let mut epoch = OnlineTargets::new(3).unwrap();
    // A tie is the lowest class's; the third row is ignored.
    epoch.observe(&Logits::new(&z, 3).unwrap(), Labels::with_ignored(&[0, 1, -1], 3, -1)).unwrap();
    assert_eq!(epoch.counts(), [1, 0, 0]);
    let targets = epoch.finish_epoch();
    assert_eq!(targets.of(0), [0.5, 0.5, 0.0]);

    // Where S is 0 a logit of -inf costs nothing.
    let loss = OnlineSmoothing::new(0.5).unwrap().targets(targets);
    let logits = Logits::new(&z[..3], 3).unwrap();
    let (value, gradient) = loss.forward_backward::<f64>(&logits, Labels::new(&[0], 3)).unwrap();
    close("value", value.value, 2_f64.ln(), 1e-7, 0.0);
    assert_eq!(gradient[2], 0.0);
    let (value, gradient) = loss.forward_backward::<f64>(&logits, Labels::new(&[1], 3)).unwrap();
    assert_eq!(value.value, f64::INFINITY);
    close("gradient", gradient[2], -0.5 / 3.0, 1e-7, 0.0);

    let extreme = [1e4, -1e4, 0.0];
    let (value, gradient) =
        loss.forward_backward::<f64>(&Logits::new(&extreme, 3).unwrap(), Labels::new(&[1], 3)).unwrap();
    assert!(value.value.is_finite() && gradient.iter().all(|g| g.is_finite()));
    let one = OnlineSmoothing::new(0.5).unwrap().targets(ClassTargets::uniform(1).unwrap());
    assert_eq!(one.forward(&Logits::new(&[2.0], 1).unwrap(), Labels::new(&[0], 1)).unwrap().value, 0.0);
}

#[test]
fn state_survives_json_bit_for_bit() {
    let sample = Sample::new(11, 500, 5, 1.0);
    let mut epoch = OnlineTargets::new(5).unwrap();
    epoch.observe(&Logits::new(&sample.logits, 5).unwrap(), Labels::new(&sample.labels, 5)).unwrap();
    let saved = serde_json::to_string(&epoch).unwrap();
    assert_eq!(serde_json::from_str::<OnlineTargets>(&saved).unwrap(), epoch);
    let targets = epoch.finish_epoch();
    let saved = serde_json::to_string(&targets).unwrap();
    assert!(saved.starts_with(r#"{"classes":5,"values":["#), "{saved}");
    assert_eq!(serde_json::from_str::<ClassTargets>(&saved).unwrap(), targets);

    let refused = |json: &str| serde_json::from_str::<ClassTargets>(json).unwrap_err().to_string();
    assert_eq!(
        refused(r#"{"classes":2,"values":[0.5,0.5,1.0]}"#),
        "number of class targets is 3; expected classes × classes = 2 × 2"
    );
    assert_eq!(
        refused(r#"{"classes":2,"values":[0.5,0.5,1.0,-0.5]}"#),
        "class target is -0.5 at row 1, column 1 (counted from 0); expected a number from 0 to 1"
    );
    let refused = |json: &str| serde_json::from_str::<OnlineTargets>(json).unwrap_err().to_string();
    assert_eq!(
        refused(r#"{"classes":2,"sums":[0.5,0.5,0.0,0.0],"counts":[1]}"#),
        "number of counts is 1; expected one for each of the 2 classes"
    );
    assert_eq!(
        refused(r#"{"classes":2,"sums":[0.5,0.5,0.0,-1.0],"counts":[1,0]}"#),
        "sum of predictions is -1 at row 1, column 1 (counted from 0); expected a number, 0 or above"
    );
    assert_eq!(
        refused(r#"{"classes":2,"sums":[0.5,0.5,0.0,0.0],"counts":[2,0]}"#),
        "sum over a row of predictions is 1 at row 0 (counted from 0); expected its count 2 within 1 %"
    );
}

#[test]
fn refusals() {
    assert_eq!(text(OnlineSmoothing::new(-0.1)), "alpha is -0.1; expected a number from 0 to 1");
    assert_eq!(text(OnlineTargets::new(0)), "number of classes is 0; expected at least 1");
    assert_eq!(text(ClassTargets::uniform(0)), "number of classes is 0; expected at least 1");
    let logits = Logits::new(&[1.0, 2.0, f64::NAN, 4.0], 2).unwrap();
    let mut epoch = OnlineTargets::new(2).unwrap();
    assert_eq!(
        text(epoch.observe(&logits, Labels::new(&[1, 1], 2))),
        "logit is NaN at row 1, column 0 (counted from 0); expected a finite number or -inf"
    );
    assert_eq!(epoch.counts(), [0, 0]);
    assert_eq!(
        text(epoch.observe(&logits, Labels::new(&[1, 2], 2))),
        "label is 2 at row 1 (counted from 0); expected a class index from 0 to 1"
    );
    assert_eq!(
        text(epoch.observe(&logits, Labels::new(&[1], 2))),
        "number of labels is 1; expected one for each of the 2 rows of scores"
    );
    assert_eq!(
        text(epoch.observe(&Logits::new(&[1.0; 3], 3).unwrap(), Labels::new(&[1], 3))),
        "number of classes of the logits is 3; expected the 2 classes of the class targets"
    );
    assert_eq!(
        text(epoch.merge(&OnlineTargets::new(3).unwrap())),
        "number of classes is 3; expected 2, as in what it is merged into"
    );
    let loss = OnlineSmoothing::new(0.5).unwrap();
    let soft = SoftLabels::new(&[0.5, 0.5], 2).unwrap();
    let two = Logits::new(&[0.0, 1.0], 2).unwrap();
    assert_eq!(
        text(loss.forward(&two, soft)),
        "kind of labels is soft; expected class indices, which online_smoothing is defined for"
    );
    let three = loss.targets(ClassTargets::uniform(3).unwrap());
    assert_eq!(
        text(three.forward(&two, Labels::new(&[0], 2))),
        "number of classes of the class targets is 3; expected the 2 classes of the logits"
    );
}
