//! Names of classes: from a file, and as a way from string labels to class indices.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::array::Texts;
use crate::error::{DataError, Result, listed};

/// The largest file of names that is read.
const LARGEST: u64 = 64 << 20;

/// Reads names in the order of their classes: one per line, a JSON list, or a JSON object of name to index.
pub(crate) fn read(path: &Path) -> Result<Vec<String>> {
    read_text(path).and_then(|text| parse(&text)).map_err(|error| error.in_file(path))
}

fn read_text(path: &Path) -> Result<String> {
    if fs::metadata(path).map_err(DataError::reading)?.is_dir() {
        return Err(DataError::format(
            "file",
            "a directory",
            "a text file with the name of a class on every line",
        ));
    }
    let file = File::open(path).map_err(DataError::reading)?;
    let mut text = String::new();
    let read = file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => DataError::format("encoding", "not UTF-8", "UTF-8"),
        _ => DataError::reading(error),
    })?;
    if read as u64 > LARGEST {
        return Err(DataError::format("size of the file", "above 64 MiB", "the names of the classes"));
    }
    Ok(text)
}

fn parse(text: &str) -> Result<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let names = if text.trim_start().starts_with(['[', '{']) { from_json(text)? } else { from_lines(text)? };
    if names.is_empty() {
        return Err(DataError::format("number of class names", 0, "at least 1"));
    }
    let mut seen = HashMap::new();
    for (class, name) in names.iter().enumerate() {
        if let Some(first) = seen.insert(name, class) {
            let value = format!("the name of classes {first} and {class}");
            return Err(DataError::format(format!("class name {name:?}"), value, "every name once"));
        }
    }
    Ok(names)
}

fn from_lines(text: &str) -> Result<Vec<String>> {
    let mut names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    match names.iter().position(String::is_empty) {
        Some(at) => {
            Err(DataError::format("class name", "empty", "a name on every line").at_line(at as u64 + 1))
        }
        None => Ok(names),
    }
}

fn from_json(text: &str) -> Result<Vec<String>> {
    const EXPECTED: &str = "a list of names, or an object of name to index";
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| DataError::format("JSON", format_args!("malformed ({error})"), EXPECTED))?;
    if let serde_json::Value::Array(list) = value {
        return list
            .into_iter()
            .map(|name| match name {
                serde_json::Value::String(name) => Ok(name),
                other => Err(DataError::format("class name", other, "a string")),
            })
            .collect();
    }
    let object = value.as_object().ok_or_else(|| DataError::format("JSON", "something else", EXPECTED))?;
    let mut names = vec![None; object.len()];
    for (name, index) in object {
        let slot = index.as_u64().and_then(|index| names.get_mut(usize::try_from(index).ok()?));
        match slot {
            Some(slot @ None) => *slot = Some(name.clone()),
            Some(Some(other)) => {
                let value = format!("that of {other:?} too");
                return Err(DataError::format(
                    format!("index {index} of {name:?}"),
                    value,
                    "every index once",
                ));
            }
            None => {
                let expected = format!("an index from 0 to {}", object.len() - 1);
                return Err(DataError::format(format!("index of {name:?}"), index, expected));
            }
        }
    }
    Ok(names.into_iter().flatten().collect())
}

/// Turns strings into class indices by the names of the classes.
///
/// # Errors
/// A [`temperance::Error`] with the row of the first string that is no name.
pub(crate) fn indices(texts: &Texts, names: &[String]) -> std::result::Result<Vec<u32>, temperance::Error> {
    let classes: HashMap<&str, u32> = (0..).zip(names).map(|(class, name)| (name.as_str(), class)).collect();
    let mut by_id = Vec::with_capacity(texts.distinct.len());
    for (id, text) in texts.distinct.iter().enumerate() {
        match classes.get(text.as_str()) {
            Some(&class) => by_id.push(class),
            None => {
                let expected = format!("one of the class names {}", listed(names));
                let value = format!("{text:?}");
                return Err(temperance::Error::new(temperance::ErrorKind::Label, "label", value, expected)
                    .at_row(texts.first_row(id)));
            }
        }
    }
    Ok(texts.ids.iter().map(|&id| by_id[id as usize]).collect())
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn every_form_gives_the_names_in_order() {
        for text in [
            "cat\ndog\n",
            "cat\r\n dog",
            "\u{feff}cat\ndog\n\n\n",
            r#"["cat", "dog"]"#,
            r#"{"dog": 1, "cat": 0}"#,
        ] {
            assert_eq!(parse(text).unwrap(), ["cat", "dog"], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_list_of_names_is_refused() {
        assert_eq!(error(""), "number of class names is 0; expected at least 1");
        assert_eq!(error("a\n\nb\n"), "class name is empty; expected a name on every line");
        assert_eq!(
            error("a\nb\na"),
            "class name \"a\" is the name of classes 0 and 2; expected every name once"
        );
        assert_eq!(error("[1]"), "class name is 1; expected a string");
        assert_eq!(error(r#"{"a": 2}"#), "index of \"a\" is 2; expected an index from 0 to 0");
        assert_eq!(
            error(r#"{"a": 0, "b": 0}"#),
            "index 0 of \"b\" is that of \"a\" too; expected every index once"
        );
        assert!(error("[1").starts_with("JSON is malformed ("));
    }
}
