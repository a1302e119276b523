//! Apache Parquet, a column at a time.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::{Cell, Column, ExportError, Kind, Provenance, Table};

/// Rows that are gathered before they are written as a group.
const GROUP_ROWS: usize = 1 << 16;
/// Bytes of text after which a group is written, however few its rows.
const GROUP_TEXT_BYTES: usize = 1 << 24;

/// A Parquet file that is being written.
pub struct ParquetFile<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Gathered>,
    rows: usize,
    text_bytes: usize,
}

/// Values of one column that wait to be written, and for every row whether it has one.
struct Gathered {
    present: Vec<i16>,
    values: Values,
}

enum Values {
    Bool(Vec<bool>),
    Whole(Vec<i64>),
    Number(Vec<f64>),
    Text(Vec<ByteArray>),
}

impl<W: Write + Send> ParquetFile<W> {
    pub fn create(out: W, table: &Table, provenance: &Provenance) -> Result<Self, ExportError> {
        let fields: Result<Vec<_>, ExportError> = table.columns.iter().map(field).collect();
        let schema = Type::group_type_builder(&table.name).with_fields(fields?).build()?;
        let properties = WriterProperties::builder()
            .set_created_by(format!("hmrs version {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::SNAPPY)
            .build();
        let mut file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        describe(&mut file, provenance);
        let columns = table.columns.iter().map(|column| Gathered::new(column.kind)).collect();
        Ok(Self { file, columns, rows: 0, text_bytes: 0 })
    }

    pub fn row(&mut self, cells: &[Cell]) -> Result<(), ExportError> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(*cell);
            if let Cell::Text(text) = cell {
                self.text_bytes += text.len();
            }
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.text_bytes >= GROUP_TEXT_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ExportError> {
        let mut group = self.file.next_row_group()?;
        for gathered in &mut self.columns {
            let Some(mut column) = group.next_column()? else { break };
            gathered.write(&mut column)?;
            column.close()?;
        }
        group.close()?;
        (self.rows, self.text_bytes) = (0, 0);
        Ok(())
    }

    pub fn finish(mut self, end: &Provenance) -> Result<W, ExportError> {
        if self.rows > 0 {
            self.write_group()?;
        }
        describe(&mut self.file, end);
        Ok(self.file.into_inner()?)
    }
}

fn field(column: &Column) -> Result<Arc<Type>, ExportError> {
    let (physical, logical) = match column.kind {
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Whole => (Physical::INT64, Some(LogicalType::integer(64, false))),
        Kind::Number => (Physical::DOUBLE, None),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let field = Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()?;
    Ok(Arc::new(field))
}

fn describe<W: Write + Send>(file: &mut SerializedFileWriter<W>, provenance: &Provenance) {
    for (key, value) in provenance.iter() {
        file.append_key_value_metadata(KeyValue::new(key.to_owned(), value.to_owned()));
    }
}

impl Gathered {
    fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Whole => Values::Whole(Vec::new()),
            Kind::Number => Values::Number(Vec::new()),
            Kind::Text => Values::Text(Vec::new()),
        };
        Self { present: Vec::new(), values }
    }

    /// The cell fits the column: the writer has checked.
    fn push(&mut self, cell: Cell) {
        let is_present = match (&mut self.values, cell) {
            (Values::Bool(values), Cell::Bool(value)) => {
                values.push(value);
                true
            }
            (Values::Whole(values), Cell::Whole(value)) => {
                // The schema says that the bits are unsigned.
                values.push(value.cast_signed());
                true
            }
            (Values::Number(values), Cell::Number(value)) if value.is_finite() => {
                values.push(value);
                true
            }
            (Values::Text(values), Cell::Text(text)) if !text.is_empty() => {
                values.push(text.into());
                true
            }
            _ => false,
        };
        self.present.push(i16::from(is_present));
    }

    fn write(&mut self, column: &mut SerializedColumnWriter) -> Result<(), ExportError> {
        let present = Some(self.present.as_slice());
        match &mut self.values {
            Values::Bool(values) => {
                column.typed::<BoolType>().write_batch(values, present, None)?;
                values.clear();
            }
            Values::Whole(values) => {
                column.typed::<Int64Type>().write_batch(values, present, None)?;
                values.clear();
            }
            Values::Number(values) => {
                column.typed::<DoubleType>().write_batch(values, present, None)?;
                values.clear();
            }
            Values::Text(values) => {
                column.typed::<ByteArrayType>().write_batch(values, present, None)?;
                values.clear();
            }
        }
        self.present.clear();
        Ok(())
    }
}
