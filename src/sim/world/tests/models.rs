//! Abstract models run, replay and are tuned like everything else.

use super::super::super::params::Params;
use super::super::super::{Intent, JournalEntry};
use super::*;

/// A small world under each abstract law, with every sensor and radio error where the law allows.
const SMALL: [&str; 3] = [
    "name = \"a\"\n[time]\ntick_s = 1.0\n[space]\nshape = \"torus\"\nsize_m = [6.0, 6.0]\n\
     [dynamics]\nmodel = \"kinematic\"\n[[drones]]\ntype = \"quad\"\ncount = 60\nbehavior = \"vicsek\"\n\
     altitude_m = 10.0\nbox = { min = [0.0, 0.0], max = [6.0, 6.0] }\nvelocity = { speed_mps = 0.03 }\n",
    "name = \"b\"\n[time]\ntick_s = 0.2\nsubsteps = 20\n[dynamics]\nmodel = \"robotsim\"\nnoise_m2ps3 = 0.2\n\
     [gps]\ncoupled_m2ps2 = 0.005\n[radio]\nrange_m = 80.0\ndelay_s = 1.0\nloss_ratio = 0.2\n\
     [[drones]]\ntype = \"quad\"\ncount = 30\nbehavior = \"vasarhelyi\"\naltitude_m = 10.0\n\
     box = { min = [-90.0, -90.0], max = [90.0, 90.0] }\n",
    "name = \"c\"\n[gps]\nbias_m = 0.5\nwhite_m = 0.1\nvelocity_mps = 0.05\n[radio]\ndelay_s = 0.2\nloss = 0.1\n\
     [avoidance]\nfilter = \"orca\"\n[[drones]]\ntype = \"quad\"\ncount = 30\nbehavior = \"boids\"\n\
     altitude_m = 30.0\nbox = { min = [-60.0, -60.0], max = [60.0, 60.0] }\n",
];

fn small(k: usize) -> World {
    World::new(Arc::new(Scenario::parse(SMALL[k]).unwrap_or_else(|e| panic!("{e:#?}"))), 3)
}

#[test]
fn order_of_decisions_does_not_matter_under_any_law() {
    for k in 0..SMALL.len() {
        let (mut reference, mut shuffled) = (small(k), small(k));
        for tick in 0..60 {
            let n = shuffled.drones().len();
            let mut intents: Vec<Option<Intent>> = vec![None; n];
            for i in 0..n {
                let index = (i * 77 + tick) % n;
                intents[index] = Some(shuffled.decide(index));
            }
            shuffled.step(&intents);
            reference.advance();
            assert_eq!(shuffled.state_hash(), reference.state_hash(), "{k}, tick {tick}");
        }
    }
}

#[test]
fn parameters_of_every_group_are_tuned_live_and_replayed() {
    let sets = [
        ("radio.delay_s", 2.0),
        ("gps.white_m", 0.3),
        ("dynamics.update", 1.0),
        ("behavior.vicsek.noise_rad", 2.0),
        ("behavior.vasarhelyi.flock_mps", 6.0),
        ("radio.loss", 0.2),
        ("gps.coupled_m2ps2", 0.0),
    ];
    for k in 0..SMALL.len() {
        let (mut world, mut journal) = (small(k), Vec::new());
        for (seq, (path, value)) in (0u64..).zip(sets) {
            let before = world.state_hash();
            let command = Command::SetParam { path: path.into(), value };
            world.apply(&command, &Targets::All, seq).unwrap();
            assert!(world.state_hash() != before || value == 0.0, "{path} is part of the hash");
            journal.push(JournalEntry {
                seq,
                tick: world.tick(),
                author: "test".into(),
                via: "test".into(),
                command_id: String::new(),
                targets: Targets::All,
                command,
            });
            (0..9).for_each(|_| world.advance());
        }
        let mut replayed = World::replay(Arc::clone(world.scenario()), world.seed(), &journal).unwrap();
        while replayed.tick() < world.tick() {
            replayed.advance();
        }
        assert_eq!(replayed.state_hash(), world.state_hash(), "{k}");
    }
}

#[test]
fn choices_have_names_in_scenarios_and_whole_values_elsewhere() {
    let text = |rule: &str| format!("name = \"x\"\n[behavior.vasarhelyi]\nspeed_rule = {rule}\n");
    let scenario = Scenario::parse(&text("\"rescale\"")).unwrap();
    let world = World::new(Arc::new(scenario), 1);
    let params = world.params();
    let rule = params.iter().find(|p| p.path == "behavior.vasarhelyi.speed_rule").unwrap();
    assert_eq!((rule.value, rule.kind.as_str()), (1.0, "choice"));
    assert_eq!(rule.choices, ["cutoff", "rescale"]);
    let errors = Scenario::parse(&text("\"rescaled\"")).unwrap_err();
    assert!(errors[0].to_string().contains("did you mean rescale?"), "{errors:?}");
    let half = Command::SetParam { path: rule.path.clone(), value: 0.5 };
    assert!(world.check(&half, &Targets::All).is_err());
}

#[test]
fn a_torus_keeps_everyone_inside_and_has_no_edge_for_neighbours() {
    let mut world = small(0);
    let text = SMALL[0].replace("tick_s = 1.0", "tick_s = 1.0\nsubsteps = 1").replace("0.03", "0.9");
    let mut fast = World::new(Arc::new(Scenario::parse(&text).unwrap()), 3);
    for _ in 0..200 {
        world.advance();
        fast.advance();
        for drone in world.drones().iter().chain(fast.drones()) {
            let p = drone.position();
            assert!((0.0..6.0).contains(&p.x) && (0.0..6.0).contains(&p.y), "{p:?}");
        }
    }
}

#[test]
fn a_model_flies_on_quadcopters_too() {
    for behaviour in ["vasarhelyi", "olfati_saber", "lloyd", "consensus"] {
        let mut world = field(&format!(
            "[behavior.vasarhelyi]\narena_m = 90.0\nrepulsion_m = 12.0\n[[drones]]\ntype = \"quad\"\ncount = 9\n\
             grid = {{ center = [-90.0, -90.0], spacing_m = 9.0 }}\naltitude_m = 20.0\nheading_deg = 45.0\n\
             behavior = \"{behaviour}\"\n"
        ));
        let mut apart = f64::INFINITY;
        for _ in 0..1500 {
            world.advance();
            apart = apart.min(world.metrics().separation_min_m.unwrap_or(f64::INFINITY));
        }
        let flying = world.drones().iter().filter(|d| d.mode() == super::super::super::Mode::Swarm).count();
        assert_eq!(flying, 9, "{behaviour}");
        assert!(apart > 1.0, "{behaviour}: {apart} m apart");
    }
}

#[test]
fn of_those_in_range_only_the_nearest_are_heard() {
    let text = |nearest: u32| {
        format!(
            "name = \"n\"\n[dynamics]\nmodel = \"kinematic\"\n[radio]\nnearest = {nearest}\nrange_m = 50.0\n\
             [[drones]]\ntype = \"quad\"\ncount = 40\nbehavior = \"vicsek\"\naltitude_m = 10.0\n\
             box = {{ min = [0.0, 0.0], max = [90.0, 90.0] }}\nvelocity = {{ speed_mps = 1.0 }}\n\
             [[drones]]\ntype = \"quad\"\nname = \"other\"\nposition = [45.0, 45.0]\naltitude_m = 10.0\n"
        )
    };
    for nearest in [0, 1, 7, 64] {
        let world = World::new(Arc::new(Scenario::parse(&text(nearest)).unwrap()), 5);
        for index in 0..40 {
            let mut heard = Vec::new();
            world.percept(index).each_neighbour(60.0, |offset, _| heard.push(offset.norm()));
            let here = world.drones()[index].position();
            let others = world.drones()[..40].iter().enumerate().filter(|(other, _)| *other != index);
            let mut wanted: Vec<f64> =
                others.map(|(_, d)| d.position().distance(here)).filter(|&d| d <= 50.0).collect();
            wanted.sort_by(f64::total_cmp);
            if nearest > 0 {
                wanted.truncate(nearest as usize);
            }
            heard.sort_by(f64::total_cmp);
            assert_eq!(heard, wanted, "the nearest {nearest} of drone {index}");
        }
    }
}

#[test]
fn rules_over_a_fixed_graph_hear_what_the_radio_brings() {
    let flown = |behaviour: &str, radio: &str| {
        let text = format!(
            "name = \"g\"\n[dynamics]\nmodel = \"kinematic\"\n[radio]\n{radio}\n[behavior.consensus]\nspacing_m = 0.0\n\
             [behavior.formation]\nlaw = \"consensus\"\npull = 0.0\nrange_m = 500.0\n\
             [[drones]]\ntype = \"quad\"\ncount = 8\nbehavior = \"{behaviour}\"\naltitude_m = 20.0\n\
             box = {{ min = [-40.0, -40.0], max = [40.0, 40.0] }}\n"
        );
        let mut world = World::new(Arc::new(Scenario::parse(&text).unwrap()), 5);
        let before: Vec<Vec3> = world.drones().iter().map(|d| d.position()).collect();
        advance(&mut world, 10.0);
        world.drones().iter().map(|d| d.position()).zip(before).collect::<Vec<_>>()
    };
    let farthest = |pairs: Vec<(Vec3, Vec3)>| pairs.iter().map(|(a, b)| a.distance(*b)).fold(0.0, f64::max);
    for behaviour in ["consensus", "formation"] {
        assert!(farthest(flown(behaviour, "range_m = 500.0")) > 5.0, "{behaviour}");
        // Whoever hears nobody has nobody to agree with.
        for deaf in ["range_m = 0.1", "loss = 1.0"] {
            assert!(farthest(flown(behaviour, deaf)) < 1e-9, "{behaviour}, {deaf}");
        }
    }
    // Who hears of nobody takes the whole region, and goes to its middle.
    let [heard, deaf] = ["range_m = 500.0", "range_m = 0.1"].map(|radio| {
        farthest(flown("lloyd", radio).iter().map(|(at, _)| (at.horizontal(), Vec3::ZERO)).collect())
    });
    assert!(heard > 20.0 && deaf < 1.0, "{heard} and {deaf} m");
}

#[test]
fn large_swarms_are_measured_by_time_and_a_torus_has_no_radius() {
    let text = "name = \"l\"\n[time]\ntick_s = 1.0\n[space]\nshape = \"torus\"\nsize_m = [200.0, 200.0]\n[dynamics]\n\
                model = \"kinematic\"\n[[drones]]\ntype = \"quad\"\ncount = 2001\nbehavior = \"vicsek\"\naltitude_m = 10.0\n\
                box = { min = [0.0, 0.0], max = [200.0, 200.0] }\nvelocity = { speed_mps = 1.0 }\n";
    let mut world = World::new(Arc::new(Scenario::parse(text).unwrap()), 5);
    let mut seen = Vec::new();
    for _ in 0..20 {
        world.advance();
        seen.push(world.metrics().order.nearest_mean_m);
    }
    seen.dedup();
    assert_eq!(seen.len(), 5, "the figures of the start and after every 5 s: {seen:?}");
    assert_eq!(world.metrics().cohesion_radius_m, None);
}

#[test]
fn a_sensor_has_a_name_that_fields_beside_it_beat() {
    let params = |gps: &str| Scenario::parse(&format!("name = \"x\"\n[gps]\n{gps}\n")).map(|s| s.params);
    let value = |gps: &str, path: &str| params(gps).unwrap().get(path).unwrap();
    assert_eq!(value("preset = \"rtk\"", "gps.bias_m"), 0.02);
    assert_eq!(value("preset = \"robotsim\"", "gps.coupled_m2ps2"), 0.005);
    assert_eq!(value("white_m = 0.5\npreset = \"gnss\"", "gps.white_m"), 0.5);
    assert_eq!(value("white_m = 0.5\npreset = \"gnss\"", "gps.delay_s"), 0.12);
    assert_eq!(params("preset = \"perfect\"").unwrap(), Params::default());
    let errors = params("preset = \"rtx\"").unwrap_err();
    assert!(
        errors[0].to_string().ends_with("is not one of perfect, gnss, rtk, robotsim; did you mean rtk?"),
        "{errors:?}"
    );
}

#[test]
fn a_flock_has_the_order_parameters_and_the_fitness_of_its_paper() {
    let text = |noise: &str| {
        format!(
            "name = \"f\"\n[time]\ntick_s = 0.2\nsubsteps = 20\n[dynamics]\nmodel = \"robotsim\"\n{noise}\
             [metrics]\nsteady_from_s = 60.0\n[behavior.vasarhelyi]\narena_m = 90.0\n\
             [[drones]]\ntype = \"quad\"\ncount = 30\nbehavior = \"vasarhelyi\"\naltitude_m = 10.0\n\
             box = {{ min = [-60.0, -60.0], max = [60.0, 60.0] }}\n"
        )
    };
    let flown = |noise: &str| {
        let mut world = World::new(Arc::new(Scenario::parse(&text(noise)).unwrap()), 3);
        advance(&mut world, 200.0);
        (world.metrics().flock, world.fitness().unwrap())
    };
    let (flock, fitness) = flown("");
    assert_eq!((flock.vasarhelyi_cluster_min, flock.vasarhelyi_disconnected), (Some(30), Some(0)));
    assert!(flock.vasarhelyi_correlation.unwrap() > 0.8, "{flock:?}");
    assert_eq!([fitness.disconnected, fitness.cluster, fitness.danger], [1.0; 3], "{fitness:?}");
    assert!(fitness.total > 0.3 && fitness.total < 1.0, "{fitness:?}");
    // Deaf drones fly straight on and through each other.
    let (_, deaf) = flown("[radio]\nrange_m = 0.1\n");
    assert!(deaf.total < 0.2 * fitness.total, "{deaf:?} is not worse than {fitness:?}");
    let mut nobody = small(0);
    advance(&mut nobody, 20.0);
    assert_eq!((nobody.fitness(), nobody.metrics().flock.vasarhelyi_danger), (None, None));
}

/// So many drones on a circle change sides by ORCA: how many arrive within 80 s, and the least distance.
fn change_sides(count: usize) -> (usize, f64) {
    let mut text = String::from("name = \"x\"\n[avoidance]\nfilter = \"orca\"\n");
    let circle: Vec<Vec3> = super::super::super::formation::Shape::Circle
        .places(count, 1.0, 0.0)
        .iter()
        .map(|p| p.unit() * 25.0)
        .collect();
    for p in &circle {
        text +=
            &format!("[[drones]]\ntype = \"quad\"\nposition = [{:.3}, {:.3}]\naltitude_m = 20.0\n", p.x, p.y);
    }
    let mut world = World::new(Arc::new(Scenario::parse(&text).unwrap()), 1);
    for (k, p) in circle.iter().enumerate() {
        accept(&mut world, &format!("quad-{}", k + 1), goto(-p.x, -p.y, 20.0), k as u64);
    }
    let (mut apart, mut seen) = (f64::INFINITY, Vec::new());
    for _ in 0..2000 {
        world.advance();
        seen.extend(world.drain_progress());
        apart = apart.min(world.metrics().separation_min_m.unwrap_or(f64::INFINITY));
    }
    let arrived =
        (0..count).filter(|&k| ended(&seen, k as u64, &format!("quad-{}", k + 1)).is_some()).count();
    (arrived, apart)
}

#[test]
fn drones_that_meet_pass_each_other_by_orca_and_a_crowd_at_least_keeps_apart() {
    for count in [2, 3] {
        let (arrived, apart) = change_sides(count);
        assert!(arrived == count && apart > 2.5, "{count}: {arrived} arrived, {apart} m apart");
    }
    let (_, apart) = change_sides(10);
    assert!(apart > 2.5, "{apart} m apart");
}

#[test]
fn formations_are_formed_and_kept_by_both_laws() {
    for (law, orbit, shape) in
        [("virtual_structure", 0, "circle"), ("virtual_structure", 60, "v"), ("consensus", 60, "grid")]
    {
        let mut world = field(&format!(
            "[behavior.formation]\nlaw = \"{law}\"\nshape = \"{shape}\"\norbit_m = {orbit}\nspacing_m = 8.0\n\
             north_m = -100.0\neast_m = -60.0\naltitude_m = 40.0\n[[drones]]\ntype = \"quad\"\ncount = 9\n\
             grid = {{ center = [-90.0, -90.0], spacing_m = 9.0 }}\naltitude_m = 20.0\nbehavior = \"formation\"\n"
        ));
        advance(&mut world, 60.0);
        let mut worst = 0f64;
        for _ in 0..500 {
            world.advance();
            worst = worst.max(world.metrics().flight.formation_max_m.unwrap());
        }
        assert!(worst < 1.5, "{law} {shape}: {worst} m off");
        assert_eq!(world.safety().near_misses, 0, "{law} {shape}");
        assert!(world.settling_times_s()[1].unwrap() < 60.0);
        // One leaves: the others close the ranks.
        accept(&mut world, "quad-5", Command::Hold {}, 1);
        advance(&mut world, 60.0);
        assert!(world.metrics().flight.formation_max_m.unwrap() < 1.5, "{law} {shape}");
    }
}

#[test]
fn a_random_search_covers_its_region_and_stays_inside() {
    for walk in ["levy", "correlated"] {
        let mut world = field(&format!(
            "[behavior.search]\nwalk = \"{walk}\"\nwidth_m = 300.0\ndepth_m = 120.0\nnorth_m = -110.0\n\
             [[drones]]\ntype = \"scout\"\ncount = 8\ngrid = {{ center = [-60.0, -110.0], spacing_m = 12.0 }}\n\
             altitude_m = 20.0\nbehavior = \"search\"\n"
        ));
        let (mut shares, mut outside) = (Vec::new(), 0f64);
        for _ in 0..4 {
            for _ in 0..750 {
                world.advance();
                for p in world.drones().iter().map(|d| d.position()) {
                    outside = outside.max(p.x.abs() - 150.0).max((p.y + 110.0).abs() - 60.0);
                }
            }
            shares.push(world.metrics().slow.covered_share.unwrap());
        }
        assert!(outside < 10.0, "{walk}: {outside} m outside");
        assert!(shares.is_sorted() && shares[0] > 0.05 && shares[3] > 0.18, "{walk}: {shares:?}");
        let metrics = world.metrics();
        assert!(metrics.slow.revisit_mean_s.unwrap() < metrics.slow.revisit_p95_s.unwrap());
        assert!((metrics.flight.flight_hours.unwrap() - 8.0 * 120.0 / 3600.0).abs() < 0.01, "{metrics:?}");
        let (energy, way) = (metrics.flight.energy_wh.unwrap(), metrics.flight.distance_km.unwrap());
        let spent: f64 =
            world.snapshot().drones.iter().map(|d| (100.0 - d.battery_pct) / 100.0 * 150.0).sum();
        assert!((energy - spent).abs() < 0.02 * spent, "{energy} Wh against {spent} Wh from the batteries");
        assert!(way > 8.0 * 120.0 * 4.0 / 1000.0 * 0.8, "{way} km");
    }
}

#[test]
fn the_safety_report_times_failsafes() {
    let mut world = five();
    let fault = |fault, duration_s| Command::InjectFault { fault, value: None, duration_s, clear: false };
    accept(&mut world, "quad-1", fault(super::super::super::Fault::Link, None), 1);
    advance(&mut world, 60.0);
    let safety = world.safety();
    assert_eq!((safety.failsafe_latency.count, safety.open.len()), (1, 0), "{safety:?}");
    // link_loss_s is 10 s; the way home ends on the ground.
    assert!((safety.failsafe_latency.max_s - 10.0).abs() < 0.1, "{safety:?}");
    assert!(safety.failsafe_recovery.max_s > 15.0 && safety.failsafe_recovery.max_s < 60.0, "{safety:?}");
    assert!(!world.drones()[0].is_airborne());
}

#[test]
fn the_radio_delivers_what_its_parameters_say() {
    let mut world = World::new(
        Arc::new(
            Scenario::parse(
                "name = \"r\"\n[radio]\nrange_m = 500.0\ndelay_s = 0.4\njitter_s = 0.4\nperiod_s = 0.2\nloss = 0.1\n\
                 burst_share = 0.2\nburst_s = 1.0\nburst_loss = 0.5\n[[drones]]\ntype = \"quad\"\ncount = 30\n\
                 behavior = \"boids\"\naltitude_m = 30.0\nbox = { min = [-60.0, -60.0], max = [60.0, 60.0] }\n",
            )
            .unwrap(),
        ),
        3,
    );
    advance(&mut world, 120.0);
    let all: BTreeMap<&str, _> = world.aggregates().into_iter().collect();
    // 0.8 of the time 10 % are lost, 0.2 of it 55 %.
    assert!((all["delivered_share"].mean - (0.8 * 0.9 + 0.2 * 0.45)).abs() < 0.02, "{all:?}");
    // 10 ticks of delay, 5 of jitter on average, 2 since the last message: of 0.04 s each.
    assert!((all["information_age_s"].mean - 0.68).abs() < 0.01, "{:?}", all["information_age_s"]);
}

#[test]
fn changes_of_parameters_are_taken_back_newest_first() {
    let mut world = five();
    let value = |world: &World, path: &str| world.params().iter().find(|p| p.path == path).unwrap().value;
    let set = |path: &str, value| Command::SetParam { path: path.into(), value };
    let undo = |path: Option<&str>| Command::UndoParam { path: path.map(str::to_owned) };
    let (near, view) = ("limits.near_miss_m", "behavior.boids.view_deg");
    let fresh = world.state_hash();
    for command in [set(near, 2.0), set(near, 3.0), set(view, 90.0)] {
        world.apply(&command, &Targets::All, 0).unwrap();
    }
    world.apply(&undo(Some(near)), &Targets::All, 0).unwrap();
    assert_eq!((value(&world, near), value(&world, view)), (2.0, 90.0));
    world.apply(&undo(None), &Targets::All, 0).unwrap();
    world.apply(&undo(None), &Targets::All, 0).unwrap();
    assert_eq!((value(&world, near), value(&world, view)), (1.5, 300.0));
    assert_eq!(world.state_hash(), fresh, "as if nothing had been");
    let error = world.apply(&undo(None), &Targets::All, 0).unwrap_err();
    assert_eq!(error.message, "there is no change to take back");
    // What a behaviour was given is taken back as well, and history has an end.
    let params = BTreeMap::from([("view_deg".to_owned(), 120.0)]);
    let join = Command::SetBehavior { behavior: "boids".into(), params };
    world.apply(&join, &Targets::All, 0).unwrap();
    world.apply(&undo(Some(view)), &Targets::All, 0).unwrap();
    assert_eq!(value(&world, view), 300.0);
    for k in 0..300 {
        world.apply(&set(near, 1.0 + f64::from(k) * 0.01), &Targets::All, 0).unwrap();
    }
    let taken_back = (0..300).take_while(|_| world.apply(&undo(None), &Targets::All, 0).is_ok()).count();
    assert_eq!(taken_back, 256);
}
