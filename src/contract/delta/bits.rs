//! Bits, most significant first, and numbers in them: raw ones, Rice codes, and bytes of seven bits before them.

/// So many ones announce a number that is written raw instead.
const ONES_MAX: u32 = 24;

/// Rice code of smallest expected length for `count` numbers with this sum.
pub fn rice_parameter(count: usize, sum: u64) -> u32 {
    (0..31).find(|k| (3 * count as u64) << k >= 2 * sum).unwrap_or(31)
}

/// A signed number as an unsigned one: 0, −1, 1, −2, 2, …
pub fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

/// What [`zigzag`] was made of.
pub fn unzigzag(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Appends a number in groups of seven bits, the lowest first; the highest bit of a byte says that more follow.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes bits behind the bytes that are there.
#[derive(Debug)]
pub struct BitWriter {
    out: Vec<u8>,
    bits: u64,
    len: u32,
}

impl BitWriter {
    /// Writes behind `out`.
    pub fn new(out: Vec<u8>) -> Self {
        Self { out, bits: 0, len: 0 }
    }

    /// The lowest `len` bits of `value`, 32 at most; the others are 0.
    #[inline]
    pub fn put(&mut self, value: u32, len: u32) {
        self.bits = self.bits << len | u64::from(value);
        self.len += len;
        if self.len >= 32 {
            self.len -= 32;
            self.out.extend_from_slice(&((self.bits >> self.len) as u32).to_be_bytes());
        }
    }

    /// `value >> k` ones and a zero, then the lowest `k` bits.
    #[inline]
    pub fn put_rice(&mut self, k: u32, value: u32) {
        let ones = value >> k;
        if ones < ONES_MAX {
            self.put((1 << (ones + 1)) - 2, ones + 1);
            self.put(value & ((1 << k) - 1), k);
        } else {
            self.put((1 << ONES_MAX) - 1, ONES_MAX);
            self.put(value, 32);
        }
    }

    /// The bytes, the last one filled up with zeros.
    pub fn finish(mut self) -> Vec<u8> {
        let rest = ((self.bits << 32) >> self.len) as u32;
        self.out.extend_from_slice(&rest.to_be_bytes()[..self.len.div_ceil(8) as usize]);
        self.out
    }
}

/// Reads what was written; `None` where there is no more.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Begins at the first bit.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next 57 bits at least, from the highest down; zeros beyond the end.
    fn window(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let mut eight = [0; 8];
        let len = rest.len().min(8);
        eight[..len].copy_from_slice(&rest[..len]);
        u64::from_be_bytes(eight) << (self.at % 8)
    }

    fn step(&mut self, bits: u32) -> Option<()> {
        self.at += bits as usize;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// A raw number of `len` bits, 32 at most.
    pub fn bits(&mut self, len: u32) -> Option<u32> {
        let value = (self.window() >> 32 >> (32 - len)) as u32;
        self.step(len).map(|()| value)
    }

    /// What [`BitWriter::put_rice`] wrote.
    pub fn rice(&mut self, k: u32) -> Option<u32> {
        let ones = (!self.window()).leading_zeros().min(ONES_MAX);
        if ones == ONES_MAX {
            self.step(ONES_MAX)?;
            return self.bits(32);
        }
        self.step(ones + 1)?;
        Some(ones.checked_shl(k)? | self.bits(k)?)
    }

    /// A byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.bits(8).map(|byte| byte as u8)
    }

    /// What [`put_varint`] wrote, 53 bits at most.
    pub fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..56).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return (value < 1 << 53).then_some(value);
            }
        }
        None
    }

    /// Bits that are left.
    pub fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// Whether nothing is left but the zeros that fill the last byte.
    pub fn is_spent(&mut self) -> bool {
        self.left() < 8 && self.bits(self.left() as u32) == Some(0)
    }
}
