//! An agent for whatever actions an environment takes.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use temperance::Result;

use crate::environment::{Action, Environment, Space};
use crate::network::Trace;
use crate::random::{Stream, stream};
use crate::replay::Batch;
use crate::sac::Losses;
use crate::settings::Settings;
use crate::{DiscreteSac, Sac};

/// SAC, of continuous or of discrete actions.
#[derive(Debug, Clone)]
pub enum Agent {
    /// Of continuous actions, between two bounds.
    Continuous {
        /// The agent; its actions go from -1 to 1.
        sac: Box<Sac<f32>>,
        /// The lower bounds.
        low: Vec<f32>,
        /// The upper bounds.
        high: Vec<f32>,
    },
    /// Of discrete actions.
    Discrete(Box<DiscreteSac<f32>>),
}

/// How an action is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Uniformly, whatever is seen.
    Random,
    /// Drawn from the policy.
    Stochastic,
    /// The middle of the policy, or its most probable action.
    Deterministic,
}

/// What is done, as it is kept and as the environment takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Entries from -1 to 1, or the number of a discrete action.
    pub kept: Vec<f32>,
    taken: Taken,
    /// The entropy of a discrete policy in nats; 0 of others.
    pub entropy: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Taken {
    Discrete(usize),
    Continuous(Vec<f32>),
}

impl Choice {
    /// The action for the environment.
    pub fn action(&self) -> Action<'_> {
        match &self.taken {
            Taken::Discrete(number) => Action::Discrete(*number),
            Taken::Continuous(vector) => Action::Continuous(vector),
        }
    }
}

impl Agent {
    /// An agent for an environment, with the weights of a seed.
    ///
    /// # Errors
    /// A setting lies outside its domain, or the target entropy cannot be reached.
    pub fn new(settings: &Settings, environment: &dyn Environment, seed: u64) -> Result<Self> {
        let mut rng = stream(seed, Stream::Weights, 0);
        let observations = environment.observation_space().len();
        Ok(match environment.action_space() {
            Space::Discrete(actions) => {
                let sac = DiscreteSac::new(settings.clone(), observations, *actions, &mut rng)?;
                Agent::Discrete(Box::new(sac))
            }
            Space::Box { low, high } => {
                let scales: Vec<f64> =
                    low.iter().zip(high).map(|(low, high)| 0.5 * f64::from(high - low)).collect();
                let sac = Sac::new(settings.clone(), observations, &scales, &mut rng)?;
                Agent::Continuous { sac: Box::new(sac), low: low.clone(), high: high.clone() }
            }
        })
    }

    /// Entries of an action as it is kept.
    pub fn action_len(&self) -> usize {
        match self {
            Agent::Continuous { low, .. } => low.len(),
            Agent::Discrete(_) => 1,
        }
    }

    /// α.
    pub fn alpha(&self) -> f64 {
        match self {
            Agent::Continuous { sac, .. } => sac.alpha(),
            Agent::Discrete(sac) => sac.alpha(),
        }
    }

    /// The entropy that α is learned for, in nats.
    pub fn target_entropy(&self) -> f64 {
        match self {
            Agent::Continuous { sac, .. } => sac.target_entropy(),
            Agent::Discrete(sac) => sac.target_entropy(),
        }
    }

    /// Noise that holds for several steps, under state-dependent exploration.
    pub fn exploration(&self, rng: &mut impl Rng) -> Option<Vec<f64>> {
        match self {
            Agent::Continuous { sac, .. } if sac.settings.sde => Some(normals(sac.noise_len(), rng)),
            _ => None,
        }
    }

    /// Chooses an action. `exploration` takes the place of noise of its own.
    ///
    /// # Errors
    /// The policy is no number.
    pub fn act(
        &self,
        observation: &[f32],
        mode: Mode,
        exploration: Option<&[f64]>,
        rng: &mut impl Rng,
        trace: &mut Trace<f32>,
    ) -> Result<Choice> {
        match self {
            Agent::Discrete(sac) => {
                let (number, entropy) = match mode {
                    Mode::Random => {
                        let actions = sac.actions();
                        (rng.random_range(0..actions), (actions as f64).ln())
                    }
                    Mode::Stochastic => sac.act(observation, Some(rng.random()), trace)?,
                    Mode::Deterministic => sac.act(observation, None, trace)?,
                };
                Ok(Choice { kept: vec![number as f32], taken: Taken::Discrete(number), entropy })
            }
            Agent::Continuous { sac, low, high } => {
                let mut kept = vec![0.0; low.len()];
                match mode {
                    Mode::Random => {
                        kept.iter_mut().for_each(|entry| *entry = rng.random_range(-1.0..=1.0));
                    }
                    Mode::Deterministic => sac.act(observation, None, trace, &mut kept),
                    Mode::Stochastic => {
                        let own = exploration.is_none().then(|| normals(sac.noise_len(), rng));
                        sac.act(observation, exploration.or(own.as_deref()), trace, &mut kept);
                    }
                }
                let taken = kept.iter().zip(low.iter().zip(high));
                let taken = taken
                    .map(|(&entry, (&low, &high))| {
                        (low + 0.5 * (entry + 1.0) * (high - low)).clamp(low, high)
                    })
                    .collect();
                Ok(Choice { kept, taken: Taken::Continuous(taken), entropy: 0.0 })
            }
        }
    }

    /// Learns from a batch, after a share of the training.
    ///
    /// # Errors
    /// A value is no number; it is named.
    pub fn update(&mut self, batch: &Batch<f32>, progress: f64, rng: &mut impl Rng) -> Result<Losses> {
        match self {
            Agent::Continuous { sac, .. } => sac.update(batch, &mut |noise| {
                noise.iter_mut().for_each(|number| *number = rng.sample(StandardNormal));
            }),
            Agent::Discrete(sac) => {
                sac.set_progress(progress);
                sac.update(batch)
            }
        }
    }
}

/// Numbers from N(0, 1).
fn normals(count: usize, rng: &mut impl Rng) -> Vec<f64> {
    (0..count).map(|_| rng.sample(StandardNormal)).collect()
}
