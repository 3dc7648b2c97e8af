use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::ground::WallTime;
use crate::ground::leg::Party;
use crate::session::event::{EndCause, Hold, SessionState};
use crate::telemetry::tests::Written;

fn view() -> SessionView {
    SessionView {
        id: SessionId::parse("s").unwrap(),
        revision: 1,
        state: SessionState::Dialing,
        direction: CallDirection::Outbound,
        group: "g".into(),
        engine: "e".into(),
        from: Party { uri: "sip:alice@192.0.2.1".into(), ..Party::default() },
        to: Party::default(),
        request_uri: "sip:bob@192.0.2.2".into(),
        call_id: "c".into(),
        hold: Hold::default(),
        muted: false,
        bridge: None,
        media: None,
        created_at: WallTime::default(),
        connected_at: None,
        running: None,
        end_cause: None,
        parent: None,
    }
}

/// What the log says of a call with these events.
fn told(payloads: Vec<EventPayload>) -> String {
    let written = Written::default();
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(written.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
        let engine = EngineRef { group: "g".into(), id: "e".into() };
        let mut log = CallLog::default();
        for (revision, payload) in (1..).zip(payloads) {
            let (session, time) = (SessionId::parse("s").unwrap(), WallTime::default());
            let caused_by = "".into();
            let state = SessionState::Dialing;
            log.event(&engine, &SessionEvent { session, revision, time, caused_by, state, payload });
        }
    });
    written.text()
}

#[test]
fn a_call_begins_once_and_ends_once_whoever_is_told_of_it_and_events_have_the_api_s_names() {
    let made = || EventPayload::Created(Box::new(view()));
    let ended = EventPayload::Ended(Box::new(Ended::with_cause(EndCause::LocalHangup)));
    let told = told(vec![made(), EventPayload::Ringing { status: 180 }, made(), ended]);
    let count = |words: &str| told.lines().filter(|line| line.contains(words)).count();
    assert_eq!((count("INFO"), count("call began"), count("call ended")), (2, 1, 1), "{told}");
    assert_eq!((count("SessionCreated"), count("Ringing"), count("SessionEnded")), (2, 1, 1), "{told}");
    let began = told.lines().find(|line| line.contains("call began")).unwrap();
    for words in ["session=s", r#"direction="outbound""#, r#"from="alice" to="bob""#, "engine=e"] {
        assert!(began.contains(words), "{began}");
    }
}
