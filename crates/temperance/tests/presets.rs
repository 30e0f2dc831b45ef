//! Other libraries' label smoothing, from their own code, by the presets (see `fixtures/make_presets.py`).

mod common;

use common::*;
use serde_json::Value;
use temperance::loss::{Criterion, CrossEntropy, Library, Reduction};
use temperance::{Labels, Logits, SoftLabels, Targets};

/// The numbers of a case.
struct Case<'a> {
    case: &'a Value,
    library: Library,
    logits: Vec<f64>,
    labels: Vec<i64>,
    classes: usize,
}

impl<'a> Case<'a> {
    fn new(case: &'a Value) -> Self {
        let library = Library::named(case["library"].as_str().unwrap()).unwrap();
        let classes = case["classes"].as_u64().unwrap() as usize;
        let mut logits = numbers(&case["logits"]).unwrap();
        if library == Library::Optax {
            // Its mask is one of the classes, not of the smoothing alone.
            let mask = mask(case, classes);
            for (at, z) in logits.iter_mut().enumerate() {
                if !mask[at % classes] {
                    *z = f64::NEG_INFINITY;
                }
            }
        }
        let labels = case["labels"].as_array().unwrap().iter().map(|y| y.as_i64().unwrap()).collect();
        Case { case, library, logits, labels, classes }
    }

    /// The preset, with another reduction where the case has one.
    fn loss(&self) -> CrossEntropy {
        let mask = mask(self.case, self.classes);
        let mask = if self.case["masked"].is_null() { None } else { Some(&*mask) };
        let loss = self.library.loss(self.case["epsilon"].as_f64().unwrap(), mask).unwrap();
        match self.case["reduction"].as_str().unwrap() {
            _ if self.case["preset"] == true => loss,
            "none" => loss,
            "sum" => loss.reduction(Reduction::Sum),
            "mean" => loss.reduction(Reduction::Mean),
            "mean_over_all" => loss.reduction(Reduction::SumOver(self.labels.len() as f64)),
            other => panic!("reduction {other}"),
        }
    }

    /// The label of each row; the uniform distribution in place of ClassyVision's ignored ones.
    fn soft(&self) -> Vec<f64> {
        let k = self.classes as f64;
        let of = |&label: &i64| {
            let is_ignored = self.case["ignore_index"] == label;
            (0..self.classes as i64)
                .map(move |c| if is_ignored { 1.0 / k } else { f64::from(u8::from(c == label)) })
        };
        self.labels.iter().flat_map(of).collect()
    }
}

/// Whether a class may get mass.
fn mask(case: &Value, classes: usize) -> Vec<bool> {
    let masked = numbers(&case["masked"]).unwrap_or_default();
    (0..classes).map(|class| !masked.contains(&(class as f64))).collect()
}

#[test]
fn presets_reproduce_their_libraries() {
    let mut seen = Vec::new();
    each_case("presets.json", |name, case| {
        let given = Case::new(case);
        let tolerance = case["tolerance"].as_f64().unwrap();
        let logits = Logits::new(&given.logits, given.classes).unwrap();
        let ignored = case["ignore_index"].as_i64();
        let soft = given.soft();
        let targets = if given.library == Library::ClassyVision && ignored.is_some() {
            Targets::from(SoftLabels::new(&soft, given.classes).unwrap())
        } else {
            Targets::from(Labels::new(&given.labels, given.classes).ignoring(ignored))
        };
        let loss = given.loss();
        if case["reduction"] == "none" {
            let expected = numbers(&case["loss"]).unwrap();
            let got = loss.per_row(&logits, targets).unwrap();
            assert_eq!(got.len(), expected.len(), "{name}");
            for (row, (got, expected)) in got.iter().zip(expected).enumerate() {
                close(&format!("{name}: row {row}"), *got, expected, tolerance, tolerance);
            }
        } else {
            let (got, gradient) = loss.forward_backward::<f64>(&logits, targets).unwrap();
            close(name, got.value, number(&case["loss"]), tolerance, tolerance);
            for (at, (got, expected)) in gradient.iter().zip(numbers(&case["gradient"]).unwrap()).enumerate()
            {
                close(&format!("{name}: gradient {at}"), *got, expected, tolerance, tolerance);
            }
        }
        seen.push(given.library);
    });
    assert!(Library::ALL.iter().all(|library| seen.contains(library)), "{seen:?}");
}
