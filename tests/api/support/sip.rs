//! A phone that writes and reads SIP by hand, so that nothing of the stack under test judges itself.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

use super::media::DESCRIPTION;
use super::soon;

/// A phone on a port of its own.
pub struct Phone {
    socket: UdpSocket,
    service: SocketAddr,
    call_id: String,
}

/// A message, cut into what tests look at.
#[derive(Clone, Debug)]
pub struct Message {
    pub start: String,
    pub text: String,
}

impl Message {
    /// The value of a header field, the first of the name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        head.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.trim().eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub fn is(&self, method: &str) -> bool {
        self.start.starts_with(method)
    }
}

impl Phone {
    pub async fn new(service: SocketAddr, call_id: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        Self { socket, service, call_id: call_id.into() }
    }

    /// Where the phone is.
    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    async fn send(&self, text: String) {
        self.socket.send_to(text.as_bytes(), self.service).await.expect("sent");
    }

    /// The next message.
    pub async fn receive(&self) -> Message {
        let mut buffer = vec![0; 65_536];
        let (bytes, _) = soon("a message", self.socket.recv_from(&mut buffer)).await.expect("received");
        let text = String::from_utf8_lossy(&buffer[..bytes]).into_owned();
        Message { start: text.lines().next().unwrap_or_default().to_owned(), text }
    }

    /// The next final response.
    pub async fn final_response(&self) -> Message {
        loop {
            let message = self.receive().await;
            if message.status() >= 200 {
                return message;
            }
        }
    }

    pub async fn invite(&self, user: &str) {
        let (from, service) = (self.local(), self.service);
        self.send(format!(
            "INVITE sip:{user}@{service} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK-{}-1\r\n\
             Max-Forwards: 70\r\nFrom: <sip:phone@{from}>;tag=p1\r\nTo: <sip:{user}@{service}>\r\n\
             Call-ID: {}\r\nCSeq: 1 INVITE\r\nContact: <sip:phone@{from}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{DESCRIPTION}",
            self.call_id,
            self.call_id,
            DESCRIPTION.len(),
        ))
        .await;
    }

    /// A request within the dialog that `response` to our INVITE made, or the ACK to it.
    pub async fn request(&self, method: &str, cseq: u32, response: &Message) {
        self.request_with(method, cseq, response, "").await;
    }

    /// The same with a body of plain text.
    pub async fn request_with(&self, method: &str, cseq: u32, response: &Message, body: &str) {
        let (from, service) = (self.local(), self.service);
        let to = response.field("To").expect("To");
        let target = response.field("Contact").map_or_else(
            || format!("sip:{service}"),
            |contact| contact.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned(),
        );
        // The ACK to a refusal belongs to the INVITE's transaction (RFC 3261 §17.1.1.3).
        let branch = if method == "ACK" && response.status() >= 300 {
            1
        } else {
            cseq + u32::from(method == "ACK") * 100
        };
        self.send(format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK-{}-{branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:phone@{from}>;tag=p1\r\nTo: {to}\r\nCall-ID: {}\r\n\
             CSeq: {cseq} {method}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            self.call_id,
            self.call_id,
            body.len(),
        ))
        .await;
    }

    /// Answers an INVITE with 200 and a description.
    pub async fn answer(&self, invite: &Message) {
        let to = invite.field("To").expect("To");
        let fields: String = ["Via", "From", "Call-ID", "CSeq"]
            .iter()
            .map(|name| format!("{name}: {}\r\n", invite.field(name).expect("a field")))
            .collect();
        self.send(format!(
            "SIP/2.0 200 OK\r\n{fields}To: {to};tag=p2\r\nContact: <sip:bob@{}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{DESCRIPTION}",
            self.local(),
            DESCRIPTION.len(),
        ))
        .await;
    }

    /// Answers a request with 200.
    pub async fn ok(&self, request: &Message) {
        let fields: String = ["Via", "From", "To", "Call-ID", "CSeq"]
            .iter()
            .map(|name| format!("{name}: {}\r\n", request.field(name).expect("a field")))
            .collect();
        self.send(format!("SIP/2.0 200 OK\r\n{fields}Content-Length: 0\r\n\r\n")).await;
    }
}
