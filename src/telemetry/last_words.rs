//! What is said when the process ends or a thread panics: by ways that whoever does not read cannot block.

use std::any::Any;
use std::io::Write as _;
use std::sync::mpsc;
use std::time::Duration;

/// How long the last line may take to be written. Then the process ends without it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes one line to standard error, unless its reader has stalled.
pub fn last_words(line: String) {
    let (said, heard) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        // Where nobody reads, nobody is told.
        let _ = writeln!(std::io::stderr(), "{line}");
        drop(said);
    });
    let _ = heard.recv_timeout(PATIENCE);
}

/// Panics are lines of the log from now on. By default they would be written to standard error at once, by the thread that
/// panics, which would never end where nobody reads.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        let captured = backtrace.status() == std::backtrace::BacktraceStatus::Captured;
        let backtrace = captured.then(|| tracing::field::display(&backtrace));
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(thread, at, backtrace, "panicked: {}", words_of(panic.payload()));
    }));
}

fn words_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_says_is_found() {
        let formatted = std::panic::catch_unwind(|| panic!("{} calls", 2)).unwrap_err();
        assert_eq!(words_of(&*formatted), "2 calls");
        assert_eq!(words_of(&"plain"), "plain");
        assert_eq!(words_of(&7), "without a word");
    }
}
