//! The mark in our tags: how a late answer shows that we sent its INVITE, when nothing of it is kept any more.
//!
//! The tag of an INVITE of ours is drawn at random and followed by a keyed hash of the Call-ID and what was drawn. Who
//! never had an INVITE of ours can make up no such tag; after a restart with another key nobody can.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use crate::ground::Random;

/// Length of a token, drawn or made of a hash: 64 bits in letters of 5.
const TOKEN_BYTES: usize = 13;

/// The key of the marks.
#[derive(Debug)]
pub(super) struct Marks([u64; 2]);

impl Marks {
    pub fn draw(random: &mut Random) -> Self {
        Self([random.next_u64(), random.next_u64()])
    }

    /// A new tag for an INVITE of ours with this Call-ID.
    pub fn tag(&self, call_id: &str, random: &mut Random) -> String {
        let drawn = random.token();
        let mark = self.mark(call_id, &drawn);
        drawn + &mark
    }

    /// Whether we gave this tag in a call with this Call-ID.
    pub fn made(&self, call_id: &str, tag: &str) -> bool {
        let parts = tag.split_at_checked(TOKEN_BYTES);
        parts.is_some_and(|(drawn, mark)| self.mark(call_id, drawn) == mark)
    }

    fn mark(&self, call_id: &str, drawn: &str) -> String {
        let mut hasher = SipHasher13::new_with_keys(self.0[0], self.0[1]);
        hasher.write_usize(call_id.len());
        hasher.write(call_id.as_bytes());
        hasher.write(drawn.as_bytes());
        Random::token_of(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_of_ours_is_known_again_in_its_call_only() {
        let mut random = Random::from_key([1, 2]);
        let marks = Marks::draw(&mut random);
        let tag = marks.tag("call-1", &mut random);
        assert_eq!(tag.len(), 2 * TOKEN_BYTES);
        assert!(marks.made("call-1", &tag));
        assert!(!marks.made("call-2", &tag));
        assert!(!marks.made("call-1", &tag[1..]));
        assert!(!marks.made("call-1", ""));
        assert!(!Marks::draw(&mut random).made("call-1", &tag), "another key");
        let other = marks.tag("call-1", &mut random);
        assert_ne!(tag, other);
        assert!(!marks.made("call-1", &format!("{}{}", &tag[..TOKEN_BYTES], &other[TOKEN_BYTES..])));
    }
}
