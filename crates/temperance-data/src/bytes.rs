//! From bytes to typed arrays, block by block.

use std::io::{self, Read};

use half::{bf16, f16};

use crate::array::{Array, Indices, LabelArray, LabelData, Numbers, Texts, shape_text};
use crate::error::{DataError, Result};

/// Bytes read at a time.
const BLOCK: usize = 1 << 20;

/// What an item of an array is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    F32,
    F64,
    Bf16,
    /// Text in UTF-32 of so many code points.
    Utf32(usize),
    /// Text in UTF-8 of so many bytes.
    Utf8(usize),
}

impl Item {
    fn width(self) -> usize {
        match self {
            Item::Bool | Item::U8 | Item::I8 => 1,
            Item::U16 | Item::I16 | Item::F16 | Item::Bf16 => 2,
            Item::U32 | Item::I32 | Item::F32 => 4,
            Item::U64 | Item::I64 | Item::F64 => 8,
            Item::Utf32(points) => 4 * points,
            Item::Utf8(bytes) => bytes,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Item::Bool => "bool",
            Item::U8 => "uint8",
            Item::U16 => "uint16",
            Item::U32 => "uint32",
            Item::U64 => "uint64",
            Item::I8 => "int8",
            Item::I16 => "int16",
            Item::I32 => "int32",
            Item::I64 => "int64",
            Item::F16 => "float16",
            Item::F32 => "float32",
            Item::F64 => "float64",
            Item::Bf16 => "bfloat16",
            Item::Utf32(_) | Item::Utf8(_) => "strings",
        }
    }
}

/// What a header says about the bytes that follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) item: Item,
    pub(crate) big_endian: bool,
    pub(crate) fortran: bool,
    pub(crate) shape: Vec<usize>,
}

impl Header {
    fn count(&self) -> Result<usize> {
        let count = self.shape.iter().try_fold(1_usize, |count, &side| count.checked_mul(side));
        let bytes = count.and_then(|count| count.checked_mul(self.item.width()));
        match (count, bytes) {
            (Some(count), Some(bytes)) if isize::try_from(bytes).is_ok() => Ok(count),
            _ => Err(DataError::format("shape", shape_text(&self.shape), "an array that fits into memory")),
        }
    }

    /// The number of bytes that the array takes.
    pub(crate) fn bytes(&self) -> Result<u64> {
        Ok((self.count()? * self.item.width()) as u64)
    }

    fn wrong_size(&self, found: impl std::fmt::Display, why: &str) -> DataError {
        let bytes = self.bytes().unwrap_or(u64::MAX);
        let expected =
            format!("{bytes} bytes for shape {} of {} ({why})", shape_text(&self.shape), self.item.name());
        DataError::format("size of the data", format_args!("{found} bytes"), expected)
    }
}

/// The bytes after a header.
pub(crate) struct Stream<'a> {
    pub(crate) reader: &'a mut dyn Read,
    /// How many bytes there are, where that is certain; a claim of the file does not count.
    pub(crate) size: Option<u64>,
}

/// Fills the buffer as far as there are bytes.
pub(crate) fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn reserve<T>(items: &mut Vec<T>, more: usize) -> Result<()> {
    items.try_reserve_exact(more).map_err(|_| {
        let bytes = (items.len() + more).saturating_mul(size_of::<T>());
        DataError::format("memory needed", format_args!("{bytes} bytes"), "less than this machine can give")
    })
}

impl Stream<'_> {
    /// Hands every block of whole items to `take`, and makes sure that the bytes end with the last item.
    fn for_each_block(&mut self, header: &Header, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let width = header.item.width();
        let total = header.bytes()?;
        if let Some(size) = self.size.filter(|&size| size != total) {
            let why = if size < total { "the file is truncated" } else { "bytes follow the array" };
            return Err(header.wrong_size(size, why));
        }
        let mut block = vec![0; (BLOCK / width).max(1).saturating_mul(width).min(total as usize)];
        let mut done = 0;
        while done < total {
            let part = block.len().min((total - done) as usize);
            let read = fill(self.reader, &mut block[..part]).map_err(DataError::reading)?;
            done += read as u64;
            if read < part {
                return Err(header.wrong_size(done, "the file is truncated"));
            }
            take(&block[..part])?;
        }
        // Also lets an archive verify its checksum.
        if fill(self.reader, &mut [0]).map_err(DataError::reading)? > 0 {
            return Err(header.wrong_size(format_args!("more than {total}"), "bytes follow the array"));
        }
        Ok(())
    }

    fn items<T: Copy + Default>(&mut self, header: &Header, decode: impl Fn(&[u8]) -> T) -> Result<Vec<T>> {
        let (count, width) = (header.count()?, header.item.width());
        let known = self.size == Some(header.bytes()?);
        let scattered = match header.shape[..] {
            [rows, columns] if header.fortran && rows > 1 && columns > 1 => Some((rows, columns)),
            _ => None,
        };
        let mut items = Vec::new();
        if let (Some((rows, columns)), true) = (scattered, known) {
            reserve(&mut items, count)?;
            items.resize(count, T::default());
            let (mut row, mut column) = (0, 0);
            self.for_each_block(header, |block| {
                for item in block.chunks_exact(width) {
                    items[row * columns + column] = decode(item);
                    row += 1;
                    if row == rows {
                        (row, column) = (0, column + 1);
                    }
                }
                Ok(())
            })?;
            return Ok(items);
        }
        if known {
            reserve(&mut items, count)?;
        }
        self.for_each_block(header, |block| {
            let more = block.len() / width;
            if items.capacity() - items.len() < more {
                // Doubles, but never beyond what the header says.
                let double = items.len().max(more).min(count - items.len());
                reserve(&mut items, double)?;
            }
            items.extend(block.chunks_exact(width).map(&decode));
            Ok(())
        })?;
        match scattered {
            Some((rows, columns)) => {
                let mut turned = Vec::new();
                reserve(&mut turned, count)?;
                for row in 0..rows {
                    turned.extend((0..columns).map(|column| items[column * rows + row]));
                }
                Ok(turned)
            }
            None => Ok(items),
        }
    }
}

/// A decoder of one item, by type and byte order.
macro_rules! decode {
    ($stream:ident, $header:ident, $type:ty, $convert:expr) => {{
        let convert = $convert;
        if $header.big_endian {
            $stream
                .items($header, |b| convert(<$type>::from_be_bytes(b.try_into().expect("a whole item"))))?
        } else {
            $stream
                .items($header, |b| convert(<$type>::from_le_bytes(b.try_into().expect("a whole item"))))?
        }
    }};
}

/// Reads an array as real numbers: integers up to 16 bits as `f32`, larger ones as `f64`.
pub(crate) fn read_numbers(stream: &mut Stream<'_>, header: &Header) -> Result<Array> {
    use std::convert::identity;
    let numbers = match header.item {
        Item::F32 => Numbers::F32(decode!(stream, header, f32, identity)),
        Item::F64 => Numbers::F64(decode!(stream, header, f64, identity)),
        Item::F16 => Numbers::F16(decode!(stream, header, f16, identity)),
        Item::Bf16 => Numbers::Bf16(decode!(stream, header, bf16, identity)),
        Item::Bool => Numbers::F32(decode!(stream, header, u8, |v| f32::from(u8::from(v != 0)))),
        Item::U8 => Numbers::F32(decode!(stream, header, u8, f32::from)),
        Item::I8 => Numbers::F32(decode!(stream, header, i8, f32::from)),
        Item::U16 => Numbers::F32(decode!(stream, header, u16, f32::from)),
        Item::I16 => Numbers::F32(decode!(stream, header, i16, f32::from)),
        Item::U32 => Numbers::F64(decode!(stream, header, u32, f64::from)),
        Item::I32 => Numbers::F64(decode!(stream, header, i32, f64::from)),
        Item::U64 => Numbers::F64(decode!(stream, header, u64, |v| v as f64)),
        Item::I64 => Numbers::F64(decode!(stream, header, i64, |v| v as f64)),
        Item::Utf32(_) | Item::Utf8(_) => {
            return Err(DataError::format("dtype", "strings", "numbers"));
        }
    };
    let integers = match header.item {
        Item::F32 | Item::F64 | Item::F16 | Item::Bf16 => None,
        item => Some(item.name()),
    };
    Ok(Array { numbers, shape: header.shape.clone(), integers })
}

/// Reads an array of labels: integers, whole floating-point numbers, or strings.
pub(crate) fn read_labels(stream: &mut Stream<'_>, header: &Header) -> Result<LabelArray> {
    use std::convert::identity;
    let indices = match header.item {
        Item::F32 | Item::F64 | Item::F16 | Item::Bf16 => {
            return LabelArray::from_numbers(&read_numbers(stream, header)?);
        }
        Item::Utf32(_) | Item::Utf8(_) => {
            return LabelArray::from_texts(read_texts(stream, header)?, header.shape.clone());
        }
        Item::Bool => Indices::U8(decode!(stream, header, u8, |v| u8::from(v != 0))),
        Item::U8 => Indices::U8(decode!(stream, header, u8, identity)),
        Item::U16 => Indices::U16(decode!(stream, header, u16, identity)),
        Item::U32 => Indices::U32(decode!(stream, header, u32, identity)),
        Item::U64 => Indices::U64(decode!(stream, header, u64, identity)),
        Item::I8 => Indices::I8(decode!(stream, header, i8, identity)),
        Item::I16 => Indices::I16(decode!(stream, header, i16, identity)),
        Item::I32 => Indices::I32(decode!(stream, header, i32, identity)),
        Item::I64 => Indices::I64(decode!(stream, header, i64, identity)),
    };
    let data = LabelData::Indices(indices);
    Ok(LabelArray { data, shape: header.shape.clone(), floats: false })
}

fn read_texts(stream: &mut Stream<'_>, header: &Header) -> Result<Texts> {
    let mut texts = Texts::default();
    let mut text = String::new();
    let invalid = |row: usize| {
        DataError::format("label", format_args!("not text at row {row} (counted from 0)"), "Unicode text")
    };
    stream.for_each_block(header, |block| {
        for item in block.chunks_exact(header.item.width()) {
            let row = texts.ids.len();
            match header.item {
                Item::Utf32(_) => {
                    text.clear();
                    for point in item.chunks_exact(4) {
                        let point: [u8; 4] = point.try_into().expect("four bytes");
                        let point = if header.big_endian {
                            u32::from_be_bytes(point)
                        } else {
                            u32::from_le_bytes(point)
                        };
                        text.push(char::from_u32(point).ok_or_else(|| invalid(row))?);
                    }
                    texts.push(text.trim_end_matches('\0'));
                }
                _ => {
                    let utf8 = std::str::from_utf8(item).map_err(|_| invalid(row))?;
                    texts.push(utf8.trim_end_matches('\0'));
                }
            }
        }
        Ok(())
    })?;
    Ok(texts)
}
