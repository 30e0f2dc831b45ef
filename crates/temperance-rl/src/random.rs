//! Random numbers that depend on the seed and on what they are for, and on nothing that happened before.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// What random numbers are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// The first weights of networks.
    Weights = 1,
    /// What is drawn from the replay buffer.
    Replay = 2,
    /// The noise of an update.
    Noise = 3,
    /// What is done.
    Action = 4,
    /// The state-dependent noise of acting.
    Exploration = 5,
    /// Evaluation.
    Evaluation = 6,
}

impl From<Stream> for u64 {
    fn from(stream: Stream) -> Self {
        stream as u64
    }
}

/// The generator for one purpose, a small number, at one step: nothing of it has to be kept to go on later.
pub fn stream(seed: u64, purpose: impl Into<u64>, at: u64) -> Pcg64Mcg {
    let purpose = purpose.into();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mix(seed ^ mix(purpose)).to_le_bytes());
    bytes[8..].copy_from_slice(&mix(seed.wrapping_add(mix(at ^ purpose << 56))).to_le_bytes());
    Pcg64Mcg::from_seed(bytes)
}

/// The finaliser of SplitMix64: neighbours become far apart.
fn mix(value: u64) -> u64 {
    let value =
        (value.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
