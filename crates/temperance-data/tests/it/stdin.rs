//! Standard input, by running this program again.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::common::*;
use temperance_data::{Dataset, Input};

#[test]
#[ignore = "run by the test below"]
fn child() {
    let input = Input { file: Some("-".into()), ..Input::default() };
    match Dataset::read_scores(&input) {
        Ok(dataset) => println!("<{:?} {:?}>", dataset.format(), values(&dataset)),
        Err(error) => println!("<{error}>"),
    }
}

fn piped(bytes: &[u8]) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "stdin::child"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    text.split_once('<').unwrap().1.split_once('>').unwrap().0.to_owned()
}

#[test]
fn a_pipe() {
    assert_eq!(piped(&npy_logits(1, 2)), "Npy [0.0, 1.0]");
    assert_eq!(piped(b"a,b,label\n1,2,0\n"), "Csv [1.0, 2.0]");
    assert_eq!(piped(&gzip(b"a,b\n1,2\n")), "CsvGz [1.0, 2.0]");
    assert_eq!(
        piped(b"a,b\n1\n"),
        "standard input, line 2: number of cells is 1; expected 2, as in the header"
    );
}
