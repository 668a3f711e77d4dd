//! The example input of every shipped model.

#![allow(clippy::unwrap_used)]

use inference::Catalog;
use serde_json::Value;

#[test]
fn every_shipped_model_answers_its_example() {
    let mut count = 0;
    for entry in zoo::APPLICATIONS.0 {
        for (name, folder) in Catalog::named(entry.application).list() {
            let predictor = zoo::from_pretrained(folder.to_str().unwrap()).unwrap().predictor;
            let example = predictor.example().unwrap();
            let has_seed = predictor.schemas().options["properties"]["seed"].is_object();
            let options = if has_seed { serde_json::json!({ "seed": 1 }) } else { Value::Null };
            let answers = predictor.predict_json(vec![example], options).unwrap();
            assert_eq!(answers.len(), 1, "{name}");
            count += 1;
        }
    }
    assert!(count >= 14, "{count} models");
}
