//! Reads tables back, row by row: as text, the same whatever the format.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

use super::as_csv::{Records, uncomment};
use super::{Cell, ExportError, Format, Provenance};

/// The cells of a row, in the order of the columns, as [`Cell::to_text`] writes them.
pub type Row = Vec<Option<String>>;

/// A file that is being read. Memory: one row.
pub struct Reader {
    provenance: Provenance,
    columns: Vec<String>,
    rows: Box<dyn Iterator<Item = Result<Row, ExportError>>>,
}

impl Reader {
    /// Opens a file that a [`super::Writer`] wrote.
    ///
    /// # Errors
    /// When it cannot be read, or is no such file. MCAP is not read.
    pub fn open(path: &Path) -> Result<Self, ExportError> {
        let file = File::open(path)?;
        match Format::of(path).map_err(ExportError::Shape)? {
            Format::Csv => open_csv(BufReader::new(file)),
            Format::Jsonl => open_jsonl(BufReader::new(file)),
            Format::Parquet => open_parquet(file),
            Format::Mcap => Err(ExportError::Shape("MCAP files are not read".to_owned())),
        }
    }

    /// What stands at the beginning of the file; of a Parquet file all of it.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }
}

impl Iterator for Reader {
    type Item = Result<Row, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}

fn unreadable(row: u64, problem: impl ToString) -> ExportError {
    ExportError::Unreadable { row, problem: problem.to_string() }
}

fn open_csv(mut file: BufReader<File>) -> Result<Reader, ExportError> {
    let mut provenance = Provenance::default();
    while file.fill_buf()?.starts_with(b"#") {
        let mut line = String::new();
        file.read_line(&mut line)?;
        provenance.0.extend(uncomment(line.trim_end_matches(['\r', '\n'])));
    }
    let mut records = Records::new(file);
    let columns = records.next_row().map_err(|problem| unreadable(0, problem))?.unwrap_or_default();
    let (width, mut row) = (columns.len(), 0);
    let rows = std::iter::from_fn(move || {
        row += 1;
        match records.next_row().transpose()? {
            Ok(cells) if cells.len() == width => {
                Some(Ok(cells.into_iter().map(|cell| Some(cell).filter(|cell| !cell.is_empty())).collect()))
            }
            Ok(cells) => Some(Err(unreadable(row, format!("{} cells, not {width}", cells.len())))),
            Err(problem) => Some(Err(unreadable(row, problem))),
        }
    });
    Ok(Reader { provenance, columns, rows: Box::new(rows) })
}

fn open_jsonl(file: BufReader<File>) -> Result<Reader, ExportError> {
    let mut objects = file
        .lines()
        .zip(1..)
        .map(|(line, row)| match line {
            Ok(line) => ordered_object(&line).map_err(|error| unreadable(row, error)),
            Err(error) => Err(ExportError::Io(error)),
        })
        .peekable();
    let mut provenance = Provenance::default();
    if let Some(Ok(head)) = objects.next_if(|object| matches!(object, Ok(object) if is_provenance(object))) {
        provenance.0.extend(pairs(&head));
    }
    let columns: Vec<String> = match objects.peek() {
        Some(Ok(object)) if !is_provenance(object) => object.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    };
    let names = columns.clone();
    let rows = objects.filter(|object| !matches!(object, Ok(object) if is_provenance(object)));
    let rows = rows.zip(1..).map(move |(object, row)| {
        let object = object?;
        let same =
            object.len() == names.len() && object.iter().zip(&names).all(|((name, _), known)| name == known);
        match same {
            true => Ok(object.into_iter().map(|(_, value)| text_of(value)).collect()),
            false => Err(unreadable(row, "its names are not those of the first row")),
        }
    });
    Ok(Reader { provenance, columns, rows: Box::new(rows) })
}

type Object = Vec<(String, Value)>;

/// A JSON object with its fields in the order of the text.
fn ordered_object(line: &str) -> Result<Object, serde_json::Error> {
    struct Fields;
    impl<'de> serde::de::Visitor<'de> for Fields {
        type Value = Object;
        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
            let mut fields = Object::new();
            while let Some(field) = map.next_entry()? {
                fields.push(field);
            }
            Ok(fields)
        }
    }
    let mut text = serde_json::Deserializer::from_str(line);
    let object = serde::Deserializer::deserialize_map(&mut text, Fields)?;
    text.end()?;
    Ok(object)
}

fn is_provenance(object: &Object) -> bool {
    matches!(object.as_slice(), [(name, Value::Object(_))] if name == "provenance")
}

fn pairs(object: &Object) -> Vec<(String, String)> {
    let fields: Option<&Map<String, Value>> = object.first().and_then(|(_, value)| value.as_object());
    let pair = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    fields.into_iter().flatten().filter_map(pair).collect()
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(value) => Cell::Bool(value).to_text(),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => Cell::Whole(whole).to_text(),
            None => number.as_f64().and_then(|number| Cell::Number(number).to_text()),
        },
        Value::String(text) => Some(text),
        nested => Some(nested.to_string()),
    }
}

fn open_parquet(file: File) -> Result<Reader, ExportError> {
    let file = SerializedFileReader::new(file)?;
    let about = file.metadata().file_metadata();
    let mut provenance = Provenance::default();
    for pair in about.key_value_metadata().into_iter().flatten() {
        provenance.0.extend(pair.value.clone().map(|value| (pair.key.clone(), value)));
    }
    let columns = about.schema_descr().columns().iter().map(|column| column.name().to_owned()).collect();
    let rows = file.into_iter().zip(1..).map(|(row, place)| {
        let row = row.map_err(|error| unreadable(place, error))?;
        row.into_columns().into_iter().map(|(_, field)| text_of_field(field, place)).collect()
    });
    Ok(Reader { provenance, columns, rows: Box::new(rows) })
}

fn text_of_field(field: Field, row: u64) -> Result<Option<String>, ExportError> {
    Ok(match field {
        Field::Null => None,
        Field::Bool(value) => Cell::Bool(value).to_text(),
        Field::ULong(value) => Cell::Whole(value).to_text(),
        Field::Double(value) => Cell::Number(value).to_text(),
        Field::Str(text) => Some(text),
        other => return Err(unreadable(row, format!("{other} is of a kind that is never written"))),
    })
}
