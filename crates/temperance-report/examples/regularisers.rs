//! Draws the pictures of `docs/choosing-a-regulariser.md` into `docs/figures`, or another folder:
//! `cargo run -p temperance-report --example regularisers -- FOLDER`.

use std::error::Error;
use std::path::PathBuf;

#[path = "../tests/pictures/mod.rs"]
mod pictures;

fn main() -> Result<(), Box<dyn Error>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/figures");
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| default.to_owned()));
    std::fs::create_dir_all(&folder)?;
    for figure in pictures::all()? {
        std::fs::write(folder.join(format!("{}.svg", figure.name)), &figure.svg)?;
        println!("{}: {}", figure.name, figure.title);
    }
    Ok(())
}
