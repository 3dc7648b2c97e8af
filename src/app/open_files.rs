//! How many files the process may have open: sockets are files.
//!
//! What may be open at most is made to fit at the start, and told. Else strangers' connections would take the descriptors
//! that calls and the operator's HTTP need, long before they are as many as configured.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Services, media_server};
use crate::config::Settings;

/// Descriptors of everything that is not counted by the piece: listeners, timers, threads, files, look-ups, the link to
/// media, the operator's HTTP (64).
const OTHERS: u64 = 384;

/// What of the rest is kept for each API's connections where not all fits, and for SIP's, which have what endpoints leave.
const API_EIGHTHS: u64 = 1;
const SIP_EIGHTHS: u64 = 2;

/// Raises the soft limit to the hard one. The soft one is small for the sake of programs that call `select`; this one
/// has a descriptor for each endpoint and each connection.
fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let Some(raised) = raised(&limit) else {
        tracing::info!(limit = told(limit.current), "open files");
        return limit.current;
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => {
            tracing::info!(limit = told(raised.current), from = told(limit.current), "open files");
            raised.current
        }
        Err(error) => {
            tracing::warn!(limit = told(limit.current), %error, "the limit of open files stays");
            limit.current
        }
    }
}

/// Raises the limit as far as it goes, and takes from the settings what does not fit into it. What is taken is told.
/// Returns how many connections media's API may have.
pub(super) fn fit_limit(settings: &mut Settings, services: Services) -> usize {
    let mut media_api = media_server::CONNECTIONS_MAX;
    let Some(limit) = raise_limit() else { return media_api };
    let where_run = |runs: bool, wanted: usize| if runs { wanted } else { 0 };
    let serves_media_api = services.media && settings.media.api.is_some();
    let wanted = Wanted {
        endpoints: where_run(services.media, settings.media.endpoints_max),
        api: where_run(services.signaling, settings.signaling.api.connections_max),
        media_api: where_run(serves_media_api, media_api),
        sip: where_run(services.signaling, settings.signaling.sockets.connections_max),
    };
    let fits = wanted.fit(limit);
    let signaling = &mut settings.signaling;
    let rows: [(bool, &str, &mut usize, usize); 4] = [
        (services.media, "media.endpoints_max", &mut settings.media.endpoints_max, fits.endpoints),
        (serves_media_api, "what media.api takes of connections", &mut media_api, fits.media_api),
        (services.signaling, "signaling.api.connections_max", &mut signaling.api.connections_max, fits.api),
        (
            services.signaling,
            "signaling.sockets.connections_max",
            &mut signaling.sockets.connections_max,
            fits.sip,
        ),
    ];
    for (runs, what, bound, fits) in rows {
        if runs && fits < *bound {
            let configured = std::mem::replace(bound, fits);
            tracing::warn!(limit, configured, now = fits, "{what} does not fit into the limit of open files");
        }
    }
    media_api
}

/// The limit with the soft one as high as the hard one; `None` where it is.
fn raised(limit: &Rlimit) -> Option<Rlimit> {
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    (raised != *limit).then_some(raised)
}

fn told(limit: Option<u64>) -> String {
    limit.map_or_else(|| "none".into(), |limit| limit.to_string())
}

/// What may be open at most, by what is counted by the piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    endpoints: usize,
    api: usize,
    media_api: usize,
    sip: usize,
}

impl Wanted {
    /// What of it fits into a limit. Nothing is taken away where all fits.
    fn fit(self, limit: u64) -> Self {
        let Self { endpoints, api, media_api, sip } = self;
        let rest = limit - OTHERS.min(limit / 2);
        if [endpoints, api, media_api, sip].iter().map(|wanted| *wanted as u64).sum::<u64>() <= rest {
            return self;
        }
        let at_most = |wanted: usize, most: u64| wanted.min(usize::try_from(most).unwrap_or(usize::MAX));
        let [api, media_api] = [api, media_api].map(|wanted| at_most(wanted, rest * API_EIGHTHS / 8));
        let kept = (api + media_api + at_most(sip, rest * SIP_EIGHTHS / 8)) as u64;
        let endpoints = at_most(endpoints, rest - kept).max(1);
        let sip = at_most(sip, rest.saturating_sub((endpoints + api + media_api) as u64));
        Self { endpoints, api, media_api, sip }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one_and_no_more() {
        let limit = |current, maximum| Rlimit { current, maximum };
        let rows = [
            (limit(Some(1024), Some(524_288)), Some(limit(Some(524_288), Some(524_288)))),
            (limit(Some(1024), None), Some(limit(None, None))),
            (limit(Some(1024), Some(1024)), None),
            (limit(None, None), None),
        ];
        for (before, after) in rows {
            assert_eq!(raised(&before), after, "{before:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_taken_from_sips_connections_first_and_calls_and_the_api_keep_their_part() {
        let wanted = Wanted { endpoints: 5_000, api: 1_024, media_api: 0, sip: 20_000 };
        let beside = Wanted { media_api: 512, ..wanted };
        let rows = [
            (1_048_576, wanted, wanted),
            (26_408, wanted, wanted),
            (20_000, wanted, Wanted { sip: 13_592, ..wanted }),
            (8_384, wanted, Wanted { api: 1_000, sip: 2_000, ..wanted }),
            (1_024, wanted, Wanted { endpoints: 400, api: 80, media_api: 0, sip: 160 }),
            (64, wanted, Wanted { endpoints: 20, api: 4, media_api: 0, sip: 8 }),
            (26_920, beside, beside),
            (26_408, beside, Wanted { sip: 19_488, ..beside }),
            (1_024, beside, Wanted { endpoints: 320, api: 80, media_api: 80, sip: 160 }),
        ];
        for (limit, wanted, fits) in rows {
            assert_eq!(wanted.fit(limit), fits, "{limit}");
        }
        let media = Wanted { endpoints: 50_000, api: 0, media_api: 0, sip: 0 };
        assert_eq!(media.fit(20_384).endpoints, 20_000, "where nothing else is wanted");
        let apart = Wanted { media_api: 512, ..media };
        assert_eq!(apart.fit(20_384), Wanted { endpoints: 19_488, ..apart });
        assert_eq!(apart.fit(1_024), Wanted { endpoints: 560, media_api: 80, ..apart });
    }
}
