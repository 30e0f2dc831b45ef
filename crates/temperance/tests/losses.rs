//! The laws that every loss obeys, over the registry: whoever adds a loss adds nothing here but values of its
//! parameters.

mod common;

use common::{Sample, close, on_threads, text};
use half::{bf16, f16};
use proptest::prelude::*;
use temperance::loss::{
    self, BinaryConvention, BinaryCrossEntropy, Criterion, CrossEntropy, Distillation, DualFocal,
    EntropyFamily, Entry, Focal, LOSSES, LogitNorm, Loss, MarginSmoothing, Measure, OnlineSmoothing, Poly1,
    Reduction, Scaling, Supervision, Upstream, Weighting, WhenEmpty,
};
use temperance::{
    ClassWeights, Element, Error, ErrorKind, Labels, Layout, Logits, Parameter, Parameters, SoftLabels,
};

/// Legal values of every parameter, to be tried beside its default.
const VALUES: &[(&str, &[f64])] = &[
    ("alpha", &[0.0, 0.3, 1.0]),
    ("beta", &[0.3, 2.0]),
    ("confidence_penalty", &[0.3, 2.0]),
    ("convention", &[1.0, 2.0]),
    ("epsilon", &[-1.0, 1.0]),
    ("gamma", &[0.5, 3.0]),
    ("gamma_below", &[0.5, 3.0]),
    ("label_smoothing", &[0.1, 1.0]),
    ("logit_penalty", &[0.01, 0.3]),
    ("margin", &[0.0, 2.0]),
    ("penalty_threshold", &[0.5, 1.5]),
    ("positive_weight", &[0.5, 3.0]),
    ("subtract_teacher_entropy", &[1.0]),
    ("summed", &[1.0]),
    ("tau", &[0.5, 2.0]),
    ("temperature", &[0.5, 3.0]),
    ("temperature_exponent", &[0.0]),
    ("threshold", &[0.3, 1.0]),
    ("teacher_weight", &[0.3, 1.0]),
    ("z_loss", &[1e-4, 0.2]),
];

/// A value that a parameter of a loss refuses, with the text.
const REFUSED: &[(&str, &str, f64, &str)] = &[
    ("cross_entropy", "label_smoothing", -0.1, "epsilon is -0.1; expected a number from 0 to 1"),
    ("cross_entropy", "label_smoothing", 1.5, "epsilon is 1.5; expected a number from 0 to 1"),
    (
        "cross_entropy",
        "confidence_penalty",
        f64::INFINITY,
        "confidence penalty is inf; expected a finite number, 0 or above",
    ),
    (
        "cross_entropy",
        "penalty_threshold",
        -1.0,
        "threshold of the confidence penalty is -1; expected a finite number of nats, 0 or above",
    ),
    ("cross_entropy", "z_loss", -0.1, "z-loss is -0.1; expected a finite number, 0 or above"),
    ("cross_entropy", "logit_penalty", -0.1, "logit penalty is -0.1; expected a finite number, 0 or above"),
    (
        "dual_focal",
        "gamma",
        f64::INFINITY,
        "γ of the dual focal loss is inf; expected a finite number, 0 or above",
    ),
    ("focal", "gamma", -0.5, "γ of the focal loss is -0.5; expected a finite number, 0 or above"),
    ("focal", "gamma_below", -0.5, "γ of the focal loss is -0.5; expected a finite number, 0 or above"),
    ("focal", "threshold", 1.5, "threshold of the focal loss is 1.5; expected a number from 0 to 1"),
    ("logit_norm", "tau", 0.0, "τ of LogitNorm is 0; expected a number from 1e-6 to 1000"),
    ("margin_smoothing", "margin", -1.0, "margin is -1; expected a finite number, 0 or above"),
    (
        "margin_smoothing",
        "alpha",
        -0.1,
        "α of margin-based label smoothing is -0.1; expected a finite number, 0 or above",
    ),
    ("margin_smoothing", "summed", 0.5, "summed is 0.5; expected 0 for λ = α/K, 1 for λ = α"),
    ("poly1", "epsilon", -1.5, "ε of Poly-1 is -1.5; expected a finite number, -1 or above"),
    ("binary_cross_entropy", "label_smoothing", 1.5, "epsilon is 1.5; expected a number from 0 to 1"),
    (
        "binary_cross_entropy",
        "convention",
        0.5,
        "convention is 0.5; expected 0 (half), 1 (full) or 2 (per class)",
    ),
    (
        "binary_cross_entropy",
        "positive_weight",
        -1.0,
        "positive weight is -1 at column 0 (counted from 0); expected a finite number, 0 or above",
    ),
    (
        "binary_cross_entropy",
        "confidence_penalty",
        -0.1,
        "confidence penalty is -0.1; expected a finite number, 0 or above",
    ),
    ("distillation", "teacher_weight", 1.5, "weight of the teacher is 1.5; expected a number from 0 to 1"),
    ("distillation", "temperature", 0.0, "temperature is 0; expected a number from 1e-30 to 1e30"),
    (
        "distillation",
        "temperature_exponent",
        1.0,
        "temperature_exponent is 1; expected 2 (the teacher's term times T squared) or 0 (times 1)",
    ),
    (
        "distillation",
        "subtract_teacher_entropy",
        0.5,
        "subtract_teacher_entropy is 0.5; expected 0 (cross-entropy with the teacher) or 1 (Kullback-Leibler \
         divergence from it)",
    ),
    ("entropy_family", "alpha", -0.1, "alpha is -0.1; expected a number from 0 to 1"),
    ("entropy_family", "beta", -0.1, "beta is -0.1; expected a finite number, 0 or above"),
    ("online_smoothing", "alpha", 1.5, "alpha is 1.5; expected a number from 0 to 1"),
];

const IGNORED: i64 = -100;

/// A loss of the registry with some of its parameters given.
#[derive(Debug, Clone)]
struct Setting {
    entry: &'static Entry,
    given: Vec<(&'static str, f64)>,
}

impl Setting {
    fn parameters(&self) -> Parameters {
        self.given
            .iter()
            .fold(Parameters::new(), |all, &(name, value)| all.with(name, Parameter::Number(value)))
    }

    /// The loss, summed over rows.
    fn sum(&self) -> Box<dyn Criterion> {
        (self.entry.build)(&self.parameters()).unwrap().reduction(Reduction::Sum)
    }

    fn mean(&self) -> Box<dyn Criterion> {
        self.sum().reduction(Reduction::Mean)
    }

    fn name(&self) -> String {
        format!("{} {:?}", self.entry.name, self.given)
    }
}

fn values_of(name: &str) -> &'static [f64] {
    let found = VALUES.iter().find(|(other, _)| *other == name);
    found.unwrap_or_else(|| panic!("VALUES has no values for the parameter {name}")).1
}

/// The defaults, the neutral parameters, every parameter at each of its values, all of them at once.
fn settings_of(entry: &'static Entry) -> Vec<Setting> {
    let mut all = vec![Vec::new()];
    all.extend(entry.neutral.map(<[_]>::to_vec));
    for parameter in entry.parameters {
        all.extend(values_of(parameter.name).iter().map(|&value| vec![(parameter.name, value)]));
    }
    let names = || entry.parameters.iter().map(|parameter| parameter.name);
    all.push(names().map(|name| (name, values_of(name)[0])).collect());
    all.push(names().map(|name| (name, *values_of(name).last().unwrap())).collect());
    all.into_iter().map(|given| Setting { entry, given }).collect()
}

fn settings() -> impl Iterator<Item = Setting> {
    LOSSES.iter().flat_map(settings_of)
}

/// One setting of every loss, another for another number.
fn picked(pick: usize) -> impl Iterator<Item = Setting> {
    LOSSES.iter().map(move |entry| {
        let mut all = settings_of(entry);
        all.swap_remove(pick % all.len())
    })
}

/// Logits and everything that they can be judged by; about a tenth of the labels is ignored.
#[derive(Debug, Clone)]
struct Data {
    rows: usize,
    classes: usize,
    logits: Vec<f64>,
    labels: Vec<i64>,
    soft: Vec<f64>,
    teacher: Vec<f64>,
    weights: Vec<f64>,
}

impl Data {
    fn new(seed: u64, rows: usize, classes: usize) -> Self {
        let Sample { logits, labels, .. } = Sample::new(seed, rows, classes, 1.0);
        let ignored = |row: usize| row % 11 == 5;
        let label = |(row, label)| if ignored(row) { IGNORED } else { label as i64 };
        let other = Sample::new(seed.wrapping_add(1), rows, classes, 1.0);
        Data {
            rows,
            classes,
            logits,
            labels: labels.into_iter().enumerate().map(label).collect(),
            soft: other.probabilities(),
            teacher: Sample::new(seed.wrapping_add(2), rows, classes, 0.7).logits,
            weights: (0..classes).map(|class| 0.3 + (class * 7 % 5) as f64).collect(),
        }
    }

    fn logits(&self) -> Logits<'_> {
        Logits::new(&self.logits, self.classes).unwrap()
    }

    fn labels(&self) -> Labels<'_> {
        Labels::with_ignored(&self.labels, self.classes, IGNORED)
    }

    fn class_weights(&self) -> ClassWeights {
        ClassWeights::new(&self.weights).unwrap()
    }

    fn supervision<'a>(
        &'a self,
        entry: &Entry,
        targets: impl Into<temperance::Targets<'a>>,
    ) -> Supervision<'a> {
        let teacher = entry.teacher.then(|| Logits::new(&self.teacher, self.classes).unwrap());
        Supervision { targets: targets.into(), teacher }
    }

    /// With labels.
    fn hard(&self, entry: &Entry) -> Supervision<'_> {
        self.supervision(entry, self.labels())
    }

    /// With labels, and with soft labels where they have a meaning.
    fn all(&self, entry: &Entry) -> Vec<Supervision<'_>> {
        let soft = || self.supervision(entry, SoftLabels::new(&self.soft, self.classes).unwrap());
        let mut all = vec![self.hard(entry)];
        all.extend(entry.soft_labels.then(soft));
        all
    }

    /// The label of a row that counts.
    fn label(&self, row: usize) -> Option<usize> {
        usize::try_from(self.labels[row]).ok()
    }

    /// What class weights make of a row.
    fn weight(&self, row: usize, given: &Supervision<'_>) -> f64 {
        match (&given.targets, self.label(row)) {
            (temperance::Targets::Labels(_), label) => label.map_or(0.0, |label| self.weights[label]),
            (temperance::Targets::Soft(_), _) => {
                let row = &self.soft[row * self.classes..][..self.classes];
                row.iter().zip(&self.weights).map(|(t, w)| t * w).sum()
            }
        }
    }
}

/// Data of any shape from one row of one class on, and a number to pick a setting by.
fn shapes() -> impl Strategy<Value = (usize, Data)> {
    (any::<u64>(), 1..150_usize, 1..150_usize, 0..1000_usize)
        .prop_map(|(seed, rows, classes, pick)| (pick, Data::new(seed, rows, classes)))
}

/// Fewer cases than usual, as every case is a matrix and asks every loss.
fn few() -> ProptestConfig {
    ProptestConfig { cases: 48, ..ProptestConfig::default() }
}

fn ask(loss: &impl Criterion, logits: &Logits<'_>, given: Supervision<'_>) -> (Loss, Vec<f64>) {
    loss.forward_backward(logits, given).unwrap()
}

/// Element for element, relative to the expected value and to 1.
#[track_caller]
fn all_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (index, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let ok = got == expected || (got - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(ok, "{what} at {index}: got {got:e}, expected {expected:e}");
    }
}

/// Equal bits, NaN included.
#[track_caller]
fn same(what: &str, got: &Loss, expected: &Loss) {
    let bits = |loss: &Loss| {
        let Loss { value, nll, entropy, accuracy, minimum, rows, denominator } = *loss;
        let numbers = [value, nll, entropy, accuracy, minimum.unwrap_or(f64::NAN), denominator];
        (numbers.map(f64::to_bits), rows)
    };
    assert!(bits(got) == bits(expected), "{what}: got {got:?}, expected {expected:?}");
}

// The registry.

#[test]
fn the_registry_is_complete() {
    for (index, entry) in LOSSES.iter().enumerate() {
        let Entry { name, summary, formula, source, parameters, neutral, .. } = *entry;
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
        assert!(LOSSES[..index].iter().all(|other| other.name != name), "{name} twice");
        assert!(std::ptr::eq(loss::named(name).unwrap(), entry));
        for text in [summary, formula, source] {
            assert!(!text.is_empty() && text.trim() == text && !text.ends_with('.'), "{name}: {text:?}");
        }
        for (index, parameter) in parameters.iter().enumerate() {
            assert!(!parameter.domain.is_empty(), "{name} {}", parameter.name);
            assert!(parameters[..index].iter().all(|other| other.name != parameter.name), "{name}");
        }
        for (neutral, _) in neutral.unwrap_or_default() {
            assert!(parameters.iter().any(|parameter| parameter.name == *neutral), "{name} {neutral}");
        }
    }
    assert!(loss::named("nothing").is_none());
}

#[test]
fn a_loss_is_built_from_what_it_says_it_was_built_with() {
    let data = Data::new(1, 40, 7);
    for setting in settings() {
        let (entry, name, loss) = (setting.entry, setting.name(), setting.sum());
        assert_eq!(loss.name(), entry.name);
        let parameters = loss.parameters();
        let mut expected: Vec<&str> = entry.parameters.iter().map(|parameter| parameter.name).collect();
        expected.sort_unstable();
        assert_eq!(parameters.iter().map(|(name, _)| name).collect::<Vec<_>>(), expected);
        for parameter in entry.parameters {
            let given = setting.given.iter().find(|(name, _)| *name == parameter.name);
            let expected = given.map_or(parameter.default, |(_, value)| *value);
            assert_eq!(parameters.number(parameter.name).unwrap(), expected, "{name} {}", parameter.name);
        }
        let again = (entry.build)(&parameters).unwrap().reduction(Reduction::Sum);
        assert_eq!(again.parameters(), parameters);
        for given in data.all(entry) {
            let (value, gradient) = ask(&loss, &data.logits(), given);
            let (other, other_gradient) = ask(&again, &data.logits(), given);
            same(&name, &other, &value);
            assert_eq!(other_gradient, gradient, "{name}");
        }
    }
}

#[test]
fn parameters_that_are_not_legal_are_refused() {
    for entry in LOSSES {
        let build = |name: &str, value| (entry.build)(&Parameters::new().with(name, value));
        let known: Vec<&str> = entry.parameters.iter().map(|parameter| parameter.name).collect();
        assert_eq!(
            text(build("nothing", Parameter::Number(1.0))),
            format!("parameter is \"nothing\"; expected {}", known.join(", "))
        );
        for name in known {
            // Some take one number for each class.
            if let Err(error) = build(name, Parameter::Numbers(vec![0.5, 0.5])) {
                assert_eq!(error.to_string(), format!("{name} is 2 numbers; expected one number"));
            }
            let not_a_number = build(name, Parameter::Number(f64::NAN)).unwrap_err();
            assert!(not_a_number.to_string().contains(" is NaN"), "{not_a_number}");
            let of =
                |&&(loss, parameter, ..): &&(&str, &str, f64, &str)| (loss, parameter) == (entry.name, name);
            let mut refused = REFUSED.iter().filter(of).peekable();
            assert!(refused.peek().is_some(), "REFUSED has no values for {name} of {}", entry.name);
            for (_, _, value, expected) in refused {
                assert_eq!(text(build(name, Parameter::Number(*value))), *expected);
            }
        }
    }
}

/// A loss of its own type and the boxed one of that name and those parameters are the same.
#[test]
fn boxed_equals_typed() {
    fn check<C: Criterion>(typed: C) -> &'static str {
        let data = Data::new(2, 30, 6);
        let entry = loss::named(typed.name()).unwrap();
        let boxed = (entry.build)(&typed.parameters()).unwrap();
        let given = data.hard(entry);
        let (value, gradient) = ask(&boxed, &data.logits(), given);
        let (typed_value, typed_gradient) = typed.forward_backward::<f64>(&data.logits(), given).unwrap();
        same(entry.name, &typed_value, &value);
        assert_eq!(typed_gradient, gradient, "{}", entry.name);
        entry.name
    }
    let checked = [
        check(CrossEntropy::new().label_smoothing(0.1).unwrap().z_loss(0.1).unwrap()),
        check(DualFocal::new(2.0).unwrap()),
        check(Focal::flsd_53()),
        check(LogitNorm::new(0.5).unwrap()),
        check(MarginSmoothing::new(1.0, 0.3).unwrap().summed()),
        check(Poly1::new(-0.5).unwrap()),
        check(BinaryCrossEntropy::new().label_smoothing(BinaryConvention::PerClass, 0.1).unwrap()),
        check(Distillation::new(0.5, 2.0).unwrap().scaling(Scaling::One).measure(Measure::KullbackLeibler)),
        check(EntropyFamily::new(0.3, 0.5).unwrap()),
        check(OnlineSmoothing::new(0.3).unwrap()),
    ];
    let missing: Vec<&str> =
        LOSSES.iter().map(|entry| entry.name).filter(|name| !checked.contains(name)).collect();
    assert!(missing.is_empty(), "not checked: {missing:?}");
}

// The mathematics.

proptest! {
    #![proptest_config(few())]

    #[test]
    fn a_shift_changes_nothing_where_it_is_said_to((pick, data) in shapes(), shift in 1.0..50.0_f64) {
        let moved = Data { logits: data.logits.iter().map(|z| z + shift).collect(), ..data.clone() };
        for setting in picked(pick) {
            let (name, loss) = (setting.name(), setting.sum());
            for given in data.all(setting.entry) {
                let [before, after] = [&data, &moved].map(|data| loss.per_row(&data.logits(), given).unwrap());
                if !loss.is_shift_invariant() {
                    let moves = before.iter().zip(&after).any(|(a, b)| (a - b).abs() > 1e-9);
                    assert!(moves || data.classes == 1, "{name} does not change");
                    continue;
                }
                all_close(&name, &after, &before, 1e-11);
                let [(_, before), (_, after)] = [&data, &moved].map(|data| ask(&loss, &data.logits(), given));
                all_close(&name, &after, &before, 1e-11);
                for row in before.chunks(data.classes) {
                    let (sum, size) = (row.iter().sum::<f64>(), row.iter().map(|g| g.abs()).sum::<f64>());
                    assert!(sum.abs() <= 1e-13 * size.max(1.0), "{name}: a gradient sums to {sum:e}");
                }
            }
        }
    }

    #[test]
    fn classes_have_no_order((pick, data) in shapes(), turn in 0..150_usize, mirror: bool) {
        let classes = data.classes;
        let to = |class: usize| {
            let class = if mirror { classes - 1 - class } else { class };
            (class + turn) % classes
        };
        let permuted = |rows: &[f64]| {
            let mut out = vec![0.0; rows.len()];
            for (row, out) in rows.chunks(classes).zip(out.chunks_mut(classes)) {
                (0..classes).for_each(|class| out[to(class)] = row[class]);
            }
            out
        };
        let label = |&label: &i64| usize::try_from(label).map_or(label, |label| to(label) as i64);
        let other = Data {
            logits: permuted(&data.logits),
            labels: data.labels.iter().map(label).collect(),
            soft: permuted(&data.soft),
            teacher: permuted(&data.teacher),
            ..data.clone()
        };
        for setting in picked(pick) {
            let (name, loss) = (setting.name(), setting.sum());
            for (given, moved) in data.all(setting.entry).into_iter().zip(other.all(setting.entry)) {
                let values = [(&data, given), (&other, moved)];
                let [before, after] = values.map(|(data, given)| loss.per_row(&data.logits(), given).unwrap());
                all_close(&name, &after, &before, 1e-12);
                let [(_, before), (_, after)] = values.map(|(data, given)| ask(&loss, &data.logits(), given));
                all_close(&name, &after, &permuted(&before), 1e-12);
            }
        }
    }

    #[test]
    fn neutral_parameters_make_it_cross_entropy((_, data) in shapes()) {
        for entry in LOSSES {
            let Some(given) = entry.neutral else { continue };
            let neutral = Setting { entry, given: given.to_vec() };
            for given in data.all(entry) {
                let plain: Box<dyn Criterion> = Box::new(CrossEntropy::new());
                let (expected, expected_gradient) = ask(&plain, &data.logits(), given);
                let (got, gradient) = ask(&neutral.mean(), &data.logits(), given);
                close(entry.name, got.value, expected.value, 1e-14, 1e-15);
                all_close(entry.name, &gradient, &expected_gradient, 1e-14);
            }
            let plain: Box<dyn Criterion> = Box::new(CrossEntropy::new().class_weights(data.class_weights()));
            let weighted = neutral.mean().class_weights(data.class_weights());
            let (expected, expected_gradient) = ask(&plain, &data.logits(), data.hard(entry));
            let (got, gradient) = ask(&weighted, &data.logits(), data.hard(entry));
            close(entry.name, got.value, expected.value, 1e-14, 1e-15);
            all_close(entry.name, &gradient, &expected_gradient, 1e-14);
        }
    }

    /// Whatever is added to cross-entropy, the same is seen on the way.
    #[test]
    fn nll_entropy_and_accuracy_are_those_of_the_softmax((pick, data) in shapes()) {
        for setting in picked(pick).filter(|setting| setting.entry.neutral.is_some()) {
            for given in data.all(setting.entry) {
                let expected = CrossEntropy::new().forward(&data.logits(), given).unwrap();
                let got = setting.mean().forward(&data.logits(), given).unwrap();
                close(&setting.name(), got.nll, expected.nll, 1e-13, 1e-15);
                close(&setting.name(), got.entropy, expected.entropy, 1e-13, 1e-15);
                assert_eq!((got.accuracy, got.rows), (expected.accuracy, expected.rows), "{}", setting.name());
            }
        }
    }

    #[test]
    fn nothing_is_below_the_minimum((pick, data) in shapes(), weighting in weightings()) {
        for setting in picked(pick) {
            for reduction in [Reduction::Sum, Reduction::Mean] {
                let loss = weighted(setting.sum(), &data, weighting).reduction(reduction);
                let above = weighted(setting.sum(), &data, weighting).reduction(reduction).above_minimum();
                for given in data.all(setting.entry) {
                    let value = loss.forward(&data.logits(), given).unwrap();
                    let Some(excess) = value.excess() else {
                        assert_eq!(
                            text(above.forward(&data.logits(), given)),
                            "minimum of the loss is unknown; expected a loss whose minimum is known, to count from"
                        );
                        continue;
                    };
                    let scale = value.value.abs().max(1.0);
                    assert!(excess > -1e-12 * scale, "{}: {excess:e}", setting.name());
                    let (counted, gradient) = ask(&above, &data.logits(), given);
                    assert!((counted.value - excess).abs() < 1e-12 * scale, "{}", setting.name());
                    assert_eq!((counted.minimum, counted.excess()), (Some(0.0), Some(counted.value)));
                    assert_eq!(ask(&loss, &data.logits(), given).1, gradient);
                }
            }
        }
    }
}

/// No class weights, or class weights of a meaning.
fn weightings() -> impl Strategy<Value = Option<Weighting>> {
    prop_oneof![Just(None), Just(Some(Weighting::Torch)), Just(Some(Weighting::Sample))]
}

fn weighted(loss: Box<dyn Criterion>, data: &Data, weighting: Option<Weighting>) -> Box<dyn Criterion> {
    match weighting {
        Some(weighting) => loss.class_weights(data.class_weights()).weighting(weighting),
        None => loss,
    }
}

/// Descent in shrinking steps comes near the minimum that is stated, and not below.
#[test]
fn descent_reaches_the_minimum() {
    for setting in settings() {
        let loss = setting.sum();
        let mut data = Data::new(3, 2, 4);
        data.logits.fill(0.0);
        let given = data.hard(setting.entry);
        let layout = Layout { outer: 2, classes: 4, inner: 1 };
        let Some(mut excess) = loss.forward(&data.logits(), given).unwrap().excess() else { continue };
        let (mut logits, mut gradient) = (data.logits.clone(), vec![0.0; 8]);
        for step in (1..=4000).rev() {
            let at = Logits::with_layout(&logits, layout).unwrap();
            let value = loss.forward_backward_into(&at, given, Upstream::default(), &mut gradient).unwrap();
            excess = value.excess().unwrap();
            logits.iter_mut().zip(&gradient).for_each(|(z, g)| *z -= f64::from(step) / 8000.0 * g);
        }
        assert!(excess > -1e-12 && excess < 0.01, "{}: {excess:e} above its minimum", setting.name());
    }
}

/// For two classes cross-entropy is the logistic loss of the difference of the logits.
#[test]
fn two_classes_are_logistic_regression() {
    let data = Data::new(4, 200, 2);
    let (loss, rows) = (CrossEntropy::new().reduction(Reduction::Sum), data.rows);
    let values = loss.per_row(&data.logits(), data.labels()).unwrap();
    let (_, gradient) = loss.forward_backward::<f64>(&data.logits(), data.labels()).unwrap();
    for row in 0..rows {
        let Some(label) = data.label(row) else {
            assert_eq!((values[row], &gradient[2 * row..2 * row + 2]), (0.0, &[0.0, 0.0][..]));
            continue;
        };
        let margin = data.logits[2 * row + label] - data.logits[2 * row + 1 - label];
        close("value", values[row], (-margin).exp().ln_1p(), 1e-14, 1e-15);
        let wrong = 1.0 / (1.0 + margin.exp());
        close("label", gradient[2 * row + label], -wrong, 1e-14, 1e-15);
        close("other", gradient[2 * row + 1 - label], wrong, 1e-14, 1e-15);
    }
}

/// A softmax over (z, 0) is the sigmoid of z.
#[test]
fn two_classes_are_one_question() {
    let data = Data::new(20, 100, 2);
    let one: Vec<f64> = data.logits.chunks(2).map(|z| z[0] - z[1]).collect();
    let labels: Vec<f64> = data.soft.chunks(2).map(|t| t[0]).collect();
    let soft = SoftLabels::new(&data.soft, 2).unwrap();
    let question = SoftLabels::new(&labels, 1).unwrap().unnormalised();
    let two = CrossEntropy::new().label_smoothing(0.1).unwrap();
    let (value, gradient) = two.forward_backward::<f64>(&data.logits(), soft).unwrap();
    let one = Logits::new(&one, 1).unwrap();
    let binary = BinaryCrossEntropy::new().label_smoothing(BinaryConvention::Half, 0.1).unwrap();
    let (binary_value, binary_gradient) = binary.forward_backward::<f64>(&one, question).unwrap();
    close("value", binary_value.value, value.value, 1e-14, 0.0);
    let of_first: Vec<f64> = gradient.iter().step_by(2).copied().collect();
    all_close("gradient", &binary_gradient, &of_first, 1e-15);
}

/// The gradient is the fourth-order difference of the values, except at the few kinks: there, differences of
/// two widths disagree.
#[test]
fn the_gradient_is_the_difference_of_the_values() {
    for (seed, rows, classes) in [(5, 24, 2), (6, 24, 5), (7, 7, 70)] {
        let data = Data::new(seed, rows, classes);
        for (setting, weighting) in
            settings().flat_map(|setting| WEIGHTINGS.map(|weighting| (setting.clone(), weighting)))
        {
            let loss = weighted(setting.sum(), &data, weighting);
            for given in data.all(setting.entry) {
                let (_, gradient) = ask(&loss, &data.logits(), given);
                let (mut seen, mut kinks) = (0, 0);
                for class in 0..classes {
                    let at = |step: f64| {
                        let mut moved = data.logits.clone();
                        moved[class..].iter_mut().step_by(classes).for_each(|z| *z += step);
                        loss.per_row(&Logits::new(&moved, classes).unwrap(), given).unwrap()
                    };
                    let difference = |h: f64| {
                        let [a, b, c, d] = [at(h), at(-h), at(2.0 * h), at(-2.0 * h)];
                        move |row: usize| (8.0 * (a[row] - b[row]) - (c[row] - d[row])) / (12.0 * h)
                    };
                    let (wide, narrow) = (difference(2e-3), difference(1e-3));
                    for row in 0..data.rows {
                        let (wide, narrow, g) = (wide(row), narrow(row), gradient[row * classes + class]);
                        let (doubt, scale) = ((wide - narrow).abs(), g.abs().max(1.0));
                        seen += 1;
                        if doubt > 1e-6 * scale {
                            kinks += 1;
                            continue;
                        }
                        let name = format!("{} {weighting:?} row {row} class {class}", setting.name());
                        assert!((g - narrow).abs() <= doubt + 1e-9 * scale, "{name}: {g:e}, {narrow:e}");
                    }
                }
                assert!(kinks * 10 <= seen, "{}: {kinks} kinks in {seen}", setting.name());
            }
        }
    }
}

const WEIGHTINGS: [Option<Weighting>; 3] = [None, Some(Weighting::Torch), Some(Weighting::Sample)];

// Extremes.

#[test]
fn extreme_logits_give_finite_numbers() {
    fn check<E: Element>(setting: &Setting, data: &Data, scale: f64) {
        let name = format!("{} at {scale:e}", setting.name());
        let logits: Vec<E> = data.logits.iter().map(|&z| E::from_f64(z)).collect();
        let logits = Logits::new(&logits, data.classes).unwrap();
        let loss = setting.mean();
        for given in data.all(setting.entry) {
            let (value, gradient) = loss.forward_backward::<E>(&logits, given).unwrap();
            assert!(gradient.iter().all(|g| !g.to_f64().is_nan()), "{name}: the gradient is not a number");
            assert!(!value.value.is_nan(), "{name}: {value:?}");
            // Beyond that a square of a logit may be too large for the type.
            if scale <= 1e4 || loss.is_shift_invariant() {
                assert!(gradient.iter().all(|g| g.to_f64().is_finite()), "{name}: an infinite gradient");
            }
            if scale <= 1e4 {
                let Loss { value, nll, entropy, .. } = value;
                assert!(
                    value.is_finite() && nll.is_finite() && entropy >= 0.0,
                    "{name}: {value} {nll} {entropy}"
                );
            }
        }
    }
    for classes in [2, 5, 80] {
        let scaled = |scale: f64| {
            let mut data = Data::new(8, 60, classes);
            for logits in [&mut data.logits, &mut data.teacher] {
                for (index, z) in logits.iter_mut().enumerate() {
                    *z = [scale, -scale, 0.0, scale, -scale, 1.0, -1.0][(index * index / 3 + index) % 7];
                }
            }
            data
        };
        for setting in settings() {
            for scale in [1.0, 1e4] {
                check::<f64>(&setting, &scaled(scale), scale);
                check::<f32>(&setting, &scaled(scale), scale);
                check::<bf16>(&setting, &scaled(scale), scale);
            }
            check::<f16>(&setting, &scaled(1e3), 1e3);
            check::<f32>(&setting, &scaled(3e38), 3e38);
        }
    }
}

#[test]
fn classes_that_cannot_occur() {
    for classes in [3, 70] {
        let mut data = Data::new(9, 40, classes);
        let masked = |index: usize| index % classes == 1 || index % (2 * classes) == 2;
        for logits in [&mut data.logits, &mut data.teacher] {
            for (index, z) in logits.iter_mut().enumerate().filter(|(index, _)| masked(*index)) {
                *z = if index % classes == 0 { *z } else { f64::NEG_INFINITY };
            }
        }
        let on_mask = data.clone();
        data.labels.iter_mut().for_each(|label| *label = if *label == IGNORED { IGNORED } else { 0 });
        for setting in settings() {
            let (name, loss) = (setting.name(), setting.sum());
            let plain = Some(&*setting.given) == setting.entry.neutral;
            let (value, gradient) = ask(&loss, &data.logits(), data.hard(setting.entry));
            assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {value:?}");
            assert!(value.value.is_finite() || (!plain && value.value == f64::INFINITY), "{name}: {value:?}");
            if value.value.is_finite() {
                for (index, g) in gradient.iter().enumerate() {
                    let masked = data.logits[index] == f64::NEG_INFINITY;
                    assert!(!masked || *g == 0.0, "{name}: the gradient of a masked class is {g:e}");
                }
            }
            // A target there costs infinitely much; the gradient can be used all the same.
            for given in on_mask.all(setting.entry) {
                let (value, gradient) = ask(&loss, &on_mask.logits(), given);
                assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {value:?}");
                assert!(!value.value.is_nan() && value.nll == f64::INFINITY, "{name}: {value:?}");
            }
            let nothing = vec![f64::NEG_INFINITY; classes];
            let labels = Labels::new(&[0], classes);
            let given = Supervision { targets: labels.into(), ..data.hard(setting.entry) };
            let teacher = given.teacher.map(|teacher| teacher.slice(0..1));
            assert_eq!(
                text(
                    loss.forward(&Logits::new(&nothing, classes).unwrap(), Supervision { teacher, ..given })
                ),
                "every logit is -inf at row 0 (counted from 0); expected at least one finite logit in a row"
            );
        }
    }
}

#[test]
fn one_class_has_nothing_to_learn() {
    let data = Data::new(10, 100, 1);
    for setting in settings() {
        for given in data.all(setting.entry) {
            let (value, gradient) = ask(&setting.sum(), &data.logits(), given);
            assert!(value.value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{}", setting.name());
            if setting.sum().is_shift_invariant() {
                assert!(gradient.iter().all(|g| *g == 0.0), "{}", setting.name());
            }
        }
    }
}

#[test]
fn no_row_counts() {
    let mut data = Data::new(11, 20, 3);
    data.labels.fill(IGNORED);
    for setting in settings() {
        let given = data.hard(setting.entry);
        for reduction in [Reduction::Mean, Reduction::MeanOverRows, Reduction::MeanOverWeights] {
            let loss = || setting.sum().reduction(reduction);
            assert_eq!(
                text(loss().forward(&data.logits(), given)),
                "weight of the rows that count is 0; expected a number above 0, or an answer for a mean over no \
                 rows by name"
            );
            let mut gradient = vec![1.0; data.logits.len()];
            loss().backward_into(&data.logits(), given, Upstream::default(), &mut gradient).unwrap();
            assert!(gradient.iter().all(|g| *g == 0.0));
            for (answer, expected) in [(WhenEmpty::Nan, f64::NAN), (WhenEmpty::Zero, 0.0)] {
                let (value, gradient) = ask(&loss().when_empty(answer), &data.logits(), given);
                assert!(value.value.to_bits() == expected.to_bits() && value.rows == 0);
                assert!(gradient.iter().all(|g| *g == 0.0));
            }
        }
        for reduction in [Reduction::Sum, Reduction::SumOver(5.0)] {
            let (value, gradient) = ask(&setting.sum().reduction(reduction), &data.logits(), given);
            assert_eq!((value.value, value.rows), (0.0, 0));
            assert!(value.nll.is_nan() && gradient.iter().all(|g| *g == 0.0));
        }
        assert_eq!(setting.mean().per_row(&data.logits(), given).unwrap(), [0.0; 20]);
    }
}

// Numbers, layouts, threads.

proptest! {
    #![proptest_config(few())]

    #[test]
    fn precisions_agree((pick, data) in shapes()) {
        fn check<E: Element>(setting: &Setting, data: &Data, step: f64) {
            let (name, loss) = (setting.name(), setting.mean());
            let narrow: Vec<E> = data.logits.iter().map(|&z| E::from_f64(z)).collect();
            let exact: Vec<f64> = narrow.iter().map(|z| z.to_f64()).collect();
            let single: Vec<f32> = exact.iter().map(|&z| z as f32).collect();
            let [narrow, exact] = [Logits::new(&narrow, data.classes), Logits::new(&exact, data.classes)];
            let (narrow, exact, single) =
                (narrow.unwrap(), exact.unwrap(), Logits::new(&single, data.classes).unwrap());
            for given in data.all(setting.entry) {
                let (value, gradient) = loss.forward_backward::<E>(&narrow, given).unwrap();
                let (same, single) = loss.forward_backward::<f32>(&single, given).unwrap();
                let (expected, exact) = ask(&loss, &exact, given);
                close(&name, value.value, same.value, 1e-6, 1e-7);
                close(&name, value.value, expected.value, 1e-5, 1e-6);
                for ((got, single), exact) in gradient.iter().zip(single).zip(exact) {
                    // One rounding to the type, and the smallest step of f16.
                    close(&name, got.to_f64(), single.into(), step, 1e-7);
                    close(&name, got.to_f64(), exact, step + 1e-5, 1e-6);
                }
            }
        }
        for setting in picked(pick) {
            check::<f16>(&setting, &data, 6e-4);
            check::<bf16>(&setting, &data, 5e-3);
            check::<f32>(&setting, &data, 1e-6);
        }
    }

    #[test]
    fn every_way_to_ask_gives_the_same((pick, data) in shapes(), weighting in weightings()) {
        fn check<E: Element + PartialEq + std::fmt::Debug>(loss: &impl Criterion, data: &Data, given: Supervision<'_>) {
            let logits: Vec<E> = data.logits.iter().map(|&z| E::from_f64(z)).collect();
            let view = Logits::new(&logits, data.classes).unwrap();
            let (value, gradient) = loss.forward_backward::<E>(&view, given).unwrap();
            let name = format!("{loss:?}");
            same(&name, &loss.forward(&view, given).unwrap(), &value);
            let mut alone = vec![E::default(); gradient.len()];
            loss.backward_into(&view, given, Upstream::default(), &mut alone).unwrap();
            assert_eq!(alone, gradient, "{name}");
            let layout = Layout { outer: data.rows, classes: data.classes, inner: 1 };
            let mut in_place = logits.clone();
            let in_place_value =
                loss.forward_backward_in_place(&mut in_place, layout, given, Upstream::default()).unwrap();
            same(&name, &in_place_value, &value);
            assert_eq!(in_place, gradient, "{name}");
        }
        for setting in picked(pick) {
            let loss = weighted(setting.sum(), &data, weighting);
            for given in data.all(setting.entry) {
                check::<f64>(&loss, &data, given);
                check::<f32>(&loss, &data, given);
                check::<f16>(&loss, &data, given);
                check::<bf16>(&loss, &data, given);
                let rows: f64 = loss.per_row(&data.logits(), given).unwrap().iter().sum();
                let sum = loss.forward(&data.logits(), given).unwrap().value;
                close(&setting.name(), rows, sum, 1e-12, 1e-12);
            }
        }
    }

    #[test]
    fn gradients_are_multiplied_by_what_arrives((pick, data) in shapes(), factor in -3.0..3.0_f64) {
        let upstream: Vec<f64> = (0..data.rows).map(|row| factor + row as f64 / 7.0).collect();
        for setting in picked(pick) {
            for given in data.all(setting.entry) {
                let ask_for = |loss: Box<dyn Criterion>, upstream| {
                    let mut gradient = vec![0.0; data.logits.len()];
                    loss.forward_backward_into(&data.logits(), given, upstream, &mut gradient).unwrap();
                    gradient
                };
                let mean = ask_for(setting.mean(), Upstream::default());
                let times: Vec<f64> = mean.iter().map(|g| factor * g).collect();
                all_close(&setting.name(), &ask_for(setting.mean(), Upstream::Scalar(factor)), &times, 1e-14);
                let sum = ask_for(setting.sum(), Upstream::default());
                let times: Vec<f64> =
                    sum.iter().enumerate().map(|(i, g)| upstream[i / data.classes] * g).collect();
                // There is no reduction, and no denominator.
                for loss in [setting.sum(), setting.mean()] {
                    let got = ask_for(loss, Upstream::PerRow(&upstream));
                    all_close(&setting.name(), &got, &times, 1e-13);
                }
            }
        }
    }
}

#[test]
fn classes_may_lie_anywhere() {
    fn check<E: Element + PartialEq + std::fmt::Debug>(tolerance: f64) {
        for (outer, inner, classes) in
            [(3, 7, 5), (2, 64, 3), (2, 100, 70), (1, 130, 10), (5, 1, 9), (2, 33, 1)]
        {
            let layout = Layout { outer, classes, inner };
            let data = Data::new(12, outer * inner, classes);
            let strided = |from: &[E]| {
                let mut to = vec![E::default(); from.len()];
                for (row, values) in from.chunks(classes).enumerate() {
                    let start = row / inner * classes * inner + row % inner;
                    values.iter().enumerate().for_each(|(class, z)| to[start + class * inner] = *z);
                }
                to
            };
            let logits: Vec<E> = data.logits.iter().map(|&z| E::from_f64(z)).collect();
            let (last, mut first) = (Logits::new(&logits, classes).unwrap(), strided(&logits));
            for setting in settings() {
                let (name, loss) = (format!("{} {layout:?}", setting.name()), setting.mean());
                for given in data.all(setting.entry) {
                    let (expected, gradient) = loss.forward_backward::<E>(&last, given).unwrap();
                    let view = Logits::with_layout(&first, layout).unwrap();
                    let (value, strided_gradient) = loss.forward_backward::<E>(&view, given).unwrap();
                    close(&name, value.value, expected.value, tolerance, tolerance);
                    same(&name, &loss.forward(&view, given).unwrap(), &value);
                    let [got, wanted] = [strided_gradient.clone(), strided(&gradient)]
                        .map(|list| list.into_iter().map(E::to_f64).collect::<Vec<_>>());
                    all_close(&name, &got, &wanted, tolerance);
                    let rows = loss.per_row(&view, given).unwrap();
                    all_close(&name, &rows, &loss.per_row(&last, given).unwrap(), tolerance);
                    let mut in_place = first.clone();
                    let value_in_place = loss
                        .forward_backward_in_place(&mut in_place, layout, given, Upstream::default())
                        .unwrap();
                    same(&name, &value_in_place, &value);
                    assert_eq!(in_place, strided_gradient, "{name}");
                }
            }
            first.clear();
        }
    }
    check::<f64>(1e-13);
    check::<f32>(3e-6);
    check::<bf16>(1e-2);
}

/// On enough rows for several chunks.
#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for (rows, classes) in [(8300, 10), (660, 200)] {
        let data = Data::new(13, rows, classes);
        let single: Vec<f32> = data.logits.iter().map(|&z| z as f32).collect();
        let single = Logits::new(&single, classes).unwrap();
        for setting in settings() {
            let run = |threads| {
                on_threads(threads, || {
                    let (loss, given) = (setting.mean(), data.hard(setting.entry));
                    let rows = loss.per_row(&single, given).unwrap();
                    let (value, gradient) = loss.forward_backward::<f32>(&single, given).unwrap();
                    (value, gradient, loss.forward(&single, given).unwrap(), rows)
                })
            };
            let one = run(1);
            for threads in [2, 7] {
                assert!(run(threads) == one, "{} on {threads} threads", setting.name());
            }
        }
    }
}

// Reductions and weights.

#[test]
fn every_reduction_has_its_denominator() {
    let data = Data::new(14, 50, 6);
    for (setting, weighting) in settings().flat_map(|s| WEIGHTINGS.map(|weighting| (s.clone(), weighting))) {
        for (kind, given) in data.all(setting.entry).into_iter().enumerate() {
            let soft = kind == 1;
            let weights: f64 = match weighting {
                Some(_) => (0..data.rows).map(|row| data.weight(row, &given)).sum(),
                None if soft => data.rows as f64,
                None => (0..data.rows).filter_map(|row| data.label(row)).count() as f64,
            };
            let (sum, gradient) = ask(&weighted(setting.sum(), &data, weighting), &data.logits(), given);
            // A loss may average over more than rows.
            let unit = setting.mean().forward(&data.logits(), given).unwrap().denominator / sum.rows as f64;
            assert!(unit >= 1.0 && unit.fract() == 0.0, "{} {unit}", setting.name());
            for (reduction, denominator) in [
                (Reduction::Mean, unit * if soft { data.rows as f64 } else { weights }),
                (Reduction::MeanOverRows, unit * sum.rows as f64),
                (Reduction::MeanOverWeights, unit * weights),
                (Reduction::SumOver(12.5), 12.5),
            ] {
                let name = format!("{} {weighting:?} {reduction:?}", setting.name());
                let loss = weighted(setting.sum(), &data, weighting).reduction(reduction);
                let (value, reduced) = ask(&loss, &data.logits(), given);
                close(&name, value.denominator, denominator, 1e-15, 0.0);
                close(&name, value.value, sum.value / denominator, 1e-15, 0.0);
                let expected: Vec<f64> = gradient.iter().map(|g| g / denominator).collect();
                all_close(&name, &reduced, &expected, 1e-15);
                match (value.minimum, sum.minimum) {
                    (Some(one), Some(all)) => close(&name, one, all / denominator, 1e-15, 0.0),
                    (one, all) => assert_eq!((one, all), (None, None), "{name}"),
                }
            }
        }
    }
    for (bad, shown) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        for setting in settings() {
            let loss = setting.sum().reduction(Reduction::SumOver(bad));
            assert_eq!(
                text(loss.forward(&data.logits(), data.hard(setting.entry))),
                format!("denominator is {shown}; expected a finite number above 0")
            );
        }
    }
}

/// The weight of the label multiplies the value and the gradient of a row, so that what is best for the row
/// stays best.
#[test]
fn sample_weights_multiply_whole_rows() {
    let data = Data::new(15, 60, 5);
    for setting in settings() {
        for given in data.all(setting.entry) {
            let loss = weighted(setting.sum(), &data, Some(Weighting::Sample));
            let weights: Vec<f64> = (0..data.rows).map(|row| data.weight(row, &given)).collect();
            let rows = setting.sum().per_row(&data.logits(), given).unwrap();
            let expected: Vec<f64> =
                rows.iter().zip(&weights).map(|(value, weight)| value * weight).collect();
            all_close(&setting.name(), &loss.per_row(&data.logits(), given).unwrap(), &expected, 1e-15);
            let (_, plain) = ask(&setting.sum(), &data.logits(), given);
            let expected: Vec<f64> = plain.iter().enumerate().map(|(i, g)| weights[i / 5] * g).collect();
            all_close(&setting.name(), &ask(&loss, &data.logits(), given).1, &expected, 1e-14);
        }
    }
}

/// A weight that all classes share multiplies the sum, and leaves the mean.
#[test]
fn equal_weights_weigh_nothing() {
    let data = Data::new(16, 60, 5);
    for setting in settings() {
        for weighting in [Weighting::Torch, Weighting::Sample] {
            let weigh = |loss: Box<dyn Criterion>| {
                loss.class_weights(ClassWeights::new(&[2.0; 5]).unwrap()).weighting(weighting)
            };
            let given = data.hard(setting.entry);
            let name = format!("{} {weighting:?}", setting.name());
            let [sum, twice] =
                [setting.sum(), weigh(setting.sum())].map(|loss| ask(&loss, &data.logits(), given));
            close(&name, twice.0.value, 2.0 * sum.0.value, 1e-14, 0.0);
            all_close(&name, &twice.1, &sum.1.iter().map(|g| 2.0 * g).collect::<Vec<_>>(), 1e-14);
            let [mean, same] =
                [setting.mean(), weigh(setting.mean())].map(|loss| ask(&loss, &data.logits(), given));
            close(&name, same.0.value, mean.0.value, 1e-14, 0.0);
            all_close(&name, &same.1, &mean.1, 1e-14);
        }
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn ignored_rows_count_nowhere((pick, data) in shapes(), weighting in weightings()) {
        let classes = data.classes;
        let kept: Vec<usize> = (0..data.rows).filter(|&row| data.label(row).is_some()).collect();
        let gathered = |values: &[f64]| -> Vec<f64> {
            kept.iter().flat_map(|row| values[row * classes..][..classes].to_vec()).collect()
        };
        let rest = Data {
            rows: kept.len(),
            logits: gathered(&data.logits),
            labels: kept.iter().map(|&row| data.labels[row]).collect(),
            teacher: gathered(&data.teacher),
            ..data.clone()
        };
        let mut broken = data.clone();
        for row in (0..data.rows).filter(|&row| data.label(row).is_none()) {
            broken.logits[row * classes..][..classes].fill(f64::NAN);
            broken.teacher[row * classes..][..classes].fill(f64::NAN);
        }
        for setting in picked(pick) {
            let (name, loss) = (setting.name(), weighted(setting.mean(), &data, weighting));
            let [whole, broken, rest] = [&data, &broken, &rest]
                .map(|data| (ask(&loss, &data.logits(), data.hard(setting.entry)), data));
            same(&name, &broken.0.0, &whole.0.0);
            assert_eq!(broken.0.1, whole.0.1, "{name}");
            same(&name, &loss.forward(&broken.1.logits(), broken.1.hard(setting.entry)).unwrap(), &whole.0.0);
            assert_eq!((rest.0.0.rows, rest.0.0.denominator), (whole.0.0.rows, whole.0.0.denominator));
            close(&name, rest.0.0.value, whole.0.0.value, 1e-14, 1e-15);
            all_close(&name, &rest.0.1, &gathered(&whole.0.1), 1e-14);
            let values = loss.per_row(&data.logits(), data.hard(setting.entry)).unwrap();
            for row in (0..data.rows).filter(|&row| data.label(row).is_none()) {
                assert!(values[row] == 0.0 && whole.0.1[row * classes..][..classes].iter().all(|g| *g == 0.0));
            }
        }
    }
}

// Refusals.

/// Every way to ask, with the error of each.
fn errors(loss: &impl Criterion, logits: &[f32], classes: usize, given: Supervision<'_>) -> [Error; 4] {
    let view = Logits::new(logits, classes).unwrap();
    let layout = Layout { outer: view.rows(), classes, inner: 1 };
    let mut gradient = logits.to_vec();
    [
        loss.forward(&view, given).unwrap_err(),
        loss.per_row(&view, given).unwrap_err(),
        loss.backward_into(&view, given, Upstream::default(), &mut vec![0.0_f32; logits.len()]).unwrap_err(),
        loss.forward_backward_in_place(&mut gradient, layout, given, Upstream::default()).unwrap_err(),
    ]
}

#[test]
fn errors_name_the_row_of_a_long_buffer() {
    let data = Data::new(17, 80_000, 3);
    let logits: Vec<f32> = data.logits.iter().map(|&z| z as f32).collect();
    for entry in LOSSES {
        let loss = Setting { entry, given: Vec::new() }.sum();
        let mut broken = logits.clone();
        broken[3 * 70_000 + 2] = f32::NAN;
        broken[3 * 75_000 + 1] = f32::INFINITY;
        for error in errors(&loss, &broken, 3, data.hard(entry)) {
            assert_eq!(
                error.to_string(),
                "logit is NaN at row 70000, column 2 (counted from 0); expected a finite number or -inf"
            );
        }
        let mut wrong = data.clone();
        wrong.labels[70_001] = 3;
        for error in errors(&loss, &logits, 3, wrong.hard(entry)) {
            assert_eq!(
                error.to_string(),
                "label is 3 at row 70001 (counted from 0); expected a class index from 0 to 2"
            );
        }
        if entry.soft_labels {
            wrong.soft[3 * 70_002 + 1] = f64::NAN;
            for error in errors(&loss, &logits, 3, wrong.all(entry)[1]) {
                assert_eq!(
                    error.to_string(),
                    "soft label is NaN at row 70002, column 1 (counted from 0); expected a number from 0 to 1"
                );
            }
        }
    }
}

#[test]
fn lengths_must_fit() {
    let (data, other, fewer) = (Data::new(18, 12, 4), Data::new(18, 12, 3), Data::new(18, 11, 4));
    let logits: Vec<f32> = data.logits.iter().map(|&z| z as f32).collect();
    for entry in LOSSES {
        let loss = Setting { entry, given: Vec::new() }.sum();
        let refused = |given: Supervision<'_>, expected: &str| {
            for error in errors(&loss, &logits, 4, given) {
                assert_eq!((error.to_string().as_str(), error.kind()), (expected, ErrorKind::Shape));
            }
        };
        refused(
            Supervision { targets: fewer.labels().into(), ..data.hard(entry) },
            "number of labels is 11; expected one for each of the 12 rows of scores",
        );
        let teacher = Some(fewer.logits());
        refused(
            Supervision { teacher, ..data.hard(entry) },
            "number of rows of the teacher is 11; expected one for each of the 12 rows of logits",
        );
        let teacher = Some(other.logits());
        refused(
            Supervision { teacher, ..data.hard(entry) },
            "number of classes of the teacher is 3; expected the 4 classes of the logits",
        );
        let weighted = Setting { entry, given: Vec::new() }.sum().class_weights(other.class_weights());
        for error in errors(&weighted, &logits, 4, data.hard(entry)) {
            assert_eq!(
                error.to_string(),
                "number of class weights is 3; expected one for each of the 4 classes"
            );
        }
        let into = |upstream, length| {
            let mut gradient = vec![0.0; length];
            text(loss.forward_backward_into(&data.logits(), data.hard(entry), upstream, &mut gradient))
        };
        assert_eq!(
            into(Upstream::default(), 47),
            "length of the output is 47; expected 48, one entry for each logit"
        );
        assert_eq!(
            into(Upstream::PerRow(&[1.0; 13]), 48),
            "number of upstream gradients is 13; expected one for each of the 12 rows"
        );
        let layout = Layout { outer: 12, classes: 4, inner: 2 };
        let mut in_place = data.logits.clone();
        assert_eq!(
            text(loss.forward_backward_in_place(
                &mut in_place,
                layout,
                data.hard(entry),
                Upstream::default()
            )),
            "number of logits is 48; expected outer × classes × inner = 12 × 4 × 2"
        );
    }
}

#[test]
fn supervision_must_have_a_meaning() {
    let data = Data::new(19, 12, 4);
    let logits: Vec<f32> = data.logits.iter().map(|&z| z as f32).collect();
    for setting in settings() {
        let (entry, loss) = (setting.entry, setting.sum());
        if !entry.soft_labels {
            let soft = data.supervision(entry, SoftLabels::new(&data.soft, 4).unwrap());
            for error in errors(&loss, &logits, 4, soft) {
                assert_eq!(
                    error.to_string(),
                    format!(
                        "kind of labels is soft; expected class indices, which {} is defined for",
                        entry.name
                    )
                );
            }
        }
        if entry.teacher {
            for error in errors(&loss, &logits, 4, data.labels().into()) {
                assert_eq!(
                    error.to_string(),
                    format!("teacher is missing; expected logits of a teacher, which {} needs", entry.name)
                );
            }
        }
    }
}
