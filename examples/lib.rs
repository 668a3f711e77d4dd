#![doc = include_str!("README.md")]

use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Tensor};
use datasets::Review;
use inference::text::{Reserved, Vocabulary, tokenize};
use sentiment::model::Batch;

/// Writes a picture to the current folder and prints the file name.
pub fn save(name: &str, svg: &str) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::write(name, svg).map_err(|error| format!("cannot write {name}: {error}"))?;
    println!("picture: {name}");
    Ok(())
}

/// Returns the vocabulary of the 1,000 most frequent words in the reviews.
pub fn vocabulary(reviews: &[Review]) -> Vocabulary {
    let tokens: Vec<Vec<String>> = reviews.iter().map(|review| tokenize(&review.text)).collect();
    Vocabulary::build(Reserved::Padding, tokens.iter().flatten().map(String::as_str), 1000)
}

/// Returns a batch with the token ids of the texts, padded to the longest text, and the lengths of the texts.
pub fn encode(texts: impl IntoIterator<Item = impl AsRef<str>>, vocabulary: &Vocabulary, device: &Device) -> Batch {
    let ids: Vec<Vec<u32>> = texts.into_iter().map(|text| vocabulary.encode(&tokenize(text.as_ref()))).collect();
    Batch::new(ids.iter().map(Vec::as_slice), device)
}

/// Computes the mean binary cross-entropy, `[1]`. `logits` are the logits of the positive label, `[B]`. `labels` tells
/// for each text whether its label is positive.
pub fn binary_cross_entropy(logits: Tensor<1>, labels: impl Iterator<Item = bool>) -> Tensor<1> {
    // The logit of the negative label is minus the logit of the positive label.
    let signs: Vec<f32> = labels.map(|positive| if positive { 1.0 } else { -1.0 }).collect();
    let signs = Tensor::from_floats(&signs[..], &logits.device());
    log_sigmoid(logits * signs).mean().neg()
}
