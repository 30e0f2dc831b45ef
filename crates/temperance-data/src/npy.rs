//! The `.npy` header: a Python dictionary of three entries, read by hand so that nothing else is accepted.
//!
//! Versions 1, 2 and 3. The longest header is a megabyte, far more than a plain array needs.

use std::io::Read;

use crate::array::shape_text;
use crate::bytes::{Header, Item, fill};
use crate::error::{DataError, Result};

pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";
const LONGEST_HEADER: usize = 1 << 20;
const LONGEST_STRING: usize = 1 << 16;

const PLAIN: &str = "bool, integers, float16, float32, float64 or strings";

/// Reads the header; the reader then stands at the first item. Gives its size in bytes too.
pub(crate) fn read_header(reader: &mut dyn Read) -> Result<(Header, u64)> {
    let mut start = [0; 8];
    let read = fill(reader, &mut start).map_err(DataError::reading)?;
    if !start[..read].starts_with(&MAGIC[..read.min(6)]) || read == 0 {
        let value =
            if read == 0 { "missing".into() } else { start[..read.min(6)].escape_ascii().to_string() };
        return Err(DataError::format("start of the file", value, "\\x93NUMPY, the mark of a .npy file"));
    }
    let truncated = || DataError::format("header", "truncated", "a whole .npy header");
    if read < 8 {
        return Err(truncated());
    }
    let mut size = [0; 4];
    let size_bytes = match start[6] {
        1 => 2,
        2 | 3 => 4,
        other => return Err(DataError::format(".npy version", other, "1, 2 or 3")),
    };
    if fill(reader, &mut size[..size_bytes]).map_err(DataError::reading)? < size_bytes {
        return Err(truncated());
    }
    let size = u32::from_le_bytes(size) as usize;
    if size > LONGEST_HEADER {
        return Err(DataError::format(
            "size of the header",
            format_args!("{size} bytes"),
            "at most a megabyte",
        ));
    }
    let mut text = Vec::new();
    reader.take(size as u64).read_to_end(&mut text).map_err(DataError::reading)?;
    if text.len() < size {
        return Err(truncated());
    }
    let text = std::str::from_utf8(&text).map_err(|_| malformed("not text"))?;
    Ok((parse(text)?, (8 + size_bytes + size) as u64))
}

/// The header of a row-major, little-endian array.
pub(crate) fn write_header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let shape = shape_text(shape);
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // The data start at a multiple of 64.
    while !(10 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let mut header = MAGIC.to_vec();
    header.extend([1, 0]);
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

fn malformed(value: impl std::fmt::Display) -> DataError {
    DataError::format("header", value, "a dictionary of descr, fortran_order and shape")
}

struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
    fn eat(&mut self, token: &str) -> bool {
        self.0 = self.0.trim_start();
        match self.0.strip_prefix(token) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.eat(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> DataError {
        let found: String = self.0.trim_start().chars().take(20).collect();
        malformed(if found.is_empty() { "incomplete".into() } else { format!("malformed at {found:?}") })
    }

    fn string(&mut self) -> Result<&'a str> {
        let quote = if self.eat("'") {
            '\''
        } else if self.eat("\"") {
            '"'
        } else {
            return Err(self.unexpected());
        };
        let (string, rest) = self.0.split_once(quote).ok_or_else(|| malformed("incomplete"))?;
        self.0 = rest;
        Ok(string)
    }

    fn shape(&mut self) -> Result<Vec<usize>> {
        self.expect("(")?;
        let mut shape = Vec::new();
        while !self.eat(")") {
            self.0 = self.0.trim_start();
            let digits = self.0.len() - self.0.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if digits == 0 {
                return Err(self.unexpected());
            }
            let (number, rest) = self.0.split_at(digits);
            shape.push(number.parse().map_err(|_| {
                DataError::format("shape", format_args!("({number}, …)"), "an array that fits into memory")
            })?);
            // Python 2 wrote 10L.
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if !self.eat(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(shape)
    }
}

fn parse(text: &str) -> Result<Header> {
    let mut parser = Parser(text);
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    parser.expect("{")?;
    while !parser.eat("}") {
        let key = parser.string()?;
        parser.expect(":")?;
        match key {
            "descr" if parser.eat("[") => {
                return Err(DataError::format("dtype", "structured", PLAIN));
            }
            "descr" => descr = Some(item(parser.string()?)?),
            "fortran_order" if parser.eat("True") => fortran = Some(true),
            "fortran_order" if parser.eat("False") => fortran = Some(false),
            "shape" => shape = Some(parser.shape()?),
            _ => return Err(parser.unexpected()),
        }
        if !parser.eat(",") {
            parser.expect("}")?;
            break;
        }
    }
    if !parser.0.trim().is_empty() {
        return Err(parser.unexpected());
    }
    match (descr, fortran, shape) {
        (Some((item, big_endian)), Some(fortran), Some(shape)) => {
            Ok(Header { item, big_endian, fortran, shape })
        }
        _ => Err(malformed("incomplete")),
    }
}

/// The item of a dtype string such as `<f4`, and whether it is big-endian.
fn item(descr: &str) -> Result<(Item, bool)> {
    let refused = |expected: &'static str| Err(DataError::format("dtype", descr, expected));
    if descr == "bfloat16" {
        return Ok((Item::Bf16, false));
    }
    let (order, code) = match descr.as_bytes() {
        [b'<' | b'>' | b'|' | b'=', ..] => descr.split_at(1),
        _ => ("<", descr),
    };
    let item = match code {
        "b1" | "?" => Item::Bool,
        "u1" => Item::U8,
        "u2" => Item::U16,
        "u4" => Item::U32,
        "u8" => Item::U64,
        "i1" => Item::I8,
        "i2" => Item::I16,
        "i4" => Item::I32,
        "i8" => Item::I64,
        "f2" => Item::F16,
        "f4" => Item::F32,
        "f8" => Item::F64,
        "V2" => {
            return refused(
                "float32 or float16 (numpy writes bfloat16 as unnamed bytes: save it as float32, or as .safetensors)",
            );
        }
        _ => {
            let (kind, width) = code.split_at(code.char_indices().nth(1).map_or(code.len(), |(at, _)| at));
            let width = width.parse().ok().filter(|width| (1..=LONGEST_STRING).contains(width));
            match (kind, width) {
                ("U", Some(points)) => Item::Utf32(points),
                ("S" | "a", Some(bytes)) => Item::Utf8(bytes),
                ("O", _) => {
                    return refused("numbers or strings (pickled objects are never loaded)");
                }
                ("c", _) => return refused("real numbers, not complex ones"),
                ("V", _) => return refused(PLAIN),
                _ => return refused(PLAIN),
            }
        }
    };
    Ok((item, order == ">"))
}
