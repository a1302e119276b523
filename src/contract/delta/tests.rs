use proptest::prelude::*;

use super::decode::{Decoder, Wrong};
use super::encode::{Encoder, Truth};
use super::head::{Chain, Moment};
use super::state::{BATTERY, CLIMB, HEADING, SILENCE, SPEED, STATUS, State, UNITS_PER_M};

const ERROR: i32 = 203;

fn chain(count: usize) -> Chain {
    Chain { number: 9, epoch: 3, count, tick_s: 0.04, error: ERROR }
}

/// One number a drone and tick from which everything about it follows: mostly small changes, now and then a leap.
fn drift(truth: &mut Truth, slot: usize, dice: u64) {
    for axis in 0..3 {
        let part = (dice >> (axis * 8) & 0xff) as i32 - 128;
        let leap = if dice >> 60 == axis as u64 { i32::MAX / 3 } else { 1 };
        let position = &mut truth.position[axis][slot];
        *position = position.wrapping_add(part.wrapping_mul(leap));
    }
    let fields = &mut truth.fields;
    if dice >> 24 & 7 == 0 {
        fields[HEADING][slot] = (dice >> 27 & 0xff) as i16;
        fields[SPEED][slot] = (dice >> 28 & 0xff) as i16;
        fields[CLIMB][slot] = i16::from((dice >> 29) as i8);
        fields[BATTERY][slot] = (dice >> 30 & 0xff) as i16;
        fields[STATUS][slot] = (dice >> 31 & 0x1fff) as i16;
    }
    let silence = &mut fields[SILENCE][slot];
    *silence = if dice >> 40 & 3 == 0 { 0 } else { (*silence + 1).min(255) };
}

fn still(count: usize) -> [Vec<i32>; 3] {
    [vec![0; count], vec![0; count], vec![0; count]]
}

fn empty(count: usize) -> Truth {
    let mut truth = Truth::default();
    truth.position.iter_mut().for_each(|column| column.resize(count, 0));
    truth.fields.iter_mut().for_each(|column| column.resize(count, 0));
    truth
}

fn assert_near(known: &State, truth: &Truth) -> Result<(), TestCaseError> {
    prop_assert_eq!(&known.fields, &truth.fields);
    for slot in 0..known.len() {
        let square = |axis: usize| {
            f64::from(truth.position[axis][slot].wrapping_sub(known.position[axis][slot])).powi(2)
        };
        let away = (square(0) + square(1) + square(2)).sqrt();
        prop_assert!(away <= f64::from(ERROR), "drone {slot} is {away} units away");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever the drones do: every frame is read, fields are exact, positions within the error, and who joins late
    /// knows the same as who was there from the beginning.
    #[test]
    fn what_is_known_follows_the_truth(
        count in 0_usize..40,
        frames in prop::collection::vec((0_u64..40, any::<[u64; 4]>()), 1..30),
        joins in 0_usize..30,
    ) {
        let mut truth = empty(count);
        let (mut early, mut late) = (Decoder::default(), Decoder::default());
        let mut now = Moment { seq: u32::MAX - 3, tick: 1 << 40, wall_time_ms: 1_760_000_000_000, state: 0 };
        let mut encoder = Encoder::begin(chain(count), now, &truth, still(count));
        early.read(&encoder.whole()()).unwrap();
        for (n, (ticks, dice)) in frames.into_iter().enumerate() {
            for slot in 0..count {
                drift(&mut truth, slot, dice[slot % 4].rotate_left(slot as u32));
            }
            now = Moment {
                seq: now.seq.wrapping_add(1),
                tick: now.tick + ticks,
                wall_time_ms: now.wall_time_ms + 40 - (n as u64 % 3) * 30,
                state: (n % 8) as u8,
            };
            let change = encoder.encode(now, &truth);
            if n == joins {
                late.read(&encoder.whole()()).unwrap();
            } else if n > joins {
                late.read(&change).unwrap();
            } else {
                prop_assert_eq!(late.read(&change).unwrap_err(), Wrong::Gap);
            }
            let (of, at, known) = early.read(&change).unwrap();
            prop_assert_eq!((of, at), (&chain(count), &now));
            assert_near(known, &truth)?;
            if n >= joins {
                let again = late.read(&encoder.whole()()).unwrap();
                prop_assert_eq!(again, (&chain(count), &now, known));
            }
        }
    }

    /// A frame that was damaged is refused or read as something, and never again believed without a whole one.
    #[test]
    fn damage_never_panics(at in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<prop::sample::Index>()) {
        let mut truth = empty(9);
        let mut encoder = Encoder::begin(chain(9), Moment::default(), &truth, still(9));
        (0..9).for_each(|slot| drift(&mut truth, slot, 0x0123_4567_89ab_cdef << slot));
        let frames = [encoder.whole()(), encoder.encode(Moment { seq: 1, tick: 1, ..Moment::default() }, &truth)];
        for frame in frames {
            let mut damaged = frame.to_vec();
            let index = at.index(damaged.len());
            damaged[index] ^= 1 << bit;
            let _ = Decoder::default().read(&damaged);
            let mut decoder = Decoder::default();
            decoder.read(&encoder.whole()()).unwrap();
            let _ = decoder.read(&damaged);
            let short = &frame[..cut.index(frame.len())];
            prop_assert!(Decoder::default().read(short).is_err());
        }
    }
}

#[test]
fn after_a_frame_that_was_lost_nothing_is_shown_until_a_whole_one() {
    let truth = empty(2);
    let mut encoder = Encoder::begin(chain(2), Moment::default(), &truth, still(2));
    let mut decoder = Decoder::default();
    decoder.read(&encoder.whole()()).unwrap();
    let moment = |seq: u32| Moment { seq, tick: u64::from(seq), ..Moment::default() };
    let _lost = encoder.encode(moment(1), &truth);
    let second = encoder.encode(moment(2), &truth);
    assert_eq!(decoder.read(&second).unwrap_err(), Wrong::Gap);
    assert_eq!(decoder.read(&encoder.whole()()).unwrap().1, &moment(2));
    let third = encoder.encode(moment(3), &truth);
    assert_eq!(decoder.read(&third).unwrap().1, &moment(3));
}

#[test]
fn a_swarm_at_rest_costs_a_byte_and_one_in_even_flight_not_much_more() {
    let mut truth = empty(1000);
    let mut velocity = still(1000);
    velocity[0].fill(500);
    let mut encoder = Encoder::begin(chain(1000), Moment::default(), &truth, velocity);
    truth.position[0].fill(500);
    let frame = encoder.encode(Moment { seq: 1, tick: 1, wall_time_ms: 40, state: 0 }, &truth);
    assert_eq!(frame.len(), 3 + 5 + 1, "{frame:x?}");
}

#[test]
fn an_error_in_units_leaves_room_for_their_rounding() {
    assert_eq!(super::head::error_units(0.05), ERROR);
    assert!(f64::from(super::head::error_units(0.01)) + 0.9 <= 0.01 * UNITS_PER_M);
}
