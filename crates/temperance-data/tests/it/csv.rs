//! CSV and its quirks.

use crate::common::*;
use temperance::{Labels, Targets};
use temperance_data::{Dataset, Dtype, Format, Input};

fn read(dir: &Dir, text: &str) -> Dataset {
    Dataset::read(&file(&dir.put("x.csv", text))).unwrap_or_else(|error| panic!("{error}"))
}

fn error(dir: &Dir, text: impl AsRef<[u8]>) -> String {
    dir.text(&Dataset::read(&file(&dir.put("x.csv", text))).unwrap_err())
}

fn labels(dataset: &Dataset) -> Vec<usize> {
    let Targets::Labels(labels) = dataset.block().unwrap().targets() else { panic!("hard labels") };
    let get = |labels: &Labels<'_>, row| labels.get(row, 0).unwrap().unwrap();
    (0..labels.rows()).map(|row| get(&labels, row)).collect()
}

#[test]
fn the_same_table_in_many_hands() {
    let dir = Dir::new();
    for text in [
        "a,b,label\n1,2,0\n3,4,1\n",
        "a,b,label\n1,2,0\n3,4,1",
        "a,b,label\r\n1,2,0\r\n3,4,1\r\n",
        "\u{feff}a,b,label\n1,2,0\n3,4,1\n\n\n",
        "\"a\",\"b\",\"label\"\n\"1\",\"2\",\"0\"\n\"3\",\" 4 \",\"1\"\n",
        "a;b;label\n1;2;0\n3;4;1\n",
        "a\tb\tlabel\n1\t2\t0\n3\t4\t1\n",
        " a , b , Label \n 1 , +2e0 , 0 \n 3 , 4.0 , 1.0 \n",
        "label,a,b\n0,1,2\n1,3,4\n",
    ] {
        let dataset = read(&dir, text);
        assert_eq!(values(&dataset), [1.0, 2.0, 3.0, 4.0], "{text:?}");
        assert_eq!(labels(&dataset), [0, 1], "{text:?}");
        assert_eq!(dataset.column_names().unwrap(), ["a", "b"]);
        assert_eq!((dataset.format(), dataset.dtype()), (Format::Csv, Dtype::F64));
        assert_eq!(dataset.notes()[0], "logits are the 2 columns a, b");
    }
    let input = file(&dir.put("x.csv.gz", gzip(b"a,b,label\n1,2,0\n")));
    let dataset = Dataset::read(&input).unwrap();
    assert_eq!((values(&dataset), dataset.format()), (vec![1.0, 2.0], Format::CsvGz));
}

#[test]
fn words_for_numbers() {
    let dir = Dir::new();
    let dataset = read(&dir, "a,b,c,d,label\nInf,-INF,NaN,-infinity,0\n");
    let values = values(&dataset);
    assert!(values[2].is_nan());
    assert_eq!((values[0], values[1], values[3]), (f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY));
}

#[test]
fn columns_by_name() {
    let dir = Dir::new();
    let path = dir.put("x.csv", "id,z_cat,z_dog,weight,who\nr1,1,2,0.5,dog\nr2,3,4,1,cat\n");
    let with = |scores: &str| Input {
        scores_name: Some(scores.into()),
        labels_name: Some("who".into()),
        ..file(&path)
    };
    let dataset = Dataset::read(&with("z_*")).unwrap();
    assert_eq!((values(&dataset), labels(&dataset)), (vec![1.0, 2.0, 3.0, 4.0], vec![1, 0]));
    assert_eq!(dataset.class_names().unwrap(), ["cat", "dog"]);
    assert_eq!(dataset.column_names().unwrap(), ["z_cat", "z_dog"]);
    assert!(dataset.has_weights());
    assert_eq!(dataset.notes()[1], "labels are strings: mapped by the names of the columns of the scores");
    assert_eq!(values(&Dataset::read(&with("z_dog, z_cat")).unwrap()), [2.0, 1.0, 4.0, 3.0]);
    let error = |scores: &str| dir.text(&Dataset::read(&with(scores)).unwrap_err());
    let has = "missing (the file has id, z_cat, z_dog, weight, who)";
    assert_eq!(error("q*"), format!("x.csv, line 1: every column q* is {has}; expected at least one"));
    assert_eq!(
        error("z_cat,q"),
        format!("x.csv, line 1: column q is {has}; expected one of the columns of the file")
    );
    let nameless = Dataset::read(&Input { labels_name: None, ..with("z_*") }).unwrap_err();
    assert_eq!(
        dir.text(&nameless),
        format!(
            "x.csv, line 1: column of the labels is {has}; expected one named labels, label, y, targets, target, \
             or its name with --labels-name"
        )
    );
    let rest = Dataset::read(&Input { labels_name: Some("who".into()), ..file(&path) }).unwrap_err();
    assert_eq!(
        dir.text(&rest),
        "x.csv, line 2, column id: cell is \"r1\"; expected a number (or the columns of the scores by name, with \
         --scores-name)"
    );
}

#[test]
fn labels_are_never_scores() {
    let dir = Dir::new();
    let path = dir.put("x.csv", "a,b,label,weights\n1,2,0,1\n");
    let dataset = Dataset::read_scores(&logits(&path)).unwrap();
    assert_eq!(dataset.classes(), 2);
    assert_eq!(
        dataset.notes(),
        [
            "column label is not read as logits",
            "column weights is not read as logits",
            "logits are the 2 columns a, b"
        ]
    );
    assert_eq!(
        dir.text(&dataset.block().unwrap_err()),
        "x.csv: file of the labels is missing; expected labels or soft labels"
    );
    // Classes may have the names that labels have, if the labels are found before them.
    let dataset = read(&dir, "x,y,label\n1,2,y\n");
    assert_eq!((dataset.classes(), labels(&dataset)), (2, vec![1]));
}

#[test]
fn soft_labels_by_name() {
    let dir = Dir::new();
    let path = dir.put("x.csv", "a,b,s_a,s_b\n1,2,0.25,0.75\n");
    let dataset = Dataset::read(&Input { soft_labels_name: Some("s_*".into()), ..file(&path) }).unwrap();
    assert_eq!((dataset.classes(), values(&dataset)), (2, vec![1.0, 2.0]));
    assert!(matches!(dataset.block().unwrap().targets(), Targets::Soft(_)));
    let soft = dir.put("soft.csv", "a,b\n0.5,0.5\n");
    let scores = dir.put("z.csv", "a,b\n1,2\n");
    let dataset = Dataset::read(&Input { soft_labels: Some(soft), ..logits(&scores) }).unwrap();
    assert!(dataset.has_targets());
}

#[test]
fn cells_and_rows_that_are_wrong() {
    let dir = Dir::new();
    assert_eq!(
        error(&dir, "a,b,label\n1,2,0\n3,,1\n"),
        "x.csv, line 3, column b: cell is empty; expected a number"
    );
    assert_eq!(
        error(&dir, "a,b,label\n1,2,0\n3,4, \n"),
        "x.csv, line 3, column label: cell is empty; expected a label"
    );
    assert_eq!(
        error(&dir, "a,b,label\r\n1,2,0\r\n\r\n3,x,1\r\n"),
        "x.csv, line 4, column b: cell is \"x\"; expected a number"
    );
    assert_eq!(
        error(&dir, "a,b,label\n1,2,0\n1,2\n"),
        "x.csv, line 3: number of cells is 2; expected 3, as in the header"
    );
    assert_eq!(
        error(&dir, "a,b,label\n1,2,0,\n"),
        "x.csv, line 2: number of cells is 4; expected 3, as in the header"
    );
    assert_eq!(
        error(&dir, "\"multi\nline\",b,label\n1,2,0\n1,\"\n2\",0\n1,y,0\n"),
        "x.csv, line 6, column b: cell is \"y\"; expected a number"
    );
    assert_eq!(
        error(&dir, "a,b,label\n1,2,2.5\n"),
        "x.csv, line 2, column label: label is 2.5 at row 0 (counted from 0); expected a whole number, the index \
         of a class"
    );
    assert_eq!(
        error(&dir, b"a,b,label\n1,2,\xff\n"),
        "x.csv, line 2, column label: cell is \"\u{fffd}\"; expected text in UTF-8"
    );
    let input = Input {
        labels: Some(dir.put("l.csv", "label\n0\n\n1\n")),
        ..logits(&dir.put("z.npy", npy_logits(2, 2)))
    };
    assert_eq!(
        dir.text(&Dataset::read(&input).unwrap_err()),
        "l.csv, line 3, column label: cell is empty; expected a value"
    );
}

#[test]
fn headers_that_are_wrong() {
    let dir = Dir::new();
    assert_eq!(
        error(&dir, "0.5,0.25,1\n1,2,0\n"),
        "x.csv, line 1: first line is only numbers (0.5, 0.25, 1); expected the names of the columns"
    );
    assert_eq!(error(&dir, ""), "x.csv, line 1: first line is missing; expected the names of the columns");
    assert_eq!(
        error(&dir, "\n\n"),
        "x.csv, line 1: first line is missing; expected the names of the columns"
    );
    assert_eq!(error(&dir, b"\xff\xfea\0"), "x.csv, line 1: encoding is UTF-16; expected UTF-8");
    assert_eq!(
        error(&dir, b"a\0,label\n"),
        "x.csv, line 1: first line is not text; expected the names of the columns"
    );
    assert_eq!(
        error(&dir, ",a,b,label\n0,1,2,0\n"),
        "x.csv, line 1: name of column 1 is empty; expected a name (an index that pandas wrote? \
         to_csv(index=False) leaves it out)"
    );
    assert_eq!(error(&dir, "a,b,label\n"), "x.csv: number of rows of logits is 0; expected at least 1");
    assert_eq!(
        error(&dir, "label\n1\n"),
        "x.csv, line 1: column of the logits is missing (the file has label); expected columns left for them, or \
         their names with --scores-name a,b,c or --scores-name 'prefix*'"
    );
    let twice = Input { labels_name: Some("l".into()), ..file(&dir.put("x.csv", "a,l,l\n1,0,0\n")) };
    assert_eq!(
        dir.text(&Dataset::read(&twice).unwrap_err()),
        "x.csv, line 1: name of column l is used twice; expected every name once"
    );
}

#[test]
fn gzip_that_is_wrong() {
    let dir = Dir::new();
    let whole = gzip(b"a,b,label\n1,2,0\n");
    let refused = |bytes: &[u8]| dir.scores_error("x.csv.gz", bytes);
    assert_eq!(
        refused(&whole[..whole.len() - 3]),
        "x.csv.gz: compressed data is truncated; expected the whole file"
    );
    assert_eq!(
        refused(b"a,b\n1,2\n"),
        "x.csv.gz: start of the file is a,; expected \\x1f\\x8b, the mark of a gzip file"
    );
    let mut flipped = whole.clone();
    let crc = flipped.len() - 8;
    flipped[crc] ^= 1;
    assert!(refused(&flipped).starts_with("x.csv.gz: compressed data is damaged ("));
}
