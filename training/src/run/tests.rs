use proptest::prelude::*;

use super::*;

fn start() -> Start {
    let [version, backend, device, data] = ["1", "flex", "Flex(0)", "a"].map(str::to_owned);
    Start { version, backend, device, threads: 2, ranks: 1, wire: Wire::Single, data }
}

#[test]
fn changed_data_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (run, _lock) = Run::claim(Some(dir.path().to_path_buf()), "").unwrap();
    run.begin(&toml::Table::new(), &start()).unwrap();
    run.check_start(&start()).unwrap();
    let error = run.check_start(&Start { data: "b".to_owned(), ..start() }).unwrap_err();
    assert!(matches!(error, TrainingError::DataChanged { .. }), "{error}");
}

/// Files are identified by the checksums of their content, and not by their names.
#[test]
fn data_are_compared_by_their_content() {
    let [one, other] = ["1", "a"].map(|digit| digit.repeat(64));
    let data = |text: &str| Start { data: text.to_owned(), ..start() };
    let was = data(&format!("/home/me/a b (1).csv (SHA-256 {one}), /v (SHA-256 of all files {other})"));
    assert!(was.has_data(&format!("c.csv (SHA-256 {one}), v (SHA-256 of all files {other})")));
    for different in [format!("a b (1).csv (SHA-256 {other}), /v (SHA-256 {one})"), format!("(SHA-256 {one})")] {
        assert!(!was.has_data(&different));
    }
    assert!(data("seed 7").has_data("seed 7") && !data("seed 7").has_data("seed 8") && !data("").has_data(&one));
}

proptest! {
    #[test]
    fn data_may_lie_in_any_folder(folders in ["[a-z/ ().,é]{0,20}", "[a-z/ ().,é]{0,20}"], digests in ["[0-9a-f]{64}", "[0-9a-f]{64}"]) {
        let data = |folder: usize, digest: usize| format!("{}.csv (SHA-256 {})", folders[folder], digests[digest]);
        let was = Start { data: data(0, 0), ..start() };
        prop_assert!(was.has_data(&data(1, 0)));
        prop_assert_eq!(was.has_data(&data(0, 1)), digests[0] == digests[1]);
    }
}

#[test]
fn other_machines_are_noted() {
    assert!(start().differences(&start()).is_empty());
    let other = |change: fn(&mut Start)| {
        let mut other = start();
        change(&mut other);
        other
    };
    let device = |start: &mut Start| start.device = "Flex(1)".to_owned();
    assert_eq!(start().differences(&other(|start| start.threads = 8)).len(), 1);
    assert_eq!(start().differences(&other(device)).len(), 1);
    assert_eq!(start().differences(&other(|start| start.backend = "cuda".to_owned())).len(), 1);
    // Runs of older versions do not know their device.
    assert!(other(|start| start.device.clear()).differences(&other(device)).is_empty());
}

#[test]
fn a_folder_that_is_not_empty_is_refused_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mine"), "x").unwrap();
    let error = Run::claim(Some(dir.path().to_path_buf()), "").unwrap_err();
    assert!(matches!(error, TrainingError::RunExists { .. }));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_run_that_does_not_begin_leaves_no_folder() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("runs/mine");
    let (_, lock) = Run::claim(Some(dir.clone()), "").unwrap();
    assert!(matches!(Run::claim(Some(dir.clone()), ""), Err(TrainingError::RunInUse { .. })));
    drop(lock);
    assert!(!dir.exists());

    // The files of a process that was killed before it wrote the recipe: the folder can be used again.
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("run.json"), "{").unwrap();
    std::fs::write(dir.join(".new-recipe.toml.AbCdEf.tmp"), "").unwrap();
    let (run, _lock) = Run::claim(Some(dir), "").unwrap();
    run.begin(&toml::Table::new(), &start()).unwrap();
    run.check_start(&start()).unwrap();
}

/// A resumed run reads and writes the finished epochs, and the bytes must not change.
#[test]
fn epochs_are_written_as_they_were_read() {
    // A parser with inexact rounding would read the neighboring floating-point number.
    let line = concat!(
        r#"{"epoch":5,"step":1760,"lr":0.001,"train_loss":0.3,"gradient_norm":1.0,"largest_norm":2.0,"#,
        r#""valid":{"loss":0.22798732804230581}}"#
    );
    let epoch: Epoch = serde_json::from_str(line).unwrap();
    assert_eq!(serde_json::to_string(&epoch).unwrap(), line);
}

#[test]
fn metrics_that_are_nan_are_written_and_read() {
    let line = concat!(
        r#"{"epoch":5,"step":0,"lr":0.0,"train_loss":null,"gradient_norm":null,"largest_norm":0.0,"#,
        r#""skipped":9,"valid":{"loss":null}}"#
    );
    let epoch: Epoch = serde_json::from_str(line).unwrap();
    assert!(epoch.train_loss.is_nan() && epoch.valid["loss"].is_nan());
    assert_eq!(serde_json::to_string(&epoch).unwrap(), line);
}

#[test]
fn a_folder_without_a_recipe_is_not_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let error = Run::open(dir.path().to_path_buf()).unwrap_err();
    assert!(matches!(error, TrainingError::NotARun { missing: RECIPE, .. }), "{error}");
}
