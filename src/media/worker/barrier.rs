//! One reply for what all workers have to do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::node::answer;
use super::operation::ReplyTo;
use super::owner::Owner;
use crate::media::core::Failure;

/// Counts workers down; the last one answers.
#[derive(Debug)]
struct Barrier {
    left: AtomicUsize,
    owner: Arc<Owner>,
    then: Mutex<Option<ReplyTo>>,
}

/// One worker's part of what all have to do. Dropped, it counts as done: a worker that has died must not leave whoever
/// asked without an answer.
#[derive(Debug)]
pub struct Part(Option<Arc<Barrier>>);

impl Part {
    /// Parts for so many workers. The last that is done gets whom to answer.
    pub fn divide(workers: usize, owner: &Arc<Owner>, then: ReplyTo) -> impl Iterator<Item = Self> + use<> {
        let barrier = Arc::new(Barrier {
            left: AtomicUsize::new(workers),
            owner: Arc::clone(owner),
            then: Mutex::new(Some(then)),
        });
        (0..workers).map(move |_| Self(Some(Arc::clone(&barrier))))
    }

    /// This part is done. The last gets whom to answer.
    #[must_use]
    pub fn done(mut self) -> Option<ReplyTo> {
        self.0.take()?.arrive()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let Some(barrier) = self.0.take() else { return };
        if let Some(then) = barrier.arrive() {
            answer(&barrier.owner, then, Err(Failure::Internal("a media worker has ended".into())));
        }
    }
}

impl Barrier {
    fn arrive(&self) -> Option<ReplyTo> {
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return None;
        }
        self.then.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
