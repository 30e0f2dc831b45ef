//! Files in and out, through the public interface.

mod archives;
mod common;
mod confidences;
mod csv;
mod dataset;
mod files;
mod npy;
mod output;
mod stdin;
mod write;
