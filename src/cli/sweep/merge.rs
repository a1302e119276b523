//! `hmrs sweep merge`: shards put together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Shard, ledger, table};
use crate::cli::{Failure, say};
use crate::export::{Provenance, Reader, Row};

/// Arguments of `hmrs sweep merge`.
#[derive(Debug, clap::Args)]
pub struct MergeArgs {
    /// The files of all shards, in any order and format
    #[arg(required = true, num_args = 1..)]
    shards: Vec<PathBuf>,
    /// Where the rows go: .csv, .jsonl or .parquet
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Merges; refuses if a run is missing, is there twice, or a file is of another sweep.
pub fn merge(args: &MergeArgs) -> Result<(), Failure> {
    let mut about: Option<Provenance> = None;
    let mut rows = BTreeMap::<u64, Row>::new();
    let mut seen = Vec::new();
    for path in &args.shards {
        let at = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let reader = Reader::open(path).map_err(|error| at(&error))?;
        let own = without_shard(reader.provenance());
        let shard = reader.provenance().get("shard").map_or(Ok(Shard::WHOLE), Shard::parse)?;
        seen.push(shard);
        match &about {
            None => about = Some(own),
            Some(about) if *about == own => {}
            Some(_) => {
                return Err(at(&format_args!("it is of another sweep than {}", args.shards[0].display())));
            }
        }
        for row in reader {
            let row = row.map_err(|error| at(&error))?;
            let run = row.first().cloned().flatten().and_then(|run| run.parse().ok());
            let run = run.ok_or_else(|| at(&"a row has no number"))?;
            if rows.insert(run, row).is_some() {
                return Err(at(&format_args!("run {run} is there twice")));
            }
        }
    }
    let about = about.unwrap_or_default();
    let shape = table::table_of(&about).map_err(|what| format!("{}: {what}", args.shards[0].display()))?;
    let runs: u64 = about.get("runs").and_then(|runs| runs.parse().ok()).unwrap_or(0);
    if let Some(missing) = (0..runs).find(|run| !rows.contains_key(run)) {
        let of = seen.iter().map(|shard| shard.of).max().unwrap_or(1);
        let lacking: Vec<String> = (0..of)
            .map(|index| Shard { index, of })
            .filter(|shard| !seen.contains(shard))
            .map(|shard| shard.to_string())
            .collect();
        let hint = if lacking.is_empty() { String::new() } else { format!(": shard {}", lacking.join(", ")) };
        return Err(format!("run {missing} of {runs} is in none of the files{hint}"));
    }
    ledger::write(&args.out, &shape, &about, rows.values())?;
    say(
        serde_json::json!({ "runs": rows.len(), "shards": seen.len(), "out": args.out.display().to_string() }),
    );
    Ok(())
}

fn without_shard(about: &Provenance) -> Provenance {
    about
        .iter()
        .filter(|(key, _)| *key != "shard")
        .fold(Provenance::default(), |all, (key, value)| all.with(key, value))
}
