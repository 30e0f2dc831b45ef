//! How numbers and foreign names are written, in one place for text, figures and page.

/// What stands for a number that does not exist.
pub(crate) const NONE: &str = "–";

/// How many digits a number gets.
#[derive(Clone, Copy)]
enum Digits {
    /// After the point.
    Decimals(usize),
    /// From the first digit that is not 0.
    Significant(usize),
}

/// The one function that writes numbers: `0.0120`, `2.046`, `1.2e-7`, `∞`, with a typographic minus.
fn number(x: f64, digits: Digits) -> String {
    if x.is_nan() {
        return "undefined".to_owned();
    }
    let size = x.abs();
    let text = match digits {
        _ if size.is_infinite() => "∞".to_owned(),
        Digits::Decimals(decimals) if size == 0.0 => format!("{size:.decimals$}"),
        Digits::Decimals(decimals) if size < 0.5 * 10_f64.powi(-(decimals as i32)) => format!("{size:.1e}"),
        Digits::Decimals(decimals) if size < 1e6 => format!("{size:.decimals$}"),
        Digits::Decimals(_) => format!("{size:.3e}"),
        Digits::Significant(_) if size == 0.0 => "0".to_owned(),
        Digits::Significant(significant) => {
            let scientific = format!("{size:.*e}", significant - 1);
            let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
            match exponent {
                Some(exponent @ -4..=5) => {
                    let decimals = (significant as i32 - 1 - exponent).max(0) as usize;
                    format!("{size:.decimals$}")
                }
                _ => scientific,
            }
        }
    };
    if x < 0.0 { format!("−{text}") } else { text }
}

/// A metric: four decimals, or `1.2e-7` if these would be zeros.
pub(crate) fn metric(x: f64) -> String {
    number(x, Digits::Decimals(4))
}

/// A metric that may be missing.
pub(crate) fn optional(x: Option<f64>) -> String {
    x.map_or_else(|| NONE.to_owned(), metric)
}

/// A temperature: four significant digits.
pub(crate) fn temperature(x: f64) -> String {
    number(x, Digits::Significant(4))
}

/// A number with as many significant digits as given.
pub(crate) fn significant(x: f64, digits: usize) -> String {
    number(x, Digits::Significant(digits))
}

/// A time in seconds with its unit: `1.2 ms`, `0.42 s`, `3.1 min`.
pub(crate) fn seconds(x: f64) -> String {
    match x {
        x if !x.is_finite() => NONE.to_owned(),
        0.0 => "0\u{a0}s".to_owned(),
        x if x < 0.000_999_5 => format!("{}\u{a0}µs", number(1e6 * x, Digits::Significant(2))),
        x if x < 0.0995 => format!("{}\u{a0}ms", number(1e3 * x, Digits::Significant(2))),
        x if x < 99.5 => format!("{}\u{a0}s", number(x, Digits::Significant(2))),
        x if x < 5970.0 => format!("{}\u{a0}min", number(x / 60.0, Digits::Significant(2))),
        x => format!("{}\u{a0}h", number(x / 3600.0, Digits::Significant(2))),
    }
}

/// A standard error: two significant digits.
pub(crate) fn standard_error(x: f64) -> String {
    number(x, Digits::Significant(2))
}

/// A slope or another size of which only the magnitude matters.
pub(crate) fn magnitude(x: f64) -> String {
    if x == 0.0 { "0".to_owned() } else { number(x, Digits::Significant(2)) }
}

/// A number with as many decimals as given, for axes.
pub(crate) fn fixed(x: f64, decimals: usize) -> String {
    match x {
        0.0 => format!("{:.decimals$}", 0.0),
        x if x.abs() >= 1e5 => format!("{x:.0e}").replace('-', "−"),
        x => format!("{x:.decimals$}").replace('-', "−"),
    }
}

/// The difference of two metrics with its sign; `0` if they are written alike.
pub(crate) fn change(before: f64, after: f64) -> String {
    if metric(before) == metric(after) {
        return "0".to_owned();
    }
    let change = after - before;
    if change > 0.0 { format!("+{}", metric(change)) } else { metric(change) }
}

/// A number of things: `5 000`, with narrow spaces that do not break.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(n: u64, singular: &str, plural: &str) -> String {
    format!("{}\u{a0}{}", count(n), if n == 1 { singular } else { plural })
}

/// A weight: a count if it is one.
pub(crate) fn weight(x: f64) -> String {
    // Weights that add up to a count may miss it by their rounding.
    let whole = x.round();
    if (x - whole).abs() <= 1e-9 * whole && whole < 1e15 {
        count(whole as u64)
    } else {
        number(x, Digits::Significant(4))
    }
}

/// Foreign text without what could reorder or steer its surroundings: control and direction characters.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// [`clean`] text as XML character data or attribute value.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let metrics = [0.0912, 0.0, 1.2e-7, -0.5, -3e-5, 1234.5, 2.5e7, f64::INFINITY, f64::NEG_INFINITY];
        let written = ["0.0912", "0.0000", "1.2e-7", "−0.5000", "−3.0e-5", "1234.5000", "2.500e7", "∞", "−∞"];
        assert_eq!(metrics.map(metric), written);
        assert_eq!(metric(f64::NAN), "undefined");
        assert_eq!(optional(None), "–");
        let temperatures = [2.04567, 0.05, 9.99996, 123.45, 10_000.0, 1e-4, 3.2e-9, 1e9, 0.0];
        let written =
            ["2.046", "0.05000", "10.00", "123.5", "10000", "0.0001000", "3.200e-9", "1.000e9", "0"];
        assert_eq!(temperatures.map(temperature), written);
    }

    #[test]
    fn changes_and_counts() {
        assert_eq!(change(0.5, 0.25), "−0.2500");
        assert_eq!(change(0.5, 0.75), "+0.2500");
        assert_eq!(change(0.5, 0.500_001), "0");
        assert_eq!(change(f64::INFINITY, 1.0), "−∞");
        assert_eq!(
            [0, 999, 5000, 1_234_567].map(count),
            ["0", "999", "5\u{202f}000", "1\u{202f}234\u{202f}567"]
        );
        assert_eq!([3.0, 2.5, 499.999_999_999_9, 0.0].map(weight), ["3", "2.500", "500", "0"]);
    }

    #[test]
    fn times() {
        let written = ["0\u{a0}s", "12\u{a0}µs", "1.0\u{a0}ms", "99\u{a0}ms", "0.10\u{a0}s", "99\u{a0}s"];
        assert_eq!([0.0, 1.2e-5, 0.001, 0.0994, 0.0996, 99.4].map(seconds), written);
        assert_eq!(
            [99.6, 5960.0, 7200.0, f64::NAN].map(seconds),
            ["1.7\u{a0}min", "99\u{a0}min", "2.0\u{a0}h", "–"]
        );
    }

    #[test]
    fn foreign_text() {
        assert_eq!(escape("<b a='\"'>&\0"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;\u{fffd}");
        assert_eq!(clean("\u{1b}[31m\u{202e}red\n"), "\u{fffd}[31m\u{fffd}red ");
    }
}
