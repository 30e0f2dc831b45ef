//! A walk straight to a goal, in whose way an obstacle can be put: what a policy does that never saw it.
//!
//! States: 5 rows of 7 cells, row by row from the top left; observed as one entry for each, 1 at the cell and 0
//! elsewhere. Actions: 0 up, 1 right, 2 down, 3 left; at the edge the walker stays. The start S and the goal G are at
//! the two ends of the middle row, so that there is one shortest way:
//!
//! ```text
//! .......     .......
//! .......     ...#...
//! S.....G     S..#..G     obstacle = 3
//! .......     ...#...
//! .......     .......
//! ```
//!
//! `obstacle` is the number of cells, 0, 1 or 3, in the middle of the middle column that cannot be entered: who
//! tries stays. The reward is -1 for every step. The task ends at the goal and is cut off after 100 steps. A policy
//! that has learnt the straight way alone runs into the obstacle until then; one that has kept others gets around.
//!
//! ```
//! use temperance::{Parameter, Parameters};
//! use temperance_rl::environment::{Action, make};
//!
//! let mut observation = [0.0; 35];
//! let mut straight = |obstacle| -> temperance::Result<f64> {
//!     let parameters = Parameters::new().with("obstacle", Parameter::Number(obstacle));
//!     let mut environment = make("ObstacleGrid", &parameters)?;
//!     environment.reset(Some(0), &mut observation);
//!     let mut total = 0.0;
//!     loop {
//!         let step = environment.step(Action::Discrete(1), &mut observation)?;
//!         total += step.reward;
//!         if step.terminated || step.truncated {
//!             return Ok(total);
//!         }
//!     }
//! };
//! assert_eq!((straight(0.0)?, straight(1.0)?), (-6.0, -100.0));
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Source: after Eysenbach, Levine 2022, "Maximum Entropy RL (Provably) Solves Some Robust RL Problems", figure 1.

use temperance::calibrate::ParameterEntry;

use super::episode::Episode;
use super::grid::{DOWN, Direction, Grid, LEFT, RIGHT, UP};
use super::table::{Chain, Outcome};
use super::{Entry, max_episode_steps};

/// ObstacleGrid.
pub static ENTRY: Entry = Entry {
    name: "ObstacleGrid",
    summary: "a walk straight to a goal, in whose way an obstacle can be put",
    source: "after Eysenbach, Levine 2022, figure 1",
    parameters: &[LIMIT, OBSTACLE],
    build: |parameters| {
        let obstacle = ENTRY.number(&OBSTACLE, parameters, |cells| [0.0, 1.0, 3.0].contains(&cells))?;
        let limit = ENTRY.limit(&LIMIT, parameters)?;

        let blocked = |cell: usize| {
            let (row, column) = (cell / GRID.columns, cell % GRID.columns);
            column == GRID.columns / 2 && 2.0 * (row.abs_diff(GRID.rows / 2) as f64) < obstacle
        };
        let terminal = (0..GRID.cells()).map(|cell| cell == GOAL).collect();
        let chain = Chain::new(START, 4, terminal, |cell, action| {
            let beside = GRID.beside(cell, DIRECTIONS[action]);
            let next = if blocked(beside) { cell } else { beside };
            vec![Outcome { probability: 1.0, next, reward: -1.0 }]
        });
        Ok(Episode::new(&ENTRY, chain.states(), chain.actions(), limit, chain))
    },
};

const LIMIT: ParameterEntry = max_episode_steps(100.0);
const OBSTACLE: ParameterEntry = ParameterEntry { name: "obstacle", domain: "0, 1 or 3", default: 0.0 };

const GRID: Grid = Grid { rows: 5, columns: 7 };
const START: usize = 14;
const GOAL: usize = 20;
const DIRECTIONS: [Direction; 4] = [UP, RIGHT, DOWN, LEFT];
