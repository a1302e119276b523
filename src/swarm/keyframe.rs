//! A world packed for the archive, and unpacked.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::sim::{RestoreError, Scenario, Tick, World};

/// Largest world that is unpacked: 100,000 drones have a fifth of it.
const BYTES_MAX: u64 = 1 << 30;

/// Ticks between keyframes that are `every_s` simulated seconds apart.
pub fn period(every_s: f64, world: &World) -> Tick {
    ((every_s / world.tick_s()).round() as Tick).max(1)
}

/// The tick of the first one. Tick 0 of a run is made anew in no time; a run that begins later is saved as soon as it moves.
pub fn first(every_s: f64, world: &World) -> Tick {
    if world.tick() == 0 { period(every_s, world) } else { world.tick() + 1 }
}

/// The world, compressed. A quarter of a kilobyte and 10 µs a drone: not for the thread that ticks.
///
/// # Errors
/// As [`World::save`].
pub fn pack(world: &World) -> Result<Vec<u8>, RestoreError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(&world.save()?).and_then(|()| encoder.finish());
    written.map_err(|error| RestoreError::Unreadable(error.to_string()))
}

/// The world that [`pack`] packed.
///
/// # Errors
/// As [`World::restore`].
pub fn unpack(scenario: Arc<Scenario>, packed: &[u8]) -> Result<World, RestoreError> {
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed)
        .take(BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| RestoreError::Unreadable(error.to_string()))?;
    World::restore(scenario, &bytes)
}
