//! The JSON file with the results of a benchmark, and the Markdown table that is made from such files.

use std::path::Path;

use serde::{Deserialize, Serialize};
use training::adapter::Adapter;
use training::backend::Backend;
use training::machine::processor;
use training::{TrainingError, files};

use crate::error::{CliError, Result};

/// The version of burn in the root `Cargo.toml`.
const BURN: &str = "0.22.1";

/// The results of one run of `zoo bench layers` or `zoo bench steps`, and how they were measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Timings {
    /// The version of the zoo.
    zoo: String,
    /// The version of burn.
    burn: String,
    /// The name of the processor.
    processor: String,
    /// The number of threads of the CPU backends.
    threads: usize,
    /// The number of warm-up rounds, which are not measured.
    warm_up: usize,
    /// The number of measured rounds. Each result is the median time of the rounds.
    rounds: usize,
    /// The results on each measured backend.
    backends: Vec<OnBackend>,
}

/// The results on one backend.
#[derive(Debug, Serialize, Deserialize)]
struct OnBackend {
    backend: String,
    #[serde(flatten)]
    adapter: Adapter,
    results: Vec<Timed>,
}

/// The result for one layer or for one recipe: its name, and the median time in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
struct Timed {
    name: String,
    ms: f64,
    #[serde(flatten)]
    rate: Option<Rate>,
}

/// The throughput of training: the number of items, such as words, that training processes per second.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rate {
    pub items_per_second: f64,
    /// The name of the items, such as `words`.
    pub items: String,
}

impl Timings {
    /// Creates an empty list of results for benchmarks with `warm_up` warm-up rounds and `rounds` measured rounds.
    pub fn new(warm_up: usize, rounds: usize) -> Self {
        Self {
            zoo: env!("CARGO_PKG_VERSION").to_owned(),
            burn: BURN.to_owned(),
            processor: processor(),
            threads: rayon::current_num_threads(),
            warm_up,
            rounds,
            backends: Vec::new(),
        }
    }

    /// Adds a backend that has no results yet. [`push`](Self::push) adds its results.
    pub fn begin(&mut self, backend: Backend, adapter: Adapter) {
        self.backends.push(OnBackend { backend: backend.name().to_owned(), adapter, results: Vec::new() });
    }

    /// Adds a result to the backend that [`begin`](Self::begin) added last: a time in milliseconds, and the throughput
    /// if the benchmark counts items.
    pub fn push(&mut self, name: String, ms: f64, rate: Option<Rate>) {
        if let Some(backend) = self.backends.last_mut() {
            backend.results.push(Timed { name, ms, rate });
        }
    }

    /// Reads a file that [`write`](Self::write) has written.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(TrainingError::io("read", path))?;
        serde_json::from_slice(&text).map_err(|error| {
            let message = format!(
                "{} is not a file of measurements: {error}; write such a file with `zoo bench layers --out FILE` or \
                 `zoo bench steps --out FILE`",
                path.display()
            );
            CliError::Usage(message)
        })
    }

    /// Writes the results as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(files::write(path, &files::json(self)?)?)
    }

    /// Returns a Markdown table with a row for each benchmark and a column for each backend of each file. Below the
    /// table, a line for each column says how its times were measured.
    pub fn table(all: &[Self]) -> String {
        let columns: Vec<(&Self, &OnBackend)> =
            all.iter().flat_map(|file| file.backends.iter().map(move |backend| (file, backend))).collect();
        let mut names: Vec<&str> = Vec::new();
        for result in columns.iter().flat_map(|(_, backend)| &backend.results) {
            if !names.contains(&result.name.as_str()) {
                names.push(&result.name);
            }
        }
        let row = |first: &str, cell: &dyn Fn(&OnBackend) -> String| {
            let cells = columns.iter().map(|(_, backend)| format!(" {} |", cell(backend)));
            format!("| {first} |{}\n", cells.collect::<String>())
        };
        let mut table = row("milliseconds", &|backend| format!("{}, {}", backend.backend, backend.adapter.name));
        table += &format!("|---|{}\n", "---|".repeat(columns.len()));
        for name in names {
            table += &row(name, &|backend| {
                let result = backend.results.iter().find(|result| result.name == name);
                result.map_or("–".to_owned(), Timed::cell)
            });
        }
        let methods: Vec<String> = columns.iter().map(|(file, backend)| file.method(backend)).collect();
        format!("{table}\n{}\n", methods.join("\n"))
    }

    /// Returns a line that says how the results of a backend were measured.
    fn method(&self, OnBackend { backend, adapter, .. }: &OnBackend) -> String {
        let Self { zoo, burn, processor, threads, warm_up, rounds, .. } = self;
        let driver = [&adapter.api, &adapter.driver].into_iter().flatten().map(|text| format!(", {text}"));
        let driver: String = driver.collect();
        let on = if adapter.kind == "processor" {
            String::new()
        } else {
            format!("{} ({}{driver}), ", adapter.name, adapter.kind)
        };
        format!(
            "{backend}: {on}{processor}, {threads} threads; medians of {rounds} rounds after {warm_up} rounds of warm-up; \
             version {zoo} of rnn-zoo, version {burn} of burn."
        )
    }
}

impl Timed {
    fn cell(&self) -> String {
        let digits = if self.ms < 100.0 { 2 } else { 0 };
        let rate = self.rate.as_ref().map(|rate| format!(" ({:.0} {}/s)", rate.items_per_second, rate.items));
        format!("{:.digits$}{}", self.ms, rate.unwrap_or_default())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_burn_is_that_of_the_workspace() {
        let manifest = include_str!("../../../Cargo.toml");
        assert!(manifest.contains(&format!("burn = {{ version = \"={BURN}\"")), "update BURN to the version of burn");
    }

    #[test]
    fn a_table_has_a_column_for_each_backend_of_each_file() {
        let adapter = |name: &str, kind: &str, api: Option<&str>| Adapter {
            name: name.to_owned(),
            kind: kind.to_owned(),
            api: api.map(str::to_owned),
            driver: None,
            memory_bytes: None,
        };
        let file = |processor: &str| {
            let mut file = Timings { processor: processor.to_owned(), threads: 2, ..Timings::new(5, 15) };
            file.begin(Backend::Flex, adapter(processor, "processor", None));
            file.push("a".to_owned(), 1.234, Some(Rate { items_per_second: 99.9, items: "words".to_owned() }));
            file
        };
        let (one, mut two) = (file("one"), file("two"));
        two.begin(Backend::Wgpu, adapter("card", "discrete", Some("Vulkan")));
        two.push("b".to_owned(), 123.4, None);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.json");
        two.write(&path).unwrap();
        let two = Timings::read(&path).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let method = format!(
            "2 threads; medians of 15 rounds after 5 rounds of warm-up; version {version} of rnn-zoo, version {BURN} of burn."
        );
        assert_eq!(
            Timings::table(&[one, two]),
            format!(
                "| milliseconds | flex, one | flex, two | wgpu, card |\n|---|---|---|---|\n\
                 | a | 1.23 (100 words/s) | 1.23 (100 words/s) | – |\n| b | – | – | 123 |\n\n\
                 flex: one, {method}\nflex: two, {method}\nwgpu: card (discrete, Vulkan), two, {method}\n"
            )
        );
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(Timings::read(&path), Err(CliError::Usage(_))));
    }
}
