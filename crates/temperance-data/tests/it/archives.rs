//! `.npz` and `.safetensors`.

use crate::common::*;
use temperance_data::{Dataset, Dtype, Format};
use zip::CompressionMethod::{Deflated, Stored};

fn read(dir: &Dir, name: &str, bytes: Vec<u8>) -> Dataset {
    Dataset::read(&file(&dir.put(name, bytes))).unwrap_or_else(|error| panic!("{error}"))
}

fn error(dir: &Dir, name: &str, bytes: Vec<u8>) -> String {
    dir.text(&Dataset::read(&file(&dir.put(name, bytes))).unwrap_err())
}

#[test]
fn an_npz_of_everything() {
    let dir = Dir::new();
    for method in [Stored, Deflated] {
        let bytes = npz(
            &[
                ("logits.npy", &npy_logits(2, 3)),
                ("labels.npy", &npy_labels(&[0, 2])),
                ("weights.npy", &npy("<f4", "(2, 1)", &f32s(&[1.0, 0.5]))),
                ("other.npy", &npy_labels(&[7])),
                ("README", b"text"),
            ],
            method,
        );
        let dataset = read(&dir, "x.npz", bytes);
        assert_eq!((dataset.rows(), dataset.classes(), dataset.format()), (2, 3, Format::Npz));
        assert!(dataset.has_targets() && dataset.has_weights() && !dataset.holds_probabilities());
        assert_eq!(dataset.block().unwrap().rows(), 2);
        let note = dataset.notes()[0].replace(&format!("{}/", dir.0.path().display()), "");
        assert_eq!(note, "weights of x.npz are used");
    }
}

#[test]
fn soft_labels_stand_in_for_labels() {
    let dir = Dir::new();
    let soft = npy("<f4", "(1, 2)", &f32s(&[0.5, 0.5]));
    let bytes = stored(&[("logits.npy", &npy_logits(1, 2)), ("soft_labels.npy", &soft)]);
    let dataset = read(&dir, "x.npz", bytes);
    assert!(matches!(dataset.block().unwrap().targets(), temperance::Targets::Soft(_)));
    let bytes = stored(&[
        ("logits.npy", &npy_logits(1, 2)),
        ("soft_labels.npy", &soft),
        ("y.npy", &npy_labels(&[1])),
    ]);
    let dataset = read(&dir, "x.npz", bytes.clone());
    assert!(matches!(dataset.block().unwrap().targets(), temperance::Targets::Labels(_)));
    let mut input = file(&dir.put("x.npz", bytes));
    input.soft_labels_name = Some("soft_labels".into());
    let dataset = Dataset::read(&input).unwrap();
    assert!(matches!(dataset.block().unwrap().targets(), temperance::Targets::Soft(_)));
}

#[test]
fn names_of_arrays() {
    let dir = Dir::new();
    let (scores, labels) = (npy_logits(1, 2), npy_labels(&[0]));
    assert_eq!(
        error(&dir, "x.npz", stored(&[("probs.npy", &scores), ("labels.npy", &labels)])),
        "x.npz: array of the logits is missing (the file holds probs, labels); expected an array named logits; to \
         read probs say so with --probabilities"
    );
    let mut input = file(&dir.path("x.npz"));
    input.file_holds_probabilities = true;
    assert!(Dataset::read(&input).unwrap().holds_probabilities());
    dir.put("x.npz", stored(&[("logits.npy", &scores), ("labels.npy", &labels)]));
    assert_eq!(
        dir.text(&Dataset::read(&input).unwrap_err()),
        "x.npz: array of the probabilities is missing (the file holds logits, labels); expected an array named \
         probabilities; to read logits say so without --probabilities"
    );
    assert_eq!(
        error(&dir, "x.npz", stored(&[("logits.npy", &scores), ("arr_1.npy", &labels)])),
        "x.npz: array of the labels is missing (the file holds logits, arr_1); expected one named labels, label, \
         y, targets, target, or its name with --labels-name"
    );
    assert_eq!(
        error(&dir, "x.npz", stored(&[("a.npy", &scores), ("b.npy", &labels)])),
        "x.npz: array of the logits is missing (the file holds a, b); expected one named logits, or its name \
         with --scores-name"
    );
    assert_eq!(
        error(&dir, "x.npz", stored(&[("README", b"")])),
        "x.npz: array of the logits is missing (the file holds no array); expected one named logits, or its name \
         with --scores-name"
    );
    let mut input = file(&dir.put("x.npz", stored(&[("a.npy", &scores), ("b.npy", &labels)])));
    (input.scores_name, input.labels_name) = (Some("a".into()), Some("b".into()));
    assert_eq!(Dataset::read(&input).unwrap().rows(), 1);
    input.weights_name = Some("w".into());
    assert_eq!(
        dir.text(&Dataset::read(&input).unwrap_err()),
        "x.npz: array w is missing (the file holds a, b); expected one of the arrays of the file"
    );
    // One array needs no name.
    let mut input = logits(&dir.put("s.npz", stored(&[("arr_0.npy", &scores)])));
    input.labels = Some(dir.put("l.npz", stored(&[("arr_0.npy", &labels)])));
    assert_eq!(Dataset::read(&input).unwrap().rows(), 1);
}

#[test]
fn archives_that_are_refused() {
    let dir = Dir::new();
    let whole = stored(&[("logits.npy", &npy_logits(2, 3)), ("labels.npy", &npy_labels(&[0, 1]))]);
    for end in 0..whole.len() {
        assert!(error(&dir, "x.npz", whole[..end].to_vec()).starts_with("x.npz: zip archive is damaged"));
    }
    // The checksum of the member.
    let mut flipped = whole.clone();
    let at = flipped.windows(4).position(|four| four == 1.0_f32.to_le_bytes()).unwrap();
    flipped[at] ^= 1;
    assert_eq!(
        error(&dir, "x.npz", flipped),
        "x.npz, array logits: compressed data is damaged (Invalid checksum); expected an intact file"
    );
    // Two members of one name: the second is renamed in its local and its central header.
    let mut twice = stored(&[("logits.npy", &npy_logits(2, 3)), ("l0gits.npy", &npy_logits(2, 3))]);
    while let Some(at) = twice.windows(6).position(|name| name == b"l0gits") {
        twice[at + 1] = b'o';
    }
    assert_eq!(
        error(&dir, "x.npz", twice),
        "x.npz: name of a member is used twice; expected every array once"
    );
    // The bit that says encrypted, in both headers.
    let mut encrypted = whole;
    encrypted[6] |= 1;
    let central = encrypted.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    encrypted[central + 8] |= 1;
    assert_eq!(
        error(&dir, "x.npz", encrypted),
        "x.npz, array logits: member is encrypted; expected an archive without a password"
    );
    let pickled = npy("|O", "(2, 3)", b"\x80\x03.");
    assert_eq!(
        error(&dir, "x.npz", stored(&[("logits.npy", &pickled), ("labels.npy", &npy_labels(&[0, 1]))])),
        "x.npz, array logits: dtype is |O; expected numbers or strings (pickled objects are never loaded)"
    );
    let short = npy("<f4", "(2, 3)", &[0; 20]);
    for method in [Stored, Deflated] {
        assert_eq!(
            error(
                &dir,
                "x.npz",
                npz(&[("logits.npy", &short), ("labels.npy", &npy_labels(&[0, 1]))], method)
            ),
            "x.npz, array logits: size of the data is 20 bytes; expected 24 bytes for shape (2, 3) of float32 \
             (the file is truncated)"
        );
    }
}

#[test]
fn an_archive_that_expands_without_end() {
    let dir = Dir::new();
    // 90 MB of zeros deflate to 90 kB.
    let bomb = npy("|u1", "(900000, 100)", &vec![0; 90_000_000]);
    let bytes = npz(&[("logits.npy", &bomb)], Deflated);
    assert!(bytes.len() < 200_000);
    let text = dir.scores_error("x.npz", bytes);
    assert!(text.starts_with("x.npz, array logits: inflated size is more than "), "{text}");
    assert!(text.ends_with("; expected at most 200 times its compressed size; decompress the file first"));
    // The header of the array may also claim little, or far too much.
    let claims = npy("|u1", "(1000000000000, 100)", &[0; 1000]);
    let text = dir.scores_error("x.npz", npz(&[("logits.npy", &claims)], Deflated));
    assert!(text.starts_with("x.npz, array logits: inflated size is more than "), "{text}");
    let more = npy("|u1", "(1, 100)", &[0; 10_000]);
    assert_eq!(
        dir.scores_error("x.npz", npz(&[("logits.npy", &more)], Deflated)),
        "x.npz, array logits: size of the data is more than 100 bytes; expected 100 bytes for shape (1, 100) of \
         uint8 (bytes follow the array)"
    );
}

#[test]
fn safetensors_of_everything() {
    let dir = Dir::new();
    let header = r#"{"__metadata__":{"format":"pt"},"logits":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]},"labels":{"dtype":"I64","shape":[2],"data_offsets":[8,24]}}"#;
    let mut data = vec![0x80, 0x3f, 0, 0x40, 0x40, 0x40, 0, 0xc0];
    data.extend(i64s(&[0, 1]));
    let whole = safetensors(header, &data);
    let dataset = read(&dir, "x.safetensors", whole.clone());
    assert_eq!((dataset.dtype(), dataset.format()), (Dtype::Bf16, Format::Safetensors));
    assert_eq!(values(&dataset), [1.0, 2.0, 3.0, -2.0]);
    for end in 0..whole.len() {
        error(&dir, "x.safetensors", whole[..end].to_vec());
    }
    assert_eq!(
        error(&dir, "x.safetensors", whole[..whole.len() - 1].to_vec()),
        "x.safetensors: size of the data is 23 bytes; expected 24 bytes for the tensors of the header (the file \
         is truncated)"
    );
    let mut longer = whole;
    longer.push(0);
    assert_eq!(
        error(&dir, "x.safetensors", longer),
        "x.safetensors: size of the data is 25 bytes; expected 24 bytes for the tensors of the header (bytes \
         follow the tensors)"
    );
}

#[test]
fn safetensors_that_lie() {
    let dir = Dir::new();
    let refused = |header: &str, data: &[u8]| error(&dir, "x.safetensors", safetensors(header, data));
    assert_eq!(
        error(&dir, "x.safetensors", vec![0; 7]),
        "x.safetensors: size of the file is 7 bytes; expected a whole .safetensors file"
    );
    assert_eq!(
        error(&dir, "x.safetensors", u64::MAX.to_le_bytes().to_vec()),
        "x.safetensors: size of the header is 18446744073709551615 bytes; expected at most 0, to fit into the file"
    );
    assert!(refused("{", &[]).starts_with("x.safetensors: header is malformed ("));
    assert!(refused(&"[".repeat(100_000), &[]).starts_with("x.safetensors: header is malformed ("));
    // Offsets that overlap, run backwards, or do not fit the shape.
    for (shape, offsets) in
        [("[1,1]", "[0,8]"), ("[1,1]", "[4,0]"), ("[4294967296,4294967296]", "[0,4]"), ("[1,1]", "[4,8]")]
    {
        let header = format!(r#"{{"logits":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#);
        assert!(refused(&header, &[0; 8]).starts_with("x.safetensors: header is malformed ("), "{header}");
    }
    assert_eq!(
        refused(r#"{"logits":{"dtype":"F8_E4M3","shape":[1,1],"data_offsets":[0,1]}}"#, &[0]),
        "x.safetensors, array logits: dtype is F8_E4M3; expected bool, integers, F16, BF16, F32 or F64"
    );
}
