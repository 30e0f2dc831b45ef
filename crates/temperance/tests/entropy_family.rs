//! The family of entropy regularisers against many digits, its named members, an oracle in plain sums.

mod common;

use common::{close, differences, each_case, number, numbers, softmax, text};
use proptest::prelude::*;
use temperance::loss::{Criterion, CrossEntropy, EntropyFamily, Reduction, Weighting, theory};
use temperance::{ClassWeights, Labels, Logits, Parameter, Parameters, SoftLabels};

/// -Σ t·ln p + β·J, straight from the definition.
fn naive(z: &[f64], t: &[f64], u: &[f64], alpha: f64, beta: f64) -> f64 {
    let p = softmax(z);
    let kl = |from: &[f64], to: &[f64]| -> f64 {
        let terms = from.iter().zip(to).filter(|(f, _)| **f > 0.0);
        terms.map(|(f, t)| f * (f / t).ln()).sum()
    };
    let m: Vec<f64> = p.iter().zip(u).map(|(p, u)| alpha * p + (1.0 - alpha) * u).collect();
    let divergence = match alpha {
        0.0 => kl(&p, u),
        1.0 => kl(u, &p),
        _ => kl(&p, &m) / (1.0 - alpha) + kl(u, &m) / alpha,
    };
    let fit: f64 = t.iter().zip(&p).filter(|(t, _)| **t > 0.0).map(|(t, p)| -t * p.ln()).sum();
    fit + beta * divergence
}

#[test]
fn equals_many_digits() {
    each_case("entropy_family.json", |name, case| {
        let logits = numbers(&case["logits"]).unwrap();
        let classes = logits.len();
        let view = Logits::new(&logits, classes).unwrap();
        let labels = Labels::new(&[0], classes);
        let beta = 8.0;
        let mut loss = EntropyFamily::new(case["alpha"].as_f64().unwrap(), beta).unwrap();
        if let Some(prior) = numbers(&case["prior"]) {
            loss = loss.prior(&prior).unwrap();
        }
        let (plain, plain_gradient) = CrossEntropy::new().forward_backward::<f64>(&view, labels).unwrap();
        let (value, gradient) = loss.forward_backward::<f64>(&view, labels).unwrap();
        let divergence = number(&case["divergence"]);
        close(name, value.value, plain.value + beta * divergence, 1e-14, 1e-16);
        let expected = numbers(&case["gradient"]).unwrap();
        for ((got, plain), expected) in gradient.iter().zip(plain_gradient).zip(expected) {
            close(name, got - plain, beta * expected, 1e-13, 2e-15);
        }
    });
}

#[test]
fn a_confident_gradient_keeps_its_digits() {
    // p of the label is 1 - 2e-26; J's gradient of the label is of that order, and so is the rest.
    let logits = [60.0, 0.0, 0.0];
    let gap = 60.0_f64;
    let p = (-gap).exp() / (1.0 + 2.0 * (-gap).exp());
    for alpha in [0.0, 1e-9, 0.3, 0.9] {
        let (_, gradient) = EntropyFamily::new(alpha, 0.7)
            .unwrap()
            .forward_backward::<f64>(&Logits::new(&logits, 3).unwrap(), Labels::new(&[0], 3))
            .unwrap();
        let slope = |p: f64, log_p: f64| ((alpha * p + (1.0 - alpha) / 3.0).ln() - log_p) / (1.0 - alpha);
        let pull = 2.0 * p * (slope(p, -gap) - slope(1.0, 0.0));
        close("label", gradient[0], -2.0 * p + 0.7 * pull, 1e-13, 0.0);
        close("others", gradient[1] + gradient[2], -gradient[0], 1e-13, 0.0);
    }
}

#[test]
fn its_ends_are_the_confidence_penalty_and_label_smoothing() {
    let z = [0.3, -1.2, 2.0, 0.1, 4.0, -3.0, 1.0, 0.0, 0.5, 0.5, -0.5, 12.0];
    for classes in [2, 3, 4, 6, 12] {
        let labels: Vec<usize> = (0..z.len() / classes).map(|row| row % classes).collect();
        let (logits, labels) = (Logits::new(&z, classes).unwrap(), Labels::new(&labels, classes));
        let log_k = (classes as f64).ln();
        for beta in [0.1, 1.0, 5.0] {
            let penalty = CrossEntropy::new().confidence_penalty(beta).unwrap();
            let (expected, expected_gradient) = penalty.forward_backward::<f64>(&logits, labels).unwrap();
            let end = EntropyFamily::new(0.0, beta).unwrap();
            let (value, gradient) = end.forward_backward::<f64>(&logits, labels).unwrap();
            close("penalty", value.value, expected.value + beta * log_k, 1e-13, 0.0);
            for (got, expected) in gradient.iter().zip(expected_gradient) {
                close("penalty", *got, expected, 1e-12, 1e-15);
            }

            let smoothing = CrossEntropy::new().label_smoothing(beta / (1.0 + beta)).unwrap();
            let (expected, expected_gradient) = smoothing.forward_backward::<f64>(&logits, labels).unwrap();
            let end = EntropyFamily::new(1.0, beta).unwrap();
            let (value, gradient) = end.forward_backward::<f64>(&logits, labels).unwrap();
            close("smoothing", value.value, (1.0 + beta) * expected.value - beta * log_k, 1e-13, 0.0);
            for (got, expected) in gradient.iter().zip(expected_gradient) {
                close("smoothing", *got, (1.0 + beta) * expected, 1e-12, 1e-15);
            }
        }
    }
}

#[test]
fn the_middle_is_the_jensen_shannon_divergence() {
    let z = [1.0, 0.0, -2.0];
    let p = softmax(&z);
    let js: f64 = p
        .iter()
        .map(|p| {
            let (u, m) = (1.0 / 3.0, 0.5 * (p + 1.0 / 3.0));
            0.5 * (p * (p / m).ln() + u * (u / m).ln())
        })
        .sum();
    let loss = EntropyFamily::new(0.5, 2.0).unwrap();
    let value = loss.forward(&Logits::new(&z, 3).unwrap(), Labels::new(&[1], 3)).unwrap().value;
    close("4 JS", value, -p[1].ln() + 2.0 * 4.0 * js, 1e-14, 0.0);
}

proptest! {
    #[test]
    fn value_equals_the_oracle_and_gradient_its_difference(
        z in prop::collection::vec(-6.0..6.0_f64, 2..20),
        alpha in prop_oneof![Just(0.0), Just(1.0), 0.01..0.99_f64],
        beta in 0.0..4.0_f64,
        label in 0..20_usize,
        has_prior: bool,
        soft: bool,
    ) {
        let classes = z.len();
        let label = label % classes;
        let total = (classes * (classes + 1) / 2) as f64;
        let ramp: Vec<f64> = (0..classes).map(|c| (c + 1) as f64 / total).collect();
        let mut loss = EntropyFamily::new(alpha, beta).unwrap();
        let mut u = vec![1.0 / classes as f64; classes];
        if has_prior {
            loss = loss.prior(&ramp).unwrap();
            u = ramp.clone();
        }
        let mut one_hot = vec![0.0; classes];
        one_hot[label] = 1.0;
        let t = if soft { ramp } else { one_hot };
        let logits = Logits::new(&z, classes).unwrap();
        let labels = [label];
        let (value, gradient) = if soft {
            loss.forward_backward::<f64>(&logits, SoftLabels::new(&t, classes).unwrap()).unwrap()
        } else {
            loss.forward_backward::<f64>(&logits, Labels::new(&labels, classes)).unwrap()
        };
        let expected = naive(&z, &t, &u, alpha, beta);
        prop_assert!((value.value - expected).abs() <= 1e-12 * expected.abs().max(1.0));
        for (got, expected) in gradient.iter().zip(differences(&z, |z| naive(z, &t, &u, alpha, beta))) {
            prop_assert!((got - expected).abs() <= 1e-7 * expected.abs().max(1.0));
        }
        prop_assert!(gradient.iter().sum::<f64>().abs() < 1e-12);
        if let Some(excess) = value.excess() {
            prop_assert!(excess > -1e-12 * value.value.abs().max(1.0), "{}", excess);
        } else {
            prop_assert!(soft || (has_prior && beta > 0.0));
        }
    }
}

#[test]
fn the_minimum_is_that_of_the_ends_and_is_reached_between() {
    let row = |classes: usize, loss: &EntropyFamily| {
        let z: Vec<f64> = (0..classes).map(|class| class as f64 / 7.0).collect();
        loss.forward(&Logits::new(&z, classes).unwrap(), Labels::new(&[0], classes)).unwrap().minimum.unwrap()
    };
    for classes in [2, 10, 1000] {
        let log_k = (classes as f64).ln();
        for beta in [1e-3, 0.1, 1.0, 30.0] {
            let penalty = theory::minimum_two_valued(1.0, 0.0, classes, beta).unwrap().loss;
            let end = row(classes, &EntropyFamily::new(0.0, beta).unwrap());
            close("penalty", end, penalty + beta * log_k, 1e-13, 1e-13);
            let convention = temperance::loss::Convention::Uniform;
            let smoothing = theory::minimum_loss(convention, classes, beta / (1.0 + beta)).unwrap();
            let end = row(classes, &EntropyFamily::new(1.0, beta).unwrap());
            close("smoothing", end, (1.0 + beta) * smoothing - beta * log_k, 1e-13, 1e-13);
        }
    }
    // Descent from the label's side.
    for alpha in [0.0, 0.2, 0.5, 0.8, 1.0] {
        let loss = EntropyFamily::new(alpha, 1.0).unwrap();
        let mut z = [0.5, 0.0, 0.3, 0.0];
        let mut excess = f64::INFINITY;
        for _ in 0..2000 {
            let (value, gradient) =
                loss.forward_backward::<f64>(&Logits::new(&z, 4).unwrap(), Labels::new(&[0], 4)).unwrap();
            excess = value.excess().unwrap();
            for (z, g) in z.iter_mut().zip(gradient) {
                *z -= g;
            }
        }
        close("excess", excess, 0.0, 0.0, 1e-14);
    }
}

#[test]
fn neutral_is_cross_entropy_bit_for_bit() {
    let z: Vec<f32> = (0..700).map(|i| ((i * 7919) % 601) as f32 / 50.0 - 6.0).collect();
    let labels: Vec<usize> = (0..100).map(|i| i % 7).collect();
    let (logits, labels) = (Logits::new(&z, 7).unwrap(), Labels::new(&labels, 7));
    let plain = CrossEntropy::new().forward_backward::<f32>(&logits, labels).unwrap();
    for alpha in [0.0, 0.5, 1.0] {
        let loss = EntropyFamily::new(alpha, 0.0).unwrap();
        assert!(loss.forward_backward::<f32>(&logits, labels).unwrap() == plain);
    }
}

#[test]
fn the_weight_of_the_label_weighs_the_whole_row() {
    let z = [1.0, -1.0, 0.5, 0.2, 0.3, 2.0];
    let (logits, labels) = (Logits::new(&z, 3).unwrap(), Labels::new(&[1, 2], 3));
    for alpha in [0.0, 0.4, 1.0] {
        let loss = EntropyFamily::new(alpha, 0.5).unwrap().reduction(Reduction::Sum);
        let rows = loss.per_row(&logits, labels).unwrap();
        let weighted = loss.class_weights(ClassWeights::new(&[1.0, 2.0, 3.0]).unwrap());
        for weighting in [Weighting::Torch, Weighting::Sample] {
            let weighted = weighted.clone().weighting(weighting);
            let value = weighted.forward(&logits, labels).unwrap();
            close("weights", value.value, 2.0 * rows[0] + 3.0 * rows[1], 1e-14, 0.0);
            assert!(value.excess().unwrap() > 0.0);
        }
    }
}

#[test]
fn impossible_classes_and_extremes() {
    let z = [0.5, f64::NEG_INFINITY, -0.5];
    let logits = Logits::new(&z, 3).unwrap();
    for alpha in [0.0, 0.5] {
        let loss = EntropyFamily::new(alpha, 0.5).unwrap();
        let (value, gradient) = loss.forward_backward::<f64>(&logits, Labels::new(&[0], 3)).unwrap();
        assert!(value.value.is_finite());
        assert_eq!(gradient[1], 0.0);
    }
    let end = EntropyFamily::new(1.0, 0.5).unwrap();
    let (value, gradient) = end.forward_backward::<f64>(&logits, Labels::new(&[0], 3)).unwrap();
    assert_eq!(value.value, f64::INFINITY);
    close("gradient", gradient[1], -0.5 / 3.0, 1e-15, 0.0);

    for alpha in [0.0, 1e-12, 0.5, 1.0] {
        let loss = EntropyFamily::new(alpha, 0.5).unwrap();
        let z = [1e4_f32, -1e4, 0.0, -1e4, 1e4, 1e4];
        let (value, gradient) =
            loss.forward_backward::<f32>(&Logits::new(&z, 3).unwrap(), Labels::new(&[1, 0], 3)).unwrap();
        assert!(value.value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{alpha}");
        let one = Logits::new(&[3.0], 1).unwrap();
        let (value, gradient) = loss.forward_backward::<f64>(&one, Labels::new(&[0], 1)).unwrap();
        assert_eq!((value.value, value.minimum, gradient[0]), (0.0, Some(0.0), 0.0));
    }
}

#[test]
fn refusals() {
    let expected = "alpha is NaN; expected a number from 0 to 1";
    assert_eq!(text(EntropyFamily::new(f64::NAN, 0.1)), expected);
    assert_eq!(text(EntropyFamily::new(1.5, 0.1)), "alpha is 1.5; expected a number from 0 to 1");
    assert_eq!(text(EntropyFamily::new(0.5, -1.0)), "beta is -1; expected a finite number, 0 or above");
    let loss = EntropyFamily::new(0.0, 0.1).unwrap();
    assert_eq!(
        text(loss.clone().prior(&[1.0, 0.0])),
        "prior is 0 at column 1 (counted from 0); expected a number above 0, as alpha is 0"
    );
    assert_eq!(text(loss.clone().prior(&[0.5, 0.6])), "sum of the prior is 1.1; expected 1 within 0.01");
    let two = loss.prior(&[0.5, 0.5]).unwrap();
    assert_eq!(
        text(two.forward(&Logits::new(&[0.0; 3], 3).unwrap(), Labels::new(&[0], 3))),
        "length of the prior is 2; expected one entry for each of the 3 classes"
    );
    let entry = temperance::loss::named("entropy_family").unwrap();
    let built = (entry.build)(&Parameters::new().with("beta", Parameter::Number(0.3))).unwrap();
    assert_eq!(built.parameters(), EntropyFamily::new(0.5, 0.3).unwrap().parameters());
    assert_eq!(
        text((entry.build)(&Parameters::new().with("gamma", Parameter::Number(0.3)))),
        "parameter is \"gamma\"; expected alpha, beta"
    );
}
