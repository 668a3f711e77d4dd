//! Fingerprints of all loaded values. A package records the `source` of its training data and refuses other data, and
//! the published results depend on the splits, so neither may change.
//!
//! Sets that need files are skipped unless `RNN_ZOO_DATA` names a folder that has them.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use datasets::conll::{TaggedParts, wnut17};
use datasets::recordings::{Recordings, archive, ecg5000, gestures, omniglot, pendigits, watch};
use datasets::{
    Corpus, DATA_VARIABLE, Locator, Review, Reviews, RollUp, Series, energy, grammar, hold_out, imdb, news, ptb,
    sample, stocks, weather, wikitext2,
};
use sha2::{Digest, Sha256};

fn locator() -> Option<Locator> {
    let folder = std::env::var_os(DATA_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: {DATA_VARIABLE} is not set");
    }
    folder.map(|folder| Locator::new(Some(&folder)))
}

/// The first eight bytes of a digest.
fn hex(hash: Sha256) -> String {
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn assert_series(series: &Series, fingerprint: &str, source: &str) {
    let mut hash = Sha256::new();
    for column in &series.columns {
        hash.update(column);
        hash.update([0]);
    }
    for time in &series.times {
        hash.update(time.to_string());
        hash.update([0]);
    }
    for value in &series.values {
        hash.update((*value as f32).to_bits().to_le_bytes());
    }
    assert_eq!(hex(hash), fingerprint);
    assert!(series.source.starts_with(source), "{}", series.source);
}

fn reviews(set: &[Review]) -> String {
    let mut hash = Sha256::new();
    for review in set {
        hash.update(&review.id);
        hash.update([0]);
        hash.update(&review.text);
        hash.update([0, u8::from(review.positive), review.rating.unwrap_or(0)]);
    }
    hex(hash)
}

fn corpus(Corpus { train, valid, test, .. }: &Corpus) -> String {
    let mut hash = Sha256::new();
    for part in [train, valid, test] {
        hash.update(part);
        hash.update([0]);
    }
    hex(hash)
}

fn tagged(TaggedParts { train, valid, test, .. }: &TaggedParts) -> [String; 3] {
    [train, valid, test].map(|part| {
        let mut hash = Sha256::new();
        for sentence in part {
            hash.update(sentence.tokens.join("\0"));
            for entity in &sentence.entities {
                hash.update(format!("\0{}\0{}\0{}", entity.start, entity.end, entity.kind));
            }
            hash.update([1]);
        }
        hex(hash)
    })
}

fn recordings(set: &Recordings) -> String {
    let mut hash = Sha256::new();
    hash.update(set.channels.join("\0"));
    for recording in &set.recordings {
        hash.update(format!("\0{}\0{:?}\0{}\0", recording.id, recording.group, recording.label));
        recording.values.iter().for_each(|value| hash.update(value.to_bits().to_le_bytes()));
    }
    hex(hash)
}

#[track_caller]
fn assert_splits(set: &Reviews, count: usize, splits: [[&str; 2]; 2]) {
    for (seed, expected) in [0, 7].into_iter().zip(splits) {
        let (train, valid) = hold_out(set.train.clone(), count, seed);
        assert_eq!([reviews(&train), reviews(&valid)], expected, "seed {seed}");
    }
}

#[test]
fn embedded_sets_are_unchanged() {
    let set = sample::load();
    assert_eq!([reviews(&set.train), reviews(&set.test)], ["e1471d7b456e8aad", "89cac6a2340772fe"]);
    assert_splits(&set, 400, [["51db6485f29332ee", "b5953a52d6b1b2a2"], ["35931c1fb373dab1", "5a24cb1990d7994e"]]);
    assert_eq!(set.source, "the embedded sample (generator seed 2013)");

    let text = grammar::load();
    assert_eq!((&corpus(&text)[..], text.floor.map(f64::to_bits)), ("28a0a2baf5260aa5", Some(4621153197711863270)));
    assert_eq!(
        text.source,
        "sentences of the embedded grammar (SHA-256 of the training part \
         fe7109dbe2ce86bf79fae97746dd215f9405b5ae71d226e9f3873233bdbb4a03)"
    );

    let items = news::load();
    assert_eq!(tagged(&items), ["f340ed8582c29c0c", "e49e588823667866", "02fdda3610432345"]);
    assert_eq!(items.source, "the embedded news (generator seed 2017)");

    let drawings = gestures::load();
    assert_eq!(
        [&drawings.train, &drawings.valid, &drawings.test].map(recordings),
        ["6c4df326fc47f25f", "3aab5bbc5b7c7ce6", "a935b0ba550d7ff1"]
    );
    let (rest, held) = drawings.train.hold_out_groups(0.2, 7).unwrap();
    assert_eq!([recordings(&rest), recordings(&held)], ["a992d9df00275621", "cf0c4996dd58907b"]);
    assert_eq!(drawings.train.source, "the embedded gestures (generator seed 2024)");

    assert_series(&weather::seattle().unwrap(), "5631685a35c6592c", "seattle-weather.csv (SHA-256 0845078a290b48e3");
}

#[test]
fn published_series_are_unchanged() {
    let Some(locator) = locator() else { return };
    let jena = "weather/jena-2020-weather.csv (SHA-256 34ee981d07313e51";
    assert_series(&weather::jena_2020(&locator).unwrap(), "5c5f465a8599b8e5", jena);
    assert_series(&weather::jena_2020_mended(&locator).unwrap(), "9de839aafef23165", jena);
    let etth1 = energy::etth1(&locator).unwrap();
    assert_series(&etth1, "818dd5c81ab79239", "energy/ETTh1.csv (SHA-256 f18de3ad269cef59");
    let (pjm, source) = (energy::pjm_east(&locator).unwrap(), "energy/PJME_hourly.csv (SHA-256 4eb2b16d42bf07ec");
    assert_series(&pjm, "5dac804cfa8050cd", source);
    assert_series(&pjm.rolled_up("1d".parse().unwrap(), RollUp::Mean).unwrap(), "5afdd91c5cbfa280", source);
    let sp_500 = stocks::sp_500(&locator).unwrap();
    assert_series(&sp_500, "6170ed7f79a1b9e9", "stocks/GSPC-daily-1927-2023.csv (SHA-256 baf4e47ab3d5f132");
    let vix = stocks::vix(&locator).unwrap();
    assert_series(&vix, "60b6d675961699be", "stocks/vix-daily.csv (SHA-256 fa8f8119bb2fa785");
    let companies = stocks::companies(&locator).unwrap();
    let source = "stocks/sp500-individual-40-daily-2015-2020.tar (SHA-256 b6fff63ff4e346d0";
    assert_series(&companies, "12fafce09c3b91d1", source);
}

#[test]
fn published_texts_are_unchanged() {
    let Some(locator) = locator() else { return };
    let set = imdb::load(&locator).unwrap();
    assert_eq!([reviews(&set.train), reviews(&set.test)], ["7aeffbfe672b6250", "d934f7a3c660cf47"]);
    assert_splits(&set, 2500, [["fa44b7c0a7cb49b1", "3c30aff5860e5138"], ["fc3cef18b7c72cb0", "f1ecccad57e5f522"]]);
    assert_eq!(
        set.source,
        "the IMDB review set (SHA-256 of the texts 62b693fa8f9bd10028c06021ffeb1f367f69f38efb754794d63ac1471830148a)"
    );

    let treebank = ptb::load(&locator).unwrap();
    assert_eq!((&corpus(&treebank)[..], treebank.floor), ("5b8a426590973cf6", None));
    assert_eq!(
        treebank.source,
        "the Penn Treebank (SHA-256 of the training part \
         fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf)"
    );
    let wikipedia = wikitext2::load(&locator).unwrap();
    assert_eq!((&corpus(&wikipedia)[..], wikipedia.floor), ("2a71af4fc3a2c4c1", None));
    assert_eq!(
        wikipedia.source,
        "WikiText-2 (SHA-256 of the training part \
         9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f)"
    );

    let tweets = wnut17::load(&locator).unwrap();
    assert_eq!(tagged(&tweets), ["215616b40b7522b4", "b415cc311579a7cb", "e2841fb848639b82"]);
    assert_eq!(
        tweets.source,
        "WNUT-17 (SHA-256 of the three files \
         f43eab7cdc27d248b88ccdf02c1601f5238456956eb957f3fc048f31e1f81bae)"
    );
}

#[test]
fn published_recordings_are_unchanged() {
    let Some(locator) = locator() else { return };
    let motions = archive::basic_motions(&locator).unwrap();
    let vowels = archive::japanese_vowels(&locator).unwrap();
    let digits = pendigits::load(&locator).unwrap();
    let (exercises, beats) = (watch::load(&locator).unwrap(), ecg5000::load(&locator).unwrap());
    let drawings = omniglot::load(&locator).unwrap().recordings();
    let pairs = [&motions.train, &motions.test, &vowels.train, &vowels.test, &digits.train, &digits.test];
    assert_eq!(
        pairs.map(recordings),
        [
            "990fe9d6d6d5f78b",
            "c9f3a773eea68c85",
            "7b7901a2a9dec19f",
            "beed0045b7ca86ee",
            "9e36aada6c908629",
            "f6e9a76d4939d380"
        ]
    );
    assert_eq!(
        [&exercises, &beats, &drawings].map(recordings),
        ["0e76db62025cdd04", "ae6d37a6eddc8f19", "293e66a38c068802"]
    );
    for (set, source) in [
        (&motions.test, "BasicMotions (SHA-256 of all files "),
        (&vowels.test, "JapaneseVowels (SHA-256 of all files "),
        (&digits.test, "the pen-based digits (SHA-256 of all files "),
        (&exercises, "the wrist exercises (SHA-256 e9a2a6261d8786d4"),
        (&beats, "ECG5000 (SHA-256 0d96aff193311a6d"),
        (&drawings, "Omniglot (small background set 1) (SHA-256 8cb3960fb6cf4ccf"),
    ] {
        assert!(set.source.starts_with(source), "{}", set.source);
    }
}
