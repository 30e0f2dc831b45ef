//! What is refused, in which words, and that nothing is left behind.

mod common;

use common::*;

/// Inputs, good and bad, and the results of an earlier run in `earlier`.
fn inputs() -> Dir {
    let dir = Dir::new();
    let good = sample(40, 3, 1.5);
    good.put(&dir);
    dir.put("good.npz", good.npz());
    dir.put("good.csv", good.csv());
    dir.good("fit good.npz --output earlier --quiet");
    dir.put("p.npy", npy("<f8", &good.shape(), &f64s(&good.probabilities())));

    // Arrays.
    let (logits, labels) = (good.logits_npy(), good.labels_npy());
    dir.put("cut.npy", &logits[..logits.len() - 5]);
    dir.put("cut-header.npy", &logits[..30]);
    dir.put("long.npy", [&logits[..], b"more"].concat());
    dir.put("lying.npy", npy("<f4", "(4000000000, 1000)", &[0; 64]));
    dir.put("overflowing.npy", npy("<f4", "(18446744073709551615, 18446744073709551615)", &[]));
    dir.put("objects.npy", npy("|O", "(40, 3)", b"\x80\x04K\x01."));
    dir.put("pickle.npy", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00.");
    dir.put("empty.npy", b"");
    dir.put("flat.npy", npy("<f4", "(120,)", &f32s(&good.logits)));
    dir.put("no-rows.npy", npy("<f4", "(0, 3)", &[]));
    dir.put("complex.npy", npy("<c8", "(40, 3)", &[0; 960]));
    dir.put("one-class.npy", npy("<f4", "(40, 1)", &f32s(&good.logits[..40])));
    dir.put("two-dims.npy", npy("|u1", "(20, 2)", &good.labels));
    dir.put("one-label.npy", npy("|u1", "(40,)", &[1; 40]));
    dir.put("few-labels.npy", npy("|u1", "(39,)", &good.labels[..39]));
    dir.put("label-3.npy", npy("|u1", "(40,)", &[&good.labels[..11], &[3], &good.labels[12..]].concat()));
    let mut floats: Vec<f64> = good.labels.iter().map(|&label| label.into()).collect();
    floats[4] = 2.5;
    dir.put("label-2.5.npy", npy("<f8", "(40,)", &f64s(&floats)));
    let at = |row: usize, column: usize, value: f64| {
        let mut values = good.logits.clone();
        values[3 * row + column] = value;
        npy("<f8", "(40, 3)", &f64s(&values))
    };
    dir.put("nan.npy", at(7, 2, f64::NAN));
    dir.put("inf.npy", at(39, 0, f64::INFINITY));
    dir.put("few-weights.npy", npy("<f8", "(2,)", &f64s(&[1.0, 2.0])));
    dir.put("negative-weights.npy", npy("<f8", "(40,)", &f64s(&[-1.0; 40])));
    let mut weights = [1.0; 40];
    weights[21] = f64::NAN;
    dir.put("nan-weight.npy", npy("<f8", "(40,)", &f64s(&weights)));
    dir.put("no-weight.npy", npy("<f8", "(40,)", &f64s(&[0.0; 40])));
    let mut soft = good.probabilities();
    soft[3 * 6] += 0.5;
    dir.put("not-soft.npy", npy("<f8", "(40, 3)", &f64s(&soft)));
    let mut zero = good.probabilities();
    (zero[0], zero[1], zero[2]) = (0.0, 0.5, 0.5);
    dir.put("zero-p.npy", npy("<f8", "(40, 3)", &f64s(&zero)));

    // Archives.
    let objects = npy("|O", "(40,)", b"\x80\x04K\x01.");
    dir.put("objects.npz", npz(&[("logits", &logits), ("labels", &objects)], true));
    dir.put("nolabels.npz", npz(&[("logits", &logits), ("other", &labels)], true));
    dir.put("cut.npz", &good.npz()[..200]);
    // The header promises more than so few bytes can become; the stream holds it.
    let endless = npy("<f4", "(50000000, 10)", &[0; 1 << 20]);
    dir.put("endless.npz", npz(&[("logits", &endless), ("labels", &labels)], true));
    dir.put("endless.csv.gz", gzip(&[b' '; 1 << 20]).repeat(66));
    dir.put("plain.csv.gz", good.csv());
    dir.put("lying.safetensors", (1_u64 << 60).to_le_bytes());
    let half = safetensors(&[
        ("logits", "F32", "[40,3]", &f32s(&good.logits)),
        ("labels", "U8", "[40]", &good.labels),
    ]);
    dir.put("cut.safetensors", &half[..half.len() - 1]);

    // Text.
    let edited = |line: usize, edit: &dyn Fn(&str) -> String| {
        let mut lines: Vec<String> = good.csv().lines().map(str::to_owned).collect();
        lines[line - 1] = edit(&lines[line - 1]);
        lines.join("\n")
    };
    dir.put("word.csv", edited(9, &|line| format!("x{line}")));
    dir.put("hole.csv", edited(9, &|line| line.replacen(line.split(',').nth(1).unwrap(), "", 1)));
    dir.put("short.csv", edited(9, &|line| line.split_once(',').unwrap().1.to_owned()));
    dir.put("nan.csv", edited(9, &|line| format!("nan{}", &line[line.find(',').unwrap()..])));
    dir.put("half.csv", edited(9, &|line| format!("{}.5", line)));
    dir.put("headless.csv", good.csv().split_once('\n').unwrap().1);
    dir.put("empty.csv", "");
    dir.put("header.csv", "c0,c1,label\n");
    dir.put("strings.csv", "c0,c1,label\n0,1,cat\n1,0,dog\n2,0,cow\n");
    dir.put("two-names.txt", "cat\ndog\n");
    dir.put("confidence.csv", "confidence,correct\n0.5,1\n1.5,0\n");
    dir.put("hits.csv", "confidence,correct\n0.5,1\n0.9,2\n");
    std::fs::create_dir(dir.path("directory.npy")).unwrap();
    dir.put("notes.txt", "mine");
    std::fs::create_dir(dir.path("foreign")).unwrap();
    dir.put("foreign/thesis.tex", "mine");

    // Calibrator files.
    let file = dir.text("earlier/calibrator.json");
    let value = dir.json("earlier/calibrator.json");
    let edit = |path: &str, to: serde_json::Value| {
        let mut value = value.clone();
        *value.pointer_mut(path).unwrap() = to;
        value.to_string()
    };
    dir.put("newer.json", edit("/format_version", 2.into()));
    dir.put("edited.json", edit("/parameters/temperature", 3.5.into()));
    dir.put("negative.json", edit("/parameters/temperature", (-1.0).into()));
    dir.put("method.json", edit("/method", "magic".into()));
    dir.put("damaged.json", &file[..file.find("\"method\"").unwrap() + 3]);
    dir.put("other.json", "{\"format\": \"something\"}");
    let mut nothing = value.clone();
    nothing.as_object_mut().unwrap().remove("parameters");
    dir.put("nothing.json", nothing.to_string());
    dir.put("k2.npz", sample(40, 2, 1.0).npz());
    dir
}

/// Arguments, and the error that they give.
const REFUSALS: &[(&str, &str)] = &[
    (
        "evaluate good.npz --top-k 1,3",
        "k of a top-k accuracy is 3; expected a number from 1 to 2, below the number of classes",
    ),
    (
        "evaluate --confidence good.csv --top-k 2",
        "confidences alone have no top-k accuracy; expected logits or probabilities",
    ),
    (
        "evaluate --confidence good.csv --groups labels.npy",
        "confidences alone have no groups; expected logits or probabilities",
    ),
    (
        "calibrate --logits cut.npy --labels labels.npy",
        "cut.npy: size of the data is 475 bytes; expected 480 bytes for shape (40, 3) of float32 (the file is truncated)",
    ),
    (
        "calibrate --logits cut-header.npy --labels labels.npy",
        "cut-header.npy: header is truncated; expected a whole .npy header",
    ),
    (
        "calibrate --logits long.npy --labels labels.npy",
        "long.npy: size of the data is 484 bytes; expected 480 bytes for shape (40, 3) of float32 (bytes follow the array)",
    ),
    (
        "calibrate --logits lying.npy --labels labels.npy",
        "lying.npy: size of the data is 64 bytes; expected 16000000000000 bytes for shape (4000000000, 1000) of float32 (the file is truncated)",
    ),
    (
        "calibrate --logits overflowing.npy --labels labels.npy",
        "overflowing.npy: shape is (18446744073709551615, 18446744073709551615); expected an array that fits into memory",
    ),
    (
        "calibrate --logits objects.npy --labels labels.npy",
        "objects.npy: dtype is |O; expected numbers or strings (pickled objects are never loaded)",
    ),
    (
        "calibrate --logits pickle.npy --labels labels.npy",
        "pickle.npy: start of the file is \\x80\\x04\\x95\\x10\\x00\\x00; expected \\x93NUMPY, the mark of a .npy file",
    ),
    (
        "calibrate --logits empty.npy --labels labels.npy",
        "empty.npy: start of the file is missing; expected \\x93NUMPY, the mark of a .npy file",
    ),
    (
        "calibrate --logits flat.npy --labels labels.npy",
        "flat.npy: shape of logits is (120,); expected two dimensions, (rows, classes)",
    ),
    (
        "calibrate --logits no-rows.npy --labels labels.npy",
        "no-rows.npy: number of rows of logits is 0; expected at least 1",
    ),
    (
        "calibrate --logits complex.npy --labels labels.npy",
        "complex.npy: dtype is <c8; expected real numbers, not complex ones",
    ),
    (
        "calibrate --logits one-class.npy --labels labels.npy",
        "one-class.npy: number of classes is 1; expected at least 2, a column for each",
    ),
    (
        "fit --logits one-class.npy --labels labels.npy",
        "one-class.npy: number of classes is 1; expected at least 2, a column for each",
    ),
    (
        "evaluate --logits one-class.npy --labels labels.npy",
        "one-class.npy: number of classes is 1; expected at least 2, a column for each",
    ),
    (
        "apply --logits one-class.npy --temperature 2",
        "one-class.npy: number of classes is 1; expected at least 2, a column for each",
    ),
    (
        "calibrate --logits logits.npy --labels two-dims.npy",
        "two-dims.npy: shape of labels is (20, 2); expected one class index per row, (rows,) or (rows, 1)",
    ),
    (
        "calibrate --logits logits.npy --labels one-label.npy",
        "one-label.npy: every label is 1; expected at least two classes among the labels of a fit",
    ),
    (
        "fit --logits logits.npy --labels one-label.npy",
        "one-label.npy: every label is 1; expected at least two classes among the labels of a fit",
    ),
    (
        "calibrate --logits logits.npy --labels few-labels.npy",
        "few-labels.npy: number of labels is 39; expected one for each of the 40 rows of logits.npy",
    ),
    (
        "calibrate --logits logits.npy --labels label-3.npy",
        "label-3.npy: label is 3 at row 11 (counted from 0); expected a class index from 0 to 2",
    ),
    (
        "calibrate --logits logits.npy --labels label-2.5.npy",
        "label-2.5.npy: label is 2.5 at row 4 (counted from 0); expected a whole number, the index of a class",
    ),
    (
        "calibrate --logits nan.npy --labels labels.npy",
        "nan.npy: logit is NaN at row 7, column 2 (counted from 0); expected a finite number or -inf",
    ),
    (
        "fit --logits nan.npy --labels labels.npy",
        "nan.npy: logit is NaN at row 7, column 2 (counted from 0); expected a finite number or -inf",
    ),
    (
        "evaluate --logits nan.npy --labels labels.npy",
        "nan.npy: logit is NaN at row 7, column 2 (counted from 0); expected a finite number or -inf",
    ),
    (
        "apply --logits nan.npy --temperature 2",
        "nan.npy: logit is NaN at row 7, column 2 (counted from 0); expected a finite number or -inf",
    ),
    (
        "calibrate --logits inf.npy --labels labels.npy",
        "inf.npy: logit is inf at row 39, column 0 (counted from 0); expected a finite number or -inf",
    ),
    (
        "calibrate --logits logits.npy --labels labels.npy --weights few-weights.npy",
        "few-weights.npy: number of weights is 2; expected one for each of the 40 rows of logits.npy",
    ),
    (
        "calibrate --logits logits.npy --labels labels.npy --weights negative-weights.npy",
        "negative-weights.npy: row weight is -1 at row 0 (counted from 0); expected a finite number, 0 or above",
    ),
    (
        "fit --logits logits.npy --labels labels.npy --weights nan-weight.npy",
        "nan-weight.npy: row weight is NaN at row 21 (counted from 0); expected a finite number, 0 or above",
    ),
    (
        "calibrate --logits logits.npy --labels labels.npy --weights no-weight.npy",
        "no-weight.npy: every row weight is 0; expected at least one above 0",
    ),
    (
        "calibrate --logits logits.npy --soft-labels not-soft.npy",
        "not-soft.npy: sum of the soft labels is 1.5000000000000002 at row 6 (counted from 0); expected 1 within 0.01",
    ),
    (
        "calibrate --logits logits.npy",
        "logits.npy: file of the labels is missing; expected one more file: a .npy file holds one array",
    ),
    (
        "calibrate --labels labels.npy",
        "file of the scores is missing; expected FILE, --logits FILE or --probabilities FILE",
    ),
    (
        "calibrate --class-names two-names.txt",
        "file of the scores is missing; expected FILE, --logits FILE or --probabilities FILE",
    ),
    ("fit", "file of the scores is missing; expected FILE, --logits FILE or --probabilities FILE"),
    (
        "apply --temperature 2",
        "file of the scores is missing; expected FILE, --logits FILE or --probabilities FILE",
    ),
    (
        "calibrate --probabilities logits.npy --labels labels.npy",
        "logits.npy: probability is -4.8671875 at row 0, column 0 (counted from 0); expected a number from 0 to 1",
    ),
    (
        "calibrate --probabilities zero-p.npy --labels labels.npy --zeros error",
        "zero-p.npy: probability is 0 at row 0, column 0 (counted from 0); expected a probability above 0, or zeros handled by name (clip, infinite)",
    ),
    (
        "calibrate objects.npz",
        "objects.npz, array labels: dtype is |O; expected numbers or strings (pickled objects are never loaded)",
    ),
    (
        "calibrate nolabels.npz",
        "nolabels.npz: array of the labels is missing (the file holds logits, other); expected one named labels, label, y, targets, target, or its name with --labels-name",
    ),
    (
        "calibrate good.npz --labels-name target",
        "good.npz: array target is missing (the file holds logits, labels); expected one of the arrays of the file",
    ),
    (
        "calibrate cut.npz",
        "cut.npz: zip archive is damaged or truncated (Could not find EOCD); expected a whole .npz file",
    ),
    (
        "calibrate endless.npz",
        "endless.npz, array logits: inflated size is more than 67331864 bytes; expected at most 200 times its compressed size; decompress the file first",
    ),
    (
        "calibrate endless.csv.gz",
        "endless.csv.gz, line 1: first line is longer than 64 MiB; expected the names of the columns",
    ),
    (
        "calibrate plain.csv.gz",
        "plain.csv.gz: start of the file is c0; expected \\x1f\\x8b, the mark of a gzip file",
    ),
    (
        "calibrate lying.safetensors",
        "lying.safetensors: size of the header is 1152921504606846976 bytes; expected at most 0, to fit into the file",
    ),
    (
        "calibrate cut.safetensors",
        "cut.safetensors: size of the data is 519 bytes; expected 520 bytes for the tensors of the header (the file is truncated)",
    ),
    ("calibrate word.csv", "word.csv, line 9, column c0: cell is \"x2.62109375\"; expected a number"),
    ("calibrate hole.csv", "hole.csv, line 9, column c1: cell is empty; expected a number"),
    ("calibrate short.csv", "short.csv, line 9: number of cells is 3; expected 4, as in the header"),
    (
        "calibrate nan.csv",
        "nan.csv, line 9, column c0: logit is NaN at row 7, column 0 (counted from 0); expected a finite number or -inf",
    ),
    (
        "calibrate half.csv",
        "half.csv, line 9, column label: label is 2.5 at row 7 (counted from 0); expected a whole number, the index of a class",
    ),
    (
        "calibrate headless.csv",
        "headless.csv, line 1: first line is only numbers (-4.8671875, 3.16015625, -3.5546875, 1); expected the names of the columns",
    ),
    ("calibrate empty.csv", "empty.csv, line 1: first line is missing; expected the names of the columns"),
    ("calibrate header.csv", "header.csv: number of rows of logits is 0; expected at least 1"),
    (
        "calibrate strings.csv",
        "strings.csv: number of distinct string labels is 3; expected 2, one for each class, or the order of the classes with --class-names",
    ),
    (
        "calibrate good.csv --labels-name target",
        "good.csv, line 1: column target is missing (the file has c0, c1, c2, label); expected one of the columns of the file",
    ),
    (
        "calibrate good.csv --scores-name c0,c7",
        "good.csv, line 1: column c7 is missing (the file has c0, c1, c2, label); expected one of the columns of the file",
    ),
    (
        "calibrate good.csv --scores-name z*",
        "good.csv, line 1: every column z* is missing (the file has c0, c1, c2, label); expected at least one",
    ),
    (
        "calibrate good.csv --weights-name w",
        "good.csv, line 1: column w is missing (the file has c0, c1, c2, label); expected one of the columns of the file",
    ),
    (
        "calibrate good.csv --class-names two-names.txt",
        "two-names.txt: number of class names is 2; expected one for each of the 3 classes of good.csv",
    ),
    (
        "calibrate directory.npy",
        "directory.npy is a directory; expected a .npy, .npz, .safetensors, .csv or .csv.gz file",
    ),
    ("calibrate .", ". is a directory; expected a .npy, .npz, .safetensors, .csv or .csv.gz file"),
    ("calibrate missing.npz", "cannot read missing.npz: no such file or directory"),
    (
        "calibrate notes.txt",
        "notes.txt: extension is .txt; expected a .npy, .npz, .safetensors, .csv or .csv.gz file",
    ),
    (
        "calibrate --logits missing.npy --labels labels.npy",
        "cannot read missing.npy: no such file or directory",
    ),
    ("calibrate good.npz --class-names missing.txt", "cannot read missing.txt: no such file or directory"),
    (
        "evaluate --confidence confidence.csv",
        "confidence.csv, line 3, column confidence: confidence is 1.5 at row 1 (counted from 0); expected a number from 0 to 1",
    ),
    (
        "evaluate --confidence hits.csv",
        "hits.csv, line 3, column correct: correctness is 2 at row 1 (counted from 0); expected 0 or 1, false or true",
    ),
    (
        "evaluate good.csv --confidence-name conf",
        "good.csv, line 1: column conf is missing (the file has c0, c1, c2, label); expected one of the columns of the file",
    ),
    (
        "evaluate confidence.csv --confidence-name confidence --temperature 2",
        "confidences alone cannot be calibrated; expected logits or probabilities",
    ),
    // Options.
    (
        "calibrate good.npz --fail-above eec=0.05",
        "metric is \"eec\"; expected one of accuracy, nll, brier, ece, mce, rmsce, ece_equal_mass, classwise_ece, mean_confidence, mean_entropy, overconfidence, underconfidence, l2_debiased, l1_debiased, smooth_ece, ece_sweep, another of `temperance metrics`, or top_K_accuracy with --top-k K",
    ),
    (
        "evaluate good.npz --fail-below top_2_accuracy=0.5",
        "metric is \"top_2_accuracy\"; expected one of accuracy, nll, brier, ece, mce, rmsce, ece_equal_mass, classwise_ece, mean_confidence, mean_entropy, overconfidence, underconfidence, l2_debiased, l1_debiased, smooth_ece, ece_sweep, another of `temperance metrics`, or top_K_accuracy with --top-k K",
    ),
    ("calibrate good.npz --fit-fraction 1", "fit fraction is 1; expected a number above 0 and below 1"),
    ("calibrate good.npz --fit-fraction -0.5", "fit fraction is -0.5; expected a number above 0 and below 1"),
    (
        "calibrate good.npz --fit-fraction 0.001 --split sequential",
        "number of rows is 40; expected enough for both parts of the split",
    ),
    (
        "evaluate good.csv --weights-name label",
        "good.csv, line 1: column label is wanted as weights too; expected one use of a column; others are given by name",
    ),
    ("calibrate good.npz --bins 0", "number of bins is 0; expected at least 1"),
    (
        "fit good.npz --parameter minimum=-1",
        "minimum temperature is -1; expected at least 1e-30 and below 1e30",
    ),
    ("fit good.npz --parameter speed=1", "parameter is \"speed\"; expected minimum, maximum"),
    ("apply good.npz --temperature -1", "temperature is -1; expected a number from 1e-30 to 1e30"),
    ("apply good.npz --temperature 0", "temperature is 0; expected a number from 1e-30 to 1e30"),
    ("evaluate good.npz --temperature nan", "temperature is NaN; expected a number from 1e-30 to 1e30"),
    ("smoothing --classes 10 --epsilon -0.1", "epsilon is -0.1; expected a number from 0 to 1"),
    ("smoothing --classes 10 --epsilon 1.5", "epsilon is 1.5; expected a number from 0 to 1"),
    ("smoothing --classes 10 --epsilon nan", "epsilon is NaN; expected a number from 0 to 1"),
    ("smoothing --classes 1 --epsilon 0.1", "number of classes is 1; expected at least 2"),
    ("smoothing --classes 0 --epsilon 0.1", "number of classes is 0; expected at least 2"),
    (
        "smoothing --classes 10 --epsilon 0.95 --from fairseq --convert torch",
        "epsilon of fairseq is 0.95; expected at most 0.9, which is the epsilon 1 of torch with 10 classes",
    ),
    (
        "smoothing --classes 10 --epsilon 0.6 --convert classyvision --json",
        "epsilon of torch is 0.6; expected at most 0.5, which is the epsilon 1 of classyvision with 10 classes",
    ),
    ("smoothing --classes 10 --epsilon 2 --convert keras", "epsilon is 2; expected a number from 0 to 1"),
    ("smoothing --classes 1 --epsilon 0.1 --convert keras", "number of classes is 1; expected at least 2"),
    // Two data sets.
    (
        "calibrate good.npz --test-labels labels.npy",
        "test scores are missing; expected --test-logits or --test-probabilities",
    ),
    (
        "calibrate --test-logits logits.npy --test-labels labels.npy",
        "scores to fit on are missing; expected FILE, --logits or --probabilities",
    ),
    (
        "calibrate good.npz --test-logits nan.npy --test-labels labels.npy",
        "nan.npy: logit is NaN at row 7, column 2 (counted from 0); expected a finite number or -inf",
    ),
    (
        "calibrate good.npz --test-logits logits.npy",
        "logits.npy: file of the labels is missing; expected one more file: a .npy file holds one array",
    ),
    ("calibrate good.npz --test-logits k2.npz", "number of test classes is 2; expected the 3 classes fitted"),
    // Calibrators.
    (
        "apply good.npz --calibrator newer.json",
        "newer.json: format version is 2; expected at most 1: the file was written by a newer version",
    ),
    (
        "apply good.npz --calibrator edited.json",
        "edited.json: reference probability of row 0, class 0 is 0.071259; expected 0.190355, which its parameters give: the file was edited or damaged",
    ),
    (
        "evaluate good.npz --calibrator edited.json",
        "edited.json: reference probability of row 0, class 0 is 0.071259; expected 0.190355, which its parameters give: the file was edited or damaged",
    ),
    (
        "apply good.npz --calibrator negative.json",
        "negative.json: temperature is -1; expected a number from 1e-30 to 1e30",
    ),
    (
        "apply good.npz --calibrator method.json",
        "method.json: method is \"magic\"; expected identity or temperature or ensemble_temperature or temperature_biases or platt or structured_vector or vector or beta or quadratic or structured_matrix or dirichlet or centred_isotonic or isotonic or histogram or scaling_binning or bbq or venn_abers or matrix",
    ),
    (
        "apply good.npz --calibrator damaged.json",
        "damaged.json: content is not JSON (EOF while parsing a string at line 5 column 5); expected a calibrator file, as fit writes it",
    ),
    (
        "apply good.npz --calibrator other.json",
        "other.json: content is JSON whose \"format\" is \"something\"; expected a calibrator file, as fit writes it",
    ),
    (
        "apply good.npz --calibrator nothing.json",
        "nothing.json: content is incomplete (missing field `parameters`); expected a calibrator file, as fit writes it",
    ),
    ("apply good.npz --calibrator missing.json", "cannot read missing.json: no such file or directory"),
    (
        "apply good.npz --calibrator good.npz",
        "good.npz: content is not JSON (expected value at line 1 column 1); expected a calibrator file, as fit writes it",
    ),
    (
        "apply k2.npz --calibrator earlier/calibrator.json",
        "earlier/calibrator.json: number of classes of the calibrator is 3; expected 2, as the scores have",
    ),
    (
        "evaluate k2.npz --calibrator earlier/calibrator.json",
        "earlier/calibrator.json: number of classes of the calibrator is 3; expected 2, as the scores have",
    ),
    // Directories of results.
    (
        "calibrate good.npz --output notes.txt",
        "notes.txt: target is a file; expected the name of a directory",
    ),
    ("calibrate good.npz --output notes.txt/deeper", "cannot write notes.txt/deeper: not a directory"),
    (
        "calibrate good.npz --output foreign",
        "foreign: content of the directory is thesis.tex, which was not written by this program; expected an empty directory or one of earlier results, or force (--force)",
    ),
    (
        "apply good.npz --temperature 2 --output foreign",
        "foreign: content of the directory is thesis.tex, which was not written by this program; expected an empty directory or one of earlier results, or force (--force)",
    ),
    (
        "fit good.npz --output .",
        ".: content of the directory is complex.npy and 61 more, which were not written by this program; expected an empty directory or one of earlier results, or force (--force)",
    ),
];

#[test]
fn every_refusal_has_one_line_and_leaves_nothing() {
    let dir = inputs();
    let before = dir.everything();
    let mut wrong = String::new();
    for (arguments, expected) in REFUSALS {
        let outcome = dir.run(arguments);
        if outcome.code != Some(2)
            || !outcome.stdout.is_empty()
            || outcome.stderr != format!("error: {expected}\n")
        {
            wrong += &format!("{arguments}\n  {outcome:?}\n");
        }
        if dir.everything() != before {
            wrong += &format!("{arguments}\n  changed files\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn usage_errors() {
    let dir = Dir::new();
    for arguments in [
        "",
        "calibrat",
        "calibrate --bins many",
        "evaluate --threads 0",
        "evaluate --threads 257",
        "calibrate a.npy --logits b.npy",
        "calibrate a.npy --fail-above ece",
        "calibrate a.npy --fail-above ece=low",
        "fit a.npy --method magic",
        "apply a.npy",
        "apply a.npy --temperature 2 --calibrator c.json",
        "evaluate --correct hits.npy",
        "smoothing --classes 10",
        "smoothing --classes 10 --epsilon 0.1 --from fairseq",
        "smoothing --classes 10 --epsilon 0.1 --convert tensorflow",
        "smoothing --classes 10 --epsilon 0.1 --convert torch --convention others",
        "losses nothing",
        "losses cross_entropy cross_entropy",
        "completions csh",
    ] {
        let outcome = dir.run(arguments);
        assert_eq!((outcome.code, &*outcome.stdout), (Some(2), ""), "{arguments}");
        assert!(
            arguments.is_empty() || outcome.stderr.starts_with("error: "),
            "{arguments}: {}",
            outcome.stderr
        );
        assert!(dir.everything().is_empty(), "{arguments}");
    }
}

/// Row 7 of the file is measured, not fitted; the error still counts from the start of the file.
#[test]
fn an_error_in_the_measured_part_names_the_row_of_the_file() {
    let dir = Dir::new();
    let good = sample(40, 3, 1.5);
    dir.put("labels.npy", good.labels_npy());
    let mut measured = 0;
    for row in [2, 7, 21, 38] {
        let mut logits = good.logits.clone();
        logits[3 * row + 1] = f64::NAN;
        dir.put("logits.npy", npy("<f8", "(40, 3)", &f64s(&logits)));
        let expected = format!(
            "error: logits.npy: logit is NaN at row {row}, column 1 (counted from 0); expected a finite number or -inf\n"
        );
        for split in ["--seed 0", "--seed 1", "--split sequential"] {
            let outcome = dir.run(&format!("calibrate --logits logits.npy --labels labels.npy {split}"));
            assert_eq!((outcome.code, outcome.stderr), (Some(2), expected.clone()));
        }
        measured += usize::from(row >= 20);
        assert!(!dir.path("temperance-out").exists());
    }
    assert!(measured > 0);
}

#[cfg(unix)]
#[test]
fn files_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    dir.put("secret.npz", sample(20, 3, 1.0).npz());
    dir.put("good.npz", sample(20, 3, 1.0).npz());
    let allow = |name: &str, mode| {
        std::fs::set_permissions(dir.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    allow("secret.npz", 0);
    if std::fs::read(dir.path("secret.npz")).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let outcome = dir.run("calibrate secret.npz");
    assert_eq!(
        (outcome.code, &*outcome.stderr),
        (Some(2), "error: cannot read secret.npz: permission denied\n")
    );
    std::fs::create_dir(dir.path("shut")).unwrap();
    allow("shut", 0o555);
    let outcome = dir.run("fit good.npz --output shut");
    assert_eq!((outcome.code, &*outcome.stderr), (Some(2), "error: cannot write shut: permission denied\n"));
    let outcome = dir.run("fit good.npz --output shut/inner");
    assert_eq!(
        (outcome.code, &*outcome.stderr),
        (Some(2), "error: cannot write shut/inner: permission denied\n")
    );
    allow("shut", 0o755);
}

/// A limit on the size of files stands for a disk that fills up in the middle of the results.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let dir = Dir::new();
    dir.put("good.npz", sample(200, 3, 1.5).npz());
    let limited = |arguments: &str, blocks: u32| {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" {arguments}");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_temperance")]).current_dir(dir.path(""));
        Outcome::of(command.output().unwrap())
    };
    let before = dir.everything();
    let outcome = limited("calibrate good.npz --output new/deep", 8);
    let expected = "error: cannot write new/deep/report.json: file too large\n";
    assert_eq!((outcome.code, &*outcome.stderr), (Some(2), expected));
    let outcome = limited("apply good.npz --temperature 2 --output new", 1);
    let expected = "error: cannot write new/probabilities.npz: file too large\n";
    assert_eq!((outcome.code, &*outcome.stderr), (Some(2), expected));
    assert_eq!(dir.everything(), before);

    dir.good("calibrate good.npz --output old --quiet");
    let before = dir.everything();
    assert_eq!(limited("calibrate good.npz --seed 1 --output old", 8).code, Some(2));
    assert_eq!(dir.everything(), before);

    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = dir.command("evaluate good.npz --json").stdout(full).output().unwrap();
    let expected = "error: cannot write to standard output: no storage space\n";
    assert_eq!((output.status.code(), &*String::from_utf8(output.stderr).unwrap()), (Some(2), expected));
}

#[cfg(unix)]
fn interrupt(child: &std::process::Child) {
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_reading() {
    use std::io::Write;
    use std::process::Stdio;
    let dir = Dir::new();
    let mut child = dir.command("fit -").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // More than a pipe holds: the command reads when this is through.
    let mut input = child.stdin.take().unwrap();
    input.write_all(sample(9000, 3, 1.0).csv().as_bytes()).unwrap();
    interrupt(&child);
    let outcome = Outcome::of(child.wait_with_output().unwrap());
    drop(input);
    assert_eq!((outcome.code, &*outcome.stderr), (Some(130), "interrupted; nothing was written\n"));
    assert!(dir.everything().is_empty());
}

#[cfg(unix)]
#[test]
fn ctrl_c_in_a_long_fit() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};
    const COPIES: usize = 600;
    let dir = Dir::new();
    let part = sample(1000, 10, 2.0);
    let rows = 1000 * COPIES;
    dir.put("logits.npy", npy("<f4", &format!("({rows}, 10)"), &f32s(&part.logits).repeat(COPIES)));
    dir.put("labels.npy", npy("|u1", &format!("({rows},)"), &part.labels.repeat(COPIES)));
    let before = dir.everything();
    let mut command = dir.command("fit --logits logits.npy --labels labels.npy --output out");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The directory is made when all is read; the fit comes next.
    let start = Instant::now();
    while !dir.path("out").exists() && start.elapsed() < Duration::from_secs(30) {
        assert!(child.try_wait().unwrap().is_none(), "ended without a directory");
        std::thread::sleep(Duration::from_millis(1));
    }
    interrupt(&child);
    let outcome = Outcome::of(child.wait_with_output().unwrap());
    if outcome.code == Some(0) {
        eprintln!("skipped: the fit was quicker than the signal");
        return;
    }
    assert_eq!((outcome.code, &*outcome.stderr), (Some(130), "interrupted; nothing was written\n"));
    assert!(outcome.stdout.is_empty());
    assert!(dir.everything() == before);
}
