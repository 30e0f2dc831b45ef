//! `temperance-lab study`.

use std::io::Write;

use serde_json::json;
use temperance_data::write_file;

use crate::Io;
use crate::args::StudyArguments;
use crate::failure::{Failure, Result};
use crate::folder::{is_empty, write_page};
use crate::progress;
use crate::study::{Evidence, Plan, claims, document, make};

/// What a study was asked for, in its folder.
const REQUEST: &str = "request.json";

pub(crate) fn run(arguments: &StudyArguments, io: &mut Io<'_>) -> Result {
    let request = arguments.request()?;
    let folder = &arguments.output;
    let cannot = |error| Failure::Error(format!("{}: cannot be written: {error}", folder.display()));
    let text = serde_json::to_string_pretty(&request).expect("a request is plain values");
    match std::fs::read_to_string(folder.join(REQUEST)) {
        Ok(earlier) if earlier != text => {
            let expected = "expected the same request, or another --output";
            return Err(Failure::Error(format!("{}: holds another study; {expected}", folder.display())));
        }
        Ok(_) => {}
        Err(_) if !is_empty(folder) => {
            let expected = "expected a new folder, or that of a study";
            return Err(Failure::Error(format!("{}: is not empty; {expected}", folder.display())));
        }
        Err(_) => {}
    }
    let plan = Plan::new(&request);
    // What cannot be read is refused before anything is written.
    plan.check_data()?;
    std::fs::create_dir_all(folder).map_err(cannot)?;
    write_file(&folder.join(REQUEST), text.as_bytes())?;

    let template = "run {pos}/{len} {bar:30} {eta} left  {msg}";
    let bar = progress::bar(io.watched, Some(plan.runs() as u64), template);
    let made = make(&plan, folder, &bar);
    bar.finish_and_clear();
    made?;
    let evidence = Evidence::gather(&request, &plan, folder)?;
    let claims = claims(&evidence);
    let seconds = plan.seconds(folder)?;
    let document = document(&claims, &evidence, &request, &plan, &arguments.command(), seconds);
    let json = json!({
        "command": arguments.command(),
        "training_seconds": seconds,
        "request": request,
        "claims": claims,
        "evidence": evidence,
    });
    let json = serde_json::to_string_pretty(&json).expect("a study is plain values");
    write_file(&folder.join("study.json"), format!("{json}\n").as_bytes())?;
    write_page(&document, folder, "study.html")?;
    if !arguments.quiet {
        writeln!(io.stdout, "{}", document.text(80))?;
        writeln!(
            io.stdout,
            "Written to {0}: study.html, study.json, a .svg of each figure, and the runs.",
            folder.display()
        )?;
    }
    Ok(())
}
