//! How long a call may last by the settings as they are delivered: from the top of signaling to the session.

use bytes::Bytes;
use futures_util::StreamExt;

use super::*;
use crate::ground::{Description, Flow, Instant, ListenerId, Now, SessionId, Transport};
use crate::session::command::{CallLimits, Command, EngineRef, Verb};
use crate::session::event::{EndCause, EventPayload};
use crate::session::media::{MediaFacts, MediaPreferences, MediaReply, MediaRequest, Statistics};
use crate::shard::io::{AttachedEngine, Input, Output};
use crate::sip::Message;

const SDP: &str =
    "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";

/// A shard under virtual time, with media that does what it is asked.
struct Call {
    shard: Shard,
    now: Now,
    session: Option<SessionId>,
    sent: Option<Bytes>,
    bye_at: Option<Instant>,
    ended: Option<EndCause>,
}

impl Call {
    fn handle(&mut self, input: Input) {
        self.shard.handle(input, self.now);
        self.drain();
    }

    fn receive(&mut self, method: &str, to_tag: &str) {
        let body = if method == "INVITE" { SDP } else { "" };
        let bytes = Bytes::from(format!(
            "{method} sip:echo@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-{method}\r\n\
             From: <sip:a@127.0.0.1:5070>;tag=a\r\nTo: <sip:echo@127.0.0.1>{to_tag}\r\nCall-ID: c\r\n\
             CSeq: 1 {method}\r\nContact: <sip:a@127.0.0.1:5070>\r\nMax-Forwards: 70\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let (transport, listener) = (Transport::Udp, ListenerId(0));
        let remote = SocketAddr::from(([127, 0, 0, 1], 5070));
        let flow = Flow { transport, listener, remote, connection: None };
        self.handle(Input::Received { bytes, flow });
    }

    fn drain(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    if bytes.starts_with(b"BYE ") {
                        self.bye_at.get_or_insert(self.now.mono);
                    }
                    self.sent = Some(bytes);
                }
                Output::Event { event, .. } => match event.payload {
                    EventPayload::IncomingCall(_) => self.session = Some(event.session),
                    EventPayload::Ended(ended) => self.ended = Some(ended.cause),
                    _ => {}
                },
                Output::Media { request, body, .. } => {
                    self.shard.handle(Input::MediaReply { request, result: Ok(done(&body)) }, self.now);
                }
                _ => {}
            }
        }
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
}

fn done(asked: &MediaRequest) -> MediaReply {
    match asked {
        MediaRequest::Negotiate { .. } => MediaReply::Negotiated {
            local: Some(Description(Bytes::from_static(SDP.as_bytes()))),
            facts: Some(Box::new(MediaFacts { codec: "PCMU/8000".into(), ..MediaFacts::default() })),
        },
        MediaRequest::Close => MediaReply::Closed(Statistics::default()),
        _ => MediaReply::Done,
    }
}

#[tokio::test]
async fn a_call_of_which_nobody_says_how_long_it_may_last_is_hung_up_after_four_hours() {
    let mut told = None;
    let media = MediaConnection::direct(|_| futures_util::stream::pending().boxed());
    let signaling = start_with(&settings(1), media, false, |shard| {
        told = Some(shard.clone());
        Shard::new(shard, Random::from_key([1, 2]))
    });
    signaling.unwrap().shutdown().await;

    let shard = Shard::new(told.expect("one shard"), Random::from_key([1, 2]));
    let (session, sent, bye_at, ended) = (None, None, None, None);
    let mut call = Call { shard, now: Now::default(), session, sent, bye_at, ended };
    let engine = EngineRef { group: "default".into(), id: "e".into() };
    let attached = AttachedEngine { engine: engine.clone(), sessions_max: None, ready: true, still: false };
    call.handle(Input::Engines(vec![attached]));
    call.receive("INVITE", "");
    let verb = Verb::Answer {
        media: MediaPreferences::default(),
        fields: Vec::new(),
        body: None,
        limits: CallLimits::default(),
    };
    let command = Box::new(Command { command_id: "".into(), engine: Some(engine), verb });
    call.handle(Input::Command { ticket: 1, session: call.session.clone().expect("a call"), command });
    let ok = Message::parse(call.sent.take().expect("a 2xx"), &Limits::default()).expect("a message");
    call.receive("ACK", &format!(";tag={}", ok.headers().to().expect("To").tag().expect("a tag")));

    let lasts = Duration::from_secs(4 * 3_600);
    call.pass(lasts + Duration::from_secs(64));
    assert_eq!(call.bye_at, Some(Now::default().mono + lasts));
    assert_eq!(call.ended, Some(EndCause::DurationLimit));
}
