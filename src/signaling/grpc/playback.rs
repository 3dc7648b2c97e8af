//! `PlaybackService`.

use tonic::{Request, Response, Status};

use super::unary::{Answer, Api};
use super::words;
use crate::proto::session::v1 as proto;
use crate::proto::session::v1::playback_service_server::PlaybackService;

#[tonic::async_trait]
impl PlaybackService for Api {
    async fn start_playback(
        &self,
        request: Request<proto::StartPlaybackRequest>,
    ) -> Result<Response<proto::StartPlaybackResponse>, Status> {
        let (status, playback_id) = match self.command(request).await? {
            Answer::Session(done, made) => (Some(words::session_status(&done)), made.unwrap_or_default()),
            Answer::Bridge(_) | Answer::Nothing => (None, String::new()),
        };
        Ok(Response::new(proto::StartPlaybackResponse { status, playback_id }))
    }

    async fn stop_playback(
        &self,
        request: Request<proto::StopPlaybackRequest>,
    ) -> Result<Response<proto::StopPlaybackResponse>, Status> {
        let status = self.command(request).await?.status();
        Ok(Response::new(proto::StopPlaybackResponse { status }))
    }
}
