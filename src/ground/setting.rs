//! Settings that can be absent: how one that has a value by default, or from a file, is made absent from outside.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A value that the empty text and `none` make absent, for `#[serde(deserialize_with)]`.
///
/// # Errors
/// When it is no text, or one that cannot be used.
pub fn or_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: Display,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() || text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| de::Error::custom(format!("{text:?}: {error}")))
}
