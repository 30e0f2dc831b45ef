//! Binary cross-entropy against PyTorch, Keras, timm and published examples, and an oracle in plain sums.

mod common;

use common::{close, differences, each_case, number, numbers, text};
use proptest::prelude::*;
use temperance::loss::{
    BinaryConvention, BinaryCrossEntropy, Criterion, Reduction, Upstream, Weighting, WhenEmpty,
};
use temperance::{ClassWeights, Labels, Logits, Parameter, Parameters, SoftLabels, Targets};

const CONVENTIONS: [BinaryConvention; 3] =
    [BinaryConvention::Half, BinaryConvention::Full, BinaryConvention::PerClass];

/// The loss of a row, straight from its definition.
fn naive(z: &[f64], t: &[f64], positive: f64, beta: f64) -> f64 {
    let row = z.iter().zip(t).map(|(z, t)| {
        let (p, q) = (1.0 / (1.0 + (-z).exp()), 1.0 / (1.0 + z.exp()));
        -positive * t * p.ln() - (1.0 - t) * q.ln() + beta * (p * p.ln() + q * q.ln())
    });
    row.sum()
}

#[test]
fn equals_pytorch_keras_and_timm() {
    each_case("binary_cross_entropy.json", |name, case| {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let z = numbers(&case["logits"]).unwrap();
        let logits = Logits::new(&z, classes).unwrap();
        let indices: Option<Vec<usize>> =
            numbers(&case["indices"]).map(|list| list.into_iter().map(|label| label as usize).collect());
        let soft = numbers(&case["labels"]);
        let targets: Targets = match (&indices, &soft) {
            (Some(labels), _) => Labels::new(labels, classes).into(),
            (None, soft) => SoftLabels::new(soft.as_ref().unwrap(), classes).unwrap().unnormalised().into(),
        };
        let convention =
            CONVENTIONS.into_iter().find(|known| case["convention"] == known.name()).unwrap_or_default();
        let epsilon = case["label_smoothing"].as_f64().unwrap_or(0.0);
        let mut loss = BinaryCrossEntropy::new().label_smoothing(convention, epsilon).unwrap();
        if let Some(weights) = numbers(&case["positive_weight"]) {
            loss = loss.positive_weights(&weights).unwrap();
        }
        let built =
            (temperance::loss::named("binary_cross_entropy").unwrap().build)(&loss.parameters()).unwrap();
        let same = built.forward(&logits, targets).unwrap();
        assert_eq!(same, loss.forward(&logits, targets).unwrap(), "{name}");
        if let Some(weights) = numbers(&case["weight"]) {
            loss = loss.class_weights(ClassWeights::new(&weights).unwrap());
        }
        let reduction = if case["reduction"] == "mean" { Reduction::Mean } else { Reduction::Sum };
        let loss = loss.reduction(reduction);
        // Keras takes the mean in float32.
        let (relative, absolute) = if name.starts_with("keras") { (1e-6, 1e-8) } else { (1e-12, 1e-15) };
        let (value, gradient) = loss.forward_backward::<f64>(&logits, targets).unwrap();
        match numbers(&case["loss"]) {
            Some(rows) => {
                for (got, expected) in loss.per_row(&logits, targets).unwrap().into_iter().zip(rows) {
                    close(name, got, expected, relative, 0.0);
                }
            }
            None => close(name, value.value, number(&case["loss"]), relative, 0.0),
        }
        for (got, expected) in gradient.iter().zip(numbers(&case["gradient"]).unwrap()) {
            close(name, *got, expected, relative, absolute);
        }
    });
}

/// Published examples, each with where it comes from.
#[test]
fn golden_vectors() {
    let mean = |z: &[f64], y: &[f64], classes: usize, loss: BinaryCrossEntropy| {
        let labels = SoftLabels::new(y, classes).unwrap().unnormalised();
        loss.forward(&Logits::new(z, classes).unwrap(), labels).unwrap().value
    };
    let plain = BinaryCrossEntropy::new();
    // Burn, crates/burn-nn/src/loss/binary_cross_entropy.rs, whose numbers are PyTorch's.
    let z = [0.8271, 0.9626, 0.3796, 0.2355];
    let y = [0.0, 1.0, 0.0, 1.0];
    close("one output", mean(&z, &y, 1, plain.clone()), 0.7491, 0.0, 5e-5);
    let half = plain.clone().label_smoothing(BinaryConvention::Half, 0.1).unwrap();
    close("one output, smoothed", mean(&z, &y, 1, half), 0.7490, 0.0, 5e-5);
    let z = [0.5150, 0.3097, 0.7556, 0.4974, 0.9879, 0.1564];
    let y = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0];
    close("multi-label", mean(&z, &y, 3, plain.clone()), 0.7112, 0.0, 5e-5);
    let weights = ClassWeights::new(&[3.0, 7.0, 0.9]).unwrap();
    close("weighted", mean(&z, &y, 3, plain.clone().class_weights(weights)), 3.1708, 0.0, 5e-5);
    let per_class = plain.label_smoothing(BinaryConvention::PerClass, 0.1).unwrap();
    close("smoothed by class", mean(&z, &y, 3, per_class), 0.7228, 0.0, 5e-5);
}

proptest! {
    #[test]
    fn value_equals_the_oracle_and_gradient_its_difference(
        pairs in prop::collection::vec((-6.0..6.0_f64, 0.0..1.0_f64), 1..12),
        epsilon in 0.0..1.0_f64,
        kind in 0..3_usize,
        positive in 0.0..3.0_f64,
        beta in prop_oneof![Just(0.0), 0.0..2.0_f64],
        label in 0..12_usize,
        soft: bool,
    ) {
        let (z, mut y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let classes = z.len();
        let label = label % classes;
        if !soft {
            y.fill(0.0);
            y[label] = 1.0;
        }
        let convention = CONVENTIONS[kind];
        let t: Vec<f64> = y.iter().map(|&y| convention.target(y, epsilon, classes)).collect();
        let loss = BinaryCrossEntropy::new()
            .label_smoothing(convention, epsilon)
            .unwrap()
            .positive_weights(&[positive])
            .unwrap()
            .confidence_penalty(beta)
            .unwrap()
            .reduction(Reduction::Sum);
        let logits = Logits::new(&z, classes).unwrap();
        let hard = [label];
        let targets: Targets = if soft {
            SoftLabels::new(&y, classes).unwrap().unnormalised().into()
        } else {
            Labels::new(&hard, classes).into()
        };
        let (value, gradient) = loss.forward_backward::<f64>(&logits, targets).unwrap();
        let expected = naive(&z, &t, positive, beta);
        prop_assert!((value.value - expected).abs() <= 1e-12 * expected.abs().max(1.0));
        prop_assert!((value.nll - naive(&z, &y, 1.0, 0.0)).abs() <= 1e-12 * value.nll.max(1.0));
        let entropy = -naive(&z, &vec![0.0; classes], 0.0, 1.0) + naive(&z, &vec![0.0; classes], 0.0, 0.0);
        prop_assert!((value.entropy - entropy).abs() <= 1e-12 * classes as f64);
        for (got, expected) in gradient.iter().zip(differences(&z, |z| naive(z, &t, positive, beta))) {
            prop_assert!((got - expected).abs() <= 1e-7 * expected.abs().max(1.0));
        }
        prop_assert_eq!(value.minimum.is_some(), !soft && beta == 0.0);
        prop_assert!(value.excess().is_none_or(|excess| excess > -1e-12 * value.value.max(1.0)));
        let mean = loss.reduction(Reduction::Mean).forward(&logits, targets).unwrap();
        prop_assert!((mean.value - value.value / classes as f64).abs() <= 1e-15 * value.value.abs());
        prop_assert_eq!(mean.denominator, classes as f64);
    }
}

#[test]
fn the_minimum_is_reached_at_the_target() {
    let convention = BinaryConvention::PerClass;
    let weights = [0.5, 2.0, 3.0];
    let loss = BinaryCrossEntropy::new()
        .label_smoothing(convention, 0.3)
        .unwrap()
        .positive_weights(&weights)
        .unwrap()
        .class_weights(ClassWeights::new(&[1.0, 2.0, 0.5]).unwrap());
    let optimum: Vec<f64> = (0..3)
        .map(|class| {
            let t = convention.target(if class == 1 { 1.0 } else { 0.0 }, 0.3, 3);
            (weights[class] * t / (1.0 - t)).ln()
        })
        .collect();
    let (value, gradient) =
        loss.forward_backward::<f64>(&Logits::new(&optimum, 3).unwrap(), Labels::new(&[1], 3)).unwrap();
    close("excess", value.excess().unwrap(), 0.0, 0.0, 1e-15);
    assert!(gradient.iter().all(|g| g.abs() < 1e-15), "{gradient:?}");
}

#[test]
fn a_confident_answer_keeps_its_digits() {
    let logits = Logits::new(&[60.0_f32, -60.0], 2).unwrap();
    let loss = BinaryCrossEntropy::new().reduction(Reduction::Sum);
    let (value, gradient) = loss.forward_backward::<f32>(&logits, Labels::new(&[0], 2)).unwrap();
    let exact = (-60.0_f64).exp();
    close("value", value.value, 2.0 * exact, 1e-15, 0.0);
    close("yes", f64::from(gradient[0]), -exact, 1e-7, 0.0);
    close("no", f64::from(gradient[1]), exact, 1e-7, 0.0);
    close("entropy", value.entropy, 2.0 * 61.0 * exact, 1e-14, 0.0);
    assert!(!loss.is_shift_invariant());
}

#[test]
fn impossible_classes_and_extremes() {
    let inf = f64::INFINITY;
    let z = [1.0, -inf];
    let logits = Logits::new(&z, 2).unwrap();
    let loss = BinaryCrossEntropy::new().confidence_penalty(0.5).unwrap().reduction(Reduction::Sum);
    let (value, gradient) = loss.forward_backward::<f64>(&logits, Labels::new(&[0], 2)).unwrap();
    let one = loss.forward(&Logits::new(&[1.0], 1).unwrap(), Labels::new(&[0], 1)).unwrap();
    assert_eq!((value.value, gradient[1]), (one.value, 0.0));
    let (value, gradient) = loss.forward_backward::<f64>(&logits, Labels::new(&[1], 2)).unwrap();
    assert_eq!((value.value, gradient[1]), (inf, -1.0));

    let z = [1e4_f32, -1e4, 3e38, -3e38];
    let loss = loss.label_smoothing(BinaryConvention::Half, 0.1).unwrap();
    let (value, gradient) =
        loss.forward_backward::<f32>(&Logits::new(&z, 2).unwrap(), Labels::new(&[0, 1], 2)).unwrap();
    assert!(value.value.is_finite() && gradient.iter().all(|g| g.is_finite()));
}

#[test]
fn means_and_ignored_rows() {
    let z = [1.0, -1.0, 0.5, 0.2, 0.3, 2.0];
    let logits = Logits::new(&z, 3).unwrap();
    let loss = BinaryCrossEntropy::new();
    let rows = loss.per_row(&logits, Labels::new(&[0, 2], 3)).unwrap();
    let first = loss.forward(&logits, Labels::with_ignored(&[0, -1], 3, -1)).unwrap();
    close("first", first.value, rows[0] / 3.0, 1e-15, 0.0);
    assert_eq!((first.rows, first.denominator), (1, 3.0));
    let over = loss.clone().reduction(Reduction::SumOver(10.0));
    let over = over.forward(&logits, Labels::new(&[0, 2], 3)).unwrap();
    close("over 10", over.value, (rows[0] + rows[1]) / 10.0, 1e-15, 0.0);
    let none = Labels::with_ignored(&[-1, -1], 3, -1);
    assert!(loss.clone().when_empty(WhenEmpty::Nan).forward(&logits, none).unwrap().value.is_nan());

    let mut gradient = [0.0; 6];
    let upstream = Upstream::PerRow(&[2.0, 0.0]);
    loss.forward_backward_into(&logits, Labels::new(&[0, 2], 3), upstream, &mut gradient).unwrap();
    close("upstream", gradient[1], 2.0 / (1.0 + 1_f64.exp()), 1e-15, 0.0);
    assert_eq!(gradient[3..], [0.0; 3]);

    let weights = ClassWeights::new(&[1.0, 2.0, 4.0]).unwrap();
    let sample = loss.class_weights(weights).weighting(Weighting::Sample).reduction(Reduction::Sum);
    let value = sample.forward(&logits, Labels::new(&[0, 2], 3)).unwrap().value;
    close("sample", value, rows[0] + 4.0 * rows[1], 1e-15, 0.0);
}

#[test]
fn refusals() {
    let logits = Logits::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
    let loss = BinaryCrossEntropy::new();
    let soft = [0.5, 1.0, 1.0, 1.5];
    let soft = SoftLabels::new(&soft, 2).unwrap();
    assert_eq!(
        text(loss.forward(&logits, soft.unnormalised())),
        "soft label is 1.5 at row 1, column 1 (counted from 0); expected a number from 0 to 1"
    );
    assert_eq!(
        text(loss.forward(&logits, soft)),
        "sum of the soft labels is 1.5 at row 0 (counted from 0); expected 1 within 0.01"
    );
    let certain = Logits::new(&[1.0, 2.0, 3.0, f64::INFINITY], 2).unwrap();
    assert_eq!(
        text(loss.forward(&certain, Labels::new(&[0, 1], 2))),
        "logit is inf at row 1, column 1 (counted from 0); expected a finite number or -inf"
    );
    let nan = Logits::new(&[f32::NAN, 1.0], 2).unwrap();
    assert_eq!(
        text(loss.forward(&nan, Labels::new(&[0], 2))),
        "logit is NaN at row 0, column 0 (counted from 0); expected a finite number or -inf"
    );
    let never = Logits::new(&[f64::NEG_INFINITY], 1).unwrap();
    assert_eq!(
        text(loss.forward(&never, Labels::new(&[0], 1))),
        "every logit is -inf at row 0 (counted from 0); expected at least one finite logit in a row"
    );
    assert_eq!(
        text(loss.clone().label_smoothing(BinaryConvention::Full, 1.5)),
        "epsilon is 1.5; expected a number from 0 to 1"
    );
    assert_eq!(
        text(loss.clone().positive_weights(&[1.0, -1.0])),
        "positive weight is -1 at column 1 (counted from 0); expected a finite number, 0 or above"
    );
    assert_eq!(
        text(loss.clone().positive_weights(&[])),
        "number of positive weights is 0; expected one, or one for each class"
    );
    let three = loss.clone().positive_weights(&[1.0; 3]).unwrap();
    assert_eq!(
        text(three.forward(&logits, Labels::new(&[0, 1], 2))),
        "number of positive weights is 3; expected one, or one for each of the 2 classes"
    );
    assert_eq!(
        text(loss.confidence_penalty(f64::NAN)),
        "confidence penalty is NaN; expected a finite number, 0 or above"
    );
    let build = temperance::loss::named("binary_cross_entropy").unwrap().build;
    assert_eq!(
        text(build(&Parameters::new().with("convention", Parameter::Number(3.0)))),
        "convention is 3; expected 0 (half), 1 (full) or 2 (per class)"
    );
}
