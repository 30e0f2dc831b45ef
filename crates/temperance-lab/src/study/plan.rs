//! Which runs a study makes.

use std::path::{Path, PathBuf};

use super::Request;
use crate::data::Data;
use crate::failure::{Failure, Result};
use crate::settings::{ModelKind, OptimizerKind, RateSchedule, Settings, Strength};
use crate::training::SUMMARY;

/// A run of a study.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// Such as `ls-0.1/seed-3`.
    pub(crate) name: String,
    pub(crate) settings: Settings,
    /// The run whose model teaches.
    teacher: Option<String>,
}

impl Planned {
    pub(crate) fn folder(&self, study: &Path) -> PathBuf {
        study.join("runs").join(&self.name)
    }

    /// What its data depend on, in a study.
    pub(crate) fn data(&self) -> (&str, &[u32]) {
        (&self.settings.data, &self.settings.held_out_classes)
    }

    /// The settings with the place of the teacher.
    pub(crate) fn settings_in(&self, study: &Path) -> Settings {
        let teacher = self.teacher.as_ref().map(|name| study.join("runs").join(name));
        Settings { teacher, ..self.settings.clone() }
    }
}

/// A way to train, in the grid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// Fit for a folder.
    pub(crate) name: &'static str,
    /// As it is shown.
    pub(crate) label: &'static str,
    pub(crate) smoothing: f64,
    pub(crate) penalty: f64,
}

const fn way(name: &'static str, label: &'static str, smoothing: f64, penalty: f64) -> Way {
    Way { name, label, smoothing, penalty }
}

/// The grid; one-hot first.
pub(crate) const WAYS: [Way; 8] = [
    way("one-hot", "one-hot", 0.0, 0.0),
    way("ls-0.05", "LS ε = 0.05", 0.05, 0.0),
    way("ls-0.1", "LS ε = 0.1", 0.1, 0.0),
    way("ls-0.2", "LS ε = 0.2", 0.2, 0.0),
    way("cp-0.1", "CP β = 0.1", 0.0, 0.1),
    way("cp-0.5", "CP β = 0.5", 0.0, 0.5),
    way("cp-1", "CP β = 1", 0.0, 1.0),
    way("ls-0.1-cp-0.5", "LS 0.1 + CP 0.5", 0.1, 0.5),
];

/// Classes that the runs on fewer classes do not see: coat, shirt, sneaker, ankle boot.
pub(crate) const UNSEEN: [u32; 4] = [4, 6, 7, 9];

/// The ways whose features are tried on unseen classes.
pub(crate) const TRANSFERRED: [&str; 3] = ["one-hot", "ls-0.1", "cp-0.5"];

/// Who teaches the student; nobody in the last.
pub(crate) const TEACHERS: [(&str, Option<&str>); 3] =
    [("student-of-one-hot", Some("one-hot")), ("student-of-ls-0.1", Some("ls-0.1")), ("student-alone", None)];

/// α along the entropy family, and its β.
pub(crate) const FAMILY: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
pub(crate) const FAMILY_BETA: f64 = 0.5;

/// Linear models on the identity: name, ε, β.
pub(crate) const EXACT: [(&str, f64, f64); 3] =
    [("identity-ls-0.1", 0.1, 0.0), ("identity-cp-1", 0.0, 1.0), ("identity-one-hot", 0.0, 0.0)];

/// The runs of a study, in stages: those of a stage do not need each other.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) stages: Vec<Vec<Planned>>,
}

impl Plan {
    pub(crate) fn new(request: &Request) -> Self {
        let base = Settings {
            data: request.data.clone(),
            epochs: request.epochs,
            rows: request.rows,
            width: request.width,
            // So that what is measured in the end does not hang on the last few steps.
            schedule: RateSchedule::Cosine,
            ..Settings::default()
        };
        let strengths = |smoothing: f64, penalty: f64| {
            let of = |name: &str, value: f64| (value > 0.0).then(|| (name.to_owned(), Strength::from(value)));
            of("label_smoothing", smoothing).into_iter().chain(of("confidence_penalty", penalty)).collect()
        };
        let planned = |name: String, settings: Settings| Planned { name, settings, teacher: None };
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (name, smoothing, penalty) in EXACT {
            first.push(planned(
                name.into(),
                Settings {
                    data: "one-hot:10".into(),
                    model: ModelKind::Logistic,
                    optimizer: OptimizerKind::Sgd,
                    learning_rate: 2.0,
                    schedule: RateSchedule::Cosine,
                    epochs: 2000,
                    every: 20,
                    parameters: strengths(smoothing, penalty),
                    ..Settings::default()
                },
            ));
        }
        for seed in 0..request.seeds {
            let base = Settings { seed, ..base.clone() };
            for way in WAYS {
                let settings = Settings { parameters: strengths(way.smoothing, way.penalty), ..base.clone() };
                first.push(planned(format!("{}/seed-{seed}", way.name), settings.clone()));
                if TRANSFERRED.contains(&way.name) {
                    let settings = Settings { held_out_classes: UNSEEN.to_vec(), ..settings };
                    first.push(planned(format!("{}-six-classes/seed-{seed}", way.name), settings));
                }
            }
            for alpha in FAMILY {
                let parameters = [("alpha", alpha), ("beta", FAMILY_BETA)];
                let parameters = parameters.map(|(name, value)| (name.to_owned(), Strength::from(value)));
                let settings =
                    Settings { loss: "entropy_family".into(), parameters: parameters.into(), ..base.clone() };
                first.push(planned(format!("family-{alpha}/seed-{seed}"), settings));
            }
            for (name, teacher) in TEACHERS {
                let student = Settings { width: 32, depth: 1, ..base.clone() };
                let settings = match teacher {
                    None => student,
                    Some(_) => Settings {
                        loss: "distillation".into(),
                        parameters: [("temperature".to_owned(), Strength::from(2.0))].into(),
                        ..student
                    },
                };
                let teacher = teacher.map(|teacher| format!("{teacher}/seed-{seed}"));
                second.push(Planned { name: format!("{name}/seed-{seed}"), settings, teacher });
            }
        }
        Plan { stages: vec![first, second] }
    }

    /// Refuses data that the study cannot use.
    pub(crate) fn check_data(&self) -> Result {
        let settings = &self.stages[0][EXACT.len()].settings;
        let classes = Data::read(settings)?.classes;
        if classes != 10 {
            let text = format!("{}: number of classes is {classes}; expected 10", settings.data);
            return Err(Failure::Error(text));
        }
        Ok(())
    }

    /// Seconds of training of all runs, which are done.
    pub(crate) fn seconds(&self, study: &Path) -> Result<f64> {
        let mut seconds = 0.0;
        for planned in self.stages.iter().flatten() {
            let path = planned.folder(study).join(SUMMARY);
            let wrong = |error: String| Failure::Error(format!("{}: {error}", path.display()));
            let text = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
            let summary: serde_json::Value =
                serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
            seconds += summary["seconds"].as_f64().unwrap_or(0.0);
        }
        Ok(seconds)
    }

    /// How many runs there are.
    pub(crate) fn runs(&self) -> usize {
        self.stages.iter().map(Vec::len).sum()
    }
}
