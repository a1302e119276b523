//! What a swarm does with a command: the ledger first, then the world or the clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::contract::access::Held;
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::incoming::{Control, Envelope, Request, ScenarioSource, Speed};
use crate::contract::outgoing::{Ack, RunState};
use crate::sim::{
    Applied, Command, CommandResult, Happening, JournalEntry, Level, Scenario, Targets, Tick, Verdict, World,
};

use super::super::clock::Clock;
use super::super::durable::Then;
use super::super::foresight::{self, Foresight};
use super::super::ledger::Origin;
use super::super::run::Run;
use super::super::{Published, Submit, new_command_id};
use super::{Swarm, keyframe, now};

impl Swarm {
    /// Carries out one command: the answer, and what it waits for.
    pub(super) fn answer(&mut self, submit: Submit) -> (Result<Ack, ApiError>, Then) {
        let (promises, would_fly) = (!submit.envelope.dry_run, foresight::command_of(&submit.envelope));
        let answer = self.carry_out(submit);
        let then = match (&answer, would_fly) {
            (Ok(_), _) if promises => Then::Durable(self.run.durable()),
            (Ok(ack), Some(command)) => {
                let foresight = Foresight::of(&self.world, command, ack, &self.looking_ahead);
                foresight.map_or(Then::Done, Then::Foresee)
            }
            _ => Then::Done,
        };
        (answer, then)
    }

    /// Applies one command, or answers it from the ledger.
    fn carry_out(&mut self, submit: Submit) -> Result<Ack, ApiError> {
        let Submit { envelope, origin, held } = submit;
        let command_id = envelope.command_id.clone().unwrap_or_else(new_command_id);
        if let Some(answer) = self.ledger.first_answer(&command_id) {
            return answer.clone();
        }
        if self.is_closed {
            return Err(ApiError::new(
                ErrorCode::Unavailable,
                "the server is shutting down; no command is taken",
            ));
        }
        let (dry_run, retry_is_welcome) = (envelope.dry_run, |e: &ApiError| {
            matches!(e.code, ErrorCode::Unavailable | ErrorCode::RateLimited)
        });
        let params;
        let answer = match envelope.request {
            Request::Act(_) => return self.act(command_id, envelope, &origin, &held),
            Request::Control(control) => {
                params = params_of_clock(&control);
                self.control(&command_id, control, dry_run)
            }
        };
        match &answer {
            Ok(_) if dry_run => {}
            Ok(ack) => {
                let ticket = u64::MAX;
                let mut update = self.ledger.open(ticket, &envelope.name, origin.clone(), ack);
                update.params = params;
                self.outlet.push(Published::Command(update));
                self.say_command(&origin, &envelope.name, "done", clock_code(&envelope.name));
            }
            Err(error) if retry_is_welcome(error) => {}
            Err(_) => self.ledger.close(&command_id, answer.clone()),
        }
        answer
    }

    fn act(
        &mut self,
        command_id: String,
        envelope: Envelope,
        origin: &Origin,
        held: &Held,
    ) -> Result<Ack, ApiError> {
        let Envelope { name, request: Request::Act(command), targets, dry_run, is_override, .. } = envelope
        else {
            return Err(ApiError::new(ErrorCode::Internal, "not a command to the world"));
        };
        let targets = targets.unwrap_or(Targets::All);
        let tick = self.world.tick();
        // Looking costs a copy of the world: only where the answer needs it, or somebody holds drones.
        let looks = dry_run || !(is_override || held.is_empty());
        let looked = match looks {
            true => self.world.check(&command, &targets).map(Some),
            false => self.world.vet(&command, &targets).map(|()| None),
        };
        let mut checked = match looked {
            Err(error) => {
                let error = ApiError::from(error);
                self.ledger.close(&command_id, Err(error.clone()));
                return Err(error);
            }
            Ok(checked) => checked,
        };
        let foreign = match &mut checked {
            Some(checked) if !is_override => take_foreign(checked, held, &origin.author),
            _ => Vec::new(),
        };
        if let Some(mut checked) = checked.take_if(|_| dry_run) {
            checked.results.extend(foreign);
            return Ok(ack(command_id, tick, checked, true));
        }
        let targets = match checked {
            Some(checked) if !foreign.is_empty() => {
                if checked.results.is_empty() {
                    return Ok(self.refuse(command_id, &name, origin, foreign));
                }
                Targets::Ids(checked.results.iter().map(|(id, _)| id.as_ref().to_owned()).collect())
            }
            _ => targets,
        };
        self.can_be_kept()?;
        let ticket = self.run.next_ticket();
        let entry = self.entry(origin, &command_id, targets.clone(), command.clone());
        self.run.enter(entry).map_err(|full| {
            ApiError::new(ErrorCode::Unavailable, format!("the command was not applied: {full}"))
        })?;
        let mut applied =
            Arc::make_mut(&mut self.world).apply(&command, &targets, ticket).map_err(ApiError::from)?;
        applied.results.extend(foreign);
        let ack = ack(command_id, tick, applied, false);
        self.say_command(origin, &name, &outcome(&ack), "command");
        let mut update = self.ledger.open(ticket, &name, origin.clone(), &ack);
        update.params = params_of(&command);
        self.outlet.push(Published::Command(update));
        Ok(ack)
    }

    /// Answers a command of which every target is somebody else's: nothing happens to the world.
    fn refuse(&mut self, command_id: String, name: &str, origin: &Origin, foreign: Results) -> Ack {
        let applied = Applied { results: foreign, ..Applied::default() };
        let ack = ack(command_id, self.world.tick(), applied, false);
        self.say_command(origin, name, &outcome(&ack), "command");
        let update = self.ledger.open(u64::MAX, name, origin.clone(), &ack);
        self.outlet.push(Published::Command(update));
        ack
    }

    /// Refuses a command whose record no disk would take, before it does anything.
    fn can_be_kept(&self) -> Result<(), ApiError> {
        self.run.ready().map_err(|trouble| {
            let problem = format!("the command was not carried out, for it could not be recorded: {trouble}");
            ApiError::new(ErrorCode::Unavailable, problem)
        })
    }

    pub(super) fn entry(
        &self,
        origin: &Origin,
        command_id: &str,
        targets: Targets,
        command: Command,
    ) -> JournalEntry {
        JournalEntry {
            seq: self.run.next_ticket(),
            tick: self.world.tick(),
            author: origin.author.clone(),
            via: origin.via.to_owned(),
            command_id: command_id.to_owned(),
            targets,
            command,
        }
    }

    fn control(&mut self, command_id: &str, control: Control, dry_run: bool) -> Result<Ack, ApiError> {
        let replacement = match &control {
            Control::Seek { .. } => {
                let message = "only a replay can seek; replay the run of this swarm, or ask for its history";
                return Err(ApiError::new(ErrorCode::NotInState, message));
            }
            Control::Fork(_) => {
                let message = "a swarm does not fork itself";
                return Err(ApiError::new(ErrorCode::Internal, message));
            }
            Control::Step { .. } if self.clock.is_running() => {
                return Err(ApiError::new(ErrorCode::NotInState, "step needs a paused clock; pause first"));
            }
            Control::Reset { seed } => {
                let seed = seed.unwrap_or(self.world.seed());
                Some((self.world.scenario().clone(), seed))
            }
            Control::LoadScenario { source, seed } => {
                let scenario = self.find_scenario(source)?;
                let seed = seed.unwrap_or(scenario.seed);
                Some((Arc::new(scenario), seed))
            }
            _ => None,
        };
        let ack = ack_for_swarm(command_id, self.world.tick(), dry_run);
        if dry_run {
            return Ok(ack);
        }
        self.can_be_kept()?;
        match control {
            Control::Start => self.set_state(RunState::Running),
            Control::Pause => self.set_state(RunState::Paused),
            Control::Stop => {
                self.set_state(RunState::Stopped);
                self.run.end(self.world.tick());
            }
            Control::Step { ticks } => self.steps_left += ticks,
            Control::SetSpeed(speed) => self.clock.set_speed(speed, now()),
            Control::Seek { .. } | Control::Fork(_) => {}
            Control::Reset { .. } | Control::LoadScenario { .. } => {
                if let Some((scenario, seed)) = replacement {
                    self.replace_world(scenario, seed);
                }
            }
        }
        Ok(ack)
    }

    fn find_scenario(&self, source: &ScenarioSource) -> Result<Scenario, ApiError> {
        let (parsed, field) = match source {
            ScenarioSource::Text(text) => (Scenario::parse(text), "params.text"),
            ScenarioSource::Name(name) => match self.shelf.scenario(name) {
                Some(parsed) => (parsed, "params.name"),
                None => {
                    let known = self.shelf.names().join(", ");
                    let message = format!("there is no scenario {name:?}; known are {known}");
                    return Err(ApiError::new(ErrorCode::NotFound, message).at("params.name"));
                }
            },
        };
        parsed.map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            ApiError::bad_request(field, lines.join("; "))
        })
    }

    pub(super) fn set_state(&mut self, state: RunState) {
        self.steps_left = 0;
        self.state = state;
        if state == RunState::Running {
            self.clock.start(now());
        } else {
            self.clock.hold();
        }
    }

    fn replace_world(&mut self, scenario: Arc<Scenario>, seed: u64) {
        self.ledger.cancel_all("the run ended");
        for update in self.ledger.drain_updates(self.world.tick()) {
            self.outlet.push(Published::Command(update));
        }
        if self.state != RunState::Stopped {
            self.run.end(self.world.tick());
        }
        let (recorder, log_seq, speed) = (self.run.recorder(), self.run.log_seq(), self.clock.speed());
        let world = World::new(scenario, seed);
        self.run = Run::begin(&world, &self.settings.id, recorder, log_seq, None);
        self.resumed_at = None;
        self.is_replacement = true;
        self.keyframe_due = keyframe::first(self.settings.keyframe_every_s, &world);
        self.clock = Clock::new(world.tick_s(), speed);
        self.hash = (world.tick(), world.state_hash());
        self.world = Arc::new(world);
        self.steps_left = 0;
        if let Some(flight) = &mut self.flight {
            flight.disband();
        }
        // A run that was stopped begins held, so that nothing flies off unasked.
        self.set_state(if self.state == RunState::Running { RunState::Running } else { RunState::Paused });
        self.begin_run();
    }

    fn say_command(&mut self, origin: &Origin, command: &str, outcome: &str, code: &'static str) {
        self.say(Happening {
            tick: self.world.tick(),
            level: Level::Info,
            source: Arc::from(origin.author.as_str()),
            code: code.into(),
            message: format!("{}: {outcome}, over {}", spoken(command), carrier(origin.via)),
        });
    }
}

type Results = Vec<(Arc<str>, Verdict)>;

/// Takes out of `checked` the drones that somebody other than `author` holds, with the verdict that names the holder.
fn take_foreign(checked: &mut Applied, held: &Held, author: &str) -> Results {
    let mut foreign = Vec::new();
    checked.results.retain(|(id, _)| match held.get(id) {
        Some(holder) if **holder != *author => {
            let reason = Some(format!("held by {holder}"));
            foreign.push((id.clone(), Verdict { result: CommandResult::NotInControl, reason }));
            false
        }
        _ => true,
    });
    foreign
}

/// A command's parameters as they came over the wire.
fn params_of(command: &Command) -> Option<serde_json::Value> {
    serde_json::to_value(command).ok()?.get_mut("params").map(serde_json::Value::take)
}

/// What a command to the clock says besides its name.
fn params_of_clock(control: &Control) -> Option<serde_json::Value> {
    match control {
        Control::Step { ticks } => Some(json!({ "ticks": ticks })),
        Control::SetSpeed(Speed::Factor(factor)) => Some(json!({ "factor": factor })),
        Control::SetSpeed(Speed::Max) => Some(json!({ "factor": "max" })),
        _ => None,
    }
}

/// What a command to the clock is called in the log: after a crash, the newest of them tells how the clock stood.
fn clock_code(command: &str) -> &'static str {
    match command {
        "start" => "clock_running",
        "pause" => "clock_paused",
        "stop" => "clock_stopped",
        _ => "command",
    }
}

/// A command's wire name as people say it.
fn spoken(command: &str) -> String {
    match command {
        "goto" => "Go to".to_owned(),
        "rtl" => "Return".to_owned(),
        other => {
            let mut words = other.replace('_', " ");
            words[..1].make_ascii_uppercase();
            words
        }
    }
}

fn carrier(via: &str) -> &str {
    match via {
        "socketio" => "Socket.IO",
        "http" => "HTTP",
        other => other,
    }
}

/// What an ack says, in a few words: `scout-1 accepted`, or `3 accepted, 1 denied`.
fn outcome(ack: &Ack) -> String {
    let word = |verdict: &Verdict| {
        let name = serde_json::to_value(verdict.result).unwrap_or_default();
        name.as_str().unwrap_or_default().replace('_', " ")
    };
    if let (1, Some((target, verdict))) = (ack.results.len(), ack.results.iter().next()) {
        let reason = verdict.reason.as_ref().map(|reason| format!(", {reason}")).unwrap_or_default();
        return format!("{target} {}{reason}", word(verdict));
    }
    let mut counts = BTreeMap::new();
    for verdict in ack.results.values() {
        *counts.entry(word(verdict)).or_insert(0) += 1;
    }
    counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn ack(command_id: String, tick: Tick, applied: Applied, dry_run: bool) -> Ack {
    let mut results: BTreeMap<String, Verdict> =
        applied.results.into_iter().map(|(id, verdict)| (id.as_ref().to_owned(), verdict)).collect();
    if results.is_empty() {
        results.insert("swarm".into(), Verdict { result: CommandResult::Completed, reason: None });
    }
    let spawned = applied.spawned.iter().map(|id| id.as_ref().to_owned()).collect();
    Ack { ok: true, command_id, tick, results, spawned, fork: None, dry_run, forecast: None }
}

/// The ack of a command to the swarm as a whole.
pub(in super::super) fn ack_for_swarm(command_id: &str, tick: Tick, dry_run: bool) -> Ack {
    ack(command_id.to_owned(), tick, Applied::default(), dry_run)
}
