//! Cutting rows into folds for cross-validation.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::Split;
use super::split::{class_of_rows, strata};
use crate::error::{Error, Result};
use crate::input::Targets;

/// Which fold each row belongs to. Ignored rows belong to none.
///
/// ```
/// use temperance::{Labels, select::Folds};
///
/// let labels = Labels::new(&[0, 0, 0, 1, 1, 1], 2).into();
/// let folds = Folds::stratified(&labels, 3, 0)?;
/// for fold in 0..3 {
///     let split = folds.split(fold);
///     assert_eq!((split.fit.len(), split.test.len()), (4, 2)); // one row of each class is tested
/// }
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    of_row: Vec<Option<usize>>,
    count: usize,
}

impl Folds {
    /// Folds that were made elsewhere: the fold of each row, counted from 0; `None` for rows that take no part.
    ///
    /// # Errors
    /// If there are fewer than 2 folds, or one of them has no row.
    pub fn given(of_row: &[Option<usize>]) -> Result<Self> {
        let count = strata(of_row).len();
        check(count, count, "folds")?;
        if let Some(empty) = strata(of_row).iter().position(Vec::is_empty) {
            return Err(Error::shape(format!("number of rows of fold {empty}"), 0, "at least 1"));
        }
        Ok(Folds { of_row: of_row.to_vec(), count })
    }

    /// `count` folds at random by seed (PCG 64), each class spread evenly over them.
    ///
    /// With soft labels a class is the rows whose most probable class is the same.
    ///
    /// # Errors
    /// If there are fewer than 2 folds or fewer rows than folds; on an illegal label.
    pub fn stratified(targets: &Targets<'_>, count: usize, seed: u64) -> Result<Self> {
        Self::deal_rows(&class_of_rows(targets)?, count, seed)
    }

    /// `count` folds of which none shares a group with another; each class spread as evenly as the groups allow.
    ///
    /// Groups are dealt out from the largest to the smallest, equal ones in random order, each to the fold that
    /// stays most even.
    ///
    /// # Errors
    /// If there is not a group for each row, or there are fewer groups than folds; as [`Folds::stratified`].
    pub fn grouped(targets: &Targets<'_>, groups: &[u64], count: usize, seed: u64) -> Result<Self> {
        Self::deal_groups(&class_of_rows(targets)?, groups, count, seed)
    }

    /// [`Folds::stratified`] for the rows that have a class.
    pub(super) fn deal_rows(classes: &[Option<usize>], count: usize, seed: u64) -> Result<Self> {
        check(count, classes.iter().flatten().count(), "rows that count")?;
        let mut random = Pcg64::seed_from_u64(seed);
        let mut of_row = vec![None; classes.len()];
        // Dealt out in turn, each class going on where the one before stopped: folds differ by one row at most.
        let mut next = 0;
        for stratum in &mut strata(classes) {
            stratum.shuffle(&mut random);
            for &row in stratum.iter() {
                of_row[row] = Some(next % count);
                next += 1;
            }
        }
        Ok(Folds { of_row, count })
    }

    /// [`Folds::grouped`] for the rows that have a class.
    pub(super) fn deal_groups(
        classes: &[Option<usize>],
        groups: &[u64],
        count: usize,
        seed: u64,
    ) -> Result<Self> {
        let of_row = deal_groups(classes, groups, &vec![1.0; count], seed)?;
        Ok(Folds { of_row, count })
    }

    /// Number of folds.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The fold of a row; `None` if the row is ignored.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn fold(&self, row: usize) -> Option<usize> {
        self.of_row[row]
    }

    /// Rows to fit on (those of the other folds) and to measure on (those of `fold`).
    pub fn split(&self, fold: usize) -> Split {
        let rows = |own: bool| {
            let of_row = self.of_row.iter().enumerate();
            of_row.filter(|(_, f)| f.is_some_and(|f| (f == fold) == own)).map(|(row, _)| row).collect()
        };
        Split { fit: rows(false), test: rows(true) }
    }
}

/// Deals out groups of rows to parts of the given sizes (in any unit), and says for each row that has a class which
/// part it is in.
///
/// # Errors
/// As [`Folds::grouped`].
pub(super) fn deal_groups(
    classes: &[Option<usize>],
    groups: &[u64],
    sizes: &[f64],
    seed: u64,
) -> Result<Vec<Option<usize>>> {
    if groups.len() != classes.len() {
        let expected = format!("one for each of the {} rows", classes.len());
        return Err(Error::shape("number of groups of rows", groups.len(), expected));
    }
    let totals: Vec<f64> = strata(classes).iter().map(|stratum| stratum.len() as f64).collect();
    let mut rows: Vec<(u64, usize, usize)> = classes
        .iter()
        .enumerate()
        .filter_map(|(row, class)| class.map(|class| (groups[row], class, row)))
        .collect();
    rows.sort_unstable();
    let mut members: Vec<&[(u64, usize, usize)]> = rows.chunk_by(|a, b| a.0 == b.0).collect();
    check(sizes.len(), members.len(), "groups")?;
    members.shuffle(&mut Pcg64::seed_from_u64(seed));
    members.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let mut held = vec![vec![0.0; totals.len()]; sizes.len()];
    let mut of_row = vec![None; classes.len()];
    for group in members {
        let shares: Vec<(usize, f64)> =
            group.chunk_by(|a, b| a.1 == b.1).map(|rows| (rows[0].1, rows.len() as f64)).collect();
        // How uneven a part gets: the growth of Σ over classes of (its share of the class)², for its size.
        let growth = |part: usize| {
            let square = |rows: f64, class: usize| (rows / totals[class]).powi(2) / sizes[part];
            let grown = |&(class, rows): &(usize, f64)| {
                square(held[part][class] + rows, class) - square(held[part][class], class)
            };
            shares.iter().map(grown).sum::<f64>()
        };
        let costs: Vec<f64> = (0..sizes.len()).map(growth).collect();
        let part = (0..sizes.len()).fold(0, |best, part| if costs[part] < costs[best] { part } else { best });
        for &(_, class, row) in group {
            of_row[row] = Some(part);
            held[part][class] += 1.0;
        }
    }
    Ok(of_row)
}

fn check(folds: usize, units: usize, what: &str) -> Result<()> {
    if folds < 2 {
        return Err(Error::parameter("number of folds", folds, "at least 2"));
    }
    if units < folds {
        let expected = format!("at least one for each of the {folds} folds");
        return Err(Error::shape(format!("number of {what}"), units, expected));
    }
    Ok(())
}
