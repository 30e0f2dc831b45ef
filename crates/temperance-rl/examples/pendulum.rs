//! SAC learns Pendulum-v1: `cargo run --release -p temperance-rl --example pendulum [-- ENVIRONMENT STEPS WIDTH]`.

use std::time::Instant;

use temperance::Parameters;
use temperance_rl::{Mode, Plan, Settings, Training, mean_return};

fn main() -> temperance::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let environment = arguments.next().unwrap_or_else(|| "Pendulum-v1".into());
    let mut number = |default| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (steps, width) = (number(5000), number(64));
    let settings = Settings { hidden: vec![width; 2], batch_size: width, ..Settings::small() };
    let plan = Plan { environment, parameters: Parameters::new(), settings, seed: 0, steps: steps as u64 };
    let mut training = Training::new(plan)?;
    let start = Instant::now();
    while !training.is_done() {
        training.advance()?;
        if training.steps().is_multiple_of(steps as u64 / 10) {
            let seen = training.take_seen();
            let losses = seen.losses();
            println!(
                "step {:>6}: return {:>8.1}, entropy {:>6.3}, alpha {:.4}, Q {:>8.2}",
                training.steps(),
                seen.mean_return(),
                losses.entropy,
                training.agent().alpha(),
                losses.value
            );
        }
    }
    println!("{:.0} steps a second", steps as f64 / start.elapsed().as_secs_f64());
    let episodes = training.evaluate(100, Mode::Deterministic, 1000, None, &())?;
    println!("100 episodes of the last policy, deterministic: mean return {:.1}", mean_return(&episodes));
    Ok(())
}
