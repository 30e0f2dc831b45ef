//! Metrics against scikit-learn, published disagreements on bins, and oracles in plain loops.

mod common;

use common::{Sample, close, each_case, number, numbers, softmax, text};
use proptest::prelude::*;
use temperance::metric::{
    Binning, Bins, Classwise, EdgeRule, Entry, Evaluation, METRICS, Measured, Summaries, Tier, metric,
};
use temperance::{
    Block, ErrorKind, Labels, Logits, Probabilities, RowWeights, Rows, SoftLabels, Targets, Zeros,
};

/// Relative and absolute tolerances.
mod tolerance {
    /// scikit-learn adds up the same numbers in another order.
    pub(crate) const SCIKIT_LEARN: f64 = 1e-13;
    /// Values published with six digits.
    pub(crate) const PUBLISHED: f64 = 5e-7;
    /// Plain loops round logits of size 10 in other places, and losses are differences of them.
    pub(crate) const ORACLE: f64 = 1e-12;
}

const RULES: [EdgeRule; 3] = [EdgeRule::RightClosed, EdgeRule::LeftClosed, EdgeRule::Torchmetrics];

fn measure(rows: &dyn Rows) -> Measured {
    Evaluation::new().measure(rows).unwrap()
}

#[track_caller]
fn check(measured: &Measured, name: &str, expected: f64) {
    let got = measured.metric(name).unwrap();
    close(name, got, expected, tolerance::ORACLE, tolerance::ORACLE);
}

// Parity

#[test]
fn equals_scikit_learn() {
    each_case("scores.json", |name, case| {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let p = numbers(&case["probabilities"]).unwrap();
        let labels: Vec<u8> = numbers(&case["labels"]).unwrap().iter().map(|&l| l as u8).collect();
        let weights = numbers(&case["sample_weight"]).unwrap_or(vec![1.0; labels.len()]);
        let labels = Labels::new(&labels, classes);
        let logits: Vec<f64> = p.iter().map(|p| p.ln()).collect();
        let evaluation = Evaluation::new().top_k(&[2, 3]).unwrap();
        let measure = |block: Block| {
            let rows = block.with_weights(RowWeights::new(&weights)).unwrap();
            evaluation.measure(&rows).unwrap()
        };
        let single: Vec<f32> = p.iter().map(|&p| p as f32).collect();
        let of_p = measure(Block::new(Probabilities::new(&p, classes).unwrap(), labels).unwrap());
        let of_z = measure(Block::new(Logits::new(&logits, classes).unwrap(), labels).unwrap());
        let of_f32 = measure(Block::new(Probabilities::new(&single, classes).unwrap(), labels).unwrap());
        let names = [("nll", "log_loss"), ("brier", "brier_score"), ("accuracy", "accuracy")];
        let top_k = [("top_2_accuracy", "top_2_accuracy"), ("top_3_accuracy", "top_3_accuracy")];
        for (ours, theirs) in names.iter().chain(top_k.iter().filter(|_| classes > 3)) {
            let expected = number(&case[theirs]);
            let close_to = |got: &Measured| {
                close(
                    &format!("{name} {ours}"),
                    got.metric(ours).unwrap(),
                    expected,
                    tolerance::SCIKIT_LEARN,
                    0.0,
                );
            };
            close_to(&of_p);
            close_to(&of_z);
            if name.contains("float32") {
                close_to(&of_f32);
            }
        }
    });
}

/// Twelve points that five packages put in "5 bins", with as many answers.
fn toy() -> Summaries {
    let p = [0.0, 0.1, 0.2, 0.2, 0.35, 0.5, 0.5, 0.65, 0.8, 0.95, 1.0, 1.0];
    let y = [0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0];
    Summaries::from_confidences(&p, &y, None).unwrap()
}

#[test]
fn every_rule_gives_the_number_of_its_packages() {
    let bins = |rule| Bins::of(&toy(), Binning::EqualWidth(5, rule)).unwrap();
    let (right, left, phantom) = (bins(RULES[0]), bins(RULES[1]), bins(RULES[2]));
    let published = |what, got, expected| close(what, got, expected, 0.0, tolerance::PUBLISHED);
    published("uncertainty-calibration", right.expected_error(), 0.195833);
    published("netcal", left.expected_error(), 0.120833);
    published("netcal MCE", left.maximum_error(), 0.35);
    published("torchmetrics", phantom.expected_error(), 0.162500);
    published("torchmetrics l2", phantom.root_mean_square_error(), 0.237975);
    published("torchmetrics max", phantom.maximum_error(), 0.5);
    assert_eq!((right.bins().len(), left.bins().len(), phantom.bins().len()), (5, 5, 6));
    let mass = Bins::of(&toy(), Binning::EqualMass(5)).unwrap();
    published("uncertainty-calibration equal mass", mass.expected_error(), 0.204167);
    published("its plug-in L2", mass.root_mean_square_error(), 0.251178);
    let four = Bins::of(&toy(), Binning::EqualWidth(4, EdgeRule::RightClosed)).unwrap();
    published("MAPIE's 5 bins are 4", four.expected_error(), 0.162500);
}

#[test]
fn the_order_of_the_rows_does_not_matter() {
    let toy = toy();
    let reversed = |values: &[f64]| values.iter().rev().copied().collect::<Vec<_>>();
    let backwards =
        Summaries::from_confidences(&reversed(&toy.confidence), &reversed(&toy.correct), None).unwrap();
    for binning in RULES.map(|rule| Binning::EqualWidth(5, rule)).into_iter().chain([Binning::EqualMass(5)]) {
        let error = |rows| Bins::of(rows, binning).unwrap().expected_error();
        close("reversed", error(&backwards), error(&toy), 1e-15, 0.0);
    }
}

// Edges

/// The bin of the f64 nearest to n/d among B of equal width whose edges are the f64 nearest to b/B, by whole
/// numbers: an f64 of an edge is on it, any other lies on the side of its exact value.
fn exact_bin(n: usize, d: usize, bins: usize, rule: EdgeRule) -> usize {
    match rule {
        EdgeRule::RightClosed => (n * bins).div_ceil(d).max(1) - 1,
        EdgeRule::LeftClosed => (n * bins / d).min(bins - 1),
        EdgeRule::Torchmetrics => n * bins / d,
    }
}

fn bin_of(p: f64, bins: usize, rule: EdgeRule) -> usize {
    let mut bins = Bins::equal_width(bins, rule).unwrap();
    bins.add(p, 1.0, 1.0);
    bins.bins().iter().position(|bin| bin.rows == 1).unwrap()
}

#[test]
fn fractions_on_an_edge_go_where_the_rule_says() {
    for rule in RULES {
        for bins in 1..=60 {
            for votes in 1..=60 {
                for n in 0..=votes {
                    let got = bin_of(n as f64 / votes as f64, bins, rule);
                    assert_eq!(got, exact_bin(n, votes, bins, rule), "{n}/{votes} in {bins} bins, {rule:?}");
                }
            }
        }
    }
    // By multiplication 0.3 goes up, by NumPy's linspace down: 0.1 + 0.1 + 0.1 is above 0.3.
    assert_eq!(RULES.map(|rule| bin_of(0.3, 10, rule)), [2, 3, 3]);
    assert_eq!(RULES.map(|rule| bin_of(0.1 + 0.1 + 0.1, 10, rule)), [3, 3, 3]);
    assert_eq!(RULES.map(|rule| bin_of(0.0, 10, rule)), [0, 0, 0]);
    assert_eq!(RULES.map(|rule| bin_of(1.0, 10, rule)), [9, 9, 10]);
    assert_eq!(RULES.map(|rule| bin_of(1.0_f64.next_down(), 10, rule)), [9, 9, 9]);
    assert_eq!(RULES.map(|rule| bin_of(f64::MIN_POSITIVE, 10, rule)), [0, 0, 0]);
}

proptest! {
    #[test]
    fn a_row_lies_between_the_edges_of_its_bin(p in 0.0..=1.0_f64, bins in 1..500_usize) {
        for rule in RULES {
            let bin = bin_of(p, bins, rule);
            let bin = Bins::equal_width(bins, rule).unwrap().bins()[bin];
            prop_assert!(bin.lower <= p && p <= bin.upper);
            prop_assert!(rule == EdgeRule::RightClosed || p < bin.upper || p == 1.0);
            prop_assert!(rule != EdgeRule::RightClosed || p > bin.lower || p == 0.0);
        }
    }
}

// Oracles

/// What an oracle knows of a row: probabilities and targets.
struct Row {
    p: Vec<f64>,
    t: Vec<f64>,
    w: f64,
}

impl Row {
    fn top(&self) -> usize {
        (0..self.p.len()).rev().max_by(|&a, &b| self.p[a].total_cmp(&self.p[b])).unwrap()
    }
}

fn mean(rows: &[Row], of: impl Fn(&Row) -> f64) -> f64 {
    rows.iter().map(|row| row.w * of(row)).sum::<f64>() / rows.iter().map(|row| row.w).sum::<f64>()
}

/// Σ over bins of n_b/n·f(confidence - accuracy), straight from the definition, for 15 bins (lo, hi].
fn binned(rows: &[Row], of: impl Fn(&Row) -> (f64, f64), f: impl Fn(f64) -> f64) -> Vec<f64> {
    let total: f64 = rows.iter().map(|row| row.w).sum();
    (0..15)
        .filter_map(|b| {
            let (low, high) = (b as f64 / 15.0, (b + 1) as f64 / 15.0);
            let inside = |p: f64| p <= high && (p > low || b == 0);
            let here = || rows.iter().filter(|row| inside(of(row).0));
            let weight: f64 = here().map(|row| row.w).sum();
            let gap: f64 = here().map(|row| row.w * (of(row).0 - of(row).1)).sum();
            (weight > 0.0).then(|| weight / total * f(gap / weight))
        })
        .collect()
}

/// Bins of equal weight by the rule of uncertainty-calibration: array_split, edges half-way.
fn equal_mass(rows: &[Row]) -> f64 {
    let mut sorted: Vec<(f64, f64)> = rows.iter().map(|row| (row.p[row.top()], row.t[row.top()])).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (size, longer) = (sorted.len() / 15, sorted.len() % 15);
    let (mut edges, mut start) = (vec![], 0);
    for b in 0..14 {
        start += size + usize::from(b < longer);
        if start > 0 && start < sorted.len() {
            edges.push((sorted[start - 1].0 + sorted[start].0) / 2.0);
        }
    }
    edges.push(1.0);
    let bin = |p: f64| edges.iter().position(|edge| p <= *edge).unwrap();
    (0..edges.len())
        .map(|b| sorted.iter().filter(|(p, _)| bin(*p) == b).map(|(p, c)| p - c).sum::<f64>().abs())
        .sum::<f64>()
        / sorted.len() as f64
}

fn oracle(name: &str, rows: &[Row]) -> Option<f64> {
    let top = |row: &Row| (row.p[row.top()], row.t[row.top()]);
    let sum = |f: fn(f64) -> f64| binned(rows, top, f).iter().sum::<f64>();
    let live =
        |row: &Row, f: &dyn Fn(usize) -> f64| (0..row.p.len()).map(f).filter(|v| !v.is_nan()).sum::<f64>();
    Some(match name {
        "accuracy" => mean(rows, |row| row.t[row.top()]),
        "nll" => mean(rows, |row| {
            -(0..row.p.len()).filter(|&c| row.t[c] > 0.0).map(|c| row.t[c] * row.p[c].ln()).sum::<f64>()
        }),
        "brier" => mean(rows, |row| live(row, &|c| (row.p[c] - row.t[c]).powi(2))),
        "mean_confidence" => mean(rows, |row| row.p[row.top()]),
        "mean_entropy" => mean(rows, |row| live(row, &|c| -row.p[c] * row.p[c].ln())),
        "ece" => sum(f64::abs),
        "overconfidence" => sum(|gap| gap.max(0.0)),
        "underconfidence" => sum(|gap| (-gap).max(0.0)),
        "rmsce" => sum(|gap| gap * gap).sqrt(),
        "mce" => {
            let weights = binned(rows, top, |_| 1.0);
            let gaps = binned(rows, top, f64::abs);
            gaps.iter().zip(weights).map(|(gap, weight)| gap / weight).fold(0.0, f64::max)
        }
        "classwise_ece" => {
            let classes = rows[0].p.len();
            (0..classes)
                .map(|c| binned(rows, |row| (row.p[c], row.t[c]), f64::abs).iter().sum::<f64>())
                .sum::<f64>()
                / classes as f64
        }
        "ece_equal_mass" if rows.iter().all(|row| row.w == rows[0].w) => equal_mass(rows),
        "ece_equal_mass" => return None,
        // Their oracles stand in `calibration_errors.rs`.
        "l2_debiased" | "l1_debiased" | "smooth_ece" | "ece_sweep" => return None,
        _ => panic!("{name} has no oracle"),
    })
}

#[derive(Debug, Clone)]
struct Case {
    classes: usize,
    logits: Vec<f64>,
    labels: Vec<i64>,
    soft: Option<Vec<f64>>,
    weights: Option<Vec<f64>>,
    as_probabilities: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    (1..12_usize, 1..60_usize).prop_flat_map(|(k, n)| {
        // Multiples of 1/4 make ties.
        let logit = prop_oneof![8 => -8.0..8.0_f64, 3 => (-8..8_i32).prop_map(|z| f64::from(z) / 4.0)];
        let soft =
            prop::collection::vec(prop_oneof![Just(1e-3), 0.0..1.0_f64], n * k).prop_map(move |mut t| {
                for t in t.chunks_mut(k) {
                    let sum: f64 = t.iter().sum::<f64>().max(1e-9);
                    t.iter_mut().for_each(|t| *t /= sum);
                }
                t
            });
        (
            prop::collection::vec(logit, n * k),
            prop::collection::vec(prop_oneof![6 => 0..k as i64, 1 => Just(-100)], n),
            prop::option::of(soft),
            prop::option::of(prop::collection::vec(prop_oneof![1 => Just(0.0), 5 => 0.1..4.0_f64], n)),
            any::<bool>(),
        )
            .prop_map(move |(logits, mut labels, soft, mut weights, as_probabilities)| {
                labels[0] = 0;
                if let Some(weights) = &mut weights {
                    weights[0] = 1.0;
                }
                Case { classes: k, logits, labels, soft, weights, as_probabilities }
            })
    })
}

/// The metrics that every evaluation measures; the others have tests of their own.
fn standard() -> impl Iterator<Item = &'static Entry> {
    METRICS.iter().filter(|entry| entry.tier == Tier::Standard)
}

proptest! {
    #[test]
    fn every_metric_equals_its_oracle(case in cases()) {
        let k = case.classes;
        let p: Vec<f64> = case.logits.chunks(k).flat_map(softmax).collect();
        let soft = case.soft.as_ref().map(|soft| SoftLabels::new(soft, k).unwrap());
        let labels = Labels::with_ignored(&case.labels, k, -100);
        let targets: Targets = soft.map_or(labels.into(), |soft| soft.into());
        let block = if case.as_probabilities {
            Block::new(Probabilities::new(&p, k).unwrap(), targets)
        } else {
            Block::new(Logits::new(&case.logits, k).unwrap(), targets)
        }
        .unwrap();
        let weighted = case.weights.as_ref().map(|w| block.with_weights(RowWeights::new(w)).unwrap());
        let measured = measure(&weighted.unwrap_or(block));
        let rows: Vec<Row> = (0..case.labels.len())
            .filter(|&row| soft.is_some() || case.labels[row] >= 0)
            .map(|row| Row {
                p: p[row * k..(row + 1) * k].to_vec(),
                t: match &case.soft {
                    Some(soft) => soft[row * k..(row + 1) * k].to_vec(),
                    None => (0..k).map(|c| f64::from(u8::from(case.labels[row] == c as i64))).collect(),
                },
                w: case.weights.as_ref().map_or(1.0, |weights| weights[row]),
            })
            .collect();
        prop_assert_eq!(measured.rows, rows.len() as u64);
        for entry in standard() {
            if let Some(expected) = oracle(entry.name, &rows) {
                check(&measured, entry.name, expected);
            }
        }
        let sum = measured.metric("overconfidence").unwrap() + measured.metric("underconfidence").unwrap();
        check(&measured, "ece", sum);
        // The classes, one by one.
        for (c, class) in measured.per_class.iter().enumerate() {
            let of_class = |name, got: f64, expected: f64| close(name, got, expected, 1e-12, 1e-12);
            of_class("probability", class.mean_probability, mean(&rows, |row| row.p[c]));
            of_class("frequency", class.frequency, mean(&rows, |row| row.t[c]));
            of_class("ece", class.ece, binned(&rows, |row| (row.p[c], row.t[c]), f64::abs).iter().sum());
            let sum = |of: &dyn Fn(&Row) -> f64| rows.iter().map(|row| row.w * of(row)).sum::<f64>();
            let on_top = |row: &Row| f64::from(u8::from(row.top() == c));
            let hit = sum(&|row| row.t[c] * on_top(row));
            let shares = [("recall", class.recall, sum(&|row| row.t[c])), ("precision", class.precision, sum(&on_top))];
            for (name, got, of) in shares {
                match got {
                    Some(got) => of_class(name, got, hit / of),
                    None => prop_assert_eq!(of, 0.0),
                }
                prop_assert!(got.is_none_or(|share| share <= 1.0 + 1e-12));
            }
        }
    }
}

#[test]
fn every_metric_is_found_by_name_and_says_what_it_is() {
    for entry in METRICS {
        assert!(std::ptr::eq(metric(entry.name).unwrap(), entry));
        assert!(![entry.summary, entry.formula, entry.source].contains(&""));
    }
    assert!(metric("no such metric").is_none());
}

#[test]
fn the_table_of_classes_counts_what_it_says() {
    // Arg-max 0, 0, 1, 1, 1; class 2 never is.
    let logits = [2.0, 1.0, 0.0, 2.0, 1.0, 0.0, 0.0, 3.0, 0.0, 0.0, 3.0, 0.0, 1.0, 1.5, 0.0];
    let rows = Block::new(Logits::new(&logits, 3).unwrap(), Labels::new(&[0, 1, 1, 1, 0], 3)).unwrap();
    let classes = measure(&rows).per_class;
    let counts: Vec<_> = classes.iter().map(|class| (class.rows, class.predicted)).collect();
    assert_eq!(counts, [(2, 2), (3, 3), (0, 0)]);
    assert_eq!(classes[0].recall, Some(0.5));
    assert_eq!(classes[1].precision, Some(2.0 / 3.0));
    assert_eq!((classes[2].recall, classes[2].precision), (None, None));
    assert_eq!(classes[2].frequency, 0.0);
    assert!(classes[2].mean_probability > 0.0);
}

#[test]
fn a_share_of_soft_labels_never_exceeds_one() {
    // Both rows predict class 0; the first is mostly class 1.
    let (logits, soft) = ([2.0, 0.0, 2.0, 0.0], [0.4, 0.6, 0.9, 0.1]);
    let rows = Block::new(Logits::new(&logits, 2).unwrap(), SoftLabels::new(&soft, 2).unwrap()).unwrap();
    let classes = measure(&rows).per_class;
    assert_eq!((classes[0].recall, classes[1].recall), (Some(1.0), Some(0.0)));
    close("precision", classes[0].precision.unwrap(), 0.65, 1e-15, 0.0);
    assert_eq!((classes[0].rows, classes[1].rows), (1, 1));
}

// Bins of equal weight, intervals

#[test]
fn bins_of_equal_mass_are_even_and_never_part_a_tie() {
    let sizes = |confidence: &[f64], count| -> Vec<u64> {
        let correct = vec![1.0; confidence.len()];
        let rows = Summaries::from_confidences(confidence, &correct, None).unwrap();
        Bins::of(&rows, Binning::EqualMass(count)).unwrap().bins().iter().map(|bin| bin.rows).collect()
    };
    let distinct: Vec<f64> = (0..12).map(|i| 0.05 + f64::from(i * 7 % 12) / 16.0).collect();
    assert_eq!(sizes(&distinct, 4), [3, 3, 3, 3]);
    assert_eq!(sizes(&distinct, 5), [3, 3, 2, 2, 2]);
    assert_eq!(sizes(&distinct, 1), [12]);
    assert_eq!(sizes(&distinct, 12), [1; 12]);
    assert_eq!(sizes(&distinct, 100), [1; 12]);
    assert_eq!(sizes(&[0.5; 9], 3), [9, 0]);
    assert_eq!(sizes(&[1.0; 9], 3), [9]);
    assert_eq!(sizes(&[0.2, 0.4, 0.4, 0.4, 0.4, 0.9], 3), [5, 1]);
    for (seed, rows) in [(1, 100), (2, 1_000)] {
        // Eleven levels of confidence.
        let sample = Sample::new(seed, rows, 1, 1.0).map(|z| ((z.abs() * 10.0).round() / 10.0).min(1.0));
        let summaries = Summaries::from_confidences(&sample.logits, &vec![0.0; rows], None).unwrap();
        let bins = Bins::of(&summaries, Binning::EqualMass(15)).unwrap();
        for bin in bins.bins().iter().filter(|bin| bin.rows > 0) {
            let inside = |p: &&f64| **p > bin.lower && **p <= bin.upper || (**p == 0.0 && bin.lower == 0.0);
            assert_eq!(sample.logits.iter().filter(inside).count() as u64, bin.rows);
        }
        assert_eq!(bins.bins().iter().map(|bin| bin.rows).sum::<u64>(), rows as u64);
    }
}

#[test]
fn bins_of_equal_mass_share_the_weight_and_see_no_row_of_weight_zero() {
    let confidence = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
    let of = |confidence: &[f64], weights: &[f64], count| {
        let rows = Summaries::from_confidences(
            confidence,
            &vec![1.0; confidence.len()],
            Some(RowWeights::new(weights)),
        )
        .unwrap();
        Bins::of(&rows, Binning::EqualMass(count)).unwrap()
    };
    let bins = of(&confidence, &[5.0, 1.0, 1.0, 1.0, 1.0, 1.0], 2);
    let weights: Vec<f64> = bins.bins().iter().map(|bin| bin.weight).collect();
    assert_eq!(weights, [5.0, 5.0]);
    let absent = [0.1, 0.3, 0.4, 0.5];
    for count in 1..6 {
        let with = of(&confidence, &[1.0, 0.0, 1.0, 1.0, 1.0, 0.0], count);
        let without = of(&absent, &[1.0; 4], count);
        let edges = |bins: &Bins| bins.bins().iter().map(|bin| (bin.upper, bin.weight)).collect::<Vec<_>>();
        assert_eq!(edges(&with), edges(&without), "{count} bins");
        assert_eq!(with.expected_error(), without.expected_error());
    }
}

#[test]
fn the_interval_of_an_accuracy_is_wilsons() {
    let mut bins = Bins::equal_width(1, EdgeRule::RightClosed).unwrap();
    assert_eq!(bins.bins()[0].accuracy_interval(), None);
    for correct in [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0] {
        bins.add(0.5, correct, 3.0);
    }
    // 8 of 10, by hand from Wilson's formula: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    let [low, high] = bins.bins()[0].accuracy_interval().unwrap();
    close("low", low, 0.490_162_5, 0.0, 5e-7);
    close("high", high, 0.943_317_8, 0.0, 5e-7);
    let mut sure = Bins::equal_width(1, EdgeRule::RightClosed).unwrap();
    sure.add(1.0, 1.0, 1.0);
    // 1 of 1: from 1/(1 + z²) to 1.
    let [low, high] = sure.bins()[0].accuracy_interval().unwrap();
    close("low", low, 0.206_549_3, 0.0, 5e-7);
    assert_eq!(high, 1.0);
}

#[test]
fn bins_merge_by_adding() {
    let toy = toy();
    for rule in RULES {
        let mut parts = Bins::equal_width(5, rule).unwrap();
        for half in [0..6, 6..12] {
            let mut part = Bins::equal_width(5, rule).unwrap();
            half.for_each(|row| part.add(toy.confidence[row], toy.correct[row], 1.0));
            parts.merge(&part);
        }
        let whole = Bins::of(&toy, Binning::EqualWidth(5, rule)).unwrap();
        close("merged", parts.expected_error(), whole.expected_error(), 1e-15, 0.0);
        let rows = |bins: &Bins| bins.bins().iter().map(|bin| bin.rows).collect::<Vec<_>>();
        assert_eq!(rows(&parts), rows(&whole));
    }
}

// Limits and errors

#[test]
fn classes_beyond_the_limit_are_left_out_and_it_is_said() {
    let classes = Classwise::MAXIMUM_CELLS / 15;
    for (k, kept) in [(classes, true), (classes + 1, false)] {
        let mut logits = vec![0.0_f32; k];
        logits[5] = 9.0;
        let measured = measure(&Block::new(Logits::new(&logits, k).unwrap(), Labels::new(&[5], k)).unwrap());
        assert_eq!(measured.metric("classwise_ece").is_some(), kept);
        assert_eq!(measured.per_class.len(), if kept { k } else { 0 });
        let said = &measured.conventions["classwise_ece"];
        let expected = if kept {
            "mean over classes, 15 bins of equal width, (lo, hi], first closed"
        } else {
            "not measured: needs probabilities and K × bins ≤ 200000"
        };
        assert_eq!(said, expected);
        assert!(measured.metric("ece").is_some());
    }
}

#[test]
fn confidence_and_correctness_alone_give_what_they_can() {
    let measured = Evaluation::new().bins(5).unwrap().top_k(&[2]).unwrap().measure_summaries(toy()).unwrap();
    let names: Vec<&str> = measured.metrics.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "accuracy",
        "ece",
        "mce",
        "rmsce",
        "ece_equal_mass",
        "mean_confidence",
        "overconfidence",
        "underconfidence",
        "l2_debiased",
        "l1_debiased",
        "smooth_ece",
        "ece_sweep",
    ];
    assert_eq!(names, expected);
    assert_eq!((measured.classes, measured.rows, measured.weight), (None, 12, 12.0));
    close("ece", measured.metric("ece").unwrap(), 0.195833, 0.0, tolerance::PUBLISHED);
}

#[test]
fn illegal_summaries_are_refused() {
    let refused = |p: &[f64], c: &[f64]| text(Summaries::from_confidences(p, c, None));
    let expected = "confidence is 1.2 at row 1 (counted from 0); expected a number from 0 to 1";
    assert_eq!(refused(&[0.5, 1.2], &[1.0, 1.0]), expected);
    assert_eq!(refused(&[0.5, f64::NAN], &[1.0, 1.0]), expected.replace("1.2", "NaN"));
    let expected = "correctness is 0.5 at row 0 (counted from 0); expected 0 or 1";
    assert_eq!(refused(&[0.5, 0.6], &[0.5, 1.0]), expected);
    let expected = "number of correctness values is 1; expected one for each of the 2 confidences";
    assert_eq!(refused(&[0.5, 0.6], &[1.0]), expected);
    assert_eq!(refused(&[], &[]), "number of rows that count is 0; expected at least 1");
    let weighted = |w: &[f64]| text(Summaries::from_confidences(&[0.5], &[1.0], Some(RowWeights::new(w))));
    assert_eq!(
        weighted(&[1.0, 2.0]),
        "number of row weights is 2; expected one for each of the 1 confidences"
    );
    assert_eq!(
        weighted(&[-1.0]),
        "row weight is -1 at row 0 (counted from 0); expected a finite number, 0 or above"
    );
    assert_eq!(weighted(&[0.0]), "every row weight is 0; expected at least one above 0");
    assert_eq!(text(Evaluation::new().bins(0)), "number of bins is 0; expected at least 1");
    assert_eq!(text(Bins::equal_width(0, EdgeRule::LeftClosed)), "number of bins is 0; expected at least 1");
    assert_eq!(text(Bins::of(&toy(), Binning::EqualMass(0))), "number of bins is 0; expected at least 1");
    assert_eq!(text(Evaluation::new().top_k(&[1, 0])), "k of the top-k accuracy is 0; expected at least 1");
}

#[test]
fn illegal_rows_are_refused() {
    let logits = Logits::new(&[1.0, 0.0, 0.0, f64::NEG_INFINITY], 2).unwrap();
    let refused = |labels: &[i32]| {
        text(Evaluation::new().measure(&Block::new(logits, Labels::with_ignored(labels, 2, -1)).unwrap()))
    };
    let expected = "label is 2 at row 1 (counted from 0); expected a class index from 0 to 1";
    assert_eq!(refused(&[0, 2]), expected);
    let expected = "logit of the label is -inf at row 1 (counted from 0); expected a finite logit: a class that \
                    cannot occur cannot be a label";
    assert_eq!(refused(&[0, 1]), expected);
    assert_eq!(refused(&[-1, -1]), "number of rows that count is 0; expected at least 1");
    // Nothing panics where there are no classes at all.
    let error = Labels::new(&[0], 0).get(0, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "label is 0 at row 0 (counted from 0); expected no label, as there are no classes"
    );
    assert_eq!(error.kind(), ErrorKind::Label);
}

#[test]
fn a_label_of_probability_zero_costs_what_the_rule_says() {
    let p = [1.0, 0.0, 0.5, 0.5];
    let nll = |zeros| {
        let p = Probabilities::new(&p, 2).unwrap().zeros(zeros);
        Evaluation::new()
            .measure(&Block::new(p, Labels::new(&[1, 0], 2)).unwrap())
            .map(|m| m.metric("nll").unwrap())
    };
    close("clipped", nll(Zeros::Clip).unwrap(), (126.0 + 1.0) * 2_f64.ln() / 2.0, 1e-15, 0.0);
    assert_eq!(nll(Zeros::Infinite).unwrap(), f64::INFINITY);
    let expected = "probability is 0 at row 0, column 1 (counted from 0); expected a probability above 0, or zeros \
                    handled by name (clip, infinite)";
    assert_eq!(text(nll(Zeros::Error)), expected);
}

#[test]
fn perfect_predictions_measure_perfect() {
    let masked = f64::NEG_INFINITY;
    let logits = [0.0, masked, masked, 0.0, 0.0, masked];
    let sure = Block::new(Logits::new(&logits[..4], 2).unwrap(), Labels::new(&[0, 1], 2)).unwrap();
    let measured = measure(&sure);
    for entry in standard() {
        let expected = f64::from(u8::from(["accuracy", "mean_confidence"].contains(&entry.name)));
        assert_eq!(measured.metric(entry.name), Some(expected), "{}", entry.name);
    }
    // Right by 800: the losses are below the smallest number, not NaN.
    let steep = Block::new(Logits::new(&[800.0, 0.0], 2).unwrap(), Labels::new(&[0], 2)).unwrap();
    assert_eq!(measure(&steep).metric("nll"), Some(0.0));
    let wrong = Block::new(Logits::new(&[800.0, 0.0], 2).unwrap(), Labels::new(&[1], 2)).unwrap();
    assert_eq!((measure(&wrong).metric("nll"), measure(&wrong).metric("brier")), (Some(800.0), Some(2.0)));
}

#[test]
fn one_row_is_enough() {
    let measured = measure(&Block::new(Logits::new(&[1.0, 0.0], 2).unwrap(), Labels::new(&[1], 2)).unwrap());
    let p = 1.0 / (1.0 + (-1.0_f64).exp());
    for name in ["ece", "mce", "rmsce", "ece_equal_mass", "overconfidence", "classwise_ece"] {
        check(&measured, name, p);
    }
    check(&measured, "underconfidence", 0.0);
    let single = measure(&Block::new(Logits::new(&[3.0], 1).unwrap(), Labels::new(&[0], 1)).unwrap());
    assert_eq!(
        (single.metric("accuracy"), single.metric("nll"), single.metric("ece")),
        (Some(1.0), Some(0.0), Some(0.0))
    );
}

#[test]
fn ties_go_to_the_lowest_class_in_accuracy_and_rank() {
    let logits = Logits::new(&[1.0, 1.0, 1.0, 0.0, 0.0], 5).unwrap();
    for (label, rank) in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)] {
        let labels = [label];
        let rows = Block::new(logits, Labels::new(&labels, 5)).unwrap();
        let measured = Evaluation::new().top_k(&[1, 2, 3, 5]).unwrap().measure(&rows).unwrap();
        let within = |k: usize| f64::from(u8::from(rank < k));
        assert_eq!(measured.summaries.detail[0].rank as usize, rank);
        assert_eq!(measured.metric("accuracy"), Some(within(1)));
        assert_eq!(measured.metric("top_1_accuracy"), Some(within(1)));
        assert_eq!(measured.metric("top_3_accuracy"), Some(within(3)));
        // The best K of K is no figure.
        assert_eq!(measured.metric("top_5_accuracy"), None);
    }
}

#[test]
fn unnormalised_soft_labels_may_be_negative() {
    let (logits, soft) = ([1.0, 0.0], [1.5, -0.5]);
    let soft = SoftLabels::new(&soft, 2).unwrap().unnormalised();
    let measured = measure(&Block::new(Logits::new(&logits, 2).unwrap(), soft).unwrap());
    let p = softmax(&logits);
    check(&measured, "nll", -1.5 * p[0].ln() + 0.5 * p[1].ln());
    check(&measured, "brier", (p[0] - 1.5).powi(2) + (p[1] + 0.5).powi(2));
}
