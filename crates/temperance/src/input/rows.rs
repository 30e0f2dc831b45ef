//! Sources of rows that can be read again and again, block by block.

use super::{RowWeights, Scores, Targets};
use crate::error::{Error, Result};
use std::ops::Range;

/// A run of consecutive rows: scores, targets and weights, with the absolute index of the first row.
///
/// A block that holds all rows is itself a source of [`Rows`]:
///
/// ```
/// use temperance::{Block, Labels, Logits};
///
/// let logits = Logits::new(&[2.0, 1.0, 0.0, 3.0], 2)?;
/// let rows = Block::new(logits, Labels::new(&[0, 1], 2))?;
/// assert_eq!(rows.rows(), 2);
/// assert!(Block::new(logits, Labels::new(&[0], 2)).is_err());
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    first_row: u64,
    scores: Scores<'a>,
    targets: Targets<'a>,
    weights: Option<RowWeights<'a>>,
}

impl<'a> Block<'a> {
    /// Scores with their targets, every row of weight 1, starting at row 0.
    ///
    /// # Errors
    /// If the numbers of rows or of classes differ.
    pub fn new(scores: impl Into<Scores<'a>>, targets: impl Into<Targets<'a>>) -> Result<Self> {
        let (scores, targets) = (scores.into(), targets.into());
        check_targets(&scores, &targets)?;
        Ok(Block { first_row: 0, scores, targets, weights: None })
    }

    /// The same rows with weights.
    ///
    /// # Errors
    /// If there is not one weight per row.
    pub fn with_weights(mut self, weights: RowWeights<'a>) -> Result<Self> {
        if weights.rows() != self.rows() {
            return Err(Error::shape(
                "number of row weights",
                weights.rows(),
                format!("one for each of the {} rows", self.rows()),
            ));
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// The same rows as part of a larger source, where they start at `first_row`.
    #[must_use]
    pub fn starting_at(mut self, first_row: u64) -> Self {
        self.first_row = first_row;
        self
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.scores.rows()
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.scores.classes()
    }

    /// Index of the first row in the whole source.
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// The scores.
    pub fn scores(&self) -> Scores<'a> {
        self.scores
    }

    /// The targets.
    pub fn targets(&self) -> Targets<'a> {
        self.targets
    }

    /// The weight of a row, 1 if there are none.
    #[inline]
    pub(crate) fn weight(&self, row: usize) -> Result<f64> {
        self.weights.map_or(Ok(1.0), |weights| weights.get(row, self.first_row))
    }

    pub(crate) fn with_scores<'b>(&self, scores: Scores<'b>) -> Block<'b>
    where
        'a: 'b,
    {
        Block { scores, ..*self }
    }

    /// The block of some of its rows.
    ///
    /// # Panics
    /// If `rows` is out of bounds.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        Block {
            first_row: self.first_row + rows.start as u64,
            scores: self.scores.slice(rows.clone()),
            targets: self.targets.slice(rows.clone()),
            weights: self.weights.map(|weights| weights.slice(rows)),
        }
    }

    fn gather<T>(&self, rows: &[usize], use_gathered: impl FnOnce(Block<'_>) -> T) -> Result<T> {
        let weights: Option<Vec<f64>> =
            self.weights.map(|_| rows.iter().map(|&row| self.weight(row)).collect()).transpose()?;
        Ok(self.scores.gather(rows, |scores| {
            self.targets.gather(rows, |targets| {
                use_gathered(Block {
                    first_row: 0,
                    scores,
                    targets,
                    weights: weights.as_deref().map(RowWeights::new),
                })
            })
        }))
    }
}

/// Refuses targets that do not belong to the scores.
pub(crate) fn check_targets(scores: &Scores<'_>, targets: &Targets<'_>) -> Result<()> {
    if targets.rows() != scores.rows() {
        return Err(Error::shape(
            "number of labels",
            targets.rows(),
            format!("one for each of the {} rows of scores", scores.rows()),
        ));
    }
    if targets.classes() != scores.classes() {
        return Err(Error::shape(
            "number of classes of the labels",
            targets.classes(),
            format!("the {} classes of the scores", scores.classes()),
        ));
    }
    Ok(())
}

/// A source of rows that can be read more than once, in order, block by block.
///
/// A fit reads it several times. Blocks may be of any size: results do not depend on how rows are blocked.
pub trait Rows: Sync {
    /// Number of classes K.
    fn classes(&self) -> usize;

    /// Number of rows, if known before reading.
    fn rows(&self) -> Option<u64>;

    /// Calls `visit` with every block in order, starting at row 0; stops at the first error.
    ///
    /// # Errors
    /// Whatever reading or `visit` returns.
    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>) -> Result<()>) -> Result<()>;
}

impl Rows for Block<'_> {
    fn classes(&self) -> usize {
        Block::classes(self)
    }

    fn rows(&self) -> Option<u64> {
        Some(Block::rows(self) as u64)
    }

    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>) -> Result<()>) -> Result<()> {
        visit(self)
    }
}

/// Chosen rows of a block, in the order given: one side of a split.
///
/// Errors name the row of the block, not of the subset.
#[derive(Debug, Clone)]
pub struct Subset<'a> {
    block: Block<'a>,
    indices: Vec<usize>,
}

impl<'a> Subset<'a> {
    /// The rows `indices` of `block`.
    ///
    /// # Errors
    /// If there are none, or one is not a row of the block.
    pub fn new(block: Block<'a>, indices: Vec<usize>) -> Result<Self> {
        if indices.is_empty() {
            return Err(Error::shape("number of rows of the subset", 0, "at least 1"));
        }
        if let Some(index) = indices.iter().find(|&&index| index >= block.rows()) {
            let expected = format!("a row from 0 to {}", block.rows() - 1);
            return Err(Error::shape("row of the subset", index, expected));
        }
        Ok(Subset { block, indices })
    }

    /// The rows chosen.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

/// Every `step`-th row of a source: a sample to start a fit on.
///
/// Errors name a row of the sample: the source should have been read as a whole before.
pub(crate) struct Thinned<'a> {
    pub(crate) rows: &'a dyn Rows,
    pub(crate) step: u64,
}

impl Rows for Thinned<'_> {
    fn classes(&self) -> usize {
        self.rows.classes()
    }

    fn rows(&self) -> Option<u64> {
        self.rows.rows().map(|rows| rows.div_ceil(self.step))
    }

    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>) -> Result<()>) -> Result<()> {
        let mut seen = 0_u64;
        self.rows.for_each_block(&mut |block| {
            let first = seen.next_multiple_of(self.step) - seen;
            seen += block.rows() as u64;
            let rows: Vec<usize> = (first as usize..block.rows()).step_by(self.step as usize).collect();
            if rows.is_empty() { Ok(()) } else { block.gather(&rows, |block| visit(&block))? }
        })
    }
}

/// Bytes of scores that a source copies at a time.
pub(crate) const COPY_BYTES: usize = 1 << 22;

impl Rows for Subset<'_> {
    fn classes(&self) -> usize {
        self.block.classes()
    }

    fn rows(&self) -> Option<u64> {
        Some(self.indices.len() as u64)
    }

    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>) -> Result<()>) -> Result<()> {
        let rows_at_once = (COPY_BYTES / 8 / self.block.classes()).max(1);
        for (part, rows) in self.indices.chunks(rows_at_once).enumerate() {
            let first = part * rows_at_once;
            let original = |error: Error| match error.row() {
                Some(row) => {
                    let index = self.indices[row as usize];
                    error.at_row(self.block.first_row() + index as u64)
                }
                None => error,
            };
            self.block.gather(rows, |block| visit(&block.starting_at(first as u64)).map_err(original))??;
        }
        Ok(())
    }
}
