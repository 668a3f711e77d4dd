//! Escaping of text for HTML and SVG.

/// Escapes the characters `&`, `<`, `>` and `"` of a text for HTML and SVG.
///
/// ```
/// assert_eq!(inference::markup::escaped("a < \"b\" & c"), "a &lt; &quot;b&quot; &amp; c");
/// ```
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
