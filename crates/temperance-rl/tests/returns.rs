//! Policies that are learned in seconds: if one of these falls, something in the update is wrong.

use temperance::Parameters;
use temperance::policy::LinearQuadratic;
use temperance_rl::environment::{Action, linear_quadratic, make};
use temperance_rl::{Mode, Plan, Settings, Training, mean_return};

const EPISODES: u64 = 100;
const EVALUATION_SEED: u64 = 1_000_000;

/// The mean return of 100 episodes of the last policy, without noise.
fn learned(environment: &str, steps: u64, settings: Settings) -> f64 {
    let parameters = Parameters::new();
    let plan = Plan { environment: environment.into(), parameters, settings, seed: 0, steps };
    let mut training = Training::new(plan).unwrap();
    while !training.is_done() {
        training.advance().unwrap();
    }
    mean_return(&training.evaluate(EPISODES, Mode::Deterministic, EVALUATION_SEED, None, &()).unwrap())
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

/// The optimum u = -K·x of discounted control has the mean return `mean_return(K)`. A hundred episodes are off that by their
/// luck, which both policies share.
#[test]
fn linear_quadratic_control_is_optimal() {
    let system = LinearQuadratic {
        states: 1,
        controls: 1,
        a: &[0.9],
        b: &[0.5],
        q: &[1.0],
        r: &[0.1],
        noise: &[0.09],
        discount: 0.9,
    };
    let gain = system.solve(0.0).unwrap().gain[0];
    let exact = linear_quadratic::mean_return(gain, &Parameters::new()).unwrap();
    let mut environment = make("LinearQuadratic", &Parameters::new()).unwrap();
    let mut best = 0.0;
    let mut x = [0.0];
    for episode in 0..EPISODES {
        environment.reset((episode == 0).then_some(EVALUATION_SEED), &mut x);
        loop {
            let control = (-gain * f64::from(x[0])).clamp(-2.0, 2.0) as f32;
            let step = environment.step(Action::Continuous(&[control]), &mut x).unwrap();
            best += step.reward / EPISODES as f64;
            if step.truncated {
                break;
            }
        }
    }
    assert!((best / exact - 1.0).abs() < 0.05, "{best}, exactly {exact}");
    let settings = Settings {
        hidden: vec![64, 64],
        alpha: Some(0.2),
        discount: 0.9,
        learning_starts: 1000,
        ..Settings::default()
    };
    let mean = learned("LinearQuadratic", 6000, settings);
    assert!((mean / best - 1.0).abs() < 0.02, "{mean}, at best {best}");
}
