//! A run: environments, an agent that acts in them, and what it learns from.

use temperance::fold::{Observer, Progress, tell};
use temperance::{Error, ErrorKind, Parameters, Result};

use crate::agent::{Agent, Choice, Mode};
use crate::environment::{self, Environment, Step};
use crate::network::Trace;
use crate::random::{Stream, stream};
use crate::replay::{Batch, Replay, Transition};
use crate::sac::Losses;
use crate::settings::Settings;

/// What is to be trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The name of the environment.
    pub environment: String,
    /// Its parameters.
    pub parameters: Parameters,
    /// What the agent is made of.
    pub settings: Settings,
    /// Chooses weights, first states, noise and what is replayed.
    pub seed: u64,
    /// Steps of all environments together.
    pub steps: u64,
}

/// A run of training, step by step.
///
/// The same plan gives the same bits on one machine, whether it was stopped in between or not. All random numbers depend
/// on the seed, their purpose and the step; the environments keep generators of their own.
pub struct Training {
    pub(crate) plan: Plan,
    pub(crate) agent: Agent,
    pub(crate) replay: Replay,
    pub(crate) lanes: Vec<Lane>,
    /// Steps of each environment.
    pub(crate) rounds: u64,
    pub(crate) updates: u64,
    pub(crate) episodes: u64,
    batch: Batch<f32>,
    trace: Trace<f32>,
    seen: Seen,
}

/// An environment and where it stands.
pub(crate) struct Lane {
    pub(crate) environment: Box<dyn Environment>,
    pub(crate) observation: Vec<f32>,
    pub(crate) total: f64,
    pub(crate) length: u64,
}

/// An episode from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Episode {
    /// The sum of its rewards, undiscounted.
    pub total: f64,
    /// Its steps.
    pub length: u64,
    /// Whether it ended by itself and not by its time limit.
    pub terminated: bool,
}

/// What was measured since the last time that it was asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// The episodes that ended.
    pub episodes: Vec<Episode>,
    /// Updates, and those in which the policy learned.
    pub updates: u64,
    policy_updates: u64,
    sums: Losses,
}

impl Seen {
    fn add(&mut self, losses: &Losses) {
        self.updates += 1;
        self.sums.critic += losses.critic;
        self.sums.value += losses.value;
        if losses.actor.is_finite() {
            self.policy_updates += 1;
            self.sums.actor += losses.actor;
            self.sums.temperature += losses.temperature;
            self.sums.entropy += losses.entropy;
        }
    }

    /// Means over the updates; NaN where there was none.
    pub fn losses(&self) -> Losses {
        let (all, policy) = (self.updates as f64, self.policy_updates as f64);
        Losses {
            critic: self.sums.critic / all,
            value: self.sums.value / all,
            actor: self.sums.actor / policy,
            temperature: self.sums.temperature / policy,
            entropy: self.sums.entropy / policy,
            ..Losses::default()
        }
    }

    /// The mean of the sums of rewards of the episodes; NaN where none ended.
    pub fn mean_return(&self) -> f64 {
        mean_return(&self.episodes)
    }
}

impl Training {
    /// A run at its start.
    ///
    /// # Errors
    /// There is no such environment, a parameter or a setting lies outside its domain, or the target entropy cannot be
    /// reached.
    pub fn new(plan: Plan) -> Result<Self> {
        let Plan { settings, seed, .. } = &plan;
        settings.check()?;
        let mut lanes = Vec::new();
        for lane in 0..settings.environments as u64 {
            let mut environment = environment::make(&plan.environment, &plan.parameters)?;
            let mut observation = vec![0.0; environment.observation_space().len()];
            environment.reset(Some(seed.wrapping_add(lane)), &mut observation);
            lanes.push(Lane { environment, observation, total: 0.0, length: 0 });
        }
        let agent = Agent::new(settings, &*lanes[0].environment, *seed)?;
        let observations = lanes[0].observation.len();
        let room =
            settings.buffer_size.min(usize::try_from(plan.steps).unwrap_or(usize::MAX)).max(lanes.len());
        let replay = Replay::new(room, lanes.len(), observations, agent.action_len())?;
        Ok(Training {
            plan,
            agent,
            replay,
            lanes,
            rounds: 0,
            updates: 0,
            episodes: 0,
            batch: Batch::default(),
            trace: Trace::default(),
            seen: Seen::default(),
        })
    }

    /// What is trained.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The agent.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Steps done, of all environments together.
    pub fn steps(&self) -> u64 {
        self.rounds * self.lanes.len() as u64
    }

    /// Episodes that have ended.
    pub fn episodes(&self) -> u64 {
        self.episodes
    }

    /// Whether the run is at its end.
    pub fn is_done(&self) -> bool {
        self.steps() >= self.plan.steps
    }

    /// What was measured since the last call.
    pub fn take_seen(&mut self) -> Seen {
        std::mem::take(&mut self.seen)
    }

    /// A step of every environment, and the updates that are due after it.
    ///
    /// Large products are shared by two cores through rayon, which costs least inside a pool of it, as in
    /// [`side_by_side`](crate::side_by_side).
    ///
    /// # Errors
    /// An environment gives what is no number, or learning diverges; the environment and the step are named.
    pub fn advance(&mut self) -> Result<()> {
        let settings = &self.plan.settings;
        let seed = self.plan.seed;
        let mode = if self.steps() < settings.learning_starts { Mode::Random } else { Mode::Stochastic };
        let mut rng = stream(seed, Stream::Action, self.rounds);
        // Noise that holds from one round of updates to the next is drawn again each time: nothing is to be kept.
        let mut lasting = stream(seed, Stream::Exploration, self.rounds / settings.train_every);
        let mut done: Vec<(Choice, Step, Vec<f32>)> = Vec::with_capacity(self.lanes.len());
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            let exploration = self.agent.exploration(&mut lasting);
            let choice = self
                .agent
                .act(&lane.observation, mode, exploration.as_deref(), &mut rng, &mut self.trace)
                .map_err(|error| diverged(&error, self.rounds))?;
            let mut next = vec![0.0; lane.observation.len()];
            let step = lane
                .environment
                .step(choice.action(), &mut next)
                .map_err(|error| diverged(&error, self.rounds))?;
            check_numbers(&*lane.environment, at, self.rounds, &step, &next)?;
            done.push((choice, step, next));
        }
        self.replay.add(self.lanes.iter().zip(&done).map(|(lane, (choice, step, next))| Transition {
            observation: &lane.observation,
            action: &choice.kept,
            step: *step,
            next_observation: next,
            entropy: choice.entropy,
        }));
        for (lane, (_, step, next)) in self.lanes.iter_mut().zip(done) {
            lane.total += step.reward;
            lane.length += 1;
            if step.terminated || step.truncated {
                let episode = Episode { total: lane.total, length: lane.length, terminated: step.terminated };
                self.seen.episodes.push(episode);
                self.episodes += 1;
                (lane.total, lane.length) = (0.0, 0);
                lane.environment.reset(None, &mut lane.observation);
            } else {
                lane.observation = next;
            }
        }
        self.rounds += 1;
        if self.steps() > settings.learning_starts && self.rounds.is_multiple_of(settings.train_every) {
            let progress = self.steps() as f64 / self.plan.steps as f64;
            for _ in 0..settings.gradient_steps {
                let mut rng = stream(seed, Stream::Replay, self.updates);
                self.replay.sample(
                    settings.batch_size,
                    settings.n_step,
                    settings.discount,
                    &mut rng,
                    &mut self.batch,
                );
                let mut rng = stream(seed, Stream::Noise, self.updates);
                let losses = self
                    .agent
                    .update(&self.batch, progress, &mut rng)
                    .map_err(|error| diverged(&error, self.rounds))?;
                self.updates += 1;
                self.seen.add(&losses);
            }
        }
        Ok(())
    }

    /// Whole episodes of the policy as it is, in an environment of the same kind, or with other parameters; as [`evaluate`].
    ///
    /// # Errors
    /// A parameter lies outside its domain, the environment gives what is no number, or the observer stops it.
    pub fn evaluate(
        &self,
        episodes: u64,
        mode: Mode,
        seed: u64,
        parameters: Option<&Parameters>,
        observer: &dyn Observer,
    ) -> Result<Vec<Episode>> {
        let parameters = parameters.unwrap_or(&self.plan.parameters);
        let mut environment = environment::make(&self.plan.environment, parameters)?;
        evaluate(&self.agent, &mut *environment, episodes, mode, seed, observer)
    }
}

/// The mean of the sums of rewards of episodes; NaN of none.
pub fn mean_return(episodes: &[Episode]) -> f64 {
    episodes.iter().map(|episode| episode.total).sum::<f64>() / episodes.len() as f64
}

/// Steps after which an evaluation cuts off an episode of an environment without a time limit of its own: a policy
/// that never comes to an end would be evaluated for ever.
pub const LONGEST_EPISODE: u64 = 10_000;

/// Whole episodes of an agent in an environment, the first of which starts from a seed. Where the environment has no time
/// limit, [`LONGEST_EPISODE`] is one. The observer is told of every episode, and of every 1 000 steps of one.
///
/// # Errors
/// The environment gives what is no number, the agent does not fit it, or the observer stops it.
pub fn evaluate(
    agent: &Agent,
    environment: &mut dyn Environment,
    episodes: u64,
    mode: Mode,
    seed: u64,
    observer: &dyn Observer,
) -> Result<Vec<Episode>> {
    let mut trace = Trace::default();
    let mut observation = vec![0.0; environment.observation_space().len()];
    let mut rng = stream(seed, Stream::Evaluation, 0);
    let mut all = Vec::new();
    let longest = environment.time_limit().unwrap_or(LONGEST_EPISODE);
    let at = |rows| Progress { task: "evaluating", rows, total: Some(episodes), pass: 0 };
    for number in 0..episodes {
        tell(observer, at(number))?;
        environment.reset((number == 0).then_some(seed), &mut observation);
        let exploration = agent.exploration(&mut rng);
        let mut episode = Episode { total: 0.0, length: 0, terminated: false };
        loop {
            let choice = agent.act(&observation, mode, exploration.as_deref(), &mut rng, &mut trace)?;
            let step = environment.step(choice.action(), &mut observation)?;
            check_numbers(environment, 0, episode.length, &step, &observation)?;
            episode.total += step.reward;
            episode.length += 1;
            if step.terminated || step.truncated || episode.length >= longest {
                episode.terminated = step.terminated;
                break;
            }
            if episode.length.is_multiple_of(1000) {
                tell(observer, at(number))?;
            }
        }
        all.push(episode);
    }
    Ok(all)
}

fn check_numbers(
    environment: &dyn Environment,
    lane: usize,
    round: u64,
    step: &Step,
    observation: &[f32],
) -> Result<()> {
    let wrong = |what: &str, value: f64| {
        let what = format!("{what} of {} (environment {lane}) at step {round}", environment.name());
        Err(Error::new(ErrorKind::Value, what, value, "a finite number"))
    };
    if !step.reward.is_finite() {
        return wrong("reward", step.reward);
    }
    match observation.iter().position(|entry| !entry.is_finite()) {
        Some(entry) => wrong(&format!("entry {entry} of the observation"), f64::from(observation[entry])),
        None => Ok(()),
    }
}

fn diverged(error: &Error, round: u64) -> Error {
    let what = format!("{} at step {round}", error.what());
    Error::new(ErrorKind::NotConverged, what, error.value(), error.expected().to_owned())
}

#[cfg(test)]
mod tests {
    use temperance::Parameter;

    use super::*;

    /// After an end the next transition starts from a first observation, and none leads from the last to the first.
    #[test]
    fn no_transition_leads_from_one_episode_to_another() {
        let settings =
            Settings { hidden: vec![4], learning_starts: 1000, environments: 2, ..Settings::default() };
        let parameters = Parameters::new().with("max_episode_steps", Parameter::Number(7.0));
        let plan = Plan { environment: "Pendulum-v1".into(), parameters, settings, seed: 0, steps: 60 };
        let mut training = Training::new(plan).unwrap();
        while !training.is_done() {
            training.advance().unwrap();
        }
        assert_eq!(training.episodes(), 8);
        let replay = &training.replay;
        let at = |values: &[f32], slot: usize| values[3 * slot..3 * slot + 3].to_vec();
        for slot in 0..replay.len() - 2 {
            let (next, following) = (at(&replay.next_observations, slot), at(&replay.observations, slot + 2));
            let ends = replay.ends[slot];
            assert_eq!(ends, if slot / 2 % 7 == 6 { 2 } else { 0 }, "the pendulum is only ever cut off");
            assert_eq!(next == following, ends == 0, "slot {slot}");
            if ends != 0 {
                assert!(following[2].abs() <= 1.0, "a first velocity: {following:?}");
            }
        }
    }
}
