//! The bandit and the corridor: what entropy does for exploration, and where it goes wrong.

mod common;

use common::text;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use temperance::loss::Schedule;
use temperance::policy::{FiniteMdp, TabularSac, preference_steps};

const CELLS: usize = 9;
const START: usize = 2;
const EPISODES: u64 = 600;

/// A corridor with a reward of 1 at the near end, two cells away, and of 10 at the far one.
fn corridor() -> FiniteMdp {
    let (mut rewards, mut transitions) = (vec![0.0; 2 * CELLS], vec![0.0; 2 * CELLS * CELLS]);
    for cell in 0..CELLS {
        let ends = [cell.saturating_sub(1), (cell + 1).min(CELLS - 1)];
        for (action, next) in ends.into_iter().enumerate() {
            transitions[(2 * cell + action) * CELLS + next] = 1.0;
        }
    }
    rewards[2] = 1.0;
    rewards[2 * (CELLS - 2) + 1] = 10.0;
    let is_end: Vec<bool> = (0..CELLS).map(|cell| cell == 0 || cell == CELLS - 1).collect();
    FiniteMdp::new(CELLS, 2, &rewards, &transitions, 0.97).unwrap().with_terminal(&is_end).unwrap()
}

/// The shares of seeds whose greedy policy ends at the far and at the near end.
fn shares(seeds: u64, alpha: impl Fn(u64) -> f64) -> (f64, f64) {
    let mdp = corridor();
    let settings = TabularSac { episodes: EPISODES, steps: 60, actor_rate: 0.5, critic_rate: 0.2 };
    let (mut far, mut near) = (0, 0);
    for seed in 0..seeds {
        let mut random = Pcg64::seed_from_u64(seed);
        let learned = settings.train(&mdp, START, &alpha, || random.random()).unwrap();
        let mut cell = START;
        for _ in 0..60 {
            if !mdp.is_terminal(cell) {
                cell = mdp.next_state(cell, learned.greedy(cell), 0.0).unwrap();
            }
        }
        far += u64::from(cell == CELLS - 1);
        near += u64::from(cell == 0);
    }
    (far as f64 / seeds as f64, near as f64 / seeds as f64)
}

/// Entropy pays for exploration, if it is enough and goes away in time.
#[test]
fn the_corridor() {
    let annealed = |alpha: f64| {
        let schedule = Schedule::linear(alpha, 0.0, EPISODES * 4 / 5).unwrap();
        shares(40, |episode| schedule.value_at(episode))
    };
    assert_eq!(annealed(0.0), (0.0, 1.0));
    let (far, near) = annealed(0.1);
    assert!(far < 0.15 && near > 0.85, "{far} {near}");
    let (far, near) = annealed(0.5);
    assert!(far > 0.5 && near < 0.15, "{far} {near}");
    let (constant, _) = shares(40, |_| 0.5);
    assert!(constant < far, "{constant} {far}");
}

/// Staying alive earns α·ln 2 in every step: from α = 10·(1 - γ)/ln 2 = 0.43 on, more than the goal.
#[test]
fn too_much_entropy_never_goes_home() {
    assert_eq!(shares(10, |_| 2.0), (0.0, 0.0));
    let mdp = corridor();
    let before_the_goal = |alpha: f64| {
        let q = mdp.soft_policy_iteration(alpha, 1e-9).unwrap().action_values;
        q[2 * (CELLS - 2) + 1] - q[2 * (CELLS - 2)]
    };
    assert!(before_the_goal(0.3) > 0.0 && before_the_goal(2.0) < 0.0);
}

/// Steps of exact policy gradient until the better of two arms is preferred, for four probabilities of it at
/// the start.
#[test]
fn the_bandit() {
    let table = [
        (0.0, [Some(167), Some(1354), Some(12_663), Some(125_222)]),
        (0.05, [Some(106), Some(520), Some(3308), Some(24_891)]),
        (0.2, [Some(56), Some(197), Some(1055), Some(7362)]),
    ];
    for (alpha, expected) in table {
        let steps = [1e-1, 1e-2, 1e-3, 1e-4].map(|p: f64| {
            let start = [0.0, ((1.0 - p) / p).ln()];
            preference_steps(&[1.0, 0.9], &start, 0.4, alpha, 200_000).unwrap()
        });
        assert_eq!(steps, expected);
    }
    assert_eq!(preference_steps(&[1.0, 0.9], &[1.0, 0.0], 0.4, 0.0, 0).unwrap(), Some(0));
}

#[test]
fn draws_are_asked_for_where_something_is_random() {
    // From state 0 both states may follow; in state 1 the only action stays.
    let mdp = FiniteMdp::new(2, 1, &[0.0, 1.0], &[0.5, 0.5, 0.0, 1.0], 0.5).unwrap();
    let settings = TabularSac { episodes: 1, steps: 3, actor_rate: 0.5, critic_rate: 1.0 };
    let mut asked = 0;
    let learned = settings
        .train(
            &mdp,
            0,
            |_| 0.0,
            || {
                asked += 1;
                0.9
            },
        )
        .unwrap();
    // One action in each step, one transition in the first.
    assert_eq!(asked, 4);
    assert_eq!(learned.action_values, [0.0, 1.5]);
    assert_eq!(learned.greedy(1), 0);
}

#[test]
fn refusals() {
    let settings = TabularSac { episodes: 1, steps: 1, actor_rate: 0.5, critic_rate: 0.2 };
    let mdp = corridor();
    let train = |settings: TabularSac, start, alpha, uniform| {
        text(settings.train(&mdp, start, |_| alpha, || uniform))
    };
    assert_eq!(train(settings, 9, 0.1, 0.5), "start is 9; expected a state from 0 to 8");
    assert_eq!(
        train(settings, 2, -1.0, 0.5),
        "entropy temperature is -1; expected a finite number, 0 or above"
    );
    assert_eq!(train(settings, 2, 0.1, 1.0), "uniform number is 1; expected a number from 0 to below 1");
    assert_eq!(
        train(TabularSac { actor_rate: f64::NAN, ..settings }, 2, 0.1, 0.5),
        "actor rate is NaN; expected a finite number above 0"
    );
    assert_eq!(
        train(TabularSac { critic_rate: 1.5, ..settings }, 2, 0.1, 0.5),
        "critic rate is 1.5; expected a number above 0, at most 1"
    );
    assert_eq!(
        text(preference_steps(&[1.0], &[0.0, 0.0], 0.4, 0.0, 10)),
        "length of the action values is 1; expected 2"
    );
}
