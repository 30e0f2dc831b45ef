//! What the commands say and how their numbers agree.

mod common;

use std::process::Stdio;

use common::*;
use serde_json::{Value, json};
use temperance::loss::LOSSES;

fn close(one: f64, other: f64, tolerance: f64) {
    assert!((one - other).abs() <= tolerance, "{one} and {other}");
}

#[test]
fn the_sample_needs_no_file_and_runs_twice() {
    let dir = Dir::new();
    let text = dir.good("calibrate");
    assert!(text.starts_with("Calibrated the built-in Fashion-MNIST sample:"), "{text}");
    assert!(text.contains("note: no file was given: this is the built-in sample"), "{text}");
    let names = [
        ".temperance",
        "calibrator.json",
        "classes.svg",
        "confidence.svg",
        "corp.svg",
        "map.svg",
        "nll.svg",
        "reliability.svg",
        "report.html",
        "report.json",
        "risk-coverage.svg",
        "smooth.svg",
    ];
    assert_eq!(dir.names("temperance-out"), names);
    let before = dir.everything();
    assert_eq!(dir.good("calibrate"), text);
    assert!(dir.everything() == before, "the second run made other files");

    let json = dir.good_json("calibrate");
    assert_eq!(
        [number(&json, "/n_fit"), number(&json, "/n_test"), number(&json, "/classes")],
        [5000., 5000., 10.]
    );
    assert!(number(&json, "/after/ece") < number(&json, "/before/ece"));
    assert_eq!(json["notes"].as_array().unwrap().len(), 1);
    for key in ["conventions", "split", "source", "version", "output"] {
        assert!(!json[key].is_null(), "{key}");
    }
}

#[test]
fn a_known_temperature_is_found() {
    let dir = Dir::new();
    for (classes, temperature) in [(2, 3.0), (4, 2.0), (10, 0.5)] {
        dir.put("data.npz", sample(6000, classes, temperature).npz());
        let json = dir.good_json("calibrate data.npz");
        let calibrator = &json["calibrator"];
        let (fitted, error) = (number(calibrator, "/temperature"), number(calibrator, "/standard_error"));
        assert!((fitted - temperature).abs() < 4.0 * error, "{fitted} ± {error}, not {temperature}");
        assert!(error < 0.1 * temperature, "{error}");
        let (low, high) = (number(calibrator, "/interval/0"), number(calibrator, "/interval/1"));
        assert!(low < fitted && fitted < high);
        assert_eq!(calibrator["flags"], Value::Array(Vec::new()));
        assert_eq!(calibrator["method"], "temperature");
        assert!(calibrator.get("curve").is_none());
        assert!(number(&json, "/after/nll") < number(&json, "/before/nll"));
        assert_eq!(number(&json, "/after/accuracy"), number(&json, "/before/accuracy"));
    }
}

/// calibrate is fit on one half and evaluate on the other; apply and evaluate give the same again.
#[test]
fn the_steps_agree_with_calibrate() {
    let dir = Dir::new();
    let all = sample(2000, 5, 2.0);
    dir.put("all.npz", all.npz());
    for (name, rows) in [("fit", 0..1000), ("test", 1000..2000)] {
        let part = Sample {
            classes: 5,
            logits: all.logits[5 * rows.start..5 * rows.end].to_vec(),
            labels: all.labels[rows].to_vec(),
        };
        dir.put(&format!("{name}.npz"), part.npz());
        dir.put(&format!("{name}_logits.npy"), part.logits_npy());
        dir.put(&format!("{name}_wide.npy"), npy("<f8", &part.shape(), &f64s(&part.logits)));
        dir.put(&format!("{name}_labels.npy"), part.labels_npy());
    }
    let whole = dir.good_json("calibrate all.npz --split sequential --output whole");
    let pair = "--test-logits test_logits.npy --test-labels test_labels.npy";
    let apart = dir.good_json(&format!(
        "calibrate --logits fit_logits.npy --labels fit_labels.npy {pair} --output apart"
    ));
    let fit = dir.good_json("fit fit.npz --output fitted");
    assert_eq!(fit["calibrator"], whole["calibrator"]);
    assert_eq!(fit["n_fit"], 1000);
    assert_eq!(apart["calibrator"], whole["calibrator"]);
    assert_eq!(apart["after"], whole["after"]);
    assert_eq!(dir.json("fitted/calibrator.json"), dir.json("whole/calibrator.json"));

    let before = dir.good_json("evaluate test.npz");
    assert_eq!(before["metrics"], whole["before"]);
    let calibrated = dir.good_json("evaluate test.npz --calibrator fitted/calibrator.json");
    assert_eq!(calibrated["metrics"], whole["after"]);
    let temperature = number(&fit, "/calibrator/temperature");
    assert_eq!(number(&calibrated, "/calibrator/parameters/temperature"), temperature);
    assert!(before["calibrator"].is_null());
    let text = dir.good("evaluate test.npz --temperature 2");
    assert!(text.starts_with("test.npz: 1000 rows of 5 classes, calibrated by temperature 2\n"), "{text}");
    let at = dir.good_json(&format!("evaluate test.npz --temperature {temperature}"));
    assert_eq!(at["metrics"], whole["after"]);

    // In double precision nothing that matters is lost on the way.
    dir.good("apply test_wide.npy --calibrator fitted/calibrator.json --output applied --quiet");
    let again = dir.good_json("evaluate --probabilities applied/probabilities.npy --labels test_labels.npy");
    same_metrics(&again["metrics"], &whole["after"], 1e-7);
    dir.good(
        "apply test_wide.npy --calibrator fitted/calibrator.json --scaled-logits --output applied --quiet",
    );
    let again = dir.good_json("evaluate --logits applied/logits.npy --labels test_labels.npy");
    same_metrics(&again["metrics"], &whole["after"], 1e-7);
}

#[test]
fn splits_follow_their_options() {
    let dir = Dir::new();
    dir.put("data.npz", sample(400, 4, 2.0).npz());
    let run = |options: &str| dir.good_json(&format!("calibrate data.npz {options}"));
    let default = run("");
    assert_eq!(run("--seed 0 --split stratified --fit-fraction 0.5"), default);
    assert_eq!(run("--threads 2"), default);
    assert_ne!(run("--seed 1")["calibrator"], default["calibrator"]);
    let quarter = run("--fit-fraction 0.25");
    assert_eq!([number(&quarter, "/n_fit"), number(&quarter, "/n_test")], [100.0, 300.0]);
}

#[test]
fn checks_give_exit_code_1_and_write_all_the_same() {
    let dir = Dir::new();
    dir.put("data.npz", sample(400, 4, 3.0).npz());
    let nll = number(&dir.good_json("evaluate data.npz"), "/metrics/nll");
    dir.good("evaluate data.npz --fail-below accuracy=0.1 --fail-above ece=0.9 --quiet");
    let outcome = dir.run("evaluate data.npz --fail-above nll=0.1 --fail-below accuracy=0.999 --quiet");
    assert_eq!((outcome.code, &*outcome.stdout), (Some(1), ""));
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], format!("check failed: nll is {nll}; asked at most 0.1"));
    assert!(
        lines[1].starts_with("check failed: accuracy is 0.") && lines[1].ends_with("; asked at least 0.999")
    );
    // A limit that is met exactly is met.
    dir.good(&format!("evaluate data.npz --fail-above nll={nll} --fail-below nll={nll} --quiet"));
    let outcome = dir.run("evaluate data.npz --top-k 2 --fail-below top_2_accuracy=1 --json");
    assert_eq!(outcome.code, Some(1));
    let json: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert!(number(&json, "/metrics/top_2_accuracy") > number(&json, "/metrics/accuracy"));

    // calibrate checks what came out, not what went in.
    let json = dir.good_json("calibrate data.npz");
    let between = f64::midpoint(number(&json, "/before/nll"), number(&json, "/after/nll"));
    dir.good(&format!("calibrate data.npz --fail-above nll={between} --quiet"));
    let outcome = dir.run("calibrate data.npz --fail-above nll=0.1 --output failed --json");
    assert_eq!(outcome.code, Some(1));
    assert!(serde_json::from_str::<Value>(&outcome.stdout).is_ok());
    assert_eq!(dir.names("failed").len(), 12);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let dir = Dir::new();
    dir.put("data.npz", sample(100, 3, 2.0).npz());
    for (arguments, code, said) in [
        ("calibrate data.npz", 0, ""),
        ("calibrate data.npz --json", 0, ""),
        ("evaluate data.npz", 0, ""),
        ("smoothing --classes 10 --epsilon 0.1", 0, ""),
        ("completions bash", 0, ""),
        ("--help", 0, ""),
        ("evaluate data.npz --fail-below accuracy=2", 1, "check failed: "),
        ("evaluate data.npz --fail-below accuracy=2 --json", 1, "check failed: "),
    ] {
        let mut child = dir.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let outcome = Outcome::of(child.wait_with_output().unwrap());
        assert_eq!(outcome.code, Some(code), "{arguments}");
        assert!(
            outcome.stderr.starts_with(said) && outcome.stderr.is_empty() == said.is_empty(),
            "{arguments}"
        );
    }
}

#[test]
fn smoothing_has_the_numbers_of_theory() {
    let dir = Dir::new();
    let run = |options: &str| dir.good_json(&format!("smoothing {options}"));
    let ten = run("--classes 10 --epsilon 0.1");
    close(number(&ten, "/optimal_gap"), 91_f64.ln(), 1e-12);
    close(number(&ten, "/optimal_gap"), 4.5109, 5e-5);
    close(number(&ten, "/printed_gap"), 4.3944, 5e-5);
    close(number(&ten, "/minimum_loss"), 0.5003, 5e-5);
    close(number(&ten, "/target/label"), 0.91, 1e-12);
    close(number(&ten, "/target/other"), 0.01, 1e-12);
    close(number(&ten, "/equivalent_epsilon/fairseq"), 0.09, 1e-12);
    let two = run("--classes 2 --epsilon 0.1");
    close(number(&two, "/optimal_gap"), 2.9444, 5e-5);
    close(number(&two, "/printed_gap"), 2.1972, 5e-5);
    let others = run("--classes 10 --epsilon 0.09 --convention others");
    close(number(&others, "/optimal_gap"), 91_f64.ln(), 1e-12);
    close(number(&others, "/target/label"), 0.91, 1e-12);
    let none = run("--classes 10 --epsilon 0");
    assert_eq!((&none["optimal_gap"], &none["minimum_loss"]), (&Value::from("inf"), &Value::from(0.0)));
    let all = run("--classes 10 --epsilon 1");
    close(number(&all, "/optimal_gap"), 0.0, 1e-12);
    assert_eq!(all["printed_gap"], "-inf");

    let text = dir.good("smoothing --classes 10 --epsilon 0.1");
    for part in ["4.5109", "0.5003 nats", "4.3944"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn smoothing_converts_between_libraries() {
    let dir = Dir::new();
    let run = |options: &str| dir.good_json(&format!("smoothing {options}"));
    let json = run("--classes 10 --epsilon 0.1 --from fairseq --convert torch");
    assert_eq!(
        (&json["from"]["library"], &json["from"]["epsilon"]),
        (&Value::from("fairseq"), &Value::from(0.1))
    );
    assert_eq!(json["to"]["library"], "torch");
    close(number(&json, "/to/epsilon"), 1.0 / 9.0, 1e-16);
    close(number(&json, "/target/label"), 0.9, 1e-16);
    close(number(&json, "/target/other"), 0.1 / 9.0, 1e-16);
    close(number(&json, "/optimal_gap"), 81_f64.ln(), 1e-14);
    close(number(&json, "/minimum_loss"), 0.5448, 5e-5);
    // From PyTorch unless said otherwise; the target stays.
    let torch = run("--classes 10 --epsilon 0.25 --convert classyvision");
    close(number(&torch, "/to/epsilon"), 1.0 / 3.0, 1e-15);
    let back = run(&format!(
        "--classes 10 --epsilon {} --from classyvision --convert torch",
        number(&torch, "/to/epsilon")
    ));
    close(number(&back, "/to/epsilon"), 0.25, 1e-15);
    for key in ["/target/label", "/target/other", "/optimal_gap", "/minimum_loss"] {
        close(number(&back, key), number(&torch, key), 1e-14);
    }
    // Every pair, and no smoothing.
    let names = ["torch", "keras", "optax", "timm", "fairseq", "flax", "opennmt", "classyvision"];
    for from in names {
        for to in names {
            let json = run(&format!("--classes 3 --epsilon 0 --from {from} --convert {to}"));
            assert_eq!(
                (&json["to"]["epsilon"], &json["optimal_gap"]),
                (&Value::from(0.0), &Value::from("inf"))
            );
        }
    }

    let text = dir.good("smoothing --classes 10 --epsilon 0.1 --from fairseq --convert torch");
    for part in [
        "ε of fairseq                       0.1\n",
        "ε of torch, same target            0.1111111111111111\n",
        "optimal logit gap                  4.3944\n",
        "fairseq: ε/(K-1) on the wrong classes, padding too; sum; ε/K before 2021-02\n",
        "torch: ε/K on every class; mean over the rows that count\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn losses_are_those_of_the_registry() {
    let dir = Dir::new();
    let (text, json) = (dir.good("losses"), dir.good_json("losses"));
    let listed = json["losses"].as_array().unwrap();
    assert_eq!(listed.len(), LOSSES.len());
    // Lines are wrapped; words stay in their order.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (entry, listed) in LOSSES.iter().zip(listed) {
        assert!(text.contains(&format!("{}\n  ", entry.name)), "{text}");
        assert!(words(&text).contains(&words(&format!("loss = {} parameters:", entry.formula))), "{text}");
        let one = dir.good_json(&format!("losses {}", entry.name));
        assert_eq!(one, *listed);
        for (key, value) in [
            ("name", entry.name),
            ("summary", entry.summary),
            ("formula", entry.formula),
            ("source", entry.source),
        ] {
            assert_eq!(one[key], value);
        }
        assert_eq!(
            (&one["soft_labels"], &one["teacher"]),
            (&entry.soft_labels.into(), &entry.teacher.into())
        );
        assert_eq!(one["parameters"].as_array().unwrap().len(), entry.parameters.len());
        let page = words(&dir.good(&format!("losses {}", entry.name)));
        for part in [format!("{}: {}", entry.name, entry.summary), format!("source {}", entry.source)] {
            assert!(page.contains(&words(&part)), "{part} in {page}");
        }
        for parameter in entry.parameters {
            let line = format!("{} {} {}", parameter.name, parameter.default, parameter.domain);
            assert!(page.contains(&line), "{line} in {page}");
        }
    }
    let plain = |name: &str| dir.good_json(&format!("losses {name}"))["cross_entropy_with"].clone();
    assert_eq!((plain("cross_entropy"), plain("logit_norm")), (json!({}), Value::Null));
    assert_eq!(plain("focal"), json!({ "gamma": 0.0 }));
    for (name, line) in [
        ("cross_entropy", "cross-entropy  by default\n"),
        ("focal", "cross-entropy  gamma = 0\n"),
        ("logit_norm", "cross-entropy  never\n"),
    ] {
        assert!(dir.good(&format!("losses {name}")).contains(line), "{name}");
    }
    let json = dir.good_json("losses cross_entropy");
    assert_eq!(json["parameters"][2]["name"], "penalty_threshold");
    assert_eq!(json["parameters"][2]["default"], "inf");
    let text = dir.good("losses cross_entropy");
    assert!(text.contains("\npenalty_threshold       inf  nats, 0 or above; inf for none\n"), "{text}");
}

#[test]
fn confidences_alone() {
    let dir = Dir::new();
    let data = sample(300, 3, 2.0);
    dir.put("data.npz", data.npz());
    let mut text = "conf,hit,w\n".to_owned();
    let (mut confidences, mut hits) = (Vec::new(), Vec::new());
    for (row, &label) in data.logits.chunks(3).zip(&data.labels) {
        let p = softmax(row);
        let best = (0..3).reduce(|best, class| if p[class] > p[best] { class } else { best }).unwrap();
        confidences.push(p[best]);
        hits.push(u8::from(best == usize::from(label)));
        text += &format!("{:?},{},1\n", p[best], best == usize::from(label));
    }
    dir.put("alone.csv", text);
    dir.put("conf.npy", npy("<f8", "(300,)", &f64s(&confidences)));
    dir.put("hit.npy", npy("|u1", "(300,)", &hits));
    dir.put(
        "both.npz",
        npz(&[("confidence", &dir.bytes("conf.npy")), ("correct", &dir.bytes("hit.npy"))], true),
    );
    let full = dir.good_json("evaluate data.npz");
    for arguments in [
        "evaluate alone.csv --confidence-name conf --correct-name hit",
        "evaluate --confidence alone.csv --confidence-name conf --correct-name hit --weights-name w",
        "evaluate --confidence conf.npy --correct hit.npy",
        "evaluate --confidence both.npz",
    ] {
        let json = dir.good_json(arguments);
        for name in ["accuracy", "ece", "mce", "mean_confidence", "ece_equal_mass"] {
            let path = format!("/metrics/{name}");
            close(number(&json, &path), number(&full, &path), 1e-12);
        }
        assert!(json["metrics"].get("nll").is_none() && json["classes"].is_null());
        assert_eq!(json["rows"], 300);
    }
    let text = dir.good("evaluate --confidence conf.npy --correct hit.npy");
    assert!(text.starts_with("conf.npy: 300 rows\n"), "{text}");
}

#[test]
fn weights_soft_labels_and_ignored_rows() {
    let dir = Dir::new();
    let data = sample(400, 4, 2.0);
    dir.put("all.npz", data.npz());
    data.put(&dir);
    let plain = dir.good_json("evaluate all.npz")["metrics"].clone();

    // One-hot soft labels and equal weights change nothing.
    let hot: Vec<f64> = data
        .labels
        .iter()
        .flat_map(|&label| (0..4).map(move |class| f64::from(u8::from(class == label))))
        .collect();
    dir.put("hot.npy", npy("<f4", "(400, 4)", &f32s(&hot)));
    dir.put("equal.npy", npy("<f4", "(400,)", &f32s(&[2.5; 400])));
    let soft = dir.good_json("evaluate --logits logits.npy --soft-labels hot.npy");
    same_metrics(&soft["metrics"], &plain, 1e-12);
    let weighted = dir.good_json("evaluate --logits logits.npy --labels labels.npy --weights equal.npy");
    same_metrics(&weighted["metrics"], &plain, 1e-12);
    assert_eq!(number(&weighted, "/weight"), 1000.0);

    // A weight of 0, an ignored label and a row that is not there are the same thing.
    let half =
        Sample { classes: 4, logits: data.logits[..800].to_vec(), labels: data.labels[..200].to_vec() };
    dir.put("half.npz", half.npz());
    let half = dir.good_json("fit half.npz")["calibrator"].clone();
    let weights: Vec<f64> = (0..400).map(|row| f64::from(u8::from(row < 200))).collect();
    dir.put("zeros.npy", npy("<f8", "(400,)", &f64s(&weights)));
    let labels: Vec<u8> = (0..400).map(|row| if row < 200 { data.labels[row] } else { 255 }).collect();
    dir.put("ignored.npy", npy("|i1", "(400,)", &labels));
    for arguments in [
        "fit --logits logits.npy --labels labels.npy --weights zeros.npy",
        "fit --logits logits.npy --labels ignored.npy --ignore-index -1",
    ] {
        let fitted = dir.good_json(arguments);
        close(number(&fitted, "/calibrator/temperature"), number(&half, "/temperature"), 1e-9);
    }
    let ignored = dir.good_json("calibrate --logits logits.npy --labels ignored.npy --ignore-index -1");
    assert_eq!([number(&ignored, "/n_fit"), number(&ignored, "/n_test")], [100.0, 100.0]);
    for arguments in ["--weights zeros.npy --labels labels.npy", "--soft-labels hot.npy"] {
        dir.good(&format!("calibrate --logits logits.npy {arguments} --quiet"));
    }
}

#[test]
fn probabilities_are_said_and_zeros_have_a_rule() {
    let dir = Dir::new();
    let data = sample(400, 4, 2.0);
    data.put(&dir);
    let mut p = data.probabilities();
    dir.put("p.npy", npy("<f8", "(400, 4)", &f64s(&p)));
    let logits = dir.good_json("calibrate --logits logits.npy --labels labels.npy");
    let same = dir.good_json("calibrate --probabilities p.npy --labels labels.npy");
    same_metrics(&same["after"], &logits["after"], 1e-6);
    assert_eq!(same["notes"][0], "the scores are probabilities: their logarithms count as logits");

    // A zero on a class that is not the label.
    let wrong = usize::from(data.labels[0] == 0);
    let moved = std::mem::take(&mut p[wrong]);
    p[usize::from(data.labels[0])] += moved;
    dir.put("p.npy", npy("<f8", "(400, 4)", &f64s(&p)));
    let run = |rule: &str| format!("fit --probabilities p.npy --labels labels.npy {rule}");
    let clip = dir.good_json(&run("--zeros clip"));
    assert_eq!(clip, dir.good_json(&run("")));
    let note = clip["notes"][0].as_str().unwrap();
    assert!(note.contains("; 1 of 1600 are 0 and count as 1.175"), "{note}");
    let infinite = dir.good_json(&run("--zeros infinite"));
    close(number(&infinite, "/calibrator/temperature"), number(&clip, "/calibrator/temperature"), 0.05);
    assert_eq!(dir.json("temperance-out/calibrator.json")["zeros"], "infinite");
    assert_eq!(dir.run(&run("--zeros error")).code, Some(2));
}

#[test]
fn fits_without_an_optimum_say_so() {
    let dir = Dir::new();
    let labels: Vec<u8> = (0..60).map(|row| row % 3).collect();
    let right: Vec<f64> = labels
        .iter()
        .enumerate()
        .flat_map(|(row, &label)| {
            (0..3).map(move |class| if class == label { 1.0 + row as f64 / 60.0 } else { 0.0 })
        })
        .collect();
    let wrong: Vec<f64> = right.iter().map(|logit| -logit).collect();
    dir.put("right.npz", Sample { classes: 3, logits: right, labels: labels.clone() }.npz());
    dir.put("wrong.npz", Sample { classes: 3, logits: wrong, labels }.npz());
    for (name, flag, warning) in [
        ("right", "separable", "warning: The fitting rows cannot determine T."),
        ("wrong", "worse_than_constant", "warning: No temperature makes these logits useful."),
    ] {
        let json = dir.good_json(&format!("calibrate {name}.npz"));
        let calibrator = &json["calibrator"];
        assert!(calibrator["flags"].as_array().unwrap().contains(&flag.into()), "{calibrator}");
        assert!(calibrator["standard_error"].is_null() && calibrator["interval"].is_null());
        let text = dir.good(&format!("fit {name}.npz"));
        assert!(text.contains(warning) && text.contains("(no interval)"), "{text}");
        let page = dir.text("temperance-out/report.html");
        assert!(page.contains(&warning.replace("warning", "Warning")[..warning.len() - 1]), "{warning}");
    }
}

#[test]
fn text_keeps_to_the_columns_of_the_terminal() {
    let dir = Dir::new();
    dir.put("data.csv", sample(200, 12, 2.0).csv());
    for width in [40, 60, 80, 120] {
        for arguments in ["calibrate data.csv", "calibrate", "fit data.csv", "evaluate data.csv --top-k 3"] {
            let output = dir.command(arguments).env("COLUMNS", width.to_string()).output().unwrap();
            for line in Outcome::of(output).stdout.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }
    for entry in LOSSES {
        for (width, arguments) in [(40, "losses".to_owned()), (80, format!("losses {}", entry.name))] {
            let output = dir.command(&arguments).env("COLUMNS", width.to_string()).output().unwrap();
            for line in Outcome::of(output).stdout.lines() {
                assert!(line.chars().count() <= width && line.trim_end() == line, "{width}: {line}");
            }
        }
    }
    for options in ["", "--from opennmt --convert classyvision", "--from fairseq --convert keras"] {
        for line in dir.good(&format!("smoothing --classes 1000 --epsilon 0.123456789 {options}")).lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn quiet_and_json() {
    let dir = Dir::new();
    dir.put("data.npz", sample(100, 3, 2.0).npz());
    for command in
        ["calibrate data.npz", "fit data.npz", "apply data.npz --temperature 2", "evaluate data.npz"]
    {
        assert_eq!(dir.good(&format!("{command} --quiet")), "");
        let json = dir.good(&format!("{command} --json"));
        assert_eq!(dir.good(&format!("{command} --json --quiet")), json);
        assert!(json.starts_with("{\n") && json.ends_with("}\n"));
    }
}

#[test]
fn help_and_completions() {
    let dir = Dir::new();
    for command in ["calibrate", "fit", "apply", "evaluate", "smoothing", "losses", "completions"] {
        let help = dir.good(&format!("{command} --help"));
        assert!(help.contains("Example") && help.contains(&format!("temperance {command}")), "{help}");
    }
    assert!(dir.good("--version").starts_with("temperance "));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = dir.good(&format!("completions {shell}"));
        for word in ["calibrate", "fail-above", "scaled-logits"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert!(dir.everything().is_empty());
}

#[test]
fn conventions_are_those_asked_for() {
    let dir = Dir::new();
    dir.put("data.npz", sample(300, 3, 2.0).npz());
    for (options, bins, words) in [
        ("", 15, "15 bins of equal width, (lo, hi], first closed"),
        ("--bins 10 --edges right-closed", 10, "10 bins of equal width, (lo, hi], first closed"),
        ("--bins 7 --edges left-closed", 7, "7 bins of equal width, [lo, hi)"),
        ("--bins 1", 1, "1 bin"),
    ] {
        let json = dir.good_json(&format!("evaluate data.npz {options}"));
        assert_eq!(json["reliability"].as_array().unwrap().len(), bins, "{options}");
        let ece = json["conventions"]["ece"].as_str().unwrap();
        assert!(ece.contains(words), "{options}: {ece}");
        dir.good(&format!("calibrate data.npz {options} --quiet"));
        let page = dir.text("temperance-out/report.html");
        assert!(page.contains(words), "{options}");
    }
    // One bin: the error is the distance between the means.
    let json = dir.good_json("evaluate data.npz --bins 1");
    let gap = number(&json, "/metrics/mean_confidence") - number(&json, "/metrics/accuracy");
    close(number(&json, "/metrics/ece"), gap.abs(), 1e-12);
    dir.good("calibrate data.npz --edges torchmetrics --quiet");
}

#[test]
fn evaluate_writes_only_where_it_is_told_to() {
    let dir = Dir::new();
    dir.put("data.npz", sample(300, 3, 2.0).npz());
    let printed = dir.good_json("evaluate data.npz");
    assert!(!dir.path("temperance-out").exists());
    assert_eq!(printed["conventions"]["scores"], "logits; probabilities are their softmax");
    dir.good("evaluate data.npz --output results --quiet");
    assert_eq!(dir.json("results/evaluation.json"), printed);
}
