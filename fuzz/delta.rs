//! The codec of `delta` frames, compiled from the library's own files.

#[path = "../src/contract/delta/bits.rs"]
pub mod bits;
#[path = "../src/contract/delta/decode.rs"]
pub mod decode;
#[path = "../src/contract/delta/encode.rs"]
pub mod encode;
#[path = "../src/contract/delta/head.rs"]
pub mod head;
#[path = "../src/contract/delta/state.rs"]
pub mod state;
