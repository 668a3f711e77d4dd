//! The metrics of a server, in the text format of Prometheus.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteStatus {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Model {
    model: String,
}

/// Counters, gauges and histograms of a server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RouteStatus, Counter>,
    seconds: Family<Route, Histogram>,
    inputs: Family<Model, Counter>,
    batches: Family<Model, Counter>,
    sessions: Gauge,
    queue: Family<Model, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("rnn_zoo");
        let (requests, inputs, batches, sessions, queue) = Default::default();
        let histogram =
            || Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        let metrics = Self { registry: Registry::default(), requests, seconds, inputs, batches, sessions, queue };
        registry.register("requests", "Answered requests", metrics.requests.clone());
        registry.register("request_seconds", "Seconds from request header to answer", metrics.seconds.clone());
        registry.register("inputs", "Predicted inputs", metrics.inputs.clone());
        registry.register("batches", "Batches of predicted inputs", metrics.batches.clone());
        registry.register("sessions", "Sessions in progress", metrics.sessions.clone());
        registry.register("queue", "Requests that wait for a model", metrics.queue.clone());
        Self { registry, ..metrics }
    }

    /// Counts a request to a route, such as `/v1/models/{name}/predict`, and records how long the answer took.
    pub(crate) fn request(&self, route: &str, status: u16, time: Duration) {
        self.requests.get_or_create(&RouteStatus { route: route.to_owned(), status }).inc();
        self.seconds.get_or_create(&Route { route: route.to_owned() }).observe(time.as_secs_f64());
    }

    /// Counts a batch of `inputs` inputs that a model has predicted.
    pub(crate) fn batch(&self, model: &str, inputs: usize) {
        let model = Model { model: model.to_owned() };
        self.inputs.get_or_create(&model).inc_by(inputs as u64);
        self.batches.get_or_create(&model).inc();
    }

    /// Returns the text of all metrics. `sessions` is the current number of sessions, and `queues` has the number of
    /// waiting requests for each model.
    pub(crate) fn text<'a>(&self, sessions: usize, queues: impl Iterator<Item = (&'a str, usize)>) -> String {
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.sessions.set(number(sessions));
        for (model, length) in queues {
            self.queue.get_or_create(&Model { model: model.to_owned() }).set(number(length));
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
