//! `zoo serve` as a service manager runs it: SIGTERM ends the process after the answers in progress.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const MODEL: &str = "imdb-hybrid";
/// The number of clients. Each client sends one request with many inputs, so that most requests wait for the model when
/// the signal arrives.
const CLIENTS: usize = 8;
const INPUTS: usize = 64;
const CONTINUE: &[u8; 25] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A server in its own process, which ends with the test at the latest.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts the server, and reads the address that it prints.
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zoo"));
        command.args(["serve", MODEL, "--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut printed = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on http://") {
            line.clear();
            assert!(printed.read_line(&mut line).unwrap() > 0, "the server has ended");
        }
        let address = line.split("http://").nth(1).unwrap().split(';').next().unwrap().to_owned();
        // This thread empties the pipe, because a full pipe would block the server.
        std::thread::spawn(move || std::io::copy(&mut printed, &mut std::io::sink()));
        Self { process, address }
    }

    /// Sends a whole request on a new connection, and returns the connection. The server has begun to answer the
    /// request, because it has asked for the body. If the server had read nothing, it could close the connection after
    /// the signal.
    fn ask(&self, body: &Value) -> TcpStream {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let length = body.len();
        let header = format!("host: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
        write!(stream, "POST /v1/models/{MODEL}/predict HTTP/1.1\r\n{header}expect: 100-continue\r\n\r\n").unwrap();
        let mut asked = [0; CONTINUE.len()];
        stream.read_exact(&mut asked).unwrap();
        assert_eq!(asked, *CONTINUE);
        stream.write_all(body.as_bytes()).unwrap();
        stream
    }

    fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The outputs of a complete answer, whose connection the server has closed.
fn outputs(mut stream: TcpStream) -> usize {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (header, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(header.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let body: Value = serde_json::from_str(body).unwrap();
    body["outputs"].as_array().unwrap().len()
}

#[test]
fn a_terminated_server_completes_all_answers_and_exits_with_0() {
    let mut server = Server::start();
    // A long review, so that the answers take longer than the signal.
    let review = "A wonderfully acted film with a dull end. ".repeat(40);
    let body = json!({ "inputs": vec![review; INPUTS] });
    let clients: Vec<_> = (0..CLIENTS).map(|_| server.ask(&body)).collect();
    server.terminate();
    for client in clients {
        assert_eq!(outputs(client), INPUTS);
    }
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
    assert!(TcpStream::connect(&server.address).is_err(), "the port is closed");
}
