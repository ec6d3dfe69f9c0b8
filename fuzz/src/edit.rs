//! Damage to bytes that were right.

/// The bytes after the edits that `script` describes, four bytes each: what to do, where (two bytes, modulo the length), and with what.
///
/// A bit flips, a byte is replaced, a range is blanked, the end is cut off, a part is written again elsewhere, or bytes are put in.
pub fn edit(mut bytes: Vec<u8>, script: &[u8]) -> Vec<u8> {
    for step in script.chunks_exact(4) {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(u16::from_le_bytes([step[1], step[2]])) % bytes.len();
        let with = step[3];
        let end = (at + usize::from(with) + 1).min(bytes.len());
        match step[0] % 6 {
            0 => bytes[at] ^= 1 << (with % 8),
            1 => bytes[at] = with,
            2 => bytes[at..end].fill(0),
            3 => bytes.truncate(at),
            4 => {
                let part = bytes[at..end].to_vec();
                let to = (at + 64 * usize::from(with % 16)) % bytes.len();
                let fits = part.len().min(bytes.len() - to);
                bytes[to..to + fits].copy_from_slice(&part[..fits]);
            }
            _ => bytes.insert(at, with),
        }
    }
    bytes
}
