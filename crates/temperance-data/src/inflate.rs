//! Decompression that refuses to expand without end.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

/// Bytes that may always come out, and how many times the compressed size beyond them.
const FREE: u64 = 64 << 20;
const RATIO: u64 = 200;

/// More came out than a file of model outputs can hold.
#[derive(Debug)]
pub(crate) struct TooLarge {
    pub(crate) cap: u64,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inflated data exceed {} bytes", self.cap)
    }
}

impl std::error::Error for TooLarge {}

/// The most that `compressed` bytes may become.
pub(crate) fn cap(compressed: u64) -> u64 {
    cap_beyond(FREE, compressed)
}

fn cap_beyond(free: u64, compressed: u64) -> u64 {
    compressed.saturating_mul(RATIO).saturating_add(free)
}

/// Counts the compressed bytes on their way into a decoder.
pub(crate) struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// Fails once more than the [`cap`] has come out of a decoder.
pub(crate) struct Capped<R> {
    inner: R,
    compressed: Rc<Cell<u64>>,
    free: u64,
    out: u64,
}

impl<R: Read> Capped<R> {
    /// For a decoder of a known number of compressed bytes.
    pub(crate) fn new(inner: R, compressed: u64) -> Self {
        Capped { inner, compressed: Rc::new(Cell::new(compressed)), free: FREE, out: 0 }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.out += read as u64;
        let cap = cap_beyond(self.free, self.compressed.get());
        if self.out > cap {
            return Err(io::Error::other(TooLarge { cap }));
        }
        Ok(read)
    }
}

/// The text inside a gzip stream of one or more members.
pub(crate) fn gunzip<R: Read>(reader: R) -> impl Read {
    gunzip_beyond(FREE, reader)
}

fn gunzip_beyond<R: Read>(free: u64, reader: R) -> impl Read {
    let count = Rc::new(Cell::new(0));
    let counted = Counted { inner: reader, count: Rc::clone(&count) };
    Capped { inner: flate2::read::MultiGzDecoder::new(counted), compressed: count, free, out: 0 }
}

#[cfg(test)]
mod tests {
    use std::io::{Write, copy, sink};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_stream_that_expands_without_end() {
        let megabyte = gzip(&vec![0; 1 << 20]);
        let error = copy(&mut gunzip_beyond(1 << 20, &*megabyte.repeat(10)), &mut sink()).unwrap_err();
        let text = crate::DataError::reading(error).to_string();
        assert!(text.starts_with("inflated size is more than "), "{text}");
        assert!(
            text.ends_with("; expected at most 200 times its compressed size; decompress the file first")
        );
        assert_eq!(copy(&mut gunzip(&*megabyte.repeat(10)), &mut sink()).unwrap(), 10 << 20);
    }

    #[test]
    fn a_stream_that_is_dense_may_be_long() {
        let mut dense = Capped::new(std::io::repeat(7).take(80 << 20), 1 << 20);
        assert_eq!(copy(&mut dense, &mut sink()).unwrap(), 80 << 20);
        let mut thin = Capped::new(std::io::repeat(7).take(80 << 20), 1 << 10);
        assert!(copy(&mut thin, &mut sink()).is_err());
    }
}
