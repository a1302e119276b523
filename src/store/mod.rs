//! The history of every run in a database: SQLite by default, PostgreSQL for production, the same tables and queries.
//!
//! ```text
//!  swarm ── Record ──► Writer (never blocks) ──► Queue (bounded) ──► DbWriter ──► database
//!                                                                       └─ while it is away ─► spool ─┘
//!  http, cli ── web::block ──► Store (reads, tokens) ──────────────────────────────────┘
//! ```
//!
//! | message to [`DbWriter`] | from | answer | may be lost |
//! |---|---|---|---|
//! | `Wake` | [`Writer`], when a batch became due earlier than the actor's timer | none | no: at most one is under way |
//! | [`Flush`] | shutdown, tests, readers that want the newest | when all that was recorded before is committed | no |
//! | [`Stop`] | shutdown | when the actor has stopped | no |
//!
//! What stands in the tables is told in `docs/DATA.md`.

mod audit;
mod batcher;
mod copy;
mod cut;
mod db_writer;
mod error;
mod frames;
mod journal;
mod keyframes;
mod lanes;
mod library;
mod link;
mod logins;
mod migrate;
mod partitions;
mod pool;
mod queue;
mod rows;
mod runs;
mod schema;
mod spool;
mod telemetry;
mod tokens;
mod upkeep;
mod url;
mod write;
mod writer;

pub use audit::AuditFilter;
pub use batcher::{Batcher, Class, Failure, Full, Limits, Stats};
pub use db_writer::{DbWriter, Flush, FlushError, Stop};
pub use error::StoreError;
pub use journal::{LogEntry, LogFilter};
pub use library::Library;
pub use logins::Login;
pub use migrate::migrate;
pub use pool::{Store, StoreConfig};
pub use runs::{Run, RunFilter};
pub use spool::SpoolConfig;
pub use telemetry::{Frame, FrameDrone, FrameFilter, MetricsAt};
pub use tokens::{NewToken, Token};
pub use upkeep::{Upkeep, UpkeepDone};
pub use url::DatabaseUrl;
pub use writer::{Writer, WriterConfig};
