//! A directory of results that never loses a file that someone else put there.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{DataError, Result};
use crate::sink::{Sink, UNFINISHED, unnamed};
use crate::write::{ScoreFile, ScoreWriter};

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
/// Files are made in a hidden directory beside their place and take it all together in
/// [`OutputDir::finish`]. Dropped before that, nothing has changed, and what was made is removed.
///
/// Files of an earlier run are replaced; those not written again stay. Other files make
/// [`OutputDir::create`] fail unless it is forced; they are never touched, unless they have the name of a
/// file to be written.
///
/// ```
/// use temperance_data::OutputDir;
///
/// let folder = tempfile::tempdir()?;
/// let mut results = OutputDir::create(&folder.path().join("results"), false)?;
/// results.write("answer.txt", b"42")?;
/// assert!(!folder.path().join("results/answer.txt").exists());
/// results.finish()?;
/// assert_eq!(std::fs::read(folder.path().join("results/answer.txt"))?, b"42");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct OutputDir {
    path: PathBuf,
    /// Where files wait for their place. Before `_made`, so that it is removed first.
    unfinished: TempDir,
    _made: Made,
    earlier: BTreeSet<String>,
    written: BTreeSet<String>,
}

/// Directories that were made, the innermost last; those still empty in the end are removed.
#[derive(Debug, Default)]
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a directory and those above it.
    fn create(&mut self, path: &Path) -> io::Result<()> {
        if let Some(parent) =
            path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists())
        {
            self.create(parent)?;
        }
        match fs::create_dir(path) {
            Ok(()) => self.0.push(path.to_owned()),
            // Another run was quicker.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // A directory that holds anything cannot be removed like this.
        while self.0.pop().is_some_and(|path| fs::remove_dir(path).is_ok()) {}
    }
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
        let mut made = Made::default();
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(DataError::format("target", "a file", "the name of a directory")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                made.create(path).map_err(DataError::writing)?;
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
        let unfinished = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .suffix(".tmp")
            .tempdir_in(path)
            .map_err(|error| DataError::writing(unnamed(error)))?;
        Ok(OutputDir { path: path.to_owned(), unfinished, _made: made, earlier, written: BTreeSet::new() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a file of the given plain name.
    ///
    /// # Errors
    /// If the name is not plain or that of a directory, or the file cannot be written.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.add(name)?;
        write_file(&path, bytes).map_err(|error| error.of_file(&self.path.join(name)))
    }

    /// Starts a file of scores of the given plain name; it must be finished before the directory is.
    ///
    /// # Errors
    /// As [`ScoreWriter::create`], or if the name is not plain or that of a directory.
    pub fn scores(&mut self, name: &str, file: ScoreFile) -> Result<ScoreWriter> {
        let unfinished = self.add(name)?;
        ScoreWriter::create_for(&self.path.join(name), &unfinished, file)
    }

    /// Where to make a file of the given name.
    fn add(&mut self, name: &str) -> Result<PathBuf> {
        if !is_plain(name) {
            let value = format!("{name:?}");
            return Err(DataError::format("name of the file", value, "a plain name").in_file(&self.path));
        }
        let place = self.path.join(name);
        if fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_dir()) {
            return Err(DataError::format("target", "a directory", "the name of a file").in_file(&place));
        }
        self.written.insert(name.to_owned());
        Ok(self.unfinished.path().join(name))
    }

    /// Gives all files their places. A link there is replaced, not what it points to.
    ///
    /// # Errors
    /// If a file is missing, or cannot be put in its place.
    pub fn finish(self) -> Result<()> {
        let text: String = self.earlier.union(&self.written).flat_map(|name| [name, "\n"]).collect();
        let manifest = self.path.join(MANIFEST);
        write_file(&self.unfinished.path().join(MANIFEST), text.as_bytes())
            .map_err(|error| error.of_file(&manifest))?;
        // The list goes first: a file of ours that it does not name would count as foreign.
        for name in std::iter::once(MANIFEST).chain(self.written.iter().map(String::as_str)) {
            let place = self.path.join(name);
            fs::rename(self.unfinished.path().join(name), &place)
                .map_err(|error| DataError::writing(error).in_file(&place))?;
        }
        Ok(())
    }
}

/// Whether a name stays in its directory and can stand on a line of the manifest.
fn is_plain(name: &str) -> bool {
    let reserved = name.is_empty() || name == "." || name == ".." || name == MANIFEST;
    !reserved
        && !name.starts_with(UNFINISHED)
        && !name.contains(['/', '\\', ':'])
        && !name.contains(char::is_control)
}
