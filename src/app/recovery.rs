//! What a crash interrupted is flown on with: the nearest keyframe and the journal lead to the last durable tick.

use std::sync::Arc;

use crate::config::{Recover, ServeConfig};
use crate::contract::archive::{Archive, Interrupted};
use crate::contract::error::ApiError;
use crate::gateway::DEFAULT_SWARM;
use crate::sim::Scenario;
use crate::store::{Library, Store};
use crate::swarm::{Beginning, Resumed, Settings};

/// A swarm to be flown on, and with what.
pub(super) struct Recovered {
    /// How.
    pub(super) settings: Settings,
    /// From where.
    pub(super) beginning: Beginning,
}

/// Looks for runs that a crash of this server interrupted. One that this program cannot fly on with, or is not to, is
/// left `truncated`, and the log says why.
pub(super) async fn recover(
    config: &ServeConfig,
    store: &Store,
    library: &Library,
    template: &Settings,
) -> Vec<Recovered> {
    library.settle().await;
    let (config, store, library, template) =
        (config.clone(), store.clone(), library.clone(), template.clone());
    let work = move || read(&config, &store, &library, &template);
    actix_web::web::block(work).await.unwrap_or_else(|_| {
        log::error!("the search for interrupted runs was given up");
        Vec::new()
    })
}

fn read(config: &ServeConfig, store: &Store, library: &Library, template: &Settings) -> Vec<Recovered> {
    let interrupted = match store.interrupted(&config.server_name(), DEFAULT_SWARM) {
        Ok(interrupted) => interrupted,
        Err(error) => {
            log::warn!("whether a run was interrupted cannot be said: {error}");
            return Vec::new();
        }
    };
    let mut recovered = Vec::new();
    for one in interrupted {
        let id = &one.run.id;
        if let Some(reason) = objection(config, &one, template) {
            log::warn!("run {id} was interrupted at tick {} and stays so: {reason}", one.durable_tick);
            continue;
        }
        log::warn!("run {id} was interrupted; flying it again to tick {}", one.durable_tick);
        match resume(config, store, library, &one, template) {
            Ok(one) => recovered.push(one),
            Err(error) => log::error!("run {id} was interrupted and stays so: {}", error.message),
        }
    }
    recovered
}

/// Why a run is not gone on with.
fn objection(config: &ServeConfig, interrupted: &Interrupted, template: &Settings) -> Option<String> {
    if config.recover == Recover::Off {
        return Some("--recover is off".to_owned());
    }
    // What an operator loaded in flight is gone on with whatever the command line says.
    if interrupted.run.swarm != DEFAULT_SWARM
        || interrupted.is_replacement
        || interrupted.run.parent.is_some()
    {
        return None;
    }
    let seed = template.seed.unwrap_or(template.scenario.seed);
    if interrupted.run.scenario_text != template.scenario.text() {
        return Some(format!(
            "its scenario is not the {:?} that this server is started with, or that was changed since",
            template.scenario.name
        ));
    }
    (interrupted.run.seed != seed)
        .then(|| format!("its seed is {}, this server is started with {seed}", interrupted.run.seed))
}

fn resume(
    config: &ServeConfig,
    store: &Store,
    library: &Library,
    interrupted: &Interrupted,
    template: &Settings,
) -> Result<Recovered, ApiError> {
    let archive: Arc<dyn Archive> = Arc::new(library.clone());
    let resumed = Resumed::read(archive, interrupted)?;
    store.resume_run(&resumed.run_id, resumed.world.tick())?;
    let scenario: Arc<Scenario> = resumed.world.scenario().clone();
    let settings = Settings {
        id: Arc::from(interrupted.run.swarm.as_str()),
        scenario,
        seed: Some(resumed.world.seed()),
        is_paused: resumed.was_paused || config.recover == Recover::Paused,
        ..template.clone()
    };
    Ok(Recovered { settings, beginning: Beginning::Resumed(Box::new(resumed)) })
}
