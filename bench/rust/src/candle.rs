//! candle: the losses composed of its tensor operations, and its gradients.

use std::time::Instant;

use candle_core::{D, Device, Tensor, Var};
use candle_nn::{loss, ops};

use crate::arena::Arena;
use crate::{Result, Terms};

pub(crate) struct Tensors {
    logits: Var,
    labels: Tensor,
}

impl Tensors {
    pub(crate) fn new(arena: &Arena) -> Result<Self> {
        let labels: Vec<u32> = arena.labels.iter().map(|&label| label as u32).collect();
        let logits = Var::from_slice(&arena.logits, (arena.rows, arena.classes), &Device::Cpu)?;
        Ok(Tensors { logits, labels: Tensor::from_vec(labels, arena.rows, &Device::Cpu)? })
    }

    pub(crate) fn call(&self, terms: Terms, task: &str, gradient: &mut [f32]) -> Result<(f64, f64)> {
        let start = Instant::now();
        if task == "loss" {
            let value = composed(&self.logits.as_detached_tensor(), &self.labels, terms)?;
            let value = value.to_scalar::<f32>()?;
            return Ok((start.elapsed().as_secs_f64(), f64::from(value)));
        }
        let value = composed(self.logits.as_tensor(), &self.labels, terms)?;
        let gradients = value.backward()?;
        let value = value.to_scalar::<f32>()?;
        let seconds = start.elapsed().as_secs_f64();
        let found = gradients.get(&self.logits).ok_or("no gradient")?;
        gradient.copy_from_slice(&found.flatten_all()?.to_vec1::<f32>()?);
        Ok((seconds, f64::from(value)))
    }
}

fn composed(logits: &Tensor, labels: &Tensor, terms: Terms) -> candle_core::Result<Tensor> {
    let Terms { epsilon, beta } = terms;
    let log_p = ops::log_softmax(logits, D::Minus1)?;
    let mut value = loss::nll(&log_p, labels)?;
    if epsilon > 0.0 {
        value = ((value * (1.0 - epsilon))? - (log_p.mean_all()? * epsilon)?)?;
    }
    if beta > 0.0 {
        let entropy = log_p.exp()?.mul(&log_p)?.sum(D::Minus1)?.neg()?;
        value = (value - (entropy.mean_all()? * beta)?)?;
    }
    Ok(value)
}
