//! Numbers side by side: a rule is written once, and holds for one drone or for eight at a time with the same bits.
//!
//! Every lane computes what a single number would: sums, products, quotients and roots are rounded as IEEE 754 says,
//! whatever the width of the registers, and nothing is fused. Lanes that a condition leaves out keep their value.

use std::ops::{Add, BitAnd, Div, Mul, Sub};

use fearless_simd::{Select, Simd, SimdBase, SimdFloat, SimdMask, f64x8, mask64x8};

use super::Vec3;

/// Numbers side by side.
pub const LANES: usize = 8;

/// One number, or [`LANES`] of them.
pub trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// Which lanes a condition holds for.
    type Mask: Copy + BitAnd<Output = Self::Mask>;

    /// `value` in as many lanes as this has.
    fn same(self, value: f64) -> Self;

    /// Square root.
    fn root(self) -> Self;

    /// Where this is less than `other`.
    fn is_below(self, other: Self) -> Self::Mask;

    /// Where this is not more than `other`.
    fn is_at_most(self, other: Self) -> Self::Mask;

    /// This where `mask` holds, `other` elsewhere.
    fn where_or(self, mask: Self::Mask, other: Self) -> Self;

    /// Whether `mask` holds anywhere.
    fn any(mask: Self::Mask) -> bool;

    /// The number in a lane below [`LANES`]; one number is in every lane.
    fn lane(self, lane: usize) -> f64;
}

impl Lanes for f64 {
    type Mask = bool;

    #[inline(always)]
    fn same(self, value: f64) -> f64 {
        value
    }

    #[inline(always)]
    fn root(self) -> f64 {
        self.sqrt()
    }

    #[inline(always)]
    fn is_below(self, other: f64) -> bool {
        self < other
    }

    #[inline(always)]
    fn is_at_most(self, other: f64) -> bool {
        self <= other
    }

    #[inline(always)]
    fn where_or(self, mask: bool, other: f64) -> f64 {
        if mask { self } else { other }
    }

    #[inline(always)]
    fn any(mask: bool) -> bool {
        mask
    }

    #[inline(always)]
    fn lane(self, _: usize) -> f64 {
        self
    }
}

impl<S: Simd> Lanes for f64x8<S> {
    type Mask = mask64x8<S>;

    #[inline(always)]
    fn same(self, value: f64) -> Self {
        use fearless_simd::ExtractToken;
        f64x8::splat(self.token(), value)
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn is_below(self, other: Self) -> Self::Mask {
        self.simd_lt(other)
    }

    #[inline(always)]
    fn is_at_most(self, other: Self) -> Self::Mask {
        self.simd_le(other)
    }

    #[inline(always)]
    fn where_or(self, mask: Self::Mask, other: Self) -> Self {
        mask.select(self, other)
    }

    #[inline(always)]
    fn any(mask: Self::Mask) -> bool {
        mask.any_true()
    }

    #[inline(always)]
    fn lane(self, lane: usize) -> f64 {
        self[lane]
    }
}

/// [`Vec3`]s side by side, computed with as those are.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<N> {
    /// East.
    pub x: N,
    /// North.
    pub y: N,
    /// Up.
    pub z: N,
}

impl<N: Lanes> Vectors<N> {
    /// `v` in as many lanes as `like` has.
    #[inline(always)]
    pub fn same(like: N, v: Vec3) -> Self {
        Vectors { x: like.same(v.x), y: like.same(v.y), z: like.same(v.z) }
    }

    /// Scalar products.
    #[inline(always)]
    pub fn dot(self, other: Self) -> N {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    /// Squared lengths.
    #[inline(always)]
    pub fn norm2(self) -> N {
        self.dot(self)
    }

    /// Unit vectors of the same directions; zero stays zero.
    #[inline(always)]
    pub fn unit(self) -> Self {
        let (norm, zero) = (self.norm2().root(), self.x.same(0.0));
        let unit = Vectors { x: self.x / norm, y: self.y / norm, z: self.z / norm };
        unit.where_or(zero.is_below(norm), Vectors { x: zero, y: zero, z: zero })
    }

    /// These where `mask` holds, `others` elsewhere.
    #[inline(always)]
    pub fn where_or(self, mask: N::Mask, others: Self) -> Self {
        Vectors {
            x: self.x.where_or(mask, others.x),
            y: self.y.where_or(mask, others.y),
            z: self.z.where_or(mask, others.z),
        }
    }
}

impl<N: Lanes> Add for Vectors<N> {
    type Output = Self;

    #[inline(always)]
    fn add(self, o: Self) -> Self {
        Vectors { x: self.x + o.x, y: self.y + o.y, z: self.z + o.z }
    }
}

impl<N: Lanes> Sub for Vectors<N> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        Vectors { x: self.x - o.x, y: self.y - o.y, z: self.z - o.z }
    }
}

impl<N: Lanes> Mul<N> for Vectors<N> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, k: N) -> Self {
        Vectors { x: self.x * k, y: self.y * k, z: self.z * k }
    }
}
