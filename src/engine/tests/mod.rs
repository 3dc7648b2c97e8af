//! Engines and their logs under a clock of their own.

mod log;
mod presence;
mod roster;

use crate::engine::Logged;
use crate::ground::{SessionId, WallTime};
use crate::session::event::{EventPayload, SessionEvent, SessionState};

/// The smallest event there is; `revision` tells one from another.
fn event(revision: u64) -> Logged {
    let event = Box::new(SessionEvent {
        session: SessionId::parse("s").unwrap(),
        revision,
        time: WallTime::default(),
        caused_by: "".into(),
        state: SessionState::Connected,
        payload: EventPayload::Ringing { status: 180 },
    });
    Logged { event, traceparent: "".into() }
}
