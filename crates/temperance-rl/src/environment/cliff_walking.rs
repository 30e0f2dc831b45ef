//! A walk along a cliff: the shortest way is the most dangerous one.
//!
//! States: 4 rows of 12 cells, row by row from the top left; observed as one entry for each, 1 at the cell and 0
//! elsewhere. Actions: 0 up, 1 right, 2 down, 3 left; at the edge the walker stays. The start is cell 36, at the
//! bottom left, the goal cell 47, at the bottom right; between them is the cliff. The reward is -1 for every step;
//! one into the cliff earns -100 and leads back to the start. The task ends at the goal; there is no time limit.
//!
//! If it is slippery (`is_slippery` is 1, not 0), a step goes where it should or to one of the two sides, with
//! probability 1/3 each: CliffWalkingSlippery-v1 of Gymnasium.
//!
//! ```
//! use temperance::Parameters;
//! use temperance_rl::environment::{Action, make};
//!
//! let mut environment = make("CliffWalking-v1", &Parameters::new())?;
//! let mut observation = [0.0; 48];
//! environment.reset(Some(0), &mut observation);
//! let fall = environment.step(Action::Discrete(1), &mut observation)?;
//! assert_eq!((fall.reward, fall.terminated, observation[36]), (-100.0, false, 1.0));
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Source: Sutton, Barto 2018, example 6.6; CliffWalking-v1 of Gymnasium.

use temperance::calibrate::ParameterEntry;

use super::episode::Episode;
use super::grid::{DOWN, Direction, Grid, LEFT, RIGHT, UP, slipping};
use super::table::{Chain, Outcome};
use super::{Entry, max_episode_steps};

/// CliffWalking-v1.
pub static ENTRY: Entry = Entry {
    name: "CliffWalking-v1",
    summary: "a walk along a cliff, where the shortest way is the most dangerous one",
    source: "Sutton, Barto 2018, example 6.6; Gymnasium",
    parameters: &[LIMIT, IS_SLIPPERY],
    build: |parameters| {
        let slippery = ENTRY.switch(&IS_SLIPPERY, parameters)?;
        let outcome = |probability, cell, direction| match GRID.beside(cell, direction) {
            next if (START + 1..GOAL).contains(&next) => Outcome { probability, next: START, reward: -100.0 },
            next => Outcome { probability, next, reward: -1.0 },
        };
        let terminal = (0..GRID.cells()).map(|cell| cell == GOAL).collect();
        let chain = Chain::new(START, 4, terminal, |cell, action| {
            if slippery {
                let ways = slipping(DIRECTIONS, action);
                ways.map(|direction| outcome(1.0 / 3.0, cell, direction)).to_vec()
            } else {
                vec![outcome(1.0, cell, DIRECTIONS[action])]
            }
        });
        let limit = ENTRY.limit(&LIMIT, parameters)?;
        Ok(Episode::new(&ENTRY, chain.states(), chain.actions(), limit, chain))
    },
};

const LIMIT: ParameterEntry = max_episode_steps(f64::INFINITY);
const IS_SLIPPERY: ParameterEntry = ParameterEntry { name: "is_slippery", domain: "0 or 1", default: 0.0 };

const GRID: Grid = Grid { rows: 4, columns: 12 };
const START: usize = 36;
const GOAL: usize = 47;
const DIRECTIONS: [Direction; 4] = [UP, RIGHT, DOWN, LEFT];
