//! The C interface: a shared and a static library that open trained models of any application, and exchange JSON with
//! the caller.
//!
//! `include/rnn_zoo.h` declares the functions, `examples/predict.c` uses them from C and `examples/predict.py` from
//! Python.
//!
//! - Requests and answers are those of the HTTP interface: `{"input": X}` gives `{"output": Y}`, and
//!   `{"inputs": [X, …]}` gives `{"outputs": [Y, …]}`. A request may also contain the options of the prediction:
//!   `"options": {…}`.
//! - A function that fails returns NULL, and stores an error as JSON. [`zoo_open`] describes the form of the error.
//! - A panic does not reach the caller: the function returns NULL and stores the error `internal`.
//! - Any number of threads may use one model at the same time. One thread at a time may use a session.
#![allow(unsafe_code, reason = "an interface for C has raw pointers")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod model;

use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use error::Error;
pub use model::{ZooModel, ZooSession};

/// The version of the library, such as "0.1.0". The library owns the string; do not release it.
#[unsafe(no_mangle)]
pub extern "C" fn zoo_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };
    VERSION.as_ptr()
}

/// Opens a trained model.
///
/// `model` is the name of a model, or the path of the folder of its package, in UTF-8. The library searches for a name
/// first in the folder of the environment variable RNN_ZOO_MODELS, then in `../share/rnn-zoo/models` and `models`
/// beside the program, then in the user's data folder, and last in the checkout in which the library was built.
///
/// Returns the model, which zoo_free releases. If the model cannot be opened, returns NULL and stores an error.
///
/// Errors: a function that fails stores a JSON object in `*error`, if `error` is not NULL:
/// {"code": "bad_input", "field": "input", "message": "..."}. The message is one line. zoo_string_free releases the
/// text. A function that succeeds stores NULL. The codes:
///
/// - "not_found": there is no such model
/// - "bad_package": a file of the package is missing or damaged, or its format is newer than the library
/// - "bad_input": an argument, the input or an option is not valid; "field" names it
/// - "internal": a fault of the library
///
/// # Safety
///
/// `model` is NULL or a string that ends with a zero byte. `error` is NULL or points to a `char *`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_open(model: *const c_char, error: *mut *mut c_char) -> *mut ZooModel {
    // SAFETY: the caller passes what this function's documentation asks for.
    let (model, error) = unsafe { (text(model, "model"), error.as_mut()) };
    guarded(error, || Ok(boxed(ZooModel::open(model?)?)))
}

/// Predicts with a model. Any number of threads may call this function with the same model.
///
/// `request` is a JSON object in UTF-8: {"input": X} for one input, or {"inputs": [X, ...]} for several, and optionally
/// "options": {...}. The README of the application describes inputs, options and outputs.
///
/// Returns {"output": Y} or {"outputs": [Y, ...]}, with the outputs in the order of the inputs; zoo_string_free releases
/// the text. If the prediction fails, returns NULL and stores an error: see zoo_open.
///
/// # Safety
///
/// `model` is NULL or comes from `zoo_open` and is not yet freed. `request` is NULL or a string that ends with a zero
/// byte. `error` is NULL or points to a `char *`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_predict_json(
    model: *const ZooModel,
    request: *const c_char,
    error: *mut *mut c_char,
) -> *mut c_char {
    // SAFETY: the caller passes what this function's documentation asks for.
    let (model, request, error) = unsafe { (model.as_ref(), text(request, "request"), error.as_mut()) };
    guarded(error, || string(&model.ok_or(Error::null("model"))?.predict(request?)?))
}

/// Starts an answer that comes piece by piece, such as a generated text. Any number of threads may call this function
/// with the same model.
///
/// `request` is a JSON object in UTF-8: {"input": X}, and optionally "options": {...}.
///
/// Returns the session, which zoo_session_free releases. The session stays valid when the model is released. If the
/// request is not valid, or if the model cannot answer piece by piece, returns NULL and stores an error: see zoo_open.
///
/// # Safety
///
/// `model` is NULL or comes from `zoo_open` and is not yet freed. `request` is NULL or a string that ends with a zero
/// byte. `error` is NULL or points to a `char *`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_begin_json(
    model: *const ZooModel,
    request: *const c_char,
    error: *mut *mut c_char,
) -> *mut ZooSession {
    // SAFETY: the caller passes what this function's documentation asks for.
    let (model, request, error) = unsafe { (model.as_ref(), text(request, "request"), error.as_mut()) };
    guarded(error, || Ok(boxed(model.ok_or(Error::null("model"))?.begin(request?)?)))
}

/// Computes the next piece of an answer. One thread at a time may use a session.
///
/// Returns the piece as JSON; zoo_string_free releases the text. Returns NULL and stores no error when the answer is
/// complete. If the computation fails, returns NULL and stores an error: see zoo_open.
///
/// # Safety
///
/// `session` is NULL or comes from `zoo_begin_json` and is not yet freed, and no other thread uses it. `error` is NULL or
/// points to a `char *`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_next_json(session: *mut ZooSession, error: *mut *mut c_char) -> *mut c_char {
    // SAFETY: the caller passes what this function's documentation asks for.
    let (session, error) = unsafe { (session.as_mut(), error.as_mut()) };
    guarded(error, || match session.ok_or(Error::null("session"))?.next_piece()? {
        Some(piece) => string(&piece),
        None => Ok(null_mut()),
    })
}

/// Releases a session. Does nothing for NULL.
///
/// # Safety
///
/// `session` is NULL or comes from `zoo_begin_json` and is not yet freed, and no thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_session_free(session: *mut ZooSession) {
    // SAFETY: the caller passes what this function's documentation asks for; `boxed` made the pointer.
    unsafe { free(session) }
}

/// Releases a model. Does nothing for NULL.
///
/// # Safety
///
/// `model` is NULL or comes from `zoo_open` and is not yet freed, and no thread uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_free(model: *mut ZooModel) {
    // SAFETY: the caller passes what this function's documentation asks for; `boxed` made the pointer.
    unsafe { free(model) }
}

/// Releases a text that a function of this library returned or stored. Does nothing for NULL.
///
/// # Safety
///
/// `text` is NULL or comes from this library and is not yet freed. `zoo_version` is an exception: its text is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zoo_string_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the caller passes a text of this library, and `string` made all of them.
        drop(unsafe { CString::from_raw(text) });
    }
}

/// Returns the text to which `pointer` points. `name` is the name of the C function's argument, for the error if
/// `pointer` is NULL or the text is not UTF-8.
///
/// # Safety
///
/// `pointer` is NULL or a string that ends with a zero byte and outlives the result.
unsafe fn text<'a>(pointer: *const c_char, name: &'static str) -> Result<&'a str, Error> {
    if pointer.is_null() {
        return Err(Error::null(name));
    }
    // SAFETY: the pointer is not NULL, so it is a string that ends with a zero byte.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|error| Error::bad_input(name, format!("the text is not UTF-8: {error}")))
}

/// Runs `body`, which does the work of a C function, and returns its result. If `body` fails or panics, returns NULL
/// and stores the error as JSON in `error`, if `error` is given.
fn guarded<T>(error: Option<&mut *mut c_char>, body: impl FnOnce() -> Result<*mut T, Error>) -> *mut T {
    // Models are immutable, and a session whose step panicked is only used by a caller who ignores the error.
    let done = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Error::from_panic(&*panic)));
    let (result, stored) = match done {
        Ok(result) => (result, null_mut()),
        Err(failed) => (null_mut(), failed.to_json().map_or(null_mut(), CString::into_raw)),
    };
    if let Some(error) = error {
        *error = stored;
    } else {
        // SAFETY: the text was made above, and nobody else has it.
        unsafe { zoo_string_free(stored) }
    }
    result
}

/// Moves a value to the heap and returns its pointer. The caller releases the value with [`free`].
fn boxed<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Releases a value that [`boxed`] has moved to the heap.
///
/// # Safety
///
/// `pointer` is NULL or comes from [`boxed`], and nobody uses it any more.
unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: the pointer comes from `boxed`. A destructor that panics must not unwind into C.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(unsafe { Box::from_raw(pointer) })));
    }
}

/// Returns a JSON text as a C string. The caller releases the string with [`zoo_string_free`].
fn string(json: &serde_json::Value) -> Result<*mut c_char, Error> {
    Ok(CString::new(json.to_string()).map_err(Error::internal)?.into_raw())
}

#[cfg(test)]
mod tests;
