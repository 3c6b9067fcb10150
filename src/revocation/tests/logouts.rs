//! What logging out ends, and how much of it is remembered.

use super::*;
use crate::revocation::{LoggedOut, Logout, LogoutRefusal, logouts::Logouts};

fn logout(jti: &str, whom: LoggedOut) -> Logout {
    Logout { iss: text(ISS), jti: text(jti), whom, at: NOW.0 }
}

fn subject(sub: &str) -> LoggedOut {
    LoggedOut::Subject(text(sub))
}

/// Remembers for a minute, five at most.
fn add(logouts: &Logouts, logout: Logout, now: UnixTime) -> Result<(), LogoutRefusal> {
    logouts.add(logout, now.0 + 60, now, 5)
}

/// What is remembered after this one logout.
fn after(whom: LoggedOut) -> Logouts {
    let logouts = Logouts::new(&metrics());
    add(&logouts, logout("1", whom), NOW).unwrap();
    logouts
}

fn is_revoked(logouts: &Logouts, token: TokenFacts<'_>) -> bool {
    logouts.find(&token, NOW).is_some()
}

#[test]
fn a_session_ends_for_every_subject_and_no_other_with_it() {
    let logouts = after(LoggedOut::Session(text("s1")));
    assert!(is_revoked(&logouts, token()));
    assert!(!is_revoked(&logouts, TokenFacts { sid: Some("s2"), ..token() }));
    assert!(!is_revoked(&logouts, TokenFacts { sid: None, ..token() }));
}

#[test]
fn a_subject_is_logged_out_everywhere_but_may_come_back() {
    let logouts = after(subject("alice"));
    assert!(is_revoked(&logouts, token()));
    assert!(is_revoked(&logouts, TokenFacts { sid: Some("s2"), ..token() }));
    assert!(is_revoked(&logouts, TokenFacts { issued_at: Some(NOW.0 - 1), ..token() }));
    assert!(is_revoked(&logouts, TokenFacts { issued_at: None, ..token() }));
    assert!(!is_revoked(&logouts, TokenFacts { issued_at: Some(NOW.0), ..token() }));
    assert!(!is_revoked(&logouts, TokenFacts { sub: Some("bob"), ..token() }));
}

#[test]
fn one_session_of_a_subject_takes_along_what_names_no_session() {
    let whom = LoggedOut::SessionOf { sid: text("s1"), sub: text("alice") };
    let logouts = after(whom);
    assert!(is_revoked(&logouts, token()));
    assert!(!is_revoked(&logouts, TokenFacts { sid: Some("s2"), ..token() }));
    assert!(is_revoked(&logouts, TokenFacts { sid: None, ..token() }));
    let later = TokenFacts { sid: None, issued_at: Some(NOW.0 + 1), ..token() };
    assert!(!is_revoked(&logouts, later));
}

#[test]
fn an_issuer_logs_out_its_own_people_only() {
    let logouts = after(subject("alice"));
    assert!(!is_revoked(&logouts, TokenFacts { iss: "https://other.example.com", ..token() }));
}

#[test]
fn a_logout_is_taken_once_from_each_issuer() {
    let logouts = after(subject("alice"));
    let again = logout("1", subject("bob"));
    assert_eq!(add(&logouts, again.clone(), NOW), Err(LogoutRefusal::Replayed));
    assert!(!is_revoked(&logouts, TokenFacts { sub: Some("bob"), ..token() }));
    let of_another = Logout { iss: text("https://other.example.com"), ..again };
    assert_eq!(add(&logouts, of_another, NOW), Ok(()));
}

#[test]
fn a_flood_is_bounded_and_makes_nothing_forgotten() {
    let logouts = Logouts::new(&metrics());
    for n in 0..5 {
        add(&logouts, logout(&n.to_string(), subject(&n.to_string())), NOW).unwrap();
    }
    for n in 5..1_000 {
        let more = logout(&n.to_string(), subject(&n.to_string()));
        assert_eq!(add(&logouts, more, NOW), Err(LogoutRefusal::Full));
    }
    assert!(is_revoked(&logouts, TokenFacts { sub: Some("0"), ..token() }));
    assert!(!is_revoked(&logouts, TokenFacts { sub: Some("5"), ..token() }));
}

#[test]
fn what_has_expired_makes_room() {
    let (metrics, later) = (metrics(), UnixTime(NOW.0 + 60));
    let logouts = Logouts::new(&metrics);
    let entries = || metrics.logout_entries().get();
    for n in 0..5 {
        let whom = LoggedOut::SessionOf { sid: text(&n.to_string()), sub: text("alice") };
        add(&logouts, logout(&n.to_string(), whom), NOW).unwrap();
    }
    assert_eq!(entries(), 6, "five sessions of one subject");
    logouts.drop_expired(UnixTime(later.0 - 1));
    assert_eq!(entries(), 6);
    logouts.drop_expired(later);
    assert_eq!(entries(), 0);
    assert_eq!(add(&logouts, logout("0", subject("alice")), later), Ok(()), "forgotten for good");
}

#[test]
fn a_second_logout_lasts_as_long_as_if_it_were_the_first() {
    let logouts = after(subject("alice"));
    let later = UnixTime(NOW.0 + 30);
    let second = Logout { at: later.0, ..logout("2", subject("alice")) };
    add(&logouts, second, later).unwrap();
    logouts.drop_expired(UnixTime(NOW.0 + 60));
    let between = TokenFacts { issued_at: Some(NOW.0 + 20), ..token() };
    assert!(logouts.find(&between, UnixTime(NOW.0 + 61)).is_some());
    logouts.drop_expired(UnixTime(NOW.0 + 90));
    assert!(logouts.find(&between, NOW).is_none());
}

#[test]
fn logouts_that_have_expired_make_room_behind_one_that_lasts_longer() {
    let logouts = Logouts::new(&metrics());
    let (day, later) = (24 * 60 * 60, UnixTime(NOW.0 + 60));
    logouts.add(logout("of a day", subject("alice")), NOW.0 + day, NOW, 5).unwrap();
    for n in 1..5 {
        add(&logouts, logout(&n.to_string(), subject(&n.to_string())), NOW).unwrap();
    }
    assert_eq!(add(&logouts, logout("5", subject("5")), NOW), Err(LogoutRefusal::Full));
    for n in 5..9 {
        let next = logout(&n.to_string(), subject(&n.to_string()));
        assert_eq!(add(&logouts, next, later), Ok(()), "{n}");
    }
    assert_eq!(add(&logouts, logout("9", subject("9")), later), Err(LogoutRefusal::Full));
    assert!(logouts.find(&token(), UnixTime(NOW.0 + day - 1)).is_some(), "the day's logout holds");
}
