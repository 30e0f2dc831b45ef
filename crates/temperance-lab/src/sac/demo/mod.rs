//! What entropy does for a policy, and what it does not: a section of a page for each demonstration.

mod bandit;
mod corridor;
mod mountain_car;
mod multi_goal;
mod robustness;
mod target_entropy;

use serde::Serialize;
use serde_json::Value;
use temperance::fold::Observer;
use temperance_report::{Curve, Document, Section, Table};

use crate::failure::{Failure, Result};
use crate::statistics::{Estimate, interquartile, number};

/// A demonstration.
pub(crate) struct Demonstration {
    /// As on the command line and in the numbers.
    pub(crate) name: &'static str,
    /// What it shows, in a few words.
    pub(crate) summary: &'static str,
    /// Makes it, in its quick form if that is asked for.
    pub(crate) run: fn(bool, &dyn Observer) -> temperance::Result<Shown>,
}

/// What a demonstration gave.
pub(crate) struct Shown {
    pub(crate) section: Section,
    pub(crate) numbers: Value,
}

impl Shown {
    fn new(section: Section, findings: &impl Serialize) -> Self {
        Shown { section, numbers: serde_json::to_value(findings).expect("findings are plain values") }
    }
}

/// The demonstrations, in the order of the page.
pub(crate) static DEMONSTRATIONS: &[Demonstration] = &[
    corridor::ENTRY,
    bandit::ENTRY,
    multi_goal::ENTRY,
    robustness::ENTRY,
    mountain_car::ENTRY,
    target_entropy::ENTRY,
];

/// The demonstrations of these names, in the order of the page; all if there is no name.
pub(crate) fn named(names: &[String]) -> Result<Vec<&'static Demonstration>> {
    let known: Vec<&str> = DEMONSTRATIONS.iter().map(|demonstration| demonstration.name).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let expected = known.join(", ");
        return Err(Failure::Error(format!("demonstration is {name:?}; expected one of {expected}")));
    }
    let wanted = |demonstration: &&Demonstration| {
        names.is_empty() || names.iter().any(|name| name == demonstration.name)
    };
    Ok(DEMONSTRATIONS.iter().filter(wanted).collect())
}

/// The page, with no section yet.
pub(crate) fn page(command: &str, quick: bool) -> Document {
    Document {
        eyebrow: "Maximum-entropy reinforcement learning".into(),
        title: "What entropy does for a policy, and what it does not".into(),
        facts: vec![
            ("Form".into(), if quick { "quick: few seeds and steps" } else { "full" }.into()),
            ("Command".into(), command.to_owned()),
        ],
        lead: vec![
            "α is the price of a nat of entropy in rewards. Each section asks a question, says how it was tried and what was found, whichever way \
             it went. Intervals are 95 %: Wilson's for shares of runs, the bootstrap over seeds for interquartile means of returns, Student's t for \
             other means over seeds. They speak of other seeds of the same task, not of other tasks."
                .into(),
        ],
        version: concat!("temperance-lab ", env!("CARGO_PKG_VERSION")).into(),
        ..Document::default()
    }
}

/// A share of runs with Wilson's interval.
fn share(count: u64, of: u64) -> Estimate {
    const Z: f64 = 1.959_963_984_540_054;
    let n = of as f64;
    let mean = count as f64 / n;
    let centre = (mean + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (mean * (1.0 - mean) / n + Z * Z / (4.0 * n * n)).sqrt();
    Estimate { mean, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

/// A share in percent, with its interval.
fn percent(share: Estimate) -> String {
    let of = |value: f64| number(100.0 * value, 0);
    format!("{} % ({} to {})", of(share.mean), of(share.low), of(share.high))
}

/// A fixed α, or that it is learned.
fn name_of(alpha: Option<f64>) -> String {
    alpha.map_or_else(|| "α learned".to_owned(), |alpha| format!("α = {alpha}"))
}

/// "one seed", "2 seeds".
pub(crate) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("one {what}") } else { format!("{number} {what}s") }
}

/// What holds for all values: "a", "a, b and c".
fn listed(parts: &[String]) -> String {
    match parts {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A curve of estimates, with its interval as a band and its points marked.
fn estimates(label: impl Into<String>, places: &[(f64, Estimate)]) -> Curve {
    let points: Vec<[f64; 2]> = places.iter().map(|(x, estimate)| [*x, estimate.mean]).collect();
    let band = places.iter().map(|(x, estimate)| [*x, estimate.low, estimate.high]).collect();
    Curve { band, ..Curve::new(label, points) }
}

/// A vertical line.
fn upright(label: &str, x: f64, [low, high]: [f64; 2]) -> Curve {
    Curve::new(label, [[x, low], [x, high]])
}

fn table<const N: usize>(caption: impl Into<String>, header: [&str; N], rows: Vec<Vec<String>>) -> Table {
    Table { caption: caption.into(), header: header.map(str::to_owned).into(), rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_by_hand() {
        // 8 of 10: (0.8 + 0.19207 ± 1.96·√(0.016 + 0.0096036))/(1 + 0.38414).
        let estimate = share(8, 10);
        assert!((estimate.low - 0.4902).abs() < 1e-4 && (estimate.high - 0.9433).abs() < 1e-4);
        assert!(share(0, 10).low.abs() < 1e-12 && (share(10, 10).high - 1.0).abs() < 1e-12);
        assert_eq!(percent(share(8, 10)), "80 % (49 to 94)");
    }

    #[test]
    fn names_are_unique_and_an_unknown_one_is_named() {
        let mut names: Vec<&str> = DEMONSTRATIONS.iter().map(|demonstration| demonstration.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DEMONSTRATIONS.len());
        // The order of the page, whatever the order of the names.
        let two = named(&["bandit".into(), "corridor".into()]).unwrap();
        assert_eq!(two.iter().map(|one| one.name).collect::<Vec<_>>(), ["corridor", "bandit"]);
        match named(&["pong".into()]) {
            Err(Failure::Error(text)) => {
                assert!(text.starts_with("demonstration is \"pong\"; expected one of corridor, "))
            }
            _ => panic!("there is no pong"),
        }
    }

    #[test]
    fn words_of_lists() {
        let of = |parts: &[&str]| listed(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert_eq!([of(&[]), of(&["a"]), of(&["a", "b", "c"])], ["none", "a", "a, b and c"]);
    }
}
