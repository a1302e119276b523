//! The words that cross the wire: events, commands, results and errors, in JSON and binary forms.
//!
//! | event (server → client) | payload | class |
//! | --- | --- | --- |
//! | [`event::WELCOME`] | [`outgoing::Welcome`] | once |
//! | [`event::STATUS`] | [`outgoing::Status`] | telemetry |
//! | [`event::DRONES`] | [`outgoing::drones_json`] or [`compact::encode`] | telemetry |
//! | [`event::DRONES_TABLE`] | [`outgoing::drones_table`] | event |
//! | [`event::VISUALIZATION`] | [`outgoing::Visualization`] | telemetry |
//! | [`event::LOG`], [`event::LOG_BATCH`] | [`outgoing::LogEntry`] | event |
//! | [`event::COMMAND_UPDATE`] | [`outgoing::CommandUpdate`] | event |
//! | [`event::PRESENCE`] | [`outgoing::Presence`] | event |
//! | [`event::RESPONSE`] | what a client sent as `message` | event |
//!
//! What clients send is parsed in [`incoming`]; what may go wrong is an [`error::ApiError`].
//! [`rights`] says which role each route and event takes. [`record`] is what a swarm hands to whoever keeps its runs, [`archive`] what is asked of that keeper.

pub mod access;
pub mod archive;
pub mod audit;
pub mod compact;
pub mod delta;
pub mod error;
pub mod histogram;
pub mod incoming;
pub mod lease;
pub mod mission;
pub mod outgoing;
pub mod past;
pub mod record;
pub mod rights;

/// Names of the events, as the first element of a Socket.IO packet.
pub mod event {
    /// Once at connect: what this swarm is.
    pub const WELCOME: &str = "welcome";
    /// 25 Hz: the swarm in numbers.
    pub const STATUS: &str = "status-update";
    /// 25 Hz: every drone.
    pub const DRONES: &str = "drones-update";
    /// On change: which drone each record of a binary `drones-update` is.
    pub const DRONES_TABLE: &str = "drones-table";
    /// Up to 5 Hz: trails, goals, fences, obstacles.
    pub const VISUALIZATION: &str = "visualization-update";
    /// One log entry as it happens.
    pub const LOG: &str = "log-update";
    /// The entries that a reconnecting client missed.
    pub const LOG_BATCH: &str = "communication-log-update";
    /// What became of a command.
    pub const COMMAND_UPDATE: &str = "command-update";
    /// Who is connected.
    pub const PRESENCE: &str = "presence-update";
    /// What any client sent as `message`, to everyone.
    pub const RESPONSE: &str = "response";
}
