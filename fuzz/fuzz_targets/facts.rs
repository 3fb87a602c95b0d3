//! Tables of facts: what is read is written as it was.
#![no_main]

use atoll_crds::facts::Table;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(crd) = atoll_fuzz::read(bytes) {
        let _ = Table::of(&crd);
    }
    let Ok(Ok(table)) = std::str::from_utf8(bytes).map(str::parse::<Table>) else { return };
    let again: Table = table.to_string().parse().expect("what is written can be read");
    assert_eq!(again, table);
});
