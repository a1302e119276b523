//! What every carrier of a WebSocket does with the bytes from its peer: holds them to the rules, and puts fragments
//! together.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_http::{error::PayloadError, ws::Item};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use futures_util::Stream;

use super::{
    deflate::Inflater,
    protocol::websocket_frame::{FrameRules, Violation},
    session::Input,
    websocket_line::Line,
};

/// The bytes from the peer, up to the first frame that breaks a rule, and at most one frame at a time: the codec behind
/// it buffers whatever it can get.
pub(super) struct FrameGuard<P> {
    payload: P,
    rules: FrameRules,
    /// Where permessage-deflate was negotiated.
    inflater: Option<Box<Inflater>>,
    message_bytes_max: usize,
    chunk: Bytes,
    frame_complete: bool,
    violation: Rc<Cell<Option<u16>>>,
    line: Arc<Line>,
}

impl<P: Stream<Item = Result<Bytes, PayloadError>> + Unpin> FrameGuard<P> {
    /// A guard before the codec of the WebSocket behind `line`, whose messages may be `message_bytes_max` long.
    pub(super) fn new(payload: P, message_bytes_max: usize, line: Arc<Line>) -> Self {
        let rules = FrameRules::new(message_bytes_max);
        Self {
            payload,
            rules: if line.deflates() { rules.with_compression() } else { rules },
            inflater: line.deflates().then(Box::default),
            message_bytes_max,
            chunk: Bytes::new(),
            frame_complete: false,
            violation: Rc::default(),
            line,
        }
    }

    /// Where the close code of the broken rule is put when the stream ends for one.
    pub(super) fn violation(&self) -> Rc<Cell<Option<u16>>> {
        self.violation.clone()
    }

    /// The bytes behind what was judged so far.
    pub(super) fn into_payload(self) -> P {
        self.payload
    }

    fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        match Pin::new(&mut self.payload).poll_next(cx) {
            Poll::Pending => self.line.poll_dropped(cx).map(|()| None),
            ready => ready,
        }
    }
}

impl<P> FrameGuard<P> {
    /// The next bytes for the codec; none while a deflated message is under way.
    fn judge(&mut self) -> Result<Option<Bytes>, Violation> {
        let progress = self.rules.handle_bytes(&self.chunk)?;
        let bytes = self.chunk.split_to(progress.taken);
        let inflater = self.inflater.as_mut().filter(|_| self.rules.is_compressed());
        let Some(inflater) = inflater else {
            self.frame_complete = progress.frame_complete;
            return Ok(Some(bytes));
        };
        let message = inflater.handle_bytes(&bytes, progress.frame_complete, self.message_bytes_max)?;
        self.frame_complete = message.is_some();
        Ok(message)
    }
}

impl<P: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for FrameGuard<P> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if std::mem::take(&mut this.frame_complete) {
            // Lets the codec decode this frame and the actor deal with it before the next one is read.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            while this.chunk.is_empty() {
                match ready!(this.poll_payload(cx)) {
                    Some(Ok(chunk)) => this.chunk = chunk,
                    // A connection that broke ends like one that was closed.
                    Some(Err(_)) | None => return Poll::Ready(None),
                }
            }
            match this.judge() {
                Ok(Some(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Ok(None) => {}
                Err(violation) => {
                    this.violation.set(Some(violation.0));
                    return Poll::Ready(None);
                }
            }
        }
    }
}

/// The fragments of a message that is under way.
pub(super) struct Fragments {
    text: bool,
    data: BytesMut,
}

impl Fragments {
    /// Adds a fragment to the message that is under way; the last one completes it.
    pub(super) fn add(under_way: &mut Option<Box<Self>>, item: Item) -> Option<Input> {
        let begin = |text, data: Bytes| Some(Box::new(Self { text, data: BytesMut::from(&data[..]) }));
        match (item, under_way.as_mut()) {
            (Item::FirstText(data), _) => *under_way = begin(true, data),
            (Item::FirstBinary(data), _) => *under_way = begin(false, data),
            (Item::Continue(data), Some(message)) => message.data.extend_from_slice(&data),
            (Item::Last(data), Some(message)) => {
                message.data.extend_from_slice(&data);
                return under_way.take().map(|message| message.complete());
            }
            // The guard lets no continuation through that continues nothing.
            (Item::Continue(_) | Item::Last(_), None) => return Some(Input::Violation(1002)),
        }
        None
    }

    fn complete(self) -> Input {
        let data = self.data.freeze();
        match self.text {
            false => Input::Binary(data),
            true => ByteString::try_from(data).map_or(Input::Violation(1007), Input::Text),
        }
    }
}
