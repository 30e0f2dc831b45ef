//! Maximum-entropy reinforcement learning: environments ([`environment`]), replay, SAC and discrete SAC.

mod adam;
mod agent;
mod checkpoint;
pub mod demonstration;
mod discrete_sac;
pub mod environment;
pub mod generator;
mod learner;
mod network;
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
pub use network::{Mlp, Real, Trace, Wanted};
pub use replay::{Batch, Replay, Transition};
pub use sac::{Losses, Sac};
pub use settings::{
    Critics, EntropyUnits, LogStd, Order, PRESETS, Preset, Settings, TemperatureForm, preset,
};
pub use training::{Episode, Plan, Seen, Training, evaluate};
