//! `hmrs verify`: the model against published results, as a table.

use rayon::prelude::*;

use crate::sim::verify::{Case, cases};

use super::{Failure, say};

/// Arguments of `hmrs verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// Only cases with this text in their name
    name: Option<String>,
    /// Only the cases that take less than about a second each
    #[arg(long)]
    quick: bool,
}

/// Computes every case on all cores and prints expected, got, tolerance and source; fails if one is off.
pub fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let is_wanted = |case: &Case| {
        (!args.quick || case.quick) && args.name.as_ref().is_none_or(|name| case.name.contains(name.as_str()))
    };
    let wanted: Vec<Case> = cases().into_iter().filter(is_wanted).collect();
    if wanted.is_empty() {
        return Err("there is no such case; hmrs verify without a name runs all of them".to_owned());
    }
    let results: Vec<(Case, f64)> = wanted.into_par_iter().map(|case| (case, (case.run)())).collect();
    say(format_args!("{:<34} {:>12} {:>12} {:>10}       source", "case", "expected", "got", "tolerance"));
    let mut off = 0;
    for (case, got) in &results {
        let verdict = if case.accepts(*got) { "ok" } else { "OFF" };
        off += usize::from(!case.accepts(*got));
        say(format_args!(
            "{:<34} {:>12.6} {:>12.6} {:>10.0e}  {verdict:<3}  {}",
            case.name, case.expected, got, case.tolerance, case.source
        ));
    }
    match off {
        0 => Ok(()),
        _ => Err(format!("{off} of {} cases are outside their tolerance", results.len())),
    }
}
