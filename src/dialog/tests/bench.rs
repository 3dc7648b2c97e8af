//! The bench: one `Legs` with its transactions, a clock that is moved by hand, and the peer's half of every message.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::dialog::{Census, DialogSettings, LegIntentError, Legs, Listener, Output};
use crate::ground::leg::{Invite, LegEvent, LegFailure, LegId, LegIntent, Party};
use crate::ground::{Asker, Description, Flow, HeaderField, ListenerId, Now, Random, Transport};
use crate::sip::{
    HeaderName, Limits, Message, Method, NameAddrSpec, Request, RequestBuilder, Response, ResponseBuilder,
    StatusCode, ViaSpec,
};
use crate::transaction::{self, TransactionId, TransactionSettings, Transactions};

pub const PEER: &str = "198.51.100.7:5060";
pub const US: &str = "192.0.2.1";

/// Accept as it is where engines take nothing more.
pub const TYPES_TAKEN: &str = "application/sdp, multipart/mixed, multipart/alternative, multipart/related";

/// An offer, an answer: media reads them, nobody here does.
pub fn sdp(text: &str) -> Description {
    Description(Bytes::copy_from_slice(format!("v=0\r\ns={text}\r\n").as_bytes()))
}

pub fn field(name: &str, value: &str) -> HeaderField {
    HeaderField { name: name.to_owned(), value: value.to_owned() }
}

pub fn listener(id: u16, transport: Transport, ipv6: bool) -> Listener {
    let host = if ipv6 { "[2001:db8::1]".to_owned() } else { US.to_owned() };
    Listener { id: ListenerId(id), transport, host, port: 5060, ipv6 }
}

pub fn settings() -> DialogSettings {
    DialogSettings {
        listeners: vec![
            listener(0, Transport::Udp, false),
            listener(1, Transport::Tcp, false),
            listener(2, Transport::Udp, true),
        ],
        product: "Callplane".to_owned(),
        ..DialogSettings::default()
    }
}

pub fn udp(remote: &str) -> Flow {
    let remote = remote.parse().expect("an address");
    Flow { transport: Transport::Udp, listener: ListenerId(0), remote, connection: None }
}

pub struct Bench {
    pub legs: Legs,
    pub transactions: Transactions,
    pub now: Now,
    pub sent: VecDeque<(Flow, Message)>,
    pub tags: VecDeque<u64>,
    pub events: VecDeque<(LegId, LegEvent)>,
    pub resolves: VecDeque<(u64, String, Option<u16>, Transport)>,
    /// Whose name was asked for last.
    pub asker: Option<Asker>,
    pub source: Flow,
    branches: u32,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: DialogSettings) -> Self {
        Self::seeded(settings, 7)
    }

    pub fn seeded(settings: DialogSettings, seed: u64) -> Self {
        let mut random = Random::from_key([seed, 11]);
        Self {
            transactions: Transactions::new(TransactionSettings::default(), &mut random),
            legs: Legs::new(settings, random.fork()),
            now: Now::default(),
            sent: VecDeque::new(),
            tags: VecDeque::new(),
            events: VecDeque::new(),
            resolves: VecDeque::new(),
            asker: None,
            source: udp(PEER),
            branches: 0,
        }
    }

    /// Drains both floors until they are silent.
    pub fn drain(&mut self) {
        loop {
            if let Some(output) = self.transactions.poll_output() {
                match output {
                    transaction::Output::Transmit { flow, bytes, tag } => {
                        let message =
                            Message::parse(bytes, &Limits::default()).expect("we write what can be read");
                        self.sent.push_back((flow, message));
                        self.tags.push_back(tag);
                    }
                    transaction::Output::ToUser(event) => {
                        self.legs.transaction(event, &mut self.transactions, self.now);
                    }
                }
            } else if let Some(output) = self.legs.poll_output() {
                match output {
                    Output::Event { leg, event } => self.events.push_back((leg, event)),
                    Output::Resolve { query, host, port, transport, asker } => {
                        self.asker = Some(asker);
                        self.resolves.push_back((query, host, port, transport));
                    }
                }
            } else {
                return;
            }
        }
    }

    pub fn intent(&mut self, leg: LegId, intent: LegIntent) -> Result<(), LegIntentError> {
        let result = self.legs.intent(leg, intent, &mut self.transactions, self.now);
        self.drain();
        result
    }

    pub fn hang_up(&mut self, leg: LegId) {
        assert_eq!(self.intent(leg, LegIntent::HangUp { fields: Vec::new(), body: None }), Ok(()));
    }

    /// A message of the peer's, parsed as if it came from the wire.
    pub fn receive(&mut self, message: &Message) {
        let message = Message::parse(message.as_bytes().clone(), &Limits::default()).expect("a message");
        self.transactions.receive(message, self.source, self.now);
        self.drain();
    }

    /// Moves the clock, stopping wherever a timer of either floor wants to run.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.advanced(by);
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

    /// Lets all time pass that anything could wait for, and shows that nothing is left.
    pub fn assert_empty(&mut self) {
        self.advance(Duration::from_secs(300));
        assert_eq!(self.legs.census(), Census::default());
        assert_eq!(self.transactions.len(), 0, "transactions are left");
    }

    /// The next message sent: a request with this method.
    pub fn request(&mut self, method: &Method) -> Request {
        match self.sent.pop_front() {
            Some((_, Message::Request(request))) if request.method() == method => request,
            other => panic!("{method} expected, not {other:?}"),
        }
    }

    /// The next message sent: a response with this status to this method.
    pub fn response(&mut self, status: u16, method: &Method) -> Response {
        match self.sent.pop_front() {
            Some((_, Message::Response(response)))
                if response.status().code() == status
                    && response.headers().cseq().expect("CSeq").method == *method =>
            {
                response
            }
            other => panic!("{status} to {method} expected, not {other:?}"),
        }
    }

    pub fn silent(&self) {
        assert!(self.sent.is_empty(), "nothing should be sent: {:?}", self.sent);
    }

    /// The next event.
    pub fn told(&mut self) -> LegEvent {
        self.events.pop_front().expect("an event").1
    }

    /// The next event: a failure.
    pub fn failed(&mut self) -> LegFailure {
        self.failed_because().0
    }

    /// The same, and what is said of it.
    pub fn failed_because(&mut self) -> (LegFailure, String) {
        match self.told() {
            LegEvent::Failed { failure, reason } => (failure, reason.into()),
            other => panic!("a failure expected, not {other:?}"),
        }
    }

    pub fn nothing_told(&self) {
        assert!(self.events.is_empty(), "nothing should be told: {:?}", self.events);
    }

    pub fn ended(&mut self) {
        assert_eq!(self.told(), LegEvent::Ended);
        self.nothing_told();
    }

    pub fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bKpeer{}", self.branches)
    }

    /// The head of a request of the peer's, in the call `call-1`.
    pub fn head(&mut self, method: &Method, sequence: u32, our_tag: Option<&str>) -> RequestBuilder {
        let branch = self.branch();
        self.head_with_branch(method, sequence, our_tag, &branch)
    }

    pub fn head_with_branch(
        &mut self,
        method: &Method,
        sequence: u32,
        our_tag: Option<&str>,
        branch: &str,
    ) -> RequestBuilder {
        let via = ViaSpec {
            transport: self.source.transport,
            host: "198.51.100.7",
            port: None,
            branch,
            rport: true,
        };
        let to = NameAddrSpec { tag: our_tag, ..NameAddrSpec::new("sip:echo@us.example.com") };
        RequestBuilder::new(method, "sip:echo@192.0.2.1:5060")
            .via(&via)
            .max_forwards(70)
            .from(&NameAddrSpec::new("sip:alice@example.com").with_display_name("Alice").with_tag("alice-1"))
            .to(&to)
            .call_id("call-1")
            .cseq(sequence)
    }

    pub fn offering(builder: RequestBuilder, description: Option<&Description>) -> Request {
        let builder = builder.contact(&NameAddrSpec::new("sip:alice@198.51.100.7"));
        match description {
            Some(Description(sdp)) => builder.body("application/sdp", sdp.clone()),
            None => builder,
        }
        .build()
        .expect("an INVITE")
    }

    /// An INVITE comes in. Returns the leg, the INVITE, and the tag that we use.
    pub fn invited(&mut self, offer: Option<&Description>) -> (LegId, Request) {
        let head = self.head(&Method::Invite, 1, None);
        let invite = Self::offering(head, offer);
        self.receive(&invite.clone().into());
        let (leg, event) = self.events.pop_front().expect("an event");
        assert!(matches!(event, LegEvent::Invited(_)), "{event:?}");
        (leg, invite)
    }

    /// An INVITE comes in and is answered and acknowledged. Returns the leg and our tag.
    pub fn incoming_call(&mut self) -> (LegId, String) {
        let (leg, _) = self.invited(Some(&sdp("offer")));
        let accept = LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body: None };
        assert_eq!(self.intent(leg, accept), Ok(()));
        let accepted = self.response(200, &Method::Invite);
        let tag = tag_of(&accepted);
        self.ack(1, &tag, None);
        assert_eq!(self.told(), LegEvent::Confirmed { answer: None });
        (leg, tag)
    }

    pub fn ack(&mut self, sequence: u32, our_tag: &str, answer: Option<&Description>) {
        let head = self.head(&Method::Ack, sequence, Some(our_tag));
        let ack = match answer {
            Some(Description(sdp)) => head.body("application/sdp", sdp.clone()),
            None => head,
        };
        self.receive(&ack.build().expect("an ACK").into());
    }

    /// The callee's ACK to our 200, in a call of ours.
    pub fn ack_of(&mut self, invite: &Request, sequence: u32) {
        let ours = invite.headers().from().expect("From").tag().map(ToOwned::to_owned);
        let head = self.head(&Method::Ack, sequence, ours.as_deref());
        let ack = head.build().expect("an ACK");
        let ack = ack.edit().set(HeaderName::From, "<sip:bob@example.com>;tag=bob-1");
        let ack = ack.build().expect("an ACK");
        self.receive(&ack.into());
    }

    /// A request of the peer's in the dialog.
    pub fn within(&mut self, method: &Method, sequence: u32, our_tag: &str) {
        let request = self.head(method, sequence, Some(our_tag)).build().expect("a request");
        self.receive(&request.into());
    }

    /// Calls the peer. Returns the leg and the INVITE as sent.
    pub fn calling(&mut self, offer: Option<Description>) -> (LegId, Request) {
        let leg = self.legs.open().expect("a leg");
        let invite = Invite { offer, ..invite_to("sip:bob@198.51.100.7") };
        assert_eq!(self.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
        let invite = self.request(&Method::Invite);
        (leg, invite)
    }

    /// The peer answers a request of ours. `tag`: its To tag; a Contact is given with it.
    pub fn answer(&mut self, request: &Request, status: u16, tag: &str, description: Option<&Description>) {
        let response = answer_to(request, status, tag, description);
        self.receive(&response.into());
    }

    /// Calls the peer, which answers. Returns the leg and the INVITE; all is acknowledged.
    pub fn outgoing_call(&mut self) -> (LegId, Request) {
        let (leg, invite) = self.calling(Some(sdp("offer")));
        self.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
        assert!(matches!(self.told(), LegEvent::Accepted { .. }));
        self.request(&Method::Ack);
        (leg, invite)
    }

    /// The transaction of the last message sent could not send it.
    pub fn send_failed(&mut self, tag: u64) {
        assert_ne!(tag, TransactionId::NO_TAG);
        self.transactions.send_failed(tag, self.now);
        self.drain();
    }
}

pub fn invite_to(target: &str) -> Invite {
    Invite {
        target: target.to_owned(),
        from: Party { uri: "sip:us@us.example.com".to_owned(), display_name: "Us".to_owned() },
        to: Party { uri: "sip:bob@example.com".to_owned(), display_name: String::new() },
        call_id: "call-1".to_owned(),
        routes: Vec::new(),
        max_forwards: 70,
        offer: None,
        fields: Vec::new(),
    }
}

pub fn answer_to(request: &Request, status: u16, tag: &str, description: Option<&Description>) -> Response {
    let status = StatusCode::new(status).expect("a status");
    let mut builder = ResponseBuilder::to_request(request, status);
    if !tag.is_empty() {
        builder = builder.to_tag(tag);
    }
    let contact = format!("sip:{tag}@198.51.100.7");
    if !tag.is_empty() {
        builder = builder.contact(&NameAddrSpec::new(&contact));
    }
    match description {
        Some(Description(sdp)) => builder.body("application/sdp", sdp.clone()),
        None => builder,
    }
    .build()
    .expect("a response")
}

/// The To tag.
pub fn tag_of(response: &Response) -> String {
    response.headers().to().expect("To").tag().expect("a tag").to_owned()
}

pub fn body_of(message: &Message) -> Option<Description> {
    let body = message.body();
    (!body.is_empty()).then(|| Description(Bytes::copy_from_slice(body)))
}

pub fn header(message: &Message, name: HeaderName) -> Option<String> {
    message.headers().first(name).map(ToOwned::to_owned)
}
