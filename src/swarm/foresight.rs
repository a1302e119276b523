//! What a dry run adds to its answer: what would be flown, found out on another thread than the tick's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::contract::incoming::{Envelope, Request};
use crate::contract::outgoing::Ack;
use crate::sim::{Command, CommandResult, Forecast, Targets, World};

/// A look ahead that is yet to be taken.
pub(super) struct Foresight {
    world: Arc<World>,
    command: Command,
    targets: Targets,
    free: Free,
}

/// The command of a dry run that drones would fly.
pub(super) fn command_of(envelope: &Envelope) -> Option<Command> {
    match &envelope.request {
        Request::Act(command) if envelope.dry_run && command.is_flown() => Some(command.clone()),
        _ => None,
    }
}

impl Foresight {
    /// For those who would take the command on. Nothing if nobody would, or while another look is being taken: one core
    /// is the most that looking ahead may cost a swarm.
    pub(super) fn of(
        world: &Arc<World>,
        command: Command,
        ack: &Ack,
        busy: &Arc<AtomicBool>,
    ) -> Option<Self> {
        let takes = |result| matches!(result, CommandResult::Accepted | CommandResult::InProgress);
        let willing = ack.results.iter().filter(|(_, verdict)| takes(verdict.result));
        let ids: Vec<String> = willing.map(|(id, _)| id.clone()).collect();
        if ids.is_empty() || busy.swap(true, Ordering::Acquire) {
            return None;
        }
        Some(Self { world: world.clone(), command, targets: Targets::Ids(ids), free: Free(busy.clone()) })
    }

    /// The answer with the forecast; without where none can be made.
    pub(super) async fn complete(self, mut ack: Ack) -> Ack {
        ack.forecast = actix_rt::task::spawn_blocking(move || self.look()).await.ok().flatten();
        ack
    }

    fn look(self) -> Option<Forecast> {
        // A copy at once: a swarm whose world is looked at has to copy it before it goes on.
        let world = World::clone(&self.world);
        let Self { world: shared, command, targets, free } = self;
        drop(shared);
        let forecast = world.forecast(&command, &targets).ok();
        drop(free);
        forecast
    }
}

/// Says that the next may look, however this look ends, and if it is never taken.
struct Free(Arc<AtomicBool>);

impl Drop for Free {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
