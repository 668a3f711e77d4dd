//! Tests of [`Recognizer`] with random weights.

use rnn::Pooling;

use super::*;
use crate::model::tests::{POOLINGS, config};
use crate::settings::Features;

fn recognizer(pooling: Pooling, bidirectional: bool, convolutions: bool) -> Recognizer {
    let device = Device::flex();
    let model = config(pooling, bidirectional, convolutions);
    let settings = Settings {
        channels: ["x", "y"].map(str::to_owned).to_vec(),
        classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
        video: None,
        rate: Some(20.0),
        features: Features {
            relative: true,
            deltas: true,
            mean: vec![0.1, 0.2, 0.0, 0.0],
            deviation: vec![1.0, 2.0, 0.5, 0.3],
        },
        drawing: None,
        window: None,
        temperature: 0.7,
        model,
    };
    settings.check().unwrap();
    Recognizer::new(settings.model.init(4, 3, &device), settings, device)
}

fn wave(steps: usize, rate: f64) -> Vec<[f32; 2]> {
    (0..steps)
        .map(|step| step as f64 / rate)
        .map(|time| [(3.0 * time).sin() as f32, (2.0 * time).cos() as f32])
        .collect()
}

fn sequence(samples: &[[f32; 2]]) -> Sequence {
    Sequence::new([0, 1].map(|channel| (["x", "y"][channel], samples.iter().map(|sample| sample[channel]).collect())))
}

#[test]
fn a_stream_gives_the_class_of_all_samples_so_far() {
    for pooling in POOLINGS {
        for convolutions in [false, true] {
            let model = recognizer(pooling, false, convolutions);
            let (mut live, samples) = (model.live(&Options::default()).unwrap(), wave(13, 20.0));
            for (index, sample) in samples.iter().enumerate() {
                let reading = model.push(&mut live, sample).unwrap();
                let whole = model.predict_one(sequence(&samples[..=index])).unwrap();
                assert_eq!((reading.label, reading.samples), (Some(whole.label), index + 1));
                approx::assert_abs_diff_eq!(reading.probability, whole.probability, epsilon = 1e-6);
            }
            // The interface for servers returns the same classes.
            let mut session = model.begin(&sequence(&samples), &Options::default()).unwrap();
            let mut count = 0;
            while let Some(reading) = model.next(&mut session).unwrap() {
                count += 1;
                assert_eq!(reading.samples, count);
            }
            assert_eq!(count, samples.len());
        }
    }
}

/// A model of videos with images of 9 × 9 pixels.
fn of_videos(pooling: Pooling) -> Recognizer {
    let Recognizer { mut settings, device, .. } = recognizer(pooling, false, true);
    settings.model.frame = Count::ONE;
    settings.model.image_convolutions = serde_json::from_value(serde_json::json!([
        { "features": 3, "kernel": 3, "stride": 2 }, { "features": 4, "kernel": 5, "stride": 3 },
    ]))
    .unwrap();
    (settings.channels, settings.video, settings.rate) = (Vec::new(), Some(9u64.try_into().unwrap()), None);
    settings.features = Features { mean: vec![20.0], deviation: vec![60.0], ..Features::default() };
    settings.check().unwrap();
    let network = settings.model.init(settings.features(), 3, &device);
    assert_eq!(settings.model.num_params(settings.features(), 3), burn::module::Module::num_params(&network) as f64);
    Recognizer::new(network, settings, device)
}

#[test]
fn a_video_has_the_same_class_as_a_stream_alone_and_in_a_batch() {
    for pooling in POOLINGS {
        let model = of_videos(pooling);
        let video = |images: usize| {
            let value = |image: usize, pixel: usize| 127.0 + 127.0 * (pixel as f32 * 0.3 + image as f32).sin();
            let image = |image: usize| (0..81).map(|pixel| value(image, pixel)).collect();
            Sequence::video((0..images).map(image).collect())
        };
        let together = model.predict(&[video(7), video(2), video(5)], &Options::default()).unwrap();
        assert_eq!(together[2], model.predict_one(video(5)).unwrap());
        let mut session = model.begin(&video(7), &Options::default()).unwrap();
        for images in 1..=7 {
            let reading = model.next(&mut session).unwrap().unwrap();
            let whole = model.predict_one(video(images)).unwrap();
            assert_eq!(reading.label, Some(whole.label));
            approx::assert_abs_diff_eq!(reading.probability, whole.probability, epsilon = 1e-6);
        }
        assert!(model.next(&mut session).unwrap().is_none());
    }
}

#[test]
fn images_of_another_size_and_values_that_are_not_grey_are_refused() {
    let model = of_videos(Pooling::Last);
    let wrong = [
        Sequence::default(),
        Sequence::new([("x", vec![1.0])]),
        Sequence::video(vec![vec![0.0; 81], vec![0.0; 80]]),
        Sequence::video(vec![vec![256.0; 81]]),
        Sequence::video(vec![vec![f32::NAN; 81]]),
        Sequence { rate: Some(25.0), ..Sequence::video(vec![vec![0.0; 81]]) },
    ];
    for sequence in wrong {
        assert!(matches!(model.predict_one(sequence), Err(PredictError::BadInput { field: "images", .. })));
    }
    let invalid: [fn(&mut Settings); 5] = [
        |settings| settings.video = Some(2000u64.try_into().unwrap()),
        |settings| settings.video = None,
        |settings| settings.model.frame = 2u64.try_into().unwrap(),
        |settings| settings.model.image_convolutions[0].kernel = 4u64.try_into().unwrap(),
        |settings| settings.features.deltas = true,
    ];
    for change in invalid {
        let mut settings = model.settings().clone();
        change(&mut settings);
        assert!(settings.check().is_err());
    }
}

#[test]
fn a_stream_may_stall_restart_and_change_its_rate() {
    let model = recognizer(Pooling::MaxMean, false, true);
    let options = Options::default();
    // Twice the rate of the model: every second sample is one of the model's.
    let mut expected = model.live(&options).unwrap();
    let expected: Vec<Reading> =
        wave(10, 20.0).iter().map(|sample| model.push(&mut expected, sample).unwrap()).collect();
    let mut live = model.live(&options).unwrap();
    let timed = wave(19, 40.0).into_iter().enumerate().map(|(step, sample)| (step as f64 / 40.0, sample));
    let readings: Vec<Reading> =
        timed.filter_map(|(time, sample)| model.push_at(&mut live, 5.0 + time, &sample).unwrap()).collect();
    assert_eq!(readings.len(), expected.len());
    for (one, other) in readings.iter().zip(&expected) {
        approx::assert_abs_diff_eq!(one.probability, other.probability, epsilon = 1e-5);
    }
    // Half the rate: two samples of the model per sample. A short stall is interpolated.
    let before = readings.len();
    let time = 5.0 + 18.0 / 40.0;
    let reading = model.push_at(&mut live, time + 0.1, &[0.0, 0.0]).unwrap().unwrap();
    assert_eq!(reading.samples, before + 2);
    let reading = model.push_at(&mut live, time + 0.6, &[0.0, 0.0]).unwrap().unwrap();
    assert_eq!(reading.samples, before + 12);
    // A long pause starts anew; time that goes back is refused.
    assert!(model.push_at(&mut live, time, &[0.0, 0.0]).is_err());
    assert_eq!(model.push_at(&mut live, time + 60.0, &[0.0, 0.0]).unwrap().unwrap().samples, 1);
    assert!(model.push_at(&mut live, f64::NAN, &[0.0, 0.0]).is_err());
    assert!(model.push(&mut live, &[0.0]).is_err() && model.push(&mut live, &[f32::NAN, 0.0]).is_err());
}

#[test]
fn a_class_is_reported_after_the_delay() {
    let model = recognizer(Pooling::Last, false, false);
    let mut live = model.live(&Options { delay: 3 }).unwrap();
    let labels: Vec<_> = [[0.5, 0.5]; 6].iter().map(|sample| model.push(&mut live, sample).unwrap().label).collect();
    assert!(labels[..3].iter().all(Option::is_none), "{labels:?}");
}

#[test]
fn channels_are_matched_by_name_and_other_rates_are_resampled() {
    let model = recognizer(Pooling::Attention, true, true);
    assert!(model.streaming().is_none() && model.live(&Options::default()).is_err());
    let samples = wave(21, 20.0);
    let expected = model.predict_one(sequence(&samples)).unwrap();
    let mut more = sequence(&samples);
    more.channels.insert("a".to_owned(), vec![None; 3]);
    assert_eq!(model.predict_one(more).unwrap(), expected);
    let faster = Sequence { rate: Some(40.0), ..sequence(&wave(41, 40.0)) };
    approx::assert_abs_diff_eq!(model.predict_one(faster).unwrap().probability, expected.probability, epsilon = 1e-4);

    let of_rate = |rate| Sequence { rate: Some(rate), ..sequence(&samples) };
    let mut sequences = vec![Sequence::default(), of_rate(0.0), of_rate(f64::NAN), of_rate(1e-9)];
    for (name, column) in [("y", vec![Some(1.0)]), ("x", vec![None; 21]), ("y", vec![Some(f32::INFINITY); 21])] {
        let mut wrong = sequence(&samples);
        wrong.channels.insert(name.to_owned(), column);
        sequences.push(wrong);
    }
    for sequence in sequences {
        assert!(matches!(model.predict_one(sequence), Err(PredictError::BadInput { .. })));
    }
}

#[test]
fn windows_of_a_long_sequence_are_averaged() {
    let mut model = recognizer(Pooling::Last, false, false);
    let samples = wave(30, 20.0);
    let whole = model.predict_one(sequence(&samples[..10])).unwrap();
    model.settings.window =
        Some(crate::settings::Window { length: 10u64.try_into().unwrap(), step: 20u64.try_into().unwrap() });
    let cut = model.predict_one(sequence(&samples)).unwrap();
    let last = model.predict_one(sequence(&samples[20..])).unwrap();
    assert_eq!((cut.windows, whole.windows), (2, 1));
    for (class, probability) in cut.probabilities {
        let mean = (whole.probabilities[&class] + last.probabilities[&class]) / 2.0;
        // The first sample of a window has no sample before it, also within a sequence.
        approx::assert_abs_diff_eq!(probability, mean, epsilon = 1e-6);
    }
}
