//! `Replay`: a recorded run on a clock that can be held, sped up and moved. To its audience it is a swarm.
//!
//! It flies the run again and never commands it: what it is asked beyond its clock is refused. Nothing is recorded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::contract::archive::Archive;
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::incoming::{Control, Request, Speed};
use crate::contract::outgoing::{Ack, LogEntry, Playback, RunState, rfc3339};
use crate::sim::{Happening, Level, Tick};

use super::actor::{PUBLISH_PERIOD, ack_for_swarm, now};
use super::clock::{Clock, Pacer};
use super::describe::{describe, measured};
use super::ledger::Ledger;
use super::load::LoadMeter;
use super::outlet::Outlet;
use super::recording::{Playhead, Recording};
use super::{
    Describe, ListParams, Measure, Published, Pulse, RunInfo, Shutdown, Submit, TickReport, new_command_id,
    wall_time_ms,
};

/// Longest work before other messages get their turn.
const SLICE: Duration = Duration::from_millis(8);

type Reply = oneshot::Sender<Result<Ack, ApiError>>;

/// How a recording is to be played.
#[derive(Clone)]
pub struct ReplaySettings {
    /// Name of the swarm that it is seen as.
    pub id: Arc<str>,
    /// The run.
    pub recording: Arc<Recording>,
    /// Where to read it anew while it still grows.
    pub archive: Arc<dyn Archive>,
    /// Where to begin.
    pub tick: Tick,
    /// How fast.
    pub speed: Speed,
    /// Whether the clock is held at first.
    pub is_paused: bool,
}

impl ReplaySettings {
    /// The keyframe before where it begins. Blocks.
    ///
    /// # Errors
    /// `out_of_range` for a tick that is not recorded; as [`Playhead::near`].
    pub fn playhead(&self) -> Result<Playhead, ApiError> {
        self.recording.check_tick(self.tick, "tick")?;
        let mut head = Playhead::near(self.recording.clone(), self.tick)?;
        head.quieten();
        Ok(head)
    }
}

/// Plays one recording.
pub struct Replay {
    archive: Arc<dyn Archive>,
    head: Playhead,
    info: Arc<RunInfo>,
    state: RunState,
    steps_left: u64,
    seek: Option<Seek>,
    clock: Clock,
    publisher: Pacer,
    load: LoadMeter,
    ledger: Ledger,
    hash: (Tick, u64),
    log_seq: u64,
    outlet: Outlet,
    timer: Option<SpawnHandle>,
    is_closed: bool,
}

/// On the way to a tick.
struct Seek {
    tick: Tick,
    command_id: String,
    reply: Option<Reply>,
}

impl Replay {
    /// Starts a replay on a thread of its own, from [`ReplaySettings::playhead`].
    pub fn launch(
        settings: ReplaySettings,
        head: Playhead,
        audience: Recipient<Published>,
    ) -> (Addr<Self>, Arc<Pulse>) {
        let ReplaySettings { id, archive, tick, speed, is_paused, .. } = settings;
        let world = head.world();
        let info = Arc::new(RunInfo::of(head.recording().run().id.clone(), world));
        let pulse = Arc::new(Pulse::default());
        let mut replay = Self {
            archive,
            info,
            state: if is_paused { RunState::Paused } else { RunState::Running },
            steps_left: 0,
            seek: None,
            clock: Clock::new(world.tick_s(), speed),
            publisher: Pacer::new(PUBLISH_PERIOD, now()),
            load: LoadMeter::default(),
            ledger: Ledger::default(),
            hash: (world.tick(), world.state_hash()),
            log_seq: 0,
            outlet: Outlet::new(id, audience, pulse.clone()),
            timer: None,
            is_closed: false,
            head,
        };
        if replay.head.tick() < tick {
            replay.seek = Some(Seek { tick, command_id: String::new(), reply: None });
        }
        let address = Self::start_in_arbiter(&Arbiter::new().handle(), move |_| replay);
        (address, pulse)
    }

    fn settle(&mut self, ctx: &mut Context<Self>) {
        self.outlet.drain();
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if self.is_closed {
            return;
        }
        let now = now();
        let is_busy = self.seek.is_some() || self.steps_left > 0;
        let due = if is_busy { Some(now) } else { self.clock.poll_timeout() };
        let publication = self.publisher.poll_timeout();
        let due = due.map_or(publication, |due| due.min(publication));
        self.timer = Some(ctx.run_later(due.saturating_duration_since(now), |replay, ctx| {
            replay.timer = None;
            replay.work();
            replay.settle(ctx);
        }));
    }

    /// As many ticks as are due, at most for a slice of time.
    fn work(&mut self) {
        let began = now();
        while self.is_tick_due(now()) {
            if let Err(error) = self.advance() {
                self.give_up(&error);
                break;
            }
            if now() - began > SLICE {
                break;
            }
        }
        if let Some(seek) = self.seek.take_if(|seek| seek.tick == self.head.tick()) {
            self.arrive(seek);
        } else if self.seek.is_none() && self.publisher.poll_due(now()) {
            self.publish();
        }
    }

    fn is_tick_due(&mut self, now: Instant) -> bool {
        if let Some(seek) = &self.seek {
            return self.head.tick() < seek.tick;
        }
        if self.head.tick() >= self.head.recording().last_tick() {
            self.end_of_film();
            return false;
        }
        if let Some(due) = self.clock.poll_due(now) {
            self.load.enter(Duration::ZERO, due.lateness);
            return true;
        }
        let is_due = self.steps_left > 0;
        self.steps_left -= u64::from(is_due);
        is_due
    }

    fn advance(&mut self) -> Result<(), ApiError> {
        let began = now();
        let is_shown = self.seek.is_none();
        let mut commands = Vec::new();
        self.head.advance_seeing(|entry, _| {
            if is_shown && entry.via != "system" {
                let message = format!("{}: as recorded, over {}", entry.command.name(), entry.via);
                commands.push((entry.author.clone(), message));
            }
        })?;
        self.outlet.pulse().tick.store(self.head.tick(), Ordering::Relaxed);
        if !is_shown {
            self.head.quieten();
            return Ok(());
        }
        self.load.enter(now() - began, Duration::ZERO);
        for (author, message) in commands {
            self.say(Level::Info, Arc::from(author), "command", message);
        }
        self.head.world_mut().drain_progress();
        for happening in self.head.world_mut().drain_happenings() {
            self.say_happening(happening);
        }
        Ok(())
    }

    fn arrive(&mut self, seek: Seek) {
        self.head.quieten();
        self.publish();
        if let Some(reply) = seek.reply {
            let answer = Ok(ack_for_swarm(&seek.command_id, seek.tick, false));
            self.ledger.close(&seek.command_id, answer.clone());
            let _ = reply.send(answer); // the asker may have hung up
        }
        if self.state == RunState::Running {
            self.clock.start(now());
        }
    }

    /// The last recorded tick is shown: the clock is held there.
    fn end_of_film(&mut self) {
        self.steps_left = 0;
        if self.state == RunState::Running {
            self.set_state(RunState::Paused);
            let message = format!("The recording ends at tick {}", self.head.tick());
            self.say(Level::Info, Arc::from("swarm"), "replay_ended", message);
            self.publish();
        }
    }

    /// The run does not come out as it was recorded: better nothing than something else.
    fn give_up(&mut self, error: &ApiError) {
        self.set_state(RunState::Stopped);
        self.say(Level::Error, Arc::from("swarm"), "replay_diverged", error.message.clone());
        if let Some(reply) = self.seek.take().and_then(|seek| seek.reply) {
            let _ = reply.send(Err(error.clone()));
        }
    }

    fn set_state(&mut self, state: RunState) {
        self.state = state;
        self.steps_left = 0;
        match state {
            RunState::Running if self.seek.is_none() => self.clock.start(now()),
            _ => self.clock.hold(),
        }
    }

    fn publish(&mut self) {
        if self.hash.0 != self.head.tick() {
            self.hash = (self.head.tick(), self.head.world().state_hash());
        }
        let recording = self.head.recording();
        let playback = Playback { last_tick: recording.last_tick(), is_recording: recording.is_recording() };
        self.outlet.tick(TickReport {
            snapshot: Arc::new(self.head.world().snapshot()),
            run: self.info.clone(),
            state: self.state,
            speed: self.clock.speed(),
            wall_time_ms: wall_time_ms(),
            load: self.load.load(),
            hash: self.hash,
            database: "none",
            spool: None,
            resumed_at_tick: None,
            playback: Some(playback),
        });
    }

    fn say(&mut self, level: Level, source: Arc<str>, code: &'static str, message: String) {
        let (tick, code) = (self.head.tick(), code.into());
        self.say_happening(Happening { tick, level, source, code, message });
    }

    fn say_happening(&mut self, happening: Happening) {
        self.log_seq += 1;
        self.outlet.push(Published::Log(LogEntry {
            seq: self.log_seq,
            tick: happening.tick,
            time: rfc3339(wall_time_ms()),
            level: happening.level,
            source: happening.source.as_ref().to_owned(),
            message: happening.message,
            data: Some(serde_json::json!({ "code": happening.code })),
        }));
    }

    /// Reads a run anew that is still being recorded.
    fn refresh(&mut self) -> Result<(), ApiError> {
        if self.head.recording().is_recording() {
            let id = &self.head.recording().run().id;
            let known = self.head.recording().last_tick();
            self.head.follow(Arc::new(Recording::open(self.archive.clone(), id, known)?));
        }
        Ok(())
    }

    fn carry_out(&mut self, submit: Submit, reply: Reply) {
        let envelope = submit.envelope;
        let command_id = envelope.command_id.unwrap_or_else(new_command_id);
        if let Some(answer) = self.ledger.first_answer(&command_id) {
            let _ = reply.send(answer.clone());
            return;
        }
        let answer = match envelope.request {
            Request::Control(control) => self.control(control, envelope.dry_run),
            Request::Act(_) => Err(self.not_here("fork it to command it")),
        };
        match answer {
            Ok(Some(tick)) => {
                if let Some(Seek { reply: Some(reply), .. }) = &mut self.seek {
                    let (mut other, _) = oneshot::channel();
                    std::mem::swap(reply, &mut other);
                    let message = "another seek came before this one arrived";
                    let _ = other.send(Err(ApiError::new(ErrorCode::Conflict, message)));
                }
                self.clock.hold();
                self.seek = Some(Seek { tick, command_id, reply: Some(reply) });
            }
            Ok(None) => {
                let answer = Ok(ack_for_swarm(&command_id, self.head.tick(), envelope.dry_run));
                if !envelope.dry_run {
                    self.ledger.close(&command_id, answer.clone());
                }
                let _ = reply.send(answer);
            }
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    /// The tick to seek, if the command asks for that; it is answered on arrival.
    fn control(&mut self, control: Control, dry_run: bool) -> Result<Option<Tick>, ApiError> {
        let seek = match &control {
            Control::Seek { tick } => Some(*tick),
            Control::Reset { seed: None } => Some(0),
            Control::Reset { .. } => return Err(self.not_here("it has the seed it was recorded with")),
            Control::LoadScenario { .. } | Control::Fork(_) => {
                return Err(self.not_here("load scenarios into a live swarm"));
            }
            Control::Step { .. } if self.clock.is_running() => {
                return Err(ApiError::new(ErrorCode::NotInState, "step needs a paused clock; pause first"));
            }
            _ => None,
        };
        self.refresh()?;
        if let Some(tick) = seek {
            self.head.recording().check_tick(tick, "params.tick")?;
        }
        if dry_run {
            return Ok(None);
        }
        match control {
            Control::Start => self.set_state(RunState::Running),
            Control::Pause | Control::Stop => self.set_state(RunState::Paused),
            Control::Step { ticks } => self.steps_left += ticks,
            Control::SetSpeed(speed) => self.clock.set_speed(speed, now()),
            _ => {}
        }
        if let Some(tick) = seek {
            self.head.jump(tick)?;
        }
        Ok(seek)
    }

    fn not_here(&self, why: &str) -> ApiError {
        let run = &self.info.id;
        ApiError::new(ErrorCode::NotInState, format!("this swarm replays run {run}; {why}"))
    }
}

impl Actor for Replay {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.outlet.push(Published::Run(self.info.clone()));
        self.set_state(self.state);
        self.outlet.drain();
        self.publish();
        self.settle(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        Arbiter::current().stop();
    }
}

impl Handler<Submit> for Replay {
    type Result = ResponseFuture<Result<Ack, ApiError>>;

    fn handle(&mut self, submit: Submit, ctx: &mut Self::Context) -> Self::Result {
        let (reply, answer) = oneshot::channel();
        self.carry_out(submit, reply);
        self.settle(ctx);
        Box::pin(async move {
            answer.await.unwrap_or_else(|_| {
                Err(ApiError::new(ErrorCode::Unavailable, "the replay ended before the command was done"))
            })
        })
    }
}

impl Handler<Describe> for Replay {
    type Result = Option<serde_json::Value>;

    fn handle(&mut self, Describe(id): Describe, _: &mut Self::Context) -> Self::Result {
        let world = self.head.world();
        Some(describe(world, world.index_of(&id)?))
    }
}

impl Handler<Measure> for Replay {
    type Result = MessageResult<Measure>;

    fn handle(&mut self, _: Measure, _: &mut Self::Context) -> Self::Result {
        MessageResult(measured(self.head.world()))
    }
}

impl Handler<ListParams> for Replay {
    type Result = MessageResult<ListParams>;

    fn handle(&mut self, _: ListParams, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.head.world().params())
    }
}

impl Handler<Shutdown> for Replay {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Self::Context) {
        self.is_closed = true;
        ctx.stop();
    }
}
