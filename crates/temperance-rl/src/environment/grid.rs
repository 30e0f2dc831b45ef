//! Cells in rows and columns, numbered row by row from the top left.

/// The size of a grid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// A way to go from a cell: rows down and columns to the right.
pub(super) type Direction = [isize; 2];

pub(super) const UP: Direction = [-1, 0];
pub(super) const RIGHT: Direction = [0, 1];
pub(super) const DOWN: Direction = [1, 0];
pub(super) const LEFT: Direction = [0, -1];

impl Grid {
    /// Number of cells.
    pub(super) fn cells(self) -> usize {
        self.rows * self.columns
    }

    /// The cell beside another; the same cell at the edge.
    pub(super) fn beside(self, cell: usize, [down, right]: Direction) -> usize {
        let (row, column) = (cell / self.columns, cell % self.columns);
        let row = row.saturating_add_signed(down).min(self.rows - 1);
        let column = column.saturating_add_signed(right).min(self.columns - 1);
        row * self.columns + column
    }
}

/// Of four directions in a circle: the one before, the one meant, the one after.
pub(super) fn slipping(directions: [Direction; 4], meant: usize) -> [Direction; 3] {
    [3, 0, 1].map(|turn| directions[(meant + turn) % 4])
}
