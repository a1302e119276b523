//! The command line: what each command takes, and how it ends.
//!
//! Exit codes: 0 done, 1 the work failed (one sentence on stderr), 2 wrong usage.

mod audit;
mod diff;
mod health;
mod output;
mod progress;
mod recorded;
mod replay;
mod run;
mod settings;
mod sweep;
mod token;
mod trials;
mod verify;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::app;
use crate::config::{DatabaseArgs, ServeConfig};
use crate::contract::outgoing::rfc3339;
use crate::sim::{Scenario, builtin};
use crate::store::{self, DatabaseUrl, RunFilter, Store, StoreConfig};

/// A live drone-swarm simulation server
#[derive(Debug, Parser)]
#[command(name = "hmrs", version, about, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fly a swarm live, with the console, the API and Socket.IO on one port
    Serve(Box<ServeConfig>),
    /// Run a scenario without a server, as fast as the machine allows
    Run(Box<run::RunArgs>),
    /// Run a scenario many times, over parameters and seeds, and write a row a run
    Sweep(Box<sweep::SweepArgs>),
    /// Fly a mission many times, over seeds, rules of allocation and lost drones
    Trials(Box<trials::TrialsArgs>),
    /// Fly a recorded run again, and check that it is the same bit for bit
    Replay(Box<replay::ReplayArgs>),
    /// Write a recorded run into files
    Export(Box<replay::ExportArgs>),
    /// Find the first tick at which two runs differ, and what differs there
    Diff(diff::DiffArgs),
    /// Check the model against published results
    Verify(verify::VerifyArgs),
    /// List recorded runs
    Runs(RunsArgs),
    /// Work with scenario files
    #[command(subcommand)]
    Scenario(ScenarioCommand),
    /// Bring the database up to this program's schema
    Migrate(DatabaseArgs),
    /// Hand out access
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Show who did or tried what, newest first
    Audit(audit::AuditArgs),
    /// Exit 0 if a server is healthy
    Health(health::HealthArgs),
}

#[derive(Debug, Subcommand)]
enum ScenarioCommand {
    /// Check a scenario and say what is wrong, line by line
    Check {
        /// A TOML file, or the name of a built-in scenario
        file: String,
    },
    /// List the built-in scenarios
    List,
    /// Print a built-in scenario, to begin one of your own
    Show {
        /// Its name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct RunsArgs {
    /// Only runs with this text in their id, scenario, swarm or status
    query: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Why a command failed: one sentence, what and where.
type Failure = String;

/// How a command ended that is not done.
#[derive(Debug)]
enum Stop {
    /// What was asked for cannot be meant.
    Usage(Failure),
    /// The work failed.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let (failure, code) = match follow(Cli::parse().command) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Stop::Failed(failure)) => (failure, 1),
        Err(Stop::Usage(failure)) => (failure, 2),
    };
    let _ = writeln!(std::io::stderr(), "hmrs: {failure}");
    ExitCode::from(code)
}

fn follow(command: Command) -> Result<(), Stop> {
    match command {
        Command::Serve(config) => app::serve(*config)?,
        Command::Run(args) => run::run(&args)?,
        Command::Sweep(args) => sweep::sweep(&args)?,
        Command::Trials(args) => trials::trials(&args)?,
        Command::Replay(args) => replay::replay(&args)?,
        Command::Export(args) => replay::export(&args)?,
        Command::Diff(args) => diff::diff(&args)?,
        Command::Verify(args) => verify::verify(&args)?,
        Command::Runs(args) => runs(&args)?,
        Command::Scenario(command) => scenario(command)?,
        Command::Migrate(database) => migrate(&database)?,
        Command::Token(command) => token::token(command)?,
        Command::Audit(args) => audit::audit(&args)?,
        Command::Health(args) => health::health(&args)?,
    }
    Ok(())
}

/// Prints a line; a reader that went away is no failure of ours.
fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Reads a scenario by the name of a built-in one or from a file.
pub(crate) fn load_scenario(name: &str) -> Result<Arc<Scenario>, Failure> {
    let built_in =
        builtin::list().iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    let text = match built_in {
        Some(text) => text,
        None => std::fs::read_to_string(Path::new(name)).map_err(|error| {
            let known: Vec<&str> = builtin::list().iter().map(|(known, _)| *known).collect();
            format!(
                "{name} is neither a readable file ({error}) nor a built-in scenario ({})",
                known.join(", ")
            )
        })?,
    };
    Scenario::parse(&text).map(Arc::new).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(|error| format!("{name}: {error}")).collect();
        lines.join("\nhmrs: ")
    })
}

/// The database of the settings, which there must be.
fn database_url(database: &DatabaseArgs) -> Result<DatabaseUrl, Failure> {
    database.url()?.ok_or_else(|| "there is no database: --database-url is none".to_owned())
}

/// The database, brought up to this program's schema.
fn open_store(database: &DatabaseArgs) -> Result<Store, Failure> {
    let url = database_url(database)?;
    store::migrate(&url).map_err(|error| error.to_string())?;
    Ok(Store::new(url, &StoreConfig::default()))
}

fn migrate(database: &DatabaseArgs) -> Result<(), Failure> {
    let url = database_url(database)?;
    let applied = store::migrate(&url).map_err(|error| error.to_string())?;
    match applied.as_slice() {
        [] => say(format_args!("{url} is up to date")),
        applied => say(format_args!("{url}: applied {}", applied.join(", "))),
    }
    Ok(())
}

fn runs(args: &RunsArgs) -> Result<(), Failure> {
    let filter = RunFilter { limit: args.limit, after: None, q: args.query.clone() };
    let runs = open_store(&args.database)?.runs(&filter).map_err(|error| error.to_string())?;
    if runs.is_empty() {
        say("no recorded runs");
        return Ok(());
    }
    say(format_args!(
        "{:<26} {:<16} {:>12} {:>9} {:<10} {:<20}",
        "run", "scenario", "seed", "ticks", "status", "started"
    ));
    for run in runs {
        let started = &rfc3339(run.started_ms)[..19];
        let (id, scenario, seed, ticks, status) =
            (run.id, run.scenario, run.seed, run.ticks, run.status.as_str());
        say(format_args!("{id:<26} {scenario:<16} {seed:>12} {ticks:>9} {status:<10} {started}Z"));
    }
    Ok(())
}

fn scenario(command: ScenarioCommand) -> Result<(), Failure> {
    match command {
        ScenarioCommand::Check { file } => {
            let scenario = load_scenario(&file)?;
            say(format_args!(
                "{file}: scenario {:?} is valid (hash {:016x})",
                scenario.name,
                scenario.hash()
            ));
        }
        ScenarioCommand::List => {
            for (name, text) in builtin::list() {
                let title = Scenario::parse(text).map(|scenario| scenario.title).unwrap_or_default();
                say(format_args!("{name:<12} {title}"));
            }
        }
        ScenarioCommand::Show { name } => match builtin::list().iter().find(|(known, _)| *known == name) {
            Some((_, text)) => say(text.trim_end()),
            None => {
                return Err(format!("there is no built-in scenario {name:?}; hmrs scenario list names them"));
            }
        },
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
