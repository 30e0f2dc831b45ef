//! Named numbers: what a method is built from and what a fitted calibrator is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// A value of a parameter. In JSON, infinities and NaN are the strings `inf`, `-inf` and `nan`.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// One number.
    Number(f64),
    /// Several numbers, in the order the method states.
    Numbers(Vec<f64>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Text {
    Number(f64),
    Name(String),
}

impl Text {
    fn new(value: f64) -> Self {
        if value.is_finite() { Text::Number(value) } else { Text::Name(value.to_string().to_lowercase()) }
    }

    fn value<E: serde::de::Error>(self) -> Result<f64, E> {
        match self {
            Text::Number(value) => Ok(value),
            Text::Name(name) => match name.as_str() {
                "inf" => Ok(f64::INFINITY),
                "-inf" => Ok(f64::NEG_INFINITY),
                "nan" => Ok(f64::NAN),
                _ => Err(E::custom(format!("parameter is {name:?}; expected a number, inf, -inf or nan"))),
            },
        }
    }
}

impl Serialize for Parameter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Parameter::Number(value) => Text::new(*value).serialize(serializer),
            Parameter::Numbers(values) => {
                serializer.collect_seq(values.iter().map(|&value| Text::new(value)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            One(Text),
            Many(Vec<Text>),
        }
        match Either::deserialize(deserializer)? {
            Either::One(text) => text.value().map(Parameter::Number),
            Either::Many(texts) => {
                texts.into_iter().map(Text::value).collect::<Result<_, _>>().map(Parameter::Numbers)
            }
        }
    }
}

/// A parameter of a method or a loss: its name, its legal values in words, and its value if none is given.
#[derive(Debug, Clone, Copy)]
pub struct ParameterEntry {
    /// Name, as in files and on the command line.
    pub name: &'static str,
    /// Legal values, in words.
    pub domain: &'static str,
    /// The value if none is given.
    pub default: f64,
}

/// Parameters by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(BTreeMap<String, Parameter>);

impl Parameters {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same parameters with one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: Parameter) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// The names and values, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The number called `name`.
    ///
    /// # Errors
    /// If there is none of that name, or it is a list.
    pub fn number(&self, name: &'static str) -> Result<f64> {
        match self.0.get(name) {
            Some(Parameter::Number(value)) => Ok(*value),
            Some(Parameter::Numbers(values)) => {
                Err(Error::parameter(name, format!("{} numbers", values.len()), "one number"))
            }
            None => Err(Error::parameter(name, "missing", "one number")),
        }
    }

    /// The numbers called `name`.
    ///
    /// # Errors
    /// If there are none of that name, or it is one number.
    pub fn numbers(&self, name: &'static str) -> Result<&[f64]> {
        match self.0.get(name) {
            Some(Parameter::Numbers(values)) => Ok(values),
            Some(Parameter::Number(value)) => Err(Error::parameter(name, value, "a list of numbers")),
            None => Err(Error::parameter(name, "missing", "a list of numbers")),
        }
    }

    /// The number called `name`, or the default of its entry.
    ///
    /// # Errors
    /// If it is a list.
    pub fn number_or(&self, entry: &ParameterEntry) -> Result<f64> {
        if self.0.contains_key(entry.name) { self.number(entry.name) } else { Ok(entry.default) }
    }

    /// Refuses parameters that are not among `known`.
    ///
    /// # Errors
    /// If there is one, naming it.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                let expected = if known.is_empty() { "no parameters".to_owned() } else { known.join(", ") };
                Err(Error::parameter("parameter", format!("{name:?}"), expected))
            }
            None => Ok(()),
        }
    }
}
