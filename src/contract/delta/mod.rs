//! `drones-update` for weak links: what changed since the frame before, in bits.
//!
//! Sender and receiver keep the same [`state::State`] and let it fly on by the same whole numbers, so that a drone is spoken of
//! only when it has drifted from the truth by more than the error that was agreed, or something else of it changed. A
//! chain of frames begins with one that stands alone ([`encode::Encoder::whole`]); whoever joins late, or has lost one,
//! is given that of this moment instead of the change. `docs/PROTOCOL.md` has the layout bit by bit.

pub mod bits;
pub mod decode;
pub mod encode;
pub mod head;
pub mod state;
pub mod truth;

#[cfg(test)]
mod tests;
