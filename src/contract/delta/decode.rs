//! Frames of changes, read.

use super::bits::{Reader, unzigzag};
use super::head::{self, Chain, Moment};
use super::state::{FIELDS, State, changed};

/// Why a frame cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It ends too early.
    #[error("the frame ends too early")]
    Short,
    /// It does not begin as it should.
    #[error("this is no frame of changes")]
    Magic,
    /// Another layout.
    #[error("the frame has a layout of another version")]
    Version,
    /// The frame before it was not seen: a whole one is needed.
    #[error("a frame before this one is missing")]
    Gap,
    /// More drones than there can be.
    #[error("the frame holds more drones than it has room for")]
    Count,
    /// A number that cannot be.
    #[error("a number in the frame is out of its range")]
    Value,
    /// More bits than the frame should have.
    #[error("something follows the frame's end")]
    Long,
}

/// Follows one subscription.
#[derive(Debug, Default)]
pub struct Decoder {
    last: Option<(Chain, Moment)>,
    state: State,
    before: State,
}

impl Decoder {
    /// Reads the next frame. After [`Wrong::Gap`] the next one that stands alone heals it; so it does after every other
    /// error, which forgets what was known.
    ///
    /// # Errors
    /// [`Wrong`]; what was read before is not touched by a gap.
    pub fn read(&mut self, frame: &[u8]) -> Result<(&Chain, &Moment, &State), Wrong> {
        let mut input = Reader::new(frame);
        let head = head::read(&mut input, self.last.as_ref())?;
        self.last = None;
        match head.ticks {
            Some(ticks) => {
                std::mem::swap(&mut self.state, &mut self.before);
                self.state.follow(&self.before, ticks);
                read_changes(&mut input, &mut self.state, head.chain.step())?;
            }
            None => read_whole(&mut input, &mut self.state, head.chain.count)?,
        }
        if !input.is_spent() {
            return Err(Wrong::Long);
        }
        let (chain, now) = self.last.insert((head.chain, head.now));
        Ok((chain, now, &self.state))
    }
}

/// Every column, each number as the difference to the drone before.
fn read_whole(input: &mut Reader<'_>, state: &mut State, count: usize) -> Result<(), Wrong> {
    state.resize(count);
    for column in state.position.iter_mut().chain(&mut state.velocity).chain([&mut state.since]) {
        read_column(input, count, |slot, value| column[slot] = value)?;
    }
    if state.since.iter().any(|since| !(0..=255).contains(since)) {
        return Err(Wrong::Value);
    }
    for (field, column) in state.fields.iter_mut().enumerate() {
        read_column(input, count, |slot, value| column[slot] = changed(field, 0, value))?;
    }
    Ok(())
}

fn read_column(input: &mut Reader<'_>, count: usize, mut put: impl FnMut(usize, i32)) -> Result<(), Wrong> {
    let k = input.bits(5).ok_or(Wrong::Short)?;
    let mut value = 0_i32;
    for slot in 0..count {
        value = value.wrapping_add(unzigzag(input.rice(k).ok_or(Wrong::Short)?));
        put(slot, value);
    }
    Ok(())
}

/// The list of corrections of positions, then one for each field.
fn read_changes(input: &mut Reader<'_>, state: &mut State, step: i32) -> Result<(), Wrong> {
    let count = state.len();
    read_list(input, count, |input, k, slot| {
        let mut steps = [0; 3];
        for each in &mut steps {
            *each = unzigzag(input.rice(k)?);
        }
        state.correct(slot, steps, step);
        Some(())
    })?;
    for field in 0..FIELDS {
        read_list(input, count, |input, k, slot| {
            let change = unzigzag(input.rice(k)?.wrapping_add(1));
            let value = &mut state.fields[field][slot];
            *value = changed(field, *value, change);
            Some(())
        })?;
    }
    Ok(())
}

/// A bit, 1 if anything is in the list; then two Rice parameters, and as long as there are drones behind: how many are
/// stepped over, and what is said of the next.
fn read_list(
    input: &mut Reader<'_>,
    count: usize,
    mut take: impl FnMut(&mut Reader<'_>, u32, usize) -> Option<()>,
) -> Result<(), Wrong> {
    if input.bits(1).ok_or(Wrong::Short)? == 0 {
        return Ok(());
    }
    let (skip, k) = (input.bits(5).ok_or(Wrong::Short)?, input.bits(5).ok_or(Wrong::Short)?);
    let mut slot = 0;
    loop {
        slot += input.rice(skip).ok_or(Wrong::Short)? as usize;
        if slot >= count {
            return if slot == count { Ok(()) } else { Err(Wrong::Value) };
        }
        take(input, k, slot).ok_or(Wrong::Short)?;
        slot += 1;
    }
}
