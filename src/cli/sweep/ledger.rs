//! What a sweep has done so far, kept so that killing it at any moment loses at most the runs under way.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::plan::Plan;
use super::{Shard, table};
use crate::cli::Failure;
use crate::export::{ExportError, Format, Provenance, Reader, Row, Table, Writer};

/// Rows by the number of their run; those of this call also in `FILE.part`, a line each.
pub struct Ledger {
    out: PathBuf,
    part: PathBuf,
    file: File,
    shape: Table,
    about: Provenance,
    rows: BTreeMap<u64, Row>,
    is_complete: bool,
}

impl Ledger {
    /// Takes up what `out` and its `.part` hold of this plan.
    ///
    /// # Errors
    /// When they hold another sweep (unless `force`), or another process is at it.
    pub fn open(out: &Path, plan: &Plan, shard: Shard, force: bool) -> Result<Self, Failure> {
        let mut part = out.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&part)
            .map_err(|error| format!("{}: {error}", part.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!("{}: another process is at work on this sweep", part.display()));
            }
            Err(TryLockError::Error(error)) => return Err(format!("{}: {error}", part.display())),
        }
        let about = table::provenance(plan, shard);
        let shape = table::table(&plan.parameters());
        let (out, rows) = (out.to_owned(), BTreeMap::new());
        let mut ledger = Self { out, part, file, shape, about, rows, is_complete: false };
        if force {
            ledger.file.set_len(0).map_err(|error| ledger.at(&error))?;
        } else {
            ledger.take_up_out()?;
        }
        ledger.take_up_part(plan, shard)?;
        Ok(ledger)
    }

    fn at(&self, error: &dyn std::fmt::Display) -> Failure {
        format!("{}: {error}", self.part.display())
    }

    /// A file that stands already is the end of the sweep, or something else that is not ours to replace.
    fn take_up_out(&mut self) -> Result<(), Failure> {
        if !self.out.exists() {
            return Ok(());
        }
        let other = |what: &dyn std::fmt::Display| {
            let _ = fs::remove_file(&self.part);
            format!("{} exists and {what}; name another file or give --force", self.out.display())
        };
        let reader =
            Reader::open(&self.out).map_err(|error| other(&format_args!("is no sweep ({error})")))?;
        let same =
            ["plan_hash", "shard"].iter().all(|key| reader.provenance().get(key) == self.about.get(key));
        if !same {
            return Err(other(&"holds another sweep"));
        }
        for row in reader {
            let row = row.map_err(|error| other(&format_args!("cannot be read ({error})")))?;
            let run = row.first().cloned().flatten().and_then(|run| run.parse().ok());
            self.rows.insert(run.ok_or_else(|| other(&"has a row without a number"))?, row);
        }
        self.is_complete = true;
        Ok(())
    }

    /// Reads the lines that were written before; a torn last one is cut off.
    fn take_up_part(&mut self, plan: &Plan, shard: Shard) -> Result<(), Failure> {
        let mut text = Vec::new();
        self.file
            .rewind()
            .and_then(|()| self.file.read_to_end(&mut text))
            .map_err(|error| self.at(&error))?;
        let head = json!({ "plan_hash": plan.hash(), "shard": shard.to_string() }).to_string();
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut kept = 0;
        for (place, line) in text[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let line_text = String::from_utf8_lossy(line);
            if place == 0 {
                if line_text.trim_end() != head {
                    return Err(
                        self.at(&"it holds the beginning of another sweep; remove it or give --force")
                    );
                }
            } else {
                let Ok(row) = serde_json::from_str::<Row>(&line_text) else { break };
                let run = row.first().cloned().flatten().and_then(|run| run.parse().ok());
                let Some(run) = run.filter(|_| row.len() == self.shape.columns.len()) else { break };
                self.rows.insert(run, row);
            }
            kept += line.len();
        }
        self.file.set_len(kept as u64).map_err(|error| self.at(&error))?;
        self.file.seek(SeekFrom::End(0)).map_err(|error| self.at(&error))?;
        if kept == 0 {
            writeln!(self.file, "{head}").map_err(|error| self.at(&error))?;
        }
        Ok(())
    }

    /// Whether a run is done.
    pub fn has(&self, run: u64) -> bool {
        self.rows.contains_key(&run)
    }

    /// Enters the row of a run.
    pub fn enter(&mut self, run: u64, row: Row) -> Result<(), Failure> {
        let line = json!(row).to_string() + "\n";
        self.file.write_all(line.as_bytes()).map_err(|error| self.at(&error))?;
        self.rows.insert(run, row);
        self.is_complete = false;
        Ok(())
    }

    /// How many runs failed, and the first of them with its error.
    pub fn failed(&self) -> (usize, Option<(u64, String)>) {
        let error = |row: &Row| row.last().cloned().flatten();
        let mut failed = self.rows.iter().filter_map(|(run, row)| Some((*run, error(row)?)));
        let first = failed.next();
        (first.iter().count() + failed.count(), first)
    }

    /// Puts the file in its place and clears away what was kept on the way.
    pub fn finish(self) -> Result<(), Failure> {
        if !self.is_complete {
            write(&self.out, &self.shape, &self.about, self.rows.values())?;
        }
        fs::remove_file(&self.part).map_err(|error| self.at(&error))
    }
}

/// Writes a file of a sweep beside its place and moves it there, so that it is never seen half.
pub fn write<'a>(
    out: &Path,
    shape: &Table,
    about: &Provenance,
    rows: impl Iterator<Item = &'a Row>,
) -> Result<(), Failure> {
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", out.display());
    let mut beside = out.as_os_str().to_owned();
    beside.push(".tmp");
    let file = File::create(&beside).map_err(|error| at(&error))?;
    let format = Format::of(out)?;
    let failed = |error: ExportError| at(&error);
    let mut writer =
        Writer::create(format, BufWriter::new(file), vec![shape.clone()], about).map_err(failed)?;
    for row in rows {
        writer.row(0, &table::cells(shape, row).map_err(|error| at(&error))?).map_err(failed)?;
    }
    let file = writer.finish(&Provenance::default()).map_err(failed)?;
    file.into_inner().map_err(|error| at(&error))?.sync_all().map_err(|error| at(&error))?;
    fs::rename(&beside, out).map_err(|error| at(&error))
}
