//! Several arrays into one `.npz` file.

use std::io::{BufWriter, Write};
use std::path::Path;

use zip::write::ZipWriter;

use crate::error::{DataError, Result};
use crate::npy;
use crate::sink::Sink;
use crate::write::{from_zip, start_member};

/// An array of an archive.
#[derive(Debug, Clone, Copy)]
pub enum Member<'a> {
    /// A matrix of that many columns, row-major, as `float32`.
    Matrix(&'a [f32], usize),
    /// Whole numbers, as `uint32`.
    Indices(&'a [u32]),
}

/// Writes a `.npz` file that appears only when it is whole.
///
/// ```
/// use temperance_data::{Dataset, Input, Member, write_archive};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("test.npz");
/// write_archive(&path, &[("logits", Member::Matrix(&[2.0, 0.0, 1.0, 3.0], 2)), ("labels", Member::Indices(&[0, 1]))])?;
/// let read = Dataset::read(&Input { logits: Some(path.clone()), labels: Some(path), ..Input::default() })?;
/// assert_eq!((read.rows(), read.classes(), read.values().get(3)), (2, 2, 3.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it cannot be written.
pub fn write_archive(path: &Path, members: &[(&str, Member<'_>)]) -> Result<()> {
    let sink = BufWriter::with_capacity(1 << 16, Sink::create(path)?);
    write_members(sink, members).map_err(|error| DataError::writing(error).in_file(path))
}

fn write_members(sink: BufWriter<Sink>, members: &[(&str, Member<'_>)]) -> std::io::Result<()> {
    let mut archive = ZipWriter::new(sink);
    for (name, member) in members {
        let (header, bytes): (_, Vec<u8>) = match *member {
            Member::Matrix(values, columns) => (
                npy::write_header("<f4", &[values.len() / columns.max(1), columns]),
                values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ),
            Member::Indices(values) => (
                npy::write_header("<u4", &[values.len()]),
                values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ),
        };
        start_member(&mut archive, name, bytes.len() as u128)?;
        archive.write_all(&header)?;
        archive.write_all(&bytes)?;
    }
    let sink = archive.finish().map_err(from_zip)?;
    sink.into_inner().map_err(|error| error.into_error())?.finish()
}
