//! The network: a bidirectional LSTM with a conditional random field (CRF), which labels every token of a sentence.
//!
//! ```text
//! words [B, T] ─► vectors or embedding [B, T, E] ──────────────────┐
//! characters of each distinct token ─► character LSTM [B, T, 2·C] ─┼─► locked dropout ─► LSTM in both directions [B, T, 2·H]
//! shapes [B, T] ─► one-hot [B, T, S] ──────────────────────────────┘       ─► locked dropout ─► dense [B, T, K] ─► CRF
//! ```
//!
//! `B` is the number of sentences, `T` the number of tokens in the longest sentence, `S` the number of shapes, and `K`
//! the number of labels. [`NetworkConfig`] defines `E`, `C` and `H`.
//!
//! This is the architecture of [Lample et al. 2016](https://arxiv.org/abs/1603.01360), who reach an F1 of 90.9 on
//! CoNLL-2003, with additional shape features as in [Collobert et al. 2011](https://arxiv.org/abs/1103.0398). Through
//! the characters of a word, the network can label words that do not occur in the training part. The CRF scores whole
//! label sequences, so that an entity cannot begin as a person and end as a place.
//!
//! ```sh
//! cargo run -p tagging -- train --recipe wnut17
//! ```

use std::collections::HashMap;
use std::ops::Range;

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use inference::settings::{Count, Fraction};
use inference::weights::WeightNames;
use rnn::{Cell, Crf, CrfConfig, Init, LockedDropout, Rnn, RnnConfig};
use serde::{Deserialize, Serialize};

use crate::features::{Encoder, SHAPES, Sentence};
use crate::labels::Labels;
use crate::vectors::WordVectors;

/// The rules that convert between the names of the network's weights and PyTorch's names.
pub const WEIGHT_NAMES: WeightNames =
    WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };

/// The sizes and dropout probabilities of the network: the table `[model]` of a recipe (the TOML file of a training
/// run), and the field `model` in the settings of a package (the files of a trained model).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// The number of features of a word embedding, E.
    pub embedding_size: Count,
    /// The number of features of a character embedding.
    pub character_size: Count,
    /// The number of hidden units of the character LSTM in each direction, C.
    pub character_hidden: Count,
    /// The number of hidden units of the sentence LSTM in each direction, H.
    pub hidden_size: Count,
    /// The number of layers of the sentence LSTM.
    pub layers: Count,
    /// The probability that locked dropout zeroes an input feature of the sentence LSTM. Locked dropout uses one mask
    /// for all tokens of a sentence.
    #[serde(default)]
    pub input_dropout: Fraction,
    /// The probability that locked dropout zeroes an output feature of a layer of the sentence LSTM.
    #[serde(default)]
    pub output_dropout: Fraction,
}

/// The network that scores the labels of each token. The [module documentation](self) shows its layers.
#[derive(Module, Debug)]
pub struct Network {
    /// Learned word embeddings, `[words, E]`; `None` if the network reads pretrained word vectors.
    pub words: Option<Embedding>,
    /// Learned character embeddings, `[characters, character_size]`.
    pub characters: Embedding,
    /// The character LSTM, which reads the characters of a token in both directions.
    pub spelling: Rnn,
    /// Locked dropout of the input features of the sentence LSTM.
    pub input_dropout: LockedDropout,
    /// The sentence LSTM, which reads the tokens of a sentence in both directions.
    pub rnn: Rnn,
    /// Locked dropout of the outputs of the sentence LSTM.
    pub output_dropout: LockedDropout,
    /// The output layer: from `2·H` features to one score per label.
    pub dense: Linear,
    /// The conditional random field, which holds the scores of label transitions.
    pub crf: Crf,
}

/// The sizes of the network's embedding tables, which depend on the training data.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The number of word ids if word embeddings are learned; `None` if the network reads pretrained word vectors.
    pub words: Option<usize>,
    /// The number of character ids, including the ids of padding and of unknown characters.
    pub characters: usize,
}

impl Sizes {
    /// Returns the sizes of the embedding tables for the words and characters of an encoder.
    pub fn of(encoder: &Encoder) -> Self {
        let words = encoder.vectors().is_none().then(|| encoder.words().len());
        Self { words, characters: encoder.character_count() }
    }
}

/// The features of a batch of sentences as tensors, padded to the longest sentence.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Word ids, padded with 0: `[batch, time]`.
    words: Tensor<2, Int>,
    /// Pretrained word vectors, zero in the padding: `[batch, time, E]`; `None` if word embeddings are learned.
    vectors: Option<Tensor<3>>,
    /// The one-hot encoded word [shape](crate::features::shape) of each token, zero in the padding:
    /// `[batch, time, SHAPES]`.
    shapes: Tensor<3>,
    /// Character ids of each distinct token, padded with 0: `[distinct tokens, characters]`.
    characters: Tensor<2, Int>,
    /// The number of characters of each distinct token.
    character_lengths: Vec<usize>,
    /// For each token, the index of the row of [`characters`](Self::characters) that holds its character ids:
    /// `[batch · time]`. The index is 0 in the padding.
    spellings: Tensor<1, Int>,
    /// The number of tokens of each sentence.
    pub lengths: Vec<usize>,
}

impl NetworkConfig {
    /// Creates the network with random weights.
    pub fn init(&self, sizes: Sizes, labels: &Labels, device: &Device) -> Network {
        let spelling = self.spelling().init(device);
        let rnn = self.rnn().with_locked_dropout(self.output_dropout.get()).init(device);
        Network {
            words: sizes.words.map(|words| embedding(words, self.embedding_size, device)),
            characters: embedding(sizes.characters, self.character_size, device),
            spelling,
            input_dropout: LockedDropout::new(self.input_dropout.get()),
            output_dropout: LockedDropout::new(self.output_dropout.get()),
            dense: LinearConfig::new(rnn.output_size(), labels.count()).init(device),
            rnn,
            crf: CrfConfig::new(labels.count()).with_allowed(labels.allowed()).init(device),
        }
    }

    /// Returns the number of parameters that [`init`](Self::init) creates.
    pub fn num_params(&self, sizes: Sizes, labels: &Labels) -> f64 {
        let [words, characters] = [sizes.words.unwrap_or(0), sizes.characters].map(|count| count as f64);
        let count = labels.count() as f64;
        let embeddings = words * self.embedding_size.get() as f64 + characters * self.character_size.get() as f64;
        let dense = (2.0 * self.hidden_size.get() as f64 + 1.0) * count;
        let crf = CrfConfig::new(labels.count()).num_params();
        embeddings + self.spelling().num_params() + self.rnn().num_params() + dense + crf
    }

    fn spelling(&self) -> RnnConfig {
        RnnConfig::new(Cell::Lstm, self.character_size.get(), self.character_hidden.get())
            .with_bidirectional(true)
            .with_initializer(Init::Orthogonal)
    }

    fn rnn(&self) -> RnnConfig {
        let features = self.embedding_size.get() + 2 * self.character_hidden.get() + SHAPES;
        RnnConfig::new(Cell::Lstm, features, self.hidden_size.get())
            .with_num_layers(self.layers.get())
            .with_bidirectional(true)
            .with_initializer(Init::Orthogonal)
    }
}

fn embedding(count: usize, size: Count, device: &Device) -> Embedding {
    let initializer = Initializer::Normal { mean: 0.0, std: 0.3 };
    EmbeddingConfig::new(count, size.get()).with_initializer(initializer).init(device)
}

impl Network {
    /// Computes the score of each label for each token, which is the input of the CRF: `[batch, time, labels]`. The
    /// scores at padded positions have no meaning.
    pub fn emissions(&self, batch: Batch) -> Tensor<3> {
        let [sentences, time] = batch.words.dims();
        let spelled = self.spell(batch.characters, &batch.character_lengths); // [U, 2·C]
        let [_, spelling_size] = spelled.dims();
        let spelled = spelled.select(0, batch.spellings).reshape([sentences, time, spelling_size]);
        let learned = self.words.as_ref().map(|words| words.forward(batch.words)); // [B, T, E]
        let features = learned.into_iter().chain(batch.vectors).chain([spelled, batch.shapes]);
        let tokens = Tensor::cat(features.collect(), 2); // [B, T, E+2·C+S]
        let (outputs, _) = self.rnn.forward(self.input_dropout.forward(tokens), Some(&batch.lengths), None); // [B, T, 2·H]
        self.dense.forward(self.output_dropout.forward(outputs))
    }

    /// Reads `U` tokens with the character LSTM, and returns the final hidden states of both directions: character ids
    /// `[U, characters]` → `[U, 2·C]`.
    pub fn spell(&self, characters: Tensor<2, Int>, lengths: &[usize]) -> Tensor<2> {
        let (_, state) = self.spelling.forward(self.characters.forward(characters), Some(lengths), None);
        self.spelling.last_hidden(state.hidden)
    }
}

impl Batch {
    /// Returns the sentences with these indices in the batch. The sentences keep the padding of the whole batch.
    pub fn rows(self, rows: Range<usize>) -> Self {
        let [_, time] = self.words.dims();
        let (start, count) = (rows.start, rows.len());
        Self {
            words: self.words.narrow(0, start, count),
            vectors: self.vectors.map(|vectors| vectors.narrow(0, start, count)),
            shapes: self.shapes.narrow(0, start, count),
            spellings: self.spellings.narrow(0, start * time, count * time),
            lengths: self.lengths[rows].to_vec(),
            ..self
        }
    }

    /// Creates a batch from encoded sentences, and pads them to the length of the longest sentence. `vectors` are the
    /// pretrained word vectors, if there are any. The batch stores the character ids once per distinct token, so that
    /// the character LSTM reads each distinct token once.
    pub fn new(sentences: &[Sentence], vectors: Option<&WordVectors>, device: &Device) -> Self {
        let lengths: Vec<usize> = sentences.iter().map(|sentence| sentence.words.len()).collect();
        let time = lengths.iter().copied().max().unwrap_or(0).max(1);
        let cells = sentences.len() * time;
        let (mut words, mut shapes) = (vec![0i32; cells], vec![0f32; cells * SHAPES]);
        let (mut spellings, mut distinct) = (vec![0i32; cells], Distinct::default());
        for (row, sentence) in sentences.iter().enumerate() {
            for (step, word) in sentence.words.iter().enumerate() {
                let cell = row * time + step;
                words[cell] = *word as i32;
                shapes[cell * SHAPES + sentence.shapes[step] as usize] = 1.0;
                spellings[cell] = distinct.row(&sentence.characters[step]) as i32;
            }
        }
        let (characters, character_lengths) = distinct.pad(device);
        let vectors = vectors.map(|vectors| {
            // Padding has the word id 0, whose vector is zero.
            let values: Vec<f32> = words.iter().flat_map(|id| vectors.row(*id as u32)).collect();
            Tensor::from_data(TensorData::new(values, [sentences.len(), time, vectors.size()]), device)
        });
        Self {
            words: Tensor::from_data(TensorData::new(words, [sentences.len(), time]), device),
            shapes: Tensor::from_data(TensorData::new(shapes, [sentences.len(), time, SHAPES]), device),
            vectors,
            spellings: Tensor::from_data(TensorData::new(spellings, [cells]), device),
            characters,
            character_lengths,
            lengths,
        }
    }
}

/// The distinct tokens of a batch, as character ids. Each distinct token has one row.
#[derive(Default)]
struct Distinct<'a> {
    rows: HashMap<&'a [u32], usize>,
    tokens: Vec<&'a [u32]>,
}

impl<'a> Distinct<'a> {
    /// Returns the index of the row of the token with these character ids. Adds a row if the token is new.
    fn row(&mut self, characters: &'a [u32]) -> usize {
        *self.rows.entry(characters).or_insert_with(|| {
            self.tokens.push(characters);
            self.tokens.len() - 1
        })
    }

    /// Returns the character ids of all distinct tokens, `[distinct tokens, characters]`, padded with 0, and the number
    /// of characters of each distinct token.
    fn pad(&self, device: &Device) -> (Tensor<2, Int>, Vec<usize>) {
        let lengths: Vec<usize> = self.tokens.iter().map(|token| token.len()).collect();
        let time = lengths.iter().copied().max().unwrap_or(0).max(1);
        // A batch without tokens still needs one row, because the padding of the sentences refers to row 0.
        let rows = self.tokens.len().max(1);
        let mut ids = vec![0i32; rows * time];
        for (row, token) in ids.chunks_mut(time).zip(&self.tokens) {
            row.iter_mut().zip(*token).for_each(|(cell, id)| *cell = *id as i32);
        }
        let lengths = if lengths.is_empty() { vec![0] } else { lengths };
        (Tensor::from_data(TensorData::new(ids, [rows, time]), device), lengths)
    }
}
