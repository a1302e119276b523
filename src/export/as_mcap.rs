//! MCAP (<https://mcap.dev/spec>): a channel a table, every row a JSON message at its simulated time. Chunked, indexed,
//! uncompressed.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::{Cell, Column, ExportError, Kind, Provenance, Table, as_jsonl};

const MAGIC: &[u8] = b"\x89MCAP0\r\n";
/// A chunk ends when it holds so many bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// Kinds of records.
mod op {
    pub const HEADER: u8 = 0x01;
    pub const FOOTER: u8 = 0x02;
    pub const SCHEMA: u8 = 0x03;
    pub const CHANNEL: u8 = 0x04;
    pub const MESSAGE: u8 = 0x05;
    pub const CHUNK: u8 = 0x06;
    pub const MESSAGE_INDEX: u8 = 0x07;
    pub const CHUNK_INDEX: u8 = 0x08;
    pub const STATISTICS: u8 = 0x0b;
    pub const METADATA: u8 = 0x0c;
    pub const METADATA_INDEX: u8 = 0x0d;
    pub const DATA_END: u8 = 0x0f;
}

/// An MCAP file that is being written.
pub struct McapFile<W> {
    out: W,
    /// Bytes written.
    at: u64,
    channels: Vec<Channel>,
    /// Records of schemas and channels, which stand in the summary, too.
    declared: Vec<u8>,
    chunk: Chunk,
    /// Records of the summary: one a chunk, one a piece of metadata.
    index: Vec<u8>,
    chunks: u32,
    metadata: u32,
    span: Span,
}

struct Channel {
    /// The column that holds the simulated time, seconds.
    time: Option<usize>,
    messages: u64,
    /// Time and place of its messages in the chunk.
    in_chunk: Vec<(u64, u64)>,
}

#[derive(Default)]
struct Chunk {
    records: Vec<u8>,
    span: Span,
}

/// The times of some messages, in nanoseconds.
#[derive(Clone, Copy, Default)]
struct Span(Option<(u64, u64)>);

impl Span {
    fn enter(&mut self, time: u64) {
        self.0 = Some(self.0.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
    }

    fn ends(self) -> [u64; 2] {
        self.0.map_or([0, 0], |(first, last)| [first, last])
    }
}

/// The content of a record, field by field.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u64s(mut self, values: &[u64]) -> Self {
        values.iter().for_each(|value| self.0.extend(value.to_le_bytes()));
        self
    }

    /// With its length in 32 bits in front.
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend((bytes.len() as u32).to_le_bytes());
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }
}

/// Appends a record: what it is, its length, its content.
fn push(to: &mut Vec<u8>, op: u8, fields: Fields) {
    to.push(op);
    to.extend((fields.0.len() as u64).to_le_bytes());
    to.extend(fields.0);
}

impl<W: Write> McapFile<W> {
    pub fn create(out: W, tables: &[Table], provenance: &Provenance) -> Result<Self, ExportError> {
        let mut declared = Vec::new();
        let mut channels = Vec::new();
        for (table, id) in tables.iter().zip(1_u16..) {
            let name = format!("hmrs.{}", table.name);
            let schema = Fields::default().u16(id).text(&name).text("jsonschema").bytes(&schema(table));
            push(&mut declared, op::SCHEMA, schema);
            let topic = format!("/{}", table.name);
            push(
                &mut declared,
                op::CHANNEL,
                Fields::default().u16(id).u16(id).text(&topic).text("json").bytes(&[]),
            );
            let time = table.columns.iter().position(|column| column.name == "sim_time_s");
            channels.push(Channel { time, messages: 0, in_chunk: Vec::new() });
        }
        let mut file = Self {
            out,
            at: 0,
            channels,
            declared,
            chunk: Chunk::default(),
            index: Vec::new(),
            chunks: 0,
            metadata: 0,
            span: Span::default(),
        };
        file.put(MAGIC)?;
        let library = format!("hmrs {}", env!("CARGO_PKG_VERSION"));
        file.record(op::HEADER, Fields::default().text("").text(&library))?;
        file.describe(provenance)?;
        let declared = file.declared.clone();
        file.put(&declared)?;
        Ok(file)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.at += bytes.len() as u64;
        Ok(self.out.write_all(bytes)?)
    }

    fn record(&mut self, op: u8, fields: Fields) -> Result<(), ExportError> {
        let mut record = Vec::with_capacity(fields.0.len() + 9);
        push(&mut record, op, fields);
        self.put(&record)
    }

    fn describe(&mut self, provenance: &Provenance) -> Result<(), ExportError> {
        let mut pairs = Fields::default();
        for (key, value) in provenance.iter() {
            pairs = pairs.text(key).text(value);
        }
        if pairs.0.is_empty() {
            return Ok(());
        }
        let start = self.at;
        self.record(op::METADATA, Fields::default().text("provenance").bytes(&pairs.0))?;
        let place = Fields::default().u64s(&[start, self.at - start]).text("provenance");
        push(&mut self.index, op::METADATA_INDEX, place);
        self.metadata += 1;
        Ok(())
    }

    pub fn row(&mut self, table: usize, shape: &Table, cells: &[Cell]) -> Result<(), ExportError> {
        let channel = &mut self.channels[table];
        let seconds = match channel.time.map(|column| cells[column]) {
            Some(Cell::Number(seconds)) => seconds,
            _ => 0.0,
        };
        let time = (seconds * 1e9).round() as u64;
        let (id, sequence) = (table as u16 + 1, channel.messages as u32);
        let mut message = Fields::default().u16(id).u32(sequence).u64s(&[time, time]);
        as_jsonl::object(&mut message.0, shape, cells)?;
        channel.in_chunk.push((time, self.chunk.records.len() as u64));
        channel.messages += 1;
        push(&mut self.chunk.records, op::MESSAGE, message);
        self.chunk.span.enter(time);
        self.span.enter(time);
        if self.chunk.records.len() >= CHUNK_BYTES {
            self.end_chunk()?;
        }
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), ExportError> {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.records.is_empty() {
            return Ok(());
        }
        let (start, size) = (self.at, chunk.records.len() as u64);
        let mut sum = flate2::Crc::new();
        sum.update(&chunk.records);
        let mut fields =
            Fields::default().u64s(&chunk.span.ends()).u64s(&[size]).u32(sum.sum()).text("").u64s(&[size]);
        fields.0.extend(&chunk.records);
        self.record(op::CHUNK, fields)?;
        let (indexes, mut places) = (self.at, Fields::default());
        for place in 0..self.channels.len() {
            let messages = std::mem::take(&mut self.channels[place].in_chunk);
            if messages.is_empty() {
                continue;
            }
            let id = place as u16 + 1;
            places = places.u16(id).u64s(&[self.at]);
            let list = messages.iter().fold(Fields::default(), |list, (time, at)| list.u64s(&[*time, *at]));
            self.record(op::MESSAGE_INDEX, Fields::default().u16(id).bytes(&list.0))?;
        }
        let index = Fields::default()
            .u64s(&chunk.span.ends())
            .u64s(&[start, indexes - start])
            .bytes(&places.0)
            .u64s(&[self.at - indexes])
            .text("")
            .u64s(&[size, size]);
        push(&mut self.index, op::CHUNK_INDEX, index);
        self.chunks += 1;
        Ok(())
    }

    pub fn finish(mut self, end: &Provenance) -> Result<W, ExportError> {
        self.end_chunk()?;
        self.describe(end)?;
        self.record(op::DATA_END, Fields::default().u32(0))?;
        let start = self.at;
        let mut summary = std::mem::take(&mut self.declared);
        summary.append(&mut self.index);
        self.put(&summary)?;
        let (count, messages) = (self.channels.len(), self.channels.iter().map(|channel| channel.messages));
        let each = (1_u16..).zip(messages.clone());
        let each = each.fold(Fields::default(), |list, (id, messages)| list.u16(id).u64s(&[messages]));
        let statistics = Fields::default()
            .u64s(&[messages.sum()])
            .u16(count as u16)
            .u32(count as u32)
            .u32(0)
            .u32(self.metadata)
            .u32(self.chunks)
            .u64s(&self.span.ends())
            .bytes(&each.0);
        self.record(op::STATISTICS, statistics)?;
        self.record(op::FOOTER, Fields::default().u64s(&[start, 0]).u32(0))?;
        self.put(MAGIC)?;
        Ok(self.out)
    }
}

/// The columns as a JSON schema, for tools that offer them to plot.
fn schema(table: &Table) -> Vec<u8> {
    let property = |column: &Column| {
        let kind = match column.kind {
            Kind::Bool => "boolean",
            Kind::Whole => "integer",
            Kind::Number => "number",
            Kind::Text => "string",
        };
        (column.name.to_string(), json!({ "type": kind, "description": column.about }))
    };
    let properties: Map<String, Value> = table.columns.iter().map(property).collect();
    json!({ "title": table.name, "type": "object", "properties": properties }).to_string().into_bytes()
}
