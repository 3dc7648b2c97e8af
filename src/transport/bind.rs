//! Opening the listeners' sockets. Nothing runs yet: [`Bound::start`] does that.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{Advertised, Listener, Settings, StreamSettings, UdpSettings, udp};
use crate::ground::{ListenerId, Transport};

/// Why a listener cannot be had. Every one is ours to repair: in the configuration or on the machine.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Two listeners have the same id.
    #[error("listeners[{}]: is configured twice", .0.0)]
    Twice(ListenerId),
    /// A transport that is not served.
    #[error("listeners[{}].transport: {transport} is not served ({bind})", listener.0)]
    Transport {
        /// The listener.
        listener: ListenerId,
        /// Its address.
        bind: SocketAddr,
        /// Its transport.
        transport: Transport,
    },
    /// The system refused.
    #[error("listeners[{}].bind: cannot {doing} {transport} {bind}: {}", listener.0, why_not_bound(*bind, error))]
    System {
        /// The listener.
        listener: ListenerId,
        /// Its address.
        bind: SocketAddr,
        /// Its transport.
        transport: Transport,
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

/// Why an address could not be bound, with what helps where that is known.
#[must_use]
pub fn why_not_bound(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied if (1..1024).contains(&address.port()) => format!(
            "{error}: ports below 1024 want the capability CAP_NET_BIND_SERVICE, or the sysctl \
             net.ipv4.ip_unprivileged_port_start"
        ),
        io::ErrorKind::AddrNotAvailable => format!("{error}: this host does not have the address"),
        _ => error.to_string(),
    }
}

/// Sockets that are open and that nobody serves yet.
#[derive(Debug)]
pub struct Bound {
    pub(super) settings: Settings,
    pub(super) sockets: Vec<BoundListener>,
}

/// One listener's socket.
#[derive(Debug)]
pub(super) struct BoundListener {
    pub(super) place: Place,
    pub(super) socket: BoundSocket,
}

#[derive(Debug)]
pub(super) enum BoundSocket {
    Udp(UdpSocket),
    Tcp(TcpListener),
}

/// Where a listener is, for ourselves and for peers.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) id: ListenerId,
    pub(super) transport: Transport,
    pub(super) local: SocketAddr,
    pub(super) advertised: Advertised,
}

impl Bound {
    /// The address a listener has, with the port the system chose where 0 was asked.
    #[must_use]
    pub fn local_address(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.sockets.iter().find(|bound| bound.place.id == listener).map(|bound| bound.place.local)
    }
}

/// Opens every listener's socket, or none.
///
/// # Errors
/// When a listener is configured twice or for a transport that is not served, or the system refuses an address. The
/// error names the listener and the address.
pub fn bind(settings: Settings) -> Result<Bound, BindError> {
    let mut seen = HashMap::new();
    let mut sockets = Vec::with_capacity(settings.listeners.len());
    for listener in &settings.listeners {
        if seen.insert(listener.id, ()).is_some() {
            return Err(BindError::Twice(listener.id));
        }
        sockets.push(open(listener, &settings)?);
    }
    Ok(Bound { settings, sockets })
}

fn open(listener: &Listener, settings: &Settings) -> Result<BoundListener, BindError> {
    let &Listener { id, transport, bind, .. } = listener;
    let failed = |doing| move |error| BindError::System { listener: id, bind, transport, doing, error };
    let (socket, local) = match transport {
        Transport::Udp => {
            let socket = open_udp(bind, &settings.udp).map_err(failed("bind"))?;
            let local = socket.local_addr().map_err(failed("ask the address of"))?;
            log_buffers(&socket, id, &settings.udp);
            (BoundSocket::Udp(socket), local)
        }
        Transport::Tcp => {
            let socket = open_tcp(bind, &settings.stream).map_err(failed("bind"))?;
            let local = socket.local_addr().map_err(failed("ask the address of"))?;
            (BoundSocket::Tcp(socket), local)
        }
        Transport::Tls | Transport::Ws | Transport::Wss => {
            return Err(BindError::Transport { listener: id, bind, transport });
        }
    };
    let host = listener.advertised_host.clone().unwrap_or_else(|| outward_host(id, local));
    let advertised = Advertised { host, port: listener.advertised_port.unwrap_or_else(|| local.port()) };
    tracing::info!(listener = id.0, %transport, %local, host = advertised.host, port = advertised.port, "bound");
    Ok(BoundListener { place: Place { id, transport, local, advertised }, socket })
}

fn open_udp(bind: SocketAddr, settings: &UdpSettings) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(bind), Type::DGRAM, Some(Protocol::UDP))?;
    if bind.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // Past the system's limit where we may, up to it where we may not.
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, settings.receive_buffer_bytes)
        .is_err()
    {
        socket.set_recv_buffer_size(settings.receive_buffer_bytes)?;
    }
    if rustix::net::sockopt::set_socket_send_buffer_size_force(&socket, settings.send_buffer_bytes).is_err() {
        socket.set_send_buffer_size(settings.send_buffer_bytes)?;
    }
    if settings.icmp_errors {
        udp::ask_for_icmp_errors(socket.as_fd(), bind.is_ipv6())?;
    }
    socket.bind(&bind.into())?;
    Ok(socket.into())
}

/// Says what buffers were granted. The kernel doubles what it is asked, for its own book-keeping.
fn log_buffers(socket: &UdpSocket, listener: ListenerId, settings: &UdpSettings) {
    let socket = SockRef::from(socket);
    let receive = socket.recv_buffer_size().unwrap_or(0) / 2;
    let send = socket.send_buffer_size().unwrap_or(0) / 2;
    if receive < settings.receive_buffer_bytes {
        tracing::warn!(
            listener = listener.0,
            asked = settings.receive_buffer_bytes,
            granted = receive,
            "small receive buffer: raise net.core.rmem_max or grant CAP_NET_ADMIN"
        );
    }
    tracing::info!(listener = listener.0, receive_bytes = receive, send_bytes = send, "socket buffers");
}

fn open_tcp(bind: SocketAddr, settings: &StreamSettings) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(bind), Type::STREAM, Some(Protocol::TCP))?;
    if bind.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&bind.into())?;
    socket.listen(settings.backlog)?;
    Ok(socket.into())
}

/// The host that peers are told when none is configured: the bound address, or for a wildcard the one this machine would
/// send from.
fn outward_host(listener: ListenerId, local: SocketAddr) -> String {
    let mut ip = local.ip();
    if ip.is_unspecified() {
        ip = outward_address(local).unwrap_or(match ip {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
        tracing::warn!(
            listener = listener.0,
            chosen = %ip,
            "bound to a wildcard without an advertised address: peers are told the one chosen"
        );
    }
    ip.to_string()
}

/// The source address of a route to the outside. Connecting a datagram socket looks the route up and sends nothing;
/// the addresses are those kept for documentation.
fn outward_address(local: SocketAddr) -> Option<IpAddr> {
    let outside: IpAddr = match local {
        SocketAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        SocketAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let socket = UdpSocket::bind((local.ip(), 0)).ok()?;
    socket.connect((outside, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(id: u16, transport: Transport, bind: &str) -> Listener {
        let (advertised_host, advertised_port) = (None, None);
        Listener {
            id: ListenerId(id),
            transport,
            bind: bind.parse().unwrap(),
            advertised_host,
            advertised_port,
        }
    }

    fn bind_all(listeners: Vec<Listener>) -> Result<Bound, BindError> {
        bind(Settings { listeners, ..Settings::default() })
    }

    #[test]
    fn an_address_in_use_is_named_with_its_listener() {
        let first = bind_all(vec![listener(1, Transport::Udp, "127.0.0.1:0")]).unwrap();
        let taken = first.local_address(ListenerId(1)).unwrap();
        let error = bind_all(vec![listener(7, Transport::Udp, &taken.to_string())]).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("listeners[7].bind: cannot bind UDP {taken}:")), "{text}");
    }

    #[test]
    fn a_listener_configured_twice_or_for_tls_is_refused() {
        let twice =
            vec![listener(1, Transport::Udp, "127.0.0.1:0"), listener(1, Transport::Tcp, "127.0.0.1:0")];
        assert!(matches!(bind_all(twice), Err(BindError::Twice(ListenerId(1)))));
        let tls = bind_all(vec![listener(3, Transport::Tls, "127.0.0.1:0")]).unwrap_err();
        assert_eq!(tls.to_string(), "listeners[3].transport: TLS is not served (127.0.0.1:0)");
    }

    #[test]
    fn ipv4_and_ipv6_share_a_port_because_ipv6_listeners_take_ipv6_only() {
        let v6 = bind_all(vec![listener(1, Transport::Tcp, "[::]:0")]).unwrap();
        let port = v6.local_address(ListenerId(1)).unwrap().port();
        bind_all(vec![listener(1, Transport::Tcp, &format!("0.0.0.0:{port}"))]).unwrap();
    }

    #[test]
    fn an_advertised_address_is_as_configured_or_a_usable_one() {
        let told = |id, host: Option<&str>, port| Listener {
            advertised_host: host.map(String::from),
            advertised_port: port,
            ..listener(id, Transport::Udp, "127.0.0.1:0")
        };
        let whole = told(1, Some("sip.example.com"), Some(5070));
        let (host, port) = (told(3, Some("sip.example.com"), None), told(4, None, Some(5070)));
        let bound = bind_all(vec![whole, listener(2, Transport::Udp, "0.0.0.0:0"), host, port]).unwrap();
        let advertised = |index: usize| {
            let Place { local, advertised, .. } = &bound.sockets[index].place;
            (advertised.host.as_str(), advertised.port, local.port())
        };
        assert_eq!((advertised(0).0, advertised(0).1), ("sip.example.com", 5070));
        let (host, port, bound_port) = advertised(2);
        assert_eq!((host, port), ("sip.example.com", bound_port), "the port that the system chose");
        assert_eq!((advertised(3).0, advertised(3).1), ("127.0.0.1", 5070));
        let chosen = &bound.sockets[1].place;
        assert_ne!(chosen.advertised.host, "0.0.0.0");
        assert_eq!(chosen.advertised.port, chosen.local.port());
    }
}
