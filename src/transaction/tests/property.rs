//! Whatever comes in whatever order: no panic, every id ends exactly once, and in the end nothing is left.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::ground::ConnectionId;
use crate::sip::{StatusCode, build_cancel};

#[derive(Clone, Debug)]
enum Step {
    Send { invite: bool, n: u8, stream: bool },
    Response { invite: bool, n: u8, code: u16, stream: bool },
    CancelOurs(u8),
    Receive { method: u8, n: u8, stream: bool },
    Respond { nth: u8, code: u16 },
    RespondStatelessly(u8),
    FlowDown(u8),
    SendFailed(u8),
    Pass(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let code = prop::sample::select(vec![100_u16, 180, 183, 200, 202, 302, 404, 486, 487, 503, 603]);
    let n = 0..4_u8;
    prop_oneof![
        3 => (any::<bool>(), n.clone(), any::<bool>())
            .prop_map(|(invite, n, stream)| Step::Send { invite, n, stream }),
        5 => (any::<bool>(), n.clone(), code.clone(), any::<bool>())
            .prop_map(|(invite, n, code, stream)| Step::Response { invite, n, code, stream }),
        2 => n.clone().prop_map(Step::CancelOurs),
        5 => (0..5_u8, n.clone(), any::<bool>())
            .prop_map(|(method, n, stream)| Step::Receive { method, n, stream }),
        5 => (n.clone(), code).prop_map(|(nth, code)| Step::Respond { nth, code }),
        1 => n.clone().prop_map(Step::RespondStatelessly),
        1 => (0..2_u8).prop_map(Step::FlowDown),
        1 => any::<u8>().prop_map(Step::SendFailed),
        4 => prop::sample::select(vec![1_u32, 100, 200, 500, 1000, 5000, 32_000]).prop_map(Step::Pass),
    ]
}

fn flow(stream: bool, n: u8) -> Flow {
    if stream { tcp_flow(u64::from(n) % 2) } else { udp_flow() }
}

fn ours(invite: bool, n: u8) -> Request {
    let method = if invite { Method::Invite } else { Method::Bye };
    fixture::request(&method, &format!("z9hG4bK-ours-{n}"))
}

fn theirs(method: u8, n: u8) -> Request {
    let branch = format!("z9hG4bK-theirs-{n}");
    let cseq = u32::from(n) + 1;
    let text = |method: &str, tag: Option<&str>| as_request(&request_text(method, &branch, cseq, tag));
    match method {
        0 => text("INVITE", None),
        1 => text("ACK", Some("b1")),
        2 => build_cancel(&text("INVITE", None)).unwrap(),
        3 => text("BYE", Some("b1")),
        _ => text("OPTIONS", None),
    }
}

/// The rig, and what the user knows.
struct Play {
    rig: Rig,
    clients: HashMap<(bool, u8), TransactionId>,
    servers: Vec<(TransactionId, Request)>,
    /// Ids that were given, with how often their end was told.
    ends: HashMap<TransactionId, u32>,
    tags: Vec<u64>,
}

impl Play {
    fn new() -> Self {
        let settings = TransactionSettings {
            transactions_max: 6,
            in_dialog_reserve: 2,
            ..TransactionSettings::default()
        };
        Self {
            rig: Rig::with(settings),
            clients: HashMap::new(),
            servers: Vec::new(),
            ends: HashMap::new(),
            tags: Vec::new(),
        }
    }

    fn note(&mut self, out: Out) {
        self.tags.extend(out.sent.iter().map(|sent| sent.2));
        for event in out.events {
            match event {
                TransactionEvent::Request { id, request, .. } => {
                    self.ends.insert(id, 0);
                    self.servers.push((id, request));
                }
                TransactionEvent::Terminated { id } => {
                    *self.ends.get_mut(&id).expect("only ids that were given come back") += 1;
                    self.servers.retain(|server| server.0 != id);
                }
                TransactionEvent::Response { id, .. }
                | TransactionEvent::Failed { id, .. }
                | TransactionEvent::ServerFailed { id, .. }
                | TransactionEvent::Cancel { invite: id, .. } => {
                    assert_eq!(self.ends[&id], 0, "nothing comes after the end");
                }
                TransactionEvent::Ack { .. } | TransactionEvent::StrayAccepted { .. } => {}
            }
        }
    }

    fn play(&mut self, step: Step) {
        let now = self.rig.now;
        match step {
            Step::Send { invite, n, stream } => {
                if let Ok(id) = self.rig.layer.send_request(ours(invite, n), flow(stream, n), now) {
                    self.clients.insert((invite, n), id);
                    self.ends.insert(id, 0);
                }
            }
            Step::Response { invite, n, code, stream } => {
                let response = response_to(&ours(invite, n), code);
                self.rig.layer.receive(response.into(), flow(stream, n), now);
            }
            Step::CancelOurs(n) => {
                if let Some(id) = self.clients.get(&(true, n)) {
                    let _ = self.rig.layer.cancel(*id, &[], now);
                }
            }
            Step::Receive { method, n, stream } => {
                self.rig.layer.receive(theirs(method, n).into(), flow(stream, n), now);
            }
            Step::Respond { nth, code } => {
                if let Some((id, request)) = self.servers.get(usize::from(nth)) {
                    let _ = self.rig.layer.respond(*id, &response_to(request, code), now);
                }
            }
            Step::RespondStatelessly(nth) => {
                if let Some((id, _)) = self.servers.get(usize::from(nth)) {
                    let _ = self.rig.layer.respond_statelessly(*id, StatusCode::SERVICE_UNAVAILABLE, &[]);
                }
            }
            Step::FlowDown(n) => self.rig.layer.flow_down(ConnectionId(u64::from(n)), now),
            Step::SendFailed(at) => {
                if let Some(tag) = self.tags.get(usize::from(at)) {
                    self.rig.layer.send_failed(*tag, now);
                }
            }
            Step::Pass(millis) => {
                let out = self.rig.advance(ms(u64::from(millis)));
                self.note(out);
            }
        }
        let out = self.rig.drain();
        self.note(out);
    }

    /// The user does what it owes: every request is answered, every ringing call given up.
    fn finish(&mut self) {
        for (id, request) in self.servers.clone() {
            let _ = self.rig.layer.respond(id, &response_to(&request, 500), self.rig.now);
        }
        for id in self.clients.values() {
            let _ = self.rig.layer.cancel(*id, &[], self.rig.now);
        }
        let out = self.rig.drain();
        self.note(out);
        let out = self.rig.advance(ms(200_000));
        self.note(out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn any_sequence_ends_with_nothing_left(steps in prop::collection::vec(step(), 1..60)) {
        let mut play = Play::new();
        for step in steps {
            play.play(step);
        }
        play.finish();
        play.rig.assert_empty();
        prop_assert!(play.ends.values().all(|times| *times == 1), "{:?}", play.ends);
    }
}
