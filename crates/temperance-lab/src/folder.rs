//! The folder of a run: a new one, or one to go on in; pages in it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use temperance_data::write_file;
use temperance_report::Document;

use crate::failure::{Failure, Result};

/// What a run writes into its folder first, and what it may find there.
pub(crate) struct Beginning<'a> {
    /// The name of the file of settings.
    pub(crate) file: &'static str,
    /// Its text.
    pub(crate) text: String,
    /// Whether to go on.
    pub(crate) resume: bool,
    /// What is to be removed, to start anew.
    pub(crate) removed: Option<Vec<PathBuf>>,
    /// Whether an earlier file is of the same settings.
    pub(crate) is_same: &'a dyn Fn(&Path) -> Result<bool>,
    /// What is expected of a folder that holds something else.
    pub(crate) expected: &'static str,
}

/// Prepares a folder: makes it, or finds what to go on with.
///
/// # Errors
/// If it holds something else, or a run of other settings.
pub(crate) fn prepare(folder: &Path, beginning: &Beginning<'_>) -> Result {
    let shown = folder.display();
    let cannot = |error| Failure::Error(format!("{shown}: cannot be written: {error}"));
    let file = folder.join(beginning.file);
    if let Some(removed) = &beginning.removed {
        for path in removed.iter().map(|path| folder.join(path)) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot(error)),
                _ => {}
            }
            // A folder within that is empty now is gone too; another stays.
            if let Some(within) = path.parent().filter(|within| *within != folder) {
                let _ = fs::remove_dir(within);
            }
        }
    } else if file.exists() {
        if !beginning.resume {
            let text = "holds a run; --resume goes on with it, --force starts anew";
            return Err(Failure::Error(format!("{shown}: {text}")));
        }
        if !(beginning.is_same)(&file)? {
            let text = "other settings; expected those of the run that is resumed, or none";
            return Err(Failure::Error(format!("{shown}: holds a run of {text}")));
        }
    } else if beginning.resume {
        return Err(Failure::Error(format!("{shown}: holds no run; expected one to resume")));
    } else if !is_empty(folder) {
        return Err(Failure::Error(format!("{shown}: is not empty; expected {}", beginning.expected)));
    }
    fs::create_dir_all(folder).map_err(cannot)?;
    Ok(write_file(&file, beginning.text.as_bytes())?)
}

/// Writes a page, and beside it each of its figures.
pub(crate) fn write_page(document: &Document, folder: &Path, name: &str) -> Result {
    write_file(&folder.join(name), document.html().as_bytes())?;
    for figure in document.sections.iter().flat_map(|section| &section.figures) {
        write_file(&folder.join(format!("{}.svg", figure.name)), figure.svg.as_bytes())?;
    }
    Ok(())
}

/// Whether a folder has nothing in it, or is not there; what a killed process left unfinished does not count.
pub(crate) fn is_empty(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).all(|name| is_unfinished(&name))
}

/// Whether a file is one that was being written when its process ended.
pub(crate) fn is_unfinished(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(".temperance-")
}
