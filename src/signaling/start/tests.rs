//! Signaling ends with what it cannot be without, and only then.

use std::future::ready;

use super::*;
use crate::signaling::settings::{SipListener, SipTransport};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

fn settings(shards: u16) -> SignalingSettings {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let listeners = vec![SipListener::on(SipTransport::Udp, anywhere)];
    SignalingSettings { shards, listeners, grpc_listen: anywhere, ..SignalingSettings::default() }
}

#[tokio::test]
async fn signaling_ends_when_a_task_panics_that_it_cannot_be_without() {
    for shards in [1, 2] {
        let media = MediaConnection::direct(|_| panic!("media of this test"));
        let signaling = start(&settings(shards), media, false).unwrap();
        tokio::time::timeout(PATIENCE, signaling.ended()).await.expect("it stays without its link to media");
        signaling.shutdown().await;
    }
}

#[tokio::test]
async fn what_fails_is_given_up_for_and_what_ends_as_told_is_not() {
    let rows: [(Ended, bool); 2] = [(Ok(()), false), (Err("gone".into()), true)];
    for (outcome, given_up) in rows {
        let middle = Middle::new(&settings(1), Handle::current(), 1);
        middle.run_vital("what this test runs", ready(outcome));
        tokio::task::yield_now().await;
        assert_eq!(middle.board.tasks.running(), 0);
        assert_eq!(middle.given_up.is_cancelled(), given_up);
    }
}
