//! The choice of an endpoint for a request: pure, without connections and without a clock.

use std::cell::Cell;

use crate::{bounded::backoff::random_seed, upstream::settings::BalanceRule};

/// What a choice knows of an endpoint besides its requests in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) struct Candidate {
    /// Its part of the requests, relative to the others'. At least 1.
    pub(in crate::upstream) weight: u32,
    /// Tenths of its weight that it gets now, from 1 to 10: an endpoint that comes back gets more
    /// and more.
    pub(in crate::upstream) tenths: u32,
    /// Whether it takes one request at a time.
    pub(in crate::upstream) is_on_trial: bool,
}

/// The candidates of one worker.
#[derive(Debug)]
pub(in crate::upstream) struct Choices {
    candidates: Vec<Candidate>,
    /// The sum of the weights up to and with each.
    ends: Vec<u64>,
    rule: BalanceRule,
    random: Random,
    /// With round robin: what each is ahead of the others (nginx's smooth weighted round robin).
    credits: Vec<Cell<i64>>,
}

/// `xorshift64*`: three shifts and a multiplication. It spreads load; nothing secret depends on it.
#[derive(Debug)]
struct Random(Cell<u64>);

impl Choices {
    pub(in crate::upstream) fn new(candidates: Vec<Candidate>, rule: BalanceRule) -> Self {
        let mut sum = 0;
        let ends = candidates.iter().map(|candidate| {
            sum += u64::from(candidate.weight);
            sum
        });
        let ends = ends.collect();
        let credits = candidates.iter().map(|_| Cell::new(0)).collect();
        Self { candidates, ends, rule, random: Random::seeded(), credits }
    }

    /// The position of the endpoint for the next request. `None`: there is none at all.
    pub(in crate::upstream) fn pick(&self, in_flight: impl Fn(usize) -> usize) -> Option<usize> {
        if self.candidates.len() <= 1 {
            return (!self.candidates.is_empty()).then_some(0);
        }
        match self.rule {
            BalanceRule::TwoChoices => self.two_choices(in_flight),
            BalanceRule::RoundRobin => self.round_robin(in_flight),
        }
    }

    /// The least loaded but for those that were tried already.
    pub(in crate::upstream) fn other(
        &self,
        in_flight: impl Fn(usize) -> usize,
        was_tried: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let others = (0..self.candidates.len()).filter(|position| !was_tried(*position));
        others.reduce(|best, other| {
            let is_free = |position| self.takes_another(position, &in_flight);
            match (is_free(best), is_free(other)) {
                (true, false) => best,
                (false, true) => other,
                _ => self.less_loaded(best, other, &in_flight),
            }
        })
    }

    fn two_choices(&self, in_flight: impl Fn(usize) -> usize) -> Option<usize> {
        let first = self.drawn(None)?;
        let second = self.drawn(Some(first))?;
        let takes = |position| self.is_in(position) && self.takes_another(position, &in_flight);
        Some(match (takes(first), takes(second)) {
            (true, false) => first,
            (false, true) => second,
            _ => self.less_loaded(first, second, &in_flight),
        })
    }

    /// One at random, by weight; with `without` one of the others.
    fn drawn(&self, without: Option<usize>) -> Option<usize> {
        let all = *self.ends.last()?;
        let weight = |position| self.candidates.get(position).map_or(0, |it: &Candidate| it.weight);
        let skipped = without.map(|position| (position, u64::from(weight(position))));
        let (_, left_out) = skipped.unwrap_or_default();
        let mut at = self.random.below(all - left_out);
        if let Some((position, width)) = skipped
            && let Some(end) = self.ends.get(position)
            && at >= end - width
        {
            at += width;
        }
        Some(self.ends.partition_point(|end| *end <= at))
    }

    /// Whether one that comes back gets this request.
    fn is_in(&self, position: usize) -> bool {
        let tenths = self.candidates.get(position).map_or(10, |candidate| candidate.tenths);
        tenths >= 10 || self.random.below(10) < u64::from(tenths)
    }

    fn takes_another(&self, position: usize, in_flight: impl Fn(usize) -> usize) -> bool {
        let candidate = self.candidates.get(position);
        candidate.is_some_and(|candidate| !candidate.is_on_trial || in_flight(position) == 0)
    }

    /// By requests in flight for its weight; of equals the first.
    fn less_loaded(
        &self,
        first: usize,
        second: usize,
        in_flight: impl Fn(usize) -> usize,
    ) -> usize {
        let share = |position: usize| {
            self.candidates.get(position).map_or(1, |it| u64::from(it.weight * it.tenths))
        };
        let load = |position| in_flight(position) as u64;
        if load(second) * share(first) < load(first) * share(second) { second } else { first }
    }

    fn round_robin(&self, in_flight: impl Fn(usize) -> usize) -> Option<usize> {
        let (mut sum, mut best) = (0, None);
        for (position, (candidate, credit)) in self.candidates.iter().zip(&self.credits).enumerate()
        {
            if !self.takes_another(position, &in_flight) {
                continue;
            }
            let share = i64::from(candidate.weight * candidate.tenths);
            sum += share;
            credit.set(credit.get() + share);
            if best.is_none_or(|(_, most): (usize, i64)| credit.get() > most) {
                best = Some((position, credit.get()));
            }
        }
        let Some((chosen, ahead)) = best else {
            // All are on trial, and busy.
            return self.other(in_flight, |_| false);
        };
        self.credits.get(chosen)?.set(ahead - sum);
        Some(chosen)
    }
}

impl Random {
    fn seeded() -> Self {
        // Zero would stay zero.
        Self(Cell::new(random_seed() | 1))
    }

    /// A number below that, which is not 0.
    fn below(&self, end: u64) -> u64 {
        let mut state = self.0.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.0.set(state);
        let drawn = state.wrapping_mul(0x2545_F491_4F6C_DD1D);
        // The upper half of the product is below `end`, and as good as evenly spread.
        u64::try_from((u128::from(drawn) * u128::from(end)) >> 64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
