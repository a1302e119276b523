//! Whole missions at a small site. The laws of missions are checked at every tick of them, as in every debug build.

use std::sync::Arc;

use super::super::command::{Command, Fault};
use super::super::hash::Hash64;
use super::super::{Scenario, Targets, World};
use super::*;

mod given;
mod loss;
mod rules;

/// Two façades with six windows each, and two of everybody.
const SMALL: &str = r#"
name = "small"
[limits]
clearance_m = 1.5
rtl_altitude_m = 10.0
takeoff_altitude_m = 6.0
battery_low_pct = 24.0
battery_very_low_pct = 15.0
battery_critical_pct = 8.0
[[obstacles]]
name = "house"
shape = "box"
center = [0.0, 10.0]
size_m = [16.0, 12.0]
height_m = 16.0
[mission]
limit_s = 900.0
[mission.search]
min = [-24.0, -14.0]
max = [24.0, 34.0]
ceiling_m = 24.0
[[mission.buildings]]
obstacle = "house"
faces = ["south", "east"]
rows = 3
columns = 2
sill_m = 4.5
[mission.clean]
work_s = 10.0
streaks = 0.2
[mission.supply]
swap_s = 5.0
fill_s = 10.0
tanks = [{ type = "worker", litres = 2.0 }, { type = "tanker-mule", litres = 8.0 }]
[mission.tether]
[[mission.rules]]
watch = "wind"
limit_mps = 6.0
action = "hold"
[acceptance]
outcome = "complete"
windows_verified_pct_min = 100
[[drones]]
type = "scout"
count = 2
grid = { center = [-20.0, -20.0], spacing_m = 8.0, columns = 2 }
[[drones]]
type = "worker"
count = 2
grid = { center = [0.0, -20.0], spacing_m = 8.0, columns = 2 }
[[drones]]
type = "tanker-mule"
count = 2
grid = { center = [18.0, -20.0], spacing_m = 8.0, columns = 2 }
[[drones]]
type = "tanker-lifeline"
position = [0.0, -12.0]
[[drones]]
type = "overseer"
count = 2
grid = { center = [36.0, -20.0], spacing_m = 8.0, columns = 2 }
"#;

fn small(seed: u64) -> World {
    small_with("", seed)
}

fn small_with(more: &str, seed: u64) -> World {
    world(&format!("{SMALL}{more}"), seed)
}

fn world(text: &str, seed: u64) -> World {
    let scenario = Scenario::parse(text).unwrap_or_else(|errors| panic!("{errors:#?}"));
    World::new(Arc::new(scenario), seed)
}

fn advance_to(world: &mut World, seconds: f64) {
    while world.sim_time_s() < seconds {
        world.advance();
        world.drain_progress();
        assert_eq!(world.mission_violations(), [""; 0], "at {} s", world.sim_time_s());
    }
}

/// Flies to the end; the codes of all that was said.
fn finish(world: &mut World) -> Vec<String> {
    let mut codes = Vec::new();
    while world.mission().unwrap().ended_at.is_none() {
        world.advance();
        world.drain_progress();
        assert_eq!(world.mission_violations(), [""; 0], "at {} s", world.sim_time_s());
        codes.extend(world.drain_happenings().into_iter().map(|happening| happening.code.into_owned()));
        assert!(world.sim_time_s() < 2000.0, "no end: {:?}", world.mission().unwrap().phase);
    }
    codes
}

fn ids(ids: &[&str]) -> Targets {
    Targets::Ids(ids.iter().map(|id| (*id).to_owned()).collect())
}

fn kill(world: &mut World, id: &str) {
    let fault =
        Command::InjectFault { fault: Fault::Motor, value: Some(0.0), duration_s: None, clear: false };
    world.apply(&fault, &ids(&[id]), 1).unwrap();
}

fn member(world: &World, id: &str) -> Member {
    let crew = &world.mission().unwrap().crew;
    crew.iter().find(|member| &*member.id == id).unwrap_or_else(|| panic!("no {id}")).clone()
}

fn assert_complete(world: &World) {
    let report = Report::of(world).unwrap();
    let judged = report.acceptance.as_ref().unwrap();
    assert!(judged.passed, "{}: {:?}", report.reason, judged.checks);
    assert_eq!((report.collisions, report.in_the_air), (0, 0));
}

#[test]
fn an_unknown_house_is_found_cleaned_and_verified() {
    let mut world = small(1);
    assert_eq!(world.mission().unwrap().counts(), [12, 0, 0, 0, 0], "nothing is known at first");
    let codes = finish(&mut world);
    assert_complete(&world);
    let report = Report::of(&world).unwrap();
    assert!(report.resupplies > 0, "workers with 2 l run dry");
    assert_eq!(report.rework, report.windows.rejected);
    for code in ["building_found", "scan_done", "resupplied", "tether_on", "tether_off", "mission_ended"] {
        assert!(codes.iter().any(|said| said == code), "{code} was not said");
    }
    assert!(codes.iter().filter(|code| *code == "mission_phase").count() >= 4);
}

#[test]
fn a_mission_is_part_of_a_saved_world_and_of_its_hash() {
    let mut world = small(4);
    advance_to(&mut world, 75.0);
    let bytes = world.save().unwrap();
    let mut restored = World::restore(Arc::clone(world.scenario()), &bytes).unwrap();
    assert_eq!(restored.state_hash(), world.state_hash());
    advance_to(&mut world, 110.0);
    advance_to(&mut restored, 110.0);
    assert_eq!(restored.state_hash(), world.state_hash());
    let mut other = World::restore(Arc::clone(world.scenario()), &bytes).unwrap();
    let before = other.state_hash();
    Arc::make_mut(other.mission_mut().unwrap()).windows[0].looks += 1;
    assert_ne!(other.state_hash(), before, "what the swarm believes counts");
}

#[test]
fn god_view_shows_more_and_changes_no_flight() {
    let (mut plain, mut shown) = (small(5), small(5));
    shown.apply(&Command::GodView { on: true }, &Targets::All, 1).unwrap();
    assert!(shown.drain_happenings().iter().any(|said| said.code == "god_view"));
    advance_to(&mut plain, 60.0);
    advance_to(&mut shown, 60.0);
    shown.apply(&Command::GodView { on: false }, &Targets::All, 2).unwrap();
    assert_eq!(shown.state_hash(), plain.state_hash());
    let hello = Scenario::parse("name = \"plain\"").unwrap();
    let refused = World::new(Arc::new(hello), 1).apply(&Command::GodView { on: true }, &Targets::All, 1);
    assert_eq!(refused.unwrap_err().field.as_deref(), Some("on"));
}

#[test]
fn an_operator_takes_a_drone_out_and_gives_it_back() {
    let mut world = small(6);
    advance_to(&mut world, 50.0);
    world.apply(&Command::Hold {}, &ids(&["worker-1"]), 1).unwrap();
    advance_to(&mut world, 60.0);
    let member = |world: &World| member(world, "worker-1");
    assert_eq!(member(&world).activity, Activity::Manual);
    assert!(member(&world).jobs.is_empty());
    world.apply(&Command::MissionStart {}, &ids(&["worker-1"]), 2).unwrap();
    finish(&mut world);
    assert_complete(&world);
    assert!(member(&world).done > 0);
}

/// Types of ones own with other names do the same work, for their capabilities are the same.
#[test]
fn capabilities_decide_and_not_names() {
    let own = [("scout", "eye"), ("worker", "climber"), ("tanker-mule", "mule"), ("overseer", "judge")];
    let types: String =
        own.iter().map(|(base, name)| format!("[[types]]\nname = \"{name}\"\nbase = \"{base}\"\n")).collect();
    let text = own.iter().fold(SMALL.to_owned(), |text, (base, name)| {
        text.replace(&format!("type = \"{base}\""), &format!("type = \"{name}\""))
    });
    let mut world = world(&text.replace("[mission]\n", &format!("{types}[mission]\n")), 1);
    finish(&mut world);
    assert_complete(&world);
    for (start, what) in [("eye", "scans"), ("climber", "cleans"), ("mule", "carries"), ("judge", "inspects")]
    {
        let crew = &world.mission().unwrap().crew;
        assert!(
            crew.iter().any(|member| member.id.starts_with(start) && member.done > 0),
            "no {start} {what}"
        );
    }
}

#[test]
fn every_law_notices_when_it_is_broken() {
    let mut world = small(8);
    advance_to(&mut world, 60.0);
    let spec = world.scenario().mission.clone().unwrap();
    let broken = |change: &dyn Fn(&mut Mission)| {
        let mut mission = world.mission().unwrap().clone();
        change(&mut mission);
        mission.violations(&spec, world.types(), &[])
    };
    assert_eq!(broken(&|_| {}), [""; 0]);
    let unknown = world.mission().unwrap().windows.iter().position(|w| w.status == Status::Dirty).unwrap();
    type Change<'a> = &'a dyn Fn(&mut Mission);
    let cases: [(Change, &str); 4] = [
        (
            &|m| (m.windows[unknown].found_at, m.windows[unknown].cleaned_at) = (Some(9), Some(5)),
            "before it was found",
        ),
        (&|m| m.windows[unknown].verified_at = Some(5), "before it was cleaned"),
        (&|m| m.windows[unknown].status = Status::Verified, "nobody cleaned it"),
        (
            &|m| {
                let held = m.crew.iter().find_map(|member| member.jobs.first().copied()).unwrap();
                m.crew.iter_mut().rev().for_each(|member| member.jobs = vec![held]);
            },
            "does not hold",
        ),
    ];
    for (change, words) in cases {
        let found = broken(change);
        assert!(found.iter().any(|law| law.contains(words)), "{words}: {found:?}");
    }
}

#[test]
fn a_drone_below_its_reserve_breaks_a_law_unless_a_fault_drained_it() {
    let mut world = small(9);
    advance_to(&mut world, 40.0);
    let drain = |value| Command::InjectFault {
        fault: Fault::Battery,
        value: Some(value),
        duration_s: None,
        clear: false,
    };
    // The mission learns of the fault at its next round, before anyone checks.
    while world.tick() % 5 != 4 {
        world.advance();
    }
    world.apply(&drain(20.0), &ids(&["worker-1"]), 1).unwrap();
    world.advance();
    assert_eq!(world.mission_violations(), [""; 0]);
    let spec = world.scenario().mission.clone().unwrap();
    let mut mission = world.mission().unwrap().clone();
    mission.crew.iter_mut().for_each(|member| member.is_drained = false);
    let sights = world.mission_sights();
    assert_eq!(mission.violations(&spec, world.types(), &sights), ["worker-1 is flown below its reserve"]);
}

#[test]
fn walls_hide_what_is_behind_them() {
    let world = small(1);
    let spec = world.scenario().mission.clone().unwrap();
    let window = &spec.layout.windows[0];
    let front = window.center + window.outward * 10.0;
    assert!(site::sees(world.scene(), front, window.center + window.outward * 0.05));
    assert!(!site::sees(
        world.scene(),
        window.center - window.outward * 30.0,
        window.center + window.outward * 0.05
    ));
    let mut map = map::Map::new(&spec.search, world.scene());
    let eye = map::Eye {
        position: front,
        forward: -window.outward,
        range_m: 30.0,
        cos_half_fov: 0.5,
        sin_half_fov: 0.9,
    };
    map.look(&eye, world.scene());
    let behind = map.cell_of(window.center - window.outward * 25.0).unwrap();
    assert_eq!(map.at(behind), map::Cell::Unknown);
    assert_eq!(map.at(map.cell_of(window.center + window.outward * 4.0).unwrap()), map::Cell::Free);
    let mut hashes = [Hash64::default(), Hash64::default()];
    map.enter(&mut hashes[0]);
    map::Map::new(&spec.search, world.scene()).enter(&mut hashes[1]);
    assert_ne!(hashes[0].finish(), hashes[1].finish());
}

#[test]
fn a_tether_pulls_harder_near_its_end() {
    let tether = spec::Tether::default();
    assert_eq!(tether.tension_at(20.0), 15.0);
    assert_eq!(tether.tension_at(50.0), 40.0);
    assert!(tether.tension_at(47.0) > 15.0 && tether.tension_at(47.0) < 40.0);
}

#[test]
fn mistakes_in_a_mission_are_named_with_their_place() {
    for (from, to, field, words) in [
        ("rows = 3", "rows = 0", "mission.buildings[0].rows", "out of range 1..=200"),
        ("obstacle = \"house\"", "obstacle = \"hause\"", "mission.buildings[0].obstacle", "house"),
        (
            "limit_s = 900.0",
            "allocation = \"best\"",
            "mission.allocation",
            "not one of auction, optimal, nearest",
        ),
        ("sill_m = 4.5", "sill_m = 14.5", "mission.buildings[0].obstacle", "is not between sill_m"),
        (
            "ceiling_m = 24.0",
            "ceiling_m = 24.0\ncell_m = 0.5",
            "mission.search.cell_m",
            "out of range 1..=100",
        ),
        ("watch = \"wind\"", "watch = \"rain\"", "mission.rules[0].watch", "not one of wind, hours, fence"),
        ("streaks = 0.2", "streks = 0.2", "mission.clean.streks", "streaks"),
        ("outcome = \"complete\"", "outcome = \"done\"", "acceptance.outcome", "not one of complete"),
        (
            "[mission.tether]",
            "[[mission.events]]\nat_s = 1.0\nfault = \"motor\"\ndrones = [\"scout-9\"]",
            "mission.events[0].drones[0]",
            "scout-9",
        ),
    ] {
        assert!(SMALL.contains(from), "{from}");
        let errors = Scenario::parse(&SMALL.replacen(from, to, 1)).unwrap_err();
        let found = errors.iter().find(|error| error.field == field);
        let error = found.unwrap_or_else(|| panic!("{to}: {errors:?}"));
        assert!(error.message.contains(words) && error.line > 1, "{to}: {error}");
    }
    let lonely = Scenario::parse("name = \"x\"\n[acceptance]\ncollisions_max = 0").unwrap_err();
    assert!(lonely[0].message.contains("needs a [mission]"));
}
