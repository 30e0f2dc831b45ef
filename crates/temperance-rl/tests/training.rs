//! Runs as a whole: the same bits, stopped or not; what is refused; and the errors that others have made.

use std::ops::ControlFlow;

use temperance::{ErrorKind, Parameter, Parameters};
use temperance_rl::{EntropyUnits, LONGEST_EPISODE, Mode, Plan, Settings, Training, preset};

fn plan(environment: &str, settings: Settings) -> Plan {
    let parameters = Parameters::new();
    Plan { environment: environment.into(), parameters, settings, seed: 3, steps: 400 }
}

/// Small networks, and episodes that end within a few steps of the time limit.
fn small() -> Settings {
    Settings { hidden: vec![16, 16], batch_size: 16, learning_starts: 40, ..Settings::default() }
}

fn ran(plan: Plan, until: u64) -> Training {
    let mut training = Training::new(plan).unwrap();
    while training.steps() < until {
        training.advance().unwrap();
    }
    training
}

#[test]
fn a_run_that_is_saved_and_loaded_is_the_same_run() {
    let short = |name: &str| {
        Parameters::new()
            .with("max_episode_steps", Parameter::Number(if name == "Pendulum-v1" { 30.0 } else { 50.0 }))
    };
    for (environment, settings) in [
        ("Pendulum-v1", small()),
        ("Pendulum-v1", Settings { environments: 2, n_step: 3, buffer_size: 120, ..small() }),
        (
            "Pendulum-v1",
            Settings { sde: true, train_every: 8, gradient_steps: 8, alpha: Some(0.1), ..small() },
        ),
        (
            "Pendulum-v1",
            Settings {
                hidden: vec![16, 16],
                batch_size: 16,
                learning_starts: 40,
                ..(preset("cleanrl").unwrap().settings)()
            },
        ),
        ("CartPole-v1", Settings { final_target_entropy_scale: Some(0.1), ..small() }),
        ("CartPole-v1", Settings { q_clip: Some(0.5), entropy_penalty: 0.5, target_every: 3, ..small() }),
    ] {
        let plan = Plan { parameters: short(environment), ..plan(environment, settings) };
        let mut whole = ran(plan.clone(), 400);
        let mut part = ran(plan, 177);
        let mut part = Training::load(&part.save()).unwrap();
        while !part.is_done() {
            part.advance().unwrap();
        }
        assert!(whole.save() == part.save(), "{environment}: {:?}", whole.plan());
        assert!(whole.episodes() > 3);
        let returns = |training: &Training| training.evaluate(3, Mode::Stochastic, 5, None, &()).unwrap();
        assert_eq!(returns(&whole), returns(&part));
        let other = ran(Plan { seed: 4, ..whole.plan().clone() }, 400).save();
        assert!(whole.save() != other, "seeds differ");
    }
}

#[test]
fn broken_checkpoints_are_refused() {
    let mut training = ran(plan("Pendulum-v1", small()), 100);
    let bytes = training.save();
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        let error = Training::load(&bytes[..length]).err().unwrap().to_string();
        assert!(error.starts_with("checkpoint is broken ("), "{error}");
        assert!(error.ends_with("; expected a whole one of temperance-rl"), "{error}");
    }
    // The header says 17 units where the vectors have 16.
    let at = bytes.windows(18).position(|window| window == b"hidden\\\":[16,16],\\").unwrap();
    let mut other = bytes.clone();
    other[at..at + 18].copy_from_slice(b"hidden\\\":[17,16],\\");
    let error = Training::load(&other).err().unwrap().to_string();
    assert!(error.starts_with("actor of the checkpoint is of shape ["), "{error}");
    assert!(error.contains("numbers of type F32, as these settings have them"), "{error}");
}

#[test]
fn bad_settings_are_refused() {
    let refused =
        |environment: &str, settings| Training::new(plan(environment, settings)).err().unwrap().to_string();
    assert_eq!(
        refused("Pendulum-v1", Settings { discount: 1.5, ..small() }),
        "discount is 1.5; expected a number from 0 to 1"
    );
    assert_eq!(
        refused("Pendulum-v1", Settings { alpha: Some(f64::NAN), ..small() }),
        "alpha is NaN; expected a finite number, 0 or above"
    );
    assert_eq!(
        refused("CartPole-v1", Settings { sde: true, ..small() }),
        "sde is on for discrete actions; expected continuous actions: state-dependent exploration is theirs"
    );
    assert!(refused("Pendulum-v2", small()).contains("the nearest is Pendulum-v1"));
    assert_eq!(
        refused("Pendulum-v1", Settings { sde_log_std: f64::NAN, ..small() }),
        "sde_log_std is NaN; expected a number from -20 to 20"
    );
    for scale in [f64::NAN, 5.0] {
        assert_eq!(
            refused("Pendulum-v1", Settings { final_target_entropy_scale: Some(scale), ..small() }),
            format!(
                "final_target_entropy_scale is {scale}; expected a number from 0 to 1, the share of ln K"
            )
        );
    }
    // What no memory holds.
    for hidden in [
        vec![],
        vec![8, 0],
        vec![usize::MAX],
        vec![(1 << 26) + 1],
        vec![1 << 15, 1 << 15],
        vec![1, usize::MAX, 1],
    ] {
        let shown = format!(
            "hidden is {hidden:?}; expected one or more widths from 1 on, and at most 67108864 weights"
        );
        assert_eq!(refused("Pendulum-v1", Settings { hidden, ..small() }), shown);
    }
    assert_eq!(
        refused("Pendulum-v1", Settings { environments: 1 << 20, ..small() }),
        "environments is 1048576; expected at most 65536"
    );
    assert_eq!(
        refused("Pendulum-v1", Settings { batch_size: 0, ..small() }),
        "batch_size is 0; expected at least 1"
    );
}

/// A policy that never ends an episode can be evaluated where nothing else ends it, and an evaluation can be stopped.
#[test]
fn an_evaluation_comes_to_an_end() {
    let training = Training::new(plan("CliffWalking-v1", small())).unwrap();
    let seen = std::sync::atomic::AtomicU64::new(0);
    let count = |_| {
        seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let episodes = training.evaluate(2, Mode::Deterministic, 0, None, &count).unwrap();
    // This one walks against a wall.
    assert!(episodes.iter().all(|episode| episode.length == LONGEST_EPISODE && !episode.terminated));
    assert_eq!(seen.into_inner(), 2 * 10);
    let stop = |_| ControlFlow::Break(());
    let error = training.evaluate(1, Mode::Deterministic, 0, None, &stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

/// A target entropy of -|A|, which is right for continuous actions, has no meaning for discrete ones; and one that is
/// above ln |A| drives α to infinity.
#[test]
fn a_target_entropy_that_cannot_be_reached_is_refused() {
    let refused = |environment: &str, target: f64| {
        let settings = Settings { target_entropy: Some(target), ..small() };
        Training::new(plan(environment, settings)).err().unwrap().to_string()
    };
    assert_eq!(
        refused("CartPole-v1", -2.0),
        "target entropy is -2; expected a number of nats from 0 to 0.6931, which is ln 2"
    );
    assert!(
        refused("Acrobot-v1", 1.2)
            .starts_with("target entropy is 1.2; expected a number of nats from 0 to 1.0986")
    );
    assert!(refused("Pendulum-v1", 0.7).contains("below 0.6931, which is 1·ln 2"));
    let settings = Settings { target_entropy_scale: 1.1, ..small() };
    assert!(Training::new(plan("CartPole-v1", settings)).is_err());
}

/// Actions of another range have the same entropy in normalised units; in those of the environment the same target is
/// another one.
#[test]
fn units_of_entropy_are_said() {
    let plain = Training::new(plan("Pendulum-v1", small())).unwrap();
    assert_eq!(plain.agent().target_entropy(), -1.0);
    // ±2 adds ln 2 to entropies: 1.3 nats can be reached there, and cannot in ±1.
    let settings = Settings { target_entropy: Some(1.3), ..small() };
    assert!(Training::new(plan("Pendulum-v1", settings.clone())).is_err());
    let settings = Settings { entropy_units: EntropyUnits::Environment, ..settings };
    assert!(Training::new(plan("Pendulum-v1", settings)).is_ok());
}

/// α stays where the policy can follow: with a target of half of ln 2 the entropy comes to it.
#[test]
fn the_entropy_comes_to_its_target() {
    let settings = Settings {
        actor_learning_rate: 3e-3,
        critic_learning_rate: 3e-3,
        temperature_learning_rate: 3e-3,
        ..small()
    };
    let mut training = ran(Plan { steps: 3000, ..plan("CartPole-v1", settings) }, 2500);
    training.take_seen();
    while !training.is_done() {
        training.advance().unwrap();
    }
    let entropy = training.take_seen().losses().entropy;
    let target = training.agent().target_entropy();
    assert!((target - 0.5 * 2_f64.ln()).abs() < 1e-12);
    assert!((entropy - target).abs() < 0.1, "{entropy} for {target}");
    assert!(training.agent().alpha() < 10.0, "{}", training.agent().alpha());
}
