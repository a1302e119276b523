//! What a server does for its database besides writing: deliver what waits in the spool, and keep old telemetry small.

use std::time::Duration;

use crate::config::ServeConfig;
use crate::contract::record::Recorder;
use crate::store::{SpoolConfig, Store, Upkeep, UpkeepDone, Writer};
use crate::swarm::wall_time_ms;

/// Longest wait at the start for a database to take what an earlier server left in the spool.
const DELIVERY_WAIT_MAX: Duration = Duration::from_secs(10);
const DELIVERY_LOOK: Duration = Duration::from_millis(100);
/// How often old telemetry is looked at.
const UPKEEP_EVERY: Duration = Duration::from_secs(3600);

/// Where records wait while the database is away; `None`: in memory only.
pub(super) fn spool(config: &ServeConfig) -> Option<SpoolConfig> {
    let bytes_max = u64::from(config.spool_mib) * 1024 * 1024;
    (bytes_max > 0).then(|| SpoolConfig { directory: config.database.data_dir.join("spool"), bytes_max })
}

/// What is to become of old telemetry, if anything.
fn settings(config: &ServeConfig) -> Option<Upkeep> {
    let (remove_after_days, thin_after_days) = (config.keep_telemetry_days, config.thin_telemetry_days);
    let thin_every = config.thin_telemetry_every;
    (remove_after_days.is_some() || thin_after_days.is_some()).then_some(Upkeep {
        remove_after_days,
        thin_after_days,
        thin_every,
    })
}

/// Thins and removes old telemetry from now on, if the settings say so.
pub(super) fn keep_up(config: &ServeConfig, store: &Store) {
    if let Some(upkeep) = settings(config) {
        actix_rt::spawn(keep_on(store.clone(), upkeep));
    }
}

/// Does it now and then. A clock that jumped must not make runs old: it is waited whether it stays so.
async fn keep_on(store: Store, upkeep: Upkeep) {
    let mut timer = actix_rt::time::interval(UPKEEP_EVERY);
    let mut last: Option<u64> = None;
    loop {
        timer.tick().await;
        let now = wall_time_ms();
        let passed = last.replace(now).map_or(UPKEEP_EVERY.as_millis() as u64, |last| now.abs_diff(last));
        if passed > 2 * UPKEEP_EVERY.as_millis() as u64 {
            log::warn!("the clock jumped by some {} s: old telemetry is looked at later", passed / 1000);
            continue;
        }
        let store = store.clone();
        match actix_web::web::block(move || store.upkeep(&upkeep, now)).await {
            Ok(Ok(done)) if done != UpkeepDone::default() => {
                log::info!("telemetry of {} runs thinned, of {} removed", done.thinned, done.removed);
            }
            Ok(Err(error)) => log::warn!("old telemetry is looked at later: {error}"),
            _ => {}
        }
    }
}

/// Gives what an earlier server left in the spool to the database, if that is there, before anything is read from it.
pub(super) async fn deliver(writer: &Writer) {
    let delivered =
        async { while writer.flush(DELIVERY_LOOK).await.is_err() && writer.health().last_error.is_none() {} };
    let _ = actix_rt::time::timeout(DELIVERY_WAIT_MAX, delivered).await;
    if writer.health().spool.is_some_and(|spool| spool.records > 0) {
        let waiting = writer.health().spool.map_or(0, |spool| spool.records);
        log::warn!(
            "{waiting} records of an earlier run are in the spool still; they follow when the database takes them"
        );
    }
}
