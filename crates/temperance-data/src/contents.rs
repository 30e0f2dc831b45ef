//! What is wanted of a file, and what was found in it.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use crate::array::{Array, LabelArray};
use crate::bytes::{Header, Stream, fill, read_labels, read_numbers};
use crate::error::{DataError, Result, listed};
use crate::format::Format;
use crate::{csv, inflate, npy, npz, safetensors};

/// What an array means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Logits,
    Probabilities,
    Labels,
    SoftLabels,
    Weights,
    Groups,
    Confidences,
    Correct,
    Features,
}

impl Role {
    pub(crate) fn what(self) -> &'static str {
        match self {
            Role::Logits => "logits",
            Role::Probabilities => "probabilities",
            Role::Labels => "labels",
            Role::SoftLabels => "soft labels",
            Role::Weights => "weights",
            Role::Groups => "groups",
            Role::Confidences => "confidences",
            Role::Correct => "correctness",
            Role::Features => "features",
        }
    }

    /// The names that it has unless another is given, the first one present wins.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Role::Logits => &["logits"],
            Role::Probabilities => &["probabilities", "probs"],
            Role::Labels => &["labels", "label", "y", "targets", "target"],
            Role::SoftLabels => &["soft_labels"],
            // Only where they are named: a column of groups is easily something else.
            Role::Groups => &[],
            Role::Weights => &["weights", "weight", "sample_weight", "sample_weights"],
            Role::Confidences => &["confidences", "confidence"],
            Role::Correct => &["correct", "correctness"],
            Role::Features => &["features", "x", "X", "inputs"],
        }
    }

    /// The option of the command that gives another name.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Role::Logits | Role::Probabilities => "--scores-name",
            Role::Labels => "--labels-name",
            Role::SoftLabels => "--soft-labels-name",
            Role::Weights => "--weights-name",
            Role::Groups => "--groups-name",
            Role::Confidences => "--confidence-name",
            Role::Correct => "--correct-name",
            // There is no option: archives are written for training, or made so.
            Role::Features => "--data of another file",
        }
    }

    pub(crate) fn is_scores(self) -> bool {
        matches!(self, Role::Logits | Role::Probabilities)
    }

    pub(crate) fn is_matrix(self) -> bool {
        self.is_scores() || matches!(self, Role::SoftLabels | Role::Features)
    }

    fn holds_labels(self) -> bool {
        matches!(self, Role::Labels | Role::Correct | Role::Groups)
    }
}

/// One array to be read from a file.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) role: Role,
    /// Its name, if the user gave one.
    pub(crate) name: Option<String>,
    /// Whether it is an error if the file does not have it.
    pub(crate) needed: bool,
    /// Whether it may be the only array of the file, whatever its name.
    pub(crate) sole: bool,
    /// Whether an archive without labels may have soft labels in their place.
    pub(crate) or_soft: bool,
}

/// The array of a role.
#[derive(Debug)]
pub(crate) enum Data {
    Numbers(Array),
    Labels(LabelArray),
}

/// Where an array came from, for messages.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    /// The lines of the rows, in a text file.
    pub(crate) lines: Option<csv::Lines>,
    /// The names of the columns, in a text file.
    pub(crate) columns: Vec<String>,
}

impl Place {
    /// The error as one about a row and a column of this place.
    pub(crate) fn locate(&self, mut error: DataError, row: Option<u64>, column: Option<usize>) -> DataError {
        if let (Some(lines), Some(row)) = (&self.lines, row) {
            error = error.at_line(lines.of(row));
            let name = match (self.columns.as_slice(), column) {
                ([only], None) => Some(only),
                (columns, Some(column)) => columns.get(column),
                _ => None,
            };
            if let Some(name) = name {
                error = error.in_column(name.as_str());
            }
        }
        error.in_file(&self.file)
    }
}

/// An array that was found, and where.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) role: Role,
    pub(crate) data: Data,
    pub(crate) place: Place,
    /// The names of its columns without their common prefix, in a text file.
    pub(crate) names: Vec<String>,
}

impl Found {
    pub(crate) fn new(role: Role, data: Data, file: &Path) -> Self {
        Found { role, data, place: Place::of(file), names: Vec::new() }
    }
}

/// What a file gave.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) format: Format,
    pub(crate) found: Vec<Found>,
    pub(crate) notes: Vec<String>,
}

/// The first bytes of a gzip stream.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads the wanted arrays of a file; `-` is standard input.
pub(crate) fn read(path: &Path, wanted: &[Wanted]) -> Result<Contents> {
    let contents = if path.as_os_str() == "-" {
        read_unnamed(&mut io::stdin().lock(), path, wanted)
    } else {
        read_named(path, wanted)
    };
    contents.map_err(|error| error.in_file(path))
}

fn read_named(path: &Path, wanted: &[Wanted]) -> Result<Contents> {
    let metadata = fs::metadata(path).map_err(DataError::reading)?;
    if metadata.is_dir() {
        return Err(DataError::reading(io::ErrorKind::IsADirectory.into()));
    }
    let format = Format::of(path)?;
    let mut file = File::open(path).map_err(DataError::reading)?;
    let size = metadata.is_file().then_some(metadata.len());
    let found = match (format, size) {
        (Format::Npy, _) => return read_npy(&mut file, size, path, wanted),
        (Format::Csv, _) => return read_csv(&mut file, format, path, wanted),
        (Format::CsvGz, _) => return read_gzip(&mut file, path, wanted),
        (Format::Npz, Some(size)) => npz::read(file, size, path, wanted)?,
        (Format::Safetensors, Some(size)) => safetensors::read(file, size, path, wanted)?,
        (_, None) => return Err(DataError::format("file", "a pipe or device", "a regular file")),
    };
    Ok(Contents { format, found, notes: Vec::new() })
}

/// Reads a stream whose format its first bytes tell.
fn read_unnamed(reader: &mut dyn Read, path: &Path, wanted: &[Wanted]) -> Result<Contents> {
    let mut start = [0; 6];
    let read = fill(reader, &mut start).map_err(DataError::reading)?;
    let start = start[..read].to_vec();
    let (is_npy, is_gzip) = (start == npy::MAGIC, start.starts_with(&GZIP));
    if start.starts_with(b"PK\x03\x04") {
        return Err(DataError::format(
            "format",
            ".npz",
            ".npy, .csv or .csv.gz, which can be read from a pipe",
        ));
    }
    let mut whole = Cursor::new(start).chain(reader);
    if is_npy {
        read_npy(&mut whole, None, path, wanted)
    } else if is_gzip {
        read_gzip(&mut whole, path, wanted)
    } else {
        read_csv(&mut whole, Format::Csv, path, wanted)
    }
}

fn read_gzip(reader: &mut dyn Read, path: &Path, wanted: &[Wanted]) -> Result<Contents> {
    let mut start = [0; 2];
    let read = fill(reader, &mut start).map_err(DataError::reading)?;
    if start != GZIP {
        let value = if read == 0 { "missing".into() } else { start[..read].escape_ascii().to_string() };
        return Err(DataError::format("start of the file", value, "\\x1f\\x8b, the mark of a gzip file"));
    }
    read_csv(&mut inflate::gunzip(Cursor::new(start).chain(reader)), Format::CsvGz, path, wanted)
}

fn read_csv(reader: &mut dyn Read, format: Format, path: &Path, wanted: &[Wanted]) -> Result<Contents> {
    let (found, notes) = csv::read(reader, path, wanted)?;
    Ok(Contents { format, found, notes })
}

fn read_npy(reader: &mut dyn Read, size: Option<u64>, path: &Path, wanted: &[Wanted]) -> Result<Contents> {
    let mut found = Vec::new();
    for wanted in wanted.iter().filter(|wanted| wanted.sole || wanted.name.is_some()) {
        if let Some(name) = &wanted.name {
            let what = format!("name of the {}", wanted.role.what());
            return Err(DataError::format(what, name, "none: a .npy file holds one array without a name"));
        }
        if !found.is_empty() {
            let expected = "another file: a .npy file holds one array";
            return Err(DataError::format(
                format!("file of the {}", wanted.role.what()),
                "the same",
                expected,
            ));
        }
        let (header, start) = npy::read_header(reader)?;
        let size = size.map(|size| size.saturating_sub(start));
        let data = read_array(&mut Stream { reader, size }, &header, wanted.role)?;
        found.push(Found::new(wanted.role, data, path));
    }
    if let Some(missing) = wanted.iter().find(|wanted| wanted.needed && !wanted.sole) {
        let what = format!("file of the {}", missing.role.what());
        return Err(DataError::format(what, "missing", "one more file: a .npy file holds one array"));
    }
    Ok(Contents { format: Format::Npy, found, notes: Vec::new() })
}

impl Place {
    pub(crate) fn of(file: &Path) -> Self {
        Place { file: file.to_owned(), lines: None, columns: Vec::new() }
    }
}

/// Reads an array as what its role needs.
pub(crate) fn read_array(stream: &mut Stream<'_>, header: &Header, role: Role) -> Result<Data> {
    if role.holds_labels() {
        read_labels(stream, header).map(Data::Labels)
    } else {
        read_numbers(stream, header).map(Data::Numbers)
    }
}

/// The array of an archive that is wanted, and what it means.
pub(crate) fn pick<'n>(wanted: &Wanted, present: &'n [String]) -> Result<Option<(Role, &'n str)>> {
    let role = wanted.role;
    let find = |name: &str| present.iter().map(String::as_str).find(|&other| other == name);
    let among = || match present {
        [] => "missing (the file holds no array)".to_owned(),
        _ => format!("missing (the file holds {})", listed(present)),
    };
    if let Some(name) = &wanted.name {
        return match find(name) {
            Some(name) => Ok(Some((role, name))),
            None => Err(DataError::format(format!("array {name}"), among(), "one of the arrays of the file")),
        };
    }
    if let Some(name) = role.names().iter().find_map(|name| find(name)) {
        return Ok(Some((role, name)));
    }
    if wanted.or_soft
        && let Some(name) = Role::SoftLabels.names().iter().find_map(|name| find(name))
    {
        return Ok(Some((Role::SoftLabels, name)));
    }
    let (other, advice) = match role {
        Role::Logits => (Role::Probabilities, "with --probabilities"),
        _ => (Role::Logits, "without --probabilities"),
    };
    if role.is_scores()
        && let Some(name) = other.names().iter().find_map(|name| find(name))
    {
        let expected = format!("an array named {}; to read {name} say so {advice}", role.names()[0]);
        return Err(DataError::format(format!("array of the {}", role.what()), among(), expected));
    }
    match present {
        [only] if wanted.sole => Ok(Some((role, only))),
        _ if wanted.needed => {
            let expected = format!("one named {}, or its name with {}", listed(role.names()), role.option());
            Err(DataError::format(format!("array of the {}", role.what()), among(), expected))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores() -> Vec<Wanted> {
        vec![Wanted { role: Role::Logits, name: None, needed: true, sole: true, or_soft: false }]
    }

    fn stdin(bytes: &[u8]) -> Result<Contents> {
        let path = Path::new("-");
        read_unnamed(&mut &*bytes, path, &scores()).map_err(|error| error.in_file(path))
    }

    #[test]
    fn standard_input_is_told_apart_by_its_first_bytes() {
        let mut npy = npy::write_header("<f4", &[1, 2]);
        npy.extend([0; 8]);
        assert_eq!(stdin(&npy).unwrap().format, Format::Npy);
        assert_eq!(stdin(b"a,b\n1,2\n").unwrap().format, Format::Csv);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut gz, b"a,b\n1,2\n").unwrap();
        assert_eq!(stdin(&gz.finish().unwrap()).unwrap().format, Format::CsvGz);
        assert_eq!(
            stdin(b"PK\x03\x04....").unwrap_err().to_string(),
            "standard input: format is .npz; expected .npy, .csv or .csv.gz, which can be read from a pipe"
        );
        npy.push(0);
        assert_eq!(
            stdin(&npy).unwrap_err().to_string(),
            "standard input: size of the data is more than 8 bytes; expected 8 bytes for shape (1, 2) of float32 \
             (bytes follow the array)"
        );
        npy.truncate(npy.len() - 2);
        assert_eq!(
            stdin(&npy).unwrap_err().to_string(),
            "standard input: size of the data is 7 bytes; expected 8 bytes for shape (1, 2) of float32 (the file \
             is truncated)"
        );
        assert_eq!(
            stdin(b"").unwrap_err().to_string(),
            "standard input, line 1: first line is missing; expected the names of the columns"
        );
    }

    #[test]
    fn a_lying_header_in_a_stream_allocates_nothing() {
        let npy = npy::write_header("<f8", &[1 << 36, 1 << 10]);
        assert!(stdin(&npy).unwrap_err().to_string().contains("size of the data is 0 bytes"));
    }

    #[test]
    fn fortran_order_in_a_stream() {
        let mut npy = npy::write_header("<f4", &[2, 3]);
        let text = String::from_utf8_lossy(&npy[10..]).replace("False", "True ");
        npy.truncate(10);
        npy.extend(text.as_bytes());
        for value in [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0] {
            npy.extend(value.to_le_bytes());
        }
        let contents = stdin(&npy).unwrap();
        let Data::Numbers(array) = &contents.found[0].data else { panic!("numbers") };
        let values = array.numbers.values();
        assert_eq!((0..6).map(|at| values.get(at)).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }
}
