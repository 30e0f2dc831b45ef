//! What can be typed.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use temperance::Zeros;
use temperance::calibrate;
use temperance::loss::{self, Convention, LOSSES, Library};
use temperance::metric::{self, EdgeRule, Event, IntervalKind};
use temperance::select::Criterion;

/// Measures whether the probabilities of a classifier can be believed, and corrects them.
#[derive(Debug, Parser)]
#[command(name = "temperance", version, propagate_version = true)]
#[command(after_help = "\
Examples:
  temperance calibrate                                   the built-in sample, to see what comes out
  temperance calibrate --logits logits.npy --labels labels.npy
  temperance evaluate preds.csv                          logits and a label column in one file
  temperance apply new.npy --calibrator temperance-out/calibrator.json
  temperance smoothing --classes 10 --epsilon 0.1
  temperance losses focal                                what a loss is, and its parameters

Exit codes: 0 done, 1 an asked check failed, 2 an error.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fit a temperature on one part of the data, measure before and after on the rest, write a report
    Calibrate(CalibrateArguments),
    /// Fit a calibrator on all rows and write it to a file
    Fit(FitArguments),
    /// Compare calibration methods by cross-validation, rank them by a proper score, recommend one
    Compare(CompareArguments),
    /// Write calibrated probabilities (or scaled logits) for new scores
    Apply(ApplyArguments),
    /// Measure accuracy, proper scores and calibration
    Evaluate(EvaluateArguments),
    /// Show what a label smoothing asks of the logits, and its equivalents in other libraries
    Smoothing(SmoothingArguments),
    /// List the losses of the library: formula, parameters, source
    Losses(LossesArguments),
    /// List the calibration methods: parameters, source
    Methods(MethodsArguments),
    /// List the metrics: formula, cost, source
    Metrics(MetricsArguments),
    /// Write a completion script for a shell
    Completions(CompletionsArguments),
}

/// Where scores and labels are.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArguments {
    /// One file of logits and labels: .npy, .npz, .safetensors, .csv, .csv.gz; `-` is standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["logits", "probabilities"])]
    pub(crate) file: Option<PathBuf>,
    /// File of logits; labels are looked for in it too unless they are given
    #[arg(long, value_name = "FILE", conflicts_with = "probabilities")]
    pub(crate) logits: Option<PathBuf>,
    /// File of probabilities instead of logits
    #[arg(long, value_name = "FILE")]
    pub(crate) probabilities: Option<PathBuf>,
    /// File of labels: class indices, or names of classes
    #[arg(long, value_name = "FILE", conflicts_with = "soft_labels")]
    pub(crate) labels: Option<PathBuf>,
    /// File of distributions over the classes instead of labels
    #[arg(long, value_name = "FILE")]
    pub(crate) soft_labels: Option<PathBuf>,
    /// File of row weights
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Array of the scores in an archive; in CSV their columns: a,b,c or prefix*
    #[arg(long, value_name = "NAME")]
    pub(crate) scores_name: Option<String>,
    /// Array or CSV column of the labels
    #[arg(long, value_name = "NAME")]
    pub(crate) labels_name: Option<String>,
    /// Array of the soft labels in an archive; in CSV their columns
    #[arg(long, value_name = "NAME")]
    pub(crate) soft_labels_name: Option<String>,
    /// Array or CSV column of the row weights
    #[arg(long, value_name = "NAME")]
    pub(crate) weights_name: Option<String>,
    /// File of groups (patients, documents), a number or name a row: kept together in splits, folds and resampling
    #[arg(long, value_name = "FILE")]
    pub(crate) groups: Option<PathBuf>,
    /// Array or CSV column of the groups
    #[arg(long, value_name = "NAME")]
    pub(crate) groups_name: Option<String>,
    /// Label that means "no label"
    #[arg(long, value_name = "INDEX", allow_negative_numbers = true)]
    pub(crate) ignore_index: Option<i64>,
    /// Names of the classes: one per line, or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) class_names: Option<PathBuf>,
    /// What a probability of 0 counts as where its logarithm is needed
    #[arg(long, value_name = "RULE", value_enum, default_value_t = ZerosRule::Clip)]
    pub(crate) zeros: ZerosRule,
}

#[derive(Debug, Clone, Copy, ValueEnum, Default)]
pub(crate) enum ZerosRule {
    /// 1.1754944e-38
    #[default]
    Clip,
    /// an error
    Error,
    /// 0: its logarithm is -inf
    Infinite,
}

impl From<ZerosRule> for Zeros {
    fn from(rule: ZerosRule) -> Self {
        match rule {
            ZerosRule::Clip => Zeros::Clip,
            ZerosRule::Error => Zeros::Error,
            ZerosRule::Infinite => Zeros::Infinite,
        }
    }
}

/// Where results go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    /// Directory for results; made if missing, earlier results in it are replaced
    #[arg(long, value_name = "DIR", default_value = "temperance-out")]
    pub(crate) output: PathBuf,
    /// Write even if the directory holds files that are not ours
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) speech: SpeechArguments,
}

/// What is said.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct SpeechArguments {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Print no text; never silences --json, checks or errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Threads to use [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}

/// By which conventions to measure.
#[derive(Debug, Args)]
#[command(next_help_heading = "Measuring")]
pub(crate) struct MeasureArguments {
    /// Number of bins of calibration errors and diagrams
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub(crate) bins: usize,
    /// Which bin a confidence on an edge belongs to
    #[arg(long, value_name = "RULE", value_enum, default_value_t = Edges::RightClosed)]
    pub(crate) edges: Edges,
    /// Which probability calibration is measured of
    #[arg(long, value_name = "EVENT", value_enum, default_value_t = EventName::Confidence)]
    pub(crate) event: EventName,
    /// Also measure these: names, or `all`; `temperance metrics` lists them
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) metrics: Vec<String>,
    /// Resamplings behind the intervals; 0 for no intervals
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) bootstrap: usize,
    /// Level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, allow_negative_numbers = true)]
    pub(crate) level: f64,
    /// How intervals are read off the resamplings
    #[arg(long, value_name = "KIND", value_enum, default_value_t = KindName::Percentile)]
    pub(crate) interval: KindName,
    /// Seed of resamplings, splits and folds
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Also measure top-k accuracies
    #[arg(long, value_name = "K,...", value_delimiter = ',')]
    pub(crate) top_k: Vec<usize>,
    /// Exit with 1 if a metric is above a limit, as ece=0.05; may be repeated
    #[arg(long, value_name = "METRIC=LIMIT", value_parser = limit)]
    pub(crate) fail_above: Vec<(String, f64)>,
    /// Exit with 1 if a metric is below a limit, as accuracy=0.9; may be repeated
    #[arg(long, value_name = "METRIC=LIMIT", value_parser = limit)]
    pub(crate) fail_below: Vec<(String, f64)>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Edges {
    /// (lo, hi], the first closed: Guo et al., scikit-learn
    RightClosed,
    /// [lo, hi), the last closed: netcal
    LeftClosed,
    /// [lo, hi) and one more bin for exactly 1
    Torchmetrics,
}

impl From<Edges> for EdgeRule {
    fn from(edges: Edges) -> Self {
        match edges {
            Edges::RightClosed => EdgeRule::RightClosed,
            Edges::LeftClosed => EdgeRule::LeftClosed,
            Edges::Torchmetrics => EdgeRule::Torchmetrics,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum EventName {
    /// the largest probability, against whether its class is the label
    Confidence,
    /// the probability of class 1 of two
    Positive,
}

impl From<EventName> for Event {
    fn from(event: EventName) -> Self {
        match event {
            EventName::Confidence => Event::Confidence,
            EventName::Positive => Event::Positive,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KindName {
    /// quantiles of the resamplings
    Percentile,
    /// quantiles of the distance to the estimate, turned round
    Basic,
    /// quantiles corrected for bias and acceleration
    Bca,
}

impl KindName {
    pub(crate) fn words(self) -> &'static str {
        match self {
            KindName::Percentile => "percentile",
            KindName::Basic => "basic",
            KindName::Bca => "BCa",
        }
    }
}

impl From<KindName> for IntervalKind {
    fn from(kind: KindName) -> Self {
        match kind {
            KindName::Percentile => IntervalKind::Percentile,
            KindName::Basic => IntervalKind::Basic,
            KindName::Bca => IntervalKind::Bca,
        }
    }
}

fn limit(text: &str) -> Result<(String, f64), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("expected METRIC=LIMIT, as ece=0.05".to_owned());
    };
    match value.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((name.to_owned(), value)),
        _ => Err(format!("limit is {value:?}; expected a finite number")),
    }
}

/// What to fit.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fitting")]
pub(crate) struct MethodArguments {
    /// Calibration method; `auto` compares them all by cross-validation and takes the recommended one
    #[arg(long, value_name = "NAME", default_value = "temperature", value_parser = method_names())]
    pub(crate) method: String,
    /// Parameter of the method, as minimum=0.01; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = limit)]
    pub(crate) parameter: Vec<(String, f64)>,
}

fn method_names() -> PossibleValuesParser {
    let auto = PossibleValue::new(AUTO).help("the one that compare recommends");
    let methods =
        temperance::calibrate::METHODS.iter().map(|entry| PossibleValue::new(entry.name).help(entry.summary));
    PossibleValuesParser::new(methods.chain([auto]))
}

/// The method that is chosen by comparison.
pub(crate) const AUTO: &str = "auto";

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  temperance compare --logits logits.npy --labels labels.npy
  temperance compare preds.npz --methods temperature,vector,structured_matrix --rank-by brier
  temperance compare preds.csv --groups-name patient --folds 10

Ranks by a proper score, never by a calibration error: that is 0 for a model that always says the same.
Recommends the simplest method that is not significantly worse than any other.
Writes comparison.json, comparison.html and the figures as SVG.")]
pub(crate) struct CompareArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    #[command(flatten)]
    pub(crate) comparison: ComparisonArguments,
    #[command(flatten)]
    pub(crate) measure: MeasureArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// How methods are compared.
#[derive(Debug, Args)]
#[command(next_help_heading = "Comparing")]
pub(crate) struct ComparisonArguments {
    /// Methods to compare [default: all]; the uncalibrated model always takes part
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) methods: Vec<String>,
    /// Proper score that ranks them
    #[arg(long, value_name = "SCORE", value_enum, default_value_t = RankBy::Nll)]
    pub(crate) rank_by: RankBy,
    /// Folds of the cross-validation
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) folds: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RankBy {
    /// negative log-likelihood
    Nll,
    /// Brier score
    Brier,
}

impl From<RankBy> for Criterion {
    fn from(score: RankBy) -> Self {
        match score {
            RankBy::Nll => Criterion::Nll,
            RankBy::Brier => Criterion::Brier,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  temperance calibrate                         the built-in Fashion-MNIST sample
  temperance calibrate preds.npz               arrays logits and labels in one archive
  temperance calibrate --logits z.npy --labels y.npy --output results
  temperance calibrate preds.npz --method auto
  temperance calibrate --probabilities p.csv --labels-name target --zeros clip
  temperance calibrate --logits val.npy --labels val_y.npy --test-logits test.npy --test-labels test_y.npy

Writes calibrator.json, report.html, report.json and the figures as SVG.")]
pub(crate) struct CalibrateArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// File of logits to measure on; the whole input is then fitted
    #[arg(long, value_name = "FILE", conflicts_with = "test_probabilities", help_heading = "Splitting")]
    pub(crate) test_logits: Option<PathBuf>,
    /// File of probabilities to measure on
    #[arg(long, value_name = "FILE", help_heading = "Splitting")]
    pub(crate) test_probabilities: Option<PathBuf>,
    /// Labels of the rows to measure on
    #[arg(long, value_name = "FILE", conflicts_with = "test_soft_labels", help_heading = "Splitting")]
    pub(crate) test_labels: Option<PathBuf>,
    /// Soft labels of the rows to measure on
    #[arg(long, value_name = "FILE", help_heading = "Splitting")]
    pub(crate) test_soft_labels: Option<PathBuf>,
    /// Weights of the rows to measure on
    #[arg(long, value_name = "FILE", help_heading = "Splitting")]
    pub(crate) test_weights: Option<PathBuf>,
    /// Groups of the rows to measure on, whose rows intervals keep together
    #[arg(long, value_name = "FILE", help_heading = "Splitting")]
    pub(crate) test_groups: Option<PathBuf>,
    /// How rows are split into a part to fit and a part to measure
    #[arg(long, value_name = "RULE", value_enum, default_value_t = SplitName::Stratified, help_heading = "Splitting")]
    pub(crate) split: SplitName,
    /// Share of the rows to fit on
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.5,
        allow_negative_numbers = true,
        help_heading = "Splitting"
    )]
    pub(crate) fit_fraction: f64,
    #[command(flatten)]
    pub(crate) method: MethodArguments,
    #[command(flatten)]
    pub(crate) comparison: ComparisonArguments,
    #[command(flatten)]
    pub(crate) measure: MeasureArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SplitName {
    /// at random by seed, each class in its own proportion
    Stratified,
    /// the first rows are fitted, the rest measured
    Sequential,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  temperance fit --logits val_logits.npy --labels val_labels.npy
  temperance fit preds.csv --labels-name y --weights-name w --json
  temperance fit preds.npz --method structured_matrix

Writes calibrator.json.")]
pub(crate) struct FitArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    #[command(flatten)]
    pub(crate) method: MethodArguments,
    #[command(flatten)]
    pub(crate) comparison: ComparisonArguments,
    /// Seed of the folds of `auto`
    #[arg(long, value_name = "SEED", default_value_t = 0, help_heading = "Comparing")]
    pub(crate) seed: u64,
    /// Add the seconds that the fit took to --json
    #[arg(long, help_heading = "Output", requires = "json")]
    pub(crate) timing: bool,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  temperance apply new.npy --calibrator temperance-out/calibrator.json
  temperance apply --logits new.csv --temperature 2 --scaled-logits

Writes probabilities (or logits) in the format and number type of the input.")]
pub(crate) struct ApplyArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// Calibrator file, as written by fit or calibrate
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "temperature",
        required_unless_present = "temperature"
    )]
    pub(crate) calibrator: Option<PathBuf>,
    /// Temperature instead of a calibrator file
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub(crate) temperature: Option<f64>,
    /// Write calibrated logits instead of probabilities
    #[arg(long)]
    pub(crate) scaled_logits: bool,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  temperance evaluate preds.npz
  temperance evaluate --probabilities p.npy --labels y.npy --bins 10 --json
  temperance evaluate preds.npz --calibrator temperance-out/calibrator.json
  temperance evaluate published.csv --confidence-name conf --correct-name hit
  temperance evaluate preds.npz --fail-above ece=0.05")]
pub(crate) struct EvaluateArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// File of confidences, if nothing more of the scores is known
    #[arg(long, value_name = "FILE", help_heading = "Input", conflicts_with_all = ["file", "logits", "probabilities", "labels", "soft_labels"])]
    pub(crate) confidence: Option<PathBuf>,
    /// File that says of each confidence whether the prediction was right
    #[arg(long, value_name = "FILE", help_heading = "Input", requires = "confidence")]
    pub(crate) correct: Option<PathBuf>,
    /// Array or CSV column of the confidences
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    pub(crate) confidence_name: Option<String>,
    /// Array or CSV column of the correctness
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    pub(crate) correct_name: Option<String>,
    /// Measure what this calibrator makes of the scores
    #[arg(long, value_name = "FILE", conflicts_with = "temperature")]
    pub(crate) calibrator: Option<PathBuf>,
    /// Measure the scores at this temperature
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub(crate) temperature: Option<f64>,
    #[command(flatten)]
    pub(crate) measure: MeasureArguments,
    /// Also write evaluation.json to this directory
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Write even if the directory holds files that are not ours
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) speech: SpeechArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  temperance smoothing --classes 10 --epsilon 0.1
  temperance smoothing --classes 1000 --epsilon 0.1 --convention others --json
  temperance smoothing --classes 10 --epsilon 0.1 --from fairseq --convert torch")]
pub(crate) struct SmoothingArguments {
    /// Number of classes K
    #[arg(long, value_name = "K")]
    pub(crate) classes: usize,
    /// Smoothing ε, from 0 to 1
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    pub(crate) epsilon: f64,
    /// What ε means
    #[arg(long, value_name = "NAME", value_enum, default_value_t = ConventionName::Uniform)]
    pub(crate) convention: ConventionName,
    /// Show the ε of this library that has the same target
    #[arg(long, value_name = "LIBRARY", value_parser = library(), conflicts_with = "convention")]
    pub(crate) convert: Option<Library>,
    /// Library whose ε is converted
    #[arg(long, value_name = "LIBRARY", value_parser = library(), default_value = "torch", requires = "convert")]
    pub(crate) from: Library,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

fn library() -> impl TypedValueParser<Value = Library> {
    PossibleValuesParser::new(
        Library::ALL.iter().map(|library| PossibleValue::new(library.name()).help(library.summary())),
    )
    .try_map(|name| Library::named(&name).ok_or("expected the name of a library"))
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  temperance methods
  temperance methods structured_matrix")]
pub(crate) struct MethodsArguments {
    /// The method to describe
    #[arg(value_name = "NAME", value_parser = registered(calibrate::METHODS, |entry| (entry.name, entry.summary)))]
    pub(crate) name: Option<&'static calibrate::Entry>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  temperance metrics
  temperance metrics smooth_ece")]
pub(crate) struct MetricsArguments {
    /// The metric to describe
    #[arg(value_name = "NAME", value_parser = registered(metric::METRICS, |entry| (entry.name, entry.summary)))]
    pub(crate) name: Option<&'static metric::Entry>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  temperance losses                            all of them
  temperance losses focal                      one of them, with its parameters
  temperance losses --json                     everything, for programs")]
pub(crate) struct LossesArguments {
    /// Loss to describe
    #[arg(value_name = "NAME", value_parser = registered(LOSSES, |entry| (entry.name, entry.summary)))]
    pub(crate) name: Option<&'static loss::Entry>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// The entry of a registry by its name; `described` gives name and summary of one.
fn registered<E: Clone + Send + Sync + 'static>(
    entries: &'static [E],
    described: fn(&E) -> (&'static str, &'static str),
) -> impl TypedValueParser<Value = &'static E> {
    let possible = entries.iter().map(move |entry| {
        let (name, summary) = described(entry);
        PossibleValue::new(name).help(summary)
    });
    PossibleValuesParser::new(possible).try_map(move |name| {
        entries.iter().find(|entry| described(entry).0 == name).ok_or("expected a name of the list")
    })
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ConventionName {
    /// ε/K on every class: PyTorch, Keras, optax, timm
    Uniform,
    /// ε/(K-1) on the wrong classes: fairseq, flax
    Others,
}

impl From<ConventionName> for Convention {
    fn from(name: ConventionName) -> Self {
        match name {
            ConventionName::Uniform => Convention::Uniform,
            ConventionName::Others => Convention::Others,
        }
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: temperance completions bash > ~/.local/share/bash-completion/completions/temperance"
)]
pub(crate) struct CompletionsArguments {
    /// Shell to complete for
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
