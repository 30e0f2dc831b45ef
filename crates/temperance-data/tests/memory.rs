//! Reading an array needs the memory of that array and little more. Alone in its process, to be measured.

use std::io::Write;

use temperance_data::{Dataset, Input};

/// The most memory that this process has had, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

#[test]
fn one_copy_is_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    const SIZE: u64 = 64 << 20;
    let (rows, classes) = (SIZE / 4 / 64, 64);
    let zeros = vec![0; 1 << 20];
    let Some(before) = peak() else {
        eprintln!("skipped: this system does not tell its peak memory");
        return;
    };
    for (order, fortran) in [('<', "False"), ('>', "True")] {
        let path = dir.path().join("x.npy");
        let header =
            format!("{{'descr': '{order}f4', 'fortran_order': {fortran}, 'shape': ({rows}, {classes})}}\n");
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(b"\x93NUMPY\x01\x00").unwrap();
        file.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
        for _ in 0..SIZE >> 20 {
            file.write_all(&zeros).unwrap();
        }
        drop(file);
        let dataset = Dataset::read_scores(&Input { logits: Some(path), ..Input::default() }).unwrap();
        assert_eq!(dataset.rows() as u64, rows);
        let grown = peak().unwrap() - before;
        assert!(grown < SIZE + (4 << 20), "{order} {fortran}: {grown} bytes");
    }
}
