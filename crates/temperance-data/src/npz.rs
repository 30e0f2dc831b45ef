//! Archives of `.npy` members, stored or deflated.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::bytes::Stream;
use crate::contents::{Found, Role, Wanted, pick, read_array};
use crate::error::{DataError, Result};
use crate::inflate::{Capped, cap};
use crate::npy;

fn damaged(error: ZipError) -> DataError {
    match error {
        ZipError::Io(error) if error.raw_os_error().is_some() => DataError::reading(error),
        ZipError::UnsupportedArchive(why) => {
            DataError::format("zip archive", why, "stored or deflated members")
        }
        ZipError::CompressionMethodNotSupported(method) => {
            DataError::format("compression method", method, "stored or deflated members")
        }
        error => {
            let error = error.to_string();
            let why = error.split_once(": ").map_or(&*error, |(_, why)| why);
            DataError::format(
                "zip archive",
                format_args!("damaged or truncated ({why})"),
                "a whole .npz file",
            )
        }
    }
}

/// Reads the wanted arrays of an archive of `size` bytes.
pub(crate) fn read(file: File, size: u64, path: &Path, wanted: &[Wanted]) -> Result<Vec<Found>> {
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    if archive.has_duplicate_names() {
        return Err(DataError::format("name of a member", "used twice", "every array once"));
    }
    let (mut names, mut indices) = (Vec::new(), Vec::new());
    for index in 0..archive.len() {
        if let Some(name) = archive.name_for_index(index)
            && let Some(name) = name.map_err(damaged)?.strip_suffix(".npy")
        {
            names.push(name.to_owned());
            indices.push(index);
        }
    }
    let mut found = Vec::new();
    for wanted in wanted {
        if let Some((role, name)) = pick(wanted, &names)? {
            let index = indices[names.iter().position(|other| other == name).expect("a name of the archive")];
            let data = read_member(&mut archive, index, size, role).map_err(|error| error.in_array(name))?;
            found.push(Found::new(role, data, path));
        }
    }
    Ok(found)
}

fn read_member(
    archive: &mut ZipArchive<BufReader<File>>,
    index: usize,
    file_size: u64,
    role: Role,
) -> Result<crate::contents::Data> {
    if archive.by_index_raw(index).map_err(damaged)?.encrypted() {
        return Err(DataError::format("member", "encrypted", "an archive without a password"));
    }
    let member = archive.by_index(index).map_err(damaged)?;
    let compressed = member.compressed_size().min(file_size);
    let stored = member.compression() == zip::CompressionMethod::Stored;
    let declared = member.size();
    let mut reader = Capped::new(member, compressed);
    let (header, start) = npy::read_header(&mut reader)?;
    let claimed = header.bytes()?;
    let limit = cap(compressed);
    if claimed > limit && !stored {
        let expected = "at most 200 times its compressed size; decompress the file first";
        return Err(DataError::format("inflated size", format_args!("more than {limit} bytes"), expected));
    }
    // Only the size of a stored member is more than a claim.
    let size = (stored && declared == compressed).then_some(declared.saturating_sub(start));
    read_array(&mut Stream { reader: &mut reader, size }, &header, role)
}
