//! The corridor: does entropy keep a policy from settling too early?

use temperance_report::{Axis, Curve, Section};
use temperance_rl::demonstration::corridor::{Ends, Findings, Setup};

use super::{Demonstration, Shown, estimates, listed, percent, share, table, upright};
use crate::pictures::{figure, panel};
use crate::statistics::number;

pub(super) const ENTRY: Demonstration = Demonstration {
    name: "corridor",
    summary: "entropy against settling too early, and too much of it",
    run: |quick, observer| {
        let setup = if quick { Setup::quick() } else { Setup::default() };
        let findings = setup.run(observer)?;
        Ok(Shown::new(section(&findings), &findings))
    },
};

fn section(findings: &Findings) -> Section {
    let seeds = findings.setup.seeds;
    let of = |annealed: bool| findings.ends.iter().filter(move |ends| ends.annealed == annealed);
    let best = |annealed: bool| of(annealed).max_by_key(|ends| ends.large).expect("an α₀ was tried");
    let (constant, annealed) = (best(false), best(true));
    let none = of(true).find(|ends| ends.alpha == 0.0).expect("α₀ = 0 was tried");
    let large = |ends: &Ends| share(ends.large, seeds);
    let helps = large(annealed).low > large(none).high;
    let lost: Vec<String> =
        of(false).filter(|ends| 2 * ends.nowhere > seeds).map(|ends| ends.alpha.to_string()).collect();
    let fading: Vec<String> = of(true)
        .filter(|ends| large(ends).low > large(none).high)
        .map(|ends| ends.alpha.to_string())
        .collect();
    Section {
        heading: "Does entropy keep a policy from settling too early?".into(),
        short: "Corridor".into(),
        verdict: if helps { "Yes, if there is enough of it and it fades" } else { "Not in these runs" }
            .into(),
        because: format!(
            "Without entropy {} of {seeds} runs end at the large reward. With α annealed from {} it is {}; the best constant α, {}, gives {}.",
            percent(large(none)),
            annealed.alpha,
            percent(large(annealed)),
            constant.alpha,
            percent(large(constant))
        ),
        paragraphs: vec![
            format!(
                "Tabular discrete SAC in a corridor of nine cells: two steps to the left of the start lies a reward of 1, six to the right one of 10; \
                 γ = {}, {} episodes of at most 60 steps. A run counts as optimal if its most probable actions lead to the large reward. Annealed: α \
                 falls on a straight line and is 0 in the last fifth.",
                findings.setup.discount, findings.setup.episodes
            ),
            format!(
                "Better than without entropy, by their intervals, with annealing: α₀ = {}. More is not better: above α = {}, R(1−γ)/ln |A|, a life \
                 of pure entropy is worth more than the large reward, and above {} the most probable actions of the exact soft optimum no longer \
                 lead to it. With constant α most runs get nowhere at α = {}: far below the trap too, where entropy is not the optimum's fault but a \
                 policy that is still noisy has not committed itself. A little entropy, α₀ = {}, changes nothing.",
                listed(&fading),
                number(findings.entropy_trap, 2),
                number(findings.predicted_limit, 2),
                listed(&lost),
                of(true).map(|ends| ends.alpha).find(|&alpha| alpha > 0.0).unwrap_or(0.0)
            ),
        ],
        tables: vec![table(
            format!(
                "Of {seeds} runs, how many end at the large reward, at the small one, and at neither within 60 steps."
            ),
            ["α₀", "constant: large", "small", "neither", "annealed: large", "small", "neither"],
            of(false)
                .zip(of(true))
                .map(|(constant, annealed)| {
                    let counts = [constant, annealed].map(|ends| [ends.large, ends.small, ends.nowhere]);
                    let cells = counts.iter().flatten().map(u64::to_string);
                    [constant.alpha.to_string()].into_iter().chain(cells).collect()
                })
                .collect(),
        )],
        figures: vec![phases(findings)],
    }
}

fn phases(findings: &Findings) -> temperance_report::Figure {
    let seeds = findings.setup.seeds;
    let least =
        findings.setup.alphas.iter().copied().filter(|&alpha| alpha > 0.0).fold(f64::INFINITY, f64::min);
    // Without a logarithm, α₀ = 0 has a place of its own at the left edge.
    let left = least.log10() - 0.4;
    let of = |annealed: bool| {
        let curve = |label: &str, number: fn(&Ends) -> u64| {
            let ends = || findings.ends.iter().filter(|ends| ends.annealed == annealed);
            let places: Vec<_> = ends()
                .filter(|ends| ends.alpha > 0.0)
                .map(|ends| (ends.alpha.log10(), share(number(ends), seeds)))
                .collect();
            let zero = ends()
                .filter(|ends| ends.alpha == 0.0)
                .map(|ends| [left, number(ends) as f64 / seeds as f64]);
            let mut curve = estimates(label, &places);
            curve.dots = zero.chain(curve.points.iter().copied()).collect();
            curve
        };
        let mut curves: Vec<Curve> = vec![
            curve("at the large reward", |ends| ends.large),
            curve("at the small reward", |ends| ends.small),
            curve("at neither", |ends| ends.nowhere),
        ];
        if !annealed {
            curves.push(upright("entropy trap R(1−γ)/ln |A|", findings.entropy_trap.log10(), [0.0, 1.0]));
            curves.push(upright(
                "soft value iteration turns away",
                findings.predicted_limit.log10(),
                [0.0, 1.0],
            ));
        }
        let title =
            if annealed { "Share of the runs, α annealed to 0" } else { "Share of the runs, α constant" };
        let largest = findings.setup.alphas.iter().copied().fold(0.0, f64::max).log10();
        panel(
            title,
            Axis::new("log10 α₀; dots at the left edge: α₀ = 0", [left - 0.1, largest + 0.1]),
            [-0.02, 1.02],
            curves,
        )
    };
    figure("demo-corridor", "Where runs end, with Wilson intervals", vec![of(false), of(true)])
}
