//! Texts with classes: published data sets, and the user's own tables and folders.

use std::path::Path;

use datasets::DataError;
use datasets::texts::{Duplicates, TextParts, Texts, rt_polarity, trec};
use training::{LoadContext, Splits, TaskError, TaskResult};

use crate::predictor::decoded;
use crate::train::data::{DataConfig, OWN_VALID, RawData, Set, indexed};
use crate::train::json_lines;

/// The classes count as unbalanced if the number of texts of the smallest class, divided by that of the largest class,
/// is below this number.
const UNBALANCED: f64 = 0.25;
/// If there are fewer training texts than this number, a note says that the metrics are uncertain.
const FEW: usize = 300;

impl DataConfig {
    /// Loads texts with classes. A validation or test part that the data do not have is held out from the training
    /// texts.
    pub(super) fn load_texts(&self, cx: &mut LoadContext) -> TaskResult<RawData> {
        let (parts, own) = match self.set {
            Set::Trec => (trec(&cx.locator)?, false),
            Set::RtPolarity => (TextParts { train: rt_polarity(&cx.locator)?, valid: None, test: None }, false),
            _ => (self.own_parts(cx)?, true),
        };
        if self.fold.is_some() && parts.test.is_some() {
            let message = "the data have a test part of their own; remove this setting, or the test part";
            return Err(TaskError::setting("data.fold", message));
        }
        let source = self.describe(&parts);
        let Splits { train, valid, test } = self.divided(parts, own)?;
        let classes = if self.set == Set::RtPolarity { Vec::new() } else { train.classes() };
        if own {
            note_sizes(&train, cx);
            note_unknown(&classes, [("validation", &valid), ("test", &test)], cx);
        }
        let parts =
            Splits { train: indexed(train, &classes), valid: indexed(valid, &classes), test: indexed(test, &classes) };
        Ok(RawData::new(parts, classes, source))
    }

    /// Reads the user's tables or folder. Removes duplicates, and decodes HTML entities as the predictor does.
    fn own_parts(&self, cx: &mut LoadContext) -> TaskResult<TextParts> {
        let path = |file: &Path| cx.locator.own_file(file);
        let Some(file) = self.file.as_deref().map(path) else {
            return Err(TaskError::setting("data.file", "the setting is absent; set it to the path of your data"));
        };
        let mut parts = match self.set {
            Set::Folder => TextParts::from_folder(&file)?,
            _ => {
                let part = |file: &Option<_>| file.as_deref().map(|file| self.table(&path(file))).transpose();
                TextParts { train: self.table(&file)?, valid: part(&self.valid_file)?, test: part(&self.test_file)? }
            }
        };
        for texts in [Some(&mut parts.train), parts.valid.as_mut(), parts.test.as_mut()].into_iter().flatten() {
            texts.texts.iter_mut().for_each(|text| text.text = decoded(&text.text).into_owned());
        }
        parts.train.check_classes(&file)?;
        parts.check_spellings()?;
        let Duplicates { removed, other_label } = parts.remove_duplicates();
        if removed > 0 {
            let other = match other_label {
                0 => String::new(),
                count => format!("; {count} of them had a different label from the copy that was kept"),
            };
            cx.note(&format!("removed {removed} texts that are duplicates of other texts in the data{other}"));
        }
        parts.train.check_classes(&file)?;
        for (part, path) in [(&parts.valid, &self.valid_file), (&parts.test, &self.test_file)] {
            if let (Some(part), Some(path)) = (part, path)
                && part.texts.is_empty()
            {
                let what = "texts that do not occur in another part of the data";
                return Err(DataError::Empty { path: path.clone(), what }.into());
            }
        }
        Ok(parts)
    }

    fn table(&self, file: &Path) -> Result<Texts, DataError> {
        let [text, label] = [&self.text, &self.label].map(|name| name.as_deref().unwrap_or_default());
        match json_lines::is_json(file) {
            true => json_lines::read(file, text, label),
            false => Texts::from_table(file, text, label),
        }
    }

    /// Divides the texts into a training, a validation and a test part. If the data have no validation part, some
    /// training texts are held out for validation: at most a tenth of the user's own texts (`own` is true), and at most
    /// half of the texts of a published data set.
    fn divided(&self, parts: TextParts, own: bool) -> Result<Splits<Texts>, DataError> {
        let TextParts { train, valid, test } = parts;
        let (train, test) = match (test, self.fold) {
            (Some(test), _) => (train, test),
            (None, None) => train.hold_out(self.test.get(), self.valid_seed)?,
            (None, Some(fold)) => {
                let mut folds = train.folds(fold.of.get(), self.valid_seed)?;
                let test = folds.swap_remove(fold.number.get() - 1);
                let mut rest = folds.concat();
                rest.sort_unstable();
                (train.subset(&rest), train.subset(&test))
            }
        };
        let (train, valid) = match valid {
            Some(valid) => (train, valid),
            None => {
                let share = self.held_out() as f64 / train.texts.len().max(1) as f64;
                let most = if own { 1.0 / OWN_VALID as f64 } else { 0.5 };
                train.hold_out(share.min(most), self.valid_seed)?
            }
        };
        Ok(Splits { train, valid, test })
    }

    /// A text that identifies the data: the source and the number of texts of each part.
    fn describe(&self, parts: &TextParts) -> String {
        let TextParts { train, valid, test } = parts;
        let parts = [Some(train), valid.as_ref(), test.as_ref()].into_iter().flatten();
        parts.map(|part| format!("{} ({})", part.source, part.texts.len())).collect::<Vec<_>>().join(", ")
    }
}

/// Shows the user a note with the number of classes and the number of training texts. Shows further notes if the sizes
/// of the classes are very different, and if there are few training texts.
fn note_sizes(train: &Texts, cx: &mut LoadContext) {
    let (sizes, total) = (train.class_sizes(), train.texts.len());
    let (smallest, largest) = (sizes.iter().min_by_key(|class| class.1), sizes.iter().max_by_key(|class| class.1));
    let (Some((small, few)), Some((large, many))) = (smallest, largest) else { return };
    cx.note(&format!(
        "{} classes, {total} training texts; the smallest class is `{small}` with {few} texts, the largest class is \
         `{large}` with {many} texts",
        sizes.len()
    ));
    if (*few as f64) < UNBALANCED * *many as f64 {
        cx.note(
            "the classes have very different sizes: compare macro F1 with the baselines, and try \
             model.network.balanced = true",
        );
    }
    if total < FEW {
        cx.note(
            "there are few texts, so the metrics on the test part have wide confidence intervals; the subcommand \
             crossval measures the metrics on all texts",
        );
    }
}

/// Shows the user a note for each of the validation and the test part that has classes which do not occur in the
/// training part. The note names these classes.
fn note_unknown(classes: &[String], parts: [(&str, &Texts); 2], cx: &mut LoadContext) {
    for (name, part) in parts {
        let found = part.classes();
        let unknown: Vec<&str> = found.iter().filter(|class| !classes.contains(class)).map(String::as_str).collect();
        if !unknown.is_empty() {
            let classes = unknown.join("`, `");
            cx.note(&format!(
                "the training part has no texts of the classes `{classes}`, so the model cannot predict these classes; \
                 texts of these classes in the {name} part count as wrong"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::train::data::tests::config;
    use training::Fold;

    fn table(dir: &Path, name: &str, rows: &[(&str, &str)]) -> PathBuf {
        let path = dir.join(name);
        let rows: Vec<String> = rows.iter().map(|(text, label)| format!("\"{text}\",{label}\n")).collect();
        std::fs::write(&path, format!("text,kind\n{}", rows.concat())).unwrap();
        path
    }

    fn of(file: PathBuf) -> DataConfig {
        let (text, label) = (Some("text".to_owned()), Some("kind".to_owned()));
        DataConfig { file: Some(file), text, label, ..config(Set::Table) }
    }

    fn load(config: &DataConfig) -> TaskResult<(RawData, Vec<String>)> {
        let mut notes = Vec::new();
        let mut note = |text: &str| notes.push(text.to_owned());
        let data = config.load(&mut LoadContext::new(datasets::Locator::new(None), &mut note))?;
        Ok((data, notes))
    }

    /// 30 rows of three classes, of which the smallest has 2.
    fn thirty() -> Vec<(String, &'static str)> {
        (0..30)
            .map(|row| (format!("text {row}"), ["red", "green", "blue"][usize::from(row > 18) + usize::from(row > 27)]))
            .collect()
    }

    #[test]
    fn thirty_rows_become_three_parts() {
        let dir = tempfile::tempdir().unwrap();
        let rows = thirty();
        let rows: Vec<(&str, &str)> = rows.iter().map(|(text, label)| (text.as_str(), *label)).collect();
        let (data, notes) = load(&of(table(dir.path(), "a.csv", &rows))).unwrap();
        assert_eq!(data.classes, ["blue", "green", "red"]);
        let Splits { train, valid, test } = &data.parts;
        assert_eq!((train.len(), valid.len(), test.len()), (20, 3, 7));
        assert!(test.iter().any(|text| text.class == 0) && train.iter().any(|text| text.class == 0));
        assert_eq!(notes.len(), 3, "sizes, imbalance, few texts: {notes:?}");
    }

    #[test]
    fn duplicates_are_removed_and_said_and_parts_may_be_files() {
        let dir = tempfile::tempdir().unwrap();
        let train = [("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"), ("A ", "x"), ("isn&#39;t", "y")];
        let file = table(dir.path(), "train.csv", &train);
        let test_file = Some(table(dir.path(), "test.csv", &[("a", "y"), ("z", "new")]));
        let (data, notes) = load(&DataConfig { test_file, ..of(file) }).unwrap();
        assert!(notes.iter().any(|note| note.contains("removed 2 texts")), "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("`new`")), "{notes:?}");
        let Splits { train, valid, test } = &data.parts;
        assert_eq!((train.len(), valid.len()), (3, 1));
        assert_eq!(test.iter().map(|text| text.class).collect::<Vec<_>>(), [1, 2], "the unknown class is the last");
        assert!(train.iter().chain(valid).any(|text| text.text == "isn't"));
    }

    #[test]
    fn folds_are_test_parts() {
        let dir = tempfile::tempdir().unwrap();
        let rows = thirty();
        let rows: Vec<(&str, &str)> = rows.iter().map(|(text, label)| (text.as_str(), *label)).collect();
        let config = of(table(dir.path(), "a.csv", &rows));
        let count = |number: u64| number.try_into().unwrap();
        let mut tested = Vec::new();
        for number in 1..=5 {
            let fold = Some(Fold { number: count(number), of: count(5) });
            let Splits { train, valid, test } = load(&DataConfig { fold, ..config.clone() }).unwrap().0.parts;
            assert_eq!(train.len() + valid.len() + test.len(), 30);
            tested.extend(test.into_iter().map(|text| text.text));
        }
        tested.sort();
        tested.dedup();
        assert_eq!(tested.len(), 30);
    }

    #[test]
    fn tables_without_classes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let one = load(&of(table(dir.path(), "a.csv", &[("a", "x"), ("b", "x")]))).unwrap_err();
        assert!(matches!(one, TaskError::Data(DataError::Texts(datasets::TextError::OneClass { .. }))), "{one}");
        let many = load(&of(table(dir.path(), "a.csv", &[("a", "x"), ("b", "y"), ("c", "z")]))).unwrap_err();
        assert!(
            matches!(many, TaskError::Data(DataError::Texts(datasets::TextError::TooManyClasses { .. }))),
            "{many}"
        );
    }
}
