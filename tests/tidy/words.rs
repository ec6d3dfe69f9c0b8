//! Nothing is put off in the code: what is not there yet is an issue, or a line in a document that says so. And nothing names
//! somebody's machine.

/// Split in two, so that this file may be read too.
const POSTPONED: [(&str, &str); 4] = [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK")];
const MACHINES: [(&str, &str); 5] = [("/ho", "me/"), ("/Us", "ers/"), ("/ro", "ot/"), ("/wo", "rk/"), ("C:", "\\")];

/// Postponing words and machine paths in a file.
pub fn complaints(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut complain = |what: String| complaints.push(format!("{path}:{}: {what}", number + 1));
        for (a, b) in POSTPONED {
            let word = format!("{a}{b}");
            if line.split(|c: char| !c.is_alphanumeric()).any(|part| part == word) {
                complain(format!("{word}: do it, or say in a document that it is not there"));
            }
        }
        for (a, b) in MACHINES {
            let prefix = format!("{a}{b}");
            if starts_a_word(line, &prefix) {
                complain(format!("{prefix}: a path of somebody's machine"));
            }
        }
    }
    complaints
}

fn starts_a_word(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-')))
}

#[test]
fn a_postponing_word_is_refused() {
    let text = ["a", &["// TO", "DO later"].concat(), "TODOS"].join("\n");
    assert_eq!(complaints("a.rs", &text).len(), 1);
    assert!(complaints("a.rs", &text)[0].starts_with("a.rs:2: "));
}

#[test]
fn a_machine_path_is_refused() {
    assert_eq!(complaints("a.sh", &["cd /ho", "me/me/x"].concat()).len(), 1);
    assert!(complaints("a.sh", &["framework", "/wo", "rk/x"].concat()).is_empty());
}
