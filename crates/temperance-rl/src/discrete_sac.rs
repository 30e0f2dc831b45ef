//! Soft actor-critic for discrete actions, by exact expectation (Christodoulou 2019, Soft Actor-Critic for Discrete
//! Action Settings).

use rand::Rng;
use temperance::policy::{Categorical, CategoricalBatch};
use temperance::{Error, ErrorKind, Result};

use crate::learner::{Critic, Learner, Temperature, both};
use crate::network::{Real, Trace};
use crate::replay::Batch;
use crate::sac::{Losses, finite};
use crate::settings::{Critics, Settings};

/// An agent that learns a categorical policy.
#[derive(Debug, Clone)]
pub struct DiscreteSac<T> {
    pub(crate) settings: Settings,
    actions: usize,
    target_entropy: f64,
    pub(crate) actor: Learner<T>,
    pub(crate) critics: [Critic<T>; 2],
    pub(crate) temperature: Temperature,
    pub(crate) updates: u64,
    trace: Trace<T>,
}

impl<T: Real> DiscreteSac<T> {
    /// An agent for observations of `observation_len` entries and so many actions.
    ///
    /// # Errors
    /// A setting lies outside its domain, or the target entropy cannot be reached.
    pub fn new(
        settings: Settings,
        observation_len: usize,
        actions: usize,
        rng: &mut impl Rng,
    ) -> Result<Self> {
        settings.check()?;
        if settings.sde {
            let expected = "continuous actions: state-dependent exploration is theirs";
            return Err(Error::new(ErrorKind::Parameter, "sde", "on for discrete actions", expected));
        }
        let target_entropy = settings.categorical_target(actions, 0.0)?;
        settings.categorical_target(actions, 1.0)?;
        let widths = settings.widths(observation_len, actions);
        let actor = Learner::new(&widths, rng);
        let critics = [Critic::new(&widths, rng), Critic::new(&widths, rng)];
        Ok(DiscreteSac {
            actions,
            target_entropy,
            actor,
            critics,
            temperature: Temperature::new(&settings),
            settings,
            updates: 0,
            trace: Trace::default(),
        })
    }

    /// Number of actions.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// The entropy that α is learned for.
    pub fn target_entropy(&self) -> f64 {
        self.target_entropy
    }

    /// Sets it to what the settings say after a share of the training, from 0 to 1.
    pub fn set_progress(&mut self, progress: f64) {
        if let Ok(target) = self.settings.categorical_target(self.actions, progress) {
            self.target_entropy = target;
        }
    }

    /// α.
    pub fn alpha(&self) -> f64 {
        self.temperature.alpha()
    }

    /// The action of one observation, drawn with a uniform number, or the most probable one; and the policy's entropy.
    ///
    /// # Errors
    /// The policy is no number.
    pub fn act(&self, observation: &[T], uniform: Option<f64>, trace: &mut Trace<T>) -> Result<(usize, f64)> {
        self.actor.network.forward(observation, trace);
        let logits: Vec<f64> = trace.output().iter().map(|logit| logit.f64()).collect();
        let policy = Categorical::new(&logits)?;
        let action = match uniform {
            Some(uniform) => policy.sample(uniform)?,
            None => policy.greedy(),
        };
        Ok((action, policy.entropy()))
    }

    /// Learns from a batch.
    ///
    /// # Errors
    /// A value or a gradient is no number; it is named.
    pub fn update(&mut self, batch: &Batch<T>) -> Result<Losses> {
        self.updates += 1;
        let alpha = self.temperature.alpha();
        let (critic, value) = self.learn_values(batch, alpha)?;
        let (actor, entropy) = self.learn_policy(batch, alpha)?;
        let (temperature, temperature_gradient) = self.temperature.learn(entropy, self.target_entropy);
        Ok(Losses { critic, actor, temperature, temperature_gradient, alpha, entropy, value })
    }

    /// A step of the critics towards r + γ(1-d) Σ π(a'|s')(Q̄(s', a') - α ln π(a'|s')).
    fn learn_values(&mut self, batch: &Batch<T>, alpha: f64) -> Result<(f64, f64)> {
        let (next, rows) = (&batch.next_observations, batch.rewards.len());
        self.actor.network.forward(next, &mut self.trace);
        let logits = numbers(self.trace.output());
        let (a, b) = both(&mut self.critics, rows, |critic| critic.target_values(next));
        let values = combined(self.settings.critics, a, b);
        let mut following = vec![0.0; batch.rewards.len()];
        let weight = if self.settings.entropy_in_target { alpha } else { 0.0 };
        CategoricalBatch::new(&logits, self.actions)?.soft_values_into(&values, weight, &mut following)?;
        let targets: Vec<f64> = following
            .iter()
            .enumerate()
            .map(|(row, value)| batch.rewards[row].f64() + batch.discounts[row].f64() * value)
            .collect();
        finite("target of the critics", &targets)?;
        let rate = self.settings.rate(self.settings.critic_learning_rate);
        let polyak = self.settings.polyak(self.updates);
        let (factor, clip, actions) = (self.settings.critic_loss_factor, self.settings.q_clip, self.actions);
        let learn = |critic: &mut Critic<T>| {
            let kept = clip.map(|clip| (clip, numbers(critic.target_values(&batch.observations))));
            let values = critic.values(&batch.observations);
            let share = 1.0 / targets.len() as f64;
            let (mut loss, mut mean) = (0.0, 0.0);
            let mut gradient = vec![T::zero(); values.len()];
            for (row, target) in targets.iter().enumerate() {
                let at = row * actions + batch.actions[row].f64() as usize;
                let value = values[at].f64();
                let mut error = value - target;
                let mut slope = 1.0;
                if let Some((clip, kept)) = &kept {
                    let moved = value - kept[at];
                    let clipped = kept[at] + moved.clamp(-clip, *clip) - target;
                    if clipped * clipped > error * error {
                        error = clipped;
                        slope = if moved.abs() <= *clip { 1.0 } else { 0.0 };
                    }
                }
                loss += share * factor * error * error;
                mean += share * value;
                gradient[at] = T::of(2.0 * share * factor * slope * error);
            }
            critic.step(&batch.observations, &gradient, rate, polyak);
            (loss, mean)
        };
        let ((a, value), (b, _)) = both(&mut self.critics, 3 * rows, learn);
        Ok((a + b, value))
    }

    /// A step of the policy against Σ π(α ln π - Q); gives its loss and entropy.
    fn learn_policy(&mut self, batch: &Batch<T>, alpha: f64) -> Result<(f64, f64)> {
        let observations = &batch.observations;
        let (a, b) = both(&mut self.critics, batch.rewards.len(), |critic| critic.values(observations));
        let values = combined(self.settings.critics, a, b);
        self.actor.network.forward(observations, &mut self.trace);
        let logits = numbers(self.trace.output());
        let mut gradient = vec![0.0; logits.len()];
        let policies = CategoricalBatch::new(&logits, self.actions)?;
        let loss = policies.mean_actor_loss(&values, alpha, &mut gradient)?;
        let mut value = loss.value;
        let penalty = self.settings.entropy_penalty;
        if penalty > 0.0 {
            let rows = batch.rewards.len() as f64;
            let mut of_entropy = vec![0.0; self.actions];
            for (row, policy) in policies.iter().enumerate() {
                let policy = policy?;
                let change = batch.entropies[row].f64() - policy.entropy();
                value += 0.5 * penalty * change * change / rows;
                policy.entropy_gradient(&mut of_entropy)?;
                let into = &mut gradient[row * self.actions..];
                into.iter_mut().zip(&of_entropy).for_each(|(into, by)| *into -= penalty * change * by / rows);
            }
        }
        let gradient: Vec<T> = gradient.into_iter().map(T::of).collect();
        let rate = self.settings.rate(self.settings.actor_learning_rate);
        self.actor.step(observations, &mut self.trace, &gradient, None, rate, None);
        Ok((value, loss.entropy))
    }
}

/// What both critics say together.
fn combined<T: Real>(critics: Critics, first: &[T], second: &[T]) -> Vec<f64> {
    let both = first.iter().zip(second).map(|(a, b)| (a.f64(), b.f64()));
    match critics {
        Critics::Minimum => both.map(|(a, b)| a.min(b)).collect(),
        Critics::Mean => both.map(|(a, b)| 0.5 * (a + b)).collect(),
    }
}

fn numbers<T: Real>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| value.f64()).collect()
}
