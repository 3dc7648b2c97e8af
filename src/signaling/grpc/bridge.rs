//! `BridgeService`.

use tonic::{Request, Response, Status};

use super::check::checked;
use super::page::List;
use super::status::{status, status_of};
use super::unary::{Answer, Api};
use super::words;
use crate::proto::session::v1 as proto;
use crate::proto::session::v1::bridge_service_server::BridgeService;
use crate::signaling::refusal::Named;

#[tonic::async_trait]
impl BridgeService for Api {
    async fn create_bridge(
        &self,
        request: Request<proto::CreateBridgeRequest>,
    ) -> Result<Response<proto::CreateBridgeResponse>, Status> {
        let bridge = match self.command(request).await? {
            Answer::Bridge(view) => Some(words::bridge(&view)),
            Answer::Session(..) | Answer::Nothing => None,
        };
        Ok(Response::new(proto::CreateBridgeResponse { bridge }))
    }

    async fn get_bridge(
        &self,
        request: Request<proto::GetBridgeRequest>,
    ) -> Result<Response<proto::GetBridgeResponse>, Status> {
        let request = request.into_inner();
        let bridge = checked(|check| check.bridge("bridge_id", &request.bridge_id));
        let bridge = bridge.map_err(|refusal| status(&refusal))?;
        let view = self.board.bridges.get(&bridge).map_err(|refusal| {
            status_of(&refusal, &Named { bridge: Some(bridge.clone()), ..Named::default() })
        })?;
        Ok(Response::new(proto::GetBridgeResponse { bridge: Some(words::bridge(&view)) }))
    }

    async fn list_bridges(
        &self,
        request: Request<proto::ListBridgesRequest>,
    ) -> Result<Response<proto::ListBridgesResponse>, Status> {
        let request = request.into_inner();
        let parts = ["bridges", &*request.group];
        let list = List(&parts);
        let checked = checked(|check| {
            let group = check.name_or_none("group", &request.group);
            let after = list.after(&request.page_token, check);
            group?;
            after
        });
        let after = checked.map_err(|refusal| status(&refusal))?;
        let limit = self.page_size(request.page_size) as usize;
        let views = self.board.bridges.list(&request.group, &after, limit);
        let next = views.last().filter(|_| views.len() == limit).map(|view| list.token(view.id.as_str()));
        Ok(Response::new(proto::ListBridgesResponse {
            bridges: views.iter().map(words::bridge).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn add_bridge_member(
        &self,
        request: Request<proto::AddBridgeMemberRequest>,
    ) -> Result<Response<proto::AddBridgeMemberResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::AddBridgeMemberResponse { status }))
    }

    async fn remove_bridge_member(
        &self,
        request: Request<proto::RemoveBridgeMemberRequest>,
    ) -> Result<Response<proto::RemoveBridgeMemberResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::RemoveBridgeMemberResponse { status }))
    }

    async fn destroy_bridge(
        &self,
        request: Request<proto::DestroyBridgeRequest>,
    ) -> Result<Response<proto::DestroyBridgeResponse>, Status> {
        self.command(request).await?;
        Ok(Response::new(proto::DestroyBridgeResponse {}))
    }
}
