//! Whom a command is for: everyone, a list, a group, or all those for which something holds.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::drone::{Landed, Mode};

/// The drones that a command is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Every drone: `"all"`.
    All,
    /// These, by id: `["scout-1", "scout-2"]`.
    Ids(Vec<String>),
    /// The members of a group: `{"group": "alpha"}`.
    Group(String),
    /// Those for which a predicate holds: `{"where": "battery < 30"}`.
    Where(Predicate),
}

impl Serialize for Targets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (key, value) = match self {
            Targets::All => return serializer.serialize_str("all"),
            Targets::Ids(ids) => return ids.serialize(serializer),
            Targets::Group(name) => ("group", name.as_str()),
            Targets::Where(predicate) => ("where", predicate.text()),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(key, value)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Targets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TargetsVisitor)
    }
}

struct TargetsVisitor;

impl<'de> Visitor<'de> for TargetsVisitor {
    type Value = Targets;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(r#""all", a list of drone ids, {"group": name} or {"where": predicate}"#)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Targets, E> {
        match text {
            "all" => Ok(Targets::All),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Targets, A::Error> {
        let mut ids = Vec::new();
        while let Some(id) = seq.next_element()? {
            ids.push(id);
        }
        Ok(Targets::Ids(ids))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Targets, A::Error> {
        let Some((key, value)) = map.next_entry::<String, String>()? else {
            return Err(de::Error::invalid_length(0, &self));
        };
        if map.next_key::<String>()?.is_some() {
            return Err(de::Error::invalid_length(2, &self));
        }
        match key.as_str() {
            "group" => Ok(Targets::Group(value)),
            "where" => value.parse().map(Targets::Where).map_err(de::Error::custom),
            _ => Err(de::Error::unknown_field(&key, &["group", "where"])),
        }
    }
}

/// What a predicate may ask about a drone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subject<'a> {
    /// Id.
    pub id: &'a str,
    /// Name of the type.
    pub kind: &'a str,
    /// Group, empty if none.
    pub group: &'a str,
    /// Mode.
    pub mode: Mode,
    /// Contact with the ground.
    pub landed: Landed,
    /// Whether armed.
    pub armed: bool,
    /// Charge in per cent.
    pub battery: f64,
    /// Height above the ground plane in metres.
    pub altitude: f64,
    /// Speed in m/s.
    pub speed: f64,
}

/// A condition on drones, such as `battery < 30 & mode = hold | group = alpha`. `&` binds tighter than `|`.
///
/// Numbers: `battery` (%), `altitude` (m), `speed` (m/s) with `< <= > >= = !=`.
/// Words: `id`, `type`, `group`, `mode`, `landed`, `armed` (`true`, `false`) with `= !=`.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    text: String,
    any: Vec<Vec<Term>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Number(Number, Comparison, f64),
    Word(Word, bool, String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Battery,
    Altitude,
    Speed,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Word {
    Id,
    Kind,
    Group,
    Mode,
    Landed,
    Armed,
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

/// Longest accepted predicate in bytes.
const TEXT_MAX: usize = 512;
const NUMBERS: [(&str, Number); 3] =
    [("battery", Number::Battery), ("altitude", Number::Altitude), ("speed", Number::Speed)];
const WORDS: [(&str, Word); 6] = [
    ("id", Word::Id),
    ("type", Word::Kind),
    ("group", Word::Group),
    ("mode", Word::Mode),
    ("landed", Word::Landed),
    ("armed", Word::Armed),
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

impl Predicate {
    /// Reads a predicate; the error is a sentence.
    pub fn parse(text: &str) -> Result<Predicate, String> {
        if text.len() > TEXT_MAX {
            return Err(format!("the predicate has {} bytes; at most {TEXT_MAX} are accepted", text.len()));
        }
        let conjunction = |part: &str| part.split('&').map(Term::parse).collect::<Result<Vec<_>, _>>();
        let any = text.split('|').map(conjunction).collect::<Result<Vec<_>, _>>()?;
        Ok(Predicate { text: text.to_owned(), any })
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds for a drone.
    pub fn holds_for(&self, subject: &Subject) -> bool {
        self.any.iter().any(|all| all.iter().all(|term| term.holds_for(subject)))
    }
}

impl FromStr for Predicate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Predicate::parse(text)
    }
}

impl Term {
    fn parse(text: &str) -> Result<Term, String> {
        let text = text.trim();
        let sign = text.find(['<', '>', '=', '!']).ok_or_else(|| {
            format!("{text:?} is no condition; write for example `battery < 30` or `mode = hold`")
        })?;
        let (name, rest) = (text[..sign].trim(), &text[sign..]);
        let found = SIGNS.iter().find_map(|(s, c)| rest.strip_prefix(s).map(|value| (*c, value.trim())));
        let (comparison, value) = found.ok_or_else(|| format!("{rest:?} starts with no comparison"))?;
        if let Some((_, number)) = NUMBERS.iter().find(|(n, _)| *n == name) {
            let wanted = value.trim_end_matches('%').trim_end();
            return match wanted.parse::<f64>() {
                Ok(v) if v.is_finite() => Ok(Term::Number(*number, comparison, v)),
                _ => Err(format!("{name} is compared with {value:?}, which is not a number")),
            };
        }
        let Some((_, word)) = WORDS.iter().find(|(n, _)| *n == name) else {
            return Err(format!(
                "{name:?} is not known; use battery, altitude, speed, id, type, group, mode, landed or armed"
            ));
        };
        let value = value.trim_matches(['"', '\'']);
        word.check(value)?;
        match comparison {
            Comparison::Equal => Ok(Term::Word(*word, true, value.to_owned())),
            Comparison::NotEqual => Ok(Term::Word(*word, false, value.to_owned())),
            _ => Err(format!("{name} can be compared with = and != only")),
        }
    }

    fn holds_for(&self, s: &Subject) -> bool {
        match self {
            Term::Number(number, comparison, wanted) => {
                let value = match number {
                    Number::Battery => s.battery,
                    Number::Altitude => s.altitude,
                    Number::Speed => s.speed,
                };
                match comparison {
                    Comparison::Less => value < *wanted,
                    Comparison::LessOrEqual => value <= *wanted,
                    Comparison::Greater => value > *wanted,
                    Comparison::GreaterOrEqual => value >= *wanted,
                    Comparison::Equal => value == *wanted,
                    Comparison::NotEqual => value != *wanted,
                }
            }
            Term::Word(word, equal, wanted) => {
                let value = match word {
                    Word::Id => s.id,
                    Word::Kind => s.kind,
                    Word::Group => s.group,
                    Word::Mode => s.mode.name(),
                    Word::Landed => s.landed.name(),
                    Word::Armed if s.armed => "true",
                    Word::Armed => "false",
                };
                (value == wanted) == *equal
            }
        }
    }
}

impl Word {
    /// Refuses values that can never hold.
    fn check(self, value: &str) -> Result<(), String> {
        let one_of = |names: &[&str]| match names.contains(&value) {
            true => Ok(()),
            false => Err(format!("{value:?} is not one of {}", names.join(", "))),
        };
        match self {
            Word::Mode => one_of(&Mode::ALL.map(|(name, _)| name)),
            Word::Landed => one_of(&Landed::ALL.map(|(name, _)| name)),
            Word::Armed => one_of(&["true", "false"]),
            Word::Id | Word::Kind | Word::Group => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject = Subject {
        id: "scout-1",
        kind: "scout",
        group: "alpha",
        mode: Mode::Hold,
        landed: Landed::InAir,
        armed: true,
        battery: 25.0,
        altitude: 30.0,
        speed: 0.5,
    };

    #[test]
    fn conditions_hold_as_they_read() {
        for (text, holds) in [
            ("battery < 30", true),
            ("battery<30%", true),
            ("battery >= 30", false),
            ("battery = 25", true),
            ("mode = hold", true),
            ("mode != hold", false),
            ("battery < 30 & mode = land", false),
            ("battery < 30 & mode = land | group = alpha", true),
            ("group = beta | type = \"scout\" & armed = true", true),
            ("altitude <= 30 & speed > 0.4 & landed = in_air & id != scout-2", true),
        ] {
            assert_eq!(Predicate::parse(text).unwrap().holds_for(&SUBJECT), holds, "{text}");
        }
    }

    #[test]
    fn a_wrong_condition_is_refused_with_a_sentence() {
        for (text, message) in [
            ("", "\"\" is no condition; write for example `battery < 30` or `mode = hold`"),
            ("battery", "\"battery\" is no condition; write for example `battery < 30` or `mode = hold`"),
            ("battery < many", "battery is compared with \"many\", which is not a number"),
            ("battery < nan", "battery is compared with \"nan\", which is not a number"),
            ("mode < hold", "mode can be compared with = and != only"),
            (
                "mode = sleep",
                "\"sleep\" is not one of standby, takeoff, hold, guided, mission, swarm, rtl, land, emergency",
            ),
            ("battery ! 3", "\"! 3\" starts with no comparison"),
            (
                "colour = red",
                "\"colour\" is not known; use battery, altitude, speed, id, type, group, mode, landed or armed",
            ),
        ] {
            assert_eq!(Predicate::parse(text).unwrap_err(), message);
        }
    }

    #[test]
    fn targets_travel_as_the_contract_says() {
        for text in [r#""all""#, r#"["a","b"]"#, r#"{"group":"alpha"}"#, r#"{"where":"battery < 30"}"#] {
            let targets: Targets = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&targets).unwrap(), text);
        }
        for text in
            [r#""some""#, "{}", "3", r#"{"group":"a","where":"b"}"#, r#"{"x":"y"}"#, r#"{"where":"?"}"#]
        {
            assert!(serde_json::from_str::<Targets>(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = Predicate::parse(&text);
        }
    }
}
