//! Two scenes and their texts beside each other, with the first difference marked in all four.

use serde::Serialize;

use super::{Scene, page::Sheet};

const COMPARE: &str = include_str!("page/compare.js");

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// How it is called: `old`, a commit, a seed.
    pub name: String,
    /// What is drawn; nothing when there is only text.
    pub scene: Option<Scene>,
    /// The text, line by line: a trace, a snapshot.
    pub lines: Vec<String>,
}

/// Where two sides differ first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Divergence {
    /// The first line that differs, counted from 0: the same number on both sides, and possibly one past the end of either.
    pub line: usize,
    /// When it happened on the old side, in simulated microseconds; `None` when the line has no time.
    pub old_us: Option<u64>,
    /// When it happened on the new side.
    pub new_us: Option<u64>,
    /// What differs, in one line. May be empty.
    pub text: String,
}

impl Side {
    /// A side of which there is only text.
    pub fn of_text(name: impl Into<String>, text: &str) -> Self {
        Self { name: name.into(), scene: None, lines: text.lines().map(str::to_owned).collect() }
    }

    /// With a diagram.
    pub fn with_scene(self, scene: Scene) -> Self {
        Self { scene: Some(scene), ..self }
    }
}

impl Divergence {
    /// The first line that the two texts do not share, at no known time; `None` when the texts are the same.
    pub fn between(old: &Side, new: &Side) -> Option<Self> {
        let shared = old.lines.iter().zip(&new.lines).take_while(|(old, new)| old == new).count();
        let differs = shared < old.lines.len().max(new.lines.len());
        differs.then(|| Self { line: shared, ..Self::default() })
    }

    /// When the line happened on each side.
    pub fn at(self, old_us: Option<u64>, new_us: Option<u64>) -> Self {
        Self { old_us, new_us, ..self }
    }

    /// What differs.
    pub fn says(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }
}

/// The page of two sides; without a divergence it says that they are the same.
pub fn compare_page(old: &Side, new: &Side, divergence: Option<&Divergence>) -> String {
    #[derive(Serialize)]
    struct Data<'a> {
        sides: [&'a Side; 2],
        divergence: Option<&'a Divergence>,
    }
    let title = format!("{} | {}", old.name, new.name);
    Sheet { title: &title, data: &Data { sides: [old, new], divergence }, main: COMPARE }.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_is_not_shared_is_found() {
        let of = |text: &str| Side::of_text("side", text);
        let line = |old: &str, new: &str| Divergence::between(&of(old), &of(new)).map(|found| found.line);
        assert_eq!(line("a\nb\nc", "a\nb\nc"), None);
        assert_eq!(line("a\nb\nc", "a\nx\nc"), Some(1));
        assert_eq!(line("a\nb", "a\nb\nc"), Some(2));
        assert_eq!(line("", "a"), Some(0));
    }
}
