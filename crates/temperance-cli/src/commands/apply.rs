//! `temperance apply`.

use serde_json::json;
use temperance::calibrate::{self, Calibrator, Temperature};
use temperance::fold::{Observer, Progress};
use temperance_data::{CalibratorFile, Dataset, OutputDir, ScoreFile};

use crate::Io;
use crate::args::ApplyArguments;
use crate::failure::{Failure, Result};
use crate::observer::Watch;
use crate::{output, summary};

/// Scores calibrated at a time.
const BLOCK: usize = 1 << 19;

/// The calibrator of a file or a temperature; `None` if neither is given.
pub(crate) fn calibrator(
    file: Option<&std::path::Path>,
    temperature: Option<f64>,
    dataset: &Dataset,
) -> Result<Option<Box<dyn Calibrator>>> {
    match (file, temperature) {
        (Some(path), _) => {
            let (file, calibrator) = CalibratorFile::read(path)?;
            file.check_classes(dataset.classes(), path)?;
            Ok(Some(calibrator))
        }
        (None, Some(temperature)) => Ok(Some(Box::new(Temperature::new(temperature)?))),
        (None, None) => Ok(None),
    }
}

pub(crate) fn run(arguments: &ApplyArguments, io: &mut Io<'_>) -> Result {
    let dataset = arguments.input.read_scores()?;
    let Some(calibrator) = calibrator(arguments.calibrator.as_deref(), arguments.temperature, &dataset)?
    else {
        return Err(Failure::error("calibrator is missing; expected --calibrator FILE or --temperature T"));
    };
    let what = if arguments.scaled_logits { "logits" } else { "probabilities" };
    let name = format!("{what}{}", dataset.format().extension());
    let watch = Watch::new(io.watched);
    let mut directory = OutputDir::create(&arguments.output.output, arguments.output.force)?;
    let file = ScoreFile {
        format: dataset.format(),
        dtype: dataset.dtype(),
        rows: dataset.rows(),
        classes: dataset.classes(),
        name: what.to_owned(),
        column_names: dataset.column_names().or(dataset.class_names()).map(<[String]>::to_vec),
    };
    let speech = &arguments.output.speech;
    speech.on_threads(|| {
        let mut writer = directory.scores(&name, file)?;
        let scores = dataset.scores()?;
        let rows_at_once = (BLOCK / dataset.classes()).max(1);
        let mut buffer = Vec::new();
        for start in (0..dataset.rows()).step_by(rows_at_once) {
            let done = dataset.rows().min(start + rows_at_once);
            let rows = start..done;
            buffer.resize(rows.len() * dataset.classes(), 0.0);
            let into =
                if arguments.scaled_logits { calibrate::logits_into } else { calibrate::probabilities_into };
            into(calibrator.as_ref(), &scores.slice(rows), &mut buffer)
                .map_err(|error| dataset.locate(error.shifted(start as u64)))?;
            writer.write_rows(&buffer)?;
            let progress = Progress {
                task: "calibrating",
                rows: done as u64,
                total: Some(dataset.rows() as u64),
                pass: 0,
            };
            if watch.progress(progress).is_break() {
                return Err(Failure::Interrupted);
            }
        }
        Ok(writer.finish()?)
    })?;
    directory.finish()?;
    drop(watch);
    let path = arguments.output.output.join(&name);
    let notes = summary::notes(&dataset);
    speech.say(
        io,
        |width| {
            let mut text = format!(
                "{} of {} classes calibrated\n",
                output::rows(dataset.rows() as u64),
                dataset.classes()
            );
            text.push_str(&temperance_report::notes(&notes, width));
            text.push_str(&output::written(&arguments.output.output, &[&name]));
            text
        },
        || {
            json!({
                "classes": dataset.classes(),
                "rows": dataset.rows(),
                "calibrator": { "method": calibrator.method(), "parameters": calibrator.parameters() },
                "file": path,
                "notes": notes,
            })
        },
    )
}
