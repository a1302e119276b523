//! Reading TOML so that every mistake is reported with its place, several at once.

use std::fmt;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One mistake in a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Path of the field, such as `drones[0].count`; empty for the file as a whole.
    pub field: String,
    /// What is wrong: value and accepted range.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.message),
            field => write!(f, "line {}, field {field}: {}", self.line, self.message),
        }
    }
}

impl std::error::Error for ScenarioError {}

/// Most names that a mistake lists.
const NAMES_SHOWN: usize = 30;
/// After so many mistakes the rest is left out.
const ERRORS_MAX: usize = 50;

/// The mistakes found so far, and the fields that were asked for.
pub struct Errors<'t> {
    text: &'t str,
    found: Vec<ScenarioError>,
    asked: Vec<(String, bool)>,
}

impl<'t> Errors<'t> {
    pub fn new(text: &'t str) -> Self {
        Errors { text, found: Vec::new(), asked: Vec::new() }
    }

    /// Notes a mistake at a byte of the text.
    pub fn add(&mut self, start: usize, field: &str, message: impl Into<String>) {
        if self.found.len() == ERRORS_MAX {
            return;
        }
        let start =
            (0..=start.min(self.text.len())).rev().find(|&i| self.text.is_char_boundary(i)).unwrap_or(0);
        let before = &self.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        self.found.push(ScenarioError { line, column, field: field.to_owned(), message: message.into() });
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Every field that was asked for, and whether it is there.
    pub fn asked(&self) -> &[(String, bool)] {
        &self.asked
    }

    /// All mistakes in the order of the text.
    pub fn into_vec(mut self) -> Vec<ScenarioError> {
        self.found.sort_by_key(|e| (e.line, e.column));
        self.found
    }
}

/// A value and where it stands.
#[derive(Clone)]
pub struct Field<'a> {
    value: &'a DeValue<'a>,
    pub start: usize,
    pub path: String,
}

impl<'a> Field<'a> {
    fn new(value: &'a Spanned<DeValue<'a>>, path: String) -> Self {
        Field { value: value.get_ref(), start: value.span().start, path }
    }

    pub fn error(&self, errors: &mut Errors, message: impl Into<String>) {
        errors.add(self.start, &self.path, message);
    }

    fn wrong_type<T>(&self, errors: &mut Errors, wanted: &str) -> Option<T> {
        self.error(errors, format!("{} where {wanted} is expected", article(self.value.type_str())));
        None
    }

    /// A finite number within the range.
    pub fn number(&self, errors: &mut Errors, range: RangeInclusive<f64>) -> Option<f64> {
        let value = match self.value {
            DeValue::Integer(i) => parse_integer(i).map(|v| v as f64),
            DeValue::Float(f) => f.as_str().replace('_', "").parse().ok(),
            _ => {
                let wanted = format!("a number from {} to {}", range.start(), range.end());
                return self.wrong_type(errors, &wanted);
            }
        };
        match value {
            Some(v) if range.contains(&v) => Some(v),
            Some(v) if !v.is_finite() => {
                let (min, max) = (range.start(), range.end());
                self.error(errors, format!("{v} is not a finite number from {min} to {max}"));
                None
            }
            _ => {
                let shown = value.map_or_else(|| "the number".to_owned(), |v| v.to_string());
                self.error(errors, format!("{shown} is out of range {}..={}", range.start(), range.end()));
                None
            }
        }
    }

    /// A whole number within the range.
    pub fn integer(&self, errors: &mut Errors, range: RangeInclusive<u64>) -> Option<u64> {
        let DeValue::Integer(i) = self.value else {
            let wanted = format!("a whole number from {} to {}", range.start(), range.end());
            return self.wrong_type(errors, &wanted);
        };
        match parse_integer(i).and_then(|v| u64::try_from(v).ok()) {
            Some(v) if range.contains(&v) => Some(v),
            _ => {
                self.error(errors, format!("{i} is out of range {}..={}", range.start(), range.end()));
                None
            }
        }
    }

    /// Text of at most `max` characters.
    pub fn text(&self, errors: &mut Errors, max: usize) -> Option<&'a str> {
        let DeValue::String(text) = self.value else {
            return self.wrong_type(errors, &format!("a text of at most {max} characters"));
        };
        let length = text.chars().count();
        if length > max {
            self.error(errors, format!("the text has {length} characters; at most {max} are accepted"));
            return None;
        }
        Some(text.as_ref())
    }

    /// One of these words.
    pub fn one_of<T: Copy>(&self, errors: &mut Errors, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let DeValue::String(text) = self.value else {
            return self.wrong_type(errors, &format!("one of {}", shown(&names)));
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.as_ref()) {
            return Some(*value);
        }
        let short: String = text.chars().take(64).collect();
        self.error(errors, format!("{short:?} is not one of {}{}", shown(&names), suggestion(text, &names)));
        None
    }

    pub fn boolean(&self, errors: &mut Errors) -> Option<bool> {
        match self.value {
            DeValue::Boolean(b) => Some(*b),
            _ => self.wrong_type(errors, "true or false"),
        }
    }

    pub fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// A list with a number of elements within the range.
    pub fn list(&self, errors: &mut Errors, range: RangeInclusive<usize>) -> Option<Vec<Field<'a>>> {
        let DeValue::Array(list) = self.value else {
            let wanted = format!("a list of {} to {} elements", range.start(), range.end());
            return self.wrong_type(errors, &wanted);
        };
        if !range.contains(&list.len()) {
            let (min, max) = (range.start(), range.end());
            self.error(errors, format!("{} elements, which is out of range {min}..={max}", list.len()));
            return None;
        }
        Some(list.iter().enumerate().map(|(i, v)| Field::new(v, format!("{}[{i}]", self.path))).collect())
    }

    /// Exactly `N` numbers within the range.
    pub fn numbers<const N: usize>(
        &self,
        errors: &mut Errors,
        range: RangeInclusive<f64>,
    ) -> Option<[f64; N]> {
        let list = self.list(errors, N..=N)?;
        let mut numbers = [0.0; N];
        for (place, field) in numbers.iter_mut().zip(list) {
            *place = field.number(errors, range.clone())?;
        }
        Some(numbers)
    }

    pub fn section(&self, errors: &mut Errors) -> Option<Section<'a>> {
        let DeValue::Table(table) = self.value else { return self.wrong_type(errors, "a table") };
        Some(Section::new(table, self.path.clone(), self.start))
    }
}

/// A table whose fields are asked for one by one; what nobody asked for is a mistake.
pub struct Section<'a> {
    table: &'a DeTable<'a>,
    pub path: String,
    pub start: usize,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub fn new(table: &'a DeTable<'a>, path: String, start: usize) -> Self {
        Section { table, path, start, known: Vec::new() }
    }

    /// Path of one of its fields.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub fn get(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.push(key);
        let value = self.table.get(key)?;
        Some(Field::new(value, self.path_of(key)))
    }

    pub fn required(&mut self, errors: &mut Errors, key: &'static str) -> Option<Field<'a>> {
        let field = self.get(key);
        if field.is_none() {
            errors.add(self.start, &self.path_of(key), "is missing");
        }
        field
    }

    pub fn number(
        &mut self,
        errors: &mut Errors,
        key: &'static str,
        range: RangeInclusive<f64>,
    ) -> Option<f64> {
        self.get(key)?.number(errors, range)
    }

    pub fn text(&mut self, errors: &mut Errors, key: &'static str, max: usize) -> Option<&'a str> {
        self.get(key)?.text(errors, max)
    }

    pub fn section(&mut self, errors: &mut Errors, key: &'static str) -> Option<Section<'a>> {
        self.get(key)?.section(errors)
    }

    /// The tables of an array of tables; none if it is absent.
    pub fn sections(&mut self, errors: &mut Errors, key: &'static str, max: usize) -> Vec<Section<'a>> {
        let Some(field) = self.get(key) else { return Vec::new() };
        let list = field.list(errors, 0..=max).unwrap_or_default();
        list.iter().filter_map(|f| f.section(errors)).collect()
    }

    /// Reports the fields that nobody asked for, with the nearest known name.
    pub fn finish(self, errors: &mut Errors) {
        let asked = self.known.iter().map(|key| (self.path_of(key), self.table.contains_key(*key)));
        errors.asked.extend(asked);
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !self.known.contains(&name) {
                let hint = suggestion(name, &self.known);
                errors.add(key.span().start, &self.path_of(name), format!("is not known here{hint}"));
            }
        }
    }
}

fn parse_integer(integer: &toml::de::DeInteger) -> Option<i128> {
    i128::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
}

fn article(kind: &str) -> String {
    match kind {
        "string" => "a text".into(),
        "integer" => "an integer".into(),
        "array" => "a list".into(),
        other => format!("a {other}"),
    }
}

/// The first names of a list; of a thousand drones nobody wants to read all.
fn shown(names: &[&str]) -> String {
    let first = names.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_SHOWN { format!("{first}, …") } else { first }
}

/// `; did you mean x?` if a known name is at most a third of its letters away.
fn suggestion(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|k| (edit_distance(name, k), *k)).min();
    match near {
        Some((distance, best)) if distance * 3 <= best.len().max(3) => format!("; did you mean {best}?"),
        _ => String::new(),
    }
}

/// Levenshtein distance in characters, of names up to 64 characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
