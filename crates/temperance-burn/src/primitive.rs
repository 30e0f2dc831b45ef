//! Cross-entropy in Burn's own operations, for devices that the kernel does not run on.

use burn::tensor::activation::log_softmax;
use burn::tensor::{IndexingUpdateOp, Tensor};

use crate::request::Reduction;
use crate::targets::Targets;

/// The terms of a cross-entropy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) smoothing: f64,
    pub(crate) penalty: f64,
    pub(crate) threshold: Option<f64>,
    pub(crate) z_loss: f64,
    pub(crate) logit_penalty: f64,
}

pub(crate) fn cross_entropy(
    logits: Tensor<2>,
    targets: &Targets,
    terms: Terms,
    weights: Option<Tensor<1>>,
    ignored: Option<i64>,
    reduction: Reduction,
) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    let log_p = log_softmax(logits.clone(), 1);
    let ones = Tensor::<2>::ones([rows, 1], &logits.device());
    // The shares of the classes, and for each row whether it counts and the weight of its label.
    let (shares, counts, own) = match targets {
        Targets::Classes(given) => {
            let skipped = ignored.map(|ignored| given.clone().equal_scalar(ignored));
            let (safe, counts) = match skipped {
                Some(skipped) => (
                    given.clone().mask_fill(skipped.clone(), 0),
                    ones.clone().mask_fill(skipped.reshape([rows, 1]), 0.0),
                ),
                None => (given.clone(), ones.clone()),
            };
            let own = match &weights {
                Some(weights) => weights.clone().gather(0, safe.clone()).reshape([rows, 1]),
                None => ones.clone(),
            };
            let one_hot =
                logits.zeros_like().detach().scatter(1, safe.reshape([rows, 1]), ones, IndexingUpdateOp::Add);
            (one_hot, counts, own)
        }
        Targets::Shares(shares) => (shares.clone().detach(), ones.clone(), ones),
    };
    let shares = shares * (1.0 - terms.smoothing) + terms.smoothing / classes as f64;
    let shares = match weights {
        Some(weights) => shares * weights.reshape([1, classes]),
        None => shares,
    };
    // A class of share 0 contributes nothing, whatever its logit.
    let mut losses = -(log_p.clone().mask_fill(shares.clone().equal_scalar(0.0), 0.0) * shares).sum_dim(1);
    if terms.penalty != 0.0 {
        let p = log_p.clone().exp();
        let entropy = -(log_p.mask_fill(p.clone().equal_scalar(0.0), 0.0) * p).sum_dim(1);
        let penalty = match terms.threshold {
            Some(threshold) => (-entropy + threshold).clamp_min(0.0) * terms.penalty,
            None => entropy * -terms.penalty,
        };
        losses = losses + penalty * own.clone();
    }
    if terms.z_loss != 0.0 {
        let largest = logits.clone().max_dim(1).detach();
        let normaliser = (logits.clone() - largest.clone()).exp().sum_dim(1).log() + largest;
        losses = losses + normaliser.square() * own.clone() * terms.z_loss;
    }
    if terms.logit_penalty != 0.0 {
        let masked = logits.clone().is_inf();
        losses =
            losses + logits.mask_fill(masked, 0.0).square().sum_dim(1) * own.clone() * terms.logit_penalty;
    }
    let losses = losses.mask_fill(counts.clone().equal_scalar(0.0), 0.0);
    match reduction {
        Reduction::None => losses.reshape([rows]),
        Reduction::Sum => losses.sum(),
        Reduction::Mean => losses.sum() / (counts * own).sum(),
    }
}
