//! Knowledge distillation against PyTorch, an oracle in plain sums, and cross-entropy where they meet.

mod common;

use common::{close, differences, each_case, number, numbers, softmax, text};
use proptest::prelude::*;
use temperance::loss::{Criterion, CrossEntropy, Distillation, Measure, Reduction, Scaling};
use temperance::{ClassWeights, Labels, Layout, Logits, Parameter, Parameters, SoftLabels, Targets};

/// The loss of a row, straight from its definition; cross-entropy with the teacher.
fn naive(z: &[f64], t: &[f64], teacher: &[f64], weight: f64, temperature: f64, scale: f64) -> f64 {
    let at = |z: &[f64], temperature: f64| softmax(&z.iter().map(|z| z / temperature).collect::<Vec<_>>());
    let cross = |t: &[f64], p: &[f64]| -> f64 { t.iter().zip(p).map(|(t, p)| -t * p.ln()).sum() };
    (1.0 - weight) * cross(t, &at(z, 1.0))
        + weight * scale * cross(&at(teacher, temperature), &at(z, temperature))
}

#[test]
fn equals_pytorch() {
    each_case("distillation.json", |name, case| {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let (z, teacher) = (numbers(&case["logits"]).unwrap(), numbers(&case["teacher"]).unwrap());
        let (logits, teacher) = (Logits::new(&z, classes).unwrap(), Logits::new(&teacher, classes).unwrap());
        let hard: Option<Vec<usize>> =
            numbers(&case["labels"]).map(|labels| labels.into_iter().map(|label| label as usize).collect());
        let soft = numbers(&case["soft_labels"]);
        let targets: Targets = match (&hard, &soft) {
            (Some(labels), _) => Labels::new(labels, classes).into(),
            (None, soft) => SoftLabels::new(soft.as_ref().unwrap(), classes).unwrap().into(),
        };
        let scaling =
            if case["squared"].as_bool().unwrap() { Scaling::SquaredTemperature } else { Scaling::One };
        let measure = if case["measure"] == "kl" { Measure::KullbackLeibler } else { Measure::CrossEntropy };
        let (weight, temperature) = (number(&case["weight"]), number(&case["temperature"]));
        let loss = Distillation::new(weight, temperature).unwrap().scaling(scaling).measure(measure);
        let (value, gradient) = loss.forward_backward::<f64>(&logits, (targets, teacher)).unwrap();
        close(name, value.value, number(&case["loss"]), 1e-13, 1e-15);
        for (got, expected) in gradient.iter().zip(numbers(&case["gradient"]).unwrap()) {
            close(name, *got, expected, 1e-12, 1e-15);
        }

        // The parameters of a loss build it again.
        let built = (temperance::loss::named("distillation").unwrap().build)(&loss.parameters()).unwrap();
        assert_eq!(built.forward(&logits, (targets, teacher)).unwrap(), value);
    });
}

proptest! {
    #[test]
    fn value_equals_the_oracle_and_gradient_its_difference(
        pairs in prop::collection::vec((-5.0..5.0_f64, -5.0..5.0_f64), 2..20),
        weight in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64],
        temperature in prop_oneof![Just(1.0), 0.5..8.0_f64],
        label in 0..20_usize,
        squared: bool,
    ) {
        let (z, teacher): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let classes = z.len();
        let label = label % classes;
        let scaling = if squared { Scaling::SquaredTemperature } else { Scaling::One };
        let scale = if squared { temperature * temperature } else { 1.0 };
        let loss = Distillation::new(weight, temperature).unwrap().scaling(scaling);
        let mut t = vec![0.0; classes];
        t[label] = 1.0;
        let labels = [label];
        let labels = Labels::new(&labels, classes);
        let (logits, given) = (Logits::new(&z, classes).unwrap(), Logits::new(&teacher, classes).unwrap());
        let (value, gradient) = loss.forward_backward::<f64>(&logits, (labels, given)).unwrap();
        let oracle = |z: &[f64]| naive(z, &t, &teacher, weight, temperature, scale);
        prop_assert!((value.value - oracle(&z)).abs() <= 1e-12 * value.value.abs().max(1.0));
        for (got, expected) in gradient.iter().zip(differences(&z, oracle)) {
            prop_assert!((got - expected).abs() <= 1e-7 * expected.abs().max(1.0));
        }
        let is_known = weight == 0.0 || weight == 1.0 || temperature == 1.0;
        prop_assert_eq!(value.minimum.is_some(), is_known);
        prop_assert!(value.excess().is_none_or(|excess| excess > -1e-12 * value.value.max(1.0)));

        let divergence = loss.clone().measure(Measure::KullbackLeibler);
        let same = divergence.forward_backward::<f64>(&logits, (labels, given)).unwrap();
        prop_assert_eq!(&same.1, &gradient);
        prop_assert!(same.0.value <= value.value);
        // At the teacher itself the divergence is 0, and so is its gradient.
        let pure = Distillation::new(1.0, temperature).unwrap().measure(Measure::KullbackLeibler);
        let (nothing, gradient) = pure.forward_backward::<f64>(&given, (labels, given)).unwrap();
        prop_assert!(nothing.value.abs() < 1e-13 && gradient.iter().all(|g| *g == 0.0));
        prop_assert_eq!(nothing.minimum, Some(0.0));
    }
}

#[test]
fn the_minimum_at_temperature_1_is_reached_at_the_mixture() {
    let teacher = [0.4, -1.0, 0.2];
    let q = softmax(&teacher);
    let optimum: Vec<f64> = (0..3).map(|c| (0.3 * q[c] + if c == 1 { 0.7 } else { 0.0 }).ln()).collect();
    for measure in [Measure::CrossEntropy, Measure::KullbackLeibler] {
        let loss = Distillation::new(0.3, 1.0).unwrap().measure(measure);
        let given = (Labels::new(&[1], 3), Logits::new(&teacher, 3).unwrap());
        let (value, gradient) =
            loss.forward_backward::<f64>(&Logits::new(&optimum, 3).unwrap(), given).unwrap();
        close("excess", value.excess().unwrap(), 0.0, 0.0, 1e-15);
        assert!(gradient.iter().all(|g| g.abs() < 1e-15), "{gradient:?}");
    }
}

#[test]
fn without_a_teacher_it_is_cross_entropy_bit_for_bit() {
    let z: Vec<f32> = (0..700).map(|i| ((i * 7919) % 601) as f32 / 50.0 - 6.0).collect();
    let labels: Vec<usize> = (0..100).map(|i| i % 7).collect();
    let (logits, labels) = (Logits::new(&z, 7).unwrap(), Labels::with_ignored(&labels, 7, 3));
    let plain = CrossEntropy::new().forward_backward::<f32>(&logits, labels).unwrap();
    let loss = Distillation::new(0.0, 1.0).unwrap();
    assert!(loss.forward_backward::<f32>(&logits, (labels, logits)).unwrap() == plain);
}

#[test]
fn a_confident_student_keeps_its_digits() {
    let (student, teacher) = ([60.0, 0.0], [50.0, 0.0]);
    let given = (Labels::new(&[0], 2), Logits::new(&teacher, 2).unwrap());
    let loss = Distillation::new(0.5, 1.0).unwrap();
    let (value, gradient) = loss.forward_backward::<f64>(&Logits::new(&student, 2).unwrap(), given).unwrap();
    let (p, q) = (1.0 / (1.0 + 60_f64.exp()), 1.0 / (1.0 + 50_f64.exp()));
    close("value", value.value, 0.5 * (-60_f64).exp() + 0.5 * (q * 60.0 + (-60_f64).exp()), 1e-14, 0.0);
    close("label", gradient[0], 0.5 * -p + 0.5 * (q - p), 1e-14, 0.0);
    close("other", gradient[1], 0.5 * p + 0.5 * (p - q), 1e-14, 0.0);
}

#[test]
fn a_teacher_of_another_precision_and_layout() {
    let (z, t) = ([1.0_f32, 0.0, -1.0, 0.5, 2.0, 0.25], [0.5_f64, 3.0, -1.0, 0.0, 2.0, 1.0]);
    let labels = Labels::new(&[0, 2], 3);
    let loss = Distillation::new(0.7, 3.0).unwrap();
    let logits = Logits::new(&z, 3).unwrap();
    let expected = loss.forward(&logits, (labels, Logits::new(&t, 3).unwrap())).unwrap();
    let classes_first = [t[0], t[3], t[1], t[4], t[2], t[5]];
    let layout = Layout { outer: 1, classes: 3, inner: 2 };
    let teacher = Logits::with_layout(&classes_first, layout).unwrap();
    assert_eq!(loss.forward(&logits, (labels, teacher)).unwrap(), expected);
}

#[test]
fn class_weights_weigh_both_terms() {
    let (z, t) = ([1.0, 0.0, -1.0, 0.5, 2.0, 0.25], [0.5, 3.0, -1.0, 0.0, 2.0, 1.0]);
    let given = (Labels::new(&[0, 2], 3), Logits::new(&t, 3).unwrap());
    let logits = Logits::new(&z, 3).unwrap();
    let loss = Distillation::new(0.7, 3.0).unwrap().reduction(Reduction::Sum);
    let rows = loss.per_row(&logits, given).unwrap();
    let weighted = loss.class_weights(ClassWeights::new(&[2.0, 1.0, 5.0]).unwrap());
    close("sum", weighted.forward(&logits, given).unwrap().value, 2.0 * rows[0] + 5.0 * rows[1], 1e-14, 0.0);
}

#[test]
fn impossible_classes_and_extremes() {
    let inf = f64::INFINITY;
    let student = [1.0, -inf, 0.0];
    let logits = Logits::new(&student, 3).unwrap();
    let loss = Distillation::new(0.5, 2.0).unwrap();
    let agrees = [0.5, -inf, 1.0];
    let given = (Labels::new(&[0], 3), Logits::new(&agrees, 3).unwrap());
    let (value, gradient) = loss.forward_backward::<f64>(&logits, given).unwrap();
    let two = Logits::new(&[0.5, 1.0], 2).unwrap();
    let without = loss.forward(&Logits::new(&[1.0, 0.0], 2).unwrap(), (Labels::new(&[0], 2), two)).unwrap();
    close("without the class", value.value, without.value, 1e-15, 0.0);
    assert_eq!(gradient[1], 0.0);
    let disagrees = [0.5, 0.0, 1.0];
    let given = (Labels::new(&[0], 3), Logits::new(&disagrees, 3).unwrap());
    let (value, gradient) = loss.forward_backward::<f64>(&logits, given).unwrap();
    assert_eq!(value.value, inf);
    assert!(gradient.iter().all(|g| g.is_finite()) && gradient[1] < 0.0);

    for temperature in [1e-30, 1.0, 1e30] {
        let loss = Distillation::new(0.5, temperature).unwrap().scaling(Scaling::One);
        let (z, t) = ([1e4_f32, -1e4, 0.0], [-1e4_f32, 1e4, 3.0]);
        let given = (Labels::new(&[2], 3), Logits::new(&t, 3).unwrap());
        let (value, gradient) = loss.forward_backward::<f32>(&Logits::new(&z, 3).unwrap(), given).unwrap();
        assert!(value.value.is_finite() && gradient.iter().all(|g| !g.is_nan()), "{temperature}");
    }
    let one = Logits::new(&[3.0], 1).unwrap();
    let (value, gradient) = loss.forward_backward::<f64>(&one, (Labels::new(&[0], 1), one)).unwrap();
    assert_eq!((value.value, gradient[0]), (0.0, 0.0));
}

#[test]
fn refusals() {
    let logits = Logits::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
    let labels = Labels::new(&[0, 1], 2);
    let loss = Distillation::new(0.5, 2.0).unwrap();
    let with = |teacher: &[f64], classes: usize| {
        text(loss.forward(&logits, (labels, Logits::new(teacher, classes).unwrap())))
    };
    assert_eq!(
        text(loss.forward(&logits, labels)),
        "teacher is missing; expected logits of a teacher, which distillation needs"
    );
    assert_eq!(
        with(&[1.0, 2.0], 2),
        "number of rows of the teacher is 1; expected one for each of the 2 rows of logits"
    );
    assert_eq!(
        with(&[1.0, 2.0], 1),
        "number of classes of the teacher is 1; expected the 2 classes of the logits"
    );
    assert_eq!(
        with(&[0.0, 0.0, f64::NAN, 0.0], 2),
        "teacher logit is NaN at row 1, column 0 (counted from 0); expected a finite number or -inf"
    );
    assert_eq!(
        with(&[0.0, f64::INFINITY, 0.0, 0.0], 2),
        "teacher logit is inf at row 0, column 1 (counted from 0); expected a finite number or -inf"
    );
    assert_eq!(
        with(&[0.0, 0.0, f64::NEG_INFINITY, f64::NEG_INFINITY], 2),
        "every teacher logit is -inf at row 1 (counted from 0); expected at least one finite teacher logit in \
         a row"
    );
    assert_eq!(
        text(Distillation::new(1.5, 2.0)),
        "weight of the teacher is 1.5; expected a number from 0 to 1"
    );
    assert_eq!(text(Distillation::new(0.5, 0.0)), "temperature is 0; expected a number from 1e-30 to 1e30");
    let build = temperance::loss::named("distillation").unwrap().build;
    assert_eq!(
        text(build(&Parameters::new().with("temperature_exponent", Parameter::Number(1.0)))),
        "temperature_exponent is 1; expected 2 (the teacher's term times T squared) or 0 (times 1)"
    );
}
