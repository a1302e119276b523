//! The worked example of the documentation flies, and comes to what it asks for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

use std::sync::Arc;

use hmrs::sim::mission::Report;
use hmrs::sim::{Scenario, World};

const DOCUMENT: &str = include_str!("../docs/MISSIONS.md");

/// The examples of the document, in their order.
fn example(n: usize) -> &'static str {
    DOCUMENT.split("```toml\n").nth(n).and_then(|rest| rest.split("```").next()).expect("an example")
}

#[test]
fn the_example_of_the_documentation_is_accepted() {
    fly(example(1));
}

#[test]
fn and_with_tasks_of_its_own() {
    let report = fly(&format!("{}{}", example(1), example(2)));
    assert!(report.reason.ends_with("and all 2 tasks of the scenario are done"), "{}", report.reason);
    assert_eq!(report.tasks.late, 0);
}

/// Flies a mission to its end and accepts it.
fn fly(text: &str) -> Report {
    let scenario = Scenario::parse(text).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let mut world = World::new(Arc::new(scenario), 1);
    while world.mission().expect("a mission").ended_at.is_none() && world.sim_time_s() < 1200.0 {
        world.advance();
        world.drain_progress();
        let broken = world.drain_happenings().into_iter().find(|said| said.code == "law_broken");
        assert_eq!(broken, None);
    }
    let report = Report::of(&world).expect("a report");
    let judged = report.acceptance.as_ref().expect("demands");
    assert!(judged.passed, "{}: {:?}", report.reason, judged.checks);
    report
}
