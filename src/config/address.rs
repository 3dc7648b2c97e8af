//! Addresses of other services: what can be one, and what is said of what cannot.

use crate::sip::Uri;

/// `host:port`, as a service without a scheme of its own is addressed.
pub(super) fn host_and_port(text: &str) -> Result<(), String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(format!("is host:port without {scheme}://, as {}", rest.trim_end_matches('/')));
    }
    match text.parse::<http::uri::Authority>() {
        Ok(authority) if authority.host().is_empty() || text.contains('@') => {
            Err(format!("{text:?} is no host:port"))
        }
        // Not by its own word for the port: of one that is too high it says that there is none.
        Ok(authority) => match text.strip_prefix(authority.host()).and_then(|port| port.strip_prefix(':')) {
            None | Some("") => Err(format!("{text:?} has no port: it is host:port")),
            Some(port) => match port.parse::<u16>() {
                Ok(0) => Err(format!("{text:?}: nothing is reached at port 0")),
                Ok(_) => Ok(()),
                Err(_) => Err(format!("{text:?}: a port is a number from 1 to 65535, not {port}")),
            },
        },
        Err(_) => Err(format!("{text:?} is no host:port")),
    }
}

/// The URL of a gRPC API, `http://host:port`.
/// # Errors
/// What is wrong with it.
pub fn api(text: &str) -> Result<(), String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(format!("{text:?} has no scheme: write http://{text}"));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => return Err(format!("{text:?}: TLS is not spoken here yet, only http://")),
        _ => return Err(format!("{text:?}: the scheme has to be http://")),
    }
    host_and_port(rest.trim_end_matches('/'))
        .map_err(|what| format!("{text:?} is no http://host:port: {what}"))
}

/// Whether a SIP URI's host, with or without a port, can be written so.
pub(super) fn trunk(text: &str) -> Result<(), String> {
    let uri = format!("sip:{text}");
    let is_bare = |uri: Uri<'_>| {
        uri.user().is_none()
            && uri.params().as_str().is_empty()
            && uri.headers().is_empty()
            && uri.port() != Some(0)
    };
    let is_host = Uri::parse(&uri).is_ok_and(is_bare);
    is_host.then_some(()).ok_or_else(|| format!("{text:?} is no host:port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_they_are_written_elsewhere() {
        for text in ["media:7080", "127.0.0.1:1", "[2001:db8::1]:7080", "media.example:65535"] {
            assert_eq!(host_and_port(text), Ok(()), "{text}");
            assert_eq!(api(&format!("http://{text}")), Ok(()), "{text}");
            assert_eq!(api(&format!("HTTP://{text}/")), Ok(()), "{text}");
        }
        for text in
            ["", "media", "media:", ":7080", "media:x", "a b:1", "media:70800", "a@b:1", "grpc://media:1"]
        {
            assert!(host_and_port(text).is_err(), "{text}");
            assert!(api(&format!("http://{text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_that_is_none_is_not_called_missing() {
        let rows = [
            ("media", "has no port"),
            ("media:", "has no port"),
            ("[::1]", "has no port"),
            ("media:0", "nothing is reached at port 0"),
            ("media:99999", "not 99999"),
            ("[::1]:65536", "not 65536"),
            ("192.0.2.1:123456789012", "from 1 to 65535"),
        ];
        for (text, told) in rows {
            for checked in [host_and_port(text), api(&format!("http://{text}/"))] {
                let what = checked.expect_err(text);
                assert!(what.contains(told) && (told == "has no port") == what.contains("no port"), "{what}");
            }
        }
    }
}
