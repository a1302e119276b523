//! Who comes in over Socket.IO, what their events may do, and who is put out: the one place that asks, for every event.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::contract::access::{Caller, Proof, Role, cookie, cookie_name, name_of};
use crate::contract::audit::AuditEntry;
use crate::contract::error::{ApiError, ErrorCode};
use crate::contract::incoming::command_id_of;
use crate::contract::record::Record;
use crate::contract::rights;
use crate::socketio::{Event, Handshake, Socket};
use crate::swarm::wall_time_ms;

use super::limits::Limiter;
use super::subscriptions::{Subscription, Topic, at_connect};
use super::{Commons, Flying, Gateway};

/// What is known of a connected client.
pub struct Seat {
    /// Who it is.
    pub caller: Caller,
    pub(super) limiter: Arc<Limiter>,
    /// What they may say to everyone.
    pub(super) chatter: Arc<Limiter>,
    subscriptions: Mutex<BTreeMap<Topic, Subscription>>,
}

impl Seat {
    /// The name it gave itself, its login's or token's name, or `operator`.
    pub fn name(&self) -> &str {
        &self.caller.name
    }

    pub(super) fn subscriptions(&self) -> MutexGuard<'_, BTreeMap<Topic, Subscription>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that somebody did or tried, for the audit trail.
pub struct Deed<'a> {
    /// `command`, `login`, …: see [`AuditEntry::kind`].
    pub kind: &'static str,
    /// The command's name, or what was done.
    pub what: &'a str,
    /// What it was about.
    pub subject: &'a str,
    /// `ok`, or the error's code.
    pub result: &'a str,
    /// In words.
    pub detail: String,
}

impl Commons {
    /// Lets a client in that shows a token in its CONNECT or in a header, or the cookie of a login, or needs neither.
    pub(super) fn admit(&self, handshake: &Handshake, auth: &Value) -> Result<Seat, ApiError> {
        let bearer = || handshake.header("authorization")?.strip_prefix("Bearer ").map(str::trim);
        let token = auth.get("token").and_then(Value::as_str).or_else(bearer);
        let name = cookie_name(handshake.secure, handshake.header("host").unwrap_or_default());
        let login = || cookie(handshake.header("cookie")?, &name);
        let proof = token.map(Proof::Token).or_else(|| login().map(Proof::Login)).unwrap_or(Proof::Nothing);
        let identity = self.gatekeeper.identify(proof)?;
        identity.role.require(Role::Viewer)?;
        let name = name_of(auth.get("name").and_then(Value::as_str), &identity, "operator");
        let address = handshake.peer.map(|peer| peer.to_canonical().to_string()).unwrap_or_default();
        let caller = Caller { name, identity, address };
        Ok(Seat {
            limiter: self.allowances.commands.of(caller.account()),
            chatter: self.allowances.chatter.of(caller.account()),
            caller,
            subscriptions: Mutex::new(at_connect(auth)?),
        })
    }

    /// Enters what `caller` did or tried into the audit trail.
    pub fn note(&self, caller: &Caller, via: &str, deed: Deed<'_>) {
        self.enter(caller, caller.role().as_str(), via, deed);
    }

    /// As [`Commons::note`], of something that `caller`'s role does not allow; of a flood of it only the beginning.
    pub fn note_refusal(&self, caller: &Caller, via: &str, deed: Deed<'_>) {
        if self.allowances.refusals.of(caller.account()).check().is_ok() {
            self.note(caller, via, deed);
        }
    }

    /// As [`Commons::note`], of somebody who was not let in and has no role.
    pub fn note_stranger(&self, caller: &Caller, via: &str, deed: Deed<'_>) {
        self.enter(caller, "", via, deed);
    }

    fn enter(&self, caller: &Caller, role: &str, via: &str, deed: Deed<'_>) {
        let Deed { kind, what, subject, result, detail } = deed;
        let level = if kind == "command" { log::Level::Debug } else { log::Level::Info };
        let (who, address) = (&caller.name, &caller.address);
        log::log!(target: "hmrs::audit", level, "{who:?} ({role}) from {address}: {kind} {what} {subject} {result} {detail}");
        let wall_time_ms = wall_time_ms();
        let entry = AuditEntry {
            id: AuditEntry::new_id(wall_time_ms),
            wall_time_ms,
            who: who.clone(),
            role: role.to_owned(),
            token: caller.identity.token.as_deref().unwrap_or_default().to_owned(),
            address: address.clone(),
            via: via.to_owned(),
            kind: kind.to_owned(),
            what: what.to_owned(),
            subject: subject.to_owned(),
            result: result.to_owned(),
            detail,
        };
        if let Err(full) = self.recorder.record(Record::Audit(entry.cut())) {
            log::error!(target: "hmrs::audit", "not in the audit trail: {who:?} ({role}) {kind} {what} {subject}: {full}");
        }
    }
}

/// Logs that a client came or went, under the id of its socket, which is no secret.
pub(super) fn log_move(socket: &Socket, what: &str) {
    let Some(seat) = socket.data::<Seat>() else { return };
    let Caller { name, address, .. } = &seat.caller;
    log::info!(
        target: "hmrs::client",
        socket = socket.id(), who = name.as_str(), role = seat.caller.role().as_str(), address = address.as_str(),
        transport = socket.transport(), namespace = socket.namespace().name();
        "{what}"
    );
}

/// Hears an event of the clients of a swarm, from those whose role it takes by [`rights::EVENTS`].
pub(super) fn hear<F, Fut>(gateway: &Gateway, flying: &Arc<Flying>, name: &'static str, handle: F)
where
    F: Fn(Arc<Seat>, Socket, Event) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let commons = gateway.commons().clone();
    flying.namespace.on(name, move |socket, event| {
        let checked = check(&commons, name, &socket, &event);
        let work = match checked {
            Ok(seat) => Some(handle(seat, socket, event)),
            Err(refusal) => {
                let command_id = command_id_of(event.arg(0));
                if let Some(ack) = event.ack {
                    ack.send(&refusal.body(command_id.as_deref()));
                }
                None
            }
        };
        async {
            if let Some(work) = work {
                work.await;
            }
        }
    });
}

fn check(commons: &Commons, name: &str, socket: &Socket, event: &Event) -> Result<Arc<Seat>, ApiError> {
    let seat = seat_of(socket)?;
    let Some(needed) = rights::of_event(name) else { return Ok(seat) };
    if needed > Role::Viewer {
        // Whose access was taken back a moment ago does nothing more.
        if let Err(refusal) = commons.gatekeeper.recheck(&seat.caller.identity) {
            socket.disconnect(true);
            return Err(refusal);
        }
    }
    if let Err(refusal) = seat.caller.role().require(needed) {
        seat.limiter.check()?;
        let command = event.arg(0).get("command").and_then(Value::as_str).unwrap_or(name);
        let subject = command_id_of(event.arg(0)).unwrap_or_default();
        let kind = if name == "command" { "command" } else { "lease" };
        let deed = Deed {
            kind,
            what: command,
            subject: &subject,
            result: "forbidden",
            detail: refusal.message.clone(),
        };
        commons.note_refusal(&seat.caller, "socketio", deed);
        return Err(refusal);
    }
    Ok(seat)
}

pub(super) fn seat_of(socket: &Socket) -> Result<Arc<Seat>, ApiError> {
    socket.data::<Seat>().ok_or_else(|| ApiError::new(ErrorCode::Internal, "this client was not admitted"))
}

impl Gateway {
    /// From now on no command is taken, and whoever asks whether this server is ready hears no.
    pub fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    /// # Errors
    /// `unavailable` once the server is stopping.
    pub fn takes_commands(&self) -> Result<(), ApiError> {
        if self.draining.load(Relaxed) {
            let message = "the server is shutting down; no command is taken";
            return Err(ApiError::new(ErrorCode::Unavailable, message));
        }
        Ok(())
    }

    /// Puts out every client whose access does not hold any more: revoked, expired, logged out.
    pub fn put_out(&self) {
        for flying in self.swarms() {
            for socket in flying.namespace.sockets() {
                let Some(seat) = socket.data::<Seat>() else { continue };
                if let Err(refusal) = self.commons().gatekeeper.recheck(&seat.caller.identity) {
                    let subject = seat.caller.identity.token.clone().unwrap_or_default();
                    let detail = refusal.message;
                    let deed =
                        Deed { kind: "cut", what: &flying.id, subject: &subject, result: "ok", detail };
                    self.commons().note(&seat.caller, "server", deed);
                    // The whole session: the client comes back once, and is told why it is refused.
                    socket.disconnect(true);
                }
            }
        }
    }
}
