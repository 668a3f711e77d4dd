//! Damage to JSON: a value is replaced by a value of another type or size, or the text is no longer valid JSON.

use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde_json::{Value, json};

/// Returns damaged JSON: changes a value inside `value` and serializes the result, or damages the JSON text of `value`.
pub fn damaged(value: &Value, rng: &mut ChaCha8Rng) -> String {
    let mut value = value.clone();
    match rng.random_range(0..12) {
        0..=4 => *any(&mut value, rng) = interesting(rng),
        5 => nudge(any(&mut value, rng), rng),
        6 => remove(any(&mut value, rng), rng),
        7 => repeat(any(&mut value, rng), rng),
        8 => {
            let copied = any(&mut value, rng).clone();
            *any(&mut value, rng) = copied;
        }
        9 => {
            let name = *["", "kind", "model", "data", "layers", "__metadata__", "é"].choose(rng).unwrap_or(&"");
            if let Some(object) = any(&mut value, rng).as_object_mut() {
                object.insert(name.to_owned(), interesting(rng));
            }
        }
        _ => return text(&value.to_string(), rng),
    }
    value.to_string()
}

/// Returns a random value inside `value`, at any depth, or `value` itself.
fn any<'a>(value: &'a mut Value, rng: &mut ChaCha8Rng) -> &'a mut Value {
    let is_leaf = match &*value {
        Value::Object(object) => object.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    };
    if is_leaf || rng.random_bool(0.08) {
        return value;
    }
    match value {
        Value::Object(object) => {
            let key = object.keys().nth(rng.random_range(0..object.len())).cloned().unwrap_or_default();
            any(&mut object[&key], rng)
        }
        Value::Array(items) => {
            let index = rng.random_range(0..items.len());
            any(&mut items[index], rng)
        }
        other => other,
    }
}

/// Returns a random value that readers of the JSON may not expect.
fn interesting(rng: &mut ChaCha8Rng) -> Value {
    match rng.random_range(0..24) {
        0 => Value::Null,
        1 => json!(rng.random_bool(0.5)),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(1),
        5 => json!(rng.random_range(2..300)),
        6 => json!(1_000_000),
        7 => json!(1_000_001),
        8 => json!(u32::MAX),
        9 => json!(u64::MAX),
        10 => json!(i64::MIN),
        11 => json!(1u64 << rng.random_range(0..64)),
        12 => json!(0.5),
        13 => json!(f64::MAX),
        14 => json!(-f64::MAX),
        15 => json!(f64::MIN_POSITIVE),
        16 => json!(f64::from(rng.random::<f32>()) * 1e3),
        17 => json!(""),
        18 => json!("x".repeat(1 << rng.random_range(0..14))),
        19 => json!("\u{0}\u{202e}\u{1f389}"),
        20 => json!([]),
        21 => json!({}),
        22 => json!(vec![1; 1 << rng.random_range(0..12)]),
        _ => {
            let words = [
                "lstm",
                "gru",
                "elman",
                "mae",
                "mse",
                "gaussian",
                "student-t",
                "quantile",
                "qlike",
                "direction",
                "direct",
                "autoregressive",
                "window",
                "last",
                "mean",
                "max",
                "max-mean",
                "char",
                "word",
                "F16",
                "F32",
                "F64",
                "I64",
                "BF16",
                "U8",
                "BOOL",
                "recurrent",
                "seg-rnn",
                "d-linear",
                "forecasting",
                "sentiment",
            ];
            json!(words.choose(rng))
        }
    }
}

/// Changes a value a little: adds -2 to 2 to an integer, changes the sign of a number that is not an integer, removes
/// the last character of a text, or inverts a boolean.
fn nudge(value: &mut Value, rng: &mut ChaCha8Rng) {
    match value {
        Value::Number(number) => {
            *value = match number.as_i64() {
                Some(number) => json!(number.saturating_add(rng.random_range(-2..=2))),
                None => json!(-number.as_f64().unwrap_or_default()),
            }
        }
        Value::String(text) => {
            text.pop();
        }
        Value::Bool(is) => *is = !*is,
        _ => {}
    }
}

fn remove(value: &mut Value, rng: &mut ChaCha8Rng) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            let key = object.keys().nth(rng.random_range(0..object.len())).cloned();
            object.remove(&key.unwrap_or_default());
        }
        Value::Array(items) if !items.is_empty() => {
            items.remove(rng.random_range(0..items.len()));
        }
        other => *other = Value::Null,
    }
}

fn repeat(value: &mut Value, rng: &mut ChaCha8Rng) {
    match value {
        Value::Array(items) => {
            let copies: Vec<Value> = items.iter().cycle().take(rng.random_range(0..40)).cloned().collect();
            items.extend(copies);
        }
        Value::String(text) => *text = text.repeat(rng.random_range(0..9)),
        other => *other = json!([other.clone(), other.clone()]),
    }
}

/// Damages the JSON text: inserts a number that JSON does not allow or that is out of range, repeats the first key, or
/// inserts many opening brackets that are never closed.
fn text(json: &str, rng: &mut ChaCha8Rng) -> String {
    let digits: Vec<usize> = json.match_indices(|letter: char| letter.is_ascii_digit()).map(|(at, _)| at).collect();
    let number = ["NaN", "Infinity", "1e999", "-0", "007", "1.", "18446744073709551616", "1e-999"];
    match (rng.next_u32() % 4, digits.choose(rng)) {
        (0, Some(at)) => format!("{}{}{}", &json[..*at], number.choose(rng).unwrap_or(&"NaN"), &json[at + 1..]),
        (1, _) => {
            let from = json.find('{').map_or(0, |at| at + 1);
            let key = json[from..].find([',', '{']).map_or(from, |length| from + length);
            format!("{}{},{}", &json[..from], &json[from..key], &json[from..])
        }
        (2, _) => format!("{}{json}", "[".repeat(1 << rng.random_range(0..17))),
        _ => json.replacen(':', ": {\"a\":", 1 << rng.random_range(0..6)),
    }
}
