//! Audio files: found inside the configured folders, read on a thread of their own, kept in memory while used.
//!
//! A worker never touches the disk. It takes a clip that is in memory; else it asks, and gets a command when it is.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::codec::wav;
use crate::media::core::{Clip, Failure, SAMPLE_RATE_HZ};

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

#[derive(Debug, Default)]
struct Cache {
    clips: HashMap<String, Cached>,
    bytes: usize,
}

/// The store.
#[derive(Debug)]
pub struct Clips {
    cache: Arc<Mutex<Cache>>,
    jobs: SyncSender<Job>,
}

fn lock(cache: &Mutex<Cache>) -> MutexGuard<'_, Cache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clips {
    /// A store over these folders that keeps up to so many bytes of samples. Its thread ends with it.
    ///
    /// # Errors
    /// When a folder cannot be found, or the thread not be started.
    pub fn new(roots: &[PathBuf], cache_bytes_max: usize) -> std::io::Result<Self> {
        let canonical = |root: &PathBuf| {
            root.canonicalize().map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", root.display())))
        };
        let roots = roots.iter().map(canonical).collect::<Result<Vec<_>, _>>()?;
        let cache = Arc::new(Mutex::default());
        let (jobs, waiting) = sync_channel(LOADS_MAX);
        let loader = Loader { roots, cache_bytes_max, cache: Arc::clone(&cache) };
        thread::Builder::new().name("media-files".into()).spawn(move || loader.run(&waiting))?;
        Ok(Self { cache, jobs })
    }

    /// A clip that is in memory and was looked at a moment ago.
    #[must_use]
    pub fn cached(&self, path: &str) -> Option<Arc<Clip>> {
        let mut cache = lock(&self.cache);
        let cached = cache.clips.get_mut(path).filter(|cached| cached.checked.elapsed() < FRESH)?;
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
}

struct Loader {
    roots: Vec<PathBuf>,
    cache_bytes_max: usize,
    cache: Arc<Mutex<Cache>>,
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
        if let Some(cached) = lock(&self.cache).clips.get_mut(path)
            && cached.modified == modified
        {
            cached.checked = Instant::now();
            return Ok(Arc::clone(&cached.clip));
        }
        let limits = wav::Limits::default();
        let length = found.metadata().map_err(|e| unusable(&e))?.len();
        if length > limits.file_bytes_max as u64 {
            return Err(unusable(&format_args!("{length} bytes, {} are allowed", limits.file_bytes_max)));
        }
        let file = std::fs::read(&found).map_err(|e| unusable(&e))?;
        let samples = wav::read(&file, SAMPLE_RATE_HZ, &limits).map_err(|e| unusable(&e))?;
        let clip = Arc::new(Clip { samples });
        self.keep(path, &clip, modified);
        Ok(clip)
    }

    fn keep(&self, path: &str, clip: &Arc<Clip>, modified: Option<SystemTime>) {
        let mut cache = lock(&self.cache);
        let now = Instant::now();
        let cached = Cached { clip: Arc::clone(clip), modified, checked: now, used: now };
        cache.bytes += bytes_of(clip);
        if let Some(replaced) = cache.clips.insert(path.to_owned(), cached) {
            cache.bytes -= bytes_of(&replaced.clip);
        }
        while cache.bytes > self.cache_bytes_max {
            let oldest =
                cache.clips.iter().min_by_key(|(_, cached)| cached.used).map(|(path, _)| path.clone());
            let Some(gone) = oldest.and_then(|path| cache.clips.remove(&path)) else { break };
            cache.bytes -= bytes_of(&gone.clip);
        }
    }
}

fn bytes_of(clip: &Clip) -> usize {
    clip.samples.len() * size_of::<i16>()
}

/// The file that a request names: in one of the roots, whatever links there are on the way.
fn find(roots: &[PathBuf], path: &str) -> Result<PathBuf, Failure> {
    let relative = Path::new(path);
    let plain = !path.is_empty() && relative.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain {
        return Err(Failure::FileUnusable(format!("{path:?} is not a path inside an audio folder")));
    }
    let inside = |root: &PathBuf| {
        let found = root.join(relative).canonicalize().ok()?;
        (found.starts_with(root) && found.is_file()).then_some(found)
    };
    let missing = || Failure::FileUnusable(format!("{path:?} is in none of the audio folders"));
    roots.iter().find_map(inside).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// A folder of this test's own, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("callplane-clips-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn write(&self, name: &str, samples: &[i16]) {
            let mut file = wav::wav_header(SAMPLE_RATE_HZ, 1, Some(samples.len() as u32 * 2)).to_vec();
            file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
            std::fs::write(self.0.join(name), file).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn load(clips: &Clips, path: &str) -> Result<Arc<Clip>, Failure> {
        let (sender, receiver) = channel();
        clips.load(path.into(), move |clip| sender.send(clip).unwrap()).unwrap();
        receiver.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn only_files_inside_the_roots_are_found() {
        let (root, outside) = (Folder::new("root"), Folder::new("outside"));
        std::fs::create_dir(root.0.join("sub")).unwrap();
        root.write("a.wav", &[1, 2, 3]);
        root.write("sub/b.wav", &[4]);
        outside.write("secret.wav", &[9]);
        std::os::unix::fs::symlink(outside.0.join("secret.wav"), root.0.join("link.wav")).unwrap();
        std::os::unix::fs::symlink(root.0.join("a.wav"), root.0.join("inside.wav")).unwrap();
        let clips = Clips::new(std::slice::from_ref(&root.0), 1 << 20).unwrap();
        assert_eq!(load(&clips, "a.wav").unwrap().samples, [1, 2, 3]);
        assert_eq!(load(&clips, "sub/b.wav").unwrap().samples, [4]);
        assert_eq!(load(&clips, "inside.wav").unwrap().samples, [1, 2, 3]);
        let secret = outside.0.join("secret.wav");
        let escapes = ["../outside/secret.wav", "sub/../../x", "link.wav", "", ".", "sub", "nothing.wav"];
        for path in escapes.into_iter().chain(secret.to_str()) {
            assert!(matches!(load(&clips, path), Err(Failure::FileUnusable(_))), "{path}");
        }
    }

    #[test]
    fn a_file_that_is_no_audio_is_refused_with_its_name() {
        let root = Folder::new("broken");
        std::fs::write(root.0.join("text.wav"), "not audio").unwrap();
        let clips = Clips::new(std::slice::from_ref(&root.0), 1 << 20).unwrap();
        let Err(Failure::FileUnusable(message)) = load(&clips, "text.wav") else { panic!("it was read") };
        assert!(message.contains("text.wav"));
    }

    #[test]
    fn clips_stay_in_memory_up_to_the_bound() {
        let root = Folder::new("cache");
        root.write("a.wav", &[1; 100]);
        root.write("b.wav", &[2; 100]);
        let clips = Clips::new(std::slice::from_ref(&root.0), 300).unwrap();
        let first = load(&clips, "a.wav").unwrap();
        assert!(Arc::ptr_eq(&clips.cached("a.wav").unwrap(), &first));
        assert!(Arc::ptr_eq(&load(&clips, "a.wav").unwrap(), &first));
        load(&clips, "b.wav").unwrap();
        assert!(clips.cached("a.wav").is_none() && clips.cached("b.wav").is_some());
    }

    #[test]
    fn a_root_that_does_not_exist_stops_the_start() {
        let error = Clips::new(&["/nonexistent-callplane".into()], 0).unwrap_err();
        assert!(error.to_string().contains("nonexistent-callplane"));
    }
}
