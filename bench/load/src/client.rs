//! One Socket.IO client without its socket: bytes in, bytes out.

use crate::{
    clock::wall_us,
    event,
    frame::{self, Frame, FrameReader},
    tally::Tally,
};

/// The opening handshake of a WebSocket that carries Engine.IO from the beginning.
pub fn request(host: &str) -> Vec<u8> {
    format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
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
#[derive(Debug)]
pub struct Client {
    stage: Stage,
    answer: Vec<u8>,
    reader: FrameReader,
    last_seq: Option<u64>,
}

impl Default for Client {
    fn default() -> Self {
        Self { stage: Stage::Upgrading, answer: Vec::new(), reader: FrameReader::default(), last_seq: None }
    }
}

impl Client {
    /// How far it has come.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Takes what came, counts the events called `name`, and appends what must be sent to `replies`.
    ///
    /// # Errors
    /// When the server refuses or ends the connection.
    pub fn handle_bytes(
        &mut self,
        bytes: &[u8],
        name: &str,
        tally: &mut Tally,
        replies: &mut Vec<u8>,
    ) -> Result<(), Lost> {
        let answer;
        let mut frames = bytes;
        if self.stage == Stage::Upgrading {
            self.answer.extend(bytes);
            let Some(end) = self.answer.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(()) };
            answer = std::mem::take(&mut self.answer);
            if !answer.starts_with(b"HTTP/1.1 101") {
                return Err(String::from_utf8_lossy(&answer[..answer.len().min(40)]).into_owned());
            }
            self.stage = Stage::Opening;
            frames = &answer[end + 4..];
        }
        let Self { stage, reader, last_seq, .. } = self;
        let mut lost = None;
        reader.read(frames, |frame| {
            tally.count_bytes(frame.len);
            match frame.opcode {
                frame::TEXT => match read_packet(stage, last_seq, &frame, name, tally) {
                    Ok(reply) => replies.extend(
                        reply.map(|text| frame::client_frame(frame::TEXT, text)).into_iter().flatten(),
                    ),
                    Err(why) => lost = Some(why),
                },
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

/// Looks at one packet, and says what has to be answered.
fn read_packet(
    stage: &mut Stage,
    last_seq: &mut Option<u64>,
    frame: &Frame<'_>,
    name: &str,
    tally: &mut Tally,
) -> Result<Option<&'static [u8]>, Lost> {
    match (frame.head, *stage) {
        (b"2", _) => return Ok(Some(b"3")),
        ([b'0', ..], Stage::Opening) => {
            *stage = Stage::Joining;
            return Ok(Some(b"40"));
        }
        ([b'4', b'0', ..], Stage::Joining) => *stage = Stage::Joined,
        ([b'4', b'1' | b'4', ..] | b"1", _) => return Err(String::from_utf8_lossy(frame.head).into_owned()),
        _ => {
            if let Some(telemetry) = event::telemetry(frame.head, name) {
                let expected = last_seq.map_or(telemetry.seq, |last| last + 1);
                *last_seq = Some(telemetry.seq);
                tally.count(
                    wall_us().saturating_sub(telemetry.sent_us),
                    telemetry.seq.saturating_sub(expected),
                );
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{PING, PONG, TEXT, client_frame, server_frame};

    struct Talk(Client, Tally);

    impl Talk {
        fn begin() -> Self {
            let mut talk = Self(Client::default(), Tally::default());
            talk.1.open();
            talk
        }

        fn hear(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Lost> {
            let mut replies = Vec::new();
            self.0.handle_bytes(bytes, "n", &mut self.1, &mut replies).map(|()| replies)
        }
    }

    fn joined() -> Talk {
        let mut talk = Talk::begin();
        let answer =
            [b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n".to_vec(), server_frame(TEXT, b"0{}")]
                .concat();
        // The open packet may come with the answer, or in pieces.
        assert_eq!(talk.hear(&answer[..20]), Ok(vec![]));
        assert_eq!(talk.hear(&answer[20..]), Ok(client_frame(TEXT, b"40")));
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
