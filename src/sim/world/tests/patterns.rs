//! Formations are taken and regions are flown over.

use super::super::super::behaviour;
use super::*;

fn formation(shape: &str, heading_deg: f64, middle: [f64; 3]) -> Command {
    Command::Formation {
        shape: shape.into(),
        spacing_m: 6.0,
        heading_deg: Some(heading_deg),
        position: Some(Vec3::from(middle)),
    }
}

/// Twelve scouts in the air in the south-west.
fn twelve() -> World {
    field(
        "[[drones]]\ntype = \"scout\"\ncount = 12\naltitude_m = 20.0\n\
         grid = { center = [-100.0, -100.0], spacing_m = 8.0 }\n",
    )
}

#[test]
fn every_shape_is_taken_and_held() {
    for (ticket, shape) in (1..).zip(["line", "column", "v", "grid", "circle", "sphere"]) {
        let mut world = twelve();
        let applied =
            world.apply(&formation(shape, 45.0, [-60.0, 60.0, 30.0]), &Targets::All, ticket).unwrap();
        assert!(
            applied.results.iter().all(|(_, v)| v.result == CommandResult::Accepted),
            "{shape}: {applied:?}"
        );
        let mut seen = Vec::new();
        let mut apart = f64::INFINITY;
        for _ in 0..2500 {
            world.advance();
            seen.extend(world.drain_progress());
            apart = apart.min(world.metrics().separation_min_m.unwrap_or(f64::INFINITY));
        }
        for drone in world.drones() {
            let end = ended(&seen, ticket, drone.id());
            assert_eq!(end, Some((CommandResult::Completed, String::new())), "{shape}: {}", drone.id());
        }
        let middle = world.drones().iter().fold(Vec3::ZERO, |sum, d| sum + d.position()) / 12.0;
        assert!(middle.distance(Vec3::new(-60.0, 60.0, 30.0)) < 0.5, "{shape}: {middle:?}");
        assert!(apart > 2.0, "{shape}: {apart} m apart");
    }
}

#[test]
fn a_formation_stays_out_of_obstacles_and_within_fences() {
    let mut world = twelve();
    let applied = world.apply(&formation("line", 0.0, [0.0, 0.0, 20.0]), &Targets::All, 1).unwrap();
    let denied: Vec<_> = applied.results.iter().filter(|(_, v)| v.result == CommandResult::Denied).collect();
    assert_eq!(denied.len(), 4, "{applied:?}");
    let reason = denied[0].1.reason.as_deref().unwrap();
    assert_eq!(reason, "its place in the formation: the point lies inside the obstacle tower");
}

#[test]
fn wrong_shapes_and_regions_are_refused() {
    let mut world = twelve();
    let mut error = |command: Command| world.apply(&command, &Targets::All, 1).unwrap_err().to_string();
    let dance = error(formation("dance", 0.0, [0.0, 0.0, 20.0]));
    assert!(dance.contains("\"dance\" is not one of line, column, v, grid, circle, sphere"), "{dance}");
    let scan = |region: Vec<[f64; 2]>| Command::Scan { region, altitude_m: None, spacing_m: Some(5.0) };
    for region in [vec![], vec![[0.0, 0.0], [9.0, 9.0]], vec![[0.0, 0.0], [9.0, 9.0], [9.0, 0.0], [0.0, 9.0]]]
    {
        assert!(error(scan(region)).contains("crosses itself or has no area"));
    }
    assert!(error(scan(vec![[f64::NAN, 0.0], [9.0, 0.0], [9.0, 9.0]])).contains("not a finite number"));
}

/// Ways from where nine drones start to their places in a formation, shared out as asked.
fn ways(assignment: &str, cost: &str) -> Vec<f64> {
    let mut world = field(&format!(
        "[behavior.formation]\nshape = \"line\"\nassignment = \"{assignment}\"\ncost = \"{cost}\"\nspacing_m = 9.0\n\
         heading_deg = 250.0\nnorth_m = -80.0\neast_m = -70.0\naltitude_m = 30.0\n[[drones]]\ntype = \"quad\"\ncount = 9\n\
         grid = {{ center = [-90.0, -90.0], spacing_m = 11.0 }}\naltitude_m = 20.0\nbehavior = \"formation\"\n"
    ));
    let from: Vec<Vec3> = world.drones().iter().map(|d| d.position()).collect();
    world.advance();
    let formation = behaviour::index_of("formation").unwrap();
    let frame = behaviour::Frame::at(world.params.of_behaviour(formation), 0.0);
    world.slots.all().zip(from).map(|((_, offset), from)| frame.place(offset).0.distance(from)).collect()
}

#[test]
fn places_of_a_formation_are_shared_out_as_asked() {
    let sum = |ways: &[f64]| ways.iter().sum::<f64>();
    let squares = |ways: &[f64]| ways.iter().map(|way| way * way).sum::<f64>();
    let longest = |ways: &[f64]| ways.iter().copied().fold(0.0, f64::max);
    let [sq, dist, widest] = ["sq", "dist", "bottleneck"].map(|cost| ways("optimal", cost));
    for (assignment, cost) in ["optimal", "auction", "greedy", "identity"]
        .into_iter()
        .flat_map(|assignment| ["sq", "dist", "bottleneck"].map(|cost| (assignment, cost)))
    {
        let other = ways(assignment, cost);
        assert_eq!(other.len(), 9);
        assert!(squares(&sq) <= squares(&other) + 1e-9, "{assignment} by {cost}");
        assert!(sum(&dist) <= sum(&other) + 1e-9, "{assignment} by {cost}");
        assert!(longest(&widest) <= longest(&other) + 1e-9, "{assignment} by {cost}");
    }
    assert!(squares(&ways("auction", "sq")) <= squares(&sq) + 1e-4 * longest(&sq) * longest(&sq));
    assert!(sum(&ways("auction", "dist")) <= sum(&dist) + 1e-4 * longest(&dist));
    assert!(sum(&ways("identity", "sq")) > sum(&sq) + 10.0, "as they stand they would cross");
}

#[test]
fn scouts_share_a_region_and_fly_over_all_of_it() {
    let mut world = field(
        "[[drones]]\ntype = \"scout\"\ncount = 3\naltitude_m = 20.0\n\
         grid = { center = [-100.0, -100.0], spacing_m = 8.0 }\n",
    );
    let region = vec![[-150.0, 40.0], [-50.0, 40.0], [-50.0, 100.0], [-150.0, 100.0]];
    let scan = Command::Scan { region, altitude_m: Some(25.0), spacing_m: Some(10.0) };
    let applied = world.apply(&scan, &Targets::All, 1).unwrap();
    assert!(applied.results.iter().all(|(_, v)| v.result == CommandResult::Accepted), "{applied:?}");
    assert_eq!(world.snapshot().visual.paths.len(), 3);
    let (mut seen, mut covered) = (Vec::new(), [[false; 12]; 20]);
    for _ in 0..4000 {
        world.advance();
        seen.extend(world.drain_progress());
        for (i, row) in covered.iter_mut().enumerate() {
            for (j, cell) in row.iter_mut().enumerate() {
                let p = Vec3::new(-147.5 + 5.0 * i as f64, 42.5 + 5.0 * j as f64, 25.0);
                *cell |= world.drones().iter().any(|d| d.position().distance(p) < 7.0);
            }
        }
    }
    for drone in world.drones() {
        assert_eq!(ended(&seen, 1, drone.id()), Some((CommandResult::Completed, String::new())));
    }
    assert!(covered.iter().flatten().all(|&c| c), "{covered:?}");
}
