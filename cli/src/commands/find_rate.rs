//! `find-rate`: the learning-rate range test, which plots the training loss over growing learning rates.

use serde_json::json;
use training::find_rate::{Range, RateTest};

use crate::application::Application;
use crate::args::FindRate;
use crate::context::Context;
use crate::error::Result;
use crate::output::{print_json, print_line};

pub fn run<A: Application>(args: &FindRate<A::Options>, cx: &mut Context) -> Result<()> {
    let recipe = args.recipe.read::<A>()?;
    let range = Range { from: args.from, to: args.to, steps: args.steps };
    let test = RateTest::run::<A::Task>(&recipe, range, &mut cx.session)?;
    let plot = cx.plot(args.plot.as_deref(), "find-rate.svg");
    if let Some(plot) = plot {
        plot.write(&test.draw()?)?;
    }
    let RateTest { steepest, least, .. } = test;
    if cx.json {
        let plot = plot.map(|plot| plot.path);
        return print_json(&json!({ "recipe": recipe.name, "steepest": steepest, "least": least, "plot": plot }));
    }
    print_line(&format!("the loss falls fastest at learning rate {steepest:.1e}, and is smallest at {least:.1e}"))?;
    print_line(&format!("a common choice for training is {least:.1e} / 10: --set optimizer.lr={:.1e}", least / 10.0))
}
