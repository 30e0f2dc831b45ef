//! Updates beside those of other implementations, given the same weights, batch and noise: the tapes of
//! `tests/tapes/record_updates.py`.

use serde_json::Value;

use crate::learner::Critic;
use crate::network::Real;
use crate::random::{Stream, stream};
use crate::replay::Batch;
use crate::settings::{Critics, EntropyUnits, LogStd, Order, Settings, TemperatureForm};
use crate::{DiscreteSac, Losses, Sac};

fn tape(name: &str) -> Value {
    let path = format!("{}/tests/tapes/update-{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// All numbers of nested lists, in order; true is 1.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Bool(bit) => vec![f64::from(u8::from(*bit))],
        Value::Number(number) => vec![number.as_f64().unwrap()],
        other => panic!("{other} is no number"),
    }
}

fn real<T: Real>(value: &Value) -> Vec<T> {
    numbers(value).into_iter().map(T::of).collect()
}

/// The parameters of a network in our order; heads of the last layer lie one after the other.
fn network(part: &Value, name: &str, layers: &[&[&str]]) -> Vec<f64> {
    let mut parameters = Vec::new();
    for heads in layers {
        for kind in ["weight", "bias"] {
            for head in *heads {
                parameters.extend(numbers(&part[format!("{name}.{head}.{kind}")]));
            }
        }
    }
    parameters
}

const CRITIC: [&[&str]; 3] = [&["0"], &["1"], &["2"]];
const GAUSSIAN: [&[&str]; 3] = [&["0"], &["1"], &["mean", "log_std"]];
const DEPENDENT: [&[&str]; 3] = [&["0"], &["1"], &["mean"]];
const CATEGORICAL: [&[&str]; 3] = [&["0"], &["1"], &["logits"]];

fn settings(tape: &Value) -> Settings {
    let said = &tape["settings"];
    let number = |name: &str| said[name].as_f64();
    let rate = |name: &str| said["learning_rates"][name].as_f64().unwrap();
    let learned = said["target_entropy"].is_number();
    Settings {
        hidden: vec![8, 8],
        discount: number("gamma").unwrap(),
        polyak: number("tau").unwrap(),
        actor_learning_rate: rate("actor"),
        critic_learning_rate: rate("critic"),
        temperature_learning_rate: rate("alpha"),
        alpha: if learned { None } else { number("alpha") },
        target_entropy: number("target_entropy"),
        temperature_loss: match said["alpha_loss"].as_str() {
            Some("alpha") => TemperatureForm::Alpha,
            _ => TemperatureForm::LogAlpha,
        },
        critic_loss_factor: if said["critic_loss"].as_str().unwrap().starts_with("half") { 0.5 } else { 1.0 },
        sde: said["use_expln"].is_boolean(),
        entropy_in_target: said["entropy_in_target"].as_bool().unwrap_or(true),
        q_clip: number("q_clip"),
        entropy_penalty: number("entropy_penalty").unwrap_or(0.0),
        critics: if said["critics_combined"] == "mean" { Critics::Mean } else { Critics::Minimum },
        ..if tape["case"] == "cleanrl" {
            Settings {
                order: Order::Delayed,
                log_std: LogStd::Rescale,
                entropy_units: EntropyUnits::Environment,
                ..Settings::default()
            }
        } else {
            Settings::default()
        }
    }
}

fn batch<T: Real>(update: &Value, gamma: f64, scale: f64) -> Batch<T> {
    let said = &update["batch"];
    let terminated = numbers(&said["terminated"]);
    let discounts = match &said["discounts"] {
        Value::Null => vec![gamma; terminated.len()],
        discounts => numbers(discounts),
    };
    Batch {
        observations: real(&said["observations"]),
        actions: numbers(&said["actions"]).iter().map(|&action| T::of(action / scale)).collect(),
        rewards: real(&said["rewards"]),
        next_observations: real(&said["next_observations"]),
        discounts: discounts
            .iter()
            .zip(terminated)
            .map(|(discount, end)| T::of(discount * (1.0 - end)))
            .collect(),
        entropies: if said["behaviour_entropy"].is_array() {
            real(&said["behaviour_entropy"])
        } else {
            Vec::new()
        },
    }
}

/// Equal up to a share of the largest entry.
#[track_caller]
fn close<T: Real>(what: &str, ours: &[T], theirs: &[f64], share: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let error = (ours.f64() - theirs).abs();
        assert!(error <= share * largest.max(1e-3), "{what}, entry {at}: {} against {theirs}", ours.f64());
    }
}

fn set<T: Real>(into: &mut [T], values: &[f64]) {
    assert_eq!(into.len(), values.len());
    into.iter_mut().zip(values).for_each(|(into, &value)| *into = T::of(value));
}

fn set_critics<T: Real>(critics: &mut [Critic<T>; 2], initial: &Value) {
    for (i, critic) in critics.iter_mut().enumerate() {
        set(&mut critic.learner.network.parameters, &network(initial, &format!("critic.{i}"), &CRITIC));
        set(&mut critic.target.parameters, &network(initial, &format!("target.{i}"), &CRITIC));
    }
}

#[track_caller]
fn critics_agree<T: Real>(
    critics: &[Critic<T>; 2],
    update: &Value,
    what: &dyn Fn(&str) -> String,
    share: f64,
    parameters: f64,
) {
    for (i, critic) in critics.iter().enumerate() {
        let gradient = network(&update["gradients"], &format!("critic.{i}"), &CRITIC);
        close(&what("gradient of a critic"), &critic.learner.gradient, &gradient, share);
        let after = network(&update["parameters"], &format!("critic.{i}"), &CRITIC);
        close(&what("a critic"), &critic.learner.network.parameters, &after, parameters);
        let after = network(&update["parameters"], &format!("target.{i}"), &CRITIC);
        close(&what("a target"), &critic.target.parameters, &after, parameters);
    }
}

/// Plays a tape of continuous actions; losses and gradients agree to a share, parameters to another where gradients are
/// not tiny.
fn continuous<T: Real>(name: &str, share: f64, parameters: f64) {
    let tape = tape(name);
    let settings = settings(&tape);
    let scale = tape["settings"]["action_scale"].as_f64().unwrap();
    let entries = tape["updates"][0]["batch"]["actions"][0].as_array().unwrap().len();
    let mut rng = stream(0, Stream::Weights, 0);
    let gamma = settings.discount;
    let delayed = settings.order == Order::Delayed;
    let sde = settings.sde;
    let layout: &[&[&str]] = if sde { &DEPENDENT } else { &GAUSSIAN };
    let mut agent = Sac::<T>::new(settings, 3, &vec![scale; entries], &mut rng).unwrap();
    let initial = &tape["initial"];
    set(&mut agent.policy.actor.network.parameters, &network(initial, "actor", layout));
    set_critics(&mut agent.critics, initial);
    if let Some(exploration) = &mut agent.policy.exploration {
        set(&mut exploration.log_std, &numbers(&initial["actor.log_std"]));
    }
    for (at, update) in tape["updates"].as_array().unwrap().iter().enumerate() {
        let what = |part: &str| format!("{name}, update {at}, {part}");
        let mut noises = Vec::new();
        let order: &[&str] = if sde {
            &["exploration"]
        } else if delayed {
            &["target"]
        } else {
            &["actor", "target"]
        };
        noises.extend(order.iter().map(|&kind| numbers(&update["noise"][kind])));
        let steps = update["actor_steps"].as_array().cloned().unwrap_or_default();
        for step in &steps {
            noises.extend(["actor", "alpha"].map(|kind| numbers(&step["noise"][kind])));
        }
        let mut noises = noises.into_iter();
        let losses: Losses = agent
            .update(&batch::<T>(update, gamma, scale), &mut |into| {
                into.copy_from_slice(&noises.next().unwrap())
            })
            .unwrap();
        assert_eq!(noises.next(), None);
        close(
            &what("loss of the critics"),
            &[losses.critic],
            &[update["losses"]["critic"].as_f64().unwrap()],
            share,
        );
        let last = steps.last().unwrap_or(update);
        if !delayed || !steps.is_empty() {
            close(
                &what("loss of the policy"),
                &[losses.actor],
                &[last["losses"]["actor"].as_f64().unwrap()],
                share,
            );
            let gradient = network(&last["gradients"], "actor", layout);
            close(&what("gradient of the policy"), &agent.policy.actor.gradient, &gradient, share);
            if let Some(by) = last["gradients"]["log_alpha"].as_f64() {
                close(&what("gradient of log α"), &[losses.temperature_gradient], &[by], share);
            }
            if let Some(loss) = last["losses"]["alpha"].as_f64() {
                assert!(
                    (losses.temperature - loss).abs() <= share * loss.abs().max(1e-2),
                    "{}",
                    what("loss of α")
                );
            }
        }
        critics_agree(&agent.critics, update, &what, share, parameters);
        let after = network(&update["parameters"], "actor", layout);
        close(&what("the policy"), &agent.policy.actor.network.parameters, &after, parameters);
        if let Some(exploration) = &agent.policy.exploration {
            let gradient = numbers(&update["gradients"]["actor.log_std"]);
            close(&what("gradient of the exploration"), &exploration.gradient, &gradient, share);
            let after = numbers(&update["parameters"]["actor.log_std"]);
            close(&what("the exploration"), &exploration.log_std, &after, parameters);
        }
        if let Some(log_alpha) = update["log_alpha"].as_f64() {
            assert!((agent.temperature.log_alpha[0] - log_alpha).abs() < 1e-6, "{}", what("log α"));
        }
    }
}

fn discrete<T: Real>(name: &str, share: f64, parameters: f64) {
    let tape = tape(name);
    let settings = settings(&tape);
    let gamma = settings.discount;
    let mut agent = DiscreteSac::<T>::new(settings, 3, 3, &mut stream(0, Stream::Weights, 0)).unwrap();
    let initial = &tape["initial"];
    set(&mut agent.actor.network.parameters, &network(initial, "actor", &CATEGORICAL));
    set_critics(&mut agent.critics, initial);
    for (at, update) in tape["updates"].as_array().unwrap().iter().enumerate() {
        let what = |part: &str| format!("{name}, update {at}, {part}");
        let losses = agent.update(&batch::<T>(update, gamma, 1.0)).unwrap();
        let said = |part: &str| update["losses"][part].as_f64().unwrap();
        close(&what("loss of the critics"), &[losses.critic], &[said("critic")], share);
        close(&what("loss of the policy"), &[losses.actor], &[said("actor")], share);
        let gradient = network(&update["gradients"], "actor", &CATEGORICAL);
        close(&what("gradient of the policy"), &agent.actor.gradient, &gradient, share);
        let by = update["gradients"]["log_alpha"].as_f64().unwrap();
        close(&what("gradient of log α"), &[losses.temperature_gradient], &[by], share);
        critics_agree(&agent.critics, update, &what, share, parameters);
        let after = network(&update["parameters"], "actor", &CATEGORICAL);
        close(&what("the policy"), &agent.actor.network.parameters, &after, parameters);
        assert!((agent.temperature.log_alpha[0] - update["log_alpha"].as_f64().unwrap()).abs() < 1e-6);
    }
}

/// Without the 1e-6 that others add to 1 - a², which we do not need.
#[test]
fn continuous_updates_in_double_precision() {
    for case in ["sb3", "sb3-two", "sb3-fixed", "sb3-nstep", "sb3-gsde", "cleanrl"] {
        continuous::<f64>(&format!("{case}-exact"), 1e-9, 1e-9);
    }
}

/// As others compute it; their 1e-6 is the largest part of the difference.
#[test]
fn continuous_updates_in_single_precision() {
    for case in ["sb3", "sb3-two", "sb3-fixed", "sb3-nstep", "sb3-gsde", "cleanrl"] {
        continuous::<f32>(&format!("{case}-exact"), 1e-5, 1e-5);
        continuous::<f32>(&format!("{case}-f32"), 2e-4, 1e-3);
    }
}

#[test]
fn discrete_updates_in_both_precisions() {
    for case in ["discrete", "discrete-decoupled", "discrete-sd"] {
        discrete::<f64>(&format!("{case}-f64"), 1e-9, 1e-9);
        discrete::<f32>(&format!("{case}-f32"), 1e-5, 1e-4);
    }
}
