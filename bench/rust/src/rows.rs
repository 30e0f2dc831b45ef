//! Losses of rows and their gradient in files, for any type of number.

use std::path::Path;

use half::{bf16, f16};
// All of it, for the trait that the methods of the losses belong to.
use temperance::loss::*;
use temperance::{Element, Labels, Logits};

use crate::bytes::{self, Number};
use crate::{Result, Terms};

pub(crate) fn measure(stem: &Path, of: &str, gradient_of: &str, classes: usize, terms: Terms) -> Result<()> {
    match (of, gradient_of) {
        ("float32", "float32") => write::<f32, f32>(stem, classes, terms),
        ("float16", "float16") => write::<f16, f16>(stem, classes, terms),
        ("float16", "float32") => write::<f16, f32>(stem, classes, terms),
        ("bfloat16", "bfloat16") => write::<bf16, bf16>(stem, classes, terms),
        ("bfloat16", "float32") => write::<bf16, f32>(stem, classes, terms),
        _ => Err(format!("no gradient of {gradient_of} for {of}").into()),
    }
}

fn write<E: Element + Number, G: Element + Number>(stem: &Path, classes: usize, terms: Terms) -> Result<()> {
    let logits: Vec<E> = bytes::read(&stem.with_extension("logits"))?;
    let labels: Vec<i64> = bytes::read(&stem.with_extension("labels"))?;
    let (logits, labels) = (Logits::new(&logits, classes)?, Labels::new(&labels, classes));
    let loss = CrossEntropy::new().label_smoothing(terms.epsilon)?.confidence_penalty(terms.beta)?;
    let loss = loss.reduction(Reduction::Sum);
    bytes::write(&stem.with_extension("rows"), &loss.per_row(&logits, labels)?)?;
    let (_, gradient) = loss.forward_backward::<G>(&logits, labels)?;
    bytes::write(&stem.with_extension("gradient"), &gradient)
}
