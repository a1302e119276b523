//! Every command: what it does, what ends it, when it is refused.

use super::super::super::command::Fault;
use super::super::super::{ErrorCode, Landed, Mode, Waypoint};
use super::*;

fn state(world: &World, id: &str) -> super::super::super::DroneState {
    let index = world.index_of(id).unwrap();
    world.snapshot().drones[index].clone()
}

fn error(world: &mut World, command: Command, targets: &Targets) -> (ErrorCode, String) {
    let before = (world.state_hash(), world.drones().len(), world.table().epoch);
    let error = world.apply(&command, targets, 9).unwrap_err();
    assert_eq!(
        before,
        (world.state_hash(), world.drones().len(), world.table().epoch),
        "an error changed the world"
    );
    assert_eq!(world.check(&command, targets).unwrap_err(), error);
    (error.code, error.to_string())
}

#[test]
fn a_drone_takes_off_flies_to_a_point_and_lands() {
    let mut world = five();
    accept(&mut world, "ground", Command::Takeoff { altitude_m: Some(15.0) }, 1);
    assert_eq!(state(&world, "ground").mode, Mode::Takeoff);
    assert_eq!(run_until_end(&mut world, 1, "ground", 30.0).0, CommandResult::Completed);
    assert!((state(&world, "ground").position.z - 15.0).abs() < 1.0);
    accept(&mut world, "ground", goto(-60.0, -100.0, 25.0), 2);
    assert_eq!(state(&world, "ground").goal, Some(Vec3::new(-60.0, -100.0, 25.0)));
    assert_eq!(run_until_end(&mut world, 2, "ground", 60.0).0, CommandResult::Completed);
    accept(&mut world, "ground", Command::Land {}, 3);
    assert_eq!(run_until_end(&mut world, 3, "ground", 60.0).0, CommandResult::Completed);
    let landed = state(&world, "ground");
    assert_eq!((landed.mode, landed.landed, landed.armed), (Mode::Standby, Landed::OnGround, false));
    assert_eq!(landed.position.z, 0.0);
}

#[test]
fn arrival_is_judged_within_the_radius_at_rest_and_not_before() {
    let mut world = five();
    accept(&mut world, "quad-1", goto(-150.0, 80.0, 40.0), 1);
    let goal = Vec3::new(-150.0, 80.0, 40.0);
    for _ in 0..5000 {
        world.advance();
        let now = state(&world, "quad-1");
        let arrived = now.position.distance(goal) < 1.0 && now.velocity.norm() < 0.5;
        let end = ended(&world.drain_progress(), 1, "quad-1");
        assert_eq!(end.is_some(), arrived, "at {:?} with {:?}", now.position, now.velocity);
        if let Some((result, _)) = end {
            assert_eq!(result, CommandResult::Completed);
            return;
        }
    }
    panic!("never arrived");
}

#[test]
fn the_way_leads_round_the_tower() {
    let mut world = five();
    accept(&mut world, "quad-1", goto(60.0, 60.0, 20.0), 1);
    let mut nearest = f64::INFINITY;
    for _ in 0..3000 {
        world.advance();
        nearest = nearest.min(world.scene().obstacles[0].gap(state(&world, "quad-1").position).0);
    }
    assert_eq!(ended(&world.drain_progress(), 1, "quad-1").unwrap().0, CommandResult::Completed);
    assert!(nearest > 1.5, "{nearest} m from the tower");
}

#[test]
fn a_fleet_sent_to_one_point_gets_places_around_it() {
    let mut world = five();
    let applied = world.apply(&goto(-100.0, 50.0, 30.0), &Targets::Group("air".into()), 1).unwrap();
    assert_eq!(applied.results.len(), 4);
    let goals: Vec<Vec3> = (0..4).map(|i| world.snapshot().drones[i].goal.unwrap()).collect();
    for (i, a) in goals.iter().enumerate() {
        assert!(a.distance(Vec3::new(-100.0, 50.0, 30.0)) < 4.1);
        assert!(goals[..i].iter().all(|b| a.distance(*b) > 3.9));
    }
    advance(&mut world, 60.0);
    assert_eq!(endings(&world.drain_progress()).len(), 4);
    assert_eq!(world.metrics().near_misses, 0);
}

#[test]
fn drones_that_swap_places_do_not_collide() {
    let mut world = field(
        "[[drones]]\ntype = \"quad\"\ncount = 8\ncircle = { center = [-100.0, 100.0], radius_m = 40.0 }\naltitude_m = 30.0\n",
    );
    for k in 0..8 {
        let p = world.drones()[k].position();
        let opposite = goto(-200.0 - p.x, 200.0 - p.y, 30.0);
        accept(&mut world, &format!("quad-{}", k + 1), opposite, k as u64);
    }
    let (mut progress, mut closest) = (Vec::new(), f64::INFINITY);
    for _ in 0..2500 {
        world.advance();
        progress.extend(world.drain_progress());
        closest = closest.min(world.metrics().separation_min_m.unwrap_or(f64::INFINITY));
    }
    let arrived = progress.iter().filter(|p| p.verdict.result == CommandResult::Completed).count();
    assert_eq!(arrived, 8);
    assert!(closest > 1.2, "{closest} m");
}

#[test]
fn rtl_goes_home_and_lands_there() {
    let mut world = five();
    let home = world.drones()[0].home();
    accept(&mut world, "quad-1", goto(100.0, 100.0, 30.0), 1);
    advance(&mut world, 60.0);
    accept(&mut world, "quad-1", Command::Rtl {}, 2);
    assert_eq!(run_until_end(&mut world, 2, "quad-1", 200.0).0, CommandResult::Completed);
    assert!(state(&world, "quad-1").position.distance(home) < 1.5);
}

#[test]
fn a_follower_keeps_its_place_until_the_leader_lands() {
    let mut world = five();
    accept(
        &mut world,
        "quad-2",
        Command::Follow { drone: "quad-1".into(), offset: Some(Vec3::new(0.0, -8.0, 5.0)) },
        1,
    );
    accept(&mut world, "quad-1", goto(-150.0, 100.0, 30.0), 2);
    advance(&mut world, 60.0);
    let place = state(&world, "quad-1").position + Vec3::new(0.0, -8.0, 5.0);
    assert!(state(&world, "quad-2").position.distance(place) < 1.0);
    assert!(
        refuse(&mut world, "quad-1", Command::Follow { drone: "quad-2".into(), offset: None })
            .contains("follows this drone already")
    );
    accept(&mut world, "quad-1", Command::Land {}, 3);
    let (result, reason) = run_until_end(&mut world, 1, "quad-2", 60.0);
    assert_eq!((result, reason.as_str()), (CommandResult::Failed, "quad-1 has landed"));
}

#[test]
fn a_follower_of_a_removed_drone_fails() {
    let mut world = five();
    accept(&mut world, "quad-3", Command::Follow { drone: "quad-2".into(), offset: None }, 1);
    accept(&mut world, "quad-2", Command::Remove {}, 2);
    let (result, reason) = run_until_end(&mut world, 1, "quad-3", 1.0);
    assert_eq!((result, reason.as_str()), (CommandResult::Failed, "the drone it followed was removed"));
    assert_eq!(world.index_of("quad-2"), None);
    assert_eq!(world.index_of("quad-3"), Some(1));
}

#[test]
fn a_mission_is_flown_paused_and_resumed() {
    let mut world = five();
    let waypoint = |e, n| Waypoint {
        position: Vec3::new(e, n, 20.0),
        loiter_s: 1.0,
        speed_mps: None,
        heading_deg: None,
    };
    let waypoints = vec![waypoint(-100.0, -60.0), waypoint(-100.0, 0.0), waypoint(-60.0, 0.0)];
    accept(&mut world, "ground", Command::Mission { waypoints, looped: false }, 1);
    accept(&mut world, "ground", Command::MissionStart {}, 2);
    advance(&mut world, 25.0);
    assert_eq!(state(&world, "ground").mode, Mode::Mission);
    accept(&mut world, "ground", Command::MissionPause {}, 3);
    let progress = world.drain_progress();
    assert_eq!(ended(&progress, 2, "ground").unwrap().1, "superseded by mission_pause (ticket 3)");
    let leg = world.drones()[4].leg();
    assert_eq!(run_until_end(&mut world, 3, "ground", 20.0).0, CommandResult::Completed);
    accept(&mut world, "ground", Command::MissionStart {}, 4);
    assert_eq!(world.drones()[4].leg().waypoint, leg.waypoint);
    assert_eq!(run_until_end(&mut world, 4, "ground", 120.0).0, CommandResult::Completed);
    assert!(state(&world, "ground").position.distance(Vec3::new(-60.0, 0.0, 20.0)) < 1.0);
    assert_eq!(refuse(&mut world, "quad-1", Command::MissionStart {}), "it has no mission");
    assert_eq!(refuse(&mut world, "quad-1", Command::MissionPause {}), "no mission under way");
}

#[test]
fn a_velocity_setpoint_runs_out_and_a_renewed_one_does_not() {
    let mut world = five();
    let setpoint = || Command::Velocity { velocity: Vec3::new(0.0, -4.0, 0.0) };
    accept(&mut world, "quad-1", setpoint(), 1);
    advance(&mut world, 1.0);
    accept(&mut world, "quad-1", setpoint(), 2);
    assert_eq!(ended(&world.drain_progress(), 1, "quad-1").unwrap().0, CommandResult::Completed);
    advance(&mut world, 1.6);
    assert!((state(&world, "quad-1").velocity.y + 4.0).abs() < 0.2);
    assert_eq!(run_until_end(&mut world, 2, "quad-1", 1.0).1, "the setpoint ran out; holding");
    advance(&mut world, 5.0);
    assert_eq!(state(&world, "quad-1").mode, Mode::Hold);
    assert!(state(&world, "quad-1").velocity.norm() < 0.1);
}

#[test]
fn velocity_never_leads_over_the_fence() {
    let mut world = five();
    for _ in 0..60 {
        accept(&mut world, "quad-1", Command::Velocity { velocity: Vec3::new(-30.0, 0.0, 0.0) }, 1);
        advance(&mut world, 1.0);
    }
    let p = state(&world, "quad-1").position;
    assert!(p.x > -200.0 && p.x < -190.0, "{p:?}");
    assert_eq!(world.metrics().fence_breaches, 0);
}

#[test]
fn boids_flock_with_the_given_numbers() {
    let mut world = five();
    let params = [("speed_mps".to_owned(), 5.0)].into();
    let command = Command::SetBehavior { behavior: "boids".into(), params };
    world.apply(&command, &Targets::Group("air".into()), 1).unwrap();
    advance(&mut world, 20.0);
    let speeds: Vec<f64> = world.snapshot().drones[..4].iter().map(|d| d.velocity.norm()).collect();
    assert!(speeds.iter().all(|s| (3.0..7.0).contains(s)), "{speeds:?}");
    assert_eq!(world.params().iter().find(|p| p.path == "behavior.boids.speed_mps").unwrap().value, 5.0);
    let bad = Command::SetBehavior { behavior: "boids".into(), params: [("speed".to_owned(), 5.0)].into() };
    assert_eq!(error(&mut world, bad, &Targets::All).0, ErrorCode::UnknownParam);
}

#[test]
fn an_emergency_stop_ends_in_a_fall_and_disarming_does_not_mend_the_damage() {
    let mut world = five();
    accept(&mut world, "quad-1", Command::EmergencyStop {}, 1);
    assert_eq!(state(&world, "quad-1").mode, Mode::Emergency);
    assert_eq!(run_until_end(&mut world, 1, "quad-1", 10.0).0, CommandResult::Completed);
    let fallen = state(&world, "quad-1");
    assert_eq!((fallen.mode, fallen.landed, fallen.armed), (Mode::Emergency, Landed::OnGround, false));
    accept(&mut world, "quad-1", Command::Disarm {}, 2);
    assert_eq!(state(&world, "quad-1").mode, Mode::Standby);
    let takeoff = || Command::Takeoff { altitude_m: None };
    assert_eq!(refuse(&mut world, "quad-1", takeoff()), "damaged by an impact; it cannot fly");
    let repair = Command::InjectFault { fault: Fault::Motor, value: None, duration_s: None, clear: true };
    accept(&mut world, "quad-1", repair, 3);
    accept(&mut world, "quad-1", takeoff(), 4);
}

#[test]
fn arming_signals_and_groups_are_done_at_once() {
    let mut world = five();
    accept(&mut world, "ground", Command::Arm {}, 1);
    assert!(state(&world, "ground").armed);
    accept(&mut world, "ground", Command::Disarm {}, 2);
    assert!(!state(&world, "ground").armed);
    accept(&mut world, "ground", Command::Signal {}, 3);
    assert!(state(&world, "ground").signalling);
    let epoch = world.table().epoch;
    accept(&mut world, "ground", Command::Group { name: "base".into() }, 4);
    assert_eq!(world.table().epoch, epoch + 1);
    assert_eq!(world.table().rows[4].group.as_deref(), Some("base"));
    assert_eq!(endings(&world.drain_progress()).len(), 4);
    advance(&mut world, 4.0);
    assert!(!state(&world, "ground").signalling);
}

#[test]
fn spawned_drones_get_free_names_and_free_places() {
    let mut world = five();
    let spawn = |count, name: Option<&str>, u| Command::Spawn {
        kind: "quad".into(),
        count: Some(count),
        position: Some(Vec3::new(-100.0, -100.0, u)),
        group: None,
        name: name.map(str::to_owned),
    };
    let spawned = world.apply(&spawn(3, None, 0.0), &Targets::All, 1).unwrap().spawned;
    assert_eq!(spawned.iter().map(|id| &**id).collect::<Vec<_>>(), ["quad-5", "quad-6", "quad-7"]);
    for id in &spawned {
        assert!(state(&world, id).position.distance(state(&world, "ground").position) > 2.0);
        assert_eq!(state(&world, id).landed, Landed::OnGround);
    }
    let single = world.apply(&spawn(1, Some("extra"), 12.0), &Targets::All, 2).unwrap().spawned;
    assert_eq!((&*single[0], state(&world, "extra").mode), ("extra", Mode::Hold));
    assert_eq!(error(&mut world, spawn(1, Some("extra"), 0.0), &Targets::All).0, ErrorCode::Conflict);
    assert_eq!(world.table().rows.len(), 9);
}

#[test]
fn wrong_commands_are_refused_with_code_field_and_range() {
    use ErrorCode::*;
    let all = Targets::All;
    let takeoff = |altitude| Command::Takeoff { altitude_m: Some(altitude) };
    let spawn = |kind: &str, count| Command::Spawn {
        kind: kind.into(),
        count: Some(count),
        position: Some(Vec3::ZERO),
        group: None,
        name: None,
    };
    let mut world = five();
    for (command, targets, code, message) in [
        (Command::Hold {}, ids(&["quad-1", "x"]), UnknownDrone, "targets[1]: no drone has the id \"x\""),
        (Command::Hold {}, ids(&[]), BadRequest, "targets: the list is empty"),
        (
            Command::Hold {},
            Targets::Group("x".into()),
            UnknownGroup,
            "targets.group: no drone is in a group \"x\"",
        ),
        (takeoff(f64::NAN), all.clone(), NotFinite, "altitude_m: NaN is not a finite number"),
        (takeoff(0.5), all.clone(), OutOfRange, "altitude_m: 0.5 is out of range 1..=500"),
        (
            goto(1e6, 0.0, 10.0),
            all.clone(),
            OutOfRange,
            "position[0]: 1000000 is out of range -100000..=100000",
        ),
        (goto(0.0, f64::INFINITY, 10.0), all.clone(), NotFinite, "position[1]: inf is not a finite number"),
        (goto(0.0, 0.0, 0.0), all.clone(), OutOfRange, "position[2]: 0 is out of range 1..=500"),
        (
            Command::Mission { waypoints: vec![], looped: false },
            all.clone(),
            BadRequest,
            "waypoints: the list is empty",
        ),
        (
            Command::SetBehavior { behavior: "dance".into(), params: BTreeMap::new() },
            all.clone(),
            BadRequest,
            "behavior: \"dance\" is not one of boids, boids_abm, vicsek, couzin, olfati_saber, vasarhelyi, consensus, lloyd, formation, search",
        ),
        (
            Command::SetParam { path: "limits.x".into(), value: 1.0 },
            all.clone(),
            UnknownParam,
            "path: no parameter has the path \"limits.x\"",
        ),
        (
            Command::SetParam { path: "limits.separation_m".into(), value: 0.0 },
            all.clone(),
            OutOfRange,
            "value: 0 is out of range 0.5..=50",
        ),
        (
            Command::Follow { drone: "y".into(), offset: None },
            all.clone(),
            UnknownDrone,
            "drone: no drone has the id \"y\"",
        ),
        (spawn("quad", 0), all.clone(), OutOfRange, "count: 0 is out of range 1..=10000"),
        (spawn("quad", 1), all.clone(), BadRequest, "position: the point lies inside the obstacle tower"),
        (
            Command::Group { name: "a b".into() },
            all.clone(),
            BadRequest,
            "name: \"a b\" is no name: 1 to 64 letters, digits, '_', '.' or '-' are accepted",
        ),
        (
            Command::SetEnvironment { wind_mps: Some(-1.0), wind_from_deg: None, gust_mps: None },
            all.clone(),
            OutOfRange,
            "wind_mps: -1 is out of range 0..=60",
        ),
    ] {
        assert_eq!(error(&mut world, command, &targets), (code, message.to_owned()));
    }
}

#[test]
fn a_state_that_forbids_a_command_is_named() {
    let mut world = five();
    assert_eq!(refuse(&mut world, "ground", goto(50.0, 50.0, 20.0)), "on the ground; take off first");
    assert_eq!(refuse(&mut world, "ground", Command::Land {}), "on the ground; take off first");
    assert_eq!(refuse(&mut world, "quad-1", Command::Takeoff { altitude_m: None }), "in the air already");
    assert_eq!(
        refuse(&mut world, "quad-1", Command::Disarm {}),
        "in the air; land first, or use emergency_stop"
    );
    assert_eq!(
        refuse(&mut world, "quad-1", goto(0.0, 0.0, 20.0)),
        "the point lies inside the obstacle tower"
    );
    assert_eq!(refuse(&mut world, "quad-1", goto(0.0, 300.0, 20.0)), "the point lies outside the fence site");
    let drain =
        Command::InjectFault { fault: Fault::Battery, value: Some(4.0), duration_s: None, clear: false };
    accept(&mut world, "quad-1", drain, 1);
    assert_eq!(
        refuse(&mut world, "quad-1", goto(-50.0, 50.0, 20.0)),
        "battery 4 %, at or below the critical 10 %"
    );
    let scan =
        Command::Scan { region: vec![[0.0, 0.0], [9.0, 0.0], [9.0, 9.0]], altitude_m: None, spacing_m: None };
    let verdict = only(world.apply(&scan, &ids(&["quad-2"]), 2).unwrap());
    assert_eq!(verdict.result, CommandResult::Unsupported);
    assert_eq!(verdict.reason.unwrap(), "its type has no capability scan");
}

#[test]
fn wind_and_parameters_change_between_ticks() {
    let mut world = five();
    let set = Command::SetParam { path: "limits.takeoff_altitude_m".into(), value: 7.0 };
    world.apply(&set, &Targets::All, 1).unwrap();
    accept(&mut world, "ground", Command::Takeoff { altitude_m: None }, 2);
    assert_eq!(state(&world, "ground").goal.unwrap().z, 7.0);
    let storm = Command::SetEnvironment { wind_mps: Some(15.0), wind_from_deg: Some(90.0), gust_mps: None };
    world.apply(&storm, &Targets::All, 3).unwrap();
    let before = state(&world, "quad-1").position.x;
    advance(&mut world, 10.0);
    assert!(state(&world, "quad-1").position.x < before - 20.0, "carried to the west");
}

#[test]
fn a_goto_by_latitude_keeps_the_altitude() {
    let mut world = five();
    let origin = world.scenario().origin;
    let (lat, lon) = origin.to_geodetic(Vec3::new(-90.0, 40.0, 20.0));
    let command = Command::Goto {
        position: None,
        lat: Some(lat),
        lon: Some(lon),
        altitude_m: None,
        speed_mps: Some(6.0),
        heading_deg: None,
    };
    accept(&mut world, "quad-1", command, 1);
    assert!(state(&world, "quad-1").goal.unwrap().distance(Vec3::new(-90.0, 40.0, 20.0)) < 0.01);
}
