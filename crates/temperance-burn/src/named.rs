//! Every loss of the registry, by name.

use std::fmt;
use std::sync::Arc;

use burn::backend::{Dispatch, DispatchTensorKind};
use burn::tensor::{Device, Tensor};
use temperance::loss::{self, Criterion, Loss, Reduction as Over, WhenEmpty};
use temperance::{ClassWeights, Error, ErrorKind, Parameter, Parameters, Result};

use crate::operation::{LossOps, TargetTensors, TeacherTensor};
use crate::request::{Reduction, Request};
use crate::targets::Targets;

/// What a [`NamedLoss`] is made of.
///
/// ```
/// use burn::tensor::{Int, Tensor};
/// use temperance_burn::NamedLossConfig;
///
/// let device = Default::default();
/// let focal = NamedLossConfig::new("focal").with_parameter("gamma", 2.0).init()?;
/// let loss = focal.forward(Tensor::from_floats([[2.0, 0.0]], &device), Tensor::<1, _>::from_ints([0], &device));
/// assert!((loss.into_scalar::<f32>() - 0.001804).abs() < 1e-6);
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NamedLossConfig {
    name: String,
    parameters: Parameters,
    weights: Option<Vec<f64>>,
    ignored: Option<i64>,
    reduction: Reduction,
}

impl NamedLossConfig {
    /// The loss of that name in [`loss::LOSSES`], with its default parameters.
    pub fn new(name: &str) -> Self {
        NamedLossConfig {
            name: name.to_owned(),
            parameters: Parameters::new(),
            weights: None,
            ignored: None,
            reduction: Reduction::Mean,
        }
    }

    /// The same with another parameter; its entry says which it has.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: f64) -> Self {
        self.parameters = self.parameters.with(name, Parameter::Number(value));
        self
    }

    /// The same with a weight for each class.
    #[must_use]
    pub fn with_weights(mut self, weights: Vec<f64>) -> Self {
        self.weights = Some(weights);
        self
    }

    /// The same with a class whose rows do not count.
    #[must_use]
    pub fn with_ignored(mut self, class: i64) -> Self {
        self.ignored = Some(class);
        self
    }

    /// The same with another reduction.
    #[must_use]
    pub fn with_reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }

    /// The loss.
    ///
    /// # Errors
    /// If there is no loss of that name, or a parameter or weight is not legal.
    ///
    /// ```
    /// use temperance_burn::NamedLossConfig;
    ///
    /// let error = NamedLossConfig::new("focale").init().unwrap_err();
    /// assert!(error.to_string().starts_with("loss is \"focale\"; expected cross_entropy, "));
    /// ```
    pub fn init(&self) -> Result<NamedLoss> {
        let Some(entry) = loss::named(&self.name) else {
            let names: Vec<_> = loss::LOSSES.iter().map(|entry| entry.name).collect();
            let value = format!("{:?}", self.name);
            return Err(Error::new(ErrorKind::Parameter, "loss", value, names.join(", ")));
        };
        let mut criterion = (entry.build)(&self.parameters)?;
        if let Some(weights) = &self.weights {
            criterion.options_mut().weights = Some(ClassWeights::new(weights)?);
        }
        Ok(NamedLoss::of(criterion, self.reduction).ignoring(self.ignored))
    }
}

/// A loss of [`loss::LOSSES`]. Made by [`NamedLossConfig::init`].
///
/// It is computed on the CPU; logits of another device are sent there, and the gradient back.
#[derive(Clone)]
pub struct NamedLoss {
    criterion: Arc<Box<dyn Criterion>>,
    ignored: Option<i64>,
    reduction: Reduction,
}

impl fmt::Debug for NamedLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.criterion.fmt(f)
    }
}

impl NamedLoss {
    /// A loss that was made otherwise, such as one that keeps something from epoch to epoch. A mean over no rows is NaN.
    pub fn of(mut criterion: Box<dyn Criterion>, reduction: Reduction) -> Self {
        let options = criterion.options_mut();
        options.when_empty = WhenEmpty::Nan;
        options.reduction = if reduction == Reduction::Sum { Over::Sum } else { Over::Mean };
        NamedLoss { criterion: Arc::new(criterion), ignored: None, reduction }
    }

    pub(crate) fn ignoring(self, ignored: Option<i64>) -> Self {
        NamedLoss { ignored, ..self }
    }

    /// The loss in nats: `[1]`, or `[batch_size]` without a reduction.
    ///
    /// # Panics
    /// With the text of [`NamedLoss::try_forward`].
    pub fn forward(&self, logits: Tensor<2>, targets: impl Into<Targets>) -> Tensor<1> {
        self.try_forward(logits, targets, None).unwrap_or_else(|error| panic!("{error}")).0
    }

    /// The loss with the logits of a teacher, `[batch_size, classes]`, which get no gradient.
    ///
    /// # Panics
    /// With the text of [`NamedLoss::try_forward`].
    pub fn forward_with_teacher(
        &self,
        logits: Tensor<2>,
        targets: impl Into<Targets>,
        teacher: Tensor<2>,
    ) -> Tensor<1> {
        self.try_forward(logits, targets, Some(teacher)).unwrap_or_else(|error| panic!("{error}")).0
    }

    /// The loss, and what the kernel saw on the way: NLL, entropy, accuracy (nothing without a reduction).
    ///
    /// # Errors
    /// If shapes do not fit, or a label or logit is not legal, with its row.
    pub fn try_forward(
        &self,
        logits: Tensor<2>,
        targets: impl Into<Targets>,
        teacher: Option<Tensor<2>>,
    ) -> Result<(Tensor<1>, Option<Loss>)> {
        let targets = targets.into();
        check_shapes(&logits, &targets, teacher.as_ref())?;
        let request =
            Request { criterion: self.criterion.clone(), reduction: self.reduction, ignored: self.ignored };
        if runs_the_kernel(&logits) {
            return on_the_cpu(logits, targets, teacher, request);
        }
        let (here, cpu) = (logits.device(), Device::flex());
        let targets = match targets {
            Targets::Classes(classes) => Targets::Classes(classes.to_device(&cpu)),
            Targets::Shares(shares) => Targets::Shares(shares.to_device(&cpu)),
        };
        let teacher = teacher.map(|teacher| teacher.to_device(&cpu));
        let (value, seen) = on_the_cpu(logits.to_device(&cpu), targets, teacher, request)?;
        Ok((value.to_device(&here), seen))
    }
}

/// Whether a tensor lies where the kernel runs.
pub(crate) fn runs_the_kernel(logits: &Tensor<2>) -> bool {
    match logits.clone().into_dispatch().kind {
        DispatchTensorKind::Flex(_) => true,
        DispatchTensorKind::Autodiff(inner) => matches!(*inner, DispatchTensorKind::Flex(_)),
        #[allow(unreachable_patterns)]
        _ => false,
    }
}

/// A pass of the kernel.
fn on_the_cpu(
    logits: Tensor<2>,
    targets: Targets,
    teacher: Option<Tensor<2>>,
    request: Request,
) -> Result<(Tensor<1>, Option<Loss>)> {
    let targets = match targets {
        Targets::Classes(classes) => TargetTensors::Classes(classes.into_dispatch()),
        Targets::Shares(shares) => TargetTensors::Shares(shares.into_dispatch()),
    };
    let teacher = match teacher {
        Some(teacher) => TeacherTensor::Logits(teacher.into_dispatch()),
        None => TeacherTensor::Absent,
    };
    let outcome = <Dispatch as LossOps>::loss(logits.into_dispatch(), targets, teacher, request);
    Ok((Tensor::from_dispatch(outcome.value), outcome.seen?))
}

/// Refuses what does not fit the logits.
pub(crate) fn check_shapes(logits: &Tensor<2>, targets: &Targets, teacher: Option<&Tensor<2>>) -> Result<()> {
    let [rows, classes] = logits.dims();
    let same = |what, found: &[usize], expected: &[usize]| {
        if found == expected {
            return Ok(());
        }
        let expected = format!("{expected:?}, for logits of {:?}", [rows, classes]);
        Err(Error::new(ErrorKind::Shape, what, format_args!("{found:?}"), expected))
    };
    match targets {
        Targets::Classes(given) => same("shape of the targets", &given.dims(), &[rows])?,
        Targets::Shares(given) => same("shape of the targets", &given.dims(), &[rows, classes])?,
    }
    teacher.map_or(Ok(()), |teacher| same("shape of the teacher", &teacher.dims(), &[rows, classes]))
}
