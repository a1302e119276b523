//! The `hmrs` program. Everything it does is in the library; see [`hmrs::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    hmrs::cli::main()
}
