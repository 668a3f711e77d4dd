//! Tagging schemes: how the tags of tokens describe entities, which are spans of tokens.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::EntitySpan;
use super::rows::Row;
use crate::error::{DataError, Result, TagError};

/// A tagging scheme: how the tags of tokens describe entities. The tag `O` marks a token outside of all entities. Every
/// other tag consists of a prefix, a hyphen and the entity type, such as `B-person`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// The prefix is `I` for the tokens of an entity, with one exception: if an entity immediately follows another
    /// entity of the same type, its first token has the prefix `B` ([Ramshaw and Marcus
    /// 1995](https://aclanthology.org/W95-0107/)). If the user chooses this scheme, `B` may begin any entity, so that
    /// every sequence of `B`, `I` and `O` is valid. If the scheme is recognised from the tags, a `B` that does not
    /// follow an entity of the same type is an error.
    Iob1,
    /// The prefix is `B` for the first token of an entity, and `I` for its other tokens.
    Bio2,
    /// The prefix is `B` for the first, `I` for the inner and `E` for the last token of an entity, and `S` for an
    /// entity of one token. The prefixes `L` and `U` of the scheme BILOU are read as `E` and `S`.
    Bioes,
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Iob1 => "IOB1",
            Self::Bio2 => "BIO2",
            Self::Bioes => "BIOES",
        })
    }
}

/// A tag, split into its prefix and the entity type (`kind`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    text: &'a str,
    prefix: Prefix,
    kind: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefix {
    Outside,
    Begin,
    Inside,
    End,
    Single,
}
use Prefix::{Begin, End, Inside, Outside, Single};

impl<'a> Tag<'a> {
    const OUTSIDE: Tag<'static> = Tag { text: "O", prefix: Outside, kind: "" };

    /// Parses a tag: `O`, or a known prefix, a hyphen and the entity type. Returns `None` for any other text.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text == "O" {
            return Some(Self::OUTSIDE);
        }
        let (prefix, kind) = text.split_once('-').filter(|(_, kind)| !kind.is_empty())?;
        let prefix = match prefix {
            "B" => Begin,
            "I" => Inside,
            "E" | "L" => End,
            "S" | "U" => Single,
            _ => return None,
        };
        Some(Self { text, prefix, kind })
    }

    /// Returns whether an entity with this tag may continue at the next token: the prefix is `B` or `I`.
    fn is_open(self) -> bool {
        matches!(self.prefix, Begin | Inside)
    }

    /// Returns whether this tag continues the entity of the previous tag.
    fn continues(self, previous: Self) -> bool {
        matches!(self.prefix, Inside | End) && previous.is_open() && previous.kind == self.kind
    }
}

/// Returns each row of a sentence together with the tag of the previous row, which is `None` for the first row.
fn with_previous<'r, 'a>(rows: &'r [Row<'a>]) -> impl Iterator<Item = (Option<Tag<'a>>, &'r Row<'a>)> {
    let previous = std::iter::once(None).chain(rows.iter().map(|row| Some(row.tag)));
    previous.zip(rows)
}

impl Scheme {
    /// Returns the tag of each token of a sentence with the given entities. `tokens` is the number of tokens.
    pub fn tags(self, tokens: usize, entities: &[EntitySpan]) -> Vec<String> {
        let mut tags = vec!["O".to_owned(); tokens];
        let mut previous: Option<&EntitySpan> = None;
        for entity in entities {
            let touches = previous.is_some_and(|other| other.end == entity.start && other.kind == entity.kind);
            for (place, tag) in tags.iter_mut().enumerate().take(entity.end).skip(entity.start) {
                let (first, last) = (place == entity.start, place + 1 == entity.end);
                let prefix = match self {
                    Self::Bioes if first && last => 'S',
                    Self::Bioes if last => 'E',
                    Self::Iob1 if first && !touches => 'I',
                    _ if first => 'B',
                    _ => 'I',
                };
                *tag = format!("{prefix}-{}", entity.kind);
            }
            previous = Some(entity);
        }
        tags
    }

    /// Recognises the scheme of a file from its tags. If a tag has the prefix `E`, `L`, `S` or `U`, the scheme is
    /// BIOES. Otherwise, the scheme is IOB1 if entities begin with `I`, and BIO2 if they begin with `B`. Returns an
    /// error if some entities begin with `I` and others with `B`. A `B` that directly follows an entity of the same
    /// type does not count, because both IOB1 and BIO2 allow it.
    pub(super) fn recognise(path: &Path, sentences: &[Vec<Row<'_>>]) -> Result<Self> {
        let tags = || sentences.iter().flatten().map(|row| row.tag.prefix);
        if tags().any(|prefix| matches!(prefix, End | Single)) {
            return Ok(Self::Bioes);
        }
        let (mut begin, mut inside) = (Vec::new(), Vec::new());
        for (previous, row) in sentences.iter().flat_map(|rows| with_previous(rows)) {
            let before = previous.unwrap_or(Tag::OUTSIDE);
            let follows = before.is_open() && before.kind == row.tag.kind;
            match row.tag.prefix {
                Begin if !follows => begin.push((previous, row)),
                Inside if !follows => inside.push((previous, row)),
                _ => {}
            }
        }
        let bio2 = begin.len() >= inside.len();
        let (scheme, exceptions) = if bio2 { (Self::Bio2, inside) } else { (Self::Iob1, begin) };
        match exceptions.first() {
            Some((previous, row)) => Err(scheme.misplaced(path, row.line, *previous, Some(row.tag))),
            None => Ok(scheme),
        }
    }

    /// Reads the entities of a sentence from the tags of its tokens.
    pub(super) fn spans(self, path: &Path, rows: &[Row<'_>]) -> Result<Vec<EntitySpan>> {
        let mut spans: Vec<EntitySpan> = Vec::new();
        for (start, (previous, row)) in with_previous(rows).enumerate() {
            self.check(path, row.line, previous, Some(row.tag))?;
            match spans.last_mut() {
                Some(span) if previous.is_some_and(|previous| row.tag.continues(previous)) => span.end = start + 1,
                _ if row.tag.prefix == Outside => {}
                _ => spans.push(EntitySpan { start, end: start + 1, kind: row.tag.kind.to_owned() }),
            }
        }
        if let Some(last) = rows.last() {
            self.check(path, last.line, Some(last.tag), None)?;
        }
        Ok(spans)
    }

    /// Checks that a tag belongs to this scheme and can follow the previous tag. `previous` is `None` if the tag is the
    /// first of its sentence, and `tag` is `None` if the sentence ends after the previous tag.
    fn check(self, path: &Path, line: usize, previous: Option<Tag<'_>>, tag: Option<Tag<'_>>) -> Result<()> {
        let (before, after) = (previous.unwrap_or(Tag::OUTSIDE), tag.unwrap_or(Tag::OUTSIDE));
        if self != Self::Bioes && matches!(after.prefix, End | Single) {
            let tag = after.text.to_owned();
            return Err(DataError::Tags(TagError::UnknownTag {
                path: path.to_path_buf(),
                line,
                tag,
                scheme: Some(self),
            }));
        }
        let fits = match self {
            Self::Iob1 => true,
            Self::Bio2 => after.prefix != Inside || after.continues(before),
            Self::Bioes if before.is_open() => after.continues(before),
            Self::Bioes => !matches!(after.prefix, Inside | End),
        };
        if fits { Ok(()) } else { Err(self.misplaced(path, line, previous, tag)) }
    }

    fn misplaced(self, path: &Path, line: usize, previous: Option<Tag<'_>>, tag: Option<Tag<'_>>) -> DataError {
        let text = |tag: Tag<'_>| tag.text.to_owned();
        DataError::Tags(TagError::MisplacedTag {
            path: path.to_path_buf(),
            line,
            previous: previous.map(text),
            tag: tag.map(text),
            scheme: self,
        })
    }
}
