//! What a client wants to see of the telemetry: topics, rates, encodings, filters. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::event;
use crate::sim::{DroneState, DroneTable};

/// Publications a second; a subscription's rate divides it.
pub const RATE_HZ: f64 = 25.0;
/// `visualization-update` comes with every so many publications.
pub const VISUALIZATION_EVERY: u64 = 5;
/// How far positions in `delta` may be from the truth, in whole centimetres: unless asked otherwise, and at most.
const ERROR_CM: (u32, u32) = (1, 100);
/// Most drones that a filter may name.
const FILTER_DRONES_MAX: usize = 10_000;

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Topic {
    /// The swarm in numbers.
    #[serde(rename = "status-update")]
    Status,
    /// Every drone.
    #[serde(rename = "drones-update")]
    Drones,
    /// Trails, goals, fences, obstacles.
    #[serde(rename = "visualization-update")]
    Visualization,
    /// The log.
    #[serde(rename = "log-update")]
    Log,
    /// What becomes of commands.
    #[serde(rename = "command-update")]
    Commands,
    /// Who is connected.
    #[serde(rename = "presence-update")]
    Presence,
}

impl Topic {
    /// Everything that a client gets without asking.
    pub const ALL: [Topic; 6] =
        [Topic::Status, Topic::Drones, Topic::Visualization, Topic::Log, Topic::Commands, Topic::Presence];

    /// The event's name.
    pub fn event(self) -> &'static str {
        match self {
            Topic::Status => event::STATUS,
            Topic::Drones => event::DRONES,
            Topic::Visualization => event::VISUALIZATION,
            Topic::Log => event::LOG,
            Topic::Commands => event::COMMAND_UPDATE,
            Topic::Presence => event::PRESENCE,
        }
    }

    /// Whether a slow client gets only the newest one.
    pub fn is_telemetry(self) -> bool {
        matches!(self, Topic::Status | Topic::Drones | Topic::Visualization)
    }

    fn parse(name: &str) -> Result<Self, ApiError> {
        Self::ALL.into_iter().find(|topic| topic.event() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|topic| topic.event()).collect();
            ApiError::bad_request(
                format!("topics.{name}"),
                format!("there is no topic {name}; topics are {}", known.join(", ")),
            )
        })
    }
}

/// How `drones-update` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As `GET /api/drones` answers.
    Json,
    /// [`crate::contract::compact`].
    Binary,
    /// [`crate::contract::delta`].
    Delta,
}

/// Which drones a `drones-update` carries; all that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Filter {
    /// These ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drones: Option<Vec<String>>,
    /// The drones of this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Inside this rectangle on the ground: `[east_min, north_min, east_max, north_max]`, metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<[f64; 4]>,
}

impl Filter {
    /// Whether it lets every drone through.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the drone at `slot` passes.
    pub fn keeps(&self, table: &DroneTable, slot: usize, drone: &DroneState) -> bool {
        let row = &table.rows[slot];
        let in_region = |[e0, n0, e1, n1]: &[f64; 4]| {
            let p = drone.position;
            (*e0..=*e1).contains(&p.x) && (*n0..=*n1).contains(&p.y)
        };
        self.drones.as_ref().is_none_or(|ids| ids.iter().any(|id| **id == *row.id))
            && self.group.as_ref().is_none_or(|group| row.group.as_deref() == Some(group))
            && self.region.as_ref().is_none_or(in_region)
    }
}

/// One client's subscription to one topic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subscription {
    /// Updates a second that the client gets, rounded to a divisor of the publication rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_hz: Option<f64>,
    /// How `drones-update` is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// How far positions in `delta` may be from the truth, metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_m: Option<f64>,
    /// At most this many frames are under way until `frame-ack` comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<u32>,
    /// Which drones.
    #[serde(flatten)]
    pub filter: Filter,
    /// Every how many publications.
    #[serde(skip)]
    pub every: u64,
}

impl Subscription {
    /// What a client that asks for nothing gets.
    pub fn default_for(topic: Topic) -> Self {
        let every = if topic == Topic::Visualization { VISUALIZATION_EVERY } else { 1 };
        Self {
            rate_hz: topic.is_telemetry().then_some(RATE_HZ / every as f64),
            encoding: (topic == Topic::Drones).then_some(Encoding::Json),
            error_m: None,
            in_flight_max: None,
            filter: Filter::default(),
            every,
        }
    }

    /// Whether drones are named by their place in the `drones-table`.
    pub fn needs_table(&self) -> bool {
        self.encoding.is_some_and(|encoding| encoding != Encoding::Json)
    }

    /// Clients with equal rooms share every frame.
    pub fn room(&self, topic: Topic) -> String {
        let encoding = match self.encoding {
            Some(Encoding::Delta) => format!("delta {}", self.error_m.unwrap_or_default()),
            Some(Encoding::Binary) => "binary".into(),
            Some(Encoding::Json) => "json".into(),
            None => String::new(),
        };
        let filter =
            if self.filter.is_empty() { String::new() } else { serde_json::json!(self.filter).to_string() };
        format!("{}|{encoding}|{}|{filter}", topic.event(), self.every)
    }

    fn parse(topic: Topic, value: Value) -> Result<Self, ApiError> {
        let at = |field: &str| format!("topics.{}.{field}", topic.event());
        let Value::Object(mut fields) = value else {
            return Err(ApiError::bad_request(
                format!("topics.{}", topic.event()),
                "a subscription is an object, {} for the defaults",
            ));
        };
        let mut subscription = Self::default_for(topic);
        if let Some(rate) = take(&mut fields, "rate_hz") {
            let hz = rate
                .as_f64()
                .ok_or_else(|| ApiError::bad_request(at("rate_hz"), "rate_hz must be a number"))?;
            if !(0.1..=RATE_HZ).contains(&hz) {
                let message = format!("rate_hz is {hz}; it must be from 0.1 to {RATE_HZ}");
                return Err(ApiError::new(ErrorCode::OutOfRange, message).at(at("rate_hz")));
            }
            let fastest = Self::default_for(topic).every;
            subscription.every = ((RATE_HZ / hz).round() as u64).max(fastest);
            subscription.rate_hz = Some(RATE_HZ / subscription.every as f64);
        }
        if topic == Topic::Drones {
            subscription.take_drones_fields(&mut fields, at)?;
        }
        match fields.keys().next() {
            Some(unknown) => {
                Err(ApiError::bad_request(at(unknown), format!("{} has no setting {unknown}", topic.event())))
            }
            None => Ok(subscription),
        }
    }

    fn take_drones_fields(
        &mut self,
        fields: &mut Map<String, Value>,
        at: impl Fn(&str) -> String,
    ) -> Result<(), ApiError> {
        self.take_encoding(fields, &at)?;
        if let Some(max) = take(fields, "in_flight_max") {
            self.in_flight_max = match max.as_u64() {
                Some(n @ 1..=100) => Some(n as u32),
                _ => {
                    let message = format!("in_flight_max is {max}; it must be a whole number from 1 to 100");
                    return Err(ApiError::new(ErrorCode::OutOfRange, message).at(at("in_flight_max")));
                }
            };
        }
        if let Some(ids) = take(fields, "drones") {
            let ids: Vec<String> = serde_json::from_value(ids)
                .map_err(|_| ApiError::bad_request(at("drones"), "drones must be a list of drone ids"))?;
            if ids.len() > FILTER_DRONES_MAX {
                let message =
                    format!("drones names {} drones; at most {FILTER_DRONES_MAX} are accepted", ids.len());
                return Err(ApiError::new(ErrorCode::TooLarge, message).at(at("drones")));
            }
            self.filter.drones = Some(ids);
        }
        if let Some(group) = take(fields, "group") {
            let group =
                group.as_str().ok_or_else(|| ApiError::bad_request(at("group"), "group must be a string"))?;
            self.filter.group = Some(group.to_owned());
        }
        if let Some(region) = take(fields, "region") {
            let region = serde_json::from_value(region).map_err(|_| {
                ApiError::bad_request(
                    at("region"),
                    "region must be [east_min, north_min, east_max, north_max] in metres",
                )
            })?;
            self.filter.region = Some(region);
        }
        if self.needs_table() && !self.filter.is_empty() {
            return Err(ApiError::bad_request(
                at("encoding"),
                "binary frames carry every drone; filters need encoding json",
            ));
        }
        Ok(())
    }

    fn take_encoding(
        &mut self,
        fields: &mut Map<String, Value>,
        at: &impl Fn(&str) -> String,
    ) -> Result<(), ApiError> {
        if let Some(encoding) = take(fields, "encoding") {
            self.encoding = Some(match encoding.as_str() {
                Some("json") => Encoding::Json,
                Some("binary") => Encoding::Binary,
                Some("delta") => Encoding::Delta,
                _ => {
                    return Err(ApiError::bad_request(
                        at("encoding"),
                        "encoding must be json, binary or delta",
                    ));
                }
            });
        }
        let (usual, most) = ERROR_CM;
        self.error_m = (self.encoding == Some(Encoding::Delta)).then_some(f64::from(usual) / 100.0);
        let Some(error) = take(fields, "error_m") else { return Ok(()) };
        if self.error_m.is_none() {
            return Err(ApiError::bad_request(at("error_m"), "error_m needs encoding delta"));
        }
        // Down to whole centimetres, so that clients share rooms; 0.29 m are 28.999… cm.
        let cm = error.as_f64().map(|m| (m * 100.0 + 1e-9).floor());
        self.error_m = Some(
            cm.filter(|cm| (1.0..=f64::from(most)).contains(cm)).ok_or_else(|| {
                let message = format!("error_m is {error}; it must be a number from 0.01 to {}", most / 100);
                ApiError::new(ErrorCode::OutOfRange, message).at(at("error_m"))
            })? / 100.0,
        );
        Ok(())
    }
}

fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    fields.remove(name).filter(|value| !value.is_null())
}

/// A parsed `subscribe`.
#[derive(Debug, Default, PartialEq)]
pub struct Subscribe {
    /// New settings by topic; topics that are not named stay as they are.
    pub topics: BTreeMap<Topic, Subscription>,
    /// Send the log entries after this one.
    pub logs_after: Option<u64>,
}

impl Subscribe {
    /// Parses `{"topics"?: {topic: settings}, "logs_after"?}`.
    ///
    /// # Errors
    /// `bad_request`, `out_of_range` or `too_large`, naming the field.
    pub fn parse(value: Value) -> Result<Self, ApiError> {
        let Value::Object(mut fields) = value else {
            return Err(ApiError::bad_request("topics", "subscribe needs an object with a field topics"));
        };
        let topics = match take(&mut fields, "topics") {
            None => BTreeMap::new(),
            Some(topics) => parse_topics(topics)?,
        };
        let logs_after = match take(&mut fields, "logs_after") {
            None => None,
            Some(seq) => Some(seq.as_u64().ok_or_else(|| {
                ApiError::bad_request(
                    "logs_after",
                    "logs_after must be the seq of a log entry, a whole number",
                )
            })?),
        };
        match fields.keys().next() {
            Some(unknown) => {
                Err(ApiError::bad_request(unknown.clone(), format!("subscribe has no field {unknown}")))
            }
            None => Ok(Self { topics, logs_after }),
        }
    }
}

/// What a client gets from the start: everything, in the form that CONNECT's `topics` asks for. A client that wants binary
/// frames of a large swarm would otherwise be sent its first list in JSON, megabytes that it drops.
///
/// # Errors
/// As [`Subscribe::parse`].
pub fn at_connect(auth: &Value) -> Result<BTreeMap<Topic, Subscription>, ApiError> {
    let mut all: BTreeMap<_, _> =
        Topic::ALL.into_iter().map(|topic| (topic, Subscription::default_for(topic))).collect();
    if let Some(topics) = auth.get("topics").filter(|topics| !topics.is_null()) {
        all.extend(parse_topics(topics.clone())?);
    }
    Ok(all)
}

fn parse_topics(topics: Value) -> Result<BTreeMap<Topic, Subscription>, ApiError> {
    let Value::Object(topics) = topics else {
        return Err(ApiError::bad_request("topics", "topics must be an object: topic to settings"));
    };
    let settings = topics.into_iter().map(|(name, settings)| {
        let topic = Topic::parse(&name)?;
        Ok((topic, Subscription::parse(topic, settings)?))
    });
    settings.collect()
}

/// Parses `unsubscribe`: `{"topics": [topic, …]}`.
///
/// # Errors
/// `bad_request`, naming the field.
pub fn parse_unsubscribe(value: &Value) -> Result<Vec<Topic>, ApiError> {
    let topics = value
        .get("topics")
        .and_then(Value::as_array)
        .ok_or_else(|| ApiError::bad_request("topics", "unsubscribe needs topics, a list of topics"))?;
    topics
        .iter()
        .map(|topic| match topic.as_str() {
            Some(name) => Topic::parse(name),
            None => Err(ApiError::bad_request("topics", "topics must be a list of strings")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rate_is_rounded_to_one_that_is_published() {
        let subscribe = Subscribe::parse(json!({"topics": {"drones-update": {"rate_hz": 9}}})).unwrap();
        assert_eq!(subscribe.topics[&Topic::Drones].every, 3);
        let subscribe =
            Subscribe::parse(json!({"topics": {"visualization-update": {"rate_hz": 25}}})).unwrap();
        assert_eq!(subscribe.topics[&Topic::Visualization].rate_hz, Some(5.0));
    }

    #[test]
    fn clients_that_want_the_same_share_a_room() {
        let room = |settings: Value| {
            Subscribe::parse(json!({"topics": {"drones-update": settings}})).unwrap().topics[&Topic::Drones]
                .room(Topic::Drones)
        };
        assert_eq!(room(json!({})), room(json!({"rate_hz": 25, "encoding": "json", "in_flight_max": 2})));
        assert_ne!(room(json!({})), room(json!({"encoding": "binary"})));
        assert_ne!(room(json!({"group": "a"})), room(json!({"group": "b"})));
        let delta = |error: f64| room(json!({"encoding": "delta", "error_m": error}));
        assert_eq!(room(json!({"encoding": "delta"})), delta(0.0199));
        assert_ne!(delta(0.28), delta(0.29));
    }

    #[test]
    fn a_wrong_subscription_is_refused_at_its_field() {
        for (value, code, field) in [
            (json!(3), ErrorCode::BadRequest, "topics"),
            (json!({"topics": []}), ErrorCode::BadRequest, "topics"),
            (json!({"topics": {"x": {}}}), ErrorCode::BadRequest, "topics.x"),
            (
                json!({"topics": {"log-update": {"encoding": "json"}}}),
                ErrorCode::BadRequest,
                "topics.log-update.encoding",
            ),
            (
                json!({"topics": {"drones-update": {"rate_hz": 26}}}),
                ErrorCode::OutOfRange,
                "topics.drones-update.rate_hz",
            ),
            (
                json!({"topics": {"drones-update": {"rate_hz": "9"}}}),
                ErrorCode::BadRequest,
                "topics.drones-update.rate_hz",
            ),
            (
                json!({"topics": {"drones-update": {"in_flight_max": 0}}}),
                ErrorCode::OutOfRange,
                "topics.drones-update.in_flight_max",
            ),
            (
                json!({"topics": {"drones-update": {"encoding": "xml"}}}),
                ErrorCode::BadRequest,
                "topics.drones-update.encoding",
            ),
            (
                json!({"topics": {"drones-update": {"encoding": "binary", "group": "a"}}}),
                ErrorCode::BadRequest,
                "topics.drones-update.encoding",
            ),
            (
                json!({"topics": {"drones-update": {"encoding": "delta", "error_m": 0.001}}}),
                ErrorCode::OutOfRange,
                "topics.drones-update.error_m",
            ),
            (
                json!({"topics": {"drones-update": {"encoding": "binary", "error_m": 0.05}}}),
                ErrorCode::BadRequest,
                "topics.drones-update.error_m",
            ),
            (json!({"logs_after": -1}), ErrorCode::BadRequest, "logs_after"),
            (json!({"topic": {}}), ErrorCode::BadRequest, "topic"),
        ] {
            let error = Subscribe::parse(value.clone()).expect_err("must be refused");
            assert_eq!((error.code, error.field.as_deref()), (code, Some(field)), "{value}");
        }
    }

    #[test]
    fn connect_may_ask_for_another_form_of_a_topic() {
        let all = at_connect(&json!({"name": "amira"})).unwrap();
        assert_eq!(all.len(), Topic::ALL.len());
        assert_eq!(all[&Topic::Drones], Subscription::default_for(Topic::Drones));
        let wished = json!({"topics": {"drones-update": {"encoding": "binary", "in_flight_max": 2}}});
        let all = at_connect(&wished).unwrap();
        assert_eq!((all.len(), all[&Topic::Drones].in_flight_max), (Topic::ALL.len(), Some(2)));
        let error = at_connect(&json!({"topics": {"drones-update": {"encoding": "xml"}}})).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("topics.drones-update.encoding"));
    }

    #[test]
    fn unsubscribe_names_topics() {
        assert_eq!(parse_unsubscribe(&json!({"topics": ["log-update"]})).unwrap(), [Topic::Log]);
        assert!(parse_unsubscribe(&json!({"topics": ["x"]})).is_err());
        assert!(parse_unsubscribe(&json!([])).is_err());
    }
}
