//! Comma-separated values (RFC 4180) with comment lines around them.

use std::borrow::Cow;
use std::io::{self, BufRead, Write};

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::{Cell, ExportError, Provenance, Table};

/// A CSV file that is being written.
pub struct CsvFile<W> {
    out: W,
    line: String,
}

impl<W: Write> CsvFile<W> {
    pub fn create(out: W, table: &Table, provenance: &Provenance) -> Result<Self, ExportError> {
        let mut file = Self { out, line: String::new() };
        file.comment(provenance)?;
        let names: Vec<Cell> = table.columns.iter().map(|column| Cell::Text(&column.name)).collect();
        file.row(&names)?;
        Ok(file)
    }

    pub fn row(&mut self, cells: &[Cell]) -> Result<(), ExportError> {
        self.line.clear();
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                self.line.push(',');
            }
            match cell {
                Cell::Text(text) => self.line.push_str(&quoted(text)),
                cell => self.line.extend(cell.to_text()),
            }
        }
        // A line without anything would be no row.
        if self.line.is_empty() {
            self.line.push_str("\"\"");
        }
        self.line.push('\n');
        Ok(self.out.write_all(self.line.as_bytes())?)
    }

    fn comment(&mut self, provenance: &Provenance) -> io::Result<()> {
        for (key, value) in provenance.iter() {
            // A value stays on its line.
            let value = value.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
            writeln!(self.out, "# {key}: {value}")?;
        }
        Ok(())
    }

    pub fn finish(mut self, end: &Provenance) -> Result<W, ExportError> {
        self.comment(end)?;
        Ok(self.out)
    }
}

/// A text as a cell; quoted also where it would pass for a comment.
fn quoted(text: &str) -> Cow<'_, str> {
    match text.contains([',', '"', '\n', '\r', '#']) {
        true => Cow::Owned(format!("\"{}\"", text.replace('"', "\"\""))),
        false => Cow::Borrowed(text),
    }
}

/// Reads a comment line back.
pub fn uncomment(line: &str) -> Option<(String, String)> {
    let (key, value) = line.strip_prefix("# ")?.split_once(": ")?;
    let mut text = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                other => text.extend(other),
            },
            (letter, false) => text.push(letter),
        }
    }
    Some((key.to_owned(), text))
}

/// Reads the cells of rows; comment lines are skipped.
pub struct Records<R> {
    input: R,
    reader: csv_core::Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: BufRead> Records<R> {
    pub fn new(input: R) -> Self {
        let reader = ReaderBuilder::new().comment(Some(b'#')).build();
        Self { input, reader, bytes: vec![0; 4096], ends: vec![0; 64] }
    }

    /// The next row; none after the last.
    pub fn next_row(&mut self) -> Result<Option<Vec<String>>, String> {
        let (mut filled, mut count) = (0, 0);
        loop {
            let input = self.input.fill_buf().map_err(|error| error.to_string())?;
            let (result, read, written, ended) =
                self.reader.read_record(input, &mut self.bytes[filled..], &mut self.ends[count..]);
            self.input.consume(read);
            (filled, count) = (filled + written, count + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.bytes.resize(self.bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record => break,
            }
        }
        let text = std::str::from_utf8(&self.bytes[..filled]).map_err(|_| "it is not UTF-8".to_owned())?;
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let cells = begins.zip(&self.ends[..count]).map(|(from, to)| text.get(from..*to));
        cells
            .map(|cell| cell.map(str::to_owned).ok_or_else(|| "it is not UTF-8".to_owned()))
            .collect::<Result<_, _>>()
            .map(Some)
    }
}
