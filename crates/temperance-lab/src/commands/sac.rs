//! `temperance-lab sac`.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use serde_json::json;
use temperance::fold::Progress;
use temperance_data::write_file;
use temperance_report::{Document, Section};
use temperance_rl::environment::ENVIRONMENTS;
use temperance_rl::{Mode, PRESETS, mean_return, preset};

use crate::Io;
use crate::args::{
    SacCommand, SacDemoArguments, SacEvaluateArguments, SacPlotArguments, SacSettingsArguments,
    SacTrainArguments,
};
use crate::failure::{Failure, Result};
use crate::folder::{is_empty, write_page};
use crate::sac::{
    CHECKPOINT, PAGE, REQUEST, Request, SUMMARY, check_finished, count, curves, document, load, named, page,
    prepare, seed_folder, train,
};
use crate::statistics::{Estimate, interquartile};
use crate::{interrupt, progress};

pub(crate) fn run(command: &SacCommand, io: &mut Io<'_>) -> Result {
    match command {
        SacCommand::Train(arguments) => run_train(arguments, io),
        SacCommand::Evaluate(arguments) => run_evaluate(arguments, io),
        SacCommand::Plot(arguments) => run_plot(arguments, io),
        SacCommand::Settings(arguments) => run_settings(arguments, io),
        SacCommand::Demo(arguments) => run_demo(arguments, io),
    }
}

fn run_train(arguments: &SacTrainArguments, io: &mut Io<'_>) -> Result {
    let request = Request::of(arguments)?;
    let folder = &arguments.output;
    prepare(folder, &request, arguments.manner.resume, arguments.manner.force)?;
    let all = request.steps_made() * request.seeds;
    let bar = progress::bar(io.watched, Some(all), "step {pos}/{len} {bar:20} {eta} left  {msg}");
    let done = train(&request, folder, &bar);
    bar.finish_and_clear();
    let done = done?;
    let command = format!("temperance-lab sac train --config {}", folder.join(REQUEST).display());
    let document = document(folder, &request, &done, &command)?;
    let means: Vec<f64> = done.iter().map(|done| done.mean).collect();
    let (mean, middle) = (Estimate::of(&means), interquartile(&means));
    let speed = done.iter().map(|done| done.steps_per_second).sum::<f64>() / done.len() as f64;
    let summary = json!({
        "environment": request.environment,
        "steps": request.steps_made(),
        "seeds": request.seeds,
        "episodes": request.episodes,
        "mean_return": mean,
        "interquartile_mean": middle,
        "steps_per_second": speed,
        "runs": done,
    });
    write_file(&folder.join(SUMMARY), format!("{}\n", pretty(&summary)).as_bytes())?;
    write_page(&document, folder, PAGE)?;
    if arguments.manner.json {
        writeln!(io.stdout, "{summary}")?;
    } else if !arguments.manner.quiet {
        writeln!(io.stdout, "{}", document.text(80))?;
        writeln!(
            io.stdout,
            "Written to {0}:\n{PAGE}, {SUMMARY}, a .svg of each figure; of each seed metrics.csv,\nTensorBoard events and \
             its checkpoint.\nNext: temperance-lab sac evaluate {0} --stochastic",
            folder.display()
        )?;
    }
    Ok(())
}

fn run_evaluate(arguments: &SacEvaluateArguments, io: &mut Io<'_>) -> Result {
    let folder = &arguments.run;
    let request = request_of(folder)?;
    if arguments.episodes == 0 {
        return Err(Failure::Error("episodes is 0; expected at least 1".into()));
    }
    let mut elsewhere = request.clone();
    elsewhere.parameters.extend(arguments.parameters.iter().cloned());
    let parameters = elsewhere.parameters();
    check_finished(folder, &request)?;
    let mode = if arguments.stochastic { Mode::Stochastic } else { Mode::Deterministic };
    let mut means = Vec::new();
    let bar = progress::bar(io.watched, None, "{msg}: episode {pos}/{len} {bar:30} {eta} left");
    for seed in request.all_seeds() {
        let training = load(&seed_folder(folder, seed).join(CHECKPOINT), &request, seed)?;
        bar.reset();
        bar.set_message(format!("seed {seed}"));
        // Other first states than those seen while training.
        let episodes =
            training.evaluate(arguments.episodes, mode, 2_000_000, Some(&parameters), &watch(&bar))?;
        means.push(mean_return(&episodes));
    }
    bar.finish_and_clear();
    let (mean, middle) = (Estimate::of(&means), interquartile(&means));
    if arguments.json {
        let seeds: Vec<u64> = request.all_seeds().collect();
        let summary = json!({ "environment": request.environment, "seeds": seeds, "means": means, "mean_return": mean, "interquartile_mean": middle });
        writeln!(io.stdout, "{summary}")?;
        return Ok(());
    }
    let how = if arguments.stochastic { "actions drawn from the policy" } else { "no noise" };
    writeln!(
        io.stdout,
        "{}: {} episodes of each of {} seeds, {how}\nmean return {}, interquartile mean {}",
        request.environment,
        arguments.episodes,
        request.seeds,
        mean.text(1),
        middle.text(1)
    )?;
    Ok(())
}

fn run_plot(arguments: &SacPlotArguments, io: &mut Io<'_>) -> Result {
    if arguments.output.extension().is_none_or(|end| end != "html") {
        // A slip of the hand must not cost a file of a run.
        let shown = arguments.output.display();
        return Err(Failure::Error(format!("output is {shown}; expected a file that ends in .html")));
    }
    let name = |folder: &PathBuf| folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let names: Vec<Option<String>> = arguments.runs.iter().map(name).collect();
    let mut runs: Vec<(String, &Path, Request)> = Vec::new();
    for (folder, name) in arguments.runs.iter().zip(&names) {
        // By its name alone where no other run has the same.
        let alone = names.iter().filter(|other| *other == name).count() == 1;
        let name = name.clone().filter(|_| alone).unwrap_or_else(|| folder.display().to_string());
        runs.push((name, folder, request_of(folder)?));
    }
    let environments: Vec<&str> = runs.iter().map(|(_, _, request)| request.environment.as_str()).collect();
    if let Some(other) = environments.iter().find(|name| **name != environments[0]) {
        let text = format!("environments are {} and {other}; expected runs of one", environments[0]);
        return Err(Failure::Error(text));
    }
    let document = Document {
        eyebrow: "Soft actor-critic".into(),
        title: format!("{}: {} beside each other", environments[0], count(runs.len() as u64, "run")),
        sections: vec![Section { heading: "Curves".into(), figures: curves(&runs)?, ..Section::default() }],
        version: concat!("temperance-lab ", env!("CARGO_PKG_VERSION")).into(),
        ..Document::default()
    };
    write_file(&arguments.output, document.html().as_bytes())?;
    writeln!(io.stdout, "Written: {}", arguments.output.display())?;
    Ok(())
}

fn run_settings(arguments: &SacSettingsArguments, io: &mut Io<'_>) -> Result {
    let chosen = preset(&arguments.preset)?;
    writeln!(io.stdout, "# Environments, with their parameters")?;
    for entry in ENVIRONMENTS {
        let parameters: Vec<String> = entry
            .parameters
            .iter()
            .map(|parameter| format!("{} = {}", parameter.name, parameter.default))
            .collect();
        writeln!(io.stdout, "#   {}: {}\n#     {}", entry.name, entry.summary, parameters.join(", "))?;
    }
    writeln!(io.stdout, "\n# Presets")?;
    for preset in PRESETS {
        writeln!(io.stdout, "#   {}: {} ({})", preset.name, preset.summary, preset.source)?;
    }
    let settings = toml::to_string(&(chosen.settings)()).expect("settings are plain values");
    writeln!(io.stdout, "\n# Settings of {}; besides, with no value of their own:", chosen.name)?;
    writeln!(
        io.stdout,
        "# alpha, target_entropy, final_target_entropy_scale, q_clip\n[settings]\n{settings}"
    )?;
    Ok(())
}

/// The numbers of a page of demonstrations; their presence says that a folder holds one.
const NUMBERS: &str = "demo.json";

/// The page itself.
const DEMO: &str = "demo.html";

fn run_demo(arguments: &SacDemoArguments, io: &mut Io<'_>) -> Result {
    let demonstrations = named(&arguments.names)?;
    let folder = &arguments.output;
    let earlier = std::fs::read(folder.join(NUMBERS)).ok();
    let mut earlier = earlier.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    if !is_empty(folder) && earlier.as_ref().is_none_or(|page| page.get("demonstrations").is_none()) {
        let expected = "expected a new folder, or that of a page of demonstrations";
        return Err(Failure::Error(format!("{}: is not empty; {expected}", folder.display())));
    }
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::Error(format!("{}: cannot be written: {error}", folder.display())))?;
    let bar = progress::bar(io.watched, None, "{msg} {bar:30} {percent} %, {eta} left");
    let watch = |progress: Progress| {
        bar.set_message(progress.task);
        watch(&bar)(progress)
    };
    let command = arguments.command();
    let (mut document, mut numbers) = (page(&command, arguments.quick), serde_json::Map::new());
    for demonstration in &demonstrations {
        bar.reset();
        let shown = (demonstration.run)(arguments.quick, &watch).map_err(|error| {
            let made: Vec<&str> = numbers.keys().map(String::as_str).collect();
            match Failure::from(error) {
                Failure::Interrupted(_) if !made.is_empty() => Failure::Interrupted(format!(
                    "interrupted; {} shows what was done: {}",
                    folder.join(DEMO).display(),
                    made.join(", ")
                )),
                other => other,
            }
        })?;
        if let Some(earlier) = earlier.take() {
            remove_figures(folder, &earlier);
        }
        // What is done is kept, whatever becomes of the rest.
        document.facts.push((demonstration.name.into(), demonstration.summary.into()));
        document.sections.push(shown.section);
        numbers.insert(demonstration.name.to_owned(), shown.numbers);
        let figures = document.sections.iter().flat_map(|section| &section.figures);
        let figures: Vec<&str> = figures.map(|figure| figure.name).collect();
        let json = json!({ "command": command, "figures": figures, "demonstrations": numbers });
        write_file(&folder.join(NUMBERS), format!("{}\n", pretty(&json)).as_bytes())?;
        write_page(&document, folder, DEMO)?;
    }
    bar.finish_and_clear();
    if !arguments.quiet {
        writeln!(io.stdout, "{}", document.text(80))?;
        writeln!(io.stdout, "Written to {}: {DEMO}, {NUMBERS} and a .svg of each figure.", folder.display())?;
    }
    Ok(())
}

/// Removes the figures of an earlier page, which the new one may not have; only those that it names as its own.
fn remove_figures(folder: &Path, earlier: &serde_json::Value) {
    let figures = earlier["figures"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
    for name in figures.filter(|name| name.starts_with("demo-") && !name.contains(['/', '\\'])) {
        let _ = std::fs::remove_file(folder.join(format!("{name}.svg")));
    }
}

/// Shows progress, and stops at Ctrl-C.
fn watch(bar: &ProgressBar) -> impl Fn(Progress) -> ControlFlow<()> + Sync {
    |progress| {
        bar.set_length(progress.total.unwrap_or(progress.rows));
        bar.set_position(progress.rows);
        if interrupt::interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn request_of(folder: &Path) -> Result<Request> {
    let file = folder.join(REQUEST);
    if !file.exists() {
        let text = "expected the folder of a run of `temperance-lab sac train`";
        return Err(Failure::Error(format!("{}: no {REQUEST}; {text}", folder.display())));
    }
    Request::read(&file)
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).expect("a summary is plain values")
}
