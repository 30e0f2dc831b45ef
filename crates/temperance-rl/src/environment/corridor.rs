//! A corridor with a small reward near one end and a large one at the far end: what is found first is not best.
//!
//! States: cells in a row; observed as one entry for each, 1 at the cell and 0 elsewhere. Actions: 0 left, 1 right.
//! The first cell has the small reward, the last the large one; entering either ends the task. The start lies
//! `small_distance` steps from the one and `large_distance` from the other. Other steps earn nothing; the episode is
//! cut off after 60 of them.
//!
//! ```
//! use temperance::Parameters;
//! use temperance_rl::environment::{Action, make};
//!
//! let mut environment = make("Corridor", &Parameters::new())?;
//! let mut observation = [0.0; 9];
//! let mut walk = |action, steps| {
//!     environment.reset(Some(0), &mut observation);
//!     (0..steps).map(|_| environment.step(Action::Discrete(action), &mut observation).unwrap().reward).sum::<f64>()
//! };
//! assert_eq!((walk(0, 2), walk(1, 6)), (1.0, 10.0));
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Source: Temperance.

use temperance::calibrate::ParameterEntry;

use super::episode::Episode;
use super::table::{Chain, Outcome};
use super::{Entry, max_episode_steps};

/// Corridor.
pub static ENTRY: Entry = Entry {
    name: "Corridor",
    summary: "a corridor with a small reward nearby and a large one far away",
    source: "Temperance",
    parameters: &[LIMIT, SMALL_REWARD, LARGE_REWARD, SMALL_DISTANCE, LARGE_DISTANCE],
    build: |parameters| {
        let small = ENTRY.number(&SMALL_REWARD, parameters, f64::is_finite)?;
        let large = ENTRY.number(&LARGE_REWARD, parameters, f64::is_finite)?;
        let whole = |value: f64| (1.0..=100.0).contains(&value) && value.fract() == 0.0;
        let start = ENTRY.number(&SMALL_DISTANCE, parameters, whole)? as usize;
        let last = start + ENTRY.number(&LARGE_DISTANCE, parameters, whole)? as usize;
        let limit = ENTRY.limit(&LIMIT, parameters)?;

        let terminal = (0..=last).map(|cell| cell == 0 || cell == last).collect();
        let chain = Chain::new(start, 2, terminal, |cell, action| {
            let next = if action == 0 { cell - 1 } else { cell + 1 };
            let reward = if next == 0 {
                small
            } else if next == last {
                large
            } else {
                0.0
            };
            vec![Outcome { probability: 1.0, next, reward }]
        });
        Ok(Episode::new(&ENTRY, chain.states(), chain.actions(), limit, chain))
    },
};

const LIMIT: ParameterEntry = max_episode_steps(60.0);
const SMALL_REWARD: ParameterEntry =
    ParameterEntry { name: "small_reward", domain: "a finite number", default: 1.0 };
const LARGE_REWARD: ParameterEntry =
    ParameterEntry { name: "large_reward", domain: "a finite number", default: 10.0 };
const SMALL_DISTANCE: ParameterEntry =
    ParameterEntry { name: "small_distance", domain: "a whole number from 1 to 100", default: 2.0 };
const LARGE_DISTANCE: ParameterEntry =
    ParameterEntry { name: "large_distance", domain: "a whole number from 1 to 100", default: 6.0 };
