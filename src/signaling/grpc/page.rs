//! Page tokens: where a list goes on. Opaque to clients; one that was not given for this very list is refused, and so is
//! one that was changed on its way: it never looks like the end of the list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

use super::check::Check;

/// Bytes of a token's mark.
const MARK_BYTES: usize = 8;

/// A list, named by what is listed and its filters: tokens of one cannot be used for another.
#[derive(Debug)]
pub(super) struct List<'a>(pub &'a [&'a str]);

impl List<'_> {
    /// The token with which the list goes on behind the entry of this id.
    pub fn token(&self, after: &str) -> String {
        let mut bytes = self.mark(after).to_vec();
        bytes.extend_from_slice(after.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Behind which id the list goes on; empty for its beginning.
    pub fn after(&self, token: &str, check: &mut Check) -> Option<String> {
        if token.is_empty() {
            return Some(String::new());
        }
        let after = self.read(token);
        if after.is_none() {
            check.bad("page_token", "is none that was given for this list");
        }
        after
    }

    fn read(&self, token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (mark, after) = bytes.split_at_checked(MARK_BYTES)?;
        let after = str::from_utf8(after).ok()?;
        (mark == self.mark(after)).then(|| after.to_owned())
    }

    /// Tells whether a token is ours. No secret: whoever makes one up on purpose sees what he may see anyway.
    fn mark(&self, after: &str) -> [u8; MARK_BYTES] {
        let mut hasher = SipHasher13::new();
        for part in self.0.iter().chain([&after]) {
            hasher.write_usize(part.len());
            hasher.write(part.as_bytes());
        }
        hasher.finish().to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::checked;
    use super::*;

    fn read(list: &List<'_>, token: &str) -> Option<String> {
        checked(|check| list.after(token, check)).ok()
    }

    #[test]
    fn a_token_leads_to_where_its_list_goes_on_and_to_nothing_else() {
        let list = List(&["sessions", "default", "e"]);
        let token = list.token("s17");
        assert_eq!(read(&list, &token).as_deref(), Some("s17"));
        assert_eq!(read(&list, "").as_deref(), Some(""));
        for other in [List(&["sessions", "default", "f"]), List(&["bridges", "default", "e"]), List(&[])] {
            assert_eq!(read(&other, &token), None);
        }
    }

    #[test]
    fn a_token_that_was_made_up_or_changed_is_refused() {
        let list = List(&["sessions", "", ""]);
        let token = list.token("s17");
        for cut in 1..token.len() {
            assert_eq!(read(&list, &token[..cut]), None, "{cut}");
        }
        for made_up in ["s17", "zzzz", "a b", "é", "AAAAAAAAAAA", &"x".repeat(100), &token.to_uppercase()] {
            assert_eq!(read(&list, made_up), None, "{made_up}");
        }
    }
}
