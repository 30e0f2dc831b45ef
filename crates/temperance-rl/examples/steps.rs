//! How long a step of each environment takes, under random actions and with a reset at the end of an episode.
//!
//! `cargo run --release -p temperance-rl --example steps`

use std::time::Instant;

use temperance::{Parameters, Result};
use temperance_rl::environment::{Action, ENVIRONMENTS, Space, make};
use temperance_rl::generator::Generator;

const STEPS: usize = 1_000_000;

fn main() -> Result<()> {
    for entry in ENVIRONMENTS {
        let mut environment = make(entry.name, &Parameters::new())?;
        let mut observation = vec![0.0; environment.observation_space().len()];
        let space = environment.action_space().clone();
        let mut generator = Generator::seeded(0);
        let actions: Vec<Vec<f32>> = (0..1000)
            .map(|_| match &space {
                Space::Discrete(number) => vec![(generator.random() * *number as f64).floor() as f32],
                Space::Box { low, .. } => low.iter().map(|_| generator.uniform(-1.0, 1.0) as f32).collect(),
            })
            .collect();

        environment.reset(Some(0), &mut observation);
        let begin = Instant::now();
        for step in 0..STEPS {
            let action = &actions[step % actions.len()];
            let action = match space {
                Space::Discrete(_) => Action::Discrete(action[0] as usize),
                Space::Box { .. } => Action::Continuous(action),
            };
            let step = environment.step(action, &mut observation)?;
            if step.terminated || step.truncated {
                environment.reset(None, &mut observation);
            }
        }
        let nanoseconds = begin.elapsed().as_nanos() as f64 / STEPS as f64;
        println!("{:<26}{nanoseconds:>8.1} ns per step", entry.name);
    }
    Ok(())
}
