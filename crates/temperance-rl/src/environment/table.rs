//! Tasks with finitely many states: what they are, and how a step is drawn from it.

use super::episode::Task;
use super::{Action, Space};
use crate::generator::Generator;

/// A finite task in numbers: S states, A actions.
///
/// A terminal state leads to itself with reward 0 whatever is done. Time limits are no part of it.
///
/// ```
/// use temperance::Parameters;
/// use temperance_rl::environment::make;
///
/// // On slippery ice a step up, action 3, in the top left corner stays there in two cases of three.
/// let table = make("FrozenLake-v1", &Parameters::new())?.table().unwrap();
/// assert_eq!((table.states, table.actions), (16, 4));
/// assert!((table.transitions[3 * table.states] - 2.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// S.
    pub states: usize,
    /// A.
    pub actions: usize,
    /// Expected reward of action a in state s, at s·A + a.
    pub rewards: Vec<f64>,
    /// Probability that action a leads from state s to s', at (s·A + a)·S + s'.
    pub transitions: Vec<f64>,
    /// Whether the task has ended in a state.
    pub terminal: Vec<bool>,
}

/// What an action may lead to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) probability: f64,
    pub(super) next: usize,
    pub(super) reward: f64,
}

impl Outcome {
    /// What is certain.
    pub(super) fn certain(next: usize, reward: f64) -> Vec<Self> {
        vec![Outcome { probability: 1.0, next, reward }]
    }
}

/// A finite task by what each action may lead to in each state: the one source of [`Table`] and of steps.
pub(super) struct Chain {
    start: usize,
    actions: usize,
    terminal: Vec<bool>,
    /// Of action a in state s at s·A + a.
    outcomes: Vec<Vec<Outcome>>,
}

impl Chain {
    /// The task whose action a leads from state s, if that is not terminal, to one of `outcomes(s, a)`.
    pub(super) fn new(
        start: usize,
        actions: usize,
        terminal: Vec<bool>,
        outcomes: impl Fn(usize, usize) -> Vec<Outcome>,
    ) -> Self {
        let of = |(state, action)| match terminal[state] {
            true => Outcome::certain(state, 0.0),
            false => outcomes(state, action),
        };
        let pairs = (0..terminal.len()).flat_map(|state| (0..actions).map(move |action| (state, action)));
        let outcomes = pairs.map(of).collect();
        Chain { start, actions, terminal, outcomes }
    }

    /// The states, as what is observed.
    pub(super) fn states(&self) -> Space {
        Space::Discrete(self.terminal.len())
    }

    /// The actions.
    pub(super) fn actions(&self) -> Space {
        Space::Discrete(self.actions)
    }
}

impl Task<1> for Chain {
    /// Draws a number, as Gymnasium does, though the start is certain.
    fn start(&self, generator: &mut Generator) -> [f64; 1] {
        generator.random();
        [self.start as f64]
    }

    fn advance(&self, state: &mut [f64; 1], action: Action<'_>, generator: &mut Generator) -> (f64, bool) {
        let outcomes = &self.outcomes[state[0] as usize * self.actions + action.number()];
        let drawn = generator.random();
        let mut below = 0.0;
        let outcome = outcomes.iter().find(|outcome| {
            below += outcome.probability;
            below > drawn
        });
        // Probabilities may sum to less than 1 by a rounding; the first outcome then has the rest.
        let Outcome { next, reward, .. } = *outcome.unwrap_or(&outcomes[0]);
        *state = [next as f64];
        (reward, self.terminal[next])
    }

    fn observe(&self, state: &[f64; 1], observation: &mut [f32]) {
        assert_eq!(observation.len(), self.terminal.len(), "length of the observation");
        observation.fill(0.0);
        observation[state[0] as usize] = 1.0;
    }

    fn admits(&self, &[state]: &[f64; 1]) -> bool {
        (0.0..self.terminal.len() as f64).contains(&state) && state.fract() == 0.0
    }

    fn table(&self) -> Option<Table> {
        let states = self.terminal.len();
        let mut rewards = Vec::with_capacity(self.outcomes.len());
        let mut transitions = vec![0.0; self.outcomes.len() * states];
        for (outcomes, row) in self.outcomes.iter().zip(transitions.chunks_exact_mut(states)) {
            rewards.push(outcomes.iter().map(|outcome| outcome.probability * outcome.reward).sum());
            for outcome in outcomes {
                row[outcome.next] += outcome.probability;
            }
        }
        let (actions, terminal) = (self.actions, self.terminal.clone());
        Some(Table { states, actions, rewards, transitions, terminal })
    }
}
