//! Streams cut anywhere give the same frames; what cannot be cut says why.

use bytes::Bytes;
use proptest::prelude::*;

use super::super::error::ParseErrorKind;
use super::super::*;
use super::lines;

const REGISTER: &str =
    "REGISTER sip:b SIP/2.0|Via: SIP/2.0/TCP h|Subject: folded|  line|Content-Length: 4||body";
const RESPONSE: &str = "SIP/2.0 200 OK|Via: SIP/2.0/TCP h|l :|  0||";

fn frames_of(pieces: &[&[u8]], limits: &Limits) -> (Vec<Frame>, Option<FrameError>) {
    let mut framer = StreamFramer::new(limits.clone());
    let (mut frames, mut error) = (Vec::new(), None);
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.pull() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(found) => error = Some(found),
            }
        }
    }
    (frames, error)
}

fn stream() -> Bytes {
    lines(&format!("||{REGISTER}{RESPONSE}|||||{REGISTER}"))
}

fn expected() -> Vec<Frame> {
    let message = |text| Frame::Message(lines(text));
    vec![
        Frame::Pong,
        Frame::Ping,
        message(REGISTER),
        message(RESPONSE),
        Frame::Pong,
        Frame::Ping,
        Frame::Pong,
        Frame::Ping,
        Frame::Pong,
        message(REGISTER),
    ]
}

#[test]
fn a_stream_cut_at_every_byte_gives_the_same_frames() {
    let stream = stream();
    for cut in 0..=stream.len() {
        let pieces = [&stream[..cut], &stream[cut..]];
        assert_eq!(frames_of(&pieces, &Limits::default()), (expected(), None), "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn a_stream_cut_into_any_pieces_gives_the_same_frames(cuts in prop::collection::vec(0usize..400, 0..40)) {
        let stream = stream();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.sort_unstable();
        cuts.push(stream.len());
        let mut from = 0;
        let pieces: Vec<&[u8]> = cuts.iter().map(|&to| &stream[std::mem::replace(&mut from, to)..to]).collect();
        prop_assert_eq!(frames_of(&pieces, &Limits::default()), (expected(), None));
    }
}

fn refused(text: &str, limits: &Limits) -> FrameErrorKind {
    let bytes = lines(text);
    let whole = frames_of(&[&bytes], limits).1;
    let by_byte: Vec<&[u8]> = bytes.chunks(1).collect();
    let by_byte = frames_of(&by_byte, limits).1.map(|error| error.kind);
    let Some(error) = whole else { panic!("{text} is fine") };
    assert_eq!(by_byte, Some(error.kind), "{text}");
    assert!(error.status().is_refusal());
    error.kind
}

#[test]
fn a_stream_without_a_length_cannot_be_cut() {
    let limits = Limits::default();
    assert_eq!(refused("BYE sip:b SIP/2.0|Via: SIP/2.0/TCP h||", &limits), FrameErrorKind::NoContentLength);
    for length in ["-1", "x", "", "1|Content-Length: 2", "99999999999"] {
        let text = format!("BYE sip:b SIP/2.0|Content-Length: {length}|Via: SIP/2.0/TCP h||");
        assert_eq!(refused(&text, &limits), FrameErrorKind::ContentLength, "{length}");
    }
}

#[test]
fn two_lengths_that_agree_are_one() {
    let text = "BYE sip:b SIP/2.0|Content-Length: 1|l: 1||x";
    assert_eq!(frames_of(&[&lines(text)], &Limits::default()), (vec![Frame::Message(lines(text))], None));
}

#[test]
fn another_protocol_is_recognised_at_its_first_line() {
    let kind = FrameErrorKind::Head(ParseErrorKind::StartLine);
    assert_eq!(refused("GET / HTTP/1.1|Host: a|", &Limits::default()), kind);
    assert_eq!(refused("a=sendrecv|", &Limits::default()), kind, "without a byte of what follows");
    let line_end = FrameErrorKind::Head(ParseErrorKind::LineEnd);
    assert_eq!(refused("BYE sip:b SIP/2.0\nVia: x|", &Limits::default()), line_end);
}

/// Streams that end in an error, all of them behind a message that is whole.
const BROKEN: [&str; 9] = [
    "garbage||",
    "a=sendrecv|",
    "\nBYE sip:b SIP/2.0\n",
    "|\rBYE sip:b SIP/2.0\r\r\n",
    "BYE sip:b SIP/2.0|Via: x||",
    "BYE sip:b SIP/2.0|Content-Length: 1x|Via: SIP/2.0/TCP h|To: <sip:b>||more",
    "BYE sip:b SIP/2.0|Content-Length: 999||",
    "BYE sip:b SIP/2.0|Via: SIP/2.0/TCP h|A: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n|",
    "BYE sip:b SIP/2.0|Via: SIP/2.0/TCP h|A: xx| yy\n|",
];

#[test]
fn what_follows_a_message_changes_nothing_of_it_and_a_broken_stream_breaks_alike_wherever_it_is_cut() {
    let limits = Limits { header_line_bytes: 60, body_bytes: 50, ..Limits::default() };
    for broken in BROKEN {
        let stream = lines(&format!("{REGISTER}{broken}"));
        let (frames, error) = frames_of(&[&stream], &limits);
        assert_eq!(frames.first(), Some(&Frame::Message(lines(REGISTER))), "{broken:?}");
        assert!(error.is_some(), "{broken:?}");
        for cut in 0..=stream.len() {
            let cut_once = frames_of(&[&stream[..cut], &stream[cut..]], &limits);
            assert_eq!(cut_once, (frames.clone(), error.clone()), "{broken:?} cut at {cut}");
        }
        let by_byte: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(frames_of(&by_byte, &limits), (frames, error), "{broken:?} byte by byte");
    }
}

#[test]
fn zeros_between_messages_keep_a_stream_open_and_say_nothing() {
    let stream = lines(&format!("\0\0\0\0{REGISTER}\0{RESPONSE}|\0|\0"));
    let message = |text| Frame::Message(lines(text));
    let expected = vec![message(REGISTER), message(RESPONSE), Frame::Pong, Frame::Pong];
    for cut in 0..=stream.len() {
        let pieces = [&stream[..cut], &stream[cut..]];
        assert_eq!(frames_of(&pieces, &Limits::default()), (expected.clone(), None), "cut at {cut}");
    }
    let mut framer = StreamFramer::new(Limits::default());
    framer.push(&[0; 100_000]);
    assert_eq!((framer.pull(), framer.is_mid_message()), (Ok(None), false));
    assert!(framer.buffer_mut().is_empty());
}

/// Of a peer whose body is longer by a line end than it says, or which keeps the connection open in its own way.
#[test]
fn stray_line_ends_and_spaces_between_messages_end_no_stream() {
    let message = |text| Frame::Message(lines(text));
    for stray in ["\n", "\n\n", "\r", "\r\r", " ", "\t  ", "\r \n", " \0\r\n\r", "\r\r\n", "\n\r\n\n \r"] {
        let stream = lines(&format!("{stray}{REGISTER}{stray}{RESPONSE}{stray}"));
        let whole = frames_of(&[&stream], &Limits::default());
        let messages: Vec<Frame> = whole.0.iter().filter(|frame| **frame != Frame::Pong).cloned().collect();
        assert_eq!((messages, &whole.1), (vec![message(REGISTER), message(RESPONSE)], &None), "{stray:?}");
        for cut in 0..=stream.len() {
            let cut_once = frames_of(&[&stream[..cut], &stream[cut..]], &Limits::default());
            assert_eq!(cut_once, whole, "{stray:?} cut at {cut}");
        }
        let by_byte: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(frames_of(&by_byte, &Limits::default()), whole, "{stray:?} byte by byte");
    }
    for byte in [b'\n', b'\r', b' '] {
        let mut framer = StreamFramer::new(Limits::default());
        framer.push(&[byte; 100_000]);
        assert_eq!((framer.pull(), framer.is_mid_message()), (Ok(None), false));
        assert!(framer.buffer_mut().len() <= 1, "nothing is kept of them");
    }
}

#[test]
fn a_stream_over_a_limit_ends_with_a_status_before_it_is_all_there() {
    let limits = Limits {
        headers_bytes: 200,
        header_line_bytes: 100,
        body_bytes: 50,
        message_bytes: 220,
        ..Limits::default()
    };
    let status = |text: &str| {
        let bytes = lines(text);
        frames_of(&[&bytes], &limits).1.map(|error| error.status().code())
    };
    let long = "x".repeat(90);
    assert_eq!(status(&format!("BYE sip:b SIP/2.0|A: {long}|B: {long}|C")), Some(513));
    assert_eq!(status(&format!("BYE sip:b SIP/2.0|A: {long}xxxxxxxxxxxx")), Some(400));
    assert_eq!(status(&format!("BYE sip:b SIP/2.0|A: {long}|  xxxxxxxxxxx")), Some(400));
    assert_eq!(status("BYE sip:b SIP/2.0|Content-Length: 51||"), Some(413));
    assert_eq!(
        status(&format!("BYE sip:b SIP/2.0|A: {long}|B: {}|Content-Length: 50||", "x".repeat(50))),
        Some(513)
    );
    assert_eq!(status("BYE sip:b SIP/2.0|Content-Length: 50||"), None);
}

#[test]
fn after_an_error_there_is_nothing_more_and_the_request_can_still_be_answered() {
    let mut framer = StreamFramer::new(Limits::default());
    framer.push(&lines(
        "BYE sip:b SIP/2.0|Via: SIP/2.0/TCP h;branch=z9hG4bK1|CSeq: 1 BYE|Content-Length: x|To: <sip:b>||",
    ));
    let error = framer.pull();
    let Err(error) = error else { panic!("{error:?}") };
    assert!(error.salvage().is_some_and(|salvage| salvage.contains(HeaderName::CSeq)));
    framer.push(&lines(RESPONSE));
    assert_eq!(framer.pull(), Ok(None));
    assert!(framer.buffer_mut().is_empty(), "nothing is kept for a stream that is given up");
}

#[test]
fn a_begun_message_shows() {
    let mut framer = StreamFramer::new(Limits::default());
    assert!(!framer.is_mid_message());
    framer.push(b"B");
    assert_eq!(framer.pull(), Ok(None));
    assert!(framer.is_mid_message());
}
