//! `temperance compare`, `--method`, intervals, groups, `methods` and `metrics`.

mod common;

use common::{Dir, npy, uniform};
use serde_json::Value;
use temperance::calibrate::METHODS;
use temperance::metric::METRICS;

/// CSV of `rows` rows of three classes whose logits are `temperature` times too large, with a group for each ten.
fn csv(rows: usize, temperature: f64) -> String {
    let mut uniform = uniform();
    let mut text = "a,b,c,label,patient\n".to_owned();
    for row in 0..rows {
        let z: Vec<f64> = (0..3).map(|_| 6.0 * uniform() - 3.0).collect();
        let total: f64 = z.iter().map(|z| z.exp()).sum();
        let mut left = uniform() * total;
        let label = z.iter().position(|z| {
            left -= z.exp();
            left <= 0.0
        });
        let z: Vec<String> = z.iter().map(|z| format!("{:.4}", z * temperature)).collect();
        text.push_str(&format!("{},{},p{}\n", z.join(","), label.unwrap_or(2), row / 10));
    }
    text
}

fn arguments(command: &str, more: &[&str]) -> String {
    format!("{command} preds.csv --scores-name a,b,c --labels-name label {}", more.join(" "))
}

#[test]
fn methods_are_compared_ranked_and_one_is_recommended() {
    let dir = Dir::new();
    dir.put("preds.csv", csv(600, 2.5));
    let methods = "temperature,vector,isotonic,structured_matrix";
    let more = ["--methods", methods, "--bootstrap", "200", "--json"];
    let outcome = dir.run(&arguments("compare", &more));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let said: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let listed = said["methods"].as_array().unwrap();
    let names: Vec<&str> = listed.iter().map(|method| method["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["identity", "temperature", "vector", "structured_matrix", "isotonic"]);
    assert_eq!(said["recommended"], "temperature");
    for method in listed {
        let nll = method["metrics"]["nll"].as_f64().unwrap();
        let interval = &method["intervals"]["nll"];
        assert!(interval[0].as_f64().unwrap() <= nll && nll <= interval[1].as_f64().unwrap(), "{method}");
        assert!(method["fit_seconds"].as_f64().unwrap() >= 0.0);
    }
    let of = |name: &str| listed.iter().find(|method| method["name"] == name).unwrap();
    assert!(of("temperature")["to_uncalibrated"]["interval"][1].as_f64().unwrap() < 0.0);
    assert_eq!(of("identity")["to_uncalibrated"]["value"], 0.0);

    let written = dir.json("temperance-out/comparison.json");
    assert_eq!(written["recommended"], "temperature");
    assert!(dir.text("temperance-out/comparison.html").contains("<!doctype html>"));
    // The same numbers for the same seed.
    let again: Value = serde_json::from_str(&dir.run(&arguments("compare", &more)).stdout).unwrap();
    for (one, other) in listed.iter().zip(again["methods"].as_array().unwrap()) {
        assert_eq!(one["intervals"], other["intervals"]);
    }
}

#[test]
fn a_comparison_reads_well_in_a_terminal() {
    let dir = Dir::new();
    dir.put("preds.csv", csv(300, 2.0));
    let more = ["--methods", "temperature,platt", "--bootstrap", "50"];
    let outcome = dir.run(&arguments("compare", &more));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.stdout.lines().all(|line| line.chars().count() <= 80), "{}", outcome.stdout);
    for text in ["is recommended", "Nothing is ranked by ECE", "written to temperance-out:"] {
        assert!(outcome.stdout.contains(text), "{text}\n{}", outcome.stdout);
    }
}

#[test]
fn auto_takes_what_compare_recommends() {
    let dir = Dir::new();
    dir.put("preds.csv", csv(600, 2.5));
    let more = ["--method", "auto", "--methods", "temperature,vector", "--json"];
    let fitted: Value = serde_json::from_str(&dir.run(&arguments("fit", &more)).stdout).unwrap();
    assert_eq!(fitted["calibrator"]["method"], "temperature");
    let note = "method auto: temperature is the simplest of 3 methods that is not significantly worse than any other \
                by NLL in 5-fold cross-validation";
    assert_eq!(fitted["notes"][0], note);
    let calibrated: Value = serde_json::from_str(&dir.run(&arguments("calibrate", &more)).stdout).unwrap();
    assert_eq!(calibrated["calibrator"]["method"], "temperature");
    let refused = dir.run(&arguments("fit", &["--method", "auto", "--parameter", "minimum=0.1"]));
    assert_eq!(refused.code, Some(2));
    assert_eq!(
        refused.stderr,
        "error: parameter is \"minimum\"; expected none: auto compares methods with their defaults\n"
    );
}

#[test]
fn every_method_fits_applies_and_reports() {
    let dir = Dir::new();
    dir.put("preds.csv", csv(300, 2.0));
    for entry in METHODS {
        let more = ["--method", entry.name, "--bootstrap", "0"];
        let outcome = dir.run(&arguments("calibrate", &more));
        assert_eq!(outcome.code, Some(0), "{}: {}", entry.name, outcome.stderr);
        assert!(outcome.stdout.lines().all(|line| line.chars().count() <= 80), "{}", outcome.stdout);
        let apply = "apply preds.csv --scores-name a,b,c --calibrator temperance-out/calibrator.json";
        let applied = dir.run(&format!("{apply} --output applied --force"));
        assert_eq!(applied.code, Some(0), "{}: {}", entry.name, applied.stderr);
    }
}

#[test]
fn intervals_are_shown_and_can_be_left_out() {
    let dir = Dir::new();
    dir.put("preds.csv", csv(200, 1.5));
    let said = |more: &[&str]| -> Value {
        serde_json::from_str(&dir.run(&arguments("evaluate", &[more, &["--json"]].concat())).stdout).unwrap()
    };
    let with = said(&["--bootstrap", "100", "--level", "0.9", "--interval", "bca", "--metrics", "mmce,skce"]);
    let ends = &with["intervals"]["ends"]["nll"];
    let nll = with["metrics"]["nll"].as_f64().unwrap();
    assert!(ends[0].as_f64().unwrap() < nll && nll < ends[1].as_f64().unwrap());
    assert_eq!(with["intervals"]["level"], 0.9);
    assert!(with["metrics"]["skce"].is_number() && with["metrics"]["mmce"].is_number());
    let without = said(&["--bootstrap", "0"]);
    assert!(without["intervals"]["ends"].as_object().is_none_or(serde_json::Map::is_empty));
    assert!(without["metrics"]["mmce"].is_null());
}

#[test]
fn groups_widen_intervals_and_stay_together() {
    let dir = Dir::new();
    // Every patient has one row ten times over.
    let single = csv(60, 2.0);
    let mut lines = single.lines();
    let mut text = format!("{}\n", lines.next().unwrap());
    for (row, line) in lines.enumerate() {
        let row_text = format!("{},p{row}\n", line.rsplit_once(',').unwrap().0);
        text.push_str(&row_text.repeat(10));
    }
    dir.put("preds.csv", text);
    let width = |more: &[&str]| {
        let outcome = dir.run(&arguments("evaluate", &[more, &["--json", "--bootstrap", "300"]].concat()));
        let said: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let ends = &said["intervals"]["ends"]["nll"];
        ends[1].as_f64().unwrap() - ends[0].as_f64().unwrap()
    };
    let (grouped, single) = (width(&["--groups-name", "patient"]), width(&[]));
    assert!(grouped > 2.0 * single, "{grouped} {single}");
    let patients: Vec<u8> = (0..600_i64).flat_map(|row| (row / 10).to_le_bytes()).collect();
    dir.put("patients.npy", npy("<i8", "(600,)", &patients));
    let width = |more: &str| {
        let said = dir.good_json(&format!("calibrate preds.csv --scores-name a,b,c --labels-name label --test-logits preds.csv --bootstrap 300 --force {more}"));
        let ends = &said["intervals"]["after"]["ends"]["nll"];
        ends[1].as_f64().unwrap() - ends[0].as_f64().unwrap()
    };
    let (grouped, single) = (width("--test-groups patients.npy"), width(""));
    assert!(grouped > 2.0 * single, "{grouped} {single}");
    let more = ["--groups-name", "patient", "--bootstrap", "20", "--methods", "temperature", "--json"];
    let compared = dir.run(&arguments("compare", &more));
    let said: Value = serde_json::from_str(&compared.stdout).unwrap();
    assert_eq!(said["conventions"]["folds"], "5, no group in two folds, seed 0");
    let missing = dir.run(&arguments("compare", &["--groups-name", "hospital"]));
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("hospital"), "{}", missing.stderr);
}

#[test]
fn the_probability_of_class_one() {
    let dir = Dir::new();
    dir.put("p.csv", "p0,p1,label\n0.9,0.1,0\n0.2,0.8,1\n0.6,0.4,1\n0.7,0.3,0\n");
    let input = "evaluate --probabilities p.csv --scores-name p0,p1 --bootstrap 0 --event positive --bins 1";
    let positive = dir.good_json(input);
    // Mean probability 0.4 against half of the rows.
    assert!((positive["metrics"]["ece"].as_f64().unwrap() - 0.1).abs() < 1e-12);
    assert!(positive["conventions"]["ece"].as_str().unwrap().starts_with("of the probability of class 1"));
}

#[test]
fn what_cannot_be_compared_is_named() {
    let dir = Dir::new();
    dir.put("preds.csv", csv(60, 1.0));
    let error = |more: &[&str]| {
        let outcome = dir.run(&arguments("compare", more));
        assert_eq!(outcome.code, Some(2), "{}", outcome.stdout);
        outcome.stderr
    };
    assert!(
        error(&["--methods", "temprature"])
            .starts_with("error: method is \"temprature\"; expected one of identity, temperature,")
    );
    assert_eq!(error(&["--folds", "1"]), "error: number of folds is 1; expected at least 2\n");
    assert_eq!(
        error(&["--bootstrap", "0"]),
        "error: number of resamplings is 0; expected at least 2: methods are told apart by intervals\n"
    );
    assert_eq!(
        error(&["--level", "1"]),
        "error: level of the interval is 1; expected a number above 0 and below 1\n"
    );
    assert_eq!(
        error(&["--folds", "100"]),
        "error: number of rows that count is 60; expected at least one for each of the 100 folds\n"
    );
    // Nothing was written.
    assert!(!dir.path("temperance-out/comparison.json").exists());
}

#[test]
fn the_registries_are_listed() {
    let dir = Dir::new();
    let list = |command: &str, key: &str| {
        let outcome = dir.run(&format!("{command} --json"));
        let said: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let entries = said[key].as_array().unwrap();
        entries.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("methods", "methods"), METHODS.iter().map(|entry| entry.name).collect::<Vec<_>>());
    assert_eq!(list("metrics", "metrics"), METRICS.iter().map(|entry| entry.name).collect::<Vec<_>>());
    for command in ["methods", "metrics"] {
        let outcome = dir.run(command);
        assert!(outcome.stdout.lines().all(|line| line.chars().count() <= 80), "{}", outcome.stdout);
    }
    let described = dir.run("metrics skce").stdout;
    assert!(described.contains("every pair of rows: no streaming form"), "{described}");
    let described = dir.run("methods dirichlet").stdout;
    assert!(described.contains("off_diagonal_penalty"), "{described}");
}
