//! A pendulum that is heavier, longer or under another gravity than the one that a policy was trained on.

use serde::Serialize;
use temperance::Result;
use temperance::fold::Observer;

use super::{Work, mean_return, parameters, plan};
use crate::environment::pendulum::ENTRY;
use crate::jobs::side_by_side;
use crate::{Mode, Settings};

/// What is tried: SAC on Pendulum-v1 for every α and seed, and the last policies where one parameter differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// Fixed temperatures; none is a learned one, for an entropy of -1.
    pub alphas: Vec<Option<f64>>,
    /// Changes of gravity, mass and length, one at a time, as parts of their values.
    pub changes: Vec<f64>,
    /// Seeds, from 0 on.
    pub seeds: u64,
    /// Steps of a run.
    pub steps: u64,
    /// Evaluation episodes of each policy, mode and change; the same first states for all.
    pub episodes: u64,
}

/// The parameters that change, and their values in training.
pub const PARAMETERS: [(&str, f64); 3] = [("gravity", 10.0), ("mass", 1.0), ("length", 1.0)];

/// Mean returns under a change, one for each seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Returns {
    /// Which parameter has changed.
    pub parameter: &'static str,
    /// By which part of it.
    pub change: f64,
    /// With actions drawn from the policy.
    pub stochastic: Vec<f64>,
    /// With the middle of the policy.
    pub deterministic: Vec<f64>,
}

/// The policies of an α.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policies {
    /// α; none if it was learned.
    pub alpha: Option<f64>,
    /// α at the end of training, one for each seed.
    pub last_alphas: Vec<f64>,
    /// In the order of [`PARAMETERS`], each in the order of the changes.
    pub returns: Vec<Returns>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// What was tried.
    pub setup: Setup,
    /// In the order of the α.
    pub policies: Vec<Policies>,
}

impl Default for Setup {
    /// 10 seeds of 8 000 steps, changes from -50 % to 50 % by 12.5 %.
    fn default() -> Self {
        Setup {
            alphas: vec![Some(0.0), Some(0.02), Some(0.2), None],
            changes: (-4..=4).map(|step| f64::from(step) / 8.0).collect(),
            seeds: 10,
            steps: 8000,
            episodes: 20,
        }
    }
}

impl Setup {
    /// 2 seeds of 5 000 steps, changes of ±50 %.
    pub fn quick() -> Self {
        Setup { changes: vec![-0.5, 0.0, 0.5], seeds: 2, steps: 5000, episodes: 5, ..Setup::default() }
    }

    /// Does it.
    ///
    /// # Errors
    /// An α is negative or not finite, a change is -1 or below, or learning diverges; the observer breaks.
    pub fn run(&self, observer: &dyn Observer) -> Result<Findings> {
        let jobs: Vec<(Option<f64>, u64)> =
            self.alphas.iter().flat_map(|&alpha| (0..self.seeds).map(move |seed| (alpha, seed))).collect();
        let work = Work::new("pendulum", jobs.len() as u64 * self.steps, observer);
        let runs = side_by_side(&jobs, |&(alpha, seed)| self.one(alpha, seed, &work))?;
        let changes: Vec<(&'static str, f64)> = PARAMETERS
            .iter()
            .flat_map(|&(parameter, _)| self.changes.iter().map(move |&change| (parameter, change)))
            .collect();
        let policies = self.alphas.iter().zip(runs.chunks(self.seeds as usize)).map(|(&alpha, runs)| {
            let returns = changes.iter().enumerate().map(|(at, &(parameter, change))| Returns {
                parameter,
                change,
                stochastic: runs.iter().map(|run| run.returns[at][0]).collect(),
                deterministic: runs.iter().map(|run| run.returns[at][1]).collect(),
            });
            let last_alphas = runs.iter().map(|run| run.alpha).collect();
            Policies { alpha, last_alphas, returns: returns.collect() }
        });
        Ok(Findings { setup: self.clone(), policies: policies.collect() })
    }

    fn one(&self, alpha: Option<f64>, seed: u64, work: &Work<'_>) -> Result<Run> {
        let settings = Settings { alpha, ..Settings::small() };
        let training = work.train(plan(ENTRY.name, settings, seed, self.steps), 250, |_| ())?;
        let mut returns = Vec::new();
        for (name, value) in PARAMETERS {
            for change in &self.changes {
                let changed = parameters(&[(name, value * (1.0 + change))]);
                let mean = |mode| mean_return(&training, self.episodes, mode, Some(&changed));
                returns.push([mean(Mode::Stochastic)?, mean(Mode::Deterministic)?]);
            }
        }
        Ok(Run { alpha: training.agent().alpha(), returns })
    }
}

struct Run {
    alpha: f64,
    /// Drawn and middle, for every change.
    returns: Vec<[f64; 2]>,
}
