//! Everything at once: one pass over the rows, every metric, the bins behind them, and the conventions.

use std::collections::BTreeMap;

use super::summary::{Probe, summarise};
use super::{
    Binning, Bins, ClassSummary, Classwise, Cost, EdgeRule, Entry, Event, METRICS, Sample, Summaries, Tier,
};
use crate::error::{Error, Result};
use crate::fold::{self, Fold, Observer, Progress};
use crate::input::{Block, Rows, Target};

/// What to measure and by which conventions.
///
/// ```
/// use temperance::{Block, Labels, Logits, metric::Evaluation};
///
/// let logits = Logits::new(&[2.0, 0.0, 2.0, 0.0], 2)?;
/// let measured = Evaluation::new().measure(&Block::new(logits, Labels::new(&[0, 1], 2))?)?;
/// let confidence = 1.0 / (1.0 + (-2.0_f64).exp());
/// assert_eq!(measured.metric("accuracy"), Some(0.5));
/// assert!((measured.metric("ece").unwrap() - (confidence - 0.5)).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    bins: usize,
    edges: EdgeRule,
    top_k: Vec<usize>,
    event: Event,
    named: Vec<&'static str>,
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation {
            bins: 15,
            edges: EdgeRule::default(),
            top_k: Vec::new(),
            event: Event::default(),
            named: Vec::new(),
        }
    }
}

/// The conventions that made a result, in words, by the name of what they concern.
pub type Conventions = BTreeMap<String, String>;

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Number of classes; `None` if only confidence and correctness are known.
    pub classes: Option<usize>,
    /// Rows that counted.
    pub rows: u64,
    /// Sum of their weights.
    pub weight: f64,
    /// Values by name, in the order of [`METRICS`], top-k accuracies after the accuracy.
    pub metrics: Vec<(String, f64)>,
    /// Rows in bins of equal width: the reliability diagram.
    pub reliability: Bins,
    /// Rows in bins of equal weight.
    pub equal_mass: Bins,
    /// The classes in order; empty where nothing is known of them.
    pub per_class: Vec<ClassSummary>,
    /// A few numbers for each row.
    pub summaries: Summaries,
    /// The conventions in force.
    pub conventions: Conventions,
}

impl Measured {
    /// The value of the metric of that name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

impl Evaluation {
    /// 15 bins, edges (lo, hi], no top-k accuracy.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with another number of bins.
    ///
    /// # Errors
    /// If it is 0.
    pub fn bins(mut self, bins: usize) -> Result<Self> {
        if bins == 0 {
            return Err(Error::parameter("number of bins", 0, "at least 1"));
        }
        self.bins = bins;
        Ok(self)
    }

    /// The same with another rule for probabilities on an edge.
    #[must_use]
    pub fn edges(mut self, rule: EdgeRule) -> Self {
        self.edges = rule;
        self
    }

    /// The same with top-k accuracies.
    ///
    /// # Errors
    /// If a k is 0.
    pub fn top_k(mut self, top_k: &[usize]) -> Result<Self> {
        if top_k.contains(&0) {
            return Err(Error::parameter("k of the top-k accuracy", 0, "at least 1"));
        }
        self.top_k = top_k.to_vec();
        Ok(self)
    }

    /// The same for another event.
    #[must_use]
    pub fn event(mut self, event: Event) -> Self {
        self.event = event;
        self
    }

    /// The same with metrics that are measured only where they are named.
    ///
    /// ```
    /// use temperance::metric::Evaluation;
    ///
    /// assert!(Evaluation::new().named(&["ece"]).is_ok());
    /// let error = Evaluation::new().named(&["ace"]).unwrap_err().to_string();
    /// assert!(error.starts_with("metric is \"ace\"; expected one of accuracy, nll, brier"));
    /// ```
    ///
    /// # Errors
    /// If one is not in [`METRICS`].
    pub fn named(mut self, names: &[impl AsRef<str>]) -> Result<Self> {
        for name in names {
            let name = name.as_ref();
            let Some(entry) = super::metric(name) else {
                let known: Vec<&str> = METRICS.iter().map(|entry| entry.name).collect();
                let expected = format!("one of {}", known.join(", "));
                return Err(Error::parameter("metric", format!("{name:?}"), expected));
            };
            self.named.push(entry.name);
        }
        Ok(self)
    }

    /// The metrics that it measures, in the order of [`METRICS`].
    pub fn entries(&self) -> impl Iterator<Item = &'static Entry> {
        METRICS.iter().filter(|entry| entry.tier == Tier::Standard || self.named.contains(&entry.name))
    }

    /// Measures rows in one pass on all threads.
    ///
    /// # Errors
    /// On an illegal value, label or weight, with its row; if no row counts.
    pub fn measure(&self, rows: &dyn Rows) -> Result<Measured> {
        self.measure_with(rows, &())
    }

    /// [`Evaluation::measure`] that tells an observer of progress.
    ///
    /// # Errors
    /// As [`Evaluation::measure`], or if the observer breaks.
    pub fn measure_with(&self, rows: &dyn Rows, observer: &dyn Observer) -> Result<Measured> {
        let classes = rows.classes();
        self.event.check(classes)?;
        let progress = Progress { task: "measuring", rows: 0, total: rows.rows(), pass: 0 };
        let state = fold::observed(&EvaluationFold { evaluation: self, classes }, rows, observer, progress)?;
        self.finish(state, Some(classes))
    }

    /// Measures what can be known from confidence and correctness alone.
    ///
    /// # Errors
    /// None in practice: the summaries were checked when they were made.
    pub fn measure_summaries(&self, summaries: Summaries) -> Result<Measured> {
        self.finish(State { summaries, seen: Seen::default() }, None)
    }

    /// The values of some metrics on summaries alone; NaN where one does not exist.
    pub(super) fn values(&self, entries: &[&Entry], summaries: &Summaries) -> Vec<f64> {
        let bins = |binning| Bins::of(summaries, binning).expect("the number of bins was checked");
        let equal_width = bins(Binning::EqualWidth(self.bins, self.edges));
        // Sums that merge do not look at bins of equal mass, which are a good part of the work.
        let sorts = entries.iter().any(|entry| entry.cost != Cost::Sums);
        let equal_mass = if sorts { bins(Binning::EqualMass(self.bins)) } else { equal_width.clone() };
        let sample = self.sample(summaries, &equal_width, &equal_mass);
        entries.iter().map(|entry| (entry.measure)(&sample).unwrap_or(f64::NAN)).collect()
    }

    fn sample<'a>(
        &self,
        summaries: &'a Summaries,
        equal_width: &'a Bins,
        equal_mass: &'a Bins,
    ) -> Sample<'a> {
        let Evaluation { bins, edges, event, .. } = *self;
        Sample { event, bins, edges, summaries, equal_width, equal_mass, classwise: None, vectors: None }
    }

    fn finish(&self, state: State, classes: Option<usize>) -> Result<Measured> {
        let State { summaries, seen: Seen { classwise, vectors } } = state;
        let equal_width = Bins::of(&summaries, Binning::EqualWidth(self.bins, self.edges))?;
        let equal_mass = Bins::of(&summaries, Binning::EqualMass(self.bins))?;
        let sample = Sample {
            classwise: classwise.as_ref(),
            vectors: vectors.as_deref(),
            ..self.sample(&summaries, &equal_width, &equal_mass)
        };
        let mut metrics = Vec::new();
        for entry in self.entries() {
            if let Some(value) = (entry.measure)(&sample) {
                metrics.push((entry.name.to_owned(), value));
            }
            if entry.name == "accuracy" {
                for &k in self.top_k.iter().filter(|&&k| classes.is_some_and(|classes| k < classes)) {
                    let within = summaries.mean_detail(|row| f64::from(u8::from((row.rank as usize) < k)));
                    metrics.extend(within.map(|value| (format!("top_{k}_accuracy"), value)));
                }
            }
        }
        Ok(Measured {
            classes,
            rows: summaries.rows() as u64,
            weight: summaries.total_weight(),
            metrics,
            per_class: classwise.as_ref().map(Classwise::classes).unwrap_or_default(),
            conventions: self.conventions(classwise.is_some()),
            reliability: equal_width,
            equal_mass,
            summaries,
        })
    }

    fn conventions(&self, classwise: bool) -> Conventions {
        let Evaluation { bins, edges, event, .. } = self;
        let rule = edges.words();
        let of_event = event.words();
        let mut words = vec![
            ("logarithm", "natural; nll and entropy in nats".to_owned()),
            ("accuracy", "arg-max of the scores, ties go to the lowest class index".to_owned()),
            ("brier", "sum over classes, from 0 to 2".to_owned()),
            ("ece", format!("{of_event}, {bins} bins of equal width, {rule}")),
            ("ece_equal_mass", format!("{of_event}, {bins} bins of equal weight, ties never parted")),
        ];
        if classwise {
            words.push(("classwise_ece", format!("mean over classes, {bins} bins of equal width, {rule}")));
        } else {
            let limit = Classwise::MAXIMUM_CELLS;
            words
                .push(("classwise_ece", format!("not measured: needs probabilities and K × bins ≤ {limit}")));
        }
        words.into_iter().map(|(name, words)| (name.to_owned(), words)).collect()
    }
}

/// What one pass over the rows keeps.
struct State {
    summaries: Summaries,
    seen: Seen,
}

/// What is kept of the probabilities of every class.
#[derive(Default)]
struct Seen {
    classwise: Option<Classwise>,
    /// All of them, where a metric needs them.
    vectors: Option<Vec<f64>>,
}

impl Probe for Seen {
    const WANTED: bool = true;

    fn see(&mut self, probabilities: &[f64], target: Target<'_>, predicted: usize, weight: f64) {
        if let Some(classwise) = &mut self.classwise {
            classwise.see(probabilities, target, predicted, weight);
        }
        if let Some(vectors) = &mut self.vectors {
            vectors.extend_from_slice(probabilities);
        }
    }
}

struct EvaluationFold<'a> {
    evaluation: &'a Evaluation,
    classes: usize,
}

impl Fold for EvaluationFold<'_> {
    type State = State;
    type Output = State;

    fn start(&self) -> Self::State {
        let Evaluation { bins, edges, .. } = *self.evaluation;
        let vectors = self.evaluation.entries().any(|entry| entry.vectors).then(Vec::new);
        let seen = Seen { classwise: Classwise::new(self.classes, bins, edges), vectors };
        State { summaries: Summaries::default(), seen }
    }

    fn absorb(&self, State { summaries, seen }: &mut State, block: &Block<'_>) -> Result<()> {
        let event = self.evaluation.event;
        if seen.classwise.is_some() || seen.vectors.is_some() {
            summarise(block, event, summaries, seen)
        } else {
            summarise(block, event, summaries, &mut ())
        }
    }

    fn merge(&self, State { summaries, seen }: &mut State, later: State) {
        summaries.append(later.summaries);
        if let (Some(classwise), Some(later)) = (&mut seen.classwise, later.seen.classwise) {
            classwise.merge(&later);
        }
        if let (Some(vectors), Some(mut later)) = (&mut seen.vectors, later.seen.vectors) {
            vectors.append(&mut later);
        }
    }

    fn finish(&self, State { summaries, seen }: State) -> Result<State> {
        Ok(State { summaries: summaries.checked()?, seen })
    }

    /// Large enough that adding up the cells of the classes costs little beside the rows.
    fn chunk_rows(&self, classes: usize) -> usize {
        fold::chunk_rows(classes).max(48 * self.evaluation.bins)
    }
}
