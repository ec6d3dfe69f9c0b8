//! What a file holds, and whether that is all that it should hold.

use super::frame::{Head, SECTOR_BYTES, decode_frame, decode_head};

/// What was read from a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Scan<'a> {
    /// Whole, but for a tail of which nobody was told.
    Whole {
        /// The file's own salt.
        salt: u64,
        /// The payloads of its frames, in order.
        payloads: Vec<&'a [u8]>,
        /// Where the next frame goes.
        end: usize,
    },
    /// Something that was durable cannot be read.
    Damaged {
        /// Where.
        offset: usize,
    },
    /// Of a later version of this program.
    Newer(u8),
}

/// Judges a file's bytes.
pub fn scan(bytes: &[u8]) -> Scan<'_> {
    // The file got its name only once it was whole: a head that is none was damaged later.
    let salt = match decode_head(bytes) {
        Some(Head::Salt(salt)) => salt,
        Some(Head::Newer(version)) => return Scan::Newer(version),
        None => return Scan::Damaged { offset: 0 },
    };
    let mut payloads = Vec::new();
    let mut end = SECTOR_BYTES;
    while let Some(frame) = bytes.get(end..).and_then(|rest| decode_frame(rest, (salt, end as u64))) {
        if frame.payload.is_empty() {
            // A seal: the next frame takes its place.
            break;
        }
        payloads.push(frame.payload);
        end += frame.length;
    }
    let behind = (end..bytes.len()).step_by(SECTOR_BYTES).filter_map(|at| decode_frame(&bytes[at..], (salt, at as u64)));
    match behind.map(|frame| frame.durable).max() {
        Some(durable) if durable > end as u64 => Scan::Damaged { offset: end },
        _ => Scan::Whole { salt, payloads, end },
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::frame::{encode_frame, encode_head},
        *,
    };

    const SALT: u64 = 77;

    /// A file of three frames, each made durable before the next, and a seal.
    fn file() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = encode_head(SALT);
        let mut starts = vec![];
        for payload in [&[1_u8; 10][..], &[2; 1_300], &[3; 40]] {
            starts.push(bytes.len());
            let offset = bytes.len() as u64;
            encode_frame(payload, (SALT, offset, offset), &mut bytes);
        }
        starts.push(bytes.len());
        let end = bytes.len() as u64;
        encode_frame(&[], (SALT, end, end), &mut bytes);
        bytes.resize(bytes.len() + 4 * SECTOR_BYTES, 0);
        (bytes, starts)
    }

    fn payload_count(bytes: &[u8]) -> Option<usize> {
        match scan(bytes) {
            Scan::Whole { payloads, .. } => Some(payloads.len()),
            Scan::Damaged { .. } | Scan::Newer(_) => None,
        }
    }

    #[test]
    fn a_whole_file_is_read_up_to_its_seal() {
        let (bytes, starts) = file();
        let Scan::Whole { salt, payloads, end } = scan(&bytes) else { panic!("it is whole") };
        assert_eq!((salt, payloads.len(), end), (SALT, 3, starts[3]));
        assert_eq!(payloads[1], [2; 1_300]);
    }

    #[test]
    fn any_flipped_bit_of_what_was_durable_is_damage() {
        let (bytes, starts) = file();
        let used = (0..20).chain(starts[0]..starts[0] + 34).chain(starts[1]..starts[1] + 1_324).chain(starts[2]..starts[2] + 64);
        for byte in used {
            let mut spoilt = bytes.clone();
            spoilt[byte] ^= 1 << (byte % 8);
            assert_eq!(payload_count(&spoilt), None, "byte {byte}");
        }
    }

    #[test]
    fn a_lost_seal_and_a_torn_tail_are_not() {
        let (mut bytes, starts) = file();
        bytes[starts[3]] ^= 1;
        assert_eq!(payload_count(&bytes), Some(3));
        // The next frame, of three sectors, in the seal's place: any part of it may be there.
        let end = starts[3] as u64;
        let mut next = vec![];
        encode_frame(&[9; 1_200], (SALT, end, end), &mut next);
        for kept in 0..7 {
            let (mut torn, _) = file();
            for sector in (0..3).filter(|sector| kept & (1 << sector) != 0) {
                let at = sector * SECTOR_BYTES;
                torn[starts[3] + at..][..SECTOR_BYTES].copy_from_slice(&next[at..at + SECTOR_BYTES]);
            }
            assert_eq!(payload_count(&torn), Some(3), "{kept}");
        }
        let (mut whole, _) = file();
        whole[starts[3]..starts[3] + next.len()].copy_from_slice(&next);
        assert_eq!(payload_count(&whole), Some(4));
    }

    #[test]
    fn nothing_and_noise_are_damage() {
        assert_eq!(payload_count(&[]), None);
        assert_eq!(payload_count(&[0xa5; 4_096]), None);
    }
}
