//! What several tests need: third-party data and fixtures.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of third-party data, if `$TEMPERANCE_SHARED` says where it is; says so if not.
#[allow(dead_code)]
pub(crate) fn shared(test: &str) -> Option<PathBuf> {
    match std::env::var_os("TEMPERANCE_SHARED") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => {
            eprintln!("skipped {test}: TEMPERANCE_SHARED is not set");
            None
        }
    }
}

/// A numeric array in NPY format, row-major.
#[allow(dead_code)]
pub(crate) fn npy<T: npyz::Deserialize>(path: &Path) -> Vec<T> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap()
}

/// A fixture beside the tests.
#[allow(dead_code)]
pub(crate) fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A number, or the name of one that JSON cannot write.
#[allow(dead_code)]
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(name) => name.parse().unwrap(),
        value => value.as_f64().unwrap(),
    }
}

/// A list of numbers; `None` for null.
#[allow(dead_code)]
pub(crate) fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array().map(|list| list.iter().map(number).collect())
}

/// |got - expected| within `relative` of the expected value and `absolute`.
#[allow(dead_code)]
#[track_caller]
pub(crate) fn close(what: &str, got: f64, expected: f64, relative: f64, absolute: f64) {
    let ok = got == expected
        || (got.is_nan() && expected.is_nan())
        || (got - expected).abs() <= relative * expected.abs() + absolute;
    assert!(ok, "{what}: got {got:e}, expected {expected:e}");
}
