//! Reviews as token ids, and the table `[data]` of a recipe.

use datasets::{Review, Reviews, hold_out, imdb, sample};
use inference::text::{Reserved, Vocabulary, tokenize};
use serde::{Deserialize, Serialize};
use training::settings::Count;
use training::{LoadContext, Splits, TaskError, TaskResult};

use crate::predictor::decoded;
use crate::settings::{Keep, Reading};

/// The table `[data]` of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set to load.
    pub set: Set,
    /// Number of reviews of the training part that are held out for validation. Of the user's own reviews, at most a
    /// tenth is held out.
    pub valid: Count,
    /// Seed for the random choice of the validation reviews. It is separate from the recipe's seed, so that runs with
    /// several seeds have the same validation part.
    #[serde(default)]
    pub valid_seed: u64,
    /// Size of the vocabulary: the most frequent words of the training part.
    pub vocabulary: Count,
    /// The largest number of words of a review that the network reads.
    pub max_words: Count,
    /// Which end of a review the network reads if the review has more than `max_words` words.
    pub keep: Keep,
    /// The largest number of words of a review that the network reads in each of the first epochs of training, one
    /// number per epoch. In later epochs, and outside training, the limit is `max_words`. A network that classifies by
    /// its last state alone may learn nothing for an epoch if it has to read hundreds of words from the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curriculum: Vec<Count>,
}

/// Of the user's own training reviews, at most one in `OWN_VALID` is held out for validation.
const OWN_VALID: usize = 10;

/// [Decodes](decoded) the texts of the user's own reviews, as the predictor does. The published reviews stay as they
/// are, because the recorded metrics were measured on them.
fn decoded_texts(reviews: Reviews) -> Reviews {
    let decode = |reviews: Vec<Review>| {
        let decode = |review: Review| Review { text: decoded(&review.text).into_owned(), ..review };
        reviews.into_iter().map(decode).collect()
    };
    Reviews { train: decode(reviews.train), test: decode(reviews.test), ..reviews }
}

/// The data sets that the key `set` of a recipe's `[data]` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// Short reviews of a seeded generator, embedded in the program.
    Sample,
    /// The IMDB large movie reviews, or the user's own reviews in the folders of that set.
    Imdb,
}

/// A review as token ids, with its label.
#[derive(Clone, Debug)]
pub struct Example {
    /// The text as published.
    pub text: String,
    /// The ids of the words that the network reads.
    pub ids: Vec<u32>,
    /// Whether the label is positive.
    pub positive: bool,
}

impl DataConfig {
    /// Loads the reviews and holds out the validation part. Returns the parts, and a text that identifies the data by
    /// name and checksum.
    pub fn load(&self, cx: &mut LoadContext) -> TaskResult<(Splits<Vec<Review>>, String)> {
        let reviews = match self.set {
            Set::Sample => sample::load(),
            Set::Imdb => imdb::load(&cx.locator)?,
        };
        let (total, own) = (reviews.train.len(), reviews.own);
        let valid = if own { self.valid.get().min(total / OWN_VALID) } else { self.valid.get() };
        if valid == 0 || valid >= total {
            let message = format!("{}, but there are only {total} reviews to train on; decrease it", self.valid);
            return Err(TaskError::setting("data.valid", message));
        }
        let Reviews { train, test, source, .. } = if own { decoded_texts(reviews) } else { reviews };
        if own {
            cx.note(&format!(
                "these are {total} training and {} test reviews in folders, not the published set; {valid} of the \
                 training reviews are held out for validation",
                test.len()
            ));
        }
        let (train, valid) = hold_out(train, valid, self.valid_seed);
        Ok((Splits { train, valid, test }, source))
    }

    /// Builds the vocabulary of the training part.
    pub fn vocabulary(&self, train: &[Review]) -> Vocabulary {
        let texts: Vec<Vec<String>> = train.iter().map(|review| tokenize(&review.text)).collect();
        Vocabulary::build(Reserved::Padding, texts.iter().flatten().map(String::as_str), self.vocabulary.get())
    }

    /// Which words of a text the network reads. In training, `curriculum` may limit the first epochs to fewer words.
    pub fn reading(&self) -> Reading {
        Reading { max_words: self.max_words, keep: self.keep }
    }

    /// Checks that the training can start from a model that was trained with the data settings `other`. That model must
    /// read texts in the same way, and must not have been trained on reviews of the validation part.
    pub fn check_like(&self, other: &Self) -> TaskResult<()> {
        let differs = [
            ("data.set", self.set != other.set),
            ("data.valid", self.valid != other.valid),
            ("data.valid_seed", self.valid_seed != other.valid_seed),
            ("data.vocabulary", self.vocabulary != other.vocabulary),
            ("data.max_words", self.max_words != other.max_words),
            ("data.keep", self.keep != other.keep),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((key, _)) => Err(TaskError::setting(
                key,
                "the value differs from that of the model in start_from; set the same value",
            )),
            None => Ok(()),
        }
    }

    /// The largest number of words of a review that are read in an epoch of training. Epochs count from 0.
    pub fn words_in_epoch(&self, epoch: usize) -> Count {
        self.curriculum.get(epoch).copied().unwrap_or(self.max_words)
    }

    /// Converts all reviews of a part to token ids.
    pub fn examples(&self, reviews: Vec<Review>, vocabulary: &Vocabulary) -> Vec<Example> {
        let example = |Review { text, positive, .. }: Review| {
            let ids = vocabulary.encode(self.reading().cut(&tokenize(&text)));
            Example { text, ids, positive }
        };
        reviews.into_iter().map(example).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(keep: Keep) -> DataConfig {
        let number = |number| Count::try_from(number).unwrap();
        DataConfig {
            set: Set::Sample,
            valid: number(400),
            valid_seed: 0,
            vocabulary: number(100),
            max_words: number(2),
            keep,
            curriculum: vec![number(1)],
        }
    }

    #[test]
    fn the_curriculum_shortens_the_first_epochs() {
        let config = config(Keep::Last);
        assert_eq!([0, 1, 2].map(|epoch| config.words_in_epoch(epoch).get()), [1, 2, 2]);
    }

    #[test]
    fn a_start_on_other_data_is_refused() {
        let config = config(Keep::Last);
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
        let (Splits { train, valid, test }, _) =
            DataConfig { set: Set::Imdb, ..config(Keep::Last) }.load(&mut cx).unwrap();
        assert_eq!((train.len(), valid.len(), test.len()), (18, 2, 20));
        assert!(train.iter().chain(&valid).chain(&test).all(|review| review.text == "isn't <b>"));
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn too_many_held_out_reviews_are_refused() {
        let config = DataConfig { valid: Count::try_from(4000).unwrap(), ..config(Keep::Last) };
        let mut ignore = |_: &str| {};
        let mut cx = LoadContext::new(datasets::Locator::new(None), &mut ignore);
        let error = config.load(&mut cx).unwrap_err();
        assert!(matches!(error, TaskError::Setting { setting: "data.valid", .. }), "{error}");
    }
}
