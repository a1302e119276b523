//! One JSON object a line.

use std::io::Write;

use super::{Cell, ExportError, Provenance, Table};

/// A JSON Lines file that is being written.
pub struct JsonlFile<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> JsonlFile<W> {
    pub fn create(out: W, provenance: &Provenance) -> Result<Self, ExportError> {
        let mut file = Self { out, line: Vec::new() };
        file.provenance(provenance)?;
        Ok(file)
    }

    fn provenance(&mut self, provenance: &Provenance) -> Result<(), ExportError> {
        match provenance.iter().next() {
            Some(_) => Ok(writeln!(self.out, "{}", provenance.to_json())?),
            None => Ok(()),
        }
    }

    pub fn row(&mut self, table: &Table, cells: &[Cell]) -> Result<(), ExportError> {
        self.line.clear();
        object(&mut self.line, table, cells)?;
        self.line.push(b'\n');
        Ok(self.out.write_all(&self.line)?)
    }

    pub fn finish(mut self, end: &Provenance) -> Result<W, ExportError> {
        self.provenance(end)?;
        Ok(self.out)
    }
}

/// Appends a row as a JSON object in the order of the columns.
pub fn object(to: &mut Vec<u8>, table: &Table, cells: &[Cell]) -> Result<(), ExportError> {
    for (place, (column, cell)) in table.columns.iter().zip(cells).enumerate() {
        to.push(if place == 0 { b'{' } else { b',' });
        let failed = |error: serde_json::Error| ExportError::Format(error.to_string());
        serde_json::to_writer(&mut *to, &column.name).map_err(failed)?;
        to.push(b':');
        match *cell {
            Cell::None | Cell::Text("") => to.extend_from_slice(b"null"),
            Cell::Bool(value) => serde_json::to_writer(&mut *to, &value).map_err(failed)?,
            Cell::Whole(value) => serde_json::to_writer(&mut *to, &value).map_err(failed)?,
            // Writes null for what is not finite.
            Cell::Number(value) => serde_json::to_writer(&mut *to, &value).map_err(failed)?,
            Cell::Text(text) => serde_json::to_writer(&mut *to, text).map_err(failed)?,
        }
    }
    to.push(b'}');
    Ok(())
}
