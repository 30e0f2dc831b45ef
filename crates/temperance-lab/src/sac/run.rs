//! Runs of all seeds, side by side, each with its measurements, checkpoints and evaluation.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use temperance::fold::Observer;
use temperance_data::write_file;
use temperance_rl::{Mode, Training, mean_return, side_by_side};

use super::Request;
use super::page::FIGURES;
use crate::failure::{Failure, Result};
use crate::folder::{self, Beginning, is_unfinished};
use crate::interrupt;
use crate::record::{EVENTS, METRICS, Recorder, Row};
use crate::statistics::Estimate;

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
    let (result, checkpoint) = (place.join(RESULT), place.join(CHECKPOINT));
    if result.exists() {
        bar.inc(request.steps_made());
        load(&checkpoint, request, seed)?;
        return finished(&result, request, seed);
    }
    fs::create_dir_all(&place)
        .map_err(|error| Failure::Error(format!("{shown}: cannot be written: {error}")))?;
    let (mut training, mut saved) = if checkpoint.exists() {
        let training = load(&checkpoint, request, seed)?;
        let steps = training.steps();
        (training, Some(steps))
    } else {
        (Training::new(request.plan(seed))?, None)
    };
    let mut recorder = Recorder::start(&place, &COLUMNS, training.steps())?;
    bar.inc(training.steps());
    let stopped = || interrupt::interrupted() || stop.load(Ordering::Relaxed);
    let watch = |_| if stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let left = |steps: u64, saved: Option<u64>| {
        let from =
            saved.map_or("the start: there is no checkpoint yet".into(), |step| format!("step {step}"));
        Failure::Interrupted(format!(
            "interrupted at step {steps} of seed {seed}; --resume goes on with it from {from}"
        ))
    };
    let named = |failure: Failure, training: &Training, saved| match failure {
        Failure::Interrupted(_) => left(training.steps(), saved),
        other => other.of(&format!("seed {seed}")),
    };
    let warm = request.settings.learning_starts.max(training.steps());
    let (mut seconds, mut measured) = (0.0, 0.0);
    let mut last = Instant::now();
    while !training.is_done() {
        let before = training.steps();
        training.advance().map_err(|error| named(error.into(), &training, saved))?;
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
            let row = measure(&mut training, seconds, &watch)
                .map_err(|failure| named(failure, &training, saved))?;
            recorder.add(&row)?;
            write_file(&checkpoint, &training.save())?;
            saved = Some(steps);
            bar.set_message(message(seed, &row));
            last = Instant::now();
        }
        if stopped() {
            return Err(left(steps, saved));
        }
    }
    let episodes = training
        .evaluate(request.episodes, Mode::Deterministic, EVALUATION_SEED, None, &watch)
        .map_err(|error| named(error.into(), &training, saved))?;
    // From the first round that began after the random ones.
    let after = if measured > 0.0 { training.steps().saturating_sub(warm) } else { 0 };
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

/// What a seed that is done gave.
fn finished(result: &Path, request: &Request, seed: u64) -> Result<Done> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::Error(format!("{}: {why}; expected what seed {seed} of this run gave", result.display()))
    };
    let text = fs::read(result).map_err(|error| wrong(&error))?;
    let done: Done = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
    let mean = Estimate::of(&done.returns).mean;
    if done.seed != seed {
        return Err(wrong(&format!("seed is {}", done.seed)));
    }
    if done.returns.len() as u64 != request.episodes {
        return Err(wrong(&format!("returns of {} episodes", done.returns.len())));
    }
    if (mean - done.mean).abs() > 1e-9 * mean.abs().max(1.0) {
        return Err(wrong(&format!("mean is {}, of the returns {mean}", done.mean)));
    }
    Ok(done)
}

/// Refuses a run that is not at its end.
pub(crate) fn check_finished(folder: &Path, request: &Request) -> Result {
    match request.all_seeds().find(|&seed| !seed_folder(folder, seed).join(RESULT).exists()) {
        None => Ok(()),
        Some(seed) => Err(Failure::Error(format!(
            "{0}: seed {seed} is not done; expected a finished run (temperance-lab sac train --resume --output {0})",
            folder.display()
        ))),
    }
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

fn measure(training: &mut Training, seconds: f64, watch: &dyn Observer) -> Result<Row> {
    let seen = training.take_seen();
    let losses = seen.losses();
    let episodes = training.evaluate(EPISODES, Mode::Deterministic, EVALUATION_SEED, None, watch)?;
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
/// What a run writes at its end; its figures besides.
pub(crate) const SUMMARY: &str = "summary.json";
pub(crate) const PAGE: &str = "report.html";

/// Prepares the folder of a run: makes it, or finds what to go on with.
pub(crate) fn prepare(path: &Path, request: &Request, resume: bool, force: bool) -> Result {
    let file = path.join(REQUEST);
    let beginning = Beginning {
        file: REQUEST,
        text: request.to_toml(),
        resume,
        removed: (force && file.exists()).then(|| outputs(path)),
        is_same: &|file| Ok(Request::read(file)? == *request),
        expected: "a new folder",
    };
    folder::prepare(path, &beginning)
}

/// What runs have left in a folder, whatever their seeds were.
fn outputs(folder: &Path) -> Vec<PathBuf> {
    let mut outputs: Vec<PathBuf> = [SUMMARY, PAGE].map(PathBuf::from).into();
    outputs.extend(FIGURES.iter().map(|name| PathBuf::from(format!("{name}.svg"))));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let seed = name.to_str().and_then(|name| name.strip_prefix("seed-"));
        if seed.is_some_and(|seed| seed.parse::<u64>().is_ok()) {
            let place = Path::new(&name);
            outputs.extend(OUTPUTS.map(|output| place.join(output)));
            // What a process that was killed had begun to write.
            let within = fs::read_dir(entry.path()).into_iter().flatten().flatten();
            let begun = within.map(|file| file.file_name()).filter(|file| is_unfinished(file));
            outputs.extend(begun.map(|file| place.join(file)));
        }
    }
    outputs
}
