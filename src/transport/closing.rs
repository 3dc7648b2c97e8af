//! How transport's tasks learn of the end, and how whoever ends it learns that the last one is gone.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A task's share: it hears of the end, and holds the end up until it is dropped.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    token: CancellationToken,
    _alive: mpsc::Sender<std::convert::Infallible>,
}

/// The other end, held once.
#[derive(Debug)]
pub(super) struct Closer {
    token: CancellationToken,
    gone: mpsc::Receiver<std::convert::Infallible>,
}

/// A pair of them.
pub(super) fn closing() -> (Closer, Closing) {
    let (alive, gone) = mpsc::channel(1);
    let token = CancellationToken::new();
    (Closer { token: token.clone(), gone }, Closing { token, _alive: alive })
}

impl Closing {
    /// Done when the end was asked for.
    pub(super) async fn closed(&self) {
        self.token.cancelled().await;
    }
}

impl Closer {
    /// Asks for the end and waits until every [`Closing`] is dropped.
    pub(super) async fn close(mut self) {
        self.token.cancel();
        while self.gone.recv().await.is_some() {}
    }
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.token.cancel();
    }
}
