//! A forecast is what is flown afterwards.

use super::*;

#[test]
fn what_is_foreseen_is_flown_to_the_bit() {
    let mut world = five();
    advance(&mut world, 2.0);
    let (command, targets) = (goto(80.0, 60.0, 25.0), Targets::Group("air".into()));
    let before = world.state_hash();
    let seen = world.clone().forecast(&command, &targets).unwrap();
    assert_eq!(world.state_hash(), before, "looking changes nothing");
    assert_eq!((seen.done, seen.failed, seen.paths.len()), (4, 0, 4));
    let done_s = seen.done_s.expect("it comes to an end");
    assert!((10.0..60.0).contains(&done_s), "{done_s} s for about 180 m");

    world.apply(&command, &targets, 7).unwrap();
    let (mut progress, mut closest, began) = (Vec::new(), f64::INFINITY, world.sim_time_s());
    while endings(&progress).len() < 4 {
        world.advance();
        progress.extend(world.drain_progress().into_iter().filter(|p| p.ticket == 7));
        closest = closest.min(world.metrics().separation_min_m.unwrap_or(f64::INFINITY));
    }
    assert!((world.sim_time_s() - began - done_s).abs() < 1e-9, "it takes as long as foreseen");
    assert_eq!((Some(closest), seen.collisions), (seen.separation_min_m, 0));
    for (id, path) in &seen.paths {
        let there = world.drones()[world.index_of(id).unwrap()].position();
        assert!((*path.last().unwrap() - there).norm() < 0.01, "{id} ends where it was foreseen");
        assert!((3..=66).contains(&path.len()), "{} points", path.len());
        // Around the tower of the field, not through it.
        assert!(path.iter().all(|p| p.x.abs() > 10.0 || p.y.abs() > 10.0), "{id}: {path:?}");
    }
}

#[test]
fn a_look_ahead_has_its_bounds() {
    let world = five();
    let follow = Command::Follow { drone: "quad-1".into(), offset: None };
    let seen = world.clone().forecast(&follow, &ids(&["quad-2"])).unwrap();
    assert_eq!((seen.done_s, seen.looked_s.round()), (None, 20.0), "following has no end");
    assert!(
        world.clone().forecast(&goto(0.0, 0.0, 1e12), &Targets::All).is_err(),
        "what makes no sense is refused"
    );
    // The larger the swarm, the shorter the look.
    let many = World::new(scenario("thousand"), 1);
    let seen = many.forecast(&Command::Land {}, &Targets::All).unwrap();
    assert_eq!((seen.looked_s.round(), seen.paths.len()), (8.0, 200));
    assert!(!Command::Hold {}.is_flown() && Command::Rtl {}.is_flown());
}
