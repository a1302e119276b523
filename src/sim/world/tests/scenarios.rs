//! The built-in scenarios live for long, and mistakes in a scenario are found.

use proptest::prelude::*;

use super::*;

/// Runs a scenario; returns the least share in the air, the least separation and the ticks spent beyond fences.
fn watch(name: &str, minutes: f64) -> (f64, f64, u64) {
    let scenario = scenario(name);
    let mut world = World::new(Arc::clone(&scenario), scenario.seed);
    let (mut air, mut apart, mut outside) = (1f64, f64::INFINITY, 0);
    for _ in 0..(minutes * 60.0 / world.tick_s()) as u64 {
        world.advance();
        world.drain_happenings();
        let metrics = world.metrics();
        air = air.min(f64::from(metrics.airborne) / world.drones().len() as f64);
        apart = apart.min(metrics.separation_min_m.unwrap_or(f64::INFINITY));
        let crossed =
            |d: &&super::super::Drone| world.scene().fences.iter().any(|f| f.is_breached_at(d.position()));
        outside += world.drones().iter().filter(crossed).count() as u64;
    }
    assert!(world.drones().iter().all(|d| !d.faults().damaged), "{name}: a drone is damaged");
    (air, apart, outside)
}

#[test]
fn hello_is_alive_for_an_hour() {
    let (air, apart, outside) = watch("hello", 60.0);
    assert!(
        air >= 0.6 && apart > 2.0 && outside == 0,
        "in the air {air}, apart {apart} m, outside {outside}"
    );
}

#[test]
fn the_flock_is_alive_and_keeps_apart() {
    let (air, apart, outside) = watch("flock", 4.0);
    assert!(
        air >= 0.6 && apart > 1.0 && outside == 0,
        "in the air {air}, apart {apart} m, outside {outside}"
    );
}

#[test]
#[ignore = "minutes; run with --release -- --ignored"]
fn the_flock_is_alive_for_an_hour() {
    let (air, apart, outside) = watch("flock", 60.0);
    assert!(
        air >= 0.6 && apart > 1.0 && outside < 25,
        "in the air {air}, apart {apart} m, outside {outside}"
    );
}

fn mistakes(text: &str) -> Vec<String> {
    Scenario::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn mistakes_are_reported_together_with_place_value_and_range() {
    let text = r#"
name = "bad name"
sed = 4
[time]
tick_s = 2.0
[limits]
seperation_m = 3.0
[[obstacles]]
shape = "bux"
center = [0.0]
height_m = 10.0
[[fences]]
kind = "keep_in"
polygon = [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]
[[drones]]
type = "scuot"
count = 0
position = [0.0, 0.0]
[[drones]]
type = "scout"
count = 2
position = [0.0, 0.0]
altitude_m = [20.0, 10.0]
mission = { waypoints = [{ position = [0.0, 0.0, 0.0] }] }
"#;
    let expected = [
        "line 2, field name: \"bad name\" is no name: 1 to 64 letters, digits, '_', '.' or '-' are accepted",
        "line 3, field sed: is not known here; did you mean seed?",
        "line 5, field time.tick_s: 2 is out of range 0.001..=1",
        "line 7, field limits.seperation_m: is not known here; did you mean separation_m?",
        "line 9, field obstacles[0].shape: \"bux\" is not one of box, cylinder; did you mean box?",
        "line 10, field obstacles[0].center: 1 elements, which is out of range 2..=2",
        "line 14, field fences[0].polygon: the polygon crosses itself or has no area",
        "line 16, field drones[0].type: \"scuot\" is not one of scout, worker, tanker-mule, tanker-lifeline, \
         overseer, quad",
        "line 17, field drones[0].count: 0 is out of range 1..=100000",
        "line 22, field drones[1].position: several drones need grid, circle or box instead of one position",
        "line 23, field drones[1].altitude_m: 20 is more than 10",
        "line 24, field drones[1].mission.waypoints[0].position: altitude 0 is out of range 1..=500",
    ];
    assert_eq!(mistakes(text), expected);
}

#[test]
fn a_mistake_in_the_syntax_has_a_line() {
    let found = mistakes("name = \"x\"\nseed = = 3\n");
    assert!(found[0].starts_with("line 2: "), "{found:?}");
}

#[test]
fn points_inside_obstacles_and_beyond_fences_are_mistakes() {
    let drone = "[[drones]]\ntype = \"quad\"\nposition = [0.0, 0.0]\naltitude_m = 10.0\n";
    let found = mistakes(&format!("{FIELD}{drone}"));
    assert!(
        found[0].ends_with("[0.0, 0.0, 10.0] is refused: the point lies inside the obstacle tower"),
        "{found:?}"
    );
    let mission = "[[drones]]\ntype = \"quad\"\nposition = [50.0, 0.0]\n\
                   mission = { waypoints = [{ position = [0.0, 900.0, 9.0] }] }\n";
    let found = mistakes(&format!("{FIELD}{mission}"));
    assert!(
        found[0].ends_with("[0.0, 900.0, 9.0] is refused: the point lies outside the fence site"),
        "{found:?}"
    );
}

#[test]
fn names_are_numbered_on_and_clashes_are_mistakes() {
    let block = "[[drones]]\ntype = \"quad\"\ncount = 2\ngrid = { center = [50.0, 0.0], spacing_m = 3.0 }\n";
    let twice = Scenario::parse(&format!("{FIELD}{block}{block}")).unwrap();
    assert_eq!(twice.fleet[1].ids, ["quad-3", "quad-4"]);
    let named = "[[drones]]\ntype = \"quad\"\nname = \"quad-1\"\nposition = [50.0, 9.0]\n";
    assert!(mistakes(&format!("{FIELD}{block}{named}"))[0].ends_with("the id quad-1 is given twice"));
}

#[test]
fn types_can_be_changed_and_added() {
    let text = format!(
        "{FIELD}[[types]]\nname = \"scout\"\nspeed_mps_max = 20.0\n[[types]]\nname = \"big\"\nbase = \"worker\"\n"
    );
    let types = Scenario::parse(&text).unwrap().types;
    assert_eq!(types[0].speed_mps_max, 20.0);
    assert_eq!((types[6].name.as_str(), types[6].mass_kg), ("big", types[1].mass_kg));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_the_reader_panic(text in ".{0,200}") {
        let _ = Scenario::parse(&text);
    }

    #[test]
    fn no_mutation_of_a_built_in_scenario_makes_the_reader_panic(
        which in 0usize..3,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[ -~\n]{0,4}"), 1..4),
    ) {
        let mut text: Vec<char> = builtin::list()[which].1.chars().collect();
        for (at, length, new) in edits {
            let from = at.index(text.len());
            let to = (from + length).min(text.len());
            text.splice(from..to, new.chars());
        }
        let text: String = text.into_iter().collect();
        // What is accepted must also start and tick.
        if let Ok(scenario) = Scenario::parse(&text) && scenario.drone_count() < 2000 {
            World::new(Arc::new(scenario), 1).advance();
        }
    }
}
