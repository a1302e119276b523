//! `GET /api/runs/{id}/export`: a recorded run as a file. Flown again and streamed: memory does not grow with the run.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{Bytes, Data, Path, Query};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use crate::contract::error::ApiError;
use crate::export::tables::{self, HappeningRow, JournalRow};
use crate::export::{ExportError, Format, Provenance, Table, Writer};
use crate::sim::{Tick, World};
use crate::swarm::recording::{Playhead, Recording};

use super::Api;

/// Pieces on their way to the client, and their size: a client that reads slowly slows the flight, nothing else.
const PIECES_MAX: usize = 8;
const PIECE_BYTES: usize = 64 * 1024;

/// What is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// csv, jsonl, parquet or mcap.
    format: String,
    /// states (unless said), metrics, journal or happenings; mcap holds all of them.
    table: Option<String>,
    /// Every so many ticks, 25 unless said.
    every: Option<u64>,
    /// The first tick, 0 unless said.
    from: Option<Tick>,
    /// The last tick, the newest unless said.
    to: Option<Tick>,
}

/// The tables of a file, by their place.
struct Places {
    states: Option<usize>,
    metrics: Option<usize>,
    journal: Option<usize>,
    happenings: Option<usize>,
}

/// A recorded run as a file, with where it is from.
#[utoipa::path(get, path = "/api/runs/{id}/export", tag = "runs", params(("id" = String, Path), ExportQuery),
    responses((status = 200, description = "the file"), (status = "4XX", body = ApiError)))]
pub async fn export(
    api: Data<Api>,
    id: Path<String>,
    query: Query<ExportQuery>,
) -> Result<HttpResponse, ApiError> {
    let format = Format::named(&query.format)
        .ok_or_else(|| ApiError::bad_request("format", "format must be csv, jsonl, parquet or mcap"))?;
    let (tables, places) = tables_of(format, query.table.as_deref())?;
    let every = query.every.unwrap_or(25).max(1);
    let recording = api.gateway.recording(&id).await?;
    let from = query.from.unwrap_or(0);
    recording.check_tick(from, "from")?;
    let to = query.to.unwrap_or(Tick::MAX).min(recording.last_tick());
    let name = format!("{}.{}", recording.run().id, format.ending());
    let (sender, mut receiver) = mpsc::channel(PIECES_MAX);
    let failures = sender.clone();
    actix_web::rt::task::spawn_blocking(move || {
        let out = BufWriter::with_capacity(PIECE_BYTES, Pieces(sender));
        if let Err(problem) = write(recording, format, tables, &places, (from, to, every), out) {
            log::warn!("an export broke off: {problem}");
            // The client sees that the file is not whole: its transfer ends without an end.
            let _ = failures.blocking_send(Err(io::Error::other(problem)));
        }
    });
    let pieces = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    Ok(HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(pieces))
}

fn tables_of(format: Format, table: Option<&str>) -> Result<(Vec<Table>, Places), ApiError> {
    let all = [tables::states(), tables::metrics(), tables::journal(), tables::happenings()];
    let place = |states, metrics, journal, happenings| Places { states, metrics, journal, happenings };
    if format == Format::Mcap {
        return Ok((all.into(), place(Some(0), Some(1), Some(2), Some(3))));
    }
    let [states, metrics, journal, happenings] = all;
    Ok(match table.unwrap_or("states") {
        "states" => (vec![states], place(Some(0), None, None, None)),
        "metrics" => (vec![metrics], place(None, Some(0), None, None)),
        "journal" => (vec![journal], place(None, None, Some(0), None)),
        "happenings" => (vec![happenings], place(None, None, None, Some(0))),
        _ => {
            let message = "table must be states, metrics, journal or happenings";
            return Err(ApiError::bad_request("table", message));
        }
    })
}

fn write(
    recording: Arc<Recording>,
    format: Format,
    tables: Vec<Table>,
    places: &Places,
    (from, to, every): (Tick, Tick, u64),
    out: impl Write + Send,
) -> Result<(), String> {
    let text = |error: ExportError| error.to_string();
    let run = recording.run();
    let about = Provenance::of_this_program()
        .with("run", &run.id)
        .with("scenario", &recording.scenario().name)
        .with("scenario_hash", format_args!("{:016x}", recording.scenario().hash()))
        .with("seed", run.seed)
        .with("tick_s", recording.scenario().tick_s);
    let tick_s = recording.scenario().tick_s;
    let mut file = Writer::create(format, out, tables, &about).map_err(text)?;
    let mut head = Playhead::before_commands(recording, from).map_err(|error| error.message)?;
    loop {
        // As it was shown and recorded: what a command of this tick changes is seen at the next.
        if head.tick().is_multiple_of(every) {
            row(&mut file, places, head.world()).map_err(text)?;
        }
        let mut entered = Vec::new();
        head.enter_due(|entry, _| entered.push(entry.clone())).map_err(|error| error.message)?;
        if let Some(table) = places.journal {
            for entry in &entered {
                file.row(table, &JournalRow::new(entry, tick_s).cells()).map_err(text)?;
            }
        }
        head.world_mut().drain_progress();
        for happening in head.world_mut().drain_happenings() {
            if let Some(table) = places.happenings {
                file.row(table, &HappeningRow::new(&happening, tick_s).cells()).map_err(text)?;
            }
        }
        if head.tick() >= to {
            break;
        }
        head.step().map_err(|error| error.message)?;
    }
    let end = Provenance::default()
        .with("ticks", head.tick())
        .with("final_hash", format_args!("{:016x}", head.world().state_hash()));
    file.finish(&end).map_err(text)?;
    Ok(())
}

fn row<W: Write + Send>(file: &mut Writer<W>, places: &Places, world: &World) -> Result<(), ExportError> {
    let snapshot = world.snapshot();
    if let Some(table) = places.states {
        for state in tables::states_of(&snapshot) {
            file.row(table, &state.cells())?;
        }
    }
    if let Some(table) = places.metrics {
        file.row(table, &tables::metrics_cells(snapshot.tick, snapshot.sim_time_s, &snapshot.metrics))?;
    }
    Ok(())
}

/// Hands what is written to the client, piece by piece.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Ok(Bytes::copy_from_slice(bytes));
        self.0.blocking_send(piece).map_err(|_| io::Error::other("the client went away"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
