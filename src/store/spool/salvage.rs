//! A spool file that is damaged: it is kept, and what can be read of it is taken over.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use diesel::prelude::*;

use super::records;

/// Rows read at once.
const PAGE: i64 = 64;

/// The longest file that is padded, bytes. Zeros at its end take no room on a disk.
const PADDED_MAX: u64 = 1 << 40;

type Row = (i64, String, i64, bool, i64, Vec<u8>);

/// Renames a damaged file, with its write-ahead log, and returns its new name.
pub(super) fn put_aside(path: &Path) -> std::io::Result<PathBuf> {
    let with = |path: &Path, ending: &str| {
        let mut name = OsString::from(path);
        name.push(ending);
        PathBuf::from(name)
    };
    let mut number = 1;
    let kept = loop {
        let kept = with(path, &format!(".damaged-{number}"));
        if !kept.exists() {
            break kept;
        }
        number += 1;
    };
    std::fs::rename(path, &kept)?;
    let log = with(path, "-wal");
    if log.exists() {
        std::fs::rename(log, with(&kept, "-wal"))?;
    }
    Ok(kept)
}

/// Copies every record that can be read, from the front up to the damage and from the back down to it; how many.
pub(super) fn take_over(kept: &Path, into: &mut SqliteConnection) -> usize {
    let _ = pad(kept); // if it cannot be padded it is read as it is
    let Ok(mut from) = SqliteConnection::establish(&kept.to_string_lossy()) else { return 0 };
    let (mut front, mut saved) = (0, 0);
    while let Ok(page) =
        records::table.filter(records::id.gt(front)).order(records::id).limit(PAGE).load::<Row>(&mut from)
        && let Some(last) = page.last()
    {
        front = last.0;
        saved += put(page, into);
    }
    let mut back = i64::MAX;
    while let Ok(page) = records::table
        .filter(records::id.gt(front).and(records::id.lt(back)))
        .order(records::id.desc())
        .limit(PAGE)
        .load::<Row>(&mut from)
        && let Some(last) = page.last()
    {
        back = last.0;
        saved += put(page, into);
    }
    saved
}

/// SQLite reads nothing at all of a file that is shorter than its header says. With zeros in place of what was cut off it
/// reads as far as they begin.
fn pad(path: &Path) -> std::io::Result<()> {
    let mut header = [0; 32];
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
    file.read_exact(&mut header)?;
    let page = u64::from(u16::from_be_bytes([header[16], header[17]]));
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    // A header that is itself damaged must not fill the disk.
    if header.starts_with(b"SQLite format 3")
        && page * pages < PADDED_MAX
        && page * pages > file.metadata()?.len()
    {
        file.set_len(page * pages)?;
    }
    Ok(())
}

fn put(rows: Vec<Row>, into: &mut SqliteConnection) -> usize {
    let mut saved = 0;
    for (id, run_id, tick, telemetry, bytes, body) in rows {
        let row = (
            records::id.eq(id),
            records::run_id.eq(run_id),
            records::tick.eq(tick),
            records::telemetry.eq(telemetry),
            records::bytes.eq(bytes),
            records::body.eq(body),
        );
        saved += diesel::insert_into(records::table).values(row).execute(into).unwrap_or(0);
    }
    saved
}
