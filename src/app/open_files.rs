//! How many files the process may have open: sockets are files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. The soft one is small for the sake of programs that call `select`; this one
/// has a descriptor for each endpoint and each connection.
pub(super) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let Some(raised) = raised(&limit) else {
        tracing::info!(limit = told(limit.current), "open files");
        return;
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::info!(limit = told(raised.current), from = told(limit.current), "open files"),
        Err(error) => tracing::warn!(limit = told(limit.current), %error, "the limit of open files stays"),
    }
}

/// The limit with the soft one as high as the hard one; `None` where it is.
fn raised(limit: &Rlimit) -> Option<Rlimit> {
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    (raised != *limit).then_some(raised)
}

fn told(limit: Option<u64>) -> String {
    limit.map_or_else(|| "none".into(), |limit| limit.to_string())
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
}
