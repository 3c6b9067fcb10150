//! The traces of crashes and failing disks are never taken for tampering, and cost no more than the
//! lines they hit.

use super::*;

fn open_line(link: chain::ChainLink, admits: Option<&'static str>) -> String {
    let mut members = vec![("type", Json::from("open"))];
    members.extend(admits.map(|what| (what, Json::Bool(true))));
    line::text(link, UnixTime(NOW), members) + "\n"
}

fn after(lines: &[String]) -> chain::ChainLink {
    let number = lines.len() as u64;
    let last = lines.last().unwrap();
    chain::ChainLink { number, ..chain::ChainLink::FIRST }.after(last.as_bytes())
}

#[tokio::test]
async fn a_torn_file_is_told_even_if_an_empty_one_is_behind_it() {
    let scene = Scene::new();
    scene.record(2).await;
    let text = fs::read_to_string(&scene.files()[0]).unwrap();
    fs::write(&scene.files()[0], &text[..text.len() - 20]).unwrap();
    // Killed, or out of space, after the next file was made and before anything was in it.
    fs::write(scene.settings.folder.join("evidence-2027-01-15-00000002.jsonl"), "").unwrap();
    scene.record(1).await;
    let report = scene.assert_sound();
    assert_eq!((report.torn.len(), report.requests), (1, 3));
}

#[tokio::test]
async fn a_file_of_which_not_even_the_first_line_is_certain_does_not_count() {
    let scene = Scene::new();
    scene.record(1).await;
    let link = after(&scene.lines(0));
    let path = |n: u32| scene.settings.folder.join(format!("evidence-2027-01-15-{n:08}.jsonl"));
    // The first line of file 2 is there, but having it on disk failed: file 3 begins where it did.
    fs::write(path(2), open_line(link, None)).unwrap();
    fs::write(path(3), open_line(link, Some("abandoned"))).unwrap();
    assert_eq!(scene.assert_sound().abandoned, 1);
    // And once more.
    fs::write(path(4), open_line(link, Some("abandoned"))).unwrap();
    assert_eq!(scene.assert_sound().abandoned, 2);
    // A writer may not go back without recording it.
    fs::write(path(4), open_line(link, None)).unwrap();
    assert_eq!(scene.verify().findings.len(), 1);
}

#[test]
fn no_checkpoint_has_more_than_a_thousand_lines_before_it() {
    let scene = Scene::new();
    let (orders, queue) = sync_channel(2_500);
    for _ in 0..2_500 {
        orders.try_send(scene.request(b"a").0).unwrap();
    }
    drop(orders);
    scene.writer().run(&queue, |_| ());
    let lines = scene.lines(0);
    let mut lengths = lines.split(|line| line.contains("\"type\":\"checkpoint\""));
    assert!(lengths.all(|lines| lines.len() <= 1_001), "the first line opens the file");
    assert_eq!(scene.assert_sound().requests, 2_500);
}

#[tokio::test]
async fn whatever_was_recorded_can_be_read_back() {
    let scene = Scene::new();
    let deepest = format!("{{\"c\":{}1{}}}", "[".repeat(31), "]".repeat(31));
    let widest = format!("{{\"c\":[{}0]}}", "0,".repeat(9_900));
    for claims in [deepest, widest] {
        // As deep and as wide as a token may be.
        let claims = Object::parse(claims.as_bytes()).unwrap();
        let value = claims.get("c").unwrap().clone();
        let journal = scene.open();
        let claims = vec![("c".to_owned(), value.clone()), ("/also".to_owned(), value)];
        journal.record(EvidenceEntry { claims, ..scene.entry(b"a") }).await.unwrap();
        drop(journal);
    }
    assert_eq!(scene.assert_sound().requests, 2);
}

#[test]
fn a_line_that_fails_takes_no_other_with_it() {
    let mut scene = Scene::new();
    let bodies = scene.folder.path().join("bodies");
    fs::create_dir(&bodies).unwrap();
    scene.settings.bodies = Some(bodies);
    let (orders, queue) = sync_channel(4);
    let mut outcomes = Vec::new();
    let bodies = [Some(in_memory(b"a")), Some(lost()), None, Some(in_memory(b"a"))];
    for (payload, body) in [b"a", b"b", b"c", b"a"].into_iter().zip(bodies) {
        let (request, outcome) = request(EvidenceEntry { body, ..scene.entry(payload) });
        outcomes.push(outcome);
        orders.try_send(request).unwrap();
    }
    drop(orders);
    scene.writer().run(&queue, |_| ());
    let outcomes: Vec<_> = outcomes.iter_mut().map(|outcome| outcome.try_recv().unwrap()).collect();
    assert_eq!(outcomes, [Ok(()), Err(NotRecorded), Ok(()), Ok(())]);
    // The file was not touched, so that there is no reason to give it up.
    assert_eq!((scene.assert_sound().requests, scene.files().len()), (3, 1));
}

#[test]
fn the_last_checkpoint_is_written_though_the_file_before_was_given_up() {
    let mut scene = Scene::new();
    scene.settings.rotate_bytes = 1;
    let (orders, queue) = sync_channel(1);
    let mut writer = scene.writer();
    orders.try_send(scene.request(b"a").0).unwrap();
    drop(orders);
    writer.write_group(queue.try_iter().collect());
    writer.abandon();
    writer.run(&queue, |_| ());
    let report = scene.assert_sound();
    assert_eq!((report.requests, report.uncovered, report.checkpoints), (1, 0, 1));
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_counted() {
    let scene = Scene::new();
    let mut writer = scene.writer();
    writer.write_group(vec![scene.request(b"a").0]);
    writer.abandon();
    fs::remove_dir_all(&scene.settings.folder).unwrap();
    let (_, queue) = sync_channel(1);
    writer.run(&queue, |_| ());
    assert_eq!((scene.counted("written"), scene.counted("failed")), (1, 1));
}

#[test]
fn a_file_that_was_given_up_is_followed_by_one_that_says_so() {
    let scene = Scene::new();
    let mut writer = scene.writer();
    for _ in 0..2 {
        let (request, mut outcome) = scene.request(b"a");
        writer.write_group(vec![request]);
        assert_eq!(outcome.try_recv().unwrap(), Ok(()));
        writer.abandon();
    }
    drop(writer);
    let report = scene.assert_sound();
    assert_eq!((report.requests, scene.files().len()), (2, 2));
    assert!(scene.lines(1)[0].contains("\"abandoned\":true"));
}

#[tokio::test]
async fn files_are_read_in_their_order_though_the_clock_went_back() {
    let scene = Scene::new();
    for now in [NOW, 0, NOW] {
        scene.clock.set(UnixTime(now));
        scene.record(1).await;
    }
    let mut files = scene.files();
    assert!(files[0].to_str().unwrap().contains("1970-01-01"), "{files:?}");
    verify::order(&mut files);
    let against = Against { keys: Some(scene.keys()), body: None };
    let report = verify(&files, &against).unwrap();
    assert_eq!((report.findings, report.requests), (vec![], 3));
    // Foreign names are in the order in which they are given.
    let mut renamed = vec![PathBuf::from("b"), PathBuf::from("evidence-x-2.jsonl"), "a".into()];
    let as_given = renamed.clone();
    verify::order(&mut renamed);
    assert_eq!(renamed, as_given);
}

/// Where the child of a test finds its folder.
const FOLDER: &str = "COUNTERSIGN_TEST_FOLDER";

/// Runs a test of this file as a process of its own in which no file may grow beyond so many
/// blocks of 512 bytes: what a full disk is to a writer, partial lines included.
fn run_with_small_files(name: &str, blocks: u32, folder: &std::path::Path) {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --exact \"$1\"");
    // What it prints goes into a pipe: the limit holds for a file of the caller's as well.
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("evidence::tests::recovery::{name}"))
        .env(FOLDER, folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The child's scene, in its parent's folder.
fn child() -> Option<Scene> {
    let folder = std::env::var_os(FOLDER)?;
    let mut scene = Scene::without_files();
    scene.settings.folder = folder.into();
    Some(scene)
}

#[test]
fn a_disk_that_takes_half_a_line_costs_that_group_only() {
    const RECORDED: u64 = 40;
    if let Some(scene) = child() {
        let journal = scene.open();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcomes = (0..RECORDED).map(|_| runtime.block_on(journal.record(scene.entry(b"a"))));
        let failed = outcomes.filter(Result::is_err).count() as u64;
        assert_eq!(
            (scene.counted("failed"), scene.counted("written")),
            (failed, RECORDED - failed)
        );
        assert!((2..RECORDED / 2).contains(&failed), "{failed}");
        return;
    }
    let scene = Scene::new();
    let name = "a_disk_that_takes_half_a_line_costs_that_group_only";
    run_with_small_files(name, 16, &scene.settings.folder);
    let report = scene.assert_sound();
    assert!(report.torn.len() >= 2, "{report:?}");
    assert_eq!(report.requests + report.torn.len() as u64, RECORDED);
}

#[test]
fn a_disk_that_takes_nothing_is_not_filled_with_empty_files() {
    if let Some(scene) = child() {
        for _ in 0..3 {
            let clock = Arc::clone(&scene.clock) as _;
            let error = Journal::open(&scene.settings, clock, &scene.metrics).unwrap_err();
            assert!(error.to_string().contains("File too large"), "{error}");
        }
        return;
    }
    let scene = Scene::new();
    let name = "a_disk_that_takes_nothing_is_not_filled_with_empty_files";
    run_with_small_files(name, 0, &scene.settings.folder);
    assert_eq!(scene.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_is_wrong_beyond_a_hundred_lines_is_counted() {
    let scene = Scene::new();
    scene.record(1).await;
    let file = &scene.files()[0];
    let sound = fs::read_to_string(file).unwrap();
    fs::write(file, sound + &"no line\n".repeat(150)).unwrap();
    let report = scene.verify();
    assert_eq!((report.findings.len(), report.further_findings), (100, 50));
}
