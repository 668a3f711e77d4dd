//! The trained model: [`LanguageModel`].

use std::sync::OnceLock;

use burn::tensor::Device;
use inference::dynamic::AnyStreaming;
use inference::text::{Level, Reserved, Vocabulary};
use inference::weights::Precision;
use inference::{Package, PackageError, PredictError, Predictor, Schemas};
use serde::{Deserialize, Serialize};

use crate::adaptation::{self, Adaptation};
use crate::generate::{Generated, Generation, Prompt};
use crate::model::{Network, NetworkConfig, PreparedNetwork, WEIGHT_NAMES};
use crate::text::{CorpusKind, TextCodec};

/// The settings in a package (the files of a trained model): those settings of the recipe (the TOML file of the
/// training run) that inference needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The corpus that the model was trained on, and the unit of its tokens.
    pub data: TextSettings,
    /// The architecture of the network.
    pub model: NetworkConfig,
}

/// Those settings of the table `[data]` of a recipe (the TOML file of a training run) that inference needs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TextSettings {
    /// The corpus that the model was trained on. It determines how words of other texts are rewritten before they are
    /// looked up in the vocabulary.
    pub set: CorpusKind,
    /// The unit of tokens: words or characters.
    #[serde(default)]
    pub level: Level,
}

/// A trained language model, which generates text after a prompt and scores text.
#[derive(Debug)]
pub struct LanguageModel {
    pub(crate) network: Network,
    pub(crate) codec: TextCodec,
    pub(crate) settings: Settings,
    pub(crate) adaptation: Adaptation,
    pub(crate) device: Device,
    /// The precision of the weights in the package.
    precision: Precision,
    /// A copy of the network for generation, which reads one token per call. It is made when the first text is
    /// generated.
    prepared: OnceLock<PreparedNetwork>,
}

impl LanguageModel {
    /// Creates a model from its parts. `network` must be on `device` and must not record gradients.
    pub fn new(settings: Settings, vocabulary: Vocabulary, network: Network, device: &Device) -> Self {
        let TextSettings { set, level } = settings.data;
        let codec = TextCodec::new(level, set, vocabulary);
        Self {
            network,
            codec,
            settings,
            adaptation: Adaptation::default(),
            device: device.clone(),
            precision: Precision::Single,
            prepared: OnceLock::new(),
        }
    }

    /// Returns the network that predicts the next token.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the copy of the network for generation, which reads one token per call. The first call makes the copy.
    pub(crate) fn prepared(&self) -> &PreparedNetwork {
        self.prepared.get_or_init(|| self.network.prepare(self.precision))
    }

    /// Returns the codec that converts between text and token ids.
    pub fn codec(&self) -> &TextCodec {
        &self.codec
    }

    /// Returns the settings of the model, as a package stores them.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the settings of the methods that adapt the network to a text. Generation and scores do not use these
    /// methods.
    pub fn adaptation(&self) -> &Adaptation {
        &self.adaptation
    }

    /// Returns the device on which the network computes.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

impl Predictor for LanguageModel {
    const APPLICATION: &'static str = "language-model";
    type Input = Prompt;
    type Options = Generation;
    type Output = Generated;

    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError> {
        let settings = package.checked_settings(|settings: &Settings| settings.model.check())?;
        let vocabulary = Vocabulary::open(package, Reserved::EndOfLine)?;
        let init = || settings.model.init(vocabulary.len(), device);
        let mut network = package.load_network(settings.model.num_params(vocabulary.len()), init, WEIGHT_NAMES)?;
        network.rnn = network.rnn.keep_packed();
        let mut model = Self::new(settings, vocabulary, network, device);
        model.precision = package.precision()?;
        if !model.settings.model.adaptive.is_empty() {
            model.adaptation = package.json(adaptation::FILE)?;
            model.adaptation.check().map_err(|message| package.invalid(adaptation::FILE, message))?;
        }
        Ok(model)
    }

    /// Generates one text per prompt. For every text, the random generator starts from the seed in `options`.
    fn predict(&self, prompts: &[Prompt], options: &Generation) -> Result<Vec<Generated>, PredictError> {
        prompts.iter().map(|prompt| self.generate(prompt, options)).collect()
    }

    fn example(&self) -> Prompt {
        "the company said".into()
    }

    fn streaming(&self) -> Option<&dyn AnyStreaming> {
        Some(self)
    }

    /// Returns `false`: texts are generated one after the other, so a batch of prompts takes as long as separate calls
    /// with one prompt each.
    fn gains_from_batches(&self) -> bool {
        false
    }

    fn schemas(&self) -> Schemas {
        crate::schemas::schemas()
    }
}
