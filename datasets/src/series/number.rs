//! The numbers of a table: decimal marks, thousands separators, units, and words for missing values.
//!
//! All numbers of a column have the same format. The reader looks at the whole column, and then at the other columns,
//! before it decides whether `1,234` is more than a thousand or a little more than one.

use serde::{Deserialize, Serialize};

/// The decimal mark of a column. The other mark, blanks and apostrophes may separate thousands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decimal {
    /// A point: `1.5`, or `1,234.5` with a thousands separator.
    #[default]
    #[serde(rename = ".")]
    Point,
    /// A comma: `1,5`, or `1.234,5` with a thousands separator.
    #[serde(rename = ",")]
    Comma,
}

/// A number or a word that marks a missing value in a table, such as -9999 or `defect`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sentinel {
    /// A number. The table may write this number in any format.
    Number(f64),
    /// The text of a whole field.
    Word(String),
}

impl From<f64> for Sentinel {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl std::str::FromStr for Sentinel {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        Ok(number.map_or_else(|| Self::Word(text.to_owned()), Self::Number))
    }
}

impl Sentinel {
    /// Returns whether a field equals this sentinel, and therefore marks a missing value.
    fn is(&self, field: &str) -> bool {
        match (self, Field::of(field)) {
            (Self::Word(word), _) => word == field,
            (Self::Number(number), Field::Number(written)) => {
                [Decimal::Point, Decimal::Comma].iter().any(|mark| written.value(*mark) == Some(*number))
            }
            _ => false,
        }
    }
}

/// Words for missing values in lower case, as pandas, R, Excel, SQL, Eurostat and weather services write them.
const MISSING: [&str; 37] = [
    "", "na", "n/a", "nan", "-nan", "null", "(null)", "none", "nil", "nat", "<na>", "#n/a", "#n/a n/a", "#na", "\\n",
    "missing", "m", "?", "-", "--", "---", "–", "—", ".", "..", "...", "…", ":", "*", "#div/0!", "#value!", "#ref!",
    "#name?", "#num!", "#null!", "1.#qnan", "-1.#ind",
];

/// Abbreviations of currencies that may stand before or after a number, besides the signs of currencies.
const CURRENCIES: [&str; 24] = [
    "US$", "R$", "C$", "A$", "EUR", "USD", "GBP", "CHF", "JPY", "CNY", "INR", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF",
    "BRL", "CAD", "AUD", "Fr.", "kr", "Kč", "zł",
];

/// What a field contains: a sign or word for a missing value, true or false, a number, or other text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
    Missing,
    Boolean(bool),
    Number(Written<'a>),
    Word,
}

/// A number as a field of the table writes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Written<'a> {
    negative: bool,
    /// The digits, with the decimal mark and the thousands separators between them.
    mantissa: &'a str,
    /// The exponent with its `e` or `E`, such as `e-3`; empty if the number has no exponent.
    exponent: &'a str,
    marks: Marks,
    /// The sign or the abbreviation of a currency, the per-cent sign, or the per-mille sign; `None` if the number has
    /// no unit.
    pub unit: Option<&'a str>,
}

/// What the marks between the digits of a number (points, commas, blanks, apostrophes) show about its decimal mark.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Marks {
    /// The number has neither a point nor a comma, so both decimal marks are possible. `long` is true if the number has
    /// more than three digits and no thousands separator. Then the column has no thousands separators.
    Any { long: bool },
    /// The number can be read only with this decimal mark.
    Only(Decimal),
    /// The number has one point or comma, which stands before the last three digits. It may be a decimal mark or a
    /// thousands separator.
    Either(Decimal),
}

impl<'a> Field<'a> {
    /// Parses a field without knowledge of the other fields of its column.
    pub fn of(field: &'a str) -> Self {
        // This fast path reads nearly all fields of nearly all tables.
        if let Some(written) = Written::plain(field) {
            return Self::Number(written);
        }
        if let Some(written) = Written::of(field) {
            return Self::Number(written);
        }
        match field.to_lowercase().as_str() {
            word if MISSING.contains(&word) || is_flag(word) => Self::Missing,
            "true" => Self::Boolean(true),
            "false" => Self::Boolean(false),
            _ => Self::Word,
        }
    }
}

/// Returns whether a field is Eurostat's sign for a missing value: a colon, followed by letters for the reason, such as
/// `: c`.
fn is_flag(word: &str) -> bool {
    word.strip_prefix(':').is_some_and(|flags| flags.len() <= 4 && flags.trim().chars().all(char::is_alphabetic))
}

impl<'a> Written<'a> {
    /// Parses a field that consists of digits, at most one point, and an optional minus sign at the start. Returns
    /// `None` for other fields.
    fn plain(field: &'a str) -> Option<Self> {
        let mantissa = field.strip_prefix('-').unwrap_or(field);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let marks = match whole.len() == mantissa.len() {
            true => Marks::Any { long: whole.len() > 3 },
            false => Marks::single(Decimal::Point, whole, fraction),
        };
        Some(Self { negative: mantissa.len() < field.len(), mantissa, exponent: "", marks, unit: None })
    }

    /// Parses a number in any known notation: with a sign, a unit before or after the digits, thousands separators, and
    /// an exponent. Returns `None` if the field is not a number.
    fn of(field: &'a str) -> Option<Self> {
        let (outer, rest) = sign(field);
        let (unit, rest) = unit(rest);
        let (inner, rest) = if outer.is_none() { sign(rest) } else { (None, rest) };
        let at = rest.find(['e', 'E']).unwrap_or(rest.len());
        let (mantissa, exponent) = rest.split_at(at);
        let power = exponent.get(1..).unwrap_or("0").trim_start_matches(['-', '+']);
        let has_power = !power.is_empty() && power.len() < 4 && power.bytes().all(|byte| byte.is_ascii_digit());
        let marks = match Marks::of(mantissa).filter(|_| has_power)? {
            Marks::Either(mark) if !exponent.is_empty() => Marks::Only(mark),
            marks => marks,
        };
        let negative = outer.or(inner).unwrap_or(false);
        Some(Self { negative, mantissa, exponent, marks, unit })
    }

    /// Returns the value of the number, read with the decimal mark `decimal`. Returns `None` if the number cannot be
    /// read with this decimal mark, or if the value is not finite.
    pub fn value(&self, decimal: Decimal) -> Option<f64> {
        if matches!(self.marks, Marks::Only(mark) if mark != decimal) {
            return None;
        }
        let mark = if decimal == Decimal::Point { '.' } else { ',' };
        let digits = |letter: char| match letter {
            _ if letter == mark => Some('.'),
            _ => letter.is_ascii_digit().then_some(letter),
        };
        let value: f64 = match (decimal, self.mantissa.parse()) {
            (Decimal::Point, Ok(value)) if self.exponent.is_empty() => value,
            _ => (self.mantissa.chars().filter_map(digits).collect::<String>() + self.exponent).parse().ok()?,
        };
        value.is_finite().then_some(if self.negative { -value } else { value })
    }
}

/// Removes the sign from the start of a number. Returns whether the sign is a minus sign (`None` if there is no sign),
/// and the rest of the text.
fn sign(text: &str) -> (Option<bool>, &str) {
    let negative = ['-', '\u{2212}'].iter().find_map(|minus| text.strip_prefix(*minus)).map(|rest| (Some(true), rest));
    let (sign, rest) =
        negative.or_else(|| text.strip_prefix('+').map(|rest| (Some(false), rest))).unwrap_or((None, text));
    (sign, rest.trim_start())
}

/// Removes the unit from the start or the end of a number. Returns the unit (`None` if there is no unit), and the rest
/// of the text.
fn unit(text: &str) -> (Option<&str>, &str) {
    let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    if is_digit(text.chars().next()) && is_digit(text.chars().next_back()) {
        return (None, text);
    }
    let is_sign = |letter: &char| matches!(letter, '%' | '‰' | '$' | '¢'..='¥' | '\u{20a0}'..='\u{20cf}');
    let length = |name: Option<&&str>, letter: Option<char>| {
        name.map(|name| name.len()).or_else(|| letter.filter(is_sign).map(char::len_utf8)).unwrap_or(0)
    };
    let first = length(CURRENCIES.iter().find(|name| text.starts_with(**name)), text.chars().next());
    let last = length(CURRENCIES.iter().find(|name| text.ends_with(**name)), text.chars().next_back());
    match (first, last) {
        (0, 0) => (None, text),
        (0, last) => (Some(&text[text.len() - last..]), text[..text.len() - last].trim_end()),
        (first, _) => (Some(&text[..first]), text[first..].trim_start()),
    }
}

impl Marks {
    /// Returns what the marks between the digits of `mantissa` show about the decimal mark. Returns `None` if
    /// `mantissa` is not a number.
    fn of(mantissa: &str) -> Option<Self> {
        let groups: Vec<&str> = mantissa.split(|letter: char| !letter.is_ascii_digit()).collect();
        let marks: Vec<char> = mantissa.chars().filter(|letter| !letter.is_ascii_digit()).map(kind).collect();
        let (&last, before) = match marks.split_last() {
            Some(split) => split,
            None => return (!mantissa.is_empty()).then_some(Self::Any { long: mantissa.len() > 3 }),
        };
        let decimal = match last {
            '.' => Some(Decimal::Point),
            ',' => Some(Decimal::Comma),
            _ => None,
        };
        match (before.first(), decimal) {
            (None, Some(mark)) => (mantissa.len() > 1).then(|| Self::single(mark, groups[0], groups[1])),
            // The last mark is a decimal mark, and the marks before it, all of another kind, separate thousands.
            (Some(between), Some(mark)) if *between != last => {
                let grouped = before.iter().all(|mark| mark == between) && are_thousands(&groups[..groups.len() - 1]);
                (grouped && matches!(between, '.' | ',' | ' ' | '\'')).then_some(Self::Only(mark))
            }
            // In the remaining cases, marks of one kind separate thousands, or the text is not a number.
            _ if !marks.iter().all(|mark| *mark == last) || !are_thousands(&groups) => None,
            (_, Some(mark)) => Some(Self::Only(mark.other())),
            _ => matches!(last, ' ' | '\'').then_some(Self::Any { long: false }),
        }
    }

    /// Does the same as [`of`](Self::of) for a number with a single point or comma, which `mark` names. `whole` has the
    /// digits before this mark, and `fraction` has the digits after it.
    fn single(mark: Decimal, whole: &str, fraction: &str) -> Self {
        match are_thousands(&[whole, fraction]) {
            true => Self::Either(mark),
            false => Self::Only(mark),
        }
    }
}

/// Normalises a mark between digits: replaces each kind of blank by a space, and each kind of apostrophe by `'`.
/// Returns other marks unchanged.
fn kind(mark: char) -> char {
    match mark {
        '\u{a0}' | '\u{2009}' | '\u{202f}' => ' ',
        '\u{2019}' => '\'',
        _ => mark,
    }
}

/// Returns whether the groups of digits may be those of a number with thousands separators, such as 1,234,567 or, in
/// India, 12,34,567.
fn are_thousands(groups: &[&str]) -> bool {
    let [first, middle @ .., last] = groups else { return false };
    let all = |length: usize| middle.iter().all(|group| group.len() == length);
    (1..=3).contains(&first.len()) && !first.starts_with('0') && last.len() == 3 && (all(3) || all(2))
}

impl Decimal {
    fn other(self) -> Self {
        match self {
            Self::Point => Self::Comma,
            Self::Comma => Self::Point,
        }
    }
}

/// A summary of the fields of a column: how its numbers are written, and how many numbers and words it has.
/// [`add`](Self::add) adds one field.
#[derive(Debug, Default)]
pub(super) struct Survey {
    numbers: usize,
    words: usize,
    booleans: usize,
    /// Two flags: whether some number can be read only with a decimal point, and whether some number can be read only
    /// with a decimal comma.
    only: [bool; 2],
    /// Two ambiguous numbers, each with its line number: the first number whose point may be a decimal mark or a
    /// thousands separator, and the first number whose comma may be either of the two.
    either: [Option<(usize, String)>; 2],
    /// Whether the column has numbers of the kind [`Marks::Any`]: `bare[0]` for numbers with `long: false`, and
    /// `bare[1]` for numbers with `long: true`.
    bare: [bool; 2],
    /// The unit of the first number.
    unit: Option<String>,
    /// The first number whose unit differs from the unit of the first number, with its line.
    other_unit: Option<(usize, String)>,
    /// The number that must come next if the column counts the rows: the previous number plus 1.
    next: Option<f64>,
    /// Whether some number is not the previous number plus 1, so that the column does not count the rows.
    skips: bool,
}

impl Survey {
    /// Adds a field. `line` is its line number in the file. Fields that mark missing values are ignored.
    pub fn add(&mut self, field: &str, line: usize, sentinel: Option<&Sentinel>) {
        let number = match Field::of(field) {
            _ if sentinel.is_some_and(|sentinel| sentinel.is(field)) => return,
            Field::Missing => return,
            Field::Boolean(_) => return self.booleans += 1,
            Field::Word => return self.words += 1,
            Field::Number(number) => number,
        };
        if self.numbers == 0 {
            self.unit = number.unit.map(str::to_owned);
        } else if self.other_unit.is_none() && self.unit.as_deref() != number.unit {
            self.other_unit = Some((line, field.to_owned()));
        }
        self.numbers += 1;
        match number.marks {
            Marks::Any { long } => self.bare[usize::from(long)] = true,
            Marks::Only(mark) => self.only[mark as usize] = true,
            Marks::Either(mark) => {
                self.either[mark as usize].get_or_insert_with(|| (line, field.to_owned()));
            }
        }
        let value = number.value(Decimal::Point);
        self.skips |= self.next.is_some() && self.next != value || value.is_none();
        self.next = value.map(|value| value + 1.0);
    }

    /// Returns whether the column is read as numbers: it has more numbers than words, or only the words true and false.
    pub fn is_numeric(&self) -> bool {
        self.numbers > self.words || self.is_boolean()
    }

    /// Returns whether each value of the column is the word true or the word false.
    pub fn is_boolean(&self) -> bool {
        self.booleans > 0 && self.numbers + self.words == 0
    }

    /// Returns whether each number is one more than the number before it.
    pub fn counts_rows(&self) -> bool {
        self.numbers > 1 && self.words + self.booleans == 0 && !self.skips
    }

    /// Returns the first number whose unit differs from the unit of the numbers above: the line number, the text of the
    /// number, and the unit of the numbers above (empty if they have no unit).
    pub fn other_unit(&self) -> Option<(usize, &str, &str)> {
        let (line, value) = self.other_unit.as_ref()?;
        Some((*line, value, self.unit.as_deref().unwrap_or_default()))
    }

    /// Returns the decimal mark that the numbers of this column prove: some number can be read only with this mark, and
    /// no number can be read only with the other mark. Returns `None` if no mark is proven.
    pub fn proven(&self) -> Option<Decimal> {
        match self.only {
            [true, false] => Some(Decimal::Point),
            [false, true] => Some(Decimal::Comma),
            _ => None,
        }
    }

    /// Returns the decimal mark of the column, and whether this mark is only assumed. `others` has two flags: whether
    /// some column of the table proves the decimal point, and whether some column proves the decimal comma (see
    /// [`proven`](Self::proven)). `commas_separate` is true if commas separate the columns.
    ///
    /// # Errors
    ///
    /// If the decimal mark cannot be determined: the line number and the text of the first number that can be read with
    /// either mark.
    pub fn decimal(&self, others: [bool; 2], commas_separate: bool) -> Result<(Decimal, bool), &(usize, String)> {
        if let Some(mark) = self.proven() {
            return Ok((mark, false));
        }
        let (found, first) = match &self.either {
            _ if self.only == [true; 2] => return Ok((Decimal::Point, false)),
            [None, None] => return Ok((Decimal::Point, false)),
            [Some(first), Some(_)] => return Err(first),
            [Some(first), None] => (Decimal::Point, first),
            [None, Some(first)] => (Decimal::Comma, first),
        };
        match others {
            [true, false] => Ok((Decimal::Point, false)),
            [false, true] => Ok((Decimal::Comma, false)),
            // The column has numbers of more than three digits without a thousands separator, so the point is a decimal
            // mark.
            _ if found == Decimal::Point && self.bare[1] => Ok((Decimal::Point, false)),
            _ if found == Decimal::Point && commas_separate && !self.bare[0] => Ok((Decimal::Point, true)),
            _ => Err(first),
        }
    }
}

/// The value of a field in a column of numbers. `Wrong` means that the field is not a number in the format of this
/// column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Is(f64),
    Missing,
    Wrong,
}

/// How the fields of a column of numbers are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Style {
    pub decimal: Decimal,
    /// Whether the decimal mark is only assumed, because no number of the table proves it.
    pub is_assumed: bool,
    /// Whether the column has the values true and false, which are read as 1 and 0.
    pub is_boolean: bool,
}

impl Style {
    /// Parses a field of the column. A field that equals `sentinel` is a missing value.
    pub fn value(self, field: &str, sentinel: Option<&Sentinel>) -> Value {
        match (Field::of(field), sentinel) {
            (_, Some(Sentinel::Word(word))) if word == field => Value::Missing,
            (Field::Missing, _) => Value::Missing,
            (Field::Boolean(value), _) if self.is_boolean => Value::Is(f64::from(u8::from(value))),
            (Field::Number(written), sentinel) => match written.value(self.decimal) {
                Some(value) if sentinel == Some(&Sentinel::Number(value)) => Value::Missing,
                Some(value) => Value::Is(value),
                None => Value::Wrong,
            },
            _ => Value::Wrong,
        }
    }
}
