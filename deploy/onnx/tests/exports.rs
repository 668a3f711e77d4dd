//! The exports of the shipped models: which graphs, metadata and options they have.

#![allow(clippy::unwrap_used)]

use forecasting::Forecaster;
use handwriting::Writer;
use inference::Predictor;
use language_model::LanguageModel;
use onnx::{Export, OnnxError, Options, Precision, ToOnnx};
use sentiment::Sentiment;
use tagging::Tagger;

const LENGTHS: Options = Options { precision: Precision::Half, lengths: true };

fn open<P: Predictor>(name: &str) -> P {
    P::from_pretrained(name).unwrap()
}

fn export(model: &impl ToOnnx) -> Export {
    model.to_onnx(&Options::default()).unwrap()
}

fn graphs(export: &Export) -> Vec<&str> {
    export.graphs().iter().map(|graph| graph.name()).collect()
}

fn inputs(export: &Export, graph: usize) -> Vec<&str> {
    export.graphs()[graph].inputs().iter().map(|port| port.name).collect()
}

fn outputs(export: &Export, graph: usize) -> Vec<&str> {
    export.graphs()[graph].outputs().iter().map(|port| port.name).collect()
}

#[test]
fn streams_have_a_graph_of_one_step_with_their_state() {
    let export = export(&open::<LanguageModel>("ptb-lstm-small"));
    assert_eq!(graphs(&export), ["model", "step"]);
    for graph in [0, 1] {
        assert_eq!(
            (inputs(&export, graph), outputs(&export, graph)),
            (vec!["ids", "h0", "c0"], vec!["logits", "hn", "cn"])
        );
    }
}

#[test]
fn a_writer_has_the_distribution_of_the_next_point_as_outputs() {
    let export = export(&open::<Writer>("omniglot"));
    assert_eq!(graphs(&export), ["model", "step"]);
    let distribution = ["logits", "mean_x", "mean_y", "deviation_x", "deviation_y", "correlation", "pen"];
    for graph in [0, 1] {
        assert_eq!(inputs(&export, graph), ["points", "classes", "h0", "c0"]);
        assert_eq!(outputs(&export, graph), [&distribution[..], &["hn", "cn"]].concat());
    }
    assert_eq!(export.metadata("classes").unwrap().lines().count(), 136);
}

#[test]
fn texts_in_both_directions_have_one_graph() {
    let hybrid: Sentiment = open("imdb-hybrid");
    let export = export(&hybrid);
    assert_eq!((graphs(&export), inputs(&export, 0), outputs(&export, 0)), (vec!["model"], vec!["ids"], vec!["logit"]));
    assert_eq!(export.metadata("network_share").unwrap().parse(), Ok(hybrid.share()));
    assert_eq!(inputs(&hybrid.to_onnx(&LENGTHS).unwrap(), 0), ["ids", "lengths"]);
}

#[test]
fn an_autoregressive_forecaster_passes_its_window_to_the_step() {
    let export = export(&open::<Forecaster>("energy-day-ahead"));
    assert_eq!(outputs(&export, 0), ["hn", "cn", "mean", "deviation"]);
    assert_eq!(inputs(&export, 1), ["value", "known", "h0", "c0", "mean", "deviation"]);
    assert_eq!(export.metadata("distribution"), Some("student-t"));
}

#[test]
fn a_tagger_has_the_scores_of_its_label_sequences_in_the_metadata() {
    let export = export(&open::<Tagger>("wnut17"));
    let labels = export.metadata("labels").unwrap().lines().count();
    let crf: serde_json::Value = serde_json::from_str(export.metadata("crf").unwrap()).unwrap();
    assert_eq!((labels, crf["transitions"].as_array().unwrap().len()), (25, 25));
    // A sentence does not start with the second token of an entity.
    assert_eq!(crf["start"][2], -1e9);
}

#[test]
fn lengths_without_an_effect_are_refused() {
    let refused = |result: Result<Export, OnnxError>| matches!(result, Err(OnnxError::NoLengths { .. }));
    assert!(refused(open::<Forecaster>("etth1-96-linear").to_onnx(&LENGTHS)));
    assert!(refused(open::<LanguageModel>("ptb-awd").to_onnx(&LENGTHS)));
}

/// SegRNN applies its layer twice.
#[test]
fn shared_weights_are_stored_once() {
    let model: Forecaster = open("etth1-96");
    let size = |precision| {
        let export = model.to_onnx(&Options { precision, lengths: false }).unwrap();
        export.files("etth1-96").unwrap()[0].1.len()
    };
    // 1,627,952 parameters; the embeddings of columns and positions are stored for every pair of them.
    assert!((3_250_000..3_300_000).contains(&size(Precision::Half)), "{}", size(Precision::Half));
    assert!((6_500_000..6_600_000).contains(&size(Precision::Single)), "{}", size(Precision::Single));
}
