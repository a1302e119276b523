//! What a WebSocket frame may look like (RFC 6455, 5.2), judged from its header, before its body is buffered.

use bytes::{BufMut, Bytes, BytesMut};

/// Fragments of one message at most; more is an attack, not a message.
const FRAGMENTS_MAX: u32 = 1024;
/// The longest header: two bytes, eight of length, four of mask.
const HEADER_BYTES_MAX: usize = 14;
const CONTROL_BYTES_MAX: u64 = 125;

/// The first reserved bit: a deflated message, where that was negotiated.
pub const COMPRESSED: u8 = 0x40;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// A broken rule, by the close code that tells the peer about it: 1002, 1008 or 1009.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation(
    /// RFC 6455, 7.4.1.
    pub u16,
);

const PROTOCOL: Violation = Violation(1002);
const POLICY: Violation = Violation(1008);
const TOO_BIG: Violation = Violation(1009);

/// What became of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that belong to the frame at hand and may be passed on.
    pub taken: usize,
    /// Whether that frame ends with them.
    pub frame_complete: bool,
}

/// Watches the bytes that a client sends and stops at the first frame that breaks a rule.
///
/// Holds at most one frame header; bodies only pass by. A message may have `message_bytes_max` bytes over all of its
/// fragments, and its size is known to be too large as soon as a header declares it.
#[derive(Debug)]
pub struct FrameRules {
    message_bytes_max: u64,
    header: [u8; HEADER_BYTES_MAX],
    header_len: usize,
    state: State,
    /// Bytes and fragments of the message under way, while one is.
    message: Option<(u64, u32)>,
    compression: bool,
    /// The message under way is a deflated one.
    compressed: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header,
    Body { left: u64 },
    CloseBody { left: u64, seen: usize, mask: [u8; 4], code: [u8; 2] },
}

impl FrameRules {
    /// Rules for messages of at most `message_bytes_max` bytes.
    pub fn new(message_bytes_max: usize) -> Self {
        Self {
            message_bytes_max: message_bytes_max as u64,
            header: [0; HEADER_BYTES_MAX],
            header_len: 0,
            state: State::Header,
            message: None,
            compression: false,
            compressed: false,
        }
    }

    /// The same rules, for a connection on which permessage-deflate was negotiated: messages may be deflated, and are
    /// measured here as they are, deflated.
    #[must_use]
    pub fn with_compression(mut self) -> Self {
        self.compression = true;
        self
    }

    /// Whether the bytes judged last belong to a deflated message.
    pub fn is_compressed(&self) -> bool {
        self.compressed && self.header[0] & 0x0f < CLOSE
    }

    /// Judges the bytes of `input` up to the end of the frame that they belong to.
    ///
    /// Call again with the rest; `taken` is zero only for empty input.
    pub fn handle_bytes(&mut self, input: &[u8]) -> Result<Progress, Violation> {
        let mut taken = 0;
        while taken < input.len() {
            match self.state {
                State::Header => {
                    self.header[self.header_len] = input[taken];
                    self.header_len += 1;
                    taken += 1;
                    self.check_first_bytes()?;
                    if self.header_len == self.header_bytes() && self.begin_body()? {
                        return Ok(Progress { taken, frame_complete: true });
                    }
                }
                State::Body { left } => {
                    let step = left.min((input.len() - taken) as u64);
                    taken += step as usize;
                    if self.advance(State::Body { left: left - step }, left == step) {
                        return Ok(Progress { taken, frame_complete: true });
                    }
                }
                State::CloseBody { left, seen, mask, mut code } => {
                    if seen < 2 {
                        code[seen] = input[taken] ^ mask[seen % 4];
                    }
                    taken += 1;
                    if seen == 1 {
                        check_close_code(u16::from_be_bytes(code))?;
                    }
                    let next = State::CloseBody { left: left - 1, seen: seen + 1, mask, code };
                    if self.advance(next, left == 1) {
                        return Ok(Progress { taken, frame_complete: true });
                    }
                }
            }
        }
        Ok(Progress { taken, frame_complete: false })
    }

    fn advance(&mut self, next: State, complete: bool) -> bool {
        self.state = if complete { State::Header } else { next };
        complete
    }

    fn opcode(&self) -> u8 {
        self.header[0] & 0x0f
    }

    fn is_final(&self) -> bool {
        self.header[0] & 0x80 != 0
    }

    fn header_bytes(&self) -> usize {
        if self.header_len < 2 {
            return HEADER_BYTES_MAX;
        }
        match self.header[1] & 0x7f {
            126 => 8,
            127 => 14,
            _ => 6,
        }
    }

    fn body_bytes(&self) -> u64 {
        match self.header[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
            127 => self.header[2..10].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
            len => u64::from(len),
        }
    }

    fn check_first_bytes(&mut self) -> Result<(), Violation> {
        match self.header_len {
            1 => self.check_opcode(),
            2 if self.header[1] & 0x80 == 0 => Err(PROTOCOL),
            2 if self.opcode() >= CLOSE && u64::from(self.header[1] & 0x7f) > CONTROL_BYTES_MAX => {
                Err(PROTOCOL)
            }
            _ => Ok(()),
        }
    }

    fn check_opcode(&mut self) -> Result<(), Violation> {
        // Only the first frame of a message says that it is deflated.
        let begins = matches!(self.opcode(), TEXT | BINARY);
        let allowed = if self.compression && begins { COMPRESSED } else { 0 };
        let reserved_bits = self.header[0] & 0x70 & !allowed != 0;
        if begins && self.message.is_none() {
            self.compressed = self.header[0] & COMPRESSED != 0;
        }
        let fits = match self.opcode() {
            CONTINUATION => self.message.is_some(),
            TEXT | BINARY => self.message.is_none(),
            CLOSE | PING | PONG => self.is_final(),
            _ => false,
        };
        if reserved_bits || !fits { Err(PROTOCOL) } else { Ok(()) }
    }

    /// The header is complete: enters the body. True when there is none.
    fn begin_body(&mut self) -> Result<bool, Violation> {
        let bytes = self.body_bytes();
        self.header_len = 0;
        if self.opcode() >= CLOSE {
            return self.begin_control_body(bytes);
        }
        let (so_far, fragments) = self.message.unwrap_or((0, 0));
        let total = so_far.checked_add(bytes).ok_or(TOO_BIG)?;
        if total > self.message_bytes_max {
            return Err(TOO_BIG);
        }
        if fragments >= FRAGMENTS_MAX {
            return Err(POLICY);
        }
        self.message = (!self.is_final()).then_some((total, fragments + 1));
        self.state = if bytes == 0 { State::Header } else { State::Body { left: bytes } };
        Ok(bytes == 0)
    }

    fn begin_control_body(&mut self, bytes: u64) -> Result<bool, Violation> {
        self.state = match (self.opcode(), bytes) {
            (_, 0) => State::Header,
            (CLOSE, 1) => return Err(PROTOCOL),
            (CLOSE, left) => {
                let mask = [self.header[2], self.header[3], self.header[4], self.header[5]];
                State::CloseBody { left, seen: 0, mask, code: [0; 2] }
            }
            (_, left) => State::Body { left },
        };
        Ok(bytes == 0)
    }
}

fn check_close_code(code: u16) -> Result<(), Violation> {
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(()),
        _ => Err(PROTOCOL),
    }
}

/// Appends the header of one unmasked, final frame.
pub fn write_header(out: &mut impl BufMut, binary: bool, body_bytes: usize) {
    out.put_u8(0x80 | if binary { BINARY } else { TEXT });
    match body_bytes {
        0..=125 => out.put_u8(body_bytes as u8),
        126..=65535 => {
            out.put_u8(126);
            out.put_u16(body_bytes as u16);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(body_bytes as u64);
        }
    }
}

/// Bytes that [`write_header`] writes for such a body.
pub fn header_bytes(body_bytes: usize) -> usize {
    match body_bytes {
        0..=125 => 2,
        126..=65535 => 4,
        _ => 10,
    }
}

/// An unmasked close frame with a code and no reason.
pub fn close_frame(code: u16) -> Bytes {
    let mut frame = BytesMut::with_capacity(4);
    frame.put_u8(0x80 | CLOSE);
    frame.put_u8(2);
    frame.put_u16(code);
    frame.freeze()
}
