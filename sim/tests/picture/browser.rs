//! Chromium without a window: loads a file, and tells what became of it.
#![expect(clippy::disallowed_macros, reason = "a skipped test says so")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// How Debian, others and Google call it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Simulated time for the page's own timers and frames, in milliseconds.
const BUDGET_MS: u32 = 8_000;

/// What became of a page.
pub struct Visit {
    /// Its document, after all.
    pub dom: String,
    /// What was written on its console. A page that is well writes nothing.
    pub console: Vec<String>,
}

/// What a page's own clock shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Time that passes whenever the page waits: timers fire, and nobody waits for them.
    Simulated,
    /// Real time, until the page is loaded: for measuring. No timer fires.
    Real,
}

/// Loads a page; `None` when there is no browser and need not be.
///
/// # Panics
/// If there is no browser and `CI` is set, or the browser fails.
pub fn visit(name: &str, html: &str, clock: Clock) -> Option<Visit> {
    let folder = folder();
    let file = folder.join(format!("{name}.html"));
    fs::write(&file, html).expect("the target folder can be written");
    let Some(browser) = find() else {
        assert!(env::var_os("CI").is_none(), "there is no Chromium, and CI is set: scripts/browser-test gets it");
        println!("skipped: there is no Chromium to look at {}", file.display());
        return None;
    };
    let profile = folder.join(format!("{name}.profile"));
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"])
        .args(["--window-size=1440,900", "--enable-logging=stderr", "--dump-dom"])
        .args((clock == Clock::Simulated).then(|| format!("--virtual-time-budget={BUDGET_MS}")))
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("the browser can be run");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the browser failed: {log}");
    // Only a page's own words have CONSOLE in their head; the rest is the browser about itself.
    let console = log.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    Some(Visit { dom: String::from_utf8_lossy(&output.stdout).into_owned(), console })
}

/// Where pages are left, to be looked at.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("picture");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name))).find(|file| file.is_file())
}

impl Visit {
    /// The `data-` attributes of the `output` element with this id.
    pub fn facts(&self, id: &str) -> BTreeMap<String, String> {
        let begin = format!("<output id=\"{id}\"");
        let element = self.dom.split(&begin).nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default();
        let pairs = element.split("data-").skip(1).filter_map(|part| part.split_once("=\""));
        pairs.map(|(name, rest)| (name.to_owned(), rest.split('"').next().unwrap_or_default().to_owned())).collect()
    }
}
