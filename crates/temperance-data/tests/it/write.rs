//! What is written can be read again, and nothing half-written is left.

use crate::common::*;
use half::{bf16, f16};
use proptest::prelude::*;
use temperance_data::{Dataset, Dtype, Format, ScoreFile, ScoreWriter, write_file};

const FORMATS: [Format; 5] = [Format::Npy, Format::Npz, Format::Safetensors, Format::Csv, Format::CsvGz];
const DTYPES: [Dtype; 4] = [Dtype::F32, Dtype::F64, Dtype::F16, Dtype::Bf16];

fn score_file(format: Format, dtype: Dtype, rows: usize, classes: usize) -> ScoreFile {
    ScoreFile { format, dtype, rows, classes, name: "logits".into(), column_names: None }
}

fn rounded(dtype: Dtype, value: f64) -> f64 {
    match dtype {
        Dtype::F64 => value,
        Dtype::F32 => f64::from(value as f32),
        Dtype::F16 => f16::from_f64(value).to_f64(),
        Dtype::Bf16 => bf16::from_f64(value).to_f64(),
    }
}

#[test]
fn round_trip_of_every_format_and_type() {
    let dir = Dir::new();
    let scores = [0.1, -1e-30, 3e30, f64::NEG_INFINITY, 65504.0, -0.0];
    for format in FORMATS {
        for dtype in DTYPES {
            let path = dir.path(&format!("x{}", format.extension()));
            let mut writer = ScoreWriter::create(&path, score_file(format, dtype, 3, 2)).unwrap();
            writer.write_rows(&scores[..2]).unwrap();
            writer.write_rows(&scores[2..]).unwrap();
            writer.finish().unwrap();
            let dataset = Dataset::read_scores(&logits(&path)).unwrap();
            assert_eq!((dataset.rows(), dataset.classes(), dataset.format()), (3, 2, format));
            let expected = match (format, dtype) {
                (Format::Csv | Format::CsvGz, _) => Dtype::F64,
                (Format::Npy | Format::Npz, Dtype::Bf16) => Dtype::F32,
                _ => dtype,
            };
            assert_eq!(dataset.dtype(), expected);
            // Decimals are the shortest ones of their type.
            let stored = if expected == Dtype::F64 { dtype } else { expected };
            for (read, &written) in values(&dataset).into_iter().zip(&scores) {
                assert_eq!(rounded(stored, read), rounded(stored, written), "{format:?} {dtype:?}");
            }
        }
    }
    assert_eq!(dir.names(), ["x.csv", "x.csv.gz", "x.npy", "x.npz", "x.safetensors"]);
}

#[test]
fn columns_of_csv() {
    let dir = Dir::new();
    let path = dir.path("x.csv");
    let header = |names: Option<&[&str]>| {
        let column_names = names.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        let file = ScoreFile { column_names, ..score_file(Format::Csv, Dtype::F64, 1, 2) };
        let mut writer = ScoreWriter::create(&path, file)?;
        writer.write_rows(&[0.5, -1.0]).unwrap();
        writer.finish().unwrap();
        Ok::<_, temperance_data::DataError>(std::fs::read_to_string(&path).unwrap())
    };
    assert_eq!(header(None).unwrap(), "class_0,class_1\n0.5,-1.0\n");
    assert_eq!(header(Some(&["0", "1"])).unwrap(), "class_0,class_1\n0.5,-1.0\n");
    assert_eq!(header(Some(&["a,b", "c\"d"])).unwrap(), "\"a,b\",\"c\"\"d\"\n0.5,-1.0\n");
    assert_eq!(
        dir.text(&header(Some(&["a"])).unwrap_err()),
        "x.csv: number of column names is 1; expected one for each of the 2 classes"
    );
}

#[test]
fn nothing_half_written_is_left() {
    let dir = Dir::new();
    for format in FORMATS {
        let path = dir.put(&format!("x{}", format.extension()), "old");
        let mut writer = ScoreWriter::create(&path, score_file(format, Dtype::F32, 2, 2)).unwrap();
        writer.write_rows(&[1.0, 2.0]).unwrap();
        assert!(
            writer
                .write_rows(&[1.0])
                .unwrap_err()
                .to_string()
                .ends_with("number of scores is 1; expected a multiple of the 2 classes")
        );
        assert!(
            writer
                .write_rows(&[1.0; 4])
                .unwrap_err()
                .to_string()
                .ends_with("number of rows is 3; expected 2, as announced")
        );
        let error = writer.finish().unwrap_err();
        assert!(error.to_string().ends_with("number of rows is 1; expected 2, as announced"));
        drop(ScoreWriter::create(&path, score_file(format, Dtype::F32, 2, 2)).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }
    assert_eq!(dir.names().len(), FORMATS.len());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let dir = Dir::new();
    for format in FORMATS {
        let path = dir.path(&format!("full{}", format.extension()));
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let rows: Vec<f64> = (0..200_000).map(|value| f64::from(value).sqrt()).collect();
        let written =
            ScoreWriter::create(&path, score_file(format, Dtype::F64, 100_000, 2)).and_then(|mut writer| {
                writer.write_rows(&rows)?;
                writer.finish()
            });
        let error = written.unwrap_err();
        let name = format!("full{}", format.extension());
        assert_eq!(dir.text(&error), format!("cannot write {name}: no space left on device"));
    }
    let error = write_file("/dev/full".as_ref(), b"text").unwrap_err();
    assert_eq!(error.to_string(), "cannot write /dev/full: no space left on device");
    // A device stays a device.
    write_file("/dev/null".as_ref(), b"text").unwrap();
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[cfg(unix)]
#[test]
fn links_and_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    let path = dir.put("real.txt", "old");
    let plain = std::fs::metadata(&path).unwrap().permissions().mode();
    let link = dir.path("link.txt");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    write_file(&link, b"new").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode(), plain);
}

#[test]
fn targets_that_cannot_be() {
    let dir = Dir::new();
    let error = write_file(&dir.path("none/x.txt"), b"").unwrap_err();
    assert_eq!(dir.text(&error), "cannot write none/x.txt: no such file or directory");
    std::fs::create_dir(dir.path("d")).unwrap();
    assert_eq!(
        dir.text(&write_file(&dir.path("d"), b"").unwrap_err()),
        "d: target is a directory; expected the name of a file"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn npy_of_any_shape(
        (rows, classes, seed) in (1_usize..40, 1_usize..40, any::<u32>()),
        fortran: bool,
        big: bool,
    ) {
        let dir = Dir::new();
        let value = |row: usize, class: usize| f64::from(seed) + (row * classes + class) as f64 / 7.0;
        let scores: Vec<f64> =
            (0..rows * classes).map(|at| value(at / classes, at % classes)).collect();
        let path = dir.path("x.npy");
        let mut writer = ScoreWriter::create(&path, score_file(Format::Npy, Dtype::F64, rows, classes)).unwrap();
        writer.write_rows(&scores).unwrap();
        writer.finish().unwrap();
        prop_assert_eq!(&values(&Dataset::read_scores(&logits(&path)).unwrap()), &scores);

        let (order, python) = (if big { '>' } else { '<' }, if fortran { "True" } else { "False" });
        let header = format!("{{'descr': '{order}f8', 'fortran_order': {python}, 'shape': ({rows}, {classes})}}\n");
        let mut data = Vec::new();
        for (at, &score) in scores.iter().enumerate() {
            let score = if fortran { value(at % rows, at / rows) } else { score };
            data.extend(if big { score.to_be_bytes() } else { score.to_le_bytes() });
        }
        let path = dir.put("y.npy", npy_with(2, &header, &data));
        prop_assert_eq!(&values(&Dataset::read_scores(&logits(&path)).unwrap()), &scores);
    }

    #[test]
    fn damage_is_never_a_panic(at in 0_usize..400, byte: u8, which in 0_usize..3) {
        let dir = Dir::new();
        let (name, mut bytes) = match which {
            0 => ("x.npy", npy_logits(8, 8)),
            1 => ("x.npz", stored(&[("logits.npy", &npy_logits(4, 8))])),
            _ => ("x.safetensors", safetensors(
                r#"{"logits":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#, &[0; 16])),
        };
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Dataset::read_scores(&logits(&dir.put(name, bytes)));
    }
}
