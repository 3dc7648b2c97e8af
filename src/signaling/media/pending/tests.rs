//! What is sent when, and what is kept.

use std::collections::HashSet;

use super::*;

fn id(text: &str) -> SessionId {
    SessionId::parse(text).unwrap()
}

fn endpoint(n: usize) -> Release {
    Release::Endpoint(id(&format!("e{n}")))
}

fn asker(request: u64) -> Option<Asker> {
    Some(Asker { shard: 0, request })
}

fn negotiate(endpoint: &str) -> Operation {
    Operation::Negotiate(proto::Negotiate {
        endpoint_id: endpoint.into(),
        create: Some(proto::EndpointSettings::default()),
        ..Default::default()
    })
}

/// A link whose stream 1 is open, its `Reconcile` sent and answered.
fn open() -> Pending {
    let mut pending = Pending::default();
    pending.open(1, Vec::new, Vec::new());
    let reconcile = pending.take_outgoing(1, 256).expect("what is wanted")[0].id;
    assert!(matches!(pending.answered(reconcile), Some(Waiting::Reconcile(_))));
    pending.reconciled(reconcile);
    pending
}

/// The endpoints that this message closes; each is answered.
fn closed(pending: &mut Pending, message: Vec<proto::Request>) -> Vec<String> {
    let mut closed = Vec::new();
    for request in message {
        let waiting = pending.answered(request.id);
        if let (Some(Waiting::Release(release)), Some(Operation::CloseEndpoint(close))) =
            (waiting, request.operation)
        {
            pending.released(&release);
            closed.push(close.endpoint_id);
        }
    }
    closed
}

#[test]
fn closing_more_endpoints_than_a_queue_holds_loses_none() {
    for count in [20_000, 100_000] {
        let mut pending = open();
        (0..count).for_each(|n| assert!(pending.let_go(endpoint(n), asker(n as u64))));
        let mut seen = HashSet::new();
        while let Some(message) = pending.take_outgoing(1, 256) {
            assert!(message.len() <= 256);
            seen.extend(closed(&mut pending, message));
        }
        assert_eq!((seen.len(), pending.releases(), pending.waiting()), (count, 0, 0));
    }
}

#[test]
fn what_others_ask_does_not_wait_behind_a_mass_of_closes() {
    let mut pending = open();
    (0..20_000).for_each(|n| assert!(pending.let_go(endpoint(n), None)));
    pending.push(negotiate("new"), || Waiting::Shard(Asker { shard: 0, request: 1 })).unwrap();
    let mut before = 0;
    while let Some(message) = pending.take_outgoing(1, 256) {
        let asked = message.iter().any(|one| matches!(one.operation, Some(Operation::Negotiate(_))));
        before += message.len();
        if asked {
            break;
        }
    }
    assert!(before <= crate::signaling::media::RELEASES_ASKED_MAX + 1, "{before} were sent before it");
}

#[test]
fn a_close_goes_behind_what_was_asked_of_its_endpoint_before() {
    let mut pending = open();
    for n in 0..3 {
        pending.push(negotiate(&format!("e{n}")), || Waiting::Shard(Asker { shard: 0, request: 0 })).unwrap();
        pending.let_go(endpoint(n), None);
    }
    let names = |message: Vec<proto::Request>| {
        let name = |request: proto::Request| match request.operation {
            Some(Operation::Negotiate(negotiate)) => format!("make {}", negotiate.endpoint_id),
            Some(Operation::CloseEndpoint(close)) => format!("close {}", close.endpoint_id),
            other => panic!("{other:?}"),
        };
        message.into_iter().map(name).collect::<Vec<_>>()
    };
    let first = names(pending.take_outgoing(1, 3).unwrap());
    let rest = names(pending.take_outgoing(1, 9).unwrap());
    assert_eq!(first, ["make e0", "close e0", "make e1"]);
    assert_eq!(rest, ["close e1", "make e2", "close e2"]);
}

#[test]
fn an_endpoint_that_is_made_anew_is_closed_before() {
    let mut pending = open();
    (0..2_000).for_each(|n| assert!(pending.let_go(endpoint(n), None)));
    while pending.take_outgoing(1, 256).is_some() {}
    pending.push(negotiate("e1999"), || Waiting::Shard(Asker { shard: 0, request: 1 })).unwrap();
    let message = pending.take_outgoing(1, 256).expect("both");
    let [Some(Operation::CloseEndpoint(close)), Some(Operation::Negotiate(_))] =
        [&message[0].operation, &message[1].operation]
    else {
        panic!("{message:?}")
    };
    assert_eq!(close.endpoint_id, "e1999");
}

#[test]
fn the_answer_for_a_former_endpoint_leaves_the_close_of_its_successor_to_be_done() {
    let mut pending = open();
    pending.let_go(endpoint(1), asker(1));
    let first = pending.take_outgoing(1, 256).expect("a close")[0].id;
    pending.push(negotiate("e1"), || Waiting::Shard(Asker { shard: 0, request: 2 })).unwrap();
    pending.let_go(endpoint(1), asker(3));
    let Some(Waiting::Release(release)) = pending.answered(first) else { panic!("nobody waits") };
    assert_eq!((pending.released(&release), pending.releases()), (None, 1));
    let message = pending.take_outgoing(1, 256).expect("both");
    assert_eq!(closed(&mut pending, message), ["e1"]);
    assert_eq!(pending.releases(), 0);
}

#[test]
fn requests_that_are_no_releases_have_their_bound() {
    let mut pending = open();
    let shard = || Waiting::Shard(Asker { shard: 0, request: 1 });
    (0..MEDIA_REQUESTS_MAX).for_each(|_| assert!(pending.push(negotiate("e"), shard).is_ok()));
    assert!(matches!(pending.push(negotiate("e"), shard), Err(MediaError::Limit(_))));
    assert!(pending.let_go(endpoint(1), asker(2)), "a close is kept all the same");
}

#[test]
fn a_close_on_a_stream_that_breaks_is_left_out_of_what_is_wanted_until_that_is_answered() {
    let mut pending = open();
    pending.let_go(Release::Endpoint(id("a")), asker(5));
    pending.take_outgoing(1, 256);
    let waited = pending.shut();
    assert!(matches!(waited[..], [Waiting::Shard(Asker { shard: 0, request: 5 })]), "{waited:?}");
    assert!(!pending.let_go(Release::Endpoint(id("b")), asker(6)), "there is no stream");
    for stream in 2..4 {
        // The first of these streams breaks before it is answered.
        pending.open(stream, || vec![id("a"), id("b"), id("c")], Vec::new());
        let message = pending.take_outgoing(stream, 256).expect("what is wanted");
        let Some(Operation::Reconcile(reconcile)) = &message[0].operation else { panic!("{message:?}") };
        assert_eq!(reconcile.endpoint_ids, ["c"]);
        assert_eq!(pending.releases(), 2);
        if stream == 2 {
            assert!(pending.shut().is_empty());
        } else {
            let Some(Waiting::Reconcile(id)) = pending.answered(message[0].id) else {
                panic!("nobody waits")
            };
            pending.reconciled(id);
        }
    }
    assert_eq!(pending.releases(), 0);
}

#[test]
fn at_the_end_one_request_lets_all_go_that_is_left() {
    let mut pending = open();
    (0..5_000).for_each(|n| assert!(pending.let_go(endpoint(n), None)));
    pending.let_all_go();
    let message = pending.take_outgoing(1, 256).expect("the end");
    assert_eq!(message.len(), 1);
    let Some(Waiting::Reconcile(id)) = pending.answered(message[0].id) else { panic!("nobody waits") };
    pending.reconciled(id);
    assert_eq!(pending.releases(), 0);
}
