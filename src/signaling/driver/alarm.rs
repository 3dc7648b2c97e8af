//! When a driver sleeps until: a timer of the kernel's.
//!
//! A driver's deadline comes nearer and goes away again several times in a millisecond. tokio's own timers answer each
//! nearer deadline by waking the runtime, even from its own thread: a system call and an empty round. Setting a timer
//! of the kernel's is one short call, and nobody wakes.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::ground::Instant;

/// A timer that is set to at most one instant.
#[derive(Debug)]
pub struct Alarm {
    timer: AsyncFd<OwnedFd>,
    set: Option<Instant>,
}

/// The shortest time a timer is set to: zero would unset it.
const SHORTEST: Duration = Duration::from_micros(1);

impl Alarm {
    /// An alarm that is not set. To be made on the runtime that it is to be polled on.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: an `OwnedFd` keeps its descriptor open and the same until it is dropped, and the `AsyncFd` owns it.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) };
        Ok(Self { timer: timer?, set: None })
    }

    /// Done when `at` has come; `None`: never. It may be done early: whoever waits looks at the clock.
    ///
    /// # Errors
    /// When the system refuses, as it has no reason to.
    pub fn poll(&mut self, cx: &mut Context<'_>, at: Option<Instant>, now: Instant) -> Poll<io::Result<()>> {
        if self.set != at {
            self.set(at, now)?;
        }
        loop {
            let mut ready = match self.timer.poll_read_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Poll::Pending,
            };
            let read = ready.try_io(|timer| {
                let mut times = [0; 8];
                rustix::io::read(timer, &mut times).map_err(io::Error::from)
            });
            // Otherwise it was set anew since: what was ready is not any more.
            if let Ok(read) = read {
                self.set = None;
                return Poll::Ready(read.map(|_| ()));
            }
        }
    }

    fn set(&mut self, at: Option<Instant>, now: Instant) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = at.map_or(zero, |at| {
            let wait = at.since(now).max(SHORTEST);
            let tv_sec = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
            Timespec { tv_sec, tv_nsec: wait.subsec_nanos().into() }
        });
        let once = Itimerspec { it_interval: zero, it_value: value };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        self.set = at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::signaling::clock::Clock;

    async fn rings(alarm: &mut Alarm, clock: Clock, at: Instant) -> Instant {
        poll_fn(|cx| alarm.poll(cx, Some(at), clock.mono())).await.unwrap();
        clock.mono()
    }

    #[tokio::test]
    async fn it_rings_when_the_time_has_come_and_not_before() {
        let clock = Clock::start();
        let mut alarm = Alarm::new().unwrap();
        for millis in [0, 3, 7] {
            let at = clock.mono() + Duration::from_millis(millis);
            assert!(rings(&mut alarm, clock, at).await >= at);
        }
    }

    #[tokio::test]
    async fn the_last_time_that_was_set_counts() {
        let clock = Clock::start();
        let mut alarm = Alarm::new().unwrap();
        let (near, far) = (clock.mono() + Duration::from_millis(5), clock.mono() + Duration::from_secs(60));
        let set = poll_fn(|cx| {
            for at in [Some(far), Some(near), None, Some(far)] {
                assert!(alarm.poll(cx, at, clock.mono()).is_pending());
            }
            Poll::Ready(())
        });
        set.await;
        assert!(rings(&mut alarm, clock, near).await >= near);
        let never = poll_fn(|cx| alarm.poll(cx, None, clock.mono()));
        assert!(tokio::time::timeout(Duration::from_millis(20), never).await.is_err());
    }
}
