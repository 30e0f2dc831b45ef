//! Scores with labels, weights and names from several files.

use std::path::PathBuf;

use crate::common::*;
use temperance::{Error, ErrorKind, Labels, Targets, Zeros};
use temperance_data::{DataErrorKind, Dataset, Input};

/// Logits of three rows and three classes, with labels from a file.
fn with_labels(dir: &Dir, name: &str, bytes: impl AsRef<[u8]>) -> Input {
    Input { labels: Some(dir.put(name, bytes)), ..logits(&dir.put("logits.npy", npy_logits(3, 3))) }
}

fn targets(dataset: &Dataset) -> Labels<'_> {
    match dataset.block().unwrap().targets() {
        Targets::Labels(labels) => labels,
        Targets::Soft(_) => panic!("hard labels"),
    }
}

fn labels(input: &Input) -> Vec<Option<usize>> {
    let dataset = Dataset::read(input).unwrap_or_else(|error| panic!("{error}"));
    let labels = targets(&dataset);
    (0..labels.rows()).map(|row| labels.get(row, 0).unwrap()).collect()
}

fn error(dir: &Dir, input: &Input) -> String {
    dir.text(&Dataset::read(input).unwrap_err())
}

#[test]
fn labels_of_every_type() {
    let dir = Dir::new();
    let expected = [Some(2), Some(0), Some(1)];
    macro_rules! check {
        ($code:literal, $type:ty) => {
            for order in ['<', '>'] {
                let data: Vec<u8> = [2, 0, 1]
                    .iter()
                    .flat_map(|&label| {
                        let label = label as $type;
                        if order == '<' { label.to_le_bytes() } else { label.to_be_bytes() }
                    })
                    .collect();
                for shape in ["(3,)", "(3, 1)"] {
                    let input = with_labels(&dir, "y.npy", npy(&format!("{order}{}", $code), shape, &data));
                    assert_eq!(labels(&input), expected, "{}", $code);
                }
            }
        };
    }
    check!("i1", i8);
    check!("u1", u8);
    check!("i2", i16);
    check!("u2", u16);
    check!("i4", i32);
    check!("u4", u32);
    check!("i8", i64);
    check!("u8", u64);
    check!("f4", f32);
    check!("f8", f64);
    assert_eq!(
        labels(&with_labels(&dir, "y.npy", npy("|b1", "(3,)", &[1, 0, 1]))),
        [Some(1), Some(0), Some(1)]
    );
    assert_eq!(labels(&with_labels(&dir, "y.csv", "y\n2\n0\n1.0\n")), expected);
    assert_eq!(labels(&with_labels(&dir, "y.csv", "id,labels\na,2\nb,0\nc,1\n")), expected);
    assert_eq!(labels(&with_labels(&dir, "y.csv", "anything\n2\n0\n1\n")), expected);
    assert_eq!(labels(&with_labels(&dir, "y.npy", npy_texts(&["2", "0", "1"]))), expected);
    let float = with_labels(&dir, "y.npy", npy("<f4", "(3,)", &f32s(&[2.0, 0.0, 1.0])));
    let note = "labels are floating-point numbers, all whole: read as integers";
    assert_eq!(Dataset::read(&float).unwrap().notes(), [note]);
    let ignoring =
        Input { ignore_index: Some(-100), ..with_labels(&dir, "y.npy", npy_labels(&[-100, 0, 1])) };
    assert_eq!(labels(&ignoring), [None, Some(0), Some(1)]);
}

#[test]
fn labels_that_are_none() {
    let dir = Dir::new();
    let text = |bytes: Vec<u8>| error(&dir, &with_labels(&dir, "y.npy", bytes));
    let whole = "(counted from 0); expected a whole number, the index of a class";
    assert_eq!(
        text(npy("<f4", "(3,)", &f32s(&[0.0, 2.5, 1.0]))),
        format!("y.npy: label is 2.5 at row 1 {whole}")
    );
    assert_eq!(
        text(npy("<f4", "(3,)", &f32s(&[0.0, 1.0, f32::NAN]))),
        format!("y.npy: label is NaN at row 2 {whole}")
    );
    assert_eq!(
        text(npy_labels(&[0, 1])),
        "y.npy: number of labels is 2; expected one for each of the 3 rows of logits.npy"
    );
    let shape = "expected one class index per row, (rows,) or (rows, 1)";
    assert_eq!(text(npy_logits(3, 3)), format!("y.npy: shape of labels is (3, 3); {shape}"));
    assert_eq!(
        text(npy("<i8", "(1, 3)", &i64s(&[0; 3]))),
        format!("y.npy: shape of labels is (1, 3); {shape}")
    );
    assert_eq!(
        text(npy("<U1", "(3,)", &[0xff; 12])),
        "y.npy: label is not text at row 0 (counted from 0); expected Unicode text"
    );
}

#[test]
fn strings_become_classes() {
    let dir = Dir::new();
    let texts = npy_texts(&["dog", "cat", "eel"]);
    let sorted = with_labels(&dir, "y.npy", &texts);
    assert_eq!(labels(&sorted), [Some(1), Some(0), Some(2)]);
    let dataset = Dataset::read(&sorted).unwrap();
    assert_eq!(dataset.class_names().unwrap(), ["cat", "dog", "eel"]);
    assert_eq!(dataset.notes(), ["labels are strings: mapped in sorted order; --class-names gives another"]);

    let named = Input { class_names: Some(dir.put("names.txt", "eel\ndog\ncat\n")), ..sorted.clone() };
    assert_eq!(labels(&named), [Some(1), Some(2), Some(0)]);
    let notes = Dataset::read(&named).unwrap().notes().to_vec();
    assert_eq!(notes, ["labels are strings: mapped in the order of --class-names"]);
    let bytes = npy("|S3", "(3,)", b"dogcateel");
    let named = Input { labels: Some(dir.put("y.npy", bytes)), ..named };
    assert_eq!(labels(&named), [Some(1), Some(2), Some(0)]);

    let two = with_labels(&dir, "y.npy", npy_texts(&["dog", "cat", "cat"]));
    assert_eq!(
        error(&dir, &two),
        "y.npy: number of distinct string labels is 2; expected 3, one for each class, or the order of the \
         classes with --class-names"
    );
    let mixed = with_labels(&dir, "y.csv", "label\n0\nn/a\n1\n");
    assert_eq!(
        error(&dir, &mixed),
        "y.csv, line 3, column label: label is \"n/a\" at row 1 (counted from 0); expected a class index like the \
         others, or --class-names for names of classes"
    );
    let unknown = Input {
        class_names: named.class_names,
        ..with_labels(&dir, "y.csv", "label\ndog\n\"d\nog\"\ncat\n")
    };
    assert_eq!(
        error(&dir, &unknown),
        "y.csv, line 3, column label: label is \"d\\nog\" at row 1 (counted from 0); expected one of the class \
         names eel, dog, cat"
    );
}

#[test]
fn class_names_of_another_number() {
    let dir = Dir::new();
    let input = Input {
        class_names: Some(dir.put("names.json", r#"["a", "b"]"#)),
        ..with_labels(&dir, "y.npy", npy_labels(&[0, 1, 2]))
    };
    assert_eq!(
        error(&dir, &input),
        "names.json: number of class names is 2; expected one for each of the 3 classes of logits.npy"
    );
    let input = Input { class_names: Some(dir.path("none")), ..input };
    assert_eq!(error(&dir, &input), "cannot read none: no such file or directory");
    let input = Input { class_names: Some(dir.0.path().into()), ..input };
    assert!(error(&dir, &input).contains("file is a directory; expected a text file"));
    let input = Input { class_names: Some(dir.put("names.txt", "a\n\nb\n")), ..input };
    assert_eq!(error(&dir, &input), "names.txt, line 2: class name is empty; expected a name on every line");
}

#[test]
fn weights_and_soft_labels_that_do_not_fit() {
    let dir = Dir::new();
    let input = with_labels(&dir, "y.npy", npy_labels(&[0, 1, 2]));
    let weights =
        Input { weights: Some(dir.put("w.npy", npy("<f4", "(2,)", &f32s(&[1.0; 2])))), ..input.clone() };
    assert_eq!(
        error(&dir, &weights),
        "w.npy: number of weights is 2; expected one for each of the 3 rows of logits.npy"
    );
    let square = Input { weights: Some(dir.put("w.npy", npy_logits(3, 3))), ..input.clone() };
    assert_eq!(error(&dir, &square), "w.npy: shape of weights is (3, 3); expected (rows,) or (rows, 1)");
    let soft = Input { labels: None, soft_labels: Some(dir.put("s.npy", npy_logits(3, 2))), ..input.clone() };
    assert_eq!(
        error(&dir, &soft),
        "s.npy: number of classes of the soft labels is 2; expected the 3 classes of logits.npy"
    );
    let soft = Input { soft_labels: Some(dir.put("s.npy", npy_logits(2, 3))), ..soft };
    assert_eq!(
        error(&dir, &soft),
        "s.npy: number of rows of soft labels is 2; expected one for each of the 3 rows of logits.npy"
    );
}

#[test]
fn inputs_that_say_too_little_or_too_much() {
    let dir = Dir::new();
    let path = |name: &str| Some(PathBuf::from(name));
    let scores = dir.put("z.npy", npy_logits(1, 2));
    for (input, text) in [
        (
            Input::default(),
            "file of the scores is missing; expected a file of everything, of logits or of probabilities",
        ),
        (
            Input { logits: path("a"), probabilities: path("b"), ..Input::default() },
            "file of the scores is given twice; expected logits or probabilities",
        ),
        (
            Input { labels: path("a"), soft_labels: path("b"), ..logits(&scores) },
            "file of the labels is given twice; expected labels or soft labels",
        ),
        (logits(&scores), "file of the labels is missing; expected one of labels or soft labels"),
        (
            Input { labels: path("a"), weights_name: Some("w".into()), ..logits(&scores) },
            "file of the weights is missing; expected the file that the name is of",
        ),
        (
            file(&scores),
            "z.npy: file of the labels is missing; expected one more file: a .npy file holds one array",
        ),
        (
            Input { scores_name: Some("a".into()), ..file(&scores) },
            "z.npy: name of the logits is a; expected none: a .npy file holds one array without a name",
        ),
        (
            Input { labels: Some(scores.clone()), ..logits(&scores) },
            "z.npy: file of the labels is the same; expected another file: a .npy file holds one array",
        ),
    ] {
        assert_eq!(error(&dir, &input), text);
    }
    // An own file goes before the file of everything.
    let own = Input { labels: Some(dir.put("y.npy", npy_labels(&[1]))), ..file(&scores) };
    assert_eq!(labels(&own), [Some(1)]);
}

#[test]
fn zeros_are_handed_on() {
    let dir = Dir::new();
    let path = dir.put("p.npy", npy("<f4", "(1, 2)", &f32s(&[0.0, 1.0])));
    let input = Input {
        probabilities: Some(path),
        labels: Some(dir.put("y.npy", npy_labels(&[1]))),
        zeros: Zeros::Infinite,
        ..Input::default()
    };
    let dataset = Dataset::read(&input).unwrap();
    let temperance::Scores::Probabilities(p) = dataset.block().unwrap().scores() else {
        panic!("probabilities")
    };
    assert_eq!(p.zeros_rule(), Zeros::Infinite);
}

#[test]
fn errors_of_the_core_get_their_file() {
    let dir = Dir::new();
    let input = Input {
        weights: Some(dir.put("w.csv", "w\n1\n\"1\"\n1\n")),
        ..with_labels(&dir, "y.csv", "label\n0\n\n1\n2\n".replace("\n\n", "\n"))
    };
    let dataset = Dataset::read(&input).unwrap();
    let located = |error: Error| dir.text(&dataset.locate(error));
    let nan = Error::new(ErrorKind::Value, "logit", "NaN", "a finite number or -inf").at_row(7).at_column(2);
    assert_eq!(
        located(nan.clone()),
        "logits.npy: logit is NaN at row 7, column 2 (counted from 0); expected a finite number or -inf"
    );
    let label =
        targets(&dataset).get(2, 0).map(|_| Error::new(ErrorKind::Label, "label", 12, "a class").at_row(2));
    assert_eq!(
        located(label.unwrap()),
        "y.csv, line 4, column label: label is 12 at row 2 (counted from 0); expected a class"
    );
    let weight = Error::new(ErrorKind::Weight, "row weight", -1, "a number").at_row(1);
    assert_eq!(
        located(weight),
        "w.csv, line 3, column w: row weight is -1 at row 1 (counted from 0); expected a number"
    );
    let class = Error::new(ErrorKind::Weight, "class weight", -1, "a number").at_column(1);
    assert_eq!(located(class), "class weight is -1 at column 1 (counted from 0); expected a number");
    let fit = Error::new(ErrorKind::Fit, "every label", 0, "two classes");
    assert_eq!(located(fit), "y.csv: every label is 0; expected two classes");
    assert!(matches!(dataset.locate(nan).kind(), DataErrorKind::Core(error) if error.row() == Some(7)));

    let csv = Dataset::read(&file(&dir.put("p.csv", "z_a,z_b,label\n\n1,nan,0\n"))).unwrap();
    let nan = Error::new(ErrorKind::Value, "logit", "NaN", "a finite number or -inf").at_row(0).at_column(1);
    assert_eq!(
        dir.text(&csv.locate(nan)),
        "p.csv, line 3, column z_b: logit is NaN at row 0, column 1 (counted from 0); expected a finite number or \
         -inf"
    );
}
