//! Cross-entropy under Burn's names.

use burn::config::Config;
use burn::module::{Content, DisplaySettings, Module, ModuleDisplay};
use burn::tensor::{Device, Tensor};
use temperance::loss::{Criterion, CrossEntropy, Loss};
use temperance::{ClassWeights, Result};

use crate::named::{NamedLoss, check_shapes, runs_the_kernel};
use crate::primitive::{self, Terms};
use crate::request::Reduction;
use crate::targets::Targets;

/// What a [`CrossEntropyLoss`] is made of: Burn's own options under their names, and the terms that Burn does not have.
///
/// ```
/// use temperance_burn::CrossEntropyLossConfig;
///
/// let config = CrossEntropyLossConfig::new().with_smoothing(Some(0.1)).with_confidence_penalty(Some(0.5));
/// assert_eq!((config.smoothing, config.confidence_penalty), (Some(0.1), Some(0.5)));
/// ```
#[derive(Config, Debug)]
pub struct CrossEntropyLossConfig {
    /// Classes of rows that do not count. If no row counts, the mean is NaN, as in Burn.
    pub pad_tokens: Option<Vec<usize>>,
    /// A weight for each class, 0 or above. A mean divides by the weights of the labels.
    pub weights: Option<Vec<f32>>,
    /// ε of label smoothing, from 0 to 1; ε/K goes to every class.
    pub smoothing: Option<f32>,
    /// Whether the input is logits; if not, probabilities, that sum to 1.
    #[config(default = true)]
    pub logits: bool,
    /// β of the confidence penalty, 0 or above: β times the entropy of the prediction is taken off.
    pub confidence_penalty: Option<f64>,
    /// Γ in nats, 0 or above: makes the penalty β·max(0, Γ - H).
    pub penalty_threshold: Option<f64>,
    /// λ of the z-loss λ·(ln Σ exp z)², 0 or above.
    pub z_loss: Option<f64>,
    /// κ of the logit penalty κ·Σ z², 0 or above.
    pub logit_penalty: Option<f64>,
}

impl CrossEntropyLossConfig {
    /// The loss.
    ///
    /// # Panics
    /// If an option is not legal, with the text of [`CrossEntropyLossConfig::try_init`].
    pub fn init(&self, device: &Device) -> CrossEntropyLoss {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The loss, or what is wrong with an option.
    ///
    /// # Errors
    /// If an option is not legal: it is named, with its value and what was expected.
    ///
    /// ```
    /// use temperance_burn::CrossEntropyLossConfig;
    ///
    /// let error = CrossEntropyLossConfig::new().with_smoothing(Some(1.5)).try_init(&Default::default()).unwrap_err();
    /// assert_eq!(error.to_string(), "epsilon is 1.5; expected a number from 0 to 1");
    /// ```
    pub fn try_init(&self, device: &Device) -> Result<CrossEntropyLoss> {
        let loss = CrossEntropyLoss {
            pad_tokens: self.pad_tokens.clone(),
            weights: self.weights.as_ref().map(|weights| Tensor::from_floats(weights.as_slice(), device)),
            smoothing: self.smoothing,
            logits: self.logits,
            confidence_penalty: self.confidence_penalty,
            penalty_threshold: self.penalty_threshold,
            z_loss: self.z_loss,
            logit_penalty: self.logit_penalty,
        };
        loss.criterion()?;
        Ok(loss)
    }
}

/// Cross-entropy with label smoothing, confidence penalty, z-loss and logit penalty; the formula is that of
/// [`CrossEntropy`].
///
/// Values are those of Burn's `CrossEntropyLoss` where it has the option, which are PyTorch's. A gradient with respect to
/// probabilities (`logits: false`) is that of the loss of p/Σp: the same as Burn's behind a softmax.
///
/// Made by [`CrossEntropyLossConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct CrossEntropyLoss {
    /// Classes of rows that do not count.
    pub pad_tokens: Option<Vec<usize>>,
    /// A weight for each class.
    pub weights: Option<Tensor<1>>,
    /// ε of label smoothing.
    pub smoothing: Option<f32>,
    /// Whether the input is logits.
    pub logits: bool,
    /// β of the confidence penalty.
    pub confidence_penalty: Option<f64>,
    /// Γ of the confidence penalty, in nats.
    pub penalty_threshold: Option<f64>,
    /// λ of the z-loss.
    pub z_loss: Option<f64>,
    /// κ of the logit penalty.
    pub logit_penalty: Option<f64>,
}

impl ModuleDisplay for CrossEntropyLoss {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new().with_new_line_after_attribute(false).optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        content
            .add_debug_attribute("pad_tokens", &self.pad_tokens)
            .add_debug_attribute("smoothing", &self.smoothing)
            .add_debug_attribute("logits", &self.logits)
            .add_debug_attribute("confidence_penalty", &self.confidence_penalty)
            .add_debug_attribute("penalty_threshold", &self.penalty_threshold)
            .add_debug_attribute("z_loss", &self.z_loss)
            .add_debug_attribute("logit_penalty", &self.logit_penalty)
            .optional()
    }
}

impl CrossEntropyLoss {
    /// The mean loss in nats, `[1]`: `logits` are `[batch_size, classes]`, `targets` `[batch_size]` classes or
    /// `[batch_size, classes]` shares.
    ///
    /// # Panics
    /// With the text of [`CrossEntropyLoss::try_forward`].
    pub fn forward(&self, logits: Tensor<2>, targets: impl Into<Targets>) -> Tensor<1> {
        self.reduced(logits, targets, Reduction::Mean)
    }

    /// The loss of each row, `[batch_size]`; 0 for one that does not count.
    ///
    /// # Panics
    /// With the text of [`CrossEntropyLoss::try_forward`].
    pub fn forward_no_reduction(&self, logits: Tensor<2>, targets: impl Into<Targets>) -> Tensor<1> {
        self.reduced(logits, targets, Reduction::None)
    }

    fn reduced(&self, logits: Tensor<2>, targets: impl Into<Targets>, reduction: Reduction) -> Tensor<1> {
        self.try_forward(logits, targets, reduction).unwrap_or_else(|error| panic!("{error}")).0
    }

    /// The loss, and what the kernel saw on the way: NLL, entropy, accuracy (nothing on other devices, and without a
    /// reduction).
    ///
    /// # Errors
    /// If shapes do not fit, or a label or logit is not legal, with its row.
    pub fn try_forward(
        &self,
        logits: Tensor<2>,
        targets: impl Into<Targets>,
        reduction: Reduction,
    ) -> Result<(Tensor<1>, Option<Loss>)> {
        let mut targets = targets.into();
        check_shapes(&logits, &targets, None)?;
        let logits = if self.logits {
            logits
        } else {
            let least = logits.dtype().finfo().expect("it is of floats").min_positive.sqrt();
            logits.clamp_min(least).log()
        };
        let ignored = self.pad_tokens.as_ref().and_then(|tokens| tokens.first()).map(|&token| token as i64);
        if let (Targets::Classes(classes), Some(tokens), Some(first)) =
            (&mut targets, &self.pad_tokens, ignored)
        {
            for &token in &tokens[1..] {
                let padded = classes.clone().equal_scalar(token as i64);
                *classes = classes.clone().mask_fill(padded, first);
            }
        }
        if !runs_the_kernel(&logits) {
            let weights = self.weights.clone();
            let value = primitive::cross_entropy(logits, &targets, self.terms(), weights, ignored, reduction);
            return Ok((value, None));
        }
        let loss = NamedLoss::of(Box::new(self.criterion()?), reduction).ignoring(ignored);
        loss.try_forward(logits, targets, None)
    }

    fn terms(&self) -> Terms {
        Terms {
            smoothing: f64::from(self.smoothing.unwrap_or(0.0)),
            penalty: self.confidence_penalty.unwrap_or(0.0),
            threshold: self.penalty_threshold,
            z_loss: self.z_loss.unwrap_or(0.0),
            logit_penalty: self.logit_penalty.unwrap_or(0.0),
        }
    }

    fn criterion(&self) -> Result<CrossEntropy> {
        let terms = self.terms();
        let mut criterion = CrossEntropy::new()
            .label_smoothing(terms.smoothing)?
            .confidence_penalty(terms.penalty)?
            .z_loss(terms.z_loss)?
            .logit_penalty(terms.logit_penalty)?;
        if let Some(threshold) = terms.threshold {
            criterion = criterion.penalty_threshold(threshold)?;
        }
        if let Some(weights) = &self.weights {
            let weights: Vec<f64> = weights.to_data().iter::<f64>().collect();
            criterion = criterion.class_weights(ClassWeights::new(&weights)?);
        }
        Ok(criterion)
    }
}
