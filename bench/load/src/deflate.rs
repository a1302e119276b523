//! What is read of deflated messages (permessage-deflate, RFC 7692), and as little of it as can be.

use flate2::{Decompress, FlushDecompress};

use crate::frame::HEAD_BYTES;

/// What clients offer, in the words of a browser.
pub const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
/// Bytes of a deflated message whose beginning is looked at: its tables of codes, and [`HEAD_BYTES`] of text.
pub const DEFLATED_HEAD_BYTES: usize = 512;
/// What an empty stored block leaves at the end of every flushed message; senders leave it out.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// How a server deflates for a client.
pub enum Way {
    /// Each message for itself.
    Alone,
    /// Each message on from the one before, so that all of all of them has to be inflated.
    Chained(Box<Decompress>),
}

impl Way {
    /// What the server's answer to the handshake says; none when it does not deflate.
    pub fn answered(answer: &[u8]) -> Option<Self> {
        let answer = String::from_utf8_lossy(answer).to_ascii_lowercase();
        let line = answer.lines().find_map(|line| line.strip_prefix("sec-websocket-extensions:"))?;
        line.contains("permessage-deflate").then(|| match line.contains("server_no_context_takeover") {
            true => Self::Alone,
            false => Self::Chained(Box::new(Decompress::new(false))),
        })
    }

    /// Bytes of a message that are needed.
    pub fn keep(&self) -> usize {
        match self {
            Self::Alone => DEFLATED_HEAD_BYTES,
            Self::Chained(_) => usize::MAX,
        }
    }
}

/// Inflates beginnings, for all clients of a run.
pub struct Heads {
    stream: Decompress,
    /// The deflated beginning that was inflated last. A server that deflates once for all sends the same one again and again.
    last: Vec<u8>,
    head: [u8; HEAD_BYTES],
    head_len: usize,
    scrap: Vec<u8>,
}

impl Default for Heads {
    fn default() -> Self {
        Self {
            stream: Decompress::new(false),
            last: Vec::new(),
            head: [0; HEAD_BYTES],
            head_len: 0,
            scrap: vec![0; 64 * 1024],
        }
    }
}

impl Heads {
    /// The beginning of the message behind `deflated`; none if that is no deflate stream.
    pub fn inflate(&mut self, way: &mut Way, deflated: &[u8]) -> Option<&[u8]> {
        match way {
            Way::Alone if self.last == deflated => {}
            Way::Alone => {
                self.last.clear();
                self.stream.reset(false);
                self.stream.decompress(deflated, &mut self.head, FlushDecompress::Sync).ok()?;
                self.head_len = self.stream.total_out() as usize;
                self.last.extend_from_slice(deflated);
            }
            Way::Chained(stream) => {
                self.last.clear();
                self.head_len = 0;
                for mut rest in [deflated, &TAIL] {
                    loop {
                        let (read, written) = (stream.total_in(), stream.total_out());
                        stream.decompress(rest, &mut self.scrap, FlushDecompress::Sync).ok()?;
                        rest = &rest[(stream.total_in() - read) as usize..];
                        let written = (stream.total_out() - written) as usize;
                        let kept = written.min(HEAD_BYTES - self.head_len);
                        self.head[self.head_len..self.head_len + kept].copy_from_slice(&self.scrap[..kept]);
                        self.head_len += kept;
                        if rest.is_empty() && written < self.scrap.len() {
                            break;
                        }
                        if written == 0 {
                            return None;
                        }
                    }
                }
            }
        }
        Some(&self.head[..self.head_len])
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    /// Something like an event of some hundred kB: more than fits into one step of inflating.
    fn message(seq: u32) -> Vec<u8> {
        let drones: String =
            (0..3000).map(|at| format!(r#"{{"id":"drone-{at}","position":[{at}.25]}},"#)).collect();
        format!(r#"42["drones-update",{{"seq":{seq},"wall_time_ms":1700000000123.25,"drones":[{drones}]}}]"#)
            .into_bytes()
    }

    fn deflate(stream: &mut Compress, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + 64);
        stream.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
        assert_eq!(out.split_off(out.len() - TAIL.len()), TAIL);
        out
    }

    #[test]
    fn the_answer_says_how() {
        let answer =
            |words: &str| format!("HTTP/1.1 101 X\r\nSec-WebSocket-Extensions: {words}\r\n\r\n").into_bytes();
        assert!(Way::answered(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n").is_none());
        let alone = answer("permessage-deflate; server_no_context_takeover; client_no_context_takeover");
        assert!(matches!(Way::answered(&alone), Some(Way::Alone)));
        let chained = answer("permessage-deflate; server_max_window_bits=12");
        assert!(matches!(Way::answered(&chained), Some(Way::Chained(_))));
    }

    #[test]
    fn of_messages_that_stand_alone_the_beginning_is_enough() {
        let (mut heads, mut way) = (Heads::default(), Way::Alone);
        for seq in [1, 1, 2, 1] {
            let message = message(seq);
            let deflated = deflate(&mut Compress::new(Compression::fast(), false), &message);
            let head = heads.inflate(&mut way, &deflated[..DEFLATED_HEAD_BYTES]).unwrap();
            assert_eq!(head, &message[..HEAD_BYTES]);
        }
        let short = deflate(&mut Compress::new(Compression::fast(), false), b"2");
        assert_eq!(heads.inflate(&mut way, &short), Some(&b"2"[..]));
    }

    #[test]
    fn messages_of_a_chain_are_read_in_turn_for_each_client() {
        let mut heads = Heads::default();
        let mut clients = [1, 2].map(|_| {
            (Compress::new(Compression::fast(), false), Way::Chained(Box::new(Decompress::new(false))))
        });
        for seq in 0..4 {
            for (stream, way) in &mut clients {
                let message = message(seq);
                let deflated = deflate(stream, &message);
                assert_eq!(heads.inflate(way, &deflated).unwrap(), &message[..HEAD_BYTES]);
            }
        }
    }

    #[test]
    fn what_is_no_deflate_stream_is_told() {
        assert_eq!(Heads::default().inflate(&mut Way::Alone, &[0xff; 64]), None);
    }
}
