//! Splits a source of bytes into lines.

use std::io::{BufRead, ErrorKind, Result};

/// An iterator over the lines of a source, without the line ends. A line ends with LF, CRLF or CR. Each line is
/// returned as soon as it has been read.
pub struct Lines<R> {
    source: R,
    /// Whether the previous line ended with CR. If an LF follows, it belongs to the same line end.
    after_cr: bool,
}

impl<R: BufRead> Lines<R> {
    /// Splits `source` into lines.
    pub fn new(source: R) -> Self {
        Self { source, after_cr: false }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let bytes = match self.source.fill_buf() {
                Ok([]) => return (!line.is_empty()).then_some(Ok(line)),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Some(Err(error)),
            };
            let start = usize::from(std::mem::take(&mut self.after_cr) && bytes[0] == b'\n');
            let rest = &bytes[start..];
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            line.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            self.after_cr = end.is_some_and(|end| rest[end] == b'\r');
            let read = end.map_or(bytes.len(), |end| start + end + 1);
            self.source.consume(read);
            if end.is_some() {
                return Some(Ok(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &str, buffer: usize) -> Vec<String> {
        let lines = Lines::new(BufReader::with_capacity(buffer, text.as_bytes()));
        lines.map(|line| String::from_utf8(line.unwrap()).unwrap()).collect()
    }

    #[test]
    fn every_line_end_gives_the_same_lines() {
        let expected = ["one", "", "two words", "", "", "last"];
        for end in ["\n", "\r\n", "\r"] {
            for buffer in [1, 2, 3, 100] {
                assert_eq!(lines(&expected.join(end), buffer), expected, "{end:?}");
                assert_eq!(lines(&(expected.join(end) + end), buffer), expected, "{end:?}");
            }
        }
        assert_eq!(lines("a\r\r\nb\n\rc", 2), ["a", "", "b", "", "c"]);
        assert!(lines("", 4).is_empty());
    }
}
