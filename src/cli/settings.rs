//! `--set PATH=VALUE`: a scenario with some of its values changed.
//!
//! A parameter (`behavior.*`, `limits.*`, … as `GET /api/params` lists them) is set as the first entry of the journal,
//! as an operator would; the scenario stays the same. Any other path is a field of the scenario's text, such as
//! `wind.speed_mps`, `drones[0].count` or `space.size_m[0]`.

use std::sync::Arc;

use toml::{Table, Value};

use crate::sim::{Command, JournalEntry, ParamSpec, Scenario, Targets, World};

use super::Failure;

/// One value at one path.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Where.
    pub path: String,
    /// What.
    pub value: Value,
}

impl Setting {
    /// Reads `PATH=VALUE`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let (path, value) = text.split_once('=').ok_or_else(|| format!("{text}: must be PATH=VALUE"))?;
        if path.trim().is_empty() || value.trim().is_empty() {
            return Err(format!("{text}: must be PATH=VALUE"));
        }
        Ok(Self { path: path.trim().to_owned(), value: parse_value(value) })
    }
}

/// A TOML value; what is none is a text.
pub fn parse_value(text: &str) -> Value {
    let text = text.trim();
    let table: Option<Table> = format!("v = {text}").parse().ok();
    let value = table.filter(|table| table.len() == 1).and_then(|mut table| table.remove("v"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The value as it is written in a table: texts without quotes.
pub fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Scenario and first journal entries that a run begins with.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The scenario, changed where a setting is no parameter.
    pub scenario: Arc<Scenario>,
    /// The parameters, as entries at tick 0; numbered from 1.
    pub entries: Vec<JournalEntry>,
}

/// Groups that hold parameters and fields of the scenario, such as `dynamics.model`, `gps.preset` and `wind.speed_mps`.
const MIXED_GROUPS: [&str; 3] = ["dynamics", "gps", "wind"];

/// What can be set in a scenario, worked out once.
#[derive(Clone, Debug)]
pub struct Base {
    scenario: Arc<Scenario>,
    params: Vec<ParamSpec>,
}

impl Base {
    /// For variants of `scenario`.
    pub fn new(scenario: Arc<Scenario>) -> Self {
        let params = World::new(scenario.clone(), scenario.seed).params();
        Self { scenario, params }
    }

    /// The scenario as it is.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    fn param(&self, path: &str) -> Option<&ParamSpec> {
        self.params.iter().find(|param| param.path == path)
    }

    /// Whether there is such a parameter; any other path is a field of the scenario.
    pub fn is_param(&self, path: &str) -> bool {
        self.param(path).is_some()
    }

    /// Whether the path is a field of the scenario that takes whole numbers only.
    pub fn wants_whole(&self, path: &str) -> bool {
        let half = Setting { path: path.to_owned(), value: Value::Float(0.5) };
        let wrong = format!("{path}: a float where a whole number");
        !self.is_param(path) && self.vary(&[half]).is_err_and(|error| error.contains(&wrong))
    }

    /// Whether `setting` can be meant: a parameter and within its range, or a section that scenarios have.
    pub fn check(&self, setting: &Setting) -> Result<(), Failure> {
        if let Some(param) = self.param(&setting.path) {
            return number_of(param, setting).map(drop);
        }
        let group = setting.path.split(['.', '[']).next().unwrap_or_default();
        let has_group = self.params.iter().any(|param| param.path.split('.').next() == Some(group));
        if has_group && !MIXED_GROUPS.contains(&group) {
            let near =
                self.params.iter().map(|param| (distance(&param.path, &setting.path), &param.path)).min();
            let hint = near.filter(|(far, _)| *far <= 3).map(|(_, path)| format!("; did you mean {path}?"));
            return Err(format!("{}: there is no such parameter{}", setting.path, hint.unwrap_or_default()));
        }
        Ok(())
    }

    /// The scenario with `settings`.
    ///
    /// # Errors
    /// A sentence that names the path, the value and what is accepted.
    pub fn vary(&self, settings: &[Setting]) -> Result<Variant, Failure> {
        let mut entries = Vec::new();
        let mut document: Option<Table> = None;
        for setting in settings {
            self.check(setting)?;
            match self.param(&setting.path) {
                Some(param) => entries.push(entry(entries.len(), setting, number_of(param, setting)?)),
                None => {
                    let table = match document.take() {
                        Some(table) => table,
                        None => self.scenario.text().parse().map_err(|e: toml::de::Error| e.to_string())?,
                    };
                    document = Some(changed(table, setting)?);
                }
            }
        }
        let scenario = match document {
            None => self.scenario.clone(),
            Some(table) => Arc::new(parse(&table)?),
        };
        Ok(Variant { scenario, entries })
    }
}

fn parse(table: &Table) -> Result<Scenario, Failure> {
    let text = toml::to_string(table).map_err(|error| error.to_string())?;
    Scenario::parse(&text).map_err(|errors| {
        // Lines are those of a text that nobody has seen.
        let found: Vec<String> = errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect();
        found.join("; ")
    })
}

fn number_of(param: &ParamSpec, setting: &Setting) -> Result<f64, Failure> {
    let path = &setting.path;
    let value = match &setting.value {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        Value::String(name) => match param.choices.iter().position(|choice| choice == name) {
            Some(place) => place as f64,
            None if param.choices.is_empty() => return Err(format!("{path}: {name:?} is not a number")),
            None => {
                return Err(format!("{path}: {name:?} is not one of {}", param.choices.join(", ")));
            }
        },
        other => return Err(format!("{path}: {other} is not a number")),
    };
    let is_choice = param.choices.is_empty() || value == value.trunc();
    match (param.min..=param.max).contains(&value) && is_choice {
        true => Ok(value),
        false => Err(format!("{path}: {value} is out of range {}..={} {}", param.min, param.max, param.unit)
            .trim_end()
            .to_owned()),
    }
}

fn entry(place: usize, setting: &Setting, value: f64) -> JournalEntry {
    JournalEntry {
        seq: place as u64 + 1,
        tick: 0,
        author: "command line".into(),
        via: "cli".into(),
        command_id: format!("set-{}", place + 1),
        targets: Targets::All,
        command: Command::SetParam { path: setting.path.clone(), value },
    }
}

/// `table` with the value at the setting's path; tables on the way are made, elements of lists are not.
fn changed(mut table: Table, setting: &Setting) -> Result<Table, Failure> {
    let bad = |what: &str| format!("{}: {what}", setting.path);
    let steps =
        steps(&setting.path).ok_or_else(|| bad("is no path such as wind.speed_mps or drones[0].count"))?;
    let Some((Step::Key(first), rest)) = steps.split_first() else {
        return Err(bad("must begin with a name"));
    };
    let mut place = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
    for step in rest {
        place = match (step, place) {
            (Step::Key(key), Value::Table(table)) => {
                table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()))
            }
            (Step::Index(index), Value::Array(list)) => {
                let length = list.len();
                list.get_mut(*index).ok_or_else(|| bad(&format!("the list has {length} elements, from 0")))?
            }
            (Step::Key(key), _) => return Err(bad(&format!("what should hold {key} is no table"))),
            (Step::Index(index), _) => return Err(bad(&format!("what should hold [{index}] is no list"))),
        };
    }
    *place = setting.value.clone();
    Ok(table)
}

enum Step {
    Key(String),
    Index(usize),
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let mut pieces = part.split('[');
        let key = pieces.next().filter(|key| !key.is_empty())?;
        steps.push(Step::Key(key.to_owned()));
        for index in pieces {
            steps.push(Step::Index(index.strip_suffix(']')?.parse().ok()?));
        }
    }
    Some(steps)
}

/// How many letters differ at the same place, and in length: near enough to tell a slip of the finger.
fn distance(a: &str, b: &str) -> usize {
    let same_start = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let (a, b) = (
        &a[a.char_indices().nth(same_start).map_or(a.len(), |(i, _)| i)..],
        &b[b.char_indices().nth(same_start).map_or(b.len(), |(i, _)| i)..],
    );
    let same_end = a.chars().rev().zip(b.chars().rev()).take_while(|(x, y)| x == y).count();
    a.chars().count().max(b.chars().count()) - same_end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::load_scenario;

    fn vary(name: &str, sets: &[&str]) -> Result<Variant, Failure> {
        let settings: Vec<Setting> = sets.iter().map(|set| Setting::parse(set).unwrap()).collect();
        Base::new(load_scenario(name).unwrap()).vary(&settings)
    }

    #[test]
    fn parameters_go_into_the_journal_and_fields_into_the_text() {
        let variant = vary("vicsek", &["behavior.vicsek.noise_rad=2", "drones[0].count=40"]).unwrap();
        assert_eq!(variant.scenario.drone_count(), 40);
        let [entry] = variant.entries.as_slice() else { panic!("{:?}", variant.entries) };
        assert_eq!(entry.command, Command::SetParam { path: "behavior.vicsek.noise_rad".into(), value: 2.0 });
        let variant =
            vary("vicsek", &["space.size_m=[5, 5]", "wind.speed_mps=3", "dynamics.update=forward"]).unwrap();
        assert_eq!((variant.scenario.wind.speed_mps, variant.entries.len()), (3.0, 1));
        let variant = vary("vicsek", &["gps.preset=rtk", "gps.white_m=0.5"]).unwrap();
        let gps = |path: &str| variant.scenario.params.get(path).unwrap();
        assert_eq!((gps("gps.bias_m"), gps("gps.white_m"), variant.entries.len()), (0.02, 0.0, 1));
    }

    #[test]
    fn every_built_in_scenario_survives_a_change_of_its_text() {
        for (name, _) in crate::sim::builtin::list() {
            let before = load_scenario(name).unwrap();
            let after = vary(name, &["seed=9"]).unwrap().scenario;
            assert_eq!((after.seed, after.drone_count()), (9, before.drone_count()), "{name}");
        }
    }

    #[test]
    fn mistakes_name_path_value_and_range() {
        for (set, part) in [
            ("behavior.vicsek.noise_rad=99", "99 is out of range 0..="),
            ("behavior.vicsek.noise_rat=1", "did you mean behavior.vicsek.noise_rad?"),
            ("behavior.vicsek.noise_rad=loud", "\"loud\" is not a number"),
            ("dynamics.update=sideways", "is not one of old_heading, forward"),
            ("gps.preset=perfekt", "gps.preset: \"perfekt\" is not one of perfect, gnss, rtk, robotsim"),
            ("drones[7].count=1", "the list has 1 elements"),
            ("drones[0].count=-1", "drones[0].count: -1 is out of range"),
            ("colour=red", "colour: is not known here"),
            ("drones[x].count=1", "is no path"),
            ("seed.x=1", "what should hold x is no table"),
        ] {
            let error = vary("vicsek", &[set]).unwrap_err();
            assert!(error.contains(part), "{set}: {error}");
        }
        assert!(
            Setting::parse("a").is_err() && Setting::parse("=1").is_err() && Setting::parse("a=").is_err()
        );
    }
}
