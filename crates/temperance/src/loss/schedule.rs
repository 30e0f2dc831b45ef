//! How the strength of a regulariser changes over training.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A number that depends on the training step: an ε, a β, a weight of a teacher.
///
/// Constant, or from one value to another along a line or half a cosine, and constant after that; before all
/// that, on request, a linear warm-up from 0:
///
/// ```text
/// linear:  v(s) = from + (to - from)·s/steps
/// cosine:  v(s) = to + (from - to)·(1 + cos(π·s/steps))/2
/// after_warmup(w):  v(0)·s/w for s < w, then v(s - w)
/// ```
///
/// Values are exact at both ends. Pereyra et al. 2017 found that a confidence penalty should be weak early in
/// training and strong late; they print no schedule. A training loop asks for the value of a step and builds the
/// loss with it. In JSON it is an object with the warm-up and the course, checked when read.
///
/// ```
/// use temperance::loss::{Criterion, CrossEntropy, Schedule};
/// use temperance::{Labels, Logits};
///
/// let beta = Schedule::linear(0.0, 0.5, 100)?;
/// assert_eq!([0, 50, 100, 1000].map(|step| beta.value_at(step)), [0.0, 0.25, 0.5, 0.5]);
///
/// let epsilon = Schedule::constant(0.1)?.after_warmup(10)?;
/// assert_eq!((epsilon.value_at(5), epsilon.value_at(10)), (0.05, 0.1));
///
/// let loss = CrossEntropy::new().confidence_penalty(beta.value_at(50))?;
/// let value = loss.forward(&Logits::new(&[0.0, 0.0], 2)?, Labels::new(&[0], 2))?.value;
/// assert!((value - 0.75 * 2_f64.ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Sources: Pereyra et al. 2017, section 3 (annealing); Loshchilov, Hutter 2017, SGDR, section 3 (the cosine).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct Schedule {
    /// Steps of the warm-up, 0 for none.
    warmup: u64,
    course: Course,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Course {
    Constant { value: f64 },
    Linear { from: f64, to: f64, steps: u64 },
    Cosine { from: f64, to: f64, steps: u64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    warmup: u64,
    course: Course,
}

impl TryFrom<Saved> for Schedule {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        let schedule = match saved.course {
            Course::Constant { value } => Schedule::constant(value),
            Course::Linear { from, to, steps } => Schedule::linear(from, to, steps),
            Course::Cosine { from, to, steps } => Schedule::cosine(from, to, steps),
        }?;
        Ok(Schedule { warmup: saved.warmup, ..schedule })
    }
}

impl Schedule {
    /// The same value at every step.
    ///
    /// # Errors
    /// If it is not finite.
    pub fn constant(value: f64) -> Result<Self> {
        Ok(Schedule { warmup: 0, course: Course::Constant { value: finite("value", value)? } })
    }

    /// From one value to another in equal parts, in `steps` steps.
    ///
    /// # Errors
    /// If a value is not finite, or there are 0 steps.
    pub fn linear(from: f64, to: f64, steps: u64) -> Result<Self> {
        let (from, to, steps) = course(from, to, steps)?;
        Ok(Schedule { warmup: 0, course: Course::Linear { from, to, steps } })
    }

    /// From one value to another along half a cosine, slow at both ends, in `steps` steps.
    ///
    /// # Errors
    /// As [`Schedule::linear`].
    pub fn cosine(from: f64, to: f64, steps: u64) -> Result<Self> {
        let (from, to, steps) = course(from, to, steps)?;
        Ok(Schedule { warmup: 0, course: Course::Cosine { from, to, steps } })
    }

    /// The same, `steps` steps later; before, it rises from 0 to its first value in equal parts. A warm-up that
    /// it had is replaced.
    ///
    /// # Errors
    /// If there are 0 steps.
    pub fn after_warmup(mut self, steps: u64) -> Result<Self> {
        self.warmup = at_least_one("steps of the warm-up", steps)?;
        Ok(self)
    }

    /// The value at a step, counted from 0.
    pub fn value_at(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.course.value_at(0) * (step as f64 / self.warmup as f64);
        }
        self.course.value_at(step - self.warmup)
    }
}

impl Course {
    fn value_at(self, step: u64) -> f64 {
        let (from, to, steps) = match self {
            Course::Constant { value } => return value,
            Course::Linear { from, to, steps } | Course::Cosine { from, to, steps } => (from, to, steps),
        };
        if step >= steps {
            return to;
        }
        let fraction = step as f64 / steps as f64;
        let fraction = match self {
            Course::Cosine { .. } => 0.5 - 0.5 * (PI * fraction).cos(),
            _ => fraction,
        };
        // Not from + (to - from)·fraction: the difference may overflow.
        from * (1.0 - fraction) + to * fraction
    }
}

fn course(from: f64, to: f64, steps: u64) -> Result<(f64, f64, u64)> {
    Ok((finite("first value", from)?, finite("last value", to)?, at_least_one("steps", steps)?))
}

fn finite(what: &str, value: f64) -> Result<f64> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Error::parameter(format!("{what} of the schedule"), value, "a finite number"))
    }
}

fn at_least_one(what: &str, steps: u64) -> Result<u64> {
    if steps > 0 {
        Ok(steps)
    } else {
        Err(Error::parameter(format!("number of {what} of the schedule"), 0, "at least 1"))
    }
}
