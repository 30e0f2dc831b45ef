//! What every loss can be asked: the value, the values of rows, the gradient, in new or given buffers.

use std::fmt::Debug;
use std::ops::Range;

use super::objective::Source;
use super::{Loss, Options, Reduction, Upstream, Weighting, WhenEmpty};
use crate::error::Result;
use crate::input::{ClassWeights, Element, Labels, Layout, Logits, SoftLabels, Targets, ValuesMut};
use crate::parameters::Parameters;

/// A loss of logits under targets, with its gradient.
///
/// Each row of logits has a loss; an [`Options::reduction`] makes one number of them. Losses are built by
/// their own types or by name from [`LOSSES`](super::LOSSES), whose entries build a `Box<dyn Criterion>`,
/// itself a criterion.
///
/// ```
/// use temperance::loss::{Criterion, CrossEntropy, Reduction};
/// use temperance::{Labels, Logits};
///
/// let logits = Logits::new(&[1.0, 1.0, 0.0, 0.0], 2)?;
/// let loss = CrossEntropy::new().reduction(Reduction::Sum);
/// let value = loss.forward(&logits, Labels::new(&[0, 1], 2))?.value;
/// assert!((value - 2.0 * 2_f64.ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
pub trait Criterion: Debug + Send + Sync {
    /// Its name in [`LOSSES`](super::LOSSES).
    fn name(&self) -> &'static str;

    /// What it was built with, by the names of its entry.
    fn parameters(&self) -> Parameters;

    /// Reduction and class weights.
    fn options(&self) -> &Options;

    /// The same, to be changed.
    fn options_mut(&mut self) -> &mut Options;

    /// Whether adding a number to every logit of a row changes nothing; then gradients of rows sum to 0.
    fn is_shift_invariant(&self) -> bool {
        true
    }

    /// Does `work`. The functions below ask for it.
    ///
    /// # Errors
    /// As theirs.
    fn run(&self, work: Work<'_>) -> Result<Loss>;

    /// The same with another reduction.
    #[must_use]
    fn reduction(mut self, reduction: Reduction) -> Self
    where
        Self: Sized,
    {
        self.options_mut().reduction = reduction;
        self
    }

    /// The same with another answer for a mean over no rows.
    #[must_use]
    fn when_empty(mut self, when_empty: WhenEmpty) -> Self
    where
        Self: Sized,
    {
        self.options_mut().when_empty = when_empty;
        self
    }

    /// The same with class weights; [`Criterion::weighting`] says what they weigh.
    #[must_use]
    fn class_weights(mut self, weights: ClassWeights) -> Self
    where
        Self: Sized,
    {
        self.options_mut().weights = Some(weights);
        self
    }

    /// The same with another meaning of class weights.
    #[must_use]
    fn weighting(mut self, weighting: Weighting) -> Self
    where
        Self: Sized,
    {
        self.options_mut().weighting = weighting;
        self
    }

    /// The same, its value counted from the least value that any logits could reach, as tensor2tensor and
    /// flax do. An error where that is not known (see [`Loss::minimum`]).
    #[must_use]
    fn above_minimum(mut self) -> Self
    where
        Self: Sized,
    {
        self.options_mut().above_minimum = true;
        self
    }

    /// The loss alone.
    ///
    /// # Errors
    /// If targets, teacher or weights do not fit the logits or the loss; on an illegal value or label, with
    /// its row; if no row counts and [`WhenEmpty::Error`] is in force.
    fn forward<'a>(&self, logits: &Logits<'a>, targets: impl Into<Supervision<'a>>) -> Result<Loss>
    where
        Self: Sized,
    {
        let source = Source::Logits(*logits);
        self.run(Work { source, given: targets.into(), task: Task::Forward })
    }

    /// The loss of every row, before reduction; 0 for an ignored row.
    ///
    /// # Errors
    /// As [`Criterion::forward`], except that no row need count.
    fn per_row<'a>(&self, logits: &Logits<'a>, targets: impl Into<Supervision<'a>>) -> Result<Vec<f64>>
    where
        Self: Sized,
    {
        let mut losses = vec![0.0; logits.rows()];
        let source = Source::Logits(*logits);
        self.run(Work { source, given: targets.into(), task: Task::PerRow(&mut losses) })?;
        Ok(losses)
    }

    /// The loss and its gradient in a new buffer, in the layout of the logits.
    ///
    /// # Errors
    /// As [`Criterion::forward`].
    fn forward_backward<'a, E: Element>(
        &self,
        logits: &Logits<'a>,
        targets: impl Into<Supervision<'a>>,
    ) -> Result<(Loss, Vec<E>)>
    where
        Self: Sized,
    {
        let mut gradient = vec![E::default(); logits.rows() * logits.classes()];
        let loss = self.forward_backward_into(logits, targets, Upstream::default(), &mut gradient)?;
        Ok((loss, gradient))
    }

    /// The loss and its gradient times `upstream` in a buffer of the caller.
    ///
    /// # Errors
    /// As [`Criterion::forward`]; if the buffer or a per-row upstream has the wrong length.
    fn forward_backward_into<'a, E: Element>(
        &self,
        logits: &Logits<'a>,
        targets: impl Into<Supervision<'a>>,
        upstream: Upstream<'_>,
        gradient: &mut [E],
    ) -> Result<Loss>
    where
        Self: Sized,
    {
        let out = E::values_mut(gradient);
        let task = Task::Gradient { upstream, layout: logits.0.layout(), out, lenient: false };
        self.run(Work { source: Source::Logits(*logits), given: targets.into(), task })
    }

    /// The loss; the logits are overwritten by its gradient times `upstream`.
    ///
    /// After an error the buffer holds part logits, part gradient.
    ///
    /// # Errors
    /// As [`Criterion::forward_backward_into`]; if the buffer does not fit the layout.
    fn forward_backward_in_place<'a, E: Element>(
        &self,
        logits: &mut [E],
        layout: Layout,
        targets: impl Into<Supervision<'a>>,
        upstream: Upstream<'_>,
    ) -> Result<Loss>
    where
        Self: Sized,
    {
        let task = Task::Gradient { upstream, layout, out: E::values_mut(logits), lenient: false };
        self.run(Work { source: Source::InPlace, given: targets.into(), task })
    }

    /// The gradient alone: [`Criterion::forward_backward_into`] for callers that saw the loss before.
    ///
    /// # Errors
    /// As [`Criterion::forward_backward_into`], except that no row need count: the gradient is then 0.
    fn backward_into<'a, E: Element>(
        &self,
        logits: &Logits<'a>,
        targets: impl Into<Supervision<'a>>,
        upstream: Upstream<'_>,
        gradient: &mut [E],
    ) -> Result<()>
    where
        Self: Sized,
    {
        let out = E::values_mut(gradient);
        let task = Task::Gradient { upstream, layout: logits.0.layout(), out, lenient: true };
        self.run(Work { source: Source::Logits(*logits), given: targets.into(), task }).map(|_| ())
    }
}

impl Criterion for Box<dyn Criterion> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn parameters(&self) -> Parameters {
        (**self).parameters()
    }

    fn options(&self) -> &Options {
        (**self).options()
    }

    fn options_mut(&mut self) -> &mut Options {
        (**self).options_mut()
    }

    fn is_shift_invariant(&self) -> bool {
        (**self).is_shift_invariant()
    }

    fn run(&self, work: Work<'_>) -> Result<Loss> {
        (**self).run(work)
    }
}

/// What a row should have been: its target and, for distillation, what a teacher says of it.
///
/// Made from targets, or from a pair of targets and the teacher's logits.
#[derive(Debug, Clone, Copy)]
pub struct Supervision<'a> {
    /// A class or a distribution per row.
    pub targets: Targets<'a>,
    /// The logits of a teacher, row for row.
    pub teacher: Option<Logits<'a>>,
}

impl Supervision<'_> {
    pub(super) fn slice(&self, rows: Range<usize>) -> Self {
        Supervision {
            targets: self.targets.slice(rows.clone()),
            teacher: self.teacher.map(|teacher| teacher.slice(rows)),
        }
    }
}

impl<'a> From<Targets<'a>> for Supervision<'a> {
    fn from(targets: Targets<'a>) -> Self {
        Supervision { targets, teacher: None }
    }
}

impl<'a> From<Labels<'a>> for Supervision<'a> {
    fn from(labels: Labels<'a>) -> Self {
        Targets::from(labels).into()
    }
}

impl<'a> From<SoftLabels<'a>> for Supervision<'a> {
    fn from(labels: SoftLabels<'a>) -> Self {
        Targets::from(labels).into()
    }
}

impl<'a, T: Into<Targets<'a>>> From<(T, Logits<'a>)> for Supervision<'a> {
    fn from((targets, teacher): (T, Logits<'a>)) -> Self {
        Supervision { targets: targets.into(), teacher: Some(teacher) }
    }
}

/// What a [`Criterion`] is asked to do; made by the functions of that trait.
#[derive(Debug)]
pub struct Work<'a> {
    pub(super) source: Source<'a>,
    pub(super) given: Supervision<'a>,
    pub(super) task: Task<'a>,
}

#[derive(Debug)]
pub(super) enum Task<'a> {
    Forward,
    PerRow(&'a mut [f64]),
    Gradient {
        upstream: Upstream<'a>,
        layout: Layout,
        out: ValuesMut<'a>,
        /// No row need count.
        lenient: bool,
    },
}
