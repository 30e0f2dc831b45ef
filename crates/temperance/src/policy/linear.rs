//! Solving small dense linear systems.

/// The triangular factors of a square matrix, by elimination without exchange of rows: stable for the two
/// kinds of matrices here, those that are diagonally dominant and those that are symmetric and positive
/// definite.
#[derive(Debug)]
pub(super) struct Elimination {
    size: usize,
    /// U on and above the diagonal, below it L, whose diagonal is 1; row-major.
    factors: Vec<f64>,
}

impl Elimination {
    /// Of a row-major matrix.
    pub(super) fn new(mut matrix: Vec<f64>, size: usize) -> Self {
        for pivot in 0..size {
            let (above, below) = matrix.split_at_mut((pivot + 1) * size);
            let top = &above[pivot * size..];
            for row in below.chunks_exact_mut(size).filter(|row| row[pivot] != 0.0) {
                let factor = row[pivot] / top[pivot];
                row[pivot] = factor;
                for (value, top) in row[pivot + 1..].iter_mut().zip(&top[pivot + 1..]) {
                    *value -= factor * top;
                }
            }
        }
        Elimination { size, factors: matrix }
    }

    /// Replaces b by the x with A·x = b.
    pub(super) fn solve(&self, b: &mut [f64]) {
        let dot = |row: &[f64], b: &[f64]| row.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for (i, row) in self.factors.chunks_exact(self.size).enumerate() {
            b[i] -= dot(&row[..i], &b[..i]);
        }
        for (i, row) in self.factors.chunks_exact(self.size).enumerate().rev() {
            b[i] = (b[i] - dot(&row[i + 1..], &b[i + 1..])) / row[i];
        }
    }

    /// ln det A if A is positive definite, for a symmetric A: where all pivots are above 0.
    pub(super) fn log_determinant(&self) -> Option<f64> {
        let mut pivots = self.factors.iter().step_by(self.size + 1);
        pivots.try_fold(0.0, |sum, &pivot| if pivot > 0.0 { Some(sum + pivot.ln()) } else { None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_by_hand() {
        let elimination = Elimination::new(vec![4.0, 2.0, 2.0, 5.0], 2);
        let mut b = [8.0, 16.0];
        elimination.solve(&mut b);
        assert_eq!(b, [0.5, 3.0]);
        assert_eq!(elimination.log_determinant(), Some(4_f64.ln() + 4_f64.ln()));
        assert_eq!(Elimination::new(vec![1.0, 2.0, 2.0, 1.0], 2).log_determinant(), None);
    }
}
