//! Kubernetes quantities (`250m`, `1.5Gi`, `1e3`) as whole numbers.
//!
//! Both directions round up, as the API server does: a demand is never
//! understated.

use serde_json::Value;

/// The resource that is counted in thousandths.
const CPU: &str = "cpu";

/// An amount of a resource: CPU in thousandths of a core, everything else in
/// whole units, rounded up. None when the text is no quantity. Amounts beyond
/// 64 bits are cut to the largest ones.
pub fn amount(resource: &str, text: &str) -> Option<i64> {
    let scale = if resource == CPU { 3 } else { 0 };
    parse(text)?.scaled(scale)
}

/// The same for a JSON value: a user may write a bare number.
pub fn amount_of(resource: &str, value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => amount(resource, text),
        Value::Number(number) => amount(resource, &number.to_string()),
        _ => None,
    }
}

/// The quantity that stands for an amount: `250m` of CPU, `1024` of anything
/// else. The inverse of [`amount`].
pub fn render(resource: &str, amount: i64) -> String {
    match (resource, amount % 1000) {
        (CPU, 0) => (amount / 1000).to_string(),
        (CPU, _) => format!("{amount}m"),
        _ => amount.to_string(),
    }
}

/// `digits` · 10^`tens` · 2^`twos`
struct Quantity {
    digits: i128,
    tens: i32,
    twos: u32,
}

fn parse(text: &str) -> Option<Quantity> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (tens, twos) = exponents(suffix)?;
    let (sign, number) = match number.as_bytes().first()? {
        b'-' => (-1, &number[1..]),
        b'+' => (1, &number[1..]),
        _ => (1, number),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    if number.is_empty() || number == "." || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: i128 =
        if whole.is_empty() && fraction.is_empty() { 0 } else { format!("{whole}{fraction}").parse().ok()? };
    Some(Quantity { digits: sign * digits, tens: tens - i32::try_from(fraction.len()).ok()?, twos })
}

/// Powers of ten and of two that a suffix stands for. `E` alone is exa, with
/// digits behind it an exponent.
fn exponents(suffix: &str) -> Option<(i32, u32)> {
    Some(match suffix {
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "" => (0, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => (suffix.strip_prefix(['e', 'E'])?.parse().ok()?, 0),
    })
}

impl Quantity {
    /// Times 10^`scale`, rounded up, cut to 64 bits.
    fn scaled(&self, scale: i32) -> Option<i64> {
        let saturated = if self.digits < 0 { i64::MIN } else { i64::MAX };
        let Some(value) = self.digits.checked_mul(1_i128 << self.twos) else { return Some(saturated) };
        let tens = self.tens.checked_add(scale)?;
        let power = 10_i128.checked_pow(tens.unsigned_abs());
        let exact = match (tens >= 0, power) {
            (true, Some(power)) => value.checked_mul(power),
            (false, Some(power)) => Some(value.div_euclid(power) + i128::from(value.rem_euclid(power) != 0)),
            // A power beyond 128 bits: too large to count, or next to nothing.
            (true, None) if value != 0 => None,
            (true, None) => Some(0),
            (false, None) => Some(i128::from(value > 0)),
        };
        Some(exact.and_then(|exact| i64::try_from(exact).ok()).unwrap_or(saturated))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_mean_what_the_api_server_takes_them_for() {
        for (resource, text, expected) in [
            ("cpu", "1", 1000),
            ("cpu", "250m", 250),
            ("cpu", "0.5", 500),
            ("cpu", ".5", 500),
            ("cpu", "5.", 5000),
            ("cpu", "1.0001", 1001),
            ("cpu", "100n", 1),
            ("cpu", "1500u", 2),
            ("memory", "1", 1),
            ("memory", "1k", 1000),
            ("memory", "1Ki", 1024),
            ("memory", "1.5Gi", 1_610_612_736),
            ("memory", "64Mi", 67_108_864),
            ("memory", "128974848", 128_974_848),
            ("memory", "129e6", 129_000_000),
            ("memory", "129M", 129_000_000),
            ("memory", "1E", 1_000_000_000_000_000_000),
            ("memory", "1E3", 1000),
            ("memory", "1e-1", 1),
            ("memory", "128974848000m", 128_974_848),
            ("memory", "100m", 1),
            ("memory", "0", 0),
            ("memory", "-1500m", -1),
            ("memory", "+3", 3),
            ("memory", "9Ei", i64::MAX),
            ("memory", "1e99", i64::MAX),
            ("memory", "0e99", 0),
            ("memory", "1e-99", 1),
            ("pods", "110", 110),
        ] {
            assert_eq!(amount(resource, text), Some(expected), "{resource} {text}");
        }
    }

    #[test]
    fn what_is_no_quantity_has_no_amount() {
        for text in ["", ".", "m", "1x", "1 Gi", "1.2.3", "--1", "1e", "Ki", "1kI", "0x10", "1-2"] {
            assert_eq!(amount("memory", text), None, "{text:?}");
        }
        assert_eq!(amount_of("cpu", &json!(2)), Some(2000));
        assert_eq!(amount_of("cpu", &json!(0.1)), Some(100));
        assert_eq!(amount_of("cpu", &json!(null)), None);
    }

    proptest! {
        #[test]
        fn a_rendered_amount_reads_back(amount_in in 0_i64.., cpu: bool) {
            let resource = if cpu { "cpu" } else { "memory" };
            prop_assert_eq!(amount(resource, &render(resource, amount_in)), Some(amount_in));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "[-+.0-9eEkKmMiGTPnu]{0,24}") {
            let _ = amount("cpu", &text);
        }
    }
}
