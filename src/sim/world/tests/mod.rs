//! The laws that a world keeps.

mod commands;
mod determinism;
mod document;
mod failsafes;
mod forecast;
mod models;
mod patterns;
mod save;
mod scenarios;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::builtin;
use super::super::{Applied, Command, CommandResult, Progress, Scenario, Targets, Vec3, Verdict, World};

/// A field without wind, with a tower of 30 m in the middle of it and a fence around it.
const FIELD: &str = r#"
name = "field"
[[obstacles]]
name = "tower"
shape = "box"
center = [0.0, 0.0]
size_m = [20.0, 20.0]
height_m = 60.0
[[fences]]
name = "site"
kind = "keep_in"
polygon = [[-200.0, -200.0], [200.0, -200.0], [200.0, 200.0], [-200.0, 200.0]]
ceiling_m = 100.0
action = "hold"
"#;

/// A world of the field with drones as given in TOML.
fn field(drones: &str) -> World {
    let text = format!("{FIELD}{drones}");
    let scenario = Scenario::parse(&text).unwrap_or_else(|errors| panic!("{errors:#?}"));
    World::new(Arc::new(scenario), 1)
}

/// Four quads in the air in the south of the field and one on the ground.
fn five() -> World {
    field(
        r#"
[[drones]]
type = "quad"
count = 4
group = "air"
grid = { center = [-60.0, -60.0], spacing_m = 10.0 }
altitude_m = 20.0
[[drones]]
type = "quad"
name = "ground"
position = [-100.0, -100.0]
"#,
    )
}

fn scenario(name: &str) -> Arc<Scenario> {
    Arc::new(Scenario::parse(builtin::text(name).unwrap()).unwrap())
}

fn ids(ids: &[&str]) -> Targets {
    Targets::Ids(ids.iter().map(|id| id.to_string()).collect())
}

fn goto(e: f64, n: f64, u: f64) -> Command {
    Command::Goto {
        position: Some(Vec3::new(e, n, u)),
        lat: None,
        lon: None,
        altitude_m: None,
        speed_mps: None,
        heading_deg: None,
    }
}

fn advance(world: &mut World, seconds: f64) {
    for _ in 0..(seconds / world.tick_s()).round() as usize {
        world.advance();
    }
}

/// The verdict for the only target.
fn only(applied: Applied) -> Verdict {
    assert_eq!(applied.results.len(), 1);
    applied.results.into_iter().next().unwrap().1
}

/// Gives a command that must be accepted by one drone.
fn accept(world: &mut World, id: &str, command: Command, ticket: u64) {
    let verdict = only(world.apply(&command, &ids(&[id]), ticket).unwrap());
    assert_eq!(verdict, Verdict { result: CommandResult::Accepted, reason: None }, "{command:?}");
}

/// Gives a command that one drone must refuse; returns the reason.
fn refuse(world: &mut World, id: &str, command: Command) -> String {
    let before = world.state_hash();
    let verdict = only(world.apply(&command, &ids(&[id]), 99).unwrap());
    assert_eq!(verdict.result, CommandResult::Denied, "{command:?}");
    assert_eq!(world.state_hash(), before, "a refusal changed the world");
    verdict.reason.unwrap()
}

/// How a ticket ended for a drone.
fn ended(progress: &[Progress], ticket: u64, id: &str) -> Option<(CommandResult, String)> {
    let mut terminal = progress
        .iter()
        .filter(|p| p.ticket == ticket && &*p.drone == id && p.verdict.result.is_terminal())
        .map(|p| (p.verdict.result, p.verdict.reason.clone().unwrap_or_default()));
    let first = terminal.next();
    assert_eq!(terminal.next(), None, "ticket {ticket} ended twice for {id}");
    first
}

/// Runs until a ticket has ended for a drone; returns how.
fn run_until_end(world: &mut World, ticket: u64, id: &str, seconds: f64) -> (CommandResult, String) {
    let mut seen = Vec::new();
    for _ in 0..(seconds / world.tick_s()) as usize {
        seen.extend(world.drain_progress());
        if let Some(end) = ended(&seen, ticket, id) {
            return end;
        }
        world.advance();
    }
    panic!(
        "ticket {ticket} of {id} has not ended after {seconds} s: {:?}",
        world.drones()[world.index_of(id).unwrap()].task()
    );
}

/// How often each (ticket, drone) has ended.
fn endings(progress: &[Progress]) -> BTreeMap<(u64, String), u32> {
    let mut endings = BTreeMap::new();
    for p in progress.iter().filter(|p| p.verdict.result.is_terminal()) {
        *endings.entry((p.ticket, p.drone.to_string())).or_insert(0) += 1;
    }
    endings
}
