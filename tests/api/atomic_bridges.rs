//! Bridges of calls that live on several shards and media workers: what is refused changes nothing, and every result comes
//! before what it leads to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use callplane::ground::Random;
use callplane::media::MediaSettings;
use callplane::media::service::MediaNode;
use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::attach_item::Item;
use callplane::proto::session::v1::bridge_service_client::BridgeServiceClient;
use callplane::proto::session::v1::command::Verb;
use callplane::proto::session::v1::event::Payload;
use callplane::signaling::{self, MediaConnection, SignalingNode};
use futures_util::StreamExt;

use crate::calls::{call_up, engine};
use crate::support::engine::Engine;
use crate::support::sip::Phone;
use crate::support::{channel, context, settings, until};

/// Calls that are up; one more only rings and can join nothing.
const CALLS: usize = 5;

/// Bursts of commands that do not wait for one another.
const BURSTS: usize = 60;

struct Room {
    node: SignalingNode,
    media: MediaNode,
    owner: Engine,
    sessions: Vec<String>,
    /// What was asked, by the command's id: how many operations it has to complete once it is taken.
    asked: HashMap<String, usize>,
    /// What was taken, or refused.
    taken: HashMap<String, bool>,
    /// Operations that are still to complete.
    open: usize,
    /// Where each session is by its events.
    places: BTreeMap<String, String>,
    phones: Vec<Phone>,
}

async fn room(shards: u16, workers: usize, first_port: u16) -> Room {
    let loopback = Some(std::net::Ipv4Addr::LOCALHOST);
    let (rtp_port_min, rtp_port_max) = (first_port, first_port + 39);
    let media = MediaSettings {
        rtp_port_min,
        rtp_port_max,
        bind_ipv4: loopback,
        workers,
        ..MediaSettings::default()
    };
    let media = callplane::media::service::start(&media).unwrap_or_else(|error| panic!("{error}"));
    let service = media.service.clone();
    let connection =
        MediaConnection::direct(move |requests| service.attend(requests.map(Ok).boxed()).boxed());
    let mut settings = settings();
    settings.shards = shards;
    let node = signaling::start(&settings, connection, false).unwrap_or_else(|error| panic!("{error}"));
    until("media", || node.is_ready()).await;
    let mut owner = engine(&node, "e").await;
    let (mut sessions, mut phones) = (Vec::new(), Vec::new());
    for number in 0..CALLS {
        let (phone, _, session) = call_up(&node, &mut owner, &format!("atomic-{shards}-{number}@test")).await;
        sessions.push(session);
        phones.push(phone);
    }
    let phone = Phone::new(node.sip_address(0).expect("a listener"), &format!("bare-{shards}@test")).await;
    phone.invite("echo").await;
    let (event, ()) = owner.until(|payload| matches!(payload, Payload::IncomingCall(_)).then_some(())).await;
    let session_id = event.session_id;
    // It rings on: nobody decides about it.
    let ring = proto::RingSessionRequest { session_id: session_id.clone(), ..Default::default() };
    owner.command(Verb::RingSession(ring)).await;
    owner.until(|payload| matches!(payload, Payload::Ringing(_)).then_some(())).await;
    sessions.push(session_id);
    phones.push(phone);
    let (asked, taken, places) = (HashMap::new(), HashMap::new(), BTreeMap::new());
    Room { node, media, owner, sessions, asked, taken, open: 0, places, phones }
}

impl Room {
    fn draw(&self, random: &mut Random) -> (Verb, usize) {
        let id = context(&format!("c{}", self.asked.len()));
        let bridge_id = format!("b{}", random.below(3));
        let session =
            |random: &mut Random| self.sessions[random.below(self.sessions.len() as u64) as usize].clone();
        match random.below(8) {
            0..=3 => {
                let count = 1 + random.below(3);
                let members: BTreeSet<String> = (0..count).map(|_| session(random)).collect();
                let operations = members.len();
                let create = proto::CreateBridgeRequest {
                    context: id,
                    bridge_id,
                    mode: if random.below(2) == 0 {
                        proto::BridgeMode::Mix
                    } else {
                        proto::BridgeMode::Relay
                    }
                    .into(),
                    session_ids: members.into_iter().collect(),
                    ..Default::default()
                };
                (Verb::CreateBridge(create), operations)
            }
            4 | 5 => {
                let session_id = session(random);
                (
                    Verb::AddBridgeMember(proto::AddBridgeMemberRequest {
                        context: id,
                        bridge_id,
                        session_id,
                    }),
                    1,
                )
            }
            6 => {
                let session_id = session(random);
                (
                    Verb::RemoveBridgeMember(proto::RemoveBridgeMemberRequest {
                        context: id,
                        bridge_id,
                        session_id,
                    }),
                    1,
                )
            }
            _ => (Verb::DestroyBridge(proto::DestroyBridgeRequest { context: id, bridge_id }), 0),
        }
    }

    async fn burst(&mut self, random: &mut Random) {
        for _ in 0..=random.below(4) {
            let (verb, operations) = self.draw(random);
            self.asked.insert(format!("c{}", self.asked.len()), operations);
            self.owner.command(verb).await;
        }
        while self.taken.len() < self.asked.len() || self.open > 0 {
            let item = self.owner.item().await;
            self.hear(item);
        }
    }

    fn hear(&mut self, item: Item) {
        match item {
            Item::CommandResult(result) => {
                let taken = result.status.expect("a status").code == 0;
                self.open += if taken { self.asked[&result.command_id] } else { 0 };
                self.taken.insert(result.command_id, taken);
            }
            Item::Event(event) => self.event(event),
            other => panic!("{other:?}"),
        }
    }

    fn event(&mut self, event: proto::Event) {
        let cause = &event.caused_by_command_id;
        assert!(cause.is_empty() || self.taken.get(cause) == Some(&true), "{cause} was not taken: {event:?}");
        match event.payload.expect("a payload") {
            Payload::BridgeJoined(joined) => {
                let before = self.places.insert(event.session_id, joined.bridge_id);
                assert_eq!(before, None, "it leaves one before it joins another");
            }
            Payload::BridgeLeft(left) => {
                assert_eq!(self.places.remove(&event.session_id), Some(left.bridge_id));
            }
            Payload::OperationCompleted(_) => self.open -= 1,
            other => panic!("{other:?}"),
        }
    }

    /// Hears events until everybody is where the list of bridges says.
    async fn settle(&mut self) {
        let mut bridges = BridgeServiceClient::new(channel(self.node.grpc_address()).await);
        for _ in 0..1_000 {
            let page = bridges.list_bridges(proto::ListBridgesRequest::default()).await.expect("a page");
            let listed: BTreeMap<String, String> = (page.into_inner().bridges.into_iter())
                .flat_map(|bridge| {
                    bridge.session_ids.into_iter().map(move |id| (id, bridge.bridge_id.clone()))
                })
                .collect();
            if listed == self.places {
                return;
            }
            let more = tokio::time::timeout(std::time::Duration::from_millis(10), self.owner.item());
            if let Ok(item) = more.await {
                self.hear(item);
            }
        }
        panic!("the bridges and the events do not agree: {:?}", self.places);
    }
}

#[tokio::test]
async fn what_is_refused_changes_nothing_and_results_come_before_what_they_lead_to() {
    for (shards, workers, first_port) in [(1, 1, 41_200), (3, 3, 41_300)] {
        let mut room = room(shards, workers, first_port).await;
        let mut random = Random::from_key([u64::from(shards), 4_711]);
        for _ in 0..BURSTS {
            room.burst(&mut random).await;
        }
        room.settle().await;
        let taken = room.taken.values().filter(|taken| **taken).count();
        assert!(taken > BURSTS / 4 && taken < room.taken.len(), "{taken} of {}", room.taken.len());
        assert_eq!(room.node.counters().held.media_releases, 0);
        let listed: BTreeSet<&String> = room.places.values().collect();
        assert!(room.media.snapshot().bridges >= listed.len());
        drop(room.phones);
        room.node.shutdown().await;
        room.media.shutdown();
    }
}
