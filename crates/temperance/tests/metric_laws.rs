//! Laws of every metric of the registry.

mod common;

use common::{Sample, close};
use temperance::metric::{Evaluation, Event, METRICS, Measured, Summaries};
use temperance::{Block, Labels, Logits, RowWeights};

fn all() -> Evaluation {
    let names: Vec<&str> = METRICS.iter().map(|entry| entry.name).collect();
    Evaluation::new().named(&names).unwrap()
}

#[track_caller]
fn same(what: &str, a: &Measured, b: &Measured, except: &[&str], tolerance: f64) {
    for entry in METRICS.iter().filter(|entry| !except.contains(&entry.name)) {
        match (a.metric(entry.name), b.metric(entry.name)) {
            (Some(a), Some(b)) => close(&format!("{what}: {}", entry.name), a, b, tolerance, tolerance),
            (a, b) => assert_eq!(a, b, "{what}: {}", entry.name),
        }
    }
}

/// The sample twice: with weights 0 to 3, and with each row so often.
fn weighted_and_repeated(sample: &Sample) -> (Measured, Measured) {
    let n = sample.labels.len();
    let k = sample.classes;
    let weights: Vec<f64> = (0..n).map(|row| ((row * 7) % 4) as f64).collect();
    let (mut logits, mut labels) = (Vec::new(), Vec::new());
    for (row, &weight) in weights.iter().enumerate() {
        for _ in 0..weight as usize {
            logits.extend_from_slice(&sample.logits[row * k..(row + 1) * k]);
            labels.push(sample.labels[row]);
        }
    }
    let weighted = sample.block().with_weights(RowWeights::new(&weights)).unwrap();
    let repeated = Block::new(Logits::new(&logits, k).unwrap(), Labels::new(&labels, k)).unwrap();
    (all().measure(&weighted).unwrap(), all().measure(&repeated).unwrap())
}

#[test]
fn whole_weights_are_repeated_rows() {
    for (seed, rows, classes) in [(1, 300, 4), (2, 41, 2), (3, 700, 10)] {
        let (weighted, repeated) = weighted_and_repeated(&Sample::new(seed, rows, classes, 2.0));
        same("repeated", &weighted, &repeated, &[], 1e-9);
    }
}

#[test]
fn a_row_without_weight_is_absent() {
    let sample = Sample::new(4, 200, 3, 2.0);
    let weights: Vec<f64> = (0..200).map(|row| f64::from(u8::from(row % 3 != 0))).collect();
    let kept: Vec<usize> = (0..200).filter(|row| row % 3 != 0).collect();
    let logits: Vec<f64> =
        kept.iter().flat_map(|&row| sample.logits[row * 3..row * 3 + 3].to_vec()).collect();
    let labels: Vec<usize> = kept.iter().map(|&row| sample.labels[row]).collect();
    let weighted = sample.block().with_weights(RowWeights::new(&weights)).unwrap();
    let alone = Block::new(Logits::new(&logits, 3).unwrap(), Labels::new(&labels, 3)).unwrap();
    same("absent", &all().measure(&weighted).unwrap(), &all().measure(&alone).unwrap(), &[], 1e-9);
}

#[test]
fn the_order_of_rows_does_not_matter() {
    // Rounded, so that confidences are equal here and there.
    let sample = Sample::new(5, 400, 3, 2.0).map(|z| (2.0 * z).round() / 2.0);
    let order: Vec<usize> = (0..400).map(|row| (row * 171) % 400).collect();
    let logits: Vec<f64> =
        order.iter().flat_map(|&row| sample.logits[row * 3..row * 3 + 3].to_vec()).collect();
    let labels: Vec<usize> = order.iter().map(|&row| sample.labels[row]).collect();
    let turned = Block::new(Logits::new(&logits, 3).unwrap(), Labels::new(&labels, 3)).unwrap();
    same("order", &all().measure(&sample.block()).unwrap(), &all().measure(&turned).unwrap(), &[], 1e-9);
}

#[test]
fn extreme_rows_give_a_number_or_nothing() {
    let one: (&[f64], &[f64]) = (&[0.7], &[1.0]);
    let equal: (&[f64], &[f64]) = (&[0.6; 30], &[1.0; 30]);
    let certain: (&[f64], &[f64]) = (&[1.0, 1.0, 0.0, 0.0], &[1.0, 0.0, 1.0, 0.0]);
    let right: (&[f64], &[f64]) = (&[1.0; 200], &[1.0; 200]);
    for (confidence, correct) in [one, equal, certain, right] {
        let rows = Summaries::from_confidences(confidence, correct, None).unwrap();
        let measured = all().measure_summaries(rows).unwrap();
        for (name, value) in &measured.metrics {
            assert!(!value.is_nan(), "{name} of {confidence:?}");
        }
    }
    for event in [Event::Confidence, Event::Positive] {
        let logits = [0.0, 0.0, 800.0, 0.0, 0.0, f64::NEG_INFINITY];
        let rows = Block::new(Logits::new(&logits, 2).unwrap(), Labels::new(&[0_usize, 1, 0], 2)).unwrap();
        for (name, value) in all().event(event).measure(&rows).unwrap().metrics {
            assert!(!value.is_nan(), "{name}");
        }
    }
}

#[test]
fn every_metric_describes_itself() {
    for (at, entry) in METRICS.iter().enumerate() {
        for text in [entry.name, entry.summary, entry.formula, entry.source] {
            assert!(!text.is_empty(), "{}", entry.name);
        }
        assert!(METRICS[..at].iter().all(|other| other.name != entry.name), "{} twice", entry.name);
    }
}

#[test]
fn the_probability_of_class_one_is_measured_by_name() {
    let sample = Sample::new(6, 500, 2, 2.0);
    let positive = Evaluation::new().event(Event::Positive);
    let measured = positive.measure(&sample.block()).unwrap();
    let p: Vec<f64> = sample.logits.chunks(2).map(|z| 1.0 / (1.0 + (z[0] - z[1]).exp())).collect();
    let y: Vec<f64> = sample.labels.iter().map(|&label| label as f64).collect();
    let expected = positive.measure_summaries(Summaries::from_confidences(&p, &y, None).unwrap()).unwrap();
    for name in ["ece", "ece_equal_mass", "l2_debiased", "smooth_ece", "mce"] {
        close(name, measured.metric(name).unwrap(), expected.metric(name).unwrap(), 1e-9, 1e-12);
    }
    assert_ne!(measured.metric("ece"), Evaluation::new().measure(&sample.block()).unwrap().metric("ece"));
    let three = Sample::new(7, 10, 3, 1.0);
    assert_eq!(
        positive.measure(&three.block()).unwrap_err().to_string(),
        "number of classes is 3; expected 2 to measure the probability of class 1"
    );
}
