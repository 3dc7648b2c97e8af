//! What a shard keeps after its busiest time: bytes allocated, counted, when nothing is left of many calls.

mod counting;

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use callplane::dialog::{DialogSettings, Listener};
use callplane::ground::{Description, Flow, ListenerId, Now, Random, SessionId, Transport};
use callplane::session::command::{CallLimits, Command, EngineRef, Verb};
use callplane::session::event::EventPayload;
use callplane::session::media::{MediaFacts, MediaPreferences, MediaReply, MediaRequest, Statistics};
use callplane::shard::io::{AttachedEngine, Input, Output};
use callplane::shard::{Shard, ShardSettings};
use callplane::sip::{Limits, Message};

use counting::ALLOCATED;

/// Calls that are up at once.
const CALLS: usize = 2_000;

const SDP: &str = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

fn message(method: &str, call: &str, to_tag: &str, sequence: u32) -> Bytes {
    let body = if method == "INVITE" { SDP } else { "" };
    Bytes::from(format!(
        "{method} sip:echo@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-{call}-{method}\r\n\
         From: sipp <sip:sipp@127.0.0.1:5070>;tag=sipp-{call}\r\nTo: echo <sip:echo@127.0.0.1:5060>{to_tag}\r\n\
         Call-ID: {call}@127.0.0.1\r\nCSeq: {sequence} {method}\r\nContact: <sip:sipp@127.0.0.1:5070>\r\n\
         Max-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

struct Running {
    shard: Shard,
    now: Now,
    flow: Flow,
    engine: EngineRef,
    /// The last session that came in, and the last message sent.
    session: Option<SessionId>,
    sent: Option<Bytes>,
}

impl Running {
    fn new() -> Self {
        let listener = Listener {
            id: ListenerId(0),
            transport: Transport::Udp,
            host: "127.0.0.1".to_owned(),
            port: 5060,
            ipv6: false,
        };
        let dialogs = DialogSettings { listeners: vec![listener], ..DialogSettings::default() };
        let settings = ShardSettings { dialogs, ..ShardSettings::default() };
        let remote = "127.0.0.1:5070".parse().expect("an address");
        let engine = EngineRef { group: "default".into(), id: "e".into() };
        let mut running = Self {
            shard: Shard::new(settings, Random::from_key([1, 2])),
            now: Now::default(),
            flow: Flow { transport: Transport::Udp, listener: ListenerId(0), remote, connection: None },
            engine: engine.clone(),
            session: None,
            sent: None,
        };
        running.handle(Input::Engines(vec![AttachedEngine {
            engine,
            sessions_max: None,
            ready: true,
            still: false,
        }]));
        running
    }

    fn handle(&mut self, input: Input) {
        self.shard.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => self.sent = Some(bytes),
                Output::Event { event, .. } if matches!(event.payload, EventPayload::IncomingCall(_)) => {
                    self.session = Some(event.session);
                }
                Output::Media { request, body, .. } => {
                    let result = Ok(media(&body));
                    self.shard.handle(Input::MediaReply { request, result }, self.now);
                }
                _ => {}
            }
        }
    }

    /// A call comes in, is answered and acknowledged. Gives our tag, as it stands in To.
    fn call(&mut self, call: &str) -> String {
        self.handle(Input::Received { bytes: message("INVITE", call, "", 1), flow: self.flow });
        let session = self.session.take().expect("a call");
        let verb = Verb::Answer {
            media: MediaPreferences::default(),
            fields: Vec::new(),
            body: None,
            limits: CallLimits::default(),
        };
        let command = Command { command_id: "".into(), engine: Some(self.engine.clone()), verb };
        self.handle(Input::Command { ticket: 1, session, command: Box::new(command) });
        let ok = Message::parse(self.sent.take().expect("a 2xx"), &Limits::default()).expect("a message");
        let tag = format!(";tag={}", ok.headers().to().expect("To").tag().expect("a tag"));
        self.handle(Input::Received { bytes: message("ACK", call, &tag, 1), flow: self.flow });
        tag
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.advanced(time);
        while let Some(next) = self.shard.poll_timeout().filter(|next| *next <= end.mono) {
            self.now = self.now.advanced(next.since(self.now.mono));
            self.shard.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// So many calls are up at once and then hung up; all is forgotten in the end.
    fn busy_time(&mut self, round: usize) {
        let calls: Vec<(String, String)> = (0..CALLS)
            .map(|n| {
                let call = format!("{round}-{n}");
                let tag = self.call(&call);
                (call, tag)
            })
            .collect();
        assert_eq!(self.shard.load().sessions, CALLS);
        for (call, tag) in calls {
            self.handle(Input::Received { bytes: message("BYE", &call, &tag, 2), flow: self.flow });
        }
        self.pass(Duration::from_secs(120));
        (self.session, self.sent) = (None, None);
        let load = self.shard.load();
        assert_eq!((load.sessions, load.legs, load.transactions, load.timers), (0, 0, 0, 0));
    }
}

fn media(asked: &MediaRequest) -> MediaReply {
    match asked {
        MediaRequest::Negotiate { .. } => MediaReply::Negotiated {
            local: Some(Description(Bytes::from_static(SDP.as_bytes()))),
            facts: Some(Box::new(MediaFacts { codec: "PCMU/8000".into(), ..MediaFacts::default() })),
        },
        MediaRequest::Close => MediaReply::Closed(Statistics::default()),
        _ => MediaReply::Done,
    }
}

/// After so many busy times all that is kept for the next one has its room. A hash table has it late: places of what was
/// taken out are used up until it is laid out anew, and twice as large where it was more than half full.
const UNTIL_ROOM: usize = 8;

#[test]
fn what_stays_after_a_busy_time_is_room_for_the_next_and_no_more_after_that() {
    let before = ALLOCATED.load(Ordering::Relaxed);
    let mut running = Running::new();
    let fresh = ALLOCATED.load(Ordering::Relaxed) - before;
    // As many again: whatever grows with the calls that there were, even by doubling now and then, has grown by then.
    let kept: Vec<usize> = (0..2 * UNTIL_ROOM)
        .map(|round| {
            running.busy_time(round);
            ALLOCATED.load(Ordering::Relaxed) - before
        })
        .collect();
    println!("bytes: {fresh} at the beginning; after each time of {CALLS} calls at once: {kept:?}");
    let most = kept[UNTIL_ROOM - 1] - fresh;
    assert!(most < CALLS * 4_000, "{most} bytes stay: more than room for each call of the busiest time");
    let later = kept[kept.len() - 1].saturating_sub(kept[UNTIL_ROOM - 1]);
    assert!(later == 0, "{later} bytes more after {UNTIL_ROOM} more times: something is not let go of");
}
