//! WebSocket frames: whole heads, payloads only as far as they are looked at.

/// Bytes of a payload that are kept: enough for the name, the number and the time of an event.
pub const HEAD_BYTES: usize = 128;

/// Continuation of a message.
pub const CONTINUATION: u8 = 0;
/// A text message.
pub const TEXT: u8 = 1;
/// A binary message.
pub const BINARY: u8 = 2;
/// The end of the connection.
pub const CLOSE: u8 = 8;
/// To be answered with a [`PONG`].
pub const PING: u8 = 9;
/// The answer to a [`PING`].
pub const PONG: u8 = 10;

/// A frame whose last byte has arrived.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What kind it is.
    pub opcode: u8,
    /// Whether its payload is deflated: RSV1, as permessage-deflate has it.
    pub is_deflated: bool,
    /// Bytes of the whole frame, header included.
    pub len: u64,
    /// The beginning of its payload, unmasked.
    pub head: &'a [u8],
}

/// Takes the stream of one connection apart, however it was split on its way.
#[derive(Debug)]
pub struct FrameReader {
    header: [u8; 14],
    header_len: usize,
    /// Payload still to come; none while the header is incomplete.
    left: Option<u64>,
    payload_len: u64,
    /// The beginning of the payload, up to `keep` bytes.
    head: Vec<u8>,
    keep: usize,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self {
            header: [0; 14],
            header_len: 0,
            left: None,
            payload_len: 0,
            head: Vec::new(),
            keep: HEAD_BYTES,
        }
    }
}

impl FrameReader {
    /// From now on keeps this much of each payload.
    pub fn keep(&mut self, bytes: usize) {
        self.keep = bytes;
    }

    /// Takes the next bytes and tells of every frame that ends in them.
    pub fn read(&mut self, mut bytes: &[u8], mut on_frame: impl FnMut(Frame<'_>)) {
        loop {
            let Some(left) = self.left.or_else(|| self.read_header(&mut bytes)) else { return };
            let taken = left.min(bytes.len() as u64);
            let (payload, rest) = bytes.split_at(taken as usize);
            let kept = payload.len().min(self.keep - self.head.len());
            self.head.extend_from_slice(&payload[..kept]);
            bytes = rest;
            self.left = Some(left - taken);
            if left > taken {
                return;
            }
            self.unmask();
            on_frame(Frame {
                opcode: self.header[0] & 0x0f,
                is_deflated: self.header[0] & 0x40 != 0,
                len: self.header_len as u64 + self.payload_len,
                head: &self.head,
            });
            (self.left, self.header_len) = (None, 0);
            self.head.clear();
        }
    }

    /// The length of the payload, once the header is complete.
    fn read_header(&mut self, bytes: &mut &[u8]) -> Option<u64> {
        while self.header_len < header_bytes(&self.header[..self.header_len]) {
            let (first, rest) = bytes.split_first()?;
            self.header[self.header_len] = *first;
            self.header_len += 1;
            *bytes = rest;
        }
        let header = &self.header;
        self.payload_len = match header[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([header[2], header[3]])),
            127 => header[2..10].iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
            len => u64::from(len),
        };
        Some(self.payload_len)
    }

    fn unmask(&mut self) {
        if self.header[1] & 0x80 == 0 {
            return;
        }
        let key = &self.header[self.header_len - 4..self.header_len];
        for (at, byte) in self.head.iter_mut().enumerate() {
            *byte ^= key[at % 4];
        }
    }
}

/// How long the header is that begins so; at least two bytes.
fn header_bytes(start: &[u8]) -> usize {
    let Some(second) = start.get(1) else { return 2 };
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 == 0 { 0 } else { 4 }
}

/// A frame of a server.
pub fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..126 => frame.push(len as u8),
        len @ 126..=0xffff => {
            frame.push(126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// A short frame of a client. Its mask is zero, which is allowed and costs nothing.
///
/// # Panics
/// With more than 125 bytes.
pub fn client_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126, "clients here have little to say");
    let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    frame.extend(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader tells of `bytes` when they come in pieces of `size`.
    fn told(bytes: &[u8], size: usize) -> Vec<(u8, u64, Vec<u8>)> {
        let (mut reader, mut told) = (FrameReader::default(), Vec::new());
        for piece in bytes.chunks(size) {
            reader.read(piece, |frame| told.push((frame.opcode, frame.len, frame.head.to_vec())));
        }
        told
    }

    #[test]
    fn every_length_is_read_in_pieces_of_any_size() {
        let lengths = [0, 1, 2, 125, 126, 127, 128, 129, 1000, 65_535, 65_536, 70_000];
        let payloads = lengths.map(|len| (0..len).map(|at| (at * 7 + len) as u8).collect::<Vec<u8>>());
        let stream: Vec<u8> = payloads.iter().flat_map(|payload| server_frame(TEXT, payload)).collect();
        let expected: Vec<_> = payloads
            .iter()
            .map(|payload| {
                let head = payload[..payload.len().min(HEAD_BYTES)].to_vec();
                (TEXT, server_frame(TEXT, payload).len() as u64, head)
            })
            .collect();
        for size in [1, 2, 3, 5, 7, 64, 127, 1000, 4096, stream.len()] {
            assert_eq!(told(&stream, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_frame_is_told_of_when_its_last_byte_is_there() {
        let stream = server_frame(TEXT, &[b'x'; 500]);
        assert_eq!(told(&stream[..stream.len() - 1], 64), []);
        assert_eq!(told(&stream, 64).len(), 1);
    }

    #[test]
    fn what_a_client_masks_is_read_as_it_was_meant() {
        let mut frame = client_frame(TEXT, b"40");
        assert_eq!(told(&frame, 1), [(TEXT, 8, b"40".to_vec())]);
        frame[2..6].copy_from_slice(&[1, 2, 3, 4]);
        assert_eq!(told(&frame, 3), [(TEXT, 8, vec![b'4' ^ 1, b'0' ^ 2])]);
    }

    #[test]
    fn control_frames_may_stand_between() {
        let stream =
            [server_frame(PING, b"hi"), server_frame(CONTINUATION, b""), server_frame(CLOSE, b"")].concat();
        let opcodes: Vec<u8> = told(&stream, 1).iter().map(|frame| frame.0).collect();
        assert_eq!(opcodes, [PING, CONTINUATION, CLOSE]);
    }
}
