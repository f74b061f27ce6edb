#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dcs_migration_wait_fuzz::clouds_yaml(data));
