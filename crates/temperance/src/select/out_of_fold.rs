//! Rows calibrated by calibrators that have not seen them.

use super::Folds;
use crate::calibrate::{Calibrated, Fitted, Method};
use crate::error::Result;
use crate::fold::Observer;
use crate::input::{Block, Logits, Rows, Subset};

/// The rows of a block that are in a fold, each through the calibrator that was fitted to all folds but its own: what
/// cross-validation measures on. In the order of the block.
#[derive(Debug)]
pub struct OutOfFold<'a> {
    block: Block<'a>,
    folds: &'a Folds,
    fitted: Vec<Fitted>,
    /// The rows that are in a fold.
    counted: Subset<'a>,
}

impl<'a> OutOfFold<'a> {
    /// Fits `method` once for each fold, to the rows of the other folds.
    ///
    /// # Errors
    /// Whatever the fit returns; if the observer breaks.
    ///
    /// # Panics
    /// If the folds are of other rows.
    pub fn fit(
        block: Block<'a>,
        folds: &'a Folds,
        method: &dyn Method,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let fit = |fold| method.fit_observed(&Subset::new(block, folds.split(fold).fit)?, observer);
        let fitted = (0..folds.count()).map(fit).collect::<Result<_>>()?;
        let counted = (0..block.rows()).filter(|&row| folds.fold(row).is_some()).collect();
        Ok(OutOfFold { block, folds, fitted, counted: Subset::new(block, counted)? })
    }

    /// The rows that are in a fold, as they are.
    pub fn counted(&self) -> &Subset<'a> {
        &self.counted
    }

    /// What the fits gave, in the order of the folds.
    pub fn fitted(&self) -> &[Fitted] {
        &self.fitted
    }
}

impl Rows for OutOfFold<'_> {
    fn classes(&self) -> usize {
        self.block.classes()
    }

    fn rows(&self) -> Option<u64> {
        self.counted.rows()
    }

    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>) -> Result<()>) -> Result<()> {
        let classes = self.block.classes();
        let (mut buffer, mut row_buffer) = (Vec::new(), Vec::new());
        let mut first = 0;
        self.counted.for_each_block(&mut |part| {
            let rows = &self.counted.indices()[first..first + part.rows()];
            first += part.rows();
            buffer.clear();
            buffer.resize(rows.len() * classes, 0.0);
            for (fold, fitted) in self.fitted.iter().enumerate() {
                let own: Vec<usize> =
                    (0..rows.len()).filter(|&at| self.folds.fold(rows[at]) == Some(fold)).collect();
                if own.is_empty() {
                    continue;
                }
                let subset = Subset::new(self.block, own.iter().map(|&at| rows[at]).collect())?;
                let mut places = own.iter();
                Calibrated::new(&subset, fitted.calibrator.as_ref()).for_each_block(&mut |calibrated| {
                    for row in 0..calibrated.rows() {
                        let to = places.next().expect("a place for every row") * classes;
                        let values = calibrated.scores().matrix().row::<f64>(row, &mut row_buffer);
                        buffer[to..to + classes].copy_from_slice(values);
                    }
                    Ok(())
                })?;
            }
            visit(&part.with_scores(Logits::new(&buffer, classes)?.into()))
        })
    }
}
