//! A running media node and a client of it.

use std::collections::HashMap;
use std::time::Duration;

use callplane::media::service::{MediaNode, start};
use callplane::media::{MediaSettings, grpc};
use callplane::proto::media::v1 as proto;
use callplane::proto::media::v1::control_item::Item;
use callplane::proto::media::v1::endpoint_event::Event;
use callplane::proto::media::v1::media_service_client::MediaServiceClient;
use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::request::Operation;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::phone::Phone;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Settings for a node on loopback, with a range of ports of its own so that tests do not meet.
pub fn settings(first_port: u16, pairs: u16) -> MediaSettings {
    MediaSettings {
        bind_ipv4: Some(std::net::Ipv4Addr::LOCALHOST),
        rtp_port_min: first_port,
        rtp_port_max: first_port + 2 * pairs - 1,
        workers: 1,
        node: "media-test".into(),
        ..MediaSettings::default()
    }
}

/// An owner's stream.
pub struct Control {
    requests: mpsc::Sender<proto::ControlRequest>,
    responses: Streaming<proto::ControlResponse>,
    next_id: u64,
    replies: HashMap<u64, Outcome>,
    events: Vec<(String, Event)>,
    pub welcome: proto::Welcome,
    /// How the node said that it stands.
    pub node_states: Vec<proto::node_state::Phase>,
}

/// A node with one owner's stream.
pub struct Studio {
    pub node: MediaNode,
    pub control: Control,
}

impl Studio {
    pub async fn start(settings: &MediaSettings) -> Self {
        let node = start(settings).unwrap();
        let control = Control::open(&node, "owner", 1).await.unwrap();
        Self { node, control }
    }

    /// A phone that called and was answered. Its endpoint has the phone's name.
    pub async fn phone(&mut self, name: &str, frequency_hz: Option<f64>) -> Phone {
        let mut phone = Phone::new(name);
        self.answer(&mut phone, 1, "", proto::Direction::Sendrecv).await;
        if let Some(frequency_hz) = frequency_hz {
            phone.talk(frequency_hz);
        }
        phone
    }

    /// Answers an offer of the phone and puts the answer into force.
    pub async fn answer(
        &mut self,
        phone: &mut Phone,
        generation: u64,
        lines: &str,
        direction: proto::Direction,
    ) {
        let negotiate = answer_offer(&phone.name, generation, &phone.description(lines), direction);
        let Outcome::Negotiated(negotiated) = self.control.ask(negotiate).await else {
            panic!("{} was not answered", phone.name)
        };
        let facts = negotiated.facts.unwrap();
        phone.peer = Some(facts.local_address.parse().unwrap());
        self.control.done(commit(&phone.name, generation)).await;
    }

    pub async fn bridge(&mut self, bridge: &str, mode: proto::BridgeMode, members: &[&Phone]) {
        self.control.done(create_bridge(bridge, mode)).await;
        for member in members {
            self.control.done(add_member(bridge, &member.name)).await;
        }
    }
}

impl Control {
    pub async fn open(node: &MediaNode, owner: &str, incarnation: u64) -> Result<Self, Outcome> {
        Self::over(grpc::inprocess::client(&node.service), owner, incarnation).await
    }

    pub async fn over<T>(
        mut client: MediaServiceClient<T>,
        owner: &str,
        incarnation: u64,
    ) -> Result<Self, Outcome>
    where
        T: tonic::client::GrpcService<tonic::body::Body>,
        T::Error: Into<tonic::codegen::StdError>,
        T::ResponseBody: tonic::codegen::Body<Data = bytes::Bytes> + Send + 'static,
        <T::ResponseBody as tonic::codegen::Body>::Error: Into<tonic::codegen::StdError> + Send,
    {
        let (requests, receiver) = mpsc::channel(64);
        let hello = proto::Hello { owner: owner.into(), incarnation, ..proto::Hello::default() };
        let request = proto::Request { id: 0, operation: Some(Operation::Hello(hello)) };
        requests.send(proto::ControlRequest { requests: vec![request] }).await.unwrap();
        let responses = client.control(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        let mut control = Self {
            requests,
            responses,
            next_id: 1,
            replies: HashMap::new(),
            events: Vec::new(),
            node_states: Vec::new(),
            welcome: proto::Welcome::default(),
        };
        match control.reply(0).await {
            Outcome::Welcome(welcome) => {
                control.welcome = welcome;
                Ok(control)
            }
            other => Err(other),
        }
    }

    /// Sends requests in one message; their ids.
    pub async fn send(&mut self, operations: Vec<Operation>) -> Vec<u64> {
        let first = self.next_id;
        let requests: Vec<_> = operations
            .into_iter()
            .map(|operation| {
                let id = self.next_id;
                self.next_id += 1;
                proto::Request { id, operation: Some(operation) }
            })
            .collect();
        self.requests.send(proto::ControlRequest { requests }).await.unwrap();
        (first..self.next_id).collect()
    }

    pub async fn ask(&mut self, operation: Operation) -> Outcome {
        let id = self.send(vec![operation]).await[0];
        self.reply(id).await
    }

    pub async fn done(&mut self, operation: Operation) {
        let asked = format!("{operation:?}");
        let outcome = self.ask(operation).await;
        assert!(matches!(outcome, Outcome::Done(_)), "{asked}: {outcome:?}");
    }

    pub async fn fails(&mut self, operation: Operation) -> proto::failure::Code {
        match self.ask(operation).await {
            Outcome::Failure(failure) => failure.code(),
            other => panic!("it did not fail: {other:?}"),
        }
    }

    pub async fn close(&mut self, endpoint: &str) -> proto::Statistics {
        match self.ask(close(endpoint)).await {
            Outcome::EndpointClosed(closed) => closed.statistics.unwrap(),
            other => panic!("{endpoint} was not closed: {other:?}"),
        }
    }

    pub async fn reply(&mut self, id: u64) -> Outcome {
        loop {
            if let Some(outcome) = self.replies.remove(&id) {
                return outcome;
            }
            self.read().await.expect("the stream ended");
        }
    }

    /// Waits for an event of an endpoint that `wanted` picks.
    pub async fn event<T>(&mut self, endpoint: &str, wanted: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let found = self.events.iter().enumerate().find_map(|(place, (of, event))| {
                (of == endpoint).then(|| wanted(event)).flatten().map(|found| (place, found))
            });
            if let Some((place, found)) = found {
                self.events.remove(place);
                return found;
            }
            self.read().await.expect("the stream ended");
        }
    }

    /// The events that came and nobody asked for yet.
    pub fn events(&mut self) -> Vec<(String, Event)> {
        std::mem::take(&mut self.events)
    }

    /// Reads one message.
    pub async fn read(&mut self) -> Result<(), Option<tonic::Status>> {
        let message = timeout(PATIENCE, self.responses.message()).await.expect("nothing came");
        let message = message.map_err(Some)?.ok_or(None)?;
        assert!(!message.items.is_empty());
        for item in message.items {
            match item.item.unwrap() {
                Item::Reply(reply) => {
                    assert!(self.replies.insert(reply.id, reply.result.unwrap()).is_none());
                }
                Item::Event(event) => self.events.push((event.endpoint_id, event.event.unwrap())),
                Item::NodeState(state) => self.node_states.push(state.phase()),
            }
        }
        Ok(())
    }
}

/// Waits until something is so.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "in vain: {what}");
}

pub fn negotiate(
    endpoint: &str,
    generation: u64,
    direction: proto::Direction,
    step: proto::negotiate::Step,
) -> Operation {
    Operation::Negotiate(proto::Negotiate {
        endpoint_id: endpoint.into(),
        create: Some(proto::EndpointSettings::default()),
        generation,
        remote: String::new(),
        intent: Some(proto::Intent { direction: direction.into(), ..proto::Intent::default() }),
        step: Some(step),
        commit: false,
        peer: None,
    })
}

pub fn answer_offer(endpoint: &str, generation: u64, offer: &str, direction: proto::Direction) -> Operation {
    let offer = proto::AnswerOffer { offer: offer.to_owned().into() };
    negotiate(endpoint, generation, direction, proto::negotiate::Step::AnswerOffer(offer))
}

pub fn make_offer(endpoint: &str, generation: u64) -> Operation {
    let step = proto::negotiate::Step::MakeOffer(proto::MakeOffer {});
    negotiate(endpoint, generation, proto::Direction::Sendrecv, step)
}

pub fn commit(endpoint: &str, generation: u64) -> Operation {
    Operation::Commit(proto::Commit { endpoint_id: endpoint.into(), generation, remote: String::new() })
}

pub fn close(endpoint: &str) -> Operation {
    Operation::CloseEndpoint(proto::CloseEndpoint { endpoint_id: endpoint.into() })
}

pub fn create_bridge(bridge: &str, mode: proto::BridgeMode) -> Operation {
    Operation::CreateBridge(proto::CreateBridge {
        bridge_id: bridge.into(),
        mode: mode.into(),
        affinity: String::new(),
    })
}

pub fn destroy_bridge(bridge: &str) -> Operation {
    Operation::DestroyBridge(proto::DestroyBridge { bridge_id: bridge.into() })
}

pub fn add_member(bridge: &str, endpoint: &str) -> Operation {
    Operation::AddMember(proto::AddMember { bridge_id: bridge.into(), endpoint_id: endpoint.into() })
}

pub fn play_tone(endpoint: &str, playback: &str, frequency_hz: f64, ms: Option<i64>) -> Operation {
    let duration =
        ms.map(|ms| prost_types::Duration { seconds: ms / 1000, nanos: (ms % 1000) as i32 * 1_000_000 });
    Operation::Play(proto::Play {
        endpoint_id: endpoint.into(),
        playback_id: playback.into(),
        source: Some(proto::play::Source::Tone(proto::Tone { frequency_hz, level_db: -12.0, duration })),
    })
}

pub fn play_file(endpoint: &str, playback: &str, path: &str, times: u32) -> Operation {
    Operation::Play(proto::Play {
        endpoint_id: endpoint.into(),
        playback_id: playback.into(),
        source: Some(proto::play::Source::File(proto::File { path: path.into(), times })),
    })
}
