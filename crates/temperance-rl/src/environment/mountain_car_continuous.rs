//! The car in a valley with a pedal: a task whose reward is far away and whose every move costs.
//!
//! State, observed: position x from -1.2 to 0.6 and speed v, at most 0.07. Action: u from -1 to 1. A step:
//!
//! ```text
//! v ← v + 0.0015·u - 0.0025·cos 3x, cut off at ±0.07
//! x ← x + v, cut off at -1.2 and 0.6; the wall on the left stops the car
//! reward = -0.1·u², and 100 at the goal
//! ```
//!
//! The task ends at x ≥ 0.45 with v ≥ 0, and is cut off after 999 steps. It begins at rest with x uniform from -0.6
//! to -0.4.
//!
//! As in Gymnasium a step leaves x and v in `f32`, and works in `f32` but for the cosine; only the first one of an
//! episode works in `f64`.
//!
//! ```
//! use temperance::Parameters;
//! use temperance_rl::environment::{Action, make};
//!
//! // Pushing the way that the car rolls takes it up.
//! let mut environment = make("MountainCarContinuous-v0", &Parameters::new())?;
//! let mut observation = [0.0; 2];
//! environment.reset(Some(0), &mut observation);
//! let mut total = 0.0;
//! loop {
//!     let push = if observation[1] < 0.0 { -1.0 } else { 1.0 };
//!     let step = environment.step(Action::Continuous(&[push]), &mut observation)?;
//!     total += step.reward;
//!     if step.terminated {
//!         break;
//!     }
//! }
//! assert!((total - 89.4).abs() < 1e-9);
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Source: Moore 1990, "Efficient Memory-based Learning for Robot Control"; MountainCarContinuous-v0 of Gymnasium.

use temperance::calibrate::ParameterEntry;

use super::episode::{Episode, Task};
use super::mountain_car::{FASTEST, LEFTMOST, RIGHTMOST, space, start};
use super::{Action, Entry, Space, max_episode_steps};
use crate::generator::Generator;

/// MountainCarContinuous-v0.
pub static ENTRY: Entry = Entry {
    name: "MountainCarContinuous-v0",
    summary: "a car in a valley, too weak for the hill before it, with a pedal",
    source: "Moore 1990; Gymnasium",
    parameters: &[LIMIT],
    build: |parameters| {
        let limit = ENTRY.limit(&LIMIT, parameters)?;
        Ok(Episode::new(&ENTRY, space(), Space::symmetric(&[1.0]), limit, MountainCarContinuous))
    },
};

const LIMIT: ParameterEntry = max_episode_steps(999.0);

struct MountainCarContinuous;

/// The third number is 1 while no step was made and 0 after.
impl Task<3> for MountainCarContinuous {
    fn start(&self, generator: &mut Generator) -> [f64; 3] {
        [start(generator), 0.0, 1.0]
    }

    fn advance(&self, state: &mut [f64; 3], action: Action<'_>, _: &mut Generator) -> (f64, bool) {
        let [x, speed, first] = *state;
        // Sums and products of two `f32` are exact enough in `f64` for rounding them to be the operation in `f32`.
        let round = |number: f64| if first == 1.0 { number } else { f64::from(number as f32) };
        let push = action.vector()[0];
        let force = push * 0.0015 - (0.0025 * round(3.0 * x).cos()) as f32;
        let speed = round(speed + f64::from(force)).clamp(-round(FASTEST), round(FASTEST));
        let x = round(x + speed).clamp(round(LEFTMOST), round(RIGHTMOST));
        let speed = if x == round(LEFTMOST) { speed.max(0.0) } else { speed };
        let arrived = x >= round(0.45) && speed >= 0.0;
        *state = [f64::from(x as f32), f64::from(speed as f32), 0.0];
        let effort = f64::from(push) * f64::from(push) * 0.1;
        (if arrived { 100.0 } else { 0.0 } - effort, arrived)
    }

    fn observe(&self, &[x, speed, _]: &[f64; 3], observation: &mut [f32]) {
        observation.copy_from_slice(&[x as f32, speed as f32]);
    }
}
