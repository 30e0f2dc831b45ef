//! Target entropies: what do they do to α, and what do they leave to the policy?

use temperance_report::{Axis, Curve, Section};
use temperance_rl::demonstration::target_entropy::{Findings, Moment, Run, Setup, Target};

use super::{Demonstration, Shown, count, estimates, interquartile, table};
use crate::pictures::{figure, heights, panel};
use crate::statistics::Estimate;
use crate::statistics::number;

pub(super) const ENTRY: Demonstration = Demonstration {
    name: "target-entropy",
    summary: "what a target entropy does to α, and what it leaves to the policy",
    run: |quick, observer| {
        let setup = if quick { Setup::quick() } else { Setup::default() };
        let findings = setup.run(observer)?;
        Ok(Shown::new(section(&findings), &findings))
    },
};

fn name(target: &Target) -> String {
    format!("{} ln 2", target.scale)
}

fn over_seeds(target: &Target, of: impl Fn(&Run) -> f64) -> Vec<f64> {
    target.runs.iter().map(of).collect()
}

fn last(run: &Run) -> &Moment {
    run.moments.last().expect("a run has moments")
}

/// A curve over the steps, as means over the seeds.
fn course(target: &Target, of: impl Fn(&Moment) -> f64) -> Curve {
    let places: Vec<(f64, Estimate)> = (0..target.runs[0].moments.len())
        .map(|at| {
            let values: Vec<f64> = target
                .runs
                .iter()
                .map(|run| of(&run.moments[at]))
                .filter(|value| value.is_finite())
                .collect();
            (target.runs[0].moments[at].step as f64, Estimate::of(&values))
        })
        .collect();
    estimates(name(target), &places)
}

fn section(findings: &Findings) -> Section {
    let (setup, targets) = (&findings.setup, &findings.targets);
    let (high, low) = (&targets[0], &targets[targets.len() - 1]);
    let stochastic = |target: &Target| interquartile(&over_seeds(target, |run| run.stochastic));
    let deterministic = |target: &Target| interquartile(&over_seeds(target, |run| run.deterministic));
    let alpha = |target: &Target| Estimate::of(&over_seeds(target, |run| last(run).alpha));
    let steps = Axis::new("step", [0.0, setup.steps as f64]);
    let alphas: Vec<Curve> =
        targets.iter().map(|target| course(target, |moment| moment.alpha.log10())).collect();
    let entropies: Vec<Curve> =
        targets.iter().map(|target| course(target, |moment| moment.entropy)).collect();
    let along = |label: &str, of: &dyn Fn(&Target) -> Estimate| {
        let mut places: Vec<_> =
            targets.iter().map(|target| (target.largest_probability, of(target))).collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut curve = estimates(label, &places);
        curve.dots.clone_from(&curve.points);
        curve
    };
    let returns = vec![along("actions drawn", &stochastic), along("most probable actions", &deterministic)];
    let rows = targets
        .iter()
        .map(|target| {
            vec![
                name(target),
                number(target.entropy, 3),
                number(target.largest_probability, 3),
                Estimate::of(&over_seeds(target, |run| last(run).entropy)).short(3),
                alpha(target).short(2),
                stochastic(target).text(0),
                deterministic(target).text(0),
            ]
        })
        .collect();
    let worse = stochastic(high).high < stochastic(low).low;
    let better = stochastic(high).low > stochastic(low).high;
    let middle: Vec<&Target> =
        targets.iter().filter(|target| deterministic(target).low > stochastic(target).high).collect();
    Section {
        heading: "What does a target entropy leave to a discrete policy?".into(),
        short: "Target entropy".into(),
        verdict: match (worse, better) {
            (true, _) => "A high target keeps the policy from acting on what it knows",
            (_, true) => "A high target does better here",
            _ => "Not decided by these runs",
        }
        .into(),
        because: format!(
            "At a target of {} no state may give an action more than {} on average, and α ends at {}; actions drawn from the policy return {}. At {} the bound \
             is {}, α ends at {} and they return {}.",
            name(high),
            number(high.largest_probability, 3),
            alpha(high).text(2),
            stochastic(high).text(0),
            name(low),
            number(low.largest_probability, 3),
            alpha(low).text(2),
            stochastic(low).text(0)
        ),
        paragraphs: vec![
            format!(
                "Discrete SAC on CartPole-v1, two hidden layers of 64 units, rates of 0.001, {} of {} steps, α learned from 1. The bound p_max is the \
                 largest probability of an action in a policy over two actions whose entropy is the target in every state. α rises as long as the \
                 entropy lies below the target: where values tell the actions apart and the target forbids it, nothing stops the rise.",
                count(setup.seeds, "seed"),
                setup.steps
            ),
            format!(
                "The most probable actions of the same policies do better than drawn ones, by their intervals, at {} of {} targets: such a policy knows more than \
                 it may do, and evaluation without noise hides what the target costs.",
                middle.len(),
                targets.len()
            ),
        ],
        tables: vec![table(
            "After training: the entropy that the policy has, α, and returns (interquartile means) with actions drawn and with the most probable ones; 500 is the most.",
            ["target", "nats", "p_max", "entropy", "α", "return, drawn", "most probable"],
            rows,
        )],
        figures: vec![
            figure(
                "demo-target-entropy",
                "α and entropy while policies learn, means over the seeds, by the share of ln 2 that is aimed at",
                vec![
                    panel("log10 α", steps.clone(), heights(&alphas), alphas),
                    panel("Entropy (nats)", steps, [0.0, 0.7], entropies),
                ],
            ),
            figure(
                "demo-target-bound",
                "Returns after training against the bound that each target sets: interquartile means with intervals over the seeds",
                vec![panel(
                    "Return",
                    Axis::new("largest probability p_max that the target allows", [0.55, 0.92]),
                    [0.0, heights(&returns)[1].max(100.0)],
                    returns,
                )],
            ),
        ],
    }
}
