//! A directory of results that never loses a file that someone else put there.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{DataError, Result};
use crate::sink::{Sink, UNFINISHED};

/// The list of the files that this program wrote, one name per line.
const MANIFEST: &str = ".temperance";

/// Writes a file that appears only when it is whole; nothing half-written is ever left.
///
/// # Errors
/// If it cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut sink = Sink::create(path)?;
    sink.write_all(bytes)
        .and_then(|()| sink.finish())
        .map_err(|error| DataError::writing(error).in_file(path))
}

/// A directory for results. A manifest in it, `.temperance`, lists what this program wrote there.
///
/// Files of an earlier run are replaced; those not written again stay. Other
/// files make [`OutputDir::create`] fail unless it is forced; they are never touched, unless they have the
/// name of a file to be written.
#[derive(Debug)]
pub struct OutputDir {
    path: PathBuf,
    earlier: BTreeSet<String>,
    written: BTreeSet<String>,
}

impl OutputDir {
    /// Takes a directory for results; makes it, and those above it, if it does not exist.
    ///
    /// # Errors
    /// If `path` is a file, cannot be made, or holds other files and `force` is not set.
    pub fn create(path: &Path, force: bool) -> Result<Self> {
        Self::open(path, force).map_err(|error| error.in_file(path))
    }

    fn open(path: &Path, force: bool) -> Result<Self> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(DataError::format("target", "a file", "the name of a directory")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(path).map_err(DataError::writing)?;
            }
            Err(error) => return Err(DataError::writing(error)),
        }
        let listed = match fs::read(path.join(MANIFEST)) {
            Ok(text) => String::from_utf8_lossy(&text)
                .lines()
                .filter(|name| is_plain(name))
                .map(str::to_owned)
                .collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => return Err(DataError::reading(error).in_file(&path.join(MANIFEST))),
        };
        let mut earlier = BTreeSet::new();
        let mut foreign = BTreeSet::new();
        for entry in fs::read_dir(path).map_err(DataError::reading)? {
            let entry = entry.map_err(DataError::reading)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_file = entry.file_type().map_err(DataError::reading)?.is_file();
            if is_file && listed.contains(&name) {
                earlier.insert(name);
            } else if name != MANIFEST && !name.starts_with(UNFINISHED) {
                foreign.insert(name);
            }
        }
        if let Some(name) = foreign.first().filter(|_| !force) {
            let expected = "an empty directory or one of earlier results, or force (--force)";
            let value = match foreign.len() {
                1 => format!("{name}, which was not written by this program"),
                more => format!("{name} and {} more, which were not written by this program", more - 1),
            };
            return Err(DataError::format("content of the directory", value, expected));
        }
        Ok(OutputDir { path: path.to_owned(), earlier, written: BTreeSet::new() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of the given plain name.
    ///
    /// # Errors
    /// If the name is not plain, or it cannot be written.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        write_here(&self.path_of(name)?, bytes)?;
        self.add(name)
    }

    /// Where a file of the given plain name belongs, for writers of their own; [`OutputDir::add`] it then.
    ///
    /// # Errors
    /// If the name is not plain.
    pub fn path_of(&self, name: &str) -> Result<PathBuf> {
        if is_plain(name) {
            return Ok(self.path.join(name));
        }
        let value = format!("{name:?}");
        Err(DataError::format("name of the file", value, "a plain name").in_file(&self.path))
    }

    /// Lists a file as written by this program.
    ///
    /// # Errors
    /// If the name is not plain, or the list cannot be written.
    pub fn add(&mut self, name: &str) -> Result<()> {
        self.path_of(name)?;
        if self.written.insert(name.to_owned()) && !self.earlier.contains(name) {
            self.list(self.earlier.union(&self.written))?;
        }
        Ok(())
    }

    fn list<'a>(&self, names: impl Iterator<Item = &'a String>) -> Result<()> {
        let text: String = names.flat_map(|name| [name, "\n"]).collect();
        write_here(&self.path.join(MANIFEST), text.as_bytes())
    }
}

/// Writes a file where it stands: a link is replaced, not what it points to.
fn write_here(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        fs::remove_file(path).map_err(|error| DataError::writing(error).in_file(path))?;
    }
    write_file(path, bytes)
}

/// Whether a name stays in its directory and can stand on a line of the manifest.
fn is_plain(name: &str) -> bool {
    let reserved = name.is_empty() || name == "." || name == ".." || name == MANIFEST;
    !reserved
        && !name.starts_with(UNFINISHED)
        && !name.contains(['/', '\\', ':'])
        && !name.contains(char::is_control)
}
