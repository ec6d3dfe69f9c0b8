//! A list that a variable or flag gives as text with commas, and a TOML file as text or as an array.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// Texts in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "Given")]
pub struct List(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Text(String),
    Items(Vec<String>),
}

impl From<Given> for List {
    fn from(given: Given) -> Self {
        match given {
            Given::Text(text) if text.trim().is_empty() => Self::default(),
            Given::Text(text) => Self(text.split(',').map(|item| item.trim().to_owned()).collect()),
            Given::Items(items) => Self(items),
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
