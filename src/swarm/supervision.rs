//! One actor for each drone of the world, on threads of their own; crashed ones are replaced.
//!
//! actix does not restart an actor that panicked (its `Supervisor` only restarts stopped ones), so the drone's drop
//! tells the swarm, and [`Flight::replace`] makes a new actor. What the drone does after a crash (failsafe, counting
//! restarts, holding the whole swarm after three in five seconds) is decided in `sim`, so that a replay repeats it.

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;

use crate::sim::{DroneTable, Intent, World};

use super::drone::{Board, Decided, Died, Drone, Sense};

/// Every drone actor of a swarm, in the order of the world's drones.
pub struct Flight {
    arbiters: Vec<Arbiter>,
    guardian: Recipient<Died>,
    done: Recipient<Decided>,
    epoch: Option<u32>,
    ids: Vec<Arc<str>>,
    drones: Vec<Addr<Drone>>,
    board: Arc<Board>,
}

impl Flight {
    /// A flight without drones, on `threads` threads.
    pub fn new(threads: usize, guardian: Recipient<Died>, done: Recipient<Decided>) -> Self {
        let arbiters = (0..threads.max(1)).map(|_| Arbiter::new()).collect();
        let board = Arc::new(Board::new(0, done.clone()));
        Self { arbiters, guardian, done, epoch: None, ids: Vec::new(), drones: Vec::new(), board }
    }

    /// Makes and ends actors so that there is one for each row of `table`. Cheap when the table has not changed.
    pub fn sync(&mut self, table: &DroneTable) {
        if self.epoch == Some(table.epoch) && self.drones.len() == table.rows.len() {
            return;
        }
        self.epoch = Some(table.epoch);
        let mut old: HashMap<Arc<str>, Addr<Drone>> = self.ids.drain(..).zip(self.drones.drain(..)).collect();
        for row in &table.rows {
            let drone = old.remove(&row.id).unwrap_or_else(|| self.make(&row.id, self.drones.len()));
            self.ids.push(row.id.clone());
            self.drones.push(drone);
        }
        self.board = Arc::new(Board::new(self.drones.len(), self.done.clone()));
    }

    /// Forgets every actor, so that the next [`Flight::sync`] makes all of them anew for another world.
    pub fn disband(&mut self) {
        self.epoch = None;
        self.ids.clear();
        self.drones.clear();
    }

    /// A new actor for a drone whose old one crashed. Returns false if that drone is no longer there.
    pub fn replace(&mut self, id: &Arc<str>) -> bool {
        let Some(index) = self.ids.iter().position(|known| known == id) else { return false };
        self.drones[index] = self.make(id, index);
        true
    }

    /// Asks every drone to decide; the board tells the swarm when all have.
    pub fn sense(&mut self, world: &Arc<World>) {
        let tick = world.tick();
        self.board.open(tick);
        for index in 0..self.drones.len() {
            let sense = Sense { world: world.clone(), index, board: self.board.clone() };
            match self.drones[index].try_send(sense) {
                Ok(()) => {}
                Err(SendError::Full(_)) => self.board.give_up(tick, index),
                // Its death notice was lost; without an actor it would never decide again.
                Err(SendError::Closed(_)) => {
                    self.drones[index] = self.make(&self.ids[index], index);
                    self.board.give_up(tick, index);
                }
            }
        }
    }

    /// Closes the tick and moves the intents out.
    pub fn take_intents(&self, intents: &mut Vec<Option<Intent>>) {
        self.board.take(intents);
    }

    /// How many drones there are.
    pub fn len(&self) -> usize {
        self.drones.len()
    }

    /// Whether there is no drone.
    pub fn is_empty(&self) -> bool {
        self.drones.is_empty()
    }

    fn make(&self, id: &Arc<str>, index: usize) -> Addr<Drone> {
        // Neighbouring slots share a thread, so that a slice of the board stays in one core's cache.
        let arbiter = &self.arbiters[index % self.arbiters.len()];
        let (id, guardian) = (id.clone(), self.guardian.clone());
        Drone::start_in_arbiter(&arbiter.handle(), move |_| Drone::new(id, guardian))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}
