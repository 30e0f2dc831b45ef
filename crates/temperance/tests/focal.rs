//! Losses of the probability of the label: focal, dual focal and Poly-1, against Keras and optax, hand values,
//! oracles written from the papers, and the laws that they must obey.

mod common;

use common::{agrees, close, each_case, number, numbers, slopes_agree, softmax, text};
use proptest::prelude::*;
use temperance::loss::{Criterion, CrossEntropy, DualFocal, Focal, Poly1, Reduction, Weighting};
use temperance::{ClassWeights, Labels, Logits, SoftLabels};

const INF: f64 = f64::INFINITY;

fn focal(z: &[f64], label: usize, gamma: f64) -> f64 {
    let p = softmax(z)[label];
    -(1.0 - p).powf(gamma) * p.ln()
}

fn flsd_53(z: &[f64], label: usize) -> f64 {
    focal(z, label, if softmax(z)[label] < 0.2 { 5.0 } else { 3.0 })
}

fn dual_focal(z: &[f64], label: usize, gamma: f64) -> f64 {
    let p = softmax(z);
    let next = p.iter().copied().filter(|&q| q < p[label]).fold(0.0, f64::max);
    -(1.0 - p[label] + next).powf(gamma) * p[label].ln()
}

fn poly1(z: &[f64], t: &[f64], epsilon: f64) -> f64 {
    softmax(z).iter().zip(t).map(|(p, t)| t * (-p.ln() + epsilon * (1.0 - p))).sum()
}

fn one_hot(label: usize, classes: usize) -> Vec<f64> {
    (0..classes).map(|class| if class == label { 1.0 } else { 0.0 }).collect()
}

/// The least distance between two logits.
fn least_gap(z: &[f64]) -> f64 {
    let mut sorted = z.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.windows(2).map(|pair| pair[1] - pair[0]).fold(INF, f64::min)
}

fn rows() -> impl Strategy<Value = (Vec<f64>, usize)> {
    (2..40_usize).prop_flat_map(|k| (prop::collection::vec(-4.0..4.0_f64, k), 0..k))
}

fn labelled<'a>(z: &'a [f64], label: &'a [usize; 1]) -> (Logits<'a>, Labels<'a>) {
    (Logits::new(z, z.len()).unwrap(), Labels::new(label, z.len()))
}

proptest! {
    #[test]
    fn values_equal_the_oracles_and_gradients_their_differences(
        (z, label) in rows(), gamma in 0.0..6.0_f64, epsilon in -1.0..4.0_f64
    ) {
        agrees(&Focal::new(gamma).unwrap(), &z, label, |z| focal(z, label, gamma));
        if (softmax(&z)[label] - 0.2).abs() > 1e-3 {
            agrees(&Focal::flsd_53(), &z, label, |z| flsd_53(z, label));
        }
        if least_gap(&z) > 5e-3 {
            agrees(&DualFocal::new(gamma).unwrap(), &z, label, |z| dual_focal(z, label, gamma));
        }
        let t = one_hot(label, z.len());
        agrees(&Poly1::new(epsilon).unwrap(), &z, label, |z| poly1(z, &t, epsilon));
    }

    #[test]
    fn soft_labels_of_poly1((z, top) in rows(), epsilon in -1.0..4.0_f64, weigh in 0.1..3.0_f64) {
        let raw: Vec<f64> = (0..z.len()).map(|class| 1.0 + ((class * 7) % 5) as f64).collect();
        let mass: f64 = raw.iter().sum();
        let t: Vec<f64> = raw.iter().map(|t| t / mass).collect();
        let w: Vec<f64> = (0..z.len()).map(|class| if class == top { weigh } else { 1.0 }).collect();
        let weighted: Vec<f64> = t.iter().zip(&w).map(|(t, w)| t * w).collect();
        let loss = Poly1::new(epsilon).unwrap().class_weights(ClassWeights::new(&w).unwrap());
        let logits = Logits::new(&z, z.len()).unwrap();
        let (value, gradient) =
            loss.forward_backward::<f64>(&logits, SoftLabels::new(&t, z.len()).unwrap()).unwrap();
        let oracle = |z: &[f64]| poly1(z, &weighted, epsilon);
        close("value", value.value, oracle(&z), 1e-12, 0.0);
        slopes_agree(&gradient, &z, oracle);
        prop_assert!(gradient.iter().sum::<f64>().abs() < 1e-12);
        prop_assert_eq!(value.minimum, None);

        // One-hot soft labels are labels.
        let onehot = one_hot(top, z.len());
        let loss = Poly1::new(epsilon).unwrap();
        let soft = loss.forward_backward::<f64>(&logits, SoftLabels::new(&onehot, z.len()).unwrap()).unwrap();
        let label = [top];
        let hard = loss.forward_backward::<f64>(&logits, Labels::new(&label, z.len())).unwrap();
        close("one-hot", soft.0.value, hard.0.value, 1e-14, 0.0);
        for (soft, hard) in soft.1.iter().zip(&hard.1) {
            close("one-hot", *soft, *hard, 1e-12, 1e-16);
        }
    }

    /// Mukhoti et al. 2020, from Bernoulli's inequality: for γ ≥ 1.
    #[test]
    fn focal_is_at_least_cross_entropy_minus_gamma_times_the_entropy(
        (z, label) in rows(), gamma in 1.0..8.0_f64
    ) {
        let label = [label];
        let (logits, labels) = labelled(&z, &label);
        let loss = Focal::new(gamma).unwrap().forward(&logits, labels).unwrap();
        prop_assert!(loss.value >= loss.nll - gamma * loss.entropy - 1e-12);
    }

    #[test]
    fn neutral_parameters_are_cross_entropy((z, label) in rows(), w in 0.1..3.0_f64) {
        let label = [label];
        let (logits, labels) = labelled(&z, &label);
        let weights = ClassWeights::new(&vec![w; z.len()]).unwrap();
        for weighting in [Weighting::Torch, Weighting::Sample] {
            let plain = CrossEntropy::new().reduction(Reduction::Sum);
            let plain = plain.class_weights(weights.clone()).weighting(weighting);
            let (plain, plain_gradient) = plain.forward_backward::<f64>(&logits, labels).unwrap();
            for loss in [
                Box::new(Focal::new(0.0).unwrap()) as Box<dyn Criterion>,
                Box::new(DualFocal::new(0.0).unwrap()),
                Box::new(Poly1::new(0.0).unwrap()),
            ] {
                let loss = loss.reduction(Reduction::Sum).class_weights(weights.clone()).weighting(weighting);
                let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
                close("value", value.value, plain.value, 1e-14, 0.0);
                close("entropy", value.entropy, plain.entropy, 1e-14, 1e-15);
                prop_assert_eq!((value.accuracy, value.minimum), (plain.accuracy, plain.minimum));
                for (got, plain) in gradient.iter().zip(&plain_gradient) {
                    close("gradient", *got, *plain, 1e-13, 1e-18);
                }
            }
        }
    }

    /// Both meanings of class weights are the same for labels: the weight of the row.
    #[test]
    fn class_weights_weigh_the_row((z, label) in rows(), w in 0.1..3.0_f64) {
        let labels = [label];
        let (logits, labels) = labelled(&z, &labels);
        let mut weights = vec![1.0; z.len()];
        weights[label] = w;
        let weights = ClassWeights::new(&weights).unwrap();
        for loss in [
            Box::new(Focal::new(1.5).unwrap()) as Box<dyn Criterion>,
            Box::new(DualFocal::new(1.5).unwrap()),
            Box::new(Poly1::new(1.5).unwrap()),
        ] {
            let mut loss = loss.reduction(Reduction::Sum);
            let (plain, plain_gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
            loss = loss.class_weights(weights.clone());
            for weighting in [Weighting::Torch, Weighting::Sample] {
                loss = loss.weighting(weighting);
                let (weighted, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
                close("value", weighted.value, w * plain.value, 1e-14, 0.0);
                for (weighted, plain) in gradient.iter().zip(&plain_gradient) {
                    close("gradient", *weighted, w * plain, 1e-12, 1e-17);
                }
            }
        }
    }
}

#[test]
fn focal_equals_keras_and_poly1_equals_optax() {
    let mut cases = 0;
    let mut check = |file: &str, build: &dyn Fn(f64) -> Box<dyn Criterion>| {
        each_case(file, |name, case| {
            let classes = case["classes"].as_u64().unwrap() as usize;
            let z = numbers(&case["logits"]).unwrap();
            let logits = Logits::new(&z, classes).unwrap();
            let loss = build(number(&case["parameter"])).reduction(Reduction::Sum);
            let labels: Option<Vec<usize>> =
                numbers(&case["labels"]).map(|labels| labels.iter().map(|&label| label as usize).collect());
            let soft = numbers(&case["soft_labels"]);
            let targets: temperance::Targets = match (&labels, &soft) {
                (Some(labels), _) => Labels::new(labels, classes).into(),
                (None, soft) => SoftLabels::new(soft.as_ref().unwrap(), classes).unwrap().into(),
            };
            let values = loss.per_row(&logits, targets).unwrap();
            for (got, expected) in values.iter().zip(numbers(&case["loss"]).unwrap()) {
                close(name, *got, expected, 1e-12, 1e-14);
            }
            let (_, gradient) = loss.forward_backward::<f64>(&logits, targets).unwrap();
            for (got, expected) in gradient.iter().zip(numbers(&case["gradient"]).unwrap()) {
                close(name, *got, expected, 1e-11, 1e-14);
            }
            cases += 1;
        });
    };
    check("focal.json", &|gamma| Box::new(Focal::new(gamma).unwrap()));
    check("poly1.json", &|epsilon| Box::new(Poly1::new(epsilon).unwrap()));
    assert_eq!(cases, 39);
}

#[test]
fn the_schedule_of_gamma() {
    // p_y = 0.1 is below the threshold, p_y = 0.2 is not, and p_y = 0.7 is not.
    let z: Vec<f64> = [0.1_f64, 0.2, 0.7].iter().map(|p| p.ln()).collect();
    for (label, gamma) in [(0, 5.0), (2, 3.0)] {
        let label = [label];
        let (logits, labels) = labelled(&z, &label);
        let scheduled = Focal::flsd_53().forward(&logits, labels).unwrap();
        assert_eq!(scheduled, Focal::new(gamma).unwrap().forward(&logits, labels).unwrap());
    }
    // Exactly at the threshold: two classes of p = 1/2.
    let (logits, labels) = labelled(&[1.0, 1.0], &[0]);
    let at = Focal::new(1.0).unwrap().below(0.5, 2.0).unwrap().forward(&logits, labels).unwrap();
    assert_eq!(at, Focal::new(1.0).unwrap().forward(&logits, labels).unwrap());
}

#[test]
fn the_calibrated_gamma() {
    // scipy 1.17.1, with the formula of the authors' `get_gamma` but without the 1e-12 that it adds.
    for (p0, gamma) in [
        (0.1, 14.923992648008522),
        (0.2, 4.85055444550604),
        (0.25, 3.0702271015054587),
        (0.3, 1.9571698066385534),
        (0.4, 0.6805076232173861),
        (0.49, 0.052447331618451054),
    ] {
        close("γ", Focal::calibrated_gamma(p0).unwrap(), gamma, 1e-10, 0.0);
    }
    let g = |p: f64, gamma: f64| (1.0 - p).powf(gamma) - gamma * p * (1.0 - p).powf(gamma - 1.0) * p.ln();
    for p0 in [1e-300, 1e-9, 0.01, 0.2, 0.37, 0.499, 0.5 - 1e-12] {
        let gamma = Focal::calibrated_gamma(p0).unwrap();
        assert!(gamma > 0.0 && gamma.is_finite(), "{p0}: {gamma}");
        if (1e-4..0.49).contains(&p0) {
            close("g", g(p0, gamma), 1.0, 1e-9, 0.0);
            for step in 1..100 {
                let above = p0 + (1.0 - p0) * f64::from(step) / 100.0;
                assert!(g(above, gamma) < 1.0, "{p0}: {above}");
                assert!(g(p0 * f64::from(step) / 100.0, gamma) > 1.0, "{p0}: {step}");
            }
        }
    }
    for (p0, value) in [(0.0, "0"), (0.5, "0.5"), (-0.1, "-0.1"), (f64::NAN, "NaN")] {
        assert_eq!(
            text(Focal::calibrated_gamma(p0)),
            format!("p0 of the focal loss is {value}; expected a probability above 0 and below 0.5")
        );
    }
}

#[test]
fn dual_focal_by_hand() {
    let z: Vec<f64> = [0.3_f64, 0.3, 0.3, 0.1].iter().map(|p| p.ln()).collect();
    let value = |z: &[f64], label: usize| {
        let label = [label];
        let (logits, labels) = labelled(z, &label);
        DualFocal::new(2.0).unwrap().forward_backward::<f64>(&logits, labels).unwrap()
    };
    // Classes that tie with the label are not below it.
    close("ties with the label", value(&z, 1).0.value, -0.8_f64.powi(2) * 0.3_f64.ln(), 1e-14, 0.0);
    // No class is below.
    close("none below", value(&z, 3).0.value, -0.9_f64.powi(2) * 0.1_f64.ln(), 1e-14, 0.0);
    // Ties for the next class: the lowest one alone is pulled up.
    let z: Vec<f64> = [0.2_f64, 0.6, 0.2].iter().map(|p| p.ln()).collect();
    let (loss, gradient) = value(&z, 1);
    close("ties below", loss.value, -0.6_f64.powi(2) * 0.6_f64.ln(), 1e-14, 0.0);
    // γ·m·(-p_y·ln p_y)·p_j/p_y apart.
    let apart = 2.0 * 0.6 * -(0.6_f64.ln()) * 0.2;
    close("ties below", gradient[0] - gradient[2], apart, 1e-13, 0.0);
}

#[test]
fn poly1_by_hand() {
    // p = (3/4, 1/4), t = (1/3, 2/3), ε = 2.
    let z = [3_f64.ln(), 0.0];
    let t = [1.0 / 3.0, 2.0 / 3.0];
    let logits = Logits::new(&z, 2).unwrap();
    let (value, gradient) =
        Poly1::new(2.0).unwrap().forward_backward::<f64>(&logits, SoftLabels::new(&t, 2).unwrap()).unwrap();
    let expected =
        (4.0_f64 / 3.0).ln() / 3.0 + 4_f64.ln() * 2.0 / 3.0 + 2.0 * (0.25 / 3.0 + 0.75 * 2.0 / 3.0);
    close("value", value.value, expected, 1e-15, 0.0);
    // p_0 - t_0 + ε·p_0·(Σt·p - t_0), with Σt·p = 5/12.
    close("gradient", gradient[0], 5.0 / 12.0 + 1.5 / 12.0, 1e-14, 0.0);
    close("gradient", gradient[1], -gradient[0], 1e-14, 0.0);
}

/// Every loss of these, with parameters where rounding would show.
fn all() -> Vec<Box<dyn Criterion>> {
    vec![
        Box::new(Focal::new(0.5).unwrap()),
        Box::new(Focal::new(2.0).unwrap()),
        Box::new(Focal::flsd_53()),
        Box::new(DualFocal::new(0.5).unwrap()),
        Box::new(DualFocal::new(5.0).unwrap()),
        Box::new(Poly1::new(-1.0).unwrap()),
        Box::new(Poly1::new(2.0).unwrap()),
    ]
}

#[test]
fn a_confident_row_keeps_its_digits() {
    // 1 - p_y = x/(1 + x) with x = e^-60.
    let x = (-60_f64).exp();
    let (logits, labels) = labelled(&[60.0, 0.0], &[0]);
    let (value, gradient) = Focal::new(0.5).unwrap().forward_backward::<f64>(&logits, labels).unwrap();
    close("focal", value.value, x.powf(1.5), 1e-13, 0.0);
    close("focal", gradient[0], -1.5 * x.powf(1.5), 1e-13, 0.0);
    close("focal", gradient[1], 1.5 * x.powf(1.5), 1e-13, 0.0);
    let (value, gradient) = DualFocal::new(0.5).unwrap().forward_backward::<f64>(&logits, labels).unwrap();
    // m = 2x: both p_j and 1 - p_y.
    close("dual focal", value.value, 2_f64.sqrt() * x.powf(1.5), 1e-13, 0.0);
    close("dual focal", gradient[0], -1.5 * 2_f64.sqrt() * x.powf(1.5), 1e-13, 0.0);
    let (value, gradient) = Poly1::new(2.0).unwrap().forward_backward::<f64>(&logits, labels).unwrap();
    close("poly1", value.value, 3.0 * x, 1e-13, 0.0);
    close("poly1", gradient[0], -3.0 * x, 1e-13, 0.0);
    let soft = [1.0, 0.0];
    let (value, gradient) = Poly1::new(2.0)
        .unwrap()
        .forward_backward::<f64>(&logits, SoftLabels::new(&soft, 2).unwrap())
        .unwrap();
    close("poly1 soft", value.value, 3.0 * x, 1e-13, 0.0);
    close("poly1 soft", gradient[0], -3.0 * x, 1e-13, 0.0);
}

#[test]
fn extremes_stay_finite() {
    for loss in all() {
        for scale in [1e4_f32, 3e38] {
            let z = [scale, -scale, 0.0, -scale, scale, scale];
            let logits = Logits::new(&z, 3).unwrap();
            let (value, gradient) = loss.forward_backward::<f32>(&logits, Labels::new(&[1, 0], 3)).unwrap();
            assert!(value.value > 0.0 && value.value.is_finite(), "{loss:?} {scale}: {}", value.value);
            assert!(gradient.iter().all(|g| g.is_finite()), "{loss:?} {scale}: {gradient:?}");
            // Sure and right, so far that nothing is left of the others.
            let (value, gradient) = loss.forward_backward::<f32>(&logits, Labels::new(&[0, 1], 3)).unwrap();
            assert!(value.value >= 0.0 && value.value.is_finite(), "{loss:?} {scale}: {}", value.value);
            assert_eq!(gradient[..3], [0.0; 3], "{loss:?} {scale}");
        }
        // From p = 1/2 to p = 1 in steps, for γ below 1.
        for step in 0..1200 {
            let (logits, labels) = ([f64::from(step), 0.0], [0_usize]);
            let (logits, labels) = labelled(&logits, &labels);
            let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
            assert!(value.value.is_finite() && gradient[0] <= 0.0 && gradient[1] >= 0.0, "{loss:?} {step}");
            assert_eq!(value.minimum, Some(0.0));
            assert!(value.value >= 0.0);
        }
    }
}

#[test]
fn one_class_has_no_loss() {
    for loss in all() {
        let logits = Logits::new(&[3.0, -7.0], 1).unwrap();
        let (value, gradient) = loss.forward_backward::<f64>(&logits, Labels::new(&[0, 0], 1)).unwrap();
        assert_eq!(value.value, 0.0, "{loss:?}");
        assert_eq!(gradient, [0.0, 0.0], "{loss:?}");
    }
}

#[test]
fn impossible_classes() {
    for loss in all() {
        let (logits, labels) = labelled(&[1.0, -INF, 0.0], &[0]);
        let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
        let (two_logits, two_labels) = labelled(&[1.0, 0.0], &[0]);
        let (two, two_gradient) = loss.forward_backward::<f64>(&two_logits, two_labels).unwrap();
        assert_eq!(value.value, two.value, "{loss:?}");
        assert_eq!(gradient, [two_gradient[0], 0.0, two_gradient[1]], "{loss:?}");

        let (logits, labels) = labelled(&[1.0, -INF, 0.0], &[1]);
        let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
        let plain = CrossEntropy::new().forward_backward::<f64>(&logits, labels).unwrap();
        assert_eq!((value.value, value.nll), (INF, INF), "{loss:?}");
        for (got, plain) in gradient.iter().zip(plain.1) {
            close("as cross-entropy", *got, plain, 1e-14, 0.0);
        }

        // Only the label is possible.
        let (logits, labels) = labelled(&[-INF, 2.0], &[1]);
        let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
        assert_eq!(value.value, 0.0, "{loss:?}");
        assert_eq!(gradient, [0.0, 0.0], "{loss:?}");
    }
    // A soft label on a class that cannot occur.
    let (logits, soft) = (Logits::new(&[1.0, -INF, 0.0], 3).unwrap(), [0.5, 0.5, 0.0]);
    let (value, gradient) = Poly1::new(2.0)
        .unwrap()
        .forward_backward::<f64>(&logits, SoftLabels::new(&soft, 3).unwrap())
        .unwrap();
    assert_eq!(value.value, INF);
    assert!(gradient.iter().all(|g| g.is_finite()));
}

#[test]
fn refusals() {
    for (error, expected) in [
        (text(Focal::new(-1.0)), "γ of the focal loss is -1; expected a finite number, 0 or above"),
        (text(Focal::new(INF)), "γ of the focal loss is inf; expected a finite number, 0 or above"),
        (
            text(Focal::new(1.0).unwrap().below(1.5, 1.0)),
            "threshold of the focal loss is 1.5; expected a number from 0 to 1",
        ),
        (
            text(Focal::new(1.0).unwrap().below(0.5, f64::NAN)),
            "γ of the focal loss is NaN; expected a finite number, 0 or above",
        ),
        (
            text(DualFocal::new(-0.5)),
            "γ of the dual focal loss is -0.5; expected a finite number, 0 or above",
        ),
        (text(Poly1::new(-1.5)), "ε of Poly-1 is -1.5; expected a finite number, -1 or above"),
    ] {
        assert_eq!(error, expected);
    }
    let logits = Logits::new(&[1.0, 2.0], 2).unwrap();
    let soft = SoftLabels::new(&[0.5, 0.5], 2).unwrap();
    assert_eq!(
        text(Focal::new(2.0).unwrap().forward(&logits, soft)),
        "kind of labels is soft; expected class indices, which focal is defined for"
    );
    assert_eq!(
        text(DualFocal::new(2.0).unwrap().forward(&logits, soft)),
        "kind of labels is soft; expected class indices, which dual_focal is defined for"
    );
}
