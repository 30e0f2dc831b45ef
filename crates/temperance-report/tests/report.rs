//! Renders usual and odd reports and checks what comes out.

use std::collections::HashSet;

use temperance_report::{Metrics, Report, Scorecard};
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
                for line in text.lines() {
                    assert!(display_width(line) <= width, "{name} at {width}: {line}");
                    assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{name}: {line:?}");
                }
            }
        }
    }
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
    for (name, make) in samples::ALL {
        let figures = make().figures();
        let expected: &[&str] = match name {
            "structured-matrix" => {
                &["reliability", "corp", "smooth", "map", "confidence", "risk-coverage", "classes"]
            }
            "nothing" => &["reliability", "confidence"],
            _ => &["reliability", "nll", "confidence"],
        };
        assert_eq!(figures.iter().map(|figure| figure.name).collect::<Vec<_>>(), expected, "{name}");
        let mut ids = HashSet::new();
        for figure in &figures {
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
                    let number: f64 =
                        number.parse().unwrap_or_else(|_| panic!("{name}: {attribute}={number}"));
                    assert!((0.0..=size.max(600.0)).contains(&number), "{name}: {attribute}={number}");
                }
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
fn pages_are_whole_and_load_nothing() {
    for (name, make) in samples::ALL {
        let html = make().html();
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
    let html = samples::hostile().html();
    assert!(html.contains("&#60;script&#62;") || html.contains("&lt;script&gt;"));
    assert!(!html.contains("</title></style>"));
    assert!(!html.contains(['\0', '\u{1b}', '\u{202e}']));
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
