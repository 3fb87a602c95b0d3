//! The keys and values of the bench: text, as the names and states that a fleet map holds.
//!
//! Every task has a pair of keys. It writes a number into the first one, then the same number into the second one. So
//! in a view of one moment the first number is that of the second or the next one, and every other view is torn.

use std::sync::Arc;

/// A key. Shared, so that nobody measures how keys are copied.
pub type Key = Arc<str>;
/// A value; shared like keys, so that a map may hand it out without copying.
pub type Value = Arc<str>;

/// How many numbers there are before they begin again; a power of two.
const NUMBERS: u16 = 1 << 12;
/// Digits of a number at the front of a value, and of an index at the end of a key.
const DIGITS: usize = 6;

/// All keys and all values, made beforehand: the bench measures maps, not the making of texts.
pub struct Texts {
    keys: Vec<Key>,
    values: Vec<Value>,
}

impl Texts {
    /// Two keys for each task.
    pub fn new(tasks: usize) -> Self {
        let keys =
            (0..2 * tasks).map(|index| format!("apps/v1/Deployment/team-a/web-{index:0DIGITS$}").into()).collect();
        let value =
            |number| format!("{number:0DIGITS$} healthy, 3 of 3 replicas, as ordered by 4f1c9d2ab7e65038").into();
        Self { keys, values: (0..NUMBERS).map(value).collect() }
    }

    /// How many keys.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The key of an index.
    pub fn key(&self, index: usize) -> &Key {
        &self.keys[index]
    }

    /// The value with this number, counted round and round.
    pub fn value(&self, number: usize) -> &Value {
        &self.values[number % self.values.len()]
    }
}

/// What one view showed.
#[derive(Default)]
pub struct Sight {
    /// The number at each index; those not seen have one that nobody writes.
    numbers: Vec<u16>,
}

impl Sight {
    /// Before a view of so many keys.
    pub fn begin(&mut self, keys: usize) {
        self.numbers.clear();
        self.numbers.resize(keys, u16::MAX);
    }

    /// The view has this entry.
    pub fn see(&mut self, key: &str, value: &str) {
        let index = number(&key.as_bytes()[key.len() - DIGITS..]);
        let number = number(&value.as_bytes()[..DIGITS]);
        if let Some(seen) = self.numbers.get_mut(index) {
            *seen = u16::try_from(number).unwrap_or(u16::MAX);
        }
    }

    /// Whether no moment ever looked like this.
    pub fn is_torn(&self) -> bool {
        self.numbers.chunks_exact(2).any(|pair| {
            let ahead = pair[0].wrapping_sub(pair[1]) % NUMBERS;
            pair.contains(&u16::MAX) || ahead > 1
        })
    }
}

fn number(digits: &[u8]) -> usize {
    digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit.wrapping_sub(b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_torn(numbers: &[(usize, usize)]) -> bool {
        let (texts, mut sight) = (Texts::new(2), Sight::default());
        sight.begin(texts.keys());
        for (index, number) in numbers {
            sight.see(texts.key(*index), texts.value(*number));
        }
        sight.is_torn()
    }

    #[test]
    fn a_pair_may_be_half_written_and_nothing_else() {
        assert!(!is_torn(&[(0, 7), (1, 7), (2, 8), (3, 7)]));
        assert!(is_torn(&[(0, 7), (1, 8), (2, 8), (3, 8)]), "the second before the first");
        assert!(is_torn(&[(0, 9), (1, 7), (2, 8), (3, 8)]), "the first has moved on");
        assert!(is_torn(&[(0, 7), (1, 7), (2, 8)]), "a key is missing");
    }

    #[test]
    fn numbers_may_begin_again_in_the_middle_of_a_pair() {
        let numbers = usize::from(NUMBERS);
        assert!(!is_torn(&[(0, numbers), (1, numbers - 1), (2, 0), (3, 0)]));
        assert!(is_torn(&[(0, numbers - 1), (1, numbers), (2, 0), (3, 0)]));
    }
}
