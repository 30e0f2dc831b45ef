//! The affine family of calibrators: the written objectives, the packages that have them, and laws.

mod common;

use common::{Sample, close, each_case, numbers};
use temperance::calibrate::{
    self, Calibrator, EnsembleTemperature, EnsembleTemperatureScaling, Fitted, Flag,
};
use temperance::{Block, Labels, Logits, Parameter, Parameters, RowWeights, Rows, SoftLabels};

mod tolerance {
    /// Probabilities at the optimum of the same objective, which SciPy finds to a gradient of 3e-7.
    pub(crate) const ORACLE: f64 = 2e-6;
    /// The same where a direction is held by 1e-9 alone, so that SciPy stops a little off.
    pub(crate) const ORACLE_FLAT: f64 = 2e-5;
    /// probmetrics minimises in float32.
    pub(crate) const PROBMETRICS: f64 = 2e-3;
    /// abstention stops at 1e-7 of the loss.
    pub(crate) const ABSTENTION: f64 = 5e-4;
    /// probmetrics finds T and weights by SciPy to about 1e-6.
    pub(crate) const ETS: f64 = 2e-5;
    /// Two fits of one objective from other rows or in other order.
    pub(crate) const SAME: f64 = 1e-7;
}

const METHODS: [&str; 6] =
    ["temperature_biases", "vector", "structured_vector", "structured_matrix", "dirichlet", "matrix"];

fn fit_with(name: &str, parameters: &Parameters, rows: &dyn Rows) -> Fitted {
    let method = (calibrate::method(name).unwrap().build)(parameters).unwrap();
    method.fit_observed(rows, &()).unwrap()
}

fn fit(name: &str, rows: &dyn Rows) -> Fitted {
    fit_with(name, &Parameters::new(), rows)
}

fn probabilities(calibrator: &dyn Calibrator, logits: &[f64], classes: usize) -> Vec<f64> {
    let mut out = vec![0.0; logits.len()];
    calibrate::probabilities_into(calibrator, &Logits::new(logits, classes).unwrap().into(), &mut out)
        .unwrap();
    out
}

#[track_caller]
fn all_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        close(what, *got, *expected, 0.0, tolerance);
    }
}

#[test]
fn finds_the_minimum_of_the_written_objective() {
    each_case("affine_calibrators.json", |case_name, case| {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let logits = numbers(&case["logits"]).unwrap();
        let labels: Vec<usize> = numbers(&case["labels"]).unwrap().iter().map(|&l| l as usize).collect();
        let rows = Block::new(Logits::new(&logits, classes).unwrap(), Labels::new(&labels, classes)).unwrap();
        for name in METHODS {
            let fitted = fit(name, &rows);
            let what = format!("{case_name}, {name}");
            assert!(fitted.certificate.gradient.unwrap() < 1e-6, "{what}: {:?}", fitted.certificate);
            let p = probabilities(&*fitted.calibrator, &logits[..20 * classes], classes);
            let expected = numbers(&case["oracle"][name]["probabilities"]).unwrap();
            let flat = matches!(name, "matrix" | "dirichlet");
            all_close(&what, &p, &expected, if flat { tolerance::ORACLE_FLAT } else { tolerance::ORACLE });
            if let Some(theirs) = numbers(&case["probmetrics"][name]) {
                all_close(&format!("{what}, probmetrics"), &p, &theirs, tolerance::PROBMETRICS);
            }
            if name == "temperature_biases" {
                let theirs = numbers(&case["abstention"]).unwrap();
                all_close(&format!("{what}, abstention"), &p, &theirs, tolerance::ABSTENTION);
            }
        }
    });
}

#[test]
fn the_ensemble_is_that_of_probmetrics() {
    each_case("affine_calibrators.json", |case_name, case| {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let logits = numbers(&case["logits"]).unwrap();
        let labels: Vec<usize> = numbers(&case["labels"]).unwrap().iter().map(|&l| l as usize).collect();
        let rows = Block::new(Logits::new(&logits, classes).unwrap(), Labels::new(&labels, classes)).unwrap();
        let fitted = fit("ensemble_temperature", &rows);
        let p = probabilities(&*fitted.calibrator, &logits[..20 * classes], classes);
        let theirs = numbers(&case["probmetrics"]["ensemble_temperature"]).unwrap();
        all_close(case_name, &p, &theirs, tolerance::ETS);
    });
}

#[test]
fn no_other_weights_do_better_at_its_temperature() {
    for (seed, temperature) in [(8, 0.5), (9, 1.0), (10, 3.0)] {
        let sample = Sample::new(seed, 500, 3, temperature);
        let fitted = fit("ensemble_temperature", &sample.block());
        let t = fitted.calibrator.parameters().number("temperature").unwrap();
        let brier = |calibrator: &dyn Calibrator| {
            let p = probabilities(calibrator, &sample.logits, 3);
            let row = |(p, &label): (&[f64], &usize)| -> f64 {
                p.iter().enumerate().map(|(c, p)| (p - f64::from(u8::from(c == label))).powi(2)).sum()
            };
            p.chunks(3).zip(&sample.labels).map(row).sum::<f64>() / 500.0
        };
        let best = brier(&*fitted.calibrator);
        for i in 0..=10 {
            for j in 0..=10 - i {
                let weights = [i, j, 10 - i - j].map(|part| f64::from(part) / 10.0);
                let other = brier(&EnsembleTemperature::new(t, weights).unwrap());
                assert!(best <= other + 1e-12, "seed {seed}, {weights:?}: {best} {other}");
            }
        }
        for factor in [0.9, 1.1] {
            let alone = |t: f64| brier(&EnsembleTemperature::new(t, [1.0, 0.0, 0.0]).unwrap());
            assert!(alone(t) <= alone(t * factor), "seed {seed}: T = {t}");
        }
    }
}

#[test]
fn an_ensemble_that_cannot_be_is_named() {
    let text = |temperature, weights| EnsembleTemperature::new(temperature, weights).unwrap_err().to_string();
    assert_eq!(text(0.0, [1.0, 0.0, 0.0]), "temperature is 0; expected a finite number above 0");
    assert_eq!(text(1.0, [1.5, -0.5, 0.0]), "weights is 1.5; expected numbers from 0 to 1");
    assert_eq!(text(1.0, [0.5, 0.2, 0.2]), "sum of the weights is 0.8999999999999999; expected 1");
    let bounds = |low, high| EnsembleTemperatureScaling::new().bounds(low, high).unwrap_err().to_string();
    assert_eq!(bounds(0.0, 1.0), "minimum is 0; expected a number from 0.0001 to below 10000");
    assert_eq!(bounds(2.0, 1.0), "maximum is 1; expected above the minimum 2 and at most 10000");
}

#[test]
fn a_row_may_be_shifted_and_given_as_probabilities() {
    let sample = Sample::new(1, 300, 4, 2.0);
    let shifted: Vec<f64> = sample.logits.iter().enumerate().map(|(i, z)| z + (i / 4 % 7) as f64).collect();
    let p = probabilities(&calibrate::Identity, &sample.logits, 4);
    for name in METHODS {
        let fitted = fit(name, &sample.block());
        let expected = probabilities(&*fitted.calibrator, &sample.logits, 4);
        let labels = Labels::new(&sample.labels, 4);
        let other = fit(name, &Block::new(Logits::new(&shifted, 4).unwrap(), labels).unwrap());
        all_close(name, &probabilities(&*other.calibrator, &shifted, 4), &expected, tolerance::SAME);
        let of_p = temperance::Probabilities::new(&p, 4).unwrap();
        let other = fit(name, &Block::new(of_p, labels).unwrap());
        all_close(name, &probabilities(&*other.calibrator, &sample.logits, 4), &expected, tolerance::SAME);
    }
}

#[test]
fn weights_soft_labels_and_absent_rows() {
    let sample = Sample::new(2, 200, 3, 2.0);
    let weights: Vec<f64> = (0..200).map(|row| f64::from(row % 3)).collect();
    let (mut logits, mut labels) = (Vec::new(), Vec::new());
    for row in 0..200 {
        for _ in 0..row % 3 {
            logits.extend_from_slice(&sample.logits[row * 3..row * 3 + 3]);
            labels.push(sample.labels[row]);
        }
    }
    let repeated = Block::new(Logits::new(&logits, 3).unwrap(), Labels::new(&labels, 3)).unwrap();
    let one_hot: Vec<f64> =
        sample.labels.iter().flat_map(|&l| (0..3).map(move |c| f64::from(u8::from(c == l)))).collect();
    for name in METHODS {
        let weighted = fit(name, &sample.block().with_weights(RowWeights::new(&weights)).unwrap());
        let expected = probabilities(&*weighted.calibrator, &sample.logits, 3);
        // The number of rows is part of what the structured methods minimise: a weight is no row.
        if !name.starts_with("structured") {
            let other = fit(name, &repeated);
            all_close(
                name,
                &probabilities(&*other.calibrator, &sample.logits, 3),
                &expected,
                tolerance::SAME,
            );
        }
        let scaled: Vec<f64> = weights.iter().map(|w| 8.0 * w).collect();
        let other = fit(name, &sample.block().with_weights(RowWeights::new(&scaled)).unwrap());
        all_close(name, &probabilities(&*other.calibrator, &sample.logits, 3), &expected, 1e-12);
        let kept: Vec<usize> = (0..200).filter(|row| row % 3 > 0).collect();
        let gathered: Vec<f64> =
            kept.iter().flat_map(|&row| sample.logits[row * 3..row * 3 + 3].to_vec()).collect();
        let (own_labels, own_weights): (Vec<usize>, Vec<f64>) =
            kept.iter().map(|&row| (sample.labels[row], weights[row])).unzip();
        let rows = Block::new(Logits::new(&gathered, 3).unwrap(), Labels::new(&own_labels, 3)).unwrap();
        let other = fit(name, &rows.with_weights(RowWeights::new(&own_weights)).unwrap());
        all_close(name, &probabilities(&*other.calibrator, &sample.logits, 3), &expected, tolerance::SAME);

        let hard = fit(name, &sample.block());
        let soft = Block::new(Logits::new(&sample.logits, 3).unwrap(), SoftLabels::new(&one_hot, 3).unwrap());
        let other = fit(name, &soft.unwrap());
        let expected = probabilities(&*hard.calibrator, &sample.logits, 3);
        all_close(name, &probabilities(&*other.calibrator, &sample.logits, 3), &expected, 1e-12);
    }
}

#[test]
fn a_great_penalty_is_temperature_scaling() {
    let sample = Sample::new(3, 400, 4, 2.5);
    let expected = fit("temperature", &sample.block());
    let expected = probabilities(&*expected.calibrator, &sample.logits, 4);
    let strong = |name: &str| {
        let entry = calibrate::method(name).unwrap();
        let with = |parameters: Parameters, name: &str| parameters.with(name, Parameter::Number(1e9));
        entry.parameters.iter().fold(Parameters::new(), |parameters, p| with(parameters, p.name))
    };
    for name in ["structured_vector", "structured_matrix"] {
        let fitted = fit_with(name, &strong(name), &sample.block());
        // But for the 1/401 of the uniform distribution that is mixed in.
        let mixed: Vec<f64> = expected.iter().map(|p| (400.0 * p + 0.25) / 401.0).collect();
        all_close(name, &probabilities(&*fitted.calibrator, &sample.logits, 4), &mixed, 1e-8);
    }
}

#[test]
fn richer_structures_fit_their_rows_better() {
    let sample = Sample::new(4, 1000, 4, 2.0);
    let tilted: Vec<f64> =
        sample.logits.iter().enumerate().map(|(at, z)| z * (1.0 + 0.2 * (at % 4) as f64)).collect();
    let rows = Block::new(Logits::new(&tilted, 4).unwrap(), Labels::new(&sample.labels, 4)).unwrap();
    let nll = |name: &str| fit(name, &rows).certificate.nll_after;
    let (temperature, vector, matrix) = (nll("temperature"), nll("vector"), nll("matrix"));
    assert!(temperature > vector && vector > matrix, "{temperature} {vector} {matrix}");
    assert!(nll("temperature_biases") < temperature);
}

#[test]
fn a_class_that_cannot_occur_stays_impossible() {
    let mut sample = Sample::new(5, 300, 4, 2.0);
    for row in 0..300 {
        if sample.labels[row] != 3 && row % 2 == 0 {
            sample.logits[row * 4 + 3] = f64::NEG_INFINITY;
        }
    }
    for name in METHODS {
        let fitted = fit(name, &sample.block());
        let p = probabilities(&*fitted.calibrator, &sample.logits, 4);
        for (z, p) in sample.logits.iter().zip(&p) {
            assert_eq!(*z == f64::NEG_INFINITY, *p == 0.0, "{name}");
        }
    }
}

#[test]
fn a_fit_and_its_calibrator_see_the_same_rows_where_classes_cannot_occur() {
    let mut sample = Sample::new(15, 300, 4, 2.0);
    for row in 0..300 {
        for class in 0..4 {
            if sample.labels[row] != class && (row + class) % 3 == 0 {
                sample.logits[row * 4 + class] = f64::NEG_INFINITY;
            }
        }
    }
    for name in ["structured_vector", "structured_matrix"] {
        let fitted = fit(name, &sample.block());
        let parameters = fitted.calibrator.parameters();
        let list = |name: &'static str| parameters.numbers(name).unwrap().to_vec();
        let objective = |scale: &[f64], bias: &[f64]| {
            let moved = Parameters::new()
                .with("temperature", Parameter::Number(parameters.number("temperature").unwrap()))
                .with("uniform", Parameter::Number(parameters.number("uniform").unwrap()))
                .with("scale", Parameter::Numbers(scale.to_vec()))
                .with("bias", Parameter::Numbers(bias.to_vec()));
            let calibrator = (calibrate::method(name).unwrap().load)(&moved).unwrap();
            let p = probabilities(&*calibrator, &sample.logits, 4);
            let loss: f64 = (0..300).map(|row| -p[row * 4 + sample.labels[row]].ln()).sum::<f64>() / 300.0;
            let penalty = |at: usize, a: f64| match scale.len() {
                16 if !at.is_multiple_of(5) => 12.0 / 300.0 * a * a,
                _ => 4.0 / 300.0 * (a - 1.0) * (a - 1.0),
            };
            let of_scale: f64 = scale.iter().enumerate().map(|(at, &a)| penalty(at, a)).sum();
            loss + of_scale + 4.0 / 300.0 * bias.iter().map(|b| b * b).sum::<f64>()
        };
        // The derivatives of the written objective, by differences through the calibrator itself, are 0.
        let (scale, bias) = (list("scale"), list("bias"));
        let h = 1e-4;
        for at in 0..scale.len() {
            let moved = |by: f64| {
                let mut scale = scale.clone();
                scale[at] += by;
                objective(&scale, &bias)
            };
            close(&format!("{name}, scale {at}"), (moved(h) - moved(-h)) / (2.0 * h), 0.0, 0.0, 1e-4);
        }
        for at in 0..4 {
            let moved = |by: f64| {
                let mut bias = bias.clone();
                bias[at] += by;
                objective(&scale, &bias)
            };
            close(&format!("{name}, bias {at}"), (moved(h) - moved(-h)) / (2.0 * h), 0.0, 0.0, 1e-4);
        }
    }
}

#[test]
fn what_rows_do_not_determine_is_held_and_flagged() {
    // Four rows, all right: separable, fewer than there are numbers to find, and class 2 has no label.
    let logits = [3.0, 0.0, 0.0, 0.0, 3.0, 1.0, 2.0, 0.0, 1.0, 0.5, 4.0, 0.0];
    let rows = Block::new(Logits::new(&logits, 3).unwrap(), Labels::new(&[0_usize, 1, 0, 1], 3)).unwrap();
    for name in METHODS {
        let fitted = fit(name, &rows);
        let flags = &fitted.certificate.flags;
        assert!(flags.contains(&Flag::ClassesMissing), "{name}: {flags:?}");
        // Four rows are enough for a number and three biases.
        assert_eq!(flags.contains(&Flag::FewRows), name != "temperature_biases", "{name}: {flags:?}");
        let penalised = name.starts_with("structured");
        assert_eq!(flags.contains(&Flag::Separable), !penalised, "{name}: {:?}", fitted.certificate);
        let p = probabilities(&*fitted.calibrator, &logits, 3);
        assert!(p.iter().all(|p| p.is_finite()), "{name}");
    }
    // Nothing tells the rows apart: the answer is the frequency of the classes.
    let even = [0.0; 30];
    let labels: Vec<usize> = (0..10).map(|row| usize::from(row >= 7)).collect();
    let rows = Block::new(Logits::new(&even, 3).unwrap(), Labels::new(&labels, 3)).unwrap();
    for name in ["temperature_biases", "vector", "matrix"] {
        let p = probabilities(&*fit(name, &rows).calibrator, &even[..3], 3);
        all_close(name, &p, &[0.7, 0.3, 0.0], 1e-4);
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let sample = Sample::new(6, 9000, 12, 2.0);
    for name in METHODS {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let fitted = fit(name, &sample.block());
                (fitted.calibrator.parameters(), fitted.certificate)
            })
        };
        let one = on(1);
        assert_eq!(one, on(3), "{name}");
    }
}

#[test]
fn bad_parameters_are_named() {
    let build = |name: &str, parameter: &str, value: f64| {
        let parameters = Parameters::new().with(parameter, Parameter::Number(value));
        (calibrate::method(name).unwrap().build)(&parameters).unwrap_err().to_string()
    };
    assert_eq!(
        build("structured_matrix", "off_diagonal_penalty", -1.0),
        "off_diagonal_penalty is -1; expected a finite number, 0 or above"
    );
    assert_eq!(
        build("dirichlet", "bias_penalty", f64::NAN),
        "bias_penalty is NaN; expected a finite number, 0 or above"
    );
    assert_eq!(build("vector", "temperature", 1.0), "parameter is \"temperature\"; expected no parameters");
    let load = |change: &dyn Fn(Parameters) -> Parameters| {
        let sample = Sample::new(7, 50, 3, 1.0);
        let parameters = change(fit("vector", &sample.block()).calibrator.parameters());
        (calibrate::method("vector").unwrap().load)(&parameters).unwrap_err().to_string()
    };
    let numbers = |values: &[f64]| Parameter::Numbers(values.to_vec());
    assert_eq!(load(&|p| p.with("scale", numbers(&[1.0]))), "scale is 1 numbers; expected 3, for 3 classes");
    assert_eq!(
        load(&|p| p.with("bias", numbers(&[1.0, f64::INFINITY, 0.0]))),
        "bias is inf; expected finite numbers"
    );
    assert_eq!(
        load(&|p| p.with("bias", numbers(&[1.0]))),
        "bias is 1 numbers; expected one for each of 2 classes or more"
    );
    assert_eq!(
        load(&|p| p.with("temperature", Parameter::Number(0.0))),
        "temperature is 0; expected a finite number above 0"
    );
    assert_eq!(
        load(&|p| p.with("uniform", Parameter::Number(1.0))),
        "uniform is 1; expected a number from 0 to below 1"
    );
}
