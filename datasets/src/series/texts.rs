//! The texts of the time columns of a table, and the conversion of these texts to times.

use super::dates::{self, Times, Wrong};

/// The number of rows whose texts are parsed together.
const BLOCK: usize = 1 << 16;
/// The maximum number of rows in the sample, which is spread over the whole table and is parsed together with every
/// block. The format of the times is detected from the parsed rows. All blocks are parsed with the same sample, so the
/// same format is detected in all blocks.
const SAMPLE: usize = 1 << 12;

/// The texts of the time columns of all rows, stored in one string.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// The texts, row by row. Each text is followed by a NUL character, because a table contains no NUL characters.
    content: String,
    /// For each row, the index in `content` of the first byte after the row.
    ends: Vec<usize>,
}

impl Texts {
    /// Adds a row, given by the texts of its time columns.
    pub fn push<'a>(&mut self, texts: impl Iterator<Item = &'a str>) {
        for text in texts {
            self.content.push_str(text);
            self.content.push('\0');
        }
        self.ends.push(self.content.len());
    }

    fn row(&self, row: usize) -> Vec<String> {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.content[start..self.ends[row]].split_terminator('\0').map(str::to_owned).collect()
    }

    fn rows(&self, rows: impl Iterator<Item = usize>) -> Vec<Vec<String>> {
        rows.map(|row| self.row(row)).collect()
    }

    /// Parses the time of each row, like [`dates::read`]. To save memory, a large table is parsed block by block: the
    /// texts of only one block at a time are copied into separate strings. The same sample of rows is put before each
    /// block, so that all blocks are read in one format. If a block cannot be read, or if the times are not
    /// [plain](Times::is_plain), all rows are parsed at once.
    pub fn times(&self, columns: &[&str], format: Option<&str>) -> Result<Times, Wrong> {
        let count = self.ends.len();
        let sample = self.rows((0..count).step_by(count.div_ceil(SAMPLE).max(1)));
        let whole = || dates::read(columns, &self.rows(0..count), format);
        if count <= BLOCK || !dates::read(columns, &sample, format).is_ok_and(|times| times.is_plain()) {
            return whole();
        }
        let mut times = Vec::with_capacity(count);
        for first in (0..count).step_by(BLOCK) {
            let mut block = sample.clone();
            block.extend(self.rows(first..count.min(first + BLOCK)));
            match dates::read(columns, &block, format) {
                Ok(block) if block.is_plain() => times.extend_from_slice(&block.times[sample.len()..]),
                _ => return whole(),
            }
        }
        Ok(Times { times, ..Times::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes from 1 January 2020, with the day before the month.
    fn minutes(count: usize) -> Texts {
        let mut texts = Texts::default();
        let start = jiff::civil::date(2020, 1, 1).at(0, 0, 0, 0);
        for minute in 0..count as i64 {
            let time = start + jiff::Span::new().minutes(minute);
            texts.push(
                [time.strftime("%d/%m/%Y").to_string(), time.strftime("%H:%M").to_string()].iter().map(|text| &**text),
            );
        }
        texts
    }

    /// The first blocks alone could be read with the month before the day.
    #[test]
    fn blocks_are_read_in_one_format() {
        let columns = ["date", "time"];
        let texts = minutes(2 * BLOCK + 5);
        let times = texts.times(&columns, None).unwrap().times;
        assert_eq!(times, dates::read(&columns, &texts.rows(0..texts.ends.len()), None).unwrap().times);
        assert_eq!(times[20 * 1440 + 61].to_string(), "2020-01-21T01:01:00");
    }

    #[test]
    fn errors_name_the_row_in_the_table() {
        let mut texts = minutes(BLOCK + 7);
        texts.push(["noon", ""].into_iter());
        assert!(matches!(texts.times(&["date", "time"], None), Err(Wrong::Format { row, .. }) if row == BLOCK + 7));
    }
}
