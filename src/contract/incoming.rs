//! What clients say: command envelopes and subscriptions, parsed strictly.
//!
//! Every refusal names the field at fault and what is accepted there. Nothing here looks at the state of a swarm:
//! whether a drone exists or may take off is judged by the simulation.

use serde_json::{Map, Value};

use crate::sim::{Command, ErrorCode, Targets};

use super::error::ApiError;
use super::past::Fork;

/// Longest accepted `command_id`, in characters.
pub const COMMAND_ID_CHARS_MAX: usize = 64;
/// Longest accepted scenario text in `load_scenario`, in bytes.
pub const SCENARIO_BYTES_MAX: usize = 1_000_000;

/// A parsed command envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The client's idempotency key, if it sent one.
    pub command_id: Option<String>,
    /// The wire name of the command, such as `goto`.
    pub name: String,
    /// What is asked for.
    pub request: Request,
    /// Whom it is for. `None` for commands to the swarm itself.
    pub targets: Option<Targets>,
    /// Answer as if it were done, and do nothing.
    pub dry_run: bool,
    /// Reach drones that others hold a lease of too.
    pub is_override: bool,
}

/// The two kinds of commands.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Changes the simulated world; journalled, and repeated by a replay.
    Act(Command),
    /// Steers the clock or replaces the world; the `Swarm` actor carries it out.
    Control(Control),
}

/// Commands to the swarm's clock and to the run as a whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// Let the clock run.
    Start,
    /// Hold the clock; commands are still accepted.
    Pause,
    /// Run this many ticks, then stay paused.
    Step {
        /// 1 to [`Control::STEP_TICKS_MAX`].
        ticks: u64,
    },
    /// Hold the clock and close the run; `start` goes on with it.
    Stop,
    /// Begin a new run of the same scenario.
    Reset {
        /// Seed of the new run; absent: the same seed.
        seed: Option<u64>,
    },
    /// Simulated seconds per second of the wall clock.
    SetSpeed(Speed),
    /// Of a replay: show this tick.
    Seek {
        /// The tick.
        tick: u64,
    },
    /// Fly on from a tick of the run as a new run, beside this swarm. The gateway carries it out.
    Fork(Fork),
    /// Begin a new run of another scenario.
    LoadScenario {
        /// A built-in scenario's name, or a scenario's text.
        source: ScenarioSource,
        /// Seed; absent: the scenario's own.
        seed: Option<u64>,
    },
}

/// Reads `value` strictly; an error names the field under `place`.
pub(super) fn parse_params<T: serde::de::DeserializeOwned>(
    value: &Value,
    place: &str,
) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let field =
            if path == "." { place.trim_end_matches('.').to_owned() } else { format!("{place}{path}") };
        ApiError::bad_request(field, error.into_inner().to_string())
    })
}

impl Control {
    /// Most ticks of one `step`.
    pub const STEP_TICKS_MAX: u64 = 100_000;
}

/// How fast simulated time runs against the wall clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// 0.1 to 100.
    Factor(f64),
    /// As fast as the machine allows.
    Max,
}

impl Speed {
    /// Accepted factors.
    pub const FACTOR: std::ops::RangeInclusive<f64> = 0.1..=100.0;
}

/// Where a scenario comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ScenarioSource {
    /// The name of a scenario this server knows.
    Name(String),
    /// TOML text sent by the client.
    Text(String),
}

impl Envelope {
    /// Parses `{"command_id"?, "command", "targets"?, "params"?, "dry_run"?, "override"?}` or the old form
    /// `{"drone_name", "command_type", "target"?}`.
    ///
    /// # Errors
    /// `bad_request` with the field, `unknown_command`, `out_of_range` with the range, `not_finite`, `too_large`.
    pub fn parse(value: Value) -> Result<Self, ApiError> {
        let Value::Object(mut fields) = value else {
            return Err(ApiError::bad_request("command", "a command is a JSON object with a field command"));
        };
        if fields.contains_key("command_type") {
            fields = from_old_form(fields)?;
        }
        let command_id = take_command_id(&mut fields)?;
        let name = match fields.remove("command") {
            Some(Value::String(name)) => name,
            Some(_) => {
                return Err(ApiError::bad_request("command", "command must be a string such as \"goto\""));
            }
            None => {
                return Err(ApiError::bad_request(
                    "command",
                    "command is missing; it names what to do, such as \"goto\"",
                ));
            }
        };
        let params = match fields.remove("params") {
            Some(Value::Object(params)) => params,
            None | Some(Value::Null) => Map::new(),
            Some(_) => return Err(ApiError::bad_request("params", "params must be an object")),
        };
        let targets = take_targets(&mut fields)?;
        let dry_run = take_switch(&mut fields, "dry_run")?;
        let is_override = take_switch(&mut fields, "override")?;
        if let Some(unknown) = fields.keys().next() {
            return Err(ApiError::bad_request(
                unknown.clone(),
                format!(
                    "unknown field {unknown}; a command has command_id, command, targets, params, dry_run and override"
                ),
            ));
        }
        let request = parse_request(&name, params)?;
        if matches!(&request, Request::Act(command) if is_for_drones(command)) && targets.is_none() {
            let forms = "\"all\", a list of drone ids, {\"group\": …} or {\"where\": …}";
            return Err(ApiError::bad_request("targets", format!("{name} needs targets: {forms}")));
        }
        Ok(Self { command_id, name, request, targets, dry_run, is_override })
    }
}

/// The `command_id` that an envelope carries, if it carries a usable one: so that a refusal can name it too.
pub fn command_id_of(value: &Value) -> Option<String> {
    value.get("command_id")?.as_str().filter(|id| is_command_id(id)).map(str::to_owned)
}

/// Whether a command concerns drones, and so must say which.
fn is_for_drones(command: &Command) -> bool {
    !matches!(
        command,
        Command::SetParam { .. }
            | Command::UndoParam { .. }
            | Command::Spawn { .. }
            | Command::SetEnvironment { .. }
            | Command::SetFence { .. }
            | Command::RemoveFence { .. }
            | Command::GodView { .. }
    )
}

fn is_command_id(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= COMMAND_ID_CHARS_MAX
}

fn take_command_id(fields: &mut Map<String, Value>) -> Result<Option<String>, ApiError> {
    match fields.remove("command_id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if is_command_id(&id) => Ok(Some(id)),
        Some(_) => Err(ApiError::bad_request(
            "command_id",
            format!("command_id must be a string of 1 to {COMMAND_ID_CHARS_MAX} characters"),
        )),
    }
}

fn take_switch(fields: &mut Map<String, Value>, name: &str) -> Result<bool, ApiError> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(is_on)) => Ok(is_on),
        Some(_) => Err(ApiError::bad_request(name, format!("{name} must be true or false"))),
    }
}

fn take_targets(fields: &mut Map<String, Value>) -> Result<Option<Targets>, ApiError> {
    match fields.remove("targets") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value).map(Some).map_err(|error| {
            ApiError::bad_request(
                "targets",
                format!("targets must be \"all\", a list of drone ids, {{\"group\": …}} or {{\"where\": …}}: {error}"),
            )
        }),
    }
}

fn parse_request(name: &str, mut params: Map<String, Value>) -> Result<Request, ApiError> {
    let control = match name {
        "start" => Control::Start,
        "pause" => Control::Pause,
        "stop" => Control::Stop,
        "step" => Control::Step {
            ticks: take_integer(&mut params, "ticks", 1, Control::STEP_TICKS_MAX)?.unwrap_or(1),
        },
        "reset" => Control::Reset { seed: take_seed(&mut params)? },
        "set_speed" => Control::SetSpeed(take_speed(&mut params)?),
        "seek" => {
            let missing = || ApiError::bad_request("params.tick", "seek needs tick, a whole number");
            Control::Seek { tick: take_integer(&mut params, "tick", 0, u64::MAX)?.ok_or_else(missing)? }
        }
        "fork" => {
            let fork = Control::Fork(parse_params(&Value::Object(params), "params.")?);
            return Ok(Request::Control(fork));
        }
        "load_scenario" => Control::LoadScenario {
            source: take_scenario_source(&mut params)?,
            seed: take_seed(&mut params)?,
        },
        _ => return parse_act(name, params).map(Request::Act),
    };
    match params.keys().next() {
        Some(unknown) => Err(ApiError::bad_request(
            format!("params.{unknown}"),
            format!("{name} has no parameter {unknown}"),
        )),
        None => Ok(Request::Control(control)),
    }
}

fn parse_act(name: &str, params: Map<String, Value>) -> Result<Command, ApiError> {
    // What only the server itself journals is no command to anyone else.
    let is_ours = name == (Command::IntentMissed {}).name();
    if is_ours || !Command::NAMES.contains(&name) {
        return Err(
            ApiError::new(ErrorCode::UnknownCommand, format!("there is no command {name:?}")).at("command")
        );
    }
    let tagged = serde_json::json!({ "command": name, "params": params });
    serde_path_to_error::deserialize(&tagged).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "params".to_owned() } else { path };
        ApiError::bad_request(field, format!("{name}: {}", error.into_inner()))
    })
}

fn take_integer(
    params: &mut Map<String, Value>,
    name: &str,
    min: u64,
    max: u64,
) -> Result<Option<u64>, ApiError> {
    let field = format!("params.{name}");
    match params.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(n) if (min..=max).contains(&n) => Ok(Some(n)),
            _ if value.is_number() => Err(ApiError::new(
                ErrorCode::OutOfRange,
                format!("{name} is {value}; it must be a whole number from {min} to {max}"),
            )
            .at(field)),
            _ => Err(ApiError::bad_request(
                field,
                format!("{name} must be a whole number from {min} to {max}"),
            )),
        },
    }
}

fn take_seed(params: &mut Map<String, Value>) -> Result<Option<u64>, ApiError> {
    take_integer(params, "seed", 0, u64::MAX)
}

fn take_speed(params: &mut Map<String, Value>) -> Result<Speed, ApiError> {
    let accepted = format!("a number from {} to {}, or \"max\"", Speed::FACTOR.start(), Speed::FACTOR.end());
    match params.remove("factor") {
        Some(Value::String(word)) if word == "max" => Ok(Speed::Max),
        Some(Value::Number(number)) => match number.as_f64() {
            Some(factor) if Speed::FACTOR.contains(&factor) => Ok(Speed::Factor(factor)),
            _ => Err(ApiError::new(
                ErrorCode::OutOfRange,
                format!("factor is {number}; it must be {accepted}"),
            )
            .at("params.factor")),
        },
        _ => Err(ApiError::bad_request("params.factor", format!("factor must be {accepted}"))),
    }
}

fn take_scenario_source(params: &mut Map<String, Value>) -> Result<ScenarioSource, ApiError> {
    match (params.remove("name"), params.remove("text")) {
        (Some(Value::String(name)), None) => Ok(ScenarioSource::Name(name)),
        (None, Some(Value::String(text))) if text.len() > SCENARIO_BYTES_MAX => Err(ApiError::new(
            ErrorCode::TooLarge,
            format!("the scenario has {} bytes; at most {SCENARIO_BYTES_MAX} are accepted", text.len()),
        )
        .at("params.text")),
        (None, Some(Value::String(text))) => Ok(ScenarioSource::Text(text)),
        _ => Err(ApiError::bad_request("params", "load_scenario needs either name or text, a string")),
    }
}

/// The old clients' form: `{"drone_name": "scout-1", "command_type": "move_to", "target": [10, 20, 15]}`.
fn from_old_form(mut old: Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    let kind = match old.remove("command_type") {
        Some(Value::String(kind)) => kind,
        _ => {
            return Err(ApiError::bad_request(
                "command_type",
                "command_type must be a string such as \"move_to\"",
            ));
        }
    };
    let drone = match old.remove("drone_name") {
        Some(Value::String(drone)) => drone,
        _ => return Err(ApiError::bad_request("drone_name", "drone_name must be the id of a drone")),
    };
    let target = old.remove("target").unwrap_or(Value::Null);
    let (command, params) = match (kind.as_str(), target) {
        ("move_to", Value::Null) => {
            return Err(ApiError::bad_request(
                "target",
                "move_to needs a target [east, north, up] in metres",
            ));
        }
        ("move_to", target) => ("goto", serde_json::json!({ "position": target })),
        ("follow", target) => ("follow", serde_json::json!({ "drone": target })),
        ("takeoff", target @ Value::Number(_)) => ("takeoff", serde_json::json!({ "altitude_m": target })),
        ("takeoff", Value::Array(at)) if at.len() == 3 => {
            ("takeoff", serde_json::json!({ "altitude_m": at[2] }))
        }
        ("scan", Value::Null) => ("scan", Value::Null),
        ("scan", target) => ("scan", serde_json::json!({ "region": target })),
        ("hover", _) => ("hold", Value::Null),
        ("return", _) => ("rtl", Value::Null),
        (other @ ("land" | "takeoff"), _) => (other, Value::Null),
        (other, _) => {
            return Err(ApiError::new(
                ErrorCode::UnknownCommand,
                format!(
                    "there is no command_type {other:?}; known are move_to, hover, return, follow, land, takeoff and scan"
                ),
            )
            .at("command_type"));
        }
    };
    old.insert("command".into(), command.into());
    old.insert("targets".into(), serde_json::json!([drone]));
    old.insert("params".into(), params);
    Ok(old)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(value: Value) -> ApiError {
        Envelope::parse(value).expect_err("must be refused")
    }

    #[test]
    fn an_envelope_is_read_whole() {
        let envelope = Envelope::parse(json!({
            "command_id": "c1", "command": "goto", "targets": ["scout-1"],
            "params": {"position": [10, 20, 15], "speed_mps": 5}, "dry_run": true
        }))
        .unwrap();
        assert_eq!(envelope.command_id.as_deref(), Some("c1"));
        assert_eq!(envelope.name, "goto");
        assert!(envelope.dry_run);
        assert_eq!(envelope.targets, Some(Targets::Ids(vec!["scout-1".into()])));
    }

    #[test]
    fn the_old_form_means_the_same() {
        let old = json!({"drone_name": "scout-1", "command_type": "move_to", "target": [10, 10, 10]});
        let new = json!({"command": "goto", "targets": ["scout-1"], "params": {"position": [10, 10, 10]}});
        assert_eq!(Envelope::parse(old).unwrap(), Envelope::parse(new).unwrap());
        for (kind, command) in
            [("hover", "hold"), ("return", "rtl"), ("land", "land"), ("takeoff", "takeoff")]
        {
            let envelope = Envelope::parse(json!({"drone_name": "a", "command_type": kind})).unwrap();
            assert_eq!(envelope.name, command);
        }
    }

    #[test]
    fn a_refusal_names_the_field_at_fault() {
        for (value, code, field) in [
            (json!([]), ErrorCode::BadRequest, "command"),
            (json!({}), ErrorCode::BadRequest, "command"),
            (json!({"command": 3}), ErrorCode::BadRequest, "command"),
            (json!({"command": "dance", "targets": "all"}), ErrorCode::UnknownCommand, "command"),
            (json!({"command": "hold"}), ErrorCode::BadRequest, "targets"),
            (json!({"command": "hold", "targets": 7}), ErrorCode::BadRequest, "targets"),
            (json!({"command": "hold", "targets": "all", "extra": 1}), ErrorCode::BadRequest, "extra"),
            (
                json!({"command": "hold", "targets": "all", "command_id": ""}),
                ErrorCode::BadRequest,
                "command_id",
            ),
            (
                json!({"command": "hold", "targets": "all", "command_id": "x".repeat(65)}),
                ErrorCode::BadRequest,
                "command_id",
            ),
            (json!({"command": "hold", "targets": "all", "dry_run": 1}), ErrorCode::BadRequest, "dry_run"),
            (json!({"command": "pause", "params": {"x": 1}}), ErrorCode::BadRequest, "params.x"),
            (json!({"command": "step", "params": {"ticks": 0}}), ErrorCode::OutOfRange, "params.ticks"),
            (json!({"command": "step", "params": {"ticks": "9"}}), ErrorCode::BadRequest, "params.ticks"),
            (
                json!({"command": "set_speed", "params": {"factor": 1000}}),
                ErrorCode::OutOfRange,
                "params.factor",
            ),
            (json!({"command": "set_speed"}), ErrorCode::BadRequest, "params.factor"),
            (json!({"command": "load_scenario"}), ErrorCode::BadRequest, "params"),
            (json!({"drone_name": "a", "command_type": "fly"}), ErrorCode::UnknownCommand, "command_type"),
            (json!({"drone_name": "a", "command_type": "move_to"}), ErrorCode::BadRequest, "target"),
        ] {
            let error = refusal(value.clone());
            assert_eq!((error.code, error.field.as_deref()), (code, Some(field)), "{value}");
        }
    }

    #[test]
    fn a_wrong_parameter_is_named_by_its_path() {
        let error =
            refusal(json!({"command": "goto", "targets": "all", "params": {"position": [1, "x", 3]}}));
        assert_eq!(error.code, ErrorCode::BadRequest);
        assert!(error.field.as_deref().is_some_and(|f| f.contains("position") || f == "params"), "{error:?}");
    }

    #[test]
    fn what_concerns_the_world_needs_no_targets() {
        let god = Envelope::parse(json!({"command": "god_view", "params": {"on": true}}));
        assert!(matches!(god.unwrap().request, Request::Act(Command::GodView { on: true })));
        assert_eq!(refusal(json!({"command": "hold"})).field.as_deref(), Some("targets"));
    }

    #[test]
    fn speed_is_a_factor_or_max() {
        let speed = |factor: Value| {
            Envelope::parse(json!({"command": "set_speed", "params": {"factor": factor}})).map(|e| e.request)
        };
        assert_eq!(speed(json!(0.5)).unwrap(), Request::Control(Control::SetSpeed(Speed::Factor(0.5))));
        assert_eq!(speed(json!("max")).unwrap(), Request::Control(Control::SetSpeed(Speed::Max)));
        assert!(speed(json!("fast")).is_err());
    }
}
