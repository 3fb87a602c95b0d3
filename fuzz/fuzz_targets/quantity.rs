//! Quantities: an amount is read back from what it is rendered as, and more is
//! never read as less.
#![no_main]

use arbitrary::Arbitrary;
use atoll_decide::interpret::quantity::{amount, amount_of, render};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const SUFFIXES: [&str; 12] = ["", "n", "u", "m", "k", "M", "G", "E", "Ki", "Gi", "Ei", "e3"];

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    text: &'a str,
    known: i64,
    pair: (u32, u32),
    suffix: u8,
    is_cpu: bool,
}

fuzz_target!(|input: Input<'_>| {
    let resource = if input.is_cpu { "cpu" } else { "memory" };
    let read = amount(resource, input.text);
    assert_eq!(amount_of(resource, &Value::from(input.text)), read);
    for known in [Some(input.known), read].into_iter().flatten() {
        assert_eq!(amount(resource, &render(resource, known)), Some(known));
    }
    let suffix = SUFFIXES[usize::from(input.suffix) % SUFFIXES.len()];
    let of = |number: u32| amount(resource, &format!("{number}{suffix}")).expect("a number with a suffix");
    let (less, more) = (input.pair.0.min(input.pair.1), input.pair.0.max(input.pair.1));
    assert!(of(less) <= of(more));
});
