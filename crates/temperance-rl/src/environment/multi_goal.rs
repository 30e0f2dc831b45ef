//! A point between four equal goals: which of them a policy goes to, and whether it keeps them all.
//!
//! State, observed: a point x in the plane, both coordinates from -7 to 7. Action: a move a, both coordinates from
//! -1 to 1; or, if `directions` is not 0, the number of one of that many unit moves, at equal angles from the first
//! axis on. Goals g: (5, 0), (-5, 0), (0, 5), (0, -5). A step:
//!
//! ```text
//! x ← x + a, cut off at ±7
//! reward = -move_cost·‖a‖² - distance_cost·min_g ‖x - g‖², and goal_reward where min_g ‖x - g‖ < 1
//! ```
//!
//! The task ends where a goal is nearer than 1, and is cut off after 30 steps. It begins near the middle, at
//! N(0, start_deviation²) in both coordinates.
//!
//! ```
//! use temperance::Parameters;
//! use temperance_rl::environment::{Action, make};
//!
//! let mut environment = make("MultiGoal", &Parameters::new())?;
//! let mut point = [0.0; 2];
//! environment.reset(Some(0), &mut point);
//! let before = point;
//! let step = environment.step(Action::Continuous(&[1.0, 0.0]), &mut point)?;
//! assert_eq!(point, [before[0] + 1.0, before[1]]);
//! let left = (5.0 - f64::from(point[0])).powi(2) + f64::from(point[1]).powi(2);
//! assert!((step.reward - (-30.0 - left)).abs() < 1e-5);
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Source: Haarnoja et al. 2017, "Reinforcement Learning with Deep Energy-Based Policies", section 5.1; the numbers
//! are those of its code.

use std::f64::consts::TAU;

use temperance::calibrate::ParameterEntry;

use super::episode::{Episode, Task};
use super::{Action, Entry, Space, max_episode_steps};
use crate::generator::Generator;

/// MultiGoal.
pub static ENTRY: Entry = Entry {
    name: "MultiGoal",
    summary: "a point between four equal goals",
    source: "Haarnoja et al. 2017, section 5.1",
    parameters: &[LIMIT, DIRECTIONS, GOAL_REWARD, MOVE_COST, DISTANCE_COST, START_DEVIATION],
    build: |parameters| {
        let finite = |entry| ENTRY.number(entry, parameters, f64::is_finite);
        let task = MultiGoal {
            directions: ENTRY.number(&DIRECTIONS, parameters, |number| {
                (0.0..=360.0).contains(&number) && number.fract() == 0.0
            })?,
            goal_reward: finite(&GOAL_REWARD)?,
            move_cost: finite(&MOVE_COST)?,
            distance_cost: finite(&DISTANCE_COST)?,
            start_deviation: ENTRY.not_negative(&START_DEVIATION, parameters)?,
        };
        let moves = match task.directions as usize {
            0 => Space::symmetric(&[1.0, 1.0]),
            directions => Space::Discrete(directions),
        };
        let limit = ENTRY.limit(&LIMIT, parameters)?;
        Ok(Episode::new(&ENTRY, Space::symmetric(&[EDGE, EDGE]), moves, limit, task))
    },
};

const LIMIT: ParameterEntry = max_episode_steps(30.0);
const DIRECTIONS: ParameterEntry =
    ParameterEntry { name: "directions", domain: "0 (any move), or a whole number to 360", default: 0.0 };
const GOAL_REWARD: ParameterEntry =
    ParameterEntry { name: "goal_reward", domain: "a finite number", default: 10.0 };
const MOVE_COST: ParameterEntry =
    ParameterEntry { name: "move_cost", domain: "a finite number", default: 30.0 };
const DISTANCE_COST: ParameterEntry =
    ParameterEntry { name: "distance_cost", domain: "a finite number", default: 1.0 };
const START_DEVIATION: ParameterEntry =
    ParameterEntry { name: "start_deviation", domain: "a finite number, 0 or above", default: 0.1 };

const GOALS: [[f64; 2]; 4] = [[5.0, 0.0], [-5.0, 0.0], [0.0, 5.0], [0.0, -5.0]];
const EDGE: f64 = 7.0;

struct MultiGoal {
    /// 0 if any move is an action.
    directions: f64,
    goal_reward: f64,
    move_cost: f64,
    distance_cost: f64,
    start_deviation: f64,
}

impl Task<2> for MultiGoal {
    fn start(&self, generator: &mut Generator) -> [f64; 2] {
        generator.normals().map(|normal| (self.start_deviation * normal).clamp(-EDGE, EDGE))
    }

    fn advance(&self, state: &mut [f64; 2], action: Action<'_>, _: &mut Generator) -> (f64, bool) {
        let [dx, dy] = match action {
            Action::Continuous(moved) => [f64::from(moved[0]), f64::from(moved[1])],
            Action::Discrete(direction) => {
                let (sin, cos) = (TAU * direction as f64 / self.directions).sin_cos();
                [cos, sin]
            }
        };
        let [x, y] = [state[0] + dx, state[1] + dy].map(|coordinate| coordinate.clamp(-EDGE, EDGE));
        *state = [x, y];
        let squares = GOALS.map(|[to_x, to_y]| (x - to_x) * (x - to_x) + (y - to_y) * (y - to_y));
        let nearest = squares.into_iter().fold(f64::INFINITY, f64::min);
        let arrived = nearest < 1.0;
        let cost = self.move_cost * (dx * dx + dy * dy) + self.distance_cost * nearest;
        (if arrived { self.goal_reward } else { 0.0 } - cost, arrived)
    }

    fn observe(&self, state: &[f64; 2], observation: &mut [f32]) {
        observation.copy_from_slice(&state.map(|number| number as f32));
    }

    fn admits(&self, state: &[f64; 2]) -> bool {
        state.iter().all(|coordinate| coordinate.abs() <= EDGE)
    }
}
