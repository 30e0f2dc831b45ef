//! What is to be trained: an environment, settings, seeds.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use temperance::{Parameter, Parameters};
use temperance_rl::{Plan, Settings, Training, preset};
use toml::{Table, Value};

use crate::args::SacTrainArguments;
use crate::failure::{Failure, Result};
use crate::settings::{nearest, one_line, with_line};

/// Everything that decides a run of training; the file in its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) environment: String,
    /// Steps of each seed.
    pub(crate) steps: u64,
    /// The first seed.
    pub(crate) seed: u64,
    /// How many seeds.
    pub(crate) seeds: u64,
    /// Steps from one measurement and checkpoint to the next.
    pub(crate) every: u64,
    /// Episodes of the evaluation in the end.
    pub(crate) episodes: u64,
    /// Of the environment.
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, f64>,
    /// Of the agent.
    pub(crate) settings: Settings,
}

impl Request {
    /// What arguments ask for: those of the folder that is resumed, or of the file, and the flags.
    pub(crate) fn of(arguments: &SacTrainArguments) -> Result<Self> {
        let own = arguments.output.join(super::run::REQUEST);
        let resumed = (arguments.manner.resume && own.exists()).then_some(&own);
        let file = arguments.config.as_ref().or(resumed);
        let table = file.map_or_else(|| Ok(Table::new()), |path| read(path))?;
        let request = Self::with_flags(table, arguments);
        request.map_err(|failure| match file {
            Some(path) => failure.of(&path.display().to_string()),
            None => failure,
        })
    }

    fn with_flags(mut table: Table, arguments: &SacTrainArguments) -> Result<Self> {
        if arguments.preset.is_some() && arguments.config.is_none() {
            // A run that is resumed wrote all of its settings down: they would hide what a preset starts from.
            table.remove("settings");
        }
        for (key, value) in [("environment", &arguments.environment), ("preset", &arguments.preset)] {
            if let Some(value) = value {
                table.insert(key.into(), Value::String(value.clone()));
            }
        }
        for (key, value) in [
            ("steps", arguments.steps),
            ("seed", arguments.seed),
            ("seeds", arguments.seeds),
            ("every", arguments.every),
            ("episodes", arguments.episodes),
        ] {
            if let Some(value) = value {
                let number = i64::try_from(value).map_err(|_| {
                    Failure::Error(format!("{key} is {value}; expected at most {}", i64::MAX))
                })?;
                table.insert(key.into(), Value::Integer(number));
            }
        }
        let parameters =
            arguments.parameters.iter().map(|(name, value)| (name.clone(), Value::Float(*value)));
        for (key, values) in [("settings", arguments.set.clone()), ("parameters", parameters.collect())] {
            let part = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(part) = part else {
                return Err(Failure::Error(one_line(&format!("{key} is {part}; expected a table"))));
            };
            part.extend(values);
        }
        Self::from_table(table)
    }

    /// Reads the file of a run.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Self::from_table(read(path)?).map_err(|failure| failure.of(&path.display().to_string()))
    }

    fn from_table(mut table: Table) -> Result<Self> {
        let preset = match table.remove("preset") {
            None => preset("sb3")?,
            Some(Value::String(name)) => preset(&name)?,
            Some(other) => return Err(Failure::Error(format!("preset is {other}; expected a name"))),
        };
        let mut settings = to_table(&(preset.settings)());
        let known = to_table(&full());
        if let Some(Value::Table(given)) = table.remove("settings") {
            for (key, value) in given {
                if !known.contains_key(&key) {
                    let names: Vec<&str> = known.keys().map(String::as_str).collect();
                    return Err(Failure::Error(format!(
                        "setting {} is not known; {}",
                        key.escape_debug(),
                        nearest(&key, &names)
                    )));
                }
                settings.insert(key.clone(), value.clone());
                if let Err(error) = settings.clone().try_into::<Settings>() {
                    let text = one_line(&format!("setting {key} is {value}: {}", error.message()));
                    return Err(Failure::Error(text));
                }
            }
        }
        let mut whole = to_table(&Request {
            environment: "Pendulum-v1".into(),
            steps: 20_000,
            seed: 0,
            seeds: 1,
            every: 0,
            episodes: 100,
            parameters: BTreeMap::new(),
            settings: Settings::default(),
        });
        for (key, value) in table {
            if !whole.contains_key(&key) {
                let names: Vec<&str> = whole.keys().map(String::as_str).chain(["preset"]).collect();
                let text = format!("key {} is not known; {}", key.escape_debug(), nearest(&key, &names));
                return Err(Failure::Error(text));
            }
            whole.insert(key.clone(), value.clone());
            if let Err(error) = whole.clone().try_into::<Request>() {
                let text = one_line(&format!("{key} is {value}: {}", error.message()));
                return Err(Failure::Error(text));
            }
        }
        whole.insert("settings".into(), Value::Table(settings));
        let mut request: Request = whole.try_into().expect("every key was tried");
        for (what, number) in
            [("steps", request.steps), ("seeds", request.seeds), ("episodes", request.episodes)]
        {
            if number == 0 {
                return Err(Failure::Error(format!("{what} is 0; expected at least 1")));
            }
        }
        if request.seeds > MOST_SEEDS
            || request.seed.checked_add(request.seeds).is_none_or(|end| end > i64::MAX as u64)
        {
            let text = format!("at most {MOST_SEEDS} seeds, up to {}", i64::MAX);
            let (seed, seeds) = (request.seed, request.seeds);
            return Err(Failure::Error(format!("{seeds} seeds from {seed} on; expected {text}")));
        }
        if request.every == 0 {
            request.every = (request.steps / 20).max(1);
        }
        // What cannot be trained is refused before anything is written.
        Training::new(request.plan(request.seed))?;
        Ok(request)
    }

    pub(crate) fn plan(&self, seed: u64) -> Plan {
        Plan {
            environment: self.environment.clone(),
            parameters: self.parameters(),
            settings: self.settings.clone(),
            seed,
            steps: self.steps,
        }
    }

    pub(crate) fn parameters(&self) -> Parameters {
        self.parameters
            .iter()
            .fold(Parameters::new(), |all, (name, &value)| all.with(name, Parameter::Number(value)))
    }

    pub(crate) fn all_seeds(&self) -> std::ops::Range<u64> {
        self.seed..self.seed + self.seeds
    }

    /// Steps that each seed makes: whole rounds of its environments.
    pub(crate) fn steps_made(&self) -> u64 {
        self.steps.next_multiple_of(self.settings.environments as u64)
    }

    pub(crate) fn to_toml(&self) -> String {
        toml::to_string(self).expect("a request is plain values")
    }
}

/// Seeds of a run: each has a folder.
const MOST_SEEDS: u64 = 10_000;

/// Settings in which every key has a value.
fn full() -> Settings {
    Settings {
        alpha: Some(0.0),
        target_entropy: Some(0.0),
        final_target_entropy_scale: Some(0.0),
        q_clip: Some(0.0),
        ..Settings::default()
    }
}

fn to_table(value: &impl Serialize) -> Table {
    Table::try_from(value).expect("plain values")
}

fn read(path: &Path) -> Result<Table> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Error(format!("{shown}: cannot be read: {error}")))?;
    toml::from_str(&text).map_err(|error| Failure::Error(format!("{shown}: {}", with_line(&error, &text))))
}
