//! The `Swarm` actor: one timer, one tick at a time, commands in between.
//!
//! A tick has two halves. [`Swarm::begin_tick`] shows the frozen world to every drone; [`Swarm::finish_tick`] steps
//! it with their intents, when all have decided or the wait is over. Commands that arrive between the halves wait
//! the millisecond that this takes: the world is only ever changed while nobody looks at it.

mod commands;
mod opened;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::incoming::Speed;
use crate::contract::outgoing::{Ack, RunState, SpoolFill};
use crate::contract::record::Recorder;
use crate::sim::{Command, Happening, Intent, Level, Meetings, ParamSpec, Targets, Tick, World};

use super::clock::{Clock, Pacer, WallWatch};
use super::crew::Hands;
use super::describe::{describe, measured};
use super::drone::{Decided, Died};
use super::durable::Then;
use super::keyframe;
use super::ledger::{Ledger, Origin};
use super::load::LoadMeter;
use super::outlet::Outlet;
use super::run::Run;
use super::supervision::Flight;
use super::{
    Beginning, Describe, ListParams, Measure, Published, Pulse, Settings, Shelf, Shutdown, Submit,
    TickReport, wall_time_ms,
};
pub(super) use commands::ack_for_swarm;
use opened::Opened;

/// Time between publications, in wall time: 25 a second whatever the speed.
pub(super) const PUBLISH_PERIOD: Duration = Duration::from_millis(40);
/// Messages that may wait for the actor: a tick's worth of commands from very many operators.
const MAILBOX_MESSAGES: usize = 4096;

/// Flies one world: clock, drones, commands, journal, audience.
pub struct Swarm {
    settings: Settings,
    shelf: Arc<Shelf>,
    world: Arc<World>,
    run: Run,
    state: RunState,
    steps_left: u64,
    clock: Clock,
    publisher: Pacer,
    flight: Option<Flight>,
    tick: Option<OpenTick>,
    intents: Vec<Option<Intent>>,
    meetings: Meetings,
    hands: Option<Hands>,
    waiting: VecDeque<(Submit, Reply)>,
    ledger: Ledger,
    load: LoadMeter,
    hash: (Tick, u64),
    outlet: Outlet,
    wall: WallWatch,
    keyframe_due: Tick,
    keyframe_busy: Arc<AtomicBool>,
    looking_ahead: Arc<AtomicBool>,
    resumed_at: Option<Tick>,
    is_replacement: bool,
    timer: Option<SpawnHandle>,
    is_closed: bool,
}

type Reply = oneshot::Sender<(Result<Ack, ApiError>, Then)>;

/// A tick between its two halves.
struct OpenTick {
    began: Instant,
    lateness: Duration,
    deadline: SpawnHandle,
}

impl Swarm {
    /// Starts a swarm on a thread of its own, so that no session ever shares the tick's thread.
    pub fn launch(
        settings: Settings,
        beginning: Beginning,
        shelf: Arc<Shelf>,
        recorder: Arc<dyn Recorder>,
        audience: Recipient<Published>,
    ) -> (Addr<Self>, Arc<Pulse>) {
        let pulse = Arc::new(Pulse::default());
        let (theirs, arbiter) = (pulse.clone(), Arbiter::new());
        let address = Self::start_in_arbiter(&arbiter.handle(), move |ctx: &mut Context<Self>| {
            ctx.set_mailbox_capacity(MAILBOX_MESSAGES);
            let outlet = Outlet::new(settings.id.clone(), audience, theirs);
            Self::new(settings, beginning, shelf, recorder, outlet)
        });
        (address, pulse)
    }

    fn new(
        settings: Settings,
        beginning: Beginning,
        shelf: Arc<Shelf>,
        recorder: Arc<dyn Recorder>,
        outlet: Outlet,
    ) -> Self {
        let mut ledger = Ledger::default();
        let Opened { world, run, resumed_at, set } = Opened::of(beginning, &settings, recorder, &mut ledger);
        let hash = (world.tick(), world.state_hash());
        let mut swarm = Self {
            keyframe_due: keyframe::first(settings.keyframe_every_s, &world),
            keyframe_busy: Arc::default(),
            looking_ahead: Arc::default(),
            resumed_at,
            is_replacement: false,
            run,
            state: if settings.is_paused { RunState::Paused } else { RunState::Running },
            clock: Clock::new(world.tick_s(), Speed::Factor(1.0)),
            world: Arc::new(world),
            publisher: Pacer::new(PUBLISH_PERIOD, now()),
            settings,
            shelf,
            steps_left: 0,
            flight: None,
            tick: None,
            intents: Vec::new(),
            meetings: Meetings::default(),
            hands: None,
            waiting: VecDeque::new(),
            ledger,
            load: LoadMeter::default(),
            hash,
            outlet,
            wall: WallWatch::default(),
            timer: None,
            is_closed: false,
        };
        if let Some((set, origin)) = set {
            swarm.change(set, &origin);
        }
        swarm
    }

    /// The shell rule: whatever changed the machine, afterwards everything is drained and the one timer set anew.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        if self.tick.is_none() {
            while let Some((submit, reply)) = self.waiting.pop_front() {
                // The asker may have hung up; the command stands all the same.
                let _ = reply.send(self.answer(submit));
            }
            self.drain_world();
        }
        self.outlet.drain();
        self.arm(ctx);
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if self.is_closed || self.tick.is_some() {
            return;
        }
        let now = now();
        let tick_due = if self.steps_left > 0 { Some(now) } else { self.clock.poll_timeout() };
        // While the clock runs, ticks are what is published.
        let due = tick_due.unwrap_or_else(|| self.publisher.poll_timeout());
        let wait = due.saturating_duration_since(now);
        let woken = |swarm: &mut Self, ctx: &mut Context<Self>| {
            swarm.timer = None;
            swarm.wake(ctx);
        };
        self.timer = Some(if wait.is_zero() {
            // A timer takes a millisecond at least: a small swarm at full speed would do nothing but wait for it.
            let turn = tokio::task::yield_now().into_actor(self);
            ctx.spawn(turn.map(move |(), swarm, ctx| woken(swarm, ctx)))
        } else {
            ctx.run_later(wait, woken)
        });
    }

    fn wake(&mut self, ctx: &mut Context<Self>) {
        // A timer that had expired when it was cancelled still fires; during a tick that must not begin another.
        if self.tick.is_some() {
            return;
        }
        let now = now();
        let due = match self.clock.poll_due(now) {
            Some(due) => Some(due.lateness),
            None if self.steps_left > 0 => {
                self.steps_left -= 1;
                Some(Duration::ZERO)
            }
            None => None,
        };
        match due {
            Some(lateness) => self.begin_tick(now, lateness, ctx),
            None => {
                if !self.clock.is_running() && self.publisher.poll_due(now) {
                    self.publish();
                }
                self.settle(ctx);
            }
        }
    }

    fn begin_tick(&mut self, began: Instant, lateness: Duration, ctx: &mut Context<Self>) {
        let number = self.world.tick();
        let deadline = ctx.run_later(self.settings.intent_wait_max, move |swarm, ctx| {
            if swarm.world.tick() == number {
                swarm.finish_tick(ctx);
            }
        });
        self.tick = Some(OpenTick { began, lateness, deadline });
        let Some(flight) = &mut self.flight else { return };
        flight.sync(&self.world.table());
        if flight.is_empty() || flight.len() > self.settings.asked_max {
            self.finish_tick(ctx);
        } else {
            flight.sense(&self.world);
        }
    }

    fn finish_tick(&mut self, ctx: &mut Context<Self>) {
        let (Some(tick), Some(flight)) = (self.tick.take(), &self.flight) else { return };
        ctx.cancel_future(tick.deadline);
        if flight.len() > self.settings.asked_max {
            self.advance_in_slices();
        } else {
            flight.take_intents(&mut self.intents);
            self.journal_late_intents();
            // A drone that is still deciding holds the old world; only then is there anything to copy.
            Arc::make_mut(&mut self.world).step(&self.intents);
        }

        let ended = now();
        self.load.enter(ended - tick.began, tick.lateness);
        if let Ok(mut histograms) = self.outlet.pulse().histograms.lock() {
            histograms.0.observe(ended - tick.began);
            histograms.1.observe(tick.lateness);
        }
        let at = self.world.tick();
        self.outlet.pulse().tick.store(at, Ordering::Relaxed);
        self.outlet.pulse().missed.store(self.clock.missed(), Ordering::Relaxed);
        let is_hash_tick = at.is_multiple_of(self.world.scenario().hash_every);
        if is_hash_tick || self.run.has_unhashed_entries() {
            self.hash = (at, self.world.state_hash());
            self.run.hash(at, self.hash.1);
        }
        if at >= self.keyframe_due && !self.keyframe_busy.load(Ordering::Relaxed) {
            self.keyframe_due = at + keyframe::period(self.settings.keyframe_every_s, &self.world);
            self.run.keyframe(&self.world, self.keyframe_busy.clone());
        }
        let is_telemetry_tick = at.is_multiple_of(self.settings.telemetry_every);
        let is_published = self.publisher.poll_due(ended);
        if is_published || is_telemetry_tick {
            let snapshot = Arc::new(self.world.snapshot());
            if is_telemetry_tick {
                self.run.telemetry(snapshot.clone(), wall_time_ms());
            }
            if is_published {
                self.publish_snapshot(snapshot);
            }
        }
        self.settle(ctx);
    }

    /// Decides and moves for drones that are too many to be asked one by one.
    fn advance_in_slices(&mut self) {
        let threads = self.settings.threads + 1;
        // This thread waits meanwhile, so one more than those that actors decide on finds a core.
        let hands = &*self.hands.get_or_insert_with(|| {
            Hands::new(threads).unwrap_or_else(|error| {
                log::warn!("swarm {}: no threads for its slices: {error}", self.settings.id);
                Hands::default()
            })
        });
        self.world.decide_all(&mut self.meetings, &mut self.intents, hands);
        let crashed: Vec<Arc<str>> = (self.intents.iter().zip(self.world.drones()))
            .filter(|(intent, _)| matches!(intent, Some(Intent::Crashed)))
            .map(|(_, drone)| drone.id().clone())
            .collect();
        Arc::make_mut(&mut self.world).step_with(&self.intents, hands);
        crashed.iter().for_each(|id| self.replace_actor(id));
    }

    /// A drone's pilot panicked: its actor is another from now on.
    fn replace_actor(&mut self, id: &Arc<str>) {
        self.outlet.pulse().crashes.fetch_add(1, Ordering::Relaxed);
        if self.flight.as_mut().is_some_and(|flight| flight.replace(id)) {
            log::warn!("swarm {}: the actor of drone {id} panicked and was replaced", self.settings.id);
        }
    }

    /// A replay must know which drones decided too late, or it would not repeat the run.
    fn journal_late_intents(&mut self) {
        let late: Vec<String> = (self.intents.iter().zip(self.world.drones()))
            .filter(|(intent, _)| intent.is_none())
            .map(|(_, drone)| drone.id().as_ref().to_owned())
            .collect();
        if late.is_empty() {
            return;
        }
        self.outlet.pulse().late_intents.fetch_add(late.len() as u64, Ordering::Relaxed);
        log::warn!(
            "swarm {}: {} drones decided too late for tick {}",
            self.settings.id,
            late.len(),
            self.world.tick()
        );
        let origin = Origin { author: "system".into(), via: "system" };
        let entry = self.entry(&origin, "", Targets::Ids(late), Command::IntentMissed {});
        if self.run.enter(entry).is_err() {
            log::error!(
                "late intents of tick {} are not journalled: the recorder is full",
                self.world.tick()
            );
        }
    }

    fn publish(&mut self) {
        if self.hash.0 != self.world.tick() || self.state != RunState::Running {
            self.hash = (self.world.tick(), self.world.state_hash());
        }
        self.publish_snapshot(Arc::new(self.world.snapshot()));
    }

    fn publish_snapshot(&mut self, snapshot: Arc<crate::sim::Snapshot>) {
        let wall_time_ms = wall_time_ms();
        if let Some(jump_s) = self.wall.look(now(), wall_time_ms) {
            let message = format!(
                "The server's clock jumped by {jump_s:+.1} s; ticks and their order do not follow it"
            );
            self.announce(Level::Warning, "time_jumped", message);
        }
        let database = self.run.database();
        self.outlet.tick(TickReport {
            snapshot,
            run: self.run.info().clone(),
            state: self.state,
            speed: self.clock.speed(),
            wall_time_ms,
            load: self.load.load(),
            hash: self.hash,
            database: database.state.as_str(),
            spool: database.spool.and_then(SpoolFill::of),
            resumed_at_tick: self.resumed_at,
            playback: None,
        });
    }

    /// Everything that the world has to say since last time, to the log, the ledger and the audience.
    fn drain_world(&mut self) {
        let Some(world) = Arc::get_mut(&mut self.world) else { return };
        let (happenings, progress) = (world.drain_happenings(), world.drain_progress());
        for happening in happenings {
            self.say(happening);
        }
        for step in progress {
            self.ledger.handle_progress(step);
        }
        let tick = self.world.tick();
        for update in self.ledger.drain_updates(tick) {
            self.outlet.push(Published::Command(update));
        }
    }

    fn say(&mut self, happening: Happening) {
        match happening.level {
            Level::Critical | Level::Error => {
                log::warn!("swarm {}: {}: {}", self.settings.id, happening.source, happening.message);
            }
            _ => log::debug!("swarm {}: {}: {}", self.settings.id, happening.source, happening.message),
        }
        let entry = self.run.log(happening);
        self.outlet.push(Published::Log(entry));
    }

    /// Tells everyone that a run has begun or goes on, and shows them its first moment.
    fn begin_run(&mut self) {
        self.outlet.push(Published::Run(self.run.info().clone()));
        let (run, title, seed) = (&self.run.info().id, &self.world.scenario().title, self.world.seed());
        let (level, code, message) = match (self.resumed_at, self.world.tick()) {
            (Some(tick), _) => {
                let message = format!(
                    "The server was interrupted; run {run} goes on from tick {tick}, the last one that is safely recorded"
                );
                (Level::Warning, "run_resumed", message)
            }
            (None, 0) if self.is_replacement => {
                (Level::Info, "run_replaced", format!("Run {run} begins: {title}, seed {seed}"))
            }
            (None, 0) => (Level::Info, "run_began", format!("Run {run} begins: {title}, seed {seed}")),
            (None, tick) => {
                (Level::Info, "run_began", format!("Run {run} begins at tick {tick}: {title}, seed {seed}"))
            }
        };
        self.announce(level, code, message);
        if self.state == RunState::Paused {
            self.announce(Level::Info, "clock_paused", "The clock is held".to_owned());
        }
        self.outlet.drain();
        self.publish();
    }

    fn announce(&mut self, level: Level, code: &'static str, message: String) {
        let (tick, source) = (self.world.tick(), Arc::from("swarm"));
        self.say(Happening { tick, level, source, code: code.into(), message });
    }
}

#[allow(clippy::disallowed_methods, reason = "the clock machine is pure; this shell reads the time for it")]
pub(super) fn now() -> Instant {
    Instant::now()
}

impl Actor for Swarm {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let address = ctx.address();
        self.flight = Some(Flight::new(
            self.settings.threads,
            address.clone().recipient::<Died>(),
            address.recipient::<Decided>(),
        ));
        self.set_state(self.state);
        self.begin_run();
        self.settle(ctx);
    }
}

impl Handler<Submit> for Swarm {
    type Result = ResponseFuture<Result<Ack, ApiError>>;

    fn handle(&mut self, submit: Submit, ctx: &mut Self::Context) -> Self::Result {
        let (reply, answer) = oneshot::channel();
        self.waiting.push_back((submit, reply));
        if self.tick.is_none() {
            self.settle(ctx);
        }
        Box::pin(async move {
            match answer.await {
                Ok((Ok(ack), then)) => then.complete(ack).await,
                Ok((error, _)) => error,
                Err(_) => {
                    let problem = "the swarm ended before the command was applied";
                    Err(ApiError::new(ErrorCode::Unavailable, problem))
                }
            }
        })
    }
}

impl Handler<Decided> for Swarm {
    type Result = ();

    fn handle(&mut self, decided: Decided, ctx: &mut Self::Context) {
        if self.tick.is_some() && decided.tick == self.world.tick() {
            self.finish_tick(ctx);
        }
    }
}

impl Handler<Died> for Swarm {
    type Result = ();

    fn handle(&mut self, died: Died, _: &mut Self::Context) {
        self.replace_actor(&died.id);
    }
}

impl Handler<Describe> for Swarm {
    type Result = Option<serde_json::Value>;

    fn handle(&mut self, Describe(id): Describe, _: &mut Self::Context) -> Self::Result {
        let index = self.world.index_of(&id)?;
        Some(describe(&self.world, index))
    }
}

impl Handler<Measure> for Swarm {
    type Result = MessageResult<Measure>;

    fn handle(&mut self, _: Measure, _: &mut Self::Context) -> Self::Result {
        MessageResult(measured(&self.world))
    }
}

impl Handler<ListParams> for Swarm {
    type Result = MessageResult<ListParams>;

    fn handle(&mut self, _: ListParams, _: &mut Self::Context) -> Self::Result {
        let params: Vec<ParamSpec> = self.world.params();
        MessageResult(params)
    }
}

impl Handler<Shutdown> for Swarm {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Self::Context) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        self.clock.hold();
        self.settle(ctx);
        if self.state != RunState::Stopped {
            self.run.end(self.world.tick());
        }
        ctx.stop();
    }
}
