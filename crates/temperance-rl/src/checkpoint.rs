//! A whole run as bytes, in the format of safetensors: networks, optimisers, replay, environments, counters.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use temperance::{Error, ErrorKind, Parameters, Result};

use crate::adam::Adam;
use crate::agent::Agent;
use crate::learner::{Critic, Learner, Temperature};
use crate::settings::Settings;
use crate::training::{Plan, Training};

/// What is not a tensor.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    environment: String,
    parameters: Parameters,
    settings: Settings,
    seed: u64,
    steps: u64,
    rounds: u64,
    updates: u64,
    episodes: u64,
    replay_added: u64,
}

const HEADER: &str = "temperance-rl";

/// Visits every vector of a run by name, in one order.
trait Visitor {
    fn reals(&mut self, name: &str, values: &mut Vec<f32>) -> Result<()>;
    fn doubles(&mut self, name: &str, values: &mut [f64]) -> Result<()>;
    fn words(&mut self, name: &str, values: &mut Vec<u64>) -> Result<()>;
    fn bytes(&mut self, name: &str, values: &mut Vec<u8>) -> Result<()>;
}

fn visit_adam(visitor: &mut dyn Visitor, name: &str, adam: &mut Adam<f32>) -> Result<()> {
    visitor.reals(&format!("{name}.first"), &mut adam.first)?;
    visitor.reals(&format!("{name}.second"), &mut adam.second)?;
    let mut steps = vec![adam.steps];
    visitor.words(&format!("{name}.steps"), &mut steps)?;
    adam.steps = steps[0];
    Ok(())
}

fn visit_learner(visitor: &mut dyn Visitor, name: &str, learner: &mut Learner<f32>) -> Result<()> {
    visitor.reals(name, &mut learner.network.parameters)?;
    visit_adam(visitor, &format!("{name}.adam"), &mut learner.adam)
}

fn visit_critics(visitor: &mut dyn Visitor, critics: &mut [Critic<f32>; 2]) -> Result<()> {
    for (at, critic) in critics.iter_mut().enumerate() {
        visit_learner(visitor, &format!("critic.{at}"), &mut critic.learner)?;
        visitor.reals(&format!("target.{at}"), &mut critic.target.parameters)?;
    }
    Ok(())
}

fn visit_temperature(visitor: &mut dyn Visitor, temperature: &mut Temperature) -> Result<()> {
    visitor.doubles("log_alpha", &mut temperature.log_alpha)?;
    if let Some(adam) = &mut temperature.adam {
        visitor.doubles("log_alpha.adam.first", &mut adam.first)?;
        visitor.doubles("log_alpha.adam.second", &mut adam.second)?;
        let mut steps = vec![adam.steps];
        visitor.words("log_alpha.adam.steps", &mut steps)?;
        adam.steps = steps[0];
    }
    Ok(())
}

fn visit(visitor: &mut dyn Visitor, training: &mut Training) -> Result<()> {
    let updates = match &mut training.agent {
        Agent::Continuous { sac, .. } => {
            visit_learner(visitor, "actor", &mut sac.policy.actor)?;
            if let Some(exploration) = &mut sac.policy.exploration {
                visitor.reals("exploration", &mut exploration.log_std)?;
                visit_adam(visitor, "exploration.adam", &mut exploration.adam)?;
            }
            visit_critics(visitor, &mut sac.critics)?;
            visit_temperature(visitor, &mut sac.temperature)?;
            &mut sac.updates
        }
        Agent::Discrete(sac) => {
            visit_learner(visitor, "actor", &mut sac.actor)?;
            visit_critics(visitor, &mut sac.critics)?;
            visit_temperature(visitor, &mut sac.temperature)?;
            &mut sac.updates
        }
    };
    *updates = training.updates;
    let replay = &mut training.replay;
    for (name, values) in [
        ("replay.observations", &mut replay.observations),
        ("replay.next_observations", &mut replay.next_observations),
        ("replay.actions", &mut replay.actions),
        ("replay.rewards", &mut replay.rewards),
        ("replay.entropies", &mut replay.entropies),
    ] {
        visitor.reals(name, values)?;
    }
    visitor.bytes("replay.ends", &mut replay.ends)?;
    for (at, lane) in training.lanes.iter_mut().enumerate() {
        visitor.reals(&format!("environment.{at}.observation"), &mut lane.observation)?;
        let mut state = lane.environment.save();
        visitor.words(&format!("environment.{at}.state"), &mut state)?;
        lane.environment.restore(&state)?;
        let mut episode = vec![lane.total.to_bits(), lane.length];
        visitor.words(&format!("environment.{at}.episode"), &mut episode)?;
        (lane.total, lane.length) = (f64::from_bits(episode[0]), episode[1]);
    }
    Ok(())
}

#[derive(Default)]
struct Writer {
    tensors: Vec<(String, Dtype, usize, Vec<u8>)>,
}

impl Visitor for Writer {
    fn reals(&mut self, name: &str, values: &mut Vec<f32>) -> Result<()> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.push((name.to_owned(), Dtype::F32, values.len(), bytes));
        Ok(())
    }

    fn doubles(&mut self, name: &str, values: &mut [f64]) -> Result<()> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.push((name.to_owned(), Dtype::F64, values.len(), bytes));
        Ok(())
    }

    fn words(&mut self, name: &str, values: &mut Vec<u64>) -> Result<()> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.push((name.to_owned(), Dtype::U64, values.len(), bytes));
        Ok(())
    }

    fn bytes(&mut self, name: &str, values: &mut Vec<u8>) -> Result<()> {
        self.tensors.push((name.to_owned(), Dtype::U8, values.len(), values.clone()));
        Ok(())
    }
}

struct Reader<'a> {
    tensors: SafeTensors<'a>,
}

impl Reader<'_> {
    /// The bytes of a vector of `length` entries.
    fn data(&self, name: &str, dtype: Dtype, length: usize) -> Result<&[u8]> {
        let wrong = |value: String| {
            let expected = format!("{length} numbers of type {dtype:?}, as these settings have them");
            Error::new(ErrorKind::Shape, format!("{name} of the checkpoint"), value, expected)
        };
        let tensor = self.tensors.tensor(name).map_err(|_| wrong("missing".into()))?;
        if tensor.dtype() != dtype || tensor.shape() != [length] {
            return Err(wrong(format!("of shape {:?} and type {:?}", tensor.shape(), tensor.dtype())));
        }
        Ok(tensor.data())
    }
}

impl Visitor for Reader<'_> {
    fn reals(&mut self, name: &str, values: &mut Vec<f32>) -> Result<()> {
        let data = self.data(name, Dtype::F32, values.len())?;
        values
            .iter_mut()
            .zip(data.as_chunks().0)
            .for_each(|(value, &bytes)| *value = f32::from_le_bytes(bytes));
        Ok(())
    }

    fn doubles(&mut self, name: &str, values: &mut [f64]) -> Result<()> {
        let data = self.data(name, Dtype::F64, values.len())?;
        values
            .iter_mut()
            .zip(data.as_chunks().0)
            .for_each(|(value, &bytes)| *value = f64::from_le_bytes(bytes));
        Ok(())
    }

    fn words(&mut self, name: &str, values: &mut Vec<u64>) -> Result<()> {
        let data = self.data(name, Dtype::U64, values.len())?;
        values
            .iter_mut()
            .zip(data.as_chunks().0)
            .for_each(|(value, &bytes)| *value = u64::from_le_bytes(bytes));
        Ok(())
    }

    fn bytes(&mut self, name: &str, values: &mut Vec<u8>) -> Result<()> {
        let data = self.data(name, Dtype::U8, values.len())?;
        values.copy_from_slice(data);
        Ok(())
    }
}

impl Training {
    /// Everything that decides how the run goes on, as a file of safetensors.
    pub fn save(&mut self) -> Vec<u8> {
        let header = Header {
            environment: self.plan.environment.clone(),
            parameters: self.plan.parameters.clone(),
            settings: self.plan.settings.clone(),
            seed: self.plan.seed,
            steps: self.plan.steps,
            rounds: self.rounds,
            updates: self.updates,
            episodes: self.episodes,
            replay_added: self.replay.added,
        };
        let mut writer = Writer::default();
        visit(&mut writer, self).expect("what is there can be read");
        let tensors = writer.tensors.iter().map(|(name, dtype, length, bytes)| {
            let view = TensorView::new(*dtype, vec![*length], bytes).expect("lengths are those of the bytes");
            (name.as_str(), view)
        });
        let text = serde_json::to_string(&header).expect("a header is plain values");
        let metadata = HashMap::from([(HEADER.to_owned(), text)]);
        safetensors::serialize(tensors, Some(metadata)).expect("tensors have names of their own")
    }

    /// The run that [`Training::save`] made these bytes of.
    ///
    /// # Errors
    /// The bytes are not those of a whole checkpoint, or its vectors do not have the shapes of its settings.
    pub fn load(bytes: &[u8]) -> Result<Self> {
        let wrong =
            |value: String| Error::new(ErrorKind::Shape, "checkpoint", value, "a whole one of temperance-rl");
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| wrong(format!("broken ({error})")))?;
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|error| wrong(format!("broken ({error})")))?;
        let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get(HEADER));
        let header = header.ok_or_else(|| wrong("a file of other tensors".into()))?;
        let header: Header =
            serde_json::from_str(header).map_err(|error| wrong(format!("with another header ({error})")))?;
        let plan = Plan {
            environment: header.environment,
            parameters: header.parameters,
            settings: header.settings,
            seed: header.seed,
            steps: header.steps,
        };
        let mut training = Training::new(plan)?;
        (training.rounds, training.updates, training.episodes) =
            (header.rounds, header.updates, header.episodes);
        training.replay.hold(header.replay_added);
        visit(&mut Reader { tensors }, &mut training)?;
        Ok(training)
    }
}
