//! Small habits: no shelf for odds and ends, lints silenced only in place and with a reason, every `select!` in a fixed order.

use crate::source::{code_of, line_of, occurrences};

/// Names under which anything could be put.
const SHELVES: [&str; 6] = ["utils", "util", "common", "helpers", "manager", "misc"];

/// Where the real world begins, so that a whole module may say what is disallowed elsewhere.
const WORLDS: &[&str] = &[
    "src/runtime/tokio",
    "src/http/accept",
    "src/http/connection",
    "src/http/pace",
    "src/http/client",
    "src/cli",
    "src/main.rs",
    "sim/src",
    "tests/",
    "bench/",
    "benches/",
    "sim/tests/",
];

/// Where the simulator may speak to the terminal.
const SIMULATOR_SPEAKS: &[&str] = &["sim/src/cli/", "sim/tests/"];

/// Broken habits in a file.
pub fn complaints(path: &str, text: &str) -> Vec<String> {
    let code = code_of(text);
    let mut complaints = Vec::new();
    let mut complain = |at: usize, what: &str| complaints.push(format!("{path}:{}: {what}", line_of(&code, at)));
    if path.trim_end_matches(".rs").split('/').any(|part| SHELVES.contains(&part)) {
        complain(0, "a name that says nothing of what is inside");
    }
    if !text.starts_with("//!") {
        complain(0, "a file begins with what it is for");
    }
    for at in occurrences(&code, "select!").filter(|at| !code[*at..].split_once('{').is_some_and(|(_, arms)| biased(arms))) {
        complain(at, "`select!` without `biased;` draws lots");
    }
    let crate_root = ["src/lib.rs", "src/main.rs", "sim/src/lib.rs", "sim/src/main.rs"].contains(&path);
    let mute = path.starts_with("sim/") && !SIMULATOR_SPEAKS.iter().any(|place| path.starts_with(place));
    for (at, attribute) in silences(&code, text) {
        let whole_file = attribute.starts_with("#![");
        if attribute.contains("allow(") {
            complain(at, "`allow` hides what is no longer there: use `expect`");
        }
        if !attribute.contains("reason") {
            complain(at, "a lint is silenced without a reason");
        }
        if mute && attribute.contains("disallowed_macros") {
            complain(at, "only the simulator's command line speaks to the terminal");
        }
        if whole_file && crate_root {
            complain(at, "a lint is silenced for a whole crate");
        } else if whole_file && !WORLDS.iter().any(|world| path.starts_with(world)) {
            complain(at, "a lint is silenced for a whole module, where no world begins");
        }
    }
    complaints
}

fn biased(arms: &str) -> bool {
    arms.trim_start().starts_with("biased;")
}

/// The attributes that silence lints, as written.
fn silences<'a>(code: &'a str, text: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let starts = code.match_indices('#').map(|(at, _)| at);
    starts.filter_map(move |at| {
        let body = code[at..].trim_start_matches(['#', '!', '[']);
        let silences = ["allow(", "expect("].iter().any(|word| body.starts_with(word));
        let end = code[at..].find(")]")?;
        (silences && code[at..].chars().nth(1).is_some_and(|c| c == '[' || c == '!'))
            .then(|| (at, text.get(byte_of(code, text, at)..byte_of(code, text, at + end)).unwrap_or_default()))
    })
}

/// Code and text have the same characters line by line, but a literal's characters may be wider than the spaces for them.
fn byte_of(code: &str, text: &str, at: usize) -> usize {
    let chars = code[..at].chars().count();
    text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte)
}

#[test]
fn shelves_for_odds_and_ends_are_refused() {
    assert!(complaints("src/node/pull.rs", "//! x").is_empty());
    assert_eq!(complaints("src/utils.rs", "//! x").len(), 1);
    assert_eq!(complaints("src/node/helpers/a.rs", "//! x").len(), 1);
    assert_eq!(complaints("src/a.rs", "fn a() {}").len(), 1);
}

#[test]
fn an_unordered_select_is_refused() {
    assert!(complaints("src/a.rs", "//! x\ntokio::select! {\n biased;\n a = b => {} }").is_empty());
    assert_eq!(complaints("src/a.rs", "//! x\ntokio::select! { a = b => {} }").len(), 1);
}

#[test]
fn silence_needs_a_reason_and_a_place() {
    let head = "//! ß\n";
    let of = |path: &str, attribute: &str| complaints(path, &format!("{head}{attribute}\nfn a() {{}}"));
    assert!(of("src/node/a.rs", "#[expect(clippy::x, reason = \"y ß\")]").is_empty());
    assert!(of("src/cli/a.rs", "#![expect(clippy::x, reason = \"y\")]").is_empty());
    assert_eq!(of("src/node/a.rs", "#[expect(clippy::x)]").len(), 1);
    assert_eq!(of("src/node/a.rs", "#[allow(clippy::x, reason = \"y\")]").len(), 1);
    assert_eq!(of("src/node/a.rs", "#![expect(clippy::x, reason = \"y\")]").len(), 1);
    assert_eq!(of("src/main.rs", "#![expect(clippy::x, reason = \"y\")]").len(), 1);
    let speaks = "#![expect(clippy::disallowed_macros, reason = \"y\")]";
    assert!(of("sim/src/cli/mod.rs", speaks).is_empty());
    assert_eq!(of("sim/src/run.rs", speaks).len(), 1);
}
