//! A world packed for the archive, and unpacked.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::sim::{RestoreError, Scenario, World};

/// Largest world that is unpacked: 100,000 drones have a fifth of it.
const BYTES_MAX: u64 = 1 << 30;

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
