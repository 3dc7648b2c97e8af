//! Accepting connections, as many as there may be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::{Entry, Streams, task};
use crate::ground::ListenerId;
use crate::transport::closing::Closing;
use crate::transport::counters::count;

/// How long accepting rests after the system failed at it, as for want of file descriptors.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Accepts until transport closes.
pub async fn accept(streams: Arc<Streams>, listener: ListenerId, socket: TcpListener, closing: Closing) {
    let closed = closing.closed();
    tokio::pin!(closed);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut closed => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => welcome(&streams, listener, stream, remote, &closing),
            // The peer gave up while it waited: its fault alone.
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                count(&streams.counters.accept_errors);
                tracing::warn!(listener = listener.0, %error, "cannot accept");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Starts a connection's task, or closes the connection at once when there are too many.
fn welcome(
    streams: &Arc<Streams>,
    listener: ListenerId,
    stream: TcpStream,
    remote: SocketAddr,
    closing: &Closing,
) {
    let place = streams.connections.take_place(Some(remote.ip()), &streams.settings, &streams.counters);
    let Ok(place) = place else { return };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    count(&streams.counters.connections_accepted);
    let connection = streams.connections.enter(listener, remote, streams.outlet());
    let entry = Entry::new(Arc::clone(streams), connection);
    streams.runtime.spawn(task::serve_accepted(entry, stream, place, closing.clone()));
}
