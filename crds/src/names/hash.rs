//! The hash in Karmada's object names.

/// FNV-1a, 32 bit.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The hash of `text` in decimal, each digit replaced by a character that forms
/// no words. At most ten characters. 32 bits: collisions are possible.
pub fn short_hash(text: &str) -> String {
    fnv1a(text.as_bytes())
        .to_string()
        .bytes()
        .map(|digit| match digit {
            b'0' => '4',
            b'1' => '5',
            b'2' => '6',
            b'3' => '7',
            b'4' => '8',
            b'5' => '9',
            b'6' => 'b',
            b'7' => 'c',
            b'8' => 'd',
            _ => 'f',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_agrees_with_published_values_of_fnv1a() {
        assert_eq!(fnv1a(b""), 0x811c_9dc5);
        assert_eq!(fnv1a(b"a"), 0xe40c_292c);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
    }

    #[test]
    fn digits_map_to_the_safe_alphabet() {
        assert_eq!(fnv1a(b"default-nginx-deployment"), 2_439_396_529);
        assert_eq!(short_hash("default-nginx-deployment"), "687f7fb96f");
    }
}
