//! Paths of audio files, as engines name them.

/// The longest, in bytes.
const BYTES_MAX: usize = 512;

/// Whether this can name a file within the audio folders: relative, without a step out of them. Whether there is such a file
/// only media knows.
#[must_use]
pub fn is_audio_path(path: &str) -> bool {
    let leaves = path.split(['/', '\\']).any(|part| part.is_empty() || part == "." || part == "..");
    !leaves && path.len() <= BYTES_MAX && !path.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_within_the_audio_folders() {
        let long = "x".repeat(BYTES_MAX);
        for path in ["hello.wav", "de/hello.wav", "..hello", "two words.wav", &long] {
            assert!(is_audio_path(path), "{path}");
        }
        let too_long = "x".repeat(BYTES_MAX + 1);
        let rows =
            ["", "/", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "./x", "a\\..\\x", "a\0", &too_long];
        for path in rows {
            assert!(!is_audio_path(path), "{path}");
        }
    }
}
