//! `temperance-lab study` as a user runs it: the real binary.

mod common;

use std::path::Path;
use std::process::Output;

use common::{bad, command, good};

fn study(folder: &Path, arguments: &[&str]) -> Output {
    command(&[&["study", "--output", folder.to_str().unwrap()], arguments].concat()).output().unwrap()
}

#[test]
fn a_study_judges_every_claim_and_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("study");
    let small = ["--quick", "--seeds", "1", "--epochs", "2"];
    let text = good(study(&place, &small));
    assert!(text.contains("1. One-hot training drives the logit gap up"), "{text}");
    assert!(text.contains("the gap is 4.5109"), "{text}");
    let read = || -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(place.join("study.json")).unwrap()).unwrap()
    };
    let first = read();
    assert!(first["training_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(first["command"], "temperance-lab study --quick --seeds 1 --epochs 2");
    let claims = first["claims"].as_array().unwrap();
    assert_eq!(claims.len(), 7);
    for claim in claims {
        assert!(
            ["supported", "not supported", "mixed", "undecided"]
                .contains(&claim["verdict"].as_str().unwrap())
        );
        assert!(!claim["checks"].as_array().unwrap().is_empty());
    }
    // One seed has no interval, so that only what is exact is decided.
    assert_eq!(claims[1]["verdict"], "undecided");
    assert!(claims[1]["checks"].as_array().unwrap().iter().all(|check| check["holds"].is_null()));
    let page = std::fs::read_to_string(place.join("study.html")).unwrap();
    assert_eq!(page.matches("<h2 id=\"section-").count(), 7);
    assert_eq!(page.matches("<figure>").count(), 9);
    for entry in std::fs::read_dir(&place).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            assert!(std::fs::read_to_string(&path).unwrap().starts_with("<svg"), "{}", path.display());
        }
    }

    // A run that is lost is made again, to the same numbers; the others stay.
    let (lost, kept) = (place.join("runs/ls-0.1/seed-0"), place.join("runs/one-hot/seed-0/summary.json"));
    std::fs::remove_dir_all(&lost).unwrap();
    let modified = std::fs::metadata(&kept).unwrap().modified().unwrap();
    assert!(study(&place, &small).status.success());
    assert_eq!(std::fs::metadata(&kept).unwrap().modified().unwrap(), modified);
    assert_eq!(read()["evidence"], first["evidence"]);

    let other = study(&place, &["--quick", "--seeds", "2", "--epochs", "2"]);
    assert_eq!(other.status.code(), Some(2));
    let text = String::from_utf8(other.stderr).unwrap();
    assert!(
        text.ends_with("holds another study; expected the same request, or another --output\n"),
        "{text}"
    );
}

#[test]
fn bad_input_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = |arguments: &[&str]| bad(study(&folder.path().join("study"), arguments));
    assert_eq!(text(&["--seeds", "0"]), "error: seeds is 0; expected at least 1\n");
    assert_eq!(text(&["--data", "one-hot:3"]), "error: one-hot:3: number of classes is 3; expected 10\n");
    assert!(!folder.path().join("study").exists(), "nothing was written");
    std::fs::write(folder.path().join("thesis.tex"), "mine").unwrap();
    let text = bad(study(folder.path(), &["--quick"]));
    assert!(text.ends_with("is not empty; expected a new folder, or that of a study\n"), "{text}");
}
