//! `docs/MODEL.md` tells the truth: its tables are those of the program.

use std::fmt::Write as _;
use std::sync::Arc;

use super::super::super::behaviour::{self, example::DRIFT};
use super::super::super::measure::{METRICS, Rate};
use super::super::super::params::{GROUPS, LIMITS, Spec};
use super::super::super::{Scenario, Vec3, World};

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
fn the_behaviour_that_the_document_walks_through_is_one() {
    let file = include_str!("../../../../examples/research/drift.rs");
    assert!(DOCUMENT.contains(&format!("```rust\n{file}```")), "docs/MODEL.md shows another drift.rs");
    let text = "name = \"two\"\n[dynamics]\nmodel = \"kinematic\"\n[[drones]]\ntype = \"quad\"\ncount = 2\n\
                altitude_m = 10.0\nvelocity = [0.0, 4.0, 0.0]\nbehavior = \"vicsek\"\n\
                grid = { center = [0.0, 0.0], spacing_m = 5.0 }\n";
    let world = World::new(Arc::new(Scenario::parse(text).unwrap()), 1);
    let numbers: Vec<f64> = DRIFT.params.iter().map(|spec| spec.default).collect();
    assert_eq!((DRIFT.rule)(&world.percept(0), &numbers), Vec3::new(1.0, 4.0, 0.0));
}

#[test]
fn a_behaviour_is_one_file_and_one_line() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sim/behaviour");
    let list = include_str!("../../behaviour/mod.rs");
    let list = list.split("behaviours![").nth(1).and_then(|list| list.split("];").next()).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.strip_suffix(".rs").unwrap();
        if stem != "mod" {
            assert_eq!(list.matches(&format!("    {stem}::")).count(), 1, "{name} is not in the list");
            files += 1;
        }
    }
    assert_eq!(files, behaviour::ALL.len());
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
