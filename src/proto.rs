//! The generated contracts. Only the `grpc` modules and clients import these; nothing generated goes deeper.

pub mod codec;

/// `callplane.session.v1`: what a call engine speaks.
pub mod session {
    #[allow(clippy::all, missing_docs)]
    pub mod v1 {
        tonic::include_proto!("callplane.session.v1");
    }
}

/// `callplane.media.v1`: what signaling speaks to media.
pub mod media {
    #[allow(clippy::all, missing_docs)]
    pub mod v1 {
        tonic::include_proto!("callplane.media.v1");
    }
}

/// A length of time as a client tells it; `None` when it is negative, or no Duration as `duration.proto` has them: at most
/// 315,576,000,000 seconds, and 0 to 999,999,999 nanoseconds.
#[must_use]
pub fn duration(told: prost_types::Duration) -> Option<std::time::Duration> {
    const SECONDS_MAX: u64 = 315_576_000_000;
    let seconds = u64::try_from(told.seconds).ok().filter(|seconds| *seconds <= SECONDS_MAX)?;
    let nanos = u32::try_from(told.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(std::time::Duration::new(seconds, nanos))
}

/// The compiled descriptors of both packages, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/callplane.binpb"));

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prost::Message as _;
    use rstest::rstest;

    use super::FILE_DESCRIPTOR_SET;

    #[rstest]
    #[case(0, 0, Some(Duration::ZERO))]
    #[case(2, 999_999_999, Some(Duration::new(2, 999_999_999)))]
    #[case(315_576_000_000, 0, Some(Duration::from_secs(315_576_000_000)))]
    #[case(315_576_000_001, 0, None)]
    #[case(i64::MAX, 0, None)]
    #[case(1, 1_000_000_000, None)]
    #[case(1, 2_000_000_000, None)]
    #[case(2, -1, None)]
    #[case(0, -1, None)]
    #[case(-1, 0, None)]
    #[case(-1, 1, None)]
    #[case(i64::MIN, i32::MIN, None)]
    fn a_duration_is_within_protobufs_range(
        #[case] seconds: i64,
        #[case] nanos: i32,
        #[case] expected: Option<Duration>,
    ) {
        assert_eq!(super::duration(prost_types::Duration { seconds, nanos }), expected);
    }

    /// The protos that lie in the repository, by their names below `proto`.
    fn written() -> Vec<String> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
        let (mut folders, mut names) = (vec![root.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "proto") {
                    names.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        names.sort();
        names
    }

    #[test]
    fn clients_of_every_language_are_generated_from_the_protos_as_they_are() {
        let files = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file;
        let ours: Vec<_> = files.iter().filter(|file| file.package().starts_with("callplane.")).collect();
        let mut names: Vec<_> = ours.iter().map(|file| file.name().to_owned()).collect();
        names.sort();
        assert_eq!(names, written(), "what is compiled");
        for file in ours {
            let options = file.options.as_ref().unwrap_or_else(|| panic!("{} has no options", file.name()));
            let area = file.package().split('.').nth(1).unwrap();
            let go = format!("github.com/callplane/callplane/gen/go/callplane/{area}/v1;{area}v1");
            assert_eq!(options.go_package(), go, "{}", file.name());
            assert_eq!(options.java_package(), format!("com.{}", file.package()), "{}", file.name());
            assert!(
                options.java_multiple_files() && !options.java_outer_classname().is_empty(),
                "{}",
                file.name()
            );
            let php = options.php_namespace();
            let others = [options.csharp_namespace(), php, options.php_metadata_namespace()];
            for other in others.into_iter().chain([options.ruby_package()]) {
                assert!(other.to_lowercase().contains(area), "{}: {other:?}", file.name());
            }
        }
    }
}
