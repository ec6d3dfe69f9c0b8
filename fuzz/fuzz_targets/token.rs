//! Causal metadata: no text is a token but one that was sealed here, and what was sealed is opened as it was.
#![no_main]

use causeway::clock::{Token, TokenKeys};
use causeway_fuzz::edit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let keys = TokenKeys::default().of_cluster(1);
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(token) = keys.open(text)
    {
        assert_eq!(keys.open(&keys.seal(&token)), Ok(token));
    }
    let Ok((token, script)) = postcard::take_from_bytes::<Token>(bytes) else { return };
    let sealed = keys.seal(&token);
    let opened = keys.open(&sealed).expect("sealed here");
    // Sealing may fold: then it stands higher, never lower.
    assert!(opened.floor() >= token.floor());
    assert!(token.entries().all(|dot| opened.get(dot.actor) >= dot.hlc));
    assert!(TokenKeys::default().of_cluster(2).open(&sealed).is_err(), "another cluster's");
    let damaged = edit(sealed.clone().into_bytes(), script);
    if let Ok(text) = str::from_utf8(&damaged)
        && text != sealed
    {
        assert!(keys.open(text).is_err(), "{text} passes for {sealed}");
    }
});
