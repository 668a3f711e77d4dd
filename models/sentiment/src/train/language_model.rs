//! The language model whose hidden states are the contextual word vectors of another model (setting `data.contextual`).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use inference::package::MANIFEST;
use inference::text::Vocabulary;
use inference::{Catalog, Files, Folder, Package, Predictor};
use rnn::Rnn;
use training::{TaskError, TaskResult};

use crate::contextual::ContextualConfig;
use crate::model::Network;
use crate::predictor::Sentiment;

/// The weights of a language model.
#[derive(Clone, Debug)]
pub struct LanguageModel {
    config: ContextualConfig,
    /// The embedding matrix, `[words, E']`, where E' is the embedding size.
    embedding: Vec<f32>,
    rnn: Rnn,
    vocabulary: Vocabulary,
    /// A text that identifies the model by its checksum.
    pub source: String,
}

impl LanguageModel {
    /// Opens the bidirectional network of a trained model of this crate, usually a language model. `name` is the name
    /// of a model, or the path of its folder.
    pub fn open(name: &str) -> TaskResult<Self> {
        let wrong = |message: String| TaskError::setting("data.contextual", format!("{name}: {message}"));
        let missing = |error| {
            wrong(format!("{error}; or train a language model: train --recipe film-language --out runs/film-language"))
        };
        let files = Folder::new(Catalog::of::<Sentiment>().find(name).map_err(missing)?);
        let read = || {
            let package = Package::open(&files, Sentiment::APPLICATION)?;
            Ok((Sentiment::open(&package, &Device::flex())?, inference::package::sha256(&files.read(MANIFEST)?)))
        };
        let (model, checksum) = read().map_err(|error: inference::PackageError| wrong(error.to_string()))?;
        let settings = model.settings().model.network.as_ref().filter(|config| config.bidirectional);
        let (Some(config), Some(classifier)) = (settings, model.network()) else {
            return Err(wrong("the model has no bidirectional network; name a model that has one".to_owned()));
        };
        let network = classifier.network();
        Ok(Self {
            config: ContextualConfig {
                cell: config.cell,
                embedding_size: config.embedding_size,
                hidden_size: config.hidden_size,
                layers: config.layers,
            },
            embedding: network.embedding.weight.val().into_data().convert::<f32>().iter().collect(),
            rnn: network.rnn.clone(),
            vocabulary: classifier.vocabulary().clone(),
            source: format!("a language model ({checksum})"),
        })
    }

    /// The architecture of the language model.
    pub fn config(&self) -> ContextualConfig {
        self.config
    }

    /// Arranges the embeddings in the order of another vocabulary. A word that the language model does not know gets
    /// the embedding of the unknown word.
    #[must_use]
    pub fn for_vocabulary(self, vocabulary: &Vocabulary) -> Self {
        let size = self.config.embedding_size.get();
        let row = |id: u32| {
            let own = vocabulary.token(id).map_or(Vocabulary::UNKNOWN, |token| self.vocabulary.id(token));
            &self.embedding[own as usize * size..][..size]
        };
        let embedding = (0..vocabulary.len() as u32).flat_map(|id| row(id).to_vec()).collect();
        Self { embedding, vocabulary: vocabulary.clone(), ..self }
    }

    /// Copies the weights into the field `contextual` of a network, and freezes them there. The network must have the
    /// same vocabulary as this language model.
    pub fn initialise(&self, network: &mut Network) {
        let Some(contextual) = &mut network.contextual else { return };
        let device = contextual.embedding.weight.val().device();
        let shape = [self.vocabulary.len(), self.config.embedding_size.get()];
        let weight = Tensor::from_data(TensorData::new(self.embedding.clone(), shape), &device);
        contextual.embedding.weight = Param::from_tensor(weight);
        contextual.rnn = self.rnn.clone().to_device(&device);
        *contextual = contextual.clone().no_grad();
    }
}
