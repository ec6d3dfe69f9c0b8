//! The server is built without planted bugs and marks: the feature is off by default, and the crate that turns it on is not among the
//! default members and not a dependency of the server.

/// What is wrong in the two manifests.
pub fn complaints(root: &str, sim: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut demand = |holds: bool, what: &str| complaints.extend((!holds).then(|| what.to_owned()));
    let has = |section: &str, name: &str| names(root, section).any(|found| found == name);
    demand(line(root, "workspace", "default-members") == Some("[\".\"]"), "Cargo.toml: the default member is the server alone");
    demand(line(root, "features", "mutants") == Some("[]"), "Cargo.toml: the feature `mutants` turns on nothing else");
    demand(!has("features", "default"), "Cargo.toml: no feature is on by default");
    demand(!has("dependencies", "causeway-sim"), "Cargo.toml: the server does not depend on the simulator");
    demand(!has("dependencies", "madsim"), "Cargo.toml: the server does not depend on madsim");
    demand(line(root, "package", "default-run") == Some("\"causeway\""), "Cargo.toml: `cargo run` runs the server");
    let turned_on = line(sim, "dependencies", "causeway").is_some_and(|value| value.contains("\"mutants\""));
    demand(turned_on, "sim/Cargo.toml: the simulator turns `mutants` on");
    complaints
}

/// The lines of one section, without comments.
fn section<'a>(manifest: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let header = format!("[{name}]");
    let lines = manifest.lines().skip_while(move |line| line.trim() != header).skip(1);
    lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.trim_start().starts_with('#'))
}

/// The names that a section gives values to; `a.workspace` counts as `a`.
fn names<'a>(manifest: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    section(manifest, name).filter_map(|line| Some(line.split_once('=')?.0.trim().split('.').next()?.trim()))
}

fn line<'a>(manifest: &'a str, name: &str, key: &str) -> Option<&'a str> {
    let mut pairs = section(manifest, name).filter_map(|line| line.split_once('='));
    pairs.find(|(found, _)| found.trim() == key).map(|(_, value)| value.trim())
}

#[cfg(test)]
const ROOT: &str = r#"
[workspace]
default-members = ["."]
[package]
default-run = "causeway"
[features]
mutants = []
[dependencies]
tokio.workspace = true
[dev-dependencies]
causeway-sim = { path = "sim" }
"#;

#[cfg(test)]
const SIM: &str = r#"
[dependencies]
causeway = { path = "..", features = ["mutants"] }
"#;

#[test]
fn the_right_manifests_pass() {
    assert_eq!(complaints(ROOT, SIM), Vec::<String>::new());
}

#[test]
fn each_way_in_for_a_planted_bug_is_refused() {
    let broken = [
        ROOT.replace("[\".\"]", "[\".\", \"sim\"]"),
        ROOT.replace("mutants = []", "mutants = []\ndefault = [\"mutants\"]"),
        ROOT.replace("tokio.workspace = true", "causeway-sim.workspace = true"),
        ROOT.replace("tokio.workspace = true", "madsim = \"0.2\""),
        ROOT.replace("default-run = \"causeway\"", ""),
    ];
    for root in broken {
        assert_eq!(complaints(&root, SIM).len(), 1, "{root}");
    }
    assert_eq!(complaints(ROOT, &SIM.replace("mutants", "other")).len(), 1);
}
