//! Predicts the outputs for texts with a model of any application:
//! `cargo run -p zoo --example predict -- imdb-lstm "Wonderfully acted."`
//!
//! prints one prediction per text as JSON.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("usage: predict MODEL TEXT…")?;
    let model = zoo::from_pretrained(&name)?;
    let answers = model.predictor.predict_json(arguments.map(Into::into).collect(), serde_json::Value::Null)?;
    answers.iter().for_each(|answer| println!("{answer}"));
    Ok(())
}
