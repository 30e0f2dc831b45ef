//! A file that appears under its name only when it is whole.

use std::fs::{self, File, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::{DataError, Result};

/// The start of the names of unfinished files.
pub(crate) const UNFINISHED: &str = ".temperance-";

enum Target {
    /// A file beside the one that it will replace.
    Beside(NamedTempFile, PathBuf),
    /// A device or pipe, which cannot be replaced.
    Direct(File),
}

/// Written beside its target and renamed by [`Sink::finish`]; dropped before that, it leaves nothing.
pub(crate) struct Sink {
    target: Target,
    /// Set by the first error. Later writes do nothing, so that encoders can be dropped in peace.
    failed: bool,
    /// Where the next write goes, or would go after an error: an encoder may rely on it.
    position: u64,
}

impl Sink {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Self::open(path)
            .map(|target| Sink { target, failed: false, position: 0 })
            .map_err(|error| error.in_file(path))
    }

    fn open(path: &Path) -> Result<Target> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(DataError::format("target", "a directory", "the name of a file"));
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = File::options().write(true).open(path).map_err(DataError::writing)?;
                return Ok(Target::Direct(file));
            }
            _ => {}
        }
        // A link keeps pointing to its file.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut builder = Builder::new();
        builder.prefix(UNFINISHED).suffix(".tmp");
        if let Some(permissions) = permissions() {
            builder.permissions(permissions);
        }
        let file = builder.tempfile_in(directory).map_err(|error| DataError::writing(unnamed(error)))?;
        Ok(Target::Beside(file, path))
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        self.flush()?;
        match self.target {
            Target::Beside(file, path) => {
                file.as_file().sync_all()?;
                file.persist(path).map_err(|error| error.error)?;
                Ok(())
            }
            Target::Direct(_) => Ok(()),
        }
    }

    fn attempt<T>(&mut self, instead: T, act: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
        if self.failed {
            return Ok(instead);
        }
        let file = match &mut self.target {
            Target::Beside(file, _) => file.as_file_mut(),
            Target::Direct(file) => file,
        };
        let done = act(file);
        self.failed = done.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        done
    }
}

/// The error without the name of a temporary file; the user knows only the target.
pub(crate) fn unnamed(error: io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// What a new file may be used for, before the umask; a temporary file is private by default.
#[cfg(unix)]
fn permissions() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn permissions() -> Option<Permissions> {
    None
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.attempt(bytes.len(), |file| file.write(bytes))?;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt((), File::flush)
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let instead = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::Current(by) | SeekFrom::End(by) => self.position.saturating_add_signed(by),
        };
        self.position = self.attempt(instead, |file| file.seek(to))?;
        Ok(self.position)
    }
}
