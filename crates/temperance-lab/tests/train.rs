//! `temperance-lab train` as a user runs it: the real binary.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use temperance::loss::theory;
use temperance_data::{Dataset, Input};

use common::{bad, command, good};

fn train(folder: &Path, arguments: &[&str]) -> Output {
    let folder = folder.to_str().unwrap();
    command(&[&["train", "--output", folder], arguments].concat()).output().unwrap()
}

fn read(file: PathBuf) -> Dataset {
    Dataset::read(&Input { logits: Some(file.clone()), labels: Some(file), ..Input::default() }).unwrap()
}

/// Few rows and small layers.
const SMALL: [&str; 10] =
    ["--rows", "600", "--width", "32", "--depth", "1", "--epochs", "4", "--batch-size", "50"];

fn summary(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("summary.json")).unwrap()).unwrap()
}

#[test]
fn a_linear_model_on_the_identity_reaches_the_closed_forms() {
    let folder = tempfile::tempdir().unwrap();
    for (name, flags, expected) in [
        ("smoothed", ["--label-smoothing", "0.1"], 91_f64.ln()),
        ("penalised", ["--confidence-penalty", "1"], theory::penalty_gap(10, 1.0).unwrap().gap),
        ("few", ["--label-smoothing", "0.5"], 11_f64.ln()),
    ] {
        let run = folder.path().join(name);
        let fixed =
            ["--data", "one-hot:10", "--model", "logistic", "--optimizer", "sgd", "--momentum", "0.9"];
        let course = ["--learning-rate", "2", "--epochs", "3000", "--every", "3000", "--schedule", "cosine"];
        good(train(&run, &[&fixed[..], &course, &flags].concat()));
        let summary = summary(&run);
        let gap = summary["train"]["gap"].as_f64().unwrap();
        assert!((gap - expected).abs() < 1e-3, "{name}: {gap}; expected {expected}");
        if name == "penalised" {
            assert!((gap - 2.1010).abs() < 1e-3, "{gap}");
        }
        let nearest = summary["train"]["nearest_gap"].as_f64().unwrap();
        assert!((nearest - expected).abs() < 1e-3, "{name}: {nearest}; expected {expected}");
        assert!((summary["gap_bound"].as_f64().unwrap() - expected).abs() < 1e-6);
    }
}

#[test]
fn a_run_leaves_what_the_rest_reads() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let text = good(train(&run, &[&SMALL[..], &["--label-smoothing", "0.1"]].concat()));
    assert!(
        text.contains("fashion-mnist: cross_entropy for 4 epochs on 600 examples of 10 classes"),
        "{text}"
    );
    assert!(text.contains("T, fitted on the validation part"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100 + run.to_str().unwrap().len() * 2), "{text}");
    for (part, rows) in [("train", 600), ("validation", 1750), ("test", 3000)] {
        let file = run.join(format!("{part}.npz"));
        let dataset = read(file);
        assert_eq!((dataset.rows(), dataset.classes()), (rows, 10));
    }
    let summary = summary(&run);
    let accuracy = summary["test"]["accuracy"].as_f64().unwrap();
    assert!((0.6..0.9).contains(&accuracy), "{accuracy}");
    let rows = temperance_lab::read_metrics(&run.join("metrics.csv")).unwrap();
    assert_eq!(rows.len(), 4);
    let column = temperance_lab::column;
    assert!(rows[3][column("train_loss")] < rows[0][column("train_loss")]);
    assert!((rows[0][column("gap_bound")] - 91_f64.ln()).abs() < 1e-12);
    assert_eq!(rows[3][column("validation_nll")], summary["validation"]["nll"].as_f64().unwrap());
    assert!(std::fs::metadata(run.join("events.out.tfevents.0.temperance")).unwrap().len() > 1000);

    let again = bad(train(&run, &SMALL));
    assert!(again.ends_with("holds a run; --resume goes on with it, --force starts anew\n"), "{again}");
    let other = bad(train(&run, &["--resume", "--epochs", "9"]));
    assert!(
        other.contains("holds a run of other settings; expected those of the run that is resumed"),
        "{other}"
    );
    // A run that is done is resumed without a step, also where the same number is written otherwise, and where the last
    // line of the measurements was cut off.
    let metrics = std::fs::read(run.join("metrics.csv")).unwrap();
    std::fs::write(run.join("metrics.csv"), [&metrics[..], b"1234,5,0."].concat()).unwrap();
    good(train(&run, &[&SMALL[..], &["--label-smoothing", "0.10", "--resume"]].concat()));
    assert_eq!(std::fs::read(run.join("metrics.csv")).unwrap(), metrics);
    // What cannot be made does not cost what is there.
    let text = bad(train(&run, &["--force", "--loss", "distillation", "--teacher", "nobody"]));
    assert!(text.contains("no settings.toml and model.bpk"), "{text}");
    let own = run.to_str().unwrap();
    let text = bad(train(&run, &["--force", "--loss", "distillation", "--teacher", own]));
    assert!(text.contains("the output; expected another run"), "{text}");
    assert!(run.join("model.bpk").exists());
    good(train(&run, &[&SMALL[..], &["--force"]].concat()));
}

#[test]
fn a_run_that_is_killed_and_resumed_ends_with_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let flags: Vec<&str> = [
        &["--rows", "400", "--width", "24", "--epochs", "60", "--batch-size", "40", "--dropout", "0.3"][..],
        &["--loss", "online_smoothing", "--schedule", "cosine", "--warmup", "30"],
    ]
    .concat();
    good(train(&whole, &flags));

    let arguments = [&["train", "--output", killed.to_str().unwrap()], &flags[..]].concat();
    let mut child = command(&arguments).stdout(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    let checkpoints = killed.join("checkpoints");
    // After a few epochs, long before the last.
    while !(2..30).any(|epoch| checkpoints.join(format!("epoch-{epoch:06}")).exists()) {
        assert!(start.elapsed() < Duration::from_secs(120), "no checkpoint came");
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.join("summary.json").exists(), "it was killed before the end");

    good(train(&killed, &["--resume"]));
    for name in ["train.npz", "validation.npz", "test.npz"] {
        let bytes = |run: &Path| std::fs::read(run.join(name)).unwrap();
        assert!(bytes(&whole) == bytes(&killed), "{name} differs");
    }
    let rows = |run: &Path| temperance_lab::read_metrics(&run.join("metrics.csv")).unwrap();
    for (one, other) in rows(&whole).iter().zip(rows(&killed)) {
        // All but the seconds.
        let same = |at: usize| one[at] == other[at] || (one[at].is_nan() && other[at].is_nan());
        assert!((0..one.len()).all(|at| at == 2 || same(at)), "{one:?} {other:?}");
    }
    assert_eq!(rows(&whole).len(), 60);
    assert_eq!(rows(&killed).len(), 60);
}

/// Where files may not grow beyond a size, writing fails as on a full disk.
#[cfg(unix)]
#[test]
fn a_full_disk_is_named_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (run, whole) = (folder.path().join("run"), folder.path().join("whole"));
    let flags = ["--rows", "600", "--width", "16", "--depth", "1", "--epochs", "2"];
    // Room for checkpoints (100 kB), not for what is said of 1 750 images (190 kB); a block is 512 or 1024 bytes.
    let script = "trap '' XFSZ; ulimit -f 300; exec \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_temperance-lab"), "train", "--output"]);
    let text = bad(shell.arg(&run).args(flags).output().unwrap());
    assert!(text.starts_with(&format!("error: cannot write {}", run.display())), "{text}");
    assert!(text.ends_with(".npz: file too large\n"), "{text}");
    assert!(run.join("checkpoints/epoch-000002").is_dir() && !run.join("test.npz").exists());
    good(train(&run, &["--resume"]));
    good(train(&whole, &flags));
    let bytes = |run: &Path| std::fs::read(run.join("test.npz")).unwrap();
    assert!(bytes(&run) == bytes(&whole));
}

#[test]
fn every_loss_trains_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let teacher = folder.path().join("cross_entropy");
    for entry in temperance::loss::LOSSES {
        let run = folder.path().join(entry.name);
        let mut flags = [&SMALL[..], &["--loss", entry.name, "--learning-rate", "0.005"]].concat();
        if entry.teacher {
            flags.extend(["--teacher", teacher.to_str().unwrap()]);
        }
        good(train(&run, &flags));
        let accuracy = summary(&run)["train"]["accuracy"].as_f64().unwrap();
        assert!(accuracy > 0.5, "{}: {accuracy}", entry.name);
    }
}

#[test]
fn models_data_files_and_schedules() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("table.csv");
    let mut text = String::from("a,b,kind\n");
    for row in 0..200 {
        let x = f64::from(row % 20) - 10.0;
        text.push_str(&format!(
            "{x},{},{}\n",
            1e3 + f64::from(row % 7),
            if x < 0.0 { "low" } else { "high" }
        ));
    }
    std::fs::write(&table, text).unwrap();
    let table = table.to_str().unwrap();
    let text = bad(train(&folder.path().join("nameless"), &["--data", table]));
    assert!(text.contains("column of the labels is missing (the file has a, b, kind)"), "{text}");
    assert!(text.contains("or its name with --labels-name"), "{text}");
    let config = folder.path().join("run.toml");
    std::fs::write(
        &config,
        format!(
            "data = \"{table}\"\nlabels_name = \"kind\"\nmodel = \"logistic\"\nepochs = 40\noptimizer = \"adam-w\"\nlearning_rate = 0.05\n\
             [parameters]\nconfidence_penalty = \"linear:0:0.2:50,warmup:5\"\nlabel_smoothing = 0.05\n"
        ),
    )
    .unwrap();
    let run = folder.path().join("table");
    let text = good(train(&run, &["--config", config.to_str().unwrap(), "--seed", "3"]));
    assert!(text.contains("on 100 examples of 2 classes"), "{text}");
    assert!(summary(&run)["test"]["accuracy"].as_f64().unwrap() > 0.95);

    let run = folder.path().join("cnn");
    let flags =
        ["--model", "cnn", "--rows", "300", "--width", "16", "--epochs", "1", "--held-out-classes", "8,9"];
    good(train(&run, &flags));
    let held = read(run.join("held_out.npz"));
    assert!(held.rows() > 500);

    let text = bad(train(
        &folder.path().join("flat"),
        &["--data", table, "--labels-name", "kind", "--model", "cnn"],
    ));
    assert_eq!(
        text,
        "error: shape of an input is [2]; expected an image of at least 4 x 4 for the model cnn\n"
    );
    let text = bad(train(&folder.path().join("labels"), &["--classes", "5"]));
    assert!(text.starts_with("error: fashion-mnist: label is ") && text.contains(" at row "), "{text}");
    assert!(text.ends_with("(counted from 0); expected a class index from 0 to 4\n"), "{text}");
}

#[test]
fn bad_input_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let text = bad(train(&run, &["--data", "/no/such/folder"]));
    assert!(
        text.starts_with("error: /no/such/folder: no such file or folder; expected fashion-mnist"),
        "{text}"
    );
    assert!(text.contains("apt-get install dataset-fashion-mnist"), "{text}");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let text = bad(train(&run, &["--data", empty.to_str().unwrap()]));
    assert!(text.contains("train-images-idx3-ubyte.gz is missing; expected the four files"), "{text}");
    let text = bad(train(&run, &["--loss", "focall"]));
    assert_eq!(text, "error: loss focall is not known; did you mean focal?\n");
    let text = bad(train(&run, &["-p", "epsilon=0.1"]));
    assert!(text.starts_with("error: parameter epsilon of cross_entropy is not known; "), "{text}");
    let text = bad(train(&run, &["--label-smoothing", "linear:0:1"]));
    assert!(text.contains("linear:0:1 is no strength; expected a number, linear:FROM:TO:STEPS"), "{text}");
    for strength in ["linear:0:2:100", "linear:2:0:100,warmup:10"] {
        let text = bad(train(&run, &["--label-smoothing", strength]));
        assert_eq!(text, "error: epsilon is 2; expected a number from 0 to 1\n");
    }
    let text = bad(train(&run, &["--classes", "0"]));
    assert_eq!(text, "error: classes is 0; expected a number from 2 to 65536\n");
    let text = bad(train(&run, &["--width", "16384", "--depth", "1000"]));
    assert!(
        text.starts_with("error: number of weights is 2681")
            && text.contains("; expected at most 67108864: "),
        "{text}"
    );
    let text = bad(train(&run, &["--label-smoothing", "linear:0:2:100"]));
    assert_eq!(text, "error: epsilon is 2; expected a number from 0 to 1\n");
    let text = bad(train(&run, &["--resume"]));
    assert!(text.ends_with("holds no run; expected one to resume\n"), "{text}");
    let text = bad(train(&run, &["--loss", "distillation", "--teacher", empty.to_str().unwrap()]));
    assert!(text.contains("no settings.toml and model.bpk; expected the folder of a run"), "{text}");
    let text = bad(train(&run.join("a"), &["--data", "one-hot:1"]));
    assert_eq!(text, "error: data is one-hot:1; expected one-hot:K with K from 2 to 4096\n");

    let full = folder.path().join("full");
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("thesis.tex"), "mine").unwrap();
    let text = bad(train(&full, &SMALL));
    assert!(text.ends_with("is not empty; expected a new folder\n"), "{text}");
    // Nor is it a run to be replaced, whatever its files are called.
    std::fs::create_dir(full.join("checkpoints")).unwrap();
    std::fs::write(full.join("checkpoints/thesis.tex"), "mine").unwrap();
    let text = bad(train(&full, &[&SMALL[..], &["--force"]].concat()));
    assert!(text.ends_with("is not empty; expected a new folder\n"), "{text}");
    for kept in ["thesis.tex", "checkpoints/thesis.tex"] {
        assert_eq!(std::fs::read(full.join(kept)).unwrap(), b"mine");
    }
}

#[test]
fn a_loss_that_is_no_number_stops_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let text = bad(train(&run, &[&SMALL[..], &["--optimizer", "sgd", "--learning-rate", "1e30"]].concat()));
    assert!(text.starts_with("error: training broke off at step "), "{text}");
    assert!(text.contains(" of the training data: "), "{text}");
    assert!(text.contains("there is no checkpoint yet. A smaller learning rate may help"), "{text}");
}
