//! Many Socket.IO clients on one thread, as cheap as they can be: they read the heads of WebSocket frames and step over
//! the rest, so that what is measured is the server.

pub mod client;
pub mod clock;
pub mod deflate;
pub mod event;
pub mod frame;
pub mod pool;
pub mod process;
pub mod tally;
