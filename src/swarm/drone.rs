//! A drone as an actor: it looks at the frozen world, lets its pilot decide, and puts the intent on the board.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::prelude::*;

use crate::sim::{Intent, Tick, World};

/// `Swarm` → `Drone`: decide for this tick. The intent goes to the board; nothing is answered.
///
/// May be lost when the drone's mailbox is full: the board then counts the drone as late.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Sense {
    /// The world as it stood at the end of the last tick.
    pub world: Arc<World>,
    /// Which drone of it this actor is, now.
    pub index: usize,
    /// Where the intent goes.
    pub board: Arc<Board>,
}

/// Board → `Swarm`: every drone's intent for this tick is there.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Decided {
    /// The tick that was decided.
    pub tick: Tick,
}

/// `Drone` → `Swarm`, from its drop: a panic ended this actor; make it a new one.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Died {
    /// The drone's id.
    pub id: Arc<str>,
}

/// The actor of one drone.
///
/// It holds no state of the simulation: what a pilot remembers stands in the world. A crashed actor therefore
/// loses nothing, and its successor goes on from the last snapshot.
pub struct Drone {
    id: Arc<str>,
    guardian: Recipient<Died>,
}

impl Drone {
    /// An actor for the drone `id`, whose death is told to `guardian`.
    pub fn new(id: Arc<str>, guardian: Recipient<Died>) -> Self {
        Self { id, guardian }
    }
}

impl Actor for Drone {
    type Context = Context<Self>;
}

impl Handler<Sense> for Drone {
    type Result = ();

    fn handle(&mut self, Sense { world, index, board }: Sense, _: &mut Self::Context) {
        let tick = world.tick();
        // The seat settles when it is dropped, by which time this drone must have let go of the world: the last
        // one to settle sets the swarm off, which then finds the world its own again and need not copy it.
        let mut seat = Seat { board, tick, index, intent: Intent::Crashed };
        seat.intent = world.decide(index);
        drop(world);
    }
}

impl Drop for Drone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nothing here may panic: a second panic while unwinding would end the process.
            let _ = self.guardian.try_send(Died { id: self.id.clone() });
        }
    }
}

/// Puts an intent on the board however the decision ended, by return or by panic.
struct Seat {
    board: Arc<Board>,
    tick: Tick,
    index: usize,
    intent: Intent,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.board.put(self.tick, self.index, std::mem::replace(&mut self.intent, Intent::Crashed));
    }
}

/// Where the drones of one swarm put their intents, one slot a drone.
///
/// Whoever fills the last open slot tells the swarm. Intents for another tick than the current one come too late
/// and are ignored.
pub struct Board {
    slots: Vec<Mutex<Slot>>,
    open: AtomicUsize,
    done: Recipient<Decided>,
}

#[derive(Default)]
struct Slot {
    tick: Tick,
    is_open: bool,
    intent: Option<Intent>,
}

impl Board {
    /// A board of `size` slots whose completion is told to `done`.
    pub fn new(size: usize, done: Recipient<Decided>) -> Self {
        Self { slots: (0..size).map(|_| Mutex::default()).collect(), open: AtomicUsize::new(0), done }
    }

    /// How many drones it seats.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it seats nobody.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Opens every slot for `tick`. Slots are opened before the first drone is asked.
    pub fn open(&self, tick: Tick) {
        self.open.store(self.slots.len(), Ordering::SeqCst);
        for slot in &self.slots {
            *lock(slot) = Slot { tick, is_open: true, intent: None };
        }
    }

    /// Fills a slot; `late` answers nothing.
    pub fn put(&self, tick: Tick, index: usize, intent: Intent) {
        self.settle(tick, index, Some(intent));
    }

    /// Gives a slot up: its drone could not even be asked.
    pub fn give_up(&self, tick: Tick, index: usize) {
        self.settle(tick, index, None);
    }

    fn settle(&self, tick: Tick, index: usize, intent: Option<Intent>) {
        let Some(slot) = self.slots.get(index) else { return };
        let mut slot = lock(slot);
        if slot.tick != tick || !slot.is_open {
            return;
        }
        (slot.is_open, slot.intent) = (false, intent);
        drop(slot);
        if self.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Lost only when the swarm's mailbox is full; it then finishes the tick at its deadline.
            let _ = self.done.try_send(Decided { tick });
        }
    }

    /// Closes every slot and moves the intents into `intents`; `None` for a drone that did not decide in time.
    pub fn take(&self, intents: &mut Vec<Option<Intent>>) {
        intents.clear();
        intents.extend(self.slots.iter().map(|slot| {
            let mut slot = lock(slot);
            slot.is_open = false;
            slot.intent.take()
        }));
    }
}

/// A slot is whole at any moment, so a panic elsewhere while it was held does not make it unusable.
fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
