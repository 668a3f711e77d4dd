//! The answer to a request does not depend on the requests that are predicted together with it, bit for bit.

use std::time::Duration;

use crate::support::{Running, parse, request};
use serde_json::{Value, json};
use serving::{Limits, Options};

/// Texts of different lengths, so that batches are padded; histories and recordings of different levels.
fn inputs(example: &Value, count: usize) -> Vec<Value> {
    let varied = |index: usize| match example {
        Value::String(text) => {
            let words: Vec<_> = text.split(' ').collect();
            words.iter().cycle().skip(index).take(3 + 5 * index).copied().collect::<Vec<_>>().join(" ").into()
        }
        history => {
            let mut history = history.clone();
            let columns = ["columns", "channels", "images"].into_iter().find(|name| history[*name] != Value::Null);
            scale(&mut history[columns.unwrap()], 1.0 - index as f64 / 100.0);
            history
        }
    };
    (0..count).map(varied).collect()
}

/// Multiplies all numbers in a value.
fn scale(value: &mut Value, factor: f64) {
    match value {
        Value::Object(values) => values.values_mut().for_each(|value| scale(value, factor)),
        Value::Array(values) => values.iter_mut().for_each(|value| scale(value, factor)),
        number => *number = (number.as_f64().unwrap() * factor).into(),
    }
}

fn assert_independent(name: &str) {
    const COUNT: usize = 16;
    let inputs = inputs(&zoo::from_pretrained(name).unwrap().predictor.example().unwrap(), COUNT);
    let start =
        |limits| Running::start(vec![zoo::from_pretrained(name).unwrap()], Options { limits, ..Options::default() });
    let path = format!("/v1/models/{name}/predict");
    let ask = |server: &Running, input: &Value| {
        let body = json!({ "input": input }).to_string();
        parse(&server.raw(request("POST", &path, "", &body).as_bytes()))
    };
    // The wait for more requests ends when the batch is full. The largest wait is long enough for a busy machine.
    let batch_wait = Duration::from_secs(20);
    let server = start(Limits { batch: COUNT, batch_wait, ..Limits::default() });
    let together: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = inputs.iter().map(|input| scope.spawn(|| ask(&server, input))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let one_batch = format!("rnn_zoo_batches_total{{model=\"{name}\"}} 1\n");
    assert!(server.get("/metrics").1.contains(&one_batch), "{name}");
    let server = start(Limits { batch: 1, ..Limits::default() });
    for (input, together) in inputs.iter().zip(together) {
        let alone = ask(&server, input);
        assert_eq!(alone.0, 200, "{}", alone.1);
        assert!(alone == together, "{name}: {} and {}", alone.1, together.1);
    }
}

#[test]
fn sentiment_and_tagging() {
    ["imdb-lstm", "imdb-bigru", "imdb-hybrid", "wnut17"].into_iter().for_each(assert_independent);
}

#[test]
fn recognition() {
    ["gestures", "pendigits", "pen-video", "watch-exercises"].into_iter().for_each(assert_independent);
}

#[test]
fn forecasting() {
    [
        "energy-day-ahead",
        "etth1-96",
        "etth1-96-linear",
        "stock-direction",
        "stock-volatility",
        "weather-96",
        "weather-96-linear",
        "weather-temperature-24h",
    ]
    .into_iter()
    .for_each(assert_independent);
}
