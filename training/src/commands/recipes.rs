//! `recipes`: the list, or the text of one.

use serde_json::json;

use super::{print_json, print_line};
use crate::cli::Recipes;
use crate::error::Result;
use crate::recipe::RecipeText;
use crate::task::{Context, RecipeOf, Task};

pub(super) fn run<T: Task>(args: Recipes, context: &Context) -> Result<()> {
    if let Some(name) = args.name {
        let text = RecipeText::find(&name, T::RECIPES)?;
        return match context.json {
            true => print_json(&json!({ "recipe": name, "text": text.as_str() })),
            false => print_line(text.as_str().trim_end()),
        };
    }
    for text in T::RECIPES {
        let recipe: RecipeOf<T> = RecipeText::embedded(text).parse()?;
        recipe.check()?;
        if context.json {
            print_json(&json!({ "recipe": recipe.name, "about": recipe.about, "expected": recipe.expected }))?;
        } else {
            print_line(&format!("{:<14} {}", recipe.name, recipe.about))?;
        }
    }
    Ok(())
}
