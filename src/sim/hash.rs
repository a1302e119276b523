//! The fingerprint of a state: a 64-bit hash over raw bits, the same on every platform.

/// FNV-1a over 64-bit words, with a final avalanche. Not for secrets: for telling two runs apart.
#[derive(Clone, Debug)]
pub struct Hash64(u64);

impl Default for Hash64 {
    fn default() -> Self {
        Hash64(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash64 {
    /// Takes in one word.
    pub fn word(&mut self, word: u64) {
        // Rotation brings the well-mixed high bits down, which a plain word-wise FNV never does.
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    /// Takes in the bits of a number; `-0.0` and `0.0` differ.
    pub fn number(&mut self, number: f64) {
        self.word(number.to_bits());
    }

    /// Takes in a vector.
    pub fn vector(&mut self, v: super::Vec3) {
        self.number(v.x);
        self.number(v.y);
        self.number(v.z);
    }

    /// Takes in a text and its length.
    pub fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// The hash of everything taken in (finaliser of MurmurHash3).
    pub fn finish(&self) -> u64 {
        let mut h = self.0;
        h = (h ^ h >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        h = (h ^ h >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        h ^ h >> 33
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_changes_about_half_of_the_hash() {
        let hash = |number: f64| {
            let mut h = Hash64::default();
            h.number(number);
            h.number(1.0);
            h.finish()
        };
        let changed = (hash(1.5) ^ hash(f64::from_bits(1.5f64.to_bits() ^ 1))).count_ones();
        assert!((16..=48).contains(&changed), "{changed} bits");
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let hash = |texts: [&str; 2]| {
            let mut h = Hash64::default();
            texts.iter().for_each(|t| h.text(t));
            h.finish()
        };
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
    }
}
