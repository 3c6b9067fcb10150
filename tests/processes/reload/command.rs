//! `countersign reload`, `POST /reload` and SIGHUP: each does the same at once, and says what came
//! of it.

use serde_json::Value;

use super::scene::{OPEN, PROTECTED, Scene, countersign, stderr, stdout};
use crate::support::wait_until;

#[test]
fn x9_a_reload_that_is_taken_is_in_force_when_it_is_answered() {
    let scene = Scene::start();
    let before = scene.shown_hash();
    scene.write(&scene.text(OPEN));
    let (status, verdict) = scene.reload();
    assert_eq!((status, &verdict["outcome"]), (200, &"applied".into()));
    assert_eq!(scene.status(), 200, "the new route is in force");
    let changed = verdict["changed"].as_array().unwrap();
    assert!(changed.contains(&"routes[0].access".into()), "{changed:?}");
    assert!(changed.iter().all(|it| it.as_str().unwrap().starts_with("routes[0].")), "{changed:?}");
    assert_eq!(verdict["restart_required"], serde_json::json!([]));
    let after = scene.shown_hash();
    assert_ne!(before, after);
    assert!(verdict["config_hash"].as_str().unwrap().starts_with(&after));
    assert_eq!(scene.reloads("request", "applied"), 1);
    let at = scene.metric("countersign_reload_last_success_timestamp_seconds").unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now - at.parse::<u64>().unwrap() < 60, "{at}");
}

#[test]
fn x9_a_reload_says_what_the_new_configuration_lacks_and_what_is_doubtful_in_it() {
    let scene = Scene::start();
    let partner = "[issuers.partner]\nissuer = \"https://partner.example\"\n\
                   audiences = [\"https://api.example.com\"]\nalgorithms = [\"ES256\"]\n\
                   readiness.required = false\nkeys.jwks_url = \"http://127.0.0.1:1/keys\"\n\
                   [forwarding]\ndrop_underscores = false\n";
    let doubtful = "forwarding.drop_underscores: off; ";
    scene.write(&(scene.text(PROTECTED) + partner));
    let (status, verdict) = scene.reload();
    assert_eq!((status, &verdict["outcome"]), (200, &"applied".into()), "{verdict}");
    let has = |verdict: &Value, list: &str, begin: &str| {
        let lines = verdict[list].as_array().unwrap();
        lines.iter().any(|line| line.as_str().unwrap().starts_with(begin))
    };
    assert!(has(&verdict, "missing", "issuer partner: "), "{verdict}");
    assert!(has(&verdict, "warnings", doubtful), "{verdict}");
    for line in ["the new configuration lacks something that it uses", doubtful] {
        wait_until(line, || scene.process.logs().contains(line));
    }

    let config = scene.file();
    let again = countersign(&["reload", "--config", config.to_str().unwrap()]);
    let printed = stdout(&again);
    for line in ["  missing: issuer partner: ", &format!("  warning: {doubtful}")] {
        assert!(printed.contains(line), "{line}: {printed}");
    }

    scene.write(&scene.text(PROTECTED));
    let (_, verdict) = scene.reload();
    assert_eq!(verdict["missing"], serde_json::json!([]));
    assert!(!has(&verdict, "warnings", doubtful), "{verdict}");
}

#[test]
fn x9_a_reload_that_is_refused_says_every_mistake_and_is_noted_until_one_is_taken() {
    let scene = Scene::start();
    let before = scene.shown_hash();
    let broken = scene.text(OPEN).replace("workers = 1", "workers = -1").replace("\"public\"", "1");
    scene.write(&broken);
    let (status, verdict) = scene.reload();
    assert_eq!((status, &verdict["outcome"]), (409, &"refused".into()));
    let errors = verdict["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors.iter().any(|it| it.as_str().unwrap().contains("server.workers")), "{errors:?}");
    assert!(verdict["config_hash"].as_str().unwrap().starts_with(&before), "the old one stays");
    assert_eq!(scene.status(), 401, "the old routes are in force");
    assert_eq!(scene.shown_hash(), before);
    assert_eq!(scene.reloads("request", "refused"), 1);
    let successful = "countersign_reload_last_attempt_successful";
    assert_eq!(scene.metric(successful).as_deref(), Some("0"));
    let readiness = scene.page("/readyz");
    assert!(readiness.starts_with("ready\nnote: reload: refused: "), "{readiness}");
    assert!(readiness.contains("(and 1 more)"), "{readiness}");

    scene.write(&scene.text(PROTECTED));
    assert_eq!(scene.reload().0, 200);
    assert_eq!(scene.page("/readyz"), "ready\n");
    assert_eq!(scene.metric(successful).as_deref(), Some("1"));
}

#[test]
fn x9_the_command_ends_by_the_verdict() {
    let scene = Scene::start();
    let (config, socket) = (scene.file(), format!("unix:{}", scene.socket().display()));
    let by_file = ["reload", "--config", config.to_str().unwrap()];
    let by_address = ["reload", "--control", &socket];
    scene.write(&scene.text(OPEN));
    let taken = countersign(&by_file);
    assert_eq!(taken.status.code(), Some(0), "{}", stderr(&taken));
    assert!(stdout(&taken).starts_with("applied: "), "{}", stdout(&taken));
    assert!(stdout(&taken).contains("changed: routes[0].access"), "{}", stdout(&taken));
    assert_eq!(scene.status(), 200);

    // What is wrong elsewhere in the file does not hide its address.
    scene.write(&scene.text(PROTECTED).replace("workers = 1", "workers = -1"));
    for arguments in [by_file, by_address] {
        let refused = countersign(&arguments);
        assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
        assert!(stdout(&refused).contains("server.workers: found -1"), "{}", stdout(&refused));
    }
    assert_eq!(scene.status(), 200, "what was in force stays");
    assert_eq!(scene.reloads("request", "refused"), 2);

    scene.write("this is no TOML");
    let refused = countersign(&by_address);
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    assert!(stdout(&refused).contains("is not valid TOML"), "{}", stdout(&refused));
}

#[test]
fn x9_without_a_proxy_the_command_fails_and_without_an_address_it_is_not_understood() {
    let scene = Scene::prepare();
    scene.write(&scene.text(PROTECTED));
    let config = scene.file();
    let config = config.to_str().unwrap();
    let unreachable = countersign(&["reload", "--config", config]);
    assert_eq!(unreachable.status.code(), Some(1));
    assert!(
        stderr(&unreachable).contains("control.sock can't be used"),
        "{}",
        stderr(&unreachable)
    );
    let elsewhere = countersign(&["reload", "--control", "0.0.0.0:9902"]);
    assert_eq!(elsewhere.status.code(), Some(2), "{}", stderr(&elsewhere));
    scene.write("[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n");
    let nowhere = countersign(&["reload", "--config", config]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(stderr(&nowhere).contains("no control.listen"), "{}", stderr(&nowhere));
}

#[test]
fn x9_sighup_does_the_same_without_an_answer() {
    let scene = Scene::start();
    scene.write(&scene.text(OPEN));
    scene.process.signal("HUP");
    wait_until("the new route", || scene.status() == 200);
    assert_eq!(scene.reloads("signal", "applied"), 1);
    scene.write("this is no TOML");
    scene.process.signal("HUP");
    wait_until("the refusal", || scene.reloads("signal", "refused") == 1);
    let logs = scene.process.logs();
    let line = logs.lines().find(|line| line.contains("the new configuration is not used"));
    assert!(line.unwrap().contains("is not valid TOML"), "{line:?}");
    assert_eq!(scene.status(), 200);
}

#[test]
fn x3_a_process_that_stops_declines_a_reload_at_once() {
    let mut scene = Scene::start_with(|text| text.replace("grace = \"0s\"", "grace = \"1h\""));
    scene.write(&scene.text(OPEN));
    scene.process.signal("TERM");
    wait_until("the stop", || scene.process.logs().contains("stopping: not ready"));
    let (status, verdict) = scene.reload();
    assert_eq!((status, &verdict["outcome"]), (409, &"superseded".into()), "{verdict}");
    assert_eq!(verdict["errors"], serde_json::json!(["the process is stopping"]));
    assert_eq!(scene.status(), 401, "the grace goes on, with the configuration of before");
    scene.process.signal("TERM");
    assert_eq!(scene.process.exit_code(), Some(1));
}
