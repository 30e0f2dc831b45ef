//! What was seen, to be learned from again.

use rand::{Rng, RngExt};
use temperance::{Error, ErrorKind, Result};

use crate::environment::Step;
use crate::network::Real;

/// Transitions of one or more environments, the newest in the place of the oldest.
///
/// It keeps `terminated` and `truncated` apart: a batch discounts what comes after a step that only the time limit cut
/// off like any other, and nothing comes after a terminated one. Nobody who samples can get that wrong: a batch holds
/// the discount, and no flag.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    pub(crate) environments: usize,
    /// Steps that each environment has room for.
    pub(crate) capacity: usize,
    pub(crate) observation_len: usize,
    pub(crate) action_len: usize,
    /// Steps of each environment that were ever added.
    pub(crate) added: u64,
    pub(crate) observations: Vec<f32>,
    pub(crate) next_observations: Vec<f32>,
    pub(crate) actions: Vec<f32>,
    pub(crate) rewards: Vec<f32>,
    pub(crate) entropies: Vec<f32>,
    /// Bit 0: terminated; bit 1: truncated.
    pub(crate) ends: Vec<u8>,
}

/// One step of one environment.
#[derive(Debug, Clone, Copy)]
pub struct Transition<'a> {
    /// What was seen before it.
    pub observation: &'a [f32],
    /// What was done: entries from -1 to 1, or the number of a discrete action.
    pub action: &'a [f32],
    /// What it gave.
    pub step: Step,
    /// What was seen after it: the last of the episode, where it has ended, not the first of the next.
    pub next_observation: &'a [f32],
    /// The entropy of the policy that acted, in nats; 0 where nobody reads it.
    pub entropy: f64,
}

/// Transitions to learn from, row by row.
#[derive(Debug, Clone, Default)]
pub struct Batch<T> {
    /// Rows x entries.
    pub observations: Vec<T>,
    /// Rows x entries, from -1 to 1, or the numbers of discrete actions.
    pub actions: Vec<T>,
    /// Sums of the discounted rewards of up to n steps.
    pub rewards: Vec<T>,
    /// Rows x entries.
    pub next_observations: Vec<T>,
    /// What the value of the next observation counts: γⁿ, or 0 after a terminated step.
    pub discounts: Vec<T>,
    /// The entropies of the policy when it acted, in nats.
    pub entropies: Vec<T>,
}

impl Replay {
    /// An empty one with room for `capacity` transitions of all environments together.
    ///
    /// # Errors
    /// There is no room for a step of each environment.
    pub fn new(
        capacity: usize,
        environments: usize,
        observation_len: usize,
        action_len: usize,
    ) -> Result<Self> {
        if !(environments > 0 && capacity >= environments) {
            let expected = format!("at least a transition of each environment ({environments})");
            return Err(Error::new(
                ErrorKind::Parameter,
                "capacity of the replay buffer",
                capacity,
                expected,
            ));
        }
        Ok(Replay {
            environments,
            capacity: capacity / environments,
            observation_len,
            action_len,
            added: 0,
            observations: Vec::new(),
            next_observations: Vec::new(),
            actions: Vec::new(),
            rewards: Vec::new(),
            entropies: Vec::new(),
            ends: Vec::new(),
        })
    }

    /// Transitions that it holds.
    pub fn len(&self) -> usize {
        self.steps() * self.environments
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.added == 0
    }

    /// Steps of each environment that it holds.
    fn steps(&self) -> usize {
        self.added.min(self.capacity as u64) as usize
    }

    /// Takes the size of a buffer to which so many steps were added; its contents are to be filled in.
    pub(crate) fn hold(&mut self, added: u64) {
        self.added = added;
        let slots = self.len();
        for (values, width) in [
            (&mut self.observations, self.observation_len),
            (&mut self.next_observations, self.observation_len),
            (&mut self.actions, self.action_len),
            (&mut self.rewards, 1),
            (&mut self.entropies, 1),
        ] {
            values.resize(slots * width, 0.0);
        }
        self.ends.resize(slots, 0);
    }

    /// Adds a step of every environment, in their order.
    pub fn add<'a>(&mut self, transitions: impl IntoIterator<Item = Transition<'a>>) {
        let first = (self.added % self.capacity as u64) as usize * self.environments;
        let mut count = 0;
        for (slot, transition) in (first..first + self.environments).zip(transitions) {
            let ends = u8::from(transition.step.terminated) | u8::from(transition.step.truncated) << 1;
            put(&mut self.observations, slot, transition.observation);
            put(&mut self.next_observations, slot, transition.next_observation);
            put(&mut self.actions, slot, transition.action);
            put(&mut self.rewards, slot, &[transition.step.reward as f32]);
            put(&mut self.entropies, slot, &[transition.entropy as f32]);
            put(&mut self.ends, slot, &[ends]);
            count += 1;
        }
        debug_assert_eq!(count, self.environments, "a transition of each environment");
        self.added += 1;
    }

    /// Draws transitions, each as likely as any other, with the rewards of up to `n` steps.
    ///
    /// The sum of rewards stops where an episode ends, in whatever way, and at the newest step.
    pub fn sample<T: Real>(
        &self,
        rows: usize,
        n: usize,
        discount: f64,
        rng: &mut impl Rng,
        batch: &mut Batch<T>,
    ) {
        let Batch { observations, actions, rewards, next_observations, discounts, entropies } = batch;
        [&mut *observations, actions, rewards, next_observations, discounts, entropies]
            .into_iter()
            .for_each(Vec::clear);
        let (steps, environments) = (self.steps(), self.environments);
        let oldest = ((self.added - steps as u64) % self.capacity as u64) as usize;
        for _ in 0..rows {
            let drawn = rng.random_range(0..steps * environments);
            let (age, environment) = (drawn / environments, drawn % environments);
            // The oldest step has age 0.
            let slot = |age: usize| {
                let step = oldest + age;
                let lap = if step < self.capacity { 0 } else { self.capacity };
                (step - lap) * environments + environment
            };
            let first = slot(age);
            let (mut reward, mut weight, mut last) = (0.0, 1.0, first);
            for age in age..(age + n).min(steps) {
                last = slot(age);
                reward += weight * f64::from(self.rewards[last]);
                weight *= discount;
                if self.ends[last] != 0 {
                    break;
                }
            }
            let terminated = self.ends[last] & 1 == 1;
            copy(observations, &self.observations, first, self.observation_len);
            copy(actions, &self.actions, first, self.action_len);
            copy(next_observations, &self.next_observations, last, self.observation_len);
            rewards.push(T::of(reward));
            discounts.push(T::of(if terminated { 0.0 } else { weight }));
            entropies.push(T::of(f64::from(self.entropies[first])));
        }
    }
}

fn put<T: Copy>(all: &mut Vec<T>, slot: usize, values: &[T]) {
    let start = slot * values.len();
    if start == all.len() {
        all.extend_from_slice(values);
    } else {
        all[start..start + values.len()].copy_from_slice(values);
    }
}

fn copy<T: Real>(into: &mut Vec<T>, all: &[f32], slot: usize, width: usize) {
    into.extend(all[slot * width..(slot + 1) * width].iter().map(|&value| T::of(f64::from(value))));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(reward: f64, terminated: bool, truncated: bool) -> Step {
        Step { reward, terminated, truncated }
    }

    fn filled(steps: &[Step], capacity: usize) -> Replay {
        let mut replay = Replay::new(capacity, 1, 1, 1).unwrap();
        for (at, &step) in steps.iter().enumerate() {
            let (before, after) = ([at as f32], [at as f32 + 1.0]);
            replay.add([Transition {
                observation: &before,
                action: &before,
                step,
                next_observation: &after,
                entropy: 0.0,
            }]);
        }
        replay
    }

    /// (first observation, reward, next observation, discount) of everything that can be drawn.
    fn drawn(replay: &Replay, n: usize) -> Vec<[f64; 4]> {
        let mut batch = Batch::<f64>::default();
        let mut rng = crate::random::stream(0, crate::random::Stream::Replay, 0);
        replay.sample(400, n, 0.5, &mut rng, &mut batch);
        let mut rows: Vec<[f64; 4]> = (0..400)
            .map(|row| {
                [
                    batch.observations[row],
                    batch.rewards[row],
                    batch.next_observations[row],
                    batch.discounts[row],
                ]
            })
            .collect();
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
        rows.dedup();
        rows
    }

    #[test]
    fn only_termination_ends_what_comes_after() {
        let replay = filled(&[step(1.0, false, true), step(2.0, true, false), step(4.0, true, true)], 8);
        assert_eq!(drawn(&replay, 1), [[0.0, 1.0, 1.0, 0.5], [1.0, 2.0, 2.0, 0.0], [2.0, 4.0, 3.0, 0.0]]);
    }

    #[test]
    fn several_steps_stop_at_ends_and_at_the_newest() {
        let go = |reward| step(reward, false, false);
        let steps = [go(1.0), go(2.0), step(4.0, false, true), go(8.0), step(16.0, true, false), go(32.0)];
        let replay = filled(&steps, 8);
        let expected = [
            [0.0, 1.0 + 1.0 + 1.0, 3.0, 0.125],
            [1.0, 2.0 + 2.0, 3.0, 0.25],
            [2.0, 4.0, 3.0, 0.5],
            [3.0, 8.0 + 8.0, 5.0, 0.0],
            [4.0, 16.0, 5.0, 0.0],
            [5.0, 32.0, 6.0, 0.5],
        ];
        assert_eq!(drawn(&replay, 3), expected);
    }

    #[test]
    fn the_newest_takes_the_place_of_the_oldest() {
        let steps: Vec<Step> = (0..7).map(|at| step(f64::from(at), false, false)).collect();
        let replay = filled(&steps, 4);
        assert_eq!(replay.len(), 4);
        let firsts: Vec<f64> = drawn(&replay, 2).iter().map(|row| row[0]).collect();
        assert_eq!(firsts, [3.0, 4.0, 5.0, 6.0]);
        // Of two steps, the first is never older than the buffer, the second never another lap's.
        assert_eq!(drawn(&replay, 2)[2], [5.0, 5.0 + 3.0, 7.0, 0.25]);
        assert_eq!(drawn(&replay, 2)[3], [6.0, 6.0, 7.0, 0.5]);
    }

    #[test]
    fn no_room_is_refused() {
        assert_eq!(
            Replay::new(3, 4, 1, 1).unwrap_err().to_string(),
            "capacity of the replay buffer is 3; expected at least a transition of each environment (4)"
        );
    }
}
