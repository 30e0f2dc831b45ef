//! Numbers in the format of TensorBoard: records of a length, its checksum, a protocol buffer and its checksum.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// A file of events that grows.
#[derive(Debug)]
pub(crate) struct Events(File);

impl Events {
    /// Starts a file anew.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut events = Events(File::create(path)?);
        events.write(&Event {
            wall_time: 0.0,
            step: 0,
            what: Some(What::FileVersion("brain.Event:2".into())),
        })?;
        Ok(events)
    }

    /// Adds the numbers of a step.
    pub(crate) fn add<'a>(
        &mut self,
        seconds: f64,
        step: u64,
        numbers: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> io::Result<()> {
        let values = numbers
            .into_iter()
            .filter(|(_, value)| value.is_finite())
            .map(|(tag, value)| Value { tag: tag.replacen('_', "/", 1), simple_value: Some(value as f32) })
            .collect();
        self.write(&Event {
            wall_time: seconds,
            step: step as i64,
            what: Some(What::Summary(Summary { values })),
        })
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        let data = event.encode_to_vec();
        let length = (data.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(data.len() + 16);
        record.extend(length);
        record.extend(masked(&length).to_le_bytes());
        record.extend(&data);
        record.extend(masked(&data).to_le_bytes());
        self.0.write_all(&record)
    }
}

/// The checksum as TensorFlow stores it.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_tensorflows() {
        // As TensorFlow's own writer begins every file, for this wall time.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        let mut events = Events::create(&path).unwrap();
        events.add(1.5, 7, [("train_loss", 0.25), ("gap", f64::NAN)]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes[..8], 15_u64.to_le_bytes());
        assert_eq!(&bytes[12..27], b"\x1a\x0dbrain.Event:2");
        let second = &bytes[31..];
        let length = u64::from_le_bytes(second[..8].try_into().unwrap()) as usize;
        assert_eq!(masked(&second[..8]).to_le_bytes(), second[8..12]);
        let event = Event::decode(&second[12..12 + length]).unwrap();
        assert_eq!((event.wall_time, event.step), (1.5, 7));
        let values = vec![Value { tag: "train/loss".into(), simple_value: Some(0.25) }];
        assert_eq!(event.what, Some(What::Summary(Summary { values })));
        assert_eq!(bytes.len(), 31 + 12 + length + 4);
    }

    #[test]
    fn the_checksum_of_a_known_string() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
    }
}
