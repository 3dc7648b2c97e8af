//! Starts that are refused, and workers that die.

use std::os::fd::{BorrowedFd, OwnedFd};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;
use crate::ground::{Instant, IpVersion};
use crate::media::core::{EndpointKey, Fabric, Failure, Signaled, Step};
use crate::media::worker::net::{EndpointSockets, Woken};
use crate::media::worker::operation::{Create, Kept, Negotiate, Operation, Outcome, Reply, ReplyTo, Source};
use crate::sdp::Direction;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The thread whose worker dies.
const DYING: &str = "media-1";

/// Waits as the real one does, but that the second worker dies of its first turn: by an error or by a panic.
struct Dying<const PANICS: bool>(Epoll);

impl<const PANICS: bool> Backend for Dying<PANICS> {
    type Wire = <Epoll as Backend>::Wire;

    fn new(doorbell: BorrowedFd<'_>) -> std::io::Result<Self> {
        Epoll::new(doorbell).map(Self)
    }

    fn add(&mut self, endpoint: EndpointKey, version: IpVersion, socket: OwnedFd) -> std::io::Result<()> {
        self.0.add(endpoint, version, socket)
    }

    fn remove(&mut self, endpoint: EndpointKey) -> Option<EndpointSockets> {
        self.0.remove(endpoint)
    }

    fn remove_of(&mut self, endpoint: EndpointKey, version: IpVersion) -> Option<OwnedFd> {
        self.0.remove_of(endpoint, version)
    }

    fn sockets(&self) -> usize {
        self.0.sockets()
    }

    fn unsent(&self) -> u64 {
        self.0.unsent()
    }

    fn wire(&mut self) -> &mut Self::Wire {
        self.0.wire()
    }

    fn turn(&mut self, deadline: Option<Instant>, fabric: &mut Fabric) -> std::io::Result<Woken> {
        if std::thread::current().name() != Some(DYING) {
            return self.0.turn(deadline, fabric);
        }
        assert!(!PANICS, "this worker is to die");
        Err(std::io::Error::other("this worker is to die"))
    }
}

/// Two workers on loopback, with ports of their own.
fn settings(first_port: u16) -> MediaSettings {
    let (rtp_port_min, rtp_port_max, workers) = (first_port, first_port + 39, 2);
    let bind_ipv4 = Some(std::net::Ipv4Addr::LOCALHOST);
    MediaSettings { bind_ipv4, rtp_port_min, rtp_port_max, workers, ..MediaSettings::default() }
}

async fn ask(media: &MediaNode, operation: Operation) -> Reply {
    let owner = media.node.owners.meet("owner", clock::now()).unwrap();
    let (sender, receiver) = oneshot::channel();
    media.node.dispatch(&owner, ReplyTo::Once(sender), operation);
    timeout(PATIENCE, receiver).await.expect("no reply comes").unwrap()
}

fn offer(endpoint: &str, affinity: &str) -> Operation {
    Operation::Negotiate(Box::new(Negotiate {
        endpoint: endpoint.into(),
        create: Some(Create { affinity: affinity.into(), ..Create::default() }),
        generation: 1,
        remote: String::new(),
        direction: Direction::SendRecv,
        codecs: Vec::new(),
        codecs_from: String::new(),
        ip_version: None,
        sources: None,
        peer: Signaled::default(),
        step: Step::MakeOffer,
        commit: false,
    }))
}

async fn goes_on_without_the_dead_worker<B: Backend + Send + 'static>(first_port: u16) {
    let media = start_over::<B>(&settings(first_port)).unwrap();
    timeout(PATIENCE, media.ended()).await.expect("nobody hears that the worker died");
    assert!(media.node.workers[1].inbox.is_closed() && !media.node.workers[0].inbox.is_closed());
    for (number, affinity) in ["", "", "", "a", "b", "c", "d"].iter().enumerate() {
        let made = ask(&media, offer(&number.to_string(), affinity)).await;
        assert!(matches!(made, Ok(Outcome::Negotiated(_))), "{made:?}");
    }
    let kept = Kept::default();
    assert_eq!(ask(&media, Operation::Reconcile(Arc::new(kept))).await, Ok(Outcome::Done));
    assert_eq!(media.snapshot().endpoints, 0);
}

#[tokio::test]
async fn a_worker_that_cannot_wait_for_its_sockets_is_heard_of_and_gets_nothing_any_more() {
    goes_on_without_the_dead_worker::<Dying<false>>(29_800).await;
}

#[tokio::test]
async fn a_worker_that_panics_is_heard_of_and_gets_nothing_any_more() {
    goes_on_without_the_dead_worker::<Dying<true>>(29_840).await;
}

#[tokio::test]
async fn who_asked_all_workers_is_answered_when_all_have_ended() {
    let media = start(&settings(29_880)).unwrap();
    media.shutdown();
    let kept = Operation::Reconcile(Arc::new(Kept::default()));
    assert!(matches!(ask(&media, kept).await, Err(Failure::Internal(_))));
}

#[test]
fn an_address_that_this_host_does_not_have_stops_the_start_by_its_key() {
    // Addresses of documentation are nobody's (RFC 5737, RFC 3849).
    let rows = [("bind_ipv4 = '192.0.2.1'", "bind_ipv4"), ("bind_ipv6 = '2001:db8::1'", "bind_ipv6")];
    for (text, key) in rows {
        let settings: MediaSettings = toml::from_str(text).unwrap();
        let error = start(&settings).expect_err(key).to_string();
        assert!(error.starts_with(&format!("media.{key}: ")), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_takes_long_to_read_keeps_no_reply_waiting_and_can_be_stopped_meanwhile() {
    let media = start(&settings(29_920)).unwrap();
    assert!(matches!(ask(&media, offer("a", "")).await, Ok(Outcome::Negotiated(_))));
    // What reads files is busy until this is dropped.
    let (busy, until_then) = std::sync::mpsc::channel::<std::convert::Infallible>();
    media.node.clips.load("first.wav".into(), move |_| assert!(until_then.recv().is_err())).unwrap();
    let play = |playback: &str| Operation::Play {
        endpoint: "a".into(),
        playback: playback.into(),
        source: Source::File { path: "second.wav".into(), times: 1 },
    };
    assert_eq!(ask(&media, play("p")).await, Ok(Outcome::Done));
    assert_eq!(ask(&media, play("q")).await, Ok(Outcome::Done), "it takes the place of the other");
    let stop = |playback: &str| Operation::StopPlay { endpoint: "a".into(), playback: playback.into() };
    assert_eq!(ask(&media, stop("p")).await, Err(Failure::NoPlayback));
    assert_eq!(ask(&media, stop("q")).await, Ok(Outcome::Done));
    drop(busy);
}
