//! Owned arrays as they come out of files.

use std::collections::HashMap;
use std::fmt;

use half::{bf16, f16};
use temperance::input::LabelValues;
use temperance::{Element, Values};

use crate::error::{DataError, Result};
use crate::format::Dtype;

/// Real numbers of any type, row-major.
#[derive(Clone)]
pub(crate) enum Numbers {
    F32(Vec<f32>),
    F64(Vec<f64>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
}

impl Numbers {
    pub(crate) fn values(&self) -> Values<'_> {
        match self {
            Numbers::F32(v) => Element::values(v),
            Numbers::F64(v) => Element::values(v),
            Numbers::F16(v) => Element::values(v),
            Numbers::Bf16(v) => Element::values(v),
        }
    }

    pub(crate) fn dtype(&self) -> Dtype {
        match self {
            Numbers::F32(_) => Dtype::F32,
            Numbers::F64(_) => Dtype::F64,
            Numbers::F16(_) => Dtype::F16,
            Numbers::Bf16(_) => Dtype::Bf16,
        }
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.values().len(), self.dtype())
    }
}

/// Real numbers with their shape.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub(crate) numbers: Numbers,
    pub(crate) shape: Vec<usize>,
    /// The integer type in the file, if it was one.
    pub(crate) integers: Option<&'static str>,
}

impl Array {
    /// Rows and columns of a matrix that has some of each.
    pub(crate) fn matrix(&self, what: &'static str) -> Result<(usize, usize)> {
        let expected = match self.shape.len() {
            0 | 1 => "two dimensions, (rows, classes)",
            2 if self.shape[0] == 0 => {
                return Err(DataError::format(format!("number of rows of {what}"), 0, "at least 1"));
            }
            2 if self.shape[1] == 0 => {
                return Err(DataError::format(format!("number of classes of {what}"), 0, "at least 1"));
            }
            2 => return Ok((self.shape[0], self.shape[1])),
            _ => "two dimensions, (rows, classes): move the classes last and flatten the rest",
        };
        Err(DataError::format(format!("shape of {what}"), shape_text(&self.shape), expected))
    }

    /// The length of a vector, which may come as a column.
    pub(crate) fn vector(&self, what: &'static str) -> Result<usize> {
        vector(&self.shape, what, "(rows,) or (rows, 1)")
    }
}

fn vector(shape: &[usize], what: &'static str, expected: &'static str) -> Result<usize> {
    match *shape {
        [rows] | [rows, 1] => Ok(rows),
        _ => Err(DataError::format(format!("shape of {what}"), shape_text(shape), expected)),
    }
}

/// A shape as Python writes it.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// Class indices of any integer type.
#[derive(Debug, Clone)]
pub(crate) enum Indices {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
}

impl Indices {
    pub(crate) fn values(&self) -> LabelValues<'_> {
        match self {
            Indices::U8(v) => LabelValues::U8(v),
            Indices::U16(v) => LabelValues::U16(v),
            Indices::U32(v) => LabelValues::U32(v),
            Indices::U64(v) => LabelValues::U64(v),
            Indices::I8(v) => LabelValues::I8(v),
            Indices::I16(v) => LabelValues::I16(v),
            Indices::I32(v) => LabelValues::I32(v),
            Indices::I64(v) => LabelValues::I64(v),
        }
    }

    /// Each index, in order; those beyond `i64` as its largest.
    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = i64> + '_> {
        match self {
            Indices::U8(v) => Box::new(v.iter().map(|&l| l.into())),
            Indices::U16(v) => Box::new(v.iter().map(|&l| l.into())),
            Indices::U32(v) => Box::new(v.iter().map(|&l| l.into())),
            Indices::U64(v) => Box::new(v.iter().map(|&l| i64::try_from(l).unwrap_or(i64::MAX))),
            Indices::I8(v) => Box::new(v.iter().map(|&l| l.into())),
            Indices::I16(v) => Box::new(v.iter().map(|&l| l.into())),
            Indices::I32(v) => Box::new(v.iter().map(|&l| l.into())),
            Indices::I64(v) => Box::new(v.iter().copied()),
        }
    }
}

/// Strings, each distinct one kept once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    /// For each row the index of its string.
    pub(crate) ids: Vec<u32>,
    /// The distinct strings in the order of their first row.
    pub(crate) distinct: Vec<String>,
    known: HashMap<String, u32>,
}

impl Texts {
    pub(crate) fn push(&mut self, text: &str) {
        let id = match self.known.get(text) {
            Some(&id) => id,
            None => {
                let id = u32::try_from(self.distinct.len()).expect("fewer than 2^32 distinct labels");
                self.distinct.push(text.to_owned());
                self.known.insert(text.to_owned(), id);
                id
            }
        };
        self.ids.push(id);
    }

    /// The first row that holds the given distinct string.
    pub(crate) fn first_row(&self, id: usize) -> u64 {
        self.ids.iter().position(|&other| other as usize == id).unwrap_or(0) as u64
    }
}

/// Labels as the file holds them.
#[derive(Debug, Clone)]
pub(crate) enum LabelData {
    Indices(Indices),
    Texts(Texts),
}

/// Labels with their shape.
#[derive(Debug, Clone)]
pub(crate) struct LabelArray {
    pub(crate) data: LabelData,
    pub(crate) shape: Vec<usize>,
    /// Whether they were written as floating-point numbers.
    pub(crate) floats: bool,
}

impl LabelArray {
    /// The number of labels.
    pub(crate) fn vector(&self, what: &'static str) -> Result<usize> {
        vector(&self.shape, what, "one class index per row, (rows,) or (rows, 1)")
    }

    /// Labels of an array of real numbers, all of them whole.
    pub(crate) fn from_numbers(array: &Array) -> Result<Self> {
        let values = array.numbers.values();
        let mut indices = Vec::with_capacity(values.len());
        for row in 0..values.len() {
            indices.push(whole(values.get(row), row as u64)?);
        }
        let data = LabelData::Indices(Indices::I64(indices));
        Ok(LabelArray { data, shape: array.shape.clone(), floats: true })
    }

    /// Labels of strings: indices if every string is a whole number, else the strings.
    pub(crate) fn from_texts(texts: Texts, shape: Vec<usize>) -> Result<Self> {
        let parse = |text: &String| text.trim().parse::<f64>().ok();
        if texts.distinct.is_empty() || !texts.distinct.iter().all(|text| parse(text).is_some()) {
            return Ok(LabelArray { data: LabelData::Texts(texts), shape, floats: false });
        }
        let mut floats = false;
        let mut numbers = Vec::with_capacity(texts.distinct.len());
        for (id, text) in texts.distinct.iter().enumerate() {
            numbers.push(match text.trim().parse::<i64>() {
                Ok(number) => number,
                Err(_) => {
                    floats = true;
                    let number = parse(text).unwrap_or(f64::NAN);
                    // The row is looked for only where there is an error.
                    whole(number, 0).or_else(|_| whole(number, texts.first_row(id)))?
                }
            });
        }
        let indices = texts.ids.iter().map(|&id| numbers[id as usize]).collect();
        Ok(LabelArray { data: LabelData::Indices(Indices::I64(indices)), shape, floats })
    }
}

/// A whole number as an integer.
fn whole(number: f64, row: u64) -> Result<i64> {
    // Beyond 2^53 a float no longer says which integer it is.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return Ok(number as i64);
    }
    let error = temperance::Error::new(
        temperance::ErrorKind::Label,
        "label",
        number,
        "a whole number, the index of a class",
    );
    Err(DataError::core(error.at_row(row)))
}
