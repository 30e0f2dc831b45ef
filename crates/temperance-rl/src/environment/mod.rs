//! Environments: those of Gymnasium, step for step, and some that show one thing each.
//!
//! [`ENVIRONMENTS`] lists them by name, [`make`] makes one. With its default parameters an environment with a name
//! of Gymnasium does what Gymnasium 1.4 under NumPy 2 does: `reset(Some(seed))` draws the same first state bit for
//! bit; a step gives the same flags, the same reward (within 1e-9 in Pendulum-v1) and the same next state but for
//! the last digits of sines, cosines and powers. The time limit is part of the environment and told as `truncated`,
//! apart from `terminated`; both may be true.
//!
//! A new environment stands as after `reset(Some(0))`. `reset(None)` goes on with the generator as it is.
//!
//! ```
//! use temperance::Parameters;
//! use temperance_rl::environment::{Action, make};
//!
//! let mut environment = make("CartPole-v1", &Parameters::new())?;
//! let mut observation = [0.0; 4];
//! environment.reset(Some(42), &mut observation);
//! assert_eq!(observation, [0.027395604, -0.006112156, 0.035859793, 0.019736802]);
//! let step = environment.step(Action::Discrete(1), &mut observation)?;
//! assert_eq!((step.reward, step.terminated, step.truncated), (1.0, false, false));
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Source: Towers et al. 2024, "Gymnasium: A Standard Interface for Reinforcement Learning Environments".

pub mod acrobot;
pub mod cart_pole;
pub mod cliff_walking;
pub mod corridor;
mod episode;
pub mod frozen_lake;
mod grid;
pub mod linear_quadratic;
pub mod mountain_car;
pub mod mountain_car_continuous;
pub mod multi_goal;
pub mod obstacle_grid;
pub mod pendulum;
mod table;

pub use table::Table;
use temperance::calibrate::ParameterEntry;
use temperance::{Error, ErrorKind, Parameters, Result};

/// What observations or actions may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Space {
    /// Whole numbers from 0 on, this many. As an observation: one entry for each, 1 at the number and 0 elsewhere.
    Discrete(usize),
    /// Vectors between two bounds, entry by entry.
    Box {
        /// The lower bounds.
        low: Vec<f32>,
        /// The upper bounds.
        high: Vec<f32>,
    },
}

impl Space {
    /// Entries of a vector of the space: of a discrete one, as many as it has numbers.
    pub fn len(&self) -> usize {
        match self {
            Space::Discrete(number) => *number,
            Space::Box { low, .. } => low.len(),
        }
    }

    /// Whether the space has no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A box from the negative of a vector to the vector, rounded to `f32`.
    fn symmetric(high: &[f64]) -> Self {
        let high: Vec<f32> = high.iter().map(|&bound| bound as f32).collect();
        Space::Box { low: high.iter().map(|bound| -bound).collect(), high }
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action<'a> {
    /// A number of a discrete space.
    Discrete(usize),
    /// A vector of a box.
    Continuous(&'a [f32]),
}

impl<'a> Action<'a> {
    /// The number of an action that was checked against a discrete space.
    fn number(self) -> usize {
        match self {
            Action::Discrete(number) => number,
            Action::Continuous(_) => unreachable!("the action was checked"),
        }
    }

    /// The vector of an action that was checked against a box.
    fn vector(self) -> &'a [f32] {
        match self {
            Action::Continuous(vector) => vector,
            Action::Discrete(_) => unreachable!("the action was checked"),
        }
    }
}

/// What a step gave, besides the observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The reward.
    pub reward: f64,
    /// Whether the task has ended: nothing comes after, so nothing is worth anything.
    pub terminated: bool,
    /// Whether the episode was cut off by its time limit: something would have come after.
    pub truncated: bool,
}

/// A task: where actions lead, and what they earn.
pub trait Environment: Send {
    /// Its name in the registry.
    fn name(&self) -> &'static str;
    /// What it shows.
    fn observation_space(&self) -> &Space;
    /// What it takes.
    fn action_space(&self) -> &Space;
    /// Starts an episode, from a fresh generator if a seed is given, and writes the first observation.
    ///
    /// # Panics
    /// If `observation` has another length than the observation space.
    fn reset(&mut self, seed: Option<u64>, observation: &mut [f32]);
    /// Does something and writes the observation after it.
    ///
    /// # Errors
    /// The action is not one of the action space, or the episode has ended and no other was started.
    ///
    /// # Panics
    /// If `observation` has another length than the observation space.
    fn step(&mut self, action: Action<'_>, observation: &mut [f32]) -> Result<Step>;
    /// Everything that decides what comes next, generator included.
    fn save(&self) -> Vec<u64>;
    /// Goes back to what [`Environment::save`] gave.
    ///
    /// # Errors
    /// The state is not one of this environment.
    fn restore(&mut self, state: &[u64]) -> Result<()>;
    /// The steps after which it cuts an episode off, if it does.
    fn time_limit(&self) -> Option<u64> {
        None
    }
    /// Its expected rewards and its probabilities, if it has finitely many states.
    fn table(&self) -> Option<Table> {
        None
    }
}

/// One environment: everything that the rest of the house needs to know of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name, as in files and on the command line; that of Gymnasium, if it is one of Gymnasium.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub summary: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// What it can be built with.
    pub parameters: &'static [ParameterEntry],
    /// Makes it; [`make`] checks the names of the parameters before.
    pub build: fn(&Parameters) -> Result<Box<dyn Environment>>,
}

impl Entry {
    /// A parameter as given, or its default, if it is `good`.
    fn number(
        &self,
        entry: &ParameterEntry,
        parameters: &Parameters,
        good: impl Fn(f64) -> bool,
    ) -> Result<f64> {
        let value = parameters.number_or(entry)?;
        if good(value) {
            Ok(value)
        } else {
            let what = format!("{} of {}", entry.name, self.name);
            Err(Error::new(ErrorKind::Parameter, what, value, entry.domain))
        }
    }

    /// A parameter that is finite, 0 or above.
    fn not_negative(&self, entry: &ParameterEntry, parameters: &Parameters) -> Result<f64> {
        self.number(entry, parameters, |value| value >= 0.0 && value.is_finite())
    }

    /// A parameter that is 0 or 1.
    fn switch(&self, entry: &ParameterEntry, parameters: &Parameters) -> Result<bool> {
        Ok(self.number(entry, parameters, |value| value == 0.0 || value == 1.0)? == 1.0)
    }

    /// A time limit in steps.
    fn limit(&self, entry: &ParameterEntry, parameters: &Parameters) -> Result<u64> {
        let whole = |value: f64| value >= 1.0 && value.fract() == 0.0;
        let limit = self.number(entry, parameters, |value| whole(value) || value == f64::INFINITY)?;
        // Infinity becomes the largest number.
        Ok(limit as u64)
    }
}

/// The time limit, with the value it has if none is given.
const fn max_episode_steps(default: f64) -> ParameterEntry {
    ParameterEntry { name: "max_episode_steps", domain: "a whole number from 1 on, or inf", default }
}

/// Every environment, in alphabetical order.
pub static ENVIRONMENTS: &[&Entry] = &[
    &acrobot::ENTRY,
    &cart_pole::ENTRY,
    &cliff_walking::ENTRY,
    &corridor::ENTRY,
    &frozen_lake::ENTRY,
    &frozen_lake::ENTRY_8X8,
    &linear_quadratic::ENTRY,
    &mountain_car::ENTRY,
    &mountain_car_continuous::ENTRY,
    &multi_goal::ENTRY,
    &obstacle_grid::ENTRY,
    &pendulum::ENTRY,
];

/// The environment of that name, with the parameters given and its own for the rest.
///
/// # Errors
/// If there is none of that name, naming the nearest, or a parameter is unknown or outside its domain.
pub fn make(name: &str, parameters: &Parameters) -> Result<Box<dyn Environment>> {
    let Some(entry) = ENVIRONMENTS.iter().find(|entry| entry.name == name) else {
        let likeness = |entry: &Entry| strsim::jaro_winkler(name, entry.name);
        let nearest = ENVIRONMENTS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.map_or("", |entry| entry.name);
        let expected = format!("the name of an environment; the nearest is {nearest}");
        return Err(Error::new(ErrorKind::Parameter, "environment", format!("{name:?}"), expected));
    };
    let known: Vec<&str> = entry.parameters.iter().map(|parameter| parameter.name).collect();
    parameters.only(&known)?;
    (entry.build)(parameters)
}
