//! A page of sections with text, tables and charts: what is no report of one model.

use askama::Template;

use crate::figures::Figure;
use crate::html::Fact;
use crate::text;

/// A page of sections.
///
/// ```
/// use temperance_report::{Document, Section, Table};
///
/// let section = Section {
///     heading: "Does water boil?".into(),
///     verdict: "Supported".into(),
///     because: "It did in 5 of 5 pots.".into(),
///     tables: vec![Table {
///         caption: "Pots".into(),
///         header: vec!["pot".into(), "°C".into()],
///         rows: vec![vec!["red".into(), "100.0".into()]],
///     }],
///     ..Section::default()
/// };
/// let document = Document { title: "Water".into(), sections: vec![section], ..Document::default() };
/// assert!(document.html().contains("<h2 id=\"section-1\">Does water boil?</h2>"));
/// assert!(document.text(80).contains("Supported. It did in 5 of 5 pots."));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// A line above the title.
    pub eyebrow: String,
    /// The title.
    pub title: String,
    /// What and how, by name.
    pub facts: Vec<(String, String)>,
    /// Paragraphs before the sections.
    pub lead: Vec<String>,
    /// The sections.
    pub sections: Vec<Section>,
    /// Who made it.
    pub version: String,
}

/// A section of a document. Empty parts are left out.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// Its name among the links; the heading if that is empty.
    pub short: String,
    /// A word or two.
    pub verdict: String,
    /// What the verdict rests on.
    pub because: String,
    /// Text.
    pub paragraphs: Vec<String>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Figures.
    pub figures: Vec<Figure>,
}

/// A table; the first cell of a row is its name.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

#[derive(Template)]
#[template(path = "document.html")]
struct Page<'a> {
    css: &'static str,
    eyebrow: &'a str,
    title: &'a str,
    facts: Vec<Fact>,
    lead: &'a [String],
    sections: Vec<Numbered<'a>>,
    version: &'a str,
}

struct Numbered<'a> {
    number: usize,
    short: &'a str,
    heading: &'a str,
    verdict: &'a str,
    because: &'a str,
    paragraphs: &'a [String],
    tables: &'a [Table],
    figures: Vec<Drawn<'a>>,
}

struct Drawn<'a> {
    title: &'a str,
    svg: &'a str,
    /// Whether it has several panels side by side.
    wide: bool,
}

impl Document {
    /// The document as one HTML page that needs no network, no script and no other file.
    pub fn html(&self) -> String {
        let facts = self.facts.iter().map(|(label, value)| Fact {
            label: label.clone(),
            value: value.clone(),
            was: String::new(),
        });
        let sections = self.sections.iter().enumerate().map(|(at, section)| Numbered {
            number: at + 1,
            short: if section.short.is_empty() { &section.heading } else { &section.short },
            heading: &section.heading,
            verdict: &section.verdict,
            because: &section.because,
            paragraphs: &section.paragraphs,
            tables: &section.tables,
            figures: section.figures.iter().map(drawn).collect(),
        });
        let page = Page {
            css: include_str!("../templates/report.css"),
            eyebrow: &self.eyebrow,
            title: &self.title,
            facts: facts.collect(),
            lead: &self.lead,
            sections: sections.collect(),
            version: &self.version,
        };
        page.render().expect("a page is text, and writing text to memory does not fail")
    }

    /// The document as text of that many columns, without its figures.
    pub fn text(&self, width: usize) -> String {
        let fill = |text: &str| textwrap::fill(text, width);
        let mut text = format!("{}\n", fill(&self.title));
        for (label, value) in &self.facts {
            text += &format!("{}\n", fill(&format!("{label}: {value}")));
        }
        for paragraph in &self.lead {
            text += &format!("\n{}\n", fill(paragraph));
        }
        for section in &self.sections {
            text += &format!("\n{}\n", fill(&section.heading));
            if !section.verdict.is_empty() {
                text += &format!("{}\n", fill(&format!("{}. {}", section.verdict, section.because)));
            }
            for paragraph in &section.paragraphs {
                text += &format!("{}\n", fill(paragraph));
            }
            for table in &section.tables {
                text += &format!("\n{}\n{}\n", fill(&table.caption), table.text(width));
            }
        }
        text
    }
}

/// A figure and whether it is wide, which its view box says.
fn drawn(figure: &Figure) -> Drawn<'_> {
    let width = figure.svg.split_once("viewBox=\"0 0 ").and_then(|(_, rest)| rest.split(' ').next());
    let wide = width.and_then(|width| width.parse::<f64>().ok()).is_some_and(|width| width > 500.0);
    Drawn { title: &figure.title, svg: &figure.svg, wide }
}

impl Table {
    fn text(&self, width: usize) -> String {
        let header: Vec<&str> = self.header.iter().map(String::as_str).collect();
        let right: Vec<usize> = (1..header.len()).collect();
        let mut table = text::table(width, &header, &right);
        for row in &self.rows {
            table.add_row(row);
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}
