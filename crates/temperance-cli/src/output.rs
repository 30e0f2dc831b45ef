//! What is said, and the checks that were asked for.

use std::io::{ErrorKind, Write};
use std::path::Path;

use serde_json::{Value, json};
use temperance::Parameter;
use temperance::calibrate::ParameterEntry;
use temperance::metric::{Bootstrap, Evaluation, METRICS, Measured, Tier};
use temperance_data::OutputDir;
use temperance_report::Figure;
use textwrap::{Options, WordSplitter};

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
        let evaluation = Evaluation::new().bins(self.bins)?.edges(self.edges.into()).event(self.event.into());
        let all: Vec<&str>;
        let named = if self.metrics.iter().any(|name| name == "all") {
            all = METRICS.iter().map(|entry| entry.name).collect();
            evaluation.named(&all)?
        } else {
            evaluation.named(&self.metrics)?
        };
        // What has a limit is measured.
        let limits = self.fail_above.iter().chain(&self.fail_below).map(|(name, _)| name.as_str());
        let limits: Vec<&str> = limits.filter(|name| temperance::metric::metric(name).is_some()).collect();
        Ok(named.named(&limits)?.top_k(&self.top_k)?)
    }

    /// The resampling behind intervals; `None` if there are to be none.
    pub(crate) fn bootstrap(&self) -> Result<Option<Bootstrap>> {
        if self.bootstrap == 0 {
            return Ok(None);
        }
        let bootstrap = Bootstrap::new().replicates(self.bootstrap)?.level(self.level)?;
        Ok(Some(bootstrap.kind(self.interval.into()).seed(self.seed)))
    }

    /// Refuses limits on metrics that will not be measured, before any work.
    pub(crate) fn check_names(&self) -> Result {
        for (name, _) in self.fail_above.iter().chain(&self.fail_below) {
            let top_k = self.top_k.iter().any(|k| format!("top_{k}_accuracy") == *name);
            if temperance::metric::metric(name).is_none() && !top_k {
                let standard = METRICS.iter().filter(|entry| entry.tier == Tier::Standard);
                let known = standard.map(|entry| entry.name).collect::<Vec<_>>().join(", ");
                return Err(Failure::Error(format!(
                    "metric is {name:?}; expected one of {known}, another of `temperance metrics`, or \
                     top_K_accuracy with --top-k K"
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

/// Narrower than this, columns cannot be read.
const NARROWEST: usize = 40;

/// Text after a lead, wrapped, its other lines below its first word where there is room for that.
pub(crate) fn hanging(lead: &str, text: &str, width: usize) -> String {
    let indent = lead.chars().count();
    let indent = " ".repeat(if 2 * indent <= width { indent } else { 4 });
    let options = Options::new(width)
        .initial_indent(lead)
        .subsequent_indent(&indent)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(text, options) + "\n"
}

/// How a registry is shown.
pub(crate) struct Registry<E: 'static> {
    pub(crate) entries: &'static [E],
    /// What the list of all is called in JSON.
    pub(crate) key: &'static str,
    pub(crate) json: fn(&E) -> Value,
    /// All that is known of one, at a width.
    pub(crate) description: fn(&E, usize) -> String,
    /// Every one in a few lines, at a width.
    pub(crate) list: fn(usize) -> String,
}

impl<E> Registry<E> {
    /// Prints the one that was chosen, or all.
    pub(crate) fn show(&self, chosen: Option<&E>, as_json: bool, io: &mut Io<'_>) -> Result {
        if as_json {
            let object = match chosen {
                Some(entry) => (self.json)(entry),
                None => json!({ self.key: self.entries.iter().map(self.json).collect::<Vec<_>>() }),
            };
            return Ok(writeln!(io.stdout, "{object:#}")?);
        }
        let width = io.width.max(NARROWEST);
        let text = match chosen {
            Some(entry) => (self.description)(entry, width),
            None => (self.list)(width),
        };
        Ok(io.stdout.write_all(text.as_bytes())?)
    }
}

/// The parameters of an entry of a registry, after an empty line; nothing if it has none.
pub(crate) fn parameter_table(parameters: &[ParameterEntry], width: usize) -> String {
    if parameters.is_empty() {
        return String::new();
    }
    let names = parameters.iter().map(|parameter| parameter.name.len());
    let column = names.max().unwrap_or(0).max("parameter".len());
    let mut text = format!("\n{:<column$}  {:>7}  domain\n", "parameter", "default");
    for parameter in parameters {
        let lead = format!("{:<column$}  {:>7}  ", parameter.name, parameter.default);
        text += &hanging(&lead, parameter.domain, width);
    }
    text
}

/// The parameters of an entry of a registry, for programs.
pub(crate) fn parameters_json(parameters: &[ParameterEntry]) -> Value {
    let parameter = |parameter: &ParameterEntry| {
        let default = Parameter::Number(parameter.default);
        json!({ "name": parameter.name, "domain": parameter.domain, "default": default })
    };
    Value::Array(parameters.iter().map(parameter).collect())
}

/// `1 row`, `2 rows`.
pub(crate) fn rows(rows: u64) -> String {
    format!("{rows} {}", if rows == 1 { "row" } else { "rows" })
}

/// Writes a report as `STEM.json`, `STEM.html` and its figures; the names in the order that they are told of.
pub(crate) fn write_report(
    directory: &mut OutputDir,
    stem: &str,
    json: &str,
    html: &str,
    figures: &[Figure],
) -> Result<Vec<String>> {
    let mut names = vec![format!("{stem}.html"), format!("{stem}.json")];
    directory.write(&names[1], json.as_bytes())?;
    directory.write(&names[0], html.as_bytes())?;
    for figure in figures {
        let name = format!("{}.svg", figure.name);
        directory.write(&name, figure.svg.as_bytes())?;
        names.push(name);
    }
    Ok(names)
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
