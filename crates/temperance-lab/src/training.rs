//! A run of training: from settings to a folder with everything that the rest of Temperance reads.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::seq::SliceRandom;
use temperance::loss::{self, Convention, OnlineSmoothing, OnlineTargets, theory};
use temperance::{Labels, Logits};
use temperance_burn::{NamedLoss, Reduction};
use temperance_data::{Member, write_archive, write_file};

use crate::checkpoint::{self, State};
use crate::data::Data;
use crate::failure::{Failure, Result};
use crate::folder::{self, Beginning};
use crate::model::Classifier;
use crate::predictions::Predictions;
use crate::random::{self, Stream};
use crate::record::{self, Recorder, Row};
use crate::settings::{OptimizerKind, Settings};

/// The settings of a run, in its folder.
pub const SETTINGS: &str = "settings.toml";
/// The weights at the end of a run.
pub const MODEL: &str = checkpoint::MODEL;
/// What there is to say of a run in the end; its presence says that the run is done.
pub const SUMMARY: &str = "summary.json";

/// Gradient norms are taken at every so many steps.
const NORM_EVERY: u64 = 8;

/// Told of every step; can stop a run.
pub trait Watcher {
    /// A step was made: how many of how many.
    fn step(&mut self, step: u64, steps: u64) -> ControlFlow<()>;

    /// An epoch was measured.
    fn measured(&mut self, row: &Row);
}

/// What a run gave.
#[derive(Debug)]
pub struct Trained {
    /// The classifier.
    pub model: Classifier,
    /// What it says of the validation part.
    pub validation: Predictions,
    /// What it says of the test part.
    pub test: Predictions,
}

/// A run in its folder.
pub struct Run<'a> {
    settings: &'a Settings,
    data: &'a Data,
    folder: &'a Path,
    device: Device,
    teacher: Option<Predictions>,
}

impl<'a> Run<'a> {
    /// A run of those settings on those data, in a folder that exists when it trains. Nothing is written yet.
    ///
    /// # Errors
    /// If the model or the teacher does not fit the data, or the teacher cannot be read.
    pub fn new(settings: &'a Settings, data: &'a Data, folder: &'a Path) -> Result<Self> {
        let device = Device::flex().autodiff();
        Classifier::new(settings, &data.train.shape, data.classes, &device)?;
        if let Some(path) = &settings.teacher
            && same_place(path, folder)
        {
            let shown = path.display();
            return Err(Failure::Error(format!("teacher is {shown}, the output; expected another run")));
        }
        let teacher = settings.teacher.as_ref().map(|path| teacher(path, data)).transpose()?;
        Ok(Run { settings, data, folder, device, teacher })
    }

    /// Trains from the last checkpoint, or from the start, to the end; writes what is left behind.
    ///
    /// # Errors
    /// If the loss is not a number (with the step, the example and the last checkpoint), if something cannot be written,
    /// and if the watcher stops it.
    pub fn train(&self, watcher: &mut dyn Watcher) -> Result<Trained> {
        let (settings, data) = (self.settings, self.data);
        let mut model = Classifier::new(settings, &data.train.shape, data.classes, &self.device)?;
        let mut optimizer = optimizer(settings);
        let mut state = State { epoch: 0, step: 0, seconds: 0.0, class_targets: None };
        if let Some(place) = checkpoint::last(self.folder) {
            (model, optimizer, state) = checkpoint::load(&place, model, optimizer)?;
        }
        let mut recorder = Recorder::start(self.folder, &record::COLUMNS, state.step)?;
        // Batches of one size, or of one less: a last batch of a few rows would be a step of mere noise.
        let examples = data.train.rows();
        let batches = examples.div_ceil(settings.batch_size);
        let steps = batches as u64 * settings.epochs;
        let begun = Instant::now();
        let before = state.seconds;
        let mut sums = Sums::default();
        while state.epoch < settings.epochs {
            let mut order: Vec<usize> = (0..examples).collect();
            order.shuffle(&mut random::stream(settings.seed, Stream::Order, state.epoch));
            let mut online = match settings.loss.as_str() {
                "online_smoothing" => Some(OnlineTargets::new(data.classes)?),
                _ => None,
            };
            for batch in 0..batches {
                let rows = &order[batch * examples / batches..(batch + 1) * examples / batches];
                let rate = settings.learning_rate * self.rate_factor(state.step, steps);
                let loss = self.loss(&state)?;
                model =
                    self.step(model, &mut optimizer, &loss, rows, rate, &state, &mut sums, online.as_mut())?;
                state.step += 1;
                if watcher.step(state.step, steps).is_break() {
                    return Err(Failure::Interrupted(format!(
                        "interrupted at step {} of {steps}; {}, and --resume goes on from there",
                        state.step,
                        self.last_place()
                    )));
                }
            }
            state.epoch += 1;
            state.seconds = before + begun.elapsed().as_secs_f64();
            state.class_targets = online.map(|mut online| online.finish_epoch());
            if state.epoch.is_multiple_of(settings.every) || state.epoch == settings.epochs {
                let row = self.measure(&model, &state, std::mem::take(&mut sums), steps)?;
                recorder.add(&row)?;
                watcher.measured(&row);
                checkpoint::save(self.folder, &model, &optimizer, &state).map_err(
                    |failure| match failure {
                        Failure::Error(text) => Failure::Error(format!("{text}; {}", self.last_place())),
                        other => other,
                    },
                )?;
            }
        }
        self.leave(model, &state)
    }

    fn rate_factor(&self, step: u64, steps: u64) -> f64 {
        let warmup = self.settings.warmup;
        if step < warmup {
            return (step + 1) as f64 / warmup as f64;
        }
        self.settings.schedule.factor(step - warmup, steps.saturating_sub(warmup))
    }

    /// The loss at a step.
    fn loss(&self, state: &State) -> Result<NamedLoss> {
        let criterion = match &state.class_targets {
            Some(targets) => {
                let alpha = self.settings.parameter("alpha", state.step);
                Box::new(OnlineSmoothing::new(alpha)?.targets(targets.clone()))
            }
            None => self.settings.criterion(state.step)?,
        };
        Ok(NamedLoss::of(criterion, Reduction::Mean))
    }

    #[expect(clippy::too_many_arguments, reason = "one step, with all that it changes")]
    fn step(
        &self,
        model: Classifier,
        optimizer: &mut ModuleOptimizer,
        loss: &NamedLoss,
        rows: &[usize],
        rate: f64,
        state: &State,
        sums: &mut Sums,
        online: Option<&mut OnlineTargets>,
    ) -> Result<Classifier> {
        let train = &self.data.train;
        let width = train.width();
        let take = |values: &[f32], width: usize| -> TensorData {
            let taken: Vec<f32> =
                rows.iter().flat_map(|&row| &values[row * width..][..width]).copied().collect();
            TensorData::new(taken, [rows.len(), width])
        };
        let inputs = Tensor::<2>::from_data(take(&train.values, width), &self.device);
        let labels: Vec<i32> = rows.iter().map(|&row| train.labels[row] as i32).collect();
        let targets =
            Tensor::<1, Int>::from_data(TensorData::new(labels.clone(), [rows.len()]), &self.device);
        let teacher = self
            .teacher
            .as_ref()
            .map(|teacher| Tensor::<2>::from_data(take(&teacher.logits, teacher.classes), &self.device));

        let mut rng = random::stream(self.settings.seed, Stream::Dropout, state.step);
        let logits = model.forward(inputs, Some(&mut rng)).logits;
        if let Some(online) = online {
            let values = crate::predictions::numbers(logits.clone());
            let classes = self.data.classes;
            let observed = Logits::new(&values, classes)
                .and_then(|logits| online.observe(&logits, Labels::new(&labels, classes)));
            observed.map_err(|error| self.broken(&error, rows, state))?;
        }
        let (value, seen) =
            loss.try_forward(logits, targets, teacher).map_err(|error| self.broken(&error, rows, state))?;
        let seen = seen.expect("losses are reduced");
        if !seen.value.is_finite() {
            let error = format!("loss is {}; expected a finite number", seen.value);
            return Err(self.broken(&error, rows, state));
        }
        let gradients = GradientsParams::from_grads(value.backward(), &model);
        sums.add(&seen);
        if state.step.is_multiple_of(NORM_EVERY) || sums.norms == 0.0 {
            sums.norm += model.gradient_norm(&gradients);
            sums.norms += 1.0;
        }
        Ok(optimizer.step(rate, model, gradients))
    }

    /// The error of a step that has no loss.
    fn broken(&self, error: &dyn std::fmt::Display, rows: &[usize], state: &State) -> Failure {
        let text = error.to_string();
        // The row of the batch as the example that it is.
        let example = text
            .split_once(" at row ")
            .and_then(|(_, rest)| rest.split([' ', ',']).next()?.parse::<usize>().ok())
            .and_then(|row| rows.get(row));
        let example = example.map_or(String::new(), |row| format!(", example {row} of the training data"));
        Failure::Error(format!(
            "training broke off at step {} (epoch {}){example}: {text}; {}. A smaller learning rate may help",
            state.step,
            state.epoch,
            self.last_place()
        ))
    }

    fn last_place(&self) -> String {
        match checkpoint::last(self.folder) {
            Some(place) => format!("the last checkpoint is {}", place.display()),
            None => "there is no checkpoint yet".into(),
        }
    }

    fn measure(&self, model: &Classifier, state: &State, sums: Sums, steps: u64) -> Result<Row> {
        let settings = self.settings;
        let of = |examples| Predictions::of(model, examples, self.data.classes).measure();
        let broken = |failure: Failure| match failure {
            Failure::Error(text) => self.broken(&text, &[], state),
            other => other,
        };
        let train = of(&self.data.train).map_err(broken)?;
        let validation = of(&self.data.validation).map_err(broken)?;
        Ok(vec![
            ("step", state.step as f64),
            ("epoch", state.epoch as f64),
            ("seconds", state.seconds),
            ("learning_rate", settings.learning_rate * self.rate_factor(state.step.saturating_sub(1), steps)),
            ("train_loss", sums.loss / sums.rows),
            ("train_nll", train.nll),
            ("train_accuracy", train.accuracy),
            ("train_entropy", train.entropy),
            ("train_gap", train.gap),
            ("train_nearest_gap", train.nearest_gap),
            ("train_separation", train.separation),
            ("gap_bound", gap_bound(settings, self.data.classes, state.step)),
            ("gradient_norm", sums.norm / sums.norms),
            ("validation_nll", validation.nll),
            ("validation_accuracy", validation.accuracy),
            ("validation_ece", validation.ece),
            ("validation_entropy", validation.entropy),
            ("validation_gap", validation.gap),
            ("validation_nearest_gap", validation.nearest_gap),
            ("validation_separation", validation.separation),
            ("validation_scatter", validation.scatter),
        ])
    }

    /// Writes weights, predictions and the summary.
    fn leave(&self, model: Classifier, state: &State) -> Result<Trained> {
        checkpoint::save_model(&self.folder.join(MODEL), &model)?;
        let data = self.data;
        let write = |name: &str, examples| -> Result<Predictions> {
            let predictions = Predictions::of(&model, examples, data.classes);
            write_archive(
                &self.folder.join(format!("{name}.npz")),
                &[
                    ("logits", Member::Matrix(&predictions.logits, predictions.classes)),
                    ("labels", Member::Indices(&predictions.labels)),
                    ("features", Member::Matrix(&predictions.features, predictions.width)),
                ],
            )?;
            Ok(predictions)
        };
        let train = write("train", &data.train)?;
        let validation = write("validation", &data.validation)?;
        let test = write("test", &data.test)?;
        if let Some(held_out) = &data.held_out {
            write("held_out", held_out)?;
        }
        let summary = serde_json::json!({
            "train": train.measure()?,
            "validation": validation.measure()?,
            "test": test.measure()?,
            "steps": state.step,
            "epochs": state.epoch,
            "seconds": state.seconds,
            "gap_bound": gap_bound(self.settings, data.classes, state.step),
        });
        let text = serde_json::to_string_pretty(&summary).expect("a summary is plain values");
        write_file(&self.folder.join(SUMMARY), format!("{text}\n").as_bytes())?;
        Ok(Trained { model, validation, test })
    }
}

/// What was seen in the steps of an epoch.
#[derive(Debug, Default)]
struct Sums {
    loss: f64,
    rows: f64,
    norm: f64,
    norms: f64,
}

impl Sums {
    fn add(&mut self, seen: &loss::Loss) {
        self.loss += seen.value * seen.rows as f64;
        self.rows += seen.rows as f64;
    }
}

/// The gap of logits at the optimum of the loss, where it is known: cross-entropy with smoothing, a confidence penalty, or
/// both. Infinite for one-hot labels.
pub fn gap_bound(settings: &Settings, classes: usize, step: u64) -> f64 {
    let parameter = |name| settings.parameter(name, step);
    let plain = settings.loss == "cross_entropy"
        && parameter("penalty_threshold") == f64::INFINITY
        && parameter("z_loss") == 0.0
        && parameter("logit_penalty") == 0.0;
    if !plain {
        return f64::NAN;
    }
    let (smoothing, penalty) = (parameter("label_smoothing"), parameter("confidence_penalty"));
    let gap = theory::target(Convention::Uniform, classes, smoothing)
        .and_then(|target| theory::minimum_two_valued(target.label, target.other, classes, penalty));
    gap.map_or(f64::NAN, |optimum| optimum.gap)
}

fn optimizer(settings: &Settings) -> ModuleOptimizer {
    let decay = settings.weight_decay;
    let penalty = (decay > 0.0).then(|| WeightDecayConfig::new(decay as f32));
    match settings.optimizer {
        OptimizerKind::Sgd => {
            let momentum = MomentumConfig::new().with_momentum(settings.momentum).with_dampening(0.0);
            let momentum = (settings.momentum > 0.0).then_some(momentum);
            SgdConfig::new().with_momentum(momentum).with_weight_decay(penalty).init()
        }
        OptimizerKind::Adam => AdamConfig::new().with_epsilon(1e-8).with_weight_decay(penalty).init(),
        OptimizerKind::AdamW => AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(decay as f32).init(),
    }
}

/// What the model of another run says of the training data.
fn teacher(path: &Path, data: &Data) -> Result<Predictions> {
    let model = trained(path, data)?;
    Ok(Predictions::of(&model, &data.train, data.classes))
}

/// The model of a run that is done.
///
/// # Errors
/// If the folder is not that of such a run, or its model is of another shape.
pub fn trained(folder: &Path, data: &Data) -> Result<Classifier> {
    let file: PathBuf = folder.join(SETTINGS);
    if !file.exists() || !folder.join(MODEL).exists() {
        let text = "expected the folder of a run of `temperance-lab train` that is done";
        return Err(Failure::Error(format!("{}: no {SETTINGS} and {MODEL}; {text}", folder.display())));
    }
    let settings = Settings::read(&file)?;
    let model = Classifier::new(&settings, &data.train.shape, data.classes, &Device::flex())?;
    checkpoint::load_model(&folder.join(MODEL), model)
}

/// Prepares the folder of a run: makes it, or finds what to go on with.
///
/// # Errors
/// If it holds something else, or a run of other settings.
pub fn prepare(path: &Path, settings: &Settings, resume: bool, force: bool) -> Result {
    let is_same = |file: &Path| -> Result<bool> {
        let mut earlier = Settings::read(file)?;
        // The same teacher by another path, or moved with the rest, is the same.
        if let (Some(before), Some(now)) = (&earlier.teacher, &settings.teacher)
            && (same_place(before, now) || !before.exists())
        {
            earlier.teacher = Some(now.clone());
        }
        Ok(earlier == *settings)
    };
    let beginning = Beginning {
        file: SETTINGS,
        text: settings.to_toml(),
        resume,
        removed: (force && path.join(SETTINGS).exists()).then(|| OUTPUTS.map(PathBuf::from).into()),
        is_same: &is_same,
        expected: "a new folder",
    };
    folder::prepare(path, &beginning)
}

/// Everything that a run writes, but its settings.
const OUTPUTS: [&str; 9] = [
    "checkpoints",
    SUMMARY,
    MODEL,
    record::METRICS,
    record::EVENTS,
    "train.npz",
    "validation.npz",
    "test.npz",
    "held_out.npz",
];

fn same_place(one: &Path, other: &Path) -> bool {
    one == other
        || fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}
