//! The mountain car: is the entropy of actions exploration?

use temperance_report::{Axis, Curve, Section};
use temperance_rl::demonstration::mountain_car::{Findings, Run, Runs, Setup, Way};

use super::{Demonstration, Shown, count, estimates, interquartile, listed, name_of, table};
use crate::pictures::{figure, heights, panel};
use crate::statistics::Estimate;

pub(super) const ENTRY: Demonstration = Demonstration {
    name: "mountain-car",
    summary: "where the entropy of actions is not exploration",
    run: |quick, observer| {
        let setup = if quick { Setup::quick() } else { Setup::default() };
        let findings = setup.run(observer)?;
        Ok(Shown::new(section(&findings), &findings))
    },
};

/// A return above it is one at the goal: reaching it earns 100, less what the engine costs.
const SOLVED: f64 = 90.0;

fn name(way: Way) -> String {
    let settings = if way.tuned { "tuned" } else { "defaults" };
    let noise = if way.sde { ", gSDE" } else { "" };
    format!("{settings}{noise}, {}", name_of(way.alpha))
}

fn solved(runs: &Runs) -> usize {
    runs.runs.iter().filter(|run| run.last_return >= SOLVED).count()
}

fn section(findings: &Findings) -> Section {
    let setup = &findings.setup;
    let (defaults, best) = (&findings.ways[0], &findings.ways[findings.ways.len() - 1]);
    let seeds = setup.seeds as usize;
    let returns =
        |runs: &Runs| interquartile(&runs.runs.iter().map(|run| run.last_return).collect::<Vec<_>>());
    let reached = |runs: &Runs| runs.runs.iter().filter(|run| run.goals > 0).count();
    let others: Vec<String> = findings.ways[1..findings.ways.len() - 1]
        .iter()
        .map(|runs| format!("{} {} of {seeds}", name(runs.way), solved(runs)))
        .collect();
    let verdict = match (solved(defaults), solved(best)) {
        (0, all) if all == seeds => "No: entropy of single actions fails, noise that lasts succeeds",
        (fail, all) if fail < all => "Partly: noise that lasts does better",
        (0, 0) => "Not decided: nothing succeeds in so few steps",
        _ => "Against what is said: no advantage for noise that lasts",
    };
    let first = |run: &Run| run.first_goal.map_or_else(|| "never".to_owned(), |step| step.to_string());
    let rows = findings.ways.iter().map(|runs| {
        let firsts: Vec<String> = runs.runs.iter().map(first).collect();
        let goals: u64 = runs.runs.iter().map(|run| run.goals).sum();
        let trials: u64 = runs.runs.iter().map(|run| run.trials).sum();
        vec![
            name(runs.way),
            firsts.join(", "),
            format!("{goals} of {trials}"),
            format!("{} of {seeds}", solved(runs)),
            returns(runs).text(1),
        ]
    });
    let curves: Vec<Curve> = findings.ways.iter().map(course).collect();
    Section {
        heading: "Is the entropy of actions exploration?".into(),
        short: "Mountain car".into(),
        verdict: verdict.into(),
        because: format!(
            "Of {} of {} steps, the defaults solve the task in {} (they reach the goal at all in {}), and gSDE with α = 0.1 and tuned settings in {}.",
            count(setup.seeds, "seed"),
            setup.steps,
            solved(defaults),
            reached(defaults),
            solved(best)
        ),
        paragraphs: vec![
            "MountainCarContinuous-v0 pays 100 at the top of the hill and takes 0.1·u² for every step of the engine: until the top has been seen, the \
             best that can be learned is to stand still. Noise that is new at every step averages out over a swing of some hundred steps, however \
             much entropy it has; state-dependent exploration (gSDE) keeps its noise for 32 steps, so that the same state gets the same push."
                .into(),
            format!(
                "Tuned settings are those of RL Zoo: γ = 0.9999, batches of 512, 32 updates after every 32 steps, learning from the first step, τ = \
                 0.01. They alone are not it, nor is α alone: solved by {}. All networks have two layers of 64 units, so the defaults are those of \
                 Stable-Baselines3 with smaller networks and batches of 64.",
                listed(&others)
            ),
        ],
        tables: vec![table(
            format!("Steps until the goal was first reached in training, by seed; training episodes that ended there; seeds whose last policy returns at least {SOLVED} without noise; interquartile mean of these returns."),
            ["", "first goal", "episodes at the goal", "solved", "last return"],
            rows.collect(),
        )],
        figures: vec![figure(
            "demo-mountain-car",
            "Return of training episodes, means over the seeds",
            vec![panel("Return", Axis::new("step", [0.0, setup.steps as f64]), [heights(&curves)[0].max(-105.0), 105.0], curves)],
        )],
    }
}

fn course(runs: &Runs) -> Curve {
    let places: Vec<(f64, Estimate)> = (0..runs.runs[0].course.len())
        .map(|at| {
            let values: Vec<f64> =
                runs.runs.iter().map(|run| run.course[at].1).filter(|value| value.is_finite()).collect();
            (runs.runs[0].course[at].0 as f64, Estimate::of(&values))
        })
        .filter(|(_, estimate)| estimate.mean.is_finite())
        .collect();
    Curve { band: Vec::new(), ..estimates(name(runs.way), &places) }
}
