//! Where a run can go on after it was stopped, in whatever way.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};
use temperance::loss::ClassTargets;
use temperance_data::write_file;

use crate::failure::{Failure, Result};
use crate::model::Classifier;

/// What a checkpoint knows besides weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Epochs done.
    pub(crate) epoch: u64,
    /// Steps done.
    pub(crate) step: u64,
    /// Seconds of training.
    pub(crate) seconds: f64,
    /// The targets of online label smoothing.
    pub(crate) class_targets: Option<ClassTargets>,
}

const FOLDER: &str = "checkpoints";
pub(crate) const MODEL: &str = "model.bpk";
const OPTIMIZER: &str = "optimizer.bpk";
const STATE: &str = "state.json";

/// Writes a checkpoint; it is there as a whole or not at all, and replaces the one before it.
pub(crate) fn save(
    run: &Path,
    model: &Classifier,
    optimizer: &ModuleOptimizer,
    state: &State,
) -> Result<PathBuf> {
    let folder = run.join(FOLDER);
    let place = folder.join(format!("epoch-{:06}", state.epoch));
    let unfinished = folder.join(".unfinished");
    let cannot = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::Error(format!("{}: cannot be written: {error}", path.display()))
    };
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir_all(&unfinished).map_err(|error| cannot(&unfinished, &error))?;
    save_model(&unfinished.join(MODEL), model)?;
    let optimizer = optimizer.into_bytes().map_err(|error| cannot(&unfinished, &error))?;
    let text = serde_json::to_string_pretty(state).expect("a state is plain values");
    for (name, bytes) in [(OPTIMIZER, &optimizer[..]), (STATE, text.as_bytes())] {
        write_file(&unfinished.join(name), bytes)?;
    }
    let _ = fs::remove_dir_all(&place);
    fs::rename(&unfinished, &place).map_err(|error| cannot(&place, &error))?;
    for older in all(run).into_iter().filter(|older| *older != place) {
        let _ = fs::remove_dir_all(older);
    }
    Ok(place)
}

/// The checkpoints of a run, the last one last.
fn all(run: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(run.join(FOLDER)).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("epoch-")))
        .collect();
    found.sort();
    found
}

/// The last checkpoint of a run.
pub(crate) fn last(run: &Path) -> Option<PathBuf> {
    all(run).pop()
}

/// Reads a checkpoint into a model and an optimizer of the same settings.
pub(crate) fn load(
    place: &Path,
    model: Classifier,
    optimizer: ModuleOptimizer,
) -> Result<(Classifier, ModuleOptimizer, State)> {
    let wrong = |name: &str, error: &dyn std::fmt::Display| {
        let expected = "expected a whole checkpoint of the same settings";
        Failure::Error(format!("{}: cannot be read ({error}); {expected}", place.join(name).display()))
    };
    let read = |name: &str| fs::read(place.join(name)).map_err(|error| wrong(name, &error));
    let model = load_model(&place.join(MODEL), model)?;
    let optimizer = optimizer
        .from_bytes(Bytes::from_bytes_vec(read(OPTIMIZER)?))
        .map_err(|error| wrong(OPTIMIZER, &error))?;
    let state = serde_json::from_slice(&read(STATE)?).map_err(|error| wrong(STATE, &error))?;
    Ok((model, optimizer, state))
}

/// Writes the weights of a model.
pub(crate) fn save_model(path: &Path, model: &Classifier) -> Result {
    let bytes = model.clone().into_record().into_bytes();
    let bytes = bytes.map_err(|error| Failure::Error(format!("{}: {error}", path.display())))?;
    Ok(write_file(path, &bytes)?)
}

/// Reads the weights of a file into a model of the same shape.
pub(crate) fn load_model(path: &Path, model: Classifier) -> Result<Classifier> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::Error(format!(
            "{}: cannot be read ({error}); expected the weights of such a model",
            path.display()
        ))
    };
    let bytes = fs::read(path).map_err(|error| wrong(&error))?;
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(|error| wrong(&error))?;
    model.try_load_record(record).map_err(|error| wrong(&error))
}
