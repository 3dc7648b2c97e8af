//! The binary as the system sees it: its limits, and how `callplane media` takes signals.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use callplane::proto::media::v1 as proto;
use callplane::proto::media::v1::media_service_client::MediaServiceClient;
use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::request::Operation;
use rustix::process::{Pid, Signal, kill_process};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The soft limit of open files that a process begins with here.
const SOFT_LIMIT: u64 = 64;

/// A process that runs media apart; killed with the test.
struct Media {
    process: Child,
    api: SocketAddr,
}

impl Drop for Media {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until something is so that says nothing when it changes.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Media {
    async fn start(first_port: u16) -> (Self, Channel) {
        let api = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = [
            format!("media.api={api}"),
            "media.bind_ipv4=127.0.0.1".into(),
            format!("media.rtp_port_min={first_port}"),
            format!("media.rtp_port_max={}", first_port + 9),
            "admin.drain_ms=600000".into(),
        ];
        let process = Command::new("sh")
            .args(["-c", &format!("ulimit -S -n {SOFT_LIMIT}; exec \"$0\" \"$@\"")])
            .args([env!("CARGO_BIN_EXE_callplane"), "media"])
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let media = Self { process, api };
        let endpoint = Channel::from_shared(format!("http://{}", media.api)).unwrap();
        let channel = until("its API is there", async || endpoint.connect().await.ok()).await;
        (media, channel)
    }

    fn signal(&self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        until("it ends", async || self.process.try_wait().unwrap()).await
    }
}

async fn ask(channel: &Channel, operation: Operation) -> Outcome {
    let owner = Some(proto::Hello { owner: "owner".into(), incarnation: 1, ..proto::Hello::default() });
    let request = Some(proto::Request { id: 1, operation: Some(operation) });
    let request = proto::ExecuteRequest { owner, request };
    let response = MediaServiceClient::new(channel.clone()).execute(request).await.unwrap();
    response.into_inner().reply.unwrap().result.unwrap()
}

async fn open_endpoint(channel: &Channel) {
    let made = ask(
        channel,
        Operation::Negotiate(proto::Negotiate {
            endpoint_id: "a".into(),
            create: Some(proto::EndpointSettings::default()),
            generation: 1,
            step: Some(proto::negotiate::Step::MakeOffer(proto::MakeOffer {})),
            ..Default::default()
        }),
    );
    assert!(matches!(made.await, Outcome::Negotiated(_)));
}

async fn drains(channel: &Channel) {
    let mut health = HealthClient::new(channel.clone());
    until("it drains", async || {
        let status = health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status();
        (status == ServingStatus::NotServing).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_soft_limit_of_open_files_becomes_the_hard_one() {
    let (media, _channel) = Media::start(29_600).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", media.process.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut columns = line.split_whitespace();
    let (soft, hard) = (columns.next().unwrap(), columns.next().unwrap());
    assert_eq!(soft, hard);
    assert_ne!(soft, SOFT_LIMIT.to_string(), "this host allows no more: nothing was tested");
}

#[tokio::test]
async fn media_apart_that_is_told_to_end_does_so_with_its_last_endpoint() {
    let (mut media, channel) = Media::start(29_620).await;
    open_endpoint(&channel).await;
    media.signal();
    drains(&channel).await;
    assert!(media.process.try_wait().unwrap().is_none());
    let close = Operation::CloseEndpoint(proto::CloseEndpoint { endpoint_id: "a".into() });
    assert!(matches!(ask(&channel, close).await, Outcome::EndpointClosed(_)));
    drop(channel);
    assert!(media.ended().await.success());
}

#[tokio::test]
async fn media_apart_that_is_told_to_end_twice_does_so_at_once() {
    let (mut media, channel) = Media::start(29_640).await;
    open_endpoint(&channel).await;
    media.signal();
    drains(&channel).await;
    media.signal();
    drop(channel);
    assert!(media.ended().await.success());
}
