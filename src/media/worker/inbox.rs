//! A worker's commands: a bounded queue, and a doorbell that its poll loop hears.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use super::thread::Command;

/// Commands that may wait for one worker. Past this a request is refused with [`Limit`](crate::media::core::Failure).
pub const COMMANDS_MAX: usize = 16_384;

/// The queue.
#[derive(Debug)]
pub struct Inbox {
    queue: Mutex<Queue>,
    doorbell: OwnedFd,
}

#[derive(Debug, Default)]
struct Queue {
    commands: VecDeque<Command>,
    /// The worker has ended: nothing is taken any more.
    closed: bool,
}

impl Inbox {
    /// An empty queue.
    ///
    /// # Errors
    /// When the system has no eventfd left.
    pub fn new() -> io::Result<Self> {
        let doorbell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { queue: Mutex::default(), doorbell })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the worker's poll loop listens to.
    #[must_use]
    pub fn doorbell(&self) -> BorrowedFd<'_> {
        self.doorbell.as_fd()
    }

    /// Puts a command in, and rings if the worker may be asleep.
    ///
    /// # Errors
    /// When it is full or the worker has ended: the command comes back.
    pub fn push(&self, command: Command) -> Result<(), Command> {
        let queue = self.queue();
        if queue.closed || queue.commands.len() >= COMMANDS_MAX {
            return Err(command);
        }
        self.put(queue, command);
        Ok(())
    }

    /// Puts a command in that must not be lost: what a worker itself has begun. There are few of these: one for each
    /// endpoint that moves and each file that is read. A worker that has ended drops it.
    pub fn push_always(&self, command: Command) {
        let queue = self.queue();
        if !queue.closed {
            self.put(queue, command);
        }
    }

    fn put(&self, mut queue: MutexGuard<'_, Queue>, command: Command) {
        queue.commands.push_back(command);
        let was_empty = queue.commands.len() == 1;
        // Rung without the lock: on the same processor the worker would run at once, find it taken, and sleep again.
        drop(queue);
        // Whoever finds it empty rings; the others need not, since the worker takes all at once.
        if was_empty {
            let _ = rustix::io::write(&self.doorbell, &1_u64.to_ne_bytes());
        }
    }

    /// Takes all commands, in order, into `into`, which is empty; the doorbell falls silent.
    pub fn take(&self, into: &mut VecDeque<Command>) {
        let _ = rustix::io::read(&self.doorbell, &mut [0; 8]);
        std::mem::swap(&mut self.queue().commands, into);
    }

    /// Whether the worker has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// The worker ends: what waits is dropped, and nothing is taken any more.
    pub fn close(&self) {
        let mut queue = self.queue();
        queue.closed = true;
        queue.commands.clear();
    }
}
