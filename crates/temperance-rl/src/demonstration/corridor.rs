//! A corridor with a small reward nearby and a large one far away: entropy keeps a policy from settling too
//! early, and keeps it from settling at all if there is too much of it.

use rand::RngExt;
use serde::Serialize;
use temperance::fold::Observer;
use temperance::policy::{FiniteMdp, TabularSac};
use temperance::{Parameters, Result};

use super::{Work, process};
use crate::environment::corridor::ENTRY;
use crate::jobs::side_by_side;
use crate::random::{Stream, stream};

/// What is tried: tabular discrete SAC in the corridor, for every α₀, constant and annealed, and every seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// The first temperatures α₀.
    pub alphas: Vec<f64>,
    /// Seeds, from 0 on; the same random numbers for every α₀.
    pub seeds: u64,
    /// Episodes of a run.
    pub episodes: u64,
    /// γ.
    pub discount: f64,
}

/// How many runs end where, by the most probable actions from the start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ends {
    /// α₀.
    pub alpha: f64,
    /// Whether α falls: α₀·max(0, 1 - 1.25·episode/episodes).
    pub annealed: bool,
    /// At the large reward.
    pub large: u64,
    /// At the small one.
    pub small: u64,
    /// At neither, within 60 steps.
    pub nowhere: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// What was tried.
    pub setup: Setup,
    /// Constant α first, then annealed, each in the order of the α₀.
    pub ends: Vec<Ends>,
    /// R·(1 - γ)/ln |A|, R the large reward: above it a life of pure entropy, α·ln |A|/(1 - γ), is worth
    /// more.
    pub entropy_trap: f64,
    /// The largest α at which the most probable actions of the exact optimum still lead to the large reward.
    pub predicted_limit: f64,
}

/// Steps of an episode, as in the environment.
const STEPS: u64 = 60;
const ACTOR_RATE: f64 = 0.5;
const CRITIC_RATE: f64 = 0.2;

impl Default for Setup {
    /// Seven α₀, 200 seeds.
    fn default() -> Self {
        Setup { alphas: vec![0.0, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0], seeds: 200, episodes: 600, discount: 0.97 }
    }
}

impl Setup {
    /// 40 seeds.
    pub fn quick() -> Self {
        Setup { seeds: 40, ..Setup::default() }
    }

    /// Does it.
    ///
    /// # Errors
    /// An α₀ is negative or not finite, or γ is not from 0 to below 1; the observer breaks.
    pub fn run(&self, observer: &dyn Observer) -> Result<Findings> {
        let (mdp, start) = process(ENTRY.name, &Parameters::new(), self.discount)?;
        let cells: Vec<(bool, f64)> = [false, true]
            .into_iter()
            .flat_map(|annealed| self.alphas.iter().map(move |&alpha| (annealed, alpha)))
            .collect();
        let work = Work::new("corridor", cells.len() as u64 * self.seeds, observer);
        let ends = side_by_side(&cells, |&(annealed, alpha)| {
            let mut ends = Ends { alpha, annealed, large: 0, small: 0, nowhere: 0 };
            for seed in 0..self.seeds {
                match self.train(&mdp, start, alpha, annealed, seed)? {
                    0 => ends.small += 1,
                    end if end == mdp.states() - 1 => ends.large += 1,
                    _ => ends.nowhere += 1,
                }
                work.add(1)?;
            }
            Ok(ends)
        })?;
        let largest = mdp.rewards().iter().copied().fold(0.0, f64::max);
        let entropy_trap = largest * (1.0 - self.discount) / (mdp.actions() as f64).ln();
        let predicted_limit = predicted_limit(&mdp, start, entropy_trap)?;
        Ok(Findings { setup: self.clone(), ends, entropy_trap, predicted_limit })
    }

    /// Where the most probable actions lead after a run.
    fn train(&self, mdp: &FiniteMdp, start: usize, alpha: f64, annealed: bool, seed: u64) -> Result<usize> {
        let settings = TabularSac {
            episodes: self.episodes,
            steps: STEPS,
            actor_rate: ACTOR_RATE,
            critic_rate: CRITIC_RATE,
        };
        let mut rng = stream(seed, Stream::Action, 0);
        let schedule = |episode| {
            let left = 1.0 - 1.25 * episode as f64 / self.episodes as f64;
            alpha * if annealed { f64::max(0.0, left) } else { 1.0 }
        };
        let learned = settings.train(mdp, start, schedule, || rng.random())?;
        Ok(walk(mdp, start, |state| learned.greedy(state)))
    }
}

/// The state that these actions end in, or are in after all steps. Every action leads to one state.
fn walk(mdp: &FiniteMdp, start: usize, action: impl Fn(usize) -> usize) -> usize {
    let mut state = start;
    for _ in 0..STEPS {
        if mdp.is_terminal(state) {
            break;
        }
        state = mdp.successors(state, action(state))[0].0;
    }
    state
}

/// By halving of an interval around the entropy trap, on a logarithmic scale.
fn predicted_limit(mdp: &FiniteMdp, start: usize, entropy_trap: f64) -> Result<f64> {
    let (mut low, mut high) = (entropy_trap / 100.0, entropy_trap * 100.0);
    while high / low > 1.0 + 1e-6 {
        let alpha = (low * high).sqrt();
        let optimum = mdp.soft_policy_iteration(alpha, 1e-9 * alpha.max(1.0) / (1.0 - mdp.discount()))?;
        let action = |state: usize| usize::from(optimum.policy[2 * state] < optimum.policy[2 * state + 1]);
        let arrives = walk(mdp, start, action) == mdp.states() - 1;
        *if arrives { &mut low } else { &mut high } = alpha;
    }
    Ok(low)
}
