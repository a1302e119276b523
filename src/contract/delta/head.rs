//! The first bytes of a frame.

use super::bits::{Reader, put_varint, unzigzag, zigzag};
use super::decode::Wrong;
use super::state::UNITS_PER_M;

/// First byte of every frame.
pub const MAGIC: u8 = 0xde;
/// Version of the layout.
pub const VERSION: u8 = 1;
/// Frames of more drones are not read.
pub const DRONES_MAX: usize = 100_000;
/// Longest time between two frames of a chain, ticks.
pub const TICKS_MAX: u64 = 1000;

const WHOLE: u8 = 1;

/// What holds for a whole chain; only frames that stand alone carry it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Chain {
    /// Tells chains apart.
    pub number: u32,
    /// The table that the drones stand in.
    pub epoch: u32,
    /// Drones.
    pub count: usize,
    /// Length of a tick, seconds.
    pub tick_s: f64,
    /// Positions are no further than this from the truth, units.
    pub error: i32,
}

impl Chain {
    /// Units that a correction counts in: four fifths of the error, so that what remains leaves room for drifting.
    pub fn step(&self) -> i32 {
        (self.error * 4 / 5).max(1)
    }
}

/// An error in metres as [`Chain::error`]: less what rounding to units may add.
pub fn error_units(error_m: f64) -> i32 {
    ((error_m * UNITS_PER_M - 0.87) as i32).max(1)
}

/// When a frame was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// Counts published updates.
    pub seq: u32,
    /// Simulated time.
    pub tick: u64,
    /// Unix time, milliseconds.
    pub wall_time_ms: u64,
    /// Bit 0 paused, bit 1 stopped, bit 2 replay.
    pub state: u8,
}

/// A frame that stands alone.
pub fn put_whole(out: &mut Vec<u8>, chain: &Chain, now: &Moment) {
    out.extend_from_slice(&[MAGIC, VERSION, now.state << 1 | WHOLE]);
    put_varint(out, u64::from(chain.number));
    put_varint(out, u64::from(now.seq));
    put_varint(out, u64::from(chain.epoch));
    put_varint(out, now.tick);
    put_varint(out, now.wall_time_ms);
    out.extend_from_slice(&chain.tick_s.to_le_bytes());
    put_varint(out, chain.error as u64);
    put_varint(out, chain.count as u64);
}

/// A frame that says what changed since `before`.
pub fn put_change(out: &mut Vec<u8>, chain: &Chain, before: &Moment, now: &Moment) {
    out.extend_from_slice(&[MAGIC, VERSION, now.state << 1]);
    put_varint(out, u64::from(chain.number));
    put_varint(out, u64::from(now.seq));
    put_varint(out, u64::from(now.seq.wrapping_sub(before.seq)));
    put_varint(out, now.tick - before.tick);
    let waited = now.wall_time_ms as i64 - before.wall_time_ms as i64;
    put_varint(out, u64::from(zigzag(waited as i32)));
}

/// The first bytes of a frame, read.
#[derive(Debug)]
pub struct Head {
    /// The chain.
    pub chain: Chain,
    /// When it was made.
    pub now: Moment,
    /// Ticks since the frame before it; `None` of a frame that stands alone.
    pub ticks: Option<i32>,
}

/// Reads the first bytes of a frame that comes after `before`.
///
/// # Errors
/// [`Wrong`], if they are no such frame's.
pub fn read(input: &mut Reader<'_>, before: Option<&(Chain, Moment)>) -> Result<Head, Wrong> {
    if input.byte().ok_or(Wrong::Short)? != MAGIC {
        return Err(Wrong::Magic);
    }
    if input.byte().ok_or(Wrong::Short)? != VERSION {
        return Err(Wrong::Version);
    }
    let flags = input.byte().ok_or(Wrong::Short)?;
    let number = narrow(input)?;
    let now = Moment { seq: narrow(input)?, state: flags >> 1, ..Moment::default() };
    if flags & WHOLE != 0 { read_whole(input, number, now) } else { read_change(input, number, now, before) }
}

fn read_whole(input: &mut Reader<'_>, number: u32, now: Moment) -> Result<Head, Wrong> {
    let epoch = narrow(input)?;
    let tick = wide(input)?;
    let wall_time_ms = wide(input)?;
    let (high, low) = (input.bits(32).ok_or(Wrong::Short)?, input.bits(32).ok_or(Wrong::Short)?);
    let tick_s = f64::from_bits(u64::from(low.swap_bytes()) << 32 | u64::from(high.swap_bytes()));
    let (error, count) = (wide(input)?, wide(input)? as usize);
    // Each drone has at least a bit in each column.
    if count > DRONES_MAX || count > input.left() {
        return Err(Wrong::Count);
    }
    if !(tick_s.is_finite() && tick_s > 0.0 && (1..1 << 20).contains(&error)) {
        return Err(Wrong::Value);
    }
    let chain = Chain { number, epoch, count, tick_s, error: error as i32 };
    Ok(Head { chain, now: Moment { tick, wall_time_ms, ..now }, ticks: None })
}

fn read_change(
    input: &mut Reader<'_>,
    number: u32,
    now: Moment,
    before: Option<&(Chain, Moment)>,
) -> Result<Head, Wrong> {
    let back = narrow(input)?;
    let (chain, last) = before
        .filter(|(chain, last)| chain.number == number && last.seq == now.seq.wrapping_sub(back))
        .ok_or(Wrong::Gap)?;
    let ticks = wide(input)?;
    let waited = unzigzag(narrow(input)?);
    if ticks > TICKS_MAX {
        return Err(Wrong::Value);
    }
    let wall_time_ms = last.wall_time_ms.saturating_add_signed(i64::from(waited));
    let now = Moment { tick: last.tick + ticks, wall_time_ms, ..now };
    Ok(Head { chain: *chain, now, ticks: Some(ticks as i32) })
}

fn wide(input: &mut Reader<'_>) -> Result<u64, Wrong> {
    input.varint().ok_or(Wrong::Short)
}

fn narrow(input: &mut Reader<'_>) -> Result<u32, Wrong> {
    u32::try_from(wide(input)?).map_err(|_| Wrong::Value)
}
