//! Opens model packages that are damaged at random, for a given time, and prints a report:
//! `cargo run -p fuzz -- --minutes 30`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use fuzz::allocator::Watched;
use fuzz::{Report, corpus, run};

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Damage model packages and open them, to check that no damaged package causes a panic or a large allocation
#[derive(Debug, Parser)]
struct Arguments {
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Minutes to run
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Run only the damaged package with this number
    #[arg(long)]
    only: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let corpus = match corpus::read() {
        Ok(corpus) => corpus,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    if arguments.only.is_none() {
        // The report has a line for each panic, so panics print nothing here. With `--only`, a panic prints its
        // location.
        std::panic::set_hook(Box::new(|_| {}));
    }
    let begin = Instant::now();
    let time = Duration::try_from_secs_f64(60.0 * arguments.minutes).unwrap_or_default();
    let (mut report, mut slowest) = (Report::default(), (Duration::ZERO, 0));
    for number in arguments.only.map_or(0..u64::MAX, |only| only..only + 1) {
        let (faults, start) = (report.faults.len(), Instant::now());
        run(&corpus, arguments.seed, number, &mut report);
        report.faults[faults..].iter().for_each(|fault| println!("{fault}"));
        slowest = slowest.max((start.elapsed(), number));
        if begin.elapsed() > time {
            break;
        }
    }
    let (Report { inputs, opened, predicted, faults }, (longest, number)) = (report, slowest);
    println!(
        "{inputs} damaged packages in {:.0} s: {opened} opened, and {predicted} of these gave a prediction; slowest: \
         package {number} in {:.1} s; {} faults",
        begin.elapsed().as_secs_f64(),
        longest.as_secs_f64(),
        faults.len()
    );
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
