//! Marks the entities in a text, for a terminal or for an HTML page.

use anstyle::{AnsiColor, Color, Style};
use inference::markup::escaped;

use crate::prediction::{Entity, Prediction};

/// The text colors of entities on a terminal. Entities of kind `i` have the color with the index `i` modulo 6.
const TERMINAL: [AnsiColor; 6] =
    [AnsiColor::Green, AnsiColor::Blue, AnsiColor::Magenta, AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Red];

/// The background colors of entities on an HTML page. Entities of kind `i` have the color with the index `i` modulo 6.
const PAGE: [&str; 6] = ["#d3f2d0", "#d0e4fb", "#f4d6f0", "#cdf1f1", "#fbecc0", "#fbd5d0"];

/// The start of an HTML page, before the first [paragraph](Renderer::paragraph).
pub const PAGE_START: &str = "<!DOCTYPE html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Named entities</title>
<style>
  body { font: 17px/1.9 system-ui, sans-serif; max-width: 44em; margin: 2em auto; padding: 0 1em; }
  p { white-space: pre-wrap; }
  mark { color: inherit; padding: 0.15em 0.35em; border-radius: 0.35em; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
  mark small { font-size: 0.65em; font-weight: 600; text-transform: uppercase; margin-left: 0.45em; opacity: 0.65; }
</style>
";

/// Marks the entities of texts. The color of an entity depends on the index of its kind in `kinds`.
pub struct Renderer<'a> {
    /// The names of the kinds of entities that the model finds.
    pub kinds: &'a [String],
}

impl Renderer<'_> {
    /// Returns the text of a prediction with each entity written as `[entity](kind)`. If `color` is true, terminal
    /// escape codes color the entities.
    pub fn terminal(&self, prediction: &Prediction, color: bool) -> String {
        let mark = |entity: &Entity| {
            let marked = format!("[{}]({})", entity.text, entity.kind);
            match color {
                true => {
                    let color = TERMINAL[self.index(&entity.kind) % TERMINAL.len()];
                    let style = Style::new().bold().fg_color(Some(Color::Ansi(color)));
                    format!("{style}{marked}{style:#}")
                }
                false => marked,
            }
        };
        marked(prediction, str::to_owned, mark)
    }

    /// Returns the text of a prediction as a paragraph of an HTML page, with highlighted entities. The tooltip of an
    /// entity shows its confidence.
    pub fn paragraph(&self, prediction: &Prediction) -> String {
        let mark = |entity: &Entity| {
            let color = PAGE[self.index(&entity.kind) % PAGE.len()];
            let (text, kind) = (escaped(&entity.text), escaped(&entity.kind));
            let confidence = entity.confidence;
            format!(
                "<mark style=\"background: {color}\" title=\"confidence {confidence:.2}\">{text}<small>{kind}</small></mark>"
            )
        };
        format!("<p>{}</p>\n", marked(prediction, escaped, mark))
    }

    fn index(&self, kind: &str) -> usize {
        self.kinds.iter().position(|known| known == kind).unwrap_or(0)
    }
}

/// Returns the text of a prediction, in which `mark` has formatted each entity and `plain` has formatted the text
/// between the entities.
fn marked(prediction: &Prediction, plain: impl Fn(&str) -> String, mark: impl Fn(&Entity) -> String) -> String {
    let (mut result, mut end) = (String::new(), 0);
    for entity in &prediction.entities {
        result += &plain(&prediction.text[end..entity.start]);
        result += &mark(entity);
        end = entity.end;
    }
    result + &plain(&prediction.text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction() -> Prediction {
        let entity = |kind: &str, text: &str, start: usize| Entity {
            kind: kind.into(),
            text: text.into(),
            start,
            end: start + text.len(),
            char_start: start,
            char_end: start + text.len(),
            confidence: 0.875,
        };
        let entities = vec![entity("person", "Ada", 0), entity("place", "A&B", 8)];
        Prediction { text: "Ada <in A&B>".into(), entities }
    }

    #[test]
    fn entities_are_marked_and_the_rest_stays() {
        let kinds = ["person".to_owned(), "place".to_owned()];
        let renderer = Renderer { kinds: &kinds };
        assert_eq!(renderer.terminal(&prediction(), false), "[Ada](person) <in [A&B](place)>");
        let colored = renderer.terminal(&prediction(), true);
        assert!(colored.contains("\u{1b}[") && colored.ends_with('>'), "{colored:?}");
        let paragraph = renderer.paragraph(&prediction());
        assert!(paragraph.contains("&lt;in ") && paragraph.contains("A&amp;B<small>place</small>"), "{paragraph}");
        assert_eq!(paragraph.matches("<mark").count(), 2);
    }
}
