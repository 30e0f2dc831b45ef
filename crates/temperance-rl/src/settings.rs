//! What an agent is made of: every setting by name, and presets.

use serde::{Deserialize, Serialize};
use temperance::policy::{CategoricalTarget, ContinuousTarget, LogStdBounds, TemperatureLoss};
use temperance::{Error, ErrorKind, Result};

use crate::adam::Rate;

/// Every setting of SAC and of discrete SAC. Keys of a file are those of the struct.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Units of the hidden layers of every network.
    pub hidden: Vec<usize>,
    /// γ.
    pub discount: f64,
    /// τ: what a target takes over of its critic.
    pub polyak: f64,
    /// Updates from one step of the targets to the next.
    pub target_every: u64,
    /// Of the policy.
    pub actor_learning_rate: f64,
    /// Of the critics.
    pub critic_learning_rate: f64,
    /// Of ln α.
    pub temperature_learning_rate: f64,
    /// ε of Adam, for all of them.
    pub adam_epsilon: f64,
    /// Copies of the environment that act side by side.
    pub environments: usize,
    /// Transitions in an update.
    pub batch_size: usize,
    /// Transitions that are kept.
    pub buffer_size: usize,
    /// Steps that are taken at random before the first update.
    pub learning_starts: u64,
    /// Steps of every environment from one round of updates to the next.
    pub train_every: u64,
    /// Updates in a round.
    pub gradient_steps: u64,
    /// Steps whose rewards are summed before a value is asked.
    pub n_step: usize,
    /// A fixed α; learned if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The first α, where it is learned.
    pub initial_alpha: f64,
    /// The entropy that α is learned for, in nats; if there is none, -1 for each entry of an action, or
    /// `target_entropy_scale` of the largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_entropy: Option<f64>,
    /// Of discrete actions: the share of ln K that is aimed at.
    pub target_entropy_scale: f64,
    /// The share at the end, which is reached on a straight line; as at the start if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_target_entropy_scale: Option<f64>,
    /// The loss of ln α.
    pub temperature_loss: TemperatureForm,
    /// The units in which entropies of continuous actions are measured.
    pub entropy_units: EntropyUnits,
    /// How a log standard deviation is kept within bounds.
    pub log_std: LogStd,
    /// The loss of the critics is this times the sum of their mean squared errors.
    pub critic_loss_factor: f64,
    /// When the policy learns.
    pub order: Order,
    /// State-dependent exploration (gSDE), of continuous actions.
    pub sde: bool,
    /// The first log standard deviation of state-dependent exploration.
    pub sde_log_std: f64,
    /// Means of state-dependent exploration are cut off at ± this, where no gradient brings them back; 0 to let them be, since
    /// tanh follows anyway.
    pub sde_largest_mean: f64,
    /// Of discrete actions: which of two values of an action counts.
    pub critics: Critics,
    /// Of discrete actions: whether entropy is part of what the critics learn; it is part of what the policy learns anyway.
    pub entropy_in_target: bool,
    /// SD-SAC: how far a value may move from its target network's before the larger of two squared errors counts, row by row;
    /// the authors' program takes the larger of the two means of a batch, with a clip of 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q_clip: Option<f64>,
    /// SD-SAC: β of the penalty ½β(H_then - H)² on changes of entropy since an action was taken; 1 is the 0.5 of the authors'
    /// program, which has no ½.
    pub entropy_penalty: f64,
}

/// The loss of ln α.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TemperatureForm {
    /// ln α·(H - H̄).
    LogAlpha,
    /// α·(H - H̄).
    Alpha,
}

/// The units in which entropies of continuous actions are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntropyUnits {
    /// Every entry of an action goes from -1 to 1.
    Normalised,
    /// Those of the environment: a target entropy of -1 is another one for every range of actions.
    Environment,
}

/// How a log standard deviation is kept from -20, or -5, to 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogStd {
    /// Cut off at -20 and 2.
    Clamp,
    /// Squeezed by tanh into -5 to 2.
    Rescale,
}

/// When the policy and α learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// In every update: α from the actions that the policy then learns from, after the critics.
    Together,
    /// In every second update, twice: the policy, then α from new actions (CleanRL).
    Delayed,
}

/// Which of two values of a discrete action counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Critics {
    /// The smaller.
    Minimum,
    /// Their mean (SD-SAC).
    Mean,
}

/// A named set of settings.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// Where its numbers come from.
    pub source: &'static str,
    /// The settings.
    pub settings: fn() -> Settings,
}

/// The presets.
pub static PRESETS: &[Preset] = &[
    Preset {
        name: "sb3",
        summary: "the defaults of Stable-Baselines3",
        source: "Stable-Baselines3 2.9, SAC",
        settings: Settings::default,
    },
    Preset {
        name: "cleanrl",
        summary: "those of CleanRL: two rates, a delayed policy, entropies in units of the environment",
        source: "CleanRL, sac_continuous_action.py and sac_atari.py",
        settings: cleanrl,
    },
    Preset {
        name: "paper",
        summary: "those of the paper",
        source: "Haarnoja et al. 2018, Soft Actor-Critic Algorithms and Applications, appendix D; Christodoulou 2019",
        settings: paper,
    },
];

fn cleanrl() -> Settings {
    Settings {
        critic_learning_rate: 1e-3,
        temperature_learning_rate: 1e-3,
        learning_starts: 5000,
        temperature_loss: TemperatureForm::Alpha,
        entropy_units: EntropyUnits::Environment,
        log_std: LogStd::Rescale,
        critic_loss_factor: 1.0,
        order: Order::Delayed,
        target_entropy_scale: 0.89,
        ..Settings::default()
    }
}

fn paper() -> Settings {
    Settings {
        learning_starts: 1000,
        temperature_loss: TemperatureForm::Alpha,
        target_entropy_scale: 0.98,
        ..Settings::default()
    }
}

impl Default for Settings {
    /// Those of Stable-Baselines3; it has no discrete SAC, whose target entropy is ours.
    fn default() -> Self {
        Settings {
            hidden: vec![256, 256],
            discount: 0.99,
            polyak: 0.005,
            target_every: 1,
            actor_learning_rate: 3e-4,
            critic_learning_rate: 3e-4,
            temperature_learning_rate: 3e-4,
            adam_epsilon: 1e-8,
            environments: 1,
            batch_size: 256,
            buffer_size: 1_000_000,
            learning_starts: 100,
            train_every: 1,
            gradient_steps: 1,
            n_step: 1,
            alpha: None,
            initial_alpha: 1.0,
            target_entropy: None,
            target_entropy_scale: 0.5,
            final_target_entropy_scale: None,
            temperature_loss: TemperatureForm::LogAlpha,
            entropy_units: EntropyUnits::Normalised,
            log_std: LogStd::Clamp,
            critic_loss_factor: 0.5,
            order: Order::Together,
            sde: false,
            sde_log_std: -3.0,
            sde_largest_mean: 2.0,
            critics: Critics::Minimum,
            entropy_in_target: true,
            q_clip: None,
            entropy_penalty: 0.0,
        }
    }
}

/// Weights within a network: five of them with the moments of Adam are 3 GB.
const LARGEST_NETWORK: f64 = 67_108_864.0;

impl Settings {
    /// Two layers of 64 units, batches of 64 and rates of 0.001, else the defaults: what learns simple tasks fast on two
    /// cores.
    pub fn small() -> Self {
        Settings {
            hidden: vec![64, 64],
            batch_size: 64,
            actor_learning_rate: 1e-3,
            critic_learning_rate: 1e-3,
            temperature_learning_rate: 1e-3,
            ..Settings::default()
        }
    }

    /// Checks every domain.
    ///
    /// # Errors
    /// A setting lies outside its domain; it is named.
    pub fn check(&self) -> Result<()> {
        let number = |what: &'static str, value: f64, good: bool, expected: &'static str| {
            if good { Ok(()) } else { Err(Error::new(ErrorKind::Parameter, what, value, expected)) }
        };
        let positive = |what, value: f64| {
            number(what, value, value > 0.0 && value < f64::INFINITY, "a finite number above 0")
        };
        let not_negative = |what, value: f64| {
            number(what, value, (0.0..f64::INFINITY).contains(&value), "a finite number, 0 or above")
        };
        number("discount", self.discount, (0.0..=1.0).contains(&self.discount), "a number from 0 to 1")?;
        number(
            "polyak",
            self.polyak,
            self.polyak > 0.0 && self.polyak <= 1.0,
            "a number from 0, without 0, to 1",
        )?;
        positive("actor_learning_rate", self.actor_learning_rate)?;
        positive("critic_learning_rate", self.critic_learning_rate)?;
        positive("temperature_learning_rate", self.temperature_learning_rate)?;
        positive("adam_epsilon", self.adam_epsilon)?;
        positive("initial_alpha", self.initial_alpha)?;
        positive("critic_loss_factor", self.critic_loss_factor)?;
        not_negative("entropy_penalty", self.entropy_penalty)?;
        not_negative("sde_largest_mean", self.sde_largest_mean)?;
        let log_std = self.sde_log_std;
        number("sde_log_std", log_std, (-20.0..=20.0).contains(&log_std), "a number from -20 to 20")?;
        let share = |what, value: f64| {
            number(what, value, (0.0..=1.0).contains(&value), "a number from 0 to 1, the share of ln K")
        };
        share("target_entropy_scale", self.target_entropy_scale)?;
        self.final_target_entropy_scale.map_or(Ok(()), |scale| share("final_target_entropy_scale", scale))?;
        self.alpha.map_or(Ok(()), |alpha| not_negative("alpha", alpha))?;
        self.q_clip.map_or(Ok(()), |clip| positive("q_clip", clip))?;
        // What no memory holds is refused here, not by the allocator.
        for (what, count, largest) in [
            ("target_every", self.target_every, u64::MAX),
            ("environments", self.environments as u64, 1 << 16),
            ("batch_size", self.batch_size as u64, 1 << 20),
            ("buffer_size", self.buffer_size as u64, u64::MAX),
            ("train_every", self.train_every, u64::MAX),
            ("gradient_steps", self.gradient_steps, 1 << 20),
            ("n_step", self.n_step as u64, u64::MAX),
        ] {
            if !(1..=largest).contains(&count) {
                let expected =
                    if count == 0 { "at least 1".to_owned() } else { format!("at most {largest}") };
                return Err(Error::new(ErrorKind::Parameter, what, count, expected));
            }
        }
        let weights = |pair: &[usize]| pair[0] as f64 * pair[1] as f64;
        let weights: f64 = self.hidden.iter().map(|&width| width as f64).sum::<f64>()
            + self.hidden.windows(2).map(weights).sum::<f64>();
        if self.hidden.is_empty() || self.hidden.contains(&0) || weights > LARGEST_NETWORK {
            let expected = format!("one or more widths from 1 on, and at most {LARGEST_NETWORK} weights");
            let hidden = format!("{:?}", self.hidden);
            return Err(Error::new(ErrorKind::Parameter, "hidden", hidden, expected));
        }
        Ok(())
    }

    /// The target entropy of continuous actions with these half ranges, and what it takes from a log-probability to
    /// measure it in the same units: Σ ln scale, or 0.
    pub(crate) fn continuous_target(&self, scales: &[f64]) -> Result<(f64, f64)> {
        let log_unit = match self.entropy_units {
            EntropyUnits::Normalised => 0.0,
            EntropyUnits::Environment => scales.iter().map(|scale| scale.ln()).sum(),
        };
        let target = self.target_entropy.unwrap_or(-(scales.len() as f64));
        ContinuousTarget::Nats(target - log_unit).nats(scales.len())?;
        Ok((target, log_unit))
    }

    /// The target entropy of K discrete actions after a share of the training.
    pub(crate) fn categorical_target(&self, actions: usize, progress: f64) -> Result<f64> {
        let target = match self.target_entropy {
            Some(nats) => CategoricalTarget::Nats(nats),
            None => {
                let (first, last) = (
                    self.target_entropy_scale,
                    self.final_target_entropy_scale.unwrap_or(self.target_entropy_scale),
                );
                CategoricalTarget::Scaled(first + (last - first) * progress.clamp(0.0, 1.0))
            }
        };
        target.nats(actions)
    }

    /// The widths of a network.
    pub(crate) fn widths(&self, inputs: usize, outputs: usize) -> Vec<usize> {
        [inputs].into_iter().chain(self.hidden.iter().copied()).chain([outputs]).collect()
    }

    pub(crate) fn rate(&self, learning_rate: f64) -> Rate {
        Rate { learning_rate, epsilon: self.adam_epsilon }
    }

    /// What the targets take over in an update, if it is their turn.
    pub(crate) fn polyak(&self, updates: u64) -> Option<f64> {
        updates.is_multiple_of(self.target_every).then_some(self.polyak)
    }

    pub(crate) fn bounds(&self) -> LogStdBounds {
        match self.log_std {
            LogStd::Clamp => LogStdBounds::clamp(-20.0, 2.0),
            LogStd::Rescale => LogStdBounds::rescale(-5.0, 2.0),
        }
        .expect("the bounds are numbers")
    }

    pub(crate) fn temperature_loss(&self) -> TemperatureLoss {
        match self.temperature_loss {
            TemperatureForm::LogAlpha => TemperatureLoss::LogAlpha,
            TemperatureForm::Alpha => TemperatureLoss::Alpha,
        }
    }
}

/// The preset of that name.
///
/// # Errors
/// There is none of that name.
pub fn preset(name: &str) -> Result<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        Error::new(ErrorKind::Parameter, "preset", name, format!("one of {}", names.join(", ")))
    })
}
