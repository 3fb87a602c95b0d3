//! What a map has to do to be one.

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::texts::{Key, Value};

/// A map that could be the fleet map.
pub trait Candidate: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &str) -> Option<Value>;
    /// Puts a value.
    fn put(&self, key: &Key, value: &Value);
    /// Takes a view that can be kept, of one moment, and shows every entry in it while others go on.
    fn view(&self, see: &mut dyn FnMut(&str, &str));
    /// Makes what was put visible to readers now.
    fn settle(&self) {}
    /// What has to run beside the calls.
    fn background(&self, _cancel: CancellationToken) -> Option<BoxFuture<'static, ()>> {
        None
    }
}
