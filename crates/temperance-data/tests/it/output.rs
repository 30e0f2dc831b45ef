//! The directory of results.

use crate::common::*;
use temperance_data::OutputDir;

#[test]
fn a_new_directory_and_the_next_run() {
    let dir = Dir::new();
    let path = dir.path("a/b");
    let mut out = OutputDir::create(&path, false).unwrap();
    out.write("report.html", b"1").unwrap();
    out.write("old.svg", b"1").unwrap();
    out.write("report.html", b"2").unwrap();
    assert!(!path.join("report.html").exists());
    out.finish().unwrap();
    let names = |path: &std::path::Path| {
        let mut names: Vec<_> = std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&path), [".temperance", "old.svg", "report.html"]);
    assert_eq!(std::fs::read_to_string(path.join(".temperance")).unwrap(), "old.svg\nreport.html\n");

    // What is not written again stays: it is the result of another command.
    let mut out = OutputDir::create(&path, false).unwrap();
    out.write("report.html", b"4").unwrap();
    out.write("new.svg", b"4").unwrap();
    out.finish().unwrap();
    assert_eq!(names(&path), [".temperance", "new.svg", "old.svg", "report.html"]);
    assert_eq!(std::fs::read(path.join("report.html")).unwrap(), b"4");
}

#[test]
fn an_unfinished_directory_leaves_nothing() {
    let dir = Dir::new();
    let mut out = OutputDir::create(&dir.path("a/b"), false).unwrap();
    out.write("report.html", b"1").unwrap();
    drop(out);
    assert!(dir.names().is_empty());

    let mut out = OutputDir::create(&dir.path("a"), false).unwrap();
    out.write("report.html", b"1").unwrap();
    out.finish().unwrap();
    let mut again = OutputDir::create(&dir.path("a"), false).unwrap();
    again.write("report.html", b"2").unwrap();
    again.write("new.svg", b"2").unwrap();
    drop(again);
    assert_eq!(std::fs::read(dir.path("a/report.html")).unwrap(), b"1");
    assert_eq!(std::fs::read_dir(dir.path("a")).unwrap().count(), 2);
}

#[test]
fn what_others_wrote_stays() {
    let dir = Dir::new();
    dir.put("notes.txt", "mine");
    dir.put("report.html", "mine");
    let refused = OutputDir::create(dir.0.path(), false).unwrap_err().to_string();
    let expected = "which were not written by this program; expected an empty directory or one of earlier results, \
                    or force (--force)";
    assert!(
        refused.ends_with(&format!("content of the directory is notes.txt and 1 more, {expected}")),
        "{refused}"
    );
    for _ in 0..2 {
        let mut out = OutputDir::create(dir.0.path(), true).unwrap();
        out.write("report.html", b"ours").unwrap();
        out.finish().unwrap();
        assert_eq!(dir.names(), [".temperance", "notes.txt", "report.html"]);
        assert_eq!(std::fs::read(dir.path("notes.txt")).unwrap(), b"mine");
    }
    assert!(OutputDir::create(dir.0.path(), false).is_err());
}

#[test]
fn a_manifest_reaches_nothing_outside() {
    let dir = Dir::new();
    dir.put("precious", "mine");
    let out = dir.path("out");
    std::fs::create_dir_all(out.join("sub")).unwrap();
    std::fs::write(out.join(".temperance"), "../precious\nsub\n/etc/none\n..\n").unwrap();
    assert!(OutputDir::create(&out, false).is_err());
    OutputDir::create(&out, true).unwrap();
    assert!(dir.path("precious").exists() && out.join("sub").is_dir());
}

#[test]
fn names_and_places_that_cannot_be() {
    let dir = Dir::new();
    dir.put("f", "");
    assert_eq!(
        dir.text(&OutputDir::create(&dir.path("f"), true).unwrap_err()),
        "f: target is a file; expected the name of a directory"
    );
    assert!(OutputDir::create(&dir.path("f/g"), true).unwrap_err().to_string().starts_with("cannot write "));
    let mut out = OutputDir::create(&dir.path("out"), false).unwrap();
    for name in ["", "..", "a/b", "/a", ".temperance", "a\nb"] {
        let error = out.write(name, b"").unwrap_err();
        assert_eq!(dir.text(&error), format!("out: name of the file is {name:?}; expected a plain name"));
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_replaced_and_not_followed() {
    let dir = Dir::new();
    dir.put("precious", "mine");
    let out = dir.path("out");
    std::fs::create_dir(&out).unwrap();
    std::os::unix::fs::symlink("../precious", out.join("report.html")).unwrap();
    assert!(OutputDir::create(&out, false).is_err());
    let mut forced = OutputDir::create(&out, true).unwrap();
    forced.write("report.html", b"ours").unwrap();
    forced.finish().unwrap();
    assert_eq!(std::fs::read(dir.path("precious")).unwrap(), b"mine");
    assert_eq!(std::fs::read(out.join("report.html")).unwrap(), b"ours");
}
