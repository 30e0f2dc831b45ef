//! A car that has to swing up a hill: actions of high entropy go nowhere, and nothing tells the car so.

use serde::Serialize;
use temperance::Result;
use temperance::fold::Observer;

use super::{Work, mean_return, plan};
use crate::environment::mountain_car_continuous::ENTRY;
use crate::jobs::side_by_side;
use crate::{Mode, Settings};

/// What is tried: SAC on MountainCarContinuous-v0 in every [`Way`] and with every seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// Seeds, from 0 on.
    pub seeds: u64,
    /// Steps of a run.
    pub steps: u64,
    /// Evaluation episodes.
    pub episodes: u64,
}

/// How the car is trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Way {
    /// Whether the settings are those that RL Zoo found for the task: γ = 0.9999, batches of 512, 32 updates
    /// after every 32 steps, no random steps at first, τ = 0.01; else defaults with small networks.
    pub tuned: bool,
    /// Whether exploration is state-dependent (gSDE).
    pub sde: bool,
    /// A fixed α; none if it is learned, for an entropy of -1.
    pub alpha: Option<f64>,
}

/// The ways, from the defaults to what is known to work.
pub const WAYS: [Way; 5] = [
    Way { tuned: false, sde: false, alpha: None },
    Way { tuned: true, sde: false, alpha: None },
    Way { tuned: true, sde: false, alpha: Some(0.1) },
    Way { tuned: true, sde: true, alpha: None },
    Way { tuned: true, sde: true, alpha: Some(0.1) },
];

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Steps until the goal was reached for the first time; none if it never was.
    pub first_goal: Option<u64>,
    /// Training episodes that ended at the goal.
    pub goals: u64,
    /// All training episodes.
    pub trials: u64,
    /// Steps done, and the mean return of the training episodes that ended since the moment before.
    pub course: Vec<(u64, f64)>,
    /// The mean return of the last policy without noise. At the goal it is near 95; a car at rest has 0.
    pub last_return: f64,
}

/// The runs of a way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Runs {
    /// The way.
    pub way: Way,
    /// One for each seed.
    pub runs: Vec<Run>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// What was tried.
    pub setup: Setup,
    /// In the order of [`WAYS`].
    pub ways: Vec<Runs>,
}

/// An episode is cut off after so many steps.
const EPISODE: u64 = 999;

impl Default for Setup {
    /// 3 seeds of 50 000 steps.
    fn default() -> Self {
        Setup { seeds: 3, steps: 50_000, episodes: 10 }
    }
}

impl Setup {
    /// One seed of 5 000 steps.
    pub fn quick() -> Self {
        Setup { seeds: 1, steps: 5_000, episodes: 5 }
    }

    /// Does it.
    ///
    /// # Errors
    /// Learning diverges; the observer breaks.
    pub fn run(&self, observer: &dyn Observer) -> Result<Findings> {
        let jobs: Vec<(Way, u64)> =
            WAYS.iter().flat_map(|&way| (0..self.seeds).map(move |seed| (way, seed))).collect();
        let work = Work::new("mountain car", jobs.len() as u64 * self.steps, observer);
        let mut runs = side_by_side(&jobs, |&(way, seed)| self.one(way, seed, &work))?.into_iter();
        let ways = WAYS.map(|way| Runs { way, runs: runs.by_ref().take(self.seeds as usize).collect() });
        Ok(Findings { setup: self.clone(), ways: ways.into() })
    }

    fn one(&self, way: Way, seed: u64, work: &Work<'_>) -> Result<Run> {
        let plan = plan(ENTRY.name, way.settings(), seed, self.steps);
        let mut run =
            Run { first_goal: None, goals: 0, trials: 0, course: Vec::new(), last_return: f64::NAN };
        let mut ended = 0;
        let training = work.train(plan, EPISODE.min(self.steps), |training| {
            let seen = training.take_seen();
            run.course.push((training.steps(), seen.mean_return()));
            for episode in seen.episodes {
                ended += episode.length;
                run.trials += 1;
                if episode.terminated {
                    run.goals += 1;
                    run.first_goal.get_or_insert(ended);
                }
            }
        })?;
        run.last_return = mean_return(&training, self.episodes, Mode::Deterministic, None)?;
        Ok(run)
    }
}

impl Way {
    /// The settings of an agent.
    pub fn settings(self) -> Settings {
        let Way { tuned, sde, alpha } = self;
        if !tuned {
            let rate = Settings::default().actor_learning_rate;
            return Settings {
                sde,
                alpha,
                actor_learning_rate: rate,
                critic_learning_rate: rate,
                temperature_learning_rate: rate,
                ..Settings::small()
            };
        }
        Settings {
            hidden: vec![64, 64],
            discount: 0.9999,
            polyak: 0.01,
            batch_size: 512,
            buffer_size: 50_000,
            learning_starts: 0,
            train_every: 32,
            gradient_steps: 32,
            sde,
            sde_log_std: -3.67,
            alpha,
            ..Settings::default()
        }
    }
}
