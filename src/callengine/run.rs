//! The engine's life: attach, and attach again when the stream breaks.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;

use super::attach::attend;
use super::settings::CallEngineSettings;

/// The pause before the engine attaches again: the first, doubled each time up to the last. Part of it is by chance, so
/// that engines that were cut off together do not come back together.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long connecting may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Why the engine could not begin.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The API's address cannot be used.
    #[error("engine.api {0:?} is no usable address")]
    Address(String),
}

/// Attaches and serves calls until told to stop; attaches again when the stream breaks. `attached` is called when it is
/// attached for the first time.
///
/// # Errors
/// When the API's address cannot be used. A service that is away is waited for.
pub async fn run(
    settings: CallEngineSettings,
    stop: CancellationToken,
    attached: impl FnOnce() + Send,
) -> Result<(), EngineError> {
    let address = || EngineError::Address(settings.api.clone());
    let endpoint = Endpoint::from_shared(settings.api.clone()).map_err(|_| address())?;
    let endpoint = endpoint.connect_timeout(CONNECT_TIME_MAX).tcp_nodelay(true);
    let engine = settings.name();
    let mut attached = Some(attached);
    let mut pauses = pauses();
    loop {
        let mut opened = false;
        let on_opened = || {
            opened = true;
            if let Some(attached) = attached.take() {
                attached();
            }
        };
        let end = attend(&endpoint, &settings, &engine, on_opened, &stop).await;
        if stop.is_cancelled() {
            return Ok(());
        }
        if opened {
            pauses = self::pauses();
        }
        let pause = pauses.next().unwrap_or(BACKOFF.1);
        tracing::warn!(engine, api = settings.api, "attachment ended: {end}; trying again in {pause:?}");
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    let grows = ExponentialBuilder::default().with_min_delay(BACKOFF.0).with_max_delay(BACKOFF.1);
    grows.without_max_times().with_jitter().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_not_the_same_for_all() {
        let begin = || pauses().take(40).collect::<Vec<_>>();
        let (one, other) = (begin(), begin());
        assert_ne!(one, other);
        assert!(one.iter().all(|pause| (BACKOFF.0..=2 * BACKOFF.1).contains(pause)), "{one:?}");
        assert!(one.iter().skip(6).all(|pause| *pause >= BACKOFF.1), "{one:?}");
    }
}
