//! Where a swarm's publications go: ticks may be lost, everything else waits until the audience has room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::*;

use super::{Published, Pulse, TickReport};

/// Publications other than ticks that wait for an audience with a full mailbox.
const BACKLOG_MAX: usize = 100_000;

/// The way to one audience.
pub struct Outlet {
    swarm: Arc<str>,
    audience: Recipient<Published>,
    backlog: VecDeque<Published>,
    pulse: Arc<Pulse>,
}

impl Outlet {
    /// A way from the swarm named `swarm`.
    pub fn new(swarm: Arc<str>, audience: Recipient<Published>, pulse: Arc<Pulse>) -> Self {
        Self { swarm, audience, backlog: VecDeque::new(), pulse }
    }

    /// Its swarm's signs of life.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Publishes a moment, unless the audience is busy.
    pub fn tick(&self, report: TickReport) {
        self.pulse.beat_ms.store(report.wall_time_ms, Ordering::Relaxed);
        if self.audience.try_send(Published::Tick(Arc::new(report))).is_err() {
            self.pulse.published_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Publishes something that must arrive, at the next [`Outlet::drain`].
    pub fn push(&mut self, published: Published) {
        self.backlog.push_back(published);
    }

    /// Hands over as much as the audience takes.
    pub fn drain(&mut self) {
        while let Some(next) = self.backlog.pop_front() {
            if let Err(SendError::Full(next)) = self.audience.try_send(next) {
                self.backlog.push_front(next);
                break;
            }
        }
        if self.backlog.len() > BACKLOG_MAX {
            log::error!(
                "swarm {}: the gateway takes nothing any more; {BACKLOG_MAX} entries given up",
                self.swarm
            );
            self.backlog.clear();
        }
    }
}
