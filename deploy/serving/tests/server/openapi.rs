//! Tests that the OpenAPI document contains the descriptions that the models give of themselves.

use inference::Catalog;
use serde_json::{Value, json};
use serving::Options;

use crate::support::{Running, countdown};

fn document(server: &Running) -> Value {
    let (status, document) = server.ask("GET", "/openapi.json", "authorization: Bearer secret\r\n", "");
    assert_eq!(status, 200);
    serde_json::from_str(&document).unwrap()
}

/// All values in a value that have a key.
fn all<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    let inner: Vec<&Value> = match value {
        Value::Array(values) => values.iter().collect(),
        Value::Object(values) => values.values().collect(),
        _ => Vec::new(),
    };
    value.get(key).into_iter().chain(inner.into_iter().flat_map(|value| all(value, key))).collect()
}

#[test]
fn the_schemas_of_every_shipped_model_are_in_the_document_without_loss() {
    let names = zoo::APPLICATIONS.0.iter().flat_map(|entry| Catalog::named(entry.application).list());
    let folders: Vec<_> = names.map(|(_, folder)| folder.to_str().unwrap().to_owned()).collect();
    let open = || folders.iter().map(|folder| zoo::from_pretrained(folder).unwrap()).collect::<Vec<_>>();
    let document = document(&Running::start(open(), Options::default()));
    let components = &document["components"]["schemas"];
    for model in open() {
        let (name, schemas) = (&model.manifest.name, model.predictor.schemas());
        for (part, schema) in [("input", &schemas.input), ("options", &schemas.options), ("output", &schemas.output)] {
            assert_eq!(&components[format!("{name}.{part}")], schema, "{name}");
        }
        if model.predictor.streaming().is_some() {
            assert_eq!(components[format!("{name}.piece")], schemas.piece, "{name}");
        }
        let body = &document["paths"][format!("/v1/models/{name}/predict")]["post"]["requestBody"];
        let example = model.predictor.example().unwrap();
        assert_eq!(body["content"]["application/json"]["example"]["input"], example, "{name}");
    }
}

#[test]
fn references_links_and_security_are_complete() {
    let options = Options { token: Some("secret".into()), ..Options::default() };
    let document = document(&Running::start(vec![countdown()], options));
    assert_eq!(document["openapi"], "3.1.0");
    let references = all(&document, "$ref");
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    // Begin links to `next` and `end`, which are operations.
    let operations = all(&document["paths"], "operationId");
    assert_eq!(operations.len(), 4);
    assert!(operations.iter().all(|id| operations.iter().filter(|other| other == &id).count() == 2));
    let next = &document["paths"]["/v1/models/count/sessions/{id}/next"];
    assert_eq!((&next["parameters"][0]["in"], &next["parameters"][0]["required"]), (&json!("path"), &json!(true)));
    assert_eq!(document["security"], json!([{ "token": [] }]));
    assert_eq!(document["components"]["securitySchemes"]["token"], json!({ "type": "http", "scheme": "bearer" }));
}
