//! Policies that are learned in seconds: if one of these falls, something in the update is wrong.

use temperance::Parameters;
use temperance_rl::{Mode, Plan, Settings, Training, mean_return};

/// The mean return of 100 episodes of the last policy, without noise.
fn learned(environment: &str, steps: u64, settings: Settings) -> f64 {
    let parameters = Parameters::new();
    let plan = Plan { environment: environment.into(), parameters, settings, seed: 0, steps };
    let mut training = Training::new(plan).unwrap();
    while !training.is_done() {
        training.advance().unwrap();
    }
    mean_return(&training.evaluate(100, Mode::Deterministic, 1_000_000, None).unwrap())
}

/// A policy at random earns about -1 200; one that swings up and stays there about -150.
#[test]
fn pendulum_swings_up() {
    let mean = learned("Pendulum-v1", 5000, Settings::small());
    assert!(mean > -200.0, "{mean}");
}

/// At random the pole falls after about 20 steps; 500 is all that there is.
#[test]
fn cart_pole_stays_up() {
    let settings = Settings {
        polyak: 0.05,
        learning_starts: 1000,
        target_entropy_scale: 0.7,
        final_target_entropy_scale: Some(0.05),
        ..Settings::small()
    };
    let mean = learned("CartPole-v1", 30_000, settings);
    assert!(mean > 400.0, "{mean}");
}
