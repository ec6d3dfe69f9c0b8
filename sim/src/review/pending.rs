//! What `insta` left to be reviewed: a new file beside each snapshot that differs, and a hidden file beside code that holds snapshots
//! itself.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Folders that hold no sources.
const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];
const NEW: &str = ".snap.new";
const INLINE: &str = ".pending-snap";

/// One snapshot that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The snapshot's file, or the place in the code, as seen from the folder that was searched.
    pub name: String,
    /// What the repository says; empty for a snapshot that is new.
    pub old: String,
    /// What the last run said.
    pub new: String,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewError {
    path: PathBuf,
    reason: String,
}

impl fmt::Display for ReviewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for ReviewError {}

/// All snapshots under a folder that wait for a review, by name.
///
/// # Errors
/// A folder or file cannot be read, or is not as `insta` writes it.
pub fn find(root: &Path) -> Result<Vec<Pending>, ReviewError> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let error = |error: std::io::Error| ReviewError { path: folder.clone(), reason: error.to_string() };
        for entry in fs::read_dir(&folder).map_err(error)? {
            let entry = entry.map_err(error)?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type().map_err(error)?.is_dir() {
                folders.extend((!SKIPPED.contains(&name.as_str())).then_some(path));
            } else if name.ends_with(NEW) {
                found.push(of_file(root, &path)?);
            } else if name.ends_with(INLINE) {
                found.extend(of_code(root, &path)?);
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn of_file(root: &Path, path: &Path) -> Result<Pending, ReviewError> {
    let accepted = path.with_extension("");
    let old = if accepted.exists() { contents(&read(&accepted)?).to_owned() } else { String::new() };
    Ok(Pending { name: seen_from(root, &accepted), old, new: contents(&read(path)?).to_owned() })
}

/// What follows the head of a snapshot's file.
fn contents(text: &str) -> &str {
    let body = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    body.map_or(text, |(_, body)| body)
}

/// One line a comparison, of several runs. The last run counts, and in it the last comparison of each line of code; one without a
/// new text passed.
fn of_code(root: &Path, path: &Path) -> Result<Vec<Pending>, ReviewError> {
    #[derive(Deserialize)]
    struct Comparison {
        run_id: String,
        line: u32,
        new: Option<Snapshot>,
        old: Option<Snapshot>,
    }
    #[derive(Deserialize)]
    struct Snapshot {
        snapshot: String,
    }
    let text = read(path)?;
    let wrong = |error: serde_json::Error| ReviewError { path: path.to_owned(), reason: error.to_string() };
    let comparisons: Vec<Comparison> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>().map_err(wrong)?;
    let last_run = comparisons.last().map(|comparison| comparison.run_id.clone());
    let of_last_run = comparisons.into_iter().filter(|comparison| Some(&comparison.run_id) == last_run.as_ref());
    let by_line: BTreeMap<u32, Comparison> = of_last_run.map(|comparison| (comparison.line, comparison)).collect();
    let code = code_of(path);
    let text = |snapshot: Option<Snapshot>| snapshot.map(|snapshot| snapshot.snapshot).unwrap_or_default();
    let pending =
        by_line.into_values().filter(|comparison| comparison.new.is_some()).map(|Comparison { line, new, old, .. }| Pending {
            name: format!("{}:{line}", seen_from(root, &code)),
            old: text(old),
            new: text(new),
        });
    Ok(pending.collect())
}

/// The code that a hidden file is about.
fn code_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(name.trim_start_matches('.').trim_end_matches(INLINE))
}

fn seen_from(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn read(path: &Path) -> Result<String, ReviewError> {
    fs::read_to_string(path).map_err(|error| ReviewError { path: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own, removed in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let path = std::env::temp_dir().join(format!("causeway-review-{}-{name}", std::process::id()));
            for (file, text) in files {
                let file = path.join(file);
                fs::create_dir_all(file.parent().expect("a file in a folder")).expect("a folder can be made");
                fs::write(file, text).expect("a file can be written");
            }
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            // What is left is of no consequence in a folder for temporary files.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn pending(name: &str, old: &str, new: &str) -> Pending {
        Pending { name: name.to_owned(), old: old.to_owned(), new: new.to_owned() }
    }

    #[test]
    fn a_new_text_is_found_with_the_old_one_or_none() {
        let head = "---\nsource: tests/a.rs\ninput_file: a.txt\n---\n";
        let folder = Folder::with(
            "files",
            &[
                ("snapshots/a.snap", &format!("{head}one\n---\ntwo\n")),
                ("snapshots/a.snap.new", "---\nsource: tests/a.rs\nassertion_line: 7\n---\none\n---\nthree\n"),
                ("deep/er/b.snap.new", &format!("{head}first")),
                ("snapshots/c.snap", &format!("{head}accepted")),
                ("target/d.snap.new", "built"),
            ],
        );
        let expected =
            [pending("deep/er/b.snap", "", "first"), pending("snapshots/a.snap", "one\n---\ntwo\n", "one\n---\nthree\n")];
        assert_eq!(find(&folder.0).as_deref(), Ok(expected.as_slice()));
    }

    #[test]
    fn of_snapshots_in_code_the_last_run_counts() {
        let lines = [
            r#"{"run_id":"1","line":3,"new":{"module_name":"a","snapshot_name":null,"metadata":{},"snapshot":"older"},"old":null}"#,
            r#"{"run_id":"2","line":3,"new":{"snapshot":"new"},"old":{"snapshot":"old"}}"#,
            r#"{"run_id":"2","line":9,"new":null,"old":null}"#,
        ];
        let folder = Folder::with("code", &[("src/.a.rs.pending-snap", &lines.join("\n"))]);
        assert_eq!(find(&folder.0).as_deref(), Ok([pending("src/a.rs:3", "old", "new")].as_slice()));
    }

    #[test]
    fn a_file_that_is_not_insta_s_is_named() {
        let folder = Folder::with("broken", &[(".a.rs.pending-snap", "no json")]);
        assert!(find(&folder.0).is_err_and(|error| error.to_string().contains(".a.rs.pending-snap: expected")));
    }
}
