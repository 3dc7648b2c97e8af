//! What HTTP/2 has to bear: bursts of small frames, calls that are given up.

use bytes::{BufMut, Bytes, BytesMut};
use callplane::proto::session::v1 as proto;
use callplane::proto::session::v1::attach_item::Item;
use callplane::proto::session::v1::attach_request::Message;
use callplane::proto::session::v1::command::Verb;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use prost::Message as _;
use tokio::net::TcpStream;

use crate::commands::ring;
use crate::support::engine::{message, open};
use crate::support::{Scripted, soon};

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

#[tokio::test]
async fn five_hundred_calls_given_up_at_once_do_not_end_the_connection() {
    let scripted = Scripted::start().await;
    let mut frames = Frames::connect(&scripted).await;
    for _ in 0..10 {
        let mut calls = Vec::new();
        for _ in 0..500 {
            let (_, mut request) = frames.call("SessionService/GetSession").await;
            request.send_reset(h2::Reason::CANCEL);
            calls.push(request);
        }
        tokio::task::yield_now().await;
    }
    let (response, mut request) = frames.call("SessionService/GetSession").await;
    request.send_data(framed(&proto::GetSessionRequest { session_id: "s".into() }), true).expect("sent");
    let answer = soon("an answer", response).await.expect("the connection lives");
    assert_eq!(answer.headers()["grpc-status"], "5");
}
