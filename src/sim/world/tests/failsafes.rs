//! What happens when something breaks.

use std::borrow::Cow;

use super::super::super::command::Fault;
use super::super::super::{Drone, Heading, Intent, Landed, Level, Memory, Mode};
use super::*;

fn inject(world: &mut World, id: &str, fault: Fault, value: Option<f64>, duration_s: Option<f64>) {
    accept(world, id, Command::InjectFault { fault, value, duration_s, clear: false }, 1000);
}

fn codes(world: &mut World) -> Vec<(&'static str, Level)> {
    let known = |code| match code {
        Cow::Borrowed(code) => code,
        Cow::Owned(code) => panic!("{code} is none of the program's"),
    };
    world.drain_happenings().into_iter().map(|h| (known(h.code), h.level)).collect()
}

fn drone<'w>(world: &'w World, id: &str) -> &'w Drone {
    &world.drones()[world.index_of(id).unwrap()]
}

fn mode(world: &World, id: &str) -> Mode {
    drone(world, id).mode()
}

#[test]
fn a_battery_never_gains_charge_in_the_air_and_each_stage_has_its_answer() {
    let mut world = five();
    inject(&mut world, "quad-1", Fault::Battery, Some(33.3), None);
    let mut seen = Vec::new();
    let mut last = 100.0;
    for _ in 0..(400.0 / world.tick_s()) as usize {
        world.advance();
        seen.extend(codes(&mut world).into_iter().map(|(code, _)| code));
        let drone = &world.snapshot().drones[0];
        if drone.landed == Landed::OnGround {
            break;
        }
        assert!(drone.battery_pct <= last);
        last = drone.battery_pct;
    }
    seen.retain(|code| code.starts_with("battery") || *code == "landed");
    assert_eq!(seen, ["battery_low", "battery_very_low", "landed"]);
    let before = world.snapshot().drones[0].battery_pct;
    advance(&mut world, 30.0);
    assert!(world.snapshot().drones[0].battery_pct > before + 5.0, "charged at home");
    inject(&mut world, "quad-2", Fault::Battery, Some(8.0), None);
    advance(&mut world, 0.1);
    assert_eq!(mode(&world, "quad-2"), Mode::Land);
    inject(&mut world, "quad-3", Fault::Battery, Some(0.0), None);
    advance(&mut world, 0.1);
    assert_eq!(mode(&world, "quad-3"), Mode::Emergency);
}

#[test]
fn an_interrupted_mission_goes_on_after_charging() {
    let mut world = field(
        "[[drones]]\ntype = \"quad\"\nposition = [-80.0, -80.0]\naltitude_m = 20.0\nbattery_pct = 26.0\n\
         mission = { loop = true, waypoints = [{ position = [-80.0, -80.0, 20.0] }, { position = [-80.0, 80.0, 20.0] }] }\n",
    );
    let mut seen = Vec::new();
    for _ in 0..(500.0 / world.tick_s()) as usize {
        world.advance();
        seen.extend(codes(&mut world).into_iter().map(|(code, _)| code));
    }
    assert_eq!(&seen[..4], ["battery_low", "battery_very_low", "landed", "resumed"]);
    assert_eq!(mode(&world, "quad-1"), Mode::Mission);
}

#[test]
fn a_pilot_that_panics_is_restarted_and_its_drone_holds() {
    let mut world = five();
    accept(&mut world, "quad-1", goto(-100.0, 100.0, 30.0), 1);
    advance(&mut world, 2.0);
    inject(&mut world, "quad-1", Fault::Panic, None, None);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.decide(0))).is_err());
    world.drain_happenings();
    advance(&mut world, 0.2);
    assert_eq!(codes(&mut world), [("pilot_restarted", Level::Error)]);
    assert_eq!((mode(&world, "quad-1"), world.drones()[0].restarts()), (Mode::Hold, 1));
    assert_eq!(ended(&world.drain_progress(), 1, "quad-1").unwrap().0, CommandResult::Failed);
}

#[test]
fn three_panics_in_five_seconds_make_everyone_hold() {
    let mut world = five();
    world.apply(&goto(-100.0, 100.0, 30.0), &ids(&["quad-4"]), 1).unwrap();
    for id in ["quad-1", "quad-2", "quad-3"] {
        inject(&mut world, id, Fault::Panic, None, None);
        advance(&mut world, 1.0);
    }
    assert!(codes(&mut world).contains(&("crash_storm", Level::Critical)));
    assert_eq!(mode(&world, "quad-4"), Mode::Hold);
}

#[test]
fn numbers_that_are_not_finite_never_spread() {
    let mut world = five();
    let bad = Intent::Fly {
        velocity: Vec3::new(f64::NAN, 0.0, 0.0),
        heading: Heading::AsBefore,
        memory: Memory::default(),
    };
    let intents: Vec<Option<Intent>> =
        (0..5).map(|i| Some(if i == 0 { bad } else { world.decide(i) })).collect();
    world.step(&intents);
    assert_eq!(codes(&mut world), [("bad_data", Level::Error)]);
    advance(&mut world, 2.0);
    for drone in world.snapshot().drones {
        assert!(drone.position.is_finite() && drone.velocity.is_finite());
    }
    assert!(world.snapshot().drones[0].bad_data && !world.snapshot().drones[1].bad_data);
}

#[test]
fn a_drone_without_link_is_shown_as_last_heard_and_returns_home() {
    let mut world = five();
    accept(&mut world, "quad-1", goto(-60.0, 150.0, 30.0), 1);
    advance(&mut world, 3.0);
    inject(&mut world, "quad-1", Fault::Link, None, Some(20.0));
    let last = world.snapshot().drones[0].position;
    advance(&mut world, 5.0);
    let shown = world.snapshot().drones[0].clone();
    assert_eq!((shown.position, shown.link_lost, shown.silent_ticks), (last, true, 125));
    assert!(world.drones()[0].position().distance(last) > 10.0);
    let verdict = only(world.apply(&Command::Hold {}, &ids(&["quad-1"]), 2).unwrap());
    assert_eq!(verdict.result, CommandResult::TemporarilyRejected);
    advance(&mut world, 6.0);
    assert_eq!(mode(&world, "quad-1"), Mode::Rtl);
    advance(&mut world, 10.0);
    assert!(!world.snapshot().drones[0].link_lost);
}

#[test]
fn without_a_fix_a_drone_drifts_and_holds_again_when_it_is_back() {
    let mut world = five();
    let wind = Command::SetEnvironment { wind_mps: Some(4.0), wind_from_deg: Some(180.0), gust_mps: None };
    world.apply(&wind, &Targets::All, 1).unwrap();
    advance(&mut world, 20.0);
    let before = world.drones()[0].position();
    inject(&mut world, "quad-1", Fault::Gps, None, Some(10.0));
    assert_eq!(refuse(&mut world, "quad-1", goto(-50.0, 50.0, 20.0)), "no position fix; it can only land");
    advance(&mut world, 10.0);
    assert!((world.drones()[0].position().y - before.y - 40.0).abs() < 5.0);
    advance(&mut world, 15.0);
    assert!(world.drones()[0].velocity().norm() < 0.2);
}

#[test]
fn a_weak_motor_lands_and_a_dead_one_falls() {
    let mut world = five();
    inject(&mut world, "quad-1", Fault::Motor, Some(0.6), None);
    inject(&mut world, "quad-2", Fault::Motor, None, None);
    assert_eq!((mode(&world, "quad-1"), mode(&world, "quad-2")), (Mode::Land, Mode::Emergency));
    advance(&mut world, 40.0);
    assert_eq!(world.metrics().airborne, 2);
    assert_eq!(world.drones()[0].mode(), Mode::Standby);
    assert!(world.drones()[1].faults().damaged);
}

#[test]
fn a_missing_intent_leaves_the_last_one_standing() {
    let mut world = five();
    accept(&mut world, "quad-1", goto(-60.0, 150.0, 20.0), 1);
    advance(&mut world, 5.0);
    world.drain_happenings();
    let speed = world.drones()[0].velocity();
    world.step(&[None; 5]);
    assert_eq!(codes(&mut world), [("intent_missed", Level::Warning); 5]);
    assert!((world.drones()[0].velocity() - speed).norm() < 0.2);
}

/// One quad above another in the air; the upper one loses its motors. What came of it.
fn fall_onto(filter: &str, height_m: f64, aside_m: f64) -> World {
    let mut world = field(&format!(
        "[avoidance]\nfilter = \"{filter}\"\n[[drones]]\ntype = \"quad\"\nname = \"under\"\nposition = [-60.0, -60.0]\n\
         altitude_m = 10.0\n[[drones]]\ntype = \"quad\"\nname = \"wreck\"\nposition = [{}, -60.0]\naltitude_m = {}\n",
        aside_m - 60.0,
        10.0 + height_m
    ));
    inject(&mut world, "wreck", Fault::Motor, Some(0.0), None);
    for _ in 0..200 {
        world.advance();
    }
    assert!(!drone(&world, "wreck").is_airborne());
    world
}

#[test]
fn whoever_is_beneath_a_wreck_goes_out_of_its_way() {
    for height_m in [5.0, 10.0, 20.0, 40.0, 60.0] {
        for aside_m in [0.0, 0.2, 0.5, 1.5] {
            let world = fall_onto("brake", height_m, aside_m);
            assert_eq!(world.metrics().collisions, 0, "from {height_m} m, {aside_m} m aside");
            assert!(drone(&world, "under").position().z > 5.0, "it does not race it to the ground");
        }
    }
}

#[test]
fn a_collision_with_a_wreck_is_told_from_one_of_two_that_fly() {
    let struck = fall_onto("none", 10.0, 0.1);
    assert_eq!((struck.safety().collisions, struck.safety().wreck_collisions), (1, 1));
    let mut world = field(
        "[avoidance]\nfilter = \"none\"\n[[drones]]\ntype = \"quad\"\ncount = 2\naltitude_m = 20.0\n\
         grid = { center = [-60.0, -60.0], spacing_m = 20.0 }\n",
    );
    let [a, b] = [0, 1].map(|k| world.drones()[k].position());
    accept(&mut world, "quad-1", goto(b.x, b.y, b.z), 1);
    accept(&mut world, "quad-2", goto(a.x, a.y, a.z), 2);
    advance(&mut world, 20.0);
    assert_eq!((world.safety().collisions, world.safety().wreck_collisions), (1, 0));
}
