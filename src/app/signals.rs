//! SIGTERM and SIGINT ask for a drain; a second one ends it at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::StartError;

/// The two signals that end the process.
pub(super) struct Signals {
    term: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn install() -> Result<Self, StartError> {
        let listen =
            |kind| signal(kind).map_err(|cause| StartError::System { what: "signal handler".into(), cause });
        Ok(Self { term: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for one of them.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
