//! Who drops out: the work goes on with those who are left, or ends in a stated, safe state.

use super::*;

#[test]
fn losing_any_one_kind_of_drone_once_stops_nothing() {
    for (seed, (id, at_s)) in [
        ("scout-1", 12.0),
        ("worker-1", 40.0),
        ("tanker-mule-2", 70.0),
        ("tanker-lifeline-1", 60.0),
        ("overseer-1", 90.0),
    ]
    .into_iter()
    .enumerate()
    {
        let mut world = small(seed as u64 + 10);
        advance_to(&mut world, at_s);
        kill(&mut world, id);
        finish(&mut world);
        assert_complete(&world);
        let lost = Report::of(&world).unwrap().crew.iter().filter(|member| member.is_lost).count();
        assert_eq!(lost, 1, "{id} at {at_s} s");
    }
}

#[test]
fn without_mules_it_ends_on_the_ground_and_says_why() {
    let mut world = small(3);
    advance_to(&mut world, 20.0);
    kill(&mut world, "tanker-mule-1");
    kill(&mut world, "tanker-mule-2");
    finish(&mut world);
    let report = Report::of(&world).unwrap();
    assert_eq!(report.outcome, Some("stranded"));
    assert!(
        report.reason.ends_with("left to clean: no drone is left that brings fluid"),
        "{}",
        report.reason
    );
    assert_eq!(report.in_the_air, 0);
    assert!(!report.acceptance.unwrap().passed);
}

/// At any moment: nobody is left in the air or out of charge, and it is said what is left and why.
#[test]
fn without_mules_at_any_moment_it_ends_safely_and_is_stated() {
    for at_s in [2.0, 15.0, 45.0, 75.0, 105.0] {
        let mut world = small(30 + at_s as u64);
        advance_to(&mut world, at_s);
        kill(&mut world, "tanker-mule-1");
        kill(&mut world, "tanker-mule-2");
        let mut told = Vec::new();
        while world.mission().unwrap().ended_at.is_none() {
            let next = world.sim_time_s() + 1.0;
            advance_to(&mut world, next);
            told.extend(world.drain_happenings());
            assert!(next < 2000.0, "lost at {at_s} s: no end");
        }
        let report = Report::of(&world).unwrap();
        assert_eq!(report.in_the_air, 0, "lost at {at_s} s");
        for (member, shown) in report.crew.iter().zip(world.drones()) {
            let (home, is_lost) = (shown.position().distance(shown.home()), member.is_lost);
            assert!(is_lost || home < 2.0, "lost at {at_s} s: {} stands {home} m from home", member.id);
            assert!(
                is_lost || member.lowest_pct >= 25.0,
                "{} came down to {} %",
                member.id,
                member.lowest_pct
            );
        }
        let last = told.iter().rev().find(|said| said.code == "mission_ended").expect("it is said");
        assert!(last.message.ends_with("nobody is in the air"), "{}", last.message);
        let is_all_done = report.windows.verified == 12;
        assert_eq!(
            report.outcome,
            Some(if is_all_done { "complete" } else { "stranded" }),
            "lost at {at_s} s"
        );
        assert!(last.message.contains(&report.reason) && (is_all_done || last.level == Level::Error));
    }
}

/// A worker that has too little left for any window, though more than the level at which it would ask, asks all the same.
#[test]
fn a_worker_with_too_little_for_any_task_asks_for_fluid() {
    let text = SMALL.replace("work_s = 10.0", "work_s = 10.0\nfluid_lps = 0.08");
    let mut world = world(
        &text.replace("litres = 2.0", "litres = 1.0").replace("limit_s = 900.0", "limit_s = 1500.0"),
        21,
    );
    finish(&mut world);
    assert_complete(&world);
    let report = Report::of(&world).unwrap();
    assert!(report.resupplies >= 10, "{} swaps for {} cleanings", report.resupplies, report.windows.cleaned);
}
