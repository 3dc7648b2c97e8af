//! The torture messages of RFC 4475 and RFC 5118, sent to transactions and dialogs as one receives them: those that are
//! fine as syntax and wrong in meaning get the answer that the RFC asks for, and nothing of any of them stays.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use callplane::dialog::{Census, DialogSettings, Legs, Listener, Output};
use callplane::ground::leg::LegEvent;
use callplane::ground::{Flow, ListenerId, Now, Random, Transport};
use callplane::sip::{Limits, Message};
use callplane::transaction::{self, TransactionSettings, Transactions};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    /// It is answered with this status.
    Status(u16),
    /// It begins a call.
    Call,
    /// Nothing.
    Silence,
}

use Reaction::{Call, Silence, Status};

/// The messages that this floor judges; the others are judged below.
const TABLE: [(&str, Reaction); 16] = [
    // A To tag: it claims to be within a dialog.
    ("wsinv", Status(481)),
    ("longreq", Call),
    ("inv2543", Call),
    ("intmeth", Status(501)),
    ("esc02", Status(501)),
    ("mpart01", Status(405)),
    ("unksm2", Status(405)),
    ("bext01", Status(420)),
    ("invut", Status(415)),
    ("sdp01", Status(406)),
    ("regaut01", Status(405)),
    ("zeromf", Status(200)),
    ("unreason", Silence),
    ("bcast", Silence),
    ("mult-ip-in-sdp", Call),
    ("ipv4-mapped-ipv6", Call),
];

struct Receiver {
    legs: Legs,
    transactions: Transactions,
    now: Now,
    seen: Vec<Reaction>,
}

impl Receiver {
    fn new() -> Self {
        let mut random = Random::from_key([44, 75]);
        let listener = |id, ipv6| Listener {
            id: ListenerId(id),
            transport: Transport::Udp,
            host: "us.example.com".to_owned(),
            port: 5060,
            ipv6,
        };
        let settings = DialogSettings {
            listeners: vec![listener(0, false), listener(1, true)],
            ..DialogSettings::default()
        };
        Self {
            transactions: Transactions::new(TransactionSettings::default(), &mut random),
            legs: Legs::new(settings, random),
            now: Now::default(),
            seen: Vec::new(),
        }
    }

    fn drain(&mut self) {
        loop {
            if let Some(output) = self.transactions.poll_output() {
                match output {
                    transaction::Output::Transmit { bytes, .. } => {
                        let message =
                            Message::parse(bytes, &Limits::default()).expect("what we write can be read");
                        if let Some(response) =
                            message.as_response().filter(|response| response.status().code() > 100)
                        {
                            self.seen.push(Status(response.status().code()));
                        }
                    }
                    transaction::Output::ToUser(event) => {
                        self.legs.transaction(event, &mut self.transactions, self.now);
                    }
                }
            } else if let Some(output) = self.legs.poll_output() {
                if matches!(output, Output::Event { event: LegEvent::Invited(_), .. }) {
                    self.seen.push(Call);
                }
            } else {
                return;
            }
        }
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

    /// Receives one message and shows what it led to; then all of it must go away.
    fn react(mut self, name: &str, bytes: Bytes) -> Reaction {
        let remote = "192.0.2.99:5060".parse().expect("an address");
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), remote, connection: None };
        if let Ok(message) = Message::parse(bytes, &Limits::default()) {
            self.transactions.receive(message, flow, self.now);
            self.drain();
        }
        let reaction = self.seen.first().copied().unwrap_or(Silence);
        assert!(self.seen.len() <= 1, "{name}: {:?}", self.seen);
        self.legs.clear(&mut self.transactions, self.now);
        self.drain();
        self.pass(Duration::from_secs(300));
        assert_eq!(self.legs.census(), Census::default(), "{name}");
        assert_eq!(self.transactions.len(), 0, "{name}");
        reaction
    }
}

fn corpora() -> Vec<(String, Bytes)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora");
    let mut messages = Vec::new();
    for suite in ["rfc4475", "rfc5118"] {
        let folder = std::fs::read_dir(root.join(suite)).expect("the suite's folder");
        for entry in folder {
            let path = entry.expect("a folder entry").path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            messages.push((name, Bytes::from(std::fs::read(&path).expect("a readable file"))));
        }
    }
    messages
}

#[test]
fn what_is_wrong_in_meaning_is_answered_as_the_rfc_asks() {
    let messages = corpora();
    for (name, expected) in TABLE {
        let (_, bytes) = messages.iter().find(|(found, _)| found == name).expect("the file");
        assert_eq!(Receiver::new().react(name, bytes.clone()), expected, "{name}");
    }
}

#[test]
fn no_torture_message_leaves_anything_behind() {
    let messages = corpora();
    assert!(messages.len() >= 61, "{} files", messages.len());
    for (name, bytes) in messages {
        Receiver::new().react(&name, bytes);
    }
}
