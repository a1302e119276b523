//! Every field that a scenario may have, and every field of every built-in scenario, broken in every way in turn: never a
//! panic, always a mistake with its line and field and what is accepted, and whatever is accepted flies.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use hmrs::sim::{Scenario, ScenarioError, World, builtin};
use toml::{Table, Value};

/// A step into a document.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// The path as mistakes name it: `drones[0].count`.
fn name(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// Every place in a document, tables and lists included. Of long lists the first two elements: the rest is alike.
fn places(value: &Value, path: &[Step], found: &mut Vec<Vec<Step>>) {
    let mut visit = |step: Step, value: &Value| {
        let path = [path, &[step]].concat();
        found.push(path.clone());
        places(value, &path, found);
    };
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| visit(Step::Key(key.clone()), value)),
        Value::Array(list) => {
            list.iter().enumerate().take(2).for_each(|(at, value)| visit(Step::Index(at), value));
        }
        _ => {}
    }
}

fn at<'a>(document: &'a mut Value, path: &[Step]) -> &'a mut Value {
    path.iter().fold(document, |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Index(index) => &mut value[*index],
    })
}

fn remove(document: &mut Value, path: &[Step]) {
    let (last, parent) = path.split_last().unwrap();
    match (last, at(document, parent)) {
        (Step::Key(key), Value::Table(table)) => drop(table.remove(key)),
        (Step::Index(index), Value::Array(list)) => drop(list.remove(*index)),
        _ => unreachable!(),
    }
}

fn text_of(document: &Value) -> String {
    toml::to_string(document).unwrap()
}

/// Name of the scenario that has every field.
const EVERY_FIELD: &str = "every-field";

/// A scenario that has every field: those of a file, and every parameter at its default.
fn every_field() -> String {
    let mut document: Value = Value::Table(include_str!("support/every_field.toml").parse().unwrap());
    let empty = Arc::new(Scenario::parse("name = \"empty\"").unwrap());
    for param in World::new(empty, 1).params() {
        let mut steps: Vec<&str> = param.path.split('.').collect();
        let name = steps.pop().unwrap();
        let mut group = document.as_table_mut().unwrap();
        for step in steps {
            let next = group.entry(step).or_insert_with(|| Value::Table(Table::new()));
            group = next.as_table_mut().unwrap();
        }
        let value = match param.choices.get(param.default as usize) {
            Some(choice) => Value::String(choice.clone()),
            None => Value::Float(param.default),
        };
        group.insert(name.to_owned(), value);
    }
    text_of(&document)
}

/// The scenario that has every field; and the built-in ones, less those whose every field stands in `storm` too.
fn scenarios() -> impl Iterator<Item = (&'static str, String)> {
    let builtin = builtin::list().iter().filter(|(name, _)| !matches!(*name, "facade" | "campus"));
    let builtin = builtin.map(|(name, text)| (*name, (*text).to_owned()));
    std::iter::once((EVERY_FIELD, every_field())).chain(builtin)
}

/// What is no value of any field, and values that are at home in some.
fn replacements() -> Vec<Value> {
    let nonsense: Table = [("nonsense".to_owned(), Value::Integer(1))].into_iter().collect();
    vec![
        Value::Table(nonsense),
        Value::Array(vec![Value::Boolean(true); 3]),
        Value::Datetime("1979-05-27T07:32:00Z".parse().unwrap()),
        Value::String(String::new()),
        Value::String("swarm \u{1F681}\n\0".repeat(40)),
        Value::Boolean(true),
        Value::Integer(0),
        Value::Integer(-1),
        Value::Integer(i64::MAX),
        Value::Integer(3),
        Value::Float(1e-320),
        Value::Float(-1e308),
        Value::Float(f64::NAN),
        Value::Float(f64::INFINITY),
        Value::Array(Vec::new()),
        Value::Table(Table::new()),
    ]
}

/// Reads a text. What is accepted flies for ten ticks; what is not has lines and says what is wrong.
fn try_out(text: &str, what: &str) -> Result<(), Vec<ScenarioError>> {
    let scenario = Scenario::parse(text).inspect_err(|errors| {
        assert!(!errors.is_empty(), "{what}: refused without a reason");
        for error in errors {
            let lines = text.lines().count().max(1);
            assert!((1..=lines + 1).contains(&error.line), "{what}: {error} lies outside {lines} lines");
            assert!(!error.message.is_empty() && error.column > 0, "{what}: {error}");
        }
    })?;
    let drones = scenario.drone_count();
    if drones <= 2_000 {
        let mut world = World::new(Arc::new(scenario), 1);
        // Seven thousand variants of the one with every field: one tick each.
        let ticks = if drones <= 60 && !what.starts_with(EVERY_FIELD) { 10 } else { 1 };
        (0..ticks).for_each(|_| world.advance());
        assert!(world.snapshot().drones.iter().all(|d| d.position.is_finite()), "{what}: a position is lost");
    }
    Ok(())
}

#[test]
fn the_scenario_with_every_field_is_good_and_has_them_all() {
    let text = every_field();
    let scenario = Scenario::parse(&text);
    assert!(scenario.is_ok(), "{:?}", scenario.err());
    let fields = Scenario::fields(&text);
    assert!(fields.len() > 350, "only {} fields", fields.len());
    let missing: BTreeMap<_, _> = fields.iter().filter(|(_, is_there)| !**is_there).collect();
    assert!(missing.is_empty(), "{:?} of {}", missing.keys(), fields.len());
}

#[test]
fn every_field_broken_in_every_way_is_refused_by_its_name_or_flies() {
    for (scenario, text) in scenarios() {
        let whole: Value = Value::Table(text.parse().unwrap());
        let mut paths = Vec::new();
        places(&whole, &[], &mut paths);
        assert!(paths.len() > 10, "{scenario}: its fields were not found");
        for path in &paths {
            let mut broken = whole.clone();
            remove(&mut broken, path);
            let _ = try_out(&text_of(&broken), &format!("{scenario} without {}", name(path)));
            for (place, value) in replacements().into_iter().enumerate() {
                let mut broken = whole.clone();
                *at(&mut broken, path) = value.clone();
                let (text, field) = (text_of(&broken), name(path));
                let what = format!("{scenario} with {field} = {value}");
                let outcome = try_out(&text, &what);
                // The first three are at home nowhere: each field has to object, under its own name and on its line.
                if place < 3 {
                    let errors = outcome.expect_err(&what);
                    let own = errors.iter().find(|error| error.field.starts_with(&field));
                    let own = own.unwrap_or_else(|| panic!("{what}: nobody names the field: {errors:?}"));
                    let key = path.iter().rev().find_map(|step| match step {
                        Step::Key(key) => Some(key),
                        Step::Index(_) => None,
                    });
                    let line = text.lines().nth(own.line - 1).unwrap_or_default();
                    let is_there =
                        key.is_none_or(|key| line.contains(key.as_str())) || line.contains("nonsense");
                    assert!(is_there, "{what}: line {} is {line:?}, {own}", own.line);
                    // What would have been accepted: a range, a length, words, or the kind of thing.
                    let words =
                        ["range", "from", "expected", "accepted", "one of", "needs", "known", "missing"];
                    assert!(words.iter().any(|word| own.message.contains(word)), "{what}: {own}");
                }
            }
        }
    }
}

#[test]
fn a_text_with_letters_astray_is_refused_with_a_line_or_flies() {
    const LETTERS: &[u8] = b"[]{}=\"'\n\0.,-09e x#";
    let whole = every_field();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % bound
    };
    let mut refused = 0;
    for round in 0..400 {
        let mut text = whole.clone().into_bytes();
        for _ in 0..=below(5) {
            let (at, letter) = (below(text.len()), LETTERS[below(LETTERS.len())]);
            match below(3) {
                0 => text[at] = letter,
                1 => drop(text.remove(at)),
                _ => text.insert(at, letter),
            }
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        refused += usize::from(try_out(&text, &format!("round {round}")).is_err());
    }
    assert!(refused > 200, "only {refused} were refused");
}

#[test]
fn every_table_refuses_what_it_does_not_know() {
    for (scenario, text) in scenarios() {
        let whole: Value = Value::Table(text.parse().unwrap());
        let mut paths = vec![Vec::new()];
        places(&whole, &[], &mut paths);
        for path in paths {
            let mut broken = whole.clone();
            let Value::Table(table) = at(&mut broken, &path) else { continue };
            table.insert("nonsense".to_owned(), Value::Integer(1));
            let what = format!("{scenario} with nonsense in {:?}", name(&path));
            let errors = try_out(&text_of(&broken), &what).expect_err(&what);
            assert!(errors.iter().any(|error| error.field.ends_with("nonsense")), "{what}: {errors:?}");
        }
    }
}

#[test]
fn texts_that_are_none_are_told_what_is_accepted() {
    let mut told = 0;
    for (scenario, text) in scenarios() {
        let whole: Value = Value::Table(text.parse().unwrap());
        let mut paths = Vec::new();
        places(&whole, &[], &mut paths);
        for path in &paths {
            let mut broken = whole.clone();
            let value = at(&mut broken, path);
            if !value.is_str() {
                continue;
            }
            *value = Value::String("no such word ".repeat(500));
            let what = format!("{scenario} with {} of many words", name(path));
            let errors = try_out(&text_of(&broken), &what).expect_err(&what);
            let is_told = |e: &ScenarioError| {
                e.field == name(path) && ["accepted", "one of"].iter().any(|word| e.message.contains(word))
            };
            assert!(errors.iter().any(is_told), "{what}: {errors:?}");
            told += 1;
        }
    }
    assert!(told > 50, "only {told} texts were found");
}

#[test]
fn what_is_no_number_is_told_the_range() {
    let mut told = 0;
    for (scenario, text) in scenarios() {
        let whole: Value = Value::Table(text.parse().unwrap());
        let mut paths = Vec::new();
        places(&whole, &[], &mut paths);
        for path in &paths {
            let mut broken = whole.clone();
            let value = at(&mut broken, path);
            if !(value.is_float() || value.is_integer()) {
                continue;
            }
            *value = Value::Boolean(true);
            let what = format!("{scenario} with {} = true", name(path));
            let errors = try_out(&text_of(&broken), &what).expect_err(&what);
            let is_told = |e: &ScenarioError| {
                let range = [" from ", " to ", "number"].iter().all(|word| e.message.contains(word));
                e.field == name(path) && (range || e.message.contains("a list of"))
            };
            assert!(errors.iter().any(is_told), "{what}: {errors:?}");
            told += 1;
        }
    }
    assert!(told > 500, "only {told} numbers were found");
}

#[test]
fn numbers_out_of_range_are_told_the_range() {
    let mut told = 0;
    for (scenario, text) in scenarios() {
        let whole: Value = Value::Table(text.parse().unwrap());
        let mut paths = Vec::new();
        places(&whole, &[], &mut paths);
        for path in &paths {
            let mut broken = whole.clone();
            let value = at(&mut broken, path);
            if !(value.is_float() || value.is_integer()) {
                continue;
            }
            *value = if value.is_float() { Value::Float(-1e300) } else { Value::Integer(-7) };
            let what = format!("{scenario} with {} out of range", name(path));
            let errors = try_out(&text_of(&broken), &what).expect_err(&what);
            let ranged = errors.iter().any(|e| e.field == name(path) && e.message.contains("out of range"));
            assert!(ranged, "{what}: {errors:?}");
            told += 1;
        }
    }
    assert!(told > 500, "only {told} numbers were found");
}
