//! `SessionService`.

use tonic::{Request, Response, Status};

use super::check::checked;
use super::page::List;
use super::status::{status, status_of};
use super::unary::Api;
use super::words;
use crate::proto::session::v1 as proto;
use crate::proto::session::v1::session_service_server::SessionService;
use crate::signaling::refusal::Named;

/// Sessions of a page, where the client does not say.
const PAGE_DEFAULT: u32 = 100;

impl Api {
    /// How many entries a page has.
    pub(super) fn page_size(&self, asked: u32) -> u32 {
        if asked == 0 { PAGE_DEFAULT } else { asked.min(self.page_max) }
    }
}

#[tonic::async_trait]
impl SessionService for Api {
    async fn create_session(
        &self,
        request: Request<proto::CreateSessionRequest>,
    ) -> Result<Response<proto::CreateSessionResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::CreateSessionResponse { status }))
    }

    async fn get_session(
        &self,
        request: Request<proto::GetSessionRequest>,
    ) -> Result<Response<proto::GetSessionResponse>, Status> {
        let deadline = self.deadline(&request);
        let request = request.into_inner();
        let session = checked(|check| check.session("session_id", &request.session_id));
        let session = session.map_err(|refusal| status(&refusal))?;
        let named = Named { session: Some(session.clone()), ..Named::default() };
        let view = self.board.session(session, deadline).await;
        let view = view.map_err(|refusal| status_of(&refusal, &named))?;
        Ok(Response::new(proto::GetSessionResponse { session: Some(words::session(&view)) }))
    }

    async fn list_sessions(
        &self,
        request: Request<proto::ListSessionsRequest>,
    ) -> Result<Response<proto::ListSessionsResponse>, Status> {
        let deadline = self.deadline(&request);
        let request = request.into_inner();
        let parts = ["sessions", &*request.group, &*request.engine_id];
        let list = List(&parts);
        let filter = checked(|check| {
            let group = check.name_or_none("group", &request.group);
            let engine = check.name_or_none("engine_id", &request.engine_id);
            let after = list.after(&request.page_token, check);
            Some((group?.unwrap_or_default(), engine?.unwrap_or_default(), after?))
        });
        let (group, engine, after) = filter.map_err(|refusal| status(&refusal))?;
        let limit = self.page_size(request.page_size);
        let views = self.board.sessions(group, engine, after, limit, deadline).await;
        let views = views.map_err(|refusal| status(&refusal))?;
        let full = views.len() == limit as usize;
        let next = views.last().filter(|_| full).map(|view| list.token(view.id.as_str()));
        Ok(Response::new(proto::ListSessionsResponse {
            sessions: views.iter().map(words::session).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn ring_session(
        &self,
        request: Request<proto::RingSessionRequest>,
    ) -> Result<Response<proto::RingSessionResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::RingSessionResponse { status }))
    }

    async fn start_early_media(
        &self,
        request: Request<proto::StartEarlyMediaRequest>,
    ) -> Result<Response<proto::StartEarlyMediaResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::StartEarlyMediaResponse { status }))
    }

    async fn answer_session(
        &self,
        request: Request<proto::AnswerSessionRequest>,
    ) -> Result<Response<proto::AnswerSessionResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::AnswerSessionResponse { status }))
    }

    async fn reject_session(
        &self,
        request: Request<proto::RejectSessionRequest>,
    ) -> Result<Response<proto::RejectSessionResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::RejectSessionResponse { status }))
    }

    async fn redirect_session(
        &self,
        request: Request<proto::RedirectSessionRequest>,
    ) -> Result<Response<proto::RedirectSessionResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::RedirectSessionResponse { status }))
    }

    async fn hold_session(
        &self,
        request: Request<proto::HoldSessionRequest>,
    ) -> Result<Response<proto::HoldSessionResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::HoldSessionResponse { status }))
    }

    async fn resume_session(
        &self,
        request: Request<proto::ResumeSessionRequest>,
    ) -> Result<Response<proto::ResumeSessionResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::ResumeSessionResponse { status }))
    }

    async fn mute_session(
        &self,
        request: Request<proto::MuteSessionRequest>,
    ) -> Result<Response<proto::MuteSessionResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::MuteSessionResponse { status }))
    }

    async fn update_media(
        &self,
        request: Request<proto::UpdateMediaRequest>,
    ) -> Result<Response<proto::UpdateMediaResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::UpdateMediaResponse { status }))
    }

    async fn send_dtmf(
        &self,
        request: Request<proto::SendDtmfRequest>,
    ) -> Result<Response<proto::SendDtmfResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::SendDtmfResponse { status }))
    }

    async fn send_info(
        &self,
        request: Request<proto::SendInfoRequest>,
    ) -> Result<Response<proto::SendInfoResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::SendInfoResponse { status }))
    }

    async fn send_message(
        &self,
        request: Request<proto::SendMessageRequest>,
    ) -> Result<Response<proto::SendMessageResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::SendMessageResponse { status }))
    }

    async fn terminate_session(
        &self,
        request: Request<proto::TerminateSessionRequest>,
    ) -> Result<Response<proto::TerminateSessionResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::TerminateSessionResponse { status }))
    }
}
