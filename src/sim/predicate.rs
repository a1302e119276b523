//! Conditions on drones, as a command's `{"where": …}` and the console's filter say them: one language, and one table of
//! examples that both are tested with (`frontend/test/fixtures/predicates.json`).
//!
//! ```text
//! or   := and (("or" | "|") and)*
//! and  := not (("and" | "&")? not)*        two conditions side by side mean both
//! not  := ("not" | "!") not | "(" or ")" | term
//! term := number op value | name op? value | "near" east,north,radius | flag | part of an id
//! ```

use std::iter::Peekable;
use std::str::FromStr;
use std::vec::IntoIter;

use super::drone::{Landed, Mode};
use super::{AlertLevel, DroneRow, DroneState};

/// What a predicate may ask about a drone: what operators see of it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Id.
    pub id: &'a str,
    /// Name of the type.
    pub kind: &'a str,
    /// Group, empty if none.
    pub group: &'a str,
    /// The rest; of a drone without link, as it was last heard.
    pub state: &'a DroneState,
    /// Seconds of a tick.
    pub tick_s: f64,
}

impl<'a> Subject<'a> {
    /// A drone of a snapshot.
    pub fn shown(row: &'a DroneRow, state: &'a DroneState, tick_s: f64) -> Self {
        let group = row.group.as_deref().unwrap_or_default();
        Self { id: &row.id, kind: &row.kind, group, state, tick_s }
    }
}

/// A condition on drones, such as `battery < 30 & (mode = hold | near 0,0,50)`. `&` binds tighter than `|`.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    text: String,
    condition: Condition,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Number(Number, Comparison, f64),
    Name(Name, bool, String),
    Near {
        east: f64,
        north: f64,
        radius: f64,
    },
    Flag(Flag),
    /// Part of an id, in lower case.
    Part(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Battery,
    Altitude,
    Speed,
    Climb,
    Heading,
    East,
    North,
    Age,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Id,
    Kind,
    Group,
    Mode,
    Landed,
    Armed,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flag {
    Stale,
    Lost,
    Bad,
    Armed,
    Flying,
    Landed,
    Caution,
    Warning,
    Alert,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// Longest accepted predicate in bytes; it also bounds how deep conditions nest.
const TEXT_MAX: usize = 512;
/// A drone that has been silent for longer is stale.
const STALE_S: f64 = 1.0;
/// Numbers nearer to each other than this are the same.
const SAME: f64 = 1e-6;
const NUMBERS: [(&str, Number); 9] = [
    ("battery", Number::Battery),
    ("altitude", Number::Altitude),
    ("alt", Number::Altitude),
    ("speed", Number::Speed),
    ("climb", Number::Climb),
    ("heading", Number::Heading),
    ("east", Number::East),
    ("north", Number::North),
    ("age", Number::Age),
];
const NAMES: [(&str, Name); 6] = [
    ("id", Name::Id),
    ("type", Name::Kind),
    ("group", Name::Group),
    ("mode", Name::Mode),
    ("landed", Name::Landed),
    ("armed", Name::Armed),
];
const FLAGS: [(&str, Flag); 9] = [
    ("stale", Flag::Stale),
    ("lost", Flag::Lost),
    ("bad", Flag::Bad),
    ("armed", Flag::Armed),
    ("flying", Flag::Flying),
    ("landed", Flag::Landed),
    ("caution", Flag::Caution),
    ("warning", Flag::Warning),
    ("alert", Flag::Alert),
];
/// Longer signs first, so that `<=` is not read as `<`.
const SIGNS: [(&str, Comparison); 7] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("!=", Comparison::NotEqual),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Equal),
];

fn find<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find_map(|(known, value)| (*known == name).then_some(*value))
}

impl Predicate {
    /// Reads a predicate; the error is a sentence.
    pub fn parse(text: &str) -> Result<Predicate, String> {
        if text.len() > TEXT_MAX {
            return Err(format!("the predicate has {} bytes; at most {TEXT_MAX} are accepted", text.len()));
        }
        let mut parser = Parser(tokens(text).into_iter().peekable());
        let condition = parser.any()?;
        match parser.0.next() {
            Some(token) => Err(unexpected(&token)),
            None => Ok(Predicate { text: text.to_owned(), condition }),
        }
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds for a drone.
    pub fn holds_for(&self, subject: &Subject) -> bool {
        self.condition.holds_for(subject)
    }
}

impl FromStr for Predicate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Predicate::parse(text)
    }
}

fn unexpected(token: &str) -> String {
    format!("{token:?} is not expected here")
}

/// Signs by themselves, and everything between them and spaces; in lower case.
fn tokens(text: &str) -> Vec<String> {
    let is_sign = |c: char| "()&|!<>=".contains(c);
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let two = SIGNS.iter().map(|(sign, _)| *sign).find(|sign| sign.len() == 2 && rest.starts_with(sign));
        let length = match two {
            Some(sign) => sign.len(),
            None if is_sign(first) => first.len_utf8(),
            None => rest.find(|c| is_sign(c) || c.is_whitespace()).unwrap_or(rest.len()),
        };
        found.push(rest[..length].to_lowercase());
        rest = rest[length..].trim_start();
    }
    found
}

struct Parser(Peekable<IntoIter<String>>);

impl Parser {
    fn next_is(&mut self, any: &[&str]) -> bool {
        self.0.peek().is_some_and(|token| any.contains(&token.as_str()))
    }

    fn any(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.all()?];
        while self.next_is(&["or", "|"]) {
            self.0.next();
            all.push(self.all()?);
        }
        Ok(one_or(all, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.not()?];
        loop {
            if self.next_is(&["and", "&"]) {
                self.0.next();
            } else if self.0.peek().is_none() || self.next_is(&[")", "|", "or"]) {
                return Ok(one_or(all, Condition::All));
            }
            all.push(self.not()?);
        }
    }

    fn not(&mut self) -> Result<Condition, String> {
        let Some(token) = self.0.next() else { return Err("a condition is missing".into()) };
        match token.as_str() {
            "not" | "!" => Ok(Condition::Not(Box::new(self.not()?))),
            "(" => {
                let inner = self.any()?;
                match self.0.next().as_deref() {
                    Some(")") => Ok(inner),
                    _ => Err("the parenthesis is not closed".into()),
                }
            }
            "near" => self.near(),
            word => self.term(word),
        }
    }

    fn term(&mut self, word: &str) -> Result<Condition, String> {
        if let Some(number) = find(&NUMBERS, word) {
            return self.comparison(word, number);
        }
        let flag = find(&FLAGS, word);
        let name = find(&NAMES, word);
        match (name, flag) {
            (Some(name), None) => self.equality(word, name),
            (Some(name), Some(_)) if self.next_is(&["=", "==", "!="]) => self.equality(word, name),
            (_, Some(flag)) => Ok(Condition::Flag(flag)),
            (None, None) => part(word),
        }
    }

    fn comparison(&mut self, field: &str, number: Number) -> Result<Condition, String> {
        let sign = self.0.next().and_then(|token| find(&SIGNS, &token));
        let sign = sign.ok_or_else(|| format!("{field} needs <, >, <=, >=, = or != and a number"))?;
        let value = self.0.next().and_then(|token| token.strip_suffix('%').unwrap_or(&token).parse().ok());
        match value.filter(|value: &f64| value.is_finite()) {
            Some(value) => Ok(Condition::Number(number, sign, value)),
            None => Err(format!("{field} is compared with a number")),
        }
    }

    fn equality(&mut self, field: &str, name: Name) -> Result<Condition, String> {
        let mut is_equal = true;
        if self.next_is(&["=", "==", "!="]) {
            is_equal = self.0.next().as_deref() != Some("!=");
        }
        let value = self.0.next().unwrap_or_default();
        let value = value.trim_matches(['"', '\'']);
        if value.is_empty() || value.starts_with(['(', ')', '&', '|', '<', '>', '=', '!']) {
            return Err(format!("{field} needs a name"));
        }
        name.check(value)?;
        Ok(Condition::Name(name, is_equal, value.to_owned()))
    }

    /// `near 270,-150,40`, with spaces or without.
    fn near(&mut self) -> Result<Condition, String> {
        let mut numbers = Vec::new();
        while numbers.len() < 3 {
            let fits = |c: char| c.is_ascii_digit() || "+-.,".contains(c);
            let Some(token) = self.0.next_if(|token| token.chars().all(fits)) else { break };
            numbers.extend(token.split(',').filter(|part| !part.is_empty()).map(str::parse::<f64>));
        }
        match numbers.as_slice() {
            [Ok(east), Ok(north), Ok(radius)] => {
                Ok(Condition::Near { east: *east, north: *north, radius: *radius })
            }
            _ => Err("near needs east, north and a radius in metres".into()),
        }
    }
}

fn one_or(mut all: Vec<Condition>, many: impl FnOnce(Vec<Condition>) -> Condition) -> Condition {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            many(all)
        }
        None => many(all),
    }
}

/// A word that is no keyword is part of an id; what no id can hold is a slip.
fn part(word: &str) -> Result<Condition, String> {
    match word {
        "selected" => Err("selected is known to the console only".into()),
        ")" | "&" | "|" | "<" | ">" | "<=" | ">=" | "=" | "==" | "!=" => Err(unexpected(word)),
        _ if word.chars().all(|c| c.is_alphanumeric() || "_.-".contains(c)) => {
            Ok(Condition::Part(word.to_owned()))
        }
        _ => Err(format!(
            "{word:?} is no condition; write for example battery < 30, mode = hold, or part of an id"
        )),
    }
}

impl Condition {
    fn holds_for(&self, s: &Subject) -> bool {
        match self {
            Condition::Any(all) => all.iter().any(|condition| condition.holds_for(s)),
            Condition::All(all) => all.iter().all(|condition| condition.holds_for(s)),
            Condition::Not(condition) => !condition.holds_for(s),
            Condition::Number(number, comparison, wanted) => comparison.holds(number.of(s), *wanted),
            Condition::Name(name, is_equal, wanted) => (name.of(s).to_lowercase() == *wanted) == *is_equal,
            Condition::Near { east, north, radius } => {
                let (e, n) = (s.state.position.x - east, s.state.position.y - north);
                *radius >= 0.0 && e * e + n * n <= radius * radius
            }
            Condition::Flag(flag) => flag.holds_for(s),
            Condition::Part(part) => s.id.to_lowercase().contains(part.as_str()),
        }
    }
}

impl Number {
    fn of(self, s: &Subject) -> f64 {
        let v = s.state.velocity;
        match self {
            Number::Battery => s.state.battery_pct,
            Number::Altitude => s.state.position.z,
            Number::Speed => (v.x * v.x + v.y * v.y).sqrt(),
            Number::Climb => v.z,
            Number::Heading => s.state.heading_deg,
            Number::East => s.state.position.x,
            Number::North => s.state.position.y,
            Number::Age => f64::from(s.state.silent_ticks) * s.tick_s,
        }
    }
}

impl Comparison {
    /// What is not known (NaN) compares with nothing, not even as different.
    fn holds(self, value: f64, wanted: f64) -> bool {
        match self {
            Comparison::Less => value < wanted,
            Comparison::LessOrEqual => value <= wanted,
            Comparison::Greater => value > wanted,
            Comparison::GreaterOrEqual => value >= wanted,
            Comparison::Equal => (value - wanted).abs() < SAME,
            Comparison::NotEqual => (value - wanted).abs() >= SAME,
        }
    }
}

impl Name {
    fn of<'a>(self, s: &Subject<'a>) -> &'a str {
        match self {
            Name::Id => s.id,
            Name::Kind => s.kind,
            Name::Group => s.group,
            Name::Mode => s.state.mode.name(),
            Name::Landed => s.state.landed.name(),
            Name::Armed if s.state.armed => "true",
            Name::Armed => "false",
        }
    }

    /// Refuses values that can never hold.
    fn check(self, value: &str) -> Result<(), String> {
        let one_of = |names: &[&str]| match names.contains(&value) {
            true => Ok(()),
            false => Err(format!("{value:?} is not one of {}", names.join(", "))),
        };
        match self {
            Name::Mode => one_of(&Mode::ALL.map(|(name, _)| name)),
            Name::Landed => one_of(&Landed::ALL.map(|(name, _)| name)),
            Name::Armed => one_of(&["true", "false"]),
            Name::Id | Name::Kind | Name::Group => Ok(()),
        }
    }
}

impl Flag {
    fn holds_for(self, s: &Subject) -> bool {
        let state = s.state;
        let level = state.alert.as_ref().map(|alert| alert.level);
        match self {
            Flag::Stale => state.link_lost || Number::Age.of(s) > STALE_S,
            Flag::Lost => state.link_lost,
            Flag::Bad => state.bad_data,
            Flag::Armed => state.armed,
            Flag::Flying => state.landed != Landed::OnGround,
            Flag::Landed => state.landed == Landed::OnGround,
            Flag::Caution => level == Some(AlertLevel::Caution),
            Flag::Warning => level >= Some(AlertLevel::Warning),
            Flag::Alert => level >= Some(AlertLevel::Caution),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Example {
        id: String,
        #[serde(rename = "type")]
        kind: String,
        group: String,
        state: DroneState,
    }

    #[derive(Deserialize)]
    struct Examples {
        drones: Vec<Example>,
        holds: Vec<(String, Vec<String>)>,
        wrong: BTreeMap<String, String>,
    }

    fn examples() -> Examples {
        serde_json::from_str(include_str!("../../frontend/test/fixtures/predicates.json")).unwrap()
    }

    fn chosen(predicate: &Predicate, drones: &[Example]) -> Vec<String> {
        let holds = |d: &&Example| {
            let subject =
                Subject { id: &d.id, kind: &d.kind, group: &d.group, state: &d.state, tick_s: 0.04 };
            predicate.holds_for(&subject)
        };
        drones.iter().filter(holds).map(|d| d.id.clone()).collect()
    }

    #[test]
    fn conditions_hold_as_the_table_shared_with_the_console_says() {
        let examples = examples();
        assert!(examples.holds.len() > 40);
        for (text, ids) in &examples.holds {
            let predicate = Predicate::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(chosen(&predicate, &examples.drones), *ids, "{text}");
        }
    }

    #[test]
    fn a_wrong_condition_is_refused_with_the_sentence_of_the_table() {
        for (text, message) in examples().wrong {
            assert_eq!(Predicate::parse(&text).unwrap_err(), message, "{text}");
        }
        assert_eq!(Predicate::parse(" ").unwrap_err(), "a condition is missing");
        assert_eq!(Predicate::parse("selected").unwrap_err(), "selected is known to the console only");
    }

    #[test]
    fn what_is_not_known_compares_with_nothing() {
        let mut drones = examples().drones;
        drones.truncate(1);
        drones[0].state.battery_pct = f64::NAN;
        for text in ["battery < 30", "battery >= 30", "battery = 30", "battery != 30"] {
            assert_eq!(chosen(&Predicate::parse(text).unwrap(), &drones), [""; 0], "{text}");
        }
        assert_eq!(chosen(&Predicate::parse("not battery < 30").unwrap(), &drones).len(), 1);
    }

    #[test]
    fn deep_nesting_is_bounded_by_the_length_of_the_text() {
        let deep = |n: usize| format!("{}stale{}", "(".repeat(n), ")".repeat(n));
        assert!(Predicate::parse(&deep(250)).is_ok());
        assert!(Predicate::parse(&deep(300)).unwrap_err().contains("at most 512"));
        assert!(Predicate::parse(&"!".repeat(512)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = Predicate::parse(&text);
        }
        #[test]
        fn no_heap_of_words_makes_the_parser_panic(words in proptest::collection::vec("near|not|\\(|\\)|&|\\||<|=|battery|mode|hold|stale|-1,2|3", 0..12)) {
            let _ = Predicate::parse(&words.join(" "));
        }
    }
}
