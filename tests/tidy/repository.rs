//! The files of this repository, as text.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Not the repository's own: build output, version control, data of clusters.
const SKIPPED: [&str; 4] = ["target", ".git", "causeway-data", "node_modules"];

/// One text file.
pub struct SourceFile {
    /// From the root, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// All text files, by path.
pub struct Repository {
    root: PathBuf,
    files: BTreeMap<String, SourceFile>,
}

impl Repository {
    /// Reads everything. Files that are no UTF-8 are left out.
    pub fn open() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder of the repository can be listed") {
                let path = entry.expect("an entry of the repository can be read").path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if path.is_dir() {
                    folders.extend((!SKIPPED.contains(&name)).then_some(path));
                } else if !SKIPPED.contains(&name)
                    && let Ok(text) = fs::read_to_string(&path)
                {
                    let path = from_root(&root, &path);
                    files.insert(path.clone(), SourceFile { path, text });
                }
            }
        }
        Self { root, files }
    }

    /// All of them.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.values()
    }

    /// Those in Rust.
    pub fn rust_files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files().filter(|file| file.path.ends_with(".rs"))
    }

    /// What a file says.
    pub fn text(&self, path: &str) -> &str {
        &self.files.get(path).unwrap_or_else(|| panic!("{path} is missing")).text
    }

    /// Whether there is such a file or folder; of a bare name, whether any file has it.
    pub fn has(&self, path: &str) -> bool {
        let is_named = |file: &String| file.rsplit('/').next() == Some(path);
        self.root.join(path).exists() || self.files.keys().any(is_named)
    }
}

fn from_root(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).expect("the walk starts at the root");
    path.to_string_lossy().replace('\\', "/")
}
