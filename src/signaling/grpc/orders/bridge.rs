//! Commands to bridges.

use super::session::asks;
use super::{Asks, Check, Order};
use crate::ground::BridgeId;
use crate::proto::session::v1 as proto;
use crate::session::media::BridgeMode;
use crate::signaling::switchboard::made;

/// First members of a bridge.
const FIRST_MEMBERS_MAX: usize = 64;

asks!(CreateBridgeRequest, [bridge_id], |self, check| {
    let mode = match proto::BridgeMode::try_from(self.mode) {
        Ok(proto::BridgeMode::Unspecified | proto::BridgeMode::Relay) => BridgeMode::Relay,
        Ok(proto::BridgeMode::Mesh) => BridgeMode::Mesh,
        Ok(proto::BridgeMode::Mix) => BridgeMode::Mix,
        Ok(proto::BridgeMode::Echo) => BridgeMode::Echo,
        Err(_) => {
            check.not_served(true, "mode");
            return None;
        }
    };
    if self.session_ids.len() > FIRST_MEMBERS_MAX {
        check.bad("session_ids", format!("are more than {FIRST_MEMBERS_MAX}"));
        return None;
    }
    for (index, id) in self.session_ids.iter().enumerate() {
        if self.session_ids[..index].contains(id) {
            check.bad(format!("session_ids[{index}]"), "is named twice");
        }
    }
    let ids = self.session_ids.iter().enumerate();
    let members = ids.filter_map(|(index, id)| check.session(&format!("session_ids[{index}]"), id)).collect();
    let bridge = check.bridge_or_none("bridge_id", &self.bridge_id);
    let group = check.name_or_none("group", &self.group);
    let bridge = match bridge? {
        Some(bridge) => bridge,
        None => made(BridgeId::parse).ok()?,
    };
    Some(Order::CreateBridge { bridge, mode, members, group: group?, keep_when_empty: self.keep_when_empty })
});

asks!(AddBridgeMemberRequest, [bridge_id, session_id], |self, check| {
    let bridge = check.bridge("bridge_id", &self.bridge_id);
    let session = check.session("session_id", &self.session_id);
    Some(Order::Join { bridge: bridge?, session: session? })
});

asks!(RemoveBridgeMemberRequest, [bridge_id, session_id], |self, check| {
    let bridge = check.bridge("bridge_id", &self.bridge_id);
    let session = check.session("session_id", &self.session_id);
    Some(Order::Leave { bridge: bridge?, session: session? })
});

asks!(DestroyBridgeRequest, [bridge_id], |self, check| {
    check.bridge("bridge_id", &self.bridge_id).map(|bridge| Order::Destroy { bridge })
});
