//! A pole on a cart, kept upright by pushes from the left and the right.
//!
//! State: position x (m), its speed, angle θ of the pole from upright (rad), its speed; all are observed. Actions:
//! 0 pushes to the left with F = -10 N, 1 to the right with 10 N. With M = 1.1 kg the mass of both, m = 0.1 kg that
//! of the pole, l = 0.5 m half its length, g = 9.8 m/s² and dots for speeds:
//!
//! ```text
//! f = (F + m·l·θ̇²·sin θ)/M
//! θ̈ = (g·sin θ - f·cos θ)/(l·(4/3 - m·cos²θ/M))
//! ẍ = f - m·l·θ̈·cos θ/M
//! ```
//!
//! A step is one of Euler's over 0.02 s; every number moves by its old speed. The reward is 1 for every step. The
//! task ends where |x| > 2.4 m or |θ| > 12°, and is cut off after 500 steps. It begins with every number uniform
//! from -0.05 to 0.05.
//!
//! ```
//! use temperance::Parameters;
//! use temperance_rl::environment::{Action, make};
//!
//! // Pushed to the right only, the pole falls to the left.
//! let mut environment = make("CartPole-v1", &Parameters::new())?;
//! let mut observation = [0.0; 4];
//! environment.reset(Some(0), &mut observation);
//! let mut steps = 1;
//! while !environment.step(Action::Discrete(1), &mut observation)?.terminated {
//!     steps += 1;
//! }
//! assert_eq!(steps, 8);
//! assert!(observation[2] < -12_f32.to_radians());
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Source: Barto, Sutton, Anderson 1983; CartPole-v1 of Gymnasium.

use std::f64::consts::PI;

use temperance::calibrate::ParameterEntry;

use super::episode::{Episode, Task};
use super::{Action, Entry, Space, max_episode_steps};
use crate::generator::Generator;

/// CartPole-v1.
pub static ENTRY: Entry = Entry {
    name: "CartPole-v1",
    summary: "a pole on a cart, kept upright by pushes from the left and the right",
    source: "Barto, Sutton, Anderson 1983; Gymnasium",
    parameters: &[LIMIT],
    build: |parameters| {
        let high = [2.0 * FURTHEST, f64::INFINITY, 2.0 * STEEPEST, f64::INFINITY];
        let limit = ENTRY.limit(&LIMIT, parameters)?;
        Ok(Episode::new(&ENTRY, Space::symmetric(&high), Space::Discrete(2), limit, CartPole))
    },
};

const LIMIT: ParameterEntry = max_episode_steps(500.0);

const GRAVITY: f64 = 9.8;
const MASS_OF_POLE: f64 = 0.1;
const MASS: f64 = MASS_OF_POLE + 1.0;
const HALF_LENGTH: f64 = 0.5;
const FORCE: f64 = 10.0;
const SECONDS: f64 = 0.02;
const FURTHEST: f64 = 2.4;
const STEEPEST: f64 = 12.0 * 2.0 * PI / 360.0;

struct CartPole;

impl Task<4> for CartPole {
    fn start(&self, generator: &mut Generator) -> [f64; 4] {
        [(); 4].map(|()| generator.uniform(-0.05, 0.05))
    }

    fn advance(&self, state: &mut [f64; 4], action: Action<'_>, _: &mut Generator) -> (f64, bool) {
        let [x, speed, angle, turning] = *state;
        let force = if action.number() == 1 { FORCE } else { -FORCE };
        let (sin, cos) = angle.sin_cos();
        let leverage = MASS_OF_POLE * HALF_LENGTH;
        let push = (force + leverage * (turning * turning) * sin) / MASS;
        let turn =
            (GRAVITY * sin - cos * push) / (HALF_LENGTH * (4.0 / 3.0 - MASS_OF_POLE * (cos * cos) / MASS));
        let acceleration = push - leverage * turn * cos / MASS;
        *state = [
            x + SECONDS * speed,
            speed + SECONDS * acceleration,
            angle + SECONDS * turning,
            turning + SECONDS * turn,
        ];
        let [x, _, angle, _] = *state;
        (1.0, !(x.abs() <= FURTHEST && angle.abs() <= STEEPEST))
    }

    fn observe(&self, state: &[f64; 4], observation: &mut [f32]) {
        observation.copy_from_slice(&state.map(|number| number as f32));
    }
}
