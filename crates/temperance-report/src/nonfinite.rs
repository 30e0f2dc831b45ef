//! Numbers in JSON, which knows no infinities: those are the strings `inf`, `-inf` and `nan`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number that survives JSON even if it is not finite.
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            x if x.is_finite() => serializer.serialize_f64(x),
            x if x.is_nan() => serializer.serialize_str("nan"),
            x => serializer.serialize_str(if x > 0.0 { "inf" } else { "-inf" }),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"a number, "inf", "-inf" or "nan""#)
            }

            fn visit_f64<E: de::Error>(self, x: f64) -> Result<Number, E> {
                Ok(Number(x))
            }

            fn visit_i64<E: de::Error>(self, x: i64) -> Result<Number, E> {
                Ok(Number(x as f64))
            }

            fn visit_u64<E: de::Error>(self, x: u64) -> Result<Number, E> {
                Ok(Number(x as f64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                match text {
                    "inf" => Ok(Number(f64::INFINITY)),
                    "-inf" => Ok(Number(f64::NEG_INFINITY)),
                    "nan" => Ok(Number(f64::NAN)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// What serde's `with` needs, from a conversion to something made of [`Number`] and back.
macro_rules! with {
    ($(#[$doc:meta])* $name:ident: $plain:ty, $stored:ty, $store:expr, $read:expr) => {
        $(#[$doc])*
        pub(crate) mod $name {
            use super::*;

            pub(crate) fn serialize<S: Serializer>(value: &$plain, serializer: S) -> Result<S::Ok, S::Error> {
                let store: fn(&$plain) -> $stored = $store;
                store(value).serialize(serializer)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$plain, D::Error> {
                let read: fn($stored) -> $plain = $read;
                <$stored>::deserialize(deserializer).map(read)
            }
        }
    };
}

with!(
    /// A number.
    one: f64, Number, |&x| Number(x), |x| x.0
);
with!(
    /// A number or null.
    option: Option<f64>, Option<Number>, |x| x.map(Number), |x| x.map(|x| x.0)
);
with!(
    /// Numbers.
    list: Vec<f64>, Vec<Number>,
    |list| list.iter().copied().map(Number).collect(),
    |list| list.into_iter().map(|x| x.0).collect()
);
with!(
    /// Two numbers or null.
    option_pair: Option<[f64; 2]>, Option<[Number; 2]>,
    |pair| pair.map(|pair| pair.map(Number)),
    |pair| pair.map(|pair| pair.map(|x| x.0))
);
with!(
    /// Pairs of numbers.
    pairs: Vec<[f64; 2]>, Vec<[Number; 2]>,
    |pairs| pairs.iter().map(|pair| pair.map(Number)).collect(),
    |pairs| pairs.into_iter().map(|pair| pair.map(|x| x.0)).collect()
);
with!(
    /// Pairs of numbers by name.
    named_pairs: BTreeMap<String, [f64; 2]>, BTreeMap<String, [Number; 2]>,
    |pairs| pairs.iter().map(|(name, pair)| (name.clone(), pair.map(Number))).collect(),
    |pairs| pairs.into_iter().map(|(name, pair)| (name, pair.map(|x| x.0))).collect()
);
