//! Settings that a service cannot do without, or that only a look at this host shows to be of no use.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::Services;
use crate::config::Settings;
use crate::transport::why_not_bound;

/// A key, and what is wrong with it.
pub type Unfit = (String, String);

/// Everything that would keep these services from starting, as far as it can be known without starting them.
#[must_use]
pub fn unfit(settings: &Settings, services: Services) -> Vec<Unfit> {
    let mut unfit = missing(settings, services);
    unfit.extend(foreign(settings, services));
    if services.media {
        for root in &settings.media.audio_roots {
            let looked_at = root.metadata().map(|found| found.is_dir());
            let what = match looked_at {
                Ok(true) => continue,
                Ok(false) => "is no folder".to_owned(),
                Err(error) => error.to_string(),
            };
            unfit.push(("media.audio_roots".into(), format!("{}: {what}", root.display())));
        }
    }
    unfit
}

/// Addresses that are not this host's. A port of the system's choosing is tried, so that it is the same whether the service
/// runs or not; who has the ports that are meant shows at the start.
fn foreign(settings: &Settings, services: Services) -> impl Iterator<Item = Unfit> {
    let mut bound: Vec<(String, SocketAddr)> = Vec::new();
    if services.signaling {
        bound.push(("signaling.grpc_listen".into(), settings.signaling.grpc_listen));
        let listeners = settings.signaling.listeners.iter().enumerate();
        bound
            .extend(listeners.map(|(n, listener)| (format!("signaling.listeners[{n}].bind"), listener.bind)));
    }
    if services.media {
        let media = &settings.media;
        let rtp = |ip: IpAddr| SocketAddr::new(ip, 0);
        let named = [
            ("media.api", media.api),
            ("media.bind_ipv4", media.bind_ipv4.map(|ip| rtp(ip.into()))),
            ("media.bind_ipv6", media.bind_ipv6.map(|ip| rtp(ip.into()))),
        ];
        bound.extend(named.into_iter().filter_map(|(key, address)| Some((key.into(), address?))));
    }
    bound.extend(settings.admin.listen.map(|address| ("admin.listen".into(), address)));
    bound.into_iter().filter_map(|(key, mut address)| {
        address.set_port(0);
        let error = UdpSocket::bind(address).err()?;
        Some((key, format!("{} cannot be bound: {}", address.ip(), why_not_bound(address, &error))))
    })
}

/// What services apart cannot do without, and what has no sense in one process.
fn missing(settings: &Settings, services: Services) -> Vec<Unfit> {
    let address = settings.signaling.media_address.is_some();
    let mut missing = Vec::new();
    match (services.signaling, services.media) {
        (true, true) if address => {
            let what = "is for signaling that runs apart; `serve` has media in the process";
            missing.push(("signaling.media_address".into(), what.into()));
        }
        (true, false) if !address => {
            let what = "signaling that runs apart needs the address of a media service";
            missing.push(("signaling.media_address".into(), what.into()));
        }
        (false, true) if settings.media.api.is_none() => {
            let what = "media that runs apart needs an address for its API";
            missing.push(("media.api".into(), what.into()));
        }
        _ => {}
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signaling::settings::{SipListener, SipTransport};

    fn keys(settings: &Settings, services: Services) -> Vec<String> {
        unfit(settings, services).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn what_is_missing_or_not_there_is_found_without_a_start() {
        let mut settings = Settings::default();
        settings.media.audio_roots = vec!["/nowhere".into(), "/dev/null".into(), "/".into()];
        let keys = |services| keys(&settings, services);
        assert_eq!(keys(Services::both(true)), ["media.audio_roots", "media.audio_roots"]);
        assert_eq!(keys(Services::MEDIA), ["media.api", "media.audio_roots", "media.audio_roots"]);
        assert_eq!(keys(Services::SIGNALING), ["signaling.media_address"]);
        assert!(keys(Services::ENGINE).is_empty());
    }

    #[test]
    fn addresses_that_are_not_this_host_s_are_found_and_who_has_a_port_is_not_asked() {
        // Of documentation (RFC 5737): nobody has it.
        let foreign = |port: u16| SocketAddr::from(([192, 0, 2, 1], port));
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut settings = Settings::default();
        settings.signaling.grpc_listen = taken.local_addr().unwrap();
        settings.signaling.listeners = vec![
            SipListener::on(SipTransport::Tcp, taken.local_addr().unwrap()),
            SipListener::on(SipTransport::Udp, foreign(5060)),
        ];
        settings.media.bind_ipv4 = Some([192, 0, 2, 1].into());
        settings.media.api = Some(foreign(7080));
        settings.admin.listen = Some(foreign(7071));
        let of_media = ["media.api", "media.bind_ipv4", "admin.listen"];
        assert_eq!(keys(&settings, Services::MEDIA), of_media);
        let all = [&["signaling.listeners[1].bind"][..], &of_media[..]].concat();
        assert_eq!(keys(&settings, Services::both(false)), all);
        assert_eq!(keys(&settings, Services::ENGINE), ["admin.listen"]);
        let found = unfit(&settings, Services::MEDIA);
        let [(_, what), ..] = &found[..] else { panic!("nothing is wrong") };
        assert!(what.starts_with("192.0.2.1 cannot be bound: "), "{what}");
        assert!(what.contains("this host does not have the address"), "{what}");
    }
}
