//! Renders made-up reports and comparisons, usual and odd ones, into a folder: `cargo run -p temperance-report --example render -- out`.

use std::path::Path;

#[path = "../tests/samples/mod.rs"]
mod samples;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "temperance-out".to_owned());
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    for (name, make) in samples::ALL {
        let report = make();
        std::fs::write(folder.join(format!("{name}.txt")), report.text(80))?;
        std::fs::write(folder.join(format!("{name}.json")), report.json())?;
        std::fs::write(folder.join(format!("{name}.html")), report.html())?;
        for figure in report.figures() {
            std::fs::write(folder.join(format!("{name}-{}.svg", figure.name)), figure.svg)?;
        }
    }
    for (name, make) in samples::COMPARISONS {
        let comparison = make();
        std::fs::write(folder.join(format!("{name}.txt")), comparison.text(80))?;
        std::fs::write(folder.join(format!("{name}.json")), comparison.json())?;
        std::fs::write(folder.join(format!("{name}.html")), comparison.html())?;
        for figure in comparison.figures() {
            std::fs::write(folder.join(format!("{name}-{}.svg", figure.name)), figure.svg)?;
        }
    }
    println!("{}", samples::over_confident().text(80));
    println!("{}", samples::comparison().text(80));
    println!("{}", samples::over_confident().before.text(80));
    Ok(())
}
