//! `recipes`: the list, or the text of one.

use serde_json::json;

use super::{Setting, print_json, print_line};
use crate::cli::Recipes;
use crate::error::Result;
use crate::recipe::RecipeText;
use crate::task::{RecipeOf, Task};

pub(super) fn run<T: Task>(args: Recipes, setting: &Setting) -> Result<()> {
    if let Some(name) = args.name {
        return print_line(RecipeText::find(&name, T::RECIPES)?.as_str().trim_end());
    }
    for text in T::RECIPES {
        let recipe: RecipeOf<T> = RecipeText::embedded(text).parse()?;
        if setting.context.json {
            print_json(&json!({ "recipe": recipe.name, "about": recipe.about, "expected": recipe.expected }))?;
        } else {
            print_line(&format!("{:<14} {}", recipe.name, recipe.about))?;
        }
    }
    Ok(())
}
