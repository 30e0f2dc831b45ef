//! Maximum-entropy reinforcement learning: environments ([`environment`]), replay, SAC and discrete SAC.

pub mod environment;
pub mod generator;
