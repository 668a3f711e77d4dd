//! Shards: the parts into which a list of texts or series is divided, so that each part has its own process; and the
//! verb (subcommand) `merge`, which joins the outputs of the processes.
//!
//! The output of a shard is lines of JSON. The last line contains the number of the shard, and digests of the model, of
//! the items (texts or series) and of the options. With this line, `merge` finds outputs that are incomplete or do not
//! belong together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use inference::PredictError;
use inference::package::{MANIFEST, sha256};
use serde::{Deserialize, Serialize};

use crate::error::{CliError, Result};
use crate::output::{print_json, print_line};

/// One shard of a list that is divided into `of` shards. The shard contains the items (series or batches of texts) for
/// which `index % of == number - 1`. `index` is counted from 0, `number` from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    number: usize,
    of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err("give I/N with I from 1 to N, such as 1/3 for the first of three shards".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl Shard {
    /// Whether the item with this index, counted from 0, belongs to the shard.
    pub fn has(self, index: usize) -> bool {
        index % self.of == self.number - 1
    }
}

/// The option `--shard`, with which a process predicts for only a part of the items (texts or series).
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ShardArgs {
    /// Predict for only part I of N parts (shards) of the texts or series; needs --json. The verb `merge` joins the
    /// outputs of all N shards
    #[arg(long, value_name = "I/N", help_heading = "Output")]
    shard: Option<Shard>,
}

impl ShardArgs {
    /// Checks that the output is JSON if a shard is given.
    ///
    /// # Errors
    ///
    /// [`CliError::Usage`] if a shard is given and `json` is false.
    pub fn check(self, json: bool) -> Result<()> {
        match self.shard.is_some() && !json {
            true => {
                Err(CliError::Usage("--shard needs --json, because merge joins lines of JSON; add --json".to_owned()))
            }
            false => Ok(()),
        }
    }

    /// Whether a shard is given.
    pub fn is_some(self) -> bool {
        self.shard.is_some()
    }

    /// Whether this process predicts for the item with this index, counted from 0: always true without `--shard`.
    pub fn has(self, index: usize) -> bool {
        self.shard.is_none_or(|shard| shard.has(index))
    }

    /// Prints the last line of the output of a shard; prints nothing without `--shard`. `model` is the folder of the
    /// model, `list` is the number and the digest of the items of all shards, and `options` are the options of the
    /// predictions. `merge` checks that model, items and options are the same for all shards.
    pub fn finish(self, model: &Path, mut list: List, options: &impl Serialize) -> Result<()> {
        let Some(shard) = self.shard else { return Ok(()) };
        let path = model.join(MANIFEST);
        let manifest =
            std::fs::read(&path).map_err(|source| CliError::Io { action: "read", path: path.clone(), source })?;
        list.digest(&serde_json::to_vec(options).map_err(|error| PredictError::Internal(error.into()))?);
        print_json(&Seal { shard, items: list.count, list: list.digest, model: sha256(&manifest) })
    }
}

/// The number of items (texts or series) of all shards together, and a digest (SHA-256) of these items in their order.
#[derive(Debug, Default)]
pub struct List {
    count: usize,
    digest: String,
}

impl List {
    /// Counts the next item, and adds its content to the digest.
    pub fn add(&mut self, item: &[u8]) {
        self.count += 1;
        self.digest(item);
    }

    fn digest(&mut self, content: &[u8]) {
        self.digest = sha256(format!("{}{}", self.digest, sha256(content)).as_bytes());
    }

    /// Returns the number of items.
    pub fn count(&self) -> usize {
        self.count
    }
}

/// The last line of the output of a shard, as JSON. `merge` uses this line to check that the outputs are complete and
/// belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    /// The number of this shard, counted from 1, and the total number of shards.
    shard: Shard,
    /// The number of items of all shards together.
    items: usize,
    /// A digest (SHA-256) of the items of all shards and of the options of the predictions.
    list: String,
    /// The SHA-256 of the model's file `manifest.json`.
    model: String,
}

/// Arguments of the verb `merge`.
#[derive(Debug, Args)]
pub struct Merge {
    /// Files with the outputs of all shards, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// An output line, which is the prediction for one text. `line` is the number of the text, counted from 1.
#[derive(Deserialize)]
struct Line {
    line: usize,
}

impl Merge {
    /// Joins the outputs of the shards, and prints what one process without `--shard` would print.
    ///
    /// # Errors
    ///
    /// [`CliError::Shards`] if an output is incomplete, if a shard is missing or given twice, or if the outputs come
    /// from different models, lists of items or options.
    pub fn run(&self) -> Result<()> {
        let outputs = self.files.iter().map(|file| Output::read(file)).collect::<Result<Vec<_>>>()?;
        check(&outputs)?;
        let lines = || outputs.iter().flat_map(|output| output.lines.iter().map(move |line| (output, line.as_str())));
        let numbered = lines().map(|(output, line)| match serde_json::from_str::<Line>(line) {
            Ok(Line { line: number }) => Ok(Some((number, line))),
            Err(_) if line.starts_with('{') => Ok(None),
            Err(_) => Err(output.wrong("a line is not JSON; run the shard again")),
        });
        let Some(mut numbered) = numbered.collect::<Result<Option<Vec<_>>>>()? else { return merge_maps(lines()) };
        numbered.sort_unstable();
        numbered.into_iter().try_for_each(|(_, line)| print_line(line))
    }
}

/// Prints one JSON object with the entries of all lines, sorted by name. Each line is a JSON object that maps the names
/// of series to their forecasts.
fn merge_maps<'a>(lines: impl Iterator<Item = (&'a Output, &'a str)>) -> Result<()> {
    let mut all: BTreeMap<String, &str> = BTreeMap::new();
    for (output, line) in lines {
        let entries = entries(line).ok_or_else(|| output.wrong("a line is not a JSON object; run the shard again"))?;
        all.extend(entries);
    }
    let entries: Vec<&str> = all.into_values().collect();
    print_line(&format!("{{{}}}", entries.join(",")))
}

/// Splits a JSON object on one line into its entries. Returns the key and the unchanged text of each entry; `None` if
/// the line is not an object.
fn entries(line: &str) -> Option<Vec<(String, &str)>> {
    let content = line.trim().strip_prefix('{')?.strip_suffix('}')?;
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let is_comma = |letter: char| {
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' | '[' if !in_string => depth += 1,
            '}' | ']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0 && !in_string
    };
    let entry = |entry: &'_ str| {
        let key = serde_json::Deserializer::from_str(entry).into_iter::<String>().next()?.ok()?;
        Some(key)
    };
    content.split(is_comma).filter(|part| !part.is_empty()).map(|part| Some((entry(part)?, part))).collect()
}

/// The output of a shard.
struct Output {
    path: PathBuf,
    lines: Vec<String>,
    seal: Seal,
}

impl Output {
    fn read(path: &Path) -> Result<Self> {
        let content = std::fs::read_to_string(path);
        let content = content.map_err(|source| CliError::Io { action: "read", path: path.to_path_buf(), source })?;
        let mut lines: Vec<String> = content.lines().map(str::to_owned).collect();
        let seal = lines.pop().and_then(|line| serde_json::from_str(&line).ok());
        let message =
            "the last line does not say which shard this is, so the output is incomplete; run the shard again";
        let seal = seal.ok_or_else(|| wrong(path, message))?;
        Ok(Self { path: path.to_path_buf(), lines, seal })
    }

    fn wrong(&self, message: &str) -> CliError {
        wrong(&self.path, message)
    }
}

fn wrong(path: &Path, message: &str) -> CliError {
    CliError::Shards { path: path.to_path_buf(), message: message.to_owned() }
}

/// Checks that the outputs are those of all shards of one list, each shard once, and that all predictions were made by
/// the same model with the same options.
fn check(outputs: &[Output]) -> Result<()> {
    let Some(first) = outputs.first() else { return Ok(()) };
    let of = first.seal.shard.of;
    let mut found = vec![false; of];
    for output in outputs {
        let Seal { shard, items, list, model } = &output.seal;
        let other = first.path.display();
        if (shard.of, *items) != (of, first.seal.items) {
            return Err(output.wrong(&format!(
                "this is shard {shard} of a list of {items} items, but {other} is shard {} of a list of {} items; give \
                 the outputs of all shards of one list",
                first.seal.shard, first.seal.items
            )));
        }
        if *list != first.seal.list {
            let message = format!(
                "its items or options differ from those of {other}; run this shard again with the items and options of \
                 {other}"
            );
            return Err(output.wrong(&message));
        }
        if *model != first.seal.model {
            let message = format!(
                "its answers and those of {other} are from different models; run this shard again with the model of \
                 {other}"
            );
            return Err(output.wrong(&message));
        }
        if std::mem::replace(&mut found[shard.number - 1], true) {
            return Err(output.wrong(&format!("another given file is also shard {shard}; remove one of the two files")));
        }
    }
    match found.iter().position(|found| !found) {
        Some(missing) => Err(first.wrong(&format!(
            "this is one of {of} shards, but shard {}/{of} is not among the files; give the outputs of all shards",
            missing + 1
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> Shard {
        text.parse().unwrap()
    }

    #[test]
    fn shards_have_every_item_once() {
        for of in [1, 3, 7] {
            let shards: Vec<ShardArgs> =
                (1..=of).map(|number| ShardArgs { shard: Some(shard(&format!("{number}/{of}"))) }).collect();
            assert!((0..40).all(|index| shards.iter().filter(|shard| shard.has(index)).count() == 1));
        }
        assert!(ShardArgs::default().has(5));
        for wrong in ["0/3", "4/3", "3", "a/3", "1/0", "-1/3", ""] {
            wrong.parse::<Shard>().unwrap_err();
        }
    }

    #[test]
    fn maps_are_split_into_their_entries() {
        let map = r#"{"a, \"b":{"x":[1,2],"y":"}"},"c":1.50}"#;
        let found = entries(map).unwrap();
        assert_eq!(found, [("a, \"b".to_owned(), r#""a, \"b":{"x":[1,2],"y":"}"}"#), ("c".to_owned(), r#""c":1.50"#)]);
        assert!(entries("{}").unwrap().is_empty());
        assert!(entries("[1]").is_none() && entries("{1:2}").is_none());
    }

    #[test]
    fn outputs_that_do_not_belong_together_are_refused() {
        let with_list = |text: &str, items, list: &str, model: &str| Output {
            path: "a.jsonl".into(),
            lines: Vec::new(),
            seal: Seal { shard: shard(text), items, list: list.to_owned(), model: model.to_owned() },
        };
        let output = |text: &str, items, model: &str| with_list(text, items, "l", model);
        check(&[output("2/2", 5, "m"), output("1/2", 5, "m")]).unwrap();
        for outputs in [
            vec![output("1/2", 5, "m")],
            vec![output("1/2", 5, "m"), output("1/2", 5, "m")],
            vec![output("1/2", 5, "m"), output("2/2", 6, "m")],
            vec![output("1/2", 5, "m"), output("2/3", 5, "m")],
            vec![output("1/2", 5, "m"), output("2/2", 5, "n")],
            vec![output("1/2", 5, "m"), with_list("2/2", 5, "other", "m")],
        ] {
            assert!(matches!(check(&outputs), Err(CliError::Shards { .. })));
        }
    }

    #[test]
    fn a_list_is_known_by_its_items_and_their_order() {
        let digest = |items: &[&str]| {
            let mut list = List::default();
            items.iter().for_each(|item| list.add(item.as_bytes()));
            (list.count(), list.digest)
        };
        assert_eq!(digest(&["a", "b"]), digest(&["a", "b"]));
        for other in [&["b", "a"][..], &["ab"], &["a"], &["a", "b", ""]] {
            assert_ne!(digest(&["a", "b"]), digest(other));
        }
    }
}
