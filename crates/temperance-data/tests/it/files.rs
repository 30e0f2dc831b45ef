//! What is not even a file of arrays.

use crate::common::*;
use temperance_data::{DataErrorKind, Dataset, Format};

#[test]
fn what_cannot_be_opened() {
    let dir = Dir::new();
    let error = |name: &str| dir.text(&Dataset::read_scores(&logits(&dir.path(name))).unwrap_err());
    assert_eq!(error("none.npy"), "cannot read none.npy: no such file or directory");
    std::fs::create_dir(dir.path("logits")).unwrap();
    assert_eq!(
        error("logits"),
        "logits is a directory; expected a .npy, .npz, .safetensors, .csv or .csv.gz file"
    );
    dir.put("x.txt", "");
    assert_eq!(
        error("x.txt"),
        "x.txt: extension is .txt; expected a .npy, .npz, .safetensors, .csv or .csv.gz file"
    );
    dir.put("x", "");
    assert_eq!(
        error("x"),
        "x: extension is missing; expected a .npy, .npz, .safetensors, .csv or .csv.gz file"
    );
    let missing = Dataset::read_scores(&logits(&dir.path("none.npy"))).unwrap_err();
    assert!(
        matches!(missing.kind(), DataErrorKind::Io(error) if error.kind() == std::io::ErrorKind::NotFound)
    );
    assert_eq!(missing.file(), Some(&*dir.path("none.npy")));
}

#[cfg(unix)]
#[test]
fn no_permission() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    let path = dir.put("logits.npy", npy_logits(1, 2));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let error = Dataset::read_scores(&logits(&path)).unwrap_err();
    assert_eq!(dir.text(&error), "cannot read logits.npy: permission denied");
}

#[test]
fn what_is_read_can_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Dataset>();
    crosses::<temperance_data::Confidences>();
    crosses::<temperance_data::DataError>();
}

#[test]
fn extensions_in_any_case() {
    for (name, format) in [
        ("a.NPY", Format::Npy),
        ("a.b.npz", Format::Npz),
        ("a.safetensors", Format::Safetensors),
        ("a.Csv", Format::Csv),
        ("a.csv.GZ", Format::CsvGz),
    ] {
        assert_eq!(Format::of(name.as_ref()).unwrap(), format);
    }
    assert_eq!(
        Format::of("a.gz".as_ref()).unwrap_err().to_string(),
        "a.gz: extension is .gz; expected a .npy, .npz, .safetensors, .csv or .csv.gz file"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn devices_and_pipes() {
    let dir = Dir::new();
    let link = dir.path("zero.npz");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    let error = Dataset::read_scores(&logits(&link)).unwrap_err();
    assert_eq!(dir.text(&error), "zero.npz: file is a pipe or device; expected a regular file");
    let link = dir.path("zero.npy");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    assert!(Dataset::read_scores(&logits(&link)).is_err());
    // A first line without end.
    let link = dir.path("zero.csv");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    let error = Dataset::read_scores(&logits(&link)).unwrap_err();
    assert!(dir.text(&error).starts_with("zero.csv, line 1: first line is "), "{error}");
}
