use training::recipe::RecipeText;
use training::{Fitted, Session, Training};

use super::*;

#[test]
fn a_trained_model_predicts_movements() {
    let recipe = RecipeText::find("gestures", GestureTask::RECIPES).unwrap().parse().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let training = Training::<GestureTask>::new(recipe).in_folder(dir.path().join("run"));
    let Fitted::Trained(trained) = training.fit(&mut Session::default()).unwrap() else { panic!("interrupted") };
    let accuracy = trained.outcome.test.get("accuracy").unwrap();
    assert!(accuracy > 0.85, "{accuracy}");

    let model = Network::from_pretrained(trained.run.best().to_str().unwrap()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let recordings: Vec<Recording> = (0..100).map(|_| recording(&mut rng)).collect();
    let predictions = recordings.iter().map(|(steps, _)| model.predict_one(steps.to_vec()).unwrap());
    let correct = predictions.zip(&recordings).filter(|(name, (_, index))| *name == MOVEMENTS[*index as usize]).count();
    assert!(correct > 80, "{correct}");
    assert!(matches!(model.predict_one(vec![[0.0; 3]; 7]), Err(PredictError::BadInput { field: "input", .. })));
}
