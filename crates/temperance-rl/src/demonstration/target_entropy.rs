//! What a target entropy of discrete actions does to α, and what it leaves to the policy.

use serde::Serialize;
use temperance::Result;
use temperance::fold::Observer;
use temperance::policy::{CategoricalTarget, largest_probability};

use super::{Work, mean_return, plan};
use crate::environment::cart_pole::ENTRY;
use crate::jobs::side_by_side;
use crate::{Mode, Settings};

/// What is tried: discrete SAC on CartPole-v1, for every share of ln 2 as target and every seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// The shares of ln 2.
    pub scales: Vec<f64>,
    /// Seeds, from 0 on.
    pub seeds: u64,
    /// Steps of a run.
    pub steps: u64,
    /// Evaluation episodes.
    pub episodes: u64,
}

/// A moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Moment {
    /// Steps done.
    pub step: u64,
    /// α.
    pub alpha: f64,
    /// The mean entropy of the policy in nats since the moment before, over what it learned from.
    pub entropy: f64,
    /// The mean return of the episodes that ended since then; NaN if none did.
    pub train_return: f64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its course.
    pub moments: Vec<Moment>,
    /// The mean return of the last policy, with actions drawn from it.
    pub stochastic: f64,
    /// With its most probable actions.
    pub deterministic: f64,
}

/// A target and its runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    /// The share of ln 2.
    pub scale: f64,
    /// The target entropy in nats.
    pub entropy: f64,
    /// The largest probability that an action can have in a policy of that entropy.
    pub largest_probability: f64,
    /// One for each seed.
    pub runs: Vec<Run>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// What was tried.
    pub setup: Setup,
    /// In the order of the shares.
    pub targets: Vec<Target>,
}

/// Moments of a run.
const MOMENTS: u64 = 30;

impl Default for Setup {
    /// 10 seeds of 30 000 steps.
    fn default() -> Self {
        Setup { scales: vec![0.98, 0.89, 0.7, 0.5], seeds: 10, steps: 30_000, episodes: 20 }
    }
}

impl Setup {
    /// 2 seeds of 6 000 steps.
    pub fn quick() -> Self {
        Setup { seeds: 2, steps: 6_000, episodes: 5, ..Setup::default() }
    }

    /// Does it.
    ///
    /// # Errors
    /// A scale is not from 0 to 1, or learning diverges; the observer breaks.
    pub fn run(&self, observer: &dyn Observer) -> Result<Findings> {
        let jobs: Vec<(f64, u64)> =
            self.scales.iter().flat_map(|&scale| (0..self.seeds).map(move |seed| (scale, seed))).collect();
        let work = Work::new("target entropy", jobs.len() as u64 * self.steps, observer);
        let mut runs = side_by_side(&jobs, |&(scale, seed)| self.one(scale, seed, &work))?.into_iter();
        let target = |&scale: &f64| {
            let entropy = CategoricalTarget::Scaled(scale).nats(2)?;
            let largest_probability = largest_probability(entropy, 2)?;
            Ok(Target {
                scale,
                entropy,
                largest_probability,
                runs: runs.by_ref().take(self.seeds as usize).collect(),
            })
        };
        let targets = self.scales.iter().map(target).collect::<Result<_>>()?;
        Ok(Findings { setup: self.clone(), targets })
    }

    fn one(&self, scale: f64, seed: u64, work: &Work<'_>) -> Result<Run> {
        let settings = Settings { learning_starts: 1000, target_entropy_scale: scale, ..Settings::small() };
        let plan = plan(ENTRY.name, settings, seed, self.steps);
        let mut moments = Vec::new();
        let training = work.train(plan, self.steps / MOMENTS, |training| {
            let seen = training.take_seen();
            moments.push(Moment {
                step: training.steps(),
                alpha: training.agent().alpha(),
                entropy: seen.losses().entropy,
                train_return: seen.mean_return(),
            });
        })?;
        let mean = |mode| mean_return(&training, self.episodes, mode, None);
        Ok(Run { moments, stochastic: mean(Mode::Stochastic)?, deterministic: mean(Mode::Deterministic)? })
    }
}
