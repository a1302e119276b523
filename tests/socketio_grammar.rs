//! Every parser against random input, and against its own encoder.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use hmrs::socketio::protocol::{
    client::{self, Decoder, Open},
    engine_packet::{EnginePacket, open_packet},
    error::ProtocolError,
    multiplexer::{Incoming, Multiplexer},
    packet::{Packet, PacketKind, PacketLimits, placeholder},
    payload::{self, Item},
    websocket_frame::{FrameRules, Violation, header_bytes, write_header},
};

fn limits() -> PacketLimits {
    PacketLimits::default()
}

#[test]
fn the_open_packet_has_exactly_its_five_keys() {
    let text = open_packet("abc", true, 25_000, 20_000, 1_000_000);
    let expected = r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    assert_eq!(text, expected);
    assert_eq!(Open::decode(&text).unwrap().ping_interval, 25_000);
}

#[test]
fn the_published_examples_are_read_as_published() {
    let cases = [
        (r#"0{"token":"123"}"#, PacketKind::Connect, "/", None, Some(json!({"token":"123"}))),
        ("0/admin,", PacketKind::Connect, "/admin", None, None),
        ("0/admin", PacketKind::Connect, "/admin", None, None),
        (r#"2["hello",1]"#, PacketKind::Event, "/", None, Some(json!(["hello", 1]))),
        (
            r#"2/admin,456["project:delete",123]"#,
            PacketKind::Event,
            "/admin",
            Some(456),
            Some(json!(["project:delete", 123])),
        ),
        ("3/admin,456[]", PacketKind::Ack, "/admin", Some(456), Some(json!([]))),
        ("1/admin,", PacketKind::Disconnect, "/admin", None, None),
        (
            r#"51-["hello",{"_placeholder":true,"num":0}]"#,
            PacketKind::BinaryEvent,
            "/",
            None,
            Some(json!(["hello", placeholder(0)])),
        ),
        (
            r#"61-/admin,456[{"_placeholder":true,"num":0}]"#,
            PacketKind::BinaryAck,
            "/admin",
            Some(456),
            Some(json!([placeholder(0)])),
        ),
    ];
    for (text, kind, namespace, id, data) in cases {
        let packet = Packet::decode(text, &limits()).unwrap();
        assert_eq!(
            (packet.kind, packet.namespace, packet.id, packet.data),
            (kind, namespace, id, data),
            "{text}"
        );
    }
}

#[test]
fn a_placeholder_without_attachments_is_plain_data() {
    let packet = Packet::decode(r#"2["a",{"_placeholder":true,"num":7}]"#, &limits());
    assert!(packet.is_ok(), "{packet:?}");
}

#[test]
fn a_number_may_name_an_event() {
    let mut multiplexer = joined();
    let incoming = multiplexer.handle_text("2[7,\"x\"]").unwrap();
    assert!(matches!(incoming, Some(Incoming::Event { name, .. }) if name == "7"));
}

fn joined() -> Multiplexer {
    let mut multiplexer = Multiplexer::new(limits(), 2, Duration::from_secs(1), Instant::now());
    multiplexer.handle_text("0").unwrap();
    assert!(multiplexer.accept("/"));
    multiplexer
}

#[test]
fn nobody_speaks_before_joining_nor_joins_twice() {
    let mut multiplexer = Multiplexer::new(limits(), 2, Duration::from_secs(1), Instant::now());
    assert_eq!(multiplexer.handle_text("2[\"a\"]"), Err(ProtocolError::Namespace));
    multiplexer.handle_text("0").unwrap();
    assert_eq!(multiplexer.handle_text("2[\"a\"]"), Err(ProtocolError::Namespace), "still connecting");
    assert_eq!(multiplexer.handle_text("0"), Err(ProtocolError::AlreadyConnected), "still connecting");
    multiplexer.accept("/");
    assert_eq!(multiplexer.handle_text("0"), Err(ProtocolError::AlreadyConnected));
    multiplexer.handle_text("0/a").unwrap();
    assert_eq!(multiplexer.handle_text("0/b"), Err(ProtocolError::TooManyNamespaces));
}

#[test]
fn who_was_put_out_may_finish_its_sentence_and_come_back() {
    let mut multiplexer = joined();
    multiplexer.leave("/");
    assert_eq!(multiplexer.handle_text("2[\"crossed\"]"), Ok(None));
    assert_eq!(multiplexer.handle_text("51-[\"crossed\",{\"_placeholder\":true,\"num\":0}]"), Ok(None));
    assert_eq!(multiplexer.handle_binary(Bytes::from_static(b"x")), Ok(None));
    assert_eq!(multiplexer.handle_text("1"), Ok(None));
    assert!(matches!(multiplexer.handle_text("0"), Ok(Some(Incoming::Connect { .. }))));
}

#[test]
fn the_time_to_join_ends_once_and_not_while_middleware_thinks() {
    let start = Instant::now();
    let second = Duration::from_secs(1);
    let mut silent = Multiplexer::new(limits(), 2, second, start);
    assert!(!silent.handle_timeout(start));
    assert!(silent.handle_timeout(start + second));
    let mut thinking = Multiplexer::new(limits(), 2, second, start);
    thinking.handle_text("0").unwrap();
    assert!(!thinking.handle_timeout(start + second));
    thinking.refuse("/");
    assert!(thinking.handle_timeout(start + second * 2));
    let mut joined = joined();
    assert!(!joined.handle_timeout(start + second * 2));
    assert_eq!(joined.poll_timeout(), None);
}

#[test]
fn attachments_come_in_order_and_complete_the_event() {
    let mut multiplexer = joined();
    let text = r#"52-7["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    assert_eq!(multiplexer.handle_text(text), Ok(None));
    assert_eq!(multiplexer.handle_binary(Bytes::from_static(b"0")), Ok(None));
    let complete = multiplexer.handle_binary(Bytes::from_static(b"1")).unwrap().unwrap();
    let expected = Incoming::Event {
        namespace: "/".to_owned(),
        name: "a".to_owned(),
        args: vec![placeholder(1), placeholder(0)],
        attachments: vec![Bytes::from_static(b"0"), Bytes::from_static(b"1")],
        id: Some(7),
    };
    assert_eq!(complete, expected);
}

/// A masked frame as a client sends it.
fn masked(fin: bool, opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    write_header(&mut plain, false, body.len());
    assert_eq!(plain.len(), header_bytes(body.len()));
    plain[0] = u8::from(fin) << 7 | opcode;
    plain[1] |= 0x80;
    plain.extend_from_slice(&[0; 4]);
    plain.extend_from_slice(body);
    plain
}

/// Feeds bytes in pieces; the number of complete frames, or the violation.
fn judge(rules: &mut FrameRules, bytes: &[u8], piece: usize) -> Result<usize, Violation> {
    let mut frames = 0;
    for mut chunk in bytes.chunks(piece.max(1)) {
        while !chunk.is_empty() {
            let progress = rules.handle_bytes(chunk)?;
            assert!(progress.taken > 0, "no progress");
            frames += usize::from(progress.frame_complete);
            chunk = &chunk[progress.taken..];
        }
    }
    Ok(frames)
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in ".*", digits in "[0-9b][0-9]{0,3}-?/?[a-z]{0,3},?[0-9]{0,20}.*") {
        for text in [&text, &digits] {
            let _ = EnginePacket::decode(text);
            let _ = Packet::decode(text, &limits());
            let _ = joined().handle_text(text);
            payload::decode(text).for_each(drop);
        }
    }

    #[test]
    fn an_engine_packet_survives_its_text(data in "[^\x1e]*") {
        for packet in [EnginePacket::Ping(&data), EnginePacket::Pong(&data), EnginePacket::Message(&data)] {
            let text = packet.encode();
            prop_assert_eq!(EnginePacket::decode(&text), Ok(packet));
        }
    }

    #[test]
    fn a_polling_body_gives_back_its_packets(items in proptest::collection::vec(
        prop_oneof!["[^\x1e]*".prop_map(Ok), proptest::collection::vec(any::<u8>(), 0..50).prop_map(Err)], 1..20
    )) {
        let mut body = String::new();
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                body.push(char::from(payload::SEPARATOR));
            }
            match item {
                Ok(text) => body.push_str(&EnginePacket::Message(text).encode()),
                Err(data) => payload::encode_binary(data, &mut body),
            }
        }
        let read: Vec<_> = payload::decode(&body).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), items.len());
        for (read, item) in read.into_iter().zip(&items) {
            match item {
                Ok(text) => prop_assert_eq!(read, Item::Packet(EnginePacket::Message(text))),
                Err(data) => prop_assert_eq!(read, Item::Binary(Bytes::copy_from_slice(data))),
            }
        }
    }

    #[test]
    fn a_packet_survives_its_text(
        namespace in "/[a-z/?=]{0,12}",
        id in proptest::option::of(0_u64..1 << 53),
        args in proptest::collection::vec(json_value(), 0..4),
        attachments in 0_usize..4,
    ) {
        let mut data = vec![Value::from("event")];
        data.extend(args);
        data.extend((0..attachments).map(placeholder));
        let data = Value::from(data);
        let kind = if attachments == 0 { PacketKind::Event } else { PacketKind::BinaryEvent };
        let text = client::encode(kind, &namespace, id, Some(&data), attachments);
        let packet = Packet::decode(&text, &limits()).unwrap();
        prop_assert_eq!((packet.kind, packet.namespace, packet.id), (kind, namespace.as_str(), id));
        prop_assert_eq!(packet.attachments, attachments);
        prop_assert_eq!(packet.data, Some(data.clone()));
        let mut decoder = Decoder::default();
        let mut message = decoder.handle_text(&text).unwrap();
        for _ in 0..attachments {
            prop_assert!(message.is_none());
            message = decoder.handle_binary(Bytes::from_static(b"x")).unwrap();
        }
        prop_assert_eq!(message.unwrap().data, Some(data));
    }

    #[test]
    fn no_bytes_make_the_frame_rules_panic_or_stand_still(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        piece in 1_usize..40,
    ) {
        let _ = judge(&mut FrameRules::new(1000), &bytes, piece);
    }

    #[test]
    fn frames_that_follow_the_rules_pass_however_they_are_cut(
        bodies in proptest::collection::vec((any::<bool>(), 0_usize..400), 1..10),
        piece in 1_usize..500,
    ) {
        let mut bytes = Vec::new();
        for (split, len) in &bodies {
            let body = vec![0; *len];
            if *split {
                bytes.extend(masked(false, 1, &body));
                bytes.extend(masked(true, 9, b"ping"));
                bytes.extend(masked(true, 0, b""));
            } else {
                bytes.extend(masked(true, 2, &body));
            }
        }
        let frames: usize = bodies.iter().map(|(split, _)| if *split { 3 } else { 1 }).sum();
        prop_assert_eq!(judge(&mut FrameRules::new(400), &bytes, piece), Ok(frames));
    }

    #[test]
    fn a_size_beyond_the_bound_is_refused_at_its_header(len in 1001_u64..u64::MAX, piece in 1_usize..14) {
        let mut header = vec![0x82, 0x80 | 127];
        header.extend_from_slice(&len.to_be_bytes());
        header.extend_from_slice(&[0; 4]);
        prop_assert_eq!(judge(&mut FrameRules::new(1000), &header, piece), Err(Violation(1009)));
    }
}
