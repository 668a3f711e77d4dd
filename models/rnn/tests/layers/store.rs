//! Saved parameters have PyTorch's names and layouts.

use burn::store::{KeyRemapper, ModuleSnapshot, SafetensorsStore};
use burn::tensor::{Device, Tensor};
use rnn::{Cell, Rnn, RnnConfig, from_pytorch_names, pytorch_names};
use safetensors::SafeTensors;

use crate::{difference, random, values};

fn names(patterns: [(&str, &str); 2]) -> KeyRemapper {
    KeyRemapper::from_pattern_iter(patterns).unwrap()
}

fn layers(device: &Device) -> Rnn {
    RnnConfig::new(Cell::Lstm, 3, 4).with_num_layers(2).with_bidirectional(true).with_dropout(0.5).init(device)
}

#[test]
fn saved_parameters_have_pytorchs_names_and_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let rnn = layers(&crate::device());
    rnn.save_into(&mut SafetensorsStore::from_file(&path).remap(names(pytorch_names()))).unwrap();

    let bytes = std::fs::read(path).unwrap();
    let saved = SafeTensors::deserialize(&bytes).unwrap();
    let mut found: Vec<_> = saved.iter().map(|(name, tensor)| (name.to_owned(), tensor.shape().to_vec())).collect();
    found.sort();
    let mut expected = Vec::new();
    for suffix in ["l0", "l0_reverse", "l1", "l1_reverse"] {
        let input = if suffix.starts_with("l0") { 3 } else { 8 };
        expected.push((format!("weight_ih_{suffix}"), vec![16, input]));
        expected.push((format!("weight_hh_{suffix}"), vec![16, 4]));
        expected.push((format!("bias_ih_{suffix}"), vec![16]));
        expected.push((format!("bias_hh_{suffix}"), vec![16]));
    }
    expected.sort();
    assert_eq!(found, expected);

    let reversed = &rnn.layers[1].backward.as_ref().unwrap().weight_ih;
    let bytes: Vec<u8> = values(&reversed.val()).into_iter().flat_map(f32::to_le_bytes).collect();
    assert_eq!(saved.tensor("weight_ih_l1_reverse").unwrap().data(), bytes);
}

#[test]
fn saved_parameters_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (saved, mut loaded) = (layers(&Device::flex()), layers(&Device::flex()));
    let input: Tensor<3> = random([2, 5, 3]).inner();
    let run = |rnn: &Rnn| rnn.forward(input.clone(), None, None).0;
    assert!(difference(&run(&saved), &run(&loaded)) > 1e-3);

    saved.save_into(&mut SafetensorsStore::from_file(&path).remap(names(pytorch_names()))).unwrap();
    let result = loaded.load_from(&mut SafetensorsStore::from_file(&path).remap(names(from_pytorch_names()))).unwrap();
    assert_eq!((result.applied.len(), result.missing.len(), result.unused.len()), (16, 0, 0));
    assert_eq!(difference(&run(&saved), &run(&loaded)), 0.0);
}

#[test]
fn renaming_keeps_path_prefixes_and_other_names() {
    let rename = |patterns: [(&str, &str); 2], name: &str| {
        names(patterns)
            .patterns
            .iter()
            .fold(name.to_owned(), |name, (pattern, to)| pattern.replace_all(&name, to.as_str()).into_owned())
    };
    for (ours, theirs) in [
        ("layers.0.forward.weight_ih", "weight_ih_l0"),
        ("layers.12.backward.bias_hh", "bias_hh_l12_reverse"),
        ("encoder.rnn.layers.1.backward.weight_hh", "encoder.rnn.weight_hh_l1_reverse"),
        ("layers.3.rnn.layers.1.forward.bias_ih", "layers.3.rnn.bias_ih_l1"),
        ("layers.0.forward.weight", "layers.0.forward.weight"),
        ("my_layers.0.forward.weight_ih", "my_layers.0.forward.weight_ih"),
        ("embedding.weight", "embedding.weight"),
    ] {
        assert_eq!(rename(pytorch_names(), ours), theirs);
        assert_eq!(rename(from_pytorch_names(), theirs), ours);
    }
}
