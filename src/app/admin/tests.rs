use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

struct Idle;

impl Overview for Idle {
    fn ready(&self) -> bool {
        false
    }

    fn counters(&self) -> serde_json::Value {
        serde_json::json!({ "none": 0 })
    }
}

async fn served() -> (SocketAddr, Connections, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connections, stop) = (Connections::default(), CancellationToken::new());
    let server = tokio::spawn(serve(listener, connections.clone(), Arc::new(Idle), stop.clone()));
    (address, connections, stop, server)
}

/// What is answered, to the end of the connection.
async fn answer(mut stream: TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn each_path_answers() {
    let (address, _, stop, server) = served().await;
    for (request, status) in [
        (HEALTH, "200"),
        (b"GET /ready HTTP/1.0\r\n\r\n".as_slice(), "503"),
        (b"GET /counters HTTP/1.0\r\n\r\n", "200"),
        (b"GET /other HTTP/1.0\r\n\r\n", "404"),
        (b"nonsense\r\n\r\n", "400"),
    ] {
        let answer = answer(TcpStream::connect(address).await.unwrap(), request).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
    stop.cancel();
    server.await.unwrap();
}

#[tokio::test]
async fn health_answers_though_as_many_as_there_may_be_say_nothing_or_half_a_request() {
    let (address, connections, _stop, _server) = served().await;
    let mut idle = Vec::new();
    for number in 0..2 * CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET /health HTT").await.unwrap();
        }
        idle.push(stream);
    }
    let answer = answer(TcpStream::connect(address).await.unwrap(), HEALTH).await;
    assert!(answer.ends_with("alive\n"), "{answer}");
    assert!(connections.counts().displaced >= CONNECTIONS_MAX as u64);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_come_whole_closes_its_connection() {
    let (address, _, _stop, _server) = served().await;
    for said in [b"".as_slice(), b"GET /health HTTP/1.1\r\nHost:", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"]
    {
        let began = tokio::time::Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let waited = began.elapsed();
        assert!(waited >= HEAD_TIME_MAX && waited < HEAD_TIME_MAX * 3, "{waited:?}: {}", said.escape_ascii());
    }
}
