//! A predictor is opened from files in memory and answers, as in a browser or a server.

#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use inference::package::{FORMAT, FileEntry, MANIFEST, WEIGHTS};
use inference::weights::{self, Precision, WeightNames};
use inference::{Manifest, MemoryFiles, Package, PackageError, PredictError, Predictor, Streaming};
use serde::{Deserialize, Serialize};

/// A linear model with one output.
#[derive(Debug)]
struct Regression {
    dense: Linear,
    inputs: usize,
    unit: String,
    device: Device,
}

/// The settings in the manifest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    inputs: usize,
}

#[derive(Debug, PartialEq, Serialize)]
struct Answer {
    value: f32,
    unit: String,
}

impl Predictor for Regression {
    const APPLICATION: &'static str = "regression";
    type Input = Vec<f32>;
    type Options = ();
    type Output = Answer;

    fn open(package: &Package<'_>, device: &Device) -> Result<Self, PackageError> {
        let Settings { inputs } = package.settings()?;
        let init = || LinearConfig::new(inputs, 1).init(device);
        let dense = package.load_network(inputs as f64 + 1.0, init, WeightNames::SAME)?;
        Ok(Self { dense, inputs, unit: package.text("unit.txt")?, device: device.clone() })
    }

    fn predict(&self, inputs: &[Vec<f32>], (): &()) -> Result<Vec<Answer>, PredictError> {
        let answer = |input: &Vec<f32>| {
            if input.len() != self.inputs {
                let reason = format!("{} values; give {}", input.len(), self.inputs);
                return Err(PredictError::bad_input("input", reason));
            }
            let input = Tensor::<1>::from_floats(input.as_slice(), &self.device).unsqueeze::<2>(); // [1, inputs]
            Ok(Answer { value: self.dense.forward(input).into_scalar(), unit: self.unit.clone() })
        };
        inputs.iter().map(answer).collect()
    }

    fn example(&self) -> Vec<f32> {
        vec![1.0; self.inputs]
    }
}

/// Answers with one partial sum per input value.
impl Streaming for Regression {
    type Session = (Vec<f32>, usize);
    type Piece = f32;

    fn begin(&self, input: &Vec<f32>, (): &()) -> Result<Self::Session, PredictError> {
        Ok((input.clone(), 0))
    }

    fn next(&self, (input, index): &mut Self::Session) -> Result<Option<f32>, PredictError> {
        if *index == input.len() {
            return Ok(None);
        }
        *index += 1;
        let part: Vec<f32> = (0..input.len()).map(|i| if i < *index { input[i] } else { 0.0 }).collect();
        Ok(Some(self.predict_one(part)?.value))
    }
}

/// A package in format 2 with the weights 1, 2, … and the bias 0.5.
fn package(inputs: usize) -> MemoryFiles<'static> {
    let device = Device::flex();
    let mut dense = LinearConfig::new(inputs, 1).init(&device);
    let weights: Vec<f32> = (1..=inputs).map(|weight| weight as f32).collect();
    dense.weight = dense.weight.map(|_| Tensor::<1>::from_floats(weights.as_slice(), &device).unsqueeze_dim(1));
    dense.bias = dense.bias.map(|bias| bias.map(|_| Tensor::from_floats([0.5], &device)));
    let contents =
        [(WEIGHTS, weights::save(&dense, WeightNames::SAME, Precision::Half).unwrap()), ("unit.txt", b"MW".to_vec())];
    let manifest = Manifest {
        format: FORMAT,
        application: Regression::APPLICATION.to_owned(),
        name: "tiny".to_owned(),
        about: "A model for tests.".to_owned(),
        parameters: dense.num_params(),
        settings: serde_json::to_value(Settings { inputs }).unwrap(),
        files: contents.iter().map(|(name, content)| ((*name).to_owned(), FileEntry::new(content))).collect(),
    };
    let mut files = MemoryFiles::default();
    files.insert(MANIFEST, serde_json::to_vec(&manifest).unwrap());
    for (name, content) in contents {
        files.insert(name, content);
    }
    files
}

#[test]
fn a_package_in_memory_opens_and_answers() {
    let model = Regression::from_files(&package(2)).unwrap();
    let answers = model.predict(&[vec![0.0, 0.0], vec![1.0, -2.0]], &()).unwrap();
    assert_eq!(answers.iter().map(|answer| answer.value).collect::<Vec<_>>(), [0.5, -2.5]);
    let answer = model.predict_one([10.0, 1.0]).unwrap();
    assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"value":12.5,"unit":"MW"}"#);
    assert!(matches!(model.predict_one([1.0]), Err(PredictError::BadInput { field: "input", .. })));
}

#[test]
fn threads_share_a_model_and_sessions_own_their_state() {
    let model = Regression::from_files(&package(2)).unwrap();
    let answer = |input: [f32; 2]| {
        let mut session = model.begin(&input.to_vec(), &()).unwrap();
        let pieces: Vec<f32> = std::iter::from_fn(|| model.next(&mut session).unwrap()).collect();
        assert_eq!(pieces, [0.5 + input[0], 0.5 + input[0] + 2.0 * input[1]]);
    };
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let answer = &answer;
            scope.spawn(move || (0..10u8).for_each(|value| answer([thread.into(), value.into()])));
        }
    });
}

#[test]
fn packages_with_wrong_files_are_errors_that_name_the_file() {
    let mut files = package(2);
    files.insert("unit.txt", b"kW".to_vec());
    let error = Regression::from_files(&files).unwrap_err();
    assert!(matches!(&error, PackageError::Checksum { file, .. } if file == "unit.txt"), "{error}");

    let mut files = package(2);
    files.insert(WEIGHTS, b"not safetensors".to_vec());
    let error = Regression::from_files(&files).unwrap_err();
    assert!(matches!(&error, PackageError::Checksum { file, .. } if file == WEIGHTS), "{error}");

    // Damaged settings must not allocate a huge network.
    let mut files = package(2);
    let manifest = inference::Files::read(&files, MANIFEST).unwrap().into_owned();
    let manifest = String::from_utf8(manifest).unwrap().replace(r#""inputs":2"#, r#""inputs":200000000000"#);
    files.insert(MANIFEST, manifest.into_bytes());
    let error = Regression::from_files(&files).unwrap_err();
    assert!(matches!(&error, PackageError::Invalid { file, .. } if file == WEIGHTS), "{error}");

    let error = Regression::from_files(&MemoryFiles::default()).unwrap_err();
    assert!(matches!(&error, PackageError::Missing { file } if file == MANIFEST), "{error}");
}
