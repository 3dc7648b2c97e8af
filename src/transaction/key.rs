//! What messages are matched by: keyed hashes of the fields that RFC 3261 §17.1.3, §17.2.3 and §8.2.2.2 name.
//!
//! 128 bits stand for the fields: nobody outside knows the key, so two different ones meet with probability 2⁻¹²⁸, and
//! no text is kept or compared.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::ground::Random;
use crate::sip::{Essentials, Headers, Method, Request, Via};

/// A match key. Zero is taken for "none".
pub(super) type Key = u128;

/// What is hashed, so that keys of different kinds never meet.
#[derive(Clone, Copy)]
enum Kind {
    Client = 1,
    Server = 2,
    /// A request of RFC 2543, whose branch identifies nothing.
    OldServer = 3,
    Merged = 4,
    Tag = 5,
    DialogTag = 6,
}

/// The keys of one layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    key: [u64; 2],
}

struct Hash(SipHasher13);

impl Hash {
    /// A text, with its length, so that neighbours do not run together.
    fn text(mut self, text: &str) -> Self {
        self.0.write(text.as_bytes());
        self.number(text.len() as u32)
    }

    fn number(mut self, number: u32) -> Self {
        self.0.write(&number.to_le_bytes());
        self
    }

    /// A host name in any case.
    fn host(mut self, host: &str) -> Self {
        for piece in host.as_bytes().chunks(64) {
            let mut lower = [0; 64];
            let lower = &mut lower[..piece.len()];
            lower.copy_from_slice(piece);
            lower.make_ascii_lowercase();
            self.0.write(lower);
        }
        self.number(host.len() as u32)
    }

    /// ACK belongs to its INVITE.
    fn method(self, method: &Method) -> Self {
        match method {
            Method::Ack => self.text(Method::Invite.as_str()),
            other => self.text(other.as_str()),
        }
    }

    fn finish(self) -> Key {
        u128::from(self.0.finish128()).max(1)
    }
}

impl Keys {
    pub fn draw(random: &mut Random) -> Self {
        Self { key: [random.next_u64(), random.next_u64()] }
    }

    fn of(&self, kind: Kind) -> Hash {
        Hash(SipHasher13::new_with_keys(self.key[0] ^ kind as u64, self.key[1]))
    }

    /// What a response to this branch and method is matched by (RFC 3261 §17.1.3).
    pub fn client(&self, branch: &str, method: &Method) -> Key {
        self.of(Kind::Client).text(branch).method(method).finish()
    }

    /// What a request is matched by (RFC 3261 §17.2.3), as if its method were `method`: INVITE for an ACK, and for the
    /// INVITE that a CANCEL means (§9.2).
    ///
    /// Call-ID, From tag and CSeq number count beside the branch. A repeat, an ACK and a CANCEL have them in common with
    /// their request (§9.1, §17.1.1.3), so that nothing is lost by it; a client that uses one branch for two requests
    /// gets two transactions, and whoever knows no more of a call than its branch cannot cancel it.
    pub fn server(&self, request: &Request, essentials: &Essentials<'_>, method: &Method) -> Key {
        let via = &essentials.via;
        match via.magic_branch() {
            Some(branch) => self
                .of(Kind::Server)
                .text(branch)
                .host(via.host_text)
                .number(u32::from(via.port_or_default()))
                .text(essentials.call_id)
                .text(essentials.from.tag().unwrap_or_default())
                .number(essentials.cseq.sequence)
                .method(method)
                .finish(),
            None => self.old_server(request, essentials, method),
        }
    }

    /// The rules for clients of RFC 2543: Request-URI, From tag, Call-ID, CSeq number and the whole top Via. The To tag is
    /// left out, since that of an ACK is the answer's and that of the INVITE is none.
    fn old_server(&self, request: &Request, essentials: &Essentials<'_>, method: &Method) -> Key {
        let Via { transport_text, host_text, params, .. } = essentials.via;
        self.of(Kind::OldServer)
            .text(request.request_uri())
            .text(essentials.from.tag().unwrap_or_default())
            .text(essentials.call_id)
            .number(essentials.cseq.sequence)
            .text(transport_text)
            .host(host_text)
            .number(u32::from(essentials.via.port_or_default()))
            .text(params.as_str())
            .method(method)
            .finish()
    }

    /// What two ways of one request have in common (RFC 3261 §8.2.2.2).
    pub fn merged(&self, essentials: &Essentials<'_>) -> Key {
        self.of(Kind::Merged)
            .text(essentials.from.tag().unwrap_or_default())
            .text(essentials.call_id)
            .number(essentials.cseq.sequence)
            .method(&essentials.cseq.method)
            .finish()
    }

    /// The To tag of stateless replies. INVITE, its ACK and its CANCEL have it in common.
    pub fn tag(&self, essentials: &Essentials<'_>) -> ToTag {
        self.tag_of_essentials(Kind::Tag, essentials)
    }

    /// The To tag of the dialog that an INVITE makes, known from its CANCEL too. It is never a stateless reply's: the ACK
    /// of a client whose branches identify nothing has all that is hashed in common with its INVITE.
    pub fn dialog_tag(&self, essentials: &Essentials<'_>) -> ToTag {
        self.tag_of_essentials(Kind::DialogTag, essentials)
    }

    fn tag_of_essentials(&self, kind: Kind, essentials: &Essentials<'_>) -> ToTag {
        let Essentials { via, from, call_id, cseq, .. } = essentials;
        self.tag_of(kind, call_id, from.tag(), cseq.sequence, via.branch)
    }

    /// [`Keys::tag`] from what can be read of a message that need not be whole.
    pub fn tag_of_fragments(&self, headers: Headers<'_>) -> ToTag {
        self.tag_of_headers(Kind::Tag, headers)
    }

    /// [`Keys::dialog_tag`] from a request that was examined before.
    pub fn dialog_tag_of(&self, headers: Headers<'_>) -> ToTag {
        self.tag_of_headers(Kind::DialogTag, headers)
    }

    fn tag_of_headers(&self, kind: Kind, headers: Headers<'_>) -> ToTag {
        let branch = headers.top_via().ok().and_then(|via| via.branch);
        let from_tag = headers.from().ok().and_then(|from| from.tag());
        let sequence = headers.cseq().map_or(0, |cseq| cseq.sequence);
        self.tag_of(kind, headers.call_id().unwrap_or_default(), from_tag, sequence, branch)
    }

    fn tag_of(
        &self,
        kind: Kind,
        call_id: &str,
        from_tag: Option<&str>,
        sequence: u32,
        branch: Option<&str>,
    ) -> ToTag {
        let hash = self
            .of(kind)
            .text(call_id)
            .text(from_tag.unwrap_or_default())
            .number(sequence)
            .text(branch.unwrap_or_default())
            .finish();
        ToTag::of_bits(hash as u64)
    }
}

/// A To tag made by hashing: 13 characters from `a-z2-7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ToTag([u8; 13]);

impl ToTag {
    fn of_bits(mut bits: u64) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        Self(std::array::from_fn(|_| {
            let letter = ALPHABET[(bits & 31) as usize];
            bits >>= 5;
            letter
        }))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
