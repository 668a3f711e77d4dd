#!/bin/sh
# A crate outside of the workspace that asks a shipped model: it compiles without the trainer, the command line and
# autodiff. And the predictors compile for the browser. Usage: .ci/lean.sh SCRATCH-FOLDER [--release]
#
# Without --release the crate is built without optimisation, which is faster.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
predictors="sentiment language-model forecasting tagging recognition handwriting zoo"
heavy='training|cli|clap|ureq|plotters|indicatif|burn-autodiff|burn-optim'
forbidden="^($heavy|datasets) "

mkdir -p "$1/src"
cat > "$1/Cargo.toml" <<END
[package]
name = "lean"
edition = "2024"

[dependencies]
sentiment = { path = "$root/models/sentiment", default-features = false, features = ["folder"] }

[profile.release]
strip = true
END
cat > "$1/src/main.rs" <<'END'
use sentiment::Predictor;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = sentiment::Sentiment::from_pretrained("imdb-lstm")?;
    let answer = model.predict_one("Funny, warm and wonderfully acted.")?;
    println!("{:?} {:.2}", answer.label, answer.probability);
    Ok(())
}
END
cp "$root/Cargo.lock" "$root/rust-toolchain.toml" "$1"
cd "$1"
if cargo tree -e normal --prefix none | grep -E "$forbidden"; then
    echo "a program that asks a model depends on the packages above" >&2
    exit 1
fi
cargo run ${2:-}
ls -l "${CARGO_TARGET_DIR:-target}"/*/lean

cd "$root"
rustup target add wasm32-unknown-unknown
for predictor in $predictors; do
    # `zoo` reads tables with the loaders of `datasets`, without their downloads.
    if [ "$predictor" = zoo ]; then forbidden="^($heavy) "; fi
    if cargo tree -p "$predictor" --no-default-features -e normal --prefix none | grep -E "$forbidden"; then
        echo "the predictor $predictor depends on the packages above" >&2
        exit 1
    fi
    cargo check -p "$predictor" --no-default-features --target wasm32-unknown-unknown
done
