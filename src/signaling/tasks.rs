//! The tasks that signaling itself runs, counted: a test for leaks looks at the number, an end waits until it is zero.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;

/// Spawns tasks and counts those that run. Copies count together.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<AtomicUsize>);

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Tasks {
    /// How many run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Runs a future on `runtime` until it is done or the runtime ends.
    pub fn spawn_on<F>(&self, runtime: &Handle, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = self.mark();
        runtime.spawn(async move {
            let _running = running;
            future.await;
        });
    }

    /// Counts a future as running from now until it is done or dropped.
    pub fn counted<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let running = self.mark();
        async move {
            let _running = running;
            future.await
        }
    }

    fn mark(&self) -> Running {
        self.0.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(&self.0))
    }
}
