//! Engine.IO v4 and Socket.IO v5 as plain data and state machines.
//!
//! Nothing here knows a socket, a clock, an actor or a thread. Bytes and instants come in through `handle_…`, decisions
//! come out through return values and `poll_…`, and `poll_timeout` says when to come back:
//!
//! | file | notion |
//! |---|---|
//! | [`engine_packet`] | one Engine.IO packet, as text |
//! | [`payload`] | many Engine.IO packets in one polling body, separated by `\x1e` |
//! | [`websocket_frame`] | what a WebSocket frame may look like, judged before it is buffered |
//! | [`connection`] | the life of one Engine.IO session: polling, upgrade, heartbeat, close |
//! | [`packet`] | one Socket.IO packet: grammar and limits |
//! | [`multiplexer`] | the namespaces of one session and the packets whose attachments are still under way |
//! | [`client`] | the other side of the wire, for tests and tools |
//! | [`error`] | what can be wrong with input, and why a session ended |

pub mod client;
pub mod connection;
pub mod engine_packet;
pub mod error;
pub mod multiplexer;
pub mod packet;
pub mod payload;
pub mod websocket_frame;
