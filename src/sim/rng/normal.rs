//! Normal numbers from uniform ones (Box–Muller), eight pairs at a time.
//!
//! Lane by lane this computes what `libm` does for one number (its logarithm, sine and cosine are those of FreeBSD's
//! msun): the same steps in the same order, so the same bits. Arguments for which it takes a rare way are left to it.

use fearless_simd::{
    Level, Simd, SimdBase, SimdCvtFloat, SimdFloat, SimdMask, dispatch, f64x8, mask64x8, u64x8,
};

use super::super::lanes::{LANES, Lanes};
use super::{MULTIPLIER, ROUNDS, WEYL, fraction, philox};

/// Two independent standard normal numbers from two uniform ones.
pub fn normal_pair(first: f64, second: f64) -> (f64, f64) {
    let radius = (-2.0 * libm::log(1.0 - first)).sqrt();
    let (sin, cos) = libm::sincos(std::f64::consts::TAU * second);
    (radius * cos, radius * sin)
}

/// The normal pairs of eight blocks of Philox with one key, first and second numbers apart. `counters` are the four
/// words of each block's counter.
pub fn normal_pairs(key: [u32; 2], counters: &[[u32; LANES]; 4]) -> [[f64; LANES]; 2] {
    let (mut pairs, mut rest) = dispatch!(Level::new(), simd => side_by_side(simd, key, counters));
    while rest != 0 {
        let lane = rest.trailing_zeros() as usize;
        let [a, b, c, d] = philox(counters.map(|words| words[lane]), key);
        (pairs[0][lane], pairs[1][lane]) = normal_pair(fraction(a, b), fraction(c, d));
        rest &= rest - 1;
    }
    pairs
}

/// The pairs, and the lanes that have to be left to `libm`.
#[inline(always)]
fn side_by_side<S: Simd>(simd: S, key: [u32; 2], counters: &[[u32; LANES]; 4]) -> ([[f64; LANES]; 2], u64) {
    let (first, second) = uniform_pairs(simd, key, counters);
    let same = |number: f64| f64x8::splat(simd, number);
    let radius = (same(-2.0) * logarithm(same(1.0) - first)).root();
    let angle = same(std::f64::consts::TAU) * second;
    let (sin, cos) = sine_and_cosine(angle);
    ([(radius * cos).to_array(), (radius * sin).to_array()], is_rare(simd, angle).to_bitmask())
}

/// Two uniform numbers of each block: [`philox`] and [`fraction`], side by side.
#[inline(always)]
fn uniform_pairs<S: Simd>(
    simd: S,
    key: [u32; 2],
    [c0, c1, c2, c3]: &[[u32; LANES]; 4],
) -> (f64x8<S>, f64x8<S>) {
    let words = |words: &[u32; LANES]| u64x8::from_fn(simd, |lane| u64::from(words[lane]));
    let same = |word: u64| u64x8::splat(simd, word);
    let low = same(u64::from(u32::MAX));
    let (mut a, mut b, mut c, mut d) = (words(c0), words(c1), words(c2), words(c3));
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let (p0, p1) = (same(MULTIPLIER[0]) * a, same(MULTIPLIER[1]) * c);
        (a, c) = ((p1 >> 32) ^ b ^ same(u64::from(k0)), (p0 >> 32) ^ d ^ same(u64::from(k1)));
        (b, d) = (p1 & low, p0 & low);
        (k0, k1) = (k0.wrapping_add(WEYL[0]), k1.wrapping_add(WEYL[1]));
    }
    let fraction = |high: u64x8<S>, low: u64x8<S>| {
        let bits: u64x8<S> = ((high << 32) | low) >> 11;
        f64x8::float_from(bits) * f64x8::splat(simd, 1.0 / (1u64 << 53) as f64)
    };
    (fraction(a, b), fraction(c, d))
}

const LOG: [f64; 7] = [
    0.666_666_666_666_673_5,
    0.399_999_999_994_094_2,
    0.285_714_287_436_623_9,
    0.222_221_984_321_497_84,
    0.181_835_721_616_180_5,
    0.153_138_376_992_093_73,
    0.147_981_986_051_165_86,
];
const LN2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];

/// Natural logarithm of normal numbers above zero.
#[inline(always)]
fn logarithm<S: Simd>(x: f64x8<S>) -> f64x8<S> {
    let same = |number: f64| x.same(number);
    // x = 2^k m with m from √½ to √2.
    let bits: u64x8<S> = x.to_bits() + ((0x3FF0_0000u64 - 0x3FE6_A09E) << 32);
    let k = f64x8::float_from(bits >> 52) - same(1023.0);
    let m = f64x8::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) + (0x3FE6_A09Eu64 << 32));
    let f = m - same(1.0);
    let half_square = same(0.5) * f * f;
    let s = f / (same(2.0) + f);
    let z = s * s;
    let w = z * z;
    let l = |k: usize| same(LOG[k - 1]);
    let even = w * (l(2) + w * (l(4) + w * l(6)));
    let odd = z * (l(1) + w * (l(3) + w * (l(5) + w * l(7))));
    s * (half_square + (odd + even)) + k * same(LN2[1]) - half_square + f + k * same(LN2[0])
}

const SIN: [f64; 6] = [
    -0.166_666_666_666_666_32,
    0.008_333_333_333_322_49,
    -0.000_198_412_698_298_579_5,
    2.755_731_370_707_006_8e-6,
    -2.505_076_025_340_686_3e-8,
    1.589_690_995_211_55e-10,
];
const COS: [f64; 6] = [
    0.041_666_666_666_666_6,
    -0.001_388_888_888_887_411,
    2.480_158_728_947_673e-5,
    -2.755_731_435_139_066_3e-7,
    2.087_572_321_298_175e-9,
    -1.135_964_755_778_819_5e-11,
];
/// π/2 in two parts, the first of 33 bits.
const QUARTER: [f64; 2] = [1.570_796_326_734_125_6, 6.077_100_506_506_192e-11];

/// The first number whose upper half is beyond `upper`.
fn beyond(upper: u64) -> f64 {
    f64::from_bits((upper + 1) << 32)
}

/// Upper halves of the largest numbers that count as 0, 1, 2 and 3 quarters of a turn.
const QUARTERS: [u64; 4] = [0x3FE9_21FB, 0x4002_D97C, 0x400F_6A7A, 0x4015_FDBC];

/// Sine and cosine of angles from 0 to 2π, except those that are rare.
#[inline(always)]
fn sine_and_cosine<S: Simd>(x: f64x8<S>) -> (f64x8<S>, f64x8<S>) {
    let same = |number: f64| x.same(number);
    let (zero, one) = (same(0.0), same(1.0));
    // Not as a map over an array: that is a call, for which registers would have to be given up.
    let from = |quarter: usize| same(beyond(QUARTERS[quarter - 1])).is_at_most(x);
    let (from_first, from_second, from_third, from_fourth) = (from(1), from(2), from(3), from(4));
    let quarters = one.where_or(from_first, zero)
        + one.where_or(from_second, zero)
        + one.where_or(from_third, zero)
        + one.where_or(from_fourth, zero);
    // x less the quarters, as y and what is lost in it.
    let r = x - quarters * same(QUARTER[0]);
    let w = quarters * same(QUARTER[1]);
    let y = r - w;
    let lost = (r - y) - w;
    let (z, half) = (y * y, same(0.5));
    let w = z * z;
    let s = |k: usize| same(SIN[k - 1]);
    let (r, v) = (s(2) + z * (s(3) + z * s(4)) + z * w * (s(5) + z * s(6)), z * y);
    let reduced = y - ((z * (half * lost - v * r) - lost) - v * s(1));
    let sin = reduced.where_or(from_first, y + v * (s(1) + z * r));
    let c = |k: usize| same(COS[k - 1]);
    let r = z * (c(1) + z * (c(2) + z * c(3))) + w * w * (c(4) + z * (c(5) + z * c(6)));
    let half_square = half * z;
    let w = one - half_square;
    let cos = w + (((one - w) - half_square) + (z * r - y * lost));
    let (is_second, is_third) = (from_first & !from_second, from_second & !from_third);
    let is_fourth = from_third & !from_fourth;
    let minus = |number: f64x8<S>| -number;
    let sine = cos.where_or(is_second, minus(sin).where_or(is_third, minus(cos).where_or(is_fourth, sin)));
    let cosine = minus(sin).where_or(is_second, minus(cos).where_or(is_third, sin.where_or(is_fourth, cos)));
    (sine, cosine)
}

/// Angles next to a multiple of a quarter turn, or next to nothing, for which `libm` takes another way.
#[inline(always)]
fn is_rare<S: Simd>(simd: S, x: f64x8<S>) -> mask64x8<S> {
    let same = |number: f64| f64x8::splat(simd, number);
    let near = |upper: u64| same(f64::from_bits(upper << 32)).is_at_most(x) & x.is_below(same(beyond(upper)));
    let tiny = x.is_below(same(f64::from_bits(0x3E46_A09Eu64 << 32)));
    tiny | near(0x3FF9_21FB) | near(0x4009_21FB) | near(0x4012_D97C) | near(0x4019_21FB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_blocks_have_the_bits_of_each() {
        for round in 0..200_000u32 {
            let key = [round.wrapping_mul(0x9E37_79B9), round % 3];
            let counters = std::array::from_fn(|word| {
                std::array::from_fn(|lane| round.wrapping_mul(0x85EB_CA6B + word as u32) ^ lane as u32)
            });
            let pairs = normal_pairs(key, &counters);
            for lane in 0..LANES {
                let [a, b, c, d] = philox(counters.map(|words| words[lane]), key);
                let wanted = normal_pair(fraction(a, b), fraction(c, d));
                let got = (pairs[0][lane], pairs[1][lane]);
                assert_eq!((got.0.to_bits(), got.1.to_bits()), (wanted.0.to_bits(), wanted.1.to_bits()));
            }
        }
    }

    /// Where random numbers hardly ever come: every angle that is taken side by side, next to where that changes.
    #[test]
    fn logarithm_sine_and_cosine_are_those_of_libm() {
        let level = Level::new();
        let edges = QUARTERS.map(beyond).into_iter().chain([0.1, 1.0, 3.0, 4.5, 5.5, 6.25]);
        for edge in edges.flat_map(|x| (-4000..4000).map(move |k| x * (1.0 + f64::from(k) * 3e-15))) {
            let (log, sin, cos, rare) = dispatch!(level, simd => {
                let x = f64x8::splat(simd, edge);
                let (sin, cos) = sine_and_cosine(x);
                (logarithm(x).lane(3), sin.lane(3), cos.lane(3), is_rare(simd, x).any_true())
            });
            assert_eq!(log.to_bits(), libm::log(edge).to_bits(), "log {edge}");
            let (s, c) = libm::sincos(edge);
            assert!(rare || (sin.to_bits(), cos.to_bits()) == (s.to_bits(), c.to_bits()), "sincos {edge}");
        }
    }
}
