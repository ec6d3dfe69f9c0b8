//! Where requests begin and end in a client's bytes, and which of them say so twice.
//!
//! A request with both `Content-Length` and `Transfer-Encoding` is read to one end by some servers and to another by others: behind
//! such a proxy, what one takes for a body the other takes for the next request (RFC 9112, section 11.2). hyper keeps the one and
//! drops the other before anyone sees it, so the bytes are watched on their way to it.
//!
//! What is no HTTP is left to hyper, which refuses it and closes: from there on nothing needs to be watched.

/// A request whose length is given in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TwoLengths {
    /// How many of the bytes that were fed belong to requests before it.
    pub before: usize,
}

/// Follows a connection's requests from byte to byte.
#[derive(Debug, Default)]
pub(super) struct Framing {
    place: Place,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    head: Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Before the first line of a request, or among its headers.
    #[default]
    Head,
    /// In a body, or in a chunk of one, with so many bytes to come.
    Data { left: u64, then: AfterData },
    /// Before the line with the size of a chunk.
    ChunkSize,
    /// After a chunk's data, before the end of its line.
    ChunkEnd,
    /// After the last chunk.
    Trailers,
    /// After something that is no HTTP.
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterData {
    Head,
    ChunkEnd,
}

/// What the headers of the current request have said.
#[derive(Debug, Default)]
struct Head {
    has_begun: bool,
    length: Option<Length>,
    coding: Option<Coding>,
}

#[derive(Debug, Clone, Copy)]
enum Length {
    Bytes(u64),
    Malformed,
}

#[derive(Debug, Clone, Copy)]
enum Coding {
    Chunked,
    Other,
}

/// A line that never ends is refused by hyper long before it is this long.
const MAX_LINE_BYTES: usize = 1 << 20;

impl Framing {
    /// Follows the next bytes.
    ///
    /// # Errors
    /// The head of a request with two lengths ends in them.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), TwoLengths> {
        let mut before = 0;
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.place {
                Place::Lost => return Ok(()),
                Place::Data { left, then } => self.skip(rest, left, then),
                Place::Head | Place::ChunkSize | Place::ChunkEnd | Place::Trailers => {
                    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                        self.keep(rest);
                        return Ok(());
                    };
                    self.finish_line(&rest[..end]).map_err(|BothGiven| TwoLengths { before })?;
                    &rest[end + 1..]
                }
            };
            if self.place == Place::Head && !self.head.has_begun {
                before = bytes.len() - rest.len();
            }
        }
        Ok(())
    }

    fn skip<'a>(&mut self, bytes: &'a [u8], left: u64, then: AfterData) -> &'a [u8] {
        let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        self.place = match (left - skipped as u64, then) {
            (0, AfterData::Head) => Place::Head,
            (0, AfterData::ChunkEnd) => Place::ChunkEnd,
            (left, then) => Place::Data { left, then },
        };
        &bytes[skipped..]
    }

    fn keep(&mut self, beginning: &[u8]) {
        self.line.extend_from_slice(beginning);
        if self.line.len() > MAX_LINE_BYTES {
            self.lose();
        }
    }

    /// Most lines come whole and are read where they are.
    fn finish_line(&mut self, end: &[u8]) -> Result<(), BothGiven> {
        if self.line.is_empty() {
            return self.end_line(end);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(end);
        self.end_line(&line)
    }

    fn end_line(&mut self, line: &[u8]) -> Result<(), BothGiven> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.place {
            Place::Head if line.is_empty() && self.head.has_begun => self.end_head()?,
            // Empty lines before a request are allowed.
            Place::Head if line.is_empty() => {}
            Place::Head if !self.head.has_begun => self.head.has_begun = true,
            Place::Head => self.head.see(line),
            Place::ChunkSize => match chunk_size(line) {
                Some(0) => self.place = Place::Trailers,
                Some(left) => self.place = Place::Data { left, then: AfterData::ChunkEnd },
                None => self.lose(),
            },
            Place::ChunkEnd if line.is_empty() => self.place = Place::ChunkSize,
            Place::ChunkEnd => self.lose(),
            Place::Trailers if line.is_empty() => self.place = Place::Head,
            Place::Trailers | Place::Data { .. } | Place::Lost => {}
        }
        Ok(())
    }

    fn end_head(&mut self) -> Result<(), BothGiven> {
        let head = std::mem::take(&mut self.head);
        self.place = match (head.length, head.coding) {
            (Some(_), Some(_)) => return Err(BothGiven),
            (None, None) | (Some(Length::Bytes(0)), None) => Place::Head,
            (Some(Length::Bytes(left)), None) => Place::Data { left, then: AfterData::Head },
            (None, Some(Coding::Chunked)) => Place::ChunkSize,
            (Some(Length::Malformed), None) | (None, Some(Coding::Other)) => Place::Lost,
        };
        Ok(())
    }

    fn lose(&mut self) {
        self.place = Place::Lost;
        self.line = Vec::new();
    }
}

struct BothGiven;

impl Head {
    fn see(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            self.length = Some(length(value));
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.coding = Some(coding(value));
        }
    }
}

fn length(value: &[u8]) -> Length {
    let digits = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).map_or(Length::Malformed, Length::Bytes)
}

/// The last coding is the one that frames the body.
fn coding(value: &[u8]) -> Coding {
    let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
    if last.trim_ascii().eq_ignore_ascii_case(b"chunked") { Coding::Chunked } else { Coding::Other }
}

/// Hexadecimal digits; extensions may follow.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = str::from_utf8(size.trim_ascii()).ok().filter(|text| !text.starts_with('+'))?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = "GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
    const FIXED: &str = "PUT /a HTTP/1.1\r\nContent-Length: 24\r\nhost: x\r\n\r\ntransfer-encoding: x\r\n\r\n";
    const CHUNKED: &str = "\r\nPUT /a HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n10;e=1\r\ncontent-length:\n\r\n0\r\ncontent-length: 1\r\n\r\n";
    const BOTH: &str = "PUT /a HTTP/1.1\r\ncontent-length: 5\r\nTRANSFER-ENCODING: chunked\r\n\r\n0\r\n\r\n";
    const BOTH_BARE: &str = "PUT /a HTTP/1.1\ntransfer-encoding:x\ncontent-length:5\n\n";

    /// Whether two lengths were found, and how many bytes were let through.
    fn watch(bytes: &[u8], cuts: &[usize]) -> (bool, usize) {
        let mut framing = Framing::default();
        let mut passed = 0;
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            match framing.feed(&bytes[pair[0]..pair[1]]) {
                Ok(()) => passed = pair[1],
                Err(TwoLengths { before }) => return (true, passed + before),
            }
        }
        (false, passed)
    }

    #[test]
    fn requests_with_two_lengths_are_found_after_any_others() {
        for legal in ["", PLAIN, FIXED, CHUNKED, &[PLAIN, FIXED, PLAIN, CHUNKED, CHUNKED, FIXED].concat()] {
            assert_eq!(watch(legal.as_bytes(), &[]), (false, legal.len()), "{legal}");
            for illegal in [BOTH, BOTH_BARE] {
                let stream = [legal, illegal, PLAIN].concat();
                assert_eq!(watch(stream.as_bytes(), &[]), (true, legal.len()), "{stream}");
            }
        }
    }

    #[test]
    fn what_is_no_http_is_left_alone() {
        for lost in
            ["PUT /a HTTP/1.1\r\ncontent-length: x\r\n\r\n", "PUT /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"]
        {
            assert!(!watch([lost, BOTH].concat().as_bytes(), &[]).0);
        }
    }

    proptest! {
        #[test]
        fn the_verdict_does_not_depend_on_how_bytes_arrive(
            order in prop::collection::vec(prop::sample::select(vec![PLAIN, FIXED, CHUNKED]), 0..4),
            ending in prop::sample::select(vec![BOTH, BOTH_BARE, PLAIN]),
            cuts in prop::collection::vec(any::<usize>(), 0..6),
        ) {
            let stream = [order.concat().as_str(), ending].concat();
            let (found, passed) = watch(stream.as_bytes(), &cuts);
            prop_assert_eq!(found, ending != PLAIN);
            // Of a request that began in earlier bytes, those are through already.
            prop_assert!(passed >= order.concat().len());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in any::<usize>()) {
            watch(&bytes, &[cut]);
        }
    }
}
