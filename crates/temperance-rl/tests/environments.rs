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
/// Parameters by name.
type Given = &'static [(&'static str, f64)];
/// The name of a tape, and the environment with its parameters.
const TABULAR: [(&str, &str, Given); 4] = [
    ("CliffWalking-v1", "CliffWalking-v1", &[]),
    ("CliffWalkingSlippery-v1", "CliffWalking-v1", &[("is_slippery", 1.0)]),
    ("FrozenLake-v1", "FrozenLake-v1", &[]),
    ("FrozenLake8x8-v1", "FrozenLake8x8-v1", &[]),
];
/// NumPy squares by `pow`, which is off by a last digit at times; 0.001·u² is in `f32`.
const PENDULUM_REWARD: f64 = 1e-9;
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
            // Of a number that is the difference of two much larger ones more digits may differ.
            let close = |got: f64, next: f64| ulps(got, next) <= 4 || (got - next).abs() < 1e-13;
            let close = got.iter().zip(&next).all(|(&got, &next)| close(got, next));
            assert!(close, "{name} {index}: {got:?}, expected {next:?}");
            let reward = number(&steps["rewards"][index]);
            let off = if name == "Pendulum-v1" { PENDULUM_REWARD } else { 0.0 };
            let close = (step.reward - reward).abs() <= off;
            assert!(close, "{name} {index}: {}, expected {reward}", step.reward);
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

/// Every environment as it is, and some as they can be made.
fn variants() -> Vec<Box<dyn Environment>> {
    let others: [(&str, Given); 4] = [
        ("MultiGoal", &[("directions", 8.0)]),
        ("ObstacleGrid", &[("obstacle", 3.0)]),
        ("CliffWalking-v1", &[("is_slippery", 1.0)]),
        ("FrozenLake-v1", &[("success_rate", 0.8)]),
    ];
    let plain = ENVIRONMENTS.iter().map(|entry| (entry.name, &[][..]));
    plain.chain(others).map(|(name, given)| made(name, given)).collect()
}

/// What random actions lead to, step by step, across the ends of episodes.
fn walk(
    environment: &mut dyn Environment,
    steps: usize,
    draws: &mut Generator,
) -> Vec<(Vec<f32>, f64, bool, bool)> {
    let mut observation = blank(environment);
    let mut seen = Vec::new();
    for _ in 0..steps {
        let action = draw(environment.action_space(), draws);
        let step = environment.step(action.borrowed(), &mut observation).unwrap();
        seen.push((observation.clone(), step.reward, step.terminated, step.truncated));
        if step.terminated || step.truncated {
            environment.reset(None, &mut observation);
        }
    }
    seen
}

#[test]
fn what_is_restored_has_the_same_future() {
    for mut environment in variants() {
        let mut observation = blank(&*environment);
        environment.reset(Some(5), &mut observation);
        walk(&mut *environment, 37, &mut Generator::seeded(1));
        let saved = environment.save();
        let future = walk(&mut *environment, 300, &mut Generator::seeded(2));
        assert_ne!(environment.save(), saved);
        environment.reset(Some(99), &mut observation);
        environment.restore(&saved).unwrap();
        assert_eq!(environment.save(), saved);
        assert_eq!(walk(&mut *environment, 300, &mut Generator::seeded(2)), future, "{}", environment.name());
    }
}

#[test]
fn a_seed_is_an_episode() {
    for (mut one, mut other) in variants().into_iter().zip(variants()) {
        let mut observations = [blank(&*one), blank(&*one)];
        // A new environment stands as after the seed 0, and the first walk leaves no trace.
        let new = walk(&mut *one, 300, &mut Generator::seeded(4));
        other.reset(Some(1), &mut observations[0]);
        walk(&mut *other, 20, &mut Generator::seeded(3));
        other.reset(Some(0), &mut observations[0]);
        assert_eq!(walk(&mut *other, 300, &mut Generator::seeded(4)), new, "{}", one.name());

        one.reset(Some(7), &mut observations[0]);
        one.reset(None, &mut observations[1]);
        assert_eq!(observations[0] == observations[1], one.table().is_some(), "{}", one.name());
    }
}

#[test]
fn observations_are_of_their_space() {
    for mut environment in variants() {
        let name = environment.name();
        let mut first = blank(&*environment);
        environment.reset(Some(3), &mut first);
        let walked = walk(&mut *environment, 5000, &mut Generator::seeded(6));
        for observation in walked.into_iter().map(|(observation, ..)| observation).chain([first]) {
            match environment.observation_space() {
                Space::Discrete(_) => {
                    let mut sorted = observation.clone();
                    sorted.sort_by(|a, b| b.total_cmp(a));
                    assert!(sorted[0] == 1.0 && sorted[1..].iter().all(|&entry| entry == 0.0), "{name}");
                }
                Space::Box { low, high } => {
                    let inside =
                        |(entry, bounds): (&f32, (&f32, &f32))| (bounds.0..=bounds.1).contains(&entry);
                    let bounds = low.iter().zip(high);
                    assert!(observation.iter().zip(bounds).all(inside), "{name}: {observation:?}");
                }
            }
        }
    }
}

#[test]
fn an_episode_ends_once() {
    for entry in ENVIRONMENTS {
        let mut environment = made(entry.name, &[("max_episode_steps", 2.0)]);
        let mut observation = blank(&*environment);
        let action = draw(environment.action_space(), &mut Generator::seeded(0));
        for truncated in [false, true] {
            let step = environment.step(action.borrowed(), &mut observation).unwrap();
            assert_eq!(step.truncated, truncated, "{}", entry.name);
        }
        assert_eq!(
            text(environment.step(action.borrowed(), &mut observation)),
            format!("step of {} is after the end of its episode; expected a reset first", entry.name)
        );
        environment.reset(None, &mut observation);
        assert!(!environment.step(action.borrowed(), &mut observation).unwrap().truncated);
    }
}

#[test]
fn wrong_actions_are_refused() {
    let refusal = |name: &str, action: Action<'_>| {
        let mut environment = made(name, &[]);
        let saved = environment.save();
        let refusal = text(environment.step(action, &mut blank(&*environment)));
        assert_eq!(environment.save(), saved);
        refusal
    };
    use Action::{Continuous, Discrete};
    for (name, action, expected) in [
        ("CartPole-v1", Discrete(2), "action of CartPole-v1 is 2; expected a whole number from 0 to 1"),
        ("Acrobot-v1", Discrete(3), "action of Acrobot-v1 is 3; expected a whole number from 0 to 2"),
        (
            "FrozenLake-v1",
            Continuous(&[1.0]),
            "action of FrozenLake-v1 is a vector of 1; expected a whole number from 0 to 3",
        ),
        ("Pendulum-v1", Discrete(0), "action of Pendulum-v1 is 0; expected a vector of 1"),
        ("Pendulum-v1", Continuous(&[]), "action of Pendulum-v1 is a vector of 0; expected a vector of 1"),
        (
            "Pendulum-v1",
            Continuous(&[2.5]),
            "entry 0 of the action of Pendulum-v1 is 2.5; expected a number from -2 to 2",
        ),
        (
            "MountainCarContinuous-v0",
            Continuous(&[f32::NAN]),
            "entry 0 of the action of MountainCarContinuous-v0 is NaN; expected a number from -1 to 1",
        ),
        (
            "MultiGoal",
            Continuous(&[1.0, -1.5]),
            "entry 1 of the action of MultiGoal is -1.5; expected a number from -1 to 1",
        ),
    ] {
        assert_eq!(refusal(name, action), expected);
    }
    for environment in variants() {
        let wrong = match environment.action_space() {
            Space::Discrete(number) => Owned::Number(*number),
            Space::Box { low, .. } => Owned::Vector(vec![0.0; low.len() + 1]),
        };
        let refused = refusal(environment.name(), wrong.borrowed());
        assert!(refused.starts_with(&format!("action of {} is", environment.name())), "{refused}");
    }
}

#[test]
fn what_was_not_saved_is_not_restored() {
    let refusal = |name: &str, change: &dyn Fn(&mut Vec<u64>)| {
        let mut environment = made(name, &[]);
        let saved = environment.save();
        let mut words = saved.clone();
        change(&mut words);
        let refusal = text(environment.restore(&words));
        assert_eq!(environment.save(), saved);
        refusal
    };
    for entry in ENVIRONMENTS {
        let name = entry.name;
        let words = made(name, &[]).save().len();
        let of_length = |length| format!("state of {name} is {length} words; expected {words} words");
        assert_eq!(refusal(name, &|words| words.clear()), of_length(0));
        assert_eq!(refusal(name, &|words| words.truncate(words.len() - 1)), of_length(words - 1));
        assert_eq!(refusal(name, &|words| words.push(0)), of_length(words + 1));
        refusal(name, &|words| words[BEFORE_STATE] = f64::NAN.to_bits());
        refusal(name, &|words| words[BEFORE_STATE - 1] = 2);
        refusal(name, &|words| words[BEFORE_STATE - 2] = u64::MAX);
        assert_eq!(
            refusal(name, &|words| words[3] = 2),
            format!(
                "increment of the generator is {}; expected an odd number",
                u128::from(made(name, &[]).save()[2]) << 64 | 2
            )
        );
    }
    assert_eq!(
        refusal("Corridor", &|words| words[BEFORE_STATE] = 9_f64.to_bits()),
        "state of Corridor is [9.0] after 0 steps, over 0; expected one that it saved"
    );
    assert_eq!(
        refusal("Acrobot-v1", &|words| words[BEFORE_STATE..].fill(4_f64.to_bits())),
        "state of Acrobot-v1 is [4.0, 4.0, 4.0, 4.0] after 0 steps, over 0; expected one that it saved"
    );
}

#[test]
fn what_cannot_be_made_is_refused() {
    for (name, nearest) in
        [("CartPole", "CartPole-v1"), ("frozenlake8x8", "FrozenLake8x8-v1"), ("corridor", "Corridor")]
    {
        assert_eq!(
            text(make(name, &Parameters::new())),
            format!("environment is {name:?}; expected the name of an environment; the nearest is {nearest}")
        );
    }
    assert_eq!(
        text(make("Pendulum-v1", &parameters(&[("weight", 1.0)]))),
        "parameter is \"weight\"; expected max_episode_steps, gravity, mass, length"
    );
    for (name, given, expected) in [
        (
            "CartPole-v1",
            ("max_episode_steps", 0.0),
            "max_episode_steps of CartPole-v1 is 0; expected a whole number from 1 on, or inf",
        ),
        (
            "CliffWalking-v1",
            ("max_episode_steps", 2.5),
            "max_episode_steps of CliffWalking-v1 is 2.5; expected a whole number from 1 on, or inf",
        ),
        ("Pendulum-v1", ("mass", 0.0), "mass of Pendulum-v1 is 0; expected a finite number above 0, in kg"),
        (
            "Pendulum-v1",
            ("length", -1.0),
            "length of Pendulum-v1 is -1; expected a finite number above 0, in m",
        ),
        (
            "FrozenLake-v1",
            ("success_rate", 1.1),
            "success_rate of FrozenLake-v1 is 1.1; expected a number from 0 to 1",
        ),
        ("FrozenLake-v1", ("is_slippery", 0.5), "is_slippery of FrozenLake-v1 is 0.5; expected 0 or 1"),
        ("ObstacleGrid", ("obstacle", 5.0), "obstacle of ObstacleGrid is 5; expected 0, 1 or 3"),
        (
            "MultiGoal",
            ("directions", -1.0),
            "directions of MultiGoal is -1; expected 0 (any move), or a whole number to 360",
        ),
    ] {
        assert_eq!(text(make(name, &parameters(&[given]))), expected);
    }
    for entry in ENVIRONMENTS {
        for parameter in entry.parameters {
            assert_eq!(
                text(make(entry.name, &parameters(&[(parameter.name, f64::NAN)]))),
                format!("{} of {} is NaN; expected {}", parameter.name, entry.name, parameter.domain)
            );
        }
    }
}

#[test]
fn defaults_can_be_said() {
    for entry in ENVIRONMENTS {
        let said: Vec<_> =
            entry.parameters.iter().map(|parameter| (parameter.name, parameter.default)).collect();
        let walked = walk(&mut *made(entry.name, &said), 300, &mut Generator::seeded(8));
        assert_eq!(
            walked,
            walk(&mut *made(entry.name, &[]), 300, &mut Generator::seeded(8)),
            "{}",
            entry.name
        );
        assert_eq!(made(entry.name, &said).name(), entry.name);
    }
}

#[test]
fn tables_are_what_steps_do() {
    let tables = variants().into_iter().filter(|environment| environment.table().is_some());
    for mut environment in tables {
        let name = environment.name();
        let table = environment.table().unwrap();
        let (states, actions) = (table.states, table.actions);
        assert_eq!(environment.observation_space(), &Space::Discrete(states));
        assert_eq!(environment.action_space(), &Space::Discrete(actions));
        assert_eq!(table.rewards.len(), states * actions);
        for (pair, row) in table.transitions.chunks_exact(states).enumerate() {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-15 && row.iter().all(|&p| p >= 0.0), "{name}");
            if table.terminal[pair / actions] {
                assert_eq!((row[pair / actions], table.rewards[pair]), (1.0, 0.0), "{name}");
            }
        }

        // Many steps from every state that has not ended.
        let mut observation = blank(&*environment);
        let saved = environment.save();
        for pair in (0..states * actions).filter(|pair| !table.terminal[pair / actions]) {
            let mut counts = vec![0_u32; states];
            let mut total = 0.0;
            let tries = 2000;
            for _ in 0..tries {
                // The generator goes on, the rest is as in the beginning.
                let mut words = environment.save();
                words[4..].copy_from_slice(&saved[4..]);
                words[BEFORE_STATE] = ((pair / actions) as f64).to_bits();
                environment.restore(&words).unwrap();
                let step = environment.step(Action::Discrete(pair % actions), &mut observation).unwrap();
                let next = observation.iter().position(|&entry| entry == 1.0).unwrap();
                assert_eq!(step.terminated, table.terminal[next], "{name}");
                counts[next] += 1;
                total += step.reward;
            }
            let tries = f64::from(tries);
            for (next, &count) in counts.iter().enumerate() {
                let p = table.transitions[pair * states + next];
                // Six standard errors, and nothing where the table says never or always.
                let off = (f64::from(count) / tries - p).abs();
                assert!(
                    off <= 6.0 * (p * (1.0 - p) / tries).max(0.0).sqrt() + 1e-12,
                    "{name} {pair} {next}: {off}"
                );
            }
            // Rewards differ by at most 99, and then in one try of three or two.
            let spread = if name == "CliffWalking-v1" { 99.0 } else { 1.0 };
            assert!(
                (total / tries - table.rewards[pair]).abs() <= 6.0 * 0.5 * spread / tries.sqrt(),
                "{name} {pair}"
            );
        }
    }
}

/// The largest expected sums of rewards, by value iteration until nothing changes much.
fn values(table: &Table, discount: f64) -> Vec<f64> {
    let mut values = vec![0.0; table.states];
    loop {
        let of = |pair: usize| {
            let row = &table.transitions[pair * table.states..][..table.states];
            table.rewards[pair] + discount * row.iter().zip(&values).map(|(p, v)| p * v).sum::<f64>()
        };
        let best = |state| (0..table.actions).map(|a| of(state * table.actions + a)).fold(f64::MIN, f64::max);
        let next: Vec<f64> = (0..table.states).map(best).collect();
        let change = next.iter().zip(&values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        values = next;
        if change < 1e-12 {
            return values;
        }
    }
}

#[test]
fn optimal_values_are_those_known() {
    fn value(name: &str, given: &[(&str, f64)], discount: f64, start: usize) -> f64 {
        values(&made(name, given).table().unwrap(), discount)[start]
    }
    // The shortest way along the cliff.
    assert_eq!(value("CliffWalking-v1", &[], 1.0, 36), -13.0);
    // With all the time of the world the small lake is crossed 14 times in 17.
    assert!((value("FrozenLake-v1", &[], 1.0, 0) - 14.0 / 17.0).abs() < 1e-9);
    assert_eq!(value("FrozenLake-v1", &[("is_slippery", 0.0)], 1.0, 0), 1.0);
    // Right from the start of the corridor; further off, the small reward is worth more.
    assert!((value("Corridor", &[], 0.97, 2) - 10.0 * 0.97_f64.powi(5)).abs() < 1e-12);
    let far = [("large_distance", 90.0)];
    assert!((value("Corridor", &far, 0.97, 2) - 0.97).abs() < 1e-12);
    // Straight on; around one cell, or around three.
    for (obstacle, steps) in [(0.0, 6.0), (1.0, 8.0), (3.0, 10.0)] {
        assert_eq!(value("ObstacleGrid", &[("obstacle", obstacle)], 1.0, 14), -steps);
    }
}

#[test]
fn pendulum_obeys_its_physics() {
    // At rest; upright with a torque of 2: 3/(m·l²)·2·0.05. On its side, without: 3g/(2l)·0.05.
    let speed = |given: &[(&str, f64)], angle: f64, torque: f32| {
        let mut environment = made("Pendulum-v1", given);
        let mut words = environment.save();
        words[BEFORE_STATE..].copy_from_slice(&[angle, 0.0].map(f64::to_bits));
        environment.restore(&words).unwrap();
        environment.step(Action::Continuous(&[torque]), &mut [0.0; 3]).unwrap();
        state_of(&*environment, 2)[1]
    };
    for (given, push, fall) in [
        (&[][..], 0.3, 0.75),
        (&[("mass", 2.0)], 0.15, 0.75),
        (&[("length", 0.5)], 1.2, 1.5),
        (&[("gravity", 5.0)], 0.3, 0.375),
    ] {
        assert!((speed(given, 0.0, 2.0) - push).abs() < 1e-15, "{given:?}");
        assert!((speed(given, std::f64::consts::FRAC_PI_2, 0.0) - fall).abs() < 1e-15, "{given:?}");
    }
}

#[test]
fn multi_goal_by_hand() {
    let from = |environment: &mut dyn Environment, point: [f64; 2], action: Action<'_>| {
        let mut words = environment.save();
        words[4] = 0;
        words[5] = 0;
        words[BEFORE_STATE..].copy_from_slice(&point.map(f64::to_bits));
        environment.restore(&words).unwrap();
        let step = environment.step(action, &mut [0.0; 2]).unwrap();
        (state_of(environment, 2), step.reward, step.terminated)
    };
    let mut any = made("MultiGoal", &[]);
    // 30·(1² + 0.5²) and the square of the distance from (1, 0.5) to (5, 0).
    let step = from(&mut *any, [0.0, 0.0], Action::Continuous(&[1.0, 0.5]));
    assert_eq!(step, (vec![1.0, 0.5], -37.5 - 16.25, false));
    // At the upper goal, and just not near enough.
    let step = from(&mut *any, [0.0, 5.5], Action::Continuous(&[0.0, -0.25]));
    assert_eq!(step, (vec![0.0, 5.25], 10.0 - 1.875 - 0.0625, true));
    assert_eq!(from(&mut *any, [0.0, 6.0], Action::Continuous(&[0.0, 0.0])), (vec![0.0, 6.0], -1.0, false));
    // The edge.
    let step = from(&mut *any, [-6.5, 6.5], Action::Continuous(&[-1.0, 1.0]));
    assert_eq!(step, (vec![-7.0, 7.0], -60.0 - 53.0, false));

    let costs = [("directions", 4.0), ("move_cost", 2.0), ("distance_cost", 3.0), ("goal_reward", 7.0)];
    let mut four = made("MultiGoal", &costs);
    assert_eq!(four.action_space(), &Space::Discrete(4));
    for (direction, expected) in [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]].iter().enumerate() {
        let (point, reward, _) = from(&mut *four, [0.0, 0.0], Action::Discrete(direction));
        assert!(
            point.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-15),
            "{point:?}"
        );
        assert!((reward - (-2.0 - 3.0 * 16.0)).abs() < 1e-12, "{reward}");
    }
    let (_, reward, terminated) = from(&mut *four, [4.0, 0.0], Action::Discrete(0));
    assert!((reward - 5.0).abs() < 1e-12 && terminated);

    // The first points are N(0, 0.1²) in both coordinates: the variance within five standard errors.
    let mut points = Vec::new();
    for seed in 0..2000 {
        any.reset(Some(seed), &mut [0.0; 2]);
        points.extend(state_of(&*any, 2));
    }
    let variance = points.iter().map(|x| x * x).sum::<f64>() / points.len() as f64;
    assert!((variance - 0.01).abs() < 5.0 * 0.01 * (2.0 / points.len() as f64).sqrt());
}
