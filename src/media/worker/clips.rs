//! Audio files: found inside the configured folders, read on a thread of their own, kept in memory while used.
//!
//! A worker never touches the disk. It takes a clip that is in memory; else it asks, and gets a command when it is.
//!
//! The bound is on what lives: a clip that was dropped here takes its memory until its last playback is over.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::codec::wav;
use crate::ground::is_audio_path;
use crate::media::core::{Clip, Failure, SAMPLE_RATE_HZ, TakenBytes};

/// Files that may wait to be read.
pub const LOADS_MAX: usize = 256;

/// How long a clip is taken from memory without looking whether its file changed.
const FRESH: Duration = Duration::from_secs(1);

/// What is done with a clip when it is there.
type Then = Box<dyn FnOnce(Result<Arc<Clip>, Failure>) + Send>;

struct Job {
    path: String,
    then: Then,
}

#[derive(Debug)]
struct Cached {
    clip: Arc<Clip>,
    modified: Option<SystemTime>,
    checked: Instant,
    used: Instant,
}

impl Cached {
    /// Nobody plays it. While the clips are locked nobody begins to.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.clip) == 1
    }
}

/// Decoded audio at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct AudioCounts {
    /// Bytes that it takes, kept or only played.
    pub bytes: usize,
    /// Files that were not loaded because playbacks held the memory. A total.
    pub refused: u64,
}

/// The clips in memory.
#[derive(Debug)]
struct Memory {
    clips: Mutex<HashMap<String, Cached>>,
    /// Bytes of all clips that live, those included that only playbacks hold.
    taken: Arc<AtomicUsize>,
    bytes_max: usize,
    refused: AtomicU64,
}

/// The store.
#[derive(Debug)]
pub struct Clips {
    memory: Arc<Memory>,
    jobs: SyncSender<Job>,
}

impl Clips {
    /// A store over these folders that takes up to so many bytes for samples. Its thread ends with it.
    ///
    /// # Errors
    /// When a folder cannot be found, or the thread not be started.
    pub fn new(roots: &[PathBuf], bytes_max: usize) -> std::io::Result<Self> {
        let canonical = |root: &PathBuf| {
            root.canonicalize().map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", root.display())))
        };
        let roots = roots.iter().map(canonical).collect::<Result<Vec<_>, _>>()?;
        let memory = Arc::new(Memory::new(bytes_max));
        let (jobs, waiting) = sync_channel(LOADS_MAX);
        let loader = Loader { roots, memory: Arc::clone(&memory) };
        thread::Builder::new().name("media-files".into()).spawn(move || loader.run(&waiting))?;
        Ok(Self { memory, jobs })
    }

    /// A clip that is in memory and was looked at a moment ago.
    #[must_use]
    pub fn cached(&self, path: &str) -> Option<Arc<Clip>> {
        let mut clips = self.memory.clips();
        let cached = clips.get_mut(path).filter(|cached| cached.checked.elapsed() < FRESH)?;
        cached.used = Instant::now();
        Some(Arc::clone(&cached.clip))
    }

    /// Gets a clip, and calls `then` with it on the store's thread.
    ///
    /// # Errors
    /// [`Failure::Limit`] when too many wait.
    pub fn load(
        &self,
        path: String,
        then: impl FnOnce(Result<Arc<Clip>, Failure>) + Send + 'static,
    ) -> Result<(), Failure> {
        self.jobs.try_send(Job { path, then: Box::new(then) }).map_err(|error| match error {
            TrySendError::Full(_) => Failure::Limit { what: "files to read", limit: LOADS_MAX },
            TrySendError::Disconnected(_) => {
                Failure::Internal("the thread that reads files has ended".into())
            }
        })
    }

    /// How much there is.
    #[must_use]
    pub fn counts(&self) -> AudioCounts {
        AudioCounts {
            bytes: self.memory.taken.load(Ordering::Acquire),
            refused: self.memory.refused.load(Ordering::Relaxed),
        }
    }
}

impl Memory {
    fn new(bytes_max: usize) -> Self {
        Self { clips: Mutex::default(), taken: Arc::default(), bytes_max, refused: AtomicU64::new(0) }
    }

    fn clips(&self) -> MutexGuard<'_, HashMap<String, Cached>> {
        self.clips.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clip of a file that has not changed since it was read.
    fn unchanged(&self, path: &str, modified: Option<SystemTime>) -> Option<Arc<Clip>> {
        let mut clips = self.clips();
        let cached = clips.get_mut(path).filter(|cached| cached.modified == modified)?;
        cached.checked = Instant::now();
        Some(Arc::clone(&cached.clip))
    }

    /// Room for so many bytes. Clips that nobody plays make way, those that were used longest ago first.
    fn make_room(&self, bytes: usize) -> Result<TakenBytes, Failure> {
        let mut clips = self.clips();
        let idle: usize = clips.values().filter(|c| c.is_idle()).map(|c| c.clip.taken.bytes()).sum();
        let played = self.taken.load(Ordering::Acquire).saturating_sub(idle);
        if played.saturating_add(bytes) <= self.bytes_max {
            loop {
                if let Some(taken) = TakenBytes::take(&self.taken, bytes, self.bytes_max) {
                    return Ok(taken);
                }
                let idle = clips.iter().filter(|(_, cached)| cached.is_idle());
                let oldest = idle.min_by_key(|(_, cached)| cached.used).map(|(path, _)| path.clone());
                if oldest.and_then(|path| clips.remove(&path)).is_none() {
                    break;
                }
            }
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(Failure::Limit { what: "bytes of audio in memory", limit: self.bytes_max })
    }

    fn keep(&self, path: &str, clip: &Arc<Clip>, modified: Option<SystemTime>) {
        let now = Instant::now();
        let cached = Cached { clip: Arc::clone(clip), modified, checked: now, used: now };
        self.clips().insert(path.to_owned(), cached);
    }
}

/// Reads files, one at a time.
struct Loader {
    roots: Vec<PathBuf>,
    memory: Arc<Memory>,
}

impl Loader {
    fn run(&self, jobs: &Receiver<Job>) {
        while let Ok(Job { path, then }) = jobs.recv() {
            then(self.get(&path));
        }
    }

    fn get(&self, path: &str) -> Result<Arc<Clip>, Failure> {
        let found = find(&self.roots, path)?;
        let unusable = |e: &dyn std::fmt::Display| Failure::FileUnusable(format!("{path}: {e}"));
        let modified = found.metadata().and_then(|metadata| metadata.modified()).ok();
        if let Some(clip) = self.memory.unchanged(path, modified) {
            return Ok(clip);
        }
        let limits = wav::Limits::default();
        let length = found.metadata().map_err(|e| unusable(&e))?.len();
        if length > limits.file_bytes_max as u64 {
            return Err(unusable(&format_args!("{length} bytes, {} are allowed", limits.file_bytes_max)));
        }
        let file = std::fs::read(&found).map_err(|e| unusable(&e))?;
        let samples = wav::read(&file, SAMPLE_RATE_HZ, &limits).map_err(|e| unusable(&e))?;
        let (bytes, bytes_max) = (samples.len() * size_of::<i16>(), self.memory.bytes_max);
        if bytes > bytes_max {
            // No waiting helps: not a bound that is reached, but a file that is too long for this node.
            let why = format_args!("{bytes} bytes when decoded, media.audio_cache_bytes is {bytes_max}");
            return Err(unusable(&why));
        }
        let taken = self.memory.make_room(bytes)?;
        let clip = Arc::new(Clip { samples, taken });
        self.memory.keep(path, &clip, modified);
        Ok(clip)
    }
}

/// The file that a request names: in one of the roots, whatever links there are on the way.
fn find(roots: &[PathBuf], path: &str) -> Result<PathBuf, Failure> {
    if !is_audio_path(path) {
        return Err(Failure::FileUnusable(format!("{path:?} is not a path inside an audio folder")));
    }
    let inside = |root: &PathBuf| {
        let found = root.join(path).canonicalize().ok()?;
        found.starts_with(root).then_some(found)
    };
    let mut others = false;
    for found in roots.iter().filter_map(inside) {
        if found.is_file() {
            return Ok(found);
        }
        others = true;
    }
    let why =
        if others { "is no file: a folder, a pipe or a device" } else { "is in none of the audio folders" };
    Err(Failure::FileUnusable(format!("{path:?} {why}")))
}

#[cfg(test)]
mod tests;
