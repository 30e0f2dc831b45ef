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
    compressed.saturating_mul(RATIO).saturating_add(FREE)
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
    out: u64,
}

impl<R: Read> Capped<R> {
    /// For a decoder of a known number of compressed bytes.
    pub(crate) fn new(inner: R, compressed: u64) -> Self {
        Capped { inner, compressed: Rc::new(Cell::new(compressed)), out: 0 }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.out += read as u64;
        let cap = cap(self.compressed.get());
        if self.out > cap {
            return Err(io::Error::other(TooLarge { cap }));
        }
        Ok(read)
    }
}

/// The text inside a gzip stream of one or more members.
pub(crate) fn gunzip<R: Read>(reader: R) -> impl Read {
    let count = Rc::new(Cell::new(0));
    let counted = Counted { inner: reader, count: Rc::clone(&count) };
    Capped { inner: flate2::read::MultiGzDecoder::new(counted), compressed: count, out: 0 }
}
