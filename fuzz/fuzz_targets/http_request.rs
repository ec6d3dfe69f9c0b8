//! Requests of clients: each is answered with JSON and never with a 500, and what was there before can still be read.
#![no_main]

use causeway_fuzz::Web;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let web = Web::new();
    // Pieces that a zero byte ends: method and path, the header lines, the body; and again.
    let pieces: Vec<&[u8]> = bytes.splitn(13, |byte| *byte == 0).collect();
    for request in pieces.chunks(3) {
        let [line, headers, body] = [0, 1, 2].map(|piece| request.get(piece).copied().unwrap_or_default());
        let Some(answer) = web.ask(line, headers, body) else { continue };
        assert_ne!(answer.status, 500, "{answer:?}");
        assert!(answer.status < 400 || answer.is_an_error(), "{answer:?}");
    }
    web.goes_on();
});
