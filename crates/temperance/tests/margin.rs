//! Losses of the logits themselves: margin-based label smoothing and LogitNorm, against hand values, oracles
//! written from the papers, and the laws that they must obey.

mod common;

use common::{agrees, close, slopes_agree, softmax, text};
use proptest::prelude::*;
use temperance::loss::{Criterion, CrossEntropy, LogitNorm, MarginSmoothing, Reduction, Weighting};
use temperance::{ClassWeights, Labels, Logits, SoftLabels};

const INF: f64 = f64::INFINITY;

fn margin_smoothing(z: &[f64], t: &[f64], margin: f64, lambda: f64) -> f64 {
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let fit: f64 = softmax(z).iter().zip(t).map(|(p, t)| -t * p.ln()).sum();
    fit + lambda * z.iter().map(|z| (max - z - margin).max(0.0)).sum::<f64>()
}

fn logit_norm(z: &[f64], label: usize, tau: f64) -> f64 {
    let norm = z.iter().map(|z| z * z).sum::<f64>().sqrt() + 1e-7;
    let scaled: Vec<f64> = z.iter().map(|z| z / norm / tau).collect();
    -softmax(&scaled)[label].ln()
}

fn one_hot(label: usize, classes: usize) -> Vec<f64> {
    (0..classes).map(|class| if class == label { 1.0 } else { 0.0 }).collect()
}

/// Whether no difference of logits is within 5e-3 of a kink: a tie for the largest, or a gap of exactly the margin.
fn is_smooth(z: &[f64], margin: f64) -> bool {
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let near = |gap: f64| gap.abs() < 5e-3;
    z.iter().filter(|&&z| near(max - z)).count() == 1 && !z.iter().any(|z| near(max - z - margin))
}

fn rows() -> impl Strategy<Value = (Vec<f64>, usize)> {
    (2..40_usize).prop_flat_map(|k| (prop::collection::vec(-4.0..4.0_f64, k), 0..k))
}

fn labelled<'a>(z: &'a [f64], label: &'a [usize; 1]) -> (Logits<'a>, Labels<'a>) {
    (Logits::new(z, z.len()).unwrap(), Labels::new(label, z.len()))
}

proptest! {
    #[test]
    fn margin_smoothing_equals_its_oracle((z, label) in rows(), margin in 0.0..6.0_f64, alpha in 0.0..2.0_f64) {
        prop_assume!(is_smooth(&z, margin));
        let loss = MarginSmoothing::new(margin, alpha).unwrap();
        let (t, k) = (one_hot(label, z.len()), z.len() as f64);
        agrees(&loss, &z, label, |z| margin_smoothing(z, &t, margin, alpha / k));
        agrees(&loss.clone().summed(), &z, label, |z| margin_smoothing(z, &t, margin, alpha));

        let t: Vec<f64> = t.iter().map(|t| 0.9 * t + 0.1 / k).collect();
        let logits = Logits::new(&z, z.len()).unwrap();
        let soft = SoftLabels::new(&t, z.len()).unwrap();
        let (value, gradient) = loss.forward_backward::<f64>(&logits, soft).unwrap();
        let oracle = |z: &[f64]| margin_smoothing(z, &t, margin, alpha / k);
        close("soft", value.value, oracle(&z), 1e-12, 0.0);
        slopes_agree(&gradient, &z, oracle);
        prop_assert_eq!(value.minimum, None);
        prop_assert!(gradient.iter().sum::<f64>().abs() < 1e-12);
    }

    #[test]
    fn without_alpha_it_is_cross_entropy((z, label) in rows(), w in 0.1..3.0_f64) {
        let label = [label];
        let (logits, labels) = labelled(&z, &label);
        let weights = ClassWeights::new(&vec![w; z.len()]).unwrap();
        for weighting in [Weighting::Torch, Weighting::Sample] {
            let plain = CrossEntropy::new().class_weights(weights.clone()).weighting(weighting);
            let (plain, plain_gradient) = plain.forward_backward::<f64>(&logits, labels).unwrap();
            let loss = MarginSmoothing::new(1.0, 0.0).unwrap();
            let loss = loss.class_weights(weights.clone()).weighting(weighting);
            let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
            close("value", value.value, plain.value, 1e-14, 0.0);
            prop_assert_eq!(value.minimum, plain.minimum);
            for (got, plain) in gradient.iter().zip(&plain_gradient) {
                close("gradient", *got, *plain, 1e-13, 1e-18);
            }
        }
    }

    #[test]
    fn nothing_is_below_the_minimum((z, label) in rows(), scale in 0.1..20.0_f64, alpha in 0.0..2.0_f64) {
        let mut z: Vec<f64> = z.iter().map(|z| scale * z).collect();
        let other = (label + 1) % z.len();
        for masked in [false, true] {
            if masked {
                z[other] = -INF;
            }
            let label = [label];
            let (logits, labels) = labelled(&z, &label);
            for loss in [
                Box::new(MarginSmoothing::new(3.0, alpha).unwrap()) as Box<dyn Criterion>,
                Box::new(MarginSmoothing::new(1.0, alpha).unwrap().summed()),
                Box::new(LogitNorm::new(0.3).unwrap()),
            ] {
                let excess = loss.forward(&logits, labels).unwrap().excess().unwrap();
                prop_assert!(excess >= -1e-12, "{loss:?}: {excess}");
            }
        }
    }

    #[test]
    fn logit_norm_equals_its_oracle((z, label) in rows(), tau in 0.3..3.0_f64) {
        prop_assume!(z.iter().any(|z| z.abs() > 0.5));
        agrees(&LogitNorm::new(tau).unwrap(), &z, label, |z| logit_norm(z, label, tau));
    }

    /// Up to the 1e-7 that is added to the norm.
    #[test]
    fn logit_norm_does_not_change_with_scale_and_its_gradient_is_orthogonal_to_the_logits(
        (z, label) in rows(), scale in 0.5..100.0_f64
    ) {
        let norm = z.iter().map(|z| z * z).sum::<f64>().sqrt();
        prop_assume!(norm > 0.1);
        let loss = LogitNorm::new(0.5).unwrap();
        let label = [label];
        let (logits, labels) = labelled(&z, &label);
        let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
        let along: f64 = gradient.iter().zip(&z).map(|(g, z)| g * z).sum();
        // z/(τ(|z| + 1e-7))·(p - t)·1e-7/(|z| + 1e-7), and |p - t| is at most √2.
        prop_assert!(along.abs() <= 2_f64.sqrt() / 0.5 * 1e-7 / norm + 1e-12, "{along}");
        let scaled: Vec<f64> = z.iter().map(|z| scale * z).collect();
        let (logits, labels) = labelled(&scaled, &label);
        let (scaled, scaled_gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
        close("value", scaled.value, value.value, 1e-5, 0.0);
        for (scaled, plain) in scaled_gradient.iter().zip(&gradient) {
            close("gradient", scale * scaled, *plain, 1e-5, 1e-5);
        }
    }

    #[test]
    fn what_is_seen_of_a_row_is_that_of_cross_entropy((z, label) in rows()) {
        let label = [label];
        let (logits, labels) = labelled(&z, &label);
        let plain = CrossEntropy::new().forward(&logits, labels).unwrap();
        let seen = LogitNorm::new(0.04).unwrap().forward(&logits, labels).unwrap();
        close("nll", seen.nll, plain.nll, 1e-14, 0.0);
        close("entropy", seen.entropy, plain.entropy, 1e-14, 1e-15);
        prop_assert_eq!(seen.accuracy, plain.accuracy);
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
            Box::new(MarginSmoothing::new(1.0, 0.5).unwrap()) as Box<dyn Criterion>,
            Box::new(LogitNorm::new(0.5).unwrap()),
        ] {
            let mut loss = loss.reduction(Reduction::Sum);
            let (plain, plain_gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
            loss = loss.class_weights(weights.clone());
            for weighting in [Weighting::Torch, Weighting::Sample] {
                loss = loss.weighting(weighting);
                let (weighted, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
                close("value", weighted.value, w * plain.value, 1e-13, 0.0);
                close("minimum", weighted.minimum.unwrap(), w * plain.minimum.unwrap(), 1e-13, 0.0);
                for (weighted, plain) in gradient.iter().zip(&plain_gradient) {
                    close("gradient", *weighted, w * plain, 1e-11, 1e-15);
                }
            }
        }
    }
}

#[test]
fn margin_smoothing_by_hand() {
    // Gaps 4, 0, 4 and 1 to a margin of 3; λ = 0.8/4.
    let (z, label) = ([-4.0, 0.0, -4.0, -1.0], [1]);
    let (logits, labels) = labelled(&z, &label);
    let plain = CrossEntropy::new().forward_backward::<f64>(&logits, labels).unwrap();
    let loss = MarginSmoothing::new(3.0, 0.8).unwrap();
    let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
    close("value", value.value, plain.0.value + 0.2 * 2.0, 1e-15, 0.0);
    let expected = [plain.1[0] - 0.2, plain.1[1] + 0.4, plain.1[2] - 0.2, plain.1[3]];
    for (got, expected) in gradient.iter().zip(expected) {
        close("gradient", *got, expected, 1e-14, 0.0);
    }
    // A gap of exactly the margin pulls nothing.
    let loss = MarginSmoothing::new(4.0, 0.8).unwrap();
    assert_eq!(loss.forward_backward::<f64>(&logits, labels).unwrap().1, plain.1);
    // Ties for the largest: the lowest class is pulled down.
    let z = [0.0, 2.0, 2.0];
    let label = [2];
    let (logits, labels) = labelled(&z, &label);
    let plain = CrossEntropy::new().forward_backward::<f64>(&logits, labels).unwrap();
    let (_, gradient) =
        MarginSmoothing::new(1.0, 0.3).unwrap().forward_backward::<f64>(&logits, labels).unwrap();
    let expected = [plain.1[0] - 0.1, plain.1[1] + 0.1, plain.1[2]];
    for (got, expected) in gradient.iter().zip(expected) {
        close("gradient", *got, expected, 1e-14, 0.0);
    }
}

#[test]
fn the_optimal_gap_is_where_the_loss_is_least() {
    for (margin, alpha, summed, classes) in [
        (1.0, 0.1, false, 2),
        (1.0, 0.1, true, 5),
        (10.0, 0.1, false, 10),
        (0.0, 0.3, true, 4),
        (2.0, 5.0, false, 7),
    ] {
        let loss = MarginSmoothing::new(margin, alpha).unwrap();
        let loss = if summed { loss.summed() } else { loss };
        let gap = loss.optimal_gap(classes).unwrap();
        let at = |gap: f64| {
            let mut z = vec![0.0; classes];
            z[1] = gap;
            loss.forward(&Logits::new(&z, classes).unwrap(), Labels::new(&[1], classes)).unwrap()
        };
        close("minimum", at(gap).excess().unwrap(), 0.0, 0.0, 1e-13);
        for step in [1e-3, 0.1] {
            assert!(at(gap + step).excess().unwrap() > 1e-9, "{margin} {alpha} {step}");
            assert!(at(gap - step).excess().unwrap() > 1e-9, "{margin} {alpha} {step}");
        }
    }
    assert_eq!(MarginSmoothing::new(1.0, 0.0).unwrap().optimal_gap(3).unwrap(), INF);
}

/// One weight per input class and output class, one-hot inputs, plain gradient descent with the loss itself.
#[test]
fn a_linear_model_trained_with_logit_norm_reaches_its_minimum() {
    let classes = 4;
    let labels: Vec<usize> = (0..classes).collect();
    let labels = Labels::new(&labels, classes);
    let loss = LogitNorm::new(0.5).unwrap();
    let mut weights: Vec<f64> = (0..classes * classes).map(|i| ((i * 7) % 5) as f64 / 5.0 + 0.1).collect();
    for _ in 0..3000 {
        let (_, gradient) =
            loss.forward_backward::<f64>(&Logits::new(&weights, classes).unwrap(), labels).unwrap();
        for (weight, g) in weights.iter_mut().zip(gradient) {
            *weight -= g;
        }
    }
    let reached = loss.forward(&Logits::new(&weights, classes).unwrap(), labels).unwrap();
    close(
        "minimum",
        reached.minimum.unwrap(),
        (3.0 * (-(4.0_f64 / 3.0).sqrt() / 0.5).exp()).ln_1p(),
        1e-15,
        0.0,
    );
    close("reached", reached.excess().unwrap(), 0.0, 0.0, 1e-6);
}

#[test]
fn logit_norm_of_zeros() {
    let (logits, labels) = labelled(&[0.0, 0.0, 0.0], &[1]);
    let (value, gradient) = LogitNorm::new(0.5).unwrap().forward_backward::<f64>(&logits, labels).unwrap();
    close("value", value.value, 3_f64.ln(), 1e-15, 0.0);
    // β = 1/(0.5·1e-7), as in PyTorch, whose gradient of the norm at 0 is 0.
    for (g, expected) in gradient.iter().zip([1.0 / 3.0, -2.0 / 3.0, 1.0 / 3.0]) {
        close("gradient", *g, 2e7 * expected, 1e-14, 0.0);
    }
}

fn all() -> Vec<Box<dyn Criterion>> {
    vec![
        Box::new(MarginSmoothing::new(10.0, 0.1).unwrap()),
        Box::new(MarginSmoothing::new(0.0, 1.0).unwrap().summed()),
        Box::new(LogitNorm::new(0.04).unwrap()),
        Box::new(LogitNorm::new(1.0).unwrap()),
    ]
}

#[test]
fn a_confident_row_keeps_its_digits() {
    // The least loss at τ = 0.04 is about e^-35.
    let (logits, labels) = labelled(&[1.0, -1.0], &[0]);
    let (value, gradient) = LogitNorm::new(0.04).unwrap().forward_backward::<f64>(&logits, labels).unwrap();
    close("value", value.value, (-(2_f64.sqrt()) / 0.04).exp(), 1e-4, 0.0);
    assert!(value.excess().unwrap() >= 0.0);
    // Orthogonal to (1, -1), and along it by symmetry: 0.
    assert!(gradient.iter().all(|g| g.abs() < 1e-20));
    // ‖z‖ = 5, β = 5: p_1 = x/(1 + x) with x = e^-35.
    let x = (-35.0_f64 * (1.0 - 1e-7 / 5.0)).exp();
    let (logits, labels) = labelled(&[4.0, -3.0], &[0]);
    let (value, gradient) = LogitNorm::new(0.04).unwrap().forward_backward::<f64>(&logits, labels).unwrap();
    close("value", value.value, x, 1e-12, 0.0);
    // β·(-x - z_0·q/n²), q = -7x.
    close("gradient", gradient[0], 5.0 * x * (-1.0 + 28.0 / 25.0), 1e-6, 0.0);
    close("gradient", gradient[1], 5.0 * x * (1.0 - 21.0 / 25.0), 1e-6, 0.0);
}

#[test]
fn extremes_stay_finite() {
    for loss in all() {
        for scale in [1e4_f32, 3e38] {
            let z = [scale, -scale, 0.0, -scale, scale, scale];
            let logits = Logits::new(&z, 3).unwrap();
            for labels in [[1, 0], [0, 1]] {
                let (value, gradient) =
                    loss.forward_backward::<f32>(&logits, Labels::new(&labels, 3)).unwrap();
                assert!(value.value.is_finite() && value.value >= 0.0, "{loss:?} {scale}: {}", value.value);
                assert!(gradient.iter().all(|g| g.is_finite()), "{loss:?} {scale}: {gradient:?}");
            }
        }
    }
}

#[test]
fn one_class_has_no_loss() {
    for loss in all() {
        let logits = Logits::new(&[3.0, -7.0, 0.0], 1).unwrap();
        let (value, gradient) = loss.forward_backward::<f64>(&logits, Labels::new(&[0, 0, 0], 1)).unwrap();
        assert_eq!((value.value, value.minimum), (0.0, Some(0.0)), "{loss:?}");
        assert_eq!(gradient, [0.0, 0.0, 0.0], "{loss:?}");
    }
}

#[test]
fn impossible_classes() {
    // A mean over 3 classes is not one over 2, so λ is given.
    for loss in [
        Box::new(MarginSmoothing::new(0.5, 0.2).unwrap().summed()) as Box<dyn Criterion>,
        Box::new(LogitNorm::new(0.3).unwrap()),
    ] {
        let (logits, labels) = labelled(&[1.0, -INF, -1.5], &[0]);
        let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
        let (two_logits, two_labels) = labelled(&[1.0, -1.5], &[0]);
        let (two, two_gradient) = loss.forward_backward::<f64>(&two_logits, two_labels).unwrap();
        assert_eq!((value.value, value.minimum), (two.value, two.minimum), "{loss:?}");
        assert_eq!(gradient, [two_gradient[0], 0.0, two_gradient[1]], "{loss:?}");

        let (logits, labels) = labelled(&[1.0, -INF, -1.5], &[1]);
        let (value, gradient) = loss.forward_backward::<f64>(&logits, labels).unwrap();
        assert_eq!((value.value, value.nll), (INF, INF), "{loss:?}");
        assert!(gradient.iter().all(|g| g.is_finite()), "{loss:?}: {gradient:?}");
    }
}

#[test]
fn only_logit_norm_changes_with_a_shift() {
    assert!(!LogitNorm::new(0.04).unwrap().is_shift_invariant());
    assert!(MarginSmoothing::new(1.0, 0.1).unwrap().is_shift_invariant());
}

#[test]
fn refusals() {
    for (error, expected) in [
        (text(MarginSmoothing::new(-1.0, 0.1)), "margin is -1; expected a finite number, 0 or above"),
        (
            text(MarginSmoothing::new(1.0, INF)),
            "α of margin-based label smoothing is inf; expected a finite number, 0 or above",
        ),
        (
            text(MarginSmoothing::new(1.0, 0.1).unwrap().optimal_gap(1)),
            "number of classes is 1; expected at least 2",
        ),
        (text(LogitNorm::new(0.0)), "τ of LogitNorm is 0; expected a number from 1e-6 to 1000"),
    ] {
        assert_eq!(error, expected);
    }
    let parameters = temperance::Parameters::new().with("summed", temperance::Parameter::Number(2.0));
    assert_eq!(
        text((temperance::loss::named("margin_smoothing").unwrap().build)(&parameters)),
        "summed is 2; expected 0 for λ = α/K, 1 for λ = α"
    );
    let logits = Logits::new(&[1.0, 2.0], 2).unwrap();
    let soft = SoftLabels::new(&[0.5, 0.5], 2).unwrap();
    assert_eq!(
        text(LogitNorm::new(1.0).unwrap().forward(&logits, soft)),
        "kind of labels is soft; expected class indices, which logit_norm is defined for"
    );
}
