//! Renders usual and odd reports and checks what comes out.

use std::collections::HashSet;

use temperance_report::{Comparison, Figure, Intervals, Metrics, Report, Scorecard};
use textwrap::core::display_width;

mod samples;

#[test]
fn text_at_80_columns() {
    let expected = "\
Calibrated made-up-logits.npy: temperature scaling fitted on 5000 rows, tested
on 5000 other rows (10 classes; stratified, seed 0, half of the rows fitted).

The model was over-confident by 0.1253; temperature scaling at T = 2.046 brings
ECE from 0.1253 to 0.0076 on 5000 held-out rows.

metric            before   after   change
accuracy          0.8029  0.8029        0
top-5 accuracy    0.9781  0.9781        0
NLL               0.5681  0.3878  −0.1803  better (lower is better)
Brier score       0.2210  0.1991  −0.0219  better (lower is better)
ECE               0.1253  0.0076  −0.1177  better (lower is better)
MCE               0.1665  0.0231  −0.1434  better (lower is better)
RMSCE             0.1261  0.0099  −0.1163  better (lower is better)
ECE, equal mass   0.1229  0.0075  −0.1155  better (lower is better)
class-wise ECE    0.0291  0.0055  −0.0235  better (lower is better)
mean confidence   0.9282  0.8058  −0.1224  better (best at accuracy)
mean entropy      0.1365  0.3692  +0.2327
over-confidence   0.1253  0.0052  −0.1201  better (lower is better)
under-confidence  0.0000  0.0023  +0.0023  worse (lower is better)

temperature 2.046 ± 0.024 (95 % 2.001 to 2.093): T > 1 softens the
probabilities: the model was over-confident on the fitting rows.
  fit: 5000 rows, 7 iterations, NLL 0.5035 to 0.3890, slope 3.1e-15
";
    assert_eq!(samples::over_confident().text(80), expected);
}

#[test]
fn scorecard_text() {
    let card = Scorecard {
        metrics: Metrics::from_iter([("accuracy", 0.5), ("mean_confidence", 0.75), ("ece", 0.25)]),
        reliability: samples::over_confident().before.reliability[1..3].to_vec(),
        ..Scorecard::default()
    };
    let expected = "\
metric            value
accuracy         0.5000  higher is better
mean confidence  0.7500  best at accuracy
ECE              0.2500  lower is better

The model was over-confident by 0.2500.

bin            rows  confidence  accuracy  95 % interval
0.0667–0.1333     0           –         –              –
0.1333–0.2000    12      0.1685    0.0418  0.0044–0.3014
";
    assert_eq!(card.text(80), expected);
}

#[test]
fn no_line_is_too_wide_and_no_character_steers_the_terminal() {
    for (name, make) in samples::ALL {
        let report = make();
        for width in [40, 60, 80, 120] {
            for text in [report.text(width), report.before.text(width)] {
                assert_fits(name, &text, width);
            }
        }
    }
    for (name, make) in samples::COMPARISONS {
        for width in [40, 60, 64, 80, 104, 120] {
            assert_fits(name, &make().text(width), width);
        }
    }
}

fn assert_fits(name: &str, text: &str, width: usize) {
    for line in text.lines() {
        assert!(display_width(line) <= width, "{name} at {width}: {line}");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{name}: {line:?}");
    }
}

#[test]
fn comparison_at_80_columns() {
    let expected = "\
Compared 12 methods on made-up-logits.npy: 10000 rows, 10 classes;
cross-validation in 5 folds.

Temperature scaling is recommended: the best method, structured matrix scaling,
is better by 0.0067 only, less than the 0.01 asked for, and temperature scaling
has one number in place of 110. The lowest NLL is that of structured matrix
scaling.

  method                   NLL  95 % interval    change   Brier     ECE     fit
B structured matrix     0.3811  0.3690–0.3935  −0.1870*  0.1986  0.0083  0.94 s
  structured vector     0.3841  0.3720–0.3965  −0.1840*  0.1989  0.0078  0.16 s
  temperature, biases   0.3850  0.3729–0.3974  −0.1831*  0.1990  0.0081   12 ms
  vector                0.3859  0.3738–0.3983  −0.1822*  0.1991  0.0090  0.11 s
  ensemble temperature  0.3872  0.3751–0.3996  −0.1809*  0.1993  0.0079   31 ms
R temperature           0.3878  0.3757–0.4002  −0.1803*  0.1994  0.0076  4.2 ms
  beta                  0.4071  0.3950–0.4195  −0.1610*  0.2017  0.0131   72 ms
  Dirichlet             0.4129  0.4008–0.4253  −0.1552*  0.2024  0.0143   6.2 s
  isotonic              0.4471  0.4350–0.4595  −0.1210*  0.2065  0.0122   23 ms
  histogram             0.5571  0.5450–0.5695  −0.0110   0.2197  0.0101   11 ms
  uncalibrated          0.5681  0.5560–0.5805         –  0.2210  0.1253       –
  matrix                0.9891  0.9770–1.0015  +0.4210*  0.2715  0.0461   8.3 s

R: recommended; B: best in NLL; change: NLL less that of the uncalibrated model,
below 0 is better; *: the 95 % interval of the change does not contain 0.

Not compared:
  Bayesian binning into quantiles: 12 of 10000 rows have a probability of
  exactly 1; give a bound for the scores
  Venn–Abers calibration: skipped: more than 1000000 pairs of rows and classes

Nothing is ranked by ECE: its value depends on the bins, it is above 0 by chance
even for a calibrated model, and a calibrator that gives every row the same
confidence can bring it to 0. NLL and the Brier score are best for the true
probabilities alone.

warning: matrix scaling: Few rows for this method.

note: The folds are stratified by class.
";
    assert_eq!(samples::comparison().text(80), expected);
}

#[test]
fn comparisons_say_what_is_recommended() {
    let text = samples::useless_comparison().text(200);
    assert!(
        text.contains("It is recommended to leave the model uncalibrated: no method is measurably better.\n")
    );
    assert!(text.contains("R: recommended; it is also the best in Brier score;"), "{text}");
    assert!(!text.contains("cross-validation"));
    assert!(samples::odd_comparison().text(200).contains("No method is recommended.\n"));
    let html = samples::comparison().html();
    assert!(
        html.contains("<h1>Temperature scaling is recommended; it brings NLL from 0.5681 to 0.3878.</h1>")
    );
    assert!(html.contains("<strong>Temperature</strong><span class=\"hint\">recommended</span>"));
    assert!(
        html.contains("<dt>Venn–Abers</dt><dd>skipped: more than 1000000 pairs of rows and classes</dd>")
    );
}

#[test]
fn json_comes_back() {
    for (name, make) in samples::ALL {
        let report = make();
        let json = report.json();
        let read = Report::from_json(&json).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Text compares undefined numbers too, which no other number equals.
        assert_eq!(read.json(), json, "{name}");
        if name != "at-bound" {
            assert_eq!(read, report, "{name}");
        }
    }
    for (name, make) in samples::COMPARISONS {
        let comparison = make();
        let json = comparison.json();
        let read = Comparison::from_json(&json).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.json(), json, "{name}");
        if name != "methods-odd" {
            assert_eq!(read, comparison, "{name}");
        }
    }
    let mut report = Report::default();
    report.before.metrics.insert("nll", f64::INFINITY);
    report.before.metrics.insert("ece", f64::NEG_INFINITY);
    report.calibrator.interval = Some([0.0, f64::INFINITY]);
    report.calibrator.curve = vec![[1.0, f64::INFINITY]];
    let json = report.json();
    assert!(json.contains("\"nll\": \"inf\"") && json.contains("\"ece\": \"-inf\""), "{json}");
    assert_eq!(Report::from_json(&json).unwrap(), report);
    assert!(Report::from_json(&json.replace("\"-inf\"", "\"infinite\"")).is_err());
}

/// As it was written before methods without a temperature: with a number for `temperature` and `gradient`.
#[test]
fn older_json_is_read() {
    let json = r#"{
        "classes": 2, "n_fit": 3, "n_test": 4, "source": "a.npy", "split": "",
        "before": {"ece": 0.2, "reliability": [], "confidence_histogram": {"edges": [], "right": [], "wrong": []},
            "per_class": [{"name": "0", "rows": 1, "predicted": 1, "recall": null, "precision": null,
                "mean_probability": 0.5, "frequency": 0.5, "ece": 0.1}]},
        "after": {"ece": 0.1},
        "calibrator": {"method": "temperature", "temperature": 2, "standard_error": null, "interval": null,
            "flags": ["at_bound"], "nll_before": "inf", "nll_after": 0.5, "gradient": 0.0, "iterations": 1,
            "rows": 3, "curve": [[1.0, "inf"], [2.0, 0.5]]},
        "version": "temperance 0.1.0"
    }"#;
    let report = Report::from_json(json).unwrap();
    assert_eq!(report.calibrator.temperature, Some(2.0));
    assert_eq!(report.calibrator.gradient, Some(0.0));
    assert_eq!(report.before.metrics.iter().collect::<Vec<_>>(), [("ece", 0.2)]);
    assert!(report.before.intervals.is_empty() && report.after.corp.is_none());
    assert!(report.text(200).contains("Temperature scaling at T = 2.000 (not an optimum)"));
}

#[test]
fn intervals_stand_beside_their_metrics() {
    let card = Scorecard {
        metrics: Metrics::from_iter([("nll", 0.5), ("skce", -0.001)]),
        intervals: Intervals::new(0.9, "bootstrap", [("skce", [-0.002, 0.001])]),
        ..Scorecard::default()
    };
    let expected = "\
metric    value      90 % interval
NLL      0.5000                     lower is better
SKCE    −0.0010  −0.0020 to 0.0010  best at 0
";
    assert_eq!(card.text(80), expected);
    // A change of sign is no improvement in itself.
    let mut report = Report { before: card.clone(), after: card, ..Report::default() };
    report.after.metrics.insert("skce", -0.002);
    assert!(report.text(80).contains("worse\n"), "{}", report.text(80));
    let report = samples::structured_matrix();
    assert!(report.text(72).contains("0.3713–0.3956") && !report.text(71).contains("interval"));
    let html = samples::structured_matrix().html();
    assert!(html.contains(
        "Below a value stands its 95\u{a0}% interval (bootstrap over rows, BCa, 2000 replicates)."
    ));
    assert!(html.contains("0.0076<span class=\"hint\">0.0063 to 0.0077</span>"));
}

#[test]
fn methods_without_a_temperature_read_well() {
    let mut report = samples::structured_matrix();
    let text = report.text(200);
    assert!(text.contains("structured matrix scaling brings ECE from 0.1253 to 0.0076 on 5000"), "{text}");
    assert!(text.contains("\nstructured matrix scaling: classes 10 · fitted numbers 110\n"), "{text}");
    assert!(text.contains("fit: 5000 rows, 41 iterations, NLL 0.5035 to 0.3811, slope 2.2e-9"));
    assert!(text.contains("warning: Some classes have no row to fit on."));
    assert!(text.contains("warning: Few rows for this method."));
    let html = report.html();
    for forbidden in ["T\u{a0}=", "Temperature", "Standard error", "No interval"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    for (method, words) in [
        ("vector", "vector scaling brings"),
        ("identity", "no calibration brings"),
        ("dirichlet", "Dirichlet calibration brings"),
        ("venn_abers", "Venn–Abers calibration brings"),
        ("of\u{1b}mine", "the calibrator “of\u{fffd}mine” brings"),
    ] {
        report.calibrator.method = method.into();
        assert!(report.text(200).contains(words), "{method}");
    }
    report.calibrator.gradient = None;
    report.calibrator.iterations = 0;
    assert!(report.text(200).contains("fit: 5000 rows, NLL 0.5035 to 0.3811\n"));
}

#[test]
fn json_has_the_promised_keys() {
    let json: serde_json::Value = serde_json::from_str(&samples::over_confident().json()).unwrap();
    let keys =
        |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&json),
        "classes n_fit n_test source split before after calibrator conventions notes version"
    );
    assert_eq!(
        keys(&json["before"]),
        "accuracy top_5 nll brier ece mce rmsce ece_equal_mass classwise_ece mean_confidence mean_entropy \
         overconfidence underconfidence reliability confidence_histogram per_class"
    );
    assert_eq!(keys(&json["after"]["reliability"][5]), "lower upper rows weight confidence accuracy band");
    assert_eq!(keys(&json["after"]["confidence_histogram"]), "edges right wrong");
    assert_eq!(
        keys(&json["after"]["per_class"][0]),
        "name rows predicted recall precision mean_probability frequency ece"
    );
    assert_eq!(
        keys(&json["calibrator"]),
        "method temperature standard_error interval flags nll_before nll_after gradient iterations rows curve"
    );
    let json: serde_json::Value = serde_json::from_str(&samples::comparison().json()).unwrap();
    assert_eq!(
        keys(&json),
        "source rows classes folds criterion level methods best recommended reason conventions notes version"
    );
    assert_eq!(
        keys(&json["methods"][1]),
        "name metrics intervals to_uncalibrated to_best fit_seconds apply_seconds flags failure reliability map"
    );
    assert_eq!(keys(&json["methods"][1]["to_best"]), "value interval");
    assert_eq!(json["methods"][1]["metrics"]["brier"], 0.2210 + 0.12 * -0.1803);
}

/// The numbers in the attributes of an element that place it.
fn coordinates<'a>(node: roxmltree::Node<'a, '_>) -> Vec<(&'a str, &'a str)> {
    let names = ["x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "width", "height", "points", "viewBox"];
    node.attributes()
        .filter(|attribute| names.contains(&attribute.name()))
        .flat_map(|attribute| {
            attribute.value().split([' ', ',']).map(move |number| (attribute.name(), number))
        })
        .collect()
}

#[test]
fn figures_are_well_formed_and_say_what_they_show() {
    let all = ["reliability", "corp", "smooth", "nll", "map", "confidence", "risk-coverage", "classes"];
    for (name, make) in samples::ALL {
        let without: &[&str] = match name {
            "at-bound" => &[],
            "structured-matrix" | "hostile" => &["nll"],
            "nothing" => &["corp", "smooth", "nll", "map", "risk-coverage", "classes"],
            _ => &["corp", "smooth", "map", "risk-coverage", "classes"],
        };
        let expected: Vec<&str> = all.into_iter().filter(|figure| !without.contains(figure)).collect();
        assert_well_formed(name, &make().figures(), &expected);
    }
    for (name, make) in samples::COMPARISONS {
        let expected: &[&str] = match name {
            "methods-nothing" => &[],
            _ => &["differences", "reliability", "maps"],
        };
        assert_well_formed(name, &make().figures(), expected);
    }
}

fn assert_well_formed(name: &str, figures: &[Figure], expected: &[&str]) {
    assert_eq!(figures.iter().map(|figure| figure.name).collect::<Vec<_>>(), expected, "{name}");
    let mut ids = HashSet::new();
    for figure in figures {
        let document =
            roxmltree::Document::parse(&figure.svg).unwrap_or_else(|error| panic!("{name}: {error}"));
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("img"));
        for id in root.attribute("aria-labelledby").unwrap().split(' ') {
            let words = root.children().find(|node| node.attribute("id") == Some(id)).unwrap();
            assert!(words.text().unwrap().len() > 10, "{name}: {figure:?}");
        }
        assert!(root.children().any(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title"))));
        assert!(root.children().any(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "desc"))));
        let size: f64 = root.attribute("width").unwrap().parse().unwrap();
        for node in document.descendants() {
            if let Some(id) = node.attribute("id") {
                assert!(ids.insert(id.to_owned()), "{name}: {id} twice");
            }
            for (attribute, number) in coordinates(node) {
                let number: f64 = number.parse().unwrap_or_else(|_| panic!("{name}: {attribute}={number}"));
                assert!((0.0..=size.max(1100.0)).contains(&number), "{name}: {attribute}={number}");
            }
        }
    }
}

#[test]
fn figures_describe_the_numbers() {
    let report = samples::over_confident();
    let svg = &report.figures()[0].svg;
    assert!(svg.contains("Before calibration the expected calibration error is 0.1253"), "{svg}");
    assert!(svg.contains("Of 15 bins, 13 hold rows: in 13 of them accuracy lies below confidence"));
    let svg = &report.figures()[1].svg;
    assert!(
        svg.contains("It is 0.5035 at T = 1 and 0.3890 at the fitted temperature 2.046 ± 0.024"),
        "{svg}"
    );
}

/// The page as XML, which also shows that its tags are balanced.
fn as_xml(html: &str) -> String {
    let mut xml = html.replace("<!doctype html>", "").replace("&nbsp;", " ");
    let mut from = 0;
    while let Some(start) = xml[from..].find("<meta ") {
        let end = from + start + xml[from + start..].find('>').unwrap();
        xml.insert(end, '/');
        from = end;
    }
    xml
}

#[test]
fn curves_describe_their_numbers() {
    let figures = samples::structured_matrix().figures();
    let svg = |name| &figures.iter().find(|figure| figure.name == name).unwrap().svg;
    assert!(svg("corp").contains("outside the band of a calibrated model at"), "{}", svg("corp"));
    assert!(svg("smooth").contains("The density is highest at confidence 1.0000."), "{}", svg("smooth"));
    assert!(svg("map").contains("A confidence of 0.5 becomes 0.2872, of 0.7 becomes"), "{}", svg("map"));
    let svg = svg("risk-coverage");
    assert!(svg.contains("the area under the curve is 0.0789") && svg.contains("at coverage 0.9"), "{svg}");
    let figures = samples::comparison().figures();
    let svg = &figures[0].svg;
    assert!(svg.contains("temperature scaling −0.1803 (−0.1927 to −0.1679); beta calibration"), "{svg}");
}

#[test]
fn pages_are_whole_and_load_nothing() {
    let reports = samples::ALL.map(|(name, make)| (name, make().html()));
    let comparisons = samples::COMPARISONS.map(|(name, make)| (name, make().html()));
    for (name, html) in reports.into_iter().chain(comparisons) {
        for forbidden in ["http://", "https://", "<script", "<img", "<link", "url(", "@import", "NaN"] {
            assert!(!html.contains(forbidden), "{name}: {forbidden}");
        }
        let xml = as_xml(&html);
        let document = roxmltree::Document::parse(&xml).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut ids = HashSet::new();
        for node in document.descendants() {
            if let Some(id) = node.attribute("id") {
                assert!(ids.insert(id), "{name}: {id} twice");
            }
            for (attribute, number) in coordinates(node) {
                assert!(number.parse::<f64>().is_ok_and(f64::is_finite), "{name}: {attribute}={number}");
            }
        }
        for node in document.descendants() {
            let links = node.attribute("href").map(|href| href.strip_prefix('#').unwrap());
            let labels = node.attribute("aria-labelledby").into_iter().flat_map(|ids| ids.split(' '));
            for target in links.into_iter().chain(labels) {
                assert!(ids.contains(target), "{name}: {target}");
            }
            if node.has_tag_name("table") {
                assert!(node.children().any(|child| child.has_tag_name("caption")), "{name}");
                let region = node.parent().unwrap();
                assert_eq!(region.attribute("tabindex"), Some("0"), "{name}");
                assert!(region.attribute("aria-label").is_some(), "{name}");
            }
            if node.has_tag_name("th") {
                assert!(node.attribute("scope").is_some(), "{name}");
            }
        }
        for landmark in ["header", "nav", "main", "footer", "h1"] {
            assert_eq!(
                document.descendants().filter(|node| node.has_tag_name(landmark)).count(),
                1,
                "{name}"
            );
        }
    }
}

#[test]
fn hostile_names_are_only_text() {
    for html in [samples::hostile().html(), samples::hostile_comparison().html()] {
        assert!(html.contains("&#60;script&#62;") || html.contains("&lt;script&gt;"));
        assert!(!html.contains("</title></style>"));
        assert!(!html.contains(['\0', '\u{1b}', '\u{202e}']));
    }
}

#[test]
fn pages_tell_what_went_wrong() {
    let worse = samples::worse_after().html();
    assert!(worse.contains("makes ECE worse, from 0.0156 to 0.0342,"));
    assert!(worse.contains("Calibration made the model worse"));
    assert!(worse.contains("No temperature makes these logits useful"));
    let bound = samples::at_bound();
    assert!(bound.html().contains("T is at a bound of the search"));
    assert!(bound.html().contains("The fitting rows cannot determine T"));
    assert!(bound.text(200).contains("temperature 0.0001000 (no interval): This T is no optimum"));
    let under = samples::under_confident();
    assert!(under.text(200).contains("The model was under-confident by"));
    assert!(under.text(200).contains("T < 1 sharpens the probabilities"));
    let few = samples::empty_bins();
    assert!(few.html().contains("The interval contains 1"));
    assert!(few.html().contains("12\u{a0}bins before and 12 after hold no rows"));
    let mut changed = samples::over_confident();
    changed.after.metrics.insert("accuracy", 0.5);
    assert!(changed.text(200).contains("warning: Accuracy changed."));
}

#[test]
fn many_classes_are_cut_to_the_worst() {
    let report = samples::many_classes();
    let html = report.html();
    assert!(html.contains("These are the 30 of 214 classes"));
    let worst = report.after.per_class.iter().max_by(|a, b| a.ece.total_cmp(&b.ece)).unwrap();
    let best = report.after.per_class.iter().min_by(|a, b| a.ece.total_cmp(&b.ece)).unwrap();
    assert!(html.contains(&format!("<th scope=\"row\">{}</th>", worst.name)), "{}", worst.name);
    assert!(!html.contains(&format!("<th scope=\"row\">{}</th>", best.name)));
}
