//! What HTTP/2 has to bear: bursts of small frames, calls that are given up.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::attach_item::Item;
use callplane::proto::session::v1::attach_request::Message;
use callplane::proto::session::v1::command::Verb;
use futures_util::future::join_all;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use prost::Message as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::commands::ring;
use crate::support::core::{engine, small};
use crate::support::engine::{Engine, message, open};
use crate::support::{Scripted, soon, until};

/// A connection of its own, spoken to frame by frame.
struct Frames {
    requests: SendRequest<Bytes>,
    origin: String,
}

impl Frames {
    async fn connect(scripted: &Scripted) -> Self {
        let stream = TcpStream::connect(scripted.node.grpc_address()).await.expect("connected");
        stream.set_nodelay(true).expect("a socket");
        let (requests, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        Self { requests, origin: scripted.origin() }
    }

    async fn call(&mut self, method: &str) -> (ResponseFuture, SendStream<Bytes>) {
        self.requests = soon("room", self.requests.clone().ready()).await.expect("the connection lives");
        let request = http::Request::post(format!("{}/callplane.session.v1.{method}", self.origin))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .expect("a request");
        self.requests.send_request(request, false).expect("sent")
    }
}

/// A message of gRPC.
fn framed(message: &impl prost::Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).expect("short"));
    message.encode(&mut bytes).expect("room");
    bytes.freeze()
}

/// Sends one frame, as soon as the windows allow it whole.
async fn send(stream: &mut SendStream<Bytes>, bytes: Bytes) {
    stream.reserve_capacity(bytes.len());
    while stream.capacity() < bytes.len() {
        let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
        room.expect("the stream lives").expect("the connection lives");
    }
    stream.send_data(bytes, false).expect("sent");
}

/// Reads items until `results` results have come.
async fn read_results(body: &mut RecvStream, results: usize) {
    let (mut buffer, mut seen) = (BytesMut::new(), 0);
    while seen < results {
        let bytes = soon("a result", body.data()).await.expect("no end").expect("the connection lives");
        body.flow_control().release_capacity(bytes.len()).expect("taken");
        buffer.extend_from_slice(&bytes);
        while buffer.len() >= 5 {
            let length = u32::from_be_bytes([buffer[1], buffer[2], buffer[3], buffer[4]]) as usize;
            if buffer.len() < 5 + length {
                break;
            }
            let whole = buffer.split_to(5 + length);
            let response = proto::AttachResponse::decode(&whole[5..]).expect("a response");
            let items = response.items.into_iter();
            seen += items.filter(|item| matches!(item.item, Some(Item::CommandResult(_)))).count();
        }
    }
    assert_eq!(seen, results);
}

async fn burst(commands: usize) {
    let scripted = Scripted::start().await;
    let mut frames = Frames::connect(&scripted).await;
    let (response, mut requests) = frames.call("EventService/Attach").await;
    send(&mut requests, framed(&message(Message::Open(open("e"))))).await;
    let mut body = soon("a response", response).await.expect("accepted").into_body();
    let writer = async {
        for number in 0..commands {
            let verb: Verb = ring("s", &format!("{number}"));
            let command = Message::Command(proto::Command { verb: Some(verb), ..Default::default() });
            send(&mut requests, framed(&message(command))).await;
        }
    };
    tokio::join!(writer, read_results(&mut body, commands));
}

#[tokio::test]
async fn an_engine_that_reads_has_a_result_for_each_of_twenty_thousand_commands_at_once() {
    burst(20_000).await;
}

#[tokio::test]
async fn and_of_fifty_thousand() {
    burst(50_000).await;
}

/// For how long nothing is let in until a stream's window counts as full.
const FULL_AFTER: Duration = Duration::from_secs(1);

/// One of several engines that share a connection.
struct Sharing {
    engine: String,
    requests: SendStream<Bytes>,
    response: Option<ResponseFuture>,
    said: usize,
}

impl Sharing {
    async fn attach(frames: &mut Frames, engine: String) -> Self {
        let (response, mut requests) = frames.call("EventService/Attach").await;
        send(&mut requests, framed(&message(Message::Open(open(&engine))))).await;
        Self { engine, requests, response: Some(response), said: 0 }
    }

    async fn say(&mut self) {
        let verb: Verb = ring("s", &format!("{}-{}", self.engine, self.said));
        let command = Message::Command(proto::Command { verb: Some(verb), ..Default::default() });
        send(&mut self.requests, framed(&message(command))).await;
        self.said += 1;
    }

    /// Reads nothing: so the stream is not read either past a number of commands, and its window fills.
    async fn fill(&mut self, commands: usize) {
        while self.said < commands && tokio::time::timeout(FULL_AFTER, self.say()).await.is_ok() {}
    }

    /// Reads the result of each command, also of those that are yet to be said.
    async fn finish(&mut self, commands: usize) {
        let response = self.response.take().expect("it is read once");
        let mut body = soon("a response", response).await.expect("accepted").into_body();
        let writer = async {
            while self.said < commands {
                self.say().await;
            }
        };
        tokio::join!(writer, read_results(&mut body, commands));
    }
}

/// So many engines by one connection, each with so many commands before it reads anything.
async fn bursts(engines: usize, commands: usize) {
    let scripted = Scripted::start().await;
    let mut frames = Frames::connect(&scripted).await;
    let mut sharing = Vec::new();
    for number in 0..engines {
        sharing.push(Sharing::attach(&mut frames, format!("e{number}")).await);
    }
    join_all(sharing.iter_mut().map(|engine| engine.fill(commands))).await;
    join_all(sharing.iter_mut().map(|engine| engine.finish(commands))).await;
}

#[tokio::test]
async fn two_engines_of_one_connection_have_a_result_for_each_of_twenty_thousand_commands() {
    bursts(2, 20_000).await;
}

#[tokio::test]
async fn eight_engines_of_one_connection_that_read_late_are_held_back_and_not_cut_off() {
    bursts(8, 4_000).await;
}

/// Frames of HTTP/2 (RFC 9113 §4.1), by hand: so that a call and its end go out in one piece.
mod bytes_of {
    use super::{BufMut, BytesMut};

    pub const HEADERS: u8 = 1;
    pub const DATA: u8 = 0;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const GO_AWAY: u8 = 7;

    pub fn frame(into: &mut BytesMut, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        into.put_uint(payload.len() as u64, 3);
        into.put_u8(kind);
        into.put_u8(flags);
        into.put_u32(stream);
        into.put_slice(payload);
    }

    /// The head of a call; each field a literal that is not indexed (RFC 7541 §6.2.2).
    pub fn call(path: &str) -> BytesMut {
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "callplane"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ];
        let mut block = BytesMut::new();
        for (name, value) in fields {
            block.put_u8(0);
            for text in [name, value] {
                block.put_u8(u8::try_from(text.len()).expect("short"));
                block.put_slice(text.as_bytes());
            }
        }
        block
    }
}

/// Reads frames until one of this kind comes for this stream, or the connection is ended.
async fn read_until(stream: &mut TcpStream, kind: u8, id: u32) -> Result<(), String> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.map_err(|error| error.to_string())?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.map_err(|error| error.to_string())?;
        match (head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]])) {
            (bytes_of::GO_AWAY, _) => return Err(String::from_utf8_lossy(&payload[8..]).into_owned()),
            (got, on) if got == kind && on == id => return Ok(()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn five_hundred_calls_given_up_at_once_do_not_end_the_connection() {
    let scripted = Scripted::start().await;
    let mut stream = TcpStream::connect(scripted.node.grpc_address()).await.expect("connected");
    let mut out = BytesMut::from(&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..]);
    bytes_of::frame(&mut out, bytes_of::SETTINGS, 0, 0, &[]);
    stream.write_all(&out).await.expect("sent");
    let call = bytes_of::call("/callplane.session.v1.SessionService/GetSession");
    let get = framed(&proto::GetSessionRequest { session_id: "s".into() });
    let mut id = 1;
    for round in 0..10 {
        let mut out = BytesMut::new();
        for _ in 0..500 {
            bytes_of::frame(&mut out, bytes_of::HEADERS, 4, id, &call);
            bytes_of::frame(&mut out, bytes_of::RST_STREAM, 0, id, &8_u32.to_be_bytes());
            id += 2;
        }
        bytes_of::frame(&mut out, bytes_of::HEADERS, 4, id, &call);
        bytes_of::frame(&mut out, bytes_of::DATA, 1, id, &get);
        stream.write_all(&out).await.expect("sent");
        let answered = soon("an answer", read_until(&mut stream, bytes_of::HEADERS, id)).await;
        assert_eq!(answered, Ok(()), "round {round}");
        id += 2;
    }
}

#[tokio::test]
async fn a_half_dead_connection_locks_no_engine_out() {
    let scripted = Scripted::start().await;
    // A client that never reads and never closes: what is left of it does not hold its successor up.
    let mut dead = Frames::connect(&scripted).await;
    let (response, mut requests) = dead.call("EventService/Attach").await;
    send(&mut requests, framed(&message(Message::Open(open("e"))))).await;
    let mut body = soon("a response", response).await.expect("accepted").into_body();
    let connections = scripted.node.counters().held.api_connections;
    scripted.script.tell((1..=5_000).map(|revision| small(&engine("default", "e"), revision)));
    // Only a stream whose window is full cannot be told its end. The window is HTTP/2's own (RFC 9113 §6.9.2).
    soon("a full window", async {
        while body.flow_control().used_capacity() < 65_535 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    let mut second = Engine::attach(scripted.events(), "e").await;
    assert_eq!(second.event().await.session_revision, 1);
    until("its connection ends", || scripted.node.counters().held.api_connections < connections).await;
    drop((dead, requests, body));
}
