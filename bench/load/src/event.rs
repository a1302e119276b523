//! What is looked at in an event: `42["NAME",{"seq":N,…,"wall_time_ms":T,…`, or `451-["NAME",…` and its attachment.

/// An event of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Counts up by one from event to event.
    pub seq: u64,
    /// Unix time at which the server began to send it, microseconds.
    pub sent_us: u64,
}

/// Reads the beginning of a Socket.IO packet; none unless it is the event `name` in `/` with a number and a time.
pub fn telemetry(head: &[u8], name: &str) -> Option<Telemetry> {
    let rest = head.strip_prefix(b"42[\"")?.strip_prefix(name.as_bytes())?.strip_prefix(b"\",{")?;
    let (seq, _) = digits(after(rest, b"\"seq\":")?)?;
    let (ms, rest) = digits(after(rest, b"\"wall_time_ms\":")?)?;
    Some(Telemetry { seq, sent_us: ms * 1000 + thousandths(rest) })
}

/// Whether a packet begins the event `name` in `/` with one attachment, which is the next binary message.
pub fn announces_attachment(head: &[u8], name: &str) -> bool {
    let rest = head.strip_prefix(b"451-[\"").and_then(|rest| rest.strip_prefix(name.as_bytes()));
    rest.is_some_and(|rest| rest.starts_with(b"\""))
}

/// Reads the beginning of an attachment in the binary form of `docs/PROTOCOL.md`.
pub fn binary_telemetry(head: &[u8]) -> Option<Telemetry> {
    head.strip_prefix(b"HMRS")?;
    let seq = u32::from_le_bytes(*head.get(12..)?.first_chunk()?).into();
    let ms = f64::from_le_bytes(*head.get(24..)?.first_chunk()?);
    Some(Telemetry { seq, sent_us: (ms * 1000.0) as u64 })
}

fn after<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(key.len()).position(|window| window == key)?;
    // Encoders differ in whether they write a space behind the colon.
    Some(text[at + key.len()..].trim_ascii_start())
}

/// A whole number, and what follows it.
fn digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..len]).ok()?.parse().ok()?;
    Some((number, &text[len..]))
}

/// Three digits of the fraction that `text` begins with, as a whole number.
fn thousandths(text: &[u8]) -> u64 {
    let Some(fraction) = text.strip_prefix(b".") else { return 0 };
    let mut digits =
        fraction.iter().take_while(|byte| byte.is_ascii_digit()).map(|byte| u64::from(byte - b'0'));
    [100, 10, 1].iter().map(|place| place * digits.next().unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_and_the_time_are_found_wherever_they_stand() {
        let head =
            br#"42["drones-update",{"seq":17,"tick":4,"wall_time_ms":1700000000123.25,"drones":[{"id""#;
        let expected = Telemetry { seq: 17, sent_us: 1_700_000_000_123_250 };
        assert_eq!(telemetry(head, "drones-update"), Some(expected));
        let other = br#"42["drones-update",{"wall_time_ms": 1700000000123, "seq": 17, "drones":["#;
        assert_eq!(
            telemetry(other, "drones-update"),
            Some(Telemetry { sent_us: 1_700_000_000_123_000, ..expected })
        );
    }

    #[test]
    fn an_attachment_is_announced_and_has_both_at_fixed_places() {
        assert!(announces_attachment(br#"451-["n",{"_placeholder":true,"num":0}]"#, "n"));
        for other in [&br#"451-["no",{"_pla"#[..], br#"42["n",{}]"#, br#"452-["n",{"_pla"#] {
            assert!(!announces_attachment(other, "n"));
        }
        let mut head = [0; 64];
        head[..4].copy_from_slice(b"HMRS");
        head[12..16].copy_from_slice(&17_u32.to_le_bytes());
        head[24..32].copy_from_slice(&1_700_000_000_123.25_f64.to_le_bytes());
        assert_eq!(binary_telemetry(&head), Some(Telemetry { seq: 17, sent_us: 1_700_000_000_123_250 }));
        assert_eq!(binary_telemetry(&head[..31]), None);
        assert_eq!(binary_telemetry(&head[1..]), None);
    }

    #[test]
    fn anything_else_is_not_telemetry() {
        for text in
            ["2", "40", r#"42["status-update",{"seq":1,"wall_time_ms":2}]"#, r#"42["drones-update",{"seq":"#]
        {
            assert_eq!(telemetry(text.as_bytes(), "drones-update"), None, "{text}");
        }
    }
}
