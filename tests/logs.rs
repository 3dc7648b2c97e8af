//! The log as whoever reads it can spoil it: a reader that stalls, is gone, or has no room left stops nothing.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A pipe that holds no more: whoever writes into it waits for its reader, which never reads.
fn full_pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while rustix::io::write(&writer, &[b'.'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

struct Media(Child);

impl Drop for Media {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn media(stderr: Stdio, first_port: u16) -> (Media, SocketAddr, SocketAddr) {
    let (api, admin) = (free(), free());
    let settings = [
        format!("media.api={api}"),
        format!("admin.listen={admin}"),
        "media.bind_ipv4=127.0.0.1".into(),
        format!("media.rtp_port_min={first_port}"),
        format!("media.rtp_port_max={}", first_port + 9),
        // Each answer of the API is some lines.
        "telemetry.log=trace,h2=trace".into(),
    ];
    let process = Command::new(env!("CARGO_BIN_EXE_callplane"))
        .arg("media")
        .args(settings.iter().flat_map(|setting| ["--set", setting]))
        .stderr(stderr)
        .spawn()
        .unwrap();
    (Media(process), api, admin)
}

async fn connected(api: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{api}")).unwrap();
    let begun = Instant::now();
    loop {
        match endpoint.connect().await {
            Ok(channel) => return channel,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What `/counters` says of the log.
fn log_counts(admin: SocketAddr) -> serde_json::Value {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /counters HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    serde_json::from_str::<serde_json::Value>(body).unwrap()["log"].clone()
}

#[tokio::test]
async fn a_log_that_is_not_read_stops_nothing_and_its_losses_are_counted() {
    let (reader, stalled) = full_pipe();
    let (gone, nobody_reads) = std::io::pipe().unwrap();
    drop(gone);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let rows: [(&str, Stdio); 3] =
        [("stalled", stalled.into()), ("nobody", OwnedFd::from(nobody_reads).into()), ("full", full.into())];
    for (number, (what, stderr)) in (0..).zip(rows) {
        let (_process, api, admin) = media(stderr, 29_800 + 20 * number);
        let mut health = HealthClient::new(tokio::time::timeout(PATIENCE, connected(api)).await.expect(what));
        // Far more lines than may wait.
        for _ in 0..1_000 {
            let answer = health.check(HealthCheckRequest::default());
            tokio::time::timeout(PATIENCE, answer).await.expect(what).expect(what);
        }
        let log = log_counts(admin);
        assert!(log["lines_lost"].as_u64().unwrap() > 1_000, "{what}: {log}");
        assert_eq!(log["lines"], 0, "{what}: {log}");
    }
    drop(reader);
}

#[test]
fn why_a_start_fails_is_said_all_at_once_and_where_nobody_reads_it_the_process_ends_all_the_same() {
    let failing = |stderr: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callplane"));
        command.args(["serve", "--set", "media.audio_roots=[\"/nowhere\"]"]);
        // An address of documentation (RFC 5737): nobody has it.
        command.args(["--set", "signaling.grpc_listen=192.0.2.1:7070"]).stderr(stderr);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let told = failing(Stdio::piped()).wait_with_output().unwrap();
    let text = String::from_utf8(told.stderr).unwrap();
    let keys = ["signaling.grpc_listen", "media.audio_roots"];
    assert_eq!(text.lines().count(), keys.len(), "{text}");
    for (line, key) in text.lines().zip(keys) {
        assert!(line.starts_with(&format!("callplane: {key}: ")) && line.ends_with(" (--set)"), "{line}");
    }
    assert_eq!(told.status.code(), Some(1));
    let (reader, stalled) = full_pipe();
    let (mut process, begun) = (failing(stalled.into()), Instant::now());
    while process.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            process.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(process.wait().unwrap().code(), Some(1));
    assert!(reader.as_fd().try_clone_to_owned().is_ok());
}

#[tokio::test]
async fn huge_pages_are_off_unless_they_are_wanted() {
    let (process, api, _) = media(Stdio::null(), 29_870);
    let _channel = connected(api).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("THP_enabled:"));
    assert_eq!(line.map(str::trim), Some("0"));
}
