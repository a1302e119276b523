//! Tasks that a scenario gives: what they need, what comes before what, by when, and what becomes of them.

use super::*;

const GIVEN: &str = r#"
[[mission.tasks]]
name = "pillar"
kind = "scan"
position = [-18.0, 10.0, 8.0]
look_at = [-8.0, 10.0, 8.0]
duration_s = 6.0
[[mission.tasks]]
name = "panel"
kind = "clean"
position = [0.0, 10.0, 19.0]
duration_s = 8.0
fluid_l = 0.5
after = "pillar"
[[mission.tasks]]
name = "panel-check"
kind = "inspect"
position = [0.0, 10.0, 22.0]
look_at = [0.0, 10.0, 16.0]
after = "panel"
[[mission.tasks]]
name = "evening-round"
kind = "patrol"
position = [-20.0, -10.0, 15.0]
at_s = 60.0
deadline_s = 1.0
"#;

/// Without windows: the given tasks alone.
fn only_given(without: &[&str]) -> String {
    let (start, end) = (SMALL.find("[[mission.buildings]]").unwrap(), SMALL.find("[mission.clean]").unwrap());
    let mut text = format!("{}{}{GIVEN}", &SMALL[..start], &SMALL[end..])
        .replace("windows_verified_pct_min = 100\n", "");
    for kind in without {
        let block = text
            .split("[[drones]]")
            .find(|block| block.contains(&format!("type = \"{kind}\"\ncount")))
            .unwrap();
        text = text.replace(&format!("[[drones]]{block}"), "");
    }
    text
}

/// When each task was done, by its name.
fn done(world: &mut World) -> Vec<(String, f64)> {
    let mut done = Vec::new();
    while world.mission().unwrap().ended_at.is_none() {
        let next = world.sim_time_s() + world.tick_s();
        advance_to(world, next);
        for said in world.drain_happenings() {
            if let Some(name) = said.message.strip_suffix(" is done").filter(|_| said.code == "task_done") {
                done.push((name.to_owned(), world.sim_time_s()));
            }
        }
        assert!(next < 1000.0, "no end: {:?}", world.mission().unwrap().given);
    }
    done
}

#[test]
fn given_tasks_are_done_in_their_order_beside_the_windows() {
    let mut world = small_with(GIVEN, 11);
    let done = done(&mut world);
    assert_complete(&world);
    let at = |name: &str| done.iter().find(|(known, _)| known == name).map(|(_, at_s)| *at_s).unwrap();
    assert!(at("pillar") + 8.0 <= at("panel") && at("panel") + 5.0 <= at("panel-check"), "{done:?}");
    assert!(at("evening-round") > 60.0, "{done:?}");
    let report = Report::of(&world).unwrap();
    assert!(report.reason.ends_with("and all 4 tasks of the scenario are done"), "{}", report.reason);
    assert_eq!(report.tasks.late, 1, "nobody flies a round within a second");
}

#[test]
fn a_mission_may_be_of_given_tasks_alone() {
    let mut world = world(&only_given(&["scout"]).replace("kind = \"scan\"", "kind = \"inspect\""), 12);
    assert_eq!(done(&mut world).len(), 4);
    assert_complete(&world);
    let report = Report::of(&world).unwrap();
    assert_eq!(report.reason, "all 4 tasks of the scenario are done");
    assert!((report.fluid_l - 0.5).abs() < 0.03, "{} l", report.fluid_l);
}

#[test]
fn given_tasks_that_nobody_can_do_strand_the_mission_with_their_names() {
    let mut world = world(&only_given(&["worker"]), 13);
    let done = done(&mut world);
    assert_eq!(done.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["pillar", "evening-round"]);
    let report = Report::of(&world).unwrap();
    assert_eq!(report.outcome, Some("stranded"));
    assert_eq!(
        report.reason,
        "2 of 4 tasks of the scenario are left: panel: no drone is left that can do it"
    );
    assert_eq!(report.in_the_air, 0);
}

#[test]
fn given_tasks_are_saved_and_count_for_the_hash() {
    let mut world = small_with(GIVEN, 14);
    advance_to(&mut world, 50.0);
    let bytes = world.save().unwrap();
    let mut restored = World::restore(Arc::clone(world.scenario()), &bytes).unwrap();
    advance_to(&mut world, 90.0);
    advance_to(&mut restored, 90.0);
    assert_eq!(restored.state_hash(), world.state_hash());
    let before = restored.state_hash();
    Arc::make_mut(restored.mission_mut().unwrap()).given[3] = Stage::Coming;
    assert_ne!(restored.state_hash(), before);
}

#[test]
fn mistakes_in_given_tasks_are_named() {
    for (from, to, field, words) in [
        (
            "kind = \"patrol\"",
            "kind = \"tether\"",
            "mission.tasks[3].kind",
            "not one of scan, clean, inspect, patrol",
        ),
        (
            "after = \"panel\"",
            "after = \"evening-round\"",
            "mission.tasks[2].after",
            "not one of pillar, panel",
        ),
        ("[0.0, 10.0, 19.0]", "[0.0, 10.0, 9.0]", "mission.tasks[1].position", "inside the obstacle house"),
        ("[-20.0, -10.0, 15.0]", "[-20.0, -10.0, 0.5]", "mission.tasks[3].position", "hover at 2 m"),
        ("name = \"panel\"", "name = \"pillar\"", "mission.tasks[1].name", "two tasks of the name pillar"),
        (
            "look_at = [-8.0",
            "fluid_l = 1.0\nlook_at = [-8.0",
            "mission.tasks[0].fluid_l",
            "only tasks of the kind clean",
        ),
        ("fluid_l = 0.5", "fluid_l = 2.5", "mission.tasks[1].fluid_l", "holds more than 2 l"),
    ] {
        assert!(GIVEN.contains(from), "{from}");
        let errors = Scenario::parse(&format!("{SMALL}{}", GIVEN.replacen(from, to, 1))).unwrap_err();
        let error =
            errors.iter().find(|error| error.field == field).unwrap_or_else(|| panic!("{to}: {errors:?}"));
        assert!(error.message.contains(words), "{to}: {error}");
    }
    let dry = SMALL.replace("litres = 2.0", "litres = 0.2");
    let errors = Scenario::parse(&dry).unwrap_err();
    assert_eq!(errors[0].field, "mission.clean.fluid_lps");
    assert!(errors[0].message.contains("holds more than 0.2 l"), "{}", errors[0]);
}
