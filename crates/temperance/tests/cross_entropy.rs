//! Cross-entropy against PyTorch, hand values, an oracle in plain sums, and the laws that it must obey.

mod common;

use common::{close, fixture, number, numbers};
use half::{bf16, f16};
use proptest::prelude::*;
use temperance::loss::{
    Criterion, CrossEntropy, Loss, Reduction, Saved, Smoothing, Upstream, Weighting, WhenEmpty,
};
use temperance::{ClassWeights, Element, Labels, Layout, Logits, SoftLabels, Targets};

/// Relative and absolute tolerance of values and gradients against PyTorch in `f64`. The absolute part is
/// PyTorch's own rounding of log(1 + tiny); in `f32` it is one rounding of a logit of size 30.
const DOUBLE: (f64, f64) = (1e-12, 1e-14);
const SINGLE: (f64, f64) = (1e-6, 1e-6);

fn check_against_torch<E: Element>(tolerance: (f64, f64)) {
    let fixture = fixture("cross_entropy.json");
    let cases = fixture["cases"].as_array().unwrap();
    assert!(cases.len() > 300);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let classes = case["classes"].as_u64().unwrap() as usize;
        let logits: Vec<E> = numbers(&case["logits"]).unwrap().into_iter().map(E::from_f64).collect();
        let logits = Logits::new(&logits, classes).unwrap();
        let labels: Option<Vec<i64>> =
            numbers(&case["labels"]).map(|list| list.into_iter().map(|l| l as i64).collect());
        let soft = numbers(&case["soft_labels"]);
        let targets: Targets = match (&labels, &soft) {
            (Some(labels), _) => Labels::new(labels, classes).ignoring(case["ignore_index"].as_i64()).into(),
            (None, Some(soft)) => SoftLabels::new(soft, classes).unwrap().unnormalised().into(),
            (None, None) => panic!("{name} has no labels"),
        };
        let mut loss = CrossEntropy::new()
            .label_smoothing(case["label_smoothing"].as_f64().unwrap())
            .unwrap()
            .when_empty(WhenEmpty::Nan);
        if let Some(weights) = numbers(&case["weight"]) {
            loss = loss.class_weights(ClassWeights::new(&weights).unwrap());
        }
        let upstream = numbers(&case["upstream"]);
        let (upstream, reduction) = match case["reduction"].as_str().unwrap() {
            "none" => (Upstream::PerRow(upstream.as_deref().unwrap()), Reduction::Sum),
            "sum" => (Upstream::Scalar(case["upstream"].as_f64().unwrap_or(1.0)), Reduction::Sum),
            _ => (Upstream::Scalar(case["upstream"].as_f64().unwrap_or(1.0)), Reduction::Mean),
        };
        let loss = loss.reduction(reduction);
        let (relative, absolute) = tolerance;
        let expected_gradient = numbers(&case["gradient"]).unwrap();
        let largest = expected_gradient.iter().fold(0.0_f64, |max, g| max.max(g.abs()));
        if let Some(expected) = numbers(&case["loss"]) {
            for (got, expected) in loss.per_row(&logits, targets).unwrap().into_iter().zip(expected) {
                close(name, got, expected, relative, absolute);
            }
        } else {
            let got = loss.forward(&logits, targets).unwrap();
            close(name, got.value, number(&case["loss"]), relative, absolute);
        }
        let mut gradient = vec![E::default(); expected_gradient.len()];
        let value = loss.forward_backward_into(&logits, targets, upstream, &mut gradient).unwrap();
        close(name, value.value, loss.forward(&logits, targets).unwrap().value, 1e-15, 0.0);
        for (got, expected) in gradient.iter().zip(expected_gradient) {
            close(name, got.to_f64(), expected, relative, absolute * largest.max(1.0));
        }
    }
}

#[test]
fn equals_pytorch_in_f64() {
    check_against_torch::<f64>(DOUBLE);
}

#[test]
fn equals_pytorch_in_f32() {
    check_against_torch::<f32>(SINGLE);
}

/// The loss of a row, written straight from its definition.
fn naive(z: &[f64], t: &[f64], w: &[f64], row_weight: f64, beta: f64, gamma: Option<f64>) -> f64 {
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = z.iter().map(|z| (z - max).exp()).sum::<f64>().ln() + max;
    let log_p: Vec<f64> = z.iter().map(|z| z - log_sum).collect();
    let entropy: f64 = -log_p.iter().filter(|l| **l > f64::NEG_INFINITY).map(|l| l.exp() * l).sum::<f64>();
    let fit: f64 = -(0..z.len()).filter(|&c| w[c] * t[c] != 0.0).map(|c| w[c] * t[c] * log_p[c]).sum::<f64>();
    let penalty = gamma.map_or(-beta * entropy, |gamma| beta * (gamma - entropy).max(0.0));
    fit + row_weight * penalty
}

#[derive(Debug, Clone)]
struct Case {
    classes: usize,
    logits: Vec<f64>,
    labels: Vec<usize>,
    weights: Vec<f64>,
    smoothing: Smoothing,
    beta: f64,
    gamma: Option<f64>,
}

impl Case {
    fn loss(&self) -> CrossEntropy {
        let loss = CrossEntropy::new()
            .smoothing(self.smoothing.clone())
            .confidence_penalty(self.beta)
            .unwrap()
            .class_weights(ClassWeights::new(&self.weights).unwrap())
            .reduction(Reduction::Sum);
        match self.gamma {
            Some(gamma) => loss.penalty_threshold(gamma).unwrap(),
            None => loss,
        }
    }

    fn naive_sum(&self, logits: &[f64]) -> f64 {
        let rows = logits.chunks(self.classes).zip(&self.labels);
        rows.map(|(z, &label)| {
            let t = self.smoothing.target(label, self.classes).unwrap();
            naive(z, &t, &self.weights, self.weights[label], self.beta, self.gamma)
        })
        .sum()
    }
}

fn cases() -> impl Strategy<Value = Case> {
    (prop_oneof![2..40_usize, 65..150_usize], 1..5_usize).prop_flat_map(|(classes, rows)| {
        let smoothing = (0.0..1.0_f64, 0..4_u8).prop_map(move |(epsilon, kind)| match kind {
            0 => Smoothing::uniform(epsilon).unwrap(),
            1 => Smoothing::others(epsilon).unwrap(),
            2 => {
                let total = (classes * (classes + 1) / 2) as f64;
                let prior: Vec<f64> = (0..classes).map(|c| (c + 1) as f64 / total).collect();
                Smoothing::prior(epsilon, &prior).unwrap()
            }
            _ => Smoothing::uniform(0.0).unwrap(),
        });
        (
            prop::collection::vec(-8.0..8.0_f64, rows * classes),
            prop::collection::vec(0..classes, rows),
            prop::collection::vec(0.1..3.0_f64, classes),
            smoothing,
            prop_oneof![Just(0.0), 0.0..3.0_f64],
            prop::option::of(0.0..2.0_f64),
        )
            .prop_map(move |(logits, labels, weights, smoothing, beta, gamma)| Case {
                classes,
                logits,
                labels,
                weights,
                smoothing,
                beta,
                gamma,
            })
    })
}

proptest! {
    #[test]
    fn value_equals_the_oracle_and_gradient_its_difference(case in cases()) {
        let logits = Logits::new(&case.logits, case.classes).unwrap();
        let labels = Labels::new(&case.labels, case.classes);
        let (value, gradient) = case.loss().forward_backward::<f64>(&logits, labels).unwrap();
        let expected = case.naive_sum(&case.logits);
        prop_assert!((value.value - expected).abs() <= 1e-11 * expected.abs().max(1.0));
        // A difference across the hinge of the threshold is no derivative.
        if case.gamma.is_none() {
            let h = 1e-3;
            for (j, g) in gradient.iter().enumerate() {
                let at = |step: f64| {
                    let mut moved = case.logits.clone();
                    moved[j] += step * h;
                    case.naive_sum(&moved)
                };
                let difference = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h);
                prop_assert!((g - difference).abs() <= 1e-7 * g.abs().max(1.0), "{j}: {g} {difference}");
            }
        }
    }

    #[test]
    fn gradient_rows_sum_to_zero_and_a_shift_changes_nothing(case in cases(), shift in -50.0..50.0_f64) {
        let labels = Labels::new(&case.labels, case.classes);
        let logits = Logits::new(&case.logits, case.classes).unwrap();
        let (value, gradient) = case.loss().forward_backward::<f64>(&logits, labels).unwrap();
        for row in gradient.chunks(case.classes) {
            prop_assert!(row.iter().sum::<f64>().abs() < 1e-11);
        }
        let moved: Vec<f64> = case.logits.iter().map(|z| z + shift).collect();
        let moved = case.loss().forward(&Logits::new(&moved, case.classes).unwrap(), labels).unwrap();
        prop_assert!((value.value - moved.value).abs() < 1e-10 * value.value.abs().max(1.0));
    }

    #[test]
    fn every_way_to_ask_gives_the_same_bits(case in cases()) {
        let labels = Labels::new(&case.labels, case.classes);
        let logits = Logits::new(&case.logits, case.classes).unwrap();
        let loss = case.loss();
        let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
        // NaN stands for "no cheap form" inside; Loss has None there, so plain equality works.
        prop_assert_eq!(loss.forward(&logits, labels).unwrap(), value);
        let mut alone = vec![0.0; gradient.len()];
        loss.backward_into(&logits, labels, Upstream::default(), &mut alone).unwrap();
        prop_assert_eq!(&alone, &gradient);
        let mut in_place = case.logits.clone();
        let layout = Layout { outer: case.labels.len(), classes: case.classes, inner: 1 };
        let same = loss.forward_backward_in_place(&mut in_place, layout, labels, Upstream::default()).unwrap();
        prop_assert_eq!(same, value);
        prop_assert_eq!(&in_place, &gradient);
        let (mut saved, mut later) = (Saved::default(), vec![0.0; gradient.len()]);
        prop_assert_eq!(loss.forward_saving(&logits, labels, &mut saved).unwrap(), value);
        loss.backward_saved_into(&logits, labels, &saved, Upstream::default(), &mut later).unwrap();
        for (later, gradient) in later.iter().zip(&gradient) {
            prop_assert!((later - gradient).abs() <= 1e-13 * gradient.abs().max(1e-2), "{later} {gradient}");
        }
        let sum: f64 = loss.per_row(&logits, labels).unwrap().iter().sum();
        prop_assert!((sum - value.value).abs() < 1e-11 * sum.abs().max(1.0));

        // Classes first: the same numbers from the transposed buffer.
        let rows = case.labels.len();
        let transposed = |from: &[f64]| -> Vec<f64> {
            (0..case.classes).flat_map(|c| (0..rows).map(move |r| from[r * case.classes + c])).collect()
        };
        let layout = Layout { outer: 1, classes: case.classes, inner: rows };
        let buffer = transposed(&case.logits);
        let strided = Logits::with_layout(&buffer, layout).unwrap();
        let (strided_value, strided_gradient) = loss.forward_backward::<f64>(&strided, labels).unwrap();
        prop_assert_eq!(strided_value, value);
        prop_assert_eq!(strided_gradient, transposed(&gradient));
        let mut in_place = buffer.clone();
        loss.forward_backward_in_place(&mut in_place, layout, labels, Upstream::default()).unwrap();
        prop_assert_eq!(in_place, transposed(&gradient));
    }

    #[test]
    fn nothing_is_below_the_minimum(case in cases()) {
        let labels = Labels::new(&case.labels, case.classes);
        let logits = Logits::new(&case.logits, case.classes).unwrap();
        let value = case.loss().forward(&logits, labels).unwrap();
        if let Some(excess) = value.excess() {
            prop_assert!(excess > -1e-11 * value.value.abs().max(1.0), "{excess}");
        } else {
            prop_assert!(case.beta > 0.0);
        }
    }
}

#[test]
fn the_minimum_is_reached_at_the_smoothed_target() {
    let weights = [0.5, 2.0, 1.0];
    let smoothing = Smoothing::uniform(0.1).unwrap();
    let loss =
        CrossEntropy::new().smoothing(smoothing.clone()).class_weights(ClassWeights::new(&weights).unwrap());
    let t = smoothing.target(1, 3).unwrap();
    let optimum: Vec<f64> = t.iter().zip(weights).map(|(t, w)| (t * w).ln()).collect();
    let value = loss.forward(&Logits::new(&optimum, 3).unwrap(), Labels::new(&[1], 3)).unwrap();
    assert!(value.excess().unwrap().abs() < 1e-15);

    let penalised = CrossEntropy::new().confidence_penalty(1.0).unwrap();
    let gap = temperance::loss::theory::penalty_gap(10, 1.0).unwrap().gap;
    let mut optimum = [0.0; 10];
    optimum[3] = gap;
    let value = penalised.forward(&Logits::new(&optimum, 10).unwrap(), Labels::new(&[3], 10)).unwrap();
    assert!(value.excess().unwrap().abs() < 1e-14);
}

/// Published examples, each with where it comes from.
#[test]
fn golden_vectors() {
    let mean = |z: &[f64], k: usize, loss: CrossEntropy, targets: Targets| {
        loss.forward(&Logits::new(z, k).unwrap(), targets).unwrap().value
    };
    let weighted = |w: &[f64]| CrossEntropy::new().class_weights(ClassWeights::new(w).unwrap());
    // pytorch#25571
    let z = [0.2, 0.3, 0.5, 0.5, 0.2, 0.3];
    let labels = Labels::new(&[2, 1], 3);
    close("#25571 mean", mean(&z, 3, weighted(&[2.0, 4.0, 6.0]), labels.into()), 1.0598, 0.0, 5e-5);
    let sum = weighted(&[2.0, 4.0, 6.0]).reduction(Reduction::Sum);
    close("#25571 sum", mean(&z, 3, sum.clone(), labels.into()), 10.5983, 0.0, 5e-5);
    let rows = sum.per_row(&Logits::new(&z, 3).unwrap(), labels).unwrap();
    close("#25571 row 0", rows[0], 5.6390, 0.0, 5e-5);
    close("#25571 row 1", rows[1], 4.9593, 0.0, 5e-5);
    // pytorch#104776
    let soft = [1.0, 0.0];
    let soft = SoftLabels::new(&soft, 2).unwrap();
    let smoothed = weighted(&[0.1, 0.9]).label_smoothing(0.1).unwrap();
    close("#104776", mean(&[0.0, 1.0], 2, smoothed, soft.into()), 0.138857, 0.0, 5e-7);
    let smoothed = CrossEntropy::new().label_smoothing(0.1).unwrap();
    close("#104776 w = 1", mean(&[0.0, 1.0], 2, smoothed, soft.into()), 1.26326, 0.0, 5e-6);
    // optax documentation
    let z = [1.2, -0.8, -0.5, 0.9, -1.2, 1.1];
    let rows = CrossEntropy::new().per_row(&Logits::new(&z, 3).unwrap(), Labels::new(&[0, 1], 3)).unwrap();
    close("optax 0", rows[0], 0.2761, 0.0, 5e-5);
    close("optax 1", rows[1], 2.9518, 0.0, 5e-5);
}

#[test]
fn a_confident_row_keeps_its_loss_in_f32() {
    let logits = Logits::new(&[60.0_f32, 0.0], 2).unwrap();
    let (loss, gradient) =
        CrossEntropy::new().forward_backward::<f32>(&logits, Labels::new(&[0], 2)).unwrap();
    let exact = (-60.0_f64).exp();
    close("loss", loss.value, exact, 1e-6, 0.0);
    close("gradient", f64::from(gradient[0]), -exact, 1e-6, 0.0);
    close("gradient", f64::from(gradient[1]), exact, 1e-6, 0.0);
}

#[test]
fn extremes_stay_finite() {
    let loss = CrossEntropy::new().label_smoothing(0.1).unwrap().confidence_penalty(0.5).unwrap();
    for scale in [1e4_f32, 3e38] {
        let z = [scale, -scale, 0.0, -scale, scale, scale];
        let (value, gradient) =
            loss.forward_backward::<f32>(&Logits::new(&z, 3).unwrap(), Labels::new(&[1, 0], 3)).unwrap();
        assert!(gradient.iter().all(|g| g.is_finite()), "{scale}: {gradient:?}");
        assert!(value.value > 0.0 && !value.value.is_nan());
    }
}

#[test]
fn impossible_classes() {
    let inf = f64::INFINITY;
    let z = [1.0, -inf, 0.0];
    let logits = Logits::new(&z, 3).unwrap();
    let penalised = CrossEntropy::new().confidence_penalty(0.5).unwrap();
    let (value, gradient) = penalised.forward_backward::<f64>(&logits, Labels::new(&[0], 3)).unwrap();
    assert!(value.value.is_finite());
    assert_eq!(gradient[1], 0.0);
    assert!(gradient.iter().all(|g| g.is_finite()));

    let smoothed = CrossEntropy::new().label_smoothing(0.3).unwrap();
    let (value, gradient) = smoothed.forward_backward::<f64>(&logits, Labels::new(&[0], 3)).unwrap();
    assert_eq!(value.value, inf);
    close("as PyTorch", gradient[1], -0.1, 1e-15, 0.0);

    let masked = Smoothing::uniform(0.3).unwrap().allowed(&[true, false, true]).unwrap();
    let masked = CrossEntropy::new().smoothing(masked);
    let (value, gradient) = masked.forward_backward::<f64>(&logits, Labels::new(&[0], 3)).unwrap();
    let two = CrossEntropy::new().label_smoothing(0.3).unwrap();
    let two = two.forward(&Logits::new(&[1.0, 0.0], 2).unwrap(), Labels::new(&[0], 2)).unwrap();
    close("mask", value.value, two.value, 1e-15, 0.0);
    assert_eq!(gradient[1], 0.0);
    assert_eq!(
        masked.forward(&logits, Labels::new(&[1], 3)).unwrap_err().to_string(),
        "label is 1 at row 0 (counted from 0); expected a class that the mask of the smoothing allows"
    );
    let on_label = CrossEntropy::new().forward(&logits, Labels::new(&[1], 3)).unwrap();
    assert_eq!((on_label.value, on_label.nll), (inf, inf));
}

#[test]
fn a_mean_over_no_rows() {
    let logits = Logits::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
    let labels = Labels::with_ignored(&[-100, -100], 2, -100);
    let loss = CrossEntropy::new().label_smoothing(0.1).unwrap();
    assert_eq!(
        loss.forward(&logits, labels).unwrap_err().to_string(),
        "weight of the rows that count is 0; expected a number above 0, or an answer for a mean over no rows \
         by name"
    );
    let (value, gradient) =
        loss.clone().when_empty(WhenEmpty::Nan).forward_backward::<f64>(&logits, labels).unwrap();
    assert!(value.value.is_nan());
    assert_eq!(gradient, [0.0; 4]);
    assert_eq!(loss.clone().when_empty(WhenEmpty::Zero).forward(&logits, labels).unwrap().value, 0.0);
    let sum = loss.reduction(Reduction::Sum).forward(&logits, labels).unwrap();
    assert_eq!((sum.value, sum.rows), (0.0, 0));
}

#[test]
fn one_class_has_no_loss() {
    let (value, gradient) = CrossEntropy::new()
        .label_smoothing(0.1)
        .unwrap()
        .confidence_penalty(1.0)
        .unwrap()
        .forward_backward::<f64>(&Logits::new(&[3.0, -7.0], 1).unwrap(), Labels::new(&[0, 0], 1))
        .unwrap();
    assert_eq!((value.value, value.entropy), (0.0, 0.0));
    assert_eq!(gradient, [0.0, 0.0]);
}

#[test]
fn half_precision_is_the_loss_of_its_values() {
    let z: Vec<f64> = (0..300).map(|i| f64::from((i * 7919) % 601) / 50.0 - 6.0).collect();
    let labels: Vec<usize> = (0..30).map(|i| i % 10).collect();
    let labels = Labels::new(&labels, 10);
    let loss = CrossEntropy::new().label_smoothing(0.1).unwrap().confidence_penalty(0.1).unwrap();

    fn check<E: Element>(loss: &CrossEntropy, z: &[f64], labels: Labels, step: f64) {
        let half: Vec<E> = z.iter().map(|&z| E::from_f64(z)).collect();
        let exact: Vec<f64> = half.iter().map(|z| z.to_f64()).collect();
        let exact_logits = Logits::new(&exact, 10).unwrap();
        let (expected, expected_gradient) = loss.forward_backward::<f64>(&exact_logits, labels).unwrap();
        let (got, gradient) = loss.forward_backward::<E>(&Logits::new(&half, 10).unwrap(), labels).unwrap();
        close("value", got.value, expected.value, 1e-6, 0.0);
        for (got, expected) in gradient.iter().zip(expected_gradient) {
            // One rounding to the type, and f16's smallest step.
            close("gradient", got.to_f64(), expected, step, 6e-8);
        }
    }
    check::<f16>(&loss, &z, labels, 6e-4);
    check::<bf16>(&loss, &z, labels, 5e-3);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let classes = 50;
    let rows = 20_000;
    let z: Vec<f32> =
        (0..rows * classes).map(|i| ((i * 2_654_435_761_usize) % 10_007) as f32 / 700.0).collect();
    let labels: Vec<u32> = (0..rows).map(|i| ((i * 31) % classes) as u32).collect();
    let run = |threads: usize| -> (Loss, Vec<f32>) {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let loss = CrossEntropy::new().label_smoothing(0.1).unwrap();
            loss.forward_backward(&Logits::new(&z, classes).unwrap(), Labels::new(&labels, classes)).unwrap()
        })
    };
    let one = run(1);
    for threads in [2, 7] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

#[test]
fn refusals() {
    let text = |result: temperance::Result<Loss>| result.unwrap_err().to_string();
    let logits = Logits::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
    let loss = CrossEntropy::new();
    assert_eq!(
        text(loss.forward(&logits, Labels::new(&[0], 2))),
        "number of labels is 1; expected one for each of the 2 rows of scores"
    );
    assert_eq!(
        text(loss.forward(&logits, Labels::new(&[0, 2], 2))),
        "label is 2 at row 1 (counted from 0); expected a class index from 0 to 1"
    );
    assert_eq!(
        text(loss.forward(&logits, Labels::new(&[0, -1], 2))),
        "label is -1 at row 1 (counted from 0); expected a class index from 0 to 1"
    );
    assert_eq!(
        text(loss.forward(
            &Logits::new(&[0.0, f64::NEG_INFINITY, f64::NAN, 1.0], 2).unwrap(),
            Labels::new(&[0, 1], 2)
        )),
        "logit is NaN at row 1, column 0 (counted from 0); expected a finite number or -inf"
    );
    assert_eq!(
        text(loss.forward(&Logits::new(&[f32::INFINITY, 0.0], 2).unwrap(), Labels::new(&[0], 2))),
        "logit is inf at row 0, column 0 (counted from 0); expected a finite number or -inf"
    );
    assert_eq!(
        text(loss.forward(&Logits::new(&[f32::NEG_INFINITY; 2], 2).unwrap(), Labels::new(&[0], 2))),
        "every logit is -inf at row 0 (counted from 0); expected at least one finite logit in a row"
    );
    let three = loss.clone().class_weights(ClassWeights::new(&[1.0, 1.0, 1.0]).unwrap());
    assert_eq!(
        text(three.forward(&logits, Labels::new(&[0, 1], 2))),
        "number of class weights is 3; expected one for each of the 2 classes"
    );
    let mut short = [0.0; 3];
    assert_eq!(
        text(loss.forward_backward_into(&logits, Labels::new(&[0, 1], 2), Upstream::default(), &mut short)),
        "length of the output is 3; expected 4, one entry for each logit"
    );
    for bad in [f64::NAN, -0.1, f64::INFINITY] {
        assert!(loss.clone().confidence_penalty(bad).is_err());
        assert!(loss.clone().label_smoothing(bad).is_err());
    }
    let soft = [0.9, 0.3, 0.5, 0.5];
    assert_eq!(
        text(loss.forward(&logits, SoftLabels::new(&soft, 2).unwrap())),
        "sum of the soft labels is 1.2 at row 0 (counted from 0); expected 1 within 0.01"
    );
}

/// One weight per input class and output class, one-hot inputs, plain gradient descent with the loss itself.
#[test]
fn a_linear_model_trained_by_the_loss_reaches_the_closed_forms() {
    use temperance::loss::{Convention, theory};
    let classes = 10;
    let labels: Vec<usize> = (0..classes).collect();
    let labels = Labels::new(&labels, classes);
    let plain = CrossEntropy::new().reduction(Reduction::Sum);
    for (name, loss, gap) in [
        (
            "uniform",
            plain.clone().label_smoothing(0.1).unwrap(),
            theory::optimal_gap(Convention::Uniform, classes, 0.1).unwrap(),
        ),
        (
            "others",
            plain.clone().smoothing(Smoothing::others(0.1).unwrap()),
            theory::optimal_gap(Convention::Others, classes, 0.1).unwrap(),
        ),
        (
            "penalty",
            plain.clone().confidence_penalty(1.0).unwrap(),
            theory::penalty_gap(classes, 1.0).unwrap().gap,
        ),
    ] {
        let mut weights = vec![0.0; classes * classes];
        let mut value = f64::INFINITY;
        for _ in 0..5000 {
            let logits = Logits::new(&weights, classes).unwrap();
            let (reached, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
            assert!(reached.value <= value + 1e-9, "{name}: the loss rose");
            value = reached.value;
            for (weight, g) in weights.iter_mut().zip(gradient) {
                *weight -= g;
            }
        }
        for row in 0..classes {
            for other in (0..classes).filter(|&other| other != row) {
                let reached = weights[row * classes + row] - weights[row * classes + other];
                close(name, reached, gap, 0.0, 1e-6);
            }
        }
        let excess =
            loss.forward(&Logits::new(&weights, classes).unwrap(), labels).unwrap().excess().unwrap();
        close(name, excess, 0.0, 0.0, 1e-11);
    }
}

#[test]
fn what_a_forward_pass_saves_serves_every_kind_of_target() {
    let (rows, classes) = (5, 90);
    let z: Vec<f64> = (0..rows * classes).map(|j| 5.0 * ((j * j) as f64 * 0.7).sin()).collect();
    let logits = Logits::new(&z, classes).unwrap();
    let weights: Vec<f64> = (0..classes).map(|c| 0.5 + (c % 4) as f64).collect();
    let soft: Vec<f64> = (0..rows * classes).map(|j| if j % 3 == 0 { 1.0 / 30.0 } else { 0.0 }).collect();
    let labels = [3_i64, -100, 89, 0, 40];
    let targets: [Targets; 2] = [
        Labels::with_ignored(&labels, classes, -100).into(),
        SoftLabels::new(&soft, classes).unwrap().into(),
    ];
    for weighting in [Weighting::Torch, Weighting::Sample] {
        let loss = CrossEntropy::new()
            .label_smoothing(0.2)
            .unwrap()
            .confidence_penalty(0.3)
            .unwrap()
            .logit_penalty(0.01)
            .unwrap()
            .class_weights(ClassWeights::new(&weights).unwrap())
            .weighting(weighting);
        for targets in targets {
            let (value, gradient) = loss.forward_backward::<f64>(&logits, targets).unwrap();
            let (mut saved, mut later) = (Saved::default(), vec![0.0; z.len()]);
            let of_saving = loss.forward_saving(&logits, targets, &mut saved).unwrap();
            assert_eq!((of_saving.value, of_saving.denominator), (value.value, value.denominator));
            loss.backward_saved_into(&logits, targets, &saved, Upstream::Scalar(1.0), &mut later).unwrap();
            for (later, gradient) in later.iter().zip(&gradient) {
                close("gradient", *later, *gradient, 1e-12, 1e-15);
            }
        }
    }
    let refused = CrossEntropy::new().backward_saved_into::<f64>(
        &logits,
        targets[1],
        &Saved::default(),
        Upstream::Scalar(1.0),
        &mut [0.0; 450],
    );
    let expected = "number of saved rows is 0; expected one for each of the 5 rows of logits";
    assert_eq!(refused.unwrap_err().to_string(), expected);
}
