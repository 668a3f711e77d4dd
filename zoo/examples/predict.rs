//! Predicts one output for each text, with a model of any application, and prints each output as JSON:
//!
//! `cargo run -p zoo --example predict -- imdb-lstm "Wonderfully acted."`

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("usage: predict MODEL TEXT…")?;
    let model = zoo::from_pretrained(&name)?;
    let answers = model.predictor.predict_json(arguments.map(Into::into).collect(), serde_json::Value::Null)?;
    answers.iter().for_each(|answer| println!("{answer}"));
    Ok(())
}
