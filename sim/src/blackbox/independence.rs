//! Nobody can be judged by what he shares with his judge: this module names the standard library and itself, nothing else.

use std::{fs, path::PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files() -> Vec<PathBuf> {
    let mut folders = vec![root().join("src/blackbox")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

/// The crates that this one depends on, as they are named in code.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut is_listed = false;
    let mut names = vec!["causeway".to_owned(), "causeway_sim".to_owned()];
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_listed = line.ends_with("dependencies]");
        } else if let Some(name) = line.split(['=', '.']).next().filter(|_| is_listed && line.contains('=')) {
            names.push(name.trim().replace('-', "_"));
        }
    }
    names
}

/// Statements that name something outside, of a file so many folders below the module.
fn foreign(text: &str, depth: usize, dependencies: &[String]) -> Vec<String> {
    let (code, tests) = text.split_once("mod tests {").unwrap_or((text, ""));
    let statements = |code: &str, supers: usize| -> Vec<String> {
        let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = lines.join("\n");
        let is_named = |statement: &str, name: &str| {
            let mut words = statement.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            words.any(|word| word == name)
        };
        let is_foreign = |statement: &&str| {
            let is_use = statement.trim_start().trim_start_matches("pub ").starts_with("use ");
            let climbs = is_use && statement.matches("super").count() > supers;
            let names =
                dependencies.iter().any(|name| is_use && is_named(statement, name) || statement.contains(&format!("{name}::")));
            climbs || names || statement.contains("crate::")
        };
        code.split(';').filter(is_foreign).map(str::to_owned).collect()
    };
    [statements(code, depth), statements(tests, depth + 1)].concat()
}

#[test]
fn this_module_names_itself_and_the_standard_library_alone() {
    let dependencies = dependencies();
    let base = root().join("src/blackbox");
    for path in files() {
        if path.file_name().is_some_and(|name| name == "independence.rs") {
            continue;
        }
        let depth = path.strip_prefix(&base).unwrap().components().count();
        let found = foreign(&fs::read_to_string(&path).unwrap(), depth, &dependencies);
        assert!(found.is_empty(), "{}: {found:#?}", path.display());
    }
}

#[test]
fn what_is_foreign_is_found() {
    let dependencies = ["causeway".to_owned(), "rand_chacha".to_owned()];
    let bad = [
        "use causeway::store::Key;",
        "pub use causeway;",
        "let x = rand_chacha::x();",
        "use crate::history::OpId;",
        "use super::super::history;",
    ];
    for code in bad {
        assert_eq!(foreign(code, 1, &dependencies).len(), 1, "{code}");
    }
    for code in
        ["use super::History;", "use std::fmt;", "// causeway::x", "let x = \"a\";", "mod tests { use super::super::Op; }"]
    {
        assert!(foreign(code, 1, &dependencies).is_empty(), "{code}");
    }
}
