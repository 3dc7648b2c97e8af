//! What the engine owns already when it attaches: asked for, page by page.

use std::time::Duration;

use tonic::Status;
use tonic::transport::Channel;

use crate::proto::session::v1::session_service_client::SessionServiceClient;
use crate::proto::session::v1::{ListSessionsRequest, Session};

/// How many sessions one page has at most.
const PAGE: u32 = 1_000;

/// How long one page may take.
const PAGE_WITHIN: Duration = Duration::from_secs(5);

/// All sessions of this engine.
pub(super) async fn sessions(channel: Channel, group: &str, engine: &str) -> Result<Vec<Session>, Status> {
    let mut client = SessionServiceClient::new(channel);
    let mut owned = Vec::new();
    let mut page_token = String::new();
    loop {
        let ask = ListSessionsRequest {
            group: group.to_owned(),
            engine_id: engine.to_owned(),
            page_size: PAGE,
            page_token,
        };
        let mut ask = tonic::Request::new(ask);
        ask.set_timeout(PAGE_WITHIN);
        let page = client.list_sessions(ask).await?.into_inner();
        owned.extend(page.sessions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(owned);
        }
    }
}
