//! The commands, one file each.

pub(crate) mod sac;
pub(crate) mod study;
pub(crate) mod train;
