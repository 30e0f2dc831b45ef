//! Text with a header: one row per line, columns chosen by name.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use ::csv::{ByteRecord, ReaderBuilder};

use crate::array::{Array, LabelArray, LabelData, Numbers, Texts};
use crate::contents::{Data, Found, Place, Role, Wanted};
use crate::error::{DataError, Result, listed};

/// The longest first line.
const LONGEST_HEADER: u64 = 64 << 20;

/// The line of every row, stored where it is not that of the previous row plus one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lines(Vec<(u64, u64)>);

impl Lines {
    fn push(&mut self, row: u64, line: u64) {
        if self.0.is_empty() || self.of(row) != line {
            self.0.push((row, line));
        }
    }

    /// The line of a row, counted from 1.
    pub(crate) fn of(&self, row: u64) -> u64 {
        let after = self.0.partition_point(|&(first, _)| first <= row);
        match after.checked_sub(1).map(|at| self.0[at]) {
            Some((first, line)) => line + (row - first),
            None => row + 2,
        }
    }
}

/// Turns CR LF into LF and ends the text with a LF, so that the lines of records can be counted.
struct LineEnds<R> {
    inner: R,
    held: bool,
    ended: bool,
}

impl<R: BufRead> Read for LineEnds<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let data = self.inner.fill_buf()?;
            if data.is_empty() {
                out[0] = b'\n';
                return Ok(usize::from(!std::mem::replace(&mut self.ended, true)));
            }
            let (mut from, mut to) = (0, 0);
            while from < data.len() && to < out.len() {
                let byte = data[from];
                if std::mem::take(&mut self.held) && byte != b'\n' {
                    out[to] = b'\r';
                    to += 1;
                    continue;
                }
                from += 1;
                if byte == b'\r' {
                    self.held = true;
                    continue;
                }
                out[to] = byte;
                to += 1;
            }
            self.inner.consume(from);
            if to > 0 {
                return Ok(to);
            }
        }
    }
}

/// A wanted array with its columns.
struct Chosen {
    role: Role,
    columns: Vec<usize>,
    /// The names of the columns; for a prefix, what follows it.
    names: Vec<String>,
    /// Whether the columns are all that was left.
    rest: bool,
    numbers: Vec<f64>,
    texts: Texts,
}

/// Reads the wanted arrays; also gives notes about what was taken for what.
pub(crate) fn read(
    reader: &mut dyn Read,
    path: &Path,
    wanted: &[Wanted],
) -> Result<(Vec<Found>, Vec<String>)> {
    let mut reader = BufReader::with_capacity(1 << 16, reader);
    let mut first = Vec::new();
    Read::by_ref(&mut reader)
        .take(LONGEST_HEADER)
        .read_until(b'\n', &mut first)
        .map_err(DataError::reading)?;
    if first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff") {
        return Err(DataError::format("encoding", "UTF-16", "UTF-8").at_line(1));
    }
    if first.starts_with(b"\xef\xbb\xbf") {
        first.drain(..3);
    }
    if first.len() as u64 == LONGEST_HEADER && !first.ends_with(b"\n") {
        let value = "longer than 64 MiB";
        return Err(DataError::format("first line", value, "the names of the columns").at_line(1));
    }
    let separator = separator(&first);
    let text = LineEnds { inner: Cursor::new(first).chain(reader), held: false, ended: false };
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text);

    let mut record = ByteRecord::new();
    let mut line = 1;
    next(&mut reader, &mut record, &mut line)?;
    let header = header(&record).map_err(|error| error.at_line(line))?;
    let mut notes = Vec::new();
    let mut chosen = choose(wanted, &header, &mut notes).map_err(|error| error.at_line(line))?;

    let mut lines = Lines::default();
    let mut rows = 0;
    let mut after = reader.position().line();
    while next(&mut reader, &mut record, &mut line)? {
        if record.len() != header.len() {
            let expected = format!("{}, as in the header", header.len());
            return Err(DataError::format("number of cells", record.len(), expected).at_line(line));
        }
        if header.len() == 1 && line != after {
            // An empty line is no row where there are several columns, but an empty cell where there is one.
            return Err(empty("a value").at_line(after).in_column(&header[0]));
        }
        after = reader.position().line();
        lines.push(rows, line);
        for chosen in &mut chosen {
            take(chosen, &record, rows as usize)
                .map_err(|(error, column)| error.at_line(line).in_column(&header[column]))?;
        }
        rows += 1;
    }

    let mut found = Vec::new();
    for chosen in chosen {
        let columns: Vec<String> = chosen.columns.iter().map(|&at| header[at].clone()).collect();
        let place = Place { file: path.to_owned(), lines: Some(lines.clone()), columns };
        let rows = rows as usize;
        let (numbers, texts) = (Numbers::F64(chosen.numbers), chosen.texts);
        let data = match chosen.role {
            Role::Groups => {
                Data::Labels(LabelArray { data: LabelData::Texts(texts), shape: vec![rows], floats: false })
            }
            Role::Labels | Role::Correct => {
                let labels = LabelArray::from_texts(texts, vec![rows]).map_err(|error| {
                    let row = match error.kind() {
                        crate::DataErrorKind::Core(error) => error.row(),
                        _ => None,
                    };
                    place.locate(error, row, None)
                })?;
                Data::Labels(labels)
            }
            role if role.is_matrix() => {
                let shape = vec![rows, chosen.columns.len()];
                Data::Numbers(Array { numbers, shape, integers: None })
            }
            _ => Data::Numbers(Array { numbers, shape: vec![rows], integers: None }),
        };
        found.push(Found { role: chosen.role, data, place, names: chosen.names });
    }
    Ok((found, notes))
}

/// Comma, unless the first line has none but a semicolon or a tab.
fn separator(line: &[u8]) -> u8 {
    let mut quoted = false;
    let mut seen = [false; 256];
    for &byte in line {
        quoted ^= byte == b'"';
        seen[usize::from(byte)] |= !quoted;
    }
    b",;\t".iter().copied().find(|&byte| seen[usize::from(byte)]).unwrap_or(b',')
}

/// Reads a record and the line where it starts.
fn next<R: Read>(reader: &mut ::csv::Reader<R>, record: &mut ByteRecord, line: &mut u64) -> Result<bool> {
    let more = reader.read_byte_record(record).map_err(|error| match error.into_kind() {
        ::csv::ErrorKind::Io(error) => DataError::reading(error),
        other => DataError::format("text", format_args!("malformed ({other:?})"), "comma-separated values"),
    })?;
    if more {
        let inside = record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
        *line = reader.position().line().saturating_sub(1 + inside).max(1);
    }
    Ok(more)
}

fn header(record: &ByteRecord) -> Result<Vec<String>> {
    const EXPECTED: &str = "the names of the columns";
    if record.is_empty() {
        return Err(DataError::format("first line", "missing", EXPECTED));
    }
    let mut names = Vec::with_capacity(record.len());
    for cell in record {
        let name = std::str::from_utf8(cell)
            .ok()
            .filter(|name| !name.contains('\0'))
            .ok_or_else(|| DataError::format("first line", "not text", EXPECTED))?;
        names.push(name.trim().to_owned());
    }
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let value = format!("only numbers ({})", listed(&names));
        return Err(DataError::format("first line", value, EXPECTED));
    }
    Ok(names)
}

/// Finds the columns of everything that is wanted.
fn choose(wanted: &[Wanted], header: &[String], notes: &mut Vec<String>) -> Result<Vec<Chosen>> {
    let default = |role: Role, taken: &[usize]| {
        role.names().iter().find_map(|name| {
            let found = header.iter().position(|column| column.eq_ignore_ascii_case(name));
            found.filter(|at| !taken.contains(at))
        })
    };
    let (mut taken, mut found_roles) = (Vec::new(), Vec::new());
    let mut chosen: Vec<Option<Chosen>> = wanted.iter().map(|_| None).collect();
    // Single columns first, then named groups of columns, then what is left.
    for pass in 0..3 {
        for (wanted, slot) in wanted.iter().zip(&mut chosen) {
            let role = wanted.role;
            let matches_pass = match (role.is_matrix(), &wanted.name) {
                (false, _) => pass == 0,
                (true, Some(_)) => pass == 1,
                (true, None) => pass == 2,
            };
            if !matches_pass {
                continue;
            }
            let mut rest = false;
            let (columns, names) = match (&wanted.name, role.is_matrix()) {
                (Some(name), false) => (vec![column(header, name)?], vec![name.clone()]),
                (None, false) => match default(role, &taken) {
                    Some(at) => (vec![at], vec![header[at].clone()]),
                    None if wanted.sole && header.len() == 1 => (vec![0], vec![header[0].clone()]),
                    None if wanted.needed => return Err(missing(role, header)),
                    None => continue,
                },
                (Some(pattern), true) => group(header, pattern, &taken)?,
                (None, true) if !wanted.sole => {
                    if wanted.needed {
                        return Err(missing(role, header));
                    }
                    continue;
                }
                (None, true) => {
                    rest = true;
                    // Labels and weights are never scores, even where nobody asked for them.
                    let mut left_out = taken.clone();
                    for other in [Role::Labels, Role::Weights] {
                        let elsewhere = !found_roles.contains(&other);
                        if let Some(at) = default(other, &taken).filter(|_| elsewhere) {
                            notes.push(format!("column {} is not read as {}", header[at], role.what()));
                            left_out.push(at);
                        }
                    }
                    let columns: Vec<usize> = (0..header.len()).filter(|at| !left_out.contains(at)).collect();
                    let names: Vec<String> = columns.iter().map(|&at| header[at].clone()).collect();
                    if let Some(at) = columns.iter().find(|&&at| header[at].is_empty()) {
                        let what = format!("name of column {}", at + 1);
                        let expected =
                            "a name (an index that pandas wrote? to_csv(index=False) leaves it out)";
                        return Err(DataError::format(what, "empty", expected));
                    }
                    (columns, names)
                }
            };
            if columns.is_empty() {
                return Err(missing(role, header));
            }
            if let Some(&at) = columns.iter().find(|at| taken.contains(at)) {
                let value = format!("wanted as {} too", role.what());
                let expected = "one use of a column; others are given by name";
                return Err(DataError::format(format!("column {}", header[at]), value, expected));
            }
            if rest {
                notes.push(format!("{} are the {} columns {}", role.what(), names.len(), listed(&names)));
            }
            taken.extend(&columns);
            found_roles.push(role);
            let (numbers, texts) = (Vec::new(), Texts::default());
            *slot = Some(Chosen { role, columns, names, rest, numbers, texts });
        }
    }
    Ok(chosen.into_iter().flatten().collect())
}

/// The only column of a name.
fn column(header: &[String], name: &str) -> Result<usize> {
    let mut at = header.iter().enumerate().filter(|(_, column)| *column == name).map(|(at, _)| at);
    match (at.next(), at.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => {
            Err(DataError::format(format!("name of column {name}"), "used twice", "every name once"))
        }
        (None, _) => {
            let value = format!("missing (the file has {})", listed(header));
            Err(DataError::format(format!("column {name}"), value, "one of the columns of the file"))
        }
    }
}

/// The columns of a pattern, `a,b,c` or `prefix*`, and the names of their classes.
fn group(header: &[String], pattern: &str, taken: &[usize]) -> Result<(Vec<usize>, Vec<String>)> {
    if let Some(prefix) = pattern.strip_suffix('*') {
        let columns: Vec<usize> =
            (0..header.len()).filter(|at| header[*at].starts_with(prefix) && !taken.contains(at)).collect();
        if columns.is_empty() {
            let value = format!("missing (the file has {})", listed(header));
            return Err(DataError::format(format!("every column {pattern}"), value, "at least one"));
        }
        let names = columns.iter().map(|&at| header[at][prefix.len()..].to_owned()).collect();
        return Ok((columns, names));
    }
    let names: Vec<&str> = match column(header, pattern) {
        Ok(_) => vec![pattern],
        Err(_) => pattern.split(',').map(str::trim).collect(),
    };
    let columns = names.iter().map(|name| column(header, name)).collect::<Result<_>>()?;
    Ok((columns, names.into_iter().map(str::to_owned).collect()))
}

fn missing(role: Role, header: &[String]) -> DataError {
    let value = format!("missing (the file has {})", listed(header));
    let expected = if role.is_matrix() {
        format!(
            "columns left for them, or their names with {} a,b,c or {} 'prefix*'",
            role.option(),
            role.option()
        )
    } else {
        format!("one named {}, or its name with {}", listed(role.names()), role.option())
    };
    DataError::format(format!("column of the {}", role.what()), value, expected)
}

fn empty(expected: &'static str) -> DataError {
    DataError::format("cell", "empty", expected)
}

/// Takes the cells of a row; an error comes with its column.
fn take(chosen: &mut Chosen, record: &ByteRecord, row: usize) -> Result<(), (DataError, usize)> {
    for &column in &chosen.columns {
        let cell = record.get(column).unwrap_or_default().trim_ascii();
        match chosen.role {
            Role::Groups if cell.is_empty() => return Err((empty("the name of a group"), column)),
            Role::Labels | Role::Correct if cell.is_empty() => return Err((empty("a label"), column)),
            Role::Labels | Role::Correct | Role::Groups => match std::str::from_utf8(cell) {
                Ok(text) => chosen.texts.push(text),
                Err(_) => {
                    let value = format!("{:?}", String::from_utf8_lossy(cell));
                    return Err((DataError::format("cell", value, "text in UTF-8"), column));
                }
            },
            _ if cell.is_empty() => return Err((empty("a number"), column)),
            _ => match std::str::from_utf8(cell).ok().and_then(|text| text.parse().ok()) {
                Some(number) => chosen.numbers.push(number),
                None => {
                    let shown: String = String::from_utf8_lossy(cell).chars().take(40).collect();
                    // A column of text in the first row is not a column of scores at all.
                    let expected = if chosen.rest && row == 0 {
                        "a number (or the columns of the scores by name, with --scores-name)"
                    } else {
                        "a number"
                    };
                    return Err((DataError::format("cell", format_args!("{shown:?}"), expected), column));
                }
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_stored_where_they_jump() {
        let mut lines = Lines::default();
        for (row, line) in [2, 3, 6, 7, 9].into_iter().enumerate() {
            lines.push(row as u64, line);
        }
        assert_eq!(lines.0.len(), 3);
        assert_eq!((0..5).map(|row| lines.of(row)).collect::<Vec<_>>(), [2, 3, 6, 7, 9]);
    }

    #[test]
    fn line_ends_in_buffers_of_any_size() {
        for size in 1..9 {
            for out in 1..5 {
                let inner = BufReader::with_capacity(size, &b"a\r\nb\rc\r\r\n\r"[..]);
                let mut ends = LineEnds { inner, held: false, ended: false };
                let (mut all, mut part) = (Vec::<u8>::new(), vec![0; out]);
                loop {
                    match ends.read(&mut part).unwrap() {
                        0 => break,
                        read => all.extend(&part[..read]),
                    }
                }
                assert_eq!(all, b"a\nb\rc\r\n\n");
            }
        }
    }
}
