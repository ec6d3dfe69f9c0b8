//! Documents and comments name only files that are there.

/// The folders that a path in backticks may start with; anything else in backticks is not taken for a path.
const FOLDERS: [&str; 12] =
    ["src/", "sim/", "tests/", "docs/", "bench/", "benches/", "scripts/", "snapshots/", "docker/", "deploy/", ".ci/", ".cargo/"];

/// Links and paths in a document, and paths in the comments of a program, that lead nowhere.
pub fn complaints(path: &str, text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let markdown = path.ends_with(".md");
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let links = links(line).filter(|_| markdown).map(|link| beside(path, link));
        let spoken_of = markdown || line.trim_start().starts_with("//");
        let named = paths(line).filter(|_| spoken_of).map(str::to_owned);
        for target in links.chain(named).filter(|target| !exists(target)) {
            complaints.push(format!("{path}:{}: {target} is not there", number + 1));
        }
    }
    complaints
}

/// The targets of links within the repository, without anchors.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inside = targets.filter(|target| !target.contains("://") && !target.starts_with('#') && !target.contains(' '));
    inside.filter_map(|target| target.split('#').next())
}

/// Paths and bare names of programs' files in backticks, without a `::test` or `:line` at the end. A pattern (`src/*.rs`) is no path.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2);
    let is_path = |text: &&str| FOLDERS.iter().any(|folder| text.starts_with(folder)) || text.ends_with(".rs");
    let paths = quoted.filter(is_path);
    let plain = paths.filter(|text| !text.contains(['*', '<', '{', ' ']));
    plain.filter_map(|text| text.split(':').next())
}

/// A link's target as seen from the root.
fn beside(document: &str, target: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[test]
fn what_leads_nowhere_is_refused() {
    let exists = |path: &str| ["docs/a.md", "src/lib.rs", "lib.rs"].contains(&path);
    let text =
        "[a](a.md#b) [c](../c.md) [web](https://x.y/z.md) `src/lib.rs:3` `src/gone.rs` `src/*.rs` `other/x` `lib.rs` `bare.rs`";
    let expected = ["c.md", "src/gone.rs", "bare.rs"].map(|path| format!("docs/b.md:1: {path} is not there"));
    assert_eq!(complaints("docs/b.md", text, &exists), expected);
    assert_eq!(complaints("src/a.rs", "let x = 1; // `y`\n/// see `src/gone.rs`", &exists).len(), 1);
}
