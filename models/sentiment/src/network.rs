//! The network with its vocabulary: computes logits from the words of a text.

use burn::tensor::Device;
use inference::text::{Reserved, Vocabulary};
use inference::{Package, PackageError, by_length};

use crate::model::{Batch, Dropouts, Network, NetworkConfig, WEIGHT_NAMES};
use crate::settings::Reading;

/// The largest number of texts in a batch.
pub const BATCH: usize = 64;

/// A network with its vocabulary, which classifies tokenised texts.
#[derive(Debug)]
pub struct NetworkClassifier {
    network: Network,
    vocabulary: Vocabulary,
    reading: Reading,
    device: Device,
}

impl NetworkClassifier {
    /// Creates a classifier from a trained network. The network must be on `device`, and its embedding must have one
    /// row per token of `vocabulary`. `reading` says which words of a long text the network reads.
    pub fn new(network: Network, vocabulary: Vocabulary, reading: Reading, device: Device) -> Self {
        Self { network, vocabulary, reading, device }
    }

    /// Reads the vocabulary and the weights of a network with `outputs` logits from a package (the files of a trained
    /// model). `reading` says which words of a long text the network reads.
    pub fn open(
        package: &Package<'_>,
        config: &NetworkConfig,
        outputs: usize,
        reading: Reading,
        device: &Device,
    ) -> Result<Self, PackageError> {
        let vocabulary = Vocabulary::open(package, Reserved::Padding)?;
        let init = || config.init(vocabulary.len(), outputs, Dropouts::default(), device);
        let mut network = package.load_network(config.num_params(vocabulary.len(), outputs), init, WEIGHT_NAMES)?;
        network.rnn = network.rnn.keep_packed();
        Ok(Self::new(network, vocabulary, reading, device.clone()))
    }

    /// The trained network, on the classifier's device.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The tokens that the network knows.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Which words of a long text the network reads.
    pub fn reading(&self) -> Reading {
        self.reading
    }

    /// Converts the tokens of a text to token ids. If the text has more than [`Reading::max_words`] tokens, only the
    /// tokens that the network reads are converted. A token that is not in the vocabulary is split into subwords of the
    /// vocabulary, or becomes the unknown word if it cannot be split.
    pub fn encode(&self, tokens: &[String]) -> Vec<u32> {
        self.vocabulary.encode_subwords(self.reading.cut(tokens))
    }

    /// The logits of each tokenised text, in the order of `texts`.
    pub fn logits(&self, texts: &[Vec<String>]) -> Vec<Vec<f32>> {
        self.logits_of_ids(&texts.iter().map(|tokens| self.encode(tokens)).collect::<Vec<_>>())
    }

    fn logits_of_ids(&self, texts: &[Vec<u32>]) -> Vec<Vec<f32>> {
        let mut logits = vec![Vec::new(); texts.len()];
        for indices in by_length(texts.iter().map(Vec::len), BATCH) {
            let batch = Batch::new(indices.iter().map(|index| texts[*index].as_slice()), &self.device);
            let answers = self.network.forward(batch); // [B, K]
            let [_, outputs] = answers.dims();
            let answers: Vec<f32> = answers.into_data().convert::<f32>().iter().collect();
            let answers = indices.iter().zip(answers.chunks(outputs.max(1)));
            answers.for_each(|(index, answer)| logits[*index] = answer.to_vec());
        }
        logits
    }

    /// The contribution of each token to the logit with the index `output`, by occlusion: the decrease of the logit
    /// when the unknown word replaces the token. The contribution of a token that the network does not read is 0.
    pub fn contributions(&self, tokens: &[String], output: usize) -> Vec<f32> {
        let read = self.reading.cut(tokens);
        let mut variants = vec![self.encode(tokens)];
        variants.extend((0..read.len()).map(|occluded| {
            let (before, after) = (&read[..occluded], &read[occluded + 1..]);
            let [before, after] = [before, after].map(|tokens| self.vocabulary.encode_subwords(tokens));
            [before, vec![Vocabulary::UNKNOWN], after].concat()
        }));
        let logits = self.logits_of_ids(&variants);
        let mut contributions = vec![0.0; tokens.len()];
        for (contribution, without) in contributions[self.reading.range(tokens.len())].iter_mut().zip(&logits[1..]) {
            *contribution = logits[0][output] - without[output];
        }
        contributions
    }
}
