//! `temperance evaluate`.

use serde_json::json;
use temperance::calibrate::{Calibrated, Calibrator};
use temperance::metric::{Bootstrap, Conventions, Measured, Replicates, Summaries};
use temperance::{Parameter, RowWeights};
use temperance_data::{ConfidenceInput, Confidences, OutputDir};

use crate::Io;
use crate::args::EvaluateArguments;
use crate::failure::{Failure, Result};
use crate::input;
use crate::observer::Watch;
use crate::{output, summary};

/// What was measured, with what a reader needs to understand it.
struct Outcome {
    measured: Measured,
    replicates: Option<Replicates>,
    names: Vec<String>,
    notes: Vec<String>,
    source: String,
    calibrator: Option<Box<dyn Calibrator>>,
    conventions: Conventions,
}

pub(crate) fn run(arguments: &EvaluateArguments, io: &mut Io<'_>) -> Result {
    arguments.measure.check_names()?;
    let bootstrap = arguments.measure.bootstrap()?;
    let alone = arguments.confidence.is_some() || arguments.confidence_name.is_some();
    let bootstrap = bootstrap.as_ref();
    let outcome = if alone { confidences(arguments, bootstrap)? } else { scores(arguments, bootstrap, io)? };
    let Outcome { measured, replicates, names, notes, source, calibrator, conventions } = outcome;
    let mut scorecard = summary::scorecard(&measured, &names);
    scorecard.intervals = summary::intervals_of(replicates.as_ref(), 0, &arguments.measure);
    let json = json!({
        "source": source,
        "classes": measured.classes,
        "rows": measured.rows,
        "weight": measured.weight,
        "calibrator": calibrator.as_ref().map(|calibrator| {
            json!({ "method": calibrator.method(), "parameters": calibrator.parameters() })
        }),
        "metrics": scorecard.metrics,
        "intervals": scorecard.intervals,
        "reliability": scorecard.reliability,
        "per_class": scorecard.per_class,
        "conventions": conventions,
        "notes": notes,
    });
    if let Some(path) = &arguments.output {
        let mut directory = OutputDir::create(path, arguments.force)?;
        directory.write("evaluation.json", format!("{json:#}\n").as_bytes())?;
        directory.finish()?;
    }
    arguments.speech.say(
        io,
        |width| {
            let mut text = format!("{source}: {}", output::rows(measured.rows));
            if let Some(classes) = measured.classes {
                text.push_str(&format!(" of {classes} classes"));
            }
            match &calibrator {
                Some(calibrator) => {
                    text.push_str(&format!(", calibrated by {}\n\n", described(calibrator.as_ref())))
                }
                None => text.push_str("\n\n"),
            }
            text.push_str(&scorecard.text(width));
            text.push_str(&temperance_report::notes(&notes, width));
            if let Some(path) = &arguments.output {
                text.push_str(&output::written(path, &["evaluation.json"]));
            }
            text
        },
        || json,
    )?;
    arguments.measure.check(&measured)
}

fn scores(arguments: &EvaluateArguments, bootstrap: Option<&Bootstrap>, io: &Io<'_>) -> Result<Outcome> {
    let dataset = arguments.input.read(true)?;
    arguments.measure.check_top_k(dataset.classes())?;
    let block = dataset.block()?;
    let calibrator =
        super::apply::calibrator(arguments.calibrator.as_deref(), arguments.temperature, &dataset)?;
    let evaluation = arguments.measure.evaluation()?;
    let watch = Watch::new(io.watched);
    let (measured, replicates) = arguments.speech.on_threads(|| {
        let measured = match &calibrator {
            Some(calibrator) => {
                evaluation.measure_with(&Calibrated::new(&block, calibrator.as_ref()), &watch)
            }
            None => evaluation.measure_with(&block, &watch),
        };
        let locate = |error| Failure::from(dataset.locate(error));
        let measured = measured.map_err(locate)?;
        let Some(bootstrap) = bootstrap else { return Ok((measured, None)) };
        let mut bootstrap = bootstrap.clone();
        if let Some(groups) = input::counted_groups(&dataset)? {
            bootstrap = bootstrap.groups(&groups);
        }
        let replicates = bootstrap.run_with(&evaluation, &[&measured.summaries], &watch)?;
        Ok((measured, Some(replicates)))
    })?;
    let source = arguments.input.source();
    Ok(Outcome {
        names: summary::class_names(dataset.class_names(), dataset.classes()),
        notes: summary::notes(&dataset),
        conventions: summary::conventions(&measured.conventions, &dataset),
        measured,
        replicates,
        source,
        calibrator,
    })
}

/// The calibrator in a few words: `temperature 2`.
fn described(calibrator: &dyn Calibrator) -> String {
    let parameters = calibrator.parameters();
    let parameters = parameters.iter().map(|(name, value)| match value {
        Parameter::Number(value) => format!("{name} {value}"),
        Parameter::Numbers(values) => format!("{name} of {} numbers", values.len()),
    });
    parameters.collect::<Vec<_>>().join(", ")
}

fn confidences(arguments: &EvaluateArguments, bootstrap: Option<&Bootstrap>) -> Result<Outcome> {
    let wanted = ConfidenceInput {
        // One file holds both unless the correctness has its own.
        file: match &arguments.correct {
            Some(_) => None,
            None => arguments.confidence.clone().or(arguments.input.file.clone()),
        },
        confidences: arguments.correct.as_ref().and(arguments.confidence.clone()),
        correct: arguments.correct.clone(),
        weights: arguments.input.weights.clone(),
        confidences_name: arguments.confidence_name.clone(),
        correct_name: arguments.correct_name.clone(),
        weights_name: arguments.input.weights_name.clone(),
    };
    if arguments.calibrator.is_some() || arguments.temperature.is_some() {
        return Err(Failure::error(
            "confidences alone cannot be calibrated; expected logits or probabilities",
        ));
    }
    if !arguments.measure.top_k.is_empty() {
        return Err(Failure::error(
            "confidences alone have no top-k accuracy; expected logits or probabilities",
        ));
    }
    if arguments.input.groups.is_some() || arguments.input.groups_name.is_some() {
        return Err(Failure::error("confidences alone have no groups; expected logits or probabilities"));
    }
    let confidences = Confidences::read(&wanted)?;
    let values = confidences.values();
    let confidence: Vec<f64> = (0..confidences.rows()).map(|row| values.get(row)).collect();
    let correct: Vec<f64> = confidences.correct().iter().map(|&hit| f64::from(u8::from(hit))).collect();
    let weights = confidences.weights().map(RowWeights::from_values);
    let summaries = Summaries::from_confidences(&confidence, &correct, weights)?;
    let evaluation = arguments.measure.evaluation()?;
    let measured = evaluation.measure_summaries(summaries)?;
    let replicates =
        bootstrap.map(|bootstrap| bootstrap.run(&evaluation, &[&measured.summaries])).transpose()?;
    let path = arguments.confidence.as_ref().or(arguments.input.file.as_ref());
    let source = path.map_or_else(String::new, |path| input::name(path));
    let conventions = measured.conventions.clone();
    Ok(Outcome {
        measured,
        replicates,
        names: Vec::new(),
        notes: Vec::new(),
        source,
        calibrator: None,
        conventions,
    })
}
