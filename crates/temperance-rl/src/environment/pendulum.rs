//! A pendulum to be swung up and held upright by a torque that is too weak to lift it.
//!
//! State: angle θ from upright (rad) and its speed θ̇, at most 8 rad/s. Observed: cos θ, sin θ, θ̇. Action: torque u
//! from -2 to 2 N·m. With g = 10 m/s², m = 1 kg and l = 1 m, which are the parameters `gravity`, `mass` and
//! `length`, over a step of 0.05 s:
//!
//! ```text
//! reward = -(θ² + 0.1·θ̇² + 0.001·u²),  θ taken from -π to below π
//! θ̇ ← θ̇ + (3g/(2l)·sin θ + 3/(m·l²)·u)·0.05, cut off at ±8
//! θ ← θ + θ̇·0.05
//! ```
//!
//! The terms in u are `f32`, as they are in Gymnasium, whose u² is off by a last digit for one u in a thousand. The
//! task never ends; it is cut off after 200 steps. It
//! begins with θ uniform from -π to π and θ̇ from -1 to 1.
//!
//! ```
//! use temperance::Parameters;
//! use temperance_rl::environment::{Action, make};
//!
//! // It begins with θ = 0.8606 and θ̇ = -0.4604, and 0.8606² + 0.1·0.4604² = 0.7618.
//! let mut environment = make("Pendulum-v1", &Parameters::new())?;
//! let mut observation = [0.0; 3];
//! environment.reset(Some(0), &mut observation);
//! let step = environment.step(Action::Continuous(&[0.0]), &mut observation)?;
//! assert!((step.reward + 0.7618).abs() < 1e-4);
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Source: Pendulum-v1 of Gymnasium.

use std::f64::consts::{PI, TAU};

use temperance::calibrate::ParameterEntry;

use super::episode::{Episode, Task};
use super::{Action, Entry, Space, max_episode_steps};
use crate::generator::Generator;

/// Pendulum-v1.
pub static ENTRY: Entry = Entry {
    name: "Pendulum-v1",
    summary: "a pendulum, swung up and held upright by a weak torque",
    source: "Gymnasium",
    parameters: &[LIMIT, GRAVITY, MASS, LENGTH],
    build: |parameters| {
        let positive = |entry| ENTRY.number(entry, parameters, |value| value > 0.0 && value.is_finite());
        let task = Pendulum {
            gravity: ENTRY.number(&GRAVITY, parameters, f64::is_finite)?,
            mass: positive(&MASS)?,
            length: positive(&LENGTH)?,
        };
        let limit = ENTRY.limit(&LIMIT, parameters)?;
        let (seen, torques) = (Space::symmetric(&[1.0, 1.0, FASTEST]), Space::symmetric(&[2.0]));
        Ok(Episode::new(&ENTRY, seen, torques, limit, task))
    },
};

const LIMIT: ParameterEntry = max_episode_steps(200.0);
const GRAVITY: ParameterEntry =
    ParameterEntry { name: "gravity", domain: "a finite number, in m/s²", default: 10.0 };
const MASS: ParameterEntry =
    ParameterEntry { name: "mass", domain: "a finite number above 0, in kg", default: 1.0 };
const LENGTH: ParameterEntry =
    ParameterEntry { name: "length", domain: "a finite number above 0, in m", default: 1.0 };

const FASTEST: f64 = 8.0;
const SECONDS: f64 = 0.05;

struct Pendulum {
    gravity: f64,
    mass: f64,
    length: f64,
}

impl Task<2> for Pendulum {
    fn start(&self, generator: &mut Generator) -> [f64; 2] {
        [PI, 1.0].map(|high| generator.uniform(-high, high))
    }

    fn advance(&self, state: &mut [f64; 2], action: Action<'_>, _: &mut Generator) -> (f64, bool) {
        let [angle, speed] = *state;
        let torque = action.vector()[0];
        let from_upright = (angle + PI).rem_euclid(TAU) - PI;
        let effort = 0.001 * (torque * torque);
        let cost = from_upright * from_upright + 0.1 * (speed * speed) + f64::from(effort);

        let fall = 3.0 * self.gravity / (2.0 * self.length) * angle.sin();
        let push = (3.0 / (self.mass * (self.length * self.length))) as f32 * torque;
        let speed = (speed + (fall + f64::from(push)) * SECONDS).clamp(-FASTEST, FASTEST);
        *state = [angle + speed * SECONDS, speed];
        (-cost, false)
    }

    fn observe(&self, &[angle, speed]: &[f64; 2], observation: &mut [f32]) {
        observation.copy_from_slice(&[angle.cos() as f32, angle.sin() as f32, speed as f32]);
    }
}
