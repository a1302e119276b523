//! What each breach does: every rule with every action.

use super::super::super::drone::{Drone, Mode};
use super::super::super::scene::{FenceAction, FenceKind};
use super::*;

#[test]
fn too_much_wind_holds_everyone_until_it_is_calm_again() {
    let events =
        "[[mission.events]]\nat_s = 30.0\nwind_mps = 7.5\n[[mission.events]]\nat_s = 60.0\nwind_mps = 1.0\n";
    let mut world = small_with(events, 7);
    advance_to(&mut world, 45.0);
    let done = |world: &World| world.mission().unwrap().truth.cleanings.iter().sum::<u32>();
    assert!(world.mission().unwrap().rules[0].is_broken);
    let before = done(&world);
    advance_to(&mut world, 60.0);
    assert_eq!(done(&world), before, "nobody cleans while the rule holds");
    let codes = finish(&mut world);
    assert!(codes.iter().any(|code| code == "rule_kept"));
    assert_complete(&world);
}

const RULE: &str = "watch = \"wind\"\nlimit_mps = 6.0\naction = \"hold\"";

fn small_under(rule: &str, action: &str, general: &str, more: &str) -> World {
    assert!(SMALL.contains(RULE));
    let text = SMALL.replace(RULE, &format!("{rule}\naction = \"{action}\""));
    world(&format!("{}{more}", text.replace("limit_s = 900.0", &format!("limit_s = 900.0\n{general}"))), 7)
}

/// Flies until a rule is broken, or kept again; what was said then.
fn until(world: &mut World, code: &str, limit_s: f64) -> String {
    loop {
        let next = world.sim_time_s() + world.tick_s();
        advance_to(world, next);
        if let Some(said) = world.drain_happenings().into_iter().find(|said| said.code == code) {
            return said.message.to_string();
        }
        assert!(next < limit_s, "no {code} before {limit_s} s");
    }
}

/// Ids of those in the air who do not take off: at work, holding, on the way home.
fn flying(world: &World) -> [Vec<String>; 3] {
    let mut lists = [Vec::new(), Vec::new(), Vec::new()];
    let in_flight = |drone: &&Drone| drone.is_airborne() && drone.mode() != Mode::Takeoff;
    for drone in world.drones().iter().filter(in_flight) {
        let list = match drone.mode() {
            Mode::Hold => 1,
            Mode::Rtl | Mode::Land => 2,
            _ => 0,
        };
        lists[list].push(drone.id().to_string());
    }
    lists
}

/// What everyone does ten seconds after a rule that concerns everyone is broken.
fn assert_everyone(world: &mut World, action: &str, said: &str) {
    let words = match action {
        "warn" => "the mission goes on",
        "hold" => "everyone holds",
        _ => "everyone returns",
    };
    assert!(said.ends_with(words), "{said}");
    let standing = |world: &World| {
        world
            .drones()
            .iter()
            .filter(|drone| !drone.is_airborne())
            .map(|drone| drone.id().to_string())
            .collect()
    };
    let before: Vec<String> = standing(world);
    let until_s = world.sim_time_s() + 10.0;
    advance_to(world, until_s);
    let [at_work, holding, coming] = flying(world);
    match action {
        "warn" => assert!(at_work.len() >= 3, "{at_work:?} work, {holding:?} hold, {coming:?} come"),
        "hold" => {
            assert!(holding.len() >= 3 && at_work.is_empty(), "{at_work:?} fly on, {holding:?} hold");
            let now: Vec<String> = standing(world);
            assert!(before.iter().all(|id| now.contains(id)), "someone took off: {before:?}, {now:?}");
            for drone in world.drones().iter().filter(|drone| holding.contains(&drone.id().to_string())) {
                assert!(drone.velocity().norm() < 0.7, "{} moves at {}", drone.id(), drone.velocity().norm());
            }
        }
        _ => {
            assert!(at_work.is_empty() && holding.is_empty(), "{at_work:?} fly on, {holding:?} hold");
            assert!(coming.len() >= 3, "{coming:?} come");
        }
    }
}

#[test]
fn too_much_wind_warns_holds_or_calls_home_as_the_rule_says() {
    let events =
        "[[mission.events]]\nat_s = 30.0\nwind_mps = 4.0\n[[mission.events]]\nat_s = 60.0\nwind_mps = 1.0\n";
    for action in ["warn", "hold", "return"] {
        let mut world = small_under("watch = \"wind\"\nlimit_mps = 3.0", action, "", events);
        let said = until(&mut world, "rule_broken", 60.0);
        assert!(said.contains("limit 3 m/s"), "{said}");
        assert_everyone(&mut world, action, &said);
        until(&mut world, "rule_kept", 100.0);
        finish(&mut world);
        assert_complete(&world);
        let report = Report::of(&world).unwrap();
        assert_eq!((report.rules[0].times, report.rules[0].held_s > 20.0), (1, true), "{action}");
    }
}

#[test]
fn after_hours_everyone_is_warned_held_or_called_home_until_the_next_morning() {
    let rule = "watch = \"hours\"\nfrom_h = 8.0\nto_h = 18.0";
    for action in ["warn", "hold", "return"] {
        let mut world = small_under(rule, action, "start_h = 17.99", "");
        let said = until(&mut world, "rule_broken", 60.0);
        assert!((35.0..38.0).contains(&world.sim_time_s()), "at {} s: {said}", world.sim_time_s());
        assert!(said.contains("18:00:00, flights from 08:00:00 to 18:00:00"), "{said}");
        assert_everyone(&mut world, action, &said);
    }
    let mut world = small_under(rule, "return", "start_h = 7.99", "");
    advance_to(&mut world, 34.0);
    assert!(world.drones().iter().all(|drone| !drone.is_airborne()), "nobody takes off before hours");
    until(&mut world, "rule_kept", 60.0);
    finish(&mut world);
    assert_complete(&world);
}

/// A fence is drawn around a worker in flight: it concerns that worker alone.
#[test]
fn who_is_beyond_a_fence_is_warned_holds_or_returns_and_nobody_else() {
    // Without a rule the fence itself decides.
    for (action, own) in [
        ("warn", FenceAction::Warn),
        ("hold", FenceAction::Warn),
        ("return", FenceAction::Warn),
        ("warn", FenceAction::Hold),
        ("warn", FenceAction::Rtl),
    ] {
        let mut world = small_under("watch = \"fence\"", action, "", "");
        advance_to(&mut world, 45.0);
        let worker = world.drones().iter().find(|drone| &**drone.id() == "worker-1").unwrap().position();
        let [w, e, s, n] = [worker.x - 4.0, worker.x + 4.0, worker.y - 4.0, worker.y + 4.0];
        let fence = Command::SetFence {
            name: "crane".to_owned(),
            kind: FenceKind::KeepOut,
            polygon: vec![[w, s], [e, s], [e, n], [w, n]],
            floor_m: None,
            ceiling_m: None,
            action: Some(own),
        };
        world.apply(&fence, &Targets::All, 1).unwrap();
        let said = until(&mut world, "rule_broken", 47.0);
        let words = match action {
            "warn" => "the mission goes on",
            "hold" => "whoever is beyond holds",
            _ => "whoever is beyond returns",
        };
        assert!(said.contains("drones beyond a fence") && said.ends_with(words), "{said}");
        let next = world.sim_time_s() + 0.4;
        advance_to(&mut world, next);
        // At a façade it backs out before it holds.
        let activity = member(&world, "worker-1").activity;
        let is_so = match (action, own) {
            ("hold", _) | (_, FenceAction::Hold) => activity == Activity::Waiting,
            ("return", _) | (_, FenceAction::Rtl) => activity == Activity::Returning,
            _ => matches!(activity, Activity::Working | Activity::Transit),
        };
        assert!(is_so, "{action}, {own:?}: {activity:?}");
        let [at_work, ..] = flying(&world);
        assert!(at_work.len() >= 2, "the others go on: {at_work:?}");
        world.apply(&Command::RemoveFence { name: "crane".to_owned() }, &Targets::All, 2).unwrap();
        until(&mut world, "rule_kept", 70.0);
        finish(&mut world);
        assert_complete(&world);
    }
}
