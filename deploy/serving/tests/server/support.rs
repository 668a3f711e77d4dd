//! A server on a free port of loopback with a small model, and a client that can misbehave.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use burn::tensor::Device;
use inference::dynamic::{AnyModel, AnyStreaming, Entry, Registry};
use inference::{MemoryFiles, Package, PackageError, PredictError, Predictor, Schemas, Streaming};
use serde_json::{Value, json};
use serving::{Options, Server};
use tokio::sync::oneshot;

/// Counts down from the input; each piece takes a millisecond. 13 panics, and inputs above 1000 are refused.
struct Countdown;

impl Predictor for Countdown {
    const APPLICATION: &'static str = "countdown";
    type Input = u32;
    type Options = Option<u32>;
    type Output = Vec<u32>;

    fn open(_package: &Package<'_>, _device: &Device) -> Result<Self, PackageError> {
        Ok(Self)
    }

    fn predict(&self, inputs: &[u32], _step: &Option<u32>) -> Result<Vec<Vec<u32>>, PredictError> {
        assert!(!inputs.contains(&13), "unlucky");
        if inputs.iter().any(|input| *input > 1000) {
            return Err(PredictError::bad_input("input", "more than 1000"));
        }
        std::thread::sleep(Duration::from_millis(inputs.iter().copied().max().unwrap_or_default().into()));
        Ok(inputs.iter().map(|start| (1..=*start).rev().collect()).collect())
    }

    fn example(&self) -> u32 {
        3
    }

    fn streaming(&self) -> Option<&dyn AnyStreaming> {
        Some(self)
    }

    fn gains_from_batches(&self) -> bool {
        false
    }

    fn schemas(&self) -> Schemas {
        Schemas { input: json!({ "type": "integer" }), ..Schemas::default() }
    }
}

impl Streaming for Countdown {
    type Session = u32;
    type Piece = u32;

    fn begin(&self, input: &u32, _step: &Option<u32>) -> Result<u32, PredictError> {
        Ok(*input)
    }

    fn next(&self, left: &mut u32) -> Result<Option<u32>, PredictError> {
        assert!(*left != 13, "unlucky");
        std::thread::sleep(Duration::from_millis(1));
        let piece = *left;
        *left = left.saturating_sub(1);
        Ok((piece > 0).then_some(piece))
    }
}

/// The small model.
pub fn countdown() -> AnyModel {
    const REGISTRY: Registry = Registry(&[Entry::of::<Countdown>()]);
    let manifest = json!({
        "format": 2, "application": "countdown", "name": "count", "about": "Counts down.", "parameters": 0,
        "settings": {}, "files": {},
    });
    let content = manifest.to_string();
    REGISTRY.open(&MemoryFiles::from([("manifest.json", content.as_bytes())]), &Device::flex()).unwrap()
}

/// A running server, which stops when this value is dropped.
pub struct Running {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    /// Starts a server with models on a free port.
    pub fn start(models: Vec<AnyModel>, options: Options) -> Self {
        let options = Options { listen: ([127, 0, 0, 1], 0).into(), ..options };
        let (stop, stopped) = oneshot::channel();
        let (started, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let server = Server::bind(models, options).await.unwrap();
                started.send(server.address()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        });
        Self { address: address.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    /// Asks the server to stop, and does not wait.
    pub fn request_stop(&mut self) {
        self.stop.take();
    }

    /// Sends bytes on a connection of their own, and returns all bytes of the answer.
    pub fn raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(request);
        read_all(&mut stream)
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// The status and body of the answer to a request.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        parse(&self.raw(request(method, path, headers, body).as_bytes()))
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, body) = self.ask("POST", path, "", &body.to_string());
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "", "")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// The bytes of a request whose connection ends with the answer. `headers` end with CRLF each.
pub fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
}

pub fn read_all(stream: &mut TcpStream) -> String {
    let (mut answer, mut chunk) = (Vec::new(), [0; 65536]);
    // A reset connection ends the answer like a closed one.
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        answer.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status and body of an answer; status 0 if there is none.
pub fn parse(answer: &str) -> (u16, String) {
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

/// The code of an error.
pub fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

/// The log of all servers of this process.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts the log.
pub fn log() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    let start = || {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt().json().with_writer(move || writer.clone()).init();
        log
    };
    LOG.get_or_init(start).clone()
}
