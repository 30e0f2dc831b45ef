//! Runs as a page: curves over the seeds and what the last policies earn.

use std::path::Path;

use temperance_report::{Axis, Curve, Document, Figure, Panel, Section, Table};

use super::Request;
use super::run::{COLUMNS, Done, seed_folder};
use crate::failure::{Failure, Result};
use crate::pictures::{figure, heights, panel};
use crate::record::{METRICS, read_columns};
use crate::statistics::{Estimate, interquartile, number};

/// The names of the figures.
pub(crate) const FIGURES: [&str; 2] = ["sac-returns", "sac-entropy"];

/// The rows of measurements of every seed of a run, as far as all have come.
fn measurements(folder: &Path, request: &Request) -> Result<Vec<Vec<Vec<f64>>>> {
    let mut seeds = Vec::new();
    for seed in request.all_seeds() {
        let file = seed_folder(folder, seed).join(METRICS);
        if !file.exists() {
            let text = format!("seed {seed} has not begun; expected a run with measurements of every seed");
            return Err(Failure::Error(format!("{}: {text}", folder.display())));
        }
        seeds.push(read_columns(&file, &COLUMNS)?);
    }
    let rows = seeds.iter().map(Vec::len).min().unwrap_or(0);
    seeds.iter_mut().for_each(|seed| seed.truncate(rows));
    Ok(seeds)
}

/// The interquartile mean over the seeds, with its interval as a band.
fn curve(label: &str, seeds: &[Vec<Vec<f64>>], column: &str) -> Curve {
    let at = |name: &str| COLUMNS.iter().position(|column| *column == name).expect("it is a column");
    let (step, column) = (at("step"), at(column));
    let points = (0..seeds[0].len()).map(|row| {
        let values = seeds.iter().map(|rows| rows[row][column]);
        let known: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        (seeds[0][row][step], (!known.is_empty()).then(|| interquartile(&known)))
    });
    let points: Vec<(f64, Estimate)> =
        points.filter_map(|(step, estimate)| Some((step, estimate?))).collect();
    Curve {
        band: points.iter().map(|(step, estimate)| [*step, estimate.low, estimate.high]).collect(),
        ..Curve::new(label, points.iter().map(|(step, estimate)| [*step, estimate.mean]))
    }
}

fn by_step(title: &str, curves: Vec<Curve>) -> Panel {
    let last = curves.iter().flat_map(|curve| &curve.points).map(|point| point[0]).fold(1.0, f64::max);
    panel(title, Axis::new("step", [0.0, last]), heights(&curves), curves)
}

/// Curves of runs beside each other: returns, then entropies, α and values.
pub(crate) fn curves(runs: &[(String, &Path, Request)]) -> Result<Vec<Figure>> {
    let measured: Vec<(&str, Vec<Vec<Vec<f64>>>)> = runs
        .iter()
        .map(|(label, folder, request)| Ok((label.as_str(), measurements(folder, request)?)))
        .collect::<Result<_>>()?;
    let of = |column: &str| -> Vec<Curve> {
        measured.iter().map(|(label, seeds)| curve(label, seeds, column)).collect()
    };
    let returns = vec![
        by_step("Return of the policy without noise", of("evaluation_return")),
        by_step("Return in training", of("train_return")),
    ];
    let inside = vec![
        by_step("Entropy of the policy (nats)", of("entropy")),
        by_step("α", of("alpha")),
        by_step("Value that the critics see", of("value")),
    ];
    Ok(vec![
        figure(
            FIGURES[0],
            "Returns while policies learn: interquartile means over the seeds, with 95 % intervals",
            returns,
        ),
        figure(FIGURES[1], "Entropy, its price and values while policies learn", inside),
    ])
}

/// The page of a run.
pub(crate) fn document(folder: &Path, request: &Request, done: &[Done], command: &str) -> Result<Document> {
    let means: Vec<f64> = done.iter().map(|done| done.mean).collect();
    let (mean, middle) = (Estimate::of(&means), interquartile(&means));
    let target = match (request.settings.alpha, request.settings.target_entropy) {
        (Some(alpha), _) => format!("α = {alpha}, fixed"),
        (None, Some(nats)) => format!("learned α for an entropy of {nats} nats"),
        (None, None) => "learned α".to_owned(),
    };
    let spread = |returns: &[f64]| {
        let mean = returns.iter().sum::<f64>() / returns.len() as f64;
        (returns.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / returns.len() as f64).sqrt()
    };
    let rows = done.iter().map(|done| {
        vec![
            done.seed.to_string(),
            number(done.mean, 1),
            number(spread(&done.returns), 1),
            number(done.seconds, 0),
            number(done.steps_per_second, 0),
        ]
    });
    let seeds = match request.seeds {
        1 => "one seed".to_owned(),
        seeds => format!("{seeds} seeds"),
    };
    Ok(Document {
        eyebrow: "Soft actor-critic".into(),
        title: format!(
            "{} after {} steps: mean return {}",
            request.environment,
            request.steps_made(),
            mean.short(1)
        ),
        facts: vec![
            ("Environment".into(), request.environment.clone()),
            ("Agent".into(), target),
            ("Runs".into(), format!("{seeds} of {} steps", request.steps_made())),
            ("Command".into(), command.to_owned()),
        ],
        lead: vec![if request.seeds == 1 {
            format!(
                "The last policy, not the best, plays {} episodes without noise. One seed says nothing of others: --seeds 5 does.",
                request.episodes
            )
        } else {
            format!(
                "Each seed trains a policy; the last one, not the best, plays {} episodes without noise. The mean over the seeds is {} (95 % \
                 interval by Student's t), the interquartile mean {} (bootstrap over the seeds).",
                request.episodes,
                mean.text(1),
                middle.text(1)
            )
        }],
        sections: vec![Section {
            heading: "How it learned".into(),
            short: "Curves".into(),
            tables: vec![Table {
                caption: "The last policy of each seed: mean and standard deviation of its returns, and the time that training took.".into(),
                header: ["seed", "return", "± sd", "seconds", "steps/s"].map(str::to_owned).into(),
                rows: rows.collect(),
            }],
            figures: curves(&[(request.environment.clone(), folder, request.clone())])?,
            ..Section::default()
        }],
        version: concat!("temperance-lab ", env!("CARGO_PKG_VERSION")).into(),
    })
}
