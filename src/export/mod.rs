//! Tables as files: what a run gives, in the formats that researchers read.
//!
//! A [`Table`] is a name and typed columns; [`tables`] has those of a run. A [`Writer`] takes rows one by one and
//! streams them into anything that can be written to, in one of the [`Format`]s. Every file says where it is from: a
//! [`Provenance`] at its beginning, and what is only known at the end (ticks, final hash) at its end.
//!
//! | format | provenance | no value |
//! |---|---|---|
//! | CSV (RFC 4180) | comment lines `# key: value` before the header and after the last row | empty |
//! | JSON Lines | a first and a last line `{"provenance":{…}}`; every other line is a row | `null` |
//! | Parquet | key–value metadata of the file | null |
//! | MCAP | a metadata record `provenance` at either end; a channel a table, JSON with a schema, at simulated time | `null` |
//!
//! Numbers are written so that reading them gives the same bits; one that is not finite has no value. An empty text has
//! no value either. [`Reader`] reads what was written, except MCAP.

mod as_csv;
mod as_jsonl;
mod as_mcap;
mod as_parquet;
mod reader;
pub mod tables;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

pub use reader::{Reader, Row};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet, compressed with Snappy.
    Parquet,
    /// MCAP, for Foxglove and other tools of robotics; holds several tables.
    Mcap,
}

impl Format {
    /// Every format with its ending and its media type.
    pub const ALL: [(Format, &'static str, &'static str); 4] = [
        (Format::Csv, "csv", "text/csv; charset=utf-8"),
        (Format::Jsonl, "jsonl", "application/x-ndjson"),
        (Format::Parquet, "parquet", "application/vnd.apache.parquet"),
        (Format::Mcap, "mcap", "application/octet-stream"),
    ];

    /// The format with this name or ending: `csv`, `jsonl`, `parquet`, `mcap`.
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.iter().find(|(_, ending, _)| *ending == name).map(|(format, ..)| *format)
    }

    /// The format of a file by its ending.
    ///
    /// # Errors
    /// When the ending is none of the known ones, which the message names.
    pub fn of(path: &Path) -> Result<Format, String> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        Format::named(ending).ok_or_else(|| {
            let known: Vec<String> = Format::ALL.iter().map(|(_, ending, _)| format!(".{ending}")).collect();
            format!("{}: the ending must be one of {}", path.display(), known.join(", "))
        })
    }

    /// The ending of its files, without a dot.
    pub fn ending(self) -> &'static str {
        Format::ALL.iter().find(|(format, ..)| *format == self).map_or("", |(_, ending, _)| ending)
    }

    /// Its media type, for HTTP.
    pub fn media_type(self) -> &'static str {
        Format::ALL.iter().find(|(format, ..)| *format == self).map_or("", |(.., media)| media)
    }
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A whole number from 0 to 2⁶⁴ − 1.
    Whole,
    /// A number of 64 bits.
    Number,
    /// UTF-8.
    Text,
}

/// One column. Its name carries its unit: `_m`, `_mps`, `_deg`, `_pct`, `_s`.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What stands in it.
    pub kind: Kind,
    /// A phrase for people.
    pub about: Cow<'static, str>,
}

/// A name and columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its name, such as `states`.
    pub name: Cow<'static, str>,
    /// Its columns, left to right.
    pub columns: Vec<Column>,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    None,
    /// Of a [`Kind::Bool`].
    Bool(bool),
    /// Of a [`Kind::Whole`].
    Whole(u64),
    /// Of a [`Kind::Number`]. One that is not finite is no value.
    Number(f64),
    /// Of a [`Kind::Text`]. An empty one is no value.
    Text(&'a str),
}

impl Cell<'_> {
    /// A number that may be absent.
    pub fn number(value: Option<f64>) -> Self {
        value.map_or(Cell::None, Cell::Number)
    }

    /// The value as text, the same in every format; none without a value.
    pub fn to_text(self) -> Option<String> {
        match self {
            Cell::None => None,
            Cell::Bool(value) => Some(value.to_string()),
            Cell::Whole(value) => Some(value.to_string()),
            Cell::Number(value) if !value.is_finite() => None,
            // Display never writes an exponent: 1e300 would be a line of zeros.
            Cell::Number(value) if value != 0.0 && !(1e-6..1e16).contains(&value.abs()) => {
                Some(format!("{value:e}"))
            }
            Cell::Number(value) => Some(value.to_string()),
            Cell::Text("") => None,
            Cell::Text(text) => Some(text.to_owned()),
        }
    }

    fn fits(self, kind: Kind) -> bool {
        match self {
            Cell::None => true,
            Cell::Bool(_) => kind == Kind::Bool,
            Cell::Whole(_) => kind == Kind::Whole,
            Cell::Number(_) => kind == Kind::Number,
            Cell::Text(_) => kind == Kind::Text,
        }
    }
}

/// Where a file is from: keys with values, in order. Keys are words such as `scenario_hash`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance(Vec<(String, String)>);

impl Provenance {
    /// Provenance that names this program and its version.
    pub fn of_this_program() -> Self {
        Self::default().with("program", "hmrs").with("version", env!("CARGO_PKG_VERSION"))
    }

    /// The same with one more key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.0.push((key.to_owned(), value.to_string()));
        self
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Every key with its value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn to_json(&self) -> serde_json::Value {
        let pairs = self.iter().map(|(key, value)| (key.to_owned(), value.into()));
        serde_json::json!({ "provenance": pairs.collect::<serde_json::Map<_, _>>() })
    }
}

/// Why a file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The disk, the pipe or the connection.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A row does not fit its table, or tables do not fit the format. A mistake of the caller.
    #[error("{0}")]
    Shape(String),
    /// The library of the format objects.
    #[error("{0}")]
    Format(String),
    /// What is read is not what was once written.
    #[error("row {row}: {problem}")]
    Unreadable {
        /// The row, from 1; 0 for what comes before.
        row: u64,
        /// What is wrong.
        problem: String,
    },
}

impl From<parquet::errors::ParquetError> for ExportError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        ExportError::Format(error.to_string())
    }
}

/// Writes rows of tables. Memory: some thousand rows, whatever the length of the file.
pub struct Writer<W: Write + Send> {
    tables: Vec<Table>,
    to: To<W>,
}

enum To<W: Write + Send> {
    Csv(as_csv::CsvFile<W>),
    Jsonl(as_jsonl::JsonlFile<W>),
    Parquet(as_parquet::ParquetFile<W>),
    Mcap(Box<as_mcap::McapFile<W>>),
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file for `tables`: one, or any number in MCAP. `out` should be buffered.
    ///
    /// # Errors
    /// When the format cannot hold the tables, or `out` fails.
    pub fn create(
        format: Format,
        out: W,
        tables: Vec<Table>,
        provenance: &Provenance,
    ) -> Result<Self, ExportError> {
        let only = match (format, tables.as_slice()) {
            (Format::Mcap, _) => None,
            (_, [table]) => Some(table),
            _ => {
                let message = format!("a {} file holds one table, not {}", format.ending(), tables.len());
                return Err(ExportError::Shape(message));
            }
        };
        let to = match (format, only) {
            (Format::Csv, Some(table)) => To::Csv(as_csv::CsvFile::create(out, table, provenance)?),
            (Format::Parquet, Some(table)) => {
                To::Parquet(as_parquet::ParquetFile::create(out, table, provenance)?)
            }
            (Format::Jsonl, _) => To::Jsonl(as_jsonl::JsonlFile::create(out, provenance)?),
            _ => To::Mcap(Box::new(as_mcap::McapFile::create(out, &tables, provenance)?)),
        };
        Ok(Self { tables, to })
    }

    /// Writes one row of the table at place `table` of those given at the beginning.
    ///
    /// # Errors
    /// When there is no such table, the cells do not fit its columns, or `out` fails.
    pub fn row(&mut self, table: usize, cells: &[Cell]) -> Result<(), ExportError> {
        let Some(shape) = self.tables.get(table) else {
            return Err(ExportError::Shape(format!("there is no table {table}")));
        };
        check(shape, cells)?;
        match &mut self.to {
            To::Csv(file) => file.row(cells),
            To::Jsonl(file) => file.row(shape, cells),
            To::Parquet(file) => file.row(cells),
            To::Mcap(file) => file.row(table, shape, cells),
        }
    }

    /// Ends the file with what is only known now, and hands back what was written to, flushed.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn finish(self, end: &Provenance) -> Result<W, ExportError> {
        let mut out = match self.to {
            To::Csv(file) => file.finish(end)?,
            To::Jsonl(file) => file.finish(end)?,
            To::Parquet(file) => file.finish(end)?,
            To::Mcap(file) => file.finish(end)?,
        };
        out.flush()?;
        Ok(out)
    }
}

fn check(table: &Table, cells: &[Cell]) -> Result<(), ExportError> {
    let fits = cells.len() == table.columns.len()
        && cells.iter().zip(&table.columns).all(|(cell, column)| cell.fits(column.kind));
    match fits {
        true => Ok(()),
        false => Err(ExportError::Shape(format!("a row does not fit the columns of {}", table.name))),
    }
}
