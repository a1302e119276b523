//! Files that a flight leaves behind: tables, and the record that it can be replayed from.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::export::tables::{self, HappeningRow, JournalRow};
use crate::export::{Cell, ExportError, Format, Provenance, Table, Writer};
use crate::sim::hash::Hash64;
use crate::sim::{Happening, JournalEntry, World};

use super::Failure;

/// Where the tables of a flight go. MCAP files hold all tables, whatever the flag.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct OutputArgs {
    /// Write every drone's state, a row a drone and tick: .csv, .jsonl, .parquet, or .mcap for all tables in one
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the metrics of the swarm, a row a tick: .csv, .jsonl or .parquet
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Write the commands that were applied, a row each: .csv, .jsonl or .parquet
    #[arg(long, value_name = "FILE")]
    commands: Option<PathBuf>,
    /// Write the log, a row a happening: .csv, .jsonl or .parquet
    #[arg(long, value_name = "FILE")]
    happenings: Option<PathBuf>,
    /// Write the run as hmrs replay reads it: scenario, seed, journal and state hashes, one JSON object a line
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Of states and metrics write every K-th tick
    #[arg(long, value_name = "K", default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    #[arg(skip)]
    format: Option<Format>,
}

#[derive(Clone, Copy, PartialEq)]
enum Content {
    States,
    Metrics,
    Commands,
    Happenings,
}

const CONTENTS: [Content; 4] = [Content::States, Content::Metrics, Content::Commands, Content::Happenings];

impl Content {
    fn table(self) -> Table {
        match self {
            Content::States => tables::states(),
            Content::Metrics => tables::metrics(),
            Content::Commands => tables::journal(),
            Content::Happenings => tables::happenings(),
        }
    }
}

/// Files that are being written.
pub struct Output {
    sinks: Vec<Sink>,
    record: Option<Lines>,
    every: u64,
    tick_s: f64,
    hash_every: u64,
    entered: Option<u64>,
}

struct Sink {
    path: PathBuf,
    contents: Vec<Content>,
    writer: Writer<BufWriter<File>>,
}

struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
    journal: JournalDigest,
}

/// A running fingerprint of a journal: tells also of an altered entry that had no effect.
#[derive(Default)]
pub struct JournalDigest(Hash64);

impl JournalDigest {
    /// Takes in the next entry.
    pub fn enter(&mut self, entry: &JournalEntry) {
        self.0.text(&serde_json::to_string(entry).unwrap_or_default());
    }

    /// Of all entries so far, 16 hexadecimal digits.
    pub fn show(&self) -> String {
        format!("{:016x}", self.0.finish())
    }
}

impl OutputArgs {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        [&self.out, &self.metrics, &self.commands, &self.happenings, &self.record].iter().all(|f| f.is_none())
    }

    /// Refuses a file of no known ending, and one that two flags name; `report` is that of `--report`.
    pub fn check(&self, report: Option<&Path>) -> Result<(), Failure> {
        let flags = [
            ("--out", self.out.as_deref()),
            ("--metrics", self.metrics.as_deref()),
            ("--commands", self.commands.as_deref()),
            ("--happenings", self.happenings.as_deref()),
            ("--record", self.record.as_deref()),
            ("--report", report),
        ];
        let mut named: Vec<(&str, PathBuf)> = Vec::new();
        for (flag, path) in flags {
            let Some(path) = path else { continue };
            let whole = std::path::absolute(path).map_err(|error| at(path, &error))?;
            let has_format =
                ["--record", "--report"].contains(&flag) || (flag == "--out" && self.format.is_some());
            if !has_format {
                Format::of(path)?;
            }
            if let Some((first, _)) = named.iter().find(|(_, known)| *known == whole) {
                return Err(format!("{flag} {}: is the file of {first} already", path.display()));
            }
            named.push((flag, whole));
        }
        Ok(())
    }

    /// The same with `--out` in the format of this name, whatever its ending.
    pub fn with_format(mut self, name: Option<&str>) -> Result<Self, Failure> {
        self.format = name.and_then(Format::named);
        match (&self.format, &self.out) {
            (Some(_), None) => Err("--format needs --out".to_owned()),
            _ => Ok(self),
        }
    }

    /// Opens every file that was asked for. `about` says where they are from.
    pub fn open(&self, world: &World, about: &Provenance) -> Result<Output, Failure> {
        let asked = [
            (&self.out, Content::States),
            (&self.metrics, Content::Metrics),
            (&self.commands, Content::Commands),
            (&self.happenings, Content::Happenings),
        ];
        let mut sinks = Vec::new();
        for (path, content) in asked {
            let Some(path) = path else { continue };
            let format = match self.format.filter(|_| content == Content::States) {
                Some(format) => format,
                None => Format::of(path)?,
            };
            let contents = if format == Format::Mcap { CONTENTS.to_vec() } else { vec![content] };
            let shapes = contents.iter().map(|content| content.table()).collect();
            let writer = File::create(path)
                .map_err(ExportError::Io)
                .and_then(|file| Writer::create(format, BufWriter::new(file), shapes, about))
                .map_err(|error| at(path, &error))?;
            sinks.push(Sink { path: path.clone(), contents, writer });
        }
        let record = self.record.as_deref().map(|path| Lines::open(path, world, about)).transpose()?;
        let mut output = Output {
            sinks,
            record,
            every: self.every,
            tick_s: world.tick_s(),
            hash_every: world.scenario().hash_every,
            entered: None,
        };
        output.hash(world)?;
        Ok(output)
    }
}

impl Output {
    /// After a tick: what stands in the world, and what happened since the last.
    pub fn observe(&mut self, world: &World, happenings: &[Happening]) -> Result<(), Failure> {
        let is_due = world.tick().is_multiple_of(self.every);
        let has_states = is_due && self.sinks.iter().any(|sink| sink.contents.contains(&Content::States));
        let snapshot = has_states.then(|| world.snapshot());
        for sink in &mut self.sinks {
            for place in 0..sink.contents.len() {
                match sink.contents[place] {
                    Content::States => {
                        for row in snapshot.iter().flat_map(tables::states_of) {
                            sink.row(place, &row.cells())?;
                        }
                    }
                    Content::Metrics if is_due => {
                        let cells = tables::metrics_cells(world.tick(), world.sim_time_s(), &world.metrics());
                        sink.row(place, &cells)?;
                    }
                    Content::Happenings => {
                        for happening in happenings {
                            sink.row(place, &HappeningRow::new(happening, self.tick_s).cells())?;
                        }
                    }
                    Content::Metrics | Content::Commands => {}
                }
            }
        }
        // Also after a command, so that a replay which goes astray is caught at the command that leads it there.
        if world.tick().is_multiple_of(self.hash_every) || self.entered.take().is_some() {
            self.hash(world)?;
        }
        Ok(())
    }

    /// A command that has been applied.
    pub fn enter(&mut self, entry: &JournalEntry) -> Result<(), Failure> {
        self.entered = Some(entry.tick);
        let (row, wanted) = (JournalRow::new(entry, self.tick_s), Content::Commands);
        for sink in &mut self.sinks {
            if let Some(place) = sink.contents.iter().position(|content| *content == wanted) {
                sink.row(place, &row.cells())?;
            }
        }
        self.record.as_mut().map_or(Ok(()), |lines| {
            lines.journal.enter(entry);
            lines.line(&json!({ "entry": entry }))
        })
    }

    fn hash(&mut self, world: &World) -> Result<(), Failure> {
        self.record.as_mut().map_or(Ok(()), |lines| lines.hash("hash", world))
    }

    /// Ends every file.
    pub fn finish(self, world: &World) -> Result<(), Failure> {
        let end = Provenance::default()
            .with("ticks", world.tick())
            .with("final_hash", format_args!("{:016x}", world.state_hash()));
        for sink in self.sinks {
            sink.writer.finish(&end).map_err(|error| at(&sink.path, &error))?;
        }
        if let Some(mut lines) = self.record {
            lines.hash("end", world)?;
            lines.file.flush().map_err(|error| at(&lines.path, &error))?;
        }
        Ok(())
    }
}

impl Sink {
    fn row(&mut self, table: usize, cells: &[Cell]) -> Result<(), Failure> {
        self.writer.row(table, cells).map_err(|error| at(&self.path, &error))
    }
}

impl Lines {
    fn open(path: &Path, world: &World, about: &Provenance) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| at(path, &error))?;
        let mut lines =
            Self { path: path.to_owned(), file: BufWriter::new(file), journal: JournalDigest::default() };
        let mut head: serde_json::Map<String, serde_json::Value> =
            about.iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        head.insert("seed".into(), world.seed().into());
        head.insert("tick_s".into(), world.tick_s().into());
        head.insert("scenario_text".into(), world.scenario().text().into());
        lines.line(&json!({ "run": head }))?;
        Ok(lines)
    }

    fn line(&mut self, value: &serde_json::Value) -> Result<(), Failure> {
        writeln!(self.file, "{value}").map_err(|error| at(&self.path, &error))
    }

    fn hash(&mut self, word: &str, world: &World) -> Result<(), Failure> {
        let state_hash = format!("{:016x}", world.state_hash());
        let journal_hash = self.journal.show();
        self.line(&json!({
            word: { "tick": world.tick(), "state_hash": state_hash, "journal_hash": journal_hash }
        }))
    }
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    format!("{}: {error}", path.display())
}

/// What every file of a flight says about it.
pub fn provenance(world: &World) -> Provenance {
    let scenario = world.scenario();
    Provenance::of_this_program()
        .with("scenario", &scenario.name)
        .with("scenario_hash", format_args!("{:016x}", scenario.hash()))
        .with("seed", world.seed())
        .with("tick_s", world.tick_s())
        .with("command_line", command_line())
}

/// The command line that this program was called with, quoted for a shell.
pub fn command_line() -> String {
    let word = |(place, word): (usize, std::ffi::OsString)| match place {
        0 => "hmrs".to_owned(),
        _ => quoted(&word.to_string_lossy()),
    };
    std::env::args_os().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

/// A word of a command line, quoted where a shell needs it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:+@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_a_known_ending_and_are_written_once() {
        let file = |name: &str| Some(PathBuf::from(name));
        let args = OutputArgs { out: file("x.csv"), metrics: file("m.csv"), ..OutputArgs::default() };
        assert_eq!(args.check(Some(Path::new("r.json"))), Ok(()));
        let report = args.check(Some(Path::new("./m.csv")));
        assert_eq!(report, Err("--report ./m.csv: is the file of --metrics already".to_owned()));
        let ending = OutputArgs { commands: file("x.foo"), ..args.clone() }.check(None);
        assert!(ending.is_err_and(|error| error.starts_with("x.foo: the ending must be one of")));
        let record = OutputArgs { record: file("x.csv"), ..args }.check(None);
        assert_eq!(record, Err("--record x.csv: is the file of --out already".to_owned()));
    }
}
