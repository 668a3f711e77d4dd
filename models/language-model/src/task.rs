//! The language model as a [`Task`]: what the shared trainer and command line need to know.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use datasets::{Corpus, Level, Vocabulary, Zero, ptb};
use rand::rngs::ChaCha8Rng;
use rnn::State;
use serde::{Deserialize, Serialize};
use training::package::{load_fitted, save_fitted};
use training::weights::WeightNames;
use training::{
    Carry, Changes, Context, Demonstration, Loss, Metrics, Monitor, Outcome, Package, RecipeOf, Splits, Task,
    TaskResult, say,
};

use crate::cache::Cache;
use crate::data::{DataConfig, Part, Set, TextOptions};
use crate::dynamic::{Dynamic, Trained};
use crate::kneser_ney::KneserNey;
use crate::model::{Adaptive, Network, NetworkConfig};
use crate::perplexity::{Reading, costs, mean};
use crate::sampling::Sampling;
use crate::verbs::Verb;
use crate::writer::Writer;

/// The order of the n-grams that a network is held against.
const ORDER: usize = 5;
/// Percent of a text that a user should hear of: the Penn Treebank and WikiText-2 have 3 to 5.
const MANY_UNKNOWN: usize = 10;
const ADAPTATION: &str = "adaptation.json";

/// A language model: what comes next in a text.
pub struct LanguageModel {
    data: DataConfig,
    network: NetworkConfig,
    batch_size: usize,
    vocabulary: Vocabulary,
    adaptation: Adaptation,
}

/// How the network adapts to a text that it is measured on; the content of `adaptation.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Adaptation {
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<Cache>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamic: Option<Dynamic>,
}

impl Adaptation {
    /// A setting that no network can adapt with: a file may say anything.
    fn out_of_range(&self) -> Option<String> {
        let cache = self.cache.iter().flat_map(Cache::ranges);
        let mut settings = cache.chain(self.dynamic.iter().flat_map(Dynamic::ranges));
        let (name, value, _) = settings.find(|(_, value, range)| !range.contains(value))?;
        Some(format!("{name} = {value}"))
    }
}

impl Task for LanguageModel {
    const PACKAGE: &'static str = "language-model";
    const ABOUT: &'static str = "Tells what comes next in a text: recurrent language models.";
    const RECIPES: &'static [&'static str] = &[
        include_str!("../recipes/quick.toml"),
        include_str!("../recipes/ptb-rnn.toml"),
        include_str!("../recipes/ptb-gru.toml"),
        include_str!("../recipes/ptb-lstm-small.toml"),
        include_str!("../recipes/ptb-awd.toml"),
        include_str!("../recipes/wikitext2-lstm.toml"),
        include_str!("../recipes/char-lstm.toml"),
    ];
    const PRETRAINED: &'static str = concat!(env!("CARGO_MANIFEST_DIR"), "/pretrained");
    const WEIGHT_NAMES: WeightNames =
        WeightNames { to_pytorch: &rnn::pytorch_names(), from_pytorch: &rnn::from_pytorch_names() };
    const CARD: &'static str = include_str!("card.md");
    const NEXT: &'static [(&'static str, &'static str)] = &[
        ("generate --run RUN \"the\"", "let this model write on"),
        ("score --run RUN --file FILE", "how surprising each word of a text is to it"),
        ("train --recipe ptb-lstm-small", "learn the Penn Treebank, downloaded once (6 MB)"),
    ];
    const ITEMS: &'static str = "tokens";
    const MONITOR: Monitor = Monitor { metric: "perplexity", higher_is_better: false };

    type Data = DataConfig;
    type Architecture = NetworkConfig;
    type Raw = Corpus;
    type Set = Part;
    type Model = Network;
    /// Columns of the streams.
    type Batch = Range<usize>;
    type Verb = Verb;
    type Options = TextOptions;

    fn changes(options: &TextOptions) -> TaskResult<Changes> {
        options.changes()
    }

    fn load(data: &DataConfig, data_dir: Option<&Path>) -> TaskResult<Corpus> {
        data.load(data_dir)
    }

    fn fingerprint(corpus: &Corpus) -> String {
        corpus.source.clone()
    }

    fn fit(recipe: &RecipeOf<Self>, corpus: &Corpus) -> TaskResult<Self> {
        let vocabulary = match Package::<Self>::start_of(recipe)? {
            Some((dir, data)) => {
                recipe.data.check_like(&data)?;
                Vocabulary::load(Zero::EndOfLine, &dir.join("vocab.txt"))?
            }
            None => recipe.data.vocabulary(&corpus.train),
        };
        Self::new(recipe, vocabulary)
    }

    fn save(&self, dir: &Path) -> TaskResult<()> {
        self.vocabulary.save(&dir.join("vocab.txt"))?;
        if !self.network.adaptive.is_empty() {
            save_fitted(&self.adaptation, &dir.join(ADAPTATION))?;
        }
        Ok(())
    }

    fn open(recipe: &RecipeOf<Self>, dir: &Path) -> TaskResult<Self> {
        let mut task = Self::new(recipe, Vocabulary::load(Zero::EndOfLine, &dir.join("vocab.txt"))?)?;
        if !task.network.adaptive.is_empty() {
            let path = dir.join(ADAPTATION);
            task.adaptation = load_fitted(&path)?;
            if let Some(setting) = task.adaptation.out_of_range() {
                let path = path.display();
                return Err(format!("{path}: {setting} is out of range; export the package again").into());
            }
        }
        Ok(task)
    }

    fn encode(&self, corpus: Corpus) -> TaskResult<Splits<Part>> {
        let [train, valid, test]: [Arc<[u32]>; 3] =
            [&corpus.train, &corpus.valid, &corpus.test].map(|text| self.data.encode(text, &self.vocabulary).into());
        if train.len() < 2 * self.batch_size {
            let (tokens, rows) = (train.len(), self.batch_size);
            let message =
                format!("{}: {tokens} tokens to learn from are too few for batches of {rows} rows", corpus.source);
            return Err(format!("{message}; give more text, or lower training.batch_size").into());
        }
        let unknown = train.iter().filter(|&&token| token == Vocabulary::UNKNOWN).count() * 100 / train.len();
        if unknown >= MANY_UNKNOWN {
            say(&format!("{unknown} % of the tokens to learn from are none that the model knows, and read as <unk>"));
        }
        // What is known of the words that were drawn says nothing of characters, nor of words read as one.
        let same = self.data.level == Level::Word && !test.contains(&Vocabulary::UNKNOWN);
        let floor = corpus.floor.filter(|_| same);
        let part = |tokens: &Arc<[u32]>| Part::new(tokens.clone(), self.batch_size, floor, train.clone());
        Ok(Splits { train: part(&train), valid: part(&valid), test: part(&test) })
    }

    fn num_params(&self) -> f64 {
        self.network.num_params(self.vocabulary.len())
    }

    fn init(&self, device: &Device) -> Network {
        self.network.init(self.vocabulary.len(), device)
    }

    /// Windows of the streams, in order: the state is carried from each to the next.
    fn batches(&self, part: &Part, _size: usize, _epoch: usize, _rng: &mut ChaCha8Rng) -> Vec<Range<usize>> {
        part.streams.windows(self.data.window.get())
    }

    /// Mean cross-entropy of the next token, and the costs of activations.
    fn loss(
        &self,
        network: &Network,
        part: &Part,
        window: &Range<usize>,
        state: &mut Carry,
        _rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Loss {
        let outputs = network.forward(part.streams.inputs(window, device), State::from_tensors(std::mem::take(state)));
        *state = outputs.state.clone().into_tensors();
        let targets = part.streams.targets(window, device); // [B, T]
        Loss { count: targets.dims().iter().product(), mean: network.loss(&outputs, targets) }
    }

    /// Of every token, each from all before it.
    fn evaluate(&self, network: &Network, part: &Part, device: &Device) -> Metrics {
        let loss = mean(&costs(network, &part.tokens, Reading::default(), device));
        let mut metrics = Metrics::from([("loss".to_owned(), loss), ("perplexity".to_owned(), loss.exp())]);
        if self.data.level == Level::Character {
            metrics.insert("bits_per_character".to_owned(), loss / std::f64::consts::LN_2);
        }
        if let Some(cache) = self.adaptation.cache {
            let loss = cache.cost(network, &part.tokens, device);
            metrics.insert("perplexity_cache".to_owned(), loss.exp());
        }
        if let Some(dynamic) = self.adaptation.dynamic {
            let trained = Trained::new(network, &part.training, device);
            metrics.insert("perplexity_dynamic".to_owned(), dynamic.cost(&trained, &part.tokens, device).exp());
        }
        metrics
    }

    /// Chooses the settings of the recipe's ways to adapt.
    fn finish(&mut self, network: &Network, valid: &Part, device: &Device) {
        for adaptive in &self.network.adaptive {
            match adaptive {
                Adaptive::Cache => self.adaptation.cache = Some(Cache::choose(network, &valid.tokens, device)),
                Adaptive::Dynamic => {
                    let trained = Trained::new(network, &valid.training, device);
                    self.adaptation.dynamic = Some(Dynamic::choose(&trained, &valid.tokens, device));
                }
            }
        }
    }

    fn baselines(&self, splits: &Splits<Part>) -> TaskResult<BTreeMap<String, Metrics>> {
        let row = |perplexity: f64| Metrics::from([("perplexity".to_owned(), perplexity)]);
        let n_grams = KneserNey::fit(&splits.train.tokens, ORDER, self.vocabulary.len());
        let mut rows =
            BTreeMap::from([(format!("Kneser-Ney {ORDER}-grams"), row(n_grams.perplexity(&splits.test.tokens)))]);
        if let Some(floor) = splits.test.floor {
            rows.insert("the grammar itself (the floor)".to_owned(), row(floor));
        }
        Ok(rows)
    }

    fn demonstrate(
        &self,
        network: &Network,
        _outcome: &Outcome,
        _test: &Part,
        device: &Device,
    ) -> TaskResult<Demonstration> {
        let sampling = Sampling::default();
        let (mut writer, _) = Writer::new(self, network, "", &sampling, device);
        let text: String = (0..self.usual_length()).map(|_| writer.write()).collect();
        let lines = ["", "It writes:"].into_iter().chain(text.lines()).map(str::to_owned).collect();
        Ok(Demonstration { lines, picture: None })
    }

    fn run(verb: Verb, context: &Context) -> TaskResult<()> {
        verb.run(context)
    }
}

impl LanguageModel {
    /// The token that ends a line, and stands before the first.
    pub const END: u32 = 0;

    /// The tokens of a prompt, behind the end of the line before it; and the words of it that are not known.
    pub fn read_prompt(&self, prompt: &str) -> (Vec<u32>, Vec<String>) {
        let (mut tokens, mut unknown) = (Vec::new(), Vec::new());
        for line in prompt.split('\n') {
            tokens.push(Self::END);
            for word in self.words(line) {
                tokens.push(self.number(&word));
                if self.is_unknown(&word) {
                    unknown.push(word);
                }
            }
        }
        (tokens, unknown)
    }

    /// The tokens of a text, each line ended, and the words that they stand for.
    pub fn read_text(&self, text: &str) -> (Vec<u32>, Vec<String>) {
        let ended = |line| self.words(line).into_iter().chain([Zero::EndOfLine.word().to_owned()]);
        let words: Vec<String> = text.lines().flat_map(ended).collect();
        (words.iter().map(|word| self.number(word)).collect(), words)
    }

    /// A token as it is printed behind another.
    pub fn piece(&self, before: u32, token: u32) -> String {
        let blank = if self.data.level == Level::Word && before != Self::END { " " } else { "" };
        match self.vocabulary.word(token) {
            Some(word) if token != Self::END => format!("{blank}{word}"),
            _ => "\n".to_owned(),
        }
    }

    /// A prompt as it stands before the next [`piece`](Self::piece), which brings its own blank.
    pub fn before_a_word<'a>(&self, prompt: &'a str) -> &'a str {
        match self.data.level {
            Level::Word => prompt.trim_end_matches(' '),
            Level::Character => prompt,
        }
    }

    /// How many tokens make a paragraph.
    pub fn usual_length(&self) -> usize {
        match self.data.level {
            Level::Word => 60,
            Level::Character => 600,
        }
    }

    /// The tokens of a line, prepared as the text that was learned from. Of a model of the Penn Treebank, a word that it does
    /// not know is taken for ordinary writing.
    fn words(&self, line: &str) -> Vec<String> {
        let DataConfig { level, set, .. } = self.data;
        let line = if set == Set::Text { level.clean(line) } else { line.to_owned() };
        let prepared = |word: &str| match set == Set::Ptb && level == Level::Word && self.is_unknown(word) {
            true => ptb::from_writing(word, |word| !self.is_unknown(word)),
            false => vec![word.to_owned()],
        };
        level.of_line(&line).flat_map(prepared).collect()
    }

    /// Whether a word is read as `<unk>` for want of a better.
    pub fn is_unknown(&self, word: &str) -> bool {
        self.number(word) == Vocabulary::UNKNOWN && word != Vocabulary::UNKNOWN_WORD
    }

    /// The number of a word, in lower case if only that is known.
    fn number(&self, word: &str) -> u32 {
        match self.vocabulary.number(word) {
            Vocabulary::UNKNOWN => self.vocabulary.number(&word.to_lowercase()),
            number => number,
        }
    }

    fn new(recipe: &RecipeOf<Self>, vocabulary: Vocabulary) -> TaskResult<Self> {
        let NetworkConfig { tied, embedding_size, hidden_size, .. } = &recipe.model;
        if *tied && embedding_size != hidden_size {
            let sizes = format!("embedding_size = {embedding_size} and hidden_size = {hidden_size}");
            return Err(format!("model.tied needs equal sizes, not {sizes}").into());
        }
        Ok(Self {
            data: recipe.data.clone(),
            network: recipe.model.clone(),
            batch_size: recipe.training.batch_size.get(),
            vocabulary,
            adaptation: Adaptation::default(),
        })
    }
}
