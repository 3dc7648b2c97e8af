//! Event and Subscription-State (RFC 6665 §8.2).

use super::super::grammar::{Parsed, delta_seconds, token, whole, ws};
use super::super::headers::FieldValue;
use super::params::{Params, any_params};

/// Event: the package, and an id that tells several subscriptions of a dialog apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The package with its templates: `refer`, `presence.winfo`.
    pub package: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    /// The `id` parameter.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.params.get("id")
    }
}

impl<'a> FieldValue<'a> for Event<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, package) = token(i)?;
        let (i, params) = any_params(i)?;
        Ok((i, Self { package, params }))
    }
}

/// Subscription-State of a NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// `active`, `pending`, `terminated` or another token.
    pub state: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> SubscriptionState<'a> {
    /// Seconds the subscription has left.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.seconds("expires")
    }

    /// Seconds after which a terminated subscription may be tried again.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.seconds("retry-after")
    }

    /// Why the subscription ended: `noresource`, `timeout`, …
    #[must_use]
    pub fn reason(&self) -> Option<&'a str> {
        self.params.get("reason")
    }

    fn seconds(&self, name: &str) -> Option<u32> {
        whole(self.params.get(name)?, delta_seconds).ok()
    }
}

impl<'a> FieldValue<'a> for SubscriptionState<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, state) = token(i)?;
        let (i, params) = any_params(i)?;
        Ok((i, Self { state, params }))
    }
}
