//! Binary calibrators against published packages and plain oracles, and the laws that all of them obey.

mod common;

use common::{Sample, close, each_case, numbers, text};
use temperance::calibrate::{
    self, BayesianBinning, BetaCalibration, BetaVariant, BinaryCalibrator, BinaryFit, BinaryMethod,
    BinaryRows, Calibrator, CentredIsotonicRegression, Entry, Fitted, Flag, HistogramBinning,
    IsotonicRegression, METHODS, PlattScaling, QuadraticScaling, ScalingBinning, VennAbers, log_odds,
    sigmoid,
};
use temperance::{Block, Logits, Parameter, Parameters, RowWeights, Rows};

/// Absolute tolerances on probabilities.
mod tolerance {
    /// Closed forms and sums of about a hundred terms.
    pub(crate) const EXACT: f64 = 1e-13;
    /// scikit-learn's interpolation and pooling on p, where 1 - p has lost digits.
    pub(crate) const POOLED: f64 = 1e-12;
    /// L-BFGS of the packages stops at a gradient of 1e-4 of the sum, or 1e-6 (scikit-learn's Platt scaling).
    pub(crate) const DESCENT: f64 = 2e-3;
    /// A Newton method without a penalty.
    pub(crate) const NEWTON: f64 = 1e-8;
    /// The edges of bins of equal width, and so the centres of bins without rows, are moved by so little.
    pub(crate) const EDGE: f64 = 1e-11;
    /// A mean gradient at the end of a descent.
    pub(crate) const GRADIENT: f64 = 1e-10;
    /// The same data written in another way: other rounding of sums.
    pub(crate) const SAME: f64 = 1e-9;
}

fn rows(score: &[f64], target: &[f64], weight: &[f64]) -> BinaryRows {
    BinaryRows { score: score.to_vec(), target: target.to_vec(), weight: weight.to_vec() }
}

fn probabilities(map: &dyn BinaryCalibrator, at: &[f64]) -> Vec<f64> {
    at.iter().map(|&s| sigmoid(map.calibrate(s))).collect()
}

/// Scores, targets of slope 0.7, and weights from 1 to 3, from a seed.
fn made_up(seed: u64, count: usize) -> BinaryRows {
    let sample = Sample::new(seed, count, 2, 1.4);
    BinaryRows {
        score: sample.logits.chunks(2).map(|z| z[1] - z[0]).collect(),
        target: sample.labels.iter().map(|&l| l as f64).collect(),
        weight: (0..count).map(|row| 1.0 + (row % 3) as f64).collect(),
    }
}

fn number(map: &dyn BinaryCalibrator, name: &'static str) -> f64 {
    map.parameters().number(name).unwrap()
}

// Parity

#[test]
fn equals_the_packages() {
    let mut deviations = std::collections::BTreeMap::<String, f64>::new();
    each_case("binary_calibrators.json", |name, case| {
        let list = |key: &str| numbers(&case[key]);
        let (score, target) = (list("score").unwrap(), list("target").unwrap());
        let weight = list("weight").unwrap_or(vec![1.0; score.len()]);
        let (rows, at) = (rows(&score, &target, &weight), list("at").unwrap());
        for (key, expected) in case["found"].as_object().unwrap() {
            let (method, tolerance): (Box<dyn BinaryMethod>, f64) = match key.as_str() {
                "platt" => (Box::new(PlattScaling::new()), tolerance::NEWTON),
                "platt_priors" => (Box::new(PlattScaling::new().priors(true)), tolerance::DESCENT),
                "beta_abm" => (Box::new(BetaCalibration::new(BetaVariant::Abm)), tolerance::DESCENT),
                "beta_am" => (Box::new(BetaCalibration::new(BetaVariant::Am)), tolerance::DESCENT),
                "beta_ab" => (Box::new(BetaCalibration::new(BetaVariant::Ab)), tolerance::DESCENT),
                "quadratic" => (Box::new(QuadraticScaling), tolerance::DESCENT),
                "isotonic" => (Box::new(IsotonicRegression), tolerance::POOLED),
                "centred_isotonic" => (Box::new(CentredIsotonicRegression), tolerance::POOLED),
                "scaling_binning" => (Box::new(ScalingBinning::new(8).unwrap()), tolerance::DESCENT),
                "venn_abers" => (Box::new(VennAbers), tolerance::POOLED),
                other => panic!("{other}"),
            };
            let fit = method.fit(&rows).unwrap();
            assert!(fit.gradient.is_none_or(|g| g < tolerance::GRADIENT), "{name} {key}");
            let expected = numbers(expected).unwrap();
            for (i, (got, expected)) in
                probabilities(&*fit.calibrator, &at).into_iter().zip(expected).enumerate()
            {
                let worst = deviations.entry(key.clone()).or_default();
                *worst = worst.max((got - expected).abs());
                close(&format!("{name} {key} {i} at {}", at[i]), got, expected, 0.0, tolerance);
            }
        }
    });
    println!("largest deviations: {deviations:?}");
}

// Oracles

#[test]
fn isotonic_regression_is_the_minimum_over_maxima() {
    for seed in 0..20 {
        let rows = made_up(seed, 40);
        let mut order: Vec<usize> = (0..40).collect();
        order.sort_by(|&a, &b| rows.score[a].total_cmp(&rows.score[b]));
        let mean = |from: usize, to: usize| {
            let part = &order[from..=to];
            let sum: f64 = part.iter().map(|&r| rows.weight[r] * rows.target[r]).sum();
            sum / part.iter().map(|&r| rows.weight[r]).sum::<f64>()
        };
        let map = IsotonicRegression.fit(&rows).unwrap().calibrator;
        for (i, &row) in order.iter().enumerate() {
            let least = |l: usize| (i..40).map(|u| mean(l, u)).fold(f64::INFINITY, f64::min);
            let expected = (0..=i).map(least).fold(f64::NEG_INFINITY, f64::max);
            let got = sigmoid(map.calibrate(rows.score[row]));
            close("isotonic", got, expected, 0.0, tolerance::EXACT);
        }
    }
}

#[test]
fn venn_abers_is_isotonic_regression_with_one_more_row() {
    for seed in 0..20 {
        let mut rows = made_up(seed, 30);
        // Some ties.
        rows.score.iter_mut().for_each(|s| *s = (4.0 * *s).round() / 4.0);
        let map = VennAbers.fit(&rows).unwrap().calibrator;
        let mut at = rows.score.clone();
        at.extend(rows.score.iter().map(|s| s + 0.1));
        at.extend([-50.0, 50.0]);
        for s in at {
            let with = |target: f64| {
                let mut more = rows.clone();
                more.score.push(s);
                more.target.push(target);
                more.weight.push(1.0);
                sigmoid(IsotonicRegression.fit(&more).unwrap().calibrator.calibrate(s))
            };
            let (p0, p1) = (with(0.0), with(1.0));
            let got = sigmoid(map.calibrate(s));
            close(&format!("seed {seed} at {s}"), got, p1 / (1.0 - p0 + p1), 0.0, tolerance::EXACT);
        }
    }
}

/// ln Γ(x + n) - ln Γ(x) for a whole n, from the product.
fn rising(x: f64, n: f64) -> f64 {
    (0..n as usize).map(|i| (x + i as f64).ln()).sum()
}

#[test]
fn bbq_is_the_average_over_histograms() {
    for seed in 0..5 {
        let mut rows = made_up(seed, 60);
        rows.weight = vec![1.0; 60];
        let mut order: Vec<usize> = (0..60).collect();
        order.sort_by(|&a, &b| rows.score[a].total_cmp(&rows.score[b]));
        let p: Vec<f64> = order.iter().map(|&r| sigmoid(rows.score[r])).collect();
        let t: Vec<f64> = order.iter().map(|&r| rows.target[r]).collect();
        // 60 rows: from 1 to min(12, 40) bins.
        let mut models = Vec::new();
        for bins in 1..=12_usize {
            let ends: Vec<usize> = (1..=bins).map(|b| (60 * b).div_ceil(bins)).collect();
            let (mut start, mut score, mut values) = (0, 0.0, vec![0.0; 60]);
            for &end in &ends {
                let lower = if start == 0 { 0.0 } else { (p[start - 1] + p[start]) / 2.0 };
                let upper = if end == 60 { 1.0 } else { (p[end - 1] + p[end]) / 2.0 };
                let centre = (lower + upper) / 2.0;
                let (a, b) = (2.0 / bins as f64 * centre, 2.0 / bins as f64 * (1.0 - centre));
                let n = (end - start) as f64;
                let m: f64 = t[start..end].iter().sum();
                score += rising(a, m) + rising(b, n - m) - rising(a + b, n);
                values[start..end].fill((a + m) / (a + b + n));
                start = end;
            }
            models.push((score, values));
        }
        let best = models.iter().map(|m| m.0).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = models.iter().map(|m| (m.0 - best).exp()).sum();
        let map = BayesianBinning.fit(&rows).unwrap().calibrator;
        for (i, &row) in order.iter().enumerate() {
            let expected: f64 = models.iter().map(|m| (m.0 - best).exp() / total * m.1[i]).sum();
            let got = sigmoid(map.calibrate(rows.score[row]));
            close("bbq", got, expected, 0.0, 1e-11);
        }
    }
}

#[test]
fn histogram_bins_are_counted() {
    let score: Vec<f64> = [0.2, 0.2, 0.4, 0.7, 0.9].map(log_odds).to_vec();
    let rows = rows(&score, &[0.0, 1.0, 0.0, 1.0, 1.0], &[1.0, 3.0, 1.0, 1.0, 1.0]);
    let at = |method: HistogramBinning, p: f64| {
        sigmoid(method.fit(&rows).unwrap().calibrator.calibrate(log_odds(p)))
    };
    let width = HistogramBinning::equal_width(5).unwrap();
    // 0.2 is on an edge and belongs below it; no row is in (0.4, 0.6].
    for (p, expected) in [(0.1, 0.75), (0.2, 0.75), (0.3, 0.0), (0.5, 0.5), (0.7, 1.0)] {
        close("equal width", at(width, p), expected, 0.0, tolerance::EDGE);
    }
    // Of 7, half is reached at 0.2: the edge is 0.3.
    let mass = HistogramBinning::equal_mass(2).unwrap();
    for (p, expected) in [(0.29, 0.75), (0.31, 2.0 / 3.0), (1.0, 2.0 / 3.0)] {
        close("equal mass", at(mass, p), expected, 0.0, tolerance::EXACT);
    }
    let refused = "bins is 0; expected a whole number from 1 to 1000000";
    assert_eq!(text(HistogramBinning::equal_mass(0)), refused);
    assert_eq!(text(HistogramBinning::equal_width(0)), refused);
    assert_eq!(text(ScalingBinning::new(0)), refused);
}

#[test]
fn the_gradient_of_the_smooth_ones_vanishes_by_differences() {
    let rows = made_up(3, 200);
    let total: f64 = rows.weight.iter().sum();
    let loss = |eta: &dyn Fn(f64) -> f64| -> f64 {
        let of = |i: usize| {
            let (p, t) = (sigmoid(eta(rows.score[i])), rows.target[i]);
            -rows.weight[i] * (t * p.ln() + (1.0 - t) * (1.0 - p).ln())
        };
        (0..rows.rows()).map(of).sum::<f64>() / total
    };
    let platt = PlattScaling::new().fit(&rows).unwrap().calibrator;
    let quadratic = QuadraticScaling.fit(&rows).unwrap().calibrator;
    let beta = BetaCalibration::new(BetaVariant::Abm).fit(&rows).unwrap().calibrator;
    let best = [platt, quadratic, beta].map(|map| {
        let value = loss(&|s| map.calibrate(s));
        for feature in [&|_: f64| 1.0, &|s: f64| s] as [&dyn Fn(f64) -> f64; 2] {
            let at = |h: f64| loss(&|s| map.calibrate(s) + h * feature(s));
            close("slope", (at(1e-4) - at(-1e-4)) / 2e-4, 0.0, 0.0, 1e-8);
        }
        value
    });
    assert!(best[1] <= best[0] && best[2] <= best[0], "{best:?}");
}

#[test]
fn separable_and_degenerate_rows_have_an_answer() {
    let separable = rows(&[-2.0, -1.0, 1.0, 2.0], &[0.0, 0.0, 1.0, 1.0], &[1.0; 4]);
    let smooth: [Box<dyn BinaryMethod>; 5] = [
        Box::new(PlattScaling::new()),
        Box::new(BetaCalibration::new(BetaVariant::Abm)),
        Box::new(BetaCalibration::new(BetaVariant::Ab)),
        Box::new(QuadraticScaling),
        Box::new(ScalingBinning::new(2).unwrap()),
    ];
    for method in smooth {
        let BinaryFit { calibrator, gradient, flags } = method.fit(&separable).unwrap();
        assert_eq!(flags, [Flag::Separable], "{}", method.name());
        assert!(gradient.unwrap() < tolerance::GRADIENT, "{gradient:?}");
        let p = probabilities(&*calibrator, &separable.score);
        assert!(p[1] < 1e-5 && p[2] > 1.0 - 1e-5, "{}: {p:?}", method.name());
        // Rows that all have one score: the mean of the targets.
        let equal = rows(&[0.5; 4], &[0.0, 0.0, 0.0, 1.0], &[1.0; 4]);
        let BinaryFit { calibrator, flags, .. } = method.fit(&equal).unwrap();
        close(method.name(), sigmoid(calibrator.calibrate(0.5)), 0.25, 0.0, tolerance::EXACT);
        assert!(flags.contains(&Flag::FewRows), "{}", method.name());
    }
    let platt = PlattScaling::new().fit(&rows(&[0.5; 2], &[0.0, 1.0], &[1.0, 3.0])).unwrap().calibrator;
    assert_eq!(number(&*platt, "slope"), 0.0);
    close("intercept", number(&*platt, "intercept"), 3_f64.ln(), tolerance::EXACT, 0.0);
}

// Laws over the registry

fn binary() -> impl Iterator<Item = &'static Entry> {
    METHODS.iter().filter(|entry| entry.binary)
}

fn fit(entry: &Entry, top_label: f64, rows: &dyn Rows) -> Fitted {
    let parameters = Parameters::new().with("top_label", Parameter::Number(top_label));
    (entry.build)(&parameters)
        .unwrap()
        .fit_observed(rows, &())
        .unwrap_or_else(|e| panic!("{}: {e}", entry.name))
}

fn apply(calibrator: &dyn Calibrator, sample: &Sample) -> Vec<f64> {
    let mut out = vec![0.0; sample.logits.len()];
    let logits = Logits::new(&sample.logits, sample.classes).unwrap();
    calibrate::probabilities_into(calibrator, &logits.into(), &mut out).unwrap();
    out
}

#[track_caller]
fn legal(name: &str, fitted: &Fitted, sample: &Sample) -> Vec<f64> {
    let p = apply(&*fitted.calibrator, sample);
    for row in p.chunks(sample.classes) {
        assert!(row.iter().all(|p| (0.0..=1.0).contains(p)), "{name}: {row:?}");
        close(name, row.iter().sum(), 1.0, 1e-12, 0.0);
    }
    assert!(fitted.certificate.nll_after.is_finite(), "{name}");
    assert!(fitted.certificate.gradient.is_none_or(|g| g < tolerance::GRADIENT), "{name}");
    p
}

#[test]
fn every_one_serves_any_number_of_classes_and_survives_its_file() {
    for (classes, count) in [(2, 300), (5, 400), (30, 600)] {
        let sample = Sample::new(40 + classes as u64, count, classes, 1.5);
        for (entry, top_label) in binary().flat_map(|entry| [(entry, 0.0), (entry, 1.0)]) {
            let fitted = fit(entry, top_label, &sample.block());
            let p = legal(entry.name, &fitted, &sample);
            let json = serde_json::to_string(&fitted.calibrator.parameters()).unwrap();
            let loaded = (entry.load)(&serde_json::from_str(&json).unwrap()).unwrap();
            assert_eq!(apply(&*loaded, &sample), p, "{}", entry.name);
            assert_eq!(loaded.parameters(), fitted.calibrator.parameters());
        }
    }
}

#[test]
fn every_one_answers_hard_cases() {
    let case = |logits: &[f64], labels: &[usize], classes| Sample {
        logits: logits.to_vec(),
        labels: labels.to_vec(),
        classes,
    };
    let many = Sample::new(50, 200, 3, 1.0);
    // No label is class 2.
    let missing = Sample { labels: many.labels.iter().map(|&l| l % 2).collect(), ..many.clone() };
    // Every label on top.
    let top = |z: &[f64]| (0..3).fold(0, |best, i| if z[i] > z[best] { i } else { best });
    let separable = Sample { labels: many.logits.chunks(3).map(top).collect(), ..many.clone() };
    let infinity = f64::INFINITY;
    let cases = [
        case(&[1.0, 0.0, 0.0, 2.0, 0.5, 0.0], &[0, 1, 1], 2),
        case(&[1.0, 0.0].repeat(6), &[0, 1, 1, 0, 0, 0], 2),
        case(&[1.0, 0.0, 3.0].repeat(4), &[0, 1, 2, 2], 3),
        case(&[900.0, 0.0, 0.0, 900.0, 900.0, 0.0], &[0, 1, 1], 2),
        case(&[0.0, 1.0, -infinity, 0.0, -1.0, 2.0], &[0, 2], 3),
        missing,
        separable,
    ];
    for (index, sample) in cases.iter().enumerate() {
        for (entry, top_label) in binary().flat_map(|entry| [(entry, 0.0), (entry, 1.0)]) {
            let fitted = fit(entry, top_label, &sample.block());
            let p = legal(&format!("{} {index}", entry.name), &fitted, sample);
            assert!(sample.logits.iter().zip(&p).all(|(z, p)| *z > -infinity || *p == 0.0));
            let loaded = (entry.load)(&fitted.calibrator.parameters()).unwrap();
            assert_eq!(apply(&*loaded, sample), p, "{} {index}", entry.name);
        }
    }
}

#[test]
fn weights_are_repeated_rows() {
    let sample = Sample::new(60, 150, 3, 1.5);
    let weights: Vec<f64> = (0..150).map(|row| (row % 4) as f64).collect();
    let mut repeated = Sample { logits: Vec::new(), labels: Vec::new(), classes: 3 };
    for (row, z) in sample.logits.chunks(3).enumerate() {
        for _ in 0..row % 4 {
            repeated.logits.extend(z);
            repeated.labels.push(sample.labels[row]);
        }
    }
    // Weight 0 is absent whatever the row.
    let mut wild = sample.clone();
    wild.logits.chunks_mut(3).step_by(4).for_each(|z| z.iter_mut().for_each(|z| *z *= -20.0));
    let scaled: Vec<f64> = weights.iter().map(|w| 0.37 * w).collect();
    for entry in binary() {
        let expected = apply(&*fit(entry, 0.0, &repeated.block()).calibrator, &sample);
        let same = |rows: &Block<'_>, weights: &[f64]| {
            let rows = rows.with_weights(RowWeights::new(weights)).unwrap();
            let got = apply(&*fit(entry, 0.0, &rows).calibrator, &sample);
            for (got, expected) in got.iter().zip(&expected) {
                close(entry.name, *got, *expected, 0.0, tolerance::SAME);
            }
        };
        same(&sample.block(), &weights);
        same(&wild.block(), &weights);
        // There weights count rows.
        if !["bbq", "venn_abers"].contains(&entry.name) {
            same(&sample.block(), &scaled);
        }
    }
}

#[test]
fn monotone_ones_never_swap_scores() {
    let at: Vec<f64> = (-900..=900).map(|i| f64::from(i) / 10.0).collect();
    for seed in 0..10 {
        let rows = made_up(seed, 200);
        let monotone: [Box<dyn BinaryMethod>; 5] = [
            Box::new(PlattScaling::new()),
            Box::new(BetaCalibration::default()),
            Box::new(CentredIsotonicRegression),
            Box::new(IsotonicRegression),
            Box::new(VennAbers),
        ];
        for method in monotone {
            let map = method.fit(&rows).unwrap().calibrator;
            let odds: Vec<f64> = at.iter().map(|&s| map.calibrate(s)).collect();
            assert!(odds.is_sorted(), "{} {seed}", method.name());
        }
    }
}

// Failures

#[test]
fn parameters_are_checked() {
    let with = |parameters: Parameters, name: &str, value| parameters.with(name, Parameter::Number(value));
    let build = |method: &str, name: &str, value| {
        text((calibrate::method(method).unwrap().build)(&with(Parameters::new(), name, value)))
    };
    assert_eq!(build("platt", "priors", 2.0), "priors is 2; expected 0 or 1 (Platt's targets)");
    assert_eq!(
        build("beta", "variant", f64::NAN),
        "variant is NaN; expected 0 (a, b and m), 1 (a = b, and m) or 2 (a and b)"
    );
    assert_eq!(build("histogram", "bins", 1.5), "bins is 1.5; expected a whole number from 1 to 1000000");
    assert_eq!(
        build("isotonic", "top_label", 0.5),
        "top_label is 0.5; expected 0 (one versus rest) or 1 (top label)"
    );
    let file = |lists: &[(&str, &[f64])]| {
        let start = with(with(Parameters::new(), "top_label", 0.0), "classes", 2.0)
            .with("fitted", Parameter::Numbers(vec![1.0]));
        lists.iter().fold(start, |parameters, (name, list)| {
            let length = Parameter::Numbers(vec![list.len() as f64]);
            parameters.with(name, Parameter::Numbers(list.to_vec())).with(&format!("{name}_lengths"), length)
        })
    };
    let load = |method: &str, lists: &[(&str, &[f64])]| {
        text((calibrate::method(method).unwrap().load)(&file(lists)))
    };
    let curve = |s: &[f64], p: &[f64]| load("isotonic", &[("scores", s), ("probabilities", p)]);
    assert_eq!(curve(&[], &[]), "scores is an empty list; expected at least one number");
    assert_eq!(
        curve(&[1.0, 1.0], &[0.0, 1.0]),
        "scores is 1 after 1; expected each number above the one before"
    );
    assert_eq!(curve(&[f64::NAN], &[0.5]), "scores is NaN; expected finite numbers");
    assert_eq!(curve(&[0.0], &[0.5, 0.6]), "probabilities is 2 numbers; expected 1");
    assert_eq!(curve(&[0.0], &[1.5]), "probabilities is 1.5; expected numbers from 0 to 1");
    let steps = load("bbq", &[("edges", &[0.0]), ("probabilities", &[0.5])]);
    assert_eq!(steps, "probabilities is 1 numbers; expected 2");
    let intervals = |l: &[f64], u: &[f64]| load("venn_abers", &[("scores", &[]), ("lower", l), ("upper", u)]);
    assert_eq!(intervals(&[1.0], &[1.0]), "lower is 1; expected numbers below 1");
    assert_eq!(intervals(&[0.0], &[0.0]), "upper is 0; expected numbers above 0");
    let platt = file(&[]).with("slope", Parameter::Numbers(vec![f64::INFINITY]));
    let platt = platt.with("intercept", Parameter::Numbers(vec![0.0]));
    let load = calibrate::method("platt").unwrap().load;
    assert_eq!(text(load(&platt)), "slope is inf; expected a finite number");
}
