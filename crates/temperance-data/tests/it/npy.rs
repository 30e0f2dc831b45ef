//! `.npy` files: everything numpy writes, and what is refused.

use crate::common::*;
use half::f16;
use temperance_data::{Dataset, Dtype, Format};

fn read(dir: &Dir, bytes: Vec<u8>) -> Dataset {
    Dataset::read_scores(&logits(&dir.put("x.npy", bytes))).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_version_of_the_header() {
    let dir = Dir::new();
    let data = f32s(&[1.0, 2.0]);
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }   \n";
    for version in 1..=3 {
        let dataset = read(&dir, npy_with(version, header, &data));
        assert_eq!((dataset.rows(), dataset.classes()), (1, 2));
        assert_eq!((dataset.format(), dataset.dtype()), (Format::Npy, Dtype::F32));
        assert_eq!(values(&dataset), [1.0, 2.0]);
    }
    // As Python 2 and other programs write it.
    for header in [
        "{\"shape\":(1L,2L),\"fortran_order\":False,\"descr\":\"<f4\"}",
        "{ 'fortran_order' : False , 'shape' : ( 1 , 2 , ) , 'descr' : '=f4' }\n",
    ] {
        assert_eq!(values(&read(&dir, npy_with(1, header, &data))), [1.0, 2.0]);
    }
}

#[test]
fn every_number_type_in_both_byte_orders() {
    let dir = Dir::new();
    macro_rules! check {
        ($code:literal, $dtype:expr, $($value:expr),*) => {
            let little: Vec<u8> = [$($value),*].iter().flat_map(|v| v.to_le_bytes()).collect();
            let big: Vec<u8> = [$($value),*].iter().flat_map(|v| v.to_be_bytes()).collect();
            for (order, data) in [('<', little), ('>', big)] {
                let dataset = read(&dir, npy(&format!("{order}{}", $code), "(1, 3)", &data));
                assert_eq!(values(&dataset), [1.0, 2.0, 100.0], "{}", $code);
                assert_eq!(dataset.dtype(), $dtype, "{}", $code);
            }
        };
    }
    check!("f4", Dtype::F32, 1_f32, 2.0, 100.0);
    check!("f8", Dtype::F64, 1_f64, 2.0, 100.0);
    check!("f2", Dtype::F16, f16::from_f32(1.0), f16::from_f32(2.0), f16::from_f32(100.0));
    check!("i1", Dtype::F32, 1_i8, 2, 100);
    check!("u1", Dtype::F32, 1_u8, 2, 100);
    check!("i2", Dtype::F32, 1_i16, 2, 100);
    check!("u2", Dtype::F32, 1_u16, 2, 100);
    check!("i4", Dtype::F64, 1_i32, 2, 100);
    check!("u4", Dtype::F64, 1_u32, 2, 100);
    check!("i8", Dtype::F64, 1_i64, 2, 100);
    check!("u8", Dtype::F64, 1_u64, 2, 100);
    let dataset = read(&dir, npy("<i2", "(1, 1)", &[5, 0]));
    assert_eq!(dataset.notes(), ["logits are int16: read as float32"]);
    assert_eq!(values(&read(&dir, npy("|b1", "(1, 2)", &[1, 0]))), [1.0, 0.0]);
    let bf16 = read(&dir, npy("bfloat16", "(1, 2)", &[0x80, 0x3f, 0, 0x40]));
    assert_eq!((values(&bf16), bf16.dtype()), (vec![1.0, 2.0], Dtype::Bf16));
}

#[test]
fn fortran_order_is_turned() {
    let dir = Dir::new();
    let header = "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3), }\n";
    let data: Vec<u8> = [1.0_f32, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|v| v.to_be_bytes()).collect();
    let file = npy_with(1, header, &data);
    assert_eq!(values(&read(&dir, file.clone())), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let archive = npz(&[("logits.npy", &file)], zip::CompressionMethod::Deflated);
    let dataset = Dataset::read_scores(&logits(&dir.put("x.npz", archive))).unwrap();
    assert_eq!(values(&dataset), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn shapes_that_are_no_matrix_of_scores() {
    let dir = Dir::new();
    let data = f32s(&[0.0; 8]);
    assert_eq!(
        dir.scores_error("x.npy", npy("<f4", "(8,)", &data)),
        "x.npy: shape of logits is (8,); expected two dimensions, (rows, classes)"
    );
    assert_eq!(
        dir.scores_error("x.npy", npy("<f4", "()", &data[..4])),
        "x.npy: shape of logits is (); expected two dimensions, (rows, classes)"
    );
    assert_eq!(
        dir.scores_error("x.npy", npy("<f4", "(2, 2, 2)", &data)),
        "x.npy: shape of logits is (2, 2, 2); expected two dimensions, (rows, classes): move the classes last \
         and flatten the rest"
    );
    assert_eq!(
        dir.scores_error("x.npy", npy("<f4", "(0, 8)", &[])),
        "x.npy: number of rows of logits is 0; expected at least 1"
    );
    assert_eq!(
        dir.scores_error("x.npy", npy("<f4", "(1000000000000, 0)", &[])),
        "x.npy: number of classes of logits is 0; expected at least 1"
    );
}

#[test]
fn dtypes_that_are_no_numbers() {
    let dir = Dir::new();
    let refused = |descr: &str| dir.scores_error("x.npy", npy(descr, "(1, 1)", &[0; 16]));
    assert_eq!(
        refused("|O"),
        "x.npy: dtype is |O; expected numbers or strings (pickled objects are never loaded)"
    );
    assert_eq!(refused("<c8"), "x.npy: dtype is <c8; expected real numbers, not complex ones");
    assert_eq!(
        refused("<V2"),
        "x.npy: dtype is <V2; expected float32 or float16 (numpy writes bfloat16 as unnamed bytes: save it as \
         float32, or as .safetensors)"
    );
    for descr in
        ["<M8[s]", "|V8", "<f16", "<f3", "", "<", "é", "<U0", "<U99999999999", "<U18446744073709551616"]
    {
        assert_eq!(
            refused(descr),
            format!("x.npy: dtype is {descr}; expected bool, integers, float16, float32, float64 or strings")
        );
    }
    assert_eq!(
        dir.scores_error(
            "x.npy",
            npy_with(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", &[0; 4])
        ),
        "x.npy: dtype is structured; expected bool, integers, float16, float32, float64 or strings"
    );
    assert_eq!(
        dir.scores_error("x.npy", npy_texts(&["a", "b"])),
        "x.npy: dtype is strings; expected numbers"
    );
}

#[test]
fn sizes_that_lie() {
    let dir = Dir::new();
    let whole = npy_logits(2, 3);
    for cut in [1, 8, 24] {
        assert_eq!(
            dir.scores_error("x.npy", &whole[..whole.len() - cut]),
            format!(
                "x.npy: size of the data is {} bytes; expected 24 bytes for shape (2, 3) of float32 (the file \
                 is truncated)",
                24 - cut
            )
        );
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert_eq!(
        dir.scores_error("x.npy", longer),
        "x.npy: size of the data is 25 bytes; expected 24 bytes for shape (2, 3) of float32 (bytes follow the \
         array)"
    );
    assert_eq!(
        dir.scores_error("x.npy", npy("<f4", "(1000000000000, 10)", &f32s(&[0.0; 4]))),
        "x.npy: size of the data is 16 bytes; expected 40000000000000 bytes for shape (1000000000000, 10) of \
         float32 (the file is truncated)"
    );
    for shape in ["(4294967296, 4294967296)", "(9223372036854775807, 2)", "(2305843009213693952, 1)"] {
        assert_eq!(
            dir.scores_error("x.npy", npy("<f4", shape, &[])),
            format!("x.npy: shape is {shape}; expected an array that fits into memory")
        );
    }
    assert_eq!(
        dir.scores_error("x.npy", npy("<f4", "(99999999999999999999, 1)", &[])),
        "x.npy: shape is (99999999999999999999, …); expected an array that fits into memory"
    );
}

#[test]
fn headers_that_are_none() {
    let dir = Dir::new();
    let whole = npy_logits(2, 3);
    // Wherever the file ends, it is an error and no panic.
    for end in 0..whole.len() {
        dir.scores_error("x.npy", &whole[..end]);
    }
    assert_eq!(
        dir.scores_error("x.npy", ""),
        "x.npy: start of the file is missing; expected \\x93NUMPY, the mark of a .npy file"
    );
    assert_eq!(
        dir.scores_error("x.npy", "PK\x03\x04....."),
        "x.npy: start of the file is PK\\x03\\x04..; expected \\x93NUMPY, the mark of a .npy file"
    );
    assert_eq!(
        dir.scores_error("x.npy", &whole[..30]),
        "x.npy: header is truncated; expected a whole .npy header"
    );
    assert_eq!(
        dir.scores_error("x.npy", npy_with(4, "{}", &[])),
        "x.npy: .npy version is 4; expected 1, 2 or 3"
    );
    let mut huge = b"\x93NUMPY\x02\x00".to_vec();
    huge.extend(u32::MAX.to_le_bytes());
    assert_eq!(
        dir.scores_error("x.npy", huge),
        "x.npy: size of the header is 4294967295 bytes; expected at most a megabyte"
    );
    for (header, found) in [
        ("", "incomplete"),
        ("{}", "incomplete"),
        ("{'descr': '<f4', 'fortran_order': False}", "incomplete"),
        ("{'descr': '<f4", "incomplete"),
        ("[1]", "malformed at \"[1]\""),
        ("{'shape': (1, -2)}", "malformed at \"-2)}\""),
        ("{'shape': 3}", "malformed at \"3}\""),
        ("{'fortran_order': 0}", "malformed at \"0}\""),
        ("{'other': 0}", "malformed at \"0}\""),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1)} x", "malformed at \"x\""),
    ] {
        assert_eq!(
            dir.scores_error("x.npy", npy_with(1, header, &[])),
            format!("x.npy: header is {found}; expected a dictionary of descr, fortran_order and shape"),
            "{header}"
        );
    }
    let nested = "(".repeat(60000);
    dir.scores_error("x.npy", npy_with(1, &nested, &[]));
    dir.scores_error("x.npy", npy_with(1, &format!("{{'shape': {nested}"), &[]));
}
