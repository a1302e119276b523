//! HMRS: a live simulation server for heterogeneous multi-robot systems.
//!
//! A swarm of drones is simulated deterministically ([`sim`]), flown live by actors ([`swarm`]), operated from
//! browsers over Socket.IO and HTTP ([`socketio`], [`gateway`], [`http`]) and recorded ([`store`]). The words that
//! cross the wire stand in [`contract`]. `docs/ARCHITECTURE.md` is the map.

pub mod app;
pub mod cli;
pub mod config;
pub mod contract;
pub mod export;
pub mod gateway;
pub mod http;
pub mod sim;
pub mod socketio;
pub mod store;
pub mod swarm;
