//! Models of all applications as WebAssembly. The web worker of the page in `deploy/browser/page` calls this module.
//! Inputs, options, answers and errors are JSON texts.
//!
//! On other targets than `wasm32` the crate is empty, so that builds of the workspace do not compile `wasm-bindgen`.
#![cfg(target_arch = "wasm32")]

use inference::dynamic::{AnyModel, AnySession};
use inference::{MemoryFiles, PackageError, PredictError};
use serde_json::{Value, json};
use wasm_bindgen::prelude::wasm_bindgen;

/// Runs when the module is loaded, and enables SIMD in the crate `gemm`, which computes matrix products. On wasm,
/// `gemm` uses SIMD only after this call. The kernels of the crate `rnn` use SIMD without such a call.
#[wasm_bindgen(start)]
pub fn start() {
    gemm::set_wasm_simd128(cfg!(target_feature = "simd128"));
}

/// The files of a model package, which the page has fetched.
#[wasm_bindgen]
#[derive(Default)]
pub struct Package(MemoryFiles<'static>);

#[wasm_bindgen]
impl Package {
    /// Creates a package without files.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file to the package.
    pub fn insert(&mut self, name: String, content: Vec<u8>) {
        self.0.insert(name, content);
    }

    /// Opens the model, and frees the files.
    ///
    /// # Errors
    ///
    /// The error object `{"code": "bad_package", "message": …}`, as JSON text.
    pub fn open(self) -> Result<Model, String> {
        zoo::from_files(&self.0).map(Model).map_err(package_error)
    }
}

/// An opened model.
#[wasm_bindgen]
pub struct Model(AnyModel);

#[wasm_bindgen]
impl Model {
    /// Returns a valid input of the model as JSON.
    ///
    /// # Errors
    ///
    /// The error object `{"code": …, "field": …, "message": …}`, as JSON text. All functions of [`Model`] return this
    /// error.
    pub fn example(&self) -> Result<String, String> {
        self.0.predictor.example().map(|input| input.to_string()).map_err(predict_error)
    }

    /// Predicts the output for one input. Input, options and output are JSON texts. If `options` is the text `null`,
    /// the default options are used.
    pub fn predict(&self, input: &str, options: &str) -> Result<String, String> {
        let outputs = self.0.predictor.predict_json(vec![parse(input)?], parse(options)?).map_err(predict_error)?;
        Ok(Value::from_iter(outputs).get(0).unwrap_or(&Value::Null).to_string())
    }

    /// Reads the input, and starts an answer that comes piece by piece, such as a generated text. [`next`](Self::next)
    /// returns the pieces.
    pub fn begin(&self, input: &str, options: &str) -> Result<Session, String> {
        let streaming = self.0.predictor.need_streaming().map_err(predict_error)?;
        streaming.begin_json(parse(input)?, parse(options)?).map(Session).map_err(predict_error)
    }

    /// Returns the next piece of an answer as JSON; `undefined` if the answer is complete.
    pub fn next(&self, session: &mut Session) -> Result<Option<String>, String> {
        let streaming = self.0.predictor.need_streaming().map_err(predict_error)?;
        let piece = streaming.next_json(&mut session.0).map_err(predict_error)?;
        Ok(piece.map(|piece| piece.to_string()))
    }
}

/// The state of an answer that comes piece by piece.
#[wasm_bindgen]
pub struct Session(AnySession);

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| predict_error(PredictError::bad_input("input", error.to_string())))
}

fn package_error(error: PackageError) -> String {
    json!({ "code": "bad_package", "message": error.to_string() }).to_string()
}

fn predict_error(error: PredictError) -> String {
    match error {
        PredictError::BadInput { field, reason } => json!({ "code": "bad_input", "field": field, "message": reason }),
        error => json!({ "code": "internal", "message": error.to_string() }),
    }
    .to_string()
}
