//! One scenario, one seed, one journal: one result, bit for bit.

use super::super::super::rng::{Channel, Stream};
use super::super::super::{Intent, JournalEntry, command::Fault};
use super::*;

/// State hashes of the built-in scenarios at tick 250. A change here means that recorded runs replay differently:
/// say so in the changelog.
const GOLDEN: [(&str, u64); 8] = [
    ("hello", 0xcb6f_41bc_43b9_90a3),
    ("flock", 0x872f_354c_4a15_c007),
    ("thousand", 0x02bf_282b_cfb1_5ebd),
    ("vicsek", 0x0f77_9f38_487f_f474),
    ("couzin", 0x835e_1f79_bc08_bac7),
    ("lattice", 0x10cf_0229_63da_f003),
    ("vasarhelyi", 0x6338_8ecc_5e57_5315),
    ("boids_abm", 0x5653_211e_7f52_0596),
];

#[test]
fn the_built_in_scenarios_have_their_golden_hashes() {
    for (name, golden) in GOLDEN {
        let scenario = scenario(name);
        let mut world = World::new(Arc::clone(&scenario), scenario.seed);
        for _ in 0..250 {
            world.advance();
        }
        assert_eq!(world.state_hash(), golden, "{name}: 0x{:016x}", world.state_hash());
    }
}

#[test]
fn pilots_may_decide_in_any_order() {
    let scenario = scenario("flock");
    let (mut reference, mut shuffled) = (World::new(Arc::clone(&scenario), 5), World::new(scenario, 5));
    for tick in 0..60 {
        let n = shuffled.drones().len();
        let mut intents: Vec<Option<Intent>> = vec![None; n];
        for k in 0..n {
            let index = (k * 77 + tick) % n;
            intents[index] = Some(shuffled.decide(index));
        }
        shuffled.step(&intents);
        reference.advance();
        assert_eq!(shuffled.state_hash(), reference.state_hash(), "tick {tick}");
    }
}

#[test]
fn another_seed_gives_another_run() {
    let scenario = scenario("flock");
    let (mut a, mut b) = (World::new(Arc::clone(&scenario), 1), World::new(scenario, 2));
    a.advance();
    b.advance();
    assert_ne!(a.state_hash(), b.state_hash());
}

#[test]
fn removing_and_spawning_shift_nobody_elses_numbers() {
    let drones = "[wind]\nspeed_mps = 3.0\ngust_mps = 2.0\n[[drones]]\ntype = \"quad\"\ncount = 5\n\
                  grid = { center = [-100.0, -100.0], spacing_m = 60.0 }\naltitude_m = 20.0\n";
    let (mut whole, mut changed) = (field(drones), field(drones));
    changed.apply(&Command::Remove {}, &ids(&["quad-2"]), 1).unwrap();
    let spawn = Command::Spawn {
        kind: "scout".into(),
        count: Some(3),
        position: Some(Vec3::new(150.0, 150.0, 30.0)),
        group: None,
        name: None,
    };
    changed.apply(&spawn, &Targets::All, 2).unwrap();
    advance(&mut whole, 10.0);
    advance(&mut changed, 10.0);
    for id in ["quad-1", "quad-3", "quad-4", "quad-5"] {
        let at = |world: &World| world.drones()[world.index_of(id).unwrap()].position();
        assert_eq!(at(&whole), at(&changed), "{id}");
    }
}

/// A random command, most of them sensible.
pub(super) fn random_command(stream: &mut Stream) -> Command {
    let mut pick = |n: u32| (stream.uniform() * f64::from(n)) as u32;
    let kind = pick(22);
    let (e, n, u) = (f64::from(pick(360)) - 180.0, f64::from(pick(360)) - 180.0, f64::from(pick(60)) + 2.0);
    let point = Vec3::new(e, n, u);
    let some = pick(2) == 0;
    match kind {
        0 => Command::Arm {},
        1 => Command::Disarm {},
        2 | 3 => Command::Takeoff { altitude_m: some.then_some(u) },
        4 => Command::Land {},
        5 => Command::Hold {},
        6..=8 => goto(e, n, u),
        9 => Command::Rtl {},
        10 => Command::Follow { drone: format!("quad-{}", pick(6)), offset: some.then_some(point * 0.1) },
        11 => {
            let at = |k: f64| super::super::super::Waypoint {
                position: Vec3::new(e + k, -n, u),
                loiter_s: k,
                speed_mps: None,
                heading_deg: None,
            };
            Command::Mission { waypoints: vec![at(0.0), at(3.0)], looped: some }
        }
        12 => Command::MissionStart {},
        13 => Command::MissionPause {},
        14 => Command::Velocity { velocity: point * 0.05 },
        15 => Command::SetBehavior { behavior: "boids".into(), params: BTreeMap::new() },
        16 if pick(4) == 0 => Command::EmergencyStop {},
        16 => Command::Signal {},
        17 if pick(4) == 0 => Command::UndoParam { path: None },
        17 => Command::SetParam { path: "limits.separation_m".into(), value: u * 0.2 },
        18 => Command::Spawn {
            kind: "quad".into(),
            count: Some(pick(3)),
            position: Some(point),
            group: some.then(|| "new".into()),
            name: None,
        },
        19 if some => Command::Remove {},
        19 => Command::Group { name: if pick(2) == 0 { "air".into() } else { String::new() } },
        20 => {
            let faults = [Fault::Panic, Fault::Motor, Fault::Battery, Fault::Gps, Fault::Link];
            let fault = faults[pick(5) as usize];
            let duration_s = (fault != Fault::Motor || some).then_some(3.0);
            Command::InjectFault { fault, value: None, duration_s, clear: pick(3) == 0 }
        }
        _ => Command::SetEnvironment {
            wind_mps: Some(u * 0.1),
            wind_from_deg: None,
            gust_mps: some.then_some(1.0),
        },
    }
}

pub(super) fn random_targets(stream: &mut Stream) -> Targets {
    match (stream.uniform() * 6.0) as u32 {
        0 => Targets::All,
        1 => Targets::Group("air".into()),
        2 => Targets::Where("battery < 50 | mode = hold".parse().unwrap()),
        _ => Targets::Ids(vec![format!("quad-{}", (stream.uniform() * 8.0) as u32 + 1)]),
    }
}

/// The world, its journal, what was accepted, and how it ended.
type RandomRun = (World, Vec<JournalEntry>, Vec<(u64, String)>, Vec<Progress>);

/// A run of random commands.
fn random_run(seed: u64) -> RandomRun {
    let mut world = five();
    let mut stream = Stream::new(seed, 0, 0, Channel::Placement);
    let (mut journal, mut accepted, mut progress) = (Vec::new(), Vec::new(), Vec::new());
    for seq in 0..200 {
        let (command, targets) = (random_command(&mut stream), random_targets(&mut stream));
        let checked = world.check(&command, &targets);
        let vetted = world.vet(&command, &targets);
        let before = world.state_hash();
        let applied = world.apply(&command, &targets, seq);
        assert_eq!(checked, applied, "seed {seed}: {command:?}");
        assert_eq!(vetted, applied.clone().map(|_| ()), "seed {seed}: {command:?}");
        let mut sorted = world.clone();
        sorted.sort();
        assert!(sorted.traffic.all().eq(world.traffic.all()), "others see it, seed {seed}: {command:?}");
        match applied {
            Err(_) => assert_eq!(world.state_hash(), before, "seed {seed}: {command:?}"),
            Ok(applied) => {
                let entry = JournalEntry {
                    seq,
                    tick: world.tick(),
                    author: "test".into(),
                    via: "test".into(),
                    command_id: seq.to_string(),
                    targets,
                    command,
                };
                journal.push(serde_json::from_str(&serde_json::to_string(&entry).unwrap()).unwrap());
                let taken = applied.results.iter().filter(|(_, v)| v.result == CommandResult::Accepted);
                accepted.extend(taken.map(|(id, _)| (seq, id.to_string())));
            }
        }
        for _ in 0..(stream.uniform() * 40.0) as u32 {
            world.advance();
        }
        progress.extend(world.drain_progress());
        world.drain_happenings();
    }
    (world, journal, accepted, progress)
}

#[test]
fn a_journal_of_random_commands_replays_bit_for_bit() {
    for seed in [1, 2] {
        let (mut world, journal, _, _) = random_run(seed);
        let mut replayed = World::replay(Arc::clone(world.scenario()), world.seed(), &journal).unwrap();
        while replayed.tick() < world.tick() {
            replayed.advance();
        }
        assert_eq!(replayed.state_hash(), world.state_hash(), "seed {seed}");
        world.advance();
        replayed.advance();
        assert_eq!(replayed.state_hash(), world.state_hash(), "seed {seed}");
    }
}

#[test]
fn every_accepted_command_ends_exactly_once_for_every_drone() {
    for seed in 10..16 {
        let (mut world, _, accepted, mut progress) = random_run(seed);
        world.apply(&Command::Remove {}, &Targets::All, 1_000_000).unwrap();
        progress.extend(world.drain_progress());
        let endings = endings(&progress);
        for key in &accepted {
            assert_eq!(endings.get(key), Some(&1), "seed {seed}: {key:?}");
        }
        for ((ticket, id), count) in endings {
            assert!(
                ticket == 1_000_000 || accepted.contains(&(ticket, id.clone())),
                "seed {seed}: {ticket} {id}"
            );
            assert_eq!(count, 1, "seed {seed}: {ticket} {id}");
        }
    }
}

#[test]
fn a_late_intent_replays_from_its_journal_entry() {
    let mut live = five();
    live.apply(&goto(-60.0, 150.0, 20.0), &ids(&["quad-1"]), 0).unwrap();
    let entry = |seq, tick, targets, command| JournalEntry {
        seq,
        tick,
        author: "system".into(),
        via: "system".into(),
        command_id: String::new(),
        targets,
        command,
    };
    let journal = [
        entry(0, 0, ids(&["quad-1"]), goto(-60.0, 150.0, 20.0)),
        entry(1, 10, ids(&["quad-1"]), Command::IntentMissed {}),
    ];
    for tick in 0..30 {
        let mut intents: Vec<Option<Intent>> = (0..5).map(|i| Some(live.decide(i))).collect();
        if tick == 10 {
            intents[0] = None;
        }
        live.step(&intents);
    }
    let mut replayed = World::replay(Arc::clone(live.scenario()), 1, &journal).unwrap();
    while replayed.tick() < 30 {
        replayed.advance();
    }
    assert_eq!(replayed.state_hash(), live.state_hash());
}
