//! One Socket.IO client without its socket: bytes in, bytes out.

use crate::{
    clock::wall_us,
    deflate::{self, Heads, Way},
    event::{self, Telemetry},
    frame::{self, FrameReader},
    tally::Tally,
};

/// What all clients of a run ask for.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The event that is counted.
    pub event: String,
    /// JSON that goes with joining `/`; may be empty.
    pub payload: String,
    /// Whether clients offer permessage-deflate, and leave a server that does not take the offer.
    pub deflate: bool,
}

impl Order {
    /// The opening handshake of a WebSocket that carries Engine.IO from the beginning.
    pub fn request(&self, host: &str) -> Vec<u8> {
        let offer = if self.deflate { deflate::OFFER } else { "" };
        format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
        )
        .into_bytes()
    }
}

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits for the answer to its [`request`].
    Upgrading,
    /// It waits for Engine.IO's open packet.
    Opening,
    /// It waits to be let into `/`.
    Joining,
    /// It listens.
    Joined,
}

/// Why a client is of no more use.
pub type Lost = String;

/// One client.
pub struct Client {
    answer: Vec<u8>,
    reader: FrameReader,
    deflates: Option<Way>,
    listener: Listener,
}

/// What a client knows of the messages before.
struct Listener {
    stage: Stage,
    last_seq: Option<u64>,
    /// The next binary message belongs to the event that is counted.
    expects_attachment: bool,
}

impl Default for Client {
    fn default() -> Self {
        let listener = Listener { stage: Stage::Upgrading, last_seq: None, expects_attachment: false };
        Self { answer: Vec::new(), reader: FrameReader::default(), deflates: None, listener }
    }
}

impl Client {
    /// How far it has come.
    pub fn stage(&self) -> Stage {
        self.listener.stage
    }

    /// Takes what came, counts the events that were ordered, and appends what must be sent to `replies`.
    ///
    /// # Errors
    /// When the server refuses or ends the connection.
    pub fn handle_bytes(
        &mut self,
        bytes: &[u8],
        order: &Order,
        heads: &mut Heads,
        tally: &mut Tally,
        replies: &mut Vec<u8>,
    ) -> Result<(), Lost> {
        let answer;
        let mut frames = bytes;
        if self.stage() == Stage::Upgrading {
            self.answer.extend(bytes);
            let Some(end) = self.answer.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(()) };
            answer = std::mem::take(&mut self.answer);
            if !answer.starts_with(b"HTTP/1.1 101") {
                return Err(String::from_utf8_lossy(&answer[..answer.len().min(40)]).into_owned());
            }
            self.deflates = Way::answered(&answer[..end]);
            match &self.deflates {
                Some(way) => self.reader.keep(way.keep()),
                None if order.deflate => return Err("the server does not deflate".to_owned()),
                None => {}
            }
            self.listener.stage = Stage::Opening;
            frames = &answer[end + 4..];
        }
        let Self { reader, deflates, listener, .. } = self;
        let mut lost = None;
        reader.read(frames, |frame| {
            tally.count_bytes(frame.len);
            let head = match deflates {
                Some(way) if frame.is_deflated => heads.inflate(way, frame.head),
                _ => Some(frame.head),
            };
            let Some(head) = head else {
                lost = Some("no deflate stream".to_owned());
                return;
            };
            match frame.opcode {
                frame::TEXT => match listener.read_packet(head, frame.len, order, tally) {
                    Ok(Some(text)) => replies.extend(frame::client_frame(frame::TEXT, text.as_bytes())),
                    Ok(None) => {}
                    Err(why) => lost = Some(why),
                },
                frame::BINARY => listener.read_attachment(head, frame.len, tally),
                frame::PING => {
                    replies.extend(frame::client_frame(frame::PONG, &frame.head[..frame.head.len().min(125)]))
                }
                frame::CLOSE => lost = Some("closed by the server".to_owned()),
                _ => {}
            }
        });
        lost.map_or(Ok(()), Err)
    }
}

impl Listener {
    /// Looks at one packet, and says what has to be answered.
    fn read_packet(
        &mut self,
        head: &[u8],
        len: u64,
        order: &Order,
        tally: &mut Tally,
    ) -> Result<Option<String>, Lost> {
        match (head, self.stage) {
            (b"2", _) => return Ok(Some("3".to_owned())),
            ([b'0', ..], Stage::Opening) => {
                self.stage = Stage::Joining;
                return Ok(Some(format!("40{}", order.payload)));
            }
            ([b'4', b'0', ..], Stage::Joining) => self.stage = Stage::Joined,
            ([b'4', b'1' | b'4', ..] | b"1", _) => return Err(String::from_utf8_lossy(head).into_owned()),
            _ => {
                self.expects_attachment = event::announces_attachment(head, &order.event);
                if let Some(telemetry) = event::telemetry(head, &order.event) {
                    self.count(telemetry, len, tally);
                }
            }
        }
        Ok(None)
    }

    fn read_attachment(&mut self, head: &[u8], len: u64, tally: &mut Tally) {
        if std::mem::take(&mut self.expects_attachment) {
            tally.count_attachment();
            if let Some(telemetry) = event::binary_telemetry(head) {
                self.count(telemetry, len, tally);
            }
        }
    }

    fn count(&mut self, telemetry: Telemetry, len: u64, tally: &mut Tally) {
        let expected = self.last_seq.map_or(telemetry.seq, |last| last + 1);
        self.last_seq = Some(telemetry.seq);
        let latency_us = wall_us().saturating_sub(telemetry.sent_us);
        tally.count(latency_us, telemetry.seq.saturating_sub(expected), len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{BINARY, PING, PONG, TEXT, client_frame, server_frame};

    struct Talk(Client, Tally, Order);

    impl Talk {
        fn begin() -> Self {
            let order = Order { event: "n".to_owned(), payload: r#"{"a":1}"#.to_owned(), deflate: false };
            let mut talk = Self(Client::default(), Tally::default(), order);
            talk.1.open();
            talk
        }

        fn hear(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Lost> {
            let mut replies = Vec::new();
            let heads = &mut Heads::default();
            self.0.handle_bytes(bytes, &self.2, heads, &mut self.1, &mut replies).map(|()| replies)
        }
    }

    fn joined() -> Talk {
        let mut talk = Talk::begin();
        let answer =
            [b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n".to_vec(), server_frame(TEXT, b"0{}")]
                .concat();
        // The open packet may come with the answer, or in pieces.
        assert_eq!(talk.hear(&answer[..20]), Ok(vec![]));
        assert_eq!(talk.hear(&answer[20..]), Ok(client_frame(TEXT, br#"40{"a":1}"#)));
        assert_eq!(talk.hear(&server_frame(TEXT, br#"40{"sid":"x"}"#)), Ok(vec![]));
        assert_eq!(talk.0.stage(), Stage::Joined);
        talk
    }

    #[test]
    fn a_client_joins_and_answers_both_kinds_of_pings() {
        let mut talk = joined();
        assert_eq!(talk.hear(&server_frame(TEXT, b"2")), Ok(client_frame(TEXT, b"3")));
        assert_eq!(talk.hear(&server_frame(PING, b"abc")), Ok(client_frame(PONG, b"abc")));
    }

    #[test]
    fn gaps_are_missed_events_and_the_first_one_is_none() {
        let mut talk = joined();
        for seq in [7, 8, 11] {
            let event = format!(r#"42["n",{{"seq":{seq},"wall_time_ms":{}}}]"#, wall_us() / 1000);
            talk.hear(&server_frame(TEXT, event.as_bytes())).unwrap();
        }
        assert_eq!((talk.1.messages, talk.1.missed), (3, 2));
        assert!(talk.1.quantile_ms(1.0) < 1000.0);
    }

    #[test]
    fn an_attachment_counts_when_its_event_is_the_one() {
        let mut talk = joined();
        let mut attachment = [0; 64];
        attachment[..4].copy_from_slice(b"HMRS");
        attachment[24..32].copy_from_slice(&(wall_us() as f64 / 1000.0).to_le_bytes());
        for (name, seq) in [("n", 1_u32), ("other", 2), ("n", 3)] {
            attachment[12..16].copy_from_slice(&seq.to_le_bytes());
            let text = format!(r#"451-["{name}",{{"_placeholder":true,"num":0}}]"#);
            talk.hear(&server_frame(TEXT, text.as_bytes())).unwrap();
            talk.hear(&server_frame(BINARY, &attachment)).unwrap();
        }
        assert_eq!((talk.1.messages, talk.1.missed, talk.1.attachments), (2, 1, 2));
    }

    #[test]
    fn who_asked_for_deflating_does_not_stay_without() {
        let mut talk = Talk::begin();
        talk.2.deflate = true;
        assert!(
            String::from_utf8(talk.2.request("h"))
                .unwrap()
                .contains("\r\nSec-WebSocket-Extensions: permessage-deflate")
        );
        let told = talk.hear(b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n");
        assert_eq!(told, Err("the server does not deflate".to_owned()));
    }

    #[test]
    fn a_refusal_is_told_with_its_words() {
        assert_eq!(
            Talk::begin().hear(b"HTTP/1.1 503 Full\r\n\r\n"),
            Err("HTTP/1.1 503 Full\r\n\r\n".to_owned())
        );
        let mut talk = joined();
        assert_eq!(talk.hear(&server_frame(TEXT, b"41")), Err("41".to_owned()));
        assert_eq!(talk.hear(&server_frame(frame::CLOSE, b"")), Err("closed by the server".to_owned()));
    }
}
