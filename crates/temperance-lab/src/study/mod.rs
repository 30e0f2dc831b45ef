//! The study: runs of training that take each claim of the reading, and what they say of it.

mod claims;
mod evidence;
mod plan;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use serde::Serialize;
use temperance_rl::side_by_side;

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
        let open: Vec<&Planned> =
            stage.iter().filter(|planned| !planned.folder(folder).join(SUMMARY).exists()).collect();
        bar.inc((stage.len() - open.len()) as u64);
        let stop = AtomicBool::new(false);
        side_by_side(&open, |planned| -> Result {
            one(planned, &data[&planned.data()], folder, &stop)
                .inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
            bar.set_message(planned.name.clone());
            bar.inc(1);
            Ok(())
        })?;
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
