//! Settings that a service cannot do without, or that only a look at this host shows to be of no use.

use super::Services;
use crate::config::Settings;

/// A key, and what is wrong with it.
type Unfit = (&'static str, String);

/// Everything that would keep these services from starting, as far as it can be known without starting them.
#[must_use]
pub fn unfit(settings: &Settings, services: Services) -> Vec<Unfit> {
    let mut unfit = missing(settings, services);
    if services.media {
        for root in &settings.media.audio_roots {
            let looked_at = root.metadata().map(|found| found.is_dir());
            let what = match looked_at {
                Ok(true) => continue,
                Ok(false) => "is no folder".to_owned(),
                Err(error) => error.to_string(),
            };
            unfit.push(("media.audio_roots", format!("{}: {what}", root.display())));
        }
    }
    unfit
}

/// What services apart cannot do without, and what has no sense in one process.
pub(super) fn missing(settings: &Settings, services: Services) -> Vec<Unfit> {
    let address = settings.signaling.media_address.is_some();
    let mut missing = Vec::new();
    match (services.signaling, services.media) {
        (true, true) if address => {
            let what = "is for signaling that runs apart; `serve` has media in the process";
            missing.push(("signaling.media_address", what.into()));
        }
        (true, false) if !address => {
            let what = "signaling that runs apart needs the address of a media service";
            missing.push(("signaling.media_address", what.into()));
        }
        (false, true) if settings.media.api.is_none() => {
            missing.push(("media.api", "media that runs apart needs an address for its API".into()));
        }
        _ => {}
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_not_there_is_found_without_a_start() {
        let mut settings = Settings::default();
        settings.media.audio_roots = vec!["/nowhere".into(), "/dev/null".into(), "/".into()];
        let keys = |services| unfit(&settings, services).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(keys(Services::both(true)), ["media.audio_roots", "media.audio_roots"]);
        assert_eq!(keys(Services::MEDIA), ["media.api", "media.audio_roots", "media.audio_roots"]);
        assert_eq!(keys(Services::SIGNALING), ["signaling.media_address"]);
        assert!(keys(Services::ENGINE).is_empty());
    }
}
