//! A tick allocates nothing once its buffers have grown, except to tell of something: every built-in scenario and every
//! behaviour, on one thread; on two, only what the queue of the threads needs for itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

use std::alloc::System;
use std::sync::Arc;

use hmrs::sim::{Scenario, World, behaviour, builtin};
use hmrs::swarm::headless::Headless;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const WARM_UP_TICKS: u64 = 80;
const TICKS: u64 = 60;
/// A list for those who are near, or for links, grows when the swarm is denser than it ever was.
const GROWING_MAX: u64 = 6;
/// Rayon's queue takes a block of memory for every 63 pieces of work handed over: two a tick.
const HANDING_OVER_MAX: u64 = GROWING_MAX + 2 * TICKS / 63 + 2;

/// Quadcopters in gusts that fly a behaviour, with errors of sensors and radio or without, under a filter.
fn quads(behaviour: &str, senses: &str, filter: &str) -> String {
    format!(
        "name = \"{behaviour}-{filter}\"\n[wind]\nspeed_mps = 2.0\ngust_mps = 0.4\n[avoidance]\nfilter = \"{filter}\"\n\
         {senses}[[drones]]\ntype = \"quad\"\ncount = 100\n\
         box = {{ min = [-60.0, -60.0], max = [60.0, 60.0] }}\naltitude_m = [15.0, 45.0]\n\
         behavior = \"{behaviour}\"\n"
    )
}

/// Every kind of tick there is, as texts of scenarios.
fn scenarios() -> Vec<String> {
    let senses = "[gps]\nbias_m = 0.5\nwhite_m = 0.1\nperiod_s = 0.2\n[imu]\naccel_mps2 = 0.1\n\
                  [radio]\nrange_m = 40.0\ndelay_s = 0.4\nloss = 0.1\nburst_share = 0.1\n";
    let late = "[radio]\ndelay_s = 0.2\njitter_s = 0.4\n";
    // Missions plan five times a second, with lists as long as the work is.
    let plain = builtin::list().iter().filter(|(_, text)| !text.contains("\n[mission]"));
    let mut texts: Vec<String> = plain.map(|(_, text)| (*text).to_owned()).collect();
    for behaviour in behaviour::ALL {
        texts.push(quads(behaviour.name, senses, "brake"));
    }
    texts.push(quads("boids", late, "orca"));
    texts.push(quads("vasarhelyi", "", "none"));
    texts
}

/// Ticks without news that allocated, of how many without news.
fn restless(text: &str, threads: usize) -> (String, u64, u64) {
    let scenario = Arc::new(Scenario::parse(text).unwrap());
    let name = scenario.name.clone();
    let mut flight = Headless::new(World::new(scenario, 1), threads, Vec::new()).unwrap();
    let (mut growing, mut quiet) = (0, 0);
    for tick in 0..WARM_UP_TICKS + TICKS {
        let region = Region::new(ALLOCATOR);
        flight.advance().unwrap();
        let change = region.change();
        let world = flight.world_mut();
        let news = world.drain_happenings().len() + world.drain_progress().len();
        if tick >= WARM_UP_TICKS && news == 0 {
            quiet += 1;
            growing += u64::from(change.allocations + change.reallocations > 0);
        }
    }
    (name, growing, quiet)
}

/// The only test of this file: what others allocate on other threads would be counted with it.
#[test]
fn a_tick_without_news_allocates_nothing() {
    let check = |text: &str, threads: usize, most: u64| {
        let (name, growing, quiet) = restless(text, threads);
        println!("{name}: {growing} of {quiet} ticks without news allocated on {threads} threads");
        assert!(growing <= most, "{name}: {growing} of {quiet} ticks allocated on {threads} threads");
        assert!(quiet > TICKS / 4, "{name}: only {quiet} ticks without news");
    };
    scenarios().iter().for_each(|text| check(text, 1, GROWING_MAX));
    for name in ["flock", "vasarhelyi"] {
        check(builtin::text(name).unwrap(), 2, HANDING_OVER_MAX);
    }
}
