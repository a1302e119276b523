//! A recording comes out as it was recorded, or not at all.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::contract::archive::Settled;
use crate::sim::{Command, Targets, builtin};

/// A run with its journal and hashes.
type Kept = (RecordedRun, Vec<JournalEntry>, Vec<(Tick, u64)>);

/// Something that goes wrong in an archive.
type Spoil = fn(&mut Memory);

/// An archive in memory.
#[derive(Default)]
struct Memory {
    runs: BTreeMap<String, Kept>,
    keyframes: BTreeMap<(String, Tick), Keyframe>,
    asked: Mutex<Vec<(String, Tick)>>,
}

impl Archive for Memory {
    fn settle(&self) -> Settled {
        Box::pin(std::future::ready(()))
    }

    fn run(&self, id: &str) -> Result<RecordedRun, ApiError> {
        let found = self.runs.get(id).map(|(run, ..)| run.clone());
        found.ok_or_else(|| ApiError::new(ErrorCode::NotFound, "no such run"))
    }

    fn journal(&self, id: &str) -> Result<Vec<JournalEntry>, ApiError> {
        Ok(self.runs[id].1.clone())
    }

    fn hashes(&self, id: &str) -> Result<Vec<(Tick, u64)>, ApiError> {
        Ok(self.runs[id].2.clone())
    }

    fn keyframe(&self, id: &str, tick: Tick) -> Result<Option<Keyframe>, ApiError> {
        self.asked.lock().unwrap().push((id.to_owned(), tick));
        let range = (id.to_owned(), 0)..=(id.to_owned(), tick);
        Ok(self.keyframes.range(range).next_back().map(|(_, keyframe)| keyframe.clone()))
    }
}

const LAST: Tick = 200;

fn entry(seq: u64, tick: Tick, command: Command) -> JournalEntry {
    JournalEntry {
        seq,
        tick,
        author: "test".into(),
        via: "http".into(),
        command_id: format!("c{seq}"),
        targets: Targets::All,
        command,
    }
}

fn set(value: f64) -> Command {
    Command::SetParam { path: "limits.separation_m".into(), value }
}

/// Flies the flock with two commands, as a live swarm does; `at[tick]` are the states after the commands of a tick.
fn recorded() -> (Memory, Vec<u64>) {
    let scenario = Arc::new(Scenario::parse(builtin::text("flock").unwrap()).unwrap());
    let mut world = World::new(scenario.clone(), 7);
    let journal = vec![entry(1, 0, set(4.0)), entry(2, 60, set(6.0)), entry(3, 100, Command::Hold {})];
    let (mut hashes, mut at, mut memory) = (Vec::new(), Vec::new(), Memory::default());
    loop {
        let tick = world.tick();
        if tick > 0 && tick.is_multiple_of(25) {
            hashes.push((tick, world.state_hash()));
        }
        if tick > 0 && tick.is_multiple_of(50) {
            let journal_seq = journal.iter().filter(|entry| entry.tick < tick).count() as u64;
            let (state_hash, packed) = (world.state_hash(), keyframe::pack(&world).unwrap());
            let keyframe = Keyframe { tick, journal_seq, state_hash, world: packed };
            memory.keyframes.insert(("r".into(), tick), keyframe);
        }
        for entry in journal.iter().filter(|entry| entry.tick == tick) {
            world.enter(entry).unwrap();
        }
        at.push(world.state_hash());
        if tick == LAST {
            break;
        }
        world.advance();
    }
    let run = RecordedRun {
        id: "r".into(),
        swarm: "default".into(),
        scenario_text: scenario.text().to_owned(),
        seed: 7,
        version: env!("CARGO_PKG_VERSION").into(),
        ticks: LAST,
        status: RunStatus::Complete,
        parent: None,
    };
    memory.runs.insert("r".into(), (run, journal, hashes));
    (memory, at)
}

fn open(memory: Memory, id: &str) -> Result<Arc<Recording>, ApiError> {
    Recording::open(Arc::new(memory), id, 0).map(Arc::new)
}

fn run_of(memory: &mut Memory) -> &mut RecordedRun {
    &mut memory.runs.get_mut("r").unwrap().0
}

fn journal_of(memory: &mut Memory) -> &mut Vec<JournalEntry> {
    &mut memory.runs.get_mut("r").unwrap().1
}

#[test]
fn every_tick_is_found_again_with_and_without_keyframes() {
    for has_keyframes in [true, false] {
        let (mut memory, at) = recorded();
        if !has_keyframes {
            memory.keyframes.clear();
        }
        let recording = open(memory, "r").unwrap();
        for tick in [0, 1, 49, 50, 51, 60, 99, 100, 101, 137, LAST] {
            let head = Playhead::at(recording.clone(), tick).unwrap();
            assert_eq!(
                head.world().state_hash(),
                at[tick as usize],
                "tick {tick}, keyframes: {has_keyframes}"
            );
        }
        let mut head = Playhead::at(recording.clone(), 150).unwrap();
        for tick in [10, 190, 60, 61] {
            head.jump(tick).unwrap();
            while head.tick() < tick {
                head.advance().unwrap();
            }
            assert_eq!(head.world().state_hash(), at[tick as usize], "jump to {tick}");
        }
        assert_eq!(Playhead::at(recording, LAST + 1).err().unwrap().code, ErrorCode::OutOfRange);
    }
}

#[test]
fn a_fork_begins_at_the_keyframes_of_its_parent() {
    let (mut memory, at) = recorded();
    let (mut run, mut journal, hashes) = memory.runs["r"].clone();
    run.id = "f".into();
    run.parent = Some(("r".into(), 120));
    journal.push(entry(4, 120, set(9.0)));
    let hashes = hashes.into_iter().filter(|(tick, _)| *tick <= 120).collect();
    memory.runs.insert("f".into(), (run, journal, hashes));
    let memory = Arc::new(memory);
    let recording = Arc::new(Recording::open(memory.clone(), "f", 0).unwrap());
    let head = Playhead::near(recording.clone(), 119).unwrap();
    assert_eq!(head.tick(), 100);
    let head = Playhead::near(recording.clone(), 190).unwrap();
    assert_eq!(head.tick(), 100, "the parent's keyframe at 150 is not the fork's");
    assert_eq!(*memory.asked.lock().unwrap().last().unwrap(), ("r".to_owned(), 120));
    assert_eq!(Playhead::at(recording.clone(), 119).unwrap().world().state_hash(), at[119]);
    assert_ne!(Playhead::at(recording, 150).unwrap().world().state_hash(), at[150]);
}

#[test]
fn what_does_not_come_out_as_recorded_is_refused() {
    let (mut memory, _) = recorded();
    memory.keyframes.clear();
    memory.runs.get_mut("r").unwrap().2[1].1 ^= 1;
    let error = Playhead::at(open(memory, "r").unwrap(), 80).err().unwrap();
    assert_eq!(error.code, ErrorCode::Conflict);
    assert!(error.message.contains("at tick 50"), "{}", error.message);

    let spoils: [(Spoil, &str); 4] = [
        (|m| drop(journal_of(m).remove(1)), "entry 2 of its journal is missing"),
        (|m| journal_of(m)[0].tick = 70, "entry 2 of its journal is out of order"),
        (|m| run_of(m).version = "0.0.9".into(), "recorded by version 0.0.9"),
        (|m| run_of(m).scenario_text = "x = 1".into(), "its scenario is not one"),
    ];
    for (spoil, reason) in spoils {
        let (mut memory, _) = recorded();
        spoil(&mut memory);
        let error = open(memory, "r").err().unwrap();
        assert_eq!(error.code, ErrorCode::Conflict);
        assert!(error.message.contains(reason), "{}", error.message);
    }
}

#[test]
fn a_keyframe_that_is_damaged_or_another_s_costs_only_time() {
    let (mut memory, at) = recorded();
    let later = memory.keyframes[&("r".to_owned(), 150)].world.clone();
    memory.keyframes.get_mut(&("r".to_owned(), 100)).unwrap().world = later;
    memory.keyframes.get_mut(&("r".to_owned(), 50)).unwrap().world.truncate(100);
    let recording = open(memory, "r").unwrap();
    for tick in [70, 120] {
        let head = Playhead::at(recording.clone(), tick).unwrap();
        assert_eq!(head.world().state_hash(), at[tick as usize]);
    }
}

#[test]
fn a_keyframe_that_is_ahead_of_its_journal_is_not_trusted() {
    let (mut memory, at) = recorded();
    // As if the journal's end had been lost and the keyframe had not: its world has carried out what nobody knows of.
    let ahead = memory.keyframes.get_mut(&("r".to_owned(), 150)).unwrap();
    assert_eq!(ahead.journal_seq, 3);
    ahead.journal_seq = 4;
    let head = Playhead::near(open(memory, "r").unwrap(), 190).unwrap();
    assert_eq!(head.tick(), 100, "the one before it is used");
    let (memory, _) = recorded();
    let head = Playhead::near(open(memory, "r").unwrap(), 190).unwrap();
    assert_eq!((head.tick(), head.world().state_hash()), (150, at[150]));
}

#[test]
fn a_tick_before_its_commands_is_what_was_recorded_of_it() {
    let (memory, at) = recorded();
    let hashes = memory.runs["r"].2.clone();
    let recording = open(memory, "r").unwrap();
    for (tick, recorded) in hashes {
        let mut head = Playhead::before_commands(recording.clone(), tick).unwrap();
        assert_eq!((head.tick(), head.world().state_hash()), (tick, recorded));
        head.enter_due(|_, _| {}).unwrap();
        assert_eq!(head.world().state_hash(), at[tick as usize]);
        assert_eq!(tick == 100, recorded != at[tick as usize], "a command was given at tick 100");
    }
}
