//! The bandit: how long does policy gradient stay with a wrong arm?

use temperance_report::{Axis, Curve, Section};
use temperance_rl::demonstration::bandit::{Findings, Setup, Time};

use super::{Demonstration, Shown, listed, table};
use crate::pictures::{figure, heights, panel};
use crate::statistics::number;

pub(super) const ENTRY: Demonstration = Demonstration {
    name: "bandit",
    summary: "how long exact policy gradient stays with a wrong arm",
    run: |quick, observer| {
        let setup = if quick { Setup::quick() } else { Setup::default() };
        let findings = setup.run(observer)?;
        Ok(Shown::new(section(&findings), &findings))
    },
};

fn section(findings: &Findings) -> Section {
    let setup = &findings.setup;
    let of: Vec<&[Time]> = findings.times.chunks(setup.probabilities.len()).collect();
    let (none, most) = (of[0], of[of.len() - 1]);
    let (last, temperature) = (setup.probabilities.len() - 1, setup.temperatures[of.len() - 1]);
    let steps = |time: &Time| time.steps.unwrap_or(setup.limit) as f64;
    let text =
        |time: &Time| time.steps.map_or_else(|| format!("> {}", setup.limit), |steps| steps.to_string());
    // How fast steps grow as the first probability falls, on logarithmic scales.
    let slope = |times: &[Time]| {
        let rise = (steps(&times[last]) / steps(&times[0])).ln();
        rise / (times[0].probability / times[last].probability).ln()
    };
    let slopes: Vec<String> = of
        .iter()
        .map(|times| format!("{} at τ = {}", number(slope(times), 2), times[0].temperature))
        .collect();
    let bias: Vec<String> = setup
        .temperatures
        .iter()
        .zip(&findings.limits)
        .map(|(temperature, limit)| format!("{} at τ = {temperature}", number(*limit, 2)))
        .collect();
    let name = |time: &Time| format!("τ = {}", time.temperature);
    let curves: Vec<Curve> = of
        .iter()
        .map(|times| {
            let points = times
                .iter()
                .filter_map(|time| Some([time.probability.log10(), (time.steps? as f64).log10()]));
            let mut curve = Curve::new(name(&times[0]), points);
            curve.dots.clone_from(&curve.points);
            curve
        })
        .collect();
    let y = heights(&curves);
    let rows = of.iter().zip(&findings.limits).map(|(times, limit)| {
        let cells = times.iter().map(text).chain([number(*limit, 3)]);
        [name(&times[0])].into_iter().chain(cells).collect()
    });
    let probabilities: Vec<String> = setup.probabilities.iter().map(|p| format!("from {p}")).collect();
    let mut steps_table = table(
        "Steps until the best arm has more than half of the probability, by its probability at the start; last, its probability in the end.",
        ["", "", ""],
        rows.collect(),
    );
    steps_table.header =
        [String::new()].into_iter().chain(probabilities).chain(["in the end".to_owned()]).collect();
    let ratio = steps(&none[last]) / steps(&most[last]);
    Section {
        heading: "Does entropy free policy gradient from a wrong arm?".into(),
        short: "Bandit".into(),
        verdict: if ratio > 1.0 { "Yes, sooner, at the price of a policy that stays mixed" } else { "No" }
            .into(),
        because: format!(
            "From a probability of {} on the best arm, exact gradient takes {} steps without entropy and {} at τ = {temperature}: {} times fewer. In the end \
             the best arm has a probability of {}.",
            setup.probabilities[last],
            text(&none[last]),
            text(&most[last]),
            number(ratio, 0),
            listed(&bias)
        ),
        paragraphs: vec![format!(
            "Two arms of rewards 1 and 0.9, softmax policy, the exact gradient with rate {}, so that there is no noise and no seed. Steps grow as a \
             power of one over the first probability, with exponents of {} over the whole range. Soft policy iteration needs one step from anywhere, \
             softmax(r/τ): the slowness is that of the gradient, which entropy mends in part, and not of the problem.",
            setup.rate,
            listed(&slopes)
        )],
        tables: vec![steps_table],
        figures: vec![figure(
            "demo-bandit",
            "Steps of exact policy gradient until the best arm is preferred",
            vec![panel(
                "log10 of the steps",
                Axis::new(
                    "log10 of the probability at the start",
                    [setup.probabilities[last].log10() - 0.1, setup.probabilities[0].log10() + 0.1],
                ),
                [0.0, y[1]],
                curves,
            )],
        )],
    }
}
