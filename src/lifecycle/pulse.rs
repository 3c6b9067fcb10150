//! Whether the workers answer: each of them repeats the number that it was sent last.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

/// Sends numbers and sees who repeats them.
#[derive(Debug)]
pub(super) struct Pulse {
    sent: watch::Sender<u64>,
    /// By worker.
    answered: Arc<[AtomicU64]>,
}

/// A worker's part.
#[derive(Debug)]
pub(super) struct PulseAnswer {
    received: watch::Receiver<u64>,
    answered: Arc<[AtomicU64]>,
    worker: usize,
}

impl Pulse {
    pub(super) fn new(workers: usize) -> Self {
        let answered = (0..workers).map(|_| AtomicU64::new(0)).collect();
        Self { sent: watch::Sender::new(0), answered }
    }

    pub(super) fn of_worker(&self, worker: usize) -> PulseAnswer {
        let (received, answered) = (self.sent.subscribe(), Arc::clone(&self.answered));
        PulseAnswer { received, answered, worker }
    }

    /// The workers that have not answered since the last call; sends the next number.
    pub(super) fn silent(&self) -> Vec<usize> {
        let sent = *self.sent.borrow();
        let answered = self.answered.iter().enumerate();
        let silent = answered.filter(|(_, answered)| answered.load(Ordering::Relaxed) != sent);
        let silent = silent.map(|(worker, _)| worker).collect();
        self.sent.send_replace(sent + 1);
        silent
    }
}

impl PulseAnswer {
    /// Answers as long as its worker's runtime runs.
    pub(super) async fn run(mut self) {
        while self.received.changed().await.is_ok() {
            let number = *self.received.borrow_and_update();
            if let Some(answered) = self.answered.get(self.worker) {
                answered.store(number, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_worker_that_does_not_answer_is_found() {
        let pulse = Pulse::new(2);
        let first = tokio::spawn(pulse.of_worker(0).run());
        let second = tokio::spawn(pulse.of_worker(1).run());
        let mut rounds = Vec::new();
        for round in 0..5 {
            rounds.push(pulse.silent());
            yield_now().await;
            if round == 2 {
                second.abort();
                yield_now().await;
            }
        }
        assert_eq!(rounds, [vec![], vec![], vec![], vec![], vec![1]]);
        first.abort();
    }
}
