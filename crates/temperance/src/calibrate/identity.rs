//! No calibration: what every other method is compared with.

use super::survey::Survey;
use super::{Calibrator, Entry, Fitted, Method};
use crate::error::Result;
use crate::fold::Observer;
use crate::input::Rows;
use crate::parameters::Parameters;

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "identity",
    summary: "leaves the probabilities as they are: what every other method is compared with",
    source: "definition",
    parameters: &[],
    binary: false,
    build: |parameters| {
        parameters.only(&[])?;
        Ok(Box::new(Identity))
    },
    load: |parameters| {
        parameters.only(&[])?;
        Ok(Box::new(Identity))
    },
};

/// No calibration: p = softmax(z). Its own unfitted method, as there is nothing to fit.
///
/// ```
/// use temperance::calibrate::{Calibrator, Identity};
///
/// let mut row = [2.0, 0.5];
/// Identity.transform(&mut row);
/// assert_eq!(row, [2.0, 0.5]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity;

impl Calibrator for Identity {
    fn method(&self) -> &'static str {
        ENTRY.name
    }

    fn classes(&self) -> Option<usize> {
        None
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
    }

    fn transform(&self, _: &mut [f64]) {}
}

impl Method for Identity {
    fn fit_observed(&self, rows: &dyn Rows, observer: &dyn Observer) -> Result<Fitted> {
        let survey = Survey::of(rows, observer, 0)?;
        let certificate = survey.unchanged();
        Ok(Fitted { calibrator: Box::new(Identity), certificate })
    }
}
