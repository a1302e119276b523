//! The table of settings in `docs/OPERATIONS.md` is what `hmrs serve` takes (`HMRS_UPDATE_DOCS=1` writes it anew), its table of
//! alarms names every alarm, and alarms and dashboard ask for metrics that there are.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/generated.rs"]
mod generated;

use clap::{Args as _, Command};
use generated::assert_written;
use hmrs::config::ServeConfig;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md");
const BEGIN: &str = "<!-- settings:begin -->\n";
const END: &str = "<!-- settings:end -->";

fn table() -> String {
    let mut rows = String::from("| flag | variable | default | |\n| --- | --- | --- | --- |\n");
    for arg in ServeConfig::augment_args(Command::new("serve")).get_arguments() {
        let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
        let value = value.map(|names| format!(" {}", names[0])).unwrap_or_default();
        let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = if default.is_empty() { String::new() } else { format!("`{}`", default.join(",")) };
        let variable = arg.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
        let flag = arg.get_long().unwrap_or_default();
        rows.push_str(&format!("| `--{flag}{value}` | {variable} | {default} | {help} |\n"));
    }
    rows
}

#[test]
fn the_table_of_settings_is_what_the_program_takes() {
    assert_written(PATH, [BEGIN, END], &table());
}

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap_or_default()
}

#[test]
fn every_alarm_is_explained_and_asks_for_metrics_that_there_are() {
    let (alarms, dashboard) =
        (read("deploy/monitoring/alerts.yml"), read("deploy/monitoring/grafana/dashboards/hmrs.json"));
    let manual = read("docs/OPERATIONS.md");
    let named: Vec<&str> = alarms.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(named.len() >= 8);
    for alarm in &named {
        assert!(manual.contains(&format!("| {alarm} | ")), "{alarm} is not in docs/OPERATIONS.md");
    }
    let explained = manual.lines().filter(|line| line.starts_with("| Hmrs")).count();
    assert_eq!(explained, named.len(), "an alarm is explained that there is not");
    let code = read("src/http/metrics.rs");
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = alarms.split(|c| !is_part(c)).chain(dashboard.split(|c| !is_part(c)));
    let mut metrics: Vec<&str> = words.filter(|word| word.starts_with("hmrs_")).collect();
    metrics.dedup();
    for metric in metrics {
        let stem =
            metric.strip_suffix("_bucket").or(metric.strip_suffix("_sum")).or(metric.strip_suffix("_count"));
        let is_there = |name: &str| code.contains(&format!("\"{name}\""));
        assert!(is_there(metric) || stem.is_some_and(is_there), "there is no metric {metric}");
    }
}

/// Above its largest bound a quantile is cut off, and between two bounds it is a guess: an alarm there would come at
/// random, or never.
#[test]
fn alarms_on_quantiles_have_thresholds_that_the_histograms_can_tell() {
    let alarms = read("deploy/monitoring/alerts.yml");
    let quantiles = alarms.lines().filter(|line| line.contains("histogram_quantile("));
    let thresholds: Vec<f64> =
        quantiles.map(|line| line.rsplit_once("> ").unwrap().1.parse::<f64>().unwrap()).collect();
    assert!(thresholds.len() >= 3);
    for seconds in thresholds {
        assert!(hmrs::contract::histogram::Histogram::BOUNDS_MS.contains(&(seconds * 1e3)), "{seconds} s");
    }
}
