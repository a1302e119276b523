//! `hmrs token`: hands out access, lists it and takes it back.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Failure, open_store, say};
use crate::app;
use crate::config::DatabaseArgs;
use crate::contract::access::Role;
use crate::contract::outgoing::rfc3339;
use crate::http::auth::token_hash;
use crate::store::Store;
use crate::swarm::wall_time_ms;

/// What the audit trail calls this program.
const CLI: &str = "cli";

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make an access token; it is shown once and stored only as a hash
    Create {
        /// What it allows: viewer, operator or admin
        #[arg(long)]
        role: Role,
        /// What it is called, for the audit trail
        #[arg(long)]
        name: String,
        /// Days until it is refused [default: never]
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,
        /// Write it to this file, for its owner and group to read, in place of showing it; a valid token there is kept
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// List the tokens: what they are called and allow, never what they are
    List {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Take a token back; who uses it is cut off within seconds
    Revoke {
        /// Its id, as `hmrs token list` shows it
        id: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

pub fn token(command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Create { role, name, days, out, database } => {
            let store = open_store(&database)?;
            match out {
                Some(file) => create_in_file(&store, role, &name, days, &file),
                None => {
                    say(app::create_token(&store, CLI, role, &name, days)?.0);
                    let _ = writeln!(
                        std::io::stderr(),
                        "This is the only time the token is shown. Send it as Authorization: Bearer, or as auth.token over Socket.IO."
                    );
                    Ok(())
                }
            }
        }
        TokenCommand::List { database } => list(&open_store(&database)?),
        TokenCommand::Revoke { id, database } => {
            let store = open_store(&database)?;
            let was_valid = store.revoke_token(&id, wall_time_ms()).map_err(|error| error.to_string())?;
            if !was_valid {
                return Err(format!(
                    "there is no token {id:?} that is not revoked; hmrs token list shows them"
                ));
            }
            app::note(&store, CLI, "revoke", &id, String::new());
            say(format_args!("{id} is revoked"));
            Ok(())
        }
    }
}

fn create_in_file(
    store: &Store,
    role: Role,
    name: &str,
    days: Option<u32>,
    file: &Path,
) -> Result<(), Failure> {
    let cannot =
        |error: std::io::Error| format!("{}: the token cannot be kept there: {error}", file.display());
    if let Ok(kept) = std::fs::read_to_string(file) {
        let known =
            store.find_token(&token_hash(kept.trim()), wall_time_ms()).map_err(|error| error.to_string())?;
        if let Some(known) = known.filter(|known| known.role == role.as_str()) {
            say(format_args!("{} holds the token {:?} already", file.display(), known.name));
            return Ok(());
        }
    }
    // The file comes first: a token that nobody could read would stay valid for nothing.
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let mut opened = options.write(true).create(true).truncate(true).open(file).map_err(cannot)?;
    let (token, _) = app::create_token(store, CLI, role, name, days)?;
    opened.write_all(token.as_bytes()).map_err(cannot)?;
    say(format_args!("{} holds a new token", file.display()));
    Ok(())
}

fn list(store: &Store) -> Result<(), Failure> {
    let tokens = store.tokens().map_err(|error| error.to_string())?;
    if tokens.is_empty() {
        say("no access token is stored");
        return Ok(());
    }
    let now = wall_time_ms();
    let day = |ms: u64| rfc3339(ms)[..10].to_owned();
    say(format_args!("{:<16} {:<10} {:<12} {:<22} {}", "token", "role", "made", "state", "name"));
    for token in tokens {
        let state = match (token.revoked_ms, token.expires_ms) {
            (Some(revoked), _) => format!("revoked {}", day(revoked)),
            (None, Some(expires)) if expires <= now => format!("expired {}", day(expires)),
            (None, Some(expires)) => format!("valid to {}", day(expires)),
            (None, None) => "valid".to_owned(),
        };
        say(format_args!(
            "{:<16} {:<10} {:<12} {:<22} {}",
            token.id,
            token.role,
            day(token.created_ms),
            state,
            token.name
        ));
    }
    Ok(())
}
