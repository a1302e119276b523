//! Whom a command is for: everyone, a list, a group, or all those for which something holds.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Predicate;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
