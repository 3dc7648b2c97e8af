//! The threads of signaling, each with a current-thread runtime of its own.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// How long a thread waits at its end for look-ups that cannot be stopped.
const BLOCKING_TIME_MAX: Duration = Duration::from_millis(200);

/// The runtimes before their threads begin.
pub(super) struct Runtimes {
    shards: Vec<Idle>,
    /// Of its own, when there is more than one shard.
    front: Option<Idle>,
}

/// A runtime that no thread runs yet. Dropped so, as when something else cannot be started, it does not wait for what
/// was spawned: whoever drops it may be a task of another runtime.
struct Idle(Option<Runtime>);

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The threads that run.
#[derive(Debug)]
pub(super) struct Threads {
    running: Mutex<Vec<Running>>,
    /// One of them has ended, however.
    ended: CancellationToken,
}

#[derive(Debug)]
struct Running {
    thread: JoinHandle<()>,
    done: oneshot::Receiver<()>,
}

fn runtime() -> io::Result<Idle> {
    Builder::new_current_thread().enable_all().build().map(|runtime| Idle(Some(runtime)))
}

impl Runtimes {
    /// As many as there are shards, and one for the front when they are several.
    pub fn new(shards: u16) -> io::Result<Self> {
        let front = if shards > 1 { Some(runtime()?) } else { None };
        let shards = (0..shards.max(1)).map(|_| runtime()).collect::<io::Result<_>>()?;
        Ok(Self { shards, front })
    }

    /// Where everything runs that is no shard.
    pub fn front(&self) -> io::Result<Handle> {
        let front = self.front.as_ref().or(self.shards.first()).and_then(|idle| idle.0.as_ref());
        front.map(|runtime| runtime.handle().clone()).ok_or_else(|| io::Error::other("no runtime"))
    }

    /// Begins the threads: the shards' with `mains`, in order, the front's with `front`. A thread ends with its future;
    /// whatever else runs on it is dropped then.
    pub fn begin<M: AsyncMain>(
        self,
        mains: Vec<M>,
        front: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Threads> {
        let mut running = Vec::new();
        let ended = CancellationToken::new();
        for (number, (runtime, main)) in self.shards.into_iter().zip(mains).enumerate() {
            running.push(begin(format!("shard-{number}"), runtime, main, ended.clone())?);
        }
        if let Some(runtime) = self.front {
            running.push(begin("front".into(), runtime, Plain(front), ended.clone())?);
        }
        Ok(Threads { running: Mutex::new(running), ended })
    }
}

/// What a thread runs.
pub(super) trait AsyncMain: Send + 'static {
    /// Runs to the end.
    fn run(self) -> impl Future<Output = ()> + Send + 'static;
}

struct Plain<F>(F);

impl<F: Future<Output = ()> + Send + 'static> AsyncMain for Plain<F> {
    fn run(self) -> impl Future<Output = ()> + Send + 'static {
        self.0
    }
}

fn begin(
    name: String,
    mut idle: Idle,
    main: impl AsyncMain,
    ended: CancellationToken,
) -> io::Result<Running> {
    let (done_in, done) = oneshot::channel();
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let _ended = ended.drop_guard();
        let Some(runtime) = idle.0.take() else { return };
        // As a task: a task that is woken on its own thread is queued, while the future of `block_on` is woken by a
        // write to an eventfd and a turn of the poller, from its own thread too.
        let main = runtime.spawn(main.run());
        if let Err(error) = runtime.block_on(main)
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
        runtime.shutdown_timeout(BLOCKING_TIME_MAX);
        // Nobody may wait for it.
        let _ = done_in.send(());
    })?;
    Ok(Running { thread, done })
}

impl Threads {
    /// Waits until one of them has ended, well or by a panic.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Waits until all have ended. A second call returns at once.
    pub async fn join(&self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for Running { thread, done } in running {
            // A thread that panicked drops its end.
            let _ = done.await;
            if thread.join().is_err() {
                tracing::error!("a thread of signaling has panicked");
            }
        }
    }
}
