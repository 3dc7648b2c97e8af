//! From the settings of this floor to those of the floors below and of transport.

use std::sync::Arc;
use std::time::Duration;

use super::settings::SignalingSettings;
use crate::dialog::{self, DialogSettings};
use crate::ground::leg::Party;
use crate::ground::{ListenerId, Placement};
use crate::session::{Refusal, SessionSettings};
use crate::shard::{GroupPolicy, ShardSettings};
use crate::transaction::TransactionSettings;
use crate::transport::{self, Advertised, Listener, StreamSettings, Transports, UdpSettings};

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What transport is told.
pub(super) fn transport(settings: &SignalingSettings) -> transport::Settings {
    let listeners = (0..).zip(&settings.listeners).map(|(number, listener)| Listener {
        id: ListenerId(number),
        transport: listener.transport.into(),
        bind: listener.bind,
        advertised_host: listener.advertised_host.clone(),
        advertised_port: listener.advertised_port,
    });
    let sockets = &settings.sockets;
    transport::Settings {
        listeners: listeners.collect(),
        udp: UdpSettings {
            receive_buffer_bytes: sockets.udp_receive_buffer_bytes,
            send_buffer_bytes: sockets.udp_send_buffer_bytes,
            ..UdpSettings::default()
        },
        stream: StreamSettings {
            connections_max: sockets.connections_max,
            connections_per_source_max: sockets.connections_per_source_max,
            idle_time_max: Duration::from_secs(sockets.idle_seconds),
            idle_without_call_time_max: Duration::from_secs(sockets.idle_without_call_seconds),
            half_open_time_max: millis(sockets.half_open_ms),
            ..StreamSettings::default()
        },
    }
}

/// What a shard is told.
pub(super) fn shard(
    settings: &SignalingSettings,
    index: u16,
    placement: &Placement,
    transports: &Transports,
) -> ShardSettings {
    let groups = settings.groups.iter().map(|(name, group)| {
        let retry_after = Some(group.retry_after_seconds).filter(|&seconds| seconds > 0);
        let refusal = Refusal { retry_after, ..Refusal::plain(group.refusal_status) };
        (Arc::from(name.as_str()), GroupPolicy { refusal })
    });
    let listener_groups = (0..)
        .zip(&settings.listeners)
        .map(|(number, listener)| (ListenerId(number), Arc::from(listener.group.as_str())));
    let listener_sources = (0..).zip(&settings.listeners).filter_map(|(number, listener)| {
        listener.rtp_sources.map(|sources| (ListenerId(number), sources.into()))
    });
    ShardSettings {
        index,
        placement: placement.clone(),
        transactions: transactions(settings),
        dialogs: dialogs(settings, transports),
        sessions: sessions(settings),
        sessions_max: part(settings.sessions_max, settings.shards, index),
        unconfirmed_max: part(settings.calls.unconfirmed_max, settings.shards, index),
        made_percent: settings.engines.made_percent,
        media_timeout: millis(settings.media_timeout_ms),
        identity: Party {
            uri: settings.identity_uri.clone(),
            display_name: settings.identity_display_name.clone(),
        },
        groups: groups.collect(),
        listener_groups: listener_groups.collect(),
        listener_sources: listener_sources.collect(),
        rtp_sources: settings.calls.rtp_sources.into(),
        ..ShardSettings::default()
    }
}

/// The part of a shard: all of them add up to the whole.
fn part(all: usize, shards: u16, index: u16) -> usize {
    let shards = usize::from(shards);
    all / shards + usize::from(usize::from(index) < all % shards)
}

fn transactions(settings: &SignalingSettings) -> TransactionSettings {
    TransactionSettings {
        t1: millis(settings.sip.t1_ms),
        t2: millis(settings.sip.t2_ms),
        t4: millis(settings.sip.t4_ms),
        timer_d: millis(settings.sip.timer_d_ms),
        ..TransactionSettings::default()
    }
}

fn dialogs(settings: &SignalingSettings, transports: &Transports) -> DialogSettings {
    let listeners = (0..).zip(&settings.listeners).filter_map(|(number, listener)| {
        let id = ListenerId(number);
        let Advertised { host, port } = transports.advertised(id)?.clone();
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let transport = listener.transport.into();
        Some(dialog::Listener { id, transport, host, port, ipv6: listener.bind.is_ipv6() })
    });
    DialogSettings {
        listeners: listeners.collect(),
        product: settings.product.clone(),
        accept: settings.accept.clone(),
        t1: millis(settings.sip.t1_ms),
        t2: millis(settings.sip.t2_ms),
        early_answers: settings.calls.early_answers,
        ..DialogSettings::default()
    }
}

fn sessions(settings: &SignalingSettings) -> SessionSettings {
    let calls = &settings.calls;
    SessionSettings {
        decision_timeout: millis(calls.decision_timeout_ms),
        alerting_timeout: Duration::from_secs(calls.alerting_timeout_seconds),
        ring_timeout: Duration::from_secs(calls.ring_timeout_seconds),
        max_duration: (calls.max_duration_seconds > 0)
            .then(|| Duration::from_secs(calls.max_duration_seconds)),
        end_on_rtp_silence: calls.end_on_rtp_silence,
        ..SessionSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_parts_add_up_to_all_sessions_and_none_is_empty() {
        for (all, shards) in [(4, 4), (7, 3), (20_000, 3), (20_000, 1), (256, 256)] {
            let settings = SignalingSettings { sessions_max: all, shards, ..SignalingSettings::default() };
            assert_eq!(settings.check(), Ok(()));
            let parts: Vec<usize> = (0..shards).map(|index| part(all, shards, index)).collect();
            assert_eq!(parts.iter().sum::<usize>(), all);
            assert!(parts.iter().all(|&part| part > 0), "{parts:?}");
        }
    }
}
