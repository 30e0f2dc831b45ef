//! Four goals: what does a Gaussian policy keep, and what a categorical one?

use temperance_report::{Axis, Bar, Curve, Figure, Marks, Panel, Section};
use temperance_rl::demonstration::multi_goal::{Case, Findings, Kind, Setup, Walks};

use super::{Demonstration, Shown, count, name_of, table};
use crate::pictures::{figure, panel};
use crate::statistics::Estimate;
use crate::statistics::number;

pub(super) const ENTRY: Demonstration = Demonstration {
    name: "multi-goal",
    summary: "four equal goals, for a Gaussian and for a categorical policy",
    run: |quick, observer| {
        let setup = if quick { Setup::quick() } else { Setup::default() };
        let findings = setup.run(observer)?;
        Ok(Shown::new(section(&findings), &findings))
    },
};

/// The policies of the kinds, in words.
const KINDS: [(Kind, &str); 3] = [
    (Kind::Gaussian, "Gaussian, SAC"),
    (Kind::Categorical, "eight directions, discrete SAC"),
    (Kind::SoftValueIteration, "eight directions, exact"),
];

fn words(kind: Kind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, words)| words)
}

fn over_seeds(case: &Case, of: impl Fn(&Walks) -> f64) -> Estimate {
    Estimate::of(&case.walks.iter().map(of).collect::<Vec<_>>())
}

fn entropy(case: &Case) -> Estimate {
    over_seeds(case, |walks| walks.entropy)
}

fn section(findings: &Findings) -> Section {
    let setup = &findings.setup;
    let cases = |kind: Kind| findings.cases.iter().filter(move |case| case.kind == kind);
    let best = |kind: Kind| {
        let larger = |a: &&Case, b: &&Case| entropy(a).mean.total_cmp(&entropy(b).mean);
        cases(kind).max_by(larger).expect("an α was tried")
    };
    let [gaussian, categorical, exact] = KINDS.map(|(kind, _)| best(kind));
    let lost =
        |case: &Case| over_seeds(case, |walks| walks.ends[4] as f64 / walks.ends.iter().sum::<u64>() as f64);
    let returns = |case: &Case| over_seeds(case, |walks| walks.mean_return);
    // Of policies over all moves: what keeping goals costs, as a part of the best return.
    let cheapest = cases(Kind::Gaussian).map(|case| returns(case).mean).fold(f64::NEG_INFINITY, f64::max);
    let keeps = |case: &Case| entropy(case).mean > 2_f64.ln();
    let verdict = match (keeps(gaussian), keeps(categorical)) {
        (false, true) => "A categorical policy keeps several, a Gaussian does not",
        (true, true) => "Both do at a high α, but a Gaussian by wandering",
        (true, false) => "A Gaussian does by wandering, the learned categorical policy does not",
        (false, false) => "Neither, in these runs",
    };
    let rows = findings
        .cases
        .iter()
        .map(|case| {
            let alpha = match case.alpha {
                Some(_) => name_of(case.alpha),
                None => format!("α learned, {} at the end", Estimate::of(&case.last_alphas).short(2)),
            };
            vec![
                format!("{}, {alpha}", words(case.kind)),
                entropy(case).short(3),
                number(100.0 * lost(case).mean, 1),
                over_seeds(case, |walks| walks.mean_steps).short(1),
                returns(case).short(0),
            ]
        })
        .collect();
    Section {
        heading: "Can a policy keep four equal goals?".into(),
        short: "Four goals".into(),
        verdict: verdict.into(),
        because: format!(
            "The entropy of the goal, from the exact middle, is at most ln 4 = 1.386. The largest over the α tried: {} for a Gaussian ({}), {} for discrete \
             SAC ({}), {} for the exact optimum ({}).",
            entropy(gaussian).text(2),
            name_of(gaussian.alpha),
            entropy(categorical).text(2),
            name_of(categorical.alpha),
            entropy(exact).text(2),
            name_of(exact.alpha)
        ),
        paragraphs: vec![
            format!(
                "A point in the plane, goals at (±5, 0) and (0, ±5), rewards −30‖a‖² − min‖x−g‖², +10 on arrival. {} of {} steps, two hidden layers of \
                 64 units; then {} walks from (0, 0) with actions drawn from the policy. Discrete policies and soft value iteration take one of eight \
                 unit moves, whose cost of 30 is always the same, so that their returns are not to be compared with those of free moves.",
                count(setup.seeds, "seed"),
                setup.steps,
                setup.walks
            ),
            format!(
                "A Gaussian has one middle: it cannot point to four goals at once. What it can do is to be wide, so that noise carries the point off and \
                 the policy then follows to the goal that has become nearest. At {} that gives an entropy of {} and a mean return of {}, against {} of \
                 the best Gaussian; {} % of the walks reach no goal within 30 steps. At the small α of common practice (0.1, where rewards are \
                 about −30) every learned policy goes to one goal, discrete ones too: errors of the critics are larger than α. The exact optimum \
                 keeps all four at any α above 0, as from the middle they are equal.",
                name_of(gaussian.alpha),
                entropy(gaussian).text(2),
                returns(gaussian).text(0),
                number(cheapest, 0),
                number(100.0 * lost(gaussian).mean, 1)
            ),
        ],
        tables: vec![table(
            "Entropy of the goal (nats), walks that reach none (%), steps of a walk, return: means over the seeds, with 95 % intervals.",
            ["", "entropy", "none (%)", "steps", "return"],
            rows,
        )],
        figures: vec![paths(&[gaussian, categorical, exact]), bars(findings)],
    }
}

/// Walks of the first seed.
fn paths(cases: &[&Case]) -> Figure {
    let panels = cases.iter().map(|case| {
        let breaks = [[f64::NAN; 2]];
        let points = case.walks[0]
            .paths
            .iter()
            .flat_map(|path| path.iter().map(|place| place.map(f64::from)).chain(breaks));
        let mut goals = Curve::new("goals", []);
        goals.dots = vec![[5.0, 0.0], [-5.0, 0.0], [0.0, 5.0], [0.0, -5.0]];
        let title = format!("{}, {}", words(case.kind), name_of(case.alpha));
        panel(title, Axis::new("x", [-7.0, 7.0]), [-7.0, 7.0], vec![Curve::new("walks", points), goals])
    });
    figure(
        "demo-multi-goal-walks",
        "Walks from the middle, seed 0, at the α with the most entropy of the goal",
        panels.collect(),
    )
}

fn bars(findings: &Findings) -> Figure {
    let panels = KINDS.map(|(kind, words)| {
        let of_kind = findings.cases.iter().filter(|case| case.kind == kind);
        let bars = of_kind.map(|case| Bar {
            label: case.alpha.map_or_else(|| "learned".to_owned(), |alpha| alpha.to_string()),
            value: entropy(case).mean,
            stands_out: false,
        });
        Panel {
            title: words.to_owned(),
            x: Axis::new("α", [0.0, 1.0]),
            y: [0.0, 1.5],
            marks: Marks::Bars(bars.collect()),
        }
    });
    figure(
        "demo-multi-goal",
        "Entropy of the goal in nats, at most ln 4 = 1.386; means over the seeds",
        panels.into(),
    )
}
