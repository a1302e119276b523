//! `hmrs audit`: who did or tried what, from where, and what came of it.

use super::{Failure, open_store, say};
use crate::config::DatabaseArgs;
use crate::contract::outgoing::rfc3339;
use crate::store::AuditFilter;

/// What `hmrs audit` takes.
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Only this kind: command, login, logout, cut, token, swarm, lease, route
    #[arg(long)]
    kind: Option<String>,
    /// Only of whoever goes by this name
    #[arg(long)]
    who: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub fn audit(args: &AuditArgs) -> Result<(), Failure> {
    let filter =
        AuditFilter { limit: args.limit, before: None, kind: args.kind.clone(), who: args.who.clone() };
    let entries = open_store(&args.database)?.audit(&filter).map_err(|error| error.to_string())?;
    if entries.is_empty() && !args.json {
        say("the audit trail has no such entry");
    }
    for entry in entries {
        if args.json {
            say(serde_json::to_string(&entry).map_err(|error| error.to_string())?);
            continue;
        }
        let (time, role) =
            (rfc3339(entry.wall_time_ms), if entry.role.is_empty() { "-" } else { &entry.role });
        let words = [&entry.kind, &entry.what, &entry.subject, &entry.result, &entry.detail];
        let words: Vec<&str> =
            words.into_iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
        // What clients wrote must not move the cursor of whoever reads it.
        let line = format!(
            "{time}  {:<16} {role:<8} {:<15} {:<8} {}",
            entry.who,
            entry.address,
            entry.via,
            words.join(" ")
        );
        say(line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect::<String>());
    }
    Ok(())
}
