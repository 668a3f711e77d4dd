//! The functions, called as C calls them.

use std::ptr::null;

use serde_json::{Value, json};

use super::*;

/// What a call returned, and the error that it stored.
fn call<T>(function: impl FnOnce(*mut *mut c_char) -> *mut T) -> (*mut T, Option<Value>) {
    let mut error = null_mut();
    let result = function(&raw mut error);
    (result, taken(error))
}

/// Parses a JSON text of the library, and releases it; `None` for NULL.
fn taken(text: *mut c_char) -> Option<Value> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the library made the text.
    let value = unsafe { CStr::from_ptr(text) }.to_str().unwrap().parse().unwrap();
    // SAFETY: the value does not refer to the text.
    unsafe { zoo_string_free(text) };
    Some(value)
}

fn open(name: &str) -> *mut ZooModel {
    let name = CString::new(name).unwrap();
    // SAFETY: the name is a string of C.
    let (model, error) = call(|error| unsafe { zoo_open(name.as_ptr(), error) });
    assert_eq!(error, None);
    model
}

fn predict(model: *const ZooModel, request: &Value) -> Result<Value, Value> {
    let request = CString::new(request.to_string()).unwrap();
    // SAFETY: the request is a string of C, and the model is open or NULL.
    let (answer, error) = call(|error| unsafe { zoo_predict_json(model, request.as_ptr(), error) });
    taken(answer).ok_or_else(|| error.unwrap())
}

#[test]
fn answers_are_those_of_the_library() {
    let model = open("imdb-lstm");
    let texts = json!(["Wonderfully acted.", "A dull film."]);
    let expected = zoo::from_pretrained("imdb-lstm").unwrap().predictor;
    let expected = expected.predict_json(texts.as_array().unwrap().clone(), Value::Null).unwrap();
    assert_eq!(predict(model, &json!({ "inputs": texts })), Ok(json!({ "outputs": expected })));
    assert_eq!(predict(model, &json!({ "input": texts[0] })), Ok(json!({ "output": expected[0] })));
    assert_eq!(predict(model, &json!({ "inputs": [] })), Ok(json!({ "outputs": [] })));
    // SAFETY: the model is open.
    unsafe { zoo_free(model) };
}

#[test]
fn invalid_arguments_are_errors_that_name_them() {
    let model = open("imdb-lstm");
    let bad = |request: Value| predict(model, &request).unwrap_err();
    for request in [json!([1]), json!({ "input": "a", "other": 1 })] {
        assert_eq!(bad(request.clone())["field"], "request", "{request}");
    }
    for request in [json!({}), json!({ "input": "a", "inputs": [] })] {
        assert_eq!(bad(request.clone())["field"], "input", "{request}");
    }
    assert_eq!(bad(json!({ "input": 3 }))["field"], "input");
    assert_eq!(bad(json!({ "input": "a", "options": { "temperature": 1 } }))["field"], "options");
    // SAFETY: all pointers are NULL or strings of C, and the model is open.
    unsafe {
        let not_utf8 = c"\xff\xfe".as_ptr();
        for (request, field) in [(null(), "request"), (not_utf8, "request")] {
            let (answer, error) = call(|error| zoo_predict_json(model, request, error));
            assert!(answer.is_null());
            assert_eq!(
                (&error.as_ref().unwrap()["code"], &error.as_ref().unwrap()["field"]),
                (&"bad_input".into(), &field.into())
            );
        }
        let (model, error) = call(|error| zoo_open(c"no such model".as_ptr(), error));
        assert!(model.is_null() && error.unwrap()["code"] == "not_found");
        assert_eq!(call(|error| zoo_open(null(), error)).1.unwrap()["field"], "model");
        assert!(zoo_open(null(), null_mut()).is_null(), "nobody asks for the error");
    }
    assert_eq!(predict(null(), &json!({ "input": "a" })).unwrap_err()["field"], "model");
    // SAFETY: the model is open, and the other pointers are NULL.
    unsafe {
        assert!(
            call(|error| zoo_begin_json(model, c"{\"input\": \"a\"}".as_ptr(), error)).1.unwrap()["field"] == "model"
        );
        assert_eq!(call(|error| zoo_next_json(null_mut(), error)).1.unwrap()["field"], "session");
        zoo_free(model);
        zoo_free(null_mut());
        zoo_session_free(null_mut());
        zoo_string_free(null_mut());
    }
}

#[test]
fn damaged_packages_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("manifest.json"), "{").unwrap();
    let folder = CString::new(dir.path().to_str().unwrap()).unwrap();
    // SAFETY: the path is a string of C.
    let (model, error) = call(|error| unsafe { zoo_open(folder.as_ptr(), error) });
    assert!(model.is_null());
    assert_eq!(error.unwrap()["code"], "bad_package");
}

#[test]
fn pieces_make_the_whole_answer_after_the_model_is_freed() {
    let model = open("ptb-lstm-small");
    let request = json!({ "input": "the company", "options": { "length": 5, "seed": 1 } });
    let whole = predict(model, &request).unwrap();
    let request = CString::new(request.to_string()).unwrap();
    // SAFETY: the model is open, and the request is a string of C.
    let (session, _) = call(|error| unsafe { zoo_begin_json(model, request.as_ptr(), error) });
    // SAFETY: the session keeps what it needs of the model.
    unsafe { zoo_free(model) };
    let mut text = String::new();
    loop {
        // SAFETY: the session is open.
        let (piece, error) = call(|error| unsafe { zoo_next_json(session, error) });
        assert_eq!(error, None);
        let Some(piece) = taken(piece) else { break };
        text += piece["text"].as_str().unwrap();
    }
    // SAFETY: the session is open.
    unsafe { zoo_session_free(session) };
    assert_eq!(whole["output"]["text"], text);
}

#[test]
fn a_panic_is_an_error() {
    let (result, error) = call::<c_char>(|error| {
        // SAFETY: the pointer comes from `call`.
        guarded(unsafe { error.as_mut() }, || panic!("index 3 is out of range"))
    });
    assert!(result.is_null());
    assert_eq!(error.unwrap(), json!({ "code": "internal", "message": "index 3 is out of range" }));
}

#[test]
fn threads_share_a_model() {
    let model = open("wnut17") as usize;
    let request = json!({ "input": "Barack Obama visited Berlin." });
    let expected = predict(model as *const ZooModel, &request);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(predict(model as *const ZooModel, &request), expected));
        }
    });
    // SAFETY: the model is open, and the threads have ended.
    unsafe { zoo_free(model as *mut ZooModel) };
}
