//! The columns of a sweep, and rows between text and cells.

use std::borrow::Cow;
use std::sync::Arc;

use toml::Value;

use super::Shard;
use super::plan::Plan;
use crate::cli::Failure;
use crate::cli::settings::show;
use crate::export::{Cell, Column, Kind, Provenance, Row, Table};
use crate::sim::{Aggregate, METRICS, Scenario, World};

/// What a run came to.
pub struct Outcome {
    scenario_hash: u64,
    sim_time_s: f64,
    state_hash: u64,
    figures: Vec<Figure>,
}

/// A number by its name; what is no number of this run has no value.
type Figure = (Cow<'static, str>, Option<f64>);

impl Outcome {
    /// Of a world after its last tick.
    pub fn of(world: &World) -> Self {
        Self {
            scenario_hash: world.scenario().hash(),
            sim_time_s: world.sim_time_s(),
            state_hash: world.state_hash(),
            figures: figures(world),
        }
    }
}

/// Every metric after the last tick, and over the run from `metrics.steady_from_s` on; how soon the swarm settled, how fit it
/// is, and how safe it was. The same names for every world.
fn figures(world: &World) -> Vec<Figure> {
    let (metrics, aggregates) = (world.metrics(), world.aggregates());
    let mut figures = Vec::new();
    for spec in &METRICS {
        figures.push((spec.name.into(), (spec.read)(&metrics)));
        let found = aggregates.iter().find(|(name, _)| *name == spec.name);
        let columns = found.map_or(Aggregate::default(), |(_, aggregate)| *aggregate).columns();
        let column = |(what, value)| (format!("{}_{what}", spec.name).into(), found.map(|_| value));
        figures.extend(columns.into_iter().map(column));
    }
    let [order, formation] = world.settling_times_s();
    figures.extend([("order_time_s".into(), order), ("formation_time_s".into(), formation)]);
    let (fitness, mut factors) = (world.fitness(), Vec::new());
    flatten("fitness", &serde_json::to_value(fitness.unwrap_or_default()).unwrap_or_default(), &mut factors);
    figures.extend(factors.into_iter().map(|(name, value)| (name, value.filter(|_| fitness.is_some()))));
    flatten("safety", &serde_json::to_value(world.safety()).unwrap_or_default(), &mut figures);
    figures
}

/// The numbers in a structure, nested names joined by `_`.
fn flatten(name: &str, value: &serde_json::Value, figures: &mut Vec<Figure>) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(field, value)| flatten(&format!("{name}_{field}"), value, figures));
        }
        serde_json::Value::Number(number) => figures.push((name.to_owned().into(), number.as_f64())),
        serde_json::Value::Null => figures.push((name.to_owned().into(), None)),
        _ => {}
    }
}

/// The names of all figures.
fn figure_names() -> Vec<Cow<'static, str>> {
    let empty = Scenario::parse("name = \"empty\"").map(|scenario| World::new(Arc::new(scenario), 1));
    empty.map(|world| figures(&world).into_iter().map(|(name, _)| name).collect()).unwrap_or_default()
}

/// The table of a sweep over these parameters.
pub fn table(parameters: &[(&str, Kind)]) -> Table {
    let column = |name: &str, kind, about: &'static str| Column {
        name: Cow::Owned(name.to_owned()),
        kind,
        about: Cow::Borrowed(about),
    };
    let mut columns = vec![column("run", Kind::Whole, "number of the run in the sweep, from 0")];
    columns.extend(parameters.iter().map(|(path, kind)| column(path, *kind, "value of the parameter")));
    columns.push(column("seed", Kind::Whole, "seed of all randomness"));
    columns.push(column("ticks", Kind::Whole, "length of the run, ticks"));
    columns.push(column("sim_time_s", Kind::Number, "length of the run, simulated seconds"));
    columns.extend(figure_names().into_iter().map(|name| Column {
        about: name.clone(),
        name,
        kind: Kind::Number,
    }));
    columns.push(column("scenario_hash", Kind::Text, "fingerprint of the scenario's text"));
    columns.push(column("state_hash", Kind::Text, "state after the last tick"));
    columns.push(column("error", Kind::Text, "why the run failed"));
    Table { name: Cow::Borrowed("sweep"), columns }
}

/// The row of a run.
pub fn row(plan: &Plan, run: u64, outcome: &Result<Outcome, Failure>) -> Row {
    let mut row = vec![Some(run.to_string())];
    row.extend(plan.values(run).iter().map(text_of));
    row.push(Cell::Whole(plan.seed(run)).to_text());
    match outcome {
        Ok(outcome) => {
            row.push(Cell::Whole(plan.ticks(run)).to_text());
            row.push(Cell::Number(outcome.sim_time_s).to_text());
            row.extend(outcome.figures.iter().map(|(_, value)| Cell::number(*value).to_text()));
            row.push(Some(format!("{:016x}", outcome.scenario_hash)));
            row.push(Some(format!("{:016x}", outcome.state_hash)));
            row.push(None);
        }
        Err(error) => {
            row.extend(std::iter::repeat_n(None, figure_names().len() + 4));
            row.push(Some(error.clone()));
        }
    }
    row
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Integer(number) => Cell::Number(*number as f64).to_text(),
        Value::Float(number) => Cell::Number(*number).to_text(),
        other => Some(show(other)),
    }
}

/// A row as cells of `table`.
pub fn cells<'a>(table: &Table, row: &'a Row) -> Result<Vec<Cell<'a>>, Failure> {
    if row.len() != table.columns.len() {
        return Err(format!("a row has {} cells, not {}", row.len(), table.columns.len()));
    }
    let cell = |(column, text): (&Column, &'a Option<String>)| {
        let Some(text) = text else { return Ok(Cell::None) };
        let wrong = || format!("column {}: {text:?} is not what stands there", column.name);
        Ok(match column.kind {
            Kind::Text => Cell::Text(text),
            Kind::Bool => Cell::Bool(text.parse().map_err(|_| wrong())?),
            Kind::Whole => Cell::Whole(text.parse().map_err(|_| wrong())?),
            Kind::Number => Cell::Number(text.parse().map_err(|_| wrong())?),
        })
    };
    table.columns.iter().zip(row).map(cell).collect()
}

/// What a file of the sweep says about itself; merged from its shards it says the same as in one piece.
pub fn provenance(plan: &Plan, shard: Shard) -> Provenance {
    let parameters: Vec<String> =
        plan.parameters().iter().map(|(path, kind)| format!("{path}:{}", kind_name(*kind))).collect();
    let about = Provenance::of_this_program()
        .with("scenario", plan.scenario_name())
        .with("scenario_hash", format_args!("{:016x}", plan.scenario().hash()));
    let about = plan.tick_s().iter().fold(about, |about, tick_s| about.with("tick_s", tick_s));
    let (unit, count) = plan.length();
    let about = about
        .with(unit, count)
        .with("seeds", plan.seeds_text())
        .with("parameters", parameters.join(" "))
        .with("runs", plan.runs())
        .with("plan_hash", plan.hash())
        .with("command_line", plan.command());
    if shard == Shard::WHOLE { about } else { about.with("shard", shard) }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Whole => "whole",
        Kind::Number => "number",
        Kind::Text => "text",
    }
}

/// The table that a file of a sweep holds, from what it says about itself.
pub fn table_of(about: &Provenance) -> Result<Table, Failure> {
    let listed = about.get("parameters").ok_or_else(|| "it is no file of a sweep".to_owned())?;
    let kinds = [Kind::Bool, Kind::Whole, Kind::Number, Kind::Text];
    let parameter = |text: &'_ str| {
        let (path, name) = text.rsplit_once(':')?;
        Some((path.to_owned(), kinds.into_iter().find(|kind| kind_name(*kind) == name)?))
    };
    let parameters: Option<Vec<(String, Kind)>> = listed.split_whitespace().map(parameter).collect();
    let parameters = parameters.ok_or_else(|| format!("parameters {listed:?} are unreadable"))?;
    Ok(table(&parameters.iter().map(|(path, kind)| (path.as_str(), *kind)).collect::<Vec<_>>()))
}
