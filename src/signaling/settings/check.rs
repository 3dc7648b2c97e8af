//! Which values of the section `signaling` can be used.

use super::{BadSetting, SignalingSettings};
use crate::engine::EngineLimits;
use crate::ground::network::collide;
use crate::ground::{NODE_NAME_BYTES_MAX, SessionId};
use crate::sip::grammar::is_token;
use crate::sip::{Host, Product, Uri};

impl SignalingSettings {
    /// Checks what the types alone cannot.
    ///
    /// # Errors
    /// The first value that cannot be used.
    pub fn check(&self) -> Result<(), BadSetting> {
        let require = |fits: bool, key: &str, problem: &str| {
            if fits { Ok(()) } else { Err(BadSetting { key: key.to_owned(), problem: problem.to_owned() }) }
        };
        require((1..=256).contains(&self.shards), "shards", "has to be 1 to 256")?;
        let for_each = self.sessions_max >= usize::from(self.shards);
        require(for_each, "sessions_max", "has to be at least signaling.shards: each shard takes its part")?;
        let for_each = self.calls.unconfirmed_max >= usize::from(self.shards);
        require(
            for_each,
            "calls.unconfirmed_max",
            "has to be at least signaling.shards: each shard takes its part",
        )?;
        for (key, value) in self.at_least_one() {
            require(value > 0, key, "has to be at least 1")?;
        }
        // With a longer one media would refuse this node for ever.
        let is_name_of_node = self.node.len() <= NODE_NAME_BYTES_MAX;
        require(is_name_of_node, "node", &format!("has to have at most {NODE_NAME_BYTES_MAX} bytes"))?;
        require(is_products(&self.product), "product", "is no value of Server and User-Agent, as Name/1.0")?;
        // As From it has no header fields (RFC 3261 §19.1.1, table 1).
        let is_identity =
            Uri::parse(&self.identity_uri).is_ok_and(|uri| uri.is_sip() && uri.headers().is_empty());
        require(is_identity, "identity_uri", "is no SIP URI without header fields")?;
        let is_line = !self.identity_display_name.contains(char::is_control);
        require(is_line, "identity_display_name", "holds a control character")?;
        for (index, accepted) in self.accept.iter().enumerate() {
            let is_type =
                accepted.split_once('/').is_some_and(|(kind, name)| is_token(kind) && is_token(name));
            require(is_type, &format!("accept[{index}]"), "is no media type, as text/plain")?;
        }
        let sip = &self.sip;
        require(sip.t2_ms >= sip.t1_ms, "sip.t2_ms", "has to be at least sip.t1_ms")?;
        let longest = EngineLimits::default().heartbeat_max.as_millis();
        let heartbeat = (10..=longest).contains(&u128::from(self.engines.heartbeat_min_ms));
        require(heartbeat, "engines.heartbeat_min_ms", &format!("has to be 10 to {longest}"))?;
        let percent = (1..=100).contains(&self.engines.made_percent);
        require(percent, "engines.made_percent", "has to be 1 to 100")?;
        for (index, listener) in self.listeners.iter().enumerate() {
            let key = format!("listeners[{index}]");
            let taken = self.listeners[..index]
                .iter()
                .find(|before| before.transport == listener.transport && collide(before.bind, listener.bind));
            let problem = match taken.map(|before| before.bind) {
                Some(before) if before != listener.bind => {
                    format!("cannot be had beside {before}, which another listener of this transport has")
                }
                _ => "is configured twice for this transport".to_owned(),
            };
            require(taken.is_none(), &format!("{key}.bind"), &problem)?;
            require(is_name(&listener.group), &format!("{key}.group"), "is no name")?;
            let is_host = listener.advertised_host.as_deref().is_none_or(|host| Host::parse(host).is_some());
            require(is_host, &format!("{key}.advertised_host"), "is no host name and no address")?;
        }
        for (name, group) in &self.groups {
            require(is_name(name), &format!("groups.{name}"), "is no name")?;
            let status = (400..=699).contains(&group.refusal_status);
            require(status, &format!("groups.{name}.refusal_status"), "has to be 400 to 699")?;
        }
        Ok(())
    }

    /// What is of no use with 0: nothing would ever come through, or in time.
    fn at_least_one(&self) -> [(&'static str, u64); 17] {
        let Self { engines, calls, sip, sockets, api, .. } = self;
        let count = |count: usize| count as u64;
        [
            ("media_timeout_ms", self.media_timeout_ms),
            ("engines.unacked_events_max", engines.unacked_events_max.into()),
            ("engines.retention_events", engines.retention_events.into()),
            ("engines.retention_bytes", engines.retention_bytes),
            ("engines.total_bytes", engines.total_bytes),
            ("engines.engines_max", engines.engines_max.into()),
            ("calls.decision_timeout_ms", calls.decision_timeout_ms),
            ("calls.alerting_timeout_seconds", calls.alerting_timeout_seconds),
            ("calls.ring_timeout_seconds", calls.ring_timeout_seconds),
            ("sip.t1_ms", sip.t1_ms),
            ("sockets.idle_seconds", sockets.idle_seconds),
            ("sockets.idle_without_call_seconds", sockets.idle_without_call_seconds),
            ("sockets.half_open_ms", sockets.half_open_ms),
            ("api.connections_max", count(api.connections_max)),
            ("api.calls_per_connection_max", count(api.calls_per_connection_max)),
            ("api.streams_per_connection_max", api.streams_per_connection_max.into()),
            ("api.message_bytes_max", count(api.message_bytes_max)),
        ]
    }
}

/// Groups are named as ids are.
fn is_name(text: &str) -> bool {
    SessionId::parse(text).is_ok()
}

/// Whether this can be sent as Server and User-Agent: products and comments to its end, or nothing (RFC 3261 §20.35).
fn is_products(text: &str) -> bool {
    let bare = |text: &str| text.replace(' ', "");
    let written = |product| match product {
        Product::Named { name, version: Some(version) } => format!("{name}/{version}"),
        Product::Named { name, version: None } => name.to_owned(),
        Product::Comment(text) => format!("({text})"),
    };
    let read: String = Product::all(text).map(written).collect();
    !text.contains(char::is_control) && text.trim() == text && bare(&read) == bare(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_defaults_can_be_used() {
        assert_eq!(SignalingSettings::default().check(), Ok(()));
    }

    #[rstest]
    #[case("shards = 0", "shards")]
    #[case("sessions_max = 0", "sessions_max")]
    #[case("sessions_max = 3\nshards = 4", "sessions_max")]
    #[case("shards = 4\n[calls]\nunconfirmed_max = 3", "calls.unconfirmed_max")]
    #[case("accept = ['text/plain', 'text']", "accept[1]")]
    #[case("accept = ['text/pl ain']", "accept[0]")]
    #[case("product = \"A/1\\r\\nX-Evil: 1\"", "product")]
    #[case("product = 'A/1, B/2'", "product")]
    #[case("product = 'A (open'", "product")]
    #[case("product = ' '", "product")]
    #[case("identity_uri = ''", "identity_uri")]
    #[case("identity_uri = 'callplane'", "identity_uri")]
    #[case("identity_uri = 'sip:'", "identity_uri")]
    #[case("identity_uri = 'tel:+4930123'", "identity_uri")]
    #[case("identity_uri = 'sip:a@h?Subject=x'", "identity_uri")]
    #[case("identity_display_name = \"a\\nb\"", "identity_display_name")]
    #[case("[groups.g]\nrefusal_status = 200", "groups.g.refusal_status")]
    #[case("[groups.'a b']", "groups.a b")]
    #[case("[sip]\nt1_ms = 0", "sip.t1_ms")]
    #[case("[api]\ncalls_per_connection_max = 0", "api.calls_per_connection_max")]
    #[case("[calls]\nring_timeout_seconds = 0", "calls.ring_timeout_seconds")]
    #[case("[engines]\nheartbeat_min_ms = 5", "engines.heartbeat_min_ms")]
    #[case("[engines]\nheartbeat_min_ms = 60001", "engines.heartbeat_min_ms")]
    #[case("[engines]\ntotal_bytes = 0", "engines.total_bytes")]
    #[case("[engines]\nmade_percent = 0", "engines.made_percent")]
    #[case("[engines]\nmade_percent = 101", "engines.made_percent")]
    #[case("[sip]\nt1_ms = 5000", "sip.t2_ms")]
    #[case("[[listeners]]\ntransport = 'udp'\nbind = '127.0.0.1:5060'\ngroup = ''", "listeners[0].group")]
    #[case(
        "[[listeners]]\ntransport = 'udp'\nbind = '127.0.0.1:5060'\nadvertised_host = 'a b'",
        "listeners[0].advertised_host"
    )]
    #[case(
        "listeners = [{ transport = 'udp', bind = '[::1]:5060' }, { transport = 'udp', bind = '[::1]:5060' }]",
        "listeners[1].bind"
    )]
    #[case(
        "listeners = [{ transport = 'tcp', bind = '127.0.0.1:5060' }, { transport = 'tcp', bind = '0.0.0.0:5060' }]",
        "listeners[1].bind"
    )]
    #[case(
        "listeners = [{ transport = 'udp', bind = '[::]:5060' }, { transport = 'udp', bind = '[::1]:5060' }]",
        "listeners[1].bind"
    )]
    #[case(
        "node = '123456789-123456789-123456789-123456789-123456789-123456789-123456789-123456789-123456789-\
            123456789-123456789-123456789-123456789'",
        "node"
    )]
    fn a_bad_value_is_named(#[case] text: &str, #[case] key: &str) {
        let settings: SignalingSettings = toml::from_str(text).unwrap();
        assert_eq!(settings.check().unwrap_err().key, key);
    }

    #[rstest]
    #[case("product = ''")]
    #[case("product = 'Callplane'")]
    #[case("product = 'Homer (the (first)) Callplane/1.0-rc1 x / 2'")]
    #[case("identity_uri = 'sips:pbx@[2001:db8::1]:5061;transport=tcp'")]
    #[case("accept = ['application/vnd.x+xml']")]
    #[case(
        "listeners = [{ transport = 'tcp', bind = '[::]:5060' }, { transport = 'tcp', bind = '0.0.0.0:5060' }]"
    )]
    #[case("listeners = [{ transport = 'udp', bind = '[::1]:0' }, { transport = 'udp', bind = '[::1]:0' }]")]
    #[case(
        "listeners = [{ transport = 'udp', bind = '0.0.0.0:5060' }, { transport = 'tcp', bind = '127.0.0.1:5060' }]"
    )]
    #[case(
        "listeners = [{ transport = 'udp', bind = '127.0.0.1:5060' }, { transport = 'udp', bind = '127.0.0.2:5060' }]"
    )]
    fn what_can_be_sent_is_accepted(#[case] text: &str) {
        let settings: SignalingSettings = toml::from_str(text).unwrap();
        assert_eq!(settings.check(), Ok(()));
    }

    #[rstest]
    #[case("sharts = 1", "sharts")]
    #[case("[engines]\ngrace = 1", "grace")]
    #[case("[[listeners]]\ntransport = 'tls'\nbind = '[::]:5061'", "tls")]
    fn an_unknown_key_is_refused(#[case] text: &str, #[case] named: &str) {
        let error = toml::from_str::<SignalingSettings>(text).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}
