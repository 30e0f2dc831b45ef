//! Soft actor-critic: runs over seeds, and pages that show them.

mod demo;
mod page;
mod request;
mod run;

pub(crate) use demo::{count, named, page};
pub(crate) use page::{curves, document};
pub(crate) use request::Request;
pub(crate) use run::{CHECKPOINT, PAGE, REQUEST, SUMMARY, check_finished, load, prepare, seed_folder, train};
