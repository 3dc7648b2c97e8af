//! A worker that was away.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};

use super::*;
use crate::ground::Random;
use crate::media::core::{EndpointSettings, FabricSettings, Safeguards, Standpoint};
use crate::media::worker::net::backlog::{AWAY_MAX, KEPT_PACKETS};

/// A backend with one endpoint whose socket has so many packets waiting.
fn waiting(packets: u8) -> (Epoll, Fabric) {
    let doorbell = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
    let mut epoll = Epoll::new(doorbell.as_fd()).unwrap();
    let mut fabric =
        Fabric::new(FabricSettings { endpoints_max: 1, bridges_max: 1 }, Random::from_key([1, 2]));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let local = socket.local_addr().unwrap();
    let settings = EndpointSettings {
        id: "e".into(),
        owner: 1,
        local,
        standpoint: Standpoint { bind: Ipv4Addr::LOCALHOST.into(), rests_until: Instant::ZERO },
        rtp_timeout: Duration::from_secs(30),
        safeguards: Arc::new(Safeguards::default()),
    };
    let endpoint = fabric.open(settings).unwrap();
    epoll.add(endpoint, IpVersion::V4, socket.into()).unwrap();
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    for sequence in 0..packets {
        let mut packet = [0; 172];
        (packet[0], packet[3]) = (0x80, sequence);
        phone.send_to(&packet, local).unwrap();
    }
    (epoll, fabric)
}

#[test]
fn what_waited_while_the_worker_was_away_is_dropped_but_for_the_newest() {
    let (mut epoll, mut fabric) = waiting(50);
    epoll.presence.due = Instant::from_nanos(clock::now().as_nanos() - AWAY_MAX.as_nanos() as u64);
    let woken = epoll.turn(None, &mut fabric).unwrap();
    let counters = fabric.counters();
    assert_eq!((woken.packets, counters.received), (KEPT_PACKETS, 50));
    assert_eq!(counters.dropped[Dropped::Stale as usize], 50 - KEPT_PACKETS as u64);
    // From here on it is present.
    assert!(epoll.presence.due > woken.at);
}

#[test]
fn a_worker_that_is_only_a_little_late_passes_everything_on() {
    let (mut epoll, mut fabric) = waiting(50);
    epoll.presence.due = Instant::from_nanos(clock::now().as_nanos() - 10_000_000);
    let taken: usize = (0..50).map(|_| epoll.turn(None, &mut fabric).unwrap().packets).sum();
    assert_eq!((taken, fabric.counters().dropped[Dropped::Stale as usize]), (50, 0));
}
