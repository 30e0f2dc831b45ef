//! Maximum-entropy reinforcement learning: environments ([`environment`]), replay ([`Replay`]), SAC ([`Sac`]) and discrete
//! SAC ([`DiscreteSac`]), and runs that can be stopped anywhere ([`Training`]). What policies are made of is in
//! [`temperance::policy`].
//!
//! # Conventions
//! - Continuous actions are kept, and seen by critics, with entries from -1 to 1; environments take their own units. Entropies
//!   and log-probabilities are in nats, of actions from -1 to 1 unless [`EntropyUnits`] says otherwise.
//! - γ discounts by step of the environment. A step that only the time limit cut off is no end.
//! - All random numbers come from the seed, their purpose and the step ([`random`]); environments have NumPy's generator
//!   ([`generator`]).

mod adam;
mod agent;
mod checkpoint;
pub mod demonstration;
mod discrete_sac;
pub mod environment;
pub mod generator;
mod jobs;
mod learner;
mod network;
mod product;
pub mod random;
mod replay;
mod sac;
mod settings;
#[cfg(test)]
mod tests;
mod training;

pub use adam::{Adam, Rate};
pub use agent::{Agent, Choice, Mode};
pub use discrete_sac::DiscreteSac;
pub use jobs::side_by_side;
pub use network::{Mlp, Real, Trace, Wanted};
pub use replay::{Batch, Replay, Transition};
pub use sac::{Losses, Sac};
pub use settings::{
    Critics, EntropyUnits, LogStd, Order, PRESETS, Preset, Settings, TemperatureForm, preset,
};
pub use training::{Episode, LONGEST_EPISODE, Plan, Seen, Training, evaluate, mean_return};

/// The example of the crate's page, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
