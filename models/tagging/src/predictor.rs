//! The trained model, [`Tagger`].

use std::ops::Range;

use burn::tensor::{Device, Tensor};
use inference::{Package, PackageError, PredictError, Predictor, Schemas, by_length};
use rnn::Lattice;

use crate::features::Encoder;
use crate::labels::{Labels, OUTSIDE, Span};
use crate::model::{Batch, Network, Sizes, WEIGHT_NAMES};
use crate::prediction::{Entity, Options, Prediction};
use crate::settings::Settings;
use crate::text;

/// The largest number of sentences in a batch.
pub const BATCH: usize = 32;

/// A trained model that finds named entities in texts.
#[derive(Debug)]
pub struct Tagger {
    network: Network,
    encoder: Encoder,
    labels: Labels,
    settings: Settings,
    device: Device,
}

impl Predictor for Tagger {
    const APPLICATION: &'static str = "tagging";
    /// A text with any number of sentences.
    type Input = String;
    type Options = Options;
    type Output = Prediction;

    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError> {
        let settings: Settings = package.settings()?;
        let vectors = settings.pretrained.then(|| settings.model.embedding_size.get());
        let encoder = Encoder::open(package, vectors, settings.characters.clone())?;
        let labels = Labels::new(settings.kinds.clone());
        let sizes = Sizes::of(&encoder);
        let init = || settings.model.init(sizes, &labels, device);
        let mut network = package.load_network(settings.model.num_params(sizes, &labels), init, WEIGHT_NAMES)?;
        (network.spelling, network.rnn) = (network.spelling.keep_packed(), network.rnn.keep_packed());
        Ok(Self::new(network, encoder, settings, device.clone()))
    }

    fn predict(&self, inputs: &[String], options: &Options) -> Result<Vec<Prediction>, PredictError> {
        if !(0.0..=1.0).contains(&options.min_confidence) {
            let message = format!("{} is not between 0 and 1; set a number from 0 to 1", options.min_confidence);
            return Err(PredictError::bad_input("min_confidence", message));
        }
        let sentences: Vec<Vec<Vec<Range<usize>>>> = inputs.iter().map(|input| text::sentences(input)).collect();
        let tokens = inputs.iter().zip(&sentences).flat_map(|(input, sentences)| {
            sentences.iter().map(|tokens| tokens.iter().map(|token| &input[token.clone()]).collect::<Vec<_>>())
        });
        let mut tagged = self.tag(&tokens.collect::<Vec<_>>()).into_iter();
        let predictions = inputs.iter().zip(&sentences).map(|(input, sentences)| {
            let spans = sentences.iter().zip(tagged.by_ref()).flat_map(|(tokens, spans)| {
                spans.into_iter().map(|(span, confidence)| {
                    (tokens[span.start].start..tokens[span.end - 1].end, span.kind, confidence)
                })
            });
            let confident = spans.filter(|(_, _, confidence)| *confidence >= options.min_confidence);
            Prediction { text: input.clone(), entities: self.entities(input, confident) }
        });
        Ok(predictions.collect())
    }

    fn example(&self) -> String {
        "Anna Keller flew from Zurich to New York on Monday to visit the offices of Google.".to_owned()
    }

    fn schemas(&self) -> Schemas {
        crate::schemas::schemas()
    }
}

impl Tagger {
    /// Creates a model from its parts. The network must be on `device`, and its sizes must match the encoder and the
    /// settings.
    pub fn new(network: Network, encoder: Encoder, settings: Settings, device: Device) -> Self {
        let labels = Labels::new(settings.kinds.clone());
        Self { network, encoder, labels, settings, device }
    }

    /// Returns the settings of the model.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the network of the model.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the encoder, which converts tokens to ids and shapes.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Returns the labels that the network gives to tokens.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Finds the entities of tokenized sentences. Returns one list per sentence, with each entity and its confidence:
    /// see [`Entity::confidence`].
    pub fn tag<S: AsRef<str>, T: AsRef<[S]>>(&self, sentences: &[T]) -> Vec<Vec<(Span, f32)>> {
        self.each_batch(sentences, |emissions, lengths| {
            let emissions = self.penalize_outside(emissions, self.settings.outside_penalty);
            self.network.crf.lattice(emissions, lengths).iter().map(|lattice| self.spans(lattice)).collect()
        })
    }

    /// Finds the entities of tokenized sentences, as [`tag`](Self::tag) does, but does not compute their confidence.
    pub fn tag_spans<S: AsRef<str>, T: AsRef<[S]>>(&self, sentences: &[T]) -> Vec<Vec<Span>> {
        let found = self.tag_spans_with(sentences, &[self.settings.outside_penalty]);
        found.into_iter().flatten().collect()
    }

    /// Finds the entities of tokenized sentences once for each of `penalties`, which replace
    /// [`Settings::outside_penalty`]. Returns the entities of each sentence for each penalty:
    /// `[sentences, penalties, entities]`.
    pub fn tag_spans_with<S: AsRef<str>, T: AsRef<[S]>>(
        &self,
        sentences: &[T],
        penalties: &[f32],
    ) -> Vec<Vec<Vec<Span>>> {
        self.each_batch(sentences, |emissions, lengths| {
            let mut answers = vec![Vec::with_capacity(penalties.len()); lengths.len()];
            for penalty in penalties {
                let paths = self.network.crf.decode(self.penalize_outside(emissions.clone(), *penalty), lengths);
                answers.iter_mut().zip(paths).for_each(|(answer, labels)| answer.push(self.labels.decode(&labels)));
            }
            answers
        })
    }

    /// Computes the emissions of the sentences batch by batch. For each batch, calls `answer` with the emissions,
    /// `[batch, time, labels]`, and the number of tokens of each sentence; `answer` returns one list per sentence.
    /// Returns the lists of all sentences in the order of `sentences`.
    fn each_batch<S: AsRef<str>, T: AsRef<[S]>, A: Clone>(
        &self,
        sentences: &[T],
        answer: impl Fn(Tensor<3>, &[usize]) -> Vec<Vec<A>>,
    ) -> Vec<Vec<A>> {
        let mut answers = vec![Vec::new(); sentences.len()];
        for indices in by_length(sentences.iter().map(|tokens| tokens.as_ref().len()), BATCH) {
            let encoded: Vec<_> = indices.iter().map(|index| self.encoder.encode(sentences[*index].as_ref())).collect();
            let batch = Batch::new(&encoded, self.encoder.vectors(), &self.device);
            let lengths = batch.lengths.clone();
            let emissions = self.network.emissions(batch); // [B, T, K]
            for (index, found) in indices.into_iter().zip(answer(emissions, &lengths)) {
                answers[index] = found;
            }
        }
        answers
    }

    /// Sets the number that is subtracted from the score of the label `O`: see [`Settings::outside_penalty`].
    pub fn set_outside_penalty(&mut self, penalty: f32) {
        self.settings.outside_penalty = penalty;
    }

    /// Subtracts `penalty` from the scores of the label [`OUTSIDE`]. The scores before and after the subtraction have
    /// the shape `[batch, time, labels]`.
    fn penalize_outside(&self, emissions: Tensor<3>, penalty: f32) -> Tensor<3> {
        let mut penalties = vec![0.0; self.labels.count()];
        penalties[OUTSIDE] = penalty;
        emissions - Tensor::<1>::from_floats(penalties.as_slice(), &self.device).reshape([1, 1, self.labels.count()])
    }

    /// Returns the entities of one sentence, each with its confidence. The entities are those of the label sequence
    /// with the highest CRF score.
    fn spans(&self, lattice: &Lattice) -> Vec<(Span, f32)> {
        let spans = self.labels.decode(&lattice.viterbi());
        let confidence = |span: &Span| lattice.log_probability(span.start, &span.labels()).exp() as f32;
        spans.into_iter().map(|span| (span, confidence(&span))).collect()
    }

    /// Returns an [`Entity`] for each item of `spans`, with offsets in bytes and in characters. An item consists of a
    /// byte range of `text`, the index of a kind, and a confidence. The byte ranges must be in ascending order.
    fn entities(&self, text: &str, spans: impl Iterator<Item = (Range<usize>, usize, f32)>) -> Vec<Entity> {
        let (mut byte, mut character) = (0, 0); // the same offset in bytes and in characters
        let mut count_to = |end: usize| {
            character += text[byte..end].chars().count();
            byte = end;
            character
        };
        let entity = |(Range { start, end }, kind, confidence): (Range<usize>, usize, f32)| Entity {
            kind: self.labels.kinds()[kind].clone(),
            text: text[start..end].to_owned(),
            start,
            end,
            char_start: count_to(start),
            char_end: count_to(end),
            confidence,
        };
        spans.map(entity).collect()
    }
}
