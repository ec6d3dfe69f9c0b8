//! A file of more than 400 lines or a function of more than 60 has two ideas in it.

use crate::source::{code_of, line_of, occurrences};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

/// What is too long in a file.
pub fn complaints(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    let mut complaints: Vec<String> =
        functions(text).filter(|function| function.lines > FUNCTION_LINES).map(|function| function.complaint(path)).collect();
    if lines > FILE_LINES {
        complaints.push(format!("{path}: {lines} lines, more than {FILE_LINES}"));
    }
    complaints
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

impl Function {
    fn complaint(&self, path: &str) -> String {
        format!("{path}:{}: fn {} has {} lines, more than {FUNCTION_LINES}", self.line, self.name, self.lines)
    }
}

/// Every function that has a body, from `fn` to its closing brace.
fn functions(text: &str) -> impl Iterator<Item = Function> {
    let code = code_of(text);
    let starts: Vec<usize> = occurrences(&code, "fn").collect();
    starts.into_iter().filter_map(move |start| {
        let name: String = code[start + 2..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let end = body_end(&code, start)?;
        let (line, last) = (line_of(&code, start), line_of(&code, end));
        (!name.is_empty()).then_some(Function { name, line, lines: last - line + 1 })
    })
}

/// Where the body that follows closes; none for a signature without one.
fn body_end(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0;
    let mut brackets = 0;
    for (at, c) in code[start..].char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if depth == 0 && brackets == 0 => return None,
            '{' => depth += 1,
            '}' if depth == 1 => return Some(start + at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[test]
fn a_long_file_is_refused() {
    assert!(complaints("a.rs", &"//\n".repeat(FILE_LINES)).is_empty());
    assert_eq!(complaints("a.rs", &"//\n".repeat(FILE_LINES + 1)), ["a.rs: 401 lines, more than 400"]);
}

#[test]
fn a_long_function_is_refused() {
    let function = |lines: usize| format!("trait T {{ fn a([u8; 2]) -> X; }}\nfn b() {{\n{}}}\n", "x; // }\n".repeat(lines - 2));
    assert!(complaints("a.rs", &function(FUNCTION_LINES)).is_empty());
    assert_eq!(complaints("a.rs", &function(FUNCTION_LINES + 1)), ["a.rs:2: fn b has 61 lines, more than 60"]);
}
