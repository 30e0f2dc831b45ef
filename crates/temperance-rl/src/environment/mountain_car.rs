//! A car in a valley, too weak for the hill before it: it must first go back.
//!
//! State, observed: position x from -1.2 to 0.6 and speed v, at most 0.07. Actions: 0 drives to the left, 1 not at
//! all, 2 to the right. A step:
//!
//! ```text
//! v ← v + 0.001·(action - 1) - 0.0025·cos 3x, cut off at ±0.07
//! x ← x + v, cut off at -1.2 and 0.6; the wall on the left stops the car
//! ```
//!
//! The reward is -1 for every step. The task ends at x ≥ 0.5 with v ≥ 0, and is cut off after 200 steps. It begins
//! at rest with x uniform from -0.6 to -0.4.
//!
//! ```
//! use temperance::Parameters;
//! use temperance_rl::environment::{Action, make};
//!
//! // Driving the way that the car rolls takes it up.
//! let mut environment = make("MountainCar-v0", &Parameters::new())?;
//! let mut observation = [0.0; 2];
//! environment.reset(Some(0), &mut observation);
//! let mut total = 0.0;
//! loop {
//!     let action = if observation[1] < 0.0 { 0 } else { 2 };
//!     let step = environment.step(Action::Discrete(action), &mut observation)?;
//!     total += step.reward;
//!     if step.terminated {
//!         break;
//!     }
//! }
//! assert_eq!(total, -122.0);
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Source: Moore 1990, "Efficient Memory-based Learning for Robot Control"; MountainCar-v0 of Gymnasium.

use temperance::calibrate::ParameterEntry;

use super::episode::{Episode, Task};
use super::{Action, Entry, Space, max_episode_steps};
use crate::generator::Generator;

/// MountainCar-v0.
pub static ENTRY: Entry = Entry {
    name: "MountainCar-v0",
    summary: "a car in a valley, too weak for the hill before it",
    source: "Moore 1990; Gymnasium",
    parameters: &[LIMIT],
    build: |parameters| {
        let limit = ENTRY.limit(&LIMIT, parameters)?;
        Ok(Episode::new(&ENTRY, space(), Space::Discrete(3), limit, MountainCar))
    },
};

const LIMIT: ParameterEntry = max_episode_steps(200.0);

pub(super) const LEFTMOST: f64 = -1.2;
pub(super) const RIGHTMOST: f64 = 0.6;
pub(super) const FASTEST: f64 = 0.07;

/// Positions and speeds.
pub(super) fn space() -> Space {
    let speed = FASTEST as f32;
    Space::Box { low: vec![LEFTMOST as f32, -speed], high: vec![RIGHTMOST as f32, speed] }
}

/// Where a car begins, at rest.
pub(super) fn start(generator: &mut Generator) -> f64 {
    generator.uniform(-0.6, -0.4)
}

struct MountainCar;

impl Task<2> for MountainCar {
    fn start(&self, generator: &mut Generator) -> [f64; 2] {
        [start(generator), 0.0]
    }

    fn advance(&self, state: &mut [f64; 2], action: Action<'_>, _: &mut Generator) -> (f64, bool) {
        let [x, speed] = *state;
        let push = (action.number() as f64 - 1.0) * 0.001 + (3.0 * x).cos() * -0.0025;
        let speed = (speed + push).clamp(-FASTEST, FASTEST);
        let x = (x + speed).clamp(LEFTMOST, RIGHTMOST);
        *state = [x, if x == LEFTMOST { speed.max(0.0) } else { speed }];
        (-1.0, x >= 0.5 && speed >= 0.0)
    }

    fn observe(&self, state: &[f64; 2], observation: &mut [f32]) {
        observation.copy_from_slice(&state.map(|number| number as f32));
    }
}
