//! The kernel on tensors of the CPU, without a copy of what is contiguous.

use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, TensorData, bf16, f16};
use temperance::input::LabelValues;
use temperance::loss::{Criterion, Loss, Supervision, Upstream};
use temperance::{Element, Error, ErrorKind, Labels, Logits, Result, SoftLabels, Targets, Values};

use crate::operation::{LossOps, LossWithGradient, Outcome, TargetTensors, TeacherTensor};
use crate::request::{Reduction, Request};

impl LossOps for Flex {
    fn loss(
        logits: FlexTensor,
        targets: TargetTensors<Self>,
        teacher: TeacherTensor<Self>,
        request: Request,
    ) -> Outcome<Self> {
        match compute(&logits, &targets, &teacher, &request, false) {
            Ok((value, seen, _)) => Outcome { value, seen: Ok(seen) },
            Err(error) => Outcome { value: nan(), seen: Err(error) },
        }
    }
}

impl LossWithGradient for Flex {
    fn loss_with_gradient(
        logits: FlexTensor,
        targets: TargetTensors<Self>,
        teacher: TeacherTensor<Self>,
        request: Request,
    ) -> (Outcome<Self>, FlexTensor) {
        match compute(&logits, &targets, &teacher, &request, true) {
            Ok((value, seen, gradient)) => (Outcome { value, seen: Ok(seen) }, gradient),
            Err(error) => (Outcome { value: nan(), seen: Err(error) }, nan()),
        }
    }

    fn scaled(mut gradient: FlexTensor, upstream: FlexTensor, dtype: DType) -> FlexTensor {
        let upstream = numbers(&upstream.to_contiguous());
        if upstream.iter().any(|&number| number != 1.0) {
            match gradient.dtype() {
                DType::F64 => scale(gradient.storage_mut::<f64>(), &upstream, |entry, by| *entry *= by),
                _ => scale(gradient.storage_mut::<f32>(), &upstream, |entry, by| *entry *= by as f32),
            }
        }
        if gradient.dtype() == dtype {
            return gradient;
        }
        FlexTensor::from_data(gradient.into_data().convert_dtype(dtype))
    }
}

/// Every row times its number, or all rows times one.
fn scale<E>(gradient: &mut [E], upstream: &[f64], by: fn(&mut E, f64)) {
    let width = gradient.len() / upstream.len().max(1);
    for (row, &number) in gradient.chunks_mut(width.max(1)).zip(upstream) {
        row.iter_mut().for_each(|entry| by(entry, number));
    }
}

/// What stands for a loss where there is an error.
fn nan() -> FlexTensor {
    FlexTensor::from_data(TensorData::new(vec![f32::NAN], [1]))
}

/// The loss, what was seen, and the gradient if it is asked for.
fn compute(
    logits: &FlexTensor,
    targets: &TargetTensors<Flex>,
    teacher: &TeacherTensor<Flex>,
    request: &Request,
    gradient: bool,
) -> Result<(FlexTensor, Option<Loss>, FlexTensor)> {
    let scores = logits.to_contiguous();
    let classes = scores.shape()[1];
    let teacher_scores = match teacher {
        TeacherTensor::Logits(logits) => Some(logits.to_contiguous()),
        TeacherTensor::Absent => None,
    };
    let given = match targets {
        TargetTensors::Classes(classes) | TargetTensors::Shares(classes) => classes.to_contiguous(),
    };
    let targets: Targets<'_> = match targets {
        TargetTensors::Shares(_) => SoftLabels::from_values(floats(&given)?, classes)?.unnormalised().into(),
        TargetTensors::Classes(_) => {
            Labels::from_values(integers(&given)?, classes).ignoring(request.ignored).into()
        }
    };
    let supervision = Supervision {
        targets,
        teacher: teacher_scores
            .as_ref()
            .map(|teacher| Logits::from_values(floats(teacher)?, classes))
            .transpose()?,
    };
    let view = Logits::from_values(floats(&scores)?, classes)?;
    match scores.dtype() {
        DType::F64 => finish::<f64>(view, supervision, request, gradient, DType::F64),
        dtype => finish::<f32>(view, supervision, request, gradient, dtype),
    }
}

fn finish<E: Element + burn::tensor::Element>(
    view: Logits<'_>,
    supervision: Supervision<'_>,
    request: &Request,
    gradient: bool,
    dtype: DType,
) -> Result<(FlexTensor, Option<Loss>, FlexTensor)> {
    let (rows, classes) = (view.rows(), view.classes());
    let criterion = &*request.criterion;
    let mut out = vec![E::default(); if gradient { rows * classes } else { 0 }];
    let (values, seen) = if request.reduction == Reduction::None {
        let losses = criterion.per_row(&view, supervision)?;
        if gradient {
            let ones = vec![1.0; rows];
            criterion.forward_backward_into(&view, supervision, Upstream::PerRow(&ones), &mut out)?;
        }
        (losses, None)
    } else {
        let loss = if gradient {
            criterion.forward_backward_into(&view, supervision, Upstream::default(), &mut out)?
        } else {
            criterion.forward(&view, supervision)?
        };
        (vec![loss.value], Some(loss))
    };
    let shape = [values.len()];
    let value = FlexTensor::from_data(TensorData::new(values, shape).convert_dtype(dtype));
    let gradient_shape = if gradient { [rows, classes] } else { [0, classes] };
    Ok((value, seen, FlexTensor::from_data(TensorData::new(out, gradient_shape))))
}

fn floats(tensor: &FlexTensor) -> Result<Values<'_>> {
    let values = match tensor.dtype() {
        DType::F32 => tensor.as_slice::<f32>().map(Values::F32),
        DType::F64 => tensor.as_slice::<f64>().map(Values::F64),
        DType::F16 => tensor.as_slice::<f16>().map(Values::F16),
        DType::BF16 => tensor.as_slice::<bf16>().map(Values::Bf16),
        _ => None,
    };
    values.ok_or_else(|| unreadable("dtype", tensor, "f32, f64, f16 or bf16"))
}

fn integers(tensor: &FlexTensor) -> Result<LabelValues<'_>> {
    let values = match tensor.dtype() {
        DType::I64 => tensor.as_slice::<i64>().map(LabelValues::I64),
        DType::I32 => tensor.as_slice::<i32>().map(LabelValues::I32),
        DType::I16 => tensor.as_slice::<i16>().map(LabelValues::I16),
        DType::I8 => tensor.as_slice::<i8>().map(LabelValues::I8),
        DType::U64 => tensor.as_slice::<u64>().map(LabelValues::U64),
        DType::U32 => tensor.as_slice::<u32>().map(LabelValues::U32),
        DType::U16 => tensor.as_slice::<u16>().map(LabelValues::U16),
        DType::U8 => tensor.as_slice::<u8>().map(LabelValues::U8),
        _ => None,
    };
    values.ok_or_else(|| unreadable("dtype of the targets", tensor, "an integer type"))
}

/// Numbers as `f64`.
fn numbers(tensor: &FlexTensor) -> Vec<f64> {
    let values = floats(tensor).expect("what arrives has the type of the loss");
    (0..values.len()).map(|at| values.get(at)).collect()
}

fn unreadable(what: &'static str, tensor: &FlexTensor, expected: &'static str) -> Error {
    Error::new(ErrorKind::Value, what, format_args!("{:?}", tensor.dtype()), expected)
}
