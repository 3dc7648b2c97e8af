//! Asking for sessions.

use callplane::proto::session::v1 as proto;

use crate::support::core::{engine, view};
use crate::support::{Scripted, reason, settings};

#[tokio::test]
async fn a_session_can_be_looked_at() {
    let scripted = Scripted::start().await;
    let mut owner = crate::support::engine::Engine::attach(scripted.events(), "e").await;
    scripted.script.call(&engine("default", "e"), "s");
    owner.event().await;
    scripted.script.views(vec![view("s")]);
    let get = proto::GetSessionRequest { session_id: "s".into() };
    let session = scripted.sessions().get_session(get).await.expect("there").into_inner().session;
    let session = session.expect("a session");
    assert_eq!((session.session_id.as_str(), session.engine_id.as_str()), ("s", "e"));
    assert_eq!(session.request_uri, "sip:bob@127.0.0.1");
    assert!(session.media.is_none() && session.connected_at.is_none());
    scripted.script.views(Vec::new());
    let get = proto::GetSessionRequest { session_id: "s".into() };
    assert_eq!(reason(scripted.sessions().get_session(get).await), "SESSION_NOT_FOUND");
}

#[tokio::test]
async fn pages_follow_one_another_over_all_shards() {
    let mut with = settings();
    with.shards = 2;
    let scripted = Scripted::with(with).await;
    // Both shards have the same ones; the page has no more than was asked all the same.
    scripted.script.views((0..5).map(|number| view(&format!("s{number}"))).collect());
    let list = |page_size, page_token: String| proto::ListSessionsRequest {
        page_size,
        page_token,
        ..Default::default()
    };
    let page = scripted.sessions().list_sessions(list(4, String::new())).await.expect("a page").into_inner();
    let ids: Vec<&str> = page.sessions.iter().map(|session| session.session_id.as_str()).collect();
    assert_eq!(ids, ["s0", "s0", "s1", "s1"]);
    assert_ne!(page.next_page_token, "s1", "nobody is to make tokens up");
    let token = page.next_page_token.clone();
    let rest = scripted.sessions().list_sessions(list(100, page.next_page_token)).await.expect("a page");
    let rest = rest.into_inner();
    assert_eq!((rest.sessions.len(), rest.next_page_token.as_str()), (6, ""));
    for broken in ["a b".into(), "s1".into(), "zzzz".into(), token[1..].to_owned()] {
        let bad = scripted.sessions().list_sessions(list(1, broken)).await;
        assert_eq!(reason(bad), "BAD_FIELD");
    }
    let elsewhere = proto::ListSessionsRequest { group: "other".into(), ..list(1, token.clone()) };
    assert_eq!(reason(scripted.sessions().list_sessions(elsewhere).await), "BAD_FIELD");
    let bridges = proto::ListBridgesRequest { page_token: token, ..Default::default() };
    assert_eq!(reason(scripted.bridges().list_bridges(bridges).await), "BAD_FIELD");
}
