//! Bugs that were there once, each with a line of post-mortem and a test that would have caught it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::prelude::*;
use hmrs::contract::incoming::Envelope;
use hmrs::contract::mission;
use hmrs::contract::outgoing::RunState;
use hmrs::contract::record::NoRecorder;
use hmrs::sim::{Scenario, World, builtin};
use hmrs::swarm::{Beginning, Origin, Published, Pulse, Settings, Shelf, Submit, Swarm};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Passes on every tick report as `(tick, state, hash)`, and keeps the ids of the newest table.
struct Ear(mpsc::UnboundedSender<(u64, RunState, u64)>, Arc<Mutex<Vec<String>>>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<Published> for Ear {
    type Result = ();

    fn handle(&mut self, published: Published, _: &mut Self::Context) {
        if let Published::Tick(report) = published {
            let ids = report.snapshot.table.rows.iter().map(|row| row.id.to_string());
            *self.1.lock().unwrap() = ids.collect();
            let _ = self.0.send((report.snapshot.tick, report.state, report.hash.1));
        }
    }
}

fn hello() -> Arc<Scenario> {
    let text = builtin::list().iter().find(|(name, _)| *name == "hello").unwrap().1;
    Arc::new(Scenario::parse(text).unwrap())
}

struct Live {
    swarm: Addr<Swarm>,
    pulse: Arc<Pulse>,
    drones: Arc<Mutex<Vec<String>>>,
    reports: mpsc::UnboundedReceiver<(u64, RunState, u64)>,
}

impl Live {
    fn launch(threads: usize) -> Self {
        Self::launch_with(threads, usize::MAX)
    }

    fn launch_with(threads: usize, asked_max: usize) -> Self {
        Self::launch_in(hello(), threads, asked_max)
    }

    fn launch_in(scenario: Arc<Scenario>, threads: usize, asked_max: usize) -> Self {
        let (sender, reports) = mpsc::unbounded_channel();
        let drones = Arc::new(Mutex::new(Vec::new()));
        let settings = Settings {
            id: "default".into(),
            scenario,
            seed: Some(7),
            is_paused: true,
            threads,
            asked_max,
            intent_wait_max: Duration::from_secs(10),
            telemetry_every: 25,
            keyframe_every_s: 10.0,
        };
        let audience = Ear(sender, drones.clone()).start().recipient();
        let (swarm, pulse) = Swarm::launch(
            settings,
            Beginning::Fresh,
            Arc::new(Shelf::default()),
            Arc::new(NoRecorder),
            audience,
        );
        Self { swarm, pulse, drones, reports }
    }

    async fn give(&self, command: Value) -> Value {
        let envelope = Envelope::parse(command).unwrap();
        let origin = Origin { author: "test".into(), via: "http" };
        json!(self.swarm.send(Submit { envelope, origin, held: Arc::default() }).await.unwrap().unwrap())
    }

    /// The first report that `is_it`.
    async fn report(&mut self, is_it: impl Fn(&(u64, RunState, u64)) -> bool) -> (u64, RunState, u64) {
        let wanted = async {
            loop {
                let report = self.reports.recv().await.expect("the swarm goes on reporting");
                if is_it(&report) {
                    return report;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wanted).await.expect("such a report within 20 s")
    }
}

/// A timer that had already expired when it was cancelled began a second tick inside the first, and with it swallowed
/// one of the ticks that an operator had asked for.
#[actix::test]
async fn as_many_ticks_are_stepped_as_were_asked_for() {
    let mut live = Live::launch(1);
    for round in 1..=150 {
        live.give(json!({ "command": "step", "params": { "ticks": 7 } })).await;
        let (tick, ..) = live.report(|(tick, ..)| *tick >= round * 7).await;
        assert_eq!(tick, round * 7);
        tokio::task::yield_now().await;
    }
}

/// The original cleared its drones at start; they vanished in mid-run.
#[actix::test]
async fn start_never_changes_the_scene() {
    let mut live = Live::launch(1);
    let (_, _, before) = live.report(|_| true).await;
    assert_eq!(before, World::new(hello(), 7).state_hash());
    live.give(json!({ "command": "start" })).await;
    live.give(json!({ "command": "pause" })).await;
    let (tick, _, hash) = live.report(|(_, state, _)| *state == RunState::Paused).await;
    let mut headless = World::new(hello(), 7);
    (0..tick).for_each(|_| headless.advance());
    assert_eq!(hash, headless.state_hash(), "after {tick} ticks");
}

/// The clock of the original stood at 0.0 while its server answered that all was well.
#[actix::test]
async fn a_swarm_that_stands_still_is_noticed() {
    let mut live = Live::launch(1);
    live.report(|_| true).await;
    assert!(live.pulse.vitals().beat_age_ms < 1000, "a held clock is no dead one");
    live.give(json!({ "command": "start" })).await;
    let (tick, ..) = live.report(|(tick, ..)| *tick >= 10).await;
    assert!(live.pulse.vitals().tick >= tick && live.pulse.vitals().beat_age_ms < 1000);
    live.swarm.send(hmrs::swarm::Shutdown).await.unwrap();
    let noticed = async {
        while live.pulse.vitals().beat_age_ms < 300 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), noticed).await.expect("its age grows");
}

/// The original put drones into scenes where nobody had asked for any.
#[actix::test]
async fn nothing_is_spawned_that_nobody_asked_for() {
    let empty = Arc::new(Scenario::parse("name = \"empty\"").unwrap());
    let mut live = Live::launch_in(empty, 1, usize::MAX);
    for command in ["start", "pause", "stop", "reset", "start", "pause"] {
        live.give(json!({ "command": command })).await;
        live.report(|_| true).await;
    }
    live.give(json!({ "command": "step", "params": { "ticks": 250 } })).await;
    live.report(|(tick, ..)| *tick >= 250).await;
    assert_eq!(*live.drones.lock().unwrap(), [""; 0]);
    live.give(json!({ "command": "spawn", "params": { "type": "quad", "position": [0.0, 0.0, 10.0] } }))
        .await;
    let drones = live.drones.clone();
    live.report(|_| !drones.lock().unwrap().is_empty()).await;
    assert_eq!(*drones.lock().unwrap(), ["quad-1"]);
}

/// Actors on any number of threads or slices without them, a drone that panics, and the plain loop: the same bits.
#[actix::test]
async fn actors_and_the_plain_loop_agree_even_when_a_drone_panics() {
    let mut headless = World::new(hello(), 7);
    let panic: hmrs::sim::Command =
        serde_json::from_value(json!({ "command": "inject_fault", "params": { "fault": "panic" } })).unwrap();
    let scout = hmrs::sim::Targets::Ids(vec!["scout-1".into()]);
    for tick in 0..100 {
        if tick == 50 {
            headless.apply(&panic, &scout, 1).unwrap();
        }
        headless.advance();
    }
    for (threads, asked_max) in [(1, usize::MAX), (2, usize::MAX), (1, 0)] {
        let mut live = Live::launch_with(threads, asked_max);
        live.give(json!({ "command": "step", "params": { "ticks": 50 } })).await;
        live.report(|(tick, ..)| *tick == 50).await;
        live.give(
            json!({ "command": "inject_fault", "targets": ["scout-1"], "params": { "fault": "panic" } }),
        )
        .await;
        live.give(json!({ "command": "step", "params": { "ticks": 50 } })).await;
        let hash = headless.state_hash();
        let (.., live_hash) = live.report(|(tick, _, hash_at)| *tick == 100 && *hash_at == hash).await;
        assert_eq!(live_hash, hash);
    }
}

/// The original showed operators buildings that its swarm had not seen; its displays were never about what was known.
#[test]
fn what_the_swarm_has_not_found_is_shown_to_nobody() {
    let text = builtin::text("facade").unwrap();
    let scenario = Arc::new(Scenario::parse(text).unwrap());
    let mut world = World::new(scenario.clone(), 1);
    let shown = |world: &World| {
        let snapshot = world.snapshot();
        let state = snapshot.mission.as_ref().map(|shown| &*shown.state);
        let spec = scenario.mission.as_deref();
        let obstacles = mission::known_obstacles(&snapshot.visual.obstacles, spec, state).count();
        (obstacles, mission::block(&scenario, 1, &snapshot))
    };
    let (obstacles, block) = shown(&world);
    assert_eq!((obstacles, &block["buildings"], &block["windows"]["total"]), (0, &json!([]), &Value::Null));
    assert!(!block.to_string().contains("truth"), "{block}");
    while world.mission().unwrap().counts()[0] > 100 {
        world.advance();
        assert!(world.sim_time_s() < 120.0, "nothing is found");
    }
    let (obstacles, block) = shown(&world);
    assert_eq!((obstacles, &block["buildings"][0]["name"]), (1, &json!("tower")));
    let states: String = block["buildings"][0]["faces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|face| face["states"].as_str().unwrap())
        .collect();
    assert!(states.len() == 120 && states.contains('.') && states.contains('d'), "{states}");
    assert!(!block.to_string().contains("truth"), "the truth needs god view");
    let god = hmrs::sim::Command::GodView { on: true };
    world.apply(&god, &hmrs::sim::Targets::All, 1).unwrap();
    let (_, block) = shown(&world);
    assert_eq!((block["god_view"].as_bool(), block["windows"]["total"].as_u64()), (Some(true), Some(120)));
    assert_eq!(block["buildings"][0]["faces"][0]["truth"].as_str().map(str::len), Some(30));
}

/// The original returned everyone to the same hard-coded point.
#[test]
fn every_drone_returns_to_its_own_home() {
    let mut world = World::new(hello(), 7);
    let rtl: hmrs::sim::Command = serde_json::from_value(json!({ "command": "rtl", "params": {} })).unwrap();
    world.apply(&rtl, &hmrs::sim::Targets::All, 1).unwrap();
    while world.drones().iter().any(hmrs::sim::Drone::is_airborne) {
        world.advance();
        assert!(world.sim_time_s() < 600.0, "not everyone comes home");
    }
    let homes: Vec<_> = world.drones().iter().map(|drone| drone.home()).collect();
    for (k, drone) in world.drones().iter().enumerate() {
        assert!(drone.position().distance(drone.home()) < 2.0, "{} stands elsewhere", drone.id());
        assert!(
            homes.iter().skip(k + 1).all(|other| other.distance(drone.home()) > 1.0),
            "{} shares it",
            drone.id()
        );
    }
}
