#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    countersign_fuzz::targets::proxy_header::check(input);
});
