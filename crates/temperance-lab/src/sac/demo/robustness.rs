//! Robustness: what entropy guarantees, and what it does where the world has changed.

use serde::Serialize;
use temperance_report::{Axis, Curve, Figure, Marks, Panel, Section, Table};
use temperance_rl::demonstration::{certificate, obstacle, pendulum};

use super::{Demonstration, Shown, count, estimates, interquartile, name_of, table, upright};
use crate::pictures::{figure, heights, panel, range};
use crate::statistics::Estimate;
use crate::statistics::number;

pub(super) const ENTRY: Demonstration = Demonstration {
    name: "robustness",
    summary: "what entropy guarantees, and what it does where the world has changed",
    run: |quick, observer| {
        let (certificate, obstacle, pendulum) = if quick {
            (certificate::Setup::quick(), obstacle::Setup::quick(), pendulum::Setup::quick())
        } else {
            (certificate::Setup::default(), obstacle::Setup::default(), pendulum::Setup::default())
        };
        let findings = Findings {
            certificate: certificate.run(observer)?,
            obstacle: obstacle.run(observer)?,
            pendulum: pendulum.run(observer)?,
        };
        Ok(Shown::new(section(&findings), &findings))
    },
};

#[derive(Serialize)]
struct Findings {
    certificate: certificate::Findings,
    obstacle: obstacle::Findings,
    pendulum: pendulum::Findings,
}

fn section(findings: &Findings) -> Section {
    let Findings { certificate, obstacle, pendulum } = findings;
    let least = certificate.random.iter().map(|other| other.margin).fold(f64::INFINITY, f64::min);
    let held = certificate.random.iter().chain(&certificate.line).all(|other| other.margin > -1e-9);
    let best = best_case(obstacle);
    let free =
        obstacle.cases.iter().find(|case| case.alpha == best.alpha && case.obstacle == 0).unwrap_or(best);
    let tally = Tally::of(pendulum);
    let verdict = match (held, tally.better > tally.worse) {
        (true, true) => "The guarantee holds; elsewhere it helps more often than it hurts",
        (true, false) => "The guarantee holds; a changed body gains nothing on the whole",
        (false, _) => "The guarantee is broken",
    };
    Section {
        heading: "Does entropy make a policy robust?".into(),
        short: "Robustness".into(),
        verdict: verdict.into(),
        because: format!(
            "Rewards: of {} random ones at the edge of the guaranteed set none pays less than the guarantee. An obstacle of three cells: drawn actions of the soft \
             optimum pass it in {} % of the walks at α = {}, most probable ones never. A changed pendulum: of {} comparisons with α = 0, {} are better, {} worse, \
             the rest undecided.",
            certificate.random.len(),
            number(100.0 * best.stochastic.arrives, 0),
            best.alpha,
            tally.all,
            tally.better,
            tally.worse
        ),
        paragraphs: vec![
            format!(
                "Other rewards. On the slippery FrozenLake-v1 (α = {}, γ = {}) a policy that earns {} and has entropy is guaranteed {} in rewards and entropy \
                 together under every other reward r̃ with E Σ γᵗ α ln Σ exp((r−r̃)/α) ≤ 0. The worst, r − α ln π, pay the guarantee {}; of the \
                 random ones the nearest pays {} more. The guarantee is of rewards that pay the policy for what it does rarely: most of it is entropy, \
                 and the rewards it was made for lie outside the set.",
                certificate.setup.alpha,
                certificate.setup.discount,
                number(certificate.value, 3),
                number(certificate.guarantee, 3),
                exactness(certificate.worst.margin.abs()),
                scientific(least)
            ),
            format!(
                "An obstacle. The soft optima of a free grid of 5 × 7 cells, walked with an obstacle in the straight way; nothing is drawn at random, chances are \
                 computed. Only drawn actions get around: the most probable ones are the straight way at every α at which they arrive at all. It has a price: \
                 at α = {} the free way takes {} steps on average in place of 6. Above α = {}, 1/ln |A|, a step of pure entropy is worth more than it costs, \
                 and not even the free goal is reached.",
                best.alpha,
                number(free.stochastic.steps, 1),
                number(obstacle.entropy_trap, 2)
            ),
            format!(
                "A changed body. SAC on Pendulum-v1, {} of {} steps, two layers of 64 units; gravity, mass or length then changed, one at a time. Compared with α = 0 of \
                 the same seed and mode, interval of the mean difference: {}. By α: {}. A change that makes the pendulum lighter or shorter helps every policy, as \
                 it is then easier to lift; one that makes it heavier hurts every policy, with or without entropy.",
                count(pendulum.setup.seeds, "seed"),
                pendulum.setup.steps,
                tally.sentence(),
                tally.by_alpha.join("; ")
            ),
        ],
        tables: vec![obstacle_table(obstacle), pendulum_table(pendulum)],
        figures: vec![
            certificate_figure(certificate),
            obstacle_figure(obstacle),
            pendulum_figure("demo-pendulum-deterministic", "the middle of the policy", pendulum, |returns| {
                &returns.deterministic
            }),
            pendulum_figure(
                "demo-pendulum-stochastic",
                "actions drawn from the policy",
                pendulum,
                |returns| &returns.stochastic,
            ),
        ],
    }
}

/// What passes the large obstacle most surely.
fn best_case(findings: &obstacle::Findings) -> &obstacle::Case {
    let large = findings.cases.iter().filter(|case| case.obstacle == 3);
    large.max_by(|a, b| a.stochastic.arrives.total_cmp(&b.stochastic.arrives)).expect("an α was tried")
}

/// How near something comes that an equation makes equal.
fn exactness(error: f64) -> String {
    if error == 0.0 { "exactly".into() } else { format!("to within {}", scientific(error)) }
}

fn scientific(value: f64) -> String {
    format!("{value:.1e}").replace('-', "\u{2212}")
}

/// How policies with entropy compare with those without: every parameter, change other than none, and mode.
#[derive(Default)]
struct Tally {
    all: usize,
    better: usize,
    worse: usize,
    by_alpha: Vec<String>,
    /// Better and worse where actions are drawn, then where they are not.
    by_mode: [[usize; 2]; 2],
}

impl Tally {
    fn of(findings: &pendulum::Findings) -> Self {
        let mut tally = Tally::default();
        let Some(none) = findings.policies.iter().find(|policies| policies.alpha == Some(0.0)) else {
            return tally;
        };
        for policies in findings.policies.iter().filter(|policies| policies.alpha != Some(0.0)) {
            let (mut better, mut worse) = (0, 0);
            let pairs = policies.returns.iter().zip(&none.returns).filter(|(own, _)| own.change != 0.0);
            for (own, other) in pairs {
                let modes =
                    [(&own.stochastic, &other.stochastic), (&own.deterministic, &other.deterministic)];
                for (mode, (own, other)) in modes.into_iter().enumerate() {
                    tally.all += 1;
                    match Estimate::of_differences(own, other).above(0.0) {
                        Some(true) => {
                            (better, tally.by_mode[mode][0]) = (better + 1, tally.by_mode[mode][0] + 1)
                        }
                        Some(false) => {
                            (worse, tally.by_mode[mode][1]) = (worse + 1, tally.by_mode[mode][1] + 1)
                        }
                        None => {}
                    }
                }
            }
            tally.better += better;
            tally.worse += worse;
            tally.by_alpha.push(format!("{} better in {better}, worse in {worse}", name_of(policies.alpha)));
        }
        tally
    }

    fn sentence(&self) -> String {
        let [[drawn_better, drawn_worse], [middle_better, middle_worse]] = self.by_mode;
        format!(
            "with actions drawn better in {drawn_better} and worse in {drawn_worse} cases, with the middle of the policy better in {middle_better} and worse in \
             {middle_worse}"
        )
    }
}

fn obstacle_table(findings: &obstacle::Findings) -> Table {
    // About ten rows, whatever the number of α.
    let every = (findings.setup.alphas.len() / 10).max(1);
    let rows = findings.cases.chunks(3).step_by(every).map(|cases| {
        let drawn = cases
            .iter()
            .flat_map(|case| [number(100.0 * case.stochastic.arrives, 1), number(case.stochastic.steps, 1)]);
        let greedy = cases.iter().map(|case| number(100.0 * case.greedy.arrives, 0));
        [number(cases[0].alpha, 1)]
            .into_iter()
            .chain(drawn)
            .chain([greedy.collect::<Vec<_>>().join(" / ")])
            .collect()
    });
    table(
        "Walks on the grid with obstacles of 0, 1 and 3 cells: the chance to arrive within 100 steps (%) and mean steps with actions drawn; last, the \
         chances with the most probable actions.",
        ["α", "free", "steps", "1 cell", "steps", "3 cells", "steps", "greedy"],
        rows.collect(),
    )
}

fn pendulum_table(findings: &pendulum::Findings) -> Table {
    let rows = findings.policies.iter().map(|policies| {
        let unchanged = policies.returns.iter().find(|returns| returns.change == 0.0);
        // The mean over all changes of each seed, so that the interval is over seeds.
        let over_changes = |of: fn(&pendulum::Returns) -> &Vec<f64>| {
            let changed: Vec<&pendulum::Returns> =
                policies.returns.iter().filter(|returns| returns.change != 0.0).collect();
            let mean = |seed: usize| {
                changed.iter().map(|returns| of(returns)[seed]).sum::<f64>() / changed.len() as f64
            };
            interquartile(&(0..policies.last_alphas.len()).map(mean).collect::<Vec<_>>()).text(0)
        };
        let same = |of: fn(&pendulum::Returns) -> &Vec<f64>| {
            unchanged.map_or_else(String::new, |returns| interquartile(of(returns)).text(0))
        };
        let name = match policies.alpha {
            Some(_) => name_of(policies.alpha),
            None => format!("α learned, {} at the end", Estimate::of(&policies.last_alphas).short(2)),
        };
        vec![
            name,
            same(|returns| &returns.stochastic),
            same(|returns| &returns.deterministic),
            over_changes(|returns| &returns.stochastic),
            over_changes(|returns| &returns.deterministic),
        ]
    });
    table(
        "Returns on Pendulum-v1, interquartile means over the seeds: as in training, and the mean over all changes.",
        ["", "unchanged, drawn", "middle", "changed, drawn", "middle"],
        rows.collect(),
    )
}

fn certificate_figure(findings: &certificate::Findings) -> Figure {
    let line: Vec<[f64; 2]> = findings.line.iter().map(|other| [other.place, other.margin]).collect();
    let mut along = Curve::new("rewards r − t·α ln π", line);
    along.dots = vec![[1.0, findings.worst.margin]];
    let floor = Curve::new("guarantee", [[0.0, 0.0], [2.0, 0.0]]);
    let cloud: Vec<[f64; 2]> = findings
        .random
        .iter()
        .filter(|other| other.margin > 0.0)
        .map(|other| [other.place.log10(), other.margin.log10()])
        .collect();
    let y = range(cloud.iter().map(|point| point[1]));
    let curves = vec![along, floor];
    figure(
        "demo-certificate",
        "What the policy earns under other rewards at the edge of the set, less what is guaranteed: the worst rewards (t = 1, the dot) attain it, random \
         ones come near and stay above",
        vec![
            panel("Margin", Axis::new("t", [0.0, 2.0]), [heights(&curves)[0], heights(&curves)[1]], curves),
            Panel {
                title: "log10 of the margin".into(),
                x: Axis::new("log10 of the deviation from the worst rewards", [-3.0, 0.0]),
                y,
                marks: Marks::Points(vec![Curve::new("random rewards", cloud)]),
            },
        ],
    )
}

fn obstacle_figure(findings: &obstacle::Findings) -> Figure {
    let names = [(0, "free"), (1, "one cell"), (3, "three cells")];
    let of = |value: fn(&obstacle::Walk) -> f64, top: f64| {
        let mut curves: Vec<Curve> = names
            .iter()
            .map(|&(cells, name)| {
                let cases = findings.cases.iter().filter(|case| case.obstacle == cells);
                Curve::new(format!("{name}, drawn"), cases.map(|case| [case.alpha, value(&case.stochastic)]))
            })
            .collect();
        let greedy = findings.cases.iter().filter(|case| case.obstacle == 3);
        curves.push(Curve::new(
            "three cells, most probable",
            greedy.map(|case| [case.alpha, value(&case.greedy)]),
        ));
        curves.push(upright("entropy trap 1/ln |A|", findings.entropy_trap, [0.0, top]));
        curves
    };
    figure(
        "demo-obstacle",
        "Soft optima of a free grid where there is an obstacle",
        vec![
            panel(
                "Chance to arrive",
                Axis::new("α", [0.0, 1.0]),
                [-0.02, 1.02],
                of(|walk| walk.arrives, 1.0),
            ),
            panel(
                "Mean steps, 100 at most",
                Axis::new("α", [0.0, 1.0]),
                [0.0, 105.0],
                of(|walk| walk.steps, 100.0),
            ),
        ],
    )
}

fn pendulum_figure(
    name: &'static str,
    mode: &str,
    findings: &pendulum::Findings,
    of: fn(&pendulum::Returns) -> &Vec<f64>,
) -> Figure {
    let panels: Vec<(&str, Vec<Curve>)> = pendulum::PARAMETERS
        .iter()
        .map(|&(parameter, _)| {
            let curve = |policies: &pendulum::Policies| {
                let places: Vec<(f64, Estimate)> = policies
                    .returns
                    .iter()
                    .filter(|returns| returns.parameter == parameter)
                    .map(|returns| (100.0 * returns.change, interquartile(of(returns))))
                    .collect();
                estimates(name_of(policies.alpha), &places)
            };
            (parameter, findings.policies.iter().map(curve).collect())
        })
        .collect();
    let y = heights(&panels.iter().flat_map(|(_, curves)| curves.clone()).collect::<Vec<_>>());
    let panels = panels.into_iter().map(|(parameter, curves)| {
        panel(format!("Return, {parameter}"), Axis::new("change (%)", [-50.0, 50.0]), [y[0], 0.0], curves)
    });
    figure(
        name,
        format!(
            "Returns where the pendulum has changed, {mode}: interquartile means with intervals over the seeds"
        ),
        panels.collect(),
    )
}
