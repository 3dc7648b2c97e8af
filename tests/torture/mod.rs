//! What both torture suites share: where the files are, the verdicts, and an exercise that reads everything there is in
//! a message and writes everything that can be written from it.

use std::hint::black_box;
use std::net::IpAddr;
use std::path::PathBuf;

use bytes::Bytes;
use callplane::sip::{
    Frame, HeaderName, Headers, Limits, Message, Request, Response, ResponseBuilder, StatusCode,
    StreamFramer, build_ack, build_cancel, multipart, scan, validate, validate_response,
};

/// What becomes of a message, and which layer says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "one suite has no message for some of them")]
pub enum Verdict {
    /// It is no SIP message. A request is answered statelessly with this status, from what could be made out of it.
    Syntax(u16),
    /// It reads, and `validate` refuses it with this status.
    Message(u16),
    /// A response that is dropped without a word.
    Discard,
    /// Accepted here, and nothing is wrong with it.
    Fine,
    /// Accepted here. Transport judges it, because it compares addresses and connections.
    Transport(&'static str),
    /// Accepted here. The transaction layer judges it, because it knows what was sent and received before.
    Transaction(&'static str),
    /// Accepted here. Whoever serves the method judges it: options, methods, bodies, bindings, credentials.
    User(&'static str),
}

impl Verdict {
    /// What this floor does: a status, a silent drop, or nothing.
    pub const fn here(self) -> Outcome {
        match self {
            Self::Syntax(status) => Outcome::NoMessage(status),
            Self::Message(status) => Outcome::Refused(status),
            Self::Discard => Outcome::Dropped,
            Self::Fine | Self::Transport(_) | Self::Transaction(_) | Self::User(_) => Outcome::Accepted,
        }
    }
}

/// What this floor made of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    NoMessage(u16),
    Refused(u16),
    Dropped,
    Accepted,
}

/// Judges bytes as a receiver would.
pub fn judge(bytes: &Bytes) -> Outcome {
    match Message::parse(bytes.clone(), &Limits::default()) {
        Err(_) if bytes.starts_with(b"SIP/") => Outcome::Dropped,
        Err(error) => Outcome::NoMessage(error.status().code()),
        Ok(Message::Request(request)) => match validate(&request) {
            Ok(_) => Outcome::Accepted,
            Err(reject) => Outcome::Refused(reject.status.code()),
        },
        Ok(Message::Response(response)) => match validate_response(&response) {
            Ok(_) => Outcome::Accepted,
            Err(_) => Outcome::Dropped,
        },
    }
}

/// The files of a suite by name; `None` when the corpora are not here.
pub fn corpus(suite: &str) -> Option<Vec<(String, Bytes)>> {
    let root = std::env::var_os("CALLPLANE_CORPORA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"), PathBuf::from);
    let Ok(folder) = std::fs::read_dir(root.join(suite)) else {
        println!("skipped: no {suite} in {}; set CALLPLANE_CORPORA", root.display());
        return None;
    };
    let mut files: Vec<(String, Bytes)> = folder
        .map(|entry| {
            let path = entry.expect("a readable folder").path();
            let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a readable file").into())
        })
        .collect();
    files.sort();
    Some(files)
}

/// Holds every file against its row; every row must have its file and every file its row.
pub fn check_table(files: &[(String, Bytes)], table: &[(&str, Verdict)]) {
    for (name, bytes) in files {
        let Some((_, verdict)) = table.iter().find(|(row, _)| row == name) else {
            panic!("no row for {name}")
        };
        assert_eq!(judge(bytes), verdict.here(), "{name}: {verdict:?}");
        exercise(bytes);
    }
    assert_eq!(files.len(), table.len(), "a row without a file, or a file without a row");
}

/// A request that is refused, as no message or by `validate`, can be answered: the answer is well-formed and goes back
/// by the same Via.
pub fn check_refusal(name: &str, bytes: &Bytes) {
    let answer = match Message::parse(bytes.clone(), &Limits::default()) {
        Err(error) => {
            let salvage = error.salvage().unwrap_or_else(|| panic!("{name}: nothing to answer with"));
            salvage.respond(error.status()).to_tag("t").build()
        }
        Ok(Message::Request(request)) => {
            let reject = validate(&request).expect_err("refused");
            if request.headers().top_via().is_err() {
                return;
            }
            ResponseBuilder::to_request(&request, reject.status).reason(reject.reason).to_tag("t").build()
        }
        Ok(Message::Response(_)) => panic!("{name} is a response"),
    };
    let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
    let reread = reparse(answer.as_bytes());
    assert!(reread.headers().top_via().is_ok(), "{name}");
}

/// Reads and writes all there is to read and write. Nothing of it may panic, and these must hold:
/// what was read writes back byte for byte; scan and parser agree; what is written reads the same.
pub fn exercise(bytes: &Bytes) {
    let scanned = scan::route_key(bytes);
    frames_at_once(bytes);
    let message = match Message::parse(bytes.clone(), &Limits::default()) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.status().is_refusal());
            if let Some(salvage) = error.salvage() {
                let answer =
                    salvage.respond(error.status()).build().expect("a salvaged request can be answered");
                reparse(answer.as_bytes());
            }
            return;
        }
    };
    let from = bytes.windows(message.as_bytes().len()).position(|window| window == message.as_bytes());
    assert!(from.is_some(), "an unmodified message is its own bytes");
    agree(scanned.as_ref(), &message);
    read_all(message.headers());
    match &message {
        Message::Request(request) => exercise_request(request),
        Message::Response(response) => exercise_response(response),
    }
}

fn agree(scanned: Option<&scan::RouteKey<'_>>, message: &Message) {
    let headers = message.headers();
    match scanned {
        Some(key) => {
            assert_eq!(headers.call_id(), Ok(key.call_id));
            assert_eq!(headers.to().map(|to| to.tag().is_some()), Ok(key.has_to_tag));
            assert_eq!(message.as_request().map(Request::method), key.method.as_ref());
            assert_eq!(message.as_request().is_some(), key.is_request);
        }
        None => assert!(headers.call_id().is_err() || headers.to().is_err(), "{message:?}"),
    }
}

fn frames_at_once(bytes: &[u8]) -> Vec<Frame> {
    let mut framer = StreamFramer::new(Limits::default());
    framer.push(bytes);
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = framer.pull() {
        frames.push(frame);
    }
    frames
}

fn reparse(bytes: &Bytes) -> Message {
    match Message::parse(bytes.clone(), &Limits::WIDEST) {
        Ok(message) => {
            assert_eq!(message.as_bytes(), bytes);
            message
        }
        Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(bytes)),
    }
}

/// The places a builder noted are those that a parser finds.
fn same_fields(built: Headers<'_>, bytes: &Bytes) {
    let reread = reparse(bytes);
    let list = |headers: Headers<'_>| -> Vec<(HeaderName, String, Vec<u8>)> {
        headers
            .iter()
            .map(|field| (field.name(), field.name_text().to_owned(), field.raw().to_vec()))
            .collect()
    };
    assert_eq!(list(built), list(reread.headers()));
}

fn exercise_request(request: &Request) {
    let _ = request.parse_request_uri().map(|uri| (uri.equivalent(&uri), uri.to_buf()));
    let _ = validate(request).map_err(|reject| reject.to_string());
    for (from, port) in [("192.0.2.200", 4711), ("2001:db8::200", 5060)] {
        let from: IpAddr = from.parse().expect("an address");
        let stamped = request.with_received(from, port);
        same_fields(stamped.headers(), stamped.as_bytes());
        if let Ok(via) = request.headers().top_via()
            && via.host.ip() != Some(from)
        {
            let after = stamped.headers().top_via().expect("the Via is still one");
            assert_eq!(after.received(), Some(from));
            assert_eq!((after.branch, after.host), (via.branch, via.host));
            assert_eq!(stamped.headers().vias().count(), request.headers().vias().count());
            assert_eq!(stamped.body(), request.body());
        }
    }
    let response = ResponseBuilder::to_request(request, StatusCode::OK)
        .to_tag("t")
        .record_route()
        .build()
        .expect("a response");
    same_fields(response.headers(), response.as_bytes());
    for made in [build_ack(request, &response), build_cancel(request)].into_iter().flatten() {
        same_fields(made.headers(), made.as_bytes());
    }
    let edited = request
        .edit()
        .remove(HeaderName::UserAgent)
        .prepend(HeaderName::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx")
        .set(HeaderName::MaxForwards, 69)
        .append_named("X-Added", "yes")
        .body("text/plain", Bytes::from_static(b"hello"))
        .build();
    if let Ok(edited) = edited {
        same_fields(edited.headers(), edited.as_bytes());
        assert_eq!(edited.body(), b"hello");
    }
    let _ =
        multipart::find(request.headers(), &request.body_bytes(), "application", "sdp", &Limits::default());
}

fn exercise_response(response: &Response) {
    let _ = (response.reason(), response.status().reason());
    let _ = validate_response(response).map_err(|discard| discard.to_string());
    if let Ok(edited) = response.edit().append_named("X-Added", "yes").build() {
        same_fields(edited.headers(), edited.as_bytes());
    }
}

/// Every typed accessor there is.
fn read_all(headers: Headers<'_>) {
    for field in headers.iter() {
        assert!(headers.by_name(field.name_text()).next().is_some());
        let _ = (field.raw(), field.value());
    }
    addresses(headers);
    let _ = (headers.call_id(), headers.cseq(), headers.rack(), headers.rseq(), headers.date());
    let _ = (headers.max_forwards(), headers.max_breadth(), headers.expires(), headers.min_expires());
    let _ = (headers.content_length(), headers.mime_version(), headers.priority(), headers.info_package());
    let _ =
        (headers.subject(), headers.organization(), headers.user_agent().count(), headers.server().count());
    let _ = headers
        .content_type()
        .map(|found| found.map(|media| (media.q(), media.to_string(), media.boundary())));
    let _ = headers.content_disposition().map(|found| found.map(|disposition| disposition.is_optional()));
    let _ = headers.retry_after().map(|found| found.map(|after| after.duration()));
    let _ = headers.timestamp();
    let _ = headers.authentication_info().map(|found| found.map(|params| params.iter().count()));
    let _ = headers.event().map(|found| found.map(|event| event.id().is_some()));
    let _ =
        headers.subscription_state().map(|found| found.map(|state| (state.expires(), state.retry_after())));
    let _ = (headers.replaces(), headers.join(), headers.target_dialog());
    let _ = headers.session_expires().map(|found| found.map(|expires| expires.refresher().is_some()));
    let _ = headers.min_se();
    lists(headers);
}

fn addresses(headers: Headers<'_>) {
    for address in [headers.from(), headers.to()].into_iter().flatten() {
        let _ = (address.display_name(), address.tag(), address.uri(), address.to_string());
    }
    for address in
        [headers.reply_to(), headers.refer_to(), headers.referred_by()].into_iter().flatten().flatten()
    {
        let _ = address.uri();
    }
    for list in [headers.routes(), headers.record_routes(), headers.paths(), headers.service_routes()] {
        list.flatten().for_each(|address| {
            let _ = black_box(address.uri());
        });
    }
    for list in [headers.asserted_identities(), headers.preferred_identities(), headers.diversions()] {
        list.flatten().for_each(|address| {
            let _ = black_box(address.display_name());
        });
    }
    headers.history_info().flatten().for_each(|address| {
        let _ = black_box(address.params().iter().count());
    });
    let _ = headers.first_contact();
    for contact in headers.contacts().flatten().filter_map(callplane::sip::Contact::address) {
        let _ = (contact.q(), contact.expires(), contact.uri());
    }
    for via in headers.vias().flatten() {
        let _ = (via.transport(), via.magic_branch(), via.received(), via.port_or_default(), via.to_string());
    }
}

fn lists(headers: Headers<'_>) {
    for list in [headers.accept_encoding(), headers.accept_language(), headers.recv_info()] {
        list.flatten().for_each(|weighted| {
            let _ = black_box(weighted.q());
        });
    }
    for list in [headers.alert_info(), headers.call_info(), headers.error_info()] {
        list.flatten().for_each(|info| {
            let _ = black_box(info.uri());
        });
    }
    for list in [
        headers.allow(),
        headers.allow_events(),
        headers.require(),
        headers.proxy_require(),
        headers.supported(),
        headers.unsupported(),
        headers.content_encoding(),
        headers.content_language(),
    ] {
        let _ = list.count();
    }
    let _ = (headers.accept().count(), headers.in_reply_to().count(), headers.knows_option("timer"));
    headers.warnings().flatten().for_each(|warning| {
        let _ = black_box(warning.text());
    });
    headers.reasons().flatten().for_each(|reason| {
        let _ = black_box((reason.cause(), reason.text().is_some()));
    });
    let credentials = headers.www_authenticate().chain(headers.proxy_authenticate());
    for found in credentials.chain(headers.authorization()).chain(headers.proxy_authorization()).flatten() {
        let _ = (found.is_digest(), found.params.get("realm"));
    }
}

/// A small generator with a fixed seed, so that a failing mutation can be found again.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below.max(1)
    }
}

/// Bytes that matter to the grammar, to be put where they do most harm.
const SPICE: &[u8] = b"\r\n \t:;,=<>\"\\@%[]()?/*\0\x7f\x80\xff0A";

/// No cut and no flipped bytes make anything panic.
pub fn mutate(name: &str, bytes: &Bytes, rounds: usize) {
    for cut in 0..bytes.len() {
        exercise(&bytes.slice(..cut));
    }
    let mut dice =
        Dice(name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))));
    for _ in 0..rounds {
        let mut changed = bytes.to_vec();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(changed.len());
            match dice.roll(4) {
                0 => changed[at] = dice.roll(256) as u8,
                1 => changed[at] = SPICE[dice.roll(SPICE.len())],
                2 => changed.insert(at, SPICE[dice.roll(SPICE.len())]),
                _ => drop(changed.remove(at)),
            }
        }
        exercise(&changed.into());
    }
}

/// The frames of a stream cut in two at every byte are those of the stream in one piece.
pub fn cut_everywhere(name: &str, bytes: &Bytes) {
    let whole = frames_at_once(bytes);
    for cut in 0..=bytes.len() {
        let mut framer = StreamFramer::new(Limits::default());
        let mut frames = Vec::new();
        for piece in [&bytes[..cut], &bytes[cut..]] {
            framer.push(piece);
            while let Ok(Some(frame)) = framer.pull() {
                frames.push(frame);
            }
        }
        assert_eq!(frames, whole, "{name} cut at {cut}");
    }
    let mut framer = StreamFramer::new(Limits::default());
    let mut frames = Vec::new();
    for byte in bytes {
        framer.push(&[*byte]);
        while let Ok(Some(frame)) = framer.pull() {
            frames.push(frame);
        }
    }
    assert_eq!(frames, whole, "{name} byte by byte");
}
