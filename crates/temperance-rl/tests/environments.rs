//! The environments: against Gymnasium's tapes, by hand, and by the laws that all of them obey.

use std::path::Path;

use rand::Rng;
use rand_pcg::Lcg128Xsl64;
use serde_json::Value;
use temperance::{Parameter, Parameters, Result};
use temperance_rl::environment::{Action, ENVIRONMENTS, Environment, Space, Table, make};
use temperance_rl::generator::Generator;

const CLASSIC: [&str; 5] =
    ["Acrobot-v1", "CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Pendulum-v1"];
/// The name of a tape, and the environment with its parameters.
const TABULAR: [(&str, &str, &[(&str, f64)]); 4] = [
    ("CliffWalking-v1", "CliffWalking-v1", &[]),
    ("CliffWalkingSlippery-v1", "CliffWalking-v1", &[("is_slippery", 1.0)]),
    ("FrozenLake-v1", "FrozenLake-v1", &[]),
    ("FrozenLake8x8-v1", "FrozenLake8x8-v1", &[]),
];
/// Words of a saved environment before the numbers of its state.
const BEFORE_STATE: usize = 6;

fn tape(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/tapes/env-{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

/// A number, or the name of an infinity.
fn number(value: &Value) -> f64 {
    value.as_str().map_or_else(|| value.as_f64().unwrap(), |name| name.parse().unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

fn numbers_f32(value: &Value) -> Vec<f32> {
    list(value).iter().map(|value| number(value) as f32).collect()
}

/// Numbers of a state: several, or that of a cell.
fn state(value: &Value) -> Vec<f64> {
    if value.is_array() { numbers(value) } else { vec![number(value)] }
}

fn flags(value: &Value) -> Vec<bool> {
    value.as_str().unwrap().bytes().map(|flag| flag == b'1').collect()
}

fn parameters(given: &[(&str, f64)]) -> Parameters {
    given.iter().fold(Parameters::new(), |all, &(name, value)| all.with(name, Parameter::Number(value)))
}

fn made(name: &str, given: &[(&str, f64)]) -> Box<dyn Environment> {
    make(name, &parameters(given)).unwrap()
}

fn text<T>(result: Result<T>) -> String {
    result.map(|_| "no error").unwrap_err().to_string()
}

fn blank(environment: &dyn Environment) -> Vec<f32> {
    vec![f32::NAN; environment.observation_space().len()]
}

/// An action with room for its vector.
#[derive(Debug, Clone)]
enum Owned {
    Number(usize),
    Vector(Vec<f32>),
}

impl Owned {
    fn borrowed(&self) -> Action<'_> {
        match self {
            Owned::Number(number) => Action::Discrete(*number),
            Owned::Vector(vector) => Action::Continuous(vector),
        }
    }
}

/// A random action, drawn as the tapes' are.
fn draw(space: &Space, generator: &mut Generator) -> Owned {
    match space {
        Space::Discrete(number) => Owned::Number((generator.random() * *number as f64) as usize),
        Space::Box { low, high } => {
            let bounds = low.iter().zip(high);
            Owned::Vector(bounds.map(|(&l, &h)| generator.uniform(l.into(), h.into()) as f32).collect())
        }
    }
}

/// The first `count` numbers of the state.
fn state_of(environment: &dyn Environment, count: usize) -> Vec<f64> {
    environment.save()[BEFORE_STATE..][..count].iter().map(|&word| f64::from_bits(word)).collect()
}

/// Steps in representable numbers from one to the other.
fn ulps(a: f64, b: f64) -> u64 {
    let ordered = |x: f64| if x < 0.0 { -((x.to_bits() << 1 >> 1) as i64) } else { x.to_bits() as i64 };
    ordered(a).abs_diff(ordered(b))
}

fn ulps_f32(a: f32, b: f32) -> u32 {
    let ordered = |x: f32| if x < 0.0 { -((x.to_bits() << 1 >> 1) as i32) } else { x.to_bits() as i32 };
    ordered(a).abs_diff(ordered(b))
}

#[test]
fn generator_is_numpys() {
    for case in list(&tape("generator")["cases"]) {
        let mut generator = Generator::seeded(case["seed"].as_u64().unwrap());
        let words: Vec<u64> = list(&case["state"]).iter().map(|word| word.as_u64().unwrap()).collect();
        assert_eq!(generator.save()[..], words);
        for bits in list(&case["bits"]) {
            assert_eq!(generator.bits(), bits.as_u64().unwrap());
        }
        for expected in numbers(&case["random"]) {
            assert_eq!(generator.random(), expected);
        }
        for expected in numbers(&case["uniform"]) {
            assert_eq!(generator.uniform(-0.6, -0.4), expected);
        }
    }
}

#[test]
fn generator_is_the_pcg64_of_rand() {
    let (state, stream) = (0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978, 0x42_u128 << 64 | 17);
    let mut peer = Lcg128Xsl64::new(state, stream);
    let increment = stream << 1 | 1;
    let start = state.wrapping_add(increment);
    let halves = [start >> 64, start, increment >> 64, increment].map(|number| number as u64);
    let mut generator = Generator::restored(halves).unwrap();
    // The peer makes its first move when it is made.
    generator.bits();
    for _ in 0..1000 {
        assert_eq!(generator.bits(), peer.next_u64());
    }
    assert_eq!(
        text(Generator::restored([0, 0, 0, 2])),
        "increment of the generator is 2; expected an odd number"
    );
}

#[test]
fn normals_are_normal() {
    let mut generator = Generator::seeded(1);
    let pairs = 100_000;
    let (mut first, mut second, mut fourth, mut cross) = (0.0, 0.0, 0.0, 0.0);
    for _ in 0..pairs {
        let [x, y] = generator.normals();
        first += x + y;
        second += x * x + y * y;
        fourth += x.powi(4) + y.powi(4);
        cross += x * y;
    }
    let n = 2.0 * f64::from(pairs);
    // Means 0, 1, 3 and 0; five standard errors of each.
    assert!((first / n).abs() < 5.0 / n.sqrt());
    assert!((second / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
    assert!((fourth / n - 3.0).abs() < 5.0 * (96.0 / n).sqrt());
    assert!((cross / (n / 2.0)).abs() < 5.0 / (n / 2.0).sqrt());
}

fn space_of(value: &Value) -> Space {
    match value["n"].as_u64() {
        Some(number) => Space::Discrete(number as usize),
        None => Space::Box { low: numbers_f32(&value["low"]), high: numbers_f32(&value["high"]) },
    }
}

#[test]
fn spaces_limits_and_first_states_are_gymnasiums() {
    let classic = CLASSIC.map(|name| (name, name, &[][..]));
    for (file, name, given) in classic.into_iter().chain(TABULAR) {
        let tape = tape(file);
        let mut environment = made(name, given);
        assert_eq!(environment.observation_space(), &space_of(&tape["observation_space"]), "{file}");
        assert_eq!(environment.action_space(), &space_of(&tape["action_space"]), "{file}");
        let entry = ENVIRONMENTS.iter().find(|entry| entry.name == name).unwrap();
        let limit = tape["max_episode_steps"].as_f64().unwrap_or(f64::INFINITY);
        assert_eq!((entry.parameters[0].name, entry.parameters[0].default), ("max_episode_steps", limit));

        for case in list(&tape["resets"]) {
            let mut observation = blank(&*environment);
            let expected = state(&case["state"]);
            environment.reset(case["seed"].as_u64(), &mut observation);
            assert_eq!(state_of(&*environment, expected.len()), expected, "{file}");
            if let Some(seen) = case.get("observation") {
                for (got, expected) in observation.iter().zip(numbers_f32(seen)) {
                    // Gymnasium takes Acrobot's first sines and cosines in `f32`.
                    assert!(ulps_f32(*got, expected) <= u32::from(name == "Acrobot-v1"), "{file}");
                }
            }
            environment.reset(None, &mut observation);
            let expected = state(&case["state_after_another"]);
            assert_eq!(state_of(&*environment, expected.len()), expected, "{file}");
        }
    }
}

#[test]
fn steps_from_any_state_are_gymnasiums() {
    for name in CLASSIC {
        let tape = tape(name);
        let steps = &tape["steps"];
        let (low, high) = (numbers(&steps["low"]), numbers(&steps["high"]));
        let mut draws = Generator::seeded(steps["seed"].as_u64().unwrap());
        let mut environment = made(name, &[]);
        let mut observation = blank(&*environment);
        let saved = environment.save();
        let ends = flags(&steps["terminated"]);
        let expected = list(&steps["states"]).iter().zip(list(&steps["observations"]));
        let (mut seen, mut equal) = (0, 0);
        for (index, (next, next_seen)) in expected.enumerate() {
            let mut words = saved.clone();
            for (entry, (&low, &high)) in low.iter().zip(&high).enumerate() {
                let mut drawn = draws.uniform(low, high);
                if name == "MountainCarContinuous-v0" && index % 2 == 1 {
                    drawn = (drawn as f32).into();
                    words[BEFORE_STATE + 2] = 0_f64.to_bits();
                }
                words[BEFORE_STATE + entry] = drawn.to_bits();
            }
            environment.restore(&words).unwrap();
            let action = draw(environment.action_space(), &mut draws);
            let step = environment.step(action.borrowed(), &mut observation).unwrap();

            let next = numbers(next);
            let got = state_of(&*environment, next.len());
            let close = got.iter().zip(&next).all(|(&got, &next)| ulps(got, next) <= 4);
            assert!(close, "{name} {index}: {got:?}, expected {next:?}");
            let reward = number(&steps["rewards"][index]);
            assert!(ulps(step.reward, reward) <= 4, "{name} {index}: {}, expected {reward}", step.reward);
            assert_eq!((step.terminated, step.truncated), (ends[index], false), "{name} {index}");
            for (&got, next) in observation.iter().zip(numbers_f32(next_seen)) {
                seen += 1;
                equal += u32::from(got == next);
                assert!(ulps_f32(got, next) <= 1, "{name} {index}: {got}, expected {next}");
            }
        }
        assert!(f64::from(equal) >= 0.999 * f64::from(seen), "{name}: {equal} of {seen}");
    }
}

#[test]
fn rollouts_are_gymnasiums() {
    let classic = CLASSIC.map(|name| (name, name, &[][..]));
    let (mut ended, mut cut, mut both) = (0, 0, 0);
    for (file, name, given) in classic.into_iter().chain(TABULAR) {
        for rollout in list(&tape(file)["rollouts"]) {
            let limit = rollout["max_episode_steps"].as_f64().map(|limit| ("max_episode_steps", limit));
            let given: Vec<_> = given.iter().copied().chain(limit).collect();
            let mut environment = made(name, &given);
            let mut observation = blank(&*environment);
            let mut draws = Generator::seeded(rollout["actions"].as_u64().unwrap());
            environment.reset(rollout["seed"].as_u64(), &mut observation);
            let (ends, cuts) = (flags(&rollout["terminated"]), flags(&rollout["truncated"]));
            for (index, next) in list(&rollout["states"]).iter().enumerate() {
                let action = draw(environment.action_space(), &mut draws);
                let step = environment.step(action.borrowed(), &mut observation).unwrap();
                let next = state(next);
                let got = state_of(&*environment, next.len());
                let close = got.iter().zip(&next).all(|(got, next)| (got - next).abs() <= 1e-9);
                assert!(close, "{file} {index}: {got:?}, expected {next:?}");
                assert!((step.reward - number(&rollout["rewards"][index])).abs() <= 1e-9, "{file} {index}");
                assert_eq!((step.terminated, step.truncated), (ends[index], cuts[index]), "{file} {index}");
                if step.terminated || step.truncated {
                    environment.reset(None, &mut observation);
                }
                ended += u32::from(step.terminated);
                cut += u32::from(step.truncated);
                both += u32::from(step.terminated && step.truncated);
            }
        }
    }
    // The tapes hold every way to end.
    assert!(ended > 0 && cut > 0 && both > 0, "{ended} {cut} {both}");
}

#[test]
fn tables_are_gymnasiums() {
    for (file, name, given) in TABULAR {
        let table = made(name, given).table().unwrap();
        let tape = tape(file);
        let states = list(&tape["table"]);
        assert_eq!(table.states, states.len(), "{file}");
        for (state, actions) in states.iter().enumerate() {
            assert_eq!(table.actions, list(actions).len(), "{file}");
            for (action, outcomes) in list(actions).iter().enumerate() {
                if table.terminal[state] {
                    continue;
                }
                let pair = state * table.actions + action;
                let mut row = vec![0.0; table.states];
                let mut reward = 0.0;
                for outcome in list(outcomes) {
                    let (probability, next) = (number(&outcome[0]), outcome[1].as_u64().unwrap() as usize);
                    row[next] += probability;
                    reward += probability * number(&outcome[2]);
                    assert_eq!(table.terminal[next], outcome[3].as_bool().unwrap(), "{file} {pair}");
                }
                assert_eq!(table.rewards[pair], reward, "{file} {pair}");
                assert_eq!(table.transitions[pair * table.states..][..table.states], row, "{file} {pair}");
            }
        }
    }
}
