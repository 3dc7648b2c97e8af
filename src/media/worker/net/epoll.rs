//! The back end that works everywhere on Linux: one epoll, one timer, a socket per endpoint.
//!
//! Readiness is level-triggered and one datagram is read per report, so that a packet costs `recvfrom` and `sendto`
//! and its share of one `epoll_wait`: a socket that has more is reported again with the next.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recvfrom};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::backlog::{self, Presence};
use super::sockets::Sockets;
use super::{Backend, EndpointSockets, Woken};
use crate::ground::{Instant, IpVersion};
use crate::media::core::{Dropped, EndpointKey, Fabric, PACKET_BYTES_MAX};
use crate::media::worker::clock;

/// Reports taken by one call.
const EVENTS_MAX: usize = 256;

/// What reports of the doorbell and the timer bear: no endpoint's key.
const DOORBELL: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// The back end.
#[derive(Debug)]
pub struct Epoll {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// What the timer is set to.
    armed: Option<Instant>,
    presence: Presence,
    sockets: Sockets,
    buffer: Box<[u8; PACKET_BYTES_MAX + 1]>,
}

impl Backend for Epoll {
    type Wire = Sockets;

    fn new(doorbell: BorrowedFd<'_>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        epoll::add(&epoll, doorbell, epoll::EventData::new_u64(DOORBELL), epoll::EventFlags::IN)?;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), epoll::EventFlags::IN)?;
        Ok(Self {
            epoll,
            timer,
            armed: None,
            presence: Presence::default(),
            sockets: Sockets::default(),
            buffer: Box::new([0; PACKET_BYTES_MAX + 1]),
        })
    }

    fn add(&mut self, endpoint: EndpointKey, version: IpVersion, socket: OwnedFd) -> io::Result<()> {
        let data = epoll::EventData::new_u64(endpoint.as_u64());
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN)?;
        *self.sockets.make(endpoint).place(version) = Some(socket);
        self.sockets.count += 1;
        Ok(())
    }

    fn remove(&mut self, endpoint: EndpointKey) -> Option<EndpointSockets> {
        self.sockets.get(endpoint)?;
        let (_, sockets) = self.sockets.places.get_mut(endpoint.index())?.take()?;
        for socket in sockets.iter() {
            self.sockets.count -= 1;
            // It cannot fail: the socket was added, and no copy of it exists.
            let _ = epoll::delete(&self.epoll, socket);
        }
        Some(sockets)
    }

    fn remove_of(&mut self, endpoint: EndpointKey, version: IpVersion) -> Option<OwnedFd> {
        let socket = self.sockets.get_mut(endpoint)?.place(version).take()?;
        self.sockets.count -= 1;
        let _ = epoll::delete(&self.epoll, &socket);
        Some(socket)
    }

    fn sockets(&self) -> usize {
        self.sockets.count
    }

    fn unsent(&self) -> u64 {
        self.sockets.unsent
    }

    fn wire(&mut self) -> &mut Sockets {
        &mut self.sockets
    }

    fn turn(&mut self, deadline: Option<Instant>, fabric: &mut Fabric) -> io::Result<Woken> {
        let present = self.presence.due(self.sockets.count);
        self.arm(deadline.into_iter().chain(present).min())?;
        let mut room = [MaybeUninit::uninit(); EVENTS_MAX];
        let events = match epoll::wait(&self.epoll, &mut room[..], None) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => &mut [],
            Err(error) => return Err(error.into()),
        };
        let now = clock::now();
        let mut woken = Woken { at: now, ..Woken::default() };
        let away = self.presence.here(present.is_some(), now);
        if let Some(away) = away {
            woken.packets += self.catch_up(away, now, fabric);
        }
        for event in events {
            match event.data.u64() {
                DOORBELL => woken.by_commands = true,
                TIMER => {}
                _ if away.is_some() => {}
                endpoint => woken.packets += self.receive(EndpointKey::from_u64(endpoint), now, fabric),
            }
        }
        Ok(woken)
    }
}

impl Epoll {
    /// Reads one datagram and gives it to the fabric. Returns how many there were.
    fn receive(&mut self, endpoint: EndpointKey, now: Instant, fabric: &mut Fabric) -> usize {
        let Some(sockets) = self.sockets.get(endpoint) else { return 0 };
        // Two there are only while the endpoint goes over from one to the other.
        let buffer = &mut self.buffer[..];
        let Some((length, from)) = sockets.iter().find_map(|socket| {
            recvfrom(socket, &mut *buffer, RecvFlags::empty()).ok().map(|(length, _, from)| (length, from))
        }) else {
            return 0;
        };
        match from.map(SocketAddr::try_from) {
            Some(Ok(from)) if length <= PACKET_BYTES_MAX => {
                fabric.received(endpoint, &mut self.buffer[..length], from, now, &mut self.sockets);
            }
            Some(Ok(_)) => fabric.dropped(Dropped::TooLong),
            Some(Err(_)) | None => fabric.dropped(Dropped::Malformed),
        }
        1
    }

    /// Takes what waited in the sockets while the worker was away. Returns how many packets that were.
    fn catch_up(&mut self, away: Duration, now: Instant, fabric: &mut Fabric) -> usize {
        let (mut packets, mut stale) = (0, 0);
        for place in 0..self.sockets.places.len() {
            let Some((endpoint, sockets)) = &self.sockets.places[place] else { continue };
            let (endpoint, mut waited) = (*endpoint, Vec::new());
            for socket in sockets.iter() {
                let (kept, dropped) = backlog::empty(socket, away, &mut self.buffer[..]);
                waited.extend(kept);
                stale += dropped;
            }
            packets += waited.len();
            for (from, mut packet) in waited {
                self.give(endpoint, &mut packet, from, now, fabric);
            }
        }
        fabric.dropped_stale(stale);
        if stale > 0 {
            tracing::warn!(
                ?away,
                dropped = stale,
                "the media worker was away: what waited too long is dropped"
            );
        }
        packets
    }

    fn give(
        &mut self,
        endpoint: EndpointKey,
        packet: &mut [u8],
        from: SocketAddr,
        now: Instant,
        fabric: &mut Fabric,
    ) {
        if packet.len() <= PACKET_BYTES_MAX {
            fabric.received(endpoint, packet, from, now, &mut self.sockets);
        } else {
            fabric.dropped(Dropped::TooLong);
        }
    }

    /// Sets the timer, if it is not set so already.
    fn arm(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        if self.armed == deadline {
            return Ok(());
        }
        // Zero would disarm; a deadline in the past fires at once.
        let nanos = deadline.map_or(0, |at| at.as_nanos().max(1));
        let it_value =
            Timespec { tv_sec: (nanos / 1_000_000_000) as i64, tv_nsec: (nanos % 1_000_000_000) as i64 };
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval: zero, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &spec)?;
        self.armed = deadline;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
