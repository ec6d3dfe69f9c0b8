//! Rust text without its comments and literals, so that rules see names and not what is said about them.

/// The code alone: comments, strings and characters become spaces; lines stay where they are.
pub fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let literal_bytes = comment(rest).or_else(|| string(rest, code.chars().next_back())).or_else(|| character(rest));
        match literal_bytes {
            Some(bytes) => {
                code.extend(rest[..bytes].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
                rest = &rest[bytes..];
            }
            None => {
                let first = rest.chars().next().expect("the rest is not empty");
                code.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    code
}

/// The bytes of the comment that starts here.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// The bytes of the string that starts here: plain, byte or raw.
fn string(text: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let prefix_bytes = text.find(|c: char| !matches!(c, 'b' | 'c' | 'r')).filter(|bytes| *bytes <= 2)?;
    let (prefix, body) = text.split_at(prefix_bytes);
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let content = body[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let content_bytes = content.find(&end).unwrap_or(content.len().saturating_sub(end.len()));
        return Some(prefix_bytes + hashes + 1 + content_bytes + end.len());
    }
    let content = body.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in content.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix_bytes + 1 + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The bytes of the character that starts here; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let content = text.strip_prefix('\'')?;
    let mut chars = content.char_indices();
    let (_, first) = chars.next()?;
    let skipped = if first == '\\' { chars.next()?.1.len_utf8() } else { 0 };
    let from = first.len_utf8() + skipped;
    if first == '\\' {
        return content[from..].find('\'').map(|at| 1 + from + at + 1);
    }
    content[from..].starts_with('\'').then_some(1 + from + 1)
}

/// The number of the line that this byte is on, from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Where these words stand alone in the code: not as part of a longer name.
pub fn occurrences<'a>(code: &'a str, words: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(words).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + words.len()..].chars().next();
        let open_end = words.ends_with(|c| !part_of_name(c));
        !before.is_some_and(part_of_name) && (open_end || !after.is_some_and(part_of_name))
    })
}

#[test]
fn comments_and_literals_vanish_and_lines_stay() {
    let text = "a // note\nb /* x /* y */ z\n*/ c \"s // \\\" t\" d r#\"q\"z\"# e b\"f\" 'g' '\\'' '\\u{7f}' &'static h\n";
    let code = code_of(text);
    assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "&'static", "h"]);
    assert_eq!(code.matches('\n').count(), text.matches('\n').count());
}

#[test]
fn words_are_found_only_alone() {
    assert_eq!(occurrences("tokio::net tokio::network my_tokio::net", "tokio::net").collect::<Vec<_>>(), [0]);
    assert_eq!(occurrences("rand::Rng operand::x", "rand::").collect::<Vec<_>>(), [0]);
}
