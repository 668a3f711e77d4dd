//! `recipes`: lists the recipes (TOML files of training settings), or prints the text of one recipe.

use serde_json::json;
use training::recipe::RecipeText;
use training::{RecipeOf, Task};

use crate::application::Application;
use crate::args::Recipes;
use crate::context::Context;
use crate::error::Result;
use crate::output::{columns, print_json, print_line};

/// Returns the names of the recipes, in the order in which the verb `recipes` lists them.
pub fn names<A: Application>() -> Vec<String> {
    let parsed = |text: &&str| RecipeText::embedded(text).parse::<RecipeOf<A::Task>>().ok();
    A::Task::RECIPES.iter().filter_map(parsed).map(|recipe| recipe.name).collect()
}

pub fn run<A: Application>(args: Recipes, cx: &Context) -> Result<()> {
    if let Some(name) = args.name {
        let text = RecipeText::find(&name, A::Task::RECIPES)?;
        return match cx.json {
            true => print_json(&json!({ "recipe": name, "text": text.as_str() })),
            false => print_line(text.as_str().trim_end()),
        };
    }
    let mut rows = Vec::new();
    for text in A::Task::RECIPES {
        let recipe: RecipeOf<A::Task> = RecipeText::embedded(text).parse()?;
        recipe.check()?;
        if cx.json {
            print_json(&json!({ "recipe": recipe.name, "about": recipe.about, "expected": recipe.expected }))?;
        }
        rows.push([recipe.name, recipe.about]);
    }
    if cx.json { Ok(()) } else { columns(&rows).iter().try_for_each(|line| print_line(line)) }
}
