//! Formats that are read, what apply writes, and the directory of results.

mod common;

use common::*;

/// The rows of one data set in many files: what each is read from gives the same numbers.
#[test]
fn every_format_gives_the_same_numbers() {
    let dir = Dir::new();
    // Logits that any format holds exactly, and whole ones that integers hold too.
    let mut data = sample(120, 3, 2.0);
    data.logits.iter_mut().for_each(|logit| *logit = logit.round());
    data.put(&dir);
    let expected = dir.good_json("evaluate --logits logits.npy --labels labels.npy")["metrics"].clone();
    let (rows, shape) = (data.rows(), data.shape());
    let logits = &data.logits;
    let transposed: Vec<f64> =
        (0..3).flat_map(|class| logits.iter().skip(class).step_by(3).copied()).collect();
    let big = |values: &[f64]| values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>();
    let header = |descr: &str, fortran: &str| {
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}")
    };
    let ints: Vec<u8> = logits.iter().flat_map(|&logit| (logit as i32).to_le_bytes()).collect();
    for (name, file) in [
        ("f8", npy("<f8", &shape, &f64s(logits))),
        ("fortran", npy_of_header(&header("<f4", "True"), &f32s(&transposed))),
        ("big", npy_of_header(&header(">f8", "False"), &big(logits))),
        ("big-fortran", npy_of_header(&header(">f8", "True"), &big(&transposed))),
        ("i4", npy("<i4", &shape, &ints)),
        ("i1", npy("|i1", &shape, &logits.iter().map(|&logit| logit as i8 as u8).collect::<Vec<u8>>())),
    ] {
        dir.put(&format!("{name}.npy"), file);
        let json = dir.good_json(&format!("evaluate --logits {name}.npy --labels labels.npy"));
        same_metrics(&json["metrics"], &expected, 1e-6);
    }

    let floats: Vec<f64> = data.labels.iter().map(|&label| label.into()).collect();
    let vector = format!("({rows},)");
    for (name, file) in [
        ("l-f8", npy("<f8", &vector, &f64s(&floats))),
        ("l-f4", npy("<f4", &format!("({rows}, 1)"), &f32s(&floats))),
        (
            "l-i8",
            npy(
                "<i8",
                &vector,
                &data.labels.iter().flat_map(|&l| i64::from(l).to_le_bytes()).collect::<Vec<u8>>(),
            ),
        ),
        (
            "l-be",
            npy(
                ">u2",
                &vector,
                &data.labels.iter().flat_map(|&l| u16::from(l).to_be_bytes()).collect::<Vec<u8>>(),
            ),
        ),
    ] {
        dir.put(&format!("{name}.npy"), file);
        let json = dir.good_json(&format!("evaluate --logits logits.npy --labels {name}.npy"));
        assert_eq!(json["metrics"], expected, "{name}");
    }

    let (z, y) = (data.logits_npy(), data.labels_npy());
    dir.put("deflated.npz", npz(&[("logits", &z), ("labels", &y)], true));
    dir.put("stored.npz", npz(&[("labels", &y), ("extra", b"not read"), ("logits", &z)], false));
    dir.put("named.npz", npz(&[("a", &z), ("b", &y)], true));
    let tensors: [(&str, &str, &str, &[u8]); 2] =
        [("logits", "F32", "[120,3]", &f32s(logits)), ("targets", "U8", "[120]", &data.labels)];
    dir.put("data.safetensors", safetensors(&tensors));
    let csv = data.csv();
    dir.put("data.csv", &csv);
    dir.put("data.csv.gz", gzip(csv.as_bytes()));
    dir.put("windows.csv", format!("\u{feff}{}", csv.replace(',', ";").replace('\n', "\r\n")));
    dir.put("first.csv", {
        let moved = csv.lines().map(|line| {
            let (scores, label) = line.rsplit_once(',').unwrap();
            format!("{label},x,{scores}\n")
        });
        moved.collect::<String>()
    });
    for arguments in [
        "deflated.npz",
        "stored.npz",
        "named.npz --scores-name a --labels-name b",
        "--logits named.npz --scores-name a --labels named.npz --labels-name b",
        "--logits logits.npy --labels stored.npz",
        "data.safetensors",
        "data.csv",
        "data.csv.gz",
        "windows.csv",
        "first.csv --scores-name c*",
        "first.csv --scores-name c0,c1,c2",
        "--logits data.csv --labels labels.npy",
        "--logits logits.npy --labels data.csv",
    ] {
        let json = dir.good_json(&format!("evaluate {arguments}"));
        same_metrics(&json["metrics"], &expected, 1e-6);
    }
    for (arguments, input) in [
        ("evaluate - --json", csv.as_bytes()),
        ("evaluate - --json", &gzip(csv.as_bytes())),
        ("evaluate --logits - --labels labels.npy --json", &z),
    ] {
        let outcome = dir.run_with_input(arguments, input);
        assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{arguments}");
        let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        same_metrics(&json["metrics"], &expected, 1e-6);
        assert_eq!(json["source"], "standard input");
    }
}

#[test]
fn string_labels_and_class_names() {
    let dir = Dir::new();
    let data = sample(90, 3, 1.5);
    data.put(&dir);
    let expected = dir.good_json("evaluate --logits logits.npy --labels labels.npy")["metrics"].clone();
    let names = ["ant", "bee", "cow"];
    let mut csv = "cow,ant,bee,label\n".to_owned();
    for (row, &label) in data.logits.chunks(3).zip(&data.labels) {
        csv += &format!("{},{},{},{}\n", row[2], row[0], row[1], names[usize::from(label)]);
    }
    // By the names of the columns, whatever their order.
    dir.put("columns.csv", csv);
    let json = dir.good_json("evaluate columns.csv");
    assert!(json["notes"].to_string().contains("labels are strings: mapped by the names of the columns"));
    same_metrics(&json["metrics"], &expected, 1e-6);

    let points: Vec<u8> = data
        .labels
        .iter()
        .flat_map(|&label| names[usize::from(label)].chars().flat_map(|c| u32::from(c).to_le_bytes()))
        .collect();
    dir.put("strings.npy", npy("<U3", "(90,)", &points));
    let json = dir.good_json("evaluate --logits logits.npy --labels strings.npy");
    assert!(json["notes"].to_string().contains("in sorted order"));
    assert_eq!(json["metrics"], expected);
    assert_eq!(json["per_class"][1]["name"], "bee");

    for (file, text) in [("names.txt", "ant\nbee\ncow\n"), ("names.json", r#"["ant", "bee", "cow"]"#)] {
        dir.put(file, text);
        for labels in ["labels.npy", "strings.npy"] {
            let arguments = format!("--logits logits.npy --labels {labels} --class-names {file}");
            let json = dir.good_json(&format!("evaluate {arguments}"));
            assert_eq!((&json["metrics"], &json["per_class"][2]["name"]), (&expected, &"cow".into()));
            dir.good(&format!("calibrate {arguments} --quiet"));
            assert!(dir.text("temperance-out/report.html").contains("bee"));
            assert_eq!(dir.json("temperance-out/calibrator.json")["class_names"][0], "ant");
        }
    }
}

#[test]
fn one_row_can_be_evaluated_and_applied() {
    let dir = Dir::new();
    dir.put("one.csv", "a,b,label\n1.5,0.5,a\n");
    let json = dir.good_json("evaluate one.csv");
    assert_eq!((number(&json, "/metrics/accuracy"), number(&json, "/rows")), (1.0, 1.0));
    let nll = number(&json, "/metrics/nll");
    assert!((nll - (-1_f64).exp().ln_1p()).abs() < 1e-12, "{nll}");
    dir.good("apply one.csv --temperature 0.5 --quiet");
    assert_eq!(dir.text("temperance-out/probabilities.csv").lines().count(), 2);
}

/// The output has the format and the number type of the input, and can be read again.
#[test]
fn apply_writes_what_it_reads() {
    let dir = Dir::new();
    let data = sample(50, 3, 2.0);
    let expected: Vec<f64> = data
        .logits
        .chunks(3)
        .flat_map(|row| softmax(&row.iter().map(|logit| logit / 2.0).collect::<Vec<f64>>()))
        .collect();
    data.put(&dir);
    dir.put("wide.npy", npy("<f8", &data.shape(), &f64s(&data.logits)));
    dir.put("data.npz", data.npz());
    dir.put("data.csv", data.csv());
    dir.put("data.csv.gz", gzip(data.csv().as_bytes()));
    dir.put("data.safetensors", safetensors(&[("logits", "F32", "[50,3]", &f32s(&data.logits))]));
    for (input, extension) in [
        ("logits.npy", "npy"),
        ("data.npz", "npz"),
        ("data.csv", "csv"),
        ("data.csv.gz", "csv.gz"),
        ("data.safetensors", "safetensors"),
    ] {
        dir.good(&format!("apply {input} --temperature 2 --output out --quiet"));
        let name = format!("out/probabilities.{extension}");
        let one = dir.good_json(&format!("evaluate --probabilities {name} --labels labels.npy"));
        let other = dir.good_json("evaluate --logits logits.npy --labels labels.npy --temperature 2");
        same_metrics(&one["metrics"], &other["metrics"], 1e-6);

        // Scaled by 2 and by 1/2 it is the input again.
        dir.good(&format!("apply {input} --temperature 2 --scaled-logits --output out --quiet"));
        let scaled = format!("out/logits.{extension}");
        dir.good(&format!("apply {scaled} --temperature 0.5 --scaled-logits --output back --quiet"));
        let one = dir.good_json(&format!("evaluate --logits back/logits.{extension} --labels labels.npy"));
        let other = dir.good_json("evaluate --logits logits.npy --labels labels.npy");
        same_metrics(&one["metrics"], &other["metrics"], 1e-12);
    }
    // Without a label column, with the names of the others.
    let csv = dir.text("out/probabilities.csv");
    assert!(csv.starts_with("c0,c1,c2\n"), "{csv}");
    let narrow = npy_values(&dir.bytes("out/probabilities.npy"));
    assert!(narrow.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6));
    dir.good("apply wide.npy --temperature 2 --output wide --quiet");
    let wide = npy_values(&dir.bytes("wide/probabilities.npy"));
    assert!(wide.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-14));
    assert_eq!(dir.names("out").len(), 11);

    let outcome = dir.run_with_input("apply - --temperature 2 --output piped", data.csv().as_bytes());
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""));
    assert_eq!(dir.text("piped/probabilities.csv"), csv);
}

#[test]
fn results_replace_results_and_nothing_else() {
    let dir = Dir::new();
    dir.put("data.npz", sample(100, 3, 2.0).npz());
    // Made where it is missing, above it too.
    dir.good("fit data.npz --output a/b --quiet");
    assert_eq!(dir.names("a/b"), [".temperance", "calibrator.json"]);
    // Results of other commands stay beside.
    dir.good("apply data.npz --calibrator a/b/calibrator.json --output a/b --quiet");
    dir.good("calibrate data.npz --output a/b --quiet");
    assert_eq!(dir.names("a/b").len(), 13);
    let first = dir.bytes("a/b/calibrator.json");
    dir.good("calibrate data.npz --seed 3 --output a/b --quiet");
    assert_ne!(dir.bytes("a/b/calibrator.json"), first);

    // A file of someone else stops every command, before and not after --force.
    dir.put("a/b/notes.txt", "mine");
    let before = dir.everything();
    for command in ["calibrate data.npz", "fit data.npz", "apply data.npz --temperature 2"] {
        let outcome = dir.run(&format!("{command} --output a/b"));
        let expected = "error: a/b: content of the directory is notes.txt, which was not written by this program; \
                        expected an empty directory or one of earlier results, or force (--force)\n";
        assert_eq!((outcome.code, &*outcome.stderr), (Some(2), expected));
        assert!(dir.everything() == before);
        dir.good(&format!("{command} --output a/b --force --quiet"));
        assert_eq!(dir.text("a/b/notes.txt"), "mine");
        std::fs::remove_file(dir.path("a/b/notes.txt")).unwrap();
        dir.good(&format!("{command} --output a/b --quiet"));
        dir.put("a/b/notes.txt", "mine");
        for (name, content) in &before {
            if !name.ends_with('/') {
                dir.put(name, content);
            }
        }
    }

    // evaluate writes nothing.
    let before = dir.everything();
    dir.good("evaluate data.npz");
    assert!(dir.everything() == before);
}

/// Everything on the page is in the JSON beside it, and the figures are whole.
#[test]
fn the_report_is_complete() {
    let dir = Dir::new();
    dir.put("data.npz", sample(300, 4, 2.0).npz());
    let printed = dir.good_json("calibrate data.npz");
    let report = dir.json("temperance-out/report.json");
    for key in ["classes", "n_fit", "n_test", "source", "split", "conventions", "notes"] {
        assert_eq!(printed[key], report[key], "{key}");
    }
    for side in ["before", "after"] {
        assert_eq!(report[side]["reliability"].as_array().unwrap().len(), 15);
        assert_eq!(report[side]["per_class"].as_array().unwrap().len(), 4);
        for (name, value) in printed[side].as_object().unwrap() {
            assert_eq!(report[side][name], *value, "{name}");
        }
    }
    let file = dir.json("temperance-out/calibrator.json");
    assert_eq!(number(&file, "/parameters/temperature"), number(&printed, "/calibrator/temperature"));
    let page = dir.text("temperance-out/report.html");
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("data.npz") && page.contains("Made by temperance "));
    assert!(!page.contains("<script") && !page.contains("src="));
    for figure in ["reliability", "nll", "confidence"] {
        let svg = dir.text(&format!("temperance-out/{figure}.svg"));
        assert!(
            svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"),
            "{figure}"
        );
    }
}
