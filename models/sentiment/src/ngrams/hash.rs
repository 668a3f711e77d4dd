//! Hashes of n-grams. The files of trained models contain these hashes, so the hash function must never change.

/// The initial value (offset basis) of the hash function FNV-1a.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// An n-gram at a position of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The hash of the n-gram.
    pub key: u64,
    /// The position of the n-gram's first token.
    pub start: usize,
    /// The number of tokens in the n-gram.
    pub length: usize,
}

/// The hashes and positions of all n-grams of 1 to `order` tokens in a text, including repetitions.
pub fn positions<S: AsRef<str>>(tokens: &[S], order: usize) -> impl Iterator<Item = Position> {
    (0..tokens.len()).flat_map(move |start| {
        let hashes = tokens[start..].iter().take(order).scan(OFFSET, |key, token| {
            // The byte 0xff separates the tokens, because UTF-8 text never contains it.
            *key = fnv(fnv(*key, token.as_ref().as_bytes()), &[0xff]);
            Some(*key)
        });
        hashes.zip(1..).map(move |(key, length)| Position { key, start, length })
    })
}

/// The 64-bit FNV-1a hash of the concatenated parts. The standard library's hash is not used, because it may change
/// between versions of Rust.
pub fn hash<const N: usize>(parts: [&[u8]; N]) -> u64 {
    parts.into_iter().fold(OFFSET, fnv)
}

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_fnv_1a() {
        assert_eq!(
            [&b""[..], b"a", b"foobar"].map(|bytes| hash([bytes])),
            [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]
        );
        let longest = positions(&["ab", "c"], 3).max_by_key(|position| position.length).unwrap();
        assert_eq!((longest.key, longest.start, longest.length), (hash([b"ab\xffc\xff"]), 0, 2));
    }
}
