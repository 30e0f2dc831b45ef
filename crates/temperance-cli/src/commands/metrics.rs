//! `temperance metrics`.

use serde_json::{Value, json};
use temperance::metric::{Cost, Direction, Entry, METRICS, Tier, Uncertainty};

use crate::Io;
use crate::args::MetricsArguments;
use crate::failure::Result;
use crate::output::{Registry, hanging};

pub(crate) fn run(arguments: &MetricsArguments, io: &mut Io<'_>) -> Result {
    let registry = Registry { entries: METRICS, key: "metrics", json, description, list };
    registry.show(arguments.name, arguments.json, io)
}

fn better(entry: &Entry) -> &'static str {
    match entry.direction {
        Direction::Lower => "lower is better",
        Direction::Higher => "higher is better",
        Direction::Describes => "neither way is better",
    }
}

fn measured(entry: &Entry) -> &'static str {
    match entry.tier {
        Tier::Standard => "always",
        Tier::Named => "where it is named",
        Tier::Compatibility => "where it is named: the number of another package",
    }
}

fn cost(entry: &Entry) -> &'static str {
    match entry.cost {
        Cost::Sums => "sums that merge: it streams",
        Cost::Columns => "a sort of all rows: no streaming form",
        Cost::Pairs => "every pair of rows: no streaming form",
    }
}

fn interval(entry: &Entry) -> &'static str {
    match entry.uncertainty {
        Uncertainty::Bootstrap => "bootstrap",
        Uncertainty::Formula(_) => "by its own formula",
        Uncertainty::None(reason) => reason,
    }
}

fn json(entry: &Entry) -> Value {
    json!({
        "name": entry.name,
        "summary": entry.summary,
        "formula": entry.formula,
        "direction": better(entry),
        "measured": measured(entry),
        "cost": cost(entry),
        "interval": interval(entry),
        "source": entry.source,
    })
}

/// Every metric in a few lines, in the order of reports.
fn list(width: usize) -> String {
    let mut text = String::new();
    for entry in METRICS {
        text += &format!("{}\n", entry.name);
        text += &hanging("  ", entry.summary, width);
        if entry.tier != Tier::Standard {
            text += &hanging("  measured ", measured(entry), width);
        }
        text.push('\n');
    }
    text + &hanging("", "`temperance metrics NAME` has the formula, the cost and the source of one.", width)
}

/// All that is known of a metric.
fn description(entry: &Entry, width: usize) -> String {
    let mut text = hanging(&format!("{}: ", entry.name), entry.summary, width);
    text.push('\n');
    text += &hanging("formula        ", entry.formula, width);
    text += &hanging("direction      ", better(entry), width);
    text += &hanging("measured       ", measured(entry), width);
    text += &hanging("cost           ", cost(entry), width);
    let lead =
        if matches!(entry.uncertainty, Uncertainty::None(_)) { "no interval    " } else { "interval       " };
    text += &hanging(lead, interval(entry), width);
    text + &hanging("source         ", entry.source, width)
}
