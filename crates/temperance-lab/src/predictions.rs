//! What a classifier says of examples, and what there is to see in it.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;
use temperance::calibrate::{Flag, Temperature, TemperatureScaling};
use temperance::metric::Evaluation;
use temperance::{Block, Labels, Logits};
use temperance_data::Examples;

use crate::failure::Result;
use crate::model::Classifier;

/// Logits and penultimate features of examples.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// One after the other, `rows x classes`.
    pub logits: Vec<f32>,
    /// One after the other, `rows x width`.
    pub features: Vec<f32>,
    /// The class of each row.
    pub labels: Vec<u32>,
    /// Number of classes.
    pub classes: usize,
    /// Numbers in the features of a row.
    pub width: usize,
}

/// Rows that are computed at once.
const CHUNK: usize = 1024;

impl Predictions {
    /// What a classifier says, nothing left out.
    pub fn of(model: &Classifier, examples: &Examples, classes: usize) -> Self {
        let device = Device::flex();
        let model = model.clone().fork(&device);
        let (mut logits, mut features) = (Vec::new(), Vec::new());
        let inputs = examples.width();
        for chunk in examples.values.chunks(CHUNK * inputs) {
            let shape = [chunk.len() / inputs, inputs];
            let output =
                model.forward(Tensor::from_data(TensorData::new(chunk.to_vec(), shape), &device), None);
            logits.extend(numbers(output.logits));
            features.extend(numbers(output.features));
        }
        let width = features.len() / examples.rows().max(1);
        Predictions { logits, features, labels: examples.labels.clone(), classes, width }
    }

    /// Logits and labels, for everything that reads rows.
    ///
    /// # Errors
    /// If there are fewer than two classes.
    pub fn block(&self) -> Result<Block<'_>> {
        Ok(Block::new(Logits::new(&self.logits, self.classes)?, Labels::new(&self.labels, self.classes))?)
    }

    /// What is measured after an epoch.
    ///
    /// # Errors
    /// If a logit is not a number, with its row.
    pub fn measure(&self) -> Result<Seen> {
        let measured =
            Evaluation::new().named(&["nll", "accuracy", "ece", "mean_entropy"])?.measure(&self.block()?)?;
        let metric = |name| measured.metric(name).unwrap_or(f64::NAN);
        let (gap, nearest_gap) = self.gaps();
        Ok(Seen {
            nll: metric("nll"),
            accuracy: metric("accuracy"),
            ece: metric("ece"),
            entropy: metric("mean_entropy"),
            gap,
            nearest_gap,
            separation: self.separation(),
            scatter: self.scatter(),
        })
    }

    /// Means over the rows of the label's logit less the mean of the others, and less the largest of the others.
    fn gaps(&self) -> (f64, f64) {
        let (mut gap, mut nearest_gap) = (0.0, 0.0);
        for (row, &label) in self.logits.chunks(self.classes).zip(&self.labels) {
            let own = f64::from(row[label as usize]);
            let others = || row.iter().enumerate().filter(|&(class, _)| class != label as usize);
            let sum: f64 = others().map(|(_, &logit)| f64::from(logit)).sum();
            gap += own - sum / (self.classes - 1) as f64;
            nearest_gap +=
                own - others().map(|(_, &logit)| f64::from(logit)).fold(f64::NEG_INFINITY, f64::max);
        }
        let rows = self.labels.len() as f64;
        (gap / rows, nearest_gap / rows)
    }

    /// The temperature that is best for these rows; `None` if there is none, as where no row is wrong.
    ///
    /// # Errors
    /// If a logit is not a number, with its row.
    pub fn temperature(&self) -> Result<Option<Temperature>> {
        let (temperature, certificate) = TemperatureScaling::new().fit(&self.block()?)?;
        let none = [Flag::AtBound, Flag::Separable];
        Ok((!certificate.flags.iter().any(|flag| none.contains(flag))).then_some(temperature))
    }

    /// Class separation R² = 1 - d_within/d_total of Kornblith et al. 2021, section 3.4: mean cosine distances of the
    /// features of two rows of a class, averaged over the classes, and of two rows at all, classes weighing alike.
    ///
    /// A mean over pairs is a product of mean directions: 1 - |mean of x/|x||².
    pub fn separation(&self) -> f64 {
        let (means, _, present) =
            self.class_means(|row| row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt());
        let mut total = vec![0.0; self.width];
        let mut within = 0.0;
        for &class in &present {
            let mean = &means[class];
            within += (1.0 - mean.iter().map(|value| value * value).sum::<f64>()) / present.len() as f64;
            total.iter_mut().zip(mean).for_each(|(sum, value)| *sum += value / present.len() as f64);
        }
        1.0 - within / (1.0 - total.iter().map(|value| value * value).sum::<f64>())
    }

    /// The mean squared distance of features from the mean of their class, over that of class means from their mean;
    /// classes weigh alike.
    pub fn scatter(&self) -> f64 {
        let (means, counts, present) = self.class_means(|_| 1.0);
        let mut centre = vec![0.0; self.width];
        for &class in &present {
            centre
                .iter_mut()
                .zip(&means[class])
                .for_each(|(sum, value)| *sum += value / present.len() as f64);
        }
        let squares = |pairs: &mut dyn Iterator<Item = (f64, f64)>| pairs.map(|(a, b)| (a - b).powi(2)).sum();
        let within: f64 = self
            .rows()
            .map(|(row, &label)| {
                let mean = means[label as usize].iter().copied();
                let from_mean: f64 = squares(&mut row.iter().map(|&value| f64::from(value)).zip(mean));
                from_mean / counts[label as usize]
            })
            .sum();
        let centre = || centre.iter().copied();
        let from_centre =
            |&class: &usize| -> f64 { squares(&mut means[class].iter().copied().zip(centre())) };
        within / present.iter().map(from_centre).sum::<f64>()
    }

    /// Features and labels.
    fn rows(&self) -> impl Iterator<Item = (&[f32], &u32)> {
        self.features.chunks(self.width.max(1)).zip(&self.labels)
    }

    /// The means of the features of each class, a row divided by its length (one of length 0 counts as 0), how many rows
    /// each has, and the classes that have any.
    fn class_means(&self, length: impl Fn(&[f32]) -> f64) -> (Vec<Vec<f64>>, Vec<f64>, Vec<usize>) {
        let mut means = vec![vec![0.0; self.width]; self.classes];
        let mut counts = vec![0.0; self.classes];
        for (row, &label) in self.rows() {
            let length = length(row);
            if length > 0.0 {
                let mean = &mut means[label as usize];
                mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value) / length);
            }
            counts[label as usize] += 1.0;
        }
        let present: Vec<usize> = (0..self.classes).filter(|&class| counts[class] > 0.0).collect();
        for &class in &present {
            means[class].iter_mut().for_each(|sum| *sum /= counts[class]);
        }
        (means, counts, present)
    }
}

/// What is measured after an epoch.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Seen {
    /// Mean of -ln p of the label, nats.
    pub nll: f64,
    /// Share of rows whose largest logit is the label's.
    pub accuracy: f64,
    /// Expected calibration error of 15 bins.
    pub ece: f64,
    /// Mean entropy of the predictions, nats.
    pub entropy: f64,
    /// Mean of the label's logit less the mean of the others.
    pub gap: f64,
    /// Mean of the label's logit less the largest of the others.
    pub nearest_gap: f64,
    /// R² of the features.
    pub separation: f64,
    /// Scatter of the features within classes over that between them.
    pub scatter: f64,
}

pub(crate) fn numbers(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec::<f32>().expect("models compute in f32")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separation_and_gaps_by_hand() {
        // Class 0 along x twice; class 1 along y and along -y.
        let predictions = Predictions {
            logits: vec![2.0, 0.0, 1.0, 3.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 2.0, 0.0],
            features: vec![1.0, 0.0, 3.0, 0.0, 0.0, 2.0, 0.0, -1.0],
            labels: vec![0, 0, 1, 1],
            classes: 3,
            width: 2,
        };
        // Within: 0 and 1 (the mean direction is 0); mean 1/2. In all: means (1, 0), (0, 0), so 1 - 1/4.
        assert!((predictions.separation() - (1.0 - 0.5 / 0.75)).abs() < 1e-12);
        let (gap, nearest) = predictions.gaps();
        assert!((gap - (1.5 + 3.0 + 1.0 + 1.5) / 4.0).abs() < 1e-12);
        assert!((nearest - (1.0 + 3.0 + 1.0 + 1.0) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn scatter_by_hand() {
        // Means (1, 0) and (5, 0): each 4 from (3, 0); two rows of each class 1 from their mean.
        let predictions = Predictions {
            logits: vec![0.0; 8],
            features: vec![1.0, 1.0, 1.0, -1.0, 5.0, 1.0, 5.0, -1.0],
            labels: vec![0, 0, 1, 1],
            classes: 2,
            width: 2,
        };
        assert!((predictions.scatter() - 1.0 / 4.0).abs() < 1e-12);
    }
}
