//! The study: runs of training that take each claim of the reading, and what they say of it.

mod claims;
mod evidence;
mod plan;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use serde::Serialize;

use crate::data::Data;
use crate::failure::{Failure, Result};
use crate::interrupt;
use crate::record::Row;
use crate::training::{Run, SUMMARY, Watcher, prepare};

pub(crate) use claims::{claims, document};
pub(crate) use evidence::Evidence;
pub(crate) use plan::{Plan, Planned};

/// What a study was asked for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Request {
    /// As [`Settings::data`](crate::Settings::data).
    pub(crate) data: String,
    /// Seeds of every run, from 0 on.
    pub(crate) seeds: u64,
    /// Epochs of every run.
    pub(crate) epochs: u64,
    /// Training rows, all unless said.
    pub(crate) rows: Option<usize>,
    /// Units of a hidden layer.
    pub(crate) width: usize,
}

/// Makes the runs of a plan that are not done yet, on all cores.
pub(crate) fn make(plan: &Plan, folder: &Path, bar: &ProgressBar) -> Result {
    for stage in &plan.stages {
        let mut data: BTreeMap<_, Data> = BTreeMap::new();
        for planned in stage {
            if let Entry::Vacant(place) = data.entry(planned.data()) {
                place.insert(Data::read(&planned.settings)?);
            }
        }
        let open: VecDeque<&Planned> =
            stage.iter().filter(|planned| !planned.folder(folder).join(SUMMARY).exists()).collect();
        let done = stage.len() - open.len();
        bar.inc(done as u64);
        let queue = Mutex::new(open);
        let stop = AtomicBool::new(false);
        let failure = Mutex::new(None);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().expect("no run panics with it").pop_front();
                        let Some(planned) = next.filter(|_| !stop.load(Ordering::Relaxed)) else { return };
                        if let Err(error) = one(planned, &data[&planned.data()], folder, &stop) {
                            stop.store(true, Ordering::Relaxed);
                            failure.lock().expect("no run panics with it").get_or_insert(error);
                            return;
                        }
                        bar.set_message(planned.name.clone());
                        bar.inc(1);
                    }
                });
            }
        });
        if let Some(failure) = failure.into_inner().expect("no run panics with it") {
            return Err(failure);
        }
    }
    Ok(())
}

fn one(planned: &Planned, data: &Data, folder: &Path, stop: &AtomicBool) -> Result {
    let place = planned.folder(folder);
    let settings = planned.settings_in(folder);
    let resume = place.join(crate::training::SETTINGS).exists();
    let run = Run::new(&settings, data, &place).map_err(|failure| failure.of(&planned.name))?;
    prepare(&place, &settings, resume, false)?;
    let trained = run.train(&mut Quiet { stop });
    trained.map(drop).map_err(|failure| match failure {
        Failure::Interrupted(_) => {
            Failure::Interrupted("interrupted; the same command goes on from there".to_owned())
        }
        other => other.of(&planned.name),
    })
}

struct Quiet<'a> {
    stop: &'a AtomicBool,
}

impl Watcher for Quiet<'_> {
    fn step(&mut self, _: u64, _: u64) -> ControlFlow<()> {
        if interrupt::interrupted() || self.stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn measured(&mut self, _: &Row) {}
}
