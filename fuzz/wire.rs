//! The parts under test, compiled from the library's own files.

#[path = "delta.rs"]
pub mod delta;
#[path = "../src/socketio/deflate.rs"]
pub mod deflate;
#[path = "../src/socketio/protocol/mod.rs"]
pub mod protocol;
