//! The arguments of the command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::failure::{Failure, Result};
use crate::settings::{ModelKind, OptimizerKind, RateSchedule, Settings, Strength};
use crate::study::Request;

/// Train classifiers with label smoothing, confidence penalty and their family, and test what is said of them.
#[derive(Debug, Parser)]
#[command(name = "temperance-lab", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a classifier; writes weights, measurements, and logits, labels and features of every part of the data.
    Train(Box<TrainArguments>),
    /// Train many classifiers and report what they say of each claim of the reading; goes on where it was stopped.
    Study(StudyArguments),
    /// Train policies by soft actor-critic, evaluate and draw them, and see what entropy does.
    #[command(subcommand)]
    Sac(SacCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SacCommand {
    /// Train a policy for each seed; writes measurements, checkpoints, an evaluation of the last policies and a page.
    Train(Box<SacTrainArguments>),
    /// Evaluate the policies of a finished run, also where the environment has changed.
    Evaluate(SacEvaluateArguments),
    /// Draw the curves of runs beside each other.
    Plot(SacPlotArguments),
    /// The settings of a preset as TOML, and the environments with their parameters.
    Settings(SacSettingsArguments),
    /// Show what entropy does for a policy, and what it does not: a page with numbers, pictures and what was found.
    Demo(SacDemoArguments),
}

/// How a run begins, and what it prints in the end.
#[derive(Debug, Args)]
pub(crate) struct Manner {
    /// Go on with the run in the folder, from where it was saved last.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Start anew in a folder that holds a run.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) force: bool,
    /// The summary as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Nothing on standard output.
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SacTrainArguments {
    /// Where the run is written: a new folder.
    #[arg(short, long, value_name = "DIR", default_value = "sac")]
    pub(crate) output: PathBuf,
    /// A TOML file with environment, steps, seed, seeds, preset, parameters and settings; flags count more.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) manner: Manner,
    /// An environment that `temperance-lab sac settings` lists [default: Pendulum-v1]
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// A parameter of the environment; may be given again
    #[arg(short, long = "parameter", value_name = "NAME=NUMBER", value_parser = named_number)]
    pub(crate) parameters: Vec<(String, f64)>,
    /// Steps of the environment for each seed [default: 20000]
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u64>,
    /// The first seed [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How many seeds [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) seeds: Option<u64>,
    /// sb3, cleanrl or paper: where settings start from [default: sb3]
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// A setting that `temperance-lab sac settings` lists, such as hidden=[64,64] or alpha=0.2; may be given again
    #[arg(short, long = "set", value_name = "NAME=VALUE", value_parser = named_value)]
    pub(crate) set: Vec<(String, toml::Value)>,
    /// Steps from one measurement and checkpoint to the next [default: a twentieth of all]
    #[arg(long, value_name = "N")]
    pub(crate) every: Option<u64>,
    /// Episodes of the evaluation in the end [default: 100]
    #[arg(long, value_name = "N")]
    pub(crate) episodes: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct SacEvaluateArguments {
    /// The folder of a finished run.
    #[arg(value_name = "DIR")]
    pub(crate) run: PathBuf,
    /// A parameter of the environment, other than in training; may be given again
    #[arg(short, long = "parameter", value_name = "NAME=NUMBER", value_parser = named_number)]
    pub(crate) parameters: Vec<(String, f64)>,
    /// Draw actions from the policy, rather than to take its middle, or its most probable one.
    #[arg(long)]
    pub(crate) stochastic: bool,
    /// Episodes for each seed
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) episodes: u64,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SacPlotArguments {
    /// The folders of runs, up to five.
    #[arg(value_name = "DIR", required = true, num_args = 1..=5)]
    pub(crate) runs: Vec<PathBuf>,
    /// The page: a file that ends in .html.
    #[arg(short, long, value_name = "FILE", default_value = "sac.html")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SacSettingsArguments {
    /// sb3, cleanrl or paper
    #[arg(long, value_name = "NAME", default_value = "sb3")]
    pub(crate) preset: String,
}

#[derive(Debug, Args)]
pub(crate) struct SacDemoArguments {
    /// corridor, bandit, multi-goal, robustness, mountain-car or target-entropy; all of them unless said
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Where the page is written, demonstration by demonstration: a new folder, or that of an earlier page, which it replaces.
    #[arg(short, long, value_name = "DIR", default_value = "sac-demo")]
    pub(crate) output: PathBuf,
    /// Few seeds and steps: a look, in a minute or two.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Nothing on standard output.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

impl SacDemoArguments {
    /// The command that makes this page.
    pub(crate) fn command(&self) -> String {
        let names: String = self.names.iter().map(|name| format!(" {name}")).collect();
        format!("temperance-lab sac demo{names}{}", if self.quick { " --quick" } else { "" })
    }
}

fn named_number(text: &str) -> Result<(String, f64), String> {
    let (name, number) = text.split_once('=').ok_or("expected NAME=NUMBER, such as gravity=5")?;
    let number = number.trim().parse().map_err(|_| format!("{number} is no number"))?;
    Ok((name.trim().to_owned(), number))
}

fn named_value(text: &str) -> Result<(String, toml::Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, such as batch_size=64")?;
    // As in a file; a bare word is a text.
    let table = toml::from_str::<toml::Table>(&format!("value = {value}"));
    let written = table.ok().and_then(|mut table| table.remove("value").filter(|_| table.is_empty()));
    let value = written.unwrap_or_else(|| toml::Value::String(value.trim().to_owned()));
    Ok((name.trim().to_owned(), value))
}

#[derive(Debug, Args)]
pub(crate) struct StudyArguments {
    /// Where the study is written; the same command goes on with what is there.
    #[arg(short, long, value_name = "DIR", default_value = "study")]
    pub(crate) output: PathBuf,
    /// Three seeds of small networks on 1 500 examples: a look, in under two minutes on two cores.
    #[arg(long)]
    quick: bool,
    /// As of train [default: fashion-mnist]
    #[arg(long, value_name = "DATA", default_value = "fashion-mnist")]
    data: String,
    /// Seeds of every run, from 0 on [default: 5; 3 with --quick]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Epochs of every run [default: 30]
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Nothing on standard output.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

impl StudyArguments {
    pub(crate) fn request(&self) -> Result<Request> {
        let (seeds, epochs, rows, width) =
            if self.quick { (3, 30, Some(1500), 64) } else { (5, 30, None, 256) };
        let request = Request {
            data: self.data.clone(),
            seeds: self.seeds.unwrap_or(seeds),
            epochs: self.epochs.unwrap_or(epochs),
            rows,
            width,
        };
        for (what, number, most) in [("seeds", request.seeds, 1000), ("epochs", request.epochs, u64::MAX)] {
            if !(1..=most).contains(&number) {
                let expected = if number == 0 { "at least 1".into() } else { format!("at most {most}") };
                return Err(Failure::Error(format!("{what} is {number}; expected {expected}")));
            }
        }
        Ok(request)
    }

    /// The command that makes this study.
    pub(crate) fn command(&self) -> String {
        let mut command = "temperance-lab study".to_owned();
        if self.quick {
            command += " --quick";
        }
        if self.data != "fashion-mnist" {
            command += &format!(" --data {}", self.data);
        }
        for (flag, number) in [("seeds", self.seeds), ("epochs", self.epochs)] {
            if let Some(number) = number {
                command += &format!(" --{flag} {number}");
            }
        }
        command
    }
}

#[derive(Debug, Args)]
pub(crate) struct TrainArguments {
    /// Where the run is written: a new folder.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// A TOML file with settings; flags count more.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) manner: Manner,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// Flags for the keys of the settings.
#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// fashion-mnist (a subset that comes with the program), one-hot:K, a folder of IDX files, or a .npz, .safetensors or
    /// .csv file of features and labels [default: fashion-mnist]
    #[arg(long, value_name = "DATA", help_heading = "Data")]
    data: Option<String>,
    /// The array or column of the labels in a file [default: labels, label, y, targets, target]
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    labels_name: Option<String>,
    /// The share of the training data that is held out for calibration [default: 0.25]
    #[arg(long, value_name = "SHARE", help_heading = "Data")]
    validation: Option<f64>,
    /// The share of a file that is held out for the test [default: 0.25]
    #[arg(long, value_name = "SHARE", help_heading = "Data")]
    test: Option<f64>,
    /// How many classes there are [default: one more than the largest label]
    #[arg(long, value_name = "K", help_heading = "Data")]
    classes: Option<usize>,
    /// Train on so many rows only
    #[arg(long, value_name = "N", help_heading = "Data")]
    rows: Option<usize>,
    /// Classes that training does not see, such as 7,8,9
    #[arg(long, value_name = "CLASSES", value_delimiter = ',', help_heading = "Data")]
    held_out_classes: Option<Vec<u32>>,
    /// What maps inputs to logits [default: mlp]
    #[arg(long, value_enum, value_name = "MODEL", help_heading = "Model")]
    model: Option<ModelKind>,
    /// Units of a hidden layer [default: 256]
    #[arg(long, value_name = "UNITS", help_heading = "Model")]
    width: Option<usize>,
    /// Hidden layers of an mlp [default: 2]
    #[arg(long, value_name = "LAYERS", help_heading = "Model")]
    depth: Option<usize>,
    /// The share of hidden units left out in a step [default: 0]
    #[arg(long, value_name = "SHARE", help_heading = "Model")]
    dropout: Option<f64>,
    /// A loss that `temperance losses` lists [default: cross_entropy]
    #[arg(long, value_name = "NAME", help_heading = "Loss")]
    loss: Option<String>,
    /// A parameter of the loss: NAME=0.1, NAME=linear:0:0.5:1000 (from, to, steps), NAME=cosine:0:0.5:1000, each with
    /// ,warmup:100 after it if it shall rise from 0 first; may be given again
    #[arg(long = "parameter", short = 'p', value_name = "NAME=STRENGTH", value_parser = named_strength, help_heading = "Loss")]
    parameters: Vec<(String, Strength)>,
    /// ε: --parameter label_smoothing=STRENGTH
    #[arg(long, value_name = "STRENGTH", help_heading = "Loss")]
    label_smoothing: Option<Strength>,
    /// β: --parameter confidence_penalty=STRENGTH
    #[arg(long, value_name = "STRENGTH", help_heading = "Loss")]
    confidence_penalty: Option<Strength>,
    /// The folder of a run that teaches, for distillation
    #[arg(long, value_name = "DIR", help_heading = "Loss")]
    teacher: Option<PathBuf>,
    /// How gradients become steps [default: adam]
    #[arg(long, value_enum, value_name = "OPTIMIZER", help_heading = "Training")]
    optimizer: Option<OptimizerKind>,
    /// The largest learning rate [default: 0.001]
    #[arg(long, value_name = "RATE", help_heading = "Training")]
    learning_rate: Option<f64>,
    /// Of SGD [default: 0.9]
    #[arg(long, value_name = "SHARE", help_heading = "Training")]
    momentum: Option<f64>,
    /// Added to the gradient (sgd, adam) or taken off the weights (adam-w) [default: 0]
    #[arg(long, value_name = "DECAY", help_heading = "Training")]
    weight_decay: Option<f64>,
    /// How the learning rate changes [default: constant]
    #[arg(long, value_enum, value_name = "SCHEDULE", help_heading = "Training")]
    schedule: Option<RateSchedule>,
    /// Steps in which the learning rate rises from 0 [default: 0]
    #[arg(long, value_name = "STEPS", help_heading = "Training")]
    warmup: Option<u64>,
    /// Times that training sees every example [default: 30]
    #[arg(long, value_name = "N", help_heading = "Training")]
    epochs: Option<u64>,
    /// The most examples in a step; an epoch is cut into steps of equal size [default: 128]
    #[arg(long, value_name = "N", help_heading = "Training")]
    batch_size: Option<usize>,
    /// Chooses weights, order and what dropout leaves out [default: 0]
    #[arg(long, value_name = "N", help_heading = "Training")]
    seed: Option<u64>,
    /// Epochs from one measurement and checkpoint to the next [default: 1]
    #[arg(long, value_name = "EPOCHS", help_heading = "Training")]
    every: Option<u64>,
}

fn named_strength(text: &str) -> Result<(String, Strength), String> {
    let (name, strength) =
        text.split_once('=').ok_or("expected NAME=STRENGTH, such as label_smoothing=0.1")?;
    Ok((name.trim().to_owned(), strength.parse()?))
}

impl Flags {
    /// Puts what was given into settings.
    pub(crate) fn apply(self, settings: &mut Settings) {
        fn put<T>(into: &mut T, given: Option<T>) {
            if let Some(given) = given {
                *into = given;
            }
        }
        put(&mut settings.data, self.data);
        put(&mut settings.validation, self.validation);
        put(&mut settings.test, self.test);
        put(&mut settings.model, self.model);
        put(&mut settings.width, self.width);
        put(&mut settings.depth, self.depth);
        put(&mut settings.dropout, self.dropout);
        put(&mut settings.loss, self.loss);
        put(&mut settings.optimizer, self.optimizer);
        put(&mut settings.learning_rate, self.learning_rate);
        put(&mut settings.momentum, self.momentum);
        put(&mut settings.weight_decay, self.weight_decay);
        put(&mut settings.schedule, self.schedule);
        put(&mut settings.warmup, self.warmup);
        put(&mut settings.epochs, self.epochs);
        put(&mut settings.batch_size, self.batch_size);
        put(&mut settings.seed, self.seed);
        put(&mut settings.every, self.every);
        put(&mut settings.held_out_classes, self.held_out_classes);
        settings.labels_name = self.labels_name.or(settings.labels_name.take());
        settings.classes = self.classes.or(settings.classes);
        settings.rows = self.rows.or(settings.rows);
        settings.teacher = self.teacher.or(settings.teacher.take());
        let short =
            [("label_smoothing", self.label_smoothing), ("confidence_penalty", self.confidence_penalty)];
        let short = short.into_iter().filter_map(|(name, strength)| Some((name.to_owned(), strength?)));
        settings.parameters.extend(self.parameters.into_iter().chain(short));
    }
}

impl TrainArguments {
    /// The settings: those of the folder that is resumed, or of the file, and the flags.
    pub(crate) fn settings(&self) -> Result<Settings> {
        let file = self.output.join(crate::training::SETTINGS);
        let mut settings = match &self.config {
            Some(path) => Settings::read(path)?,
            None if self.manner.resume && file.exists() => Settings::read(&file)?,
            None => Settings::default(),
        };
        self.flags.clone().apply(&mut settings);
        settings.check()?;
        Ok(settings)
    }
}
