//! Saved parameters keep their names.

use burn::module::Module;
use burn::store::{KeyRemapper, ModuleSnapshot, SafetensorsStore};
use burn::tensor::Device;
use rnn::{CrfConfig, from_pytorch_names, pytorch_names};
use safetensors::SafeTensors;

#[test]
fn names_and_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crf.safetensors");
    let names = |patterns: [(&str, &str); 2]| KeyRemapper::from_pattern_iter(patterns).unwrap();
    let config = CrfConfig::new(3);
    let mut crf = config.init(&Device::flex());
    assert_eq!(crf.num_params() as f64, config.num_params());
    crf.save_into(&mut SafetensorsStore::from_file(&path).remap(names(pytorch_names()))).unwrap();

    let bytes = std::fs::read(&path).unwrap();
    let saved = SafeTensors::deserialize(&bytes).unwrap();
    let mut found: Vec<_> = saved.iter().map(|(name, tensor)| (name.to_owned(), tensor.shape().to_vec())).collect();
    found.sort();
    let expected = [("end", vec![3]), ("start", vec![3]), ("transitions", vec![3, 3])];
    assert_eq!(found, expected.map(|(name, shape)| (name.to_owned(), shape)));

    let loaded = crf.load_from(&mut SafetensorsStore::from_file(&path).remap(names(from_pytorch_names()))).unwrap();
    assert_eq!((loaded.applied.len(), loaded.missing.len(), loaded.unused.len()), (3, 0, 0));
}
