//! A world that was saved and restored goes on as if nothing had happened.

use proptest::prelude::*;

use super::super::super::rng::{Channel, Stream};
use super::determinism::{random_command, random_targets};
use super::*;
use crate::sim::RestoreError;

fn restored(world: &World) -> World {
    World::restore(Arc::clone(world.scenario()), &world.save().unwrap()).unwrap()
}

/// Everything that can be seen of a world, numbers to the last bit.
fn seen(world: &World) -> String {
    let snapshot = world.snapshot();
    format!(
        "{:016x} {} {:?} {:?} {:?} {:?} {:?}",
        world.state_hash(),
        snapshot.tick,
        snapshot.table,
        snapshot.drones,
        snapshot.metrics,
        snapshot.visual,
        world.params()
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Saved at a random moment, between commands or ticks, after faults, spawns and removals.
    #[test]
    fn a_restored_world_goes_on_bit_for_bit(seed in any::<u64>(), moment in 0_u64..60) {
        let mut world = five();
        let mut stream = Stream::new(seed, 0, 0, Channel::Placement);
        let mut twin: Option<World> = None;
        for round in 0..80 {
            let (command, targets) = (random_command(&mut stream), random_targets(&mut stream));
            let applied = world.apply(&command, &targets, round);
            if let Some(twin) = &mut twin {
                prop_assert_eq!(&twin.apply(&command, &targets, round), &applied);
            }
            if round == moment {
                twin = Some(restored(&world));
            }
            for _ in 0..(stream.uniform() * 30.0) as u32 {
                world.advance();
                if let Some(twin) = &mut twin {
                    twin.advance();
                }
            }
            if let Some(twin) = &mut twin {
                prop_assert_eq!(seen(twin), seen(&world));
                if round > moment {
                    prop_assert_eq!(twin.drain_progress(), world.drain_progress());
                    prop_assert_eq!(twin.drain_happenings(), world.drain_happenings());
                }
            }
            world.drain_progress();
            world.drain_happenings();
            if let Some(twin) = &mut twin {
                twin.drain_progress();
                twin.drain_happenings();
            }
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_change_nothing(place in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut world = five();
        advance(&mut world, 1.0);
        let mut bytes = world.save().unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        if let Ok(restored) = World::restore(Arc::clone(world.scenario()), &bytes) {
            prop_assert_eq!(restored.state_hash(), world.state_hash());
        }
    }
}

#[test]
fn every_built_in_scenario_survives_being_saved() {
    for (name, _) in builtin::list() {
        let scenario = scenario(name);
        let mut world = World::new(Arc::clone(&scenario), scenario.seed);
        for _ in 0..40 {
            world.advance();
        }
        let mut twin = restored(&world);
        assert_eq!(seen(&twin), seen(&world), "{name}");
        for _ in 0..40 {
            world.advance();
            twin.advance();
        }
        assert_eq!(seen(&twin), seen(&world), "{name}");
    }
}

#[test]
fn what_is_not_a_world_of_this_scenario_is_refused_with_a_reason() {
    let world = five();
    let bytes = world.save().unwrap();
    assert_eq!(World::restore(scenario("hello"), &bytes).unwrap_err(), RestoreError::OtherScenario);
    for end in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        let error = World::restore(Arc::clone(world.scenario()), &bytes[..end]).unwrap_err();
        assert!(matches!(error, RestoreError::Unreadable(_)), "{end}: {error}");
    }
    let other = rmp_serde::to_vec_named(&BTreeMap::from([("format", 99)])).unwrap();
    let error = World::restore(Arc::clone(world.scenario()), &other).unwrap_err();
    assert_eq!(error, RestoreError::Format(99));
}
