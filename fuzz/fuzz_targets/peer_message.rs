//! Messages from a peer that lies, or is broken: the node goes on.
#![no_main]

use causeway::{id::NodeId, message::Envelope};
use causeway_fuzz::Shard;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut shard = Shard::new();
    let mut rest = bytes;
    while let Ok(((from, envelope), behind)) = postcard::take_from_bytes::<(u8, Envelope)>(rest) {
        rest = behind;
        let again = postcard::to_stdvec(&envelope).expect("what was read can be written");
        assert_eq!(postcard::from_bytes::<Envelope>(&again).as_ref(), Ok(&envelope));
        shard.hear(NodeId(u32::from(from % 4)), envelope);
    }
    shard.goes_on();
});
