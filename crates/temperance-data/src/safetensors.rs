//! Safetensors files: the header by the crate of that name, every tensor streamed from its offset.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use ::safetensors::Dtype;
use ::safetensors::tensor::Metadata;

use crate::bytes::{Header, Item, Stream, fill};
use crate::contents::{Found, Wanted, pick, read_array};
use crate::error::{DataError, Result};

/// The longest header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// Reads the wanted tensors of a file of `size` bytes.
pub(crate) fn read(mut file: File, size: u64, path: &Path, wanted: &[Wanted]) -> Result<Vec<Found>> {
    let mut length = [0; 8];
    if fill(&mut file, &mut length).map_err(DataError::reading)? < 8 {
        let value = format!("{size} bytes");
        return Err(DataError::format("size of the file", value, "a whole .safetensors file"));
    }
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER || length > size - 8 {
        let expected = format!("at most {}, to fit into the file", LONGEST_HEADER.min(size - 8));
        return Err(DataError::format("size of the header", format_args!("{length} bytes"), expected));
    }
    let mut header = Vec::new();
    Read::by_ref(&mut file).take(length).read_to_end(&mut header).map_err(DataError::reading)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| {
        DataError::format("header", format_args!("malformed ({error})"), "tensors in JSON")
    })?;
    let (held, start) = (metadata.data_len() as u64, 8 + length);
    if start.checked_add(held) != Some(size) {
        let why = if size - start < held { "the file is truncated" } else { "bytes follow the tensors" };
        let expected = format!("{held} bytes for the tensors of the header ({why})");
        return Err(DataError::format("size of the data", format_args!("{} bytes", size - start), expected));
    }
    // In the order of their offsets.
    let names = metadata.offset_keys();
    let mut found = Vec::new();
    for wanted in wanted {
        let Some((role, name)) = pick(wanted, &names)? else {
            continue;
        };
        let tensor = metadata.info(name).expect("a name of the header");
        let item = item(tensor.dtype).ok_or_else(|| {
            let value = format!("{:?}", tensor.dtype);
            DataError::format("dtype", value, "bool, integers, F16, BF16, F32 or F64").in_array(name)
        })?;
        let header = Header { item, big_endian: false, fortran: false, shape: tensor.shape.clone() };
        let (from, to) = tensor.data_offsets;
        file.seek(SeekFrom::Start(start + from as u64)).map_err(DataError::reading)?;
        let mut reader = Read::by_ref(&mut file).take((to - from) as u64);
        let mut stream = Stream { reader: &mut reader, size: Some((to - from) as u64) };
        let data = read_array(&mut stream, &header, role).map_err(|error| error.in_array(name))?;
        found.push(Found::new(role, data, path));
    }
    Ok(found)
}

fn item(dtype: Dtype) -> Option<Item> {
    Some(match dtype {
        Dtype::BOOL => Item::Bool,
        Dtype::U8 => Item::U8,
        Dtype::U16 => Item::U16,
        Dtype::U32 => Item::U32,
        Dtype::U64 => Item::U64,
        Dtype::I8 => Item::I8,
        Dtype::I16 => Item::I16,
        Dtype::I32 => Item::I32,
        Dtype::I64 => Item::I64,
        Dtype::F16 => Item::F16,
        Dtype::BF16 => Item::Bf16,
        Dtype::F32 => Item::F32,
        Dtype::F64 => Item::F64,
        _ => return None,
    })
}
