//! Telemetry into PostgreSQL by COPY, in its binary format.
//!
//! Rows are sent in pieces while the rest is still being encoded, so that the server inserts meanwhile; a piece for each
//! row, as diesel's own encoder sends them, costs the server a message each.

use std::cell::Cell;
use std::io::Write;

use diesel::pg::CopyFormat;
use diesel::prelude::*;
use diesel::result::Error as DieselError;

use super::cut::Cut;
use super::frames::{NewFrame, TelemetryRow};
use super::schema::telemetry;

/// What opens a binary COPY: its signature, no flags, no further header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What closes it.
const TRAILER: &[u8] = &(-1_i16).to_be_bytes();
/// Columns of a row, in the order of [`telemetry::all_columns`].
const COLUMNS: i16 = 16;
/// What is sent at once, bytes: what the server reads at once.
const PIECE_BYTES: usize = 64 << 10;

/// Copies `frames`, all or those before the `cut`, straight into their table. Returns how many rows and how many frames there are.
/// A row that is there already fails them all.
pub(super) fn copy_telemetry(
    connection: &mut PgConnection,
    frames: &[NewFrame<'_>],
    cut: &Cut,
) -> QueryResult<(usize, usize)> {
    let sent = Cell::new(0);
    let rows = diesel::copy_from(telemetry::table)
        .from_raw_data(telemetry::table, |out| send(frames, cut, &sent, out))
        .with_format(CopyFormat::Binary)
        .execute(connection)?;
    Ok((rows, sent.get()))
}

fn send(frames: &[NewFrame<'_>], cut: &Cut, sent: &Cell<usize>, out: &mut dyn Write) -> QueryResult<()> {
    let broken = |error| DieselError::SerializationError(Box::new(error));
    let mut piece = Vec::with_capacity(PIECE_BYTES + 1024);
    let (mut prefix, mut rows) = (Vec::new(), 0);
    piece.extend_from_slice(HEADER);
    for frame in frames {
        begin(frame, &mut prefix);
        for row in frame.rows() {
            piece.extend_from_slice(&prefix);
            encode(&row, &mut piece);
            if piece.len() >= PIECE_BYTES {
                out.write_all(&piece).map_err(broken)?;
                piece.clear();
            }
            rows += 1;
        }
        sent.update(|frames| frames + 1);
        if cut.is_due(rows) {
            break;
        }
    }
    piece.extend_from_slice(TRAILER);
    out.write_all(&piece).map_err(broken)
}

/// What every row of a frame begins with.
fn begin(frame: &NewFrame<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&COLUMNS.to_be_bytes());
    put(out, frame.run_id.as_bytes());
    put(out, &frame.tick.to_be_bytes());
}

/// The rest of a row.
fn encode(row: &TelemetryRow<'_>, out: &mut Vec<u8>) {
    put(out, row.drone.as_bytes());
    for number in row.numbers() {
        put_or_null(out, number.map(f64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    }
    put(out, row.mode.as_bytes());
    put(out, row.landed.as_bytes());
    put(out, &[u8::from(row.armed)]);
    put_or_null(out, row.alert_level.map(str::as_bytes));
    put_or_null(out, row.alert_text.map(str::as_bytes));
}

/// A value: its length and its bytes. None of a row comes near the 2 GiB that a length can say.
fn put(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(&(value.len() as i32).to_be_bytes());
    out.extend_from_slice(value);
}

fn put_or_null(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) => put(out, value),
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
    }
}
