//! The session's life under a clock that the test holds in its hand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;

use hmrs::socketio::protocol::{
    connection::*,
    engine_packet::EnginePacket,
    error::{CloseReason, ProtocolError},
};

const TIMING: Timing = Timing {
    ping_interval: Duration::from_millis(300),
    ping_timeout: Duration::from_millis(200),
    upgrade_timeout: Duration::from_millis(100),
    close_timeout: Duration::from_secs(30),
};

/// A connection and its clock.
struct Bench {
    connection: Connection,
    start: Instant,
    now: Instant,
}

impl Bench {
    fn new(transport: Transport) -> Self {
        let now = Instant::now();
        Self { connection: Connection::new(TIMING, transport, now), start: now, now }
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.connection.poll_output()).collect()
    }

    /// Moves the clock to `ms` after the start, stopping at every timeout on the way.
    fn run_to(&mut self, ms: u64) -> Vec<(u128, Output)> {
        let end = self.start + Duration::from_millis(ms);
        let mut all = Vec::new();
        while let Some(at) = self.connection.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.connection.handle_timeout(self.now);
            let elapsed = (self.now - self.start).as_millis();
            all.extend(self.outputs().into_iter().map(|output| (elapsed, output)));
        }
        self.now = end;
        all
    }

    fn packet(&mut self, packet: EnginePacket<'_>) {
        if let Err(error) = self.connection.handle_packet(packet, self.now) {
            self.connection.handle_error(error, self.now);
        }
    }
}

const PONG: EnginePacket<'_> = EnginePacket::Pong("");
const MESSAGE: EnginePacket<'_> = EnginePacket::Message("x");

fn gone(reason: CloseReason) -> Vec<Output> {
    vec![Output::Closed(reason), Output::Gone]
}

#[test]
fn the_first_ping_comes_after_the_interval_and_its_pong_is_due_within_the_timeout() {
    let mut bench = Bench::new(Transport::Websocket);
    assert_eq!(bench.run_to(299), []);
    let expected =
        [(300, Output::Ping), (500, Output::Closed(CloseReason::PingTimeout)), (500, Output::Gone)];
    assert_eq!(bench.run_to(1000), expected);
    assert_eq!(bench.connection.poll_timeout(), None);
}

#[test]
fn a_request_at_the_very_deadline_finds_the_session_closed_though_no_timer_fired() {
    let mut bench = Bench::new(Transport::Polling);
    bench.now = bench.start + Duration::from_millis(498);
    assert_eq!(bench.connection.handle_poll(bench.now), Err(Refusal::Unknown));
    assert_eq!(bench.outputs(), gone(CloseReason::PingTimeout));
}

#[test]
fn a_year_of_answered_pings_keeps_the_session() {
    let mut bench = Bench::new(Transport::Websocket);
    bench.connection = Connection::new(
        Timing { ping_interval: Duration::from_secs(25), ping_timeout: Duration::from_secs(20), ..TIMING },
        Transport::Websocket,
        bench.start,
    );
    for _ in 0..365 * 24 * 3600 / 25 {
        bench.now = bench.connection.poll_timeout().unwrap();
        bench.connection.handle_timeout(bench.now);
        assert_eq!(bench.outputs(), [Output::Ping]);
        bench.packet(PONG);
    }
    assert!(bench.connection.is_open());
}

#[test]
fn another_packet_extends_the_wait_for_a_pong_once() {
    let mut bench = Bench::new(Transport::Websocket);
    bench.run_to(450);
    bench.packet(MESSAGE);
    bench.run_to(600);
    bench.packet(MESSAGE);
    assert_eq!(bench.run_to(1000)[0], (650, Output::Closed(CloseReason::PingTimeout)));
}

#[test]
fn a_pong_that_nobody_asked_for_changes_nothing() {
    let mut bench = Bench::new(Transport::Websocket);
    for ms in (0..300).step_by(10) {
        bench.run_to(ms);
        bench.packet(PONG);
    }
    assert_eq!(bench.run_to(300), [(300, Output::Ping)]);
}

#[test]
fn a_second_poll_ends_the_first_and_the_session() {
    let mut bench = Bench::new(Transport::Polling);
    assert_eq!(bench.connection.handle_poll(bench.now), Ok(()));
    assert_eq!(bench.connection.handle_poll(bench.now), Err(Refusal::BadRequest));
    let expected =
        [Output::EndPoll(PollAnswer::Close), Output::Closed(CloseReason::TransportError), Output::Gone];
    assert_eq!(bench.outputs(), expected);
    assert_eq!(bench.connection.handle_poll(bench.now), Err(Refusal::Unknown));
}

#[test]
fn a_client_that_closes_hears_no_error_on_its_poll() {
    let mut bench = Bench::new(Transport::Polling);
    bench.connection.handle_poll(bench.now).unwrap();
    bench.packet(EnginePacket::Close);
    let expected =
        [Output::EndPoll(PollAnswer::Noop), Output::Closed(CloseReason::TransportClose), Output::Gone];
    assert_eq!(bench.outputs(), expected);
}

#[test]
fn a_server_that_closes_waits_for_a_poll_to_say_so_but_not_for_ever() {
    let mut bench = Bench::new(Transport::Polling);
    bench.connection.close(CloseReason::ForcedServerClose, bench.now);
    assert_eq!(bench.outputs(), [Output::Closed(CloseReason::ForcedServerClose)]);
    assert_eq!(bench.connection.handle_post(bench.now), Err(Refusal::Unknown));
    assert_eq!(bench.connection.handle_poll(bench.now), Ok(()));
    assert_eq!(bench.outputs(), [Output::EndPoll(PollAnswer::Close)]);
    bench.connection.handle_poll_done();
    assert_eq!(bench.outputs(), [Output::Gone]);

    let mut bench = Bench::new(Transport::Polling);
    bench.connection.close(CloseReason::ForcedServerClose, bench.now);
    assert_eq!(bench.run_to(31_000).last(), Some(&(30_000, Output::Gone)));
}

#[test]
fn polls_of_an_upgrade_are_sent_away_and_the_heartbeat_goes_on() {
    let mut bench = Bench::new(Transport::Polling);
    bench.connection.handle_poll(bench.now).unwrap();
    assert_eq!(bench.connection.handle_websocket(bench.now), Ok(WebsocketVerdict::Probe));
    assert_eq!(bench.connection.handle_websocket(bench.now), Ok(WebsocketVerdict::Refuse));
    bench.connection.handle_probe("2probe");
    assert_eq!(bench.outputs(), [Output::ProbePong, Output::EndPoll(PollAnswer::Noop)]);
    bench.connection.handle_poll_done();
    bench.connection.handle_poll(bench.now).unwrap();
    assert_eq!(bench.run_to(60), [(50, Output::EndPoll(PollAnswer::Noop))]);
    bench.connection.handle_poll_done();
    bench.connection.handle_probe("5");
    assert_eq!(bench.outputs(), [Output::Upgraded]);
    assert_eq!(bench.connection.transport(), Transport::Websocket);
    assert_eq!(bench.connection.handle_poll(bench.now), Err(Refusal::BadRequest));
    assert_eq!(bench.connection.handle_websocket(bench.now), Ok(WebsocketVerdict::Refuse));
    assert_eq!(bench.run_to(300), [(300, Output::Ping)]);
}

#[test]
fn a_probe_that_fails_leaves_the_session_where_it_was() {
    for text in ["5", "4x", "", "1", "2", "3probe"] {
        let mut bench = Bench::new(Transport::Polling);
        bench.connection.handle_websocket(bench.now).unwrap();
        bench.connection.handle_probe(text);
        assert_eq!(bench.outputs(), [Output::DropProbe(1002)], "{text:?}");
        assert_eq!(bench.connection.handle_websocket(bench.now), Ok(WebsocketVerdict::Probe));
        assert_eq!(bench.run_to(110), [(100, Output::DropProbe(1000))], "it took too long");
        assert_eq!(bench.connection.handle_poll(bench.now), Ok(()));
    }
}

#[test]
fn only_a_server_may_send_some_packets() {
    for packet in [EnginePacket::Open("{}"), EnginePacket::Ping(""), EnginePacket::Upgrade] {
        let mut bench = Bench::new(Transport::Websocket);
        let error = bench.connection.handle_packet(packet, bench.now);
        assert_eq!(error, Err(ProtocolError::Direction), "{packet:?}");
    }
}

/// Anything that may happen to a session.
#[derive(Clone, Debug)]
enum Happening {
    Wait(u16),
    Poll,
    PollDone,
    PollAbandoned,
    Post,
    PostDone,
    Packet(u8),
    Websocket,
    Probe(&'static str),
    ProbeGone,
    Close(CloseReason),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (0_u16..400).prop_map(Happening::Wait),
        Just(Happening::Poll),
        Just(Happening::PollDone),
        Just(Happening::PollAbandoned),
        Just(Happening::Post),
        Just(Happening::PostDone),
        (0_u8..4).prop_map(Happening::Packet),
        Just(Happening::Websocket),
        prop_oneof![Just("2probe"), Just("5"), Just("junk")].prop_map(Happening::Probe),
        Just(Happening::ProbeGone),
        prop_oneof![Just(CloseReason::ForcedServerClose), Just(CloseReason::TransportClose)]
            .prop_map(Happening::Close),
    ]
}

fn apply(bench: &mut Bench, happening: &Happening) {
    let (connection, now) = (&mut bench.connection, bench.now);
    match *happening {
        Happening::Wait(ms) => {
            bench.now += Duration::from_millis(ms.into());
            let now = bench.now;
            while bench.connection.poll_timeout().is_some_and(|at| at <= now) {
                bench.connection.handle_timeout(now);
            }
        }
        Happening::Poll => drop(connection.handle_poll(now)),
        Happening::PollDone => connection.handle_poll_done(),
        Happening::PollAbandoned => connection.handle_poll_abandoned(now),
        Happening::Post => drop(connection.handle_post(now)),
        Happening::PostDone => connection.handle_post_done(),
        Happening::Packet(kind) => {
            bench.packet([PONG, MESSAGE, EnginePacket::Noop, EnginePacket::Close][kind as usize])
        }
        Happening::Websocket => drop(connection.handle_websocket(now)),
        Happening::Probe(text) => connection.handle_probe(text),
        Happening::ProbeGone => connection.handle_probe_gone(),
        Happening::Close(reason) => connection.close(reason, now),
    }
}

proptest! {
    #[test]
    fn whatever_happens_a_session_closes_once_is_forgotten_once_and_always_has_an_end(
        websocket in any::<bool>(),
        happenings in proptest::collection::vec(happening(), 0..60),
    ) {
        let mut bench = Bench::new(if websocket { Transport::Websocket } else { Transport::Polling });
        let mut outputs = Vec::new();
        for happening in &happenings {
            apply(&mut bench, happening);
            outputs.extend(bench.outputs());
        }
        // Left alone, every session ends: first the heartbeat, then the wait for a last poll.
        let mut steps = 0;
        while let Some(at) = bench.connection.poll_timeout() {
            bench.connection.handle_timeout(at);
            outputs.extend(bench.outputs());
            steps += 1;
            prop_assert!(steps < 10, "timers without end");
        }
        let closed = outputs.iter().filter(|output| matches!(output, Output::Closed(_))).count();
        let gone = outputs.iter().filter(|output| **output == Output::Gone).count();
        prop_assert_eq!((closed, gone), (1, 1), "{:?}", outputs);
        prop_assert_eq!(outputs.last(), Some(&Output::Gone));
        let after = outputs.iter().skip_while(|output| !matches!(output, Output::Closed(_))).skip(1);
        prop_assert!(after.clone().all(|o| matches!(o, Output::Gone | Output::EndPoll(_))), "{:?}", outputs);
    }
}
