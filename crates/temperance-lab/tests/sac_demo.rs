//! `temperance-lab sac demo` as a user runs it: the real binary.

mod common;

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

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
    // Another page leaves no figure of this one, and what is not of it.
    std::fs::write(place.join("demo-mine.svg"), "mine").unwrap();
    good(demo(&place, &["bandit", "--quick", "--quiet"]));
    assert!(place.join("demo-bandit.svg").exists() && !place.join("demo-corridor.svg").exists());
    assert_eq!(std::fs::read(place.join("demo-mine.svg")).unwrap(), b"mine");
}

#[test]
fn what_was_done_before_the_end_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("demo");
    // The second is an hour's work.
    let arguments = ["sac", "demo", "bandit", "mountain-car", "--output", place.to_str().unwrap()];
    let mut child = command(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while !place.join("demo.html").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        std::thread::sleep(Duration::from_millis(10));
    }
    #[cfg(unix)]
    {
        let pid = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(130));
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(
            said,
            format!("interrupted; {} shows what was done: bandit\n", place.join("demo.html").display())
        );
    }
    #[cfg(not(unix))]
    child.kill().unwrap();
    let numbers: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.join("demo.json")).unwrap()).unwrap();
    assert_eq!(numbers["demonstrations"].as_object().unwrap().len(), 1);
    let page = std::fs::read_to_string(place.join("demo.html")).unwrap();
    assert_eq!(page.matches("<h2 id=\"section-").count(), 1);
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
