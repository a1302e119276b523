//! What must hold for whatever bytes a peer sends. Each target panics when it does not; the fuzzer and the replay of the
//! corpora share them.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::wire::{
    deflate::{Inflater, inflate as inflate_message, write_message},
    delta::{
        decode::Decoder,
        encode::{Encoder, Truth},
    },
    protocol::{
        client,
        connection::{Connection, Output, Received, Refusal, Timing, Transport, WebsocketVerdict},
        engine_packet::EnginePacket,
        error::CloseReason,
        multiplexer::{Incoming, Multiplexer},
        packet::{Packet, PacketLimits},
        payload::{self, Item},
        websocket_frame::FrameRules,
    },
};

/// One target: a name, which is its corpus's folder, and the check.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Target; 6] = [
    ("packet", packet),
    ("payload", payload),
    ("frame_guard", frame_guard),
    ("inflate", inflate),
    ("session", session),
    ("delta", delta),
];

/// Lines of the input are text messages, those that begin with `!` binary ones. A packet that is accepted keeps the
/// limits and survives being written and read again; the namespaces' state machine takes nothing that was not joined.
pub fn packet(data: &[u8]) {
    let limits = PacketLimits::default();
    let now = Instant::now();
    let mut multiplexer = Multiplexer::new(limits, 4, Duration::from_secs(1), now);
    let mut joined: Vec<String> = Vec::new();
    for line in data.split(|&byte| byte == b'\n') {
        let taken = match line.strip_prefix(b"!") {
            Some(binary) => multiplexer.handle_binary(Bytes::copy_from_slice(binary)),
            None => {
                let Ok(text) = std::str::from_utf8(line) else { continue };
                check_packet(text, &limits);
                multiplexer.handle_text(text)
            }
        };
        match taken {
            // The session is over.
            Err(_) => return,
            Ok(Some(Incoming::Connect { namespace, .. })) => {
                assert!(!joined.contains(&namespace) && joined.len() < 4);
                if namespace.len() % 3 == 2 {
                    multiplexer.refuse(&namespace);
                } else {
                    assert!(multiplexer.accept(&namespace));
                    joined.push(namespace);
                }
            }
            Ok(Some(Incoming::Disconnect { namespace })) => {
                let at = joined.iter().position(|name| *name == namespace);
                joined.swap_remove(at.expect("only from where it was"));
            }
            Ok(Some(Incoming::Event { namespace, name, attachments, .. })) => {
                assert!(joined.contains(&namespace) && attachments.len() <= limits.attachments);
                assert!(name != "connect" && name != "disconnecting");
            }
            Ok(Some(Incoming::Ack { namespace, id, .. })) => {
                assert!(joined.contains(&namespace) && id < 1 << 53);
            }
            Ok(None) => {}
        }
    }
}

fn check_packet(text: &str, limits: &PacketLimits) {
    let Ok(packet) = Packet::decode(text, limits) else { return };
    assert!(packet.attachments <= limits.attachments && packet.namespace.len() <= limits.namespace_bytes);
    let again =
        client::encode(packet.kind, packet.namespace, packet.id, packet.data.as_ref(), packet.attachments);
    assert_eq!(Packet::decode(&again, limits).as_ref(), Ok(&packet), "{again}");
}

/// A body's packets, written again, are the body.
pub fn payload(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    let items: Result<Vec<_>, _> = payload::decode(body).collect();
    let Ok(items) = items else { return };
    let mut again = String::new();
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            again.push(char::from(payload::SEPARATOR));
        }
        match item {
            Item::Packet(packet) => again.push_str(&packet.encode()),
            Item::Binary(data) => payload::encode_binary(data, &mut again),
        }
    }
    assert_eq!(again, body);
}

/// Where frames end and with which code the bytes are refused does not depend on how they arrive. The first byte of the
/// input says how they are split.
pub fn frame_guard(data: &[u8]) {
    let Some((&seed, bytes)) = data.split_first() else { return };
    let rules = || match seed & 1 {
        0 => FrameRules::new(1000),
        _ => FrameRules::new(1000).with_compression(),
    };
    let whole = judge(rules(), &[bytes]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(judge(rules(), &single), whole, "byte by byte");
    let parts: Vec<&[u8]> = bytes.chunks(usize::from(seed >> 1).max(1)).collect();
    assert_eq!(judge(rules(), &parts), whole, "in parts");
}

/// The ends of frames, whether each was deflated, and the code of the refusal.
fn judge(mut rules: FrameRules, chunks: &[&[u8]]) -> (Vec<(usize, bool)>, Option<u16>) {
    let (mut at, mut ends) = (0, Vec::new());
    for chunk in chunks {
        let mut rest = *chunk;
        while !rest.is_empty() {
            match rules.handle_bytes(rest) {
                Err(violation) => return (ends, Some(violation.0)),
                Ok(progress) => {
                    assert!(progress.taken > 0 && progress.taken <= rest.len());
                    at += progress.taken;
                    rest = &rest[progress.taken..];
                    if progress.frame_complete {
                        ends.push((at, rules.is_compressed()));
                    }
                }
            }
        }
    }
    (ends, None)
}

/// Nothing inflates beyond the bound, and what was deflated inflates to what it was. The bytes are also taken as frames.
pub fn inflate(data: &[u8]) {
    const BYTES_MAX: usize = 20_000;
    if let Ok(message) = inflate_message(data, BYTES_MAX) {
        assert!(message.len() <= BYTES_MAX);
    }
    let mut frame = BytesMut::new();
    write_message(&mut frame, true, data);
    let header = if frame[1] < 126 {
        2
    } else if frame[1] == 126 {
        4
    } else {
        10
    };
    match frame[0] & 0x40 {
        0 => assert_eq!(frame[header..], *data),
        _ => assert_eq!(inflate_message(&frame[header..], data.len()), Ok(Bytes::copy_from_slice(data))),
    }
    let (mut rules, mut inflater) = (FrameRules::new(BYTES_MAX).with_compression(), Inflater::default());
    let mut rest = data;
    while let Ok(progress) = rules.handle_bytes(rest) {
        let (bytes, behind) = rest.split_at(progress.taken);
        if rules.is_compressed() {
            match inflater.handle_bytes(bytes, progress.frame_complete, BYTES_MAX) {
                Ok(Some(plain)) => assert!(plain.len() <= BYTES_MAX + 14),
                Ok(None) => {}
                Err(violation) => {
                    assert!(matches!(violation.0, 1002 | 1007 | 1009));
                    return;
                }
            }
        }
        if behind.is_empty() {
            return;
        }
        rest = behind;
    }
}

/// What a session is, said as simply as possible.
#[derive(Debug, Default)]
struct Model {
    closed: Option<CloseReason>,
    gone: bool,
    on_websocket: bool,
    poll_pending: bool,
    posting: bool,
    probing: bool,
    probe_answered: bool,
}

/// Two bytes of the input are one thing that happens: what, and how much later. Whatever happens, in whatever order: the
/// session answers as the model says, closes once and for one reason, never outlives its heartbeat, and never asks for a
/// timer that has passed.
pub fn session(data: &[u8]) {
    let timing = Timing {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        upgrade_timeout: Duration::from_millis(100),
        close_timeout: Duration::from_millis(400),
    };
    let start = Instant::now();
    let mut now = start;
    let on_websocket = data.first().is_some_and(|byte| byte & 1 == 1);
    let transport = if on_websocket { Transport::Websocket } else { Transport::Polling };
    let mut connection = Connection::new(timing, transport, now);
    let mut model = Model { on_websocket, ..Model::default() };
    let mut heard = now;
    for step in data.get(1..).unwrap_or_default().chunks_exact(2) {
        let later = now + Duration::from_millis(u64::from(step[1]));
        // The shell's promise: a timer fires when it is due, never in the past.
        while let Some(due) = connection.poll_timeout().filter(|due| *due <= later) {
            now = now.max(due);
            connection.handle_timeout(now);
            drain(&mut connection, &mut model);
            assert!(connection.poll_timeout().is_none_or(|next| next > now), "a timer that has passed");
        }
        now = later;
        if happen(&mut connection, &mut model, step[0], now) {
            heard = now;
        }
        drain(&mut connection, &mut model);
        let patience = timing.ping_interval + 2 * timing.ping_timeout;
        assert!(
            model.closed.is_some() || now <= heard + patience + timing.ping_interval,
            "outlived its heartbeat"
        );
        assert_eq!(connection.is_open(), model.closed.is_none());
        if model.gone {
            assert_eq!(connection.poll_timeout(), None);
        }
    }
}

/// Makes something happen and checks the answer. True when it was a sign of life over the session's own transport.
fn happen(connection: &mut Connection, model: &mut Model, what: u8, now: Instant) -> bool {
    match what % 16 {
        0 | 1 if model.on_websocket => {
            let verdict = connection.handle_poll(now);
            assert_ne!(verdict, Ok(()));
        }
        0 | 1 => {
            let twice = model.poll_pending;
            match connection.handle_poll(now) {
                Ok(()) => {
                    assert!(!twice && !model.gone);
                    model.poll_pending = true;
                }
                Err(Refusal::BadRequest) => assert!(twice),
                // It has expired, or was closed before.
                Err(Refusal::Unknown) => {}
            }
        }
        2 if model.poll_pending => {
            model.poll_pending = false;
            connection.handle_poll_done();
        }
        3 if model.poll_pending => {
            model.poll_pending = false;
            connection.handle_poll_abandoned(now);
            assert!(!connection.is_open());
        }
        4 => {
            let twice = model.posting;
            match connection.handle_post(now) {
                Ok(()) => {
                    assert!(!twice && !model.on_websocket && connection.is_open());
                    model.posting = true;
                }
                Err(_) => assert!(twice || model.on_websocket || !connection.is_open()),
            }
        }
        5 if model.posting => {
            model.posting = false;
            connection.handle_post_done();
        }
        6 if model.posting => {
            model.posting = false;
            connection.handle_post_failed(CloseReason::TransportError, now);
            assert!(!connection.is_open());
        }
        7 => {
            let was_open = connection.is_open();
            let packet = EnginePacket::Message("hello");
            let received = connection.handle_packet(packet, now);
            assert_eq!(received, Ok(if was_open { Received::Message("hello") } else { Received::Nothing }));
            return was_open;
        }
        8 => {
            let _ = connection.handle_packet(EnginePacket::Pong(""), now);
            return true;
        }
        9 if what >= 128 => {
            let _ = connection.handle_packet(EnginePacket::Close, now);
            assert!(!connection.is_open());
        }
        10 => match connection.handle_websocket(now) {
            Ok(WebsocketVerdict::Probe) => {
                assert!(!model.on_websocket && !model.probing);
                (model.probing, model.probe_answered) = (true, false);
            }
            Ok(WebsocketVerdict::Refuse) => assert!(model.on_websocket || model.probing),
            Err(_) => assert!(!connection.is_open()),
        },
        11 if model.probing => connection.handle_probe("2probe"),
        12 if model.probing => connection.handle_probe("5"),
        13 if model.probing => connection.handle_probe(if what >= 128 { "4no" } else { "6" }),
        14 if model.probing => {
            (model.probing, model.probe_answered) = (false, false);
            connection.handle_probe_gone();
        }
        15 if what >= 240 => {
            connection.close(CloseReason::ForcedServerClose, now);
            assert!(!connection.is_open());
        }
        _ => connection.handle_timeout(now),
    }
    false
}

fn drain(connection: &mut Connection, model: &mut Model) {
    while let Some(output) = connection.poll_output() {
        assert!(!model.gone, "{output:?} after the end");
        match output {
            Output::Ping => assert!(model.closed.is_none()),
            Output::EndPoll(_) => {
                assert!(model.poll_pending, "an answer that nobody waits for");
            }
            Output::ProbePong => {
                assert!(model.probing);
                model.probe_answered = true;
            }
            Output::DropProbe(_) => (model.probing, model.probe_answered) = (false, false),
            Output::Upgraded => {
                assert!(model.probing && model.probe_answered && !model.on_websocket);
                (model.probing, model.probe_answered, model.on_websocket) = (false, false, true);
            }
            Output::Closed(reason) => {
                assert_eq!(model.closed, None, "closed twice");
                model.closed = Some(reason);
            }
            Output::Gone => {
                assert!(model.closed.is_some());
                model.gone = true;
            }
        }
    }
}

/// The input is frames, each behind two bytes with its length. What is read of them keeps its bounds, and is read again as
/// the same when it is written: standing alone, and as what changes by going back to it from a swarm at rest.
pub fn delta(data: &[u8]) {
    let mut decoder = Decoder::default();
    let mut rest = data;
    while let Some((len, behind)) = rest.split_first_chunk() {
        let (frame, behind) = behind.split_at(usize::from(u16::from_le_bytes(*len)).min(behind.len()));
        rest = behind;
        let Ok((chain, now, state)) = decoder.read(frame) else { continue };
        assert!(state.len() == chain.count && state.fields.iter().all(|field| field.len() == chain.count));
        assert!(state.since.iter().all(|since| (0..=255).contains(since)));
        let truth = Truth { position: state.position.clone(), fields: state.fields.clone() };
        let mut again = Decoder::default();
        let from = Encoder::begin(*chain, *now, &truth, state.velocity.clone());
        let (_, _, read) = again.read(&from.whole()()).unwrap();
        assert_eq!((&read.position, &read.fields), (&state.position, &state.fields));

        let mut rest = Truth::default();
        rest.position.iter_mut().for_each(|column| column.resize(chain.count, 0));
        rest.fields.iter_mut().for_each(|column| column.resize(chain.count, 0));
        let mut from = Encoder::begin(*chain, *now, &rest, rest.position.clone());
        again.read(&from.whole()()).unwrap();
        let (_, _, read) = again.read(&from.encode(*now, &truth)).unwrap();
        assert_eq!(read.fields, state.fields);
        for (read, said) in read.position.iter().flatten().zip(state.position.iter().flatten()) {
            assert!(said.wrapping_sub(*read).unsigned_abs() <= chain.error.unsigned_abs());
        }
    }
}
