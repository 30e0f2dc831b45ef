//! Matrix products: those of ndarray, on two threads where it is worth it, and loops for thin ones.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use pulp::Arch;

use crate::network::Real;

/// Work of this many multiplications is shared by two threads; less is done before another has woken up.
const SHARED: usize = 1 << 18;

/// Up to so many columns or rows of a result are thin: kernels for blocks of 8 x 8 compute little else than padding.
const THIN: usize = 3;

/// Numbers that a scalar product sums side by side.
const LANES: usize = 16;

/// Both, side by side if their work is worth it. Neither knows of the other: the bits are the same.
pub(crate) fn join<A: Send, B: Send>(
    multiplications: usize,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    if multiplications < SHARED { (a(), b()) } else { rayon::join(a, b) }
}

/// Rows of so many columns as a matrix.
pub(crate) fn matrix<T>(values: &[T], columns: usize) -> ArrayView2<'_, T> {
    ArrayView2::from_shape((values.len() / columns, columns), values).expect("rows are whole")
}

/// out = a b.
pub(crate) fn multiply<T: Real>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, out: &mut [T]) {
    let (rows, columns) = (a.nrows(), b.ncols());
    assert_eq!((a.ncols(), out.len()), (b.nrows(), rows * columns), "shapes fit");
    // Rows of a by columns of b.
    if rows.min(columns) <= THIN && a.is_standard_layout() && b.t().is_standard_layout() {
        return scalar_products(a, b.t(), out);
    }
    // Columns of a, which say how much of each row of b there is in the sums.
    if rows <= THIN && a.t().is_standard_layout() && b.is_standard_layout() {
        return sums_of_rows(a, b, out);
    }
    let mut out = ArrayViewMut2::from_shape((rows, columns), out).expect("rows are whole");
    let multiplications = a.len() * columns;
    if multiplications < SHARED || rows < 16 {
        general_mat_mul(T::one(), &a, &b, T::zero(), &mut out);
        return;
    }
    // Cut by rows of the result, at a multiple of those that the kernels take at once.
    let half = (rows / 2).next_multiple_of(8);
    let ((a, a_rest), (mut out, mut rest)) = (a.split_at(Axis(0), half), out.split_at(Axis(0), half));
    join(
        multiplications,
        || general_mat_mul(T::one(), &a, &b, T::zero(), &mut out),
        || general_mat_mul(T::one(), &a_rest, &b, T::zero(), &mut rest),
    );
}

/// Those of every row of `a` with every row of `b`.
fn scalar_products<T: Real>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, out: &mut [T]) {
    let len = a.ncols();
    let (a, b) = (a.to_slice().expect("a is row-major"), b.to_slice().expect("b is row-major"));
    let rows = a.chunks_exact(len).zip(out.chunks_exact_mut(b.len() / len));
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for (a, out) in rows {
                for (b, out) in b.chunks_exact(len).zip(out) {
                    let mut sums = [T::zero(); LANES];
                    let (a, a_rest) = a.as_chunks::<LANES>();
                    let (b, b_rest) = b.as_chunks::<LANES>();
                    for (a, b) in a.iter().zip(b) {
                        for lane in 0..LANES {
                            sums[lane] = sums[lane] + a[lane] * b[lane];
                        }
                    }
                    for ((sum, &a), &b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
                        *sum = *sum + a * b;
                    }
                    let mut width = LANES / 2;
                    while width > 0 {
                        for lane in 0..width {
                            sums[lane] = sums[lane] + sums[lane + width];
                        }
                        width /= 2;
                    }
                    *out = sums[0];
                }
            }
        },
    );
}

/// Those of the rows of `b`, each as often as a row of `a` says.
fn sums_of_rows<T: Real>(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, out: &mut [T]) {
    let (rows, len) = (a.nrows(), b.ncols());
    let (shares, b) = (a.reversed_axes(), b.to_slice().expect("b is row-major"));
    let shares = shares.to_slice().expect("columns of a lie one after the other");
    out.fill(T::zero());
    let all = shares.chunks_exact(rows).zip(b.chunks_exact(len));
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for (shares, b) in all {
                for (&share, sums) in shares.iter().zip(out.chunks_exact_mut(len)) {
                    sums.iter_mut().zip(b).for_each(|(sum, &value)| *sum = *sum + share * value);
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that no product of few of them rounds alike.
    fn numbers(count: usize, from: f64) -> Vec<f64> {
        (0..count).map(|at| (from + 1.7 * at as f64).sin()).collect()
    }

    fn transposed(values: &[f64], columns: usize) -> Vec<f64> {
        let rows = values.len() / columns;
        (0..values.len()).map(|at| values[at % rows * columns + at / rows]).collect()
    }

    /// Every kind of shape, and both layouts of both: equal to sums over the products of entries.
    #[test]
    fn products_are_those_by_hand() {
        let sizes = [1, 2, 3, 4, 15, 16, 17, 33, 70];
        let triples = sizes.iter().flat_map(|&a| sizes.iter().flat_map(move |&b| sizes.map(|c| (a, b, c))));
        for (rows, inner, columns) in triples {
            let (a, b) = (numbers(rows * inner, 0.3), numbers(inner * columns, 0.9));
            let (a_columns, b_columns) = (transposed(&a, inner), transposed(&b, columns));
            for layout in 0..4 {
                let left = if layout & 1 == 0 {
                    matrix(&a, inner)
                } else {
                    matrix(&a_columns, rows).reversed_axes()
                };
                let right = if layout & 2 == 0 {
                    matrix(&b, columns)
                } else {
                    matrix(&b_columns, inner).reversed_axes()
                };
                let mut out = vec![f64::NAN; rows * columns];
                multiply(left, right, &mut out);
                for (at, &value) in out.iter().enumerate() {
                    let (row, column) = (at / columns, at % columns);
                    let terms = (0..inner).map(|k| a[row * inner + k] * b[k * columns + column]);
                    let by_hand: f64 = terms.sum();
                    let shape = format!("{rows} x {inner} x {columns}, layout {layout}, entry {at}");
                    assert!((value - by_hand).abs() < 1e-12, "{shape}: {value}, by hand {by_hand}");
                }
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let (a, b) = (numbers(90 * 80, 0.1), numbers(80 * 100, 0.2));
        let product = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut out = vec![0.0; 90 * 100];
            pool.install(|| multiply(matrix(&a, 80), matrix(&b, 100), &mut out));
            out
        };
        assert_eq!(product(1), product(2));
    }
}
