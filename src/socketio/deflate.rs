//! permessage-deflate (RFC 7692), without context takeover in either direction: no message depends on the one before, so
//! a broadcast is deflated once and shared, and an idle connection keeps no window.

use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::protocol::websocket_frame::{COMPRESSED, Violation, write_header};

/// The server's answer to an offer that it takes.
pub const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Messages below this size are not worth compressing.
const BYTES_MIN: usize = 512;
/// What an empty stored block leaves at the end of every flushed message; both sides leave it out.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// How much is inflated at a time.
const STEP_BYTES: usize = 16 * 1024;

/// Whether one of the offers in a `Sec-WebSocket-Extensions` header is one that this server can keep.
pub fn accepts(offers: &str) -> bool {
    offers.split(',').any(|offer| {
        let mut parameters = offer.split(';').map(str::trim);
        let mut seen = Vec::new();
        parameters.next() == Some("permessage-deflate")
            && parameters.all(|parameter| {
                let (name, value) = match parameter.split_once('=') {
                    Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
                    None => (parameter, None),
                };
                let twice = seen.contains(&name);
                seen.push(name);
                !twice
                    && match (name, value) {
                        ("server_no_context_takeover" | "client_no_context_takeover", None) => true,
                        ("client_max_window_bits", None) => true,
                        ("client_max_window_bits", Some(bits)) => is_window(bits),
                        // A smaller window of the server's own is a promise that it could not keep.
                        ("server_max_window_bits", Some(bits)) => bits == "15",
                        _ => false,
                    }
            })
    })
}

fn is_window(bits: &str) -> bool {
    matches!(bits, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
}

/// Appends one whole message as a frame: deflated if that makes it smaller, plain if not.
pub fn write_message(out: &mut BytesMut, binary: bool, body: &[u8]) {
    let smaller = (body.len() >= BYTES_MIN).then(|| deflate(body)).flatten();
    match smaller {
        Some(deflated) => {
            let start = out.len();
            write_header(out, binary, deflated.len());
            out[start] |= COMPRESSED;
            out.put_slice(&deflated);
        }
        None => {
            write_header(out, binary, body.len());
            out.put_slice(body);
        }
    }
}

fn deflate(body: &[u8]) -> Option<Vec<u8>> {
    let mut stream = Compress::new(Compression::fast(), false);
    // What does not fit in here is not smaller.
    let mut deflated = Vec::with_capacity(body.len());
    let status = stream.compress_vec(body, &mut deflated, FlushCompress::Sync).ok()?;
    let complete = status == Status::Ok && stream.total_in() == body.len() as u64;
    let tail = deflated.len().checked_sub(TAIL.len())?;
    if !complete || deflated.len() == deflated.capacity() || deflated[tail..] != TAIL {
        return None;
    }
    deflated.truncate(tail);
    Some(deflated)
}

/// The message behind a deflated body. One that would grow beyond `bytes_max` is stopped there (1009); one that is no
/// deflate stream is refused (1007).
pub fn inflate(body: &[u8], bytes_max: usize) -> Result<Bytes, Violation> {
    let mut stream = Decompress::new(false);
    let mut message = Vec::with_capacity(body.len().saturating_mul(3).min(bytes_max + 1).min(STEP_BYTES));
    for part in [body, &TAIL] {
        let mut rest = part;
        loop {
            if message.len() > bytes_max {
                return Err(Violation(1009));
            }
            if message.len() == message.capacity() {
                message.reserve(STEP_BYTES.min(bytes_max + 1 - message.len()));
            }
            let (read, written) = (stream.total_in(), message.len());
            let status = stream
                .decompress_vec(rest, &mut message, FlushDecompress::Sync)
                .map_err(|_| Violation(1007))?;
            rest = &rest[(stream.total_in() - read) as usize..];
            let room_left = message.len() < message.capacity();
            if status == Status::StreamEnd {
                // A peer may end its stream; what stands behind the end is no message.
                return if rest.is_empty() || rest == TAIL {
                    checked(message, bytes_max)
                } else {
                    Err(Violation(1007))
                };
            }
            let stuck = stream.total_in() == read && message.len() == written;
            if room_left && (rest.is_empty() || stuck) {
                break;
            }
        }
        if !rest.is_empty() {
            return Err(Violation(1007));
        }
    }
    checked(message, bytes_max)
}

fn checked(message: Vec<u8>, bytes_max: usize) -> Result<Bytes, Violation> {
    if message.len() > bytes_max { Err(Violation(1009)) } else { Ok(message.into()) }
}

/// Gathers the frames of one deflated message and gives it back as one plain frame, masked as a client's must be.
#[derive(Debug, Default)]
pub struct Inflater {
    /// The bytes of the frame under way, its header included.
    frame: BytesMut,
    /// The unmasked bodies of the frames before it.
    body: BytesMut,
    binary: bool,
}

impl Inflater {
    /// Takes bytes of a deflated message's frame, which the frame rules have let pass. With the last of them comes the
    /// plain frame.
    pub fn handle_bytes(
        &mut self,
        bytes: &[u8],
        frame_complete: bool,
        message_bytes_max: usize,
    ) -> Result<Option<Bytes>, Violation> {
        self.frame.extend_from_slice(bytes);
        if !frame_complete {
            return Ok(None);
        }
        let mut frame = std::mem::take(&mut self.frame);
        let (Some(&first), Some(&second)) = (frame.first(), frame.get(1)) else {
            return Err(Violation(1002));
        };
        let header = match second & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        if frame.len() < header + 4 {
            return Err(Violation(1002));
        }
        let mask = [frame[header], frame[header + 1], frame[header + 2], frame[header + 3]];
        let mut body = frame.split_off(header + 4);
        body.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match first & 0x0f {
            0 => {}
            opcode => self.binary = opcode == 2,
        }
        if self.body.is_empty() {
            self.body = body;
        } else {
            self.body.extend_from_slice(&body);
        }
        if first & 0x80 == 0 {
            return Ok(None);
        }
        let message = inflate(&std::mem::take(&mut self.body), message_bytes_max)?;
        Ok(Some(masked_frame(self.binary, &message)))
    }
}

/// One plain frame with a mask of zeros, which changes nothing.
fn masked_frame(binary: bool, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(body.len() + 14);
    write_header(&mut frame, binary, body.len());
    frame[1] |= 0x80;
    frame.put_slice(&[0; 4]);
    frame.put_slice(body);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_taken_only_if_it_can_be_kept() {
        for (offer, taken) in [
            ("permessage-deflate", true),
            ("permessage-deflate; client_max_window_bits", true),
            ("permessage-deflate; client_max_window_bits=10; server_no_context_takeover", true),
            ("permessage-deflate; server_max_window_bits=10", false),
            ("permessage-deflate; server_max_window_bits=10, permessage-deflate", true),
            ("permessage-deflate; server_max_window_bits=15", true),
            ("permessage-deflate; client_max_window_bits=7", false),
            ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", false),
            ("permessage-deflate; unknown", false),
            ("x-webkit-deflate-frame", false),
            ("", false),
        ] {
            assert_eq!(accepts(offer), taken, "{offer}");
        }
    }

    #[test]
    fn what_is_deflated_inflates_to_what_it_was() {
        for len in [512, 1000, 65_535, 65_536, 400_000] {
            let body: Vec<u8> = (0..len).map(|n| (n / 7 % 251) as u8).collect();
            let deflated = deflate(&body).expect("smaller");
            assert!(deflated.len() < body.len());
            assert_eq!(inflate(&deflated, len).expect("whole"), body);
            assert_eq!(inflate(&deflated, len - 1), Err(Violation(1009)));
        }
    }

    #[test]
    fn what_does_not_shrink_is_sent_as_it_is() {
        let mut noise = 1_u64;
        let body: Vec<u8> = std::iter::repeat_with(|| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise as u8
        })
        .take(2000)
        .collect();
        let mut out = BytesMut::new();
        write_message(&mut out, true, &body);
        assert_eq!((out[0], &out[4..]), (0x82, &body[..]));
    }

    #[test]
    fn a_bomb_is_stopped_at_the_bound() {
        let mut stream = Compress::new(Compression::best(), false);
        let mut bomb = Vec::with_capacity(1 << 20);
        let zeros = vec![0; 20 << 20];
        stream.compress_vec(&zeros, &mut bomb, FlushCompress::Sync).expect("room");
        bomb.truncate(bomb.len() - TAIL.len());
        assert!(bomb.len() < 40_000);
        assert_eq!(inflate(&bomb, 1_000_000), Err(Violation(1009)));
    }

    #[test]
    fn rubbish_is_no_message() {
        assert_eq!(inflate(&[0xff; 40], 1000), Err(Violation(1007)));
        assert_eq!(inflate(&[], 1000), Ok(Bytes::new()));
    }
}
