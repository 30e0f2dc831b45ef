//! Confidences with hits.

use crate::common::*;
use temperance_data::{ConfidenceInput, Confidences};

fn input(path: std::path::PathBuf) -> ConfidenceInput {
    ConfidenceInput { file: Some(path), ..ConfidenceInput::default() }
}

#[test]
fn from_columns_and_from_arrays() {
    let dir = Dir::new();
    for hits in [["1", "0"], ["True", "False"], ["1.0", "0.0"], ["true", "0"]] {
        let text = format!("id,confidence,correct,weight\na,0.75,{},1\nb,1,{},2\n", hits[0], hits[1]);
        let read = Confidences::read(&input(dir.put("c.csv", text))).unwrap();
        assert_eq!((read.values().get(0), read.values().get(1)), (0.75, 1.0));
        assert_eq!((read.correct(), read.rows()), (&[true, false][..], 2));
        assert_eq!(read.weights().unwrap().get(1), 2.0);
    }
    let confidences = npy("<f4", "(2,)", &f32s(&[0.5, 1.0]));
    let correct = npy("|b1", "(2,)", &[1, 0]);
    let read = Confidences::read(&ConfidenceInput {
        confidences: Some(dir.put("p.npy", &confidences)),
        correct: Some(dir.put("h.npy", &correct)),
        ..ConfidenceInput::default()
    });
    assert_eq!(read.unwrap().correct(), [true, false]);
    let archive = stored(&[("a.npy", &confidences), ("correct.npy", &correct)]);
    let named = ConfidenceInput { confidences_name: Some("a".into()), ..input(dir.put("c.npz", archive)) };
    assert!(Confidences::read(&named).unwrap().weights().is_none());
}

#[test]
fn what_is_refused() {
    let dir = Dir::new();
    let error = |text: &str| dir.text(&Confidences::read(&input(dir.put("c.csv", text))).unwrap_err());
    assert_eq!(
        error("confidence,correct\n0.5,1\n1.5,0\n"),
        "c.csv, line 3, column confidence: confidence is 1.5 at row 1 (counted from 0); expected a number from 0 \
         to 1"
    );
    assert!(error("confidence,correct\nnan,1\n").contains("confidence is NaN at row 0"));
    assert_eq!(
        error("confidence,correct\n0.5,2\n"),
        "c.csv, line 2, column correct: correctness is 2 at row 0 (counted from 0); expected 0 or 1, false or true"
    );
    assert_eq!(
        error("confidence,correct\n0.5,yes\n"),
        "c.csv, line 2, column correct: correctness is \"yes\" at row 0 (counted from 0); expected 0 or 1, false \
         or true"
    );
    assert!(error("confidence,correct,weight\n0.5,1,-1\n").contains("row weight is -1 at row 0"));
    assert_eq!(error("confidence,correct\n"), "c.csv: number of confidences is 0; expected at least 1");
    assert_eq!(
        error("a,correct\n0.5,1\n"),
        "c.csv, line 1: column of the confidences is missing (the file has a, correct); expected one named \
         confidences, confidence, or its name with --confidence-name"
    );
    let short = ConfidenceInput {
        correct: Some(dir.put("h.npy", npy_labels(&[1]))),
        ..input(dir.put("c.csv", "confidence\n0.5\n1\n"))
    };
    assert_eq!(
        dir.text(&Confidences::read(&short).unwrap_err()),
        "h.npy: number of hits is 1; expected one for each of the 2 confidences of c.csv"
    );
}
