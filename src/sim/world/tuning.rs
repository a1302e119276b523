//! Parameters while a run goes on: set, and taken back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::Level;
use super::super::command::{CommandError, ErrorCode};
use super::super::params::{ParamError, Params};
use super::World;
use super::apply::shorten;

/// Changes that can be taken back; older ones stand.
const CHANGES_MAX: usize = 256;

/// A change of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Change {
    /// Its path.
    pub path: String,
    /// What it was before.
    pub before: f64,
}

impl World {
    /// Sets a parameter from the next tick on, and remembers what it was. `field` is named in errors.
    pub(super) fn set_param(&mut self, field: &str, path: &str, value: f64) -> Result<(), CommandError> {
        let before = self.params.get(path);
        set(&mut self.params, field, path, value)?;
        if self.changes.len() == CHANGES_MAX {
            self.changes.remove(0);
        }
        self.changes.push(Change { path: path.to_owned(), before: before.unwrap_or(value) });
        self.retuned(path, value);
        Ok(())
    }

    /// Takes back the last change, or the last of the parameter at `path`.
    pub(super) fn undo_param(&mut self, path: Option<&str>) -> Result<(), CommandError> {
        let at = self.last_change(path)?;
        let Change { path, before } = self.changes.remove(at);
        set(&mut self.params, "path", &path, before)?;
        self.retuned(&path, before);
        Ok(())
    }

    /// The place of the change that [`World::undo_param`] would take back.
    pub(super) fn last_change(&self, path: Option<&str>) -> Result<usize, CommandError> {
        let at = self.changes.iter().rposition(|change| path.is_none_or(|path| change.path == path));
        at.ok_or_else(|| {
            let of = path.map_or_else(String::new, |path| format!(" of {:?}", shorten(path)));
            CommandError::new(ErrorCode::NotInState, "path", format!("there is no change{of} to take back"))
        })
    }

    fn retuned(&mut self, path: &str, value: f64) {
        self.tune_sensors();
        self.wind.tune(&self.params);
        self.tell(Level::Info, Arc::clone(&self.swarm), "param_set", format!("{path} is {value} now"));
    }
}

/// Sets a parameter, or says what is wrong with `path` or with the value, which came in `field`.
pub(super) fn set(params: &mut Params, field: &str, path: &str, value: f64) -> Result<(), CommandError> {
    params.set(path, value).map_err(|error| match error {
        ParamError::Unknown => {
            let message = format!("no parameter has the path {:?}", shorten(path));
            CommandError::new(ErrorCode::UnknownParam, "path", message)
        }
        ParamError::NotFinite => {
            CommandError::new(ErrorCode::NotFinite, field, format!("{value} is not a finite number"))
        }
        ParamError::OutOfRange(spec) => {
            let message = format!("{value} is out of range {}..={}", spec.min, spec.max);
            CommandError::new(ErrorCode::OutOfRange, field, message)
        }
    })
}
