//! What is said, and the checks that were asked for.

use std::io::{ErrorKind, Write};
use std::path::Path;

use serde_json::Value;
use temperance::metric::{Evaluation, Measured};

use crate::Io;
use crate::args::{MeasureArguments, SpeechArguments};
use crate::failure::{Failure, Result};

impl SpeechArguments {
    /// Prints `json` if it was asked for, else `text` unless it was not.
    pub(crate) fn say(
        &self,
        io: &mut Io<'_>,
        text: impl FnOnce(usize) -> String,
        json: impl FnOnce() -> Value,
    ) -> Result {
        let written = if self.json {
            writeln!(io.stdout, "{:#}", json())
        } else if !self.quiet {
            write!(io.stdout, "{}", text(io.width))
        } else {
            return Ok(());
        };
        match written {
            // The checks that were asked for still count.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }

    /// Runs `work` on the number of threads that was asked for.
    pub(crate) fn on_threads<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let Some(threads) = self.threads else {
            return work();
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build();
        let pool =
            pool.map_err(|error| Failure::Error(format!("cannot start {threads} threads: {error}")))?;
        pool.install(work)
    }
}

impl MeasureArguments {
    pub(crate) fn evaluation(&self) -> Result<Evaluation> {
        Ok(Evaluation::new().bins(self.bins)?.edges(self.edges.into()).top_k(&self.top_k)?)
    }

    /// Refuses limits on metrics that will not be measured, before any work.
    pub(crate) fn check_names(&self) -> Result {
        for (name, _) in self.fail_above.iter().chain(&self.fail_below) {
            let top_k = self.top_k.iter().any(|k| format!("top_{k}_accuracy") == *name);
            if temperance::metric::metric(name).is_none() && !top_k {
                let known: Vec<&str> = temperance::metric::METRICS.iter().map(|entry| entry.name).collect();
                let known = known.join(", ");
                return Err(Failure::Error(format!(
                    "metric is {name:?}; expected one of {known}, or top_K_accuracy with --top-k K"
                )));
            }
        }
        Ok(())
    }

    /// Refuses top-k accuracies that `classes` classes do not have.
    pub(crate) fn check_top_k(&self, classes: usize) -> Result {
        match self.top_k.iter().find(|&&k| k >= classes) {
            Some(k) => Err(Failure::Error(format!(
                "k of a top-k accuracy is {k}; expected a number from 1 to {}, below the number of classes",
                classes - 1
            ))),
            None => Ok(()),
        }
    }

    /// Fails if a metric is beyond its limit. A metric that is not a number passes no limit.
    pub(crate) fn check(&self, measured: &Measured) -> Result {
        let mut failures = Vec::new();
        for (limits, word) in [(&self.fail_above, "at most"), (&self.fail_below, "at least")] {
            for (name, limit) in limits {
                let Some(value) = measured.metric(name) else {
                    failures.push(format!("check failed: {name} was not measured"));
                    continue;
                };
                let passes = if word == "at most" { value <= *limit } else { value >= *limit };
                if !passes {
                    failures.push(format!("check failed: {name} is {value}; asked {word} {limit}"));
                }
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(Failure::Check(failures.join("\n"))) }
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn rows(rows: u64) -> String {
    format!("{rows} {}", if rows == 1 { "row" } else { "rows" })
}

/// What was written where.
pub(crate) fn written(directory: &Path, names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let mut text = format!("\nwritten to {}:\n", directory.display());
    for name in names {
        text.push_str("  ");
        text.push_str(name);
        text.push('\n');
    }
    text
}
