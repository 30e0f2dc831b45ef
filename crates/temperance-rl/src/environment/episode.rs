//! The episode around a task: its generator, its time limit, and what is checked of every action.

use temperance::{Error, ErrorKind, Result};

use super::{Action, Entry, Environment, Space, Step, Table};
use crate::generator::Generator;

/// What is particular to a task whose state is N numbers.
pub(super) trait Task<const N: usize>: Send {
    /// A state to begin with.
    fn start(&self, generator: &mut Generator) -> [f64; N];

    /// Goes on to the next state; gives the reward and whether the task has ended. The action is one of the
    /// action space.
    fn advance(&self, state: &mut [f64; N], action: Action<'_>, generator: &mut Generator) -> (f64, bool);

    /// Writes what a state shows.
    fn observe(&self, state: &[f64; N], observation: &mut [f32]);

    /// Whether the numbers are a state.
    fn admits(&self, state: &[f64; N]) -> bool {
        state.iter().all(|number| number.is_finite())
    }

    /// The task as a table, if it is one.
    fn table(&self) -> Option<Table> {
        None
    }
}

/// A task and where it stands. A new one stands as after `reset(Some(0))`.
pub(super) struct Episode<T, const N: usize> {
    entry: &'static Entry,
    observations: Space,
    actions: Space,
    /// Steps after which an episode is cut off.
    limit: u64,
    task: T,
    generator: Generator,
    state: [f64; N],
    elapsed: u64,
    over: bool,
}

impl<T: Task<N>, const N: usize> Episode<T, N> {
    pub(super) fn new(
        entry: &'static Entry,
        observations: Space,
        actions: Space,
        limit: u64,
        task: T,
    ) -> Box<Self> {
        let mut generator = Generator::seeded(0);
        let state = task.start(&mut generator);
        Box::new(Episode {
            entry,
            observations,
            actions,
            limit,
            task,
            generator,
            state,
            elapsed: 0,
            over: false,
        })
    }

    fn check(&self, action: Action<'_>) -> Result<()> {
        let name = self.entry.name;
        match (&self.actions, action) {
            (Space::Discrete(number), Action::Discrete(action)) if action < *number => Ok(()),
            (Space::Box { low, high }, Action::Continuous(action)) if action.len() == low.len() => {
                let inside = |entry: usize| (low[entry]..=high[entry]).contains(&action[entry]);
                match (0..action.len()).find(|&entry| !inside(entry)) {
                    None => Ok(()),
                    Some(entry) => Err(Error::new(
                        ErrorKind::Value,
                        format!("entry {entry} of the action of {name}"),
                        action[entry],
                        format!("a number from {} to {}", low[entry], high[entry]),
                    )),
                }
            }
            (space, action) => {
                let value = match action {
                    Action::Discrete(number) => number.to_string(),
                    Action::Continuous(vector) => format!("a vector of {}", vector.len()),
                };
                let expected = match space {
                    Space::Discrete(number) => format!("a whole number from 0 to {}", number - 1),
                    Space::Box { low, .. } => format!("a vector of {}", low.len()),
                };
                Err(Error::new(ErrorKind::Value, format!("action of {name}"), value, expected))
            }
        }
    }
}

impl<T: Task<N>, const N: usize> Environment for Episode<T, N> {
    fn name(&self) -> &'static str {
        self.entry.name
    }

    fn observation_space(&self) -> &Space {
        &self.observations
    }

    fn action_space(&self) -> &Space {
        &self.actions
    }

    fn reset(&mut self, seed: Option<u64>, observation: &mut [f32]) {
        if let Some(seed) = seed {
            self.generator = Generator::seeded(seed);
        }
        self.state = self.task.start(&mut self.generator);
        (self.elapsed, self.over) = (0, false);
        self.task.observe(&self.state, observation);
    }

    fn step(&mut self, action: Action<'_>, observation: &mut [f32]) -> Result<Step> {
        self.check(action)?;
        if self.over {
            let what = format!("step of {}", self.entry.name);
            return Err(Error::new(ErrorKind::Value, what, "after the end of its episode", "a reset first"));
        }
        let (reward, terminated) = self.task.advance(&mut self.state, action, &mut self.generator);
        self.elapsed += 1;
        let truncated = self.elapsed >= self.limit;
        self.over = terminated || truncated;
        self.task.observe(&self.state, observation);
        Ok(Step { reward, terminated, truncated })
    }

    fn time_limit(&self) -> Option<u64> {
        // Infinity was made the largest number.
        (self.limit < u64::MAX).then_some(self.limit)
    }

    fn save(&self) -> Vec<u64> {
        let episode = [self.elapsed, u64::from(self.over)];
        let numbers = self.state.iter().map(|number| number.to_bits());
        self.generator.save().into_iter().chain(episode).chain(numbers).collect()
    }

    fn restore(&mut self, state: &[u64]) -> Result<()> {
        let wrong = |value: String, expected: String| {
            Error::new(ErrorKind::Value, format!("state of {}", self.entry.name), value, expected)
        };
        let length = || wrong(format!("{} words", state.len()), format!("{} words", 6 + N));
        let &[a, b, c, d, elapsed, over, ref numbers @ ..] = state else { return Err(length()) };
        let numbers = <[u64; N]>::try_from(numbers).map_err(|_| length())?.map(f64::from_bits);
        let in_time = match over {
            0 => elapsed < self.limit,
            1 => elapsed <= self.limit,
            _ => false,
        };
        if !(in_time && self.task.admits(&numbers)) {
            let value = format!("{numbers:?} after {elapsed} steps, over {over}");
            return Err(wrong(value, "one that it saved".to_owned()));
        }
        self.generator = Generator::restored([a, b, c, d])?;
        (self.state, self.elapsed, self.over) = (numbers, elapsed, over == 1);
        Ok(())
    }

    fn table(&self) -> Option<Table> {
        self.task.table()
    }
}
