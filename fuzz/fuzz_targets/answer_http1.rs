#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    countersign_fuzz::targets::answer_http1::check(input);
});
