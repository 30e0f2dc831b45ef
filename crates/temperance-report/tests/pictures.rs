//! The pictures in `docs/figures` are those that are drawn now.

use std::path::Path;

#[path = "pictures/mod.rs"]
mod pictures;

/// Text and numbers of a drawing, apart.
fn parts(svg: &str) -> (String, Vec<f64>) {
    let (mut text, mut numbers, mut number) = (String::new(), Vec::new(), String::new());
    for c in svg.chars().chain(['\n']) {
        if c.is_ascii_digit() || (c == '.' && !number.is_empty()) || (c == '-' && number.is_empty()) {
            number.push(c);
            continue;
        }
        match number.parse() {
            Ok(parsed) => {
                numbers.push(parsed);
                text.push('#');
            }
            Err(_) => text += &number,
        }
        number.clear();
        text.push(c);
    }
    (text, numbers)
}

/// Drawn with the same words and, up to a last digit that another processor may round otherwise, numbers.
#[test]
fn committed_pictures_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/figures");
    let figures = pictures::all().unwrap();
    for figure in &figures {
        let path = folder.join(format!("{}.svg", figure.name));
        let committed = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let (drawn, committed) = (parts(&figure.svg), parts(&committed));
        let hint = "run `cargo run -p temperance-report --example regularisers`";
        assert_eq!(drawn.0, committed.0, "{}: {hint}", figure.name);
        for (drawn, committed) in drawn.1.iter().zip(&committed.1) {
            assert!((drawn - committed).abs() < 0.011, "{}: {drawn}, {committed}; {hint}", figure.name);
        }
    }
    let committed = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(committed, figures.len(), "docs/figures has a picture that nothing draws");
}

#[test]
fn every_picture_is_on_the_page() {
    let page = include_str!("../../../docs/choosing-a-regulariser.md");
    for figure in pictures::all().unwrap() {
        assert!(page.contains(&format!("](figures/{}.svg)", figure.name)), "{}", figure.name);
    }
}
