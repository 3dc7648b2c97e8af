//! Which keys there are, and which of them somebody may have meant.

use toml::{Table, Value};

use super::plain::names_expected;
use super::settings::Settings;

/// How alike two names have to be, from 0 to 1, that one may have been meant by the other.
const ALIKE: f64 = 0.6;

/// The one of some names that may have been meant.
pub(super) fn meant<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &'a str| (strsim::normalized_damerau_levenshtein(written, name), name);
    // Of several that are equally alike the first.
    let likeliest =
        names.into_iter().map(likeness).reduce(|best, next| if next.0 > best.0 { next } else { best });
    likeliest.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, name)| name)
}

/// All keys, as `section.key`. Learned from what is expected where a key is unknown: so none can be missing.
pub(super) fn all() -> Vec<String> {
    let mut keys = Vec::new();
    let mut sections = vec![String::new()];
    while let Some(section) = sections.pop() {
        let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
        for name in names_below(&section) {
            let key = format!("{prefix}{name}");
            if names_below(&key).is_empty() { keys.push(key) } else { sections.push(key) }
        }
    }
    keys
}

/// The names that a section has; none where it is no section.
fn names_below(section: &str) -> Vec<String> {
    let odd = Table::from_iter([(" ".to_owned(), Value::Boolean(true))]);
    let within = |table, name: &str| Table::from_iter([(name.to_owned(), Value::Table(table))]);
    let table = section.split('.').filter(|name| !name.is_empty()).rev().fold(odd, within);
    let error = table.try_into::<Settings>().err();
    let names = error.as_ref().and_then(|error| names_expected(error.message()));
    names.unwrap_or_default().into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_are_found_and_the_one_that_was_meant() {
        let keys = all();
        for key in ["media.rtp_port_min", "signaling.engines.grace_ms", "engine.trunk", "signaling.listeners"]
        {
            assert!(keys.iter().any(|known| known == key), "{key} is not in {keys:?}");
        }
        let meant = |written| meant(written, keys.iter().map(String::as_str));
        assert_eq!(meant("engine.trnk"), Some("engine.trunk"));
        assert_eq!(meant("media.rtp_port"), Some("media.rtp_port_min"));
        assert_eq!(meant("weather"), None);
    }
}
