//! Cutting rows into a part to fit on and a part to measure on.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::folds::deal_groups;
use crate::error::{Error, Result};
use crate::input::{Target, Targets};
use crate::row::arg_max;

/// How rows are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitRule<'a> {
    /// At random by seed, each class in its own proportion; a class of one row goes to the larger part.
    Stratified {
        /// Seed of the generator (PCG 64).
        seed: u64,
    },
    /// The first rows are fitted, the rest measured.
    Sequential,
    /// Rows of one group go to the same part; each class as near to its proportion as the groups allow.
    Grouped {
        /// A number for each row, the same for rows of one group.
        groups: &'a [u64],
        /// Seed of the generator (PCG 64).
        seed: u64,
    },
}

/// Row indices of two parts, each in ascending order. Ignored rows are in neither.
///
/// ```
/// use temperance::{Labels, select::{Split, SplitRule}};
///
/// let labels = Labels::new(&[0, 0, 0, 0, 1, 1, 1, 1, 2], 3).into();
/// let split = Split::new(&labels, 0.5, SplitRule::Stratified { seed: 0 })?;
/// assert_eq!((split.fit.len(), split.test.len()), (5, 4));
/// assert!(split.fit.contains(&8)); // the only row of class 2
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to fit on.
    pub fit: Vec<usize>,
    /// Rows to measure on.
    pub test: Vec<usize>,
}

impl Split {
    /// Cuts the rows of `targets` so that about `fit_fraction` of them are fitted.
    ///
    /// With soft labels a stratum is the rows whose most probable class is the same.
    ///
    /// # Errors
    /// Unless 0 < fit_fraction < 1 and both parts get a row; on an illegal label.
    pub fn new(targets: &Targets<'_>, fit_fraction: f64, rule: SplitRule<'_>) -> Result<Self> {
        if !(fit_fraction > 0.0 && fit_fraction < 1.0) {
            return Err(Error::parameter("fit fraction", fit_fraction, "a number above 0 and below 1"));
        }
        let classes = class_of_rows(targets)?;
        let split = match rule {
            SplitRule::Sequential => {
                let mut counted: Vec<usize> =
                    (0..classes.len()).filter(|&row| classes[row].is_some()).collect();
                let cut = (fit_fraction * counted.len() as f64).round() as usize;
                let test = counted.split_off(cut.min(counted.len()));
                Split { fit: counted, test }
            }
            SplitRule::Stratified { seed } => stratified(strata(&classes), fit_fraction, seed),
            SplitRule::Grouped { groups, seed } => {
                let part = deal_groups(&classes, groups, &[fit_fraction, 1.0 - fit_fraction], seed)?;
                let rows = |wanted| (0..part.len()).filter(|&row| part[row] == Some(wanted)).collect();
                Split { fit: rows(0), test: rows(1) }
            }
        };
        if split.fit.is_empty() || split.test.is_empty() {
            let rows = split.fit.len() + split.test.len();
            return Err(Error::shape("number of rows", rows, "enough for both parts of the split"));
        }
        Ok(split)
    }
}

/// The rows that are not ignored, in order: those that a measurement of all rows summarises.
///
/// # Errors
/// On an illegal label.
pub fn counted_rows(targets: &Targets<'_>) -> Result<Vec<usize>> {
    let classes = class_of_rows(targets)?;
    Ok((0..classes.len()).filter(|&row| classes[row].is_some()).collect())
}

/// The label of every row, `None` where it is ignored; with soft labels the most probable class.
pub(super) fn class_of_rows(targets: &Targets<'_>) -> Result<Vec<Option<usize>>> {
    let mut soft = Vec::new();
    let class = |row| {
        Ok(targets.get(row, 0, &mut soft)?.map(|target| match target {
            Target::Class(label) => label,
            Target::Distribution(t) => arg_max(t),
        }))
    };
    (0..targets.rows()).map(class).collect()
}

/// The rows of each class, up to the highest class that occurs.
pub(super) fn strata(classes: &[Option<usize>]) -> Vec<Vec<usize>> {
    let count = classes.iter().flatten().max().map_or(0, |highest| highest + 1);
    let mut strata = vec![Vec::new(); count];
    for (row, class) in classes.iter().enumerate() {
        if let Some(class) = class {
            strata[*class].push(row);
        }
    }
    strata
}

fn stratified(mut strata: Vec<Vec<usize>>, fit_fraction: f64, seed: u64) -> Split {
    let mut random = Pcg64::seed_from_u64(seed);
    let rows: usize = strata.iter().map(Vec::len).sum();
    let whole = (fit_fraction * rows as f64).round() as usize;
    // A class of one row has nothing to share: it goes to the larger part, the fitted one on a tie.
    let quota = |stratum: &Vec<usize>| match stratum.len() {
        1 => f64::from(u8::from(fit_fraction >= 0.5)),
        n => fit_fraction * n as f64,
    };
    let mut take: Vec<usize> = strata.iter().map(|stratum| quota(stratum) as usize).collect();
    // Rows still due go to the classes whose share was cut most; ties to the lower class.
    let mut order: Vec<usize> = (0..strata.len()).filter(|&c| quota(&strata[c]).fract() > 0.0).collect();
    order.sort_by(|&a, &b| quota(&strata[b]).fract().total_cmp(&quota(&strata[a]).fract()));
    let due = whole.saturating_sub(take.iter().sum());
    for class in order.into_iter().take(due) {
        take[class] += 1;
    }
    let (mut fit, mut test) = (Vec::with_capacity(whole), Vec::with_capacity(rows - whole));
    for (stratum, take) in strata.iter_mut().zip(take) {
        stratum.shuffle(&mut random);
        fit.extend_from_slice(&stratum[..take]);
        test.extend_from_slice(&stratum[take..]);
    }
    fit.sort_unstable();
    test.sort_unstable();
    Split { fit, test }
}
