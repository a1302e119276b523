//! The log of the live server, on standard error: one line an event, for people or for programs.

use std::io::Write as _;

use env_logger::fmt::style::Style;
use log::kv::{Key, Value, VisitSource};

use crate::config::LogFormat;
use crate::contract::outgoing::rfc3339;
use crate::swarm::wall_time_ms;

use super::flood::Bounded;

/// Begins to log what `RUST_LOG` asks for.
pub(super) fn begin(format: LogFormat) {
    let mut builder =
        env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info,actix_server=warn"));
    match format {
        LogFormat::Text => builder.format(|out, record| {
            let style = out.default_level_style(record.level());
            writeln!(out, "{}", text(record, &rfc3339(wall_time_ms()), style))
        }),
        LogFormat::Json => {
            builder.format(|out, record| writeln!(out, "{}", json(record, &rfc3339(wall_time_ms()))))
        }
    };
    let logger = builder.build();
    log::set_max_level(logger.filter());
    // Fails only if there is a log already, which is then as good.
    let _ = log::set_boxed_logger(Box::new(Bounded::new(logger)));
    // A panic in an actor is survived; its message belongs in the log with everything else.
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
}

/// One event as a line: when, how bad, where, what, and `name=value` for what it names besides.
fn text(record: &log::Record<'_>, time: &str, style: Style) -> String {
    struct Fields(String);
    impl<'a> VisitSource<'a> for Fields {
        fn visit_pair(&mut self, key: Key<'a>, value: Value<'a>) -> Result<(), log::kv::Error> {
            self.0 += &format!(" {key}={value}");
            Ok(())
        }
    }
    let mut fields = Fields(String::new());
    let _ = record.key_values().visit(&mut fields);
    format!(
        "[{time} {style}{:<5}{style:#} {}] {}{}",
        record.level(),
        record.target(),
        record.args(),
        fields.0
    )
}

/// One event as one JSON object: `time`, `level`, `target`, `message`, and what the event names besides.
fn json(record: &log::Record<'_>, time: &str) -> serde_json::Value {
    struct Fields(serde_json::Map<String, serde_json::Value>);
    impl<'a> VisitSource<'a> for Fields {
        fn visit_pair(&mut self, key: Key<'a>, value: Value<'a>) -> Result<(), log::kv::Error> {
            let number =
                value.to_u64().map(serde_json::Value::from).or_else(|| value.to_f64().map(Into::into));
            self.0.insert(key.to_string(), number.unwrap_or_else(|| value.to_string().into()));
            Ok(())
        }
    }
    let mut fields = Fields(serde_json::Map::new());
    let _ = record.key_values().visit(&mut fields);
    for (name, value) in [
        ("time", time.to_owned()),
        ("level", record.level().as_str().to_ascii_lowercase()),
        ("target", record.target().to_owned()),
        ("message", record.args().to_string()),
    ] {
        fields.0.insert(name.to_owned(), value.into());
    }
    fields.0.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_object_with_its_fields() {
        let pairs =
            [("request", Value::from("ab\"c")), ("status", Value::from(401)), ("ms", Value::from(1.5))];
        let lines =
            |record: log::Record<'_>| [text(&record, "now", Style::new()), json(&record, "now").to_string()];
        let got = lines(
            log::Record::builder()
                .args(format_args!("GET /api/{}\n", "status"))
                .level(log::Level::Info)
                .target("hmrs::request")
                .key_values(&pairs)
                .build(),
        );
        assert_eq!(
            got,
            [
                "[now INFO  hmrs::request] GET /api/status\n request=ab\"c status=401 ms=1.5",
                r#"{"level":"info","message":"GET /api/status\n","ms":1.5,"request":"ab\"c","status":401,"target":"hmrs::request","time":"now"}"#,
            ]
        );
    }
}
