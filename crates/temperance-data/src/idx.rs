//! The format of MNIST: a few big-endian numbers, then bytes.

use std::io::{self, Read};

use crate::error::{DataError, Result};
use crate::inflate;

/// The shape and the bytes of a file, compressed or not.
pub(crate) fn read(file: &[u8]) -> Result<(Vec<usize>, Vec<u8>)> {
    let inflated;
    let file = if file.starts_with(&[0x1f, 0x8b]) {
        let mut bytes = Vec::new();
        inflate::gunzip(file).read_to_end(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => DataError::format("gzip stream", "truncated", "a whole file"),
            _ => DataError::reading(error),
        })?;
        inflated = bytes;
        &inflated[..]
    } else {
        file
    };
    let header = |what: &str| DataError::format("header", what, "that of an IDX file, such as MNIST's");
    let [0, 0, kind, axes, rest @ ..] = file else { return Err(header("none")) };
    if *kind != 0x08 {
        return Err(DataError::format("type of the numbers", format_args!("{kind:#04x}"), "0x08, bytes"));
    }
    let axes = usize::from(*axes);
    if axes == 0 || rest.len() < 4 * axes {
        return Err(header("truncated"));
    }
    let (sizes, data) = rest.split_at(4 * axes);
    let shape: Vec<usize> = sizes
        .chunks_exact(4)
        .map(|size| u32::from_be_bytes(size.try_into().expect("four bytes")) as usize)
        .collect();
    let claimed = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
    if claimed != Some(data.len()) {
        let expected = format!("the product of its shape {}", crate::array::shape_text(&shape));
        return Err(DataError::format("size of the data", format_args!("{} bytes", data.len()), expected));
    }
    Ok((shape, data.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_their_shape() {
        let file = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        assert_eq!(read(&file).unwrap(), (vec![2, 3], vec![1, 2, 3, 4, 5, 6]));
        let text = |file: &[u8]| read(file).unwrap_err().to_string();
        assert_eq!(
            text(&file[..17]),
            "size of the data is 5 bytes; expected the product of its shape (2, 3)"
        );
        assert_eq!(text(b"PK"), "header is none; expected that of an IDX file, such as MNIST's");
        assert_eq!(text(&[0, 0, 13, 1, 0, 0, 0, 0]), "type of the numbers is 0x0d; expected 0x08, bytes");
        assert_eq!(
            text(&[0, 0, 8, 3, 0]),
            "header is truncated; expected that of an IDX file, such as MNIST's"
        );
        assert_eq!(text(&[0x1f, 0x8b, 8]), "gzip stream is truncated; expected a whole file");
    }
}
