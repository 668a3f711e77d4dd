//! A real server answers requests, good ones and bad ones, over loopback.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::{Running, code, countdown, log, parse, read_all, request};
use serde_json::{Value, json};
use serving::{Limits, Options};

fn server(limits: Limits) -> Running {
    Running::start(vec![countdown()], Options { limits, ..Options::default() })
}

#[test]
fn one_input_and_lists_are_answered() {
    let server = server(Limits::default());
    let path = "/v1/models/count/predict";
    assert_eq!(server.post(path, &json!({ "input": 2 })), (200, json!({ "model": "count", "output": [2, 1] })));
    let answer = json!({ "model": "count", "outputs": [[1], []] });
    assert_eq!(server.post(path, &json!({ "inputs": [1, 0] })), (200, answer));
    let (status, models) = server.get("/v1/models");
    let models: Value = serde_json::from_str(&models).unwrap();
    assert_eq!((status, &models["models"][0]["example"]), (200, &json!(3)));
    for path in ["/health", "/ready", "/openapi.json", "/"] {
        assert_eq!(server.get(path).0, 200, "{path}");
    }
    let (status, metrics) = server.get("/metrics");
    assert_eq!(status, 200);
    assert!(metrics.contains("rnn_zoo_inputs_total{model=\"count\"} 3"), "{metrics}");
}

/// The page sends tables of any number of rows.
#[test]
fn a_table_may_be_longer_than_a_text() {
    let server = Running::start(vec![zoo::from_pretrained("energy-day-ahead").unwrap()], Options::default());
    let row = |row: usize| format!("2024-{:02}-{:02}T{:02}:00,{row}\n", 1 + row / 672, 1 + row / 24 % 28, row % 24);
    let table: String = std::iter::once("time,PJME_MW\n".to_owned()).chain((0..1300).map(row)).collect();
    let ask = |input: &Value| server.post("/v1/models/energy-day-ahead/predict", &json!({ "input": input }));
    assert!(table.len() > Limits::default().text);
    assert_eq!(ask(&json!({ "table": table, "columns": ["PJME_MW"] })).0, 200);
    let (status, answer) = ask(&json!({ "table": "time\n", "columns": [table] }));
    assert_eq!((status, code(&answer)), (400, "bad_input"));
}

#[test]
fn bad_requests_get_errors_with_their_codes() {
    let server = server(Limits { text: 5, body: 1000, ..Limits::default() });
    let path = "/v1/models/count/predict";
    for (body, expected) in [
        (json!({ "input": "x" }), "bad_input"),
        (json!({ "input": "longer" }), "bad_input"),
        (json!({ "input": 1001 }), "bad_input"),
        (json!({ "inputs": [] }), "bad_input"),
        (json!({}), "bad_input"),
        (json!({ "input": 1, "inputs": [1] }), "bad_input"),
        (json!({ "input": 1, "other": 1 }), "invalid_json"),
    ] {
        let (status, answer) = server.post(path, &body);
        assert_eq!((status, code(&answer)), (400, expected), "{body}");
    }
    let error = |method: &str, path: &str, body: &str| {
        let (status, answer) = server.ask(method, path, "", body);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        (status, code(&answer).to_owned())
    };
    assert_eq!(error("POST", path, "{\"input\":"), (400, "invalid_json".into()));
    assert_eq!(error("POST", path, &format!("{}1", "[".repeat(900))), (400, "invalid_json".into()));
    assert_eq!(error("POST", path, &" ".repeat(1001)), (413, "body_too_large".into()));
    assert_eq!(error("GET", path, ""), (405, "no_such_method".into()));
    for name in ["..", "%2e%2e", "%2e%2e%2fcount", "..%2f..%2fetc", "%ff", "other"] {
        let path = format!("/v1/models/{name}/predict");
        assert_eq!(error("POST", &path, "{\"input\":1}"), (404, "no_such_model".into()), "{name}");
    }
    assert_eq!(error("GET", "/v1/models/../../etc/passwd", ""), (404, "no_such_path".into()));
    let plain = request("POST", path, "", "{\"input\":1}").replace("application/json", "text/plain");
    assert_eq!(parse(&server.raw(plain.as_bytes())).0, 415);
}

#[test]
fn a_panic_of_a_model_is_an_error_of_one_request() {
    let server = server(Limits::default());
    let (status, answer) = server.post("/v1/models/count/predict", &json!({ "input": 13 }));
    assert_eq!((status, code(&answer)), (500, "internal"));
    assert_eq!(server.post("/v1/models/count/predict", &json!({ "input": 1 })).0, 200);
}

#[test]
fn the_log_has_the_reason_of_an_internal_error_with_the_identifier_of_its_request() {
    let log = log();
    let server = server(Limits::default());
    for (path, id) in [("predict", "log-predict"), ("stream", "log-stream")] {
        let header = format!("x-request-id: {id}\r\n");
        let (_, answer) = server.ask("POST", &format!("/v1/models/count/{path}"), &header, "{\"input\":13}");
        assert!(answer.contains("\"internal\"") && !answer.contains("panicked"), "{answer}");
        let (log, id) = (log.text(), format!("\"request_id\":\"{id}\""));
        let line = log.lines().find(|line| line.contains("ERROR") && line.contains(&id)).unwrap();
        assert!(line.contains("the model panicked") && !line.contains("unlucky"), "{line}");
    }
}

#[test]
fn requests_that_wait_are_counted() {
    let server = server(Limits::default());
    let slow = request("POST", "/v1/models/count/predict", "", "{\"input\":900}");
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.write_all(slow.as_bytes()).unwrap());
    std::thread::sleep(Duration::from_millis(300));
    assert!(server.get("/metrics").1.contains("rnn_zoo_queue{model=\"count\"} 2\n"));
    assert!(clients.iter_mut().all(|client| parse(&read_all(client)).0 == 200));
    assert!(server.get("/metrics").1.contains("rnn_zoo_queue{model=\"count\"} 0\n"));
}

#[test]
fn request_ids_are_returned_and_malformed_ones_replaced() {
    let server = server(Limits::default());
    let id = |header: &str| {
        let answer = server.raw(request("GET", "/none", header, "").as_bytes());
        let error: Value = serde_json::from_str(&parse(&answer).1).unwrap();
        let id = error["error"]["request_id"].as_str().unwrap().to_owned();
        assert!(answer.contains(&format!("x-request-id: {id}\r\n")));
        id
    };
    assert_eq!(id("x-request-id: abc-1\r\n"), "abc-1");
    assert_eq!(id("x-request-id: <script>\r\n").len(), 32);
    assert_eq!(id("").len(), 32);
}

#[test]
fn a_token_guards_the_models() {
    let options = Options { token: Some("secret".into()), ..Options::default() };
    let server = Running::start(vec![countdown()], options);
    let status = |header: &str| server.ask("GET", "/v1/models", header, "").0;
    assert_eq!(status(""), 401);
    assert_eq!(status("authorization: Bearer secreT\r\n"), 401);
    assert_eq!(status("authorization: Bearer secret\r\n"), 200);
    assert_eq!(status("authorization: bearer secret\r\n"), 200, "the scheme has no case");
    assert_eq!(status("authorization: BEARER  secret\r\n"), 200, "any number of spaces");
    for wrong in ["Bearer", "Bearer ", "Bearer secret2", "Basic secret", "secret"] {
        assert_eq!(status(&format!("authorization: {wrong}\r\n")), 401, "{wrong}");
    }
    assert_eq!(server.get("/health").0, 200);
}

#[test]
fn other_origins_are_allowed_only_on_request() {
    let header = "origin: https://example.org\r\naccess-control-request-method: POST\r\n";
    let ask = request("OPTIONS", "/v1/models/count/predict", header, "");
    let allowed = "access-control-allow-origin: https://example.org";
    assert!(!server(Limits::default()).raw(ask.as_bytes()).contains(allowed));
    let options = Options { cors_origin: Some("https://example.org".into()), ..Options::default() };
    let server = Running::start(vec![countdown()], options);
    assert!(server.raw(ask.as_bytes()).contains(allowed));
    let answer = server.raw(request("GET", "/health", "origin: https://example.org\r\n", "").as_bytes());
    assert!(answer.contains("access-control-expose-headers: x-request-id,retry-after"), "{answer}");
}

#[test]
fn answers_are_streamed_piece_by_piece() {
    let server = server(Limits::default());
    let (status, events) = server.ask("POST", "/v1/models/count/stream", "", "{\"input\":2}");
    assert_eq!(status, 200);
    let order = ["event: session", "event: piece\ndata: 2", "event: piece\ndata: 1", "event: done"];
    let places = order.map(|event| events.find(event).unwrap_or_else(|| panic!("{event} in {events}")));
    assert!(places.is_sorted());
}

#[test]
fn sessions_continue_expire_and_are_counted() {
    let limits = Limits { sessions: 2, session_time: Duration::from_millis(300), ..Limits::default() };
    let server = server(limits);
    let begin = || server.post("/v1/models/count/sessions", &json!({ "input": 3 }));
    let (first, second) = (begin().1, begin().1);
    let (status, refused) = begin();
    assert_eq!((status, code(&refused)), (503, "too_many_sessions"));
    let path = |session: &Value| format!("/v1/models/count/sessions/{}", session["session"].as_str().unwrap());
    let next =
        |session: &Value, count: u64| server.post(&format!("{}/next", path(session)), &json!({ "count": count }));
    assert_eq!(next(&first, 2), (200, json!({ "pieces": [3, 2], "done": false })));
    assert_eq!(next(&first, 5), (200, json!({ "pieces": [1], "done": true })));
    assert_eq!(next(&first, 1).0, 404);
    assert_eq!(next(&second, 0).0, 400);
    assert_eq!(server.ask("DELETE", &path(&second), "", "").0, 204);
    assert_eq!(next(&second, 1).0, 404);
    let third = begin().1;
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(next(&third, 1).0, 404, "it has expired");
}

#[test]
fn ten_thousand_idle_sessions_are_refused_beyond_the_limit() {
    let server = server(Limits::default());
    let body = "{\"input\":3}";
    let ask = request("POST", "/v1/models/count/sessions", "", body).replace("connection: close\r\n", "");
    let mut stream = server.connect();
    for _ in 0..9_999 {
        stream.write_all(ask.as_bytes()).unwrap();
        // One answer at a time on one connection.
        let mut answer = [0; 4096];
        assert!(std::io::Read::read(&mut stream, &mut answer).unwrap() > 0);
    }
    let (status, answer) = server.post("/v1/models/count/sessions", &json!({ "input": 3 }));
    assert_eq!((status, code(&answer)), (503, "too_many_sessions"));
    assert!(server.get("/metrics").1.contains("rnn_zoo_sessions 1000"));
    assert_eq!(server.post("/v1/models/count/predict", &json!({ "input": 1 })).0, 200);
}

#[test]
fn slow_clients_lose_their_connection() {
    let server = server(Limits { client_time: Duration::from_millis(300), ..Limits::default() });
    let started = Instant::now();
    assert_eq!(server.raw(b"POST /v1/models/count/predict HTT").len(), 0, "half a header");
    let half = "POST /v1/models/count/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{\"input\"";
    let (status, answer) = parse(&server.raw(half.as_bytes()));
    assert_eq!((status, code(&serde_json::from_str(&answer).unwrap())), (408, "slow_request"), "half a body");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_endless_body_is_not_read_to_its_end() {
    let server = server(Limits::default());
    let mut stream = server.connect();
    let header = "POST /v1/models/count/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                  transfer-encoding: chunked\r\n\r\n";
    stream.write_all(header.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let chunks = 10_000_000_000_usize / 0x10000;
    let sent = (0..chunks).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(sent < 1000, "{sent} chunks");
    let declared = "POST /v1/models/count/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                    content-length: 10000000000\r\n\r\n";
    assert_eq!(parse(&server.raw(declared.as_bytes())).0, 413, "refused before the body");
    assert_eq!(server.get("/health").0, 200);
}

#[test]
fn a_full_queue_is_an_error_and_slow_answers_too() {
    let limits = Limits { queue: 1, answer_time: Duration::from_millis(500), ..Limits::default() };
    let server = server(limits);
    let slow = request("POST", "/v1/models/count/predict", "", "{\"input\":900}");
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.write_all(slow.as_bytes()).unwrap());
    let answers: Vec<_> = clients.iter_mut().map(read_all).collect();
    let count = |status: u16| answers.iter().filter(|answer| parse(answer).0 == status).count();
    assert_eq!(count(503) + count(504), 8);
    assert!(count(503) >= 6 && count(504) >= 1, "{} and {}", count(503), count(504));
    assert!(answers.iter().filter(|answer| parse(answer).0 == 503).all(|answer| answer.contains("retry-after: 1")));
}

#[test]
fn a_stopped_server_completes_answers_and_refuses_connections() {
    let mut server = server(Limits::default());
    let mut client = server.connect();
    client.write_all(request("POST", "/v1/models/count/predict", "", "{\"input\":600}").as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    server.request_stop();
    std::thread::sleep(Duration::from_millis(100));
    assert!(std::net::TcpStream::connect(server.address).is_err());
    assert_eq!(parse(&read_all(&mut client)).0, 200);
}
