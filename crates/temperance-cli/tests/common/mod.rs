//! The command as a process, in a directory of inputs that the tests make.
#![allow(dead_code, reason = "every test file uses a part")]

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use zip::write::{SimpleFileOptions, ZipWriter};

/// A directory that goes away; commands run in it.
pub(crate) struct Dir(TempDir);

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Dir {
    pub(crate) fn new() -> Self {
        Dir(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.bytes(name)).unwrap()
    }

    /// Every file below with its content, every directory with its name; sorted.
    pub(crate) fn everything(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        let mut open = vec![self.0.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.0.path()).unwrap().to_str().unwrap().to_owned();
                if path.is_dir() {
                    all.push((name + "/", Vec::new()));
                    open.push(path);
                } else {
                    all.push((name, fs::read(path).unwrap()));
                }
            }
        }
        all.sort();
        all
    }

    /// The names in a directory, sorted.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(directory)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The command, in this directory and on one thread.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_temperance"));
        command.args(arguments.split_whitespace()).current_dir(self.0.path());
        command.env_remove("COLUMNS").env("RAYON_NUM_THREADS", "1").stdin(Stdio::null());
        command
    }

    /// Runs the command with arguments that hold no spaces themselves.
    pub(crate) fn run(&self, arguments: &str) -> Outcome {
        Outcome::of(self.command(arguments).output().unwrap())
    }

    /// Runs the command with something on its standard input.
    pub(crate) fn run_with_input(&self, arguments: &str, input: &[u8]) -> Outcome {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses its input early does not read all of it.
        let _ = child.stdin.take().unwrap().write_all(input);
        Outcome::of(child.wait_with_output().unwrap())
    }

    /// Runs a command that must do well and say nothing on standard error; gives its standard output.
    pub(crate) fn good(&self, arguments: &str) -> String {
        let outcome = self.run(arguments);
        assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{arguments}\n{}", outcome.stdout);
        outcome.stdout
    }

    /// The JSON object of a command that must do well.
    pub(crate) fn good_json(&self, arguments: &str) -> Value {
        let stdout = self.good(&format!("{arguments} --json"));
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{arguments}: {error}\n{stdout}"))
    }
}

impl Outcome {
    pub(crate) fn of(output: Output) -> Self {
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Rows of a model whose right temperature is known.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) classes: usize,
    pub(crate) logits: Vec<f64>,
    pub(crate) labels: Vec<u8>,
}

/// Uniform numbers in (0, 1), the same on every run.
pub(crate) fn uniform() -> impl FnMut() -> f64 {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as f64 + 0.5) / (1_u64 << 31) as f64
    }
}

/// Labels drawn from softmax(z); the logits are `temperature` · z, rounded so that `f32` and text hold them.
pub(crate) fn sample(rows: usize, classes: usize, temperature: f64) -> Sample {
    let mut random = uniform();
    let (mut logits, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let z: Vec<f64> = (0..classes).map(|_| (6.0 * random() - 3.0) * (1.0 + random())).collect();
        let p = softmax(&z);
        let mut rest = random();
        let label = p.iter().position(|p| {
            rest -= p;
            rest < 0.0
        });
        labels.push(label.unwrap_or(classes - 1) as u8);
        logits.extend(z.iter().map(|z| (z * temperature * 256.0).round() / 256.0));
    }
    Sample { classes, logits, labels }
}

pub(crate) fn softmax(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row.iter().map(|z| (z - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

impl Sample {
    pub(crate) fn rows(&self) -> usize {
        self.labels.len()
    }

    pub(crate) fn shape(&self) -> String {
        format!("({}, {})", self.rows(), self.classes)
    }

    pub(crate) fn probabilities(&self) -> Vec<f64> {
        self.logits.chunks(self.classes).flat_map(softmax).collect()
    }

    pub(crate) fn logits_npy(&self) -> Vec<u8> {
        npy("<f4", &self.shape(), &f32s(&self.logits))
    }

    pub(crate) fn labels_npy(&self) -> Vec<u8> {
        npy("|u1", &format!("({},)", self.rows()), &self.labels)
    }

    pub(crate) fn npz(&self) -> Vec<u8> {
        npz(&[("logits", &self.logits_npy()), ("labels", &self.labels_npy())], true)
    }

    /// Text with the columns c0, c1, … and label.
    pub(crate) fn csv(&self) -> String {
        let mut text: String = (0..self.classes).map(|class| format!("c{class},")).collect();
        text.push_str("label\n");
        for (row, label) in self.logits.chunks(self.classes).zip(&self.labels) {
            for logit in row {
                text.push_str(&format!("{logit},"));
            }
            text.push_str(&format!("{label}\n"));
        }
        text
    }

    /// Writes logits.npy and labels.npy.
    pub(crate) fn put(&self, dir: &Dir) {
        dir.put("logits.npy", self.logits_npy());
        dir.put("labels.npy", self.labels_npy());
    }
}

pub(crate) fn f32s(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect()
}

pub(crate) fn f64s(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A `.npy` file of version 1 in C order.
pub(crate) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy_of_header(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"), data)
}

pub(crate) fn npy_of_header(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16 + 1).to_le_bytes());
    file.extend(header.as_bytes());
    file.push(b'\n');
    file.extend(data);
    file
}

/// The numbers of a little-endian `f4` or `f8` `.npy` file.
pub(crate) fn npy_values(file: &[u8]) -> Vec<f64> {
    let start = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    let header = String::from_utf8_lossy(&file[10..start]);
    if header.contains("<f4") {
        file[start..].chunks(4).map(|item| f32::from_le_bytes(item.try_into().unwrap()).into()).collect()
    } else {
        assert!(header.contains("<f8"), "{header}");
        file[start..].chunks(8).map(|item| f64::from_le_bytes(item.try_into().unwrap())).collect()
    }
}

pub(crate) fn npz(arrays: &[(&str, &[u8])], deflated: bool) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let method = if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    for (name, bytes) in arrays {
        let options = SimpleFileOptions::default().compression_method(method);
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Tensors by name, dtype, shape as JSON, and bytes.
pub(crate) fn safetensors(tensors: &[(&str, &str, &str, &[u8])]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::<u8>::new());
    for (name, dtype, shape, bytes) in tensors {
        let start = data.len();
        data.extend(*bytes);
        let end = data.len();
        entries.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#
        ));
    }
    let header = format!("{{{}}}", entries.join(","));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A number of a JSON object, by its path.
pub(crate) fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at {path} of {value:#}"))
}

/// Fails unless every metric of the one is that of the other, up to `tolerance`.
pub(crate) fn same_metrics(one: &Value, other: &Value, tolerance: f64) {
    let (one, other) = (one.as_object().unwrap(), other.as_object().unwrap());
    assert!(one.len() >= 12 && one.keys().eq(other.keys()), "{one:?}\n{other:?}");
    for (name, value) in one {
        let (a, b) = (value.as_f64().unwrap(), other[name].as_f64().unwrap());
        assert!((a - b).abs() <= tolerance, "{name}: {a} and {b}");
    }
}
