//! What is written reads back the same, in every format, and says where it is from.

use std::fs;

use super::*;

fn table() -> Table {
    let column = |(name, kind)| Column { name: Cow::Borrowed(name), kind, about: Cow::Borrowed("something") };
    let columns = [("seed", Kind::Whole), ("x_m", Kind::Number), ("ok", Kind::Bool), ("note", Kind::Text)];
    Table { name: Cow::Borrowed("sample"), columns: columns.map(column).to_vec() }
}

/// Values that formats are known to spoil.
fn rows() -> Vec<Vec<Cell<'static>>> {
    vec![
        vec![
            Cell::Whole(u64::MAX),
            Cell::Number(0.1 + 0.2),
            Cell::Bool(true),
            Cell::Text("# \"a\",\nb \\n ü"),
        ],
        vec![Cell::Whole(0), Cell::Number(-0.0), Cell::Bool(false), Cell::Text("null")],
        vec![Cell::None, Cell::Number(f64::NAN), Cell::None, Cell::Text("")],
        vec![Cell::Whole(3), Cell::Number(5e-324), Cell::None, Cell::Text("  ")],
        vec![Cell::Whole(4), Cell::Number(-1.797e308), Cell::None, Cell::None],
        vec![Cell::Whole(5), Cell::Number(7.0), Cell::None, Cell::Text("7.0")],
    ]
}

fn head() -> Provenance {
    Provenance::of_this_program().with("scenario", "two\nlines \\ and # more").with("seed", 7)
}

fn write(format: Format, path: &Path) {
    let file = fs::File::create(path).unwrap();
    let mut writer = Writer::create(format, file, vec![table()], &head()).unwrap();
    for row in rows() {
        writer.row(0, &row).unwrap();
    }
    writer.finish(&Provenance::default().with("final_hash", "00ff")).unwrap();
}

#[test]
fn what_is_written_reads_back_the_same() {
    let home = tempfile::tempdir().unwrap();
    for format in [Format::Csv, Format::Jsonl, Format::Parquet] {
        let path = home.path().join(format!("sample.{}", format.ending()));
        write(format, &path);
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.columns(), ["seed", "x_m", "ok", "note"], "{format:?}");
        for (key, value) in head().iter() {
            assert_eq!(reader.provenance().get(key), Some(value), "{format:?}");
        }
        let got: Vec<Row> = reader.map(Result::unwrap).collect();
        let expected: Vec<Row> =
            rows().iter().map(|row| row.iter().map(|cell| cell.to_text()).collect()).collect();
        assert_eq!(got, expected, "{format:?}");
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(text.contains("final_hash") && text.contains("00ff"), "{format:?}");
    }
}

#[test]
fn numbers_keep_their_bits_as_text() {
    for number in [0.1 + 0.2, 5e-324, f64::MAX, 1e16, 1e-6, 9.999e-7, 123_456_789.123, -0.0, 1.0 / 3.0] {
        let text = Cell::Number(number).to_text().unwrap();
        assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{text}");
        assert!(text.len() < 26, "{text}");
    }
}

#[test]
fn an_mcap_file_holds_several_tables_at_simulated_time() {
    let tables = vec![tables::metrics(), tables::happenings()];
    let mut writer = Writer::create(Format::Mcap, Vec::new(), tables, &head()).unwrap();
    let metrics = crate::sim::Metrics { airborne: 3, ..Default::default() };
    writer.row(0, &tables::metrics_cells(25, 1.5, &metrics)).unwrap();
    let happening =
        tables::HappeningRow { tick: 25, sim_time_s: 1.0, code: "near_miss".into(), ..Default::default() };
    writer.row(1, &happening.cells()).unwrap();
    let bytes = writer.finish(&Provenance::default().with("final_hash", "00ff")).unwrap();
    assert!(bytes.starts_with(b"\x89MCAP0\r\n") && bytes.ends_with(b"\x89MCAP0\r\n"));
    let file = records(&bytes[8..bytes.len() - 8]);
    let kinds: Vec<u8> = file.iter().map(|(op, _)| *op).collect();
    let (data, summary) = kinds.split_at(kinds.iter().position(|op| *op == 0x0f).unwrap());
    assert_eq!(data, [0x01, 0x0c, 0x03, 0x04, 0x03, 0x04, 0x06, 0x07, 0x07, 0x0c]);
    assert_eq!(summary, [0x0f, 0x03, 0x04, 0x03, 0x04, 0x0c + 1, 0x08, 0x0c + 1, 0x0b, 0x02]);
    // A chunk: times, size, sum, no compression, size again, records.
    let chunk = file.iter().find(|(op, _)| *op == 0x06).unwrap().1;
    let messages = records(&chunk[8 + 8 + 8 + 4 + 4 + 8..]);
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let seen: Vec<(u8, u64)> = messages.iter().map(|(_, m)| (m[0], number(&m[6..14]))).collect();
    assert_eq!(seen, [(1, 1_500_000_000), (2, 1_000_000_000)]);
    assert_eq!([number(&chunk[..8]), number(&chunk[8..16])], [1_000_000_000, 1_500_000_000]);
    let row: serde_json::Value = serde_json::from_slice(&messages[0].1[22..]).unwrap();
    assert_eq!((row["airborne"].as_f64(), &row["milling"]), (Some(3.0), &serde_json::Value::Null));
}

/// The records in a part of an MCAP file: what each is, and its content.
fn records(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let [op, rest @ ..] = bytes {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        found.push((*op, &rest[8..8 + length]));
        bytes = &rest[8 + length..];
    }
    found
}

#[test]
fn a_row_that_does_not_fit_is_refused() {
    let mut writer = Writer::create(Format::Csv, Vec::new(), vec![table()], &head()).unwrap();
    assert!(writer.row(0, &[Cell::None]).is_err());
    assert!(writer.row(1, &rows()[0]).is_err());
    assert!(writer.row(0, &[Cell::Number(1.0), Cell::None, Cell::None, Cell::None]).is_err());
    assert!(Writer::create(Format::Parquet, Vec::new(), vec![table(), table()], &head()).is_err());
}

#[test]
fn files_that_are_none_are_refused_without_a_panic() {
    let home = tempfile::tempdir().unwrap();
    for ending in ["csv", "jsonl", "parquet", "mcap", "txt"] {
        let path = home.path().join(format!("broken.{ending}"));
        for bytes in [&b""[..], b"PAR1PAR1", b"\xff\xfe\n{\"a\"", b"a,b\n1\n", b"{\"a\":1}\n{\"b\":1}\n"] {
            fs::write(&path, bytes).unwrap();
            let _ = Reader::open(&path).map(|reader| reader.take(10).count());
        }
    }
}

#[test]
fn a_long_table_is_written_in_groups() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("long.parquet");
    let file = fs::File::create(&path).unwrap();
    let mut writer = Writer::create(Format::Parquet, file, vec![table()], &head()).unwrap();
    for n in 0..70_000 {
        let text = n.to_string();
        writer.row(0, &[Cell::Whole(n), Cell::Number(0.5), Cell::Bool(true), Cell::Text(&text)]).unwrap();
    }
    writer.finish(&Provenance::default()).unwrap();
    let rows = Reader::open(&path).unwrap().map(Result::unwrap);
    assert!(rows.zip(0_u64..).all(|(row, n)| row[0] == Some(n.to_string()) && row[3] == row[0]));
    assert_eq!(Reader::open(&path).unwrap().count(), 70_000);
}
