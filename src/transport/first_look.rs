//! A first look at a datagram, before anything is copied: could this be a SIP message at all?
//!
//! Nothing is refused here that RFC 4475 wants answered: the look is at the beginning of the first line only, and it
//! is made so that twenty thousand pieces of garbage a second cost next to nothing. The grammar belongs to `sip`.

/// What a datagram is at first look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstLook {
    /// Begins as a SIP message does.
    Message,
    /// Empty, line ends only, or up to four zero bytes: it keeps a NAT's binding open and says nothing.
    KeepAlive,
    /// Shorter than any SIP message.
    Short,
    /// Something else.
    Garbage,
}

/// The shortest message with the six header fields of RFC 3261 §8.1.1 in compact form and one-letter values is longer
/// than this many bytes.
const MESSAGE_BYTES_MIN: usize = 60;

/// The longest method name that passes, in bytes. The longest registered one has nine, RFC 4475's `intmeth` 43.
const METHOD_BYTES_MAX: usize = 64;

/// Looks at a datagram. Reads at most [`METHOD_BYTES_MAX`] bytes beyond leading line ends.
pub(super) fn first_look(datagram: &[u8]) -> FirstLook {
    if datagram.len() <= 4 && datagram.iter().all(|&byte| byte == 0) {
        return FirstLook::KeepAlive;
    }
    let Some(begin) = datagram.iter().position(|&byte| byte != b'\r' && byte != b'\n') else {
        return FirstLook::KeepAlive;
    };
    let message = &datagram[begin..];
    if message.len() < MESSAGE_BYTES_MIN {
        return FirstLook::Short;
    }
    if begins_as_response(message) || begins_as_request(message) {
        FirstLook::Message
    } else {
        FirstLook::Garbage
    }
}

/// `SIP/` in any case: a status line, of whatever version.
fn begins_as_response(message: &[u8]) -> bool {
    message[..4].eq_ignore_ascii_case(b"SIP/")
}

/// A token, then white space, then something printable: a request line as far as it must be right to be answered.
fn begins_as_request(message: &[u8]) -> bool {
    let window = &message[..message.len().min(METHOD_BYTES_MAX + 1)];
    let Some(space) = window.iter().position(|&byte| !is_token(byte)) else { return false };
    let after = message[space..].iter().find(|&&byte| byte != b' ' && byte != b'\t');
    space > 0 && window[space] == b' ' && after.is_some_and(|&byte| byte.is_ascii_graphic())
}

/// Whether a byte may stand in a token (RFC 3261 §25.1).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TAIL: &[u8] = b"sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP c;branch=z9hG4bKd\r\nf: <sip:e>;tag=f\r\n\r\n";

    #[rstest]
    #[case(b"INVITE ", FirstLook::Message)]
    #[case(b"\r\n\r\nINVITE ", FirstLook::Message)]
    #[case(b"!interesting-Method0123456789_*+`.%indeed'~ ", FirstLook::Message)]
    #[case(b"SIP/2.0 200 OK ", FirstLook::Message)]
    #[case(b"sip/7.0 200 OK ", FirstLook::Message)]
    #[case(b"INVITE   ", FirstLook::Message)]
    #[case(b" INVITE ", FirstLook::Garbage)]
    #[case(b"INVITE\r\n", FirstLook::Garbage)]
    #[case(b"\x80\xe0\x00\x01", FirstLook::Garbage)]
    #[case(b"<xml> ", FirstLook::Garbage)]
    #[case(b"amethodnamethatislongerthananymethodisamethodnamethatislongerthan ", FirstLook::Garbage)]
    fn what_begins_as_a_message_passes(#[case] head: &[u8], #[case] expected: FirstLook) {
        assert_eq!(first_look(&[head, TAIL].concat()), expected);
    }

    #[rstest]
    #[case(b"", FirstLook::KeepAlive)]
    #[case(b"\0\0\0\0", FirstLook::KeepAlive)]
    #[case(b"\0", FirstLook::KeepAlive)]
    #[case(b"\r\n\r\n", FirstLook::KeepAlive)]
    #[case(b"\0\0\0\0\0", FirstLook::Short)]
    #[case(b"jaK", FirstLook::Short)]
    #[case(b"INVITE sip:a@b SIP/2.0\r\n\r\n", FirstLook::Short)]
    fn what_keeps_a_binding_open_is_told_from_what_is_short(
        #[case] datagram: &[u8],
        #[case] expected: FirstLook,
    ) {
        assert_eq!(first_look(datagram), expected);
    }

    /// RFC 4475's and RFC 5118's messages, right and wrong, all deserve more than a first look.
    #[test]
    fn every_torture_message_passes() {
        let corpora = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora");
        for folder in ["rfc4475", "rfc5118"] {
            let files = std::fs::read_dir(format!("{corpora}/{folder}")).unwrap();
            for file in files.map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
                let message = std::fs::read(&file).unwrap();
                assert_eq!(first_look(&message), FirstLook::Message, "{}", file.display());
            }
        }
    }
}
