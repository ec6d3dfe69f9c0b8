//! Values as scenarios write and show them: any JSON, or `20kB` for a string of that size that nobody wants to read.

use std::fmt;

use serde_json::value::RawValue;

/// What a long string is made of.
const FILLER: char = 'x';
/// The unit in which long strings are counted.
const KB: usize = 1_000;

/// A value that a scenario writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value {
    json: String,
}

impl Value {
    /// A value that came back as JSON text.
    pub fn of_json(json: impl Into<String>) -> Self {
        Self { json: json.into() }
    }

    /// Reads the value that a text begins with, and gives the rest of the text.
    ///
    /// # Errors
    /// It begins with none.
    pub fn take(text: &str) -> Result<(Self, &str), String> {
        let word = text.split_whitespace().next().ok_or("a value is missing")?;
        if let Some(kilobytes) = word.strip_suffix("kB").and_then(|digits| digits.parse::<usize>().ok()) {
            let filler: String = std::iter::repeat_n(FILLER, kilobytes * KB).collect();
            return Ok((Self { json: format!("\"{filler}\"") }, &text[text.find(word).unwrap_or(0) + word.len()..]));
        }
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        match values.next() {
            Some(Ok(json)) => {
                let bytes = values.byte_offset();
                Ok((Self { json: json.get().to_owned() }, &text[bytes..]))
            }
            _ => Err(format!("`{word}` is no JSON value: text stands in quotes")),
        }
    }

    /// It as JSON text.
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
        let is_filler = inner.len() >= KB && inner.len().is_multiple_of(KB) && inner.chars().all(|c| c == FILLER);
        match is_filler {
            true => write!(f, "{}kB", inner.len() / KB),
            false => f.write_str(&self.json),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_json_or_a_size_and_is_shown_as_it_was_written() {
        for text in ["\"friends only\"", "17", "null", "{\"a\": [1, 2]}", "20kB"] {
            let line = format!("{text} at n0");
            let (value, rest) = Value::take(&line).expect(text);
            assert_eq!((value.to_string().as_str(), rest), (text, " at n0"));
            assert_eq!(Value::of_json(value.json()), value);
        }
        assert_eq!(Value::take("2kB").map(|(value, _)| value.json().len()), Ok(2_002));
    }

    #[test]
    fn a_word_without_quotes_is_no_value() {
        assert_eq!(Value::take("beach at n0"), Err("`beach` is no JSON value: text stands in quotes".to_owned()));
        assert_eq!(Value::take("  "), Err("a value is missing".to_owned()));
    }
}
