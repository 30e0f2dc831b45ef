//! What a run of training is made of: one TOML file, or flags.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use temperance::loss::{self, Criterion, Schedule};
use temperance::{Parameter, Parameters};

use crate::failure::{Failure, Result};

/// Every setting of a run. Keys of the file are those of the struct.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `fashion-mnist` (the subset that comes with the program), `one-hot:K`, a folder of IDX files, or a file.
    pub data: String,
    /// The name of the labels in a file, where it is not one of the usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels_name: Option<String>,
    /// The share of the training data that is held out for validation.
    pub validation: f64,
    /// The share of a file that is held out for the test; folders have their own.
    pub test: f64,
    /// Chooses what is held out.
    pub split_seed: u64,
    /// Whether features are brought to mean 0 and standard deviation 1 (files: yes, images: no, unless said).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standardize: Option<bool>,
    /// How many classes there are; one more than the largest label unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// Classes that training does not see; their examples are kept for a look at the features.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_out_classes: Vec<u32>,
    /// Rows of the training data that are used, all unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// What maps inputs to logits.
    pub model: ModelKind,
    /// Units of a hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub depth: usize,
    /// The share of hidden units that is left out in a step of training.
    pub dropout: f64,
    /// A name of `temperance losses`.
    pub loss: String,
    /// The parameters of the loss: numbers or schedules.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Strength>,
    /// The folder of a run whose model teaches, for distillation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<PathBuf>,
    /// How gradients become steps.
    pub optimizer: OptimizerKind,
    /// The largest learning rate.
    pub learning_rate: f64,
    /// Of SGD.
    pub momentum: f64,
    /// Added to the gradient (SGD, Adam), or taken off the weights (AdamW).
    pub weight_decay: f64,
    /// How the learning rate changes.
    pub schedule: RateSchedule,
    /// Steps in which the learning rate rises from 0.
    pub warmup: u64,
    /// Times that training sees every example.
    pub epochs: u64,
    /// The most examples in a step; an epoch is cut into steps of equal size.
    pub batch_size: usize,
    /// Chooses weights, order and what dropout leaves out.
    pub seed: u64,
    /// Epochs from one row of measurements, and one checkpoint, to the next.
    pub every: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            data: "fashion-mnist".into(),
            labels_name: None,
            validation: 0.25,
            test: 0.25,
            split_seed: 0,
            standardize: None,
            classes: None,
            held_out_classes: Vec::new(),
            rows: None,
            model: ModelKind::Mlp,
            width: 256,
            depth: 2,
            dropout: 0.0,
            loss: "cross_entropy".into(),
            parameters: BTreeMap::new(),
            teacher: None,
            optimizer: OptimizerKind::Adam,
            learning_rate: 1e-3,
            momentum: 0.9,
            weight_decay: 0.0,
            schedule: RateSchedule::Constant,
            warmup: 0,
            epochs: 30,
            batch_size: 128,
            seed: 0,
            every: 1,
        }
    }
}

/// What maps inputs to logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// One linear layer.
    Logistic,
    /// Linear layers with ReLU between them.
    Mlp,
    /// Two 3 x 3 convolutions with pooling, then an MLP of one hidden layer; for images.
    Cnn,
}

/// How gradients become steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay.
    AdamW,
}

/// How the learning rate changes after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RateSchedule {
    /// Not at all.
    Constant,
    /// To 0 along half a cosine.
    Cosine,
    /// To a tenth after half of the steps, and to a hundredth after three quarters.
    Step,
}

impl RateSchedule {
    /// What the learning rate is multiplied by, `step` of `steps`.
    pub fn factor(self, step: u64, steps: u64) -> f64 {
        let done = step as f64 / steps.max(1) as f64;
        match self {
            RateSchedule::Constant => 1.0,
            RateSchedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos()),
            RateSchedule::Step if done < 0.5 => 1.0,
            RateSchedule::Step if done < 0.75 => 0.1,
            RateSchedule::Step => 0.01,
        }
    }
}

/// A parameter of a loss over the steps of training, written `0.1`, `linear:0:0.5:1000`, `cosine:0:0.5:1000`, each with
/// `,warmup:100` after it if it shall rise from 0 first.
///
/// ```
/// use temperance_lab::Strength;
///
/// let beta: Strength = "linear:0:0.5:1000,warmup:10".parse()?;
/// assert_eq!((beta.at(0), beta.at(510), beta.at(5000)), (0.0, 0.25, 0.5));
/// assert_eq!("linear:0:1".parse::<Strength>().unwrap_err(), "linear:0:1 is no strength; expected a number, \
///     linear:FROM:TO:STEPS or cosine:FROM:TO:STEPS, and ,warmup:STEPS after it if wanted");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Strength {
    text: String,
    schedule: Schedule,
    /// Steps of the warm-up.
    warmup: u64,
}

impl PartialEq for Strength {
    fn eq(&self, other: &Self) -> bool {
        self.schedule == other.schedule
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or a schedule such as \"linear:0:0.5:1000\"")]
enum Written {
    Number(f64),
    Text(String),
}

impl TryFrom<Written> for Strength {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(number) => number.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<Strength> for Written {
    fn from(strength: Strength) -> Self {
        strength.text.parse().map_or(Written::Text(strength.text), Written::Number)
    }
}

impl FromStr for Strength {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text} is no strength; expected a number, linear:FROM:TO:STEPS or cosine:FROM:TO:STEPS, and \
                 ,warmup:STEPS after it if wanted"
            )
        };
        let number = |part: &str| part.trim().parse::<f64>().map_err(|_| wrong());
        let steps = |part: &str| part.trim().parse::<u64>().map_err(|_| wrong());
        let (course, warmup) = match text.split_once(',') {
            Some((course, rest)) => (course, Some(rest.trim().strip_prefix("warmup:").ok_or_else(wrong)?)),
            None => (text, None),
        };
        let parts: Vec<&str> = course.trim().split(':').collect();
        let schedule = match parts[..] {
            [value] => Schedule::constant(number(value)?),
            ["linear", from, to, over] => Schedule::linear(number(from)?, number(to)?, steps(over)?),
            ["cosine", from, to, over] => Schedule::cosine(number(from)?, number(to)?, steps(over)?),
            _ => return Err(wrong()),
        };
        let mut schedule = schedule.map_err(|error| error.to_string())?;
        let mut over = 0;
        if let Some(text) = warmup {
            over = steps(text)?;
            schedule = schedule.after_warmup(over).map_err(|error| error.to_string())?;
        }
        Ok(Strength { text: text.to_owned(), schedule, warmup: over })
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<f64> for Strength {
    fn from(value: f64) -> Self {
        value.to_string().parse().expect("a finite number is a strength")
    }
}

impl Strength {
    /// Its value at a step, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        self.schedule.value_at(step)
    }
}

impl Settings {
    /// Reads a TOML file; what it does not say is as by default.
    ///
    /// # Errors
    /// If it cannot be read, is no TOML, or has an unknown key (the nearest is named) or a value of the wrong kind.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text =
            std::fs::read_to_string(path).map_err(|error| Failure::error(format!("{shown}: {error}")))?;
        let wrong = |error: toml::de::Error| Failure::error(format!("{shown}: {}", with_line(&error, &text)));
        let table: toml::Table = toml::from_str(&text).map_err(wrong)?;
        let every = EVERY_KEY;
        for key in table.keys() {
            if !every.contains(&key.as_str()) {
                let text =
                    format!("{shown}: key {} is not known; {}", key.escape_debug(), nearest(key, every));
                return Err(Failure::Error(text));
            }
        }
        let settings: Settings = toml::from_str(&text).map_err(wrong)?;
        settings.check().map_err(|failure| failure.of(&shown.to_string()))?;
        Ok(settings)
    }

    /// As it is written into the folder of a run.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are plain values")
    }

    /// Refuses what cannot be trained.
    ///
    /// # Errors
    /// The first setting that is not legal, with its value and what was expected.
    pub fn check(&self) -> Result {
        let good = |holds: bool, what: &str, value: &dyn fmt::Display, expected: &str| {
            if holds {
                Ok(())
            } else {
                Err(Failure::Error(format!("{what} is {value}; expected {expected}")))
            }
        };
        let share = "a number from 0 to 1, without 1";
        good((0.0..1.0).contains(&self.validation), "validation", &self.validation, share)?;
        good((0.0..1.0).contains(&self.test), "test", &self.test, share)?;
        good((0.0..1.0).contains(&self.dropout), "dropout", &self.dropout, share)?;
        good((0.0..1.0).contains(&self.momentum), "momentum", &self.momentum, share)?;
        let above = |value: f64| value > 0.0 && value.is_finite();
        good(above(self.learning_rate), "learning_rate", &self.learning_rate, "a number above 0")?;
        let decay = self.weight_decay;
        good(decay >= 0.0 && decay.is_finite(), "weight_decay", &decay, "a number, 0 or above")?;
        let classes = self.classes.unwrap_or(2);
        // What no memory holds is refused here, not by the allocator.
        good((2..=1 << 16).contains(&classes), "classes", &classes, "a number from 2 to 65536")?;
        good((1..=1 << 14).contains(&self.width), "width", &self.width, "a number from 1 to 16384")?;
        good(self.depth <= 1000, "depth", &self.depth, "at most 1000")?;
        good(self.batch_size > 0, "batch_size", &self.batch_size, "at least 1")?;
        good(self.epochs > 0, "epochs", &self.epochs, "at least 1")?;
        good(self.every > 0, "every", &self.every, "at least 1")?;
        let Some(entry) = loss::named(&self.loss) else {
            let names: Vec<&str> = loss::LOSSES.iter().map(|entry| entry.name).collect();
            let text = format!("loss {} is not known; {}", self.loss, nearest(&self.loss, &names));
            return Err(Failure::Error(text));
        };
        let known: Vec<&str> = entry.parameters.iter().map(|parameter| parameter.name).collect();
        for name in self.parameters.keys() {
            if !known.contains(&name.as_str()) {
                let text =
                    format!("parameter {name} of {} is not known; {}", self.loss, nearest(name, &known));
                return Err(Failure::Error(text));
            }
        }
        good(
            entry.teacher == self.teacher.is_some(),
            "teacher",
            &self.teacher.as_ref().map_or("missing".into(), |path| path.display().to_string()),
            if entry.teacher { "the folder of a run that teaches" } else { "none: the loss has no teacher" },
        )?;
        // Schedules go one way after the warm-up: a parameter that is legal at both ends is so between them.
        let turns = self.parameters.values().map(|strength| strength.warmup);
        for step in [0, u64::MAX].into_iter().chain(turns) {
            self.criterion(step)?;
        }
        Ok(())
    }

    /// The loss at a step.
    pub(crate) fn criterion(&self, step: u64) -> Result<Box<dyn Criterion>> {
        let entry = loss::named(&self.loss).expect("the loss was checked");
        let mut parameters = Parameters::new();
        for (name, strength) in &self.parameters {
            parameters = parameters.with(name, Parameter::Number(strength.at(step)));
        }
        Ok((entry.build)(&parameters)?)
    }

    /// A parameter of the loss at a step.
    pub fn parameter(&self, name: &str, step: u64) -> f64 {
        let default = || {
            let entry = loss::named(&self.loss).into_iter().flat_map(|entry| entry.parameters);
            entry.filter(|parameter| parameter.name == name).map(|parameter| parameter.default).next()
        };
        self.parameters.get(name).map(|strength| strength.at(step)).or_else(default).unwrap_or(f64::NAN)
    }
}

/// The keys of a file.
const EVERY_KEY: &[&str] = &[
    "data",
    "labels_name",
    "validation",
    "test",
    "split_seed",
    "standardize",
    "classes",
    "held_out_classes",
    "rows",
    "model",
    "width",
    "depth",
    "dropout",
    "loss",
    "parameters",
    "teacher",
    "optimizer",
    "learning_rate",
    "momentum",
    "weight_decay",
    "schedule",
    "warmup",
    "epochs",
    "batch_size",
    "seed",
    "every",
];

/// Which of the names was probably meant.
pub(crate) fn nearest(name: &str, names: &[&str]) -> String {
    let best =
        names.iter().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    match best {
        Some(best) if strsim::jaro_winkler(name, best) > 0.7 => format!("did you mean {best}?"),
        _ => format!("expected one of {}", names.join(", ")),
    }
}

/// A text of several lines on one.
pub(crate) fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// What is wrong with a file, on one line, and on which line of it.
pub(crate) fn with_line(error: &toml::de::Error, text: &str) -> String {
    let message = one_line(error.message());
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", 1 + before.matches('\n').count()),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_a_setting() {
        let full = Settings {
            labels_name: Some("species".into()),
            standardize: Some(true),
            classes: Some(3),
            held_out_classes: vec![1],
            rows: Some(5),
            parameters: [("alpha".to_owned(), Strength::from(0.5))].into(),
            teacher: Some("run".into()),
            ..Settings::default()
        };
        let table: toml::Table = toml::from_str(&full.to_toml()).unwrap();
        let mut keys: Vec<&str> = table.keys().map(String::as_str).collect();
        let mut known = EVERY_KEY.to_vec();
        keys.sort();
        known.sort();
        assert_eq!(keys, known);
        assert_eq!(toml::from_str::<Settings>(&full.to_toml()).unwrap(), full);
    }

    #[test]
    fn bad_settings_are_named() {
        let text = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("run.toml");
            std::fs::write(&path, text).unwrap();
            let Err(Failure::Error(message)) = Settings::read(&path) else { panic!("it was read") };
            message.replace(&folder.path().display().to_string(), "")
        };
        assert_eq!(text("epoch = 3"), "/run.toml: key epoch is not known; did you mean epochs?");
        assert_eq!(
            text("dropout = 1.0"),
            "/run.toml: dropout is 1; expected a number from 0 to 1, without 1"
        );
        assert_eq!(text("loss = \"focale\""), "/run.toml: loss focale is not known; did you mean focal?");
        assert_eq!(
            text("[parameters]\nlabel_smooting = 0.1"),
            "/run.toml: parameter label_smooting of cross_entropy is not known; did you mean label_smoothing?"
        );
        assert_eq!(
            text("[parameters]\nlabel_smoothing = 1.5"),
            "/run.toml: epsilon is 1.5; expected a number from 0 to 1"
        );
        assert_eq!(
            text("loss = \"distillation\""),
            "/run.toml: teacher is missing; expected the folder of a run that teaches"
        );
        assert!(
            text("model = \"transformer\"")
                .starts_with("/run.toml: line 1: unknown variant `transformer`, expected one")
        );
        assert_eq!(
            text("seed = 1\n\nepochs = \"x\""),
            "/run.toml: line 3: invalid type: string \"x\", expected u64"
        );
        assert_eq!(text("seed = 1\nseed = 2"), "/run.toml: line 2: duplicate key");
        assert_eq!(
            text("[parameters]\nlabel_smoothing = [1]"),
            "/run.toml: line 2: expected a number or a schedule such as \"linear:0:0.5:1000\""
        );
        assert_eq!(
            text("width = 100000000"),
            "/run.toml: width is 100000000; expected a number from 1 to 16384"
        );
    }
}
