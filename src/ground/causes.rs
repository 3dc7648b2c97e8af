//! An error in words, with what led to it.

use std::error::Error;

/// An error with its causes, joined by colons: libraries tell the reason only there.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(source) = at {
        let more = source.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        at = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn causes_follow_one_another_and_are_not_told_twice() {
        let refused = Layer("connection refused", None);
        let again = Layer("tcp: connection refused", Some(Box::new(refused)));
        let error = Layer("transport error", Some(Box::new(again)));
        assert_eq!(with_causes(&error), "transport error: tcp: connection refused");
    }
}
