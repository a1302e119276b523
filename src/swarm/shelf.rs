//! The scenarios that a server can load by name.

use std::collections::BTreeMap;

use crate::sim::{Scenario, ScenarioError, builtin};

/// Scenario texts by name: the built-in ones, and those the server was started with.
#[derive(Debug, Clone)]
pub struct Shelf {
    texts: BTreeMap<String, String>,
}

impl Default for Shelf {
    fn default() -> Self {
        let texts =
            builtin::list().iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self { texts }
    }
}

impl Shelf {
    /// Puts a scenario on the shelf under its own name, in place of one of the same name.
    pub fn put(&mut self, scenario: &Scenario) {
        self.texts.insert(scenario.name.clone(), scenario.text().to_owned());
    }

    /// The source of the scenario `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// Names in alphabetical order.
    pub fn names(&self) -> Vec<String> {
        self.texts.keys().cloned().collect()
    }

    /// The parsed scenario `name`; `None` if it is not on the shelf.
    pub fn scenario(&self, name: &str) -> Option<Result<Scenario, Vec<ScenarioError>>> {
        self.text(name).map(Scenario::parse)
    }
}
