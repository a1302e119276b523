//! Laws of the queue in front of the database, for any sequence of pushes, writes and failures.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hmrs::store::{Batcher, Class, Failure, Full, Limits};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Push {
        class: Class,
        bytes: usize,
        poison: bool,
    },
    /// The database takes what is in flight, unless there is poison in it.
    Answer,
    /// The database takes some of what is in flight, the first of them, unless there is poison in it.
    Cut {
        share: f64,
    },
    /// The database is away.
    Away {
        jitter: f64,
    },
    Wait {
        ms: u64,
    },
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let class = prop_oneof![Just(Class::Event), Just(Class::Telemetry)];
    prop_oneof![
        8 => (class, 1..400usize, prop::bool::weighted(0.05))
            .prop_map(|(class, bytes, poison)| Step::Push { class, bytes, poison }),
        4 => Just(Step::Answer),
        2 => (0.0..1.0).prop_map(|share| Step::Cut { share }),
        1 => (0.0..1.0).prop_map(|jitter| Step::Away { jitter }),
        3 => (0..2_000u64).prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Flush),
    ]
}

const LIMITS: Limits = Limits {
    queue_bytes_max: 5_000,
    batch_bytes_max: 1_000,
    batch_bytes_min: 1_000,
    batch_time_max: Duration::from_millis(250),
    event_wait: Duration::from_millis(100),
    telemetry_wait: Duration::from_secs(1),
    retry_min: Duration::from_millis(100),
    retry_max: Duration::from_secs(5),
    refusals_max: 3,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    number: usize,
    class: Class,
    poison: bool,
}

/// A database that refuses poison, and what it got to see.
struct World {
    batcher: Batcher<Item>,
    now: Instant,
    flying: Option<Vec<Arc<Item>>>,
    committed: Vec<Item>,
    set_aside: Vec<Item>,
    accepted_events: BTreeSet<Item>,
    pushed: usize,
}

impl World {
    fn new(limits: Limits) -> World {
        World {
            batcher: Batcher::new(limits),
            now: Instant::now(),
            flying: None,
            committed: Vec::new(),
            set_aside: Vec::new(),
            accepted_events: BTreeSet::new(),
            pushed: 0,
        }
    }

    fn push(&mut self, class: Class, bytes: usize, poison: bool) -> Result<(), Full> {
        let item = Item { number: self.pushed, class, poison };
        self.pushed += 1;
        let result = self.batcher.push(class, item, bytes, self.now);
        if result.is_ok() && class == Class::Event {
            self.accepted_events.insert(item);
        }
        result
    }

    fn poll(&mut self) {
        let due = self.batcher.poll_timeout();
        let batch = self.batcher.poll_batch(self.now);
        assert_eq!(
            batch.is_some(),
            due.is_some_and(|due| due <= self.now),
            "poll_timeout tells when poll_batch will give"
        );
        if let Some(batch) = batch {
            assert!(self.flying.is_none(), "a second batch in flight");
            assert!(!batch.is_empty());
            assert!(batch.iter().all(|item| item.class == batch[0].class), "one class a batch");
            self.flying = Some(batch);
        }
    }

    fn answer(&mut self) {
        match self.flying.take() {
            Some(batch) if batch.iter().any(|item| item.poison) => {
                let aside = self.batcher.handle_failure(Failure::Refused, 0.5, self.now);
                self.set_aside.extend(aside.map(|item| *item));
            }
            Some(batch) => {
                self.committed.extend(batch.iter().map(|item| **item));
                self.batcher.handle_done();
            }
            None => {}
        }
    }

    fn cut(&mut self, share: f64) {
        match self.flying.take() {
            Some(batch) if batch.iter().all(|item| !item.poison) => {
                let count = 1 + (share * (batch.len() - 1) as f64) as usize;
                self.committed.extend(batch[..count].iter().map(|item| **item));
                self.batcher.handle_done_of(count, Duration::ZERO);
            }
            other => self.flying = other,
        }
    }

    fn away(&mut self, jitter: f64) {
        self.flying = None;
        assert!(self.batcher.handle_failure(Failure::Away, jitter, self.now).is_none());
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Push { class, bytes, poison } => {
                let before = self.batcher.stats();
                if self.push(*class, *bytes, *poison).is_err() {
                    assert_eq!(*class, Class::Event, "telemetry is never refused");
                    assert_eq!(self.batcher.stats(), before, "a refused record changes nothing");
                }
            }
            Step::Answer => self.answer(),
            Step::Cut { share } => self.cut(*share),
            Step::Away { jitter } => self.away(*jitter),
            Step::Wait { ms } => self.now += Duration::from_millis(*ms),
            Step::Flush => {
                self.batcher.flush();
            }
        }
        self.poll();
        assert!(self.batcher.stats().bytes <= LIMITS.queue_bytes_max);
    }

    /// Lets the database answer until nothing waits that is not poison, with something new now and then.
    fn settle(&mut self) {
        for round in 0..10_000 {
            self.now += Duration::from_secs(6);
            self.poll();
            self.answer();
            if self.batcher.stats().items == 0 {
                return;
            }
            if round % 3 == 0 {
                let _ = self.push(Class::Event, 1, false);
            }
        }
        panic!("{} items never left", self.batcher.stats().items);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_accepted_event_is_committed_once_and_only_poison_is_set_aside(steps in prop::collection::vec(step(), 1..200)) {
        let mut world = World::new(LIMITS);
        for step in &steps {
            world.step(step);
        }
        world.settle();
        let committed: BTreeSet<Item> = world.committed.iter().copied().collect();
        prop_assert_eq!(committed.len(), world.committed.len(), "nothing is committed twice");
        prop_assert!(world.set_aside.iter().all(|item| item.poison));
        let mut done = committed;
        done.extend(&world.set_aside);
        prop_assert!(world.accepted_events.is_subset(&done), "an accepted event is missing");
        let stats = world.batcher.stats();
        prop_assert_eq!(stats.bytes, 0);
        prop_assert_eq!(stats.committed + stats.set_aside + stats.dropped, stats.accepted);
    }

    #[test]
    fn without_refusals_each_class_is_committed_in_order(steps in prop::collection::vec(step(), 1..200)) {
        let mut world = World::new(LIMITS);
        for step in &steps {
            match step {
                Step::Push { class, bytes, .. } => world.step(&Step::Push { class: *class, bytes: *bytes, poison: false }),
                other => world.step(other),
            }
        }
        world.settle();
        for class in [Class::Event, Class::Telemetry] {
            let order: Vec<usize> = world.committed.iter().filter(|item| item.class == class).map(|item| item.number).collect();
            prop_assert!(order.is_sorted(), "{:?}: {:?}", class, order);
        }
    }

    #[test]
    fn a_flush_is_over_exactly_when_everything_before_it_has_left(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(LIMITS);
        for step in &steps {
            world.step(step);
        }
        let before: BTreeSet<Item> = world.accepted_events.clone();
        let number = world.batcher.flush();
        world.push(Class::Event, 1, false).ok();
        for _ in 0..1_000 {
            let left: BTreeSet<Item> = world.committed.iter().chain(&world.set_aside).copied().collect();
            if world.batcher.is_flushed(number) {
                prop_assert!(before.is_subset(&left));
                return Ok(());
            }
            world.now += Duration::from_secs(6);
            world.push(Class::Event, 1, false).ok();
            world.poll();
            world.answer();
        }
        prop_assert!(false, "the flush never ended");
    }
}

#[test]
fn a_slow_database_never_gets_a_second_batch() {
    let mut world = World::new(LIMITS);
    for _ in 0..10 {
        world.push(Class::Event, 400, false).unwrap();
    }
    world.poll();
    assert!(world.flying.is_some());
    world.now += Duration::from_secs(3_600);
    assert_eq!(world.batcher.poll_batch(world.now), None);
    assert_eq!(world.batcher.poll_timeout(), None);
}

#[test]
fn the_oldest_telemetry_makes_room_and_events_are_refused_when_none_is_left() {
    let mut world = World::new(LIMITS);
    for _ in 0..5 {
        world.push(Class::Telemetry, 1_000, false).unwrap();
    }
    world.push(Class::Telemetry, 1_000, false).unwrap();
    assert_eq!(world.batcher.stats().dropped, 1);
    for _ in 0..5 {
        world.push(Class::Event, 1_000, false).unwrap();
    }
    assert_eq!((world.batcher.stats().dropped, world.batcher.stats().items), (6, 5));
    assert_eq!(world.push(Class::Event, 1, false), Err(Full));
    world.push(Class::Telemetry, 1, false).unwrap();
    assert_eq!(world.batcher.stats().dropped, 7, "no room: dropped at once");
    world.settle();
    assert_eq!(world.committed[..5].iter().map(|item| item.number).collect::<Vec<_>>(), [6, 7, 8, 9, 10]);
}

#[test]
fn an_event_waits_a_tenth_of_a_second_and_telemetry_one_second_for_company() {
    let mut batcher = Batcher::new(Limits::default());
    let now = Instant::now();
    batcher.push(Class::Telemetry, "frame", 100, now).unwrap();
    assert_eq!(batcher.poll_timeout(), Some(now + Duration::from_secs(1)));
    batcher.push(Class::Event, "event", 100, now).unwrap();
    assert_eq!(batcher.poll_timeout(), Some(now + Duration::from_millis(100)));
    assert_eq!(batcher.poll_batch(now + Duration::from_millis(99)), None);
    assert_eq!(batcher.poll_batch(now + Duration::from_millis(100)), Some(vec![Arc::new("event")]));
    batcher.handle_done();
    batcher.push(Class::Telemetry, "big", Limits::default().batch_bytes_max, now).unwrap();
    assert_eq!(batcher.poll_batch(now), Some(vec![Arc::new("frame")]), "enough for a batch: at once");
}

#[test]
fn events_go_before_telemetry_that_is_due() {
    let mut batcher = Batcher::new(Limits::default());
    let now = Instant::now();
    batcher.push(Class::Telemetry, "frame", 1, now).unwrap();
    let later = now + Duration::from_secs(1);
    batcher.push(Class::Event, "run started", 1, later).unwrap();
    assert_eq!(batcher.poll_batch(later), Some(vec![Arc::new("run started")]));
}

#[test]
fn pauses_double_up_to_the_longest_and_jitter_takes_off_up_to_a_half() {
    let mut batcher = Batcher::new(Limits::default());
    let now = Instant::now();
    batcher.push(Class::Event, 1, 1, now).unwrap();
    let mut pauses = VecDeque::new();
    let mut at = now + Duration::from_secs(1);
    for jitter in [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0] {
        assert!(batcher.poll_batch(at).is_some());
        batcher.handle_failure(Failure::Away, jitter, at);
        let then = batcher.poll_timeout().unwrap();
        pauses.push_back(then.duration_since(at).as_millis());
        assert_eq!(batcher.poll_batch(then - Duration::from_millis(1)), None);
        at = then;
    }
    assert_eq!(pauses, [100, 200, 400, 400, 1_600, 3_200, 5_000, 5_000, 5_000, 2_500]);
    batcher.poll_batch(at).unwrap();
    batcher.handle_done();
    batcher.push(Class::Event, 2, 1, at).unwrap();
    assert_eq!(batcher.poll_timeout(), Some(at + Duration::from_millis(100)), "a success ends the pauses");
}

#[test]
fn a_database_that_refuses_everything_loses_nothing() {
    let mut batcher = Batcher::new(Limits::default());
    let mut now = Instant::now();
    for number in 0..100 {
        batcher.push(Class::Event, number, 10, now).unwrap();
    }
    for _ in 0..1_000 {
        now += Duration::from_secs(6);
        if batcher.poll_batch(now).is_some() {
            assert_eq!(batcher.handle_failure(Failure::Refused, 0.0, now), None);
        }
    }
    let mut seen = BTreeSet::new();
    while batcher.stats().items > 0 {
        now += Duration::from_secs(6);
        seen.extend(batcher.poll_batch(now).unwrap().iter().map(|item| **item));
        batcher.handle_done();
    }
    assert_eq!(seen.len(), 100);
}

#[test]
fn batches_grow_while_they_are_quick_and_shrink_when_they_are_not() {
    const MIB: usize = 1 << 20;
    let (now, mut batcher) = (Instant::now(), Batcher::new(Limits::default()));
    let mut next = |took_ms: u64| {
        for _ in 0..64 {
            batcher.push(Class::Telemetry, (), MIB / 4, now).unwrap();
        }
        batcher.flush();
        let items = batcher.poll_batch(now).unwrap().len();
        batcher.handle_done_in(Duration::from_millis(took_ms));
        while batcher.poll_batch(now).is_some() {
            batcher.handle_done();
        }
        items * MIB / 4 / MIB
    };
    assert_eq!([next(10), next(20), next(40), next(80), next(80)], [1, 2, 4, 8, 8]);
    assert_eq!([next(200), next(300), next(300), next(900), next(900), next(200)], [8, 8, 4, 2, 1, 1]);
    assert_eq!([next(10), next(100)], [1, 2]);
    // A small one says nothing about large ones.
    let mut batcher = Batcher::new(Limits::default());
    for _ in 0..10 {
        batcher.push(Class::Telemetry, (), 1_000, now).unwrap();
        batcher.flush();
        assert_eq!(batcher.poll_batch(now).unwrap().len(), 1);
        batcher.handle_done_in(Duration::from_millis(1));
    }
    batcher.push(Class::Telemetry, (), MIB, now).unwrap();
    assert_eq!(batcher.poll_timeout(), Some(now), "it goes when 1 MiB waits");
}
