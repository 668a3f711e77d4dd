//! Test cases for the shipped models.

use burn::tensor::{Device, Int, Tensor, TensorData};
use forecasting::frame::Batch;
use forecasting::model::{Kind, Model, Sizes};
use forecasting::recurrent::{Normalise, Recurrent};
use inference::Catalog;
use inference::dynamic::Entry;
use inference::text::{Reserved, Vocabulary};
use onnx::ToOnnx;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rnn::Pooling;
use sentiment::model::Dropouts;
use sentiment::network::NetworkClassifier;
use sentiment::predictor::Classifier;

use crate::case::{Array, Case, Model as Shipped, draw, named, random_state};

/// Returns all shipped models. Adds a text classifier with contextual word vectors, because no shipped model has such
/// vectors.
pub fn shipped() -> Vec<Shipped> {
    let shipped = zoo::APPLICATIONS.0.iter().flat_map(of_application);
    shipped.chain([of_sentiment("contextual".to_owned(), with_contextual_vectors())]).collect()
}

/// A text classifier that has contextual word vectors and random weights.
fn with_contextual_vectors() -> sentiment::Sentiment {
    let settings: sentiment::settings::Settings = serde_json::from_value(serde_json::json!({
        "data": { "max_words": 50, "keep": "first" },
        "model": { "network": {
            "cell": "gru", "embedding_size": 6, "hidden_size": 7, "bidirectional": true, "pooling": "max-mean",
            "contextual": { "cell": "lstm", "embedding_size": 5, "hidden_size": 4, "layers": 2 },
        } },
    }))
    .unwrap();
    let words: Vec<String> = (0..30).map(|number| format!("word{number}")).collect();
    let vocabulary = Vocabulary::new(Reserved::Padding, words.iter().map(String::as_str), 30);
    let network = settings.model.network.as_ref().unwrap().init(30, 1, Dropouts::default(), &Device::flex());
    let network = NetworkClassifier::new(network, vocabulary, settings.data, Device::flex());
    sentiment::Sentiment::new(settings, Classifier::new(Some(network), None, 1.0).unwrap())
}

fn of_application(entry: &Entry) -> Vec<Shipped> {
    let root = inference::catalog::checkout_models(entry.application);
    let names = Catalog::with_roots(entry.application, vec![root.clone()]).list();
    let open = |name: String| {
        let path = root.join(&name);
        let path = path.to_str().unwrap();
        use inference::Predictor;
        match entry.application {
            "sentiment" => of_sentiment(name, sentiment::Sentiment::from_pretrained(path).unwrap()),
            "language-model" => of_language_model(name, language_model::LanguageModel::from_pretrained(path).unwrap()),
            "forecasting" => of_forecaster(name, forecasting::Forecaster::from_pretrained(path).unwrap()),
            "tagging" => of_tagger(name, tagging::Tagger::from_pretrained(path).unwrap()),
            "recognition" => of_recognizer(name, recognition::Recognizer::from_pretrained(path).unwrap()),
            "handwriting" => of_writer(name, handwriting::Writer::from_pretrained(path).unwrap()),
            other => panic!("this example has no test cases for the application {other}; add them to `shipped.rs`"),
        }
    };
    names.into_iter().map(|(name, _)| open(name)).collect()
}

fn shipped_model(name: String, model: impl ToOnnx + 'static, cases: Vec<Case>) -> Shipped {
    Shipped { name, export: Box::new(move |options| model.to_onnx(options)), cases }
}

fn random_ids(rng: &mut ChaCha8Rng, tokens: usize, [batch, time]: [usize; 2]) -> Vec<Vec<u32>> {
    let mut row = || (0..time).map(|_| rng.random_range(0..tokens as u32)).collect();
    (0..batch).map(|_| row()).collect()
}

fn int_tensor(rows: &[Vec<u32>]) -> Tensor<2, Int> {
    let values: Vec<i32> = rows.iter().flatten().map(|id| *id as i32).collect();
    Tensor::from_data(TensorData::new(values, [rows.len(), rows[0].len()]), &Device::flex())
}

fn of_language_model(name: String, model: language_model::LanguageModel) -> Shipped {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let network = model.network();
    let mut case = |graph, shape: [usize; 2]| {
        let ids = random_ids(&mut rng, model.codec().vocabulary().len(), shape);
        let state = random_state(&mut rng, &network.rnn, shape[0]);
        let outputs = network.forward(int_tensor(&ids), Some(state.clone()));
        let logits = network.logits(outputs.dropped.flatten(0, 1));
        let logits = logits.clone().reshape([shape[0], shape[1], logits.dims()[1]]);
        let inputs = [("ids", Array::ids(&ids))].into_iter().chain(named(["h0", "c0"], state)).collect();
        let outputs = [("logits", Array::floats(logits))].into_iter().chain(named(["hn", "cn"], outputs.state));
        Case { graph, padded: false, loops: Vec::new(), inputs, outputs: outputs.collect() }
    };
    let cases = vec![case("model", [1, 1]), case("model", [3, 12]), case("step", [1, 1]), case("step", [4, 1])];
    shipped_model(name, model, cases)
}

fn of_sentiment(name: String, model: sentiment::Sentiment) -> Shipped {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let classifier = model.network().unwrap();
    let network = classifier.network();
    let mut case = |lengths: &[usize]| {
        let longest = *lengths.iter().max().unwrap();
        let mut ids = random_ids(&mut rng, classifier.vocabulary().len(), [lengths.len(), longest]);
        let batch =
            sentiment::model::Batch::new(ids.iter().zip(lengths).map(|(row, length)| &row[..*length]), &Device::flex());
        for (row, length) in ids.iter_mut().zip(lengths) {
            row[*length..].fill(0);
        }
        let padded = lengths.iter().any(|length| *length < longest);
        let mut inputs = vec![("ids", Array::ids(&ids))];
        if padded {
            inputs.push(("lengths", Array::lengths(lengths)));
        }
        let outputs = vec![("logit", Array::floats(network.forward(batch).squeeze_dim::<1>(1)))];
        Case { graph: "model", padded, loops: Vec::new(), inputs, outputs }
    };
    let mut cases = vec![case(&[1]), case(&[40]), case(&[9, 9, 9]), case(&[12, 3, 7, 1])];
    if network.pooling == Pooling::Last && !network.rnn.is_bidirectional() {
        let ids = random_ids(&mut rng, classifier.vocabulary().len(), [3, 1]);
        let state = random_state(&mut rng, &network.rnn, 3);
        let (_, after) = network.rnn.forward(network.embedding.forward(int_tensor(&ids)), None, Some(state.clone()));
        let logit = network.dense.forward(network.rnn.last_hidden(after.hidden.clone())).squeeze_dim::<1>(1);
        let inputs = [("ids", Array::ids(&ids))].into_iter().chain(named(["h0", "c0"], state)).collect();
        let outputs = [("logit", Array::floats(logit))].into_iter().chain(named(["hn", "cn"], after)).collect();
        cases.push(Case { graph: "step", padded: false, loops: Vec::new(), inputs, outputs });
    }
    shipped_model(name, model, cases)
}

fn of_forecaster(name: String, model: forecasting::Forecaster) -> Shipped {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let sizes = model.settings().sizes(model.scalers().columns()).unwrap();
    let cases = [1, 3].into_iter().flat_map(|windows| of_windows(&mut rng, &model, sizes, windows)).collect();
    shipped_model(name, model, cases)
}

fn of_windows(rng: &mut ChaCha8Rng, model: &forecasting::Forecaster, sizes: Sizes, windows: usize) -> Vec<Case> {
    let Sizes { look_back, horizon, columns, targets, known } = sizes;
    let inputs = draw(rng, [windows, look_back, columns]);
    let known = draw(rng, [windows, look_back + horizon, known]).tanh();
    let batch = Batch {
        origins: vec![0; windows],
        inputs: inputs.clone(),
        targets: draw(rng, [windows, horizon, targets]),
        known: known.clone(),
    };
    let single = |forecast: Tensor<3>| forecast.narrow(2, 0, targets).unsqueeze_dim::<4>(3);
    let case = |inputs, parameters: Tensor<4>| {
        vec![Case {
            graph: "model",
            padded: false,
            loops: Vec::new(),
            inputs,
            outputs: vec![("parameters", Array::floats(parameters))],
        }]
    };
    let only_inputs = vec![("inputs", Array::floats(inputs.clone()))];
    match model.network() {
        Model::SegRnn(network) => case(only_inputs, single(network.forward(inputs))),
        Model::Linear(network) => case(only_inputs, single(network.forward(inputs))),
        Model::Recurrent(network) if !network.is_autoregressive() => {
            let inputs = vec![("inputs", Array::floats(inputs)), ("known", Array::floats(known))];
            case(inputs, network.forward(&batch))
        }
        Model::Recurrent(network) => step_by_step(network, normalisation(model), &batch),
    }
}

fn normalisation(model: &forecasting::Forecaster) -> Option<Normalise> {
    match &model.settings().model.kind {
        Kind::Recurrent(config) => config.normalise,
        _ => None,
    }
}

/// Returns two test cases of an autoregressive forecaster. The graph `model` reads the past (the look-back) and returns
/// the state; the graph `step` forecasts the first value after the past. The expected forecast is computed with teacher
/// forcing.
fn step_by_step(network: &Recurrent, normalise: Option<Normalise>, batch: &Batch) -> Vec<Case> {
    let look_back = batch.inputs.dims()[1];
    let (variance, mean) = batch.inputs.clone().var_mean_bias(1);
    let deviation = variance.sqrt().clamp_min(0.05);
    let last = batch.inputs.clone().narrow(1, look_back - 1, 1);
    let scale: Vec<(&str, Tensor<3>)> = match normalise {
        None => vec![],
        Some(Normalise::Last) => vec![("mean", last.clone())],
        Some(Normalise::Window) => vec![("mean", mean), ("deviation", deviation)],
    };
    let values = scale.iter().fold(batch.inputs.clone(), |values, (name, scale)| match *name {
        "mean" => values - scale.clone(),
        _ => values / scale.clone(),
    });
    let read = vec![values.narrow(1, 0, look_back - 1), batch.known.clone().narrow(1, 1, look_back - 1)];
    let (_, state) = network.rnn.forward(Tensor::cat(read, 2), None, None);
    let (parameters, _) = network.forward_train(batch.clone());
    let first = parameters.narrow(1, look_back - 1, 1);
    let past = vec![
        ("inputs", Array::floats(batch.inputs.clone())),
        ("known", Array::floats(batch.known.clone().narrow(1, 0, look_back))),
    ];
    let scale: Vec<_> = scale.into_iter().map(|(name, tensor)| (name, Array::floats(tensor))).collect();
    let mut step =
        vec![("value", Array::floats(last)), ("known", Array::floats(batch.known.clone().narrow(1, look_back, 1)))];
    step.extend(named(["h0", "c0"], state.clone()));
    step.extend(scale.clone());
    let after_past = named(["hn", "cn"], state).into_iter().chain(scale).collect();
    vec![
        Case { graph: "model", padded: false, loops: Vec::new(), inputs: past, outputs: after_past },
        Case {
            graph: "step",
            padded: false,
            loops: Vec::new(),
            inputs: step,
            outputs: vec![("parameters", Array::floats(first))],
        },
    ]
}

fn of_tagger(name: String, model: tagging::Tagger) -> Shipped {
    use tagging::features::Sentence;
    let network = model.network();
    let encode = |sentence: &&str| model.encoder().encode(&sentence.split(' ').collect::<Vec<_>>());
    let sentences: Vec<Sentence> =
        ["Ada Lovelace moved to London in 1835", "the Beatles played @Wembley again tonight !"]
            .iter()
            .map(encode)
            .collect();
    let case = |sentences: &[Sentence], lengths: &[usize]| {
        let longest = *lengths.iter().max().unwrap();
        let cut: Vec<Sentence> = sentences
            .iter()
            .zip(lengths)
            .map(|(sentence, length)| Sentence {
                words: sentence.words[..*length].to_vec(),
                characters: sentence.characters[..*length].to_vec(),
                shapes: sentence.shapes[..*length].to_vec(),
            })
            .collect();
        let spelled = |token: &Vec<u32>| network.spell(int_tensor(std::slice::from_ref(token)), &[token.len()]);
        let rows = cut.iter().map(|sentence| {
            let tokens: Vec<Tensor<2>> = sentence.characters.iter().map(spelled).collect();
            let known = Tensor::cat(tokens, 0); // [tokens, features]
            let padding = Tensor::zeros([longest - known.dims()[0], known.dims()[1]], &Device::flex());
            Tensor::cat(vec![known, padding], 0).unsqueeze_dim::<3>(0)
        });
        let spellings = Tensor::cat(rows.collect(), 0);
        let padded = |ids: fn(&Sentence) -> &[u32]| -> Vec<Vec<u32>> {
            let row = |sentence| ids(sentence).iter().copied().chain(std::iter::repeat(0)).take(longest).collect();
            cut.iter().map(row).collect()
        };
        let mut inputs = vec![
            ("words", Array::ids(&padded(|sentence| &sentence.words))),
            ("shapes", Array::ids(&padded(|sentence| &sentence.shapes))),
            ("spellings", Array::floats(spellings)),
        ];
        let is_padded = lengths.iter().any(|length| *length < longest);
        if is_padded {
            inputs.push(("lengths", Array::lengths(lengths)));
        }
        let emissions = network.emissions(tagging::model::Batch::new(&cut, model.encoder().vectors(), &Device::flex()));
        let outputs = vec![("emissions", Array::floats(emissions))];
        Case { graph: "model", padded: is_padded, loops: Vec::new(), inputs, outputs }
    };
    let characters: Vec<Vec<u32>> = vec![vec![2, 5, 9, 4], vec![1, 7, 3, 3]];
    let spelling = Case {
        graph: "spelling",
        padded: false,
        loops: Vec::new(),
        inputs: vec![("characters", Array::ids(&characters))],
        outputs: vec![("spellings", Array::floats(network.spell(int_tensor(&characters), &[4, 4])))],
    };
    let cases = vec![case(&sentences[..1], &[6]), case(&sentences, &[6, 6]), case(&sentences, &[6, 4]), spelling];
    shipped_model(name, model, cases)
}

fn of_recognizer(name: String, model: recognition::Recognizer) -> Shipped {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (settings, network) = (model.settings(), model.network());
    let width = settings.model.frame.get() * settings.features();
    let mut case = |lengths: &[usize]| {
        let longest = *lengths.iter().max().unwrap();
        let frames = draw(&mut rng, [lengths.len(), longest, width]);
        let mut inputs = vec![("frames", Array::floats(frames.clone()))];
        let padded = lengths.iter().any(|length| *length < longest);
        if padded {
            inputs.push(("lengths", Array::lengths(lengths)));
        }
        let logits = network.forward(recognition::model::Batch { frames, lengths: lengths.to_vec() });
        Case { graph: "model", padded, loops: Vec::new(), inputs, outputs: vec![("logits", Array::floats(logits))] }
    };
    let cases = vec![case(&[1]), case(&[30]), case(&[8, 8]), case(&[12, 3, 7, 1])];
    shipped_model(name, model, cases)
}

fn of_writer(name: String, model: handwriting::Writer) -> Shipped {
    use handwriting::drawing::{Pen, Point};
    use handwriting::mixture::Mixture;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let network = model.network();
    let mut case = |graph, [batch, time]: [usize; 2]| {
        let mut point = || Point {
            offset: [rng.random_range(-2.0..2.0), rng.random_range(-2.0..2.0)],
            pen: Pen::ALL[rng.random_range(0..Pen::ALL.len())],
        };
        let points: Vec<f32> = (0..batch * time).flat_map(|_| point().features()).collect();
        let points = Tensor::from_data(TensorData::new(points, [batch, time, Point::FEATURES]), &Device::flex());
        let classes = random_ids(&mut rng, model.settings().classes.len(), [batch, time]);
        let state = random_state(&mut rng, &network.rnn, batch);
        let (parameters, after) = network.forward(points.clone(), int_tensor(&classes), None, Some(state.clone()));
        let Mixture { logits, means, deviations, correlation, pen } = Mixture::new(parameters);
        let inputs = [("points", Array::floats(points)), ("classes", Array::ids(&classes))];
        let inputs = inputs.into_iter().chain(named(["h0", "c0"], state)).collect();
        let ([mean_x, mean_y], [deviation_x, deviation_y]) = (means, deviations);
        let outputs = [
            ("logits", logits),
            ("mean_x", mean_x),
            ("mean_y", mean_y),
            ("deviation_x", deviation_x),
            ("deviation_y", deviation_y),
            ("correlation", correlation),
            ("pen", pen),
        ];
        let outputs = outputs.map(|(name, tensor)| (name, Array::floats(tensor)));
        let outputs = outputs.into_iter().chain(named(["hn", "cn"], after)).collect();
        Case { graph, padded: false, loops: Vec::new(), inputs, outputs }
    };
    let cases = vec![case("model", [1, 1]), case("model", [3, 12]), case("step", [1, 1]), case("step", [4, 1])];
    shipped_model(name, model, cases)
}
