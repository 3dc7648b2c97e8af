//! Where log lines go: through a bounded queue to a thread of its own that writes them to standard error. Nobody who logs
//! waits for whoever reads, be it slow, stopped or gone.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;

/// Most lines that wait to be written. Further ones are lost and counted.
pub const LINES_WAITING_MAX: usize = 4_096;

/// The longest line, bytes. What is longer is cut.
pub const LINE_BYTES_MAX: usize = 8 * 1024;

/// How long the writing thread rests after each write: lines that come meanwhile go together, and whoever logs need not
/// wake it for each of them.
const GATHERING: Duration = Duration::from_millis(10);

/// Lines gathered are written when there are as many bytes as this.
const BATCH_BYTES: usize = 64 * 1024;

/// What became of the lines of one log.
#[derive(Debug, Default)]
pub(super) struct Fate {
    written: AtomicU64,
    unwritten: AtomicU64,
    queue: OnceLock<ErrorCounter>,
}

impl Fate {
    /// Lines written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Lines lost: the queue was full, or they could not be written.
    pub fn lost(&self) -> u64 {
        let queue = self.queue.get().map_or(0, ErrorCounter::dropped_lines);
        self.unwritten.load(Ordering::Relaxed) + queue as u64
    }
}

/// The queue's front end: takes lines from whoever logs, and never blocks.
#[derive(Clone, Debug)]
pub(super) struct Lines(NonBlocking);

/// Starts the writing thread. What still waits is written when the guard is dropped, within about a second.
pub(super) fn lines_to(to: impl Write + Send + 'static, fate: &Arc<Fate>) -> (Lines, WorkerGuard) {
    let batch = Batch { to, waiting: Vec::new(), lines: 0, fate: Arc::clone(fate) };
    let (queue, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_WAITING_MAX)
        .lossy(true)
        .thread_name("log")
        .finish(batch);
    // Set once: a fate belongs to one log.
    let _ = fate.queue.set(queue.error_counter());
    (Lines(queue), guard)
}

/// Standard error, by a descriptor of its own: a write that blocks holds no lock that others want.
pub(super) fn standard_error() -> Box<dyn Write + Send> {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(File::from(descriptor)),
        // There is none to write to.
        Err(_) => Box::new(io::sink()),
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Lines {
    /// One line a call, as the formatter does.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if line.len() <= LINE_BYTES_MAX {
            return self.0.write(line);
        }
        let end = (0..=LINE_BYTES_MAX).rev().find(|&at| is_boundary(line, at)).unwrap_or(LINE_BYTES_MAX);
        let mut cut = line.get(..end).unwrap_or_default().to_vec();
        cut.extend_from_slice(" (cut)\n".as_bytes());
        self.0.write(&cut).map(|_| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a UTF-8 character begins here.
fn is_boundary(line: &[u8], at: usize) -> bool {
    line.get(at).is_none_or(|byte| byte & 0b1100_0000 != 0b1000_0000)
}

/// The queue's other end, on the writing thread.
struct Batch<W: Write> {
    to: W,
    waiting: Vec<u8>,
    lines: u64,
    fate: Arc<Fate>,
}

impl<W: Write> Batch<W> {
    fn write_out(&mut self) {
        if self.lines == 0 {
            return;
        }
        let outcome = self.to.write_all(&self.waiting).and_then(|()| self.to.flush());
        let counter = if outcome.is_ok() { &self.fate.written } else { &self.fate.unwritten };
        counter.fetch_add(self.lines, Ordering::Relaxed);
        self.waiting.clear();
        self.lines = 0;
    }
}

impl<W: Write> Write for Batch<W> {
    /// Takes one line. It never fails: what cannot be written is counted.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(line);
        self.lines += 1;
        if self.waiting.len() >= BATCH_BYTES {
            self.write_out();
        }
        Ok(line.len())
    }

    /// No line waits in the queue any more.
    fn flush(&mut self) -> io::Result<()> {
        self.write_out();
        std::thread::sleep(GATHERING);
        Ok(())
    }
}

impl<W: Write> Drop for Batch<W> {
    fn drop(&mut self) {
        self.write_out();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that tells when it is given something, and takes it when it is told to, or nobody can tell it any more.
    struct Stalled {
        given: Sender<()>,
        told: Receiver<()>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.given.send(());
            let _ = self.told.recv();
            self.read.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(28))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_nobody_reads_are_lost_and_counted_and_the_rest_are_written_when_somebody_does() {
        let ((go_on, told), (given, is_given)) = (channel(), channel());
        let (read, fate) = (Arc::default(), Arc::default());
        let (mut lines, guard) = lines_to(Stalled { given, told, read: Arc::clone(&read) }, &fate);
        lines.write_all(b"first\n").unwrap();
        is_given.recv().unwrap();
        for number in 0..2 * LINES_WAITING_MAX {
            lines.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        assert_eq!((fate.written(), fate.lost()), (0, LINES_WAITING_MAX as u64));
        drop(go_on);
        drop(guard);
        assert_eq!(fate.written(), 1 + LINES_WAITING_MAX as u64);
        assert_eq!(read.lock().unwrap().iter().filter(|&&byte| byte == b'\n').count() as u64, fate.written());
    }

    #[test]
    fn lines_that_cannot_be_written_are_lost_and_counted() {
        let fate = Arc::default();
        let (mut lines, guard) = lines_to(Full, &fate);
        lines.write_all(b"one\n").unwrap();
        drop(guard);
        assert_eq!((fate.written(), fate.lost()), (0, 1));
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_between_two_characters() {
        let (read, fate) = (Arc::default(), Arc::default());
        let ((_, told), (given, _is_given)) = (channel(), channel());
        let (mut lines, guard) = lines_to(Stalled { given, told, read: Arc::clone(&read) }, &fate);
        lines.write_all(format!("x{}\n", "é".repeat(LINE_BYTES_MAX)).as_bytes()).unwrap();
        drop(guard);
        let text = String::from_utf8(read.lock().unwrap().clone()).unwrap();
        assert!(
            text.ends_with("é (cut)\n") && text.len() <= LINE_BYTES_MAX + " (cut)\n".len(),
            "{}",
            text.len()
        );
    }
}
