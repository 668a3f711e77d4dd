//! [`TaggingTask`]: how the models are trained and measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::Device;
use datasets::conll::TaggedSentence;
use inference::text::Vocabulary;
use inference::weights::WeightNames;
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rnn::Rows;
use training::collective::Share;
use training::{
    CollateContext, Contents, Demonstration, Interrupt, LoadContext, Loss, Measured, Monitor, Outcome, Pretrained,
    RecipeOf, Splits, StepContext, Task, TaskError, TaskResult, bucketed,
};

use crate::features::{Encoder, Sentence};
use crate::labels::{Labels, Span};
use crate::model::{Batch, Network, NetworkConfig, Sizes, WEIGHT_NAMES};
use crate::predictor::Tagger;
use crate::settings::Settings;
use crate::train::augmentation::Mentions;
use crate::train::data::{DataConfig, Example, Part, RawData, name};
use crate::train::evaluation;
use crate::train::frequency::MostFrequentLabel;
use crate::train::perceptron::Perceptron;
use crate::vectors::WordVectors;

/// The number of sentences that an evaluation tags between two checks for a requested stop.
const EVALUATED_TOGETHER: usize = 1000;
/// The step between the values of [`Settings::outside_penalty`] that are tried on the validation part. The values are
/// 0, 1, …, `PENALTIES − 1` times this number.
const PENALTY_STEP: f32 = 0.25;
/// The number of values of [`Settings::outside_penalty`] that are tried.
const PENALTIES: usize = 17;
/// The number of sentences in the demonstration of a trained model.
const SHOWN: usize = 5;
/// The sentences in the demonstration of a model that was trained on a published data set, with a space between tokens.
/// The model card shows the demonstration, and does not quote published data, because the licences of the data sets
/// differ.
const EXAMPLES: [&str; SHOWN] = [
    "just landed in Lisbon with @marta , first stop Pastelaria Aloma",
    "Angela Merkel will speak in Brussels on Friday",
    "anyone else think Stranger Things got boring ?",
    "my new iPad Pro arrived and Apple forgot the charger",
    "cant wait to see the Arctic Monkeys in Sheffield tonight !!",
];

/// Trains and evaluates [`Tagger`] models. The task holds the parts of a model that are derived from the data without
/// gradients: the vocabulary, the characters and the labels.
pub struct TaggingTask {
    /// The table `[data]` of the recipe.
    data: DataConfig,
    /// The table `[model]` of the recipe.
    architecture: NetworkConfig,
    /// The vocabulary, the characters and the pretrained word vectors, if there are any.
    encoder: Encoder,
    /// The labels of the kinds of entities in the training part.
    labels: Labels,
    /// The entities of the training part, which replace entities of training sentences at random.
    mentions: Mentions,
}

impl Task for TaggingTask {
    const RECIPES: &'static [&'static str] = &[
        include_str!("../../recipes/quick.toml"),
        include_str!("../../recipes/wnut17.toml"),
        include_str!("../../recipes/wnut17-plain.toml"),
        include_str!("../../recipes/conll2003.toml"),
        include_str!("../../recipes/own-columns.toml"),
    ];
    const CARD: &'static str = include_str!("../card.md");
    const MONITOR: Monitor = Monitor { metric: "f1", higher_is_better: true };
    const ITEMS: &'static str = "sentences";
    const WEIGHT_NAMES: WeightNames = WEIGHT_NAMES;
    const PATHS: &'static [&'static str] = &["data.file", "data.valid_file", "data.test_file", "data.vectors"];

    type Predictor = Tagger;
    type Data = DataConfig;
    type Architecture = NetworkConfig;
    type Raw = RawData;
    type Set = Part;
    type Model = Network;
    /// The sentences of a batch, as indices of [`Part::examples`].
    type Items = Vec<usize>;
    /// The features of the sentences, the label ids of the tokens of each sentence, and the positions of these
    /// sentences in the whole batch. (In data-parallel training, each process has only some sentences of the batch.)
    type Batch = (Batch, Vec<Vec<usize>>, Rows);

    fn load(data: &DataConfig, cx: &mut LoadContext) -> TaskResult<RawData> {
        data.load(cx)
    }

    fn fingerprint(raw: &RawData) -> String {
        let vectors = raw.vectors.as_ref().map(|vectors| format!(", {}", vectors.source));
        raw.parts.source.clone() + &vectors.unwrap_or_default()
    }

    fn fit(recipe: &RecipeOf<Self>, raw: &RawData, start: Option<Pretrained<'_, Self>>) -> TaskResult<Self> {
        Pretrained::refuse_start(start)?;
        let (data, architecture) = (recipe.data.clone(), recipe.model.clone());
        let (encoder, labels) = (data.encoder(raw), DataConfig::labels(&raw.parts));
        if let Some(vectors) = encoder.vectors().filter(|vectors| vectors.size() != architecture.embedding_size.get()) {
            let (size, wanted) = (architecture.embedding_size, vectors.size());
            let message = format!(
                "{size} differs from the size {wanted} of the word vectors; set model.embedding_size = {wanted}"
            );
            return Err(TaskError::setting("model.embedding_size", message));
        }
        let mentions = Mentions::of(&raw.parts.train, &labels);
        Ok(Self { data, architecture, encoder, labels, mentions })
    }

    fn of_trained(recipe: &RecipeOf<Self>, predictor: &Tagger) -> TaskResult<Self> {
        Ok(Self {
            data: recipe.data.clone(),
            architecture: recipe.model.clone(),
            encoder: predictor.encoder().clone(),
            labels: predictor.labels().clone(),
            mentions: Mentions::default(),
        })
    }

    fn encode(&self, RawData { parts, .. }: RawData, _: &mut LoadContext) -> TaskResult<Splits<Part>> {
        let names = parts.train.iter().flat_map(|TaggedSentence { tokens, entities }| {
            entities.iter().map(|entity| name(&tokens[entity.start..entity.end]))
        });
        let known_names = Arc::new(names.collect());
        let part = |sentences: Vec<TaggedSentence>| Part {
            examples: sentences
                .into_iter()
                .map(|sentence| Example::new(sentence, &self.encoder, &self.labels))
                .collect(),
            known_names: Arc::clone(&known_names),
        };
        Ok(Splits { train: part(parts.train), valid: part(parts.valid), test: part(parts.test) })
    }

    fn num_params(&self) -> f64 {
        self.architecture.num_params(Sizes::of(&self.encoder), &self.labels)
    }

    fn init(&self, device: &Device) -> Option<Network> {
        Some(self.architecture.init(Sizes::of(&self.encoder), &self.labels, device))
    }

    fn plan(&self, part: &Part, size: usize, _epoch: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<usize>> {
        let lengths: Vec<usize> = part.examples.iter().map(|example| example.tokens.len()).collect();
        bucketed(&lengths, size, rng)
    }

    fn collate(&self, part: &Part, items: &Vec<usize>, cx: &mut CollateContext) -> TaskResult<Self::Batch> {
        let (sentences, targets): (Vec<Sentence>, Vec<Vec<usize>>) =
            items.iter().map(|index| self.augment(&part.examples[*index], cx.rng)).unzip();
        Ok((Batch::new(&sentences, self.encoder.vectors(), cx.device), targets, Rows::all(items.len())))
    }

    fn part(&self, (batch, targets, rows): Self::Batch, share: Share) -> TaskResult<Option<Self::Batch>> {
        let own = share.own_rows(rows.of);
        Ok(own.map(|own| (batch.rows(own.clone()), targets[own.clone()].to_vec(), rows.part(own))))
    }

    /// Computes the mean negative log-likelihood of the label sequences, in nats per sentence.
    fn loss(&self, network: &Network, (batch, targets, rows): Self::Batch, _: &mut StepContext) -> TaskResult<Loss> {
        let lengths = batch.lengths.clone();
        let emissions = rows.within(|| network.emissions(batch)); // [B, T, K]
        let losses = network.crf.negative_log_likelihood(emissions, &lengths, &targets); // [B]
        Ok(Loss { mean: losses.mean(), count: lengths.len() })
    }

    fn predictor(&self, network: Option<Network>, device: &Device) -> TaskResult<Tagger> {
        let network = network.ok_or_else(TaskError::without_network)?;
        let settings = Settings {
            model: self.architecture.clone(),
            pretrained: self.encoder.vectors().is_some(),
            kinds: self.labels.kinds().to_vec(),
            characters: self.encoder.characters().to_owned(),
            outside_penalty: 0.0,
        };
        Ok(Tagger::new(network, self.encoder.clone(), settings, device.clone()))
    }

    fn contents(predictor: &Tagger) -> TaskResult<Contents<'_, Network>> {
        let encoder = predictor.encoder();
        let mut files = vec![(Vocabulary::FILE, encoder.words().to_text().into_bytes())];
        if let Some(vectors) = encoder.vectors() {
            files.push((WordVectors::FILE, vectors.to_bytes()?));
        }
        Contents::new(predictor.settings(), predictor.network(), files)
    }

    fn validate(&self, predictor: &Tagger, part: &Part, interrupt: &Interrupt) -> TaskResult<Measured> {
        Ok(evaluation::measure_overall(part, &predicted_spans(predictor, &part.examples, interrupt)?))
    }

    fn evaluate(&self, predictor: &Tagger, part: &Part, interrupt: &Interrupt) -> TaskResult<Measured> {
        let predicted = predicted_spans(predictor, &part.examples, interrupt)?;
        Ok(evaluation::measure(part, &predicted, &self.labels))
    }

    fn baselines(&self, splits: &Splits<Part>, interrupt: &Interrupt) -> TaskResult<BTreeMap<String, Measured>> {
        let Splits { train: Part { examples: train, .. }, test, .. } = splits;
        let measure = |predict: &dyn Fn(&[String]) -> Vec<Span>| {
            let predicted: Vec<_> = test.examples.iter().map(|example| predict(&example.tokens)).collect();
            evaluation::measure(test, &predicted, &self.labels)
        };
        let frequent = MostFrequentLabel::fit(train, &self.labels);
        let perceptron = Perceptron::fit(train, &self.labels, interrupt)?;
        Ok(BTreeMap::from([
            ("most frequent label".to_owned(), measure(&|tokens| frequent.predict(tokens, &self.labels))),
            ("averaged perceptron".to_owned(), measure(&|tokens| perceptron.predict(tokens))),
        ]))
    }

    /// Tries several penalties, which `predictor` subtracts from the scores of the label "outside" (`O`). Stores the
    /// penalty with the highest F1 on the validation part in `predictor`.
    fn finish(&self, predictor: &mut Tagger, valid: &Part, interrupt: &Interrupt) -> TaskResult<()> {
        let penalties: Vec<f32> = (0..PENALTIES).map(|step| step as f32 * PENALTY_STEP).collect();
        let found = in_parts(&valid.examples, interrupt, |tokens| predictor.tag_spans_with(tokens, &penalties))?;
        let mut best = (f64::NEG_INFINITY, 0.0);
        for (index, penalty) in penalties.into_iter().enumerate() {
            let predicted: Vec<Vec<Span>> = found.iter().map(|spans| spans[index].clone()).collect();
            let f1 = evaluation::measure_overall(valid, &predicted).get("f1").unwrap_or_default();
            if f1 > best.0 {
                best = (f1, penalty);
            }
        }
        predictor.set_outside_penalty(best.1);
        Ok(())
    }

    /// Shows up to five sentences with their predicted entities marked. For a published data set, these are the
    /// sentences in `EXAMPLES`. For other data, these are the first sentences of the test part with a true entity.
    fn demonstrate(&self, predictor: &Tagger, _: &Outcome, test: &Part) -> TaskResult<Demonstration> {
        let shown: Vec<Vec<String>> = if self.data.set.is_published() {
            EXAMPLES.iter().map(|text| text.split(' ').map(str::to_owned).collect()).collect()
        } else {
            let with_entities = test.examples.iter().filter(|example| !example.entities.is_empty());
            with_entities.take(SHOWN).map(|example| example.tokens.clone()).collect()
        };
        let predicted = predictor.tag_spans(&shown);
        let marked = shown.iter().zip(predicted).map(|(tokens, spans)| {
            let (mut words, mut end) = (Vec::new(), 0);
            for span in spans {
                words.extend_from_slice(&tokens[end..span.start]);
                let kind = &self.labels.kinds()[span.kind];
                words.push(format!("[{}]({kind})", tokens[span.start..span.end].join(" ")));
                end = span.end;
            }
            words.extend_from_slice(&tokens[end..]);
            words.join(" ")
        });
        Ok(Demonstration { lines: [String::new()].into_iter().chain(marked).collect(), picture: None })
    }
}

/// Returns the entities that the model predicts for each of the sentences `examples`.
fn predicted_spans(predictor: &Tagger, examples: &[Example], interrupt: &Interrupt) -> TaskResult<Vec<Vec<Span>>> {
    in_parts(examples, interrupt, |tokens| predictor.tag_spans(tokens))
}

/// Passes the tokens of the sentences `examples` to `tag` in parts of [`EVALUATED_TOGETHER`] sentences. Returns the
/// answers in the order of the sentences.
fn in_parts<A>(
    examples: &[Example],
    interrupt: &Interrupt,
    tag: impl Fn(&[&Vec<String>]) -> Vec<A>,
) -> TaskResult<Vec<A>> {
    let mut answers = Vec::with_capacity(examples.len());
    for part in examples.chunks(EVALUATED_TOGETHER) {
        interrupt.check()?;
        let tokens: Vec<&Vec<String>> = part.iter().map(|example| &example.tokens).collect();
        answers.extend(tag(&tokens));
    }
    Ok(answers)
}

impl TaggingTask {
    /// Augments a training sentence at random: replaces entities by others of the same kind, converts the sentence to
    /// lower case, and replaces words by `<unk>`. Returns the input features and the label id of each token.
    fn augment(&self, example: &Example, rng: &mut ChaCha8Rng) -> (Sentence, Vec<usize>) {
        let DataConfig { word_dropout, lowercase, replacement, .. } = &self.data;
        let (mut tokens, entities) = self.mentions.replace(&example.tokens, &example.entities, replacement.get(), rng);
        if rng.random_bool(lowercase.get()) {
            tokens.iter_mut().for_each(|token| *token = token.to_lowercase());
        }
        let mut sentence = self.encoder.encode(&tokens);
        for word in &mut sentence.words {
            if rng.random_bool(word_dropout.get()) {
                *word = Vocabulary::UNKNOWN;
            }
        }
        (sentence, self.labels.encode(tokens.len(), &entities))
    }
}
