//! A walk over a frozen lake to a goal, between holes; the ice is slippery.
//!
//! States: the cells, row by row from the top left; observed as one entry for each, 1 at the cell and 0 elsewhere.
//! Actions: 0 left, 1 down, 2 right, 3 up; at the edge the walker stays. S is the start, G the goal, H a hole:
//!
//! ```text
//! SFFF     SFFFFFFF
//! FHFH     FFFFFFFF
//! FFFH     FFFHFFFF
//! HFFG     FFFFFHFF
//!          FFFHFFFF
//!          FHHFFFHF
//!          FHFFHFHF
//!          FFFHFFFG
//! ```
//!
//! On slippery ice (`is_slippery`, 1 or 0) a step goes where it should with probability `success_rate`, else to one
//! of the two sides, each as likely as the other. The reward is 1 at the goal and 0 else. The task ends at the goal
//! and in a hole, and is cut off after 100 steps, on the large lake after 200.
//!
//! ```
//! use temperance::{Parameter, Parameters};
//! use temperance_rl::environment::{Action, make};
//!
//! let firm = Parameters::new().with("is_slippery", Parameter::Number(0.0));
//! let mut environment = make("FrozenLake-v1", &firm)?;
//! let mut observation = [0.0; 16];
//! environment.reset(Some(0), &mut observation);
//! let rewards = [1, 1, 2, 1, 2, 2].map(|action| {
//!     environment.step(Action::Discrete(action), &mut observation).unwrap().reward
//! });
//! assert_eq!(rewards, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Source: FrozenLake-v1 and FrozenLake8x8-v1 of Gymnasium.

use temperance::calibrate::ParameterEntry;
use temperance::{Parameters, Result};

use super::episode::Episode;
use super::grid::{DOWN, Direction, Grid, LEFT, RIGHT, UP, slipping};
use super::table::{Chain, Outcome};
use super::{Entry, Environment, max_episode_steps};

/// FrozenLake-v1, of 16 cells.
pub static ENTRY: Entry = Entry {
    name: "FrozenLake-v1",
    summary: "a walk over 4 by 4 cells of slippery ice to a goal, between holes",
    source: "Gymnasium",
    parameters: &[LIMIT, IS_SLIPPERY, SUCCESS_RATE],
    build: |parameters| build(&ENTRY, &LIMIT, ["SFFF", "FHFH", "FFFH", "HFFG"], parameters),
};

/// FrozenLake8x8-v1, of 64 cells.
pub static ENTRY_8X8: Entry = Entry {
    name: "FrozenLake8x8-v1",
    summary: "a walk over 8 by 8 cells of slippery ice to a goal, between holes",
    source: "Gymnasium",
    parameters: &[LIMIT_8X8, IS_SLIPPERY, SUCCESS_RATE],
    build: |parameters| {
        let lake =
            ["SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG"];
        build(&ENTRY_8X8, &LIMIT_8X8, lake, parameters)
    },
};

const LIMIT: ParameterEntry = max_episode_steps(100.0);
const LIMIT_8X8: ParameterEntry = max_episode_steps(200.0);
const IS_SLIPPERY: ParameterEntry = ParameterEntry { name: "is_slippery", domain: "0 or 1", default: 1.0 };
const SUCCESS_RATE: ParameterEntry =
    ParameterEntry { name: "success_rate", domain: "a number from 0 to 1", default: 1.0 / 3.0 };

const DIRECTIONS: [Direction; 4] = [LEFT, DOWN, RIGHT, UP];

fn build<const N: usize>(
    entry: &'static Entry,
    limit: &ParameterEntry,
    lake: [&str; N],
    parameters: &Parameters,
) -> Result<Box<dyn Environment>> {
    let slippery = entry.switch(&IS_SLIPPERY, parameters)?;
    let success = entry.number(&SUCCESS_RATE, parameters, |rate| (0.0..=1.0).contains(&rate))?;
    let limit = entry.limit(limit, parameters)?;

    let (grid, lake) = (Grid { rows: N, columns: N }, lake.concat().into_bytes());
    let outcome = |probability, cell, direction| {
        let next = grid.beside(cell, direction);
        Outcome { probability, next, reward: if lake[next] == b'G' { 1.0 } else { 0.0 } }
    };
    let terminal = lake.iter().map(|letter| b"GH".contains(letter)).collect();
    let chain = Chain::new(0, 4, terminal, |cell, action| {
        if slippery {
            let failure = (1.0 - success) / 2.0;
            let ways = [failure, success, failure].into_iter().zip(slipping(DIRECTIONS, action));
            ways.map(|(probability, direction)| outcome(probability, cell, direction)).collect()
        } else {
            vec![outcome(1.0, cell, DIRECTIONS[action])]
        }
    });
    Ok(Episode::new(entry, chain.states(), chain.actions(), limit, chain))
}
