//! `docs/MODEL.md` tells the truth: its tables are those of the program.

use std::fmt::Write as _;

use super::super::super::behaviour;
use super::super::super::measure::{METRICS, Rate};
use super::super::super::params::{GROUPS, LIMITS, Spec};

const DOCUMENT: &str = include_str!("../../../../docs/MODEL.md");

fn parameters(prefix: &str, specs: &[Spec]) -> String {
    let mut table = format!("| `{prefix}.` | | unit | range | default |\n| --- | --- | --- | --- | --- |\n");
    for spec in specs {
        let (range, default) = match spec.choices {
            [] => (format!("{} – {}", spec.min, spec.max), spec.default.to_string()),
            names => (names.join(", "), names[0].to_owned()),
        };
        writeln!(table, "| `{}` | {} | {} | {range} | {default} |", spec.name, spec.label, spec.unit)
            .unwrap();
    }
    table
}

fn metrics() -> String {
    let mut table = String::from("| name | unit | taken | formula |\n| --- | --- | --- | --- |\n");
    for spec in &METRICS {
        let rate = match spec.rate {
            Rate::Tick => "each tick",
            Rate::FiveHz => "5 Hz",
            Rate::OneHz => "1 Hz",
        };
        let formula = spec.formula.replace('|', "\\|");
        writeln!(table, "| `{}` | {} | {rate} | {formula} |", spec.name, spec.unit).unwrap();
    }
    table
}

/// Every table that the document must hold, by the name in its marker.
fn tables() -> Vec<(String, String)> {
    let mut tables =
        vec![("figures".to_owned(), metrics()), ("limits".to_owned(), parameters("limits", &LIMITS))];
    tables.extend(GROUPS.iter().map(|(group, specs)| ((*group).to_owned(), parameters(group, specs))));
    tables.extend(behaviour::ALL.iter().map(|b| {
        let prefix = format!("behavior.{}", b.name);
        (prefix.clone(), parameters(&prefix, b.params))
    }));
    tables
}

#[test]
fn the_tables_of_the_document_are_those_of_the_program() {
    let mut whole = DOCUMENT.to_owned();
    let mut missing = Vec::new();
    for (name, table) in tables() {
        let (open, close) = (format!("<!-- table {name} -->\n"), "<!-- end -->");
        let Some(start) = whole.find(&open).map(|at| at + open.len()) else {
            missing.push(name);
            continue;
        };
        let end = start + whole[start..].find(close).expect("the table has an end");
        whole.replace_range(start..end, &table);
    }
    assert!(missing.is_empty(), "docs/MODEL.md has no table {missing:?}");
    if whole != DOCUMENT {
        let path = std::env::temp_dir().join("MODEL.md");
        std::fs::write(&path, &whole).unwrap();
        panic!("tables of docs/MODEL.md are out of date; as they should be: {}", path.display());
    }
}

#[test]
fn every_behaviour_is_in_the_document_with_a_source() {
    for behaviour in behaviour::ALL {
        let heading = format!("### {} (`{}`)", behaviour.title, behaviour.name);
        let section =
            DOCUMENT.split(&heading).nth(1).unwrap_or_else(|| panic!("docs/MODEL.md has no {heading}"));
        let section = section.split("\n### ").next().unwrap_or_default();
        assert!(section.contains("Source:"), "{heading} names no source");
    }
}
