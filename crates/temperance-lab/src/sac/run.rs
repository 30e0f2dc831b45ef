//! Runs of all seeds, side by side, each with its measurements, checkpoints and evaluation.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use temperance_data::write_file;
use temperance_rl::{Mode, Training, mean_return, side_by_side};

use super::Request;
use crate::failure::{Failure, Result};
use crate::folder::{self, Beginning};
use crate::interrupt;
use crate::record::{EVENTS, METRICS, Recorder, Row};

/// What is trained, in the folder of the run.
pub(crate) const REQUEST: &str = "sac.toml";
/// Where a seed stands.
pub(crate) const CHECKPOINT: &str = "checkpoint.safetensors";
/// What a seed gave; its presence says that it is done.
const RESULT: &str = "result.json";

/// The columns of the measurements.
pub(crate) const COLUMNS: [&str; 12] = [
    "step",
    "episodes",
    "seconds",
    "train_return",
    "evaluation_return",
    "entropy",
    "target_entropy",
    "alpha",
    "value",
    "critic_loss",
    "actor_loss",
    "temperature_loss",
];

/// Episodes of the evaluations in between.
const EPISODES: u64 = 10;
/// The seed of evaluations: the same first states for every policy.
const EVALUATION_SEED: u64 = 1_000_000;

/// What a seed gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) seed: u64,
    /// The sums of rewards of the evaluation episodes of the last policy, without noise.
    pub(crate) returns: Vec<f64>,
    /// Their mean.
    pub(crate) mean: f64,
    /// Seconds of training, without evaluation and files.
    pub(crate) seconds: f64,
    /// Steps after the random ones by the seconds that they took, since the run was last resumed; 0 if there were none.
    pub(crate) steps_per_second: f64,
}

/// The folder of a seed.
pub(crate) fn seed_folder(folder: &Path, seed: u64) -> PathBuf {
    folder.join(format!("seed-{seed}"))
}

/// Trains every seed that is not done, on all cores; gives the results of all.
pub(crate) fn train(request: &Request, folder: &Path, bar: &ProgressBar) -> Result<Vec<Done>> {
    let stop = AtomicBool::new(false);
    let seeds: Vec<u64> = request.all_seeds().collect();
    side_by_side(&seeds, |&seed| {
        one(request, seed, folder, bar, &stop).inspect_err(|_| stop.store(true, Ordering::Relaxed))
    })
}

fn one(request: &Request, seed: u64, folder: &Path, bar: &ProgressBar, stop: &AtomicBool) -> Result<Done> {
    let place = seed_folder(folder, seed);
    let shown = place.display();
    let result = place.join(RESULT);
    if let Ok(text) = fs::read(&result) {
        bar.inc(request.steps);
        return serde_json::from_slice(&text)
            .map_err(|error| Failure::Error(format!("{}: cannot be read ({error})", result.display())));
    }
    fs::create_dir_all(&place)
        .map_err(|error| Failure::Error(format!("{shown}: cannot be written: {error}")))?;
    let checkpoint = place.join(CHECKPOINT);
    let mut training = if checkpoint.exists() {
        load(&checkpoint, request, seed)?
    } else {
        Training::new(request.plan(seed))?
    };
    let mut recorder = Recorder::start(&place, &COLUMNS, training.steps())?;
    bar.inc(training.steps());
    let warm = request.settings.learning_starts.max(training.steps());
    let (mut seconds, mut measured) = (0.0, 0.0);
    let mut last = Instant::now();
    while !training.is_done() {
        let before = training.steps();
        training.advance()?;
        let steps = training.steps();
        bar.inc(steps - before);
        let now = Instant::now();
        let took = (now - last).as_secs_f64();
        last = now;
        seconds += took;
        if before >= warm {
            measured += took;
        }
        if steps / request.every > before / request.every || training.is_done() {
            let row = measure(&mut training, seconds)?;
            recorder.add(&row)?;
            write_file(&checkpoint, &training.save())?;
            bar.set_message(message(seed, &row));
            last = Instant::now();
        }
        if interrupt::interrupted() || stop.load(Ordering::Relaxed) {
            let text = format!(
                "interrupted at step {steps} of seed {seed}; --resume goes on from the last checkpoints"
            );
            return Err(Failure::Interrupted(text));
        }
    }
    let episodes = training.evaluate(request.episodes, Mode::Deterministic, EVALUATION_SEED, None)?;
    let after = training.steps().saturating_sub(warm);
    let done = Done {
        seed,
        mean: mean_return(&episodes),
        returns: episodes.iter().map(|episode| episode.total).collect(),
        seconds,
        steps_per_second: if after > 0 { after as f64 / measured } else { 0.0 },
    };
    let text = serde_json::to_string_pretty(&done).expect("a result is plain values");
    write_file(&result, format!("{text}\n").as_bytes())?;
    Ok(done)
}

/// The run of a checkpoint, if it is one of this request.
pub(crate) fn load(checkpoint: &Path, request: &Request, seed: u64) -> Result<Training> {
    let shown = checkpoint.display();
    let bytes =
        fs::read(checkpoint).map_err(|error| Failure::Error(format!("{shown}: cannot be read: {error}")))?;
    let training = Training::load(&bytes).map_err(|error| Failure::error(error).of(&shown.to_string()))?;
    if *training.plan() != request.plan(seed) {
        let text = "is of other settings; expected those of the run that is resumed";
        return Err(Failure::Error(format!("{shown}: {text}")));
    }
    Ok(training)
}

fn measure(training: &mut Training, seconds: f64) -> Result<Row> {
    let seen = training.take_seen();
    let losses = seen.losses();
    let episodes = training.evaluate(EPISODES, Mode::Deterministic, EVALUATION_SEED, None)?;
    Ok(vec![
        ("step", training.steps() as f64),
        ("episodes", training.episodes() as f64),
        ("seconds", seconds),
        ("train_return", seen.mean_return()),
        ("evaluation_return", mean_return(&episodes)),
        ("entropy", losses.entropy),
        ("target_entropy", training.agent().target_entropy()),
        ("alpha", training.agent().alpha()),
        ("value", losses.value),
        ("critic_loss", losses.critic),
        ("actor_loss", losses.actor),
        ("temperature_loss", losses.temperature),
    ])
}

fn message(seed: u64, row: &Row) -> String {
    let value = |name| crate::record::value(row, name);
    format!(
        "seed {seed}: return {:.1}, H {:.3} of {:.3}, alpha {:.3}, Q {:.1}",
        value("evaluation_return"),
        value("entropy"),
        value("target_entropy"),
        value("alpha"),
        value("value")
    )
}

/// Everything that the run of a seed writes.
const OUTPUTS: [&str; 4] = [CHECKPOINT, RESULT, METRICS, EVENTS];

/// Prepares the folder of a run: makes it, or finds what to go on with.
pub(crate) fn prepare(path: &Path, request: &Request, resume: bool, force: bool) -> Result {
    let file = path.join(REQUEST);
    let removed = if force && file.exists() {
        let of = |seed| OUTPUTS.map(|output| seed_folder(Path::new(""), seed).join(output));
        Some(Request::read(&file)?.all_seeds().flat_map(of).collect())
    } else {
        None
    };
    let beginning = Beginning {
        file: REQUEST,
        text: request.to_toml(),
        resume,
        removed,
        is_same: &|file| Ok(Request::read(file)? == *request),
        expected: "a new folder",
    };
    folder::prepare(path, &beginning)
}
