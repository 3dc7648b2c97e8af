//! Signaling ends with what it cannot be without, and only then.

mod lasting;

use std::future::ready;

use super::*;
use crate::ground::SessionId;
use crate::proto::session::v1::session_service_server::SessionService as _;
use crate::proto::session::v1::{CommandContext, TerminateSessionRequest};
use crate::signaling::driver::Request;
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

/// A `traceparent` of this span.
fn traceparent(span: &str) -> String {
    format!("00-0af7651916cd43dd8448eb211c80319c-{span}-01")
}

#[tokio::test]
async fn a_unary_command_is_given_from_the_span_that_its_context_or_its_metadata_tell() {
    let middle = Middle::new(&settings(1), Handle::current(), 1);
    let session = SessionId::parse("s").unwrap();
    middle.board.directory.claim(&session, 0, true, middle.board.clock.mono()).unwrap();
    let api = Api::new(Arc::clone(&middle.board));
    let (one, other) = ("b7ad6b7169203331", "00f067aa0ba902b7");
    let rows = [
        (Some(traceparent(one)), String::new(), Some(one)),
        (Some(traceparent(one)), traceparent(other), Some(other)),
        (Some("none of ours".to_owned()), String::new(), None),
        (None, traceparent(one), Some(one)),
        (None, String::new(), None),
    ];
    for (metadata, traceparent, span) in rows {
        let context = Some(CommandContext { traceparent, ..CommandContext::default() });
        let session_id = "s".to_owned();
        let terminate = TerminateSessionRequest { context, session_id, ..TerminateSessionRequest::default() };
        let mut request = tonic::Request::new(terminate);
        if let Some(told) = &metadata {
            request.metadata_mut().insert("traceparent", told.parse().unwrap());
        }
        // No shard runs: it is there, and waits.
        assert!(api.terminate_session(request).now_or_never().is_none());
        let asked = middle.board.shards[0].untaken();
        let [Request::Command { trace, .. }] = &asked[..] else { panic!("{asked:?}") };
        let given_from = trace.as_ref().map(|context| context.span_id().to_string());
        assert_eq!(given_from.as_deref(), span, "{metadata:?}");
    }
}
