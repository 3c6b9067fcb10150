#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    countersign_fuzz::targets::jwk_set::check(input);
});
