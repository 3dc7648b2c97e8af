//! A worker's commands: a bounded queue, and a doorbell that its poll loop hears.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use super::thread::Command;

/// Commands that may wait for one worker. Past this a request is refused with [`Limit`](crate::media::core::Failure).
pub const COMMANDS_MAX: usize = 16_384;

/// The queue.
#[derive(Debug)]
pub struct Inbox {
    queue: Mutex<Queue>,
    /// The worker may be asleep and has not been rung for what waits.
    unrung: AtomicBool,
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
        Ok(Self { queue: Mutex::default(), unrung: AtomicBool::new(false), doorbell })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the worker's poll loop listens to.
    #[must_use]
    pub fn doorbell(&self) -> BorrowedFd<'_> {
        self.doorbell.as_fd()
    }

    /// Puts a command in. The worker hears of it with [`ring`](Self::ring), so that one that is woken finds all that was
    /// asked together.
    ///
    /// # Errors
    /// When it is full or the worker has ended: the command comes back.
    pub fn push(&self, command: Command) -> Result<(), Command> {
        let mut queue = self.queue();
        if queue.closed || queue.commands.len() >= COMMANDS_MAX {
            return Err(command);
        }
        self.put(&mut queue, command);
        Ok(())
    }

    /// Puts a command in that must not be lost: what a worker itself has begun, and what all workers are asked. There are few
    /// of these: one for each endpoint that moves, each file that is read, each host that is looked up, and a stream's
    /// unanswered requests to all. A worker that has ended drops it. It is rung at once.
    pub fn push_always(&self, command: Command) {
        let mut queue = self.queue();
        if !queue.closed {
            self.put(&mut queue, command);
        }
        drop(queue);
        self.ring();
    }

    fn put(&self, queue: &mut Queue, command: Command) {
        queue.commands.push_back(command);
        // Whoever finds it empty has it rung; the others need not, since the worker takes all at once.
        if queue.commands.len() == 1 {
            self.unrung.store(true, Ordering::Release);
        }
    }

    /// Wakes the worker for what was put in, unless it was woken already.
    pub fn ring(&self) {
        if self.unrung.swap(false, Ordering::AcqRel) {
            let _ = rustix::io::write(&self.doorbell, &1_u64.to_ne_bytes());
        }
    }

    /// Takes all commands, in order, into `into`, which is empty; the doorbell falls silent.
    pub fn take(&self, into: &mut VecDeque<Command>) {
        let _ = rustix::io::read(&self.doorbell, &mut [0; 8]);
        let mut queue = self.queue();
        self.unrung.store(false, Ordering::Release);
        std::mem::swap(&mut queue.commands, into);
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
        let dropped = std::mem::take(&mut queue.commands);
        drop(queue);
        // A command that is dropped may answer whoever asked, who may ask again.
        drop(dropped);
    }
}
