//! Texts as token ids, and the table `[data]` of a recipe (a TOML file with the settings of a training).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use datasets::texts::Texts;
use datasets::vectors::{self, WordVectors};
use datasets::{Review, Reviews, hold_out, imdb, sample};
use inference::text::{Vocabulary, tokenize};
use serde::{Deserialize, Serialize};
use training::settings::{Count, Fraction};
use training::{Fold, LoadContext, Splits, TaskError, TaskResult};

use crate::predictor::decoded;
use crate::settings::{Keep, POLARITY, Reading};
use crate::train::language_model::LanguageModel;
use crate::train::short_reviews;

/// The table `[data]` of a training recipe: the texts, their split, the vocabulary, and how the network reads the
/// texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set to load.
    pub set: Set,
    /// For the set `table`: the path of the file. For the set `folder`: the path of the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// For the set `table`: the path of the file with the validation part. If absent, texts of `file` are held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_file: Option<PathBuf>,
    /// For the set `table`: the path of the file with the test part. If absent, texts of `file` are held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_file: Option<PathBuf>,
    /// For the set `table`: the column of the texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// For the set `table`: the column of the classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Number of texts of the training part that are held out for validation. Of the user's own texts, at most a tenth
    /// is held out. Must be absent for the sets `short-reviews` and `short-reviews-transfer`, which have a validation
    /// part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<Count>,
    /// The fraction of the texts of each class that is held out as the test part, if the data have no test part.
    #[serde(default = "fifth")]
    pub test: Fraction,
    /// The fold that is the test part, for cross-validation of data without a test part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
    /// Seed for the random choice of the validation texts, the test texts and the folds. It is separate from the
    /// recipe's seed, so that trainings with different seeds have the same training, validation and test texts.
    #[serde(default)]
    pub valid_seed: u64,
    /// Size of the vocabulary, which contains the most frequent words of the training part. With `vectors`, words that
    /// occur only in the file of vectors fill the remaining places, in the order of the file.
    pub vocabulary: Count,
    /// The number of tokens of the vocabulary that are subwords, such as `##ness`. A word that is not in the vocabulary
    /// is split into subwords.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub subwords: usize,
    /// Pretrained word vectors, which are the initial embeddings: `glove`, or the path of a file in the format of GloVe
    /// or word2vec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<String>,
    /// A trained bidirectional model of this crate, usually a language model: its name, or the path of its folder, such
    /// as `runs/film-language/best`. Its hidden states are contextual word vectors (ELMo): they are concatenated with
    /// the embeddings of the words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contextual: Option<String>,
    /// The largest number of words of a text that the network reads.
    pub max_words: Count,
    /// Which end of a text the network reads if the text has more than `max_words` words.
    pub keep: Keep,
    /// The largest number of words of a text that the network reads in each of the first epochs of training, one number
    /// per epoch. In later epochs, and outside training, the limit is `max_words`. A network that classifies by its
    /// last hidden state alone may learn nothing in the first epoch if its texts have hundreds of words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curriculum: Vec<Count>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn fifth() -> Fraction {
    Fraction::try_from(0.2).unwrap_or_default()
}

/// Of the user's own training texts, at most the fraction 1 / `OWN_VALID` is held out for validation.
pub(super) const OWN_VALID: usize = 10;

/// The data sets that the key `set` of a recipe's `[data]` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// Short reviews from a generator with a fixed seed, which is part of the program.
    Sample,
    /// The IMDB large movie reviews, or the user's own reviews in the same folder structure.
    Imdb,
    /// The user's texts in tables: CSV, TSV or JSON lines.
    Table,
    /// The user's texts in a folder for each class.
    Folder,
    /// The questions of TREC, in six classes.
    Trec,
    /// Sentences of film reviews: the sentence polarity set (rt-polarity), which has no published split.
    RtPolarity,
    /// Reviews, sentences of reviews and other short texts about films, on which the model `short-reviews` is trained.
    ShortReviews,
    /// The texts of [`ShortReviews`](Self::ShortReviews), but the whole sentence polarity set is the test part, and is
    /// not used for training and validation.
    ShortReviewsTransfer,
}

impl Set {
    /// Whether this is a set for the user's own texts: `table` or `folder`.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Table | Self::Folder)
    }
}

/// A text with the index of its class. A class that does not occur in the training part has the index after the last
/// class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassText {
    /// The text.
    pub text: String,
    /// The index of the class. The label `negative` has the index 0, and `positive` has the index 1.
    pub class: usize,
    /// The weight of the text in the loss.
    pub weight: f32,
}

impl ClassText {
    /// Creates a text with the weight 1.
    pub fn new(text: String, class: usize) -> Self {
        Self { text, class, weight: 1.0 }
    }
}

/// The texts of the training, validation and test part, before they are converted to token ids.
#[derive(Clone, Debug)]
pub struct RawData {
    /// The texts with their classes.
    pub parts: Splits<Vec<ClassText>>,
    /// The names of the classes; empty if they are `negative` and `positive`, for which the network has one logit.
    pub classes: Vec<String>,
    /// A text that identifies the data by name and checksum.
    pub source: String,
    /// The pretrained word vectors, if the recipe names some.
    pub vectors: Option<WordVectors>,
    /// The language model for contextual word vectors, if the recipe names one.
    pub language_model: Option<LanguageModel>,
}

/// A text as token ids, with its class.
#[derive(Clone, Debug)]
pub struct Example {
    /// The text before it is tokenised.
    pub text: String,
    /// The ids of the words that the network reads.
    pub ids: Vec<u32>,
    /// The index of the class.
    pub class: usize,
    /// The weight of the example in the loss.
    pub weight: f32,
}

impl RawData {
    /// Creates the data without pretrained word vectors and without a language model.
    pub(super) fn new(parts: Splits<Vec<ClassText>>, classes: Vec<String>, source: String) -> Self {
        Self { parts, classes, source, vectors: None, language_model: None }
    }
}

impl DataConfig {
    /// Loads the texts. A validation or test part that the data do not have is held out from the training texts.
    pub fn load(&self, cx: &mut LoadContext) -> TaskResult<RawData> {
        self.check_files()?;
        let language_model = self.contextual.as_deref().map(LanguageModel::open).transpose()?;
        let vectors = match self.vectors.as_deref() {
            None => None,
            Some("glove") => Some(vectors::load(&cx.locator)?),
            Some(file) => Some(vectors::own_file(&cx.locator.own_file(Path::new(file)))?),
        };
        let data = match self.set {
            Set::Sample | Set::Imdb => self.load_reviews(cx)?,
            Set::Table | Set::Folder | Set::Trec | Set::RtPolarity => self.load_texts(cx)?,
            Set::ShortReviews => short_reviews::load(&cx.locator, self.valid_seed, false)?,
            Set::ShortReviewsTransfer => short_reviews::load(&cx.locator, self.valid_seed, true)?,
        };
        let further = [vectors.as_ref().map(|it| &it.source), language_model.as_ref().map(|it| &it.source)];
        let sources: Vec<&str> =
            [&data.source].into_iter().chain(further.into_iter().flatten()).map(String::as_str).collect();
        let source = sources.join(", ");
        Ok(RawData { source, vectors, language_model, ..data })
    }

    /// Loads the reviews of the set `imdb` or `sample`, with the labels `negative` and `positive`. These sets have a
    /// test part.
    fn load_reviews(&self, cx: &mut LoadContext) -> TaskResult<RawData> {
        let reviews = match self.set {
            Set::Imdb => imdb::load(&cx.locator)?,
            _ => sample::load(),
        };
        let (total, own) = (reviews.train.len(), reviews.own);
        let valid = if own { self.held_out().min(total / OWN_VALID) } else { self.held_out() };
        if valid == 0 || valid >= total {
            let message = format!(
                "{} reviews cannot be held out for validation, because there are only {total} reviews to train on; \
                 decrease the number, or give more reviews",
                self.held_out()
            );
            return Err(TaskError::setting("data.valid", message));
        }
        let Reviews { train, test, source, .. } = if own { decoded_texts(reviews) } else { reviews };
        if own {
            cx.note(&format!(
                "found {total} training and {} test reviews of your own instead of the published IMDB reviews; {valid} \
                 of the training reviews are held out for validation",
                test.len()
            ));
        }
        let (train, valid) = hold_out(train, valid, self.valid_seed);
        let texts = |reviews: Vec<Review>| -> Vec<ClassText> {
            let text = |review: Review| ClassText::new(review.text, usize::from(review.positive));
            reviews.into_iter().map(text).collect()
        };
        let parts = Splits { train: texts(train), valid: texts(valid), test: texts(test) };
        Ok(RawData::new(parts, Vec::new(), source))
    }

    /// Returns an error if a setting is given that the data set does not use, or if a setting is absent that the data
    /// set needs.
    fn check_files(&self) -> TaskResult<()> {
        let (table, folder) = (self.set == Set::Table, self.set == Set::Folder);
        let held_out = !matches!(self.set, Set::ShortReviews | Set::ShortReviewsTransfer);
        let settings = [
            ("data.valid", self.valid.is_some(), held_out, held_out),
            ("data.file", self.file.is_some(), table || folder, table || folder),
            ("data.text", self.text.is_some(), table, table),
            ("data.label", self.label.is_some(), table, table),
            ("data.valid_file", self.valid_file.is_some(), table, false),
            ("data.test_file", self.test_file.is_some(), table, false),
        ];
        for (setting, given, used, needed) in settings {
            if given && !used {
                return Err(TaskError::setting(setting, "the data set does not use this setting; remove it"));
            }
            if needed && !given {
                let option = match setting {
                    "data.valid" => "a number of texts",
                    "data.file" => "the path of your file or folder",
                    _ => "the name of a column",
                };
                return Err(TaskError::setting(setting, format!("the setting is absent; set it to {option}")));
            }
        }
        match self.fold {
            Some(_) if !matches!(self.set, Set::Table | Set::Folder | Set::RtPolarity) || self.test_file.is_some() => {
                Err(TaskError::setting("data.fold", "the data have a test part of their own; remove this setting"))
            }
            Some(Fold { number, of }) if number > of => Err(TaskError::setting(
                "data.fold",
                format!("`number` is {number}, but there are only {of} folds (`of`); decrease `number`"),
            )),
            _ => Ok(()),
        }
    }

    /// The number of training texts to hold out for validation.
    pub(super) fn held_out(&self) -> usize {
        self.valid.map_or(0, Count::get)
    }

    /// Which words of a text the network reads. In training, `curriculum` may limit the first epochs to fewer words.
    pub fn reading(&self) -> Reading {
        Reading { max_words: self.max_words, keep: self.keep }
    }

    /// Checks that the training can start from a model that was trained with the data settings `other`. That model must
    /// read texts in the same way, and must not have been trained on texts of the validation part.
    pub fn check_like(&self, other: &Self) -> TaskResult<()> {
        let differs = [
            ("data.set", self.set != other.set),
            ("data.text", self.text != other.text),
            ("data.label", self.label != other.label),
            ("data.valid", self.valid != other.valid),
            ("data.valid_seed", self.valid_seed != other.valid_seed),
            ("data.test", self.test != other.test),
            ("data.fold", self.fold != other.fold),
            ("data.vocabulary", self.vocabulary != other.vocabulary),
            ("data.subwords", self.subwords != other.subwords),
            ("data.vectors", self.vectors != other.vectors),
            ("data.contextual", self.contextual != other.contextual),
            ("data.max_words", self.max_words != other.max_words),
            ("data.keep", self.keep != other.keep),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((key, _)) => Err(TaskError::setting(
                key,
                "the value differs from the value of the model in start_from; set the same value",
            )),
            None => Ok(()),
        }
    }

    /// The largest number of words of a text that the network reads in an epoch of training. Epochs count from 0.
    pub fn words_in_epoch(&self, epoch: usize) -> Count {
        self.curriculum.get(epoch).copied().unwrap_or(self.max_words)
    }

    /// Converts all texts of a part to token ids.
    pub fn examples(&self, texts: Vec<ClassText>, vocabulary: &Vocabulary) -> Vec<Example> {
        let example = |ClassText { text, class, weight }: ClassText| {
            let ids = vocabulary.encode_subwords(self.reading().cut(&tokenize(&text)));
            Example { text, ids, class, weight }
        };
        texts.into_iter().map(example).collect()
    }
}

/// Balances the classes: multiplies the weight of each text by a factor that depends only on its class. Afterwards, the
/// texts of each class have the same total weight. The total weight of all texts does not change.
pub fn balance(texts: &mut [ClassText]) {
    let mut sums: BTreeMap<usize, f32> = BTreeMap::new();
    texts.iter().for_each(|text| *sums.entry(text.class).or_default() += text.weight);
    let mean = sums.values().sum::<f32>() / sums.len() as f32;
    texts.iter_mut().for_each(|text| text.weight *= mean / sums[&text.class]);
}

/// [Decodes](decoded) the HTML entities in all `reviews`, as the predictor does. The caller uses this function for the
/// user's own reviews only, because the metrics of the published reviews were measured without decoding.
fn decoded_texts(reviews: Reviews) -> Reviews {
    let decode = |reviews: Vec<Review>| {
        let decode = |review: Review| Review { text: decoded(&review.text).into_owned(), ..review };
        reviews.into_iter().map(decode).collect()
    };
    Reviews { train: decode(reviews.train), test: decode(reviews.test), ..reviews }
}

/// Converts texts with class names to texts with class indices. If `classes` is empty, the classes are `negative` and
/// `positive`.
pub(super) fn indexed(texts: Texts, classes: &[String]) -> Vec<ClassText> {
    let place = |label: &str| match classes.is_empty() {
        true => POLARITY.iter().position(|class| *class == label).unwrap_or(POLARITY.len()),
        false => classes.iter().position(|class| class == label).unwrap_or(classes.len()),
    };
    texts.texts.into_iter().map(|text| ClassText::new(text.text, place(&text.label))).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn config(set: Set) -> DataConfig {
        let data = serde_json::json!({ "set": set, "valid": 400, "vocabulary": 100, "max_words": 2, "keep": "last" });
        serde_json::from_value(data).unwrap()
    }

    fn number(number: u64) -> Count {
        Count::try_from(number).unwrap()
    }

    #[test]
    fn the_curriculum_shortens_the_first_epochs() {
        let config = DataConfig { curriculum: vec![number(1)], ..config(Set::Sample) };
        assert_eq!([0, 1, 2].map(|epoch| config.words_in_epoch(epoch).get()), [1, 2, 2]);
    }

    #[test]
    fn a_start_on_other_data_is_refused() {
        let config = config(Set::Sample);
        config.check_like(&config).unwrap();
        let other = DataConfig { valid_seed: 7, ..config.clone() };
        let error = config.check_like(&other).unwrap_err();
        assert!(matches!(error, TaskError::Setting { setting: "data.valid_seed", .. }), "{error}");
    }

    #[test]
    fn own_reviews_are_decoded_and_a_tenth_is_held_out() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["train/pos", "train/neg", "test/pos", "test/neg"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
            for number in 0..10 {
                std::fs::write(dir.path().join(folder).join(format!("{number}.txt")), "isn&#39;t &lt;b&gt;").unwrap();
            }
        }
        let mut notes = Vec::new();
        let mut note = |text: &str| notes.push(text.to_owned());
        let mut cx = LoadContext::new(datasets::Locator::new(Some(dir.path())), &mut note);
        let Splits { train, valid, test } = config(Set::Imdb).load(&mut cx).unwrap().parts;
        assert_eq!((train.len(), valid.len(), test.len()), (18, 2, 20));
        assert!(train.iter().chain(&valid).chain(&test).all(|review| review.text == "isn't <b>"));
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn settings_that_do_not_fit_the_data_are_refused() {
        let error = |config: DataConfig| {
            let mut ignore = |_: &str| {};
            let mut cx = LoadContext::new(datasets::Locator::new(None), &mut ignore);
            match config.load(&mut cx).unwrap_err() {
                TaskError::Setting { setting, .. } => setting,
                other => panic!("{other}"),
            }
        };
        assert_eq!(error(DataConfig { valid: Some(number(4000)), ..config(Set::Sample) }), "data.valid");
        assert_eq!(error(DataConfig { file: Some("a.csv".into()), ..config(Set::Sample) }), "data.file");
        assert_eq!(error(config(Set::Folder)), "data.file");
        let table = DataConfig { file: Some("a.csv".into()), text: Some("text".into()), ..config(Set::Table) };
        assert_eq!(error(table), "data.label");
        let fold = |number_of: u64| Some(Fold { number: number(number_of), of: number(5) });
        assert_eq!(error(DataConfig { fold: fold(1), ..config(Set::Trec) }), "data.fold");
        assert_eq!(error(DataConfig { fold: fold(6), ..config(Set::RtPolarity) }), "data.fold");
    }

    #[test]
    fn balanced_classes_have_equal_weights() {
        let weights = |mut texts: Vec<ClassText>| -> Vec<f32> {
            balance(&mut texts);
            texts.into_iter().map(|text| text.weight).collect()
        };
        let text = |class| ClassText::new(String::new(), class);
        assert_eq!(weights([0, 0, 0, 2].map(text).to_vec()), [2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0]);
        let noisy = ClassText { weight: 0.25, ..text(1) };
        assert_eq!(weights(vec![text(0), text(1), noisy]), [1.125, 0.9, 0.225]);
    }
}
