//! One program for all applications (such as sentiment analysis and forecasting): `zoo APPLICATION VERB`, where the
//! verb is a subcommand such as `train` or `predict`.
//!
//! ```sh
//! cargo install --path zoo
//! zoo models --install                                  # copy the shipped models to the user's data folder
//! zoo sentiment predict "Funny, warm and wonderfully acted."
//! zoo serve imdb-hybrid ptb-awd                         # models of any application over HTTP
//! zoo backends                                          # devices, each checked with a small training step
//! zoo bench layers                                      # times of layers on every backend of this program
//! zoo completions bash                                  # a completion script
//! ```

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::zoo(
        zoo::APPLICATIONS,
        &[
            cli::entry::<sentiment::app::App>(),
            cli::entry::<language_model::app::App>(),
            cli::entry::<forecasting::app::App>(),
            cli::entry::<tagging::app::App>(),
            cli::entry::<recognition::app::App>(),
            cli::entry::<handwriting::app::App>(),
        ],
    )
}
