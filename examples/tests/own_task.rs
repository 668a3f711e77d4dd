use training::descend;
use training::recipe::RecipeText;

use super::*;

#[test]
fn it_learns_by_the_loss_that_the_trainer_asks_for() {
    let recipe: RecipeOf<Gestures> = RecipeText::find("gestures", Gestures::RECIPES).unwrap().parse().unwrap();
    let raw = Gestures::load(&recipe.data, None).unwrap();
    let task = Gestures::fit(&recipe, &raw).unwrap();
    let parts = task.encode(raw).unwrap();
    assert_eq!([parts.train.len(), parts.valid.len(), parts.test.len()], [1200, 150, 150]);

    let device = Device::flex().autodiff();
    device.seed(1);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let batches = task.batches(&parts.train, 30, 0, &mut rng);
    let (model, _) = descend(task.init(&device), 200, 0.01, |model, step| {
        task.loss(model, &parts.train, &batches[step % batches.len()], &mut Carry::new(), &mut rng, &device).mean
    });
    let accuracy = task.evaluate(&model, &parts.test, &Device::flex())["accuracy"];
    assert!(accuracy > 0.85, "{accuracy}");
}
