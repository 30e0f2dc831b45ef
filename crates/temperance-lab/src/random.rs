//! What the random numbers of training are for.

pub(crate) use temperance_rl::random::stream;

/// What random numbers are for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Split = 1,
    Weights = 2,
    Order = 3,
    Dropout = 4,
}

impl From<Stream> for u64 {
    fn from(stream: Stream) -> Self {
        stream as u64
    }
}
