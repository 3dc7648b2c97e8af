//! A media service that agrees to everything, or does as told.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use callplane::proto::media::v1 as proto;
use callplane::proto::media::v1::media_service_server::{MediaService, MediaServiceServer};
use callplane::proto::media::v1::request::Operation;
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt, wrappers::UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming};

type Outgoing = mpsc::UnboundedSender<Result<proto::ControlResponse, Status>>;

#[derive(Default)]
struct State {
    heard: Vec<proto::Request>,
    silent: bool,
    failure: Option<proto::failure::Code>,
    /// How many closes are still refused for want of room.
    closes_refused: usize,
    /// Another process is said to have the owner's name.
    owner_connected: bool,
    stream: Option<Outgoing>,
    /// Requests that were not answered while it was silent.
    unanswered: Vec<proto::Request>,
}

/// The stub. Copies are one.
#[derive(Clone)]
pub struct StubMedia {
    incarnation: u64,
    state: Arc<Mutex<State>>,
}

/// What the stub answers to offers, and offers.
pub const DESCRIPTION: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                               m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

impl StubMedia {
    pub fn new(incarnation: u64) -> Self {
        Self { incarnation, state: Arc::default() }
    }

    pub fn server(&self) -> MediaServiceServer<Self> {
        MediaServiceServer::new(self.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while locked")
    }

    /// Answers nothing from now on.
    pub fn be_silent(&self, silent: bool) {
        self.lock().silent = silent;
    }

    /// Refuses everything so from now on.
    pub fn fail(&self, code: proto::failure::Code) {
        self.lock().failure = Some(code);
    }

    /// Has no room for the next closes.
    pub fn refuse_closes(&self, count: usize) {
        self.lock().closes_refused = count;
    }

    /// Says that another process is connected under the owner's name, or no longer.
    pub fn be_taken(&self, taken: bool) {
        self.lock().owner_connected = taken;
    }

    /// What was asked so far, heartbeats apart.
    pub fn operations(&self) -> Vec<Operation> {
        let state = self.lock();
        let asked = state.heard.iter().filter_map(|request| request.operation.clone());
        asked.filter(|operation| !matches!(operation, Operation::Heartbeat(_))).collect()
    }

    /// Up to which event each `Hello` and each heartbeat so far said that events were heard.
    pub fn acknowledged(&self) -> (Vec<u64>, Vec<u64>) {
        let (mut hellos, mut heartbeats) = (Vec::new(), Vec::new());
        for request in &self.lock().heard {
            match &request.operation {
                Some(Operation::Hello(hello)) => hellos.push(hello.events_through),
                Some(Operation::Heartbeat(heartbeat)) => heartbeats.push(heartbeat.events_through),
                _ => {}
            }
        }
        (hellos, heartbeats)
    }

    /// Tells an event.
    pub fn tell(&self, endpoint: &str, event: proto::endpoint_event::Event) {
        let event = proto::EndpointEvent { endpoint_id: endpoint.into(), event: Some(event) };
        self.say(proto::control_item::Item::Event(event));
    }

    /// Says how the node stands.
    pub fn stand(&self, phase: proto::node_state::Phase) {
        self.say(proto::control_item::Item::NodeState(proto::NodeState { phase: phase.into() }));
    }

    fn say(&self, item: proto::control_item::Item) {
        let item = proto::ControlItem { item: Some(item) };
        let response = proto::ControlResponse { items: vec![item] };
        let _ = self.lock().stream.as_ref().expect("a stream").send(Ok(response));
    }

    /// Breaks the stream.
    pub fn hang_up(&self) {
        self.lock().stream = None;
    }

    fn answer(&self, request: &proto::Request) -> Option<proto::reply::Result> {
        use proto::reply::Result as Told;
        let mut state = self.lock();
        let told = match &request.operation {
            Some(Operation::Hello(_)) if state.owner_connected => Told::Failure(proto::Failure {
                code: proto::failure::Code::OwnerConnected.into(),
                message: "another process is connected".into(),
                ..Default::default()
            }),
            Some(Operation::Hello(hello)) => Told::Welcome(proto::Welcome {
                node: "stub".into(),
                incarnation: self.incarnation,
                events_from: hello.events_through + 1,
                ..Default::default()
            }),
            _ if state.silent => return None,
            _ if state.failure.is_some() => Told::Failure(proto::Failure {
                code: state.failure.unwrap_or_default().into(),
                message: "as told".into(),
                mismatch: proto::failure::Mismatch::AddressFormat.into(),
            }),
            Some(Operation::CloseEndpoint(_)) if state.closes_refused > 0 => {
                state.closes_refused -= 1;
                Told::Failure(proto::Failure {
                    code: proto::failure::Code::Limit.into(),
                    ..Default::default()
                })
            }
            Some(Operation::Negotiate(negotiate)) => Told::Negotiated(negotiated(negotiate)),
            Some(Operation::CloseEndpoint(_)) => {
                Told::EndpointClosed(proto::EndpointClosed { statistics: Some(Default::default()) })
            }
            _ => Told::Done(proto::Done {}),
        };
        Some(told)
    }

    /// Answers what it did not answer while it was silent.
    pub fn answer_all(&self) {
        let (unanswered, stream) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.unanswered), state.stream.clone().expect("a stream"))
        };
        unanswered.iter().for_each(|request| self.reply(request, &stream));
    }

    fn serve(&self, request: proto::Request, stream: &Outgoing) {
        self.lock().heard.push(request.clone());
        self.reply(&request, stream);
    }

    fn reply(&self, request: &proto::Request, stream: &Outgoing) {
        let id = request.id;
        let answer = self.answer(request);
        if answer.is_none() {
            self.lock().unanswered.push(request.clone());
        }
        if let Some(result) = answer {
            let reply = proto::Reply { id, result: Some(result) };
            let item = proto::ControlItem { item: Some(proto::control_item::Item::Reply(reply)) };
            let _ = stream.send(Ok(proto::ControlResponse { items: vec![item] }));
        }
    }
}

fn negotiated(negotiate: &proto::Negotiate) -> proto::Negotiated {
    use proto::negotiate::Step;
    let facts = proto::Facts {
        direction: proto::Direction::Sendrecv.into(),
        codec: "PCMU/8000".into(),
        local_address: "127.0.0.1:40000".into(),
        remote_address: "127.0.0.1:50000".into(),
        telephone_event: false,
        ptime_ms: 20,
        held_by_peer: false,
    };
    let (local, facts) = match &negotiate.step {
        Some(Step::MakeOffer(_)) => (DESCRIPTION, None),
        Some(Step::ApplyAnswer(_)) => ("", Some(facts)),
        Some(Step::AnswerOffer(_)) | None => (DESCRIPTION, Some(facts)),
    };
    proto::Negotiated { local_description: local.into(), facts, descriptor: Default::default() }
}

#[tonic::async_trait]
impl MediaService for StubMedia {
    type ControlStream = Pin<Box<dyn Stream<Item = Result<proto::ControlResponse, Status>> + Send>>;

    async fn control(
        &self,
        request: Request<Streaming<proto::ControlRequest>>,
    ) -> Result<Response<Self::ControlStream>, Status> {
        let mut requests = request.into_inner();
        let (outgoing, responses) = mpsc::unbounded_channel();
        self.lock().stream = Some(outgoing.clone());
        let stub = self.clone();
        let outgoing = outgoing.downgrade();
        tokio::spawn(async move {
            while let Some(Ok(request)) = requests.next().await {
                let Some(stream) = outgoing.upgrade() else { return };
                request.requests.into_iter().for_each(|request| stub.serve(request, &stream));
            }
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(responses))))
    }

    async fn execute(
        &self,
        _request: Request<proto::ExecuteRequest>,
    ) -> Result<Response<proto::ExecuteResponse>, Status> {
        Err(Status::unimplemented("the stub has a stream only"))
    }

    async fn describe_node(
        &self,
        _request: Request<proto::DescribeNodeRequest>,
    ) -> Result<Response<proto::DescribeNodeResponse>, Status> {
        Err(Status::unimplemented("the stub has a stream only"))
    }
}
