//! Environments, step for step those of Gymnasium.

use temperance::Result;

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
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action<'a> {
    /// A number of a discrete space.
    Discrete(usize),
    /// A vector of a box.
    Continuous(&'a [f32]),
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
    fn reset(&mut self, seed: Option<u64>, observation: &mut [f32]);
    /// Does something and writes the observation after it.
    ///
    /// # Errors
    /// The action is not one of the action space.
    fn step(&mut self, action: Action<'_>, observation: &mut [f32]) -> Result<Step>;
    /// Everything that decides what comes next, generator included.
    fn save(&self) -> Vec<u64>;
    /// Goes back to what [`Environment::save`] gave.
    ///
    /// # Errors
    /// The state is not one of this environment.
    fn restore(&mut self, state: &[u64]) -> Result<()>;
}
