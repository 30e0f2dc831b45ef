//! Losses of [`temperance`] for [Burn](https://burn.dev): cross-entropy with label smoothing and confidence penalty under
//! Burn's own names, and every other loss by name.
//!
//! On the CPU (Burn's Flex backend) a loss and its gradient come from one pass of the kernel of [`temperance`] over the
//! tensor's own memory. On other devices [`CrossEntropyLoss`] is made of Burn's operations, with the same values; every
//! other loss is computed on the CPU and its gradient sent back.
//!
//! One line changes:
//!
//! ```
//! use burn::tensor::{Device, Int, Tensor};
//! use temperance_burn::CrossEntropyLossConfig; // in the place of burn::nn::loss::CrossEntropyLossConfig
//!
//! let device = Device::default().autodiff();
//! let logits = Tensor::<2>::from_floats([[2.0, 0.0]], &device).require_grad();
//! let targets = Tensor::<1, Int>::from_ints([0], &device);
//!
//! let loss = CrossEntropyLossConfig::new().with_smoothing(Some(0.1)).init(&device).forward(logits.clone(), targets);
//! assert!((loss.clone().into_scalar::<f32>() - 0.226928).abs() < 1e-6);
//! let gradient = logits.grad(&loss.backward()).unwrap().into_data().try_to_vec::<f32>().unwrap();
//! assert!((gradient[0] - -0.069203).abs() < 1e-6 && (gradient[1] - 0.069203).abs() < 1e-6);
//! ```

mod cross_entropy;
mod flex;
mod named;
mod operation;
mod primitive;
mod request;
mod targets;

pub use cross_entropy::{CrossEntropyLoss, CrossEntropyLossConfig};
pub use named::{NamedLoss, NamedLossConfig};
pub use request::Reduction;
pub use targets::Targets;
