//! One line of a scenario, word by word.

use causeway::id::NodeId;

use super::value::Value;

/// What was read, or why it could not be.
pub(super) type Read<T> = Result<T, String>;

/// The words of a line that were not read yet.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub fn of(line: &'a str) -> Self {
        Self { rest: line }
    }

    pub fn peek(&self) -> Option<&'a str> {
        self.rest.split_whitespace().next()
    }

    /// The next word, if it is one of these.
    pub fn take_if(&mut self, wanted: &str) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    /// The next word, which must be there.
    pub fn need(&mut self, what: &str) -> Read<&'a str> {
        self.next().ok_or_else(|| format!("{what} is missing"))
    }

    /// The next word, which must be this one.
    pub fn expect(&mut self, wanted: &str) -> Read<()> {
        match self.next() {
            Some(word) if word == wanted => Ok(()),
            Some(word) => Err(format!("`{wanted}` is expected before `{word}`")),
            None => Err(format!("`{wanted}` is missing")),
        }
    }

    pub fn value(&mut self) -> Read<Value> {
        let (value, rest) = Value::take(self.rest)?;
        self.rest = rest;
        Ok(value)
    }

    pub fn number(&mut self, what: &str) -> Read<u64> {
        let word = self.need(what)?;
        word.parse().map_err(|_| format!("`{word}` is no number"))
    }

    /// A time span, in milliseconds.
    pub fn span_ms(&mut self) -> Read<u64> {
        let word = self.need("a time")?;
        span_ms(word).ok_or_else(|| format!("`{word}` is no time: write `500ms` or `2s`"))
    }

    /// Nothing may follow.
    pub fn end(&mut self) -> Read<()> {
        self.next().map_or(Ok(()), |word| Err(format!("nothing is expected where `{word}` stands")))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start();
        let word = text.split_whitespace().next()?;
        self.rest = &text[word.len()..];
        Some(word)
    }
}

/// `500ms` or `2s`.
pub(super) fn span_ms(word: &str) -> Option<u64> {
    if let Some(digits) = word.strip_suffix("ms") {
        return digits.parse().ok();
    }
    word.strip_suffix('s')?.parse::<u64>().ok()?.checked_mul(1_000)
}

/// `n3`, in one spelling.
pub(super) fn node(word: &str) -> Option<NodeId> {
    let node = word.strip_prefix('n')?.parse().ok().map(NodeId)?;
    (node.to_string() == word).then_some(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_nodes_have_one_spelling() {
        assert_eq!((span_ms("500ms"), span_ms("2s"), span_ms("2"), span_ms("ms")), (Some(500), Some(2_000), None, None));
        assert_eq!((node("n3"), node("n03"), node("3"), node("nx")), (Some(NodeId(3)), None, None, None));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let mut words = Words::of("alice  put x");
        assert_eq!(words.next(), Some("alice"));
        assert_eq!(words.expect("get"), Err("`get` is expected before `put`".to_owned()));
        assert_eq!(words.end(), Err("nothing is expected where `x` stands".to_owned()));
        assert_eq!(words.need("a node"), Err("a node is missing".to_owned()));
    }
}
