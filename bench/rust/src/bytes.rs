//! Numbers as little-endian files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use half::{bf16, f16};

use crate::Result;

/// A number of fixed size.
pub(crate) trait Number: Copy {
    /// Its bytes, little-endian.
    type Bytes: AsRef<[u8]> + for<'a> TryFrom<&'a [u8]>;

    fn from_bytes(bytes: Self::Bytes) -> Self;
    fn to_bytes(self) -> Self::Bytes;
}

macro_rules! number {
    ($($number:ty),*) => {$(
        impl Number for $number {
            type Bytes = [u8; size_of::<$number>()];

            fn from_bytes(bytes: Self::Bytes) -> Self {
                Self::from_le_bytes(bytes)
            }

            fn to_bytes(self) -> Self::Bytes {
                self.to_le_bytes()
            }
        }
    )*};
}
number!(f16, bf16, f32, f64, i64);

pub(crate) fn read<N: Number>(path: &Path) -> Result<Vec<N>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let whole = |_| format!("{} ends inside a number", path.display());
    let numbers =
        bytes.chunks(size_of::<N>()).map(|bytes| Ok(N::from_bytes(bytes.try_into().map_err(whole)?)));
    numbers.collect()
}

pub(crate) fn write<N: Number>(path: &Path, numbers: &[N]) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in numbers {
        file.write_all(number.to_bytes().as_ref())?;
    }
    Ok(file.flush()?)
}
