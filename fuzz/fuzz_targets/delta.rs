#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hmrs_fuzz::targets::delta(data));
