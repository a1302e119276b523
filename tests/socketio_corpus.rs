//! Replays the corpora of the fuzz targets, and mutations of them from a fixed seed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::PathBuf};

/// What the targets are about, by the names that they know.
mod wire {
    pub use hmrs::contract::delta;
    pub use hmrs::socketio::{deflate, protocol};
}

#[path = "../fuzz/targets.rs"]
mod targets;

/// Mutations of each target's corpus in one run; `HMRS_FUZZ_RUNS` asks for another number.
const RUNS: usize = 20_000;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// xorshift64*: the same mutations in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

fn mutate(dice: &mut Dice, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut data = corpus[dice.below(corpus.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(data.len() + 1);
        match dice.below(6) {
            0 => data.insert(at, dice.below(256) as u8),
            1 if at < data.len() => data[at] ^= 1 << dice.below(8),
            2 if at < data.len() => data[at] = dice.below(256) as u8,
            3 if at < data.len() => {
                let end = at + dice.below(data.len() - at);
                data.drain(at..end);
            }
            4 if at < data.len() => {
                let end = (at + 1 + dice.below(data.len() - at)).min(data.len());
                let part = data[at..end].to_vec();
                data.splice(at..at, part);
            }
            _ => {
                let other = &corpus[dice.below(corpus.len())];
                let from = dice.below(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
        }
    }
    data.truncate(8192);
    data
}

fn replay(name: &str) {
    let (_, target) = targets::ALL.into_iter().find(|(known, _)| *known == name).unwrap();
    let corpus = corpus(name);
    assert!(!corpus.is_empty());
    corpus.iter().for_each(|data| target(data));
    #[allow(clippy::disallowed_methods, reason = "a knob of this test alone")]
    let runs = std::env::var("HMRS_FUZZ_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for run in 0..runs {
        let data = mutate(&mut dice, &corpus);
        let outcome = std::panic::catch_unwind(|| target(&data));
        assert!(outcome.is_ok(), "{name}: mutation {run} of the fixed seed, {data:?}");
    }
}

#[test]
fn packets_keep_their_grammar_and_limits() {
    replay("packet");
}

#[test]
fn bodies_are_read_as_they_are_written() {
    replay("payload");
}

#[test]
fn frames_are_judged_alike_however_they_arrive() {
    replay("frame_guard");
}

#[test]
fn nothing_inflates_beyond_its_bound() {
    replay("inflate");
}

#[test]
fn a_session_answers_as_its_model_says() {
    replay("session");
}

#[test]
fn changes_are_read_as_they_are_written_whatever_came_before() {
    replay("delta");
}
