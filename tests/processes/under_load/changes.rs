//! The program under a constant load, while its configuration changes.

mod deployment;
mod mounted;

use std::{
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use deployment::{Changed, Deployment};
use mounted::Replacement;

use super::{
    scene::{RATE, is_full},
    served::assert_served,
    service::Service,
};
use crate::support::{
    fleet::Protocol,
    h2load::{RunningLoad, alone},
    wait_until,
};

/// What the program holds of the machine.
#[derive(Debug)]
struct Footprint {
    threads: usize,
    descriptors: usize,
    resident: usize,
}

/// Resident memory that a hundred reloads may add: what the allocator keeps in pieces.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// How long a configuration that is not in use any more may keep what it holds.
const RETIREMENT: Duration = Duration::from_secs(40);

fn service() -> Option<Service> {
    Service::start((Ipv4Addr::LOCALHOST, 0).into(), Protocol::Http1)
}

/// After the last change of a case: the load was under way during each, and none of it failed.
fn assert_served_meanwhile(case: &str, mut loads: [RunningLoad; 2]) {
    assert!(!loads.iter_mut().any(RunningLoad::is_over), "{case}: the load is too short");
    assert_served(case, RATE, loads);
}

fn apply(deployment: &mut Deployment, what: Changed, by: Replacement) {
    deployment.change(what, by);
    wait_until(&format!("the change of {what:?}"), || deployment.is_in_force(what));
}

impl Footprint {
    fn of(deployment: &Deployment) -> Self {
        let process = &deployment.process;
        Self {
            threads: process.threads(),
            descriptors: process.descriptors(),
            resident: process.resident(),
        }
    }

    fn is_within(&self, before: &Self) -> bool {
        self.threads <= before.threads
            && self.descriptors <= before.descriptors
            && self.resident <= before.resident + KEPT_BYTES
    }
}

#[test]
fn x2_changed_files_are_in_force_soon_fail_no_request_and_leave_nothing_behind() {
    let Some(service) = service() else { return };
    let _alone = alone();
    let mut deployment = Deployment::start(service.url(), true);
    let (changes, seconds) = if is_full() { (100, 80) } else { (8, 8) };
    // What the first reload, and the first load, take once.
    for what in Changed::ALL {
        apply(&mut deployment, what, Replacement::Swap);
    }
    let Some(first) = deployment.send(RATE, 2) else { return };
    assert_served("before", RATE, first);
    let before = Footprint::of(&deployment);
    let Some(loads) = deployment.send(RATE, seconds) else { return };
    for step in 0..changes {
        let by = if step < changes / 2 { Replacement::Swap } else { Replacement::Rename };
        apply(&mut deployment, Changed::ALL[step % 4], by);
    }
    assert_served_meanwhile("watched", loads);
    assert_eq!(deployment.reloads("watch", "refused"), 0);
    let ended = Instant::now();
    let mut after = Footprint::of(&deployment);
    while !after.is_within(&before) && ended.elapsed() < RETIREMENT {
        thread::sleep(Duration::from_millis(100));
        after = Footprint::of(&deployment);
    }
    println!("watched: {before:?} before, {after:?} after {changes} changes");
    assert!(after.is_within(&before), "{before:?} before, {after:?} after");
}

#[test]
fn x2_a_signal_changes_the_configuration_while_the_provider_is_down() {
    let Some(service) = service() else { return };
    let _alone = alone();
    let mut deployment = Deployment::start(service.url(), false);
    deployment.lose_provider();
    let (changes, seconds) = if is_full() { (20, 10) } else { (4, 3) };
    let Some(loads) = deployment.send(RATE, seconds) else { return };
    for step in 0..changes {
        let what = Changed::ALL[step % 4];
        deployment.change(what, Replacement::Swap);
        deployment.process.signal("HUP");
        wait_until(&format!("the change of {what:?}"), || deployment.is_in_force(what));
        wait_until("the verdict", || deployment.reloads("signal", "applied") > step);
    }
    assert_served_meanwhile("signal, provider down", loads);
    assert_eq!(deployment.reloads("signal", "refused"), 0);
}

#[test]
fn x3_a_broken_file_changes_nothing_and_fails_no_request() {
    let Some(service) = service() else { return };
    let _alone = alone();
    let mut deployment = Deployment::start(service.url(), true);
    let (changes, seconds) = if is_full() { (20, 15) } else { (4, 4) };
    let Some(loads) = deployment.send(RATE, seconds) else { return };
    for step in 0..changes {
        deployment.break_configuration();
        wait_until("the refusal", || deployment.reloads("watch", "refused") > step);
    }
    for what in Changed::ALL {
        assert!(deployment.is_in_force(what), "{what:?}");
    }
    assert_served_meanwhile("broken", loads);
    apply(&mut deployment, Changed::Route, Replacement::Rename);
}
