//! Measures with criterion, and says how each figure compares to the floor.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, measurement::WallTime};

use super::floor::Floor;

/// Inputs that are made at once for work that uses its input up: few enough to stay in the cache.
const INPUTS: u64 = 64;

/// The floor that a group of benchmarks is compared to.
pub(crate) struct Ruler<'c, 'g> {
    group: &'g mut BenchmarkGroup<'c, WallTime>,
    floor: Duration,
}

impl<'c, 'g> Ruler<'c, 'g> {
    pub(crate) fn new(group: &'g mut BenchmarkGroup<'c, WallTime>, floor: Duration) -> Self {
        Self { group, floor }
    }

    /// Measures the floor itself; what follows is compared to this figure, taken in the same way.
    pub(crate) fn measure_floor(&mut self, floor: &Floor) {
        if let Some(median) = self.measured("floor", || floor.verify()) {
            self.floor = median;
        }
    }

    /// Measures `work`.
    pub(crate) fn measure<T>(&mut self, name: &str, work: impl FnMut() -> T) {
        if let Some(median) = self.measured(name, work) {
            self.tell(median);
        }
    }

    fn measured<T>(&mut self, name: &str, mut work: impl FnMut() -> T) -> Option<Duration> {
        self.sample(name, |iterations| {
            let started = Instant::now();
            for _ in 0..iterations {
                black_box(work());
            }
            started.elapsed()
        })
    }

    /// Measures `work` on an input that it changes; making the inputs is not measured.
    pub(crate) fn measure_with<I, T>(
        &mut self,
        name: &str,
        mut input: impl FnMut() -> I,
        mut work: impl FnMut(&mut I) -> T,
    ) {
        let median = self.sample(name, |iterations| {
            let mut elapsed = Duration::ZERO;
            let mut left = iterations;
            while left > 0 {
                let batch = left.min(INPUTS);
                let mut inputs: Vec<I> = (0..batch).map(|_| input()).collect();
                let started = Instant::now();
                for input in &mut inputs {
                    black_box(work(input));
                }
                elapsed += started.elapsed();
                left -= batch;
            }
            elapsed
        });
        if let Some(median) = median {
            self.tell(median);
        }
    }

    /// The median of the samples; `None` if the command line asks for other benchmarks.
    fn sample(&mut self, name: &str, mut run: impl FnMut(u64) -> Duration) -> Option<Duration> {
        let mut samples = Vec::new();
        self.group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let elapsed = run(iterations);
                #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                samples.push(elapsed.as_secs_f64() / iterations as f64);
                elapsed
            });
        });
        samples.sort_unstable_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied().map(Duration::from_secs_f64)
    }

    fn tell(&self, median: Duration) {
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        let (median, floor) = (micros(median), micros(self.floor));
        if median > floor {
            let above = median - floor;
            eprintln!("{:24}{above:.2} µs above the floor of {floor:.2} µs", "");
        } else {
            let percent = median / floor * 100.0;
            eprintln!("{:24}{percent:.2} % of the floor of {floor:.2} µs", "");
        }
    }
}
