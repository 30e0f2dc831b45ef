//! The loss as an operation of Burn: a pass of the kernel on Flex, and the step backward that Autodiff takes.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, ExtensionType, TensorMetadata, backend_extension};
use burn::tensor::DType;
use temperance::Result;
use temperance::loss::Loss;

use crate::request::Request;

/// What rows should have been, as primitives.
#[derive(ExtensionType)]
pub(crate) enum TargetTensors<B: Backend> {
    Classes(IntTensor<B>),
    Shares(FloatTensor<B>),
}

/// The logits of a teacher, where the loss has one.
#[derive(ExtensionType)]
pub(crate) enum TeacherTensor<B: Backend> {
    Logits(FloatTensor<B>),
    Absent,
}

/// A loss, what was seen on the way (nothing without a reduction), or why there is none.
#[derive(ExtensionType)]
pub(crate) struct Outcome<B: Backend> {
    pub(crate) value: FloatTensor<B>,
    pub(crate) seen: Result<Option<Loss>>,
}

#[backend_extension(Flex, Autodiff)]
pub(crate) trait LossOps: Backend {
    /// The loss.
    fn loss(
        logits: FloatTensor<Self>,
        #[extension_type] targets: TargetTensors<Self>,
        #[extension_type] teacher: TeacherTensor<Self>,
        request: Request,
    ) -> Outcome<Self>;
}

/// What a backend must have for Autodiff to have a loss.
pub(crate) trait LossWithGradient: LossOps {
    /// The loss, and its gradient for an upstream of 1: in single precision at least, in which 1/N does not vanish.
    fn loss_with_gradient(
        logits: FloatTensor<Self>,
        targets: TargetTensors<Self>,
        teacher: TeacherTensor<Self>,
        request: Request,
    ) -> (Outcome<Self>, FloatTensor<Self>);

    /// The gradient of each row times what arrives at its loss, or all of it times one number, in the type of the logits.
    fn scaled(gradient: FloatTensor<Self>, upstream: FloatTensor<Self>, dtype: DType) -> FloatTensor<Self>;
}

#[derive(Debug)]
struct LossBackward;

impl<B: LossWithGradient> Backward<B, 1> for LossBackward {
    type State = (FloatTensor<B>, DType);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (gradient, dtype) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |upstream| B::scaled(gradient, upstream, dtype));
    }
}

impl<B: LossWithGradient, C: CheckpointStrategy> LossOps for Autodiff<B, C> {
    fn loss(
        logits: FloatTensor<Self>,
        targets: TargetTensors<Self>,
        teacher: TeacherTensor<Self>,
        request: Request,
    ) -> Outcome<Self> {
        let targets = match targets {
            TargetTensors::Classes(classes) => TargetTensors::Classes(classes),
            TargetTensors::Shares(shares) => TargetTensors::Shares(shares.into_primitive()),
        };
        let teacher = match teacher {
            TeacherTensor::Logits(logits) => TeacherTensor::Logits(logits.into_primitive()),
            TeacherTensor::Absent => TeacherTensor::Absent,
        };
        let dtype = logits.dtype();
        let (logits, guard) = logits.into_parts();
        match LossBackward.prepare::<C>([guard]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => {
                let (outcome, gradient) = B::loss_with_gradient(logits, targets, teacher, request);
                Outcome { value: preparation.finish((gradient, dtype), outcome.value), seen: outcome.seen }
            }
            OpsKind::UnTracked(preparation) => {
                let outcome = B::loss(logits, targets, teacher, request);
                Outcome { value: preparation.finish(outcome.value), seen: outcome.seen }
            }
        }
    }
}
