//! What is found, what is kept, what is refused.

use super::*;
use std::sync::mpsc::channel;

/// A folder of this test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("callplane-clips-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, samples: &[i16]) {
        let mut file = wav::wav_header(SAMPLE_RATE_HZ, 1, Some(samples.len() as u32 * 2)).to_vec();
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        std::fs::write(self.0.join(name), file).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn load(clips: &Clips, path: &str) -> Result<Arc<Clip>, Failure> {
    let (sender, receiver) = channel();
    clips.load(path.into(), move |clip| sender.send(clip).unwrap()).unwrap();
    receiver.recv_timeout(Duration::from_secs(10)).unwrap()
}

#[test]
fn only_files_inside_the_roots_are_found() {
    let (root, outside) = (Folder::new("root"), Folder::new("outside"));
    std::fs::create_dir(root.0.join("sub")).unwrap();
    root.write("a.wav", &[1, 2, 3]);
    root.write("sub/b.wav", &[4]);
    outside.write("secret.wav", &[9]);
    std::os::unix::fs::symlink(outside.0.join("secret.wav"), root.0.join("link.wav")).unwrap();
    std::os::unix::fs::symlink(root.0.join("a.wav"), root.0.join("inside.wav")).unwrap();
    let clips = Clips::new(std::slice::from_ref(&root.0), 1 << 20).unwrap();
    assert_eq!(load(&clips, "a.wav").unwrap().samples, [1, 2, 3]);
    assert_eq!(load(&clips, "sub/b.wav").unwrap().samples, [4]);
    assert_eq!(load(&clips, "inside.wav").unwrap().samples, [1, 2, 3]);
    let secret = outside.0.join("secret.wav");
    let escapes = ["../outside/secret.wav", "sub/../../x", "link.wav", "", ".", "sub", "nothing.wav"];
    for path in escapes.into_iter().chain(secret.to_str()) {
        assert!(matches!(load(&clips, path), Err(Failure::FileUnusable(_))), "{path}");
    }
}

#[test]
fn what_is_in_a_folder_and_no_file_is_told_from_what_is_in_none() {
    let (first, second) = (Folder::new("no-file"), Folder::new("a-file"));
    for name in ["sub", "both.wav"] {
        std::fs::create_dir(first.0.join(name)).unwrap();
    }
    std::os::unix::net::UnixListener::bind(first.0.join("socket.wav")).unwrap();
    std::os::unix::fs::symlink("/dev/null", first.0.join("outside.wav")).unwrap();
    second.write("both.wav", &[1]);
    let clips = Clips::new(&[first.0.clone(), second.0.clone()], 1 << 20).unwrap();
    assert_eq!(load(&clips, "both.wav").unwrap().samples, [1], "another folder has the file");
    for (path, told) in [
        ("sub", "is no file"),
        ("socket.wav", "is no file"),
        ("nothing.wav", "is in none of the audio folders"),
        ("outside.wav", "is in none of the audio folders"),
    ] {
        let Err(Failure::FileUnusable(why)) = load(&clips, path) else { panic!("{path} was read") };
        assert!(why.contains(told), "{path}: {why}");
    }
}

#[test]
fn a_file_that_is_no_audio_is_refused_with_its_name() {
    let root = Folder::new("broken");
    std::fs::write(root.0.join("text.wav"), "not audio").unwrap();
    let clips = Clips::new(std::slice::from_ref(&root.0), 1 << 20).unwrap();
    let Err(Failure::FileUnusable(message)) = load(&clips, "text.wav") else { panic!("it was read") };
    assert!(message.contains("text.wav"));
}

#[test]
fn clips_stay_in_memory_up_to_the_bound() {
    let root = Folder::new("cache");
    root.write("a.wav", &[1; 100]);
    root.write("b.wav", &[2; 100]);
    let clips = Clips::new(std::slice::from_ref(&root.0), 300).unwrap();
    let first = load(&clips, "a.wav").unwrap();
    assert!(Arc::ptr_eq(&clips.cached("a.wav").unwrap(), &first));
    assert!(Arc::ptr_eq(&load(&clips, "a.wav").unwrap(), &first));
    drop(first);
    load(&clips, "b.wav").unwrap();
    assert!(clips.cached("a.wav").is_none() && clips.cached("b.wav").is_some());
    assert_eq!(clips.counts(), AudioCounts { bytes: 200, refused: 0 });
}

#[test]
fn what_is_played_counts_until_it_is_over_and_a_file_that_finds_no_room_is_refused() {
    let root = Folder::new("played");
    for name in ["a.wav", "b.wav", "c.wav"] {
        root.write(name, &[1; 100]);
    }
    let clips = Clips::new(std::slice::from_ref(&root.0), 500).unwrap();
    let (a, b) = (load(&clips, "a.wav").unwrap(), load(&clips, "b.wav").unwrap());
    let full = Failure::Limit { what: "bytes of audio in memory", limit: 500 };
    assert_eq!(load(&clips, "c.wav").unwrap_err(), full);
    assert_eq!(clips.counts(), AudioCounts { bytes: 400, refused: 1 });
    assert!(clips.cached("a.wav").is_some(), "nothing makes way where that does not help");
    drop(a);
    load(&clips, "c.wav").unwrap();
    assert!(clips.cached("a.wav").is_none() && clips.cached("b.wav").is_some());
    drop(b);
    assert_eq!(clips.counts(), AudioCounts { bytes: 400, refused: 1 });
}

#[test]
fn a_clip_whose_file_changed_takes_its_memory_until_its_playback_is_over() {
    let root = Folder::new("changed");
    root.write("a.wav", &[1; 100]);
    let memory = Memory::new(500);
    let loader = Loader { roots: vec![root.0.canonicalize().unwrap()], memory: Arc::new(memory) };
    let first = loader.get("a.wav").unwrap();
    root.write("a.wav", &[2; 100]);
    let later = SystemTime::now() + Duration::from_secs(5);
    let file = std::fs::File::options().write(true).open(root.0.join("a.wav")).unwrap();
    file.set_modified(later).unwrap();
    assert_eq!(loader.get("a.wav").unwrap().samples, [2; 100]);
    let taken = || loader.memory.taken.load(Ordering::Acquire);
    assert_eq!(taken(), 400);
    drop(first);
    assert_eq!(taken(), 200);
}

#[test]
fn a_file_that_alone_is_over_the_bound_is_unusable_and_no_file_has_to_make_way_for_it() {
    let root = Folder::new("long");
    root.write("a.wav", &[1; 100]);
    root.write("long.wav", &[1; 151]);
    let clips = Clips::new(std::slice::from_ref(&root.0), 300).unwrap();
    load(&clips, "a.wav").unwrap();
    let Err(Failure::FileUnusable(message)) = load(&clips, "long.wav") else { panic!("it was read") };
    assert!(message.contains("media.audio_cache_bytes is 300"), "{message}");
    assert!(clips.cached("a.wav").is_some());
}

#[test]
fn a_root_that_does_not_exist_stops_the_start() {
    let error = Clips::new(&["/nonexistent-callplane".into()], 0).unwrap_err();
    assert!(error.to_string().contains("nonexistent-callplane"));
}
