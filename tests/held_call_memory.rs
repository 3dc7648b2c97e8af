//! What a held call costs in dialogs and transactions: bytes allocated per call, counted, while thousands are up.

mod counting;

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use callplane::dialog::{DialogSettings, Legs, Listener, Output};
use callplane::ground::leg::{LegEvent, LegId, LegIntent};
use callplane::ground::{Description, Flow, ListenerId, Now, Random, Transport};
use callplane::sip::{Limits, Message};
use callplane::transaction::{self, TransactionSettings, Transactions};

use counting::ALLOCATED;

const CALLS: usize = 5_000;

const SDP: &str = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

fn message(method: &str, call: usize, to_tag: &str, sequence: u32) -> Message {
    let body = if method == "INVITE" { SDP } else { "" };
    let text = format!(
        "{method} sip:echo@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-{call}-{method}\r\n\
         From: sipp <sip:sipp@127.0.0.1:5070>;tag=sipp-{call}\r\nTo: echo <sip:echo@127.0.0.1:5060>{to_tag}\r\n\
         Call-ID: {call}-4711@127.0.0.1\r\nCSeq: {sequence} {method}\r\nContact: <sip:sipp@127.0.0.1:5070>\r\n\
         Max-Forwards: 70\r\nSubject: Performance Test\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Message::parse(Bytes::from(text), &Limits::default()).expect("a message")
}

struct Server {
    legs: Legs,
    transactions: Transactions,
    now: Now,
    flow: Flow,
    invited: Option<LegId>,
    /// The last response sent.
    sent: Option<Bytes>,
}

impl Server {
    fn new() -> Self {
        let mut random = Random::from_key([1, 2]);
        let listener = Listener {
            id: ListenerId(0),
            transport: Transport::Udp,
            host: "127.0.0.1".to_owned(),
            port: 5060,
            ipv6: false,
        };
        let settings = DialogSettings { listeners: vec![listener], ..DialogSettings::default() };
        let remote = "127.0.0.1:5070".parse().expect("an address");
        Self {
            transactions: Transactions::new(TransactionSettings::default(), &mut random),
            legs: Legs::new(settings, random),
            now: Now::default(),
            flow: Flow { transport: Transport::Udp, listener: ListenerId(0), remote, connection: None },
            invited: None,
            sent: None,
        }
    }

    fn drain(&mut self) {
        loop {
            if let Some(output) = self.transactions.poll_output() {
                match output {
                    transaction::Output::Transmit { bytes, .. } => self.sent = Some(bytes),
                    transaction::Output::ToUser(event) => {
                        self.legs.transaction(event, &mut self.transactions, self.now);
                    }
                }
            } else if let Some(output) = self.legs.poll_output() {
                if let Output::Event { leg, event: LegEvent::Invited(_) } = output {
                    self.invited = Some(leg);
                }
            } else {
                return;
            }
        }
    }

    fn receive(&mut self, message: Message) {
        self.transactions.receive(message, self.flow, self.now);
        self.drain();
    }

    /// A call comes in and is answered and acknowledged. Returns our tag, as it stands in To.
    fn call(&mut self, call: usize) -> String {
        self.receive(message("INVITE", call, "", 1));
        let leg = self.invited.take().expect("a call");
        let description = Some(Description(Bytes::from_static(SDP.as_bytes())));
        let accept = LegIntent::Accept { description, fields: Vec::new(), body: None };
        self.legs.intent(leg, accept, &mut self.transactions, self.now).expect("legal");
        self.drain();
        let accepted =
            Message::parse(self.sent.take().expect("a 2xx"), &Limits::default()).expect("a message");
        let tag = format!(";tag={}", accepted.headers().to().expect("To").tag().expect("a tag"));
        self.receive(message("ACK", call, &tag, 1));
        tag
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.advanced(time);
        loop {
            let next =
                [self.transactions.poll_timeout(), self.legs.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end.mono) else { break };
            self.now = self.now.advanced(next.since(self.now.mono));
            self.transactions.handle_timeout(self.now);
            self.drain();
            self.legs.handle_timeout(&mut self.transactions, self.now);
            self.drain();
        }
        self.now = end;
    }
}

#[test]
fn a_held_call_costs_about_a_kilobyte_here() {
    let mut server = Server::new();
    let before = ALLOCATED.load(Ordering::Relaxed);
    let tags: Vec<String> = (0..CALLS).map(|call| server.call(call)).collect();
    let per_call = |now: usize| now.saturating_sub(before) / CALLS;
    let young = per_call(ALLOCATED.load(Ordering::Relaxed));
    server.pass(Duration::from_secs(40));
    assert_eq!(server.transactions.len(), 0);
    let old = per_call(ALLOCATED.load(Ordering::Relaxed));
    println!("bytes per held call: {young} in its first 32 seconds, {old} later (the test's tags included)");
    assert!(young < 3_000, "{young} bytes while transactions linger");
    assert!(old < 2_000, "{old} bytes");
    for (call, tag) in tags.iter().enumerate() {
        server.receive(message("BYE", call, tag, 2));
    }
    server.pass(Duration::from_secs(40));
    assert!(server.legs.is_empty());
}
