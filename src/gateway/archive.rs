//! Recorded runs flown again: replays in namespaces of their own, forks, views into the past, comparisons.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::contract::archive::Archive;
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::incoming::{Envelope, Speed};
use crate::contract::outgoing::{self, Ack, Place};
use crate::contract::past::{Fork, History};
use crate::sim::{Command, CommandResult, Targets, Tick, Verdict, World};
use crate::swarm::recording::{Playhead, Recording};
use crate::swarm::{Beginning, Forked, Origin, Replay, ReplaySettings, Settings};

use super::comparison::{Comparison, compare};
use super::door::{Seat, hear};
use super::helm::Helm;
use super::{Flying, Gateway};

/// Most frames of one answer to `history`.
const FRAMES_MAX: u64 = 1000;
/// Most drone states of one answer to `history`.
const STATES_MAX: u64 = 100_000;

/// How a replay is to begin.
#[derive(Debug, Clone)]
pub struct ReplayWish {
    /// At which tick; absent: at the first.
    pub tick: Option<Tick>,
    /// How fast.
    pub speed: Speed,
    /// With the clock held.
    pub is_paused: bool,
    /// The id of its swarm; absent: made from the run's.
    pub name: Option<String>,
}

/// A moment of a run, as it was.
#[derive(Debug, Serialize)]
pub struct PastFrames {
    /// Always true.
    pub ok: bool,
    /// The run.
    pub run_id: String,
    /// Its newest tick.
    pub last_tick: Tick,
    /// Frames as in `drones-update`, with `seq` and `wall_time_ms` 0: nothing was published.
    pub frames: Vec<Value>,
}

/// Pieces of work on recorded runs at once: others wait, so that live swarms keep their processor.
static PLACES: Semaphore = Semaphore::const_new(2);

/// Runs work that waits for a database or computes for long, away from the threads that serve.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let given_up = || ApiError::new(ErrorCode::Internal, "the work on a recorded run was given up");
    let _place = PLACES.acquire().await.map_err(|_| given_up())?;
    actix_rt::task::spawn_blocking(work).await.map_err(|_| given_up())?
}

impl Gateway {
    fn archive(&self) -> Result<Arc<dyn Archive>, ApiError> {
        self.commons().archive.clone().ok_or_else(|| {
            ApiError::new(
                ErrorCode::NotFound,
                "this server records nothing: it was started with --database-url none",
            )
        })
    }

    /// The recorded run `id`, with everything that was recorded of it until now.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub async fn recording(&self, id: &str) -> Result<Arc<Recording>, ApiError> {
        let (archive, id) = (self.archive()?, id.to_owned());
        // A run that is in the air has a tick that is known without any record of it.
        let is_it = |flying: &Arc<Flying>| !flying.is_replay;
        let now = self.swarms().into_iter().filter(is_it).filter_map(|flying| flying.desk.now());
        let flown_to = now.filter(|now| now.run.id == id).map(|now| now.report.snapshot.tick).max();
        archive.settle().await;
        aside(move || Recording::open(archive, &id, flown_to.unwrap_or(0)).map(Arc::new)).await
    }

    /// Plays the run `id` as a swarm of its own.
    ///
    /// # Errors
    /// As [`Gateway::recording`] and [`Gateway::launch`]; `out_of_range` for a tick that is not recorded.
    pub async fn replay(&self, id: &str, wish: ReplayWish) -> Result<Arc<Flying>, ApiError> {
        let recording = self.recording(id).await?;
        let archive = self.archive()?;
        let name = wish.name.unwrap_or_else(|| self.free_id("replay"));
        let tick = wish.tick.unwrap_or(0);
        let swarm: Arc<str> = Arc::from(name);
        let settings = ReplaySettings {
            id: swarm.clone(),
            recording,
            archive,
            tick,
            speed: wish.speed,
            is_paused: wish.is_paused,
        };
        let (settings, head) = aside(move || Ok((settings.clone(), settings.playhead()?))).await?;
        self.put_up(swarm, true, |audience| {
            let (replay, pulse) = Replay::launch(settings, head, audience);
            (Helm::of(replay), pulse)
        })
    }

    /// Flies on from a tick of the run `id` as a new run in a swarm of its own, with other parameters if wished.
    ///
    /// # Errors
    /// As [`Gateway::recording`] and [`Gateway::launch`]; what is wrong with a parameter.
    pub async fn fork(&self, id: &str, fork: Fork, origin: Origin) -> Result<Arc<Flying>, ApiError> {
        let recording = self.recording(id).await?;
        let (settings, forked) = {
            let (played, set) = (recording.clone(), fork.set.clone());
            let (world, journal, tick) = aside(move || {
                let tick = fork.tick.unwrap_or_else(|| played.last_tick());
                let head = Playhead::at(played, tick)?;
                check_set(head.world(), &set)?;
                let mut journal = head.journal_so_far().to_vec();
                // Who was late there is not late here.
                journal.retain(|entry| entry.tick < tick || entry.command != Command::IntentMissed {});
                Ok((head.into_world(), journal, tick))
            })
            .await?;
            let name = fork.name.unwrap_or_else(|| self.free_id("fork"));
            let settings = Settings {
                id: Arc::from(name),
                scenario: recording.scenario().clone(),
                seed: Some(world.seed()),
                is_paused: fork.paused,
                ..self.commons().template.clone()
            };
            let parent = (recording.run().id.clone(), tick);
            (settings, Forked { world, journal, parent, set: fork.set, origin })
        };
        self.launch(settings, Beginning::Forked(Box::new(forked)))
    }

    /// Carries out the command `fork`: the run that `flying` shows, from the tick that it shows unless said.
    ///
    /// # Errors
    /// As [`Gateway::fork`].
    pub async fn fork_here(
        &self,
        flying: &Flying,
        envelope: &Envelope,
        mut fork: Fork,
        origin: Origin,
    ) -> Result<Ack, ApiError> {
        let command_id = envelope.command_id.clone().unwrap_or_else(crate::swarm::new_command_id);
        if let Some(answer) = self.forks().first_answer(&command_id) {
            return Ok(answer);
        }
        let run = flying.run_id().await?;
        let shown = flying.desk.now().map(|now| now.report.snapshot.tick);
        fork.tick = fork.tick.or(shown);
        let results = BTreeMap::from([(
            "swarm".to_owned(),
            Verdict { result: CommandResult::Completed, reason: None },
        )]);
        let mut ack = Ack {
            ok: true,
            command_id,
            tick: fork.tick.unwrap_or(0),
            results,
            spawned: Vec::new(),
            fork: None,
            dry_run: envelope.dry_run,
            forecast: None,
        };
        if envelope.dry_run {
            self.recording(&run).await?.check_tick(ack.tick, "params.tick")?;
            return Ok(ack);
        }
        let forked = self.fork(&run, fork, origin).await?;
        ack.fork = Some(forked.place().await?);
        self.forks().remember(ack.clone());
        Ok(ack)
    }

    fn forks(&self) -> MutexGuard<'_, Forks> {
        self.forks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was to be seen of the run `id` at some of its ticks.
    ///
    /// # Errors
    /// As [`Gateway::recording`]; `out_of_range` for ticks that are not recorded; `too_large`.
    pub async fn history(&self, id: &str, wish: History) -> Result<PastFrames, ApiError> {
        let recording = self.recording(id).await?;
        aside(move || past_frames(recording, &wish)).await
    }

    /// Finds the first tick at which two runs differ.
    ///
    /// # Errors
    /// As [`Gateway::recording`], of both.
    pub async fn compare(&self, id: &str, with: &str) -> Result<Comparison, ApiError> {
        let (one, other) = (self.recording(id).await?, self.recording(with).await?);
        aside(move || compare(one, other)).await
    }

    /// A swarm id that is not taken: `stem-1`, `stem-2`, …
    fn free_id(&self, stem: &str) -> String {
        let mut candidates = (1..).map(|n: u64| format!("{stem}-{n}"));
        candidates.find(|id| self.swarm(id).is_err()).unwrap_or_default()
    }
}

fn check_set(world: &World, set: &BTreeMap<String, f64>) -> Result<(), ApiError> {
    set.iter().try_for_each(|(path, value)| {
        let command = Command::SetParam { path: path.clone(), value: *value };
        world
            .check(&command, &Targets::All)
            .map(drop)
            .map_err(|error| ApiError { field: Some(format!("params.set.{path}")), ..ApiError::from(error) })
    })
}

fn past_frames(recording: Arc<Recording>, wish: &History) -> Result<PastFrames, ApiError> {
    let last_tick = recording.last_tick();
    let run_id = recording.run().id.clone();
    recording.check_tick(wish.from_tick, "from_tick")?;
    let to = wish.to_tick.min(last_tick);
    let count = to.saturating_sub(wish.from_tick) / wish.every + 1;
    let mut head = Playhead::near(recording, wish.from_tick)?;
    let states = count.saturating_mul(head.world().drones().len() as u64);
    if count > FRAMES_MAX || states > STATES_MAX {
        let message = format!(
            "{count} frames with {states} drone states are asked for; at most {FRAMES_MAX} and {STATES_MAX} are given"
        );
        return Err(ApiError::new(ErrorCode::TooLarge, message).at("every"));
    }
    let mut frames = Vec::with_capacity(count as usize);
    for tick in (wish.from_tick..=to).step_by(wish.every as usize) {
        head.jump(tick)?;
        while head.tick() < tick {
            head.advance()?;
        }
        head.quieten();
        let frame = outgoing::drones_json(&head.world().snapshot(), 0, 0, |_, _| true);
        frames.push(
            serde_json::from_str(&frame).map_err(|error| {
                ApiError::new(ErrorCode::Internal, format!("a frame is no JSON: {error}"))
            })?,
        );
    }
    Ok(PastFrames { ok: true, run_id, last_tick, frames })
}

impl Flying {
    /// The run that it flies or plays.
    ///
    /// # Errors
    /// `unavailable` if the swarm never gets that far.
    pub async fn run_id(&self) -> Result<String, ApiError> {
        let now = self.desk.first().await;
        let now = now.ok_or_else(|| ApiError::new(ErrorCode::Unavailable, "this swarm has ended"))?;
        Ok(now.run.id.clone())
    }

    /// Where it is, and what it flies.
    ///
    /// # Errors
    /// As [`Flying::run_id`].
    pub async fn place(&self) -> Result<Place, ApiError> {
        let (id, namespace) = (self.id.as_ref().to_owned(), self.namespace.name().to_owned());
        Ok(Place { id, namespace, run_id: self.run_id().await? })
    }
}

/// Connects `history` of a namespace with the archive.
pub(super) fn wire(gateway: &Gateway, flying: &Arc<Flying>) {
    let (at, through) = (flying.clone(), gateway.clone());
    hear(gateway, flying, "history", move |seat, _, event| {
        let (at, through) = (at.clone(), through.clone());
        async move {
            let answer = rewind(&through, &at, &seat, event.arg(0)).await;
            if let Some(ack) = event.ack {
                match answer {
                    Ok(frames) => ack.send(&frames),
                    Err(error) => ack.send(&error.body(None)),
                }
            }
        }
    });
}

/// Frames of the past of the run that `flying` shows.
async fn rewind(
    gateway: &Gateway,
    flying: &Flying,
    seat: &Seat,
    wanted: &Value,
) -> Result<PastFrames, ApiError> {
    seat.limiter.check()?;
    let run = flying.run_id().await?;
    gateway.history(&run, History::parse(wanted)?).await
}

/// The answers that `fork` got, so that a command that is sent again forks once.
#[derive(Debug, Default)]
pub(super) struct Forks(VecDeque<Ack>);

impl Forks {
    /// How many are remembered.
    const ANSWERS_MAX: usize = 1000;

    fn first_answer(&self, command_id: &str) -> Option<Ack> {
        self.0.iter().find(|ack| ack.command_id == command_id).cloned()
    }

    fn remember(&mut self, ack: Ack) {
        if self.0.len() == Self::ANSWERS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(ack);
    }
}
