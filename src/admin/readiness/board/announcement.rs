//! Which changes of readiness are logged, and when.

/// How long a start may lack something before that is a warning: the first keys take some
/// milliseconds, and one attempt that is repeated takes a second.
const STARTING_SECONDS: i64 = 3;

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announcement {
    /// At the first look something is missing.
    Starting,
    /// Something is missing that was there, or that a start has waited for too long.
    NotReady,
    /// Nothing is missing.
    Ready,
}

/// What was logged last.
#[derive(Debug, Default)]
pub(super) struct Announced(Option<Announcement>);

impl Announced {
    /// What is to be logged of a state that has lasted for so many seconds.
    pub(super) fn next(&mut self, is_ready: bool, lasted: i64) -> Option<Announcement> {
        let next = match (is_ready, self.0) {
            (true, _) => Announcement::Ready,
            (false, None) => Announcement::Starting,
            (false, Some(Announcement::Starting)) if lasted < STARTING_SECONDS => {
                Announcement::Starting
            }
            (false, Some(_)) => Announcement::NotReady,
        };
        let is_new = self.0 != Some(next);
        self.0 = Some(next);
        is_new.then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::{Announcement::*, *};

    #[test]
    fn a_start_is_a_warning_only_once_it_lasts() {
        let mut announced = Announced::default();
        let looks = [(false, 0), (false, 2), (false, 3), (false, 4), (true, 0), (true, 1)];
        let said = looks.map(|(is_ready, lasted)| announced.next(is_ready, lasted));
        assert_eq!(said, [Some(Starting), None, Some(NotReady), None, Some(Ready), None]);
    }

    #[test]
    fn a_usual_start_has_no_warning_and_what_is_lost_later_is_one_at_once() {
        let mut announced = Announced::default();
        let looks = [(false, 0), (true, 0), (false, 0), (false, 9), (true, 0)];
        let said = looks.map(|(is_ready, lasted)| announced.next(is_ready, lasted));
        assert_eq!(said, [Some(Starting), Some(Ready), Some(NotReady), None, Some(Ready)]);
    }
}
