//! How messages are read and written: as `tonic_prost` does, but that what cannot be decoded is its sender's fault.

use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The codec of all services.
#[derive(Debug)]
pub struct Codec<T, U>(ProstCodec<T, U>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(ProstCodec::default())
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Reading<U>;

    fn encoder(&mut self) -> Self::Encoder {
        self.0.encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Reading(self.0.decoder())
    }
}

/// Reads messages.
#[derive(Debug)]
pub struct Reading<U>(ProstDecoder<U>);

impl<U: Message + Default> Decoder for Reading<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        self.0.decode(buf).map_err(|why| undecodable(why.message()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}

/// `INVALID_ARGUMENT` with `BAD_FIELD` (`errors.proto`): INTERNAL, which `tonic_prost` says, is for faults of ours.
fn undecodable(why: &str) -> Status {
    let mut details = ErrorDetails::with_error_info("BAD_FIELD", "callplane.dev", []);
    details.add_bad_request_violation("", why);
    Status::with_error_details(
        tonic::Code::InvalidArgument,
        format!("the message cannot be decoded: {why}"),
        details,
    )
}
