//! `temperance-lab sac demo` as a user runs it: the real binary.

mod common;

use std::path::Path;
use std::process::Output;

use common::{bad, command, good};

fn demo(folder: &Path, arguments: &[&str]) -> Output {
    command(&[&["sac", "demo", "--output", folder.to_str().unwrap()], arguments].concat()).output().unwrap()
}

#[test]
fn demonstrations_become_a_page_with_numbers_and_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("demo");
    let text = good(demo(&place, &["bandit", "corridor", "--quick"]));
    assert!(text.contains("exact gradient takes 12663 steps"), "{text}");
    let read = || std::fs::read(place.join("demo.json")).unwrap();
    let numbers: serde_json::Value = serde_json::from_slice(&read()).unwrap();
    assert_eq!(numbers["command"], "temperance-lab sac demo bandit corridor --quick");
    let made: Vec<&String> = numbers["demonstrations"].as_object().unwrap().keys().collect();
    assert_eq!(made, ["corridor", "bandit"]);
    assert_eq!(numbers["demonstrations"]["bandit"]["times"][0]["steps"], 167);
    let page = std::fs::read_to_string(place.join("demo.html")).unwrap();
    assert_eq!(page.matches("<h2 id=\"section-").count(), 2);
    assert_eq!(page.matches("<figure>").count(), 2);
    for name in ["demo-corridor.svg", "demo-bandit.svg"] {
        assert!(std::fs::read_to_string(place.join(name)).unwrap().starts_with("<svg"), "{name}");
    }

    // The same command replaces the page, with the same numbers.
    let first = read();
    assert!(good(demo(&place, &["bandit", "corridor", "--quick", "--quiet"])).is_empty());
    assert_eq!(read(), first);
}

#[test]
fn bad_input_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = |arguments: &[&str]| bad(demo(folder.path(), arguments));
    assert_eq!(
        text(&["pong"]),
        "error: demonstration is \"pong\"; expected one of corridor, bandit, multi-goal, robustness, mountain-car, \
         target-entropy\n"
    );
    std::fs::write(folder.path().join("thesis.tex"), "mine").unwrap();
    let text = text(&["bandit", "--quick"]);
    assert!(
        text.ends_with("is not empty; expected a new folder, or that of a page of demonstrations\n"),
        "{text}"
    );
}
