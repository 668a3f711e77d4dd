//! The examples in C and Python, as a user runs them, and the header.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// The folder with the shared library, which cargo builds before this test.
fn library_folder() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_path_buf()
}

fn shared_library() -> PathBuf {
    let name = format!("{}rnn_zoo{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    library_folder().join(name)
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn compile(program: &Path) {
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g"]);
    cc.arg(format!("-I{CRATE}/include")).arg(format!("{CRATE}/examples/predict.c")).arg("-o").arg(program);
    cc.arg("-L").arg(library_folder()).arg("-lrnn_zoo").arg(format!("-Wl,-rpath,{}", library_folder().display()));
    stdout(&output(&mut cc));
}

#[test]
fn the_header_is_that_of_the_functions() {
    let config = cbindgen::Config::from_file(format!("{CRATE}/cbindgen.toml")).unwrap();
    let bindings =
        cbindgen::Builder::new().with_src(format!("{CRATE}/src/lib.rs")).with_src(format!("{CRATE}/src/model.rs"));
    let mut header = Vec::new();
    bindings.with_config(config).generate().unwrap().write(&mut header);
    let (path, header) = (format!("{CRATE}/include/rnn_zoo.h"), String::from_utf8(header).unwrap());
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&path, &header).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == header,
        "UPDATE_HEADER=1 cargo test -p zoo-c writes it"
    );
}

#[test]
fn a_program_in_c_gives_the_answers_of_the_library() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("predict");
    compile(&program);
    let ask = |arguments: &[&str]| output(Command::new(&program).args(arguments));
    let answer: Value = stdout(&ask(&["imdb-lstm", r#"{"input": "Wonderfully acted."}"#])).parse().unwrap();
    let library = zoo::from_pretrained("imdb-lstm").unwrap().predictor;
    let expected = library.predict_json(vec!["Wonderfully acted.".into()], Value::Null).unwrap();
    assert_eq!(answer, json!({ "output": expected[0] }));

    let pieces =
        stdout(&ask(&["ptb-lstm-small", r#"{"input": "the", "options": {"length": 3, "seed": 1}}"#, "stream"]));
    assert_eq!(pieces.lines().count(), 3, "{pieces}");
    let refused = ask(&["imdb-lstm", "{}"]);
    let error: Value = String::from_utf8(refused.stderr).unwrap().parse().unwrap();
    assert_eq!((refused.status.code(), &error["code"]), (Some(1), &"bad_input".into()));
    assert_eq!(ask(&["none", "{}"]).status.code(), Some(1));
}

#[test]
fn python_gives_the_answers_of_the_library() {
    let ask = |model: &str, request: &Value| {
        let mut python = Command::new("python3");
        python.arg(format!("{CRATE}/examples/predict.py")).arg(shared_library()).args([model, &request.to_string()]);
        output(&mut python)
    };
    let inputs = json!(["Barack Obama visited Berlin.", "Zürich 🎉"]);
    let answer: Value = stdout(&ask("wnut17", &json!({ "inputs": inputs }))).parse().unwrap();
    let library = zoo::from_pretrained("wnut17").unwrap().predictor;
    let expected = library.predict_json(inputs.as_array().unwrap().clone(), Value::Null).unwrap();
    assert_eq!(answer, json!({ "outputs": expected }));
    assert!(!ask("wnut17", &json!({ "input": 3 })).status.success());
}
