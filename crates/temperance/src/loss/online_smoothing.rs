//! Online label smoothing: targets from what the model itself predicted for a class when it was right.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::criterion::{Criterion, Supervision, Work};
use super::cross_entropy::{self, CrossEntropy, x_ln_x};
use super::objective::{self, Buffers, Objective, Place, Precision, Seen, check_row, hard_label};
use super::smoothing::distribution;
use super::terms::RowLoss;
use super::{Entry, Loss, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::fold;
use crate::input::{Labels, Logits, Scores, Targets, check_targets};
use crate::parameters::{Parameter, ParameterEntry, Parameters};
use crate::row::{Order, Path, Sums};

pub(super) const ENTRY: Entry = Entry {
    name: "online_smoothing",
    summary: "cross-entropy with labels smoothed by the mean prediction of the rows of a class that were right",
    formula: "-α·ln p_y - (1-α)·Σ_c S_yc·ln p_c",
    source: "Zhang et al. 2021, Delving Deep into Label Smoothing, section III",
    parameters: &[ALPHA],
    soft_labels: false,
    teacher: false,
    neutral: Some(&[(ALPHA.name, 1.0)]),
    build: |parameters| {
        parameters.only(&[ALPHA.name])?;
        Ok(Box::new(OnlineSmoothing::new(parameters.number_or(&ALPHA)?)?))
    },
};

const ALPHA: ParameterEntry = ParameterEntry { name: "alpha", domain: "from 0 to 1", default: 0.5 };

/// Online label smoothing: cross-entropy with α of the label and 1 - α of a distribution S_y per class.
///
/// For a row with logits z, p = softmax(z), label y and class weights w:
///
/// ```text
/// loss = -Σ_c w_c·t_c·ln p_c,  t = α·onehot(y) + (1-α)·S_y
/// ∂loss/∂z_j = p_j·Σ_c w_c·t_c - w_j·t_j
/// ```
///
/// S is a [`ClassTargets`], uniform unless given, as in the first epoch; the loss is then label smoothing of
/// ε = 1 - α. [`OnlineTargets`] makes the next S of the predictions of an epoch. A logit of -inf where S_y is
/// above 0 makes the loss +inf and leaves the gradient finite. The least loss, the entropy of t, is known unless
/// class weights weigh its terms.
///
/// ```
/// use temperance::loss::{ClassTargets, Criterion, OnlineSmoothing};
/// use temperance::{Labels, Logits};
///
/// let z = [0.0, 3_f64.ln()]; // p = (1/4, 3/4)
/// let logits = Logits::new(&z, 2)?;
/// let targets = ClassTargets::new(&[0.5, 0.5, 0.2, 0.8], 2)?;
/// let loss = OnlineSmoothing::new(0.5)?.targets(targets);
/// let (value, gradient) = loss.forward_backward::<f64>(&logits, Labels::new(&[1], 2))?;
/// assert!((value.value - (-0.9 * 0.75_f64.ln() - 0.1 * 0.25_f64.ln())).abs() < 1e-15);
/// assert!((gradient[0] - (0.25 - 0.1)).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Zhang et al. 2021, section III (their α = 0.5).
#[derive(Debug, Clone, PartialEq)]
pub struct OnlineSmoothing {
    /// The cross-entropy of the labels, with the options of the whole.
    cross_entropy: CrossEntropy,
    alpha: f64,
    targets: Option<Arc<ClassTargets>>,
}

impl OnlineSmoothing {
    /// The label weighs α, the distribution of its class 1 - α; that is uniform.
    ///
    /// # Errors
    /// Unless 0 ≤ α ≤ 1.
    pub fn new(alpha: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&alpha) {
            return Err(Error::parameter(ALPHA.name, alpha, "a number from 0 to 1"));
        }
        Ok(OnlineSmoothing { cross_entropy: CrossEntropy::new(), alpha, targets: None })
    }

    /// The same with another distribution for each class. Clones of the loss share it.
    #[must_use]
    pub fn targets(mut self, targets: ClassTargets) -> Self {
        self.targets = Some(Arc::new(targets));
        self
    }
}

impl Criterion for OnlineSmoothing {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().with(ALPHA.name, Parameter::Number(self.alpha))
    }

    fn options(&self) -> &Options {
        self.cross_entropy.options()
    }

    fn options_mut(&mut self) -> &mut Options {
        self.cross_entropy.options_mut()
    }

    fn run(&self, work: Work<'_>) -> Result<Loss> {
        let classes = objective::check_work(self.options(), &work)?;
        let Targets::Labels(_) = work.given.targets else {
            return Err(objective::soft_labels(ENTRY.name));
        };
        let targets = self.targets.as_deref();
        if let Some(targets) = targets.filter(|targets| targets.classes != classes) {
            let expected = format!("the {classes} classes of the logits");
            return Err(Error::shape("number of classes of the class targets", targets.classes, expected));
        }
        match targets {
            // With α = 1 they have no part, not even at -inf.
            Some(targets) if self.alpha < 1.0 => objective::run(self.options(), work, |classes| {
                let plain = self.cross_entropy.prepare(classes, true)?;
                Ok(Prepared { loss: self, plain, targets })
            }),
            _ => self.cross_entropy.clone().label_smoothing(1.0 - self.alpha)?.run(work),
        }
    }
}

/// What all rows share.
struct Prepared<'a> {
    loss: &'a OnlineSmoothing,
    plain: cross_entropy::Prepared<'a>,
    targets: &'a ClassTargets,
}

impl Objective for Prepared<'_> {
    type Row<R> = RowLoss<R>;

    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, RowLoss<R>)>> {
        let Some(label) = hard_label(ENTRY.name, given, at)? else { return Ok(None) };
        let sums = buffers.path.sums::<R, { Order::ENTROPY }, false>(z, R::ONE);
        check_row(&sums, z, at)?;
        let alpha = self.loss.alpha;
        let target = &mut buffers.own;
        target.clear();
        for &s in self.targets.of(label) {
            target.push((1.0 - alpha) * s);
        }
        target[label] += alpha;
        let row = self.plain.of_soft(target, z, at, &sums, Vec::with_capacity(z.len()))?;
        let (seen, row) = self.plain.loss(z, &sums, row);
        let nll = sums.tail.ln_1p() - (z[label].to_f64() - sums.max);
        let correct = if label == sums.arg_max { 1.0 } else { 0.0 };
        let is_weighted = self.loss.cross_entropy.is_weighted();
        let minimum = if is_weighted { f64::NAN } else { self.targets.entropy_with(label, alpha) };
        Ok(Some((Seen { nll, correct, minimum, ..seen }, row)))
    }

    fn gradient<R: Precision>(&self, row: &RowLoss<R>, z: &mut [R], scale: f64, buffers: &mut Buffers) {
        self.plain.gradient(row, z, scale, buffers);
    }
}

/// A distribution S_y over all classes for each class y, row after row.
///
/// ```
/// use temperance::loss::ClassTargets;
///
/// let targets = ClassTargets::new(&[0.75, 0.25, 0.5, 0.5], 2)?;
/// assert_eq!(targets.of(0), [0.75, 0.25]);
/// assert_eq!(ClassTargets::uniform(4)?.of(3), [0.25; 4]);
/// assert_eq!(
///     ClassTargets::new(&[0.75, 0.25, 0.5, 0.7], 2).unwrap_err().to_string(),
///     "sum of the class target is 1.2 at row 1 (counted from 0); expected 1 within 0.01"
/// );
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "SavedTargets", try_from = "SavedTargets")]
pub struct ClassTargets {
    classes: usize,
    /// classes × classes.
    values: Vec<f64>,
    /// Σ S·ln S of every row.
    x_ln_x: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
struct SavedTargets {
    classes: usize,
    values: Vec<f64>,
}

impl From<ClassTargets> for SavedTargets {
    fn from(targets: ClassTargets) -> Self {
        SavedTargets { classes: targets.classes, values: targets.values }
    }
}

impl TryFrom<SavedTargets> for ClassTargets {
    type Error = Error;

    fn try_from(saved: SavedTargets) -> Result<Self> {
        check_table("class targets", saved.values.len(), saved.classes)?;
        // As they were saved: to divide by a sum of 1 - 1e-16 again would change bits.
        for (class, row) in saved.values.chunks(saved.classes).enumerate() {
            distribution("class target", row).map_err(|error| error.at_row(class as u64))?;
        }
        Ok(ClassTargets::of_rows(saved.values, saved.classes))
    }
}

impl ClassTargets {
    /// The rows of a table of `classes` × `classes` numbers, each divided by its sum.
    ///
    /// # Errors
    /// If there are no classes or not as many numbers; if a row is not a distribution (entries from 0 to 1,
    /// sum 1 within 0.01), naming it.
    pub fn new(values: &[f64], classes: usize) -> Result<Self> {
        check_table("class targets", values.len(), classes)?;
        let mut rows = Vec::with_capacity(values.len());
        for (class, row) in values.chunks(classes).enumerate() {
            rows.extend(distribution("class target", row).map_err(|error| error.at_row(class as u64))?);
        }
        Ok(Self::of_rows(rows, classes))
    }

    /// 1/K everywhere.
    ///
    /// # Errors
    /// If there are no classes.
    pub fn uniform(classes: usize) -> Result<Self> {
        let values = vec![1.0 / classes as f64; classes.saturating_mul(classes)];
        check_table("class targets", values.len(), classes)?;
        Ok(Self::of_rows(values, classes))
    }

    fn of_rows(values: Vec<f64>, classes: usize) -> Self {
        let x_ln_x = values.chunks(classes).map(|row| row.iter().copied().map(x_ln_x).sum()).collect();
        ClassTargets { classes, values, x_ln_x }
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// S_y.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn of(&self, class: usize) -> &[f64] {
        &self.values[class * self.classes..(class + 1) * self.classes]
    }

    /// The entropy of α·onehot + (1-α)·S_y.
    fn entropy_with(&self, class: usize, alpha: f64) -> f64 {
        let rest = 1.0 - alpha;
        let of_label = rest * self.of(class)[class];
        let whole = x_ln_x(rest) + rest * self.x_ln_x[class];
        x_ln_x(of_label) - whole - x_ln_x(alpha + of_label)
    }
}

/// What an epoch has predicted so far, from which the next epoch's [`ClassTargets`] are made.
///
/// For each class y it sums the softmax of the rows of label y whose largest logit is that of y (ties to the
/// lowest class), and counts them. The next S_y is their mean, or uniform if there were none:
///
/// ```text
/// S_y = Σ_{n: y_n = y = arg max z_n} softmax(z_n) / count_y
/// ```
///
/// Sums are in `f64` and in the order of the rows, so that the bits depend on neither the number of threads nor
/// on how the rows were cut into batches. Parts that were observed apart are put together by
/// [`OnlineTargets::merge`], whose bits depend on the order of merging alone. It can be saved in the middle of an
/// epoch.
///
/// ```
/// use temperance::loss::OnlineTargets;
/// use temperance::{Labels, Logits};
///
/// let ln3 = 3_f64.ln();
/// let mut epoch = OnlineTargets::new(2)?;
/// epoch.observe(&Logits::new(&[ln3, 0.0, 0.0, 0.0, 0.0, ln3], 2)?, Labels::new(&[0, 0, 0], 2))?;
/// assert_eq!(epoch.counts(), [2, 0]); // the third row is wrong
///
/// let targets = epoch.finish_epoch();
/// assert!((targets.of(0)[0] - 0.5 * (0.75 + 0.5)).abs() < 1e-15);
/// assert_eq!(targets.of(1), [0.5, 0.5]); // no row of class 1 was right
/// assert_eq!(epoch.counts(), [0, 0]);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Zhang et al. 2021, section III; the uniform start and the uniform rows of classes without a correct
/// row are those of their code (`zhangchbin/OnlineLabelSmoothing`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SavedEpoch")]
pub struct OnlineTargets {
    classes: usize,
    /// classes × classes.
    sums: Vec<f64>,
    counts: Vec<u64>,
}

#[derive(Deserialize)]
struct SavedEpoch {
    classes: usize,
    sums: Vec<f64>,
    counts: Vec<u64>,
}

impl TryFrom<SavedEpoch> for OnlineTargets {
    type Error = Error;

    fn try_from(saved: SavedEpoch) -> Result<Self> {
        let SavedEpoch { classes, sums, counts } = saved;
        check_table("sums of predictions", sums.len(), classes)?;
        if counts.len() != classes {
            let expected = format!("one for each of the {classes} classes");
            return Err(Error::shape("number of counts", counts.len(), expected));
        }
        if let Some(at) = sums.iter().position(|sum| !(0.0..f64::INFINITY).contains(sum)) {
            let error = Error::new(ErrorKind::Value, "sum of predictions", sums[at], "a number, 0 or above");
            return Err(error.at_row((at / classes) as u64).at_column(at % classes));
        }
        for (class, (row, &count)) in sums.chunks(classes).zip(&counts).enumerate() {
            let (sum, count) = (row.iter().fold(0.0, |sum, p| sum + p), count as f64);
            if !((sum - count).abs() <= 0.01 * count) {
                let expected = format!("its count {count} within 1 %");
                let error = Error::new(ErrorKind::Value, "sum over a row of predictions", sum, expected);
                return Err(error.at_row(class as u64));
            }
        }
        Ok(OnlineTargets { classes, sums, counts })
    }
}

impl OnlineTargets {
    /// Nothing predicted yet.
    ///
    /// # Errors
    /// If there are no classes.
    pub fn new(classes: usize) -> Result<Self> {
        let size = classes.saturating_mul(classes);
        check_table("sums of predictions", size, classes)?;
        Ok(OnlineTargets { classes, sums: vec![0.0; size], counts: vec![0; classes] })
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many rows of each class were right.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Adds the rows of a batch, on all threads. After an error nothing has been added.
    ///
    /// # Errors
    /// If labels or classes do not fit; on an illegal value or label, with its row.
    pub fn observe(&mut self, logits: &Logits<'_>, labels: Labels<'_>) -> Result<()> {
        if logits.classes() != self.classes {
            let expected = format!("the {} classes of the class targets", self.classes);
            return Err(Error::shape("number of classes of the logits", logits.classes(), expected));
        }
        check_targets(&Scores::from(*logits), &Targets::from(labels))?;
        // First which rows are right, then each class on its own: its rows one after the other.
        let parts = fold::map_rows(logits.0.layout(), &mut vec![(); logits.rows()], |rows, _| {
            let mut right = Vec::new();
            let first_row = rows.start;
            right_rows(logits.slice(rows), labels, first_row, &mut right)?;
            Ok(right)
        })?;
        let mut by_class: Vec<Vec<Right>> = vec![Vec::new(); self.classes];
        for right in parts.into_iter().flatten() {
            by_class[right.class].push(right);
        }
        let sums = self.sums.chunks_mut(self.classes).zip(by_class);
        let work = sums.filter(|(_, rows)| !rows.is_empty()).collect();
        let counts = fold::ordered(work, |(sums, rows): (&mut [f64], Vec<Right>)| {
            add_rows(*logits, &rows, sums);
            (rows[0].class, rows.len() as u64)
        });
        for (class, count) in counts {
            self.counts[class] += count;
        }
        Ok(())
    }

    /// Adds what was observed elsewhere.
    ///
    /// # Errors
    /// If the numbers of classes differ.
    pub fn merge(&mut self, later: &OnlineTargets) -> Result<()> {
        if later.classes != self.classes {
            let expected = format!("{}, as in what it is merged into", self.classes);
            return Err(Error::shape("number of classes", later.classes, expected));
        }
        for (sum, later) in self.sums.iter_mut().zip(&later.sums) {
            *sum += later;
        }
        for (count, later) in self.counts.iter_mut().zip(&later.counts) {
            *count += later;
        }
        Ok(())
    }

    /// The targets of the next epoch; what was observed is forgotten.
    pub fn finish_epoch(&mut self) -> ClassTargets {
        let mut values = std::mem::replace(&mut self.sums, vec![0.0; self.classes * self.classes]);
        let counts = std::mem::replace(&mut self.counts, vec![0; self.classes]);
        for (row, count) in values.chunks_mut(self.classes).zip(counts) {
            if count == 0 {
                row.fill(1.0 / self.classes as f64);
            } else {
                row.iter_mut().for_each(|p| *p /= count as f64);
            }
        }
        ClassTargets::of_rows(values, self.classes)
    }
}

/// Refuses a table that is not square, or empty.
fn check_table(what: &'static str, size: usize, classes: usize) -> Result<()> {
    if classes == 0 {
        return Err(Error::shape("number of classes", 0, "at least 1"));
    }
    if Some(size) != classes.checked_mul(classes) {
        return Err(Error::shape(
            format!("number of {what}"),
            size,
            format!("classes × classes = {classes} × {classes}"),
        ));
    }
    Ok(())
}

/// A row whose largest logit is its label's.
#[derive(Clone, Copy)]
struct Right {
    row: usize,
    class: usize,
    sums: Sums,
}

/// Finds the rows of `logits`, of which `first_row` is the first, whose largest logit is their label's.
fn right_rows(
    logits: Logits<'_>,
    labels: Labels<'_>,
    first_row: usize,
    right: &mut Vec<Right>,
) -> Result<()> {
    let (path, mut scratch) = (Path::best(), Vec::new());
    for row in 0..logits.rows() {
        let Some(class) = labels.get(first_row + row, 0)? else { continue };
        let z = logits.0.row::<f64>(row, &mut scratch);
        let sums = path.sums::<f64, { Order::NORMALISER }, false>(z, 1.0);
        check_row(&sums, z, Place { row, first_row: first_row as u64 })?;
        if sums.arg_max == class {
            right.push(Right { row: first_row + row, class, sums });
        }
    }
    Ok(())
}

/// Adds the predictions of rows, one after the other.
fn add_rows(logits: Logits<'_>, rows: &[Right], totals: &mut [f64]) {
    let (path, mut p) = (Path::best(), vec![0.0; totals.len()]);
    for right in rows {
        logits.0.copy_row(right.row, &mut p);
        path.softmax(&mut p, 1.0, &right.sums);
        for (total, p) in totals.iter_mut().zip(&p) {
            *total += p;
        }
    }
}
