//! The figures of the process by the names that every dashboard knows: `process_*`.
//!
//! Read from `/proc` when they are scraped. The `process` feature of the `prometheus` crate reads
//! the same files by three more crates, and shows CPU time in whole seconds.

use std::{
    fs::{self, File},
    io::Read as _,
};

use prometheus::{
    Opts,
    core::{Collector, Desc, Describer as _},
    proto::{Counter, Gauge, Metric, MetricFamily, MetricType},
};
use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
};

/// What is shown of the process.
#[derive(Debug, Clone)]
pub(super) struct ProcessFigures {
    descs: Vec<Desc>,
    /// When the system started, in Unix time.
    booted_at: f64,
}

const FIGURES: [(&str, &str); 7] = [
    ("process_cpu_seconds_total", "CPU time of the process, in user and in kernel mode."),
    ("process_max_fds", "How many file descriptors the process may have open."),
    ("process_open_fds", "Open file descriptors."),
    ("process_resident_memory_bytes", "Memory of the process that is in RAM."),
    ("process_start_time_seconds", "When the process started, in Unix time."),
    ("process_threads", "Threads of the process."),
    ("process_virtual_memory_bytes", "Address space of the process."),
];

/// The fields of `/proc/self/stat` that are shown (`proc_pid_stat(5)`).
#[derive(Debug, PartialEq, Eq)]
struct ProcessStat {
    cpu_ticks: u64,
    threads: u64,
    /// Since the system started.
    started_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl ProcessFigures {
    pub(super) fn new() -> prometheus::Result<Self> {
        let desc = |(name, help): (&str, &str)| Opts::new(name, help).describe();
        let descs = FIGURES.into_iter().map(desc).collect::<prometheus::Result<_>>()?;
        let stat = read("/proc/stat").unwrap_or_default();
        let booted_at = stat.lines().find_map(|line| line.strip_prefix("btime "));
        Ok(Self { descs, booted_at: booted_at.and_then(|it| it.parse().ok()).unwrap_or(0.0) })
    }

    /// In the order of [`FIGURES`]; `None`: the system does not say.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³")]
    fn values(&self) -> [Option<f64>; 7] {
        let stat = read("/proc/self/stat").and_then(|text| ProcessStat::parse(&text));
        let of = |value: fn(&ProcessStat) -> u64| stat.as_ref().map(|stat| value(stat) as f64);
        let ticks = clock_ticks_per_second() as f64;
        let max_fds = getrlimit(Resource::Nofile).current;
        [
            of(|stat| stat.cpu_ticks).map(|it| it / ticks),
            Some(max_fds.map_or(f64::INFINITY, |most| most as f64)),
            open_descriptors().map(|open| open as f64),
            of(|stat| stat.resident_pages).map(|pages| pages * page_size() as f64),
            of(|stat| stat.started_ticks).map(|it| self.booted_at + it / ticks),
            of(|stat| stat.threads),
            of(|stat| stat.virtual_bytes),
        ]
    }
}

impl ProcessStat {
    /// The name of the program may have spaces and parentheses: what follows begins behind the last.
    fn parse(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(')')?;
        let fields: Vec<_> = after_name.split_ascii_whitespace().collect();
        // The manual counts from one, and the name is the second.
        let field = |number: usize| -> Option<u64> { fields.get(number - 3)?.parse().ok() };
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            started_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// A file of the system's, which has at most 32 lines for each core.
fn read(path: &str) -> Option<String> {
    const MAX_BYTES: u64 = 1024 * 1024;
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Without the one that reads them.
fn open_descriptors() -> Option<usize> {
    fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1))
}

impl Collector for ProcessFigures {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let shown = FIGURES.iter().zip(self.values());
        let family = |((name, help), value): (&(&str, &str), Option<f64>)| {
            value.map(|value| family(name, help, value))
        };
        shown.filter_map(family).collect()
    }
}

fn family(name: &str, help: &str, value: f64) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    let mut metric = Metric::default();
    if name.ends_with("_total") {
        family.set_field_type(MetricType::COUNTER);
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        family.set_field_type(MetricType::GAUGE);
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    family.set_metric(vec![metric]);
    family
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_fields_are_found_behind_any_name() {
        let text = "42 (odd) name (x) S 1 42 42 0 -1 4194560 900 0 0 0 7 5 0 0 20 0 9 0 3000 \
                    1048576 250 18446744073709551615 1";
        assert_eq!(
            ProcessStat::parse(text),
            Some(ProcessStat {
                cpu_ticks: 12,
                threads: 9,
                started_ticks: 3000,
                virtual_bytes: 1_048_576,
                resident_pages: 250,
            })
        );
        assert_eq!(ProcessStat::parse("42 (cut off) S 1"), None);
    }

    #[test]
    fn the_figures_of_this_process_are_plausible() {
        let values = ProcessFigures::new().unwrap().values().map(Option::unwrap);
        let [cpu, max_fds, open_fds, resident, started, threads, virtual_bytes] = values;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - 3600.0..=now + 1.0).contains(&started), "{started} of {now}");
        assert!((0.0..1e6).contains(&cpu), "{cpu}");
        assert!(open_fds >= 3.0 && open_fds < max_fds, "{open_fds} of {max_fds}");
        assert!(resident > 1e6 && resident < virtual_bytes, "{resident} of {virtual_bytes}");
        assert!(threads >= 1.0, "{threads}");
    }
}
