//! Rows calibrated by calibrators that have not seen them.

use super::Folds;
use crate::calibrate::{Calibrated, Fitted, Method};
use crate::error::Result;
use crate::fold::Observer;
use crate::input::{Block, COPY_BYTES, Logits, Rows, Subset};

/// The rows of a block, each through the calibrator that was fitted to all folds but its own: what
/// cross-validation measures on. In the order of the block; ignored rows stay ignored.
#[derive(Debug)]
pub struct OutOfFold<'a> {
    block: Block<'a>,
    folds: &'a Folds,
    fitted: Vec<Fitted>,
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
        Ok(OutOfFold { block, folds, fitted })
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
        Some(self.block.rows() as u64)
    }

    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>) -> Result<()>) -> Result<()> {
        let classes = self.block.classes();
        let rows_at_once = (COPY_BYTES / 8 / classes).max(1);
        let mut buffer = Vec::new();
        for start in (0..self.block.rows()).step_by(rows_at_once) {
            let range = start..self.block.rows().min(start + rows_at_once);
            buffer.clear();
            // An ignored row may hold anything; it is never looked at.
            buffer.resize(range.len() * classes, 0.0);
            for (fold, fitted) in self.fitted.iter().enumerate() {
                let own: Vec<usize> =
                    range.clone().filter(|&row| self.folds.fold(row) == Some(fold)).collect();
                if own.is_empty() {
                    continue;
                }
                let subset = Subset::new(self.block, own)?;
                let mut at = subset.indices().iter();
                let mut row_buffer = Vec::new();
                Calibrated::new(&subset, fitted.calibrator.as_ref()).for_each_block(&mut |part| {
                    for row in 0..part.rows() {
                        let to = (at.next().expect("a row of the subset") - start) * classes;
                        let values = part.scores().matrix().row::<f64>(row, &mut row_buffer);
                        buffer[to..to + classes].copy_from_slice(values);
                    }
                    Ok(())
                })?;
            }
            visit(&self.block.slice(range).with_scores(Logits::new(&buffer, classes)?.into()))?;
        }
        Ok(())
    }
}
