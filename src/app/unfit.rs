//! Settings that a service cannot do without, or that only a look at this host shows to be of no use.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use super::Services;
use super::node::reached_here;
use crate::config::{Meant, Settings};
use crate::ground::network::collide;
use crate::signaling::settings::SipTransport;
use crate::transport::why_not_bound;

/// A key, and what is wrong with it.
pub type Unfit = (String, String);

/// Everything that would keep these services from starting, as far as it can be known without starting them. `meant` has the
/// keys as they were written, and none of a setting whose value is not known.
#[must_use]
pub fn unfit(settings: &Settings, services: Services, meant: Meant<'_>) -> Vec<Unfit> {
    let mut unfit = missing(settings, services);
    unfit.retain(|(key, _)| meant(key).is_some());
    unfit.extend(engine_share(settings, services, meant));
    let bound = bound(settings, services).into_iter();
    let bound: Vec<Bound> =
        bound.filter_map(|bound| Some(Bound { key: meant(&bound.key)?, ..bound })).collect();
    unfit.extend(bound.iter().filter_map(Bound::foreign));
    unfit.extend(doubled(&bound));
    if services.media && meant("media.audio_roots").is_some() {
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

/// An address that a setting has sockets bound to.
struct Bound {
    key: String,
    address: SocketAddr,
    /// What a TCP listener takes of this host; nothing for datagrams.
    taken: Vec<SocketAddr>,
}

impl Bound {
    /// A TCP listener to which `[::]` is IPv4 too, as it is to the system unless a socket says otherwise.
    fn listener(key: &str, address: SocketAddr) -> Self {
        let ipv4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
        let is_all = address.is_ipv6() && address.ip().is_unspecified();
        let taken = if is_all { vec![address, ipv4] } else { vec![address] };
        Self { key: key.to_owned(), address, taken }
    }

    /// An address that is not this host's. A port of the system's choosing is tried, so that it is the same whether the
    /// service runs or not; who has the port that is meant shows at the start.
    fn foreign(&self) -> Option<Unfit> {
        let address = SocketAddr::new(self.address.ip(), 0);
        let error = UdpSocket::bind(address).err()?;
        let what = format!("{} cannot be bound: {}", address.ip(), why_not_bound(address, &error));
        Some((self.key.clone(), what))
    }
}

/// All addresses that these services bind.
fn bound(settings: &Settings, services: Services) -> Vec<Bound> {
    let mut bound = Vec::new();
    if services.signaling {
        for (number, listener) in settings.signaling.listeners.iter().enumerate() {
            let taken = match listener.transport {
                SipTransport::Udp => Vec::new(),
                SipTransport::Tcp => vec![listener.bind],
            };
            let key = format!("signaling.listeners[{number}].bind");
            bound.push(Bound { key, address: listener.bind, taken });
        }
        bound.push(Bound::listener("signaling.grpc_listen", settings.signaling.grpc_listen));
    }
    if services.media {
        let media = &settings.media;
        bound.extend(media.api.map(|address| Bound::listener("media.api", address)));
        let rtp = [
            ("media.bind_ipv4", media.bind_ipv4.map(IpAddr::from)),
            ("media.bind_ipv6", media.bind_ipv6.map(IpAddr::from)),
        ];
        bound.extend(rtp.into_iter().filter_map(|(key, ip)| {
            let address = SocketAddr::new(ip?, 0);
            Some(Bound { key: key.to_owned(), address, taken: Vec::new() })
        }));
    }
    bound.extend(settings.admin.listen.map(|address| Bound::listener("admin.listen", address)));
    bound
}

/// TCP listeners that cannot be had beside one that stands before them.
fn doubled(bound: &[Bound]) -> impl Iterator<Item = Unfit> {
    bound.iter().enumerate().filter_map(|(number, later)| {
        let takes = |address: &SocketAddr| later.taken.iter().any(|own| collide(*own, *address));
        let first = bound[..number].iter().find(|earlier| earlier.taken.iter().any(takes))?;
        let what = format!("cannot listen on {}: {} is {}", later.address, first.key, first.address);
        Some((later.key.clone(), what))
    })
}

/// The engine in the box is refused by this process's own API where it takes fewer sessions than there are shards.
fn engine_share(settings: &Settings, services: Services, meant: Meant<'_>) -> Option<Unfit> {
    let (engine, signaling) = (&settings.engine, &settings.signaling);
    let keys = ["engine.sessions_max", "engine.api", "signaling.shards"];
    let is_known = keys.iter().all(|key| meant(key).is_some());
    let (_, api) = engine.api.split_once("://").unwrap_or_default();
    let own = meant("signaling.grpc_listen").map(|_| reached_here(signaling.grpc_listen));
    let is_own = api.is_empty() || own.is_some_and(|own| api.trim_end_matches('/').parse() == Ok(own));
    let too_few = (1..u32::from(signaling.shards)).contains(&engine.sessions_max);
    (services.engine && services.signaling && is_known && is_own && too_few).then(|| {
        let what = "has to be 0 or at least signaling.shards: each of the shards has its part";
        ("engine.sessions_max".into(), what.into())
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
    use crate::signaling::settings::SipListener;

    fn found(settings: &Settings, services: Services) -> Vec<Unfit> {
        unfit(settings, services, &|key| Some(key.to_owned()))
    }

    fn keys(settings: &Settings, services: Services) -> Vec<String> {
        found(settings, services).into_iter().map(|(key, _)| key).collect()
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
            SipListener::on(SipTransport::Udp, taken.local_addr().unwrap()),
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
        let found = found(&settings, Services::MEDIA);
        let [(_, what), ..] = &found[..] else { panic!("nothing is wrong") };
        assert!(what.starts_with("192.0.2.1 cannot be bound: "), "{what}");
        assert!(what.contains("this host does not have the address"), "{what}");
    }

    #[test]
    fn two_tcp_listeners_of_one_process_have_two_addresses() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        // The first SIP listener over TCP, the API, media's API, the operator's endpoint, and who is told.
        let rows = [
            (["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4"], vec![]),
            (["127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "0.0.0.0:0"], vec![]),
            (["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:3"], vec!["admin.listen"]),
            (["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:2"], vec!["admin.listen"]),
            (["127.0.0.1:1", "0.0.0.0:1", "127.0.0.1:3", "127.0.0.1:4"], vec!["signaling.grpc_listen"]),
            (["0.0.0.0:1", "127.0.0.1:2", "127.0.0.1:1", "127.0.0.1:1"], vec!["media.api", "admin.listen"]),
            (["127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:2", "127.0.0.3:2"], vec![]),
        ];
        for ([sip, api, media_api, admin], told) in rows {
            let mut settings = Settings::default();
            // The same as UDP is another thing.
            settings.signaling.listeners = vec![
                SipListener::on(SipTransport::Udp, address(api)),
                SipListener::on(SipTransport::Tcp, address(sip)),
            ];
            settings.signaling.grpc_listen = address(api);
            settings.media.api = Some(address(media_api));
            settings.admin.listen = Some(address(admin));
            assert_eq!(keys(&settings, Services::both(true)), told, "{sip} {api} {media_api} {admin}");
            assert!(!keys(&settings, Services::ENGINE).contains(&"admin.listen".to_owned()));
        }
        let all = |key| Bound::listener(key, address("[::]:1"));
        let sip = |text| Bound { key: "s".into(), address: address(text), taken: vec![address(text)] };
        let of_both = |first, second| doubled(&[first, second]).count();
        assert_eq!(of_both(sip("127.0.0.1:1"), all("a")), 1, "it takes IPv4 too");
        assert_eq!(of_both(sip("0.0.0.0:1"), sip("[::]:1")), 0, "SIP's take IPv6 alone");
        assert_eq!(of_both(sip("[::1]:1"), all("a")), 1);
        let (key, what) = doubled(&[sip("127.0.0.1:1"), all("a")]).next().unwrap();
        assert_eq!((key.as_str(), what.as_str()), ("a", "cannot listen on [::]:1: s is 127.0.0.1:1"));
    }

    #[test]
    fn the_engine_in_the_box_takes_a_session_for_each_shard_of_its_own_service() {
        let rows = [
            (4, 1, "", true),
            (4, 3, "http://127.0.0.1:7070", true),
            (4, 3, "http://127.0.0.1:7070/", true),
            (4, 3, "http://192.0.2.7:7070", false),
            (4, 4, "", false),
            (4, 0, "", false),
            (1, 1, "", false),
        ];
        for (shards, sessions_max, api, is_unfit) in rows {
            let mut settings = Settings::default();
            settings.signaling.shards = shards;
            settings.engine.sessions_max = sessions_max;
            settings.engine.api = api.to_owned();
            let told: &[&str] = if is_unfit { &["engine.sessions_max"] } else { &[] };
            assert_eq!(keys(&settings, Services::both(true)), told, "{shards} {sessions_max} {api}");
            assert!(keys(&settings, Services::both(false)).is_empty(), "there is no engine");
            assert!(keys(&settings, Services::ENGINE).is_empty(), "whose shards are not known");
        }
    }

    #[test]
    fn of_a_setting_that_is_not_known_nothing_is_said() {
        let mut settings = Settings::default();
        settings.media.audio_roots = vec!["/nowhere".into()];
        settings.admin.listen = Some(settings.signaling.grpc_listen);
        settings.signaling.shards = 2;
        settings.engine.sessions_max = 1;
        let all = ["engine.sessions_max", "admin.listen", "media.audio_roots"];
        assert_eq!(keys(&settings, Services::both(true)), all);
        let rows = [
            ("signaling.shards", vec!["admin.listen", "media.audio_roots"]),
            ("engine.api", vec!["admin.listen", "media.audio_roots"]),
            ("signaling.grpc_listen", vec!["engine.sessions_max", "media.audio_roots"]),
            ("media.audio_roots", vec!["engine.sessions_max", "admin.listen"]),
        ];
        for (unknown, told) in rows {
            let meant = |key: &str| (key != unknown).then(|| key.to_owned());
            let found = unfit(&settings, Services::both(true), &meant);
            assert_eq!(found.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), told, "{unknown}");
        }
        assert!(unfit(&Settings::default(), Services::MEDIA, &|_| None).is_empty());
    }
}
