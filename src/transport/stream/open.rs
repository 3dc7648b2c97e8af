//! Opening a connection. What is to be sent on it waits meanwhile in its outlet.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

use super::connections::Place;
use super::{ConnectionEnd, Entry, task};
use crate::transport::SendError;
use crate::transport::closing::Closing;
use crate::transport::counters::count;

/// Opens the entry's connection from the listener's address and serves it to its end.
pub async fn open(mut entry: Entry, local: IpAddr, place: Place, closing: Closing) {
    let remote = entry.connection.remote;
    let time_max = entry.streams.settings.connect_time_max;
    let opened = tokio::select! {
        () = closing.closed() => {
            entry.failure = Some(SendError::ShuttingDown);
            return;
        }
        opened = tokio::time::timeout(time_max, connect(local, remote)) => opened,
    };
    let failure = match opened {
        Ok(Ok(stream)) => {
            count(&entry.streams.counters.connections_opened);
            return task::serve_opened(entry, stream, place, closing).await;
        }
        Ok(Err(error)) => SendError::Connect(error.kind()),
        Err(_) => SendError::ConnectTime,
    };
    count(&entry.streams.counters.connections_failed);
    tracing::debug!(%remote, %failure, "connection not opened");
    entry.end = ConnectionEnd::Network(io::ErrorKind::NotConnected);
    entry.failure = Some(failure);
}

async fn connect(local: IpAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !local.is_unspecified() {
        socket.bind((local, 0).into())?;
    }
    let stream = socket.connect(remote).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
